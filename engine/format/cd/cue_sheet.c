#include "engine/format/cd/cue_sheet.h"
#include "engine/base/text.h"

#define FRAMES_A_SECOND  75u
#define SECONDS_A_MINUTE 60u
#define MINUTES_MAX      9999u

static const char structure[] = "cue sheet";
static const char byte_order_mark[] = "\xef\xbb\xbf";

static const struct {
    const char *name;
    enum cd_mode mode;
    uint32_t sector_bytes;
} track_kinds[] = {
    {"AUDIO", CD_AUDIO, 2352},      {"CDG", CD_AUDIO, 2448},        {"MODE1/2048", CD_MODE1, 2048},
    {"MODE1/2352", CD_MODE1, 2352}, {"MODE1/2448", CD_MODE1, 2448}, {"MODE2/2048", CD_MODE2, 2048},
    {"MODE2/2324", CD_MODE2, 2324}, {"MODE2/2336", CD_MODE2, 2336}, {"MODE2/2352", CD_MODE2, 2352},
    {"MODE2/2448", CD_MODE2, 2448}, {"CDI/2336", CD_MODE2, 2336},   {"CDI/2352", CD_MODE2, 2352},
};

/* Words that may begin a line before the first FILE. */
static const char *const preamble[] = {
    "REM",      "CATALOG", "CDTEXTFILE", "TITLE",   "PERFORMER", "SONGWRITER", "COMPOSER",
    "ARRANGER", "MESSAGE", "GENRE",      "DISC_ID", "UPC_EAN",   "TOC_INFO",   "SIZE_INFO",
};

struct parser {
    struct cue_sheet *sheet;
    const char *sheet_name;
    uint64_t offset_bytes; /* of the line */
    struct vdisk_error *error;
    const char *file_name; /* of the last FILE; NULL: none yet */
    uint32_t file_number;
    bool binary;
};

static enum vdisk_status parse_fail(const struct parser *parser, enum vdisk_status status,
                                    const char *reason)
{
    return vdisk_fail(parser->error, status, parser->sheet_name, structure, parser->offset_bytes,
                      reason);
}

static bool parse_number(const char *text, uint64_t limit, uint32_t *number)
{
    uint64_t value;

    if (text == NULL || !vdisk_text_to_u64(text, &value) || value > limit)
        return false;
    *number = (uint32_t)value;
    return true;
}

/* mm:ss:ff, cut up in place. */
static bool parse_time(char *text, uint32_t *frames)
{
    uint32_t parts[3];
    static const uint32_t limits[3] = {MINUTES_MAX, SECONDS_A_MINUTE - 1, FRAMES_A_SECOND - 1};

    if (text == NULL)
        return false;
    for (uint32_t i = 0; i < 3; i++) {
        char *end = text;

        while (*end != ':' && *end != '\0')
            end++;
        if ((*end == ':') != (i < 2))
            return false;
        *end = '\0';
        if (!parse_number(text, limits[i], &parts[i]))
            return false;
        text = end + 1;
    }
    *frames = (parts[0] * SECONDS_A_MINUTE + parts[1]) * FRAMES_A_SECOND + parts[2];
    return true;
}

static enum vdisk_status parse_file(struct parser *parser, char *rest)
{
    const char *kind;

    parser->file_name = vdisk_text_take_word(&rest);
    if (parser->file_name == NULL)
        return parse_fail(parser, VDISK_CORRUPT, "a file's name is missing or not ended");
    kind = vdisk_text_take_word(&rest);
    parser->binary = kind == NULL || vdisk_text_same(kind, "BINARY");
    parser->file_number++;
    return VDISK_OK;
}

static enum vdisk_status parse_track(struct parser *parser, char *rest)
{
    struct cue_sheet *sheet = parser->sheet;
    struct cue_track *track = &sheet->tracks[sheet->track_count];
    const struct cue_track *last = sheet->track_count == 0 ? NULL : track - 1;
    const char *kind;
    uint32_t number;

