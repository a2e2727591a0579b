#include "virtualdisk/content.h"
#include "engine/base/checked.h"
#include "engine/base/endian.h"
#include "engine/partition/boot_sector.h"
#include "engine/partition/label.h"
#include "engine/partition/recognizer.h"

#define EMPTY_BYTES UINT64_C(1048576) /* that must be zeros */

/* A mark at a fixed place, and perhaps a label at another. */
struct mark {
    const char *name;
    const char *magic;
    uint32_t magic_bytes;
    uint32_t offset;
    uint32_t label_offset;
    uint32_t label_bytes; /* 0: none */
};

/*
 * In the order of trust: those that are at the very beginning, where whoever takes the disk over
 * writes first, come before those that may have survived further back.
 */
static const struct mark marks[] = {
    {"LUKS1", "LUKS\xba\xbe\0\1", 8, 0, 0, 0},
    {"LUKS2", "LUKS\xba\xbe\0\2", 8, 0, 24, 48},
    {"XFS", "XFSB", 4, 0, 108, 12},
    {"APFS", "NXSB", 4, 32, 0, 0},
    {"LVM2", "LVM2 001", 8, 24, 0, 0},
    {"LVM2", "LVM2 001", 8, 512 + 24, 0, 0},
    {"LVM2", "LVM2 001", 8, 1024 + 24, 0, 0},
    {"LVM2", "LVM2 001", 8, 1536 + 24, 0, 0},
    {"HFS+", "H+\0\4", 4, 1024, 0, 0},
    {"HFS+", "HX\0\5", 4, 1024, 0, 0},
    {"Linux swap", "SWAPSPACE2", 10, 4086, 1052, 16},
    {"Linux RAID", "\xfc\x4e\x2b\xa9\1\0\0\0", 8, 4096, 4096 + 32, 32},
    {"Btrfs", "_BHRfS_M", 8, 65536 + 64, 65536 + 299, 256},
};

static bool find_mark(struct recognizer *recognizer)
{
    struct vdisk_content *content = recognizer->content;

    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        const struct mark *mark = &marks[i];

        if (memcmp(recognizer->head + mark->offset, mark->magic, mark->magic_bytes) != 0)
            continue;
        content->name = mark->name;
        vdisk_label_from_utf8(recognizer->head + mark->label_offset, mark->label_bytes,
                              content->label, VDISK_LABEL_BYTES);
        return true;
    }
    return false;
}

/* ext2, 3 and 4 differ by their features only. */
static bool find_ext(struct recognizer *recognizer)
{
    const unsigned char *super = recognizer->head + 1024;
    const uint32_t compatible = vdisk_load_le32(super + 92);
    const uint32_t incompatible = vdisk_load_le32(super + 96);
    struct vdisk_content *content = recognizer->content;

    if (vdisk_load_le16(super + 56) != 0xef53 || (incompatible & 8) != 0) /* a journal's device */
        return false;
    if ((incompatible & 0x2c0) != 0) /* extents, 64 bits, flexible groups */
        content->name = "ext4";
    else
        content->name = (compatible & 4) != 0 ? "ext3" : "ext2"; /* with and without a journal */
    vdisk_label_from_utf8(super + 120, 16, content->label, VDISK_LABEL_BYTES);
    return true;
}

static enum vdisk_status find_boot_sector(struct recognizer *recognizer)
{
    static const char *const names[] = {
        [VDISK_BOOT_SECTOR_FAT12] = "FAT12",         [VDISK_BOOT_SECTOR_FAT16] = "FAT16",
        [VDISK_BOOT_SECTOR_FAT32] = "FAT32",         [VDISK_BOOT_SECTOR_EXFAT] = "exFAT",
        [VDISK_BOOT_SECTOR_NTFS] = "NTFS",           [VDISK_BOOT_SECTOR_REFS] = "ReFS",
        [VDISK_BOOT_SECTOR_BITLOCKER] = "BitLocker",
    };
    const enum vdisk_boot_sector_kind kind = vdisk_boot_sector_kind(recognizer->head);

