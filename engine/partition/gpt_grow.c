/*
 * Growing a partition of a GPT. The second copy is written first, to the end of the disk, where it
 * is looked for when the first one is damaged: at every moment one of them is whole.
 */
#include "engine/base/checked.h"
#include "engine/base/crc32.h"
#include "engine/base/endian.h"
#include "engine/partition/gpt.h"
#include "engine/partition/grow.h"
#include "engine/partition/table.h"

/* The first copy, as it is to become. */
struct copy {
    struct vdisk_disk *disk;
    struct vdisk_gpt gpt;
    unsigned char *header; /* PARTITION_SECTOR bytes */
    unsigned char *array;  /* gpt.array_sectors sectors */
    size_t array_bytes;
    uint64_t last_usable;
    uint32_t array_crc;
};

static void free_copy(struct copy *copy)
{
    vdisk_free(copy->header);
    vdisk_free(copy->array);
}

static enum vdisk_status read_array(struct copy *copy, struct vdisk_error *error)
{
    const struct vdisk_gpt *gpt = &copy->gpt; /* at most 1024 entries of 4096 bytes */
    const uint32_t sector_bytes = copy->disk->logical_sector_bytes;
    enum vdisk_status status;

    copy->array_bytes = (size_t)gpt->array_sectors * sector_bytes;
    copy->array = vdisk_alloc(copy->array_bytes);
    if (copy->array == NULL)
        return vdisk_growth_fail(error, VDISK_NO_MEMORY, NULL);
    status = vdisk_disk_read(copy->disk, gpt->array_sector * sector_bytes, copy->array,
                             copy->array_bytes, error);
    if (status == VDISK_OK &&
        vdisk_crc32(0, copy->array, (size_t)gpt->entry_count * gpt->entry_bytes) != gpt->array_crc)
        status = vdisk_growth_fail(error, VDISK_CORRUPT, "its first copy is damaged");
    return status;
}

/* To be freed whatever the outcome. */
static enum vdisk_status read_copy(struct copy *copy, struct vdisk_disk *disk,
                                   struct vdisk_error *error)
{
    enum vdisk_status status;

    memset(copy, 0, sizeof *copy);
    copy->disk = disk;
    copy->header = vdisk_alloc(PARTITION_SECTOR);
    if (copy->header == NULL)
        return vdisk_growth_fail(error, VDISK_NO_MEMORY, NULL);
    status = vdisk_gpt_read_header(disk, VDISK_GPT_FIRST_HEADER, copy->header, &copy->gpt, error);
    return status == VDISK_OK ? read_array(copy, error) : status;
}

/* The table itself may lie behind the partitions. */
enum vdisk_status vdisk_gpt_plan(const struct vdisk_growth *growth, uint64_t *disk_sectors,
                                 struct vdisk_error *error)
{
    struct copy copy;
    enum vdisk_status status = read_copy(&copy, growth->disk, error);

    free_copy(&copy);
    if (status != VDISK_OK)
        return status;
    const struct vdisk_gpt *gpt = &copy.gpt;
    if (vdisk_ranges_overlap(gpt->array_sector, gpt->array_sectors, growth->old_end,
                             growth->new_end - growth->old_end))
        return vdisk_growth_fail(error, VDISK_INVALID, "the table itself is in the way");
    *disk_sectors = vdisk_max_u64(growth->used_end, gpt->array_sector + gpt->array_sectors) +
                    gpt->array_sectors + 1;
    return VDISK_OK;
}

static void change_entry(struct copy *copy, const struct vdisk_growth *growth)
{
    const struct vdisk_gpt *gpt = &copy->gpt;
    unsigned char *entry = copy->array + (size_t)(growth->number - 1) * gpt->entry_bytes;

    vdisk_store_le64(entry + 40, growth->new_end - 1);
    copy->array_crc = vdisk_crc32(0, copy->array, (size_t)gpt->entry_count * gpt->entry_bytes);
}

/* One of the two copies, all of it. */
static enum vdisk_status write_copy(struct copy *copy, uint64_t sector, uint64_t other_sector,
                                    uint64_t array_sector, struct vdisk_error *error)
{
    struct vdisk_disk *disk = copy->disk;
    const uint32_t sector_bytes = disk->logical_sector_bytes;
    unsigned char *header = copy->header;
    enum vdisk_status status;

    vdisk_store_le32(header + 16, 0); /* the sum is that of a header without one */
    vdisk_store_le64(header + 24, sector);
    vdisk_store_le64(header + 32, other_sector);
    vdisk_store_le64(header + 48, copy->last_usable);
    vdisk_store_le64(header + 72, array_sector);
    vdisk_store_le32(header + 88, copy->array_crc);
    vdisk_store_le32(header + 16, vdisk_crc32(0, header, vdisk_load_le32(header + 12)));
    status =
        vdisk_disk_write(disk, array_sector * sector_bytes, copy->array, copy->array_bytes, error);
    if (status == VDISK_OK)
        status = vdisk_disk_write(disk, sector * sector_bytes, header, sector_bytes, error);
    if (status == VDISK_OK)
        status = vdisk_disk_flush(disk, error);
    return status;
}

static enum vdisk_status write_copies(struct copy *copy, struct vdisk_error *error)
{
    const uint64_t last = vdisk_table_disk_sectors(copy->disk) - 1;
    const uint64_t second_array = last - copy->gpt.array_sectors;
    enum vdisk_status status;

    copy->last_usable = second_array - 1;
    status = write_copy(copy, last, VDISK_GPT_FIRST_HEADER, second_array, error);
    if (status == VDISK_OK)
        status = write_copy(copy, VDISK_GPT_FIRST_HEADER, last, copy->gpt.array_sector, error);
    return status;
}

enum vdisk_status vdisk_gpt_apply(const struct vdisk_growth *growth, struct vdisk_error *error)
{
    struct copy copy;
    enum vdisk_status status = read_copy(&copy, growth->disk, error);

    if (status == VDISK_OK)
        status = vdisk_mbr_protect(growth->disk, error);
    if (status == VDISK_OK) {
        change_entry(&copy, growth);
        status = write_copies(&copy, error);
    }
    free_copy(&copy);
    return status;
}