    if (parser->file_name == NULL)
        return parse_fail(parser, VDISK_CORRUPT, "a track comes before the first file");
    if (!parse_number(vdisk_text_take_word(&rest), CD_TRACKS_MAX, &number) || number == 0 ||
        (last != NULL && number <= last->number))
        return parse_fail(parser, VDISK_CORRUPT, "the tracks are not numbered from 1 to 99");
    kind = vdisk_text_take_word(&rest);
    for (size_t i = 0; kind != NULL && i < sizeof track_kinds / sizeof track_kinds[0]; i++) {
        if (!vdisk_text_same(kind, track_kinds[i].name))
            continue;
        *track = (struct cue_track){.file_name = parser->file_name,
                                    .file_number = parser->file_number,
                                    .binary = parser->binary,
                                    .number = number,
                                    .mode = track_kinds[i].mode,
                                    .sector_bytes = track_kinds[i].sector_bytes,
                                    .first_frame = CUE_NO_FRAME,
                                    .data_frame = CUE_NO_FRAME,
                                    .line_offset = parser->offset_bytes};
        sheet->track_count++; /* at most 99: the numbers rise */
        return VDISK_OK;
    }
    return parse_fail(parser, VDISK_UNSUPPORTED, "a track is of a kind that is not known");
}

/* The last index before this one, in the same file: times never go back. */
static uint32_t last_frame(const struct cue_sheet *sheet, const struct cue_track *track)
{
    uint32_t frame = 0;

    for (const struct cue_track *one = sheet->tracks; one <= track; one++) {
        if (one->file_number != track->file_number || one->first_frame == CUE_NO_FRAME)
            continue;
        frame = one->data_frame != CUE_NO_FRAME ? one->data_frame : one->first_frame;
    }
    return frame;
}

static enum vdisk_status parse_index(struct parser *parser, char *rest)
{
    struct cue_sheet *sheet = parser->sheet;
    struct cue_track *track;
    uint32_t number, frame;

    if (sheet->track_count == 0)
        return parse_fail(parser, VDISK_CORRUPT, "an index comes before the first track");
    track = &sheet->tracks[sheet->track_count - 1];
    if (!parse_number(vdisk_text_take_word(&rest), CD_TRACKS_MAX, &number) ||
        !parse_time(vdisk_text_take_word(&rest), &frame))
        return parse_fail(parser, VDISK_CORRUPT, "an index is not a number and a time");
    if (track->file_number != parser->file_number) { /* only its gap may be in the file before */
        if (track->data_frame != CUE_NO_FRAME)
            return parse_fail(parser, VDISK_UNSUPPORTED, "a track lies in two files");
        track->file_name = parser->file_name;
        track->file_number = parser->file_number;
        track->binary = parser->binary;
        track->first_frame = CUE_NO_FRAME;
    }
    if (frame < last_frame(sheet, track))
        return parse_fail(parser, VDISK_CORRUPT, "an index is before the one that it follows");
    if (track->first_frame == CUE_NO_FRAME)
        track->first_frame = frame;
    if (number == 1)
        track->data_frame = frame;
    return VDISK_OK;
}

static enum vdisk_status parse_line(struct parser *parser, char *line)
{
    const char *word = vdisk_text_take_word(&line);

    if (word == NULL)
        return VDISK_OK;
    if (vdisk_text_same(word, "FILE"))
        return parse_file(parser, line);
    if (vdisk_text_same(word, "TRACK"))
        return parse_track(parser, line);
    if (vdisk_text_same(word, "INDEX"))
        return parse_index(parser, line);
    return VDISK_OK;
}

/* Cuts the copy into lines. */
static enum vdisk_status parse_lines(struct parser *parser, uint32_t text_bytes)
{
    char *strings = parser->sheet->strings;
    uint32_t at = 0;
    enum vdisk_status status = VDISK_OK;

    if (memcmp(strings, byte_order_mark, vdisk_min_size(text_bytes, 3)) == 0 && text_bytes >= 3)
        at = 3;
    while (at < text_bytes && status == VDISK_OK) {
        char *line = strings + at;

        parser->offset_bytes = at;
        while (strings[at] != '\n' && strings[at] != '\0')
            at++;
        strings[at++] = '\0';
        status = parse_line(parser, line);
    }
    return status;
}

