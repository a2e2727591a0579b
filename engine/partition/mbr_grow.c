/*
 * Growing a partition of an MBR, and the one entry that stands for a GPT. Every change is that of
 * one sector, which is written at once.
 */
#include "engine/base/checked.h"
#include "engine/base/endian.h"
#include "engine/partition/grow.h"
#include "engine/partition/mbr.h"

#define CHS_END_OFFSET    5u /* in an entry */
#define COUNT_OFFSET      12u
#define TYPE_PROTECTIVE   0xeeu
#define PROTECTED_FIRST   1u
#define HEADS             255u /* as everybody counts, whatever the disk says */
#define SECTORS_PER_TRACK 63u
#define CYLINDERS         1024u

/* A logical drive, and what leads to it. */
struct drive {
    struct vdisk_mbr_entry extended;
    uint32_t extended_index;
    struct vdisk_mbr_record record;
    struct vdisk_mbr_record linked_from; /* sector 0: the first one, which the extended leads to */
};

static enum vdisk_status read_first(struct vdisk_disk *disk, unsigned char **sector,
                                    struct vdisk_error *error)
{
    enum vdisk_status status;

    *sector = vdisk_alloc(PARTITION_SECTOR);
    if (*sector == NULL)
        return vdisk_growth_fail(error, VDISK_NO_MEMORY, NULL);
    status = vdisk_table_read_sector(disk, 0, *sector, error);
    if (status != VDISK_OK) {
        vdisk_free(*sector);
        *sector = NULL;
    }
    return status;
}

static bool is_between(uint64_t first, uint64_t count, const struct vdisk_growth *growth)
{
    return vdisk_ranges_overlap(first, count, growth->old_end, growth->new_end - growth->old_end);
}

/* An extended partition is none that the table lists, and in the way of a primary one. */
static enum vdisk_status plan_primary(const struct vdisk_growth *growth, struct vdisk_error *error)
{
    unsigned char *sector;
    enum vdisk_status status = read_first(growth->disk, &sector, error);

    for (uint32_t i = 0; i < VDISK_MBR_ENTRIES && status == VDISK_OK; i++) {
        const struct vdisk_mbr_entry entry = vdisk_mbr_load_entry(sector, i);

        if (entry.type != 0 && i != growth->number - 1 &&
            is_between(entry.first, entry.count, growth))
            status = vdisk_growth_fail(error, VDISK_INVALID, "another partition is in the way");
    }
    vdisk_free(sector);
    return status;
}

static enum vdisk_status find_extended(struct vdisk_disk *disk, struct drive *drive,
                                       struct vdisk_error *error)
{
    unsigned char *sector;
    enum vdisk_status status = read_first(disk, &sector, error);

    if (status != VDISK_OK)
        return status;
    drive->extended_index = 0;
    do
        drive->extended = vdisk_mbr_load_entry(sector, drive->extended_index);
    while (!vdisk_mbr_is_extended(&drive->extended) && ++drive->extended_index < VDISK_MBR_ENTRIES);
    vdisk_free(sector);
    return drive->extended_index < VDISK_MBR_ENTRIES
               ? VDISK_OK
               : vdisk_growth_fail(error, VDISK_INVALID, "the partition is not as it was");
}

/* The records in the way, too, lead to other drives. */
static enum vdisk_status pick_record(const struct vdisk_mbr_chain *chain,
                                     const struct vdisk_growth *growth, struct drive *drive,
                                     struct vdisk_error *error)
{
    uint32_t number = VDISK_MBR_LOGICAL_FIRST;
    bool found = false;

    for (uint32_t i = 0; i < chain->length; i++) {
        const struct vdisk_mbr_record *record = &chain->records[i];

        if (is_between(record->sector, 1, growth))
            return vdisk_growth_fail(error, VDISK_INVALID, "another partition is in the way");
        if (record->drive == VDISK_MBR_ENTRIES || number++ != growth->number)
            continue;
        found = true;
        drive->record = *record;
        drive->linked_from = i == 0 ? (struct vdisk_mbr_record){0} : chain->records[i - 1];
    }
    return found ? VDISK_OK
                 : vdisk_growth_fail(error, VDISK_INVALID, "the partition is not as it was");
}

