#include "engine/filesystem/exfat.h"
#include "engine/base/checked.h"
#include "engine/base/endian.h"

#define SMALLEST_BYTES   (UINT64_C(1) << 20)
#define BOOT_SECTORS     12u
#define CHECKSUM_SECTOR  11u
#define EXTENDED_SECTORS 8u /* from sector 1 on */
#define FIRST_CLUSTER    2u
#define CLUSTERS_MAX     0xfffffff5u
#define END_OF_CHAIN     0xffffffffu
#define LABEL_CHARS      11u
#define ENTRY_BYTES      32u
#define UPCASE_BYTES     8192u /* room for the table; it is shorter */
#define PIECE_BYTES      65536u

/* What a format is made of; sectors unless the name says otherwise. */
struct exfat_layout {
    uint32_t sector_bytes;
    uint64_t sector_count;
    uint32_t cluster_bytes;
    uint32_t fat_offset;
    uint32_t fat_sectors;
    uint32_t heap_offset;
    uint32_t cluster_count;
    uint64_t bitmap_bytes;
    uint32_t bitmap_clusters;
    uint32_t upcase_bytes;
    uint32_t upcase_clusters;
    uint32_t upcase_checksum;
};

static enum vdisk_status exfat_fail(struct vdisk_error *error, enum vdisk_status status,
                                    const char *reason)
{
    return vdisk_fail(error, status, NULL, "exFAT file system", VDISK_NO_OFFSET, reason);
}

static uint32_t log2_of(uint64_t power_of_two)
{
    uint32_t shift = 0;

    while ((power_of_two >> shift) > 1)
        shift++;
    return shift;
}

/* Letters whose upper case is at a fixed distance: first, last, distance, step. */
static const struct {
    uint16_t first, last;
    int16_t distance;
    uint16_t step;
} case_ranges[] = {
    {0x0061, 0x007a, -32, 1}, {0x00e0, 0x00f6, -32, 1}, {0x00f8, 0x00fe, -32, 1},
    {0x00ff, 0x00ff, 121, 1}, {0x0101, 0x012f, -1, 2},  {0x0133, 0x0137, -1, 2},
    {0x013a, 0x0148, -1, 2},  {0x014b, 0x0177, -1, 2},  {0x017a, 0x017e, -1, 2},
    {0x03ac, 0x03ac, -38, 1}, {0x03ad, 0x03af, -37, 1}, {0x03b1, 0x03c1, -32, 1},
    {0x03c2, 0x03c2, -31, 1}, {0x03c3, 0x03cb, -32, 1}, {0x03cc, 0x03cc, -64, 1},
    {0x03cd, 0x03ce, -63, 1}, {0x0430, 0x044f, -32, 1}, {0x0450, 0x045f, -80, 1},
    {0x0461, 0x0481, -1, 2},  {0x048b, 0x04bf, -1, 2},  {0x04c2, 0x04ce, -1, 2},
    {0x04d1, 0x052f, -1, 2},  {0x0561, 0x0586, -48, 1}, {0x1e01, 0x1e95, -1, 2},
    {0x1ea1, 0x1eff, -1, 2},
};

static uint16_t upper_case(uint32_t character)
{
    for (uint32_t i = 0; i < sizeof case_ranges / sizeof case_ranges[0]; i++) {
        if (character >= case_ranges[i].first && character <= case_ranges[i].last &&
            (character - case_ranges[i].first) % case_ranges[i].step == 0)
            return (uint16_t)((int32_t)character + case_ranges[i].distance);
    }
    return (uint16_t)character;
}

/* How many characters from here on are their own upper case; at most 65535. */
static uint32_t identity_run(uint32_t character)
{
    uint32_t count = 0;

    while (character + count < 0x10000 && count < 0xffff &&
           upper_case(character + count) == character + count)
        count++;
    return count;
}

/* The compressed table: FFFF and a count stand for characters that map to themselves. */
static uint32_t make_upcase_table(unsigned char *table)
{
    uint32_t used = 0;

    for (uint32_t character = 0; character < 0x10000;) {
        const uint32_t run = identity_run(character);

        if (run > 2) {
            vdisk_store_le16(table + used, 0xffff);
            vdisk_store_le16(table + used + 2, (uint16_t)run);
            used += 4;
            character += run;
        } else {
            vdisk_store_le16(table + used, upper_case(character));
            used += 2;
            character++;
        }
    }
    return used;
}

