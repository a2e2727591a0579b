#include "engine/partition/boot_sector.h"
#include "engine/base/checked.h"
#include "engine/base/endian.h"

#define FAT12_CLUSTERS_BELOW 4085u
#define FAT16_CLUSTERS_BELOW 65525u
#define EXTENDED_MARK        0x29u /* there is a label, too */

/* The fields of FAT's boot sector ("BIOS parameter block"), with the 32-bit variants chosen. */
struct parameters {
    uint32_t sector_bytes;
    uint32_t cluster_sectors;
    uint32_t reserved_sectors;
    uint32_t fat_count;
    uint32_t root_entries; /* 0: FAT32 */
    uint32_t total_sectors;
    uint32_t fat_sectors;
    uint32_t root_cluster; /* of FAT32 */
};

static struct parameters load_parameters(const unsigned char *sector)
{
    struct parameters found = {.sector_bytes = vdisk_load_le16(sector + 11),
                               .cluster_sectors = sector[13],
                               .reserved_sectors = vdisk_load_le16(sector + 14),
                               .fat_count = sector[16],
                               .root_entries = vdisk_load_le16(sector + 17),
                               .total_sectors = vdisk_load_le16(sector + 19),
                               .fat_sectors = vdisk_load_le16(sector + 22),
                               .root_cluster = vdisk_load_le32(sector + 44)};

    if (found.total_sectors == 0)
        found.total_sectors = vdisk_load_le32(sector + 32);
    if (found.fat_sectors == 0)
        found.fat_sectors = vdisk_load_le32(sector + 36);
    return found;
}

/* Up to the clusters. */
static uint64_t used_sectors(const struct parameters *p)
{
    return p->reserved_sectors + (uint64_t)p->fat_count * p->fat_sectors +
           vdisk_div_up((uint64_t)p->root_entries * 32, p->sector_bytes);
}

/* FAT has no mark that can be relied on: the fields must make sense together. */
static enum vdisk_boot_sector_kind fat_kind(const unsigned char *sector)
{
    const struct parameters p = load_parameters(sector);
    const uint8_t medium = sector[21];
    uint64_t clusters;

    if (!vdisk_is_power_of_two(p.sector_bytes) || p.sector_bytes < 512 || p.sector_bytes > 4096 ||
        !vdisk_is_power_of_two(p.cluster_sectors) || p.reserved_sectors == 0 || p.fat_count == 0 ||
        p.fat_count > 2 || p.fat_sectors == 0 || (medium != 0xf0 && medium < 0xf8) ||
        used_sectors(&p) >= p.total_sectors)
        return VDISK_BOOT_SECTOR_NONE;
    if (p.root_entries == 0)
        return VDISK_BOOT_SECTOR_FAT32;
    clusters = (p.total_sectors - used_sectors(&p)) / p.cluster_sectors;
    if (clusters >= FAT16_CLUSTERS_BELOW)
        return VDISK_BOOT_SECTOR_NONE;
    return clusters < FAT12_CLUSTERS_BELOW ? VDISK_BOOT_SECTOR_FAT12 : VDISK_BOOT_SECTOR_FAT16;
}

/* {4967d63b-2e29-4ad8-8399-f6a339e3d001}: BitLocker To Go wears a boot sector of FAT32. */
static bool is_bitlocker_to_go(const unsigned char *sector)
{
    static const uint8_t id[16] = {0x3b, 0xd6, 0x67, 0x49, 0x29, 0x2e, 0xd8, 0x4a,
                                   0x83, 0x99, 0xf6, 0xa3, 0x39, 0xe3, 0xd0, 0x01};

    return memcmp(sector + 424, id, sizeof id) == 0;
}

enum vdisk_boot_sector_kind vdisk_boot_sector_kind(const unsigned char *sector)
{
    static const struct {
        char name[8]; /* at 3 */
        enum vdisk_boot_sector_kind kind;
    } names[] = {
        {{'N', 'T', 'F', 'S', ' ', ' ', ' ', ' '}, VDISK_BOOT_SECTOR_NTFS},
        {{'E', 'X', 'F', 'A', 'T', ' ', ' ', ' '}, VDISK_BOOT_SECTOR_EXFAT},
        {{'-', 'F', 'V', 'E', '-', 'F', 'S', '-'}, VDISK_BOOT_SECTOR_BITLOCKER},
        {{'R', 'e', 'F', 'S', 0, 0, 0, 0}, VDISK_BOOT_SECTOR_REFS},
    };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (memcmp(sector + 3, names[i].name, sizeof names[i].name) == 0)
            return names[i].kind;
    }
    if (sector[510] != 0x55 || sector[511] != 0xaa || (sector[0] != 0xeb && sector[0] != 0xe9))
        return VDISK_BOOT_SECTOR_NONE;
    if (is_bitlocker_to_go(sector))
        return VDISK_BOOT_SECTOR_BITLOCKER;
    return fat_kind(sector);
}

struct vdisk_fat_layout vdisk_boot_sector_fat_layout(const unsigned char *sector)
{
    const struct parameters p = load_parameters(sector);
    const uint32_t mark = p.root_entries == 0 ? 66 : 38;
    struct vdisk_fat_layout layout = {
        .root_bytes = used_sectors(&p) * p.sector_bytes,
        .root_length_bytes = (uint64_t)p.cluster_sectors * p.sector_bytes,
        .boot_label_offset = sector[mark] == EXTENDED_MARK ? mark + 5 : 0};

    if (p.root_entries == 0) { /* at most 2^32 clusters of 2^19 bytes */
        const uint64_t index = p.root_cluster < 2 ? 0 : p.root_cluster - 2;

        layout.root_bytes += index * layout.root_length_bytes;
    } else {
        layout.root_length_bytes =
            vdisk_div_up((uint64_t)p.root_entries * 32, p.sector_bytes) * p.sector_bytes;
        layout.root_bytes -= layout.root_length_bytes;
    }
    return layout;
}
