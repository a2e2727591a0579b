#include "engine/filesystem/fat.h"
#include "engine/base/checked.h"
#include "engine/base/endian.h"

#define FAT_COUNT       2u
#define ROOT_ENTRIES    512u
#define ENTRY_BYTES     32u
#define FAT12_CLUSTERS  4084u  /* most that FAT12 has */
#define FAT16_CLUSTERS  65524u /* most that FAT16 has */
#define FAT32_CLUSTERS  0x0ffffff4u
#define LABEL_CHARS     11u
#define ALIGN_BYTES     4096u
#define SMALLEST_BYTES  65536u
#define FSINFO_SECTOR   1u
#define BACKUP_SECTOR   6u
#define ROOT_CLUSTER    2u
#define MEDIA_FIXED     0xf8u
#define ATTRIBUTE_LABEL 0x08u

/* Up to this many bytes of disk: which kind, with clusters of how many bytes. */
static const struct {
    uint64_t disk_bytes;
    uint32_t kind;
    uint32_t cluster_bytes;
} cluster_choices[] = {
    {UINT64_C(4) << 20, 12, 1024},   {UINT64_C(16) << 20, 16, 1024},
    {UINT64_C(128) << 20, 16, 2048}, {UINT64_C(256) << 20, 16, 4096},
    {UINT64_C(512) << 20, 16, 8192}, {UINT64_C(8) << 30, 32, 4096},
    {UINT64_C(16) << 30, 32, 8192},  {UINT64_C(32) << 30, 32, 16384},
    {UINT64_MAX, 32, 32768},
};

static enum vdisk_status fat_fail(struct vdisk_error *error, enum vdisk_status status,
                                  const char *reason)
{
    return vdisk_fail(error, status, NULL, "FAT file system", VDISK_NO_OFFSET, reason);
}

uint32_t vdisk_fat_data_start(const struct vdisk_fat_layout *layout)
{
    return layout->reserved_sectors + FAT_COUNT * layout->fat_sectors + layout->root_sectors;
}

/* Bytes of one FAT for this many clusters (entries 0 and 1 stand before the first). */
static uint64_t fat_bytes(uint32_t kind, uint64_t cluster_count)
{
    return vdisk_div_up((cluster_count + 2) * kind, 8);
}

/*
 * The FAT must hold an entry for each cluster of what it leaves. Starts from all sectors as
 * clusters and shrinks; then moves the clusters to a 4 KiB boundary by reserving more.
 */
static bool fit(struct vdisk_fat_layout *layout)
{
    const uint32_t unit = ALIGN_BYTES / layout->sector_bytes;
    uint32_t start;

    layout->fat_sectors = (uint32_t)vdisk_div_up(
        fat_bytes(layout->kind, layout->sector_count / layout->cluster_sectors),
        layout->sector_bytes);
    start = vdisk_fat_data_start(layout);
    layout->reserved_sectors += (uint32_t)vdisk_div_up(start, unit) * unit - start;
    start = vdisk_fat_data_start(layout);
    if (start >= layout->sector_count)
        return false;
    layout->cluster_count = (layout->sector_count - start) / layout->cluster_sectors;
    return true;
}

/* The number of clusters alone says which kind a FAT is. */
static bool count_suits(const struct vdisk_fat_layout *layout)
{
    switch (layout->kind) {
    case 12:
        return layout->cluster_count >= 1 && layout->cluster_count <= FAT12_CLUSTERS;
    case 16:
        return layout->cluster_count > FAT12_CLUSTERS && layout->cluster_count <= FAT16_CLUSTERS;
    default:
        return layout->cluster_count > FAT16_CLUSTERS && layout->cluster_count <= FAT32_CLUSTERS;
    }
}

static bool plan_kind(const struct vdisk_disk *disk, uint32_t kind, uint32_t cluster_bytes,
                      struct vdisk_fat_layout *layout)
{
    const uint32_t sector = disk->logical_sector_bytes;

    memset(layout, 0, sizeof *layout);
    layout->kind = kind;
    layout->sector_bytes = sector;
    layout->sector_count = (uint32_t)(disk->size_bytes / sector);
    layout->cluster_sectors = cluster_bytes > sector ? cluster_bytes / sector : 1;
    layout->reserved_sectors = kind == 32 ? 32 : 1;
    layout->root_entries = kind == 32 ? 0 : ROOT_ENTRIES;
    layout->root_sectors = layout->root_entries * ENTRY_BYTES / sector;
    return fit(layout) && count_suits(layout);
}

enum vdisk_status vdisk_fat_plan(const struct vdisk_disk *disk, struct vdisk_fat_layout *layout,
                                 struct vdisk_error *error)
{
    uint32_t choice = 0;