    recognizer->content->name = names[kind];
    switch (kind) {
    case VDISK_BOOT_SECTOR_FAT12:
    case VDISK_BOOT_SECTOR_FAT16:
    case VDISK_BOOT_SECTOR_FAT32:
        return vdisk_volume_label_find_fat(recognizer);
    case VDISK_BOOT_SECTOR_EXFAT:
        return vdisk_volume_label_find_exfat(recognizer);
    case VDISK_BOOT_SECTOR_NTFS:
        return vdisk_volume_label_find_ntfs(recognizer);
    default:
        return VDISK_OK;
    }
}

static enum vdisk_status find_emptiness(struct recognizer *recognizer)
{
    const uint64_t end = vdisk_min_u64(EMPTY_BYTES, recognizer->disk->size_bytes);
    uint64_t offset = RECOGNIZER_HEAD_BYTES;
    bool empty = vdisk_is_zero(recognizer->head, RECOGNIZER_HEAD_BYTES);

    while (empty && offset < end) {
        const size_t length = (size_t)vdisk_min_u64(end - offset, RECOGNIZER_PIECE_BYTES);
        enum vdisk_status status = vdisk_recognizer_read(recognizer, offset, length);

        if (status != VDISK_OK)
            return status;
        empty = vdisk_is_zero(recognizer->piece, RECOGNIZER_PIECE_BYTES);
        offset += length;
    }
    recognizer->content->empty = empty;
    return VDISK_OK;
}

static enum vdisk_status recognize(struct recognizer *recognizer)
{
    const uint64_t size_bytes =
        vdisk_align_down(recognizer->disk->size_bytes, recognizer->disk->logical_sector_bytes);
    const size_t length = (size_t)vdisk_min_u64(RECOGNIZER_HEAD_BYTES, size_bytes);
    enum vdisk_status status;

    memset(recognizer->head + length, 0, RECOGNIZER_HEAD_BYTES - length);
    status = vdisk_disk_read(recognizer->disk, 0, recognizer->head, length, recognizer->error);
    if (status == VDISK_OK)
        status = find_boot_sector(recognizer);
    if (status != VDISK_OK || recognizer->content->name != NULL)
        return status;
    if (find_mark(recognizer) || find_ext(recognizer))
        return VDISK_OK;
    status = vdisk_optical_find(recognizer);
    if (status != VDISK_OK || recognizer->content->name != NULL)
        return status;
    return find_emptiness(recognizer);
}

/* Whole sectors are read: disks that are real devices know no other. */
enum vdisk_status vdisk_recognizer_read(struct recognizer *recognizer, uint64_t offset_bytes,
                                        size_t length_bytes)
{
    struct vdisk_disk *disk = recognizer->disk;
    const uint32_t sector_bytes = disk->logical_sector_bytes;
    const uint64_t size_bytes = vdisk_align_down(disk->size_bytes, sector_bytes);
    const uint64_t from = vdisk_align_down(offset_bytes, sector_bytes);
    uint64_t length;

    memset(recognizer->sectors, 0, sizeof recognizer->sectors);
    recognizer->piece = recognizer->sectors + (offset_bytes - from);
    if (from >= size_bytes)
        return VDISK_OK;
    length = vdisk_div_up(offset_bytes - from + length_bytes, sector_bytes) * sector_bytes;
    length = vdisk_min_u64(length, size_bytes - from);
    return vdisk_disk_read(disk, from, recognizer->sectors, (size_t)length, recognizer->error);
}

enum vdisk_status vdisk_content_recognize(struct vdisk_disk *disk, struct vdisk_content *content,
                                          struct vdisk_error *error)
{
    struct recognizer *recognizer;
    enum vdisk_status status;

    memset(content, 0, sizeof *content);
    if (disk->logical_sector_bytes > RECOGNIZER_PIECE_BYTES)
        return VDISK_OK; /* nothing is known that would be on it */
    recognizer = vdisk_alloc(sizeof *recognizer);
    if (recognizer == NULL)
        return vdisk_fail(error, VDISK_NO_MEMORY, NULL, NULL, VDISK_NO_OFFSET, NULL);
    recognizer->disk = disk;
    recognizer->content = content;
    recognizer->error = error;
    status = recognize(recognizer);
    vdisk_free(recognizer);
    return status;
}
