/*
 * The master boot record: four entries at 446, and a chain of extended boot records, each with one
 * logical drive and a link to the next.
 *
 *   entry:  0 status (0x80: active)   4 type   8 first sector (LE32)   12 number of sectors (LE32)
 *
 * Sectors count from the beginning of the disk; those of a logical drive from its record, those of
 * a link from the beginning of the extended partition.
 */
#include "engine/base/checked.h"
#include "engine/base/endian.h"
#include "engine/partition/boot_sector.h"
#include "engine/partition/table.h"

#define ENTRIES_OFFSET   446u
#define ENTRY_BYTES      16u
#define SIGNATURE_OFFSET 440u
#define MARK_OFFSET      510u
#define TYPE_PROTECTIVE  0xeeu
#define LOGICAL_FIRST    5u
#define LOGICAL_MAX      128u /* records that are read */

struct vdisk_mbr_entry vdisk_mbr_load_entry(const unsigned char *sector, uint32_t index)
{
    const unsigned char *at = sector + ENTRIES_OFFSET + (size_t)index * ENTRY_BYTES;

    return (struct vdisk_mbr_entry){.status = at[0],
                                    .type = at[4],
                                    .first = vdisk_load_le32(at + 8),
                                    .count = vdisk_load_le32(at + 12)};
}

static bool has_mark(const unsigned char *sector)
{
    return sector[MARK_OFFSET] == 0x55 && sector[MARK_OFFSET + 1] == 0xaa;
}

static bool is_extended(const struct vdisk_mbr_entry *entry)
{
    return entry->type == 0x05 || entry->type == 0x0f || entry->type == 0x85;
}

/* The mark alone means nothing: the boot sector of every file system ends with it. */
bool vdisk_mbr_is_table(const unsigned char *sector)
{
    uint32_t used = 0;

    if (!has_mark(sector) || vdisk_boot_sector_kind(sector) != VDISK_BOOT_SECTOR_NONE)
        return false;
    for (uint32_t i = 0; i < VDISK_MBR_ENTRIES; i++) {
        const struct vdisk_mbr_entry entry = vdisk_mbr_load_entry(sector, i);

        if (entry.status != 0 && entry.status != 0x80)
            return false;
        if (entry.type != 0 && entry.first != 0 && entry.count != 0)
            used++;
    }
    return used != 0;
}

bool vdisk_mbr_is_protective(const unsigned char *sector)
{
    for (uint32_t i = 0; i < VDISK_MBR_ENTRIES; i++) {
        if (vdisk_mbr_load_entry(sector, i).type == TYPE_PROTECTIVE)
            return true;
    }
    return false;
}

/* Adds what an entry says; `base` is what its first sector counts from. */
static void add_entry(struct vdisk_partition_table *table, const struct vdisk_disk *disk,
                      const struct vdisk_mbr_entry *entry, uint64_t base, uint32_t number)
{
    const struct vdisk_partition partition = {
        .number = number, .mbr_type = entry->type, .mbr_active = entry->status == 0x80};

    vdisk_table_add(table, disk, &partition, base + entry->first, entry->count);
}

/* The extended boot records that were visited, so that a chain cannot lead back. */
struct chain {
    uint64_t base; /* the extended partition, in sectors */
    uint64_t count;
    uint64_t visited[LOGICAL_MAX];
    uint32_t length;
    uint32_t drives;
    unsigned char sector[PARTITION_SECTOR];
};

/* What is wrong with a link to a record; NULL: nothing. */
static const char *judge_link(const struct chain *chain, const struct vdisk_disk *disk,
                              uint64_t sector)
{
    if (chain->length == LOGICAL_MAX)
        return "there are more than 128 logical drives; the rest is left out";
    if (sector < chain->base || sector - chain->base >= chain->count)
        return "the chain of logical drives leads out of the extended partition";
    if (sector >= vdisk_table_disk_sectors(disk))
        return "the chain of logical drives leads beyond the end of the disk";
    for (uint32_t i = 0; i < chain->length; i++) {
        if (chain->visited[i] == sector)
            return "the chain of logical drives leads back to itself";
    }
    return NULL;
}