    if (disk->size_bytes < SMALLEST_BYTES)
        return fat_fail(error, VDISK_INVALID, "the disk is smaller than 64 KiB");
    if (disk->size_bytes / disk->logical_sector_bytes > UINT32_MAX)
        return fat_fail(error, VDISK_INVALID, "the disk has 2^32 sectors or more; use exFAT");
    while (disk->size_bytes > cluster_choices[choice].disk_bytes)
        choice++;
    if (plan_kind(disk, cluster_choices[choice].kind, cluster_choices[choice].cluster_bytes,
                  layout))
        return VDISK_OK;
    /* Sectors of 4096 bytes make fewer clusters: then a smaller kind, with any clusters, fits. */
    for (uint32_t kind = 12; kind <= 32; kind += kind == 16 ? 16 : 4) {
        for (uint32_t bytes = 512; bytes <= 32768; bytes *= 2) {
            if (plan_kind(disk, kind, bytes, layout))
                return VDISK_OK;
        }
    }
    return fat_fail(error, VDISK_INVALID, "no kind of FAT suits a disk of this size");
}

/* Upper case, padded with blanks; what FAT forbids is refused. */
static enum vdisk_status make_label(const char *label, char *padded, struct vdisk_error *error)
{
    static const char forbidden[] = "\"*+,./:;<=>?[\\]|";
    size_t length = label == NULL ? 0 : strlen(label);

    memset(padded, ' ', LABEL_CHARS);
    for (size_t i = 0; i < length; i++) {
        const unsigned char c = (unsigned char)label[i];

        if (c < 0x20 || c >= 0x7f || memchr(forbidden, c, sizeof forbidden - 1) != NULL)
            return fat_fail(error, VDISK_INVALID, "the label has a character that FAT forbids");
        if (i == LABEL_CHARS)
            return fat_fail(error, VDISK_INVALID, "the label has more than 11 characters");
        padded[i] = (char)(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    }
    return VDISK_OK;
}

/* Extended part of the boot sector; at 36 for FAT12/16, at 64 for FAT32. */
static void put_identity(unsigned char *at, const struct vdisk_fat_layout *layout,
                         const char *label, uint32_t serial)
{
    static const char types[3][9] = {"FAT12   ", "FAT16   ", "FAT32   "};
    const uint32_t type = layout->kind == 32 ? 2 : (layout->kind - 12) / 4;

    at[0] = 0x80; /* drive number */
    at[2] = 0x29; /* serial, label and type follow */
    vdisk_store_le32(at + 3, serial);
    memcpy(at + 7, label[0] == ' ' ? "NO NAME    " : label, LABEL_CHARS);
    memcpy(at + 18, types[type], 8);
}

static void make_boot_sector(unsigned char *sector, const struct vdisk_fat_layout *layout,
                             const char *label, uint32_t serial)
{
    const bool small = layout->kind != 32 && layout->sector_count <= UINT16_MAX;

    memset(sector, 0, layout->sector_bytes);
    memcpy(sector, layout->kind == 32 ? "\xeb\x58\x90" : "\xeb\x3c\x90", 3);
    memcpy(sector + 3, "MSDOS5.0", 8);
    vdisk_store_le16(sector + 11, (uint16_t)layout->sector_bytes);
    sector[13] = (unsigned char)layout->cluster_sectors;
    vdisk_store_le16(sector + 14, (uint16_t)layout->reserved_sectors);
    sector[16] = FAT_COUNT;
    vdisk_store_le16(sector + 17, (uint16_t)layout->root_entries);
    vdisk_store_le16(sector + 19, small ? (uint16_t)layout->sector_count : 0);
    sector[21] = MEDIA_FIXED;
    vdisk_store_le16(sector + 22, layout->kind == 32 ? 0 : (uint16_t)layout->fat_sectors);
    vdisk_store_le16(sector + 24, 63);
    vdisk_store_le16(sector + 26, 255);
    vdisk_store_le32(sector + 32, small ? 0 : layout->sector_count);
    if (layout->kind == 32) {
        vdisk_store_le32(sector + 36, layout->fat_sectors);
        vdisk_store_le32(sector + 44, ROOT_CLUSTER);
        vdisk_store_le16(sector + 48, FSINFO_SECTOR);
        vdisk_store_le16(sector + 50, BACKUP_SECTOR);
    }
    put_identity(sector + (layout->kind == 32 ? 64 : 36), layout, label, serial);
    /* Not bootable: "int 18h" (no boot device), then wait. */
    memcpy(sector + (layout->kind == 32 ? 90 : 62), "\xcd\x18\xeb\xfe", 4);
    vdisk_store_le16(sector + 510, 0xaa55);
}

static void make_fsinfo(unsigned char *sector, const struct vdisk_fat_layout *layout)
{
    memset(sector, 0, layout->sector_bytes);
    vdisk_store_le32(sector, 0x41615252);
    vdisk_store_le32(sector + 484, 0x61417272);
    vdisk_store_le32(sector + 488, layout->cluster_count - 1); /* free: all but the root's */
    vdisk_store_le32(sector + 492, ROOT_CLUSTER + 1);          /* where to look for free ones */
    vdisk_store_le32(sector + 508, 0xaa550000);
}

static enum vdisk_status write_sector(struct vdisk_disk *disk,
                                      const struct vdisk_fat_layout *layout, uint32_t number,
                                      const unsigned char *sector, struct vdisk_error *error)
{
    return vdisk_disk_write(disk, (uint64_t)number * layout->sector_bytes, sector,
                            layout->sector_bytes, error);
}

static enum vdisk_status write_boot(struct vdisk_disk *disk, const struct vdisk_fat_layout *layout,
                                    const char *label, unsigned char *sector,
                                    struct vdisk_error *error)
{
    uint32_t serial;
    enum vdisk_status status;

