/*
 * NRG, images of Nero Burning ROM. There is no specification; this is what libmirage and Aaru have
 * found. All numbers are big-endian.
 *
 *   tracks      from the beginning of the file
 *   chunks      { char id[4]; u32 bytes; ... } one behind the other, until END!
 *     DAOI, DAOX  disc at once: a header of 22 bytes, then for each track
 *                 { char isrc[12]; u16 sector size; u8 mode; u8 unknown[3];
 *                   gap, begin, end: offsets in the file, u32 (DAOI) or u64 (DAOX) }
 *     ETNF, ETN2  track at once: for each track
 *                 { offset, bytes: u32 or u64; u32 mode; u32 sector; unknown: 4 or 8 }
 *   end of file { "NERO"; u32 offset of the chunks }, or since version 5.5 { "NER5"; u64 offset }
 */
#include "engine/base/endian.h"
#include "engine/format/cd/cd_format.h"
#include "engine/format/cd/cd_track.h"

#define CHUNKS_MAX       1024u
#define CHUNK_HEAD_BYTES 8u
#define DAO_HEAD_BYTES   22u
#define ENTRY_BYTES_MAX  42u
#define FOOTER_OLD_BYTES 8u
#define FOOTER_NEW_BYTES 12u

static const char structure[] = "NRG chunks";

/* Of a track, as both kinds of chunks give it. */
static const struct {
    uint32_t code;
    enum cd_mode mode;
    uint32_t sector_bytes;
} modes[] = {
    {0x00, CD_MODE1, 2048}, {0x02, CD_MODE2, 2048}, {0x03, CD_MODE2, 2336},
    {0x05, CD_MODE1, 2352}, {0x06, CD_MODE2, 2352}, {0x07, CD_AUDIO, 2352},
    {0x0f, CD_MODE1, 2448}, {0x10, CD_AUDIO, 2448}, {0x11, CD_MODE2, 2448},
};

struct entry {
    uint32_t mode_code;
    uint32_t sector_bytes; /* 0: not told */
    uint64_t offset_bytes;
    uint64_t length_bytes;
};

struct chunk_kind {
    const char *id;
    bool at_once; /* DAO */
    bool wide;    /* offsets have 64 bits */
    uint32_t head_bytes;
    uint32_t entry_bytes;
};

static const struct chunk_kind kinds[] = {
    {"DAOI", true, false, DAO_HEAD_BYTES, 30},
    {"DAOX", true, true, DAO_HEAD_BYTES, ENTRY_BYTES_MAX},
    {"ETNF", false, false, 0, 20},
    {"ETN2", false, true, 0, 32},
};

struct walk {
    struct vdisk_image *image;
    struct vdisk_error *error;
    uint64_t start_bytes; /* of the chunks: tracks end here at the latest */
    uint64_t end_bytes;
    bool found;
    struct cd_layout layout;
    uint64_t offset_bytes;
    uint64_t length_bytes;
};

static bool nrg_probe(const struct vdisk_probe *probe)
{
    return probe->file_bytes >= VDISK_SECTOR_BYTES &&
           (memcmp(probe->tail + VDISK_SECTOR_BYTES - FOOTER_NEW_BYTES, "NER5", 4) == 0 ||
            memcmp(probe->tail + VDISK_SECTOR_BYTES - FOOTER_OLD_BYTES, "NERO", 4) == 0);
}

static enum vdisk_status walk_fail(const struct walk *walk, enum vdisk_status status,
                                   uint64_t offset_bytes, const char *reason)
{
    return vdisk_image_fail(walk->image, walk->error, status, structure, offset_bytes, reason);
}

static enum vdisk_status read_footer(struct walk *walk)
{
    unsigned char footer[FOOTER_NEW_BYTES];
    uint64_t size;
    enum vdisk_status status = vdisk_file_get_size(walk->image->file, &size, walk->error);

    if (status != VDISK_OK)
        return status;
    if (size < sizeof footer)
        return walk_fail(walk, VDISK_WRONG_FORMAT, 0, "the file is too short for any");
    status = vdisk_file_read(walk->image->file, size - sizeof footer, footer, sizeof footer,
                             walk->error);
    if (status != VDISK_OK)
        return status;
    if (memcmp(footer, "NER5", 4) == 0) {
        walk->start_bytes = vdisk_load_be64(footer + 4);
        walk->end_bytes = size - FOOTER_NEW_BYTES;
    } else if (memcmp(footer + 4, "NERO", 4) == 0) {
        walk->start_bytes = vdisk_load_be32(footer + 8);
        walk->end_bytes = size - FOOTER_OLD_BYTES;
    } else {
        return walk_fail(walk, VDISK_WRONG_FORMAT, size - FOOTER_NEW_BYTES,
                         "the end of the file does not tell where they are");
    }
    if (walk->start_bytes >= walk->end_bytes)
        return walk_fail(walk, VDISK_CORRUPT, walk->end_bytes, "they lie outside of the file");
    return VDISK_OK;
}

/* Begin and end become offset and length; false when the end comes first. */
static bool decode_at_once(const unsigned char *bytes, bool wide, struct entry *entry)
{
    const uint64_t begin = wide ? vdisk_load_be64(bytes + 26) : vdisk_load_be32(bytes + 22);
    const uint64_t end = wide ? vdisk_load_be64(bytes + 34) : vdisk_load_be32(bytes + 26);

    entry->sector_bytes = vdisk_load_be16(bytes + 12);
    entry->mode_code = bytes[14];
    entry->offset_bytes = begin;
    return vdisk_sub_u64(end, begin, &entry->length_bytes);
}

