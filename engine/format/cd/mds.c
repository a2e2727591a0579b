/*
 * MDS, the descriptions of Alcohol 120%, version 1. There is no specification; this is what
 * libmirage has found. All numbers are little-endian, offsets are in the file.
 *
 *   0   header   "MEDIA DESCRIPTOR", u8 version at 16, u16 medium at 18 (16 and more: DVD), u16
 *                sessions at 20, u32 offset of the sessions at 80
 *   session      24 bytes: u8 number of its blocks at 10, u32 their offset at 20
 *   block        80 bytes: u8 mode at 0, u8 subchannel at 1 (8: 96 bytes in each sector), u8 point
 *                at 4 (1 to 99: a track), u32 offset of the lengths at 12, u16 bytes of a sector at
 *                16 (with subchannel), u64 where the track begins in its first file at 40, u32
 *                number of files at 48, u32 offset of their names at 52
 *   lengths      CD only: u32 sectors of the gap, which is stored nowhere; u32 of the track
 *   names        16 bytes for each file: u32 offset of the name, u32 1 when it is in UTF-16
 *   name         NUL-terminated; "*.mdf" stands for the description's own name
 */
#include "engine/base/endian.h"
#include "engine/base/utf16.h"
#include "engine/format/cd/cd_format.h"
#include "engine/format/cd/cd_track.h"

#define HEADER_BYTES      88u
#define SESSION_BYTES     24u
#define BLOCK_BYTES       80u
#define FOOTER_BYTES      16u
#define SESSIONS_MAX      99u
#define MEDIUM_DVD        16u
#define SUBCHANNEL_INSIDE 8u
#define NAME_BYTES_MAX    1024u /* as stored */

static const char structure[] = "MDS";
static const char signature[] = "MEDIA DESCRIPTOR";

/* The track of data, as its block tells. */
struct block {
    bool found;
    struct cd_layout layout;
    uint64_t lengths_offset; /* 0: none */
    uint64_t start_bytes;
    uint32_t file_count;
    uint64_t names_offset;
};

struct parser {
    struct vdisk_image *image;
    struct vdisk_error *error;
    uint64_t file_bytes;
    bool is_dvd;
    struct block block;
    char stored_name[NAME_BYTES_MAX + 2]; /* and a NUL of either kind */
    char name[VDISK_NAME_BYTES];
};

static bool mds_probe(const struct vdisk_probe *probe)
{
    return memcmp(probe->head, signature, sizeof signature - 1) == 0;
}

static enum vdisk_status parse_fail(const struct parser *parser, enum vdisk_status status,
                                    uint64_t offset_bytes, const char *reason)
{
    return vdisk_image_fail(parser->image, parser->error, status, structure, offset_bytes, reason);
}

static enum vdisk_status read_part(const struct parser *parser, uint64_t offset_bytes,
                                   unsigned char *bytes, size_t length_bytes)
{
    if (!vdisk_range_within(offset_bytes, length_bytes, parser->file_bytes))
        return parse_fail(parser, VDISK_CORRUPT, offset_bytes,
                          "a part of it would be beyond its end");
    return vdisk_file_read(parser->image->file, offset_bytes, bytes, length_bytes, parser->error);
}

/* The high half of the mode says nothing, and the highest bit of the low half neither. */
static enum cd_mode mode_of(unsigned char raw_mode)
{
    switch (raw_mode & 7) {
    case 1:
        return CD_AUDIO;
    case 2:
        return CD_MODE1;
    default:
        return CD_MODE2;
    }
}

static enum vdisk_status take_block(struct parser *parser, const unsigned char *bytes,
                                    uint64_t offset_bytes)
{
    const uint32_t sector_bytes = vdisk_load_le16(bytes + 16);
    const enum cd_mode mode = mode_of(bytes[0]);
    struct block *block = &parser->block;

    if (bytes[4] < 1 || bytes[4] > CD_TRACKS_MAX || mode == CD_AUDIO)
        return VDISK_OK;
    if (block->found)
        return parse_fail(parser, VDISK_UNSUPPORTED, offset_bytes,
                          "the disc has more than one track of data");
    if (!cd_layout_find(mode, sector_bytes, &block->layout) ||
        (bytes[1] == SUBCHANNEL_INSIDE) != (sector_bytes > CD_RAW_SECTOR_BYTES))
        return parse_fail(parser, VDISK_UNSUPPORTED, offset_bytes + 16,
                          "the track of data has sectors of a size that is not known");
    block->found = true;
    block->lengths_offset = vdisk_load_le32(bytes + 12);
    block->start_bytes = vdisk_load_le64(bytes + 40);
    block->file_count = vdisk_load_le32(bytes + 48);
    block->names_offset = vdisk_load_le32(bytes + 52);
    return VDISK_OK;
}

