/*
 * The labels of FAT, exFAT and NTFS, which lie inside: in the root directory, or in the record of
 * $Volume. One place is looked at, and nothing is followed from there.
 */
#include "engine/base/checked.h"
#include "engine/base/endian.h"
#include "engine/partition/boot_sector.h"
#include "engine/partition/label.h"
#include "engine/partition/recognizer.h"

#define DIRECTORY_ENTRY    32u
#define FAT_NAME_BYTES     11u
#define EXFAT_LABEL        0x83u
#define EXFAT_LABEL_UNITS  11u
#define NTFS_STRIDE        512u /* of which the last two bytes are replaced by a check number */
#define NTFS_VOLUME_RECORD 3u
#define NTFS_VOLUME_NAME   0x60u
#define NTFS_NAME_UNITS    64u /* that are looked at; 32 are allowed */

/* The entry with the label in a root directory; NULL: there is none. */
static const unsigned char *find_fat_entry(const unsigned char *directory, size_t length_bytes)
{
    for (size_t at = 0; at + DIRECTORY_ENTRY <= length_bytes; at += DIRECTORY_ENTRY) {
        const unsigned char *entry = directory + at;

        if (entry[0] == 0)
            return NULL;
        if (entry[0] != 0xe5 && (entry[11] & 0x3f) != 0x0f && (entry[11] & 0x18) == 0x08)
            return entry;
    }
    return NULL;
}

enum vdisk_status vdisk_volume_label_find_fat(struct recognizer *recognizer)
{
    const struct vdisk_fat_layout layout = vdisk_boot_sector_fat_layout(recognizer->head);
    const size_t length = (size_t)vdisk_min_u64(layout.root_length_bytes, RECOGNIZER_PIECE_BYTES);
    enum vdisk_status status = vdisk_recognizer_read(recognizer, layout.root_bytes, length);
    const unsigned char *label;

    if (status != VDISK_OK)
        return status;
    label = find_fat_entry(recognizer->piece, length);
    if (label == NULL && layout.boot_label_offset != 0)
        label = recognizer->head + layout.boot_label_offset;
    if (label != NULL && memcmp(label, "NO NAME    ", FAT_NAME_BYTES) != 0)
        vdisk_label_from_ascii(label, FAT_NAME_BYTES, recognizer->content->label,
                               VDISK_LABEL_BYTES);
    return VDISK_OK;
}

static void load_units(const unsigned char *bytes, uint16_t *units, size_t count)
{
    for (size_t i = 0; i < count; i++)
        units[i] = vdisk_load_le16(bytes + i * 2);
}

static void take_exfat_label(struct recognizer *recognizer)
{
    for (size_t at = 0; at < RECOGNIZER_PIECE_BYTES; at += DIRECTORY_ENTRY) {
        const unsigned char *entry = recognizer->piece + at;
        uint16_t units[EXFAT_LABEL_UNITS];

        if (entry[0] == 0)
            return;
        if (entry[0] != EXFAT_LABEL || entry[1] > EXFAT_LABEL_UNITS)
            continue;
        load_units(entry + 2, units, entry[1]);
        vdisk_label_from_utf16(units, entry[1], recognizer->content->label, VDISK_LABEL_BYTES);
        return;
    }
}

enum vdisk_status vdisk_volume_label_find_exfat(struct recognizer *recognizer)
{
    const unsigned char *boot = recognizer->head;
    const uint32_t heap = vdisk_load_le32(boot + 88);
    const uint32_t root = vdisk_load_le32(boot + 96);
    const uint32_t sector_shift = boot[108], cluster_shift = boot[109];
    size_t length;
    enum vdisk_status status;

    if (sector_shift < 9 || sector_shift > 12 || cluster_shift > 25 - sector_shift || root < 2)
        return VDISK_OK;
    length = (size_t)vdisk_min_u64(UINT64_C(1) << (sector_shift + cluster_shift),
                                   RECOGNIZER_PIECE_BYTES);
    status = vdisk_recognizer_read(
        recognizer, (heap + ((uint64_t)(root - 2) << cluster_shift)) << sector_shift, length);
    if (status == VDISK_OK)
        take_exfat_label(recognizer);
    return status;
}