    vdisk_random(&serial, sizeof serial);
    make_boot_sector(sector, layout, label, serial);
    status = write_sector(disk, layout, 0, sector, error);
    if (status != VDISK_OK || layout->kind != 32)
        return status;
    status = write_sector(disk, layout, BACKUP_SECTOR, sector, error);
    make_fsinfo(sector, layout);
    if (status == VDISK_OK)
        status = write_sector(disk, layout, FSINFO_SECTOR, sector, error);
    if (status == VDISK_OK)
        status = write_sector(disk, layout, BACKUP_SECTOR + FSINFO_SECTOR, sector, error);
    return status;
}

/* The first entries of both FATs: the media byte, "clean", and the root's end on FAT32. */
static enum vdisk_status write_fats(struct vdisk_disk *disk, const struct vdisk_fat_layout *layout,
                                    unsigned char *sector, struct vdisk_error *error)
{
    enum vdisk_status status = VDISK_OK;

    memset(sector, 0, layout->sector_bytes);
    if (layout->kind == 12)
        memcpy(sector, "\xf8\xff\xff", 3);
    else if (layout->kind == 16)
        memcpy(sector, "\xf8\xff\xff\xff", 4);
    else
        memcpy(sector, "\xf8\xff\xff\x0f\xff\xff\xff\x0f\xff\xff\xff\x0f", 12);
    for (uint32_t copy = 0; copy < FAT_COUNT && status == VDISK_OK; copy++)
        status = write_sector(disk, layout, layout->reserved_sectors + copy * layout->fat_sectors,
                              sector, error);
    return status;
}

static enum vdisk_status write_root(struct vdisk_disk *disk, const struct vdisk_fat_layout *layout,
                                    const char *label, unsigned char *sector,
                                    struct vdisk_error *error)
{
    const uint32_t root = layout->kind == 32 ? vdisk_fat_data_start(layout)
                                             : vdisk_fat_data_start(layout) - layout->root_sectors;

    if (label[0] == ' ')
        return VDISK_OK;
    memset(sector, 0, layout->sector_bytes);
    memcpy(sector, label, LABEL_CHARS);
    sector[LABEL_CHARS] = ATTRIBUTE_LABEL;
    vdisk_store_le16(sector + 24, 0x0021); /* 1980-01-01, the first date that FAT knows */
    return write_sector(disk, layout, root, sector, error);
}

/* All metadata, and FAT32's first cluster, start as zeros. */
static enum vdisk_status clear_metadata(struct vdisk_disk *disk,
                                        const struct vdisk_fat_layout *layout,
                                        struct vdisk_error *error)
{
    const uint64_t sectors = (uint64_t)vdisk_fat_data_start(layout) + layout->cluster_sectors;

    return vdisk_disk_zero(disk, 0, sectors * layout->sector_bytes, error);
}

enum vdisk_status vdisk_fat_format(struct vdisk_disk *disk, const char *label,
                                   struct vdisk_error *error)
{
    struct vdisk_fat_layout layout;
    char padded[LABEL_CHARS];
    unsigned char *sector;
    enum vdisk_status status = make_label(label, padded, error);

    if (status == VDISK_OK)
        status = vdisk_fat_plan(disk, &layout, error);
    if (status != VDISK_OK)
        return status;
    sector = vdisk_alloc(layout.sector_bytes);
    if (sector == NULL)
        return fat_fail(error, VDISK_NO_MEMORY, NULL);
    status = clear_metadata(disk, &layout, error);
    if (status == VDISK_OK)
        status = write_fats(disk, &layout, sector, error);
    if (status == VDISK_OK)
        status = write_root(disk, &layout, padded, sector, error);
    if (status == VDISK_OK)
        status = write_boot(disk, &layout, padded, sector, error);
    if (status == VDISK_OK)
        status = vdisk_disk_flush(disk, error);
    vdisk_free(sector);
    return status;
}