static enum vdisk_status read_session(struct parser *parser, uint64_t offset_bytes)
{
    unsigned char session[SESSION_BYTES], block[BLOCK_BYTES];
    enum vdisk_status status = read_part(parser, offset_bytes, session, sizeof session);
    uint64_t at;

    if (status != VDISK_OK)
        return status;
    at = vdisk_load_le32(session + 20);
    for (uint32_t i = 0; i < session[10] && status == VDISK_OK; i++, at += BLOCK_BYTES) {
        status = read_part(parser, at, block, sizeof block);
        if (status == VDISK_OK)
            status = take_block(parser, block, at);
    }
    return status;
}

static enum vdisk_status read_header(struct parser *parser)
{
    unsigned char header[HEADER_BYTES];
    uint32_t sessions;
    uint64_t at;
    enum vdisk_status status =
        vdisk_file_get_size(parser->image->file, &parser->file_bytes, parser->error);

    if (status == VDISK_OK)
        status = read_part(parser, 0, header, sizeof header);
    if (status != VDISK_OK)
        return status;
    if (memcmp(header, signature, sizeof signature - 1) != 0)
        return parse_fail(parser, VDISK_WRONG_FORMAT, 0, "the signature is missing");
    if (header[16] != 1)
        return parse_fail(parser, VDISK_UNSUPPORTED, 16, "its version is not 1");
    parser->is_dvd = vdisk_load_le16(header + 18) >= MEDIUM_DVD;
    sessions = vdisk_load_le16(header + 20);
    if (sessions > SESSIONS_MAX)
        return parse_fail(parser, VDISK_CORRUPT, 20, "there are more than 99 sessions");
    at = vdisk_load_le32(header + 80);
    for (uint32_t i = 0; i < sessions && status == VDISK_OK; i++, at += SESSION_BYTES)
        status = read_session(parser, at);
    if (status == VDISK_OK && !parser->block.found)
        return parse_fail(parser, VDISK_UNSUPPORTED, VDISK_NO_OFFSET,
                          "the disc has no track of data");
    return status;
}

/* Puts the description's own name, without its ending, in the place of the '*'. */
static bool complete_name(struct parser *parser)
{
    const char *own = parser->image->file->name;
    const char *base = own, *end = own + strlen(own);
    const size_t ending = strlen(parser->name);
    size_t length;

    if (parser->name[0] != '*')
        return true;
    for (const char *c = own; *c != '\0'; c++) {
        if (*c == '/' || *c == '\\')
            base = c + 1;
    }
    for (const char *c = base; *c != '\0'; c++) {
        if (*c == '.')
            end = c;
    }
    length = (size_t)(end - base);
    if (length + ending > sizeof parser->name) /* with the NUL, without the '*' */
        return false;
    memmove(parser->name + length, parser->name + 1, ending);
    memcpy(parser->name, base, length);
    return true;
}

static enum vdisk_status read_name(struct parser *parser, uint32_t index)
{
    const uint64_t at = parser->block.names_offset + (uint64_t)index * FOOTER_BYTES;
    unsigned char footer[FOOTER_BYTES];
    uint64_t offset;
    size_t length;
    bool good;
    enum vdisk_status status = read_part(parser, at, footer, sizeof footer);