static uint32_t add_checksum(uint32_t sum, unsigned char byte)
{
    return (sum << 31 | sum >> 1) + byte;
}

static uint32_t default_cluster_bytes(uint64_t disk_bytes)
{
    if (disk_bytes <= UINT64_C(256) << 20)
        return 4096;
    return disk_bytes <= UINT64_C(32) << 30 ? 32768 : 131072;
}

static uint64_t align_sectors(uint64_t sectors, uint32_t unit_bytes, uint32_t sector_bytes)
{
    const uint64_t unit = unit_bytes / sector_bytes;

    return vdisk_div_up(sectors, unit) * unit;
}

static enum vdisk_status make_layout(const struct vdisk_disk *disk, struct exfat_layout *layout,
                                     struct vdisk_error *error)
{
    const uint32_t sector = disk->logical_sector_bytes;
    uint64_t clusters, heap;

    if (disk->size_bytes < SMALLEST_BYTES)
        return exfat_fail(error, VDISK_INVALID, "the disk is smaller than 1 MiB");
    layout->sector_bytes = sector;
    layout->sector_count = disk->size_bytes / sector;
    layout->cluster_bytes = default_cluster_bytes(disk->size_bytes);
    while (disk->size_bytes / layout->cluster_bytes > CLUSTERS_MAX)
        layout->cluster_bytes *= 2;
    layout->fat_offset = (uint32_t)align_sectors((uint64_t)2 * BOOT_SECTORS, 4096, sector);
    clusters = disk->size_bytes / layout->cluster_bytes;
    layout->fat_sectors = (uint32_t)vdisk_div_up((clusters + FIRST_CLUSTER) * 4, sector);
    heap = align_sectors((uint64_t)layout->fat_offset + layout->fat_sectors, layout->cluster_bytes,
                         sector);
    layout->heap_offset = (uint32_t)heap;
    layout->cluster_count =
        (uint32_t)((layout->sector_count - heap) / (layout->cluster_bytes / sector));
    layout->bitmap_bytes = vdisk_div_up(layout->cluster_count, 8);
    layout->bitmap_clusters = (uint32_t)vdisk_div_up(layout->bitmap_bytes, layout->cluster_bytes);
    layout->upcase_clusters = (uint32_t)vdisk_div_up(layout->upcase_bytes, layout->cluster_bytes);
    return VDISK_OK;
}

static uint32_t used_clusters(const struct exfat_layout *layout)
{
    return layout->bitmap_clusters + layout->upcase_clusters + 1;
}

static uint32_t root_cluster(const struct exfat_layout *layout)
{
    return FIRST_CLUSTER + layout->bitmap_clusters + layout->upcase_clusters;
}

static uint64_t cluster_offset(const struct exfat_layout *layout, uint32_t cluster)
{
    return (uint64_t)layout->heap_offset * layout->sector_bytes +
           (uint64_t)(cluster - FIRST_CLUSTER) * layout->cluster_bytes;
}

static void make_boot_sector(unsigned char *sector, const struct exfat_layout *layout)
{
    uint32_t serial;

    vdisk_random(&serial, sizeof serial);
    memcpy(sector,
           "\xeb\x76\x90"
           "EXFAT   ",
           11);
    vdisk_store_le64(sector + 72, layout->sector_count);
    vdisk_store_le32(sector + 80, layout->fat_offset);
    vdisk_store_le32(sector + 84, layout->fat_sectors);
    vdisk_store_le32(sector + 88, layout->heap_offset);
    vdisk_store_le32(sector + 92, layout->cluster_count);
    vdisk_store_le32(sector + 96, root_cluster(layout));
    vdisk_store_le32(sector + 100, serial);
    vdisk_store_le16(sector + 104, 0x0100); /* revision 1.00 */
    sector[108] = (unsigned char)log2_of(layout->sector_bytes);
    sector[109] = (unsigned char)log2_of(layout->cluster_bytes / layout->sector_bytes);
    sector[110] = 1;    /* FATs */
    sector[111] = 0x80; /* drive */
    sector[112] = (unsigned char)((uint64_t)used_clusters(layout) * 100 / layout->cluster_count);
    memset(sector + 120, 0xf4, 390); /* boot code: halt */
    vdisk_store_le16(sector + 510, 0xaa55);
}

