#include "virtualdisk/partition.h"
#include "engine/base/checked.h"
#include "engine/partition/table.h"

enum vdisk_status vdisk_table_reserve(struct vdisk_partition_table *table, uint32_t capacity,
                                      struct vdisk_error *error)
{
    vdisk_partitions_free(table); /* of a copy that was given up */
    table->partitions = vdisk_alloc_array((size_t)capacity + 1, sizeof *table->partitions);
    if (table->partitions == NULL)
        return vdisk_fail(error, VDISK_NO_MEMORY, NULL, "partition table", VDISK_NO_OFFSET, NULL);
    return VDISK_OK;
}

void vdisk_table_note(struct vdisk_partition_table *table, const char *note)
{
    for (uint32_t i = 0; i < table->note_count; i++) {
        if (strcmp(table->notes[i], note) == 0)
            return;
    }
    if (table->note_count < VDISK_PARTITION_NOTES_MAX)
        table->notes[table->note_count++] = note;
}

void vdisk_table_leave_out(struct vdisk_partition_table *table, const char *note)
{
    table->incomplete = true;
    vdisk_table_note(table, note);
}

static bool is_apart(const struct vdisk_partition_table *table, uint64_t offset_bytes,
                     uint64_t size_bytes)
{
    for (uint32_t i = 0; i < table->count; i++) {
        if (vdisk_ranges_overlap(table->partitions[i].offset_bytes, table->partitions[i].size_bytes,
                                 offset_bytes, size_bytes))
            return false;
    }
    return true;
}

void vdisk_table_add(struct vdisk_partition_table *table, const struct vdisk_disk *disk,
                     const struct vdisk_partition *partition, uint64_t first_sector,
                     uint64_t sector_count)
{
    struct vdisk_partition *added = &table->partitions[table->count];

    if (sector_count == 0) {
        vdisk_table_leave_out(table, "an entry of no size is left out");
        return;
    }
    if (first_sector == 0) {
        vdisk_table_leave_out(table, "a partition that holds the table itself is left out");
        return;
    }
    if (!vdisk_range_within(first_sector, sector_count, vdisk_table_disk_sectors(disk))) {
        vdisk_table_leave_out(table,
                              "a partition that reaches beyond the end of the disk is left out");
        return;
    }
    *added = *partition;
    added->offset_bytes = first_sector * disk->logical_sector_bytes; /* inside the disk */
    added->size_bytes = sector_count * disk->logical_sector_bytes;
    if (is_apart(table, added->offset_bytes, added->size_bytes))
        table->count++;
    else
        vdisk_table_leave_out(table, "a partition that overlaps another one is left out");
}

uint64_t vdisk_table_disk_sectors(const struct vdisk_disk *disk)
{
    return disk->size_bytes / disk->logical_sector_bytes;
}

enum vdisk_status vdisk_table_read_sector(struct vdisk_disk *disk, uint64_t sector,
                                          unsigned char *buffer, struct vdisk_error *error)
{
    const uint32_t sector_bytes = disk->logical_sector_bytes;

    return vdisk_disk_read(disk, sector * sector_bytes, buffer, sector_bytes, error);
}

static enum vdisk_status read_table(struct vdisk_disk *disk, unsigned char *sector,
                                    struct vdisk_partition_table *table, struct vdisk_error *error)
{
    enum vdisk_status status = vdisk_table_read_sector(disk, 0, sector, error);

    if (status != VDISK_OK)
        return status;
    if (vdisk_mbr_is_table(sector))
        return vdisk_mbr_is_protective(sector) ? vdisk_gpt_read(disk, table, error)
                                               : vdisk_mbr_read(disk, sector, table, error);
    if (vdisk_gpt_is_present(disk))
        vdisk_table_note(table, "there is a GPT, but the first sector does not say so");
    return VDISK_OK;
}

enum vdisk_status vdisk_partitions_read(struct vdisk_disk *disk,
                                        struct vdisk_partition_table *table,
                                        struct vdisk_error *error)
{
    unsigned char *sector;
    enum vdisk_status status;

    memset(table, 0, sizeof *table);
    if (disk->optical || vdisk_table_disk_sectors(disk) == 0)
        return VDISK_OK;
    if (disk->logical_sector_bytes > PARTITION_SECTOR)
        return vdisk_fail(error, VDISK_UNSUPPORTED, NULL, "partition table", VDISK_NO_OFFSET,
                          "the disk's sectors are too large");
    sector = vdisk_alloc(PARTITION_SECTOR);
    if (sector == NULL)
        return vdisk_fail(error, VDISK_NO_MEMORY, NULL, "partition table", VDISK_NO_OFFSET, NULL);
    status = read_table(disk, sector, table, error);
    vdisk_free(sector);
    if (status != VDISK_OK)
        vdisk_partitions_free(table);
    return status;
}

void vdisk_partitions_free(struct vdisk_partition_table *table)
{
    vdisk_free(table->partitions);
    memset(table, 0, sizeof *table);
}

const struct vdisk_partition *vdisk_partition_find(const struct vdisk_partition_table *table,
                                                   uint32_t number)
{
    for (uint32_t i = 0; i < table->count; i++) {
        if (table->partitions[i].number == number)
            return &table->partitions[i];
    }
    return NULL;
}
