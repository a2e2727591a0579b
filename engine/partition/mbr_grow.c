/*
 * Growing a primary partition of an MBR, and the one entry that stands for a GPT: changes of the
 * first sector, which is written at once.
 */
#include "engine/base/checked.h"
#include "engine/base/endian.h"
#include "engine/partition/grow.h"
#include "engine/partition/table.h"

#define ENTRY_BYTES       16u
#define ENTRIES_OFFSET    446u
#define CHS_END_OFFSET    5u /* in an entry */
#define COUNT_OFFSET      12u
#define TYPE_PROTECTIVE   0xeeu
#define PROTECTED_FIRST   1u
#define HEADS             255u /* as everybody counts, whatever the disk says */
#define SECTORS_PER_TRACK 63u
#define CYLINDERS         1024u

static enum vdisk_status read_first(struct vdisk_disk *disk, unsigned char **sector,
                                    struct vdisk_error *error)
{
    enum vdisk_status status;

    *sector = vdisk_alloc(PARTITION_SECTOR);
    if (*sector == NULL)
        return vdisk_growth_fail(error, VDISK_NO_MEMORY, NULL);
    status = vdisk_table_read_sector(disk, 0, *sector, error);
    if (status != VDISK_OK)
        vdisk_free(*sector);
    return status;
}

/* An extended partition is none that the table lists, and in the way all the same. */
static enum vdisk_status check_entries(const struct vdisk_growth *growth,
                                       const unsigned char *sector, struct vdisk_error *error)
{
    for (uint32_t i = 0; i < VDISK_MBR_ENTRIES; i++) {
        const struct vdisk_mbr_entry entry = vdisk_mbr_load_entry(sector, i);

        if (entry.type != 0 && i != growth->number - 1 &&
            vdisk_ranges_overlap(entry.first, entry.count, growth->old_end,
                                 growth->new_end - growth->old_end))
            return vdisk_growth_fail(error, VDISK_INVALID, "another partition is in the way");
    }
    return VDISK_OK;
}

enum vdisk_status vdisk_mbr_plan(const struct vdisk_growth *growth, uint64_t *disk_sectors,
                                 struct vdisk_error *error)
{
    unsigned char *sector;
    enum vdisk_status status;

    if (growth->number > VDISK_MBR_ENTRIES)
        return vdisk_growth_fail(error, VDISK_UNSUPPORTED, "a logical drive cannot grow");
    if (growth->new_end - growth->first > UINT32_MAX)
        return vdisk_growth_fail(error, VDISK_OUT_OF_RANGE,
                                 "an MBR has no room for so many sectors");
    status = read_first(growth->disk, &sector, error);
    if (status != VDISK_OK)
        return status;
    status = check_entries(growth, sector, error);
    vdisk_free(sector);
    *disk_sectors = growth->used_end;
    return status;
}

/* Cylinder, head and sector; beyond the last cylinder the largest that there are. */
static void store_chs(unsigned char *at, uint64_t sector)
{
    const uint64_t track = sector / SECTORS_PER_TRACK;
    const uint64_t cylinder = track / HEADS;

    if (cylinder >= CYLINDERS) {
        at[0] = HEADS - 1;
        at[1] = 0xff;
        at[2] = 0xff;
        return;
    }
    at[0] = (unsigned char)(track % HEADS);
    at[1] = (unsigned char)((sector % SECTORS_PER_TRACK + 1) | (cylinder >> 8) << 6);
    at[2] = (unsigned char)cylinder;
}

static void set_end(unsigned char *sector, uint32_t index, uint64_t first, uint64_t end)
{
    unsigned char *entry = sector + ENTRIES_OFFSET + (size_t)index * ENTRY_BYTES;

    store_chs(entry + CHS_END_OFFSET, end - 1);
    vdisk_store_le32(entry + COUNT_OFFSET, (uint32_t)vdisk_min_u64(end - first, UINT32_MAX));
}

/* Flushed, and freed whatever the outcome. */
static enum vdisk_status write_first(struct vdisk_disk *disk, unsigned char *sector,
                                     struct vdisk_error *error)
{
    enum vdisk_status status = vdisk_disk_write(disk, 0, sector, disk->logical_sector_bytes, error);

    if (status == VDISK_OK)
        status = vdisk_disk_flush(disk, error);
    vdisk_free(sector);
    return status;
}

enum vdisk_status vdisk_mbr_apply(const struct vdisk_growth *growth, struct vdisk_error *error)
{
    unsigned char *sector;
    enum vdisk_status status = read_first(growth->disk, &sector, error);

    if (status != VDISK_OK)
        return status;
    set_end(sector, growth->number - 1, growth->first, growth->new_end);
    return write_first(growth->disk, sector, error);
}

/* A hybrid, which lists partitions beside it, is left to those who made it. */
static bool find_protective(const unsigned char *sector, uint32_t *index)
{
    uint32_t used = 0;
    bool usual = false;

    for (uint32_t i = 0; i < VDISK_MBR_ENTRIES; i++) {
        const struct vdisk_mbr_entry entry = vdisk_mbr_load_entry(sector, i);

        if (entry.type == TYPE_PROTECTIVE && entry.first == PROTECTED_FIRST) {
            *index = i;
            usual = true;
        }
        used += entry.type != 0;
    }
    return usual && used == 1;
}

enum vdisk_status vdisk_mbr_protect(struct vdisk_disk *disk, struct vdisk_error *error)
{
    unsigned char *sector;
    uint32_t index = 0;
    enum vdisk_status status = read_first(disk, &sector, error);

    if (status != VDISK_OK)
        return status;
    if (!find_protective(sector, &index)) {
        vdisk_free(sector);
        return VDISK_OK;
    }
    set_end(sector, index, PROTECTED_FIRST, vdisk_table_disk_sectors(disk));
    return write_first(disk, sector, error);
}