/* The checksum leaves out what changes without it: flags and percentage. */
static uint32_t boot_checksum(const unsigned char *region, uint32_t sector_bytes)
{
    uint32_t sum = 0;

    for (uint32_t i = 0; i < CHECKSUM_SECTOR * sector_bytes; i++) {
        if (i != 106 && i != 107 && i != 112)
            sum = add_checksum(sum, region[i]);
    }
    return sum;
}

static enum vdisk_status write_boot_regions(struct vdisk_disk *disk,
                                            const struct exfat_layout *layout,
                                            unsigned char *region, struct vdisk_error *error)
{
    const uint32_t sector = layout->sector_bytes;
    const size_t region_bytes = (size_t)BOOT_SECTORS * sector;
    enum vdisk_status status;
    uint32_t sum;

    memset(region, 0, region_bytes);
    make_boot_sector(region, layout);
    for (uint32_t i = 1; i <= EXTENDED_SECTORS; i++)
        vdisk_store_le32(region + (size_t)(i + 1) * sector - 4, 0xaa550000);
    sum = boot_checksum(region, sector);
    for (uint32_t at = 0; at < sector; at += 4)
        vdisk_store_le32(region + (size_t)CHECKSUM_SECTOR * sector + at, sum);
    status = vdisk_disk_write(disk, 0, region, region_bytes, error);
    if (status != VDISK_OK)
        return status;
    return vdisk_disk_write(disk, region_bytes, region, region_bytes, error);
}

/* Entry `cluster` of the FAT: three files lie one behind the other, each a chain. */
static uint32_t fat_entry(const struct exfat_layout *layout, uint32_t cluster)
{
    const uint32_t root = root_cluster(layout);

    if (cluster == 0)
        return 0xfffffff8;
    if (cluster == 1)
        return END_OF_CHAIN;
    if (cluster > root)
        return 0;
    if (cluster == root || cluster + 1 == root ||
        cluster + 1 == FIRST_CLUSTER + layout->bitmap_clusters)
        return END_OF_CHAIN;
    return cluster + 1;
}

static enum vdisk_status write_fat(struct vdisk_disk *disk, const struct exfat_layout *layout,
                                   unsigned char *piece, struct vdisk_error *error)
{
    const uint64_t start = (uint64_t)layout->fat_offset * layout->sector_bytes;
    const uint32_t entries = root_cluster(layout) + 1;
    enum vdisk_status status = VDISK_OK;

    for (uint32_t first = 0; first < entries && status == VDISK_OK; first += PIECE_BYTES / 4) {
        for (uint32_t i = 0; i < PIECE_BYTES / 4; i++)
            vdisk_store_le32(piece + (size_t)i * 4, fat_entry(layout, first + i));
        status = vdisk_disk_write(disk, start + (uint64_t)first * 4, piece,
                                  (size_t)vdisk_min_u64(PIECE_BYTES, (uint64_t)layout->fat_sectors *
                                                                             layout->sector_bytes -
                                                                         (uint64_t)first * 4),
                                  error);
    }
    return status;
}

static enum vdisk_status write_bitmap(struct vdisk_disk *disk, const struct exfat_layout *layout,
                                      unsigned char *piece, struct vdisk_error *error)
{
    const uint32_t used = used_clusters(layout);
    enum vdisk_status status = VDISK_OK;

    for (uint32_t first = 0; first < used && status == VDISK_OK; first += PIECE_BYTES * 8) {
        const uint32_t bits = (uint32_t)vdisk_min_u64(used - first, (uint64_t)PIECE_BYTES * 8);
        const uint64_t left = (uint64_t)layout->bitmap_clusters * layout->cluster_bytes - first / 8;

        memset(piece, 0, PIECE_BYTES);
        memset(piece, 0xff, bits / 8);
        if (bits % 8 != 0)
            piece[bits / 8] = (unsigned char)((1u << bits % 8) - 1);
        status = vdisk_disk_write(disk, cluster_offset(layout, FIRST_CLUSTER) + first / 8, piece,
                                  (size_t)vdisk_min_u64(PIECE_BYTES, left), error);
    }
    return status;
}

static void put_stream(unsigned char *entry, uint32_t cluster, uint64_t length_bytes)
{
    vdisk_store_le32(entry + 20, cluster);
    vdisk_store_le64(entry + 24, length_bytes);
}