/* Bytes of a record of NTFS' master file table: a number of clusters, or a power of two. */
static uint64_t ntfs_record_bytes(const unsigned char *boot, uint64_t cluster_bytes)
{
    const uint8_t raw = boot[64];

    if (raw < 0x80)
        return raw * cluster_bytes;
    return raw >= 0xf0 ? UINT64_C(1) << (256 - raw) : 0;
}

/* Puts back what the check numbers replaced; false: it is no whole record. */
static bool mend_ntfs_record(unsigned char *record, size_t record_bytes)
{
    const uint32_t array = vdisk_load_le16(record + 4);
    const uint32_t count = vdisk_load_le16(record + 6); /* the check number, and one a stride */

    if (memcmp(record, "FILE", 4) != 0 || count != record_bytes / NTFS_STRIDE + 1 ||
        !vdisk_range_within(array, (uint64_t)count * 2, record_bytes))
        return false;
    for (uint32_t i = 1; i < count; i++) {
        unsigned char *end = record + (size_t)i * NTFS_STRIDE - 2;

        if (memcmp(end, record + array, 2) != 0)
            return false;
        memcpy(end, record + array + (size_t)i * 2, 2);
    }
    return true;
}

/* Walks the record's attributes: a type, a length, and, when it is in the record, a value. */
static void take_ntfs_label(struct recognizer *recognizer, size_t record_bytes)
{
    const unsigned char *record = recognizer->piece;
    uint64_t at = vdisk_load_le16(record + 20);

    while (vdisk_range_within(at, 24, record_bytes)) {
        const unsigned char *attribute = record + at;
        const uint32_t type = vdisk_load_le32(attribute);
        const uint32_t length = vdisk_load_le32(attribute + 4);
        uint32_t value_bytes = vdisk_load_le32(attribute + 16);
        const uint32_t value = vdisk_load_le16(attribute + 20);
        uint16_t units[NTFS_NAME_UNITS];

        if (type == UINT32_MAX || length < 24 || !vdisk_range_within(at, length, record_bytes))
            return;
        at += length;
        if (type != NTFS_VOLUME_NAME || attribute[8] != 0)
            continue;
        if (!vdisk_range_within(value, value_bytes, length))
            return;
        value_bytes = (uint32_t)vdisk_min_u64(value_bytes, sizeof units);
        load_units(attribute + value, units, value_bytes / 2);
        vdisk_label_from_utf16(units, value_bytes / 2, recognizer->content->label,
                               VDISK_LABEL_BYTES);
        return;
    }
}

enum vdisk_status vdisk_volume_label_find_ntfs(struct recognizer *recognizer)
{
    const unsigned char *boot = recognizer->head;
    const uint32_t sector_bytes = vdisk_load_le16(boot + 11);
    const uint32_t raw_sectors = boot[13];
    const uint64_t cluster_sectors =
        raw_sectors <= 0x80 ? raw_sectors : UINT64_C(1) << vdisk_min_u64(256 - raw_sectors, 32);
    const uint64_t cluster_bytes = cluster_sectors * sector_bytes;
    const uint64_t record_bytes = ntfs_record_bytes(boot, cluster_bytes);
    uint64_t offset;
    enum vdisk_status status;

    if (record_bytes < NTFS_STRIDE || record_bytes > RECOGNIZER_PIECE_BYTES ||
        !vdisk_is_power_of_two(record_bytes) ||
        !vdisk_mul_u64(vdisk_load_le64(boot + 48), cluster_bytes, &offset) ||
        !vdisk_add_u64(offset, NTFS_VOLUME_RECORD * record_bytes, &offset))
        return VDISK_OK;
    status = vdisk_recognizer_read(recognizer, offset, (size_t)record_bytes);
    if (status == VDISK_OK && mend_ntfs_record(recognizer->piece, (size_t)record_bytes))
        take_ntfs_label(recognizer, (size_t)record_bytes);
    return status;
}
