/*
 * Cue sheets ("CDRWIN User's Guide", appendix A): lines of text, words in any case.
 *
 *   FILE "disc.bin" BINARY     what follows lies in this file, one track behind the other
 *     TRACK 01 MODE1/2352      1 to 99; the kind and the size of its sectors
 *       INDEX 00 00:00:00      optional: where the gap before the track begins
 *       INDEX 01 00:02:00      where it begins itself: minutes, seconds, sectors of 1/75 second,
 *                              from the beginning of the file
 *
 * PREGAP and POSTGAP are stored nowhere; REM, TITLE and the like do not concern us.
 *
 * It comes from anyone: at most 64 KiB, 99 tracks.
 */
#ifndef VIRTUALDISK_ENGINE_CUE_SHEET_H
#define VIRTUALDISK_ENGINE_CUE_SHEET_H

#include "engine/format/cd/cd_track.h"

#define CUE_TEXT_BYTES_MAX UINT32_C(65536)
#define CUE_NO_FRAME       UINT32_MAX

struct cue_track {
    const char *file_name;
    uint32_t file_number; /* which FILE line it is */
    bool binary;
    uint32_t number;
    enum cd_mode mode;
    uint32_t sector_bytes;
    uint32_t first_frame; /* of its first index; CUE_NO_FRAME: none */
    uint32_t data_frame;  /* of index 1; CUE_NO_FRAME: none */
    uint64_t line_offset; /* of its text, for errors */
};

struct cue_sheet {
    uint32_t track_count;
    struct cue_track tracks[CD_TRACKS_MAX];
    char *strings; /* what the names point into */
};

/* Parses the text, up to text_bytes or its first NUL. Free the result with cue_sheet_free. */
enum vdisk_status cue_sheet_parse(const char *text, uint32_t text_bytes, const char *sheet_name,
                                  struct cue_sheet **sheet, struct vdisk_error *error);

/* NULL is allowed. */
void cue_sheet_free(struct cue_sheet *sheet);

/* Where a track that has an index 1 lies in its file; *length_bytes may be CD_TO_END. */
void cue_sheet_place(const struct cue_sheet *sheet, const struct cue_track *track,
                     uint64_t *offset_bytes, uint64_t *length_bytes);

/* Does a file begin like a cue sheet? */
bool cue_sheet_probe(const unsigned char *head, uint32_t head_bytes);

#endif