/* The root directory: label, bitmap, up-case table. */
static enum vdisk_status write_root(struct vdisk_disk *disk, const struct exfat_layout *layout,
                                    const char *label, unsigned char *piece,
                                    struct vdisk_error *error)
{
    const size_t label_chars = label == NULL ? 0 : strlen(label);
    unsigned char *entry = piece;

    memset(piece, 0, PIECE_BYTES);
    if (label_chars != 0) {
        entry[0] = 0x83;
        entry[1] = (unsigned char)label_chars;
        for (size_t i = 0; i < label_chars; i++)
            vdisk_store_le16(entry + 2 + i * 2, (unsigned char)label[i]);
        entry += ENTRY_BYTES;
    }
    entry[0] = 0x81;
    put_stream(entry, FIRST_CLUSTER, layout->bitmap_bytes);
    entry += ENTRY_BYTES;
    entry[0] = 0x82;
    vdisk_store_le32(entry + 4, layout->upcase_checksum);
    put_stream(entry, FIRST_CLUSTER + layout->bitmap_clusters, layout->upcase_bytes);
    return vdisk_disk_write(disk, cluster_offset(layout, root_cluster(layout)), piece,
                            layout->sector_bytes, error);
}

static enum vdisk_status write_upcase(struct vdisk_disk *disk, const struct exfat_layout *layout,
                                      const unsigned char *table, struct vdisk_error *error)
{
    return vdisk_disk_write(
        disk, cluster_offset(layout, FIRST_CLUSTER + layout->bitmap_clusters), table,
        (size_t)vdisk_div_up(layout->upcase_bytes, layout->sector_bytes) * layout->sector_bytes,
        error);
}

/* The FAT and the clusters in use start as zeros. */
static enum vdisk_status clear_metadata(struct vdisk_disk *disk, const struct exfat_layout *layout,
                                        struct vdisk_error *error)
{
    return vdisk_disk_zero(disk, 0, cluster_offset(layout, root_cluster(layout) + 1), error);
}

static enum vdisk_status check_label(const char *label, struct vdisk_error *error)
{
    if (label == NULL)
        return VDISK_OK;
    for (size_t i = 0; label[i] != '\0'; i++) {
        if ((unsigned char)label[i] < 0x20 || (unsigned char)label[i] >= 0x7f)
            return exfat_fail(error, VDISK_INVALID, "the label has a character beyond ASCII");
    }
    if (strlen(label) > LABEL_CHARS)
        return exfat_fail(error, VDISK_INVALID, "the label has more than 11 characters");
    return VDISK_OK;
}

static enum vdisk_status write_all(struct vdisk_disk *disk, struct exfat_layout *layout,
                                   const char *label, unsigned char *table, unsigned char *piece,
                                   struct vdisk_error *error)
{
    enum vdisk_status status;

    layout->upcase_bytes = make_upcase_table(table);
    layout->upcase_checksum = 0;
    for (uint32_t i = 0; i < layout->upcase_bytes; i++)
        layout->upcase_checksum = add_checksum(layout->upcase_checksum, table[i]);
    status = make_layout(disk, layout, error);
    if (status == VDISK_OK)
        status = clear_metadata(disk, layout, error);
    if (status == VDISK_OK)
        status = write_fat(disk, layout, piece, error);
    if (status == VDISK_OK)
        status = write_bitmap(disk, layout, piece, error);
    if (status == VDISK_OK)
        status = write_upcase(disk, layout, table, error);
    if (status == VDISK_OK)
        status = write_root(disk, layout, label, piece, error);
    if (status == VDISK_OK)
        status = write_boot_regions(disk, layout, piece, error);
    return status == VDISK_OK ? vdisk_disk_flush(disk, error) : status;
}

enum vdisk_status vdisk_exfat_format(struct vdisk_disk *disk, const char *label,
                                     struct vdisk_error *error)
{
    struct exfat_layout *layout = vdisk_alloc(sizeof *layout);
    unsigned char *table = vdisk_alloc(UPCASE_BYTES);
    unsigned char *piece = vdisk_alloc(PIECE_BYTES);
    enum vdisk_status status = check_label(label, error);

    if (layout == NULL || table == NULL || piece == NULL)
        status = exfat_fail(error, VDISK_NO_MEMORY, NULL);
    if (status == VDISK_OK)
        status = write_all(disk, layout, label, table, piece, error);
    vdisk_free(layout);
    vdisk_free(table);
    vdisk_free(piece);
    return status;
}