    if (status != VDISK_OK)
        return status;
    offset = vdisk_load_le32(footer);
    if (offset >= parser->file_bytes)
        return parse_fail(parser, VDISK_CORRUPT, at, "the name of a file lies beyond its end");
    length = (size_t)vdisk_min_u64(parser->file_bytes - offset, NAME_BYTES_MAX);
    memset(parser->stored_name, 0, sizeof parser->stored_name);
    memset(parser->name, 0, sizeof parser->name);
    status = read_part(parser, offset, (unsigned char *)parser->stored_name, length);
    if (status != VDISK_OK)
        return status;
    if (vdisk_load_le32(footer + 4) != 0) {
        good = vdisk_utf16_to_utf8(parser->stored_name, length / 2, VDISK_UTF16_LE, parser->name,
                                   sizeof parser->name);
    } else {
        memcpy(parser->name, parser->stored_name, strlen(parser->stored_name) + 1);
        good = true;
    }
    if (!good || !complete_name(parser))
        return parse_fail(parser, VDISK_CORRUPT, offset, "the name of a file makes no sense");
    return VDISK_OK;
}

/* Bytes of the whole track, in all its files. DVDs do not tell reliably: all that is there. */
static enum vdisk_status read_length(struct parser *parser, uint64_t *length_bytes)
{
    unsigned char lengths[8];
    enum vdisk_status status;

    *length_bytes = CD_TO_END;
    if (parser->is_dvd || parser->block.lengths_offset == 0)
        return VDISK_OK;
    status = read_part(parser, parser->block.lengths_offset, lengths, sizeof lengths);
    if (status != VDISK_OK)
        return status;
    *length_bytes = (uint64_t)vdisk_load_le32(lengths + 4) * parser->block.layout.stored_bytes;
    if (*length_bytes == 0)
        return parse_fail(parser, VDISK_CORRUPT, parser->block.lengths_offset,
                          "the track of data has no sectors");
    return VDISK_OK;
}

static enum vdisk_status open_file(struct parser *parser, uint32_t index, uint64_t *left_bytes)
{
    const uint64_t start = index == 0 ? parser->block.start_bytes : 0;
    struct vdisk_file *file;
    uint64_t size, length = *left_bytes;
    enum vdisk_status status = read_name(parser, index);

    if (status == VDISK_OK)
        status = cd_track_find_file(parser->image, parser->name, structure, &file, parser->error);
    if (status != VDISK_OK)
        return status;
    if (length != CD_TO_END && index + 1 < parser->block.file_count) { /* goes on in the next */
        status = vdisk_file_get_size(file, &size, parser->error);
        if (status != VDISK_OK) {
            vdisk_file_close(file);
            return status;
        }
        if (start <= size)
            length = vdisk_min_u64(length, size - start);
    }
    if (length != CD_TO_END)
        *left_bytes -= length;
    return cd_track_append(parser->image, file, start, length, parser->error);
}

static enum vdisk_status open_files(struct parser *parser)
{
    const uint32_t count = parser->block.file_count;
    uint64_t left;
    enum vdisk_status status = read_length(parser, &left);

    if (status == VDISK_OK && (count == 0 || count > CD_PIECES_MAX))
        return parse_fail(parser, VDISK_UNSUPPORTED, VDISK_NO_OFFSET,
                          "the track of data is in no file, or in more than 64");
    if (status == VDISK_OK)
        status = cd_track_begin(parser->image, &parser->block.layout, parser->error);
    for (uint32_t i = 0; i < count && left != 0 && status == VDISK_OK; i++)
        status = open_file(parser, i, &left);
    return status;
}

static enum vdisk_status mds_open(struct vdisk_image *image,
                                  const struct vdisk_open_options *options,
                                  struct vdisk_error *error)
{
    struct parser *parser = vdisk_alloc(sizeof *parser);
    enum vdisk_status status;

    (void)options;
    if (parser == NULL)
        return vdisk_image_fail(image, error, VDISK_NO_MEMORY, NULL, VDISK_NO_OFFSET, NULL);
    parser->image = image;
    parser->error = error;
    status = read_header(parser);
    if (status == VDISK_OK)
        status = open_files(parser);
    vdisk_free(parser);
    return status;
}

const struct vdisk_format vdisk_format_mds = {
    .name = "mds",
    .description = "a CD or DVD of Alcohol 120%, with its .mdf beside it",
    .probe = mds_probe,
    .open = mds_open,
    CD_TRACK_OPS,
};