enum vdisk_status cue_sheet_parse(const char *text, uint32_t text_bytes, const char *sheet_name,
                                  struct cue_sheet **sheet, struct vdisk_error *error)
{
    struct parser parser = {.sheet_name = sheet_name, .error = error};
    const char *nul = memchr(text, '\0', text_bytes);
    enum vdisk_status status;

    if (nul != NULL)
        text_bytes = (uint32_t)(nul - text);
    if (text_bytes > CUE_TEXT_BYTES_MAX)
        return parse_fail(&parser, VDISK_UNSUPPORTED, "it is larger than 64 KiB");
    parser.sheet = vdisk_alloc(sizeof *parser.sheet);
    if (parser.sheet == NULL)
        return parse_fail(&parser, VDISK_NO_MEMORY, NULL);
    parser.sheet->strings = vdisk_alloc(text_bytes + 1u);
    if (parser.sheet->strings == NULL) {
        status = parse_fail(&parser, VDISK_NO_MEMORY, NULL);
    } else {
        memcpy(parser.sheet->strings, text, text_bytes);
        status = parse_lines(&parser, text_bytes);
    }
    if (status != VDISK_OK) {
        cue_sheet_free(parser.sheet);
        return status;
    }
    *sheet = parser.sheet;
    return VDISK_OK;
}

void cue_sheet_free(struct cue_sheet *sheet)
{
    if (sheet == NULL)
        return;
    vdisk_free(sheet->strings);
    vdisk_free(sheet);
}

/*
 * The file counts in sectors, but those of each track have their own size. A track reaches to the
 * first index of the next one in its file.
 */
void cue_sheet_place(const struct cue_sheet *sheet, const struct cue_track *track,
                     uint64_t *offset_bytes, uint64_t *length_bytes)
{
    const struct cue_track *end = sheet->tracks + sheet->track_count;
    const struct cue_track *before = NULL;
    uint64_t at = 0;

    for (const struct cue_track *one = sheet->tracks; one <= track; one++) {
        if (one->file_number != track->file_number || one->first_frame == CUE_NO_FRAME)
            continue;
        if (before == NULL) /* what is before the first index is its gap */
            at = (uint64_t)one->first_frame * one->sector_bytes;
        else
            at += (uint64_t)(one->first_frame - before->first_frame) * before->sector_bytes;
        before = one;
    }
    *offset_bytes = at + (uint64_t)(track->data_frame - track->first_frame) * track->sector_bytes;
    *length_bytes = CD_TO_END;
    for (const struct cue_track *one = track + 1; one < end; one++) {
        if (one->file_number != track->file_number || one->first_frame == CUE_NO_FRAME)
            continue;
        *length_bytes = (uint64_t)(one->first_frame - track->data_frame) * track->sector_bytes;
        break;
    }
}

static bool is_word_at(const unsigned char *line, uint32_t length, const char *word)
{
    const size_t word_bytes = strlen(word);

    return length > word_bytes && vdisk_text_starts_with(line, length, word) &&
           vdisk_text_is_blank((char)line[word_bytes]);
}

static bool is_preamble(const unsigned char *line, uint32_t length)
{
    for (size_t i = 0; i < sizeof preamble / sizeof preamble[0]; i++) {
        if (is_word_at(line, length, preamble[i]))
            return true;
    }
    return length >= 3 && vdisk_text_starts_with(line, length, "REM");
}

bool cue_sheet_probe(const unsigned char *head, uint32_t head_bytes)
{
    bool has_file = false;
    uint32_t at = vdisk_text_starts_with(head, head_bytes, byte_order_mark) ? 3 : 0;

    while (at < head_bytes) {
        uint32_t end = at;

        while (at < head_bytes && vdisk_text_is_blank((char)head[at]))
            at++;
        end = at;
        while (end < head_bytes && head[end] != '\n')
            end++;
        if (is_word_at(head + at, end - at, "TRACK"))
            return has_file;
        if (is_word_at(head + at, end - at, "FILE"))
            has_file = true;
        else if (end != at && !is_preamble(head + at, end - at))
            return false;
        at = end + 1;
    }
    return has_file;
}
