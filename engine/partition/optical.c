/*
 * ISO 9660 (ECMA-119) and UDF (ECMA-167): both begin at byte 32768 with a row of descriptors that
 * have a type and an identifier of five letters. UDF's own descriptors are elsewhere:
 *
 *   tag:     0 id (LE16)  4 sum of the other 15 bytes  12 its block (LE32)
 *   anchor:  tag, id 2, in block 256   16 length, 20 first block of the volume descriptors
 *   logical volume descriptor:  tag, id 6   84 name, 128 bytes
 */
#include "engine/base/checked.h"
#include "engine/base/endian.h"
#include "engine/partition/label.h"
#include "engine/partition/recognizer.h"

#define ROW_OFFSET          32768u
#define ROW_STEP            2048u
#define LABEL_OFFSET        40u
#define LABEL_BYTES         32u
#define ESCAPES_OFFSET      88u
#define ANCHOR_BLOCK        256u
#define TAG_ANCHOR          2u
#define TAG_LOGICAL_VOLUME  6u
#define TAG_TERMINATOR      8u
#define UDF_DESCRIPTORS_MAX 64u
#define UDF_NAME_OFFSET     84u
#define UDF_NAME_BYTES      128u
#define UDF_NAME_UNITS      (UDF_NAME_BYTES / 2)

static bool has_identifier(const unsigned char *descriptor, const char *identifier)
{
    return memcmp(descriptor + 1, identifier, 5) == 0;
}

/* A Joliet descriptor has the label in 16-bit units, big-endian. */
static bool is_joliet(const unsigned char *descriptor)
{
    const unsigned char *escapes = descriptor + ESCAPES_OFFSET;

    return descriptor[0] == 2 && escapes[0] == '%' && escapes[1] == '/' &&
           (escapes[2] == '@' || escapes[2] == 'C' || escapes[2] == 'E');
}

static void take_joliet_label(const unsigned char *descriptor, struct vdisk_content *content)
{
    uint16_t units[LABEL_BYTES / 2];

    for (size_t i = 0; i < LABEL_BYTES / 2; i++)
        units[i] = vdisk_load_be16(descriptor + LABEL_OFFSET + i * 2);
    vdisk_label_from_utf16(units, LABEL_BYTES / 2, content->label, VDISK_LABEL_BYTES);
}

/* The primary descriptor says what it is; Windows takes the label from Joliet's, if it is there. */
static void take_iso(const unsigned char *descriptor, struct vdisk_content *content)
{
    if (descriptor[0] == 1) {
        content->name = "ISO 9660";
        vdisk_label_from_ascii(descriptor + LABEL_OFFSET, LABEL_BYTES, content->label,
                               VDISK_LABEL_BYTES);
    } else if (content->name != NULL && is_joliet(descriptor)) {
        take_joliet_label(descriptor, content);
    }
}

/* Walks the row, which ends with the first descriptor that is unknown; is UDF in it? */
static bool walk_row(const struct recognizer *recognizer, uint32_t step)
{
    static const char *const others[] = {"BEA01", "BOOT2", "TEA01", "CDW02"};

    for (size_t at = ROW_OFFSET; at + ROW_STEP <= RECOGNIZER_HEAD_BYTES; at += step) {
        const unsigned char *descriptor = recognizer->head + at;
        bool known = has_identifier(descriptor, "CD001");

        if (has_identifier(descriptor, "NSR02") || has_identifier(descriptor, "NSR03"))
            return true;
        if (known)
            take_iso(descriptor, recognizer->content);
        for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
            known = known || has_identifier(descriptor, others[i]);
        if (!known)
            return false;
    }
    return false;
}

/* Reads the descriptor in a block; is it one of UDF, at its place? */
static enum vdisk_status read_descriptor(struct recognizer *recognizer, uint64_t block,
                                         uint32_t block_bytes, uint32_t *id)
{
    enum vdisk_status status =
        vdisk_recognizer_read(recognizer, block * block_bytes, VDISK_SECTOR_BYTES);
    const unsigned char *tag = recognizer->piece;
    uint8_t sum = 0;

    for (size_t i = 0; i < 16; i++)
        sum = (uint8_t)(sum + (i == 4 ? 0 : tag[i]));
    *id = sum == tag[4] && vdisk_load_le32(tag + 12) == block ? vdisk_load_le16(tag) : 0;
    return status;
}

/* A name: how it is compressed, letters of 8 or 16 (big-endian) bits, the length at the end. */
static void take_udf_label(const unsigned char *name, struct vdisk_content *content)
{
    uint16_t units[UDF_NAME_UNITS];
    const size_t width = name[0] == 16 ? 2 : 1;
    size_t length = name[UDF_NAME_BYTES - 1], count;

    if ((name[0] != 8 && name[0] != 16) || length < 1 || length >= UDF_NAME_BYTES)
        return;
    count = vdisk_min_size((length - 1) / width, UDF_NAME_UNITS);
    for (size_t i = 0; i < count; i++)
        units[i] = width == 2 ? vdisk_load_be16(name + 1 + i * 2) : name[1 + i];
    vdisk_label_from_utf16(units, count, content->label, VDISK_LABEL_BYTES);
}

static enum vdisk_status find_udf_label(struct recognizer *recognizer, uint32_t block_bytes,
                                        bool *found)
{
    uint32_t id, count;
    uint64_t first;
    enum vdisk_status status = read_descriptor(recognizer, ANCHOR_BLOCK, block_bytes, &id);

    *found = status == VDISK_OK && id == TAG_ANCHOR;
    if (!*found)
        return status;
    first = vdisk_load_le32(recognizer->piece + 20);
    count = (uint32_t)vdisk_min_u64(vdisk_load_le32(recognizer->piece + 16) / block_bytes,
                                    UDF_DESCRIPTORS_MAX);
    for (uint32_t i = 0; i < count && id != TAG_TERMINATOR; i++) {
        status = read_descriptor(recognizer, first + i, block_bytes, &id);
        if (status != VDISK_OK)
            return status;
        if (id == TAG_LOGICAL_VOLUME) /* the last one counts */
            take_udf_label(recognizer->piece + UDF_NAME_OFFSET, recognizer->content);
    }
    return VDISK_OK;
}

enum vdisk_status vdisk_optical_find(struct recognizer *recognizer)
{
    static const uint32_t block_sizes[] = {2048, 512, 4096, 1024};
    struct vdisk_content *content = recognizer->content;
    bool udf = walk_row(recognizer, ROW_STEP) || walk_row(recognizer, 2 * ROW_STEP);
    bool found = false;

    content->optical = udf || content->name != NULL;
    if (!udf)
        return VDISK_OK;
    content->name = "UDF"; /* a bridge has both: Windows prefers UDF */
    for (size_t i = 0; i < sizeof block_sizes / sizeof block_sizes[0] && !found; i++) {
        enum vdisk_status status = find_udf_label(recognizer, block_sizes[i], &found);

        if (status != VDISK_OK)
            return status;
    }
    return VDISK_OK;
}
