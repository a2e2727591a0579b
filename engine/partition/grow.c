#include "engine/partition/grow.h"
#include "engine/base/checked.h"
#include "engine/partition/table.h"

#define DISK_UNIT_BYTES (UINT64_C(1) << 20) /* what a longer disk is a multiple of */

enum vdisk_status vdisk_growth_fail(struct vdisk_error *error, enum vdisk_status status,
                                    const char *reason)
{
    return vdisk_fail(error, status, NULL, "partition table", VDISK_NO_OFFSET, reason);
}

/* Is anything between the partition's end and where it shall end? */
static bool is_in_the_way(const struct vdisk_partition *other,
                          const struct vdisk_partition *partition, uint64_t size_bytes)
{
    const uint64_t end_bytes = partition->offset_bytes + partition->size_bytes; /* on the disk */

    return vdisk_ranges_overlap(other->offset_bytes, other->size_bytes, end_bytes,
                                size_bytes - partition->size_bytes);
}

/* Against the table as it is now. */
static enum vdisk_status check_table(const struct vdisk_partition_table *table,
                                     const struct vdisk_partition *partition, uint64_t size_bytes,
                                     struct vdisk_error *error)
{
    const struct vdisk_partition *now = vdisk_partition_find(table, partition->number);

    if (now == NULL || now->offset_bytes != partition->offset_bytes ||
        now->size_bytes != partition->size_bytes)
        return vdisk_growth_fail(error, VDISK_INVALID, "the partition is not as it was");
    if (table->incomplete)
        return vdisk_growth_fail(error, VDISK_CORRUPT,
                                 "it has entries that make no sense: nothing can grow");
    for (uint32_t i = 0; i < table->count; i++) {
        if (is_in_the_way(&table->partitions[i], now, size_bytes))
            return vdisk_growth_fail(error, VDISK_INVALID, "another partition is in the way");
    }
    return VDISK_OK;
}

static void fill_growth(struct vdisk_disk *disk, const struct vdisk_partition_table *table,
                        const struct vdisk_partition *partition, uint64_t size_bytes,
                        struct vdisk_growth *growth)
{
    const uint32_t sector_bytes = disk->logical_sector_bytes;

    growth->disk = disk;
    growth->number = partition->number;
    growth->first = partition->offset_bytes / sector_bytes;
    growth->old_end = growth->first + partition->size_bytes / sector_bytes;
    growth->new_end = growth->first + size_bytes / sector_bytes;
    growth->used_end = growth->new_end;
    for (uint32_t i = 0; i < table->count; i++) {
        const struct vdisk_partition *other = &table->partitions[i];
        const uint64_t end = (other->offset_bytes + other->size_bytes) / sector_bytes;

        growth->used_end = vdisk_max_u64(growth->used_end, end);
    }
}

static enum vdisk_status plan(struct vdisk_disk *disk, const struct vdisk_partition *partition,
                              uint64_t size_bytes, struct vdisk_growth *growth,
                              enum vdisk_partition_style *style, uint64_t *disk_bytes,
                              struct vdisk_error *error)
{
    struct vdisk_partition_table table;
    uint64_t disk_sectors;
    enum vdisk_status status = vdisk_partitions_read(disk, &table, error);

    if (status != VDISK_OK)
        return status;
    status = check_table(&table, partition, size_bytes, error);
    *style = table.style;
    if (status == VDISK_OK)
        fill_growth(disk, &table, partition, size_bytes, growth);
    vdisk_partitions_free(&table);
    if (status != VDISK_OK)
        return status;
    status = *style == VDISK_PARTITION_GPT ? vdisk_gpt_plan(growth, &disk_sectors, error)
                                           : vdisk_mbr_plan(growth, &disk_sectors, error);
    if (status != VDISK_OK)
        return status;
    *disk_bytes = disk->size_bytes;
    if (disk_sectors > vdisk_table_disk_sectors(disk) &&
        (!vdisk_mul_u64(disk_sectors, disk->logical_sector_bytes, disk_bytes) ||
         !vdisk_align_up(*disk_bytes, DISK_UNIT_BYTES, disk_bytes)))
        return vdisk_growth_fail(error, VDISK_OUT_OF_RANGE, "no disk is as long as that");
    return VDISK_OK;
}

static enum vdisk_status check_size(const struct vdisk_disk *disk,
                                    const struct vdisk_partition *partition, uint64_t size_bytes,
                                    struct vdisk_error *error)
{
    if (disk->read_only)
        return vdisk_growth_fail(error, VDISK_READ_ONLY, NULL);
    if (size_bytes <= partition->size_bytes ||
        !vdisk_is_aligned(size_bytes, disk->logical_sector_bytes))
        return vdisk_growth_fail(error, VDISK_INVALID,
                                 "the new size is not a larger number of whole sectors");
    if (!vdisk_range_within(partition->offset_bytes, size_bytes, INT64_MAX))
        return vdisk_growth_fail(error, VDISK_OUT_OF_RANGE, "no disk is as long as that");
    return VDISK_OK;
}

enum vdisk_status vdisk_partition_plan(struct vdisk_disk *disk,
                                       const struct vdisk_partition *partition, uint64_t size_bytes,
                                       uint64_t *disk_bytes, struct vdisk_error *error)
{
    struct vdisk_growth growth;
    enum vdisk_partition_style style;
    enum vdisk_status status = check_size(disk, partition, size_bytes, error);

    return status == VDISK_OK
               ? plan(disk, partition, size_bytes, &growth, &style, disk_bytes, error)
               : status;
}

enum vdisk_status vdisk_partition_grow(struct vdisk_disk *disk,
                                       const struct vdisk_partition *partition, uint64_t size_bytes,
                                       struct vdisk_error *error)
{
    struct vdisk_growth growth;
    enum vdisk_partition_style style;
    uint64_t disk_bytes;
    enum vdisk_status status = check_size(disk, partition, size_bytes, error);

    if (status == VDISK_OK)
        status = plan(disk, partition, size_bytes, &growth, &style, &disk_bytes, error);
    if (status != VDISK_OK)
        return status;
    if (disk_bytes > disk->size_bytes)
        return vdisk_growth_fail(error, VDISK_OUT_OF_RANGE, "the disk is too short");
    return style == VDISK_PARTITION_GPT ? vdisk_gpt_apply(&growth, error)
                                        : vdisk_mbr_apply(&growth, error);
}