static void decode_track_at_once(const unsigned char *bytes, bool wide, struct entry *entry)
{
    entry->sector_bytes = 0;
    entry->offset_bytes = wide ? vdisk_load_be64(bytes) : vdisk_load_be32(bytes);
    entry->length_bytes = wide ? vdisk_load_be64(bytes + 8) : vdisk_load_be32(bytes + 4);
    entry->mode_code = vdisk_load_be32(bytes + (wide ? 16 : 8));
}

static enum vdisk_status take_entry(struct walk *walk, const struct entry *entry, uint64_t at)
{
    const size_t count = sizeof modes / sizeof modes[0];
    size_t i = 0;

    while (i < count && modes[i].code != entry->mode_code)
        i++;
    if (i == count)
        return walk_fail(walk, VDISK_UNSUPPORTED, at, "a track is of a mode that is not known");
    if (entry->sector_bytes != 0 && entry->sector_bytes != modes[i].sector_bytes)
        return walk_fail(walk, VDISK_CORRUPT, at,
                         "the size of a track's sectors does not fit its mode");
    if (modes[i].mode == CD_AUDIO)
        return VDISK_OK;
    if (walk->found)
        return walk_fail(walk, VDISK_UNSUPPORTED, at, "the disc has more than one track of data");
    if (!vdisk_range_within(entry->offset_bytes, entry->length_bytes, walk->start_bytes))
        return walk_fail(walk, VDISK_CORRUPT, at, "a track reaches into the chunks, or beyond");
    walk->found = cd_layout_find(modes[i].mode, modes[i].sector_bytes, &walk->layout);
    walk->offset_bytes = entry->offset_bytes;
    walk->length_bytes = entry->length_bytes;
    return VDISK_OK;
}

static enum vdisk_status read_entries(struct walk *walk, const struct chunk_kind *kind, uint64_t at,
                                      uint32_t length_bytes)
{
    unsigned char bytes[ENTRY_BYTES_MAX];
    uint32_t count;
    enum vdisk_status status = VDISK_OK;

    if (length_bytes < kind->head_bytes)
        return walk_fail(walk, VDISK_CORRUPT, at, "a chunk is too short");
    count = (length_bytes - kind->head_bytes) / kind->entry_bytes;
    if (count > CD_TRACKS_MAX)
        return walk_fail(walk, VDISK_CORRUPT, at, "there are more than 99 tracks");
    at += kind->head_bytes;
    for (uint32_t i = 0; i < count && status == VDISK_OK; i++, at += kind->entry_bytes) {
        struct entry entry;

        status = vdisk_file_read(walk->image->file, at, bytes, kind->entry_bytes, walk->error);
        if (status != VDISK_OK)
            return status;
        if (!kind->at_once)
            decode_track_at_once(bytes, kind->wide, &entry);
        else if (!decode_at_once(bytes, kind->wide, &entry))
            return walk_fail(walk, VDISK_CORRUPT, at, "a track ends before it begins");
        status = take_entry(walk, &entry, at);
    }
    return status;
}

static enum vdisk_status read_chunk(struct walk *walk, const unsigned char *head, uint64_t at,
                                    uint32_t length_bytes)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (memcmp(head, kinds[i].id, 4) == 0)
            return read_entries(walk, &kinds[i], at, length_bytes);
    }
    return VDISK_OK; /* what does not concern us: CUES, CDTX, SINF, MTYP, ... */
}

static enum vdisk_status walk_chunks(struct walk *walk)
{
    uint64_t at = walk->start_bytes;

    for (uint32_t i = 0; i < CHUNKS_MAX; i++) {
        unsigned char head[CHUNK_HEAD_BYTES];
        uint32_t length;
        enum vdisk_status status;

        if (!vdisk_range_within(at, sizeof head, walk->end_bytes))
            return walk_fail(walk, VDISK_CORRUPT, at, "they do not end where they should");
        status = vdisk_file_read(walk->image->file, at, head, sizeof head, walk->error);
        if (status != VDISK_OK || memcmp(head, "END!", 4) == 0)
            return status;
        at += sizeof head;
        length = vdisk_load_be32(head + 4);
        if (!vdisk_range_within(at, length, walk->end_bytes))
            return walk_fail(walk, VDISK_CORRUPT, at, "a chunk reaches beyond their end");
        status = read_chunk(walk, head, at, length);
        if (status != VDISK_OK)
            return status;
        at += length;
    }
    return walk_fail(walk, VDISK_CORRUPT, at, "there are more than 1024");
}

static enum vdisk_status nrg_open(struct vdisk_image *image,
                                  const struct vdisk_open_options *options,
                                  struct vdisk_error *error)
{
    struct walk walk = {.image = image, .error = error};
    enum vdisk_status status = read_footer(&walk);

    (void)options;
    if (status == VDISK_OK)
        status = walk_chunks(&walk);
    if (status != VDISK_OK)
        return status;
    if (!walk.found)
        return walk_fail(&walk, VDISK_UNSUPPORTED, walk.start_bytes,
                         "the disc has no track of data");
    status = cd_track_begin(image, &walk.layout, error);
    if (status == VDISK_OK)
        status = cd_track_append(image, image->file, walk.offset_bytes, walk.length_bytes, error);
    return status;
}

const struct vdisk_format vdisk_format_nrg = {
    .name = "nrg",
    .description = "a CD or DVD of Nero Burning ROM",
    .probe = nrg_probe,
    .open = nrg_open,
    CD_TRACK_OPS,
};
