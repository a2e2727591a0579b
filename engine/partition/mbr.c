#include "engine/partition/mbr.h"
#include "engine/base/checked.h"
#include "engine/base/endian.h"
#include "engine/partition/boot_sector.h"

#define SIGNATURE_OFFSET 440u
#define MARK_OFFSET      510u
#define TYPE_PROTECTIVE  0xeeu

struct vdisk_mbr_entry vdisk_mbr_load_entry(const unsigned char *sector, uint32_t index)
{
    const unsigned char *at =
        sector + VDISK_MBR_ENTRIES_OFFSET + (size_t)index * VDISK_MBR_ENTRY_BYTES;

    return (struct vdisk_mbr_entry){.status = at[0],
                                    .type = at[4],
                                    .first = vdisk_load_le32(at + 8),
                                    .count = vdisk_load_le32(at + 12)};
}

bool vdisk_mbr_has_mark(const unsigned char *sector)
{
    return sector[MARK_OFFSET] == 0x55 && sector[MARK_OFFSET + 1] == 0xaa;
}

bool vdisk_mbr_is_extended(const struct vdisk_mbr_entry *entry)
{
    return entry->type == 0x05 || entry->type == 0x0f || entry->type == 0x85;
}

/* The mark alone means nothing: the boot sector of every file system ends with it. */
bool vdisk_mbr_is_table(const unsigned char *sector)
{
    uint32_t used = 0;

    if (!vdisk_mbr_has_mark(sector) || vdisk_boot_sector_kind(sector) != VDISK_BOOT_SECTOR_NONE)
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

static void add_record(struct vdisk_partition_table *table, const struct vdisk_disk *disk,
                       const struct vdisk_mbr_record *record, uint32_t number)
{
    if (record->entry.first == 0)
        vdisk_table_leave_out(table, "a logical drive that holds its own record is left out");
    else
        add_entry(table, disk, &record->entry, record->sector, number);
}

static enum vdisk_status read_logical(struct vdisk_disk *disk,
                                      const struct vdisk_mbr_entry *extended,
                                      struct vdisk_partition_table *table,
                                      struct vdisk_error *error)
{
    struct vdisk_mbr_chain *chain;
    uint32_t number = VDISK_MBR_LOGICAL_FIRST;
    enum vdisk_status status;

    if (extended->first == 0 || extended->count == 0) {
        vdisk_table_leave_out(table, "the extended partition makes no sense and is left out");
        return VDISK_OK;
    }
    status = vdisk_mbr_chain_read(disk, extended, &chain, error);
    if (status != VDISK_OK)
        return status;
    for (uint32_t i = 0; i < chain->length; i++) {
        if (chain->records[i].drive != VDISK_MBR_ENTRIES)
            add_record(table, disk, &chain->records[i], number++);
    }
    if (chain->flaw != NULL)
        vdisk_table_leave_out(table, chain->flaw);
    vdisk_free(chain);
    return VDISK_OK;
}

enum vdisk_status vdisk_mbr_read(struct vdisk_disk *disk, const unsigned char *sector,
                                 struct vdisk_partition_table *table, struct vdisk_error *error)
{
    struct vdisk_mbr_entry extended = {0};
    enum vdisk_status status =
        vdisk_table_reserve(table, VDISK_MBR_ENTRIES + VDISK_MBR_LOGICAL_MAX, error);

    if (status != VDISK_OK)
        return status;
    table->style = VDISK_PARTITION_MBR;
    table->mbr_signature = vdisk_load_le32(sector + SIGNATURE_OFFSET);
    for (uint32_t i = 0; i < VDISK_MBR_ENTRIES; i++) {
        const struct vdisk_mbr_entry entry = vdisk_mbr_load_entry(sector, i);

        if (entry.type == 0)
            continue;
        if (!vdisk_mbr_is_extended(&entry))
            add_entry(table, disk, &entry, 0, i + 1);
        else if (extended.type == 0)
            extended = entry;
        else
            vdisk_table_leave_out(table,
                                  "of several extended partitions only the first one is read");
    }
    return extended.type == 0 ? VDISK_OK : read_logical(disk, &extended, table, error);
}
