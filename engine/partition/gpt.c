/*
 * The GUID partition table (UEFI specification, 5.3): a header in sector 1, one in the last sector,
 * each with an array of entries.
 *
 *   header:  0 "EFI PART"  12 size  16 CRC-32 of the header  24 its sector  40 first, 48 last
 * usable 56 disk id  72 sector of the array  80 entries  84 bytes an entry  88 CRC-32 of the array
 *   entry:   0 type  16 id  32 first sector  40 last sector  48 attributes  56 name (UTF-16)
 */
#include "engine/partition/table.h"
#include "engine/base/checked.h"
#include "engine/base/crc32.h"
#include "engine/base/endian.h"

#define HEADER_BYTES_MIN 92u
#define ENTRY_BYTES_MIN  128u
#define ENTRY_BYTES_MAX  4096u

static const unsigned char signature[8] = {'E', 'F', 'I', ' ', 'P', 'A', 'R', 'T'};

struct gpt {
    uint64_t first_usable;
    uint64_t last_usable;
    uint64_t array_sector;
    uint32_t entry_count;
    uint32_t entry_bytes;
    uint32_t array_crc;
    size_t array_bytes; /* whole sectors */
    uint8_t disk_id[VDISK_PARTITION_GUID_BYTES];
};

static enum vdisk_status fail(struct vdisk_error *error, const struct vdisk_disk *disk,
                              uint64_t sector, const char *reason)
{
    return vdisk_fail(error, VDISK_CORRUPT, NULL, "GPT", sector * disk->logical_sector_bytes,
                      reason);
}

static bool checksum_matches(unsigned char *header, uint32_t header_bytes)
{
    const uint32_t stored = vdisk_load_le32(header + 16);
    uint32_t actual;

    vdisk_store_le32(header + 16, 0);
    actual = vdisk_crc32(0, header, header_bytes);
    vdisk_store_le32(header + 16, stored);
    return stored == actual;
}

static bool array_fits(const struct vdisk_disk *disk, struct gpt *gpt)
{
    const uint32_t sector_bytes = disk->logical_sector_bytes;
    const uint64_t bytes = (uint64_t)gpt->entry_count * gpt->entry_bytes; /* both were bounded */
    const uint64_t sectors = vdisk_div_up(bytes, sector_bytes);

    gpt->array_bytes = (size_t)(sectors * sector_bytes);
    return vdisk_range_within(gpt->array_sector, sectors, disk->size_bytes / sector_bytes);
}

/* Decodes a header that the buffer holds, and judges it. */
static enum vdisk_status decode_header(struct vdisk_disk *disk, uint64_t sector,
                                       unsigned char *header, struct gpt *gpt,
                                       struct vdisk_error *error)
{
    const uint32_t header_bytes = vdisk_load_le32(header + 12);

    if (memcmp(header, signature, sizeof signature) != 0)
        return fail(error, disk, sector, "there is no header");
    if (header_bytes < HEADER_BYTES_MIN || header_bytes > disk->logical_sector_bytes)
        return fail(error, disk, sector, "the header has an impossible size");
    if (!checksum_matches(header, header_bytes))
        return fail(error, disk, sector, "the header's checksum does not match");
    if (vdisk_load_le64(header + 24) != sector)
        return fail(error, disk, sector, "the header belongs to another place");
    gpt->first_usable = vdisk_load_le64(header + 40);
    gpt->last_usable = vdisk_load_le64(header + 48);
    memcpy(gpt->disk_id, header + 56, VDISK_PARTITION_GUID_BYTES);
    gpt->array_sector = vdisk_load_le64(header + 72);
    gpt->entry_count = vdisk_load_le32(header + 80);
    gpt->entry_bytes = vdisk_load_le32(header + 84);
    gpt->array_crc = vdisk_load_le32(header + 88);
    if (gpt->entry_count > PARTITIONS_MAX || gpt->entry_bytes < ENTRY_BYTES_MIN ||
        gpt->entry_bytes > ENTRY_BYTES_MAX || gpt->entry_bytes % 8 != 0)
        return fail(error, disk, sector, "the number or the size of the entries makes no sense");
    if (!array_fits(disk, gpt))
        return fail(error, disk, sector, "the entries reach beyond the end of the disk");
    return VDISK_OK;
}

static enum vdisk_status read_header(struct vdisk_disk *disk, uint64_t sector, struct gpt *gpt,
                                     struct vdisk_error *error)
{
    unsigned char *header = vdisk_alloc(PARTITION_SECTOR);
    enum vdisk_status status = VDISK_NO_MEMORY;

