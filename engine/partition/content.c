#include "virtualdisk/content.h"
#include "engine/base/checked.h"
#include "engine/base/endian.h"
#include "engine/base/utf16.h"

#define HEAD_BYTES  ((size_t)73728) /* up to and with the mark of Btrfs */
#define FAT12_BELOW 4085u
#define FAT16_BELOW 65525u
#define LABEL_UNITS 32u
#define NO_LABEL    UINT32_MAX

struct head {
    unsigned char bytes[HEAD_BYTES]; /* zeros behind the end of the disk */
};

/* A mark at a fixed place, and perhaps a label of single bytes at another. */
struct mark {
    const char *name;
    uint32_t offset;
    const char *magic;
    uint32_t magic_bytes;
    uint32_t label_offset; /* NO_LABEL: none */
    uint32_t label_bytes;
};

/* In the order of trust: what is written last over an older file system comes first. */
static const struct mark marks[] = {
    {"LUKS", 0, "LUKS\xba\xbe", 6, NO_LABEL, 0}, {"BitLocker", 3, "-FVE-FS-", 8, NO_LABEL, 0},
    {"ReFS", 3, "ReFS\0\0\0\0", 8, NO_LABEL, 0}, {"NTFS", 3, "NTFS    ", 8, NO_LABEL, 0},
    {"exFAT", 3, "EXFAT   ", 8, NO_LABEL, 0},    {"XFS", 0, "XFSB", 4, 108, 12},
    {"Btrfs", 65600, "_BHRfS_M", 8, 65835, 255}, {"LVM2", 536, "LVM2 001", 8, NO_LABEL, 0},
    {"APFS", 32, "NXSB", 4, NO_LABEL, 0},        {"HFS+", 1024, "H+\0\x04", 4, NO_LABEL, 0},
    {"HFS+", 1024, "HX\0\x05", 4, NO_LABEL, 0},  {"Linux swap", 4086, "SWAPSPACE2", 10, 1052, 16},
    {"UDF", 34817, "NSR0", 4, NO_LABEL, 0},      {"UDF", 36865, "NSR0", 4, NO_LABEL, 0},
    {"UDF", 38913, "NSR0", 4, NO_LABEL, 0},      {"ISO 9660", 32769, "CD001", 5, 32808, 32},
};

static bool is_plain(char c)
{
    return (unsigned char)c >= 0x20 && (unsigned char)c < 0x7f;
}

/* Bytes of an unknown code page: what is not ASCII becomes '?'. Blanks at the end are padding. */
static void take_label(struct vdisk_content *content, const unsigned char *bytes, size_t count)
{
    size_t length = 0;

    while (length < count && length < VDISK_LABEL_BYTES - 1 && bytes[length] != 0) {
        content->label[length] = is_plain((char)bytes[length]) ? (char)bytes[length] : '?';
        length++;
    }
    while (length != 0 && content->label[length - 1] == ' ')
        length--;
    content->label[length] = '\0';
}

static bool find_mark(const struct head *head, struct vdisk_content *content)
{
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        const struct mark *mark = &marks[i];

        if (memcmp(head->bytes + mark->offset, mark->magic, mark->magic_bytes) != 0)
            continue;
        content->name = mark->name;
        if (mark->label_offset != NO_LABEL)
            take_label(content, head->bytes + mark->label_offset, mark->label_bytes);
        return true;
    }
    return false;
}

/* ext2, 3 and 4 differ by their features only. */
static bool find_ext(const struct head *head, struct vdisk_content *content)
{
    const unsigned char *super = head->bytes + 1024;
    const uint32_t compatible = vdisk_load_le32(super + 92);
    const uint32_t incompatible = vdisk_load_le32(super + 96);

    if (vdisk_load_le16(super + 56) != 0xef53)
        return false;
    if ((incompatible & 0x2c0) != 0) /* extents, 64 bits, flexible groups */
        content->name = "ext4";
    else
        content->name = (compatible & 4) != 0 ? "ext3" : "ext2";
    take_label(content, super + 120, 16);
    return true;
}

/* The label in the boot sector, unless it says that there is none. */
static void take_fat_label(struct vdisk_content *content, const unsigned char *label)
{
    if (memcmp(label, "NO NAME    ", 11) != 0)
        take_label(content, label, 11);
}