/* The logical drive that a record has, unless it was deleted, and the link to the next. */
static bool take_record(struct chain *chain, const struct vdisk_disk *disk, uint64_t sector,
                        struct vdisk_partition_table *table, uint64_t *next)
{
    bool has_drive = false, has_next = false;

    for (uint32_t i = 0; i < VDISK_MBR_ENTRIES; i++) {
        const struct vdisk_mbr_entry entry = vdisk_mbr_load_entry(chain->sector, i);

        if (entry.type == 0 || entry.count == 0)
            continue;
        if (is_extended(&entry)) {
            if (!has_next && entry.first != 0)
                *next = chain->base + entry.first;
            has_next = has_next || entry.first != 0;
        } else if (!has_drive) {
            has_drive = true;
            if (entry.first == 0)
                vdisk_table_leave_out(table,
                                      "a logical drive that holds its own record is left out");
            else
                add_entry(table, disk, &entry, sector, LOGICAL_FIRST + chain->drives);
            chain->drives++;
        }
    }
    return has_next;
}

static enum vdisk_status follow_chain(struct vdisk_disk *disk, struct vdisk_partition_table *table,
                                      struct chain *chain, struct vdisk_error *error)
{
    uint64_t sector = chain->base;
    bool more = true;

    while (more) { /* at most LOGICAL_MAX times */
        const char *flaw = judge_link(chain, disk, sector);
        enum vdisk_status status;

        if (flaw != NULL) {
            vdisk_table_leave_out(table, flaw);
            return VDISK_OK;
        }
        status = vdisk_table_read_sector(disk, sector, chain->sector, error);
        if (status != VDISK_OK)
            return status;
        if (!has_mark(chain->sector)) {
            vdisk_table_leave_out(table, "the chain of logical drives is broken");
            return VDISK_OK;
        }
        chain->visited[chain->length++] = sector;
        more = take_record(chain, disk, sector, table, &sector);
    }
    return VDISK_OK;
}

static enum vdisk_status read_logical(struct vdisk_disk *disk,
                                      const struct vdisk_mbr_entry *extended,
                                      struct vdisk_partition_table *table,
                                      struct vdisk_error *error)
{
    struct chain *chain;
    enum vdisk_status status;

    if (extended->first == 0 || extended->count == 0) {
        vdisk_table_leave_out(table, "the extended partition makes no sense and is left out");
        return VDISK_OK;
    }
    chain = vdisk_alloc(sizeof *chain);
    if (chain == NULL)
        return vdisk_fail(error, VDISK_NO_MEMORY, NULL, "partition table", VDISK_NO_OFFSET, NULL);
    chain->base = extended->first;
    chain->count = extended->count;
    chain->length = 0;
    chain->drives = 0;
    status = follow_chain(disk, table, chain, error);
    vdisk_free(chain);
    return status;
}

enum vdisk_status vdisk_mbr_read(struct vdisk_disk *disk, const unsigned char *sector,
                                 struct vdisk_partition_table *table, struct vdisk_error *error)
{
    struct vdisk_mbr_entry extended = {0};
    enum vdisk_status status = vdisk_table_reserve(table, VDISK_MBR_ENTRIES + LOGICAL_MAX, error);

    if (status != VDISK_OK)
        return status;
    table->style = VDISK_PARTITION_MBR;
    table->mbr_signature = vdisk_load_le32(sector + SIGNATURE_OFFSET);
    for (uint32_t i = 0; i < VDISK_MBR_ENTRIES; i++) {
        const struct vdisk_mbr_entry entry = vdisk_mbr_load_entry(sector, i);

        if (entry.type == 0)
            continue;
        if (!is_extended(&entry))
            add_entry(table, disk, &entry, 0, i + 1);
        else if (extended.type == 0)
            extended = entry;
        else
            vdisk_table_leave_out(table,
                                  "of several extended partitions only the first one is read");
    }
    return extended.type == 0 ? VDISK_OK : read_logical(disk, &extended, table, error);
}