static enum vdisk_status find_drive(const struct vdisk_growth *growth, struct drive *drive,
                                    struct vdisk_error *error)
{
    struct vdisk_mbr_chain *chain;
    enum vdisk_status status = find_extended(growth->disk, drive, error);

    if (status == VDISK_OK)
        status = vdisk_mbr_chain_read(growth->disk, &drive->extended, &chain, error);
    if (status != VDISK_OK)
        return status;
    status = pick_record(chain, growth, drive, error);
    vdisk_free(chain);
    return status;
}

enum vdisk_status vdisk_mbr_plan(const struct vdisk_growth *growth, uint64_t *disk_sectors,
                                 struct vdisk_error *error)
{
    const bool is_logical = growth->number >= VDISK_MBR_LOGICAL_FIRST;
    struct drive drive = {.extended.first = (uint32_t)growth->first};
    enum vdisk_status status =
        is_logical ? find_drive(growth, &drive, error) : plan_primary(growth, error);

    if (status == VDISK_OK && growth->new_end - drive.extended.first > UINT32_MAX)
        status =
            vdisk_growth_fail(error, VDISK_OUT_OF_RANGE, "an MBR has no room for so many sectors");
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

/* Moves the end of what an entry of a record stands for, and flushes. */
static enum vdisk_status move_end(struct vdisk_disk *disk, uint64_t record, uint32_t index,
                                  uint64_t first, uint64_t end, struct vdisk_error *error)
{
    unsigned char *sector = vdisk_alloc(PARTITION_SECTOR);
    enum vdisk_status status;

    if (sector == NULL)
        return vdisk_growth_fail(error, VDISK_NO_MEMORY, NULL);
    status = vdisk_table_read_sector(disk, record, sector, error);
    if (status == VDISK_OK) {
        unsigned char *entry =
            sector + VDISK_MBR_ENTRIES_OFFSET + (size_t)index * VDISK_MBR_ENTRY_BYTES;

        store_chs(entry + CHS_END_OFFSET, end - 1);
        vdisk_store_le32(entry + COUNT_OFFSET, (uint32_t)vdisk_min_u64(end - first, UINT32_MAX));
        status = vdisk_disk_write(disk, record * disk->logical_sector_bytes, sector,
                                  disk->logical_sector_bytes, error);
    }
    if (status == VDISK_OK)
        status = vdisk_disk_flush(disk, error);
    vdisk_free(sector);
    return status;
}

/* From the outside to the inside: what holds the drive is never shorter than it. */
static enum vdisk_status apply_logical(const struct vdisk_growth *growth, struct vdisk_error *error)
{
    struct vdisk_disk *disk = growth->disk;
    const uint64_t end = growth->new_end;
    struct drive drive;
    enum vdisk_status status = find_drive(growth, &drive, error);

    if (status != VDISK_OK)
        return status;
    const struct vdisk_mbr_entry *extended = &drive.extended;
    if (end > (uint64_t)extended->first + extended->count)
        status = move_end(disk, 0, drive.extended_index, extended->first, end, error);
    if (status == VDISK_OK && drive.linked_from.sector != 0)
        status = move_end(disk, drive.linked_from.sector, drive.linked_from.link,
                          drive.record.sector, end, error);
    if (status == VDISK_OK)
        status = move_end(disk, drive.record.sector, drive.record.drive, growth->first, end, error);
    return status;
}

enum vdisk_status vdisk_mbr_apply(const struct vdisk_growth *growth, struct vdisk_error *error)
{
    if (growth->number >= VDISK_MBR_LOGICAL_FIRST)
        return apply_logical(growth, error);
    return move_end(growth->disk, 0, growth->number - 1, growth->first, growth->new_end, error);
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
    bool found;
    enum vdisk_status status = read_first(disk, &sector, error);

    if (status != VDISK_OK)
        return status;
    found = find_protective(sector, &index);
    vdisk_free(sector);
    return found ? move_end(disk, 0, index, PROTECTED_FIRST, vdisk_table_disk_sectors(disk), error)
                 : VDISK_OK;
}
