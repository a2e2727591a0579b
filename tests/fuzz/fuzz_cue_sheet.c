/* Cue sheets: what was parsed keeps its promises, and lies where numbers still mean something. */
#include "engine/format/cd/cue_sheet.h"

#include <stdlib.h>

#define FILE_BYTES_MAX ((uint64_t)1 << 40)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length_bytes);

static void require(bool promise)
{
    if (!promise)
        abort();
}

static void examine(const struct cue_sheet *sheet)
{
    require(sheet->track_count <= CD_TRACKS_MAX);
    for (uint32_t i = 0; i < sheet->track_count; i++) {
        const struct cue_track *track = &sheet->tracks[i];
        uint64_t offset, length;

        require(track->file_name != NULL && track->sector_bytes >= CD_SECTOR_BYTES);
        require(track->number >= 1 && track->number <= CD_TRACKS_MAX);
        require(i == 0 || track->number > track[-1].number);
        require(track->data_frame == CUE_NO_FRAME || track->data_frame >= track->first_frame);
        if (track->data_frame == CUE_NO_FRAME)
            continue;
        cue_sheet_place(sheet, track, &offset, &length);
        require(offset < FILE_BYTES_MAX);
        require(length == CD_TO_END ||
                (length < FILE_BYTES_MAX && length % track->sector_bytes == 0));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length_bytes)
{
    const uint32_t length = (uint32_t)(length_bytes < 70000 ? length_bytes : 70000);
    struct cue_sheet *sheet;

    cue_sheet_probe(data, length);
    if (cue_sheet_parse((const char *)data, length, "", &sheet, NULL) != VDISK_OK)
        return 0;
    examine(sheet);
    cue_sheet_free(sheet);
    return 0;
}
