/*
 * The master boot record: four entries at 446, and a chain of extended boot records, each with one
 * logical drive and a link to the next.
 *
 *   entry:  0 status (0x80: active)   4 type   8 first sector (LE32)   12 number of sectors (LE32)
 */
#include "engine/partition/table.h"
#include "engine/base/checked.h"
#include "engine/base/endian.h"

#define ENTRIES_OFFSET   446u
#define ENTRY_BYTES      16u
#define SIGNATURE_OFFSET 440u
#define MARK_OFFSET      510u
#define LOGICAL_FIRST    5u
#define LOGICAL_MAX      124u /* logical drives that are read */

static const unsigned char *entry_at(const unsigned char *sector, uint32_t index)
{
    return sector + ENTRIES_OFFSET + (size_t)index * ENTRY_BYTES;
}

static bool has_mark(const unsigned char *sector)
{
    return sector[MARK_OFFSET] == 0x55 && sector[MARK_OFFSET + 1] == 0xaa;
}

static bool is_extended(uint8_t type)
{
    return type == 0x05 || type == 0x0f || type == 0x85;
}

/* The boot sector of a file system ends with the same mark. */
static bool is_file_system(const unsigned char *sector)
{
    static const struct {
        uint32_t offset;
        const char *name;
    } names[] = {{3, "NTFS    "}, {3, "EXFAT   "}, {3, "-FVE-FS-"}, {54, "FAT1"}, {82, "FAT32   "}};

    if (sector[0] != 0xeb && sector[0] != 0xe9)
        return false;
    for (uint32_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (memcmp(sector + names[i].offset, names[i].name, strlen(names[i].name)) == 0)
            return true;
    }
    return false;
}

bool vdisk_mbr_is_table(const struct vdisk_disk *disk, const unsigned char *sector)
{
    const uint64_t sector_count = disk->size_bytes / disk->logical_sector_bytes;
    uint32_t used = 0;

    if (!has_mark(sector) || is_file_system(sector))
        return false;
    for (uint32_t i = 0; i < MBR_ENTRIES; i++) {
        const unsigned char *entry = entry_at(sector, i);
        const uint32_t first = vdisk_load_le32(entry + 8);

        if ((entry[0] & 0x7f) != 0)
            return false;
        if (entry[4] != 0 && first != 0 && first < sector_count && vdisk_load_le32(entry + 12) != 0)
            used++;
    }
    return used != 0;
}

bool vdisk_mbr_is_protective(const unsigned char *sector)
{
    for (uint32_t i = 0; i < MBR_ENTRIES; i++) {
        if (entry_at(sector, i)[4] == MBR_PROTECTIVE)
            return true;
    }
    return false;
}

/* Adds what an entry says; `base` is what its first sector counts from. */
static void add_entry(struct vdisk_partition_table *table, const struct vdisk_disk *disk,
                      const unsigned char *entry, uint64_t base, uint32_t number)
{
    const struct vdisk_partition partition = {
        .number = number, .mbr_type = entry[4], .mbr_active = entry[0] == 0x80};

    if (entry[4] != 0)
        vdisk_table_add(table, disk, &partition, base + vdisk_load_le32(entry + 8),
                        vdisk_load_le32(entry + 12));
}

/* The extended boot records that were visited, so that a chain cannot lead back. */
struct chain {
    uint64_t base; /* the extended partition, in sectors */
    uint64_t count;
    uint64_t visited[LOGICAL_MAX];
    uint32_t length;
};

static bool may_visit(const struct chain *chain, uint64_t sector)
{
    if (chain->length == LOGICAL_MAX || sector < chain->base ||
        sector - chain->base >= chain->count)
        return false;
    for (uint32_t i = 0; i < chain->length; i++) {
        if (chain->visited[i] == sector)
            return false;
    }
    return true;
}

static enum vdisk_status follow_chain(struct vdisk_disk *disk, struct vdisk_partition_table *table,
                                      struct chain *chain, unsigned char *buffer,
                                      struct vdisk_error *error)
{
    uint64_t sector = chain->base;

    for (;;) {
        const unsigned char *link = entry_at(buffer, 1);
        enum vdisk_status status;

        if (!may_visit(chain, sector)) {
            table->note = "the chain of logical drives does not end";
            return VDISK_OK;
        }
        status = vdisk_table_read_sector(disk, sector, buffer, error);
        if (status != VDISK_OK)
            return status;
        if (!has_mark(buffer)) {
            table->note = "the chain of logical drives is broken";
            return VDISK_OK;
        }
        add_entry(table, disk, entry_at(buffer, 0), sector, LOGICAL_FIRST + chain->length);
        chain->visited[chain->length++] = sector;
        if (!is_extended(link[4]) || vdisk_load_le32(link + 8) == 0)
            return VDISK_OK;
        sector = chain->base + vdisk_load_le32(link + 8);
    }
}

/* The chain and a sector in one piece of memory: stacks are small. */
static enum vdisk_status read_logical(struct vdisk_disk *disk, const unsigned char *entry,
                                      struct vdisk_partition_table *table,
                                      struct vdisk_error *error)
{
    struct chain *chain = vdisk_alloc(sizeof *chain);
    unsigned char *buffer = vdisk_alloc(PARTITION_SECTOR);
    enum vdisk_status status = VDISK_NO_MEMORY;

    if (chain == NULL || buffer == NULL) {
        vdisk_fail(error, status, NULL, "partition table", VDISK_NO_OFFSET, NULL);
    } else {
        chain->base = vdisk_load_le32(entry + 8);
        chain->count = vdisk_load_le32(entry + 12);
        status = follow_chain(disk, table, chain, buffer, error);
    }
    vdisk_free(buffer);
    vdisk_free(chain);
    return status;
}

enum vdisk_status vdisk_mbr_read(struct vdisk_disk *disk, const unsigned char *sector,
                                 struct vdisk_partition_table *table, struct vdisk_error *error)
{
    const unsigned char *extended = NULL;
    enum vdisk_status status = vdisk_table_reserve(table, MBR_ENTRIES + LOGICAL_MAX, error);

    if (status != VDISK_OK)
        return status;
    table->style = VDISK_PARTITION_MBR;
    table->mbr_signature = vdisk_load_le32(sector + SIGNATURE_OFFSET);
    for (uint32_t i = 0; i < MBR_ENTRIES; i++) {
        const unsigned char *entry = entry_at(sector, i);

        if (!is_extended(entry[4]))
            add_entry(table, disk, entry, 0, i + 1);
        else if (extended == NULL)
            extended = entry;
    }
    return extended == NULL ? VDISK_OK : read_logical(disk, extended, table, error);
}
