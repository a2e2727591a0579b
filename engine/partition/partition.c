#include "virtualdisk/partition.h"
#include "engine/base/checked.h"
#include "engine/partition/table.h"

enum vdisk_status vdisk_table_reserve(struct vdisk_partition_table *table, uint32_t capacity,
                                      struct vdisk_error *error)
{
    vdisk_free(table->partitions); /* of a copy that was given up */
    table->count = 0;
    table->partitions = vdisk_alloc_array(capacity + 1, sizeof *table->partitions);
    if (table->partitions == NULL)
        return vdisk_fail(error, VDISK_NO_MEMORY, NULL, "partition table", VDISK_NO_OFFSET, NULL);
    return VDISK_OK;
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
    const uint64_t disk_sectors = disk->size_bytes / disk->logical_sector_bytes;
    struct vdisk_partition *added = &table->partitions[table->count];

    if (first_sector == 0 || sector_count == 0 ||
        !vdisk_range_within(first_sector, sector_count, disk_sectors)) {
        table->note = "a partition reaches beyond the end of the disk, or is empty";
        return;
    }
    *added = *partition;
    added->offset_bytes = first_sector * disk->logical_sector_bytes; /* inside the disk */
    added->size_bytes = sector_count * disk->logical_sector_bytes;
    if (is_apart(table, added->offset_bytes, added->size_bytes))
        table->count++;
    else
        table->note = "two partitions overlap";
}

enum vdisk_status vdisk_table_read_sector(struct vdisk_disk *disk, uint64_t sector,
                                          unsigned char *buffer, struct vdisk_error *error)
{
    const uint32_t sector_bytes = disk->logical_sector_bytes;

    if (sector >= disk->size_bytes / sector_bytes)
        return vdisk_fail(error, VDISK_CORRUPT, NULL, "partition table", VDISK_NO_OFFSET,
                          "it refers to a place beyond the end of the disk");
    return vdisk_disk_read(disk, sector * sector_bytes, buffer, sector_bytes, error);
}

static enum vdisk_status read_table(struct vdisk_disk *disk, unsigned char *sector,
                                    struct vdisk_partition_table *table, struct vdisk_error *error)
{
    enum vdisk_status status = vdisk_table_read_sector(disk, 0, sector, error);

    if (status != VDISK_OK || !vdisk_mbr_is_table(disk, sector))
        return status;
    return vdisk_mbr_is_protective(sector) ? vdisk_gpt_read(disk, table, error)
                                           : vdisk_mbr_read(disk, sector, table, error);
}

enum vdisk_status vdisk_partitions_read(struct vdisk_disk *disk,
                                        struct vdisk_partition_table *table,
                                        struct vdisk_error *error)
{
    unsigned char *sector = vdisk_alloc(PARTITION_SECTOR);
    enum vdisk_status status;

    memset(table, 0, sizeof *table);
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