/* FAT has no mark that can be relied on: the fields must make sense together. */
static bool find_fat(const struct head *head, struct vdisk_content *content)
{
    const unsigned char *boot = head->bytes;
    const uint32_t sector_bytes = vdisk_load_le16(boot + 11);
    const uint32_t cluster_sectors = boot[13];
    const uint32_t reserved = vdisk_load_le16(boot + 14);
    const uint32_t root_entries = vdisk_load_le16(boot + 17);
    const uint32_t total =
        vdisk_load_le16(boot + 19) != 0 ? vdisk_load_le16(boot + 19) : vdisk_load_le32(boot + 32);
    const uint32_t fat_sectors =
        vdisk_load_le16(boot + 22) != 0 ? vdisk_load_le16(boot + 22) : vdisk_load_le32(boot + 36);
    uint64_t used;

    if (boot[510] != 0x55 || boot[511] != 0xaa || (boot[0] != 0xeb && boot[0] != 0xe9) ||
        !vdisk_is_power_of_two(sector_bytes) || sector_bytes < 512 || sector_bytes > 4096 ||
        !vdisk_is_power_of_two(cluster_sectors) || reserved == 0 || boot[16] == 0 || boot[16] > 2 ||
        fat_sectors == 0 || boot[21] < 0xf0)
        return false;
    used = reserved + (uint64_t)boot[16] * fat_sectors +
           vdisk_div_up((uint64_t)root_entries * 32, sector_bytes);
    if (used >= total)
        return false;
    if (root_entries == 0)
        content->name = "FAT32";
    else if ((total - used) / cluster_sectors < FAT12_BELOW)
        content->name = "FAT12";
    else
        content->name = (total - used) / cluster_sectors < FAT16_BELOW ? "FAT16" : "FAT32";
    take_fat_label(content, boot + (root_entries == 0 ? 71 : 43));
    return true;
}

static bool is_zero(const struct head *head)
{
    return head->bytes[0] == 0 && memcmp(head->bytes, head->bytes + 1, HEAD_BYTES - 1) == 0;
}

/* The label of exFAT is an entry of the root directory; its first sector is looked at. */
static enum vdisk_status find_exfat_label(struct vdisk_disk *disk, const struct head *head,
                                          struct vdisk_content *content, unsigned char *sector,
                                          struct vdisk_error *error)
{
    const unsigned char *boot = head->bytes;
    const uint32_t heap = vdisk_load_le32(boot + 88);
    const uint32_t root = vdisk_load_le32(boot + 96);
    const uint32_t sector_shift = boot[108], cluster_shift = boot[109];
    uint64_t offset;

    if (sector_shift < 9 || sector_shift > 12 || cluster_shift > 25 - sector_shift || root < 2)
        return VDISK_OK;
    offset = (heap + ((uint64_t)(root - 2) << cluster_shift)) << sector_shift;
    if (!vdisk_range_within(offset, VDISK_SECTOR_BYTES, disk->size_bytes))
        return VDISK_OK;
    enum vdisk_status status = vdisk_disk_read(disk, offset, sector, VDISK_SECTOR_BYTES, error);
    for (uint32_t at = 0; status == VDISK_OK && at < VDISK_SECTOR_BYTES; at += 32) {
        uint16_t units[LABEL_UNITS];
        const uint32_t count = sector[at + 1];

        if (sector[at] != 0x83 || count > 11)
            continue;
        for (uint32_t i = 0; i < count; i++) {
            units[i] = vdisk_load_le16(sector + at + 2 + i * 2);
            if (units[i] < 0x20 || units[i] == 0x7f)
                units[i] = '?';
        }
        if (!vdisk_utf16_to_utf8(units, count, VDISK_UTF16_LE, content->label, VDISK_LABEL_BYTES))
            content->label[0] = '\0';
        break;
    }
    return status;
}

enum vdisk_status vdisk_content_recognize(struct vdisk_disk *disk, struct vdisk_content *content,
                                          struct vdisk_error *error)
{
    struct head *head = vdisk_alloc(sizeof *head);
    const size_t length = (size_t)vdisk_min_u64(HEAD_BYTES, disk->size_bytes);
    enum vdisk_status status;

    memset(content, 0, sizeof *content);
    if (head == NULL)
        return vdisk_fail(error, VDISK_NO_MEMORY, NULL, NULL, VDISK_NO_OFFSET, NULL);
    status = vdisk_disk_read(disk, 0, head->bytes, length, error);
    if (status == VDISK_OK && !find_mark(head, content) && !find_ext(head, content) &&
        !find_fat(head, content))
        content->empty = is_zero(head);
    if (status == VDISK_OK && memcmp(head->bytes + 3, "EXFAT   ", 8) == 0)
        status = find_exfat_label(disk, head, content, head->bytes + 4096, error);
    vdisk_free(head);
    return status;
}