    if (header == NULL)
        return vdisk_fail(error, status, NULL, "GPT", VDISK_NO_OFFSET, NULL);
    status = vdisk_table_read_sector(disk, sector, header, error);
    if (status == VDISK_OK)
        status = decode_header(disk, sector, header, gpt, error);
    vdisk_free(header);
    return status;
}

static void add_entries(struct vdisk_disk *disk, const struct gpt *gpt, const unsigned char *array,
                        struct vdisk_partition_table *table)
{
    static const uint8_t unused[VDISK_PARTITION_GUID_BYTES];

    for (uint32_t i = 0; i < gpt->entry_count; i++) {
        const unsigned char *entry = array + (size_t)i * gpt->entry_bytes;
        const uint64_t first = vdisk_load_le64(entry + 32);
        const uint64_t last = vdisk_load_le64(entry + 40);
        struct vdisk_partition partition = {.number = i + 1,
                                            .gpt_attributes = vdisk_load_le64(entry + 48)};

        if (memcmp(entry, unused, sizeof unused) == 0)
            continue;
        memcpy(partition.gpt_type, entry, VDISK_PARTITION_GUID_BYTES);
        memcpy(partition.gpt_id, entry + 16, VDISK_PARTITION_GUID_BYTES);
        for (uint32_t unit = 0; unit < VDISK_PARTITION_NAME_UNITS; unit++)
            partition.gpt_name[unit] = vdisk_load_le16(entry + 56 + (size_t)unit * 2);
        if (first > last || first < gpt->first_usable || last > gpt->last_usable)
            table->note = "a partition lies outside of the usable part of the disk";
        else
            vdisk_table_add(table, disk, &partition, first, last - first + 1);
    }
}

static enum vdisk_status read_array(struct vdisk_disk *disk, const struct gpt *gpt,
                                    struct vdisk_partition_table *table, struct vdisk_error *error)
{
    unsigned char *array = vdisk_alloc(gpt->array_bytes + 1); /* which is bounded; never nothing */
    enum vdisk_status status = VDISK_NO_MEMORY;

    if (array == NULL)
        return vdisk_fail(error, status, NULL, "GPT", VDISK_NO_OFFSET, NULL);
    status = vdisk_disk_read(disk, gpt->array_sector * disk->logical_sector_bytes, array,
                             gpt->array_bytes, error);
    if (status == VDISK_OK &&
        vdisk_crc32(0, array, (size_t)gpt->entry_count * gpt->entry_bytes) != gpt->array_crc)
        status = fail(error, disk, gpt->array_sector, "the entries' checksum does not match");
    if (status == VDISK_OK)
        status = vdisk_table_reserve(table, gpt->entry_count, error);
    if (status == VDISK_OK)
        add_entries(disk, gpt, array, table);
    vdisk_free(array);
    return status;
}

static enum vdisk_status read_copy(struct vdisk_disk *disk, uint64_t sector,
                                   struct vdisk_partition_table *table, struct vdisk_error *error)
{
    struct gpt gpt = {0};
    enum vdisk_status status = read_header(disk, sector, &gpt, error);

    if (status == VDISK_OK)
        status = read_array(disk, &gpt, table, error);
    if (status == VDISK_OK)
        memcpy(table->disk_id, gpt.disk_id, VDISK_PARTITION_GUID_BYTES);
    return status;
}

/* A table for sectors of 512 bytes begins at byte 512, one for 4096 at byte 4096. */
static bool is_for_other_sectors(struct vdisk_disk *disk)
{
    const uint64_t offset = disk->logical_sector_bytes == 4096 ? 512 : 4096;
    unsigned char *sector = vdisk_alloc(VDISK_SECTOR_BYTES);
    const bool found =
        sector != NULL &&
        vdisk_disk_read(disk, offset, sector, VDISK_SECTOR_BYTES, NULL) == VDISK_OK &&
        memcmp(sector, signature, sizeof signature) == 0;

    vdisk_free(sector);
    return found;
}

enum vdisk_status vdisk_gpt_read(struct vdisk_disk *disk, struct vdisk_partition_table *table,
                                 struct vdisk_error *error)
{
    const uint64_t last_sector = disk->size_bytes / disk->logical_sector_bytes - 1;
    enum vdisk_status status = read_copy(disk, 1, table, error);

    table->style = VDISK_PARTITION_GPT;
    if (status != VDISK_CORRUPT)
        return status;
    if (is_for_other_sectors(disk))
        return vdisk_fail(error, VDISK_UNSUPPORTED, NULL, "GPT", VDISK_NO_OFFSET,
                          "it was written for sectors of another size");
    if (read_copy(disk, last_sector, table, NULL) != VDISK_OK)
        return status;
    table->note = "the first copy of the table is damaged; the second one was used";
    return VDISK_OK;
}
