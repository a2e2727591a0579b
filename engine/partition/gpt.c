/*
 * The GUID partition table (UEFI specification, 5.3): a header in the second sector, one in the
 * last sector, each with an array of entries of its own.
 */
#include "engine/partition/gpt.h"
#include "engine/base/checked.h"
#include "engine/base/crc32.h"
#include "engine/base/endian.h"
#include "engine/base/guid.h"
#include "engine/partition/table.h"

#define HEADER_BYTES_MIN 92u
#define ENTRY_BYTES_MIN  128u
#define ENTRY_BYTES_MAX  4096u
#define PIECE_BYTES      65536u /* of the array, read at once */

static bool has_signature(const unsigned char *header)
{
    return memcmp(header, "EFI PART", 8) == 0;
}

/* Zeroes the stored sum; the buffer holds header_bytes. */
static bool header_sum_matches(unsigned char *header, uint32_t header_bytes)
{
    const uint32_t stored = vdisk_load_le32(header + 16);

    vdisk_store_le32(header + 16, 0);
    return stored == vdisk_crc32(0, header, header_bytes);
}

static void load_header(const unsigned char *header, struct vdisk_gpt *gpt)
{
    gpt->sector = vdisk_load_le64(header + 24);
    gpt->other_sector = vdisk_load_le64(header + 32);
    gpt->first_usable = vdisk_load_le64(header + 40);
    gpt->last_usable = vdisk_load_le64(header + 48);
    memcpy(gpt->disk_id, header + 56, VDISK_PARTITION_GUID_BYTES);
    gpt->array_sector = vdisk_load_le64(header + 72);
    gpt->entry_count = vdisk_load_le32(header + 80);
    gpt->entry_bytes = vdisk_load_le32(header + 84);
    gpt->array_crc = vdisk_load_le32(header + 88);
}

/* What is wrong with a header whose sum is right; NULL: nothing. */
static const char *judge_header(const struct vdisk_disk *disk, uint64_t sector,
                                struct vdisk_gpt *gpt)
{
    if (gpt->sector != sector)
        return "it belongs to another place";
    if (gpt->first_usable > gpt->last_usable)
        return "the usable part of the disk makes no sense";
    if (gpt->entry_count > PARTITIONS_MAX)
        return "there are too many entries";
    if (gpt->entry_bytes < ENTRY_BYTES_MIN || gpt->entry_bytes > ENTRY_BYTES_MAX ||
        gpt->entry_bytes % 8 != 0)
        return "the size of the entries makes no sense";
    gpt->array_sectors =
        vdisk_div_up((uint64_t)gpt->entry_count * gpt->entry_bytes, disk->logical_sector_bytes);
    if (gpt->array_sector == 0 ||
        !vdisk_range_within(gpt->array_sector, gpt->array_sectors, vdisk_table_disk_sectors(disk)))
        return "the entries do not lie on the disk";
    return NULL;
}

static enum vdisk_status fail_header(struct vdisk_error *error, const struct vdisk_disk *disk,
                                     uint64_t sector, const char *reason)
{
    return vdisk_fail(error, VDISK_CORRUPT, NULL, "GPT header", sector * disk->logical_sector_bytes,
                      reason);
}

enum vdisk_status vdisk_gpt_read_header(struct vdisk_disk *disk, uint64_t sector,
                                        unsigned char *header, struct vdisk_gpt *gpt,
                                        struct vdisk_error *error)
{
    enum vdisk_status status = vdisk_table_read_sector(disk, sector, header, error);
    uint32_t header_bytes;
    const char *flaw;

    if (status != VDISK_OK)
        return status;
    load_header(header, gpt);
    if (!has_signature(header))
        return fail_header(error, disk, sector, "there is none");
    header_bytes = vdisk_load_le32(header + 12);
    if (header_bytes < HEADER_BYTES_MIN || header_bytes > disk->logical_sector_bytes)
        return fail_header(error, disk, sector, "its size makes no sense");
    if (!header_sum_matches(header, header_bytes))
        return fail_header(error, disk, sector, "its checksum does not match");
    flaw = judge_header(disk, sector, gpt);
    return flaw == NULL ? VDISK_OK : fail_header(error, disk, sector, flaw);
}

/* Between the usable sectors, and not on the table itself, whatever the header calls usable. */
static bool is_usable(const struct vdisk_gpt *gpt, uint64_t first, uint64_t last)
{
    const uint64_t array_end = gpt->array_sector + gpt->array_sectors; /* on the disk */

    return first >= gpt->first_usable && last <= gpt->last_usable &&
           first > VDISK_GPT_FIRST_HEADER && (last < gpt->sector || first > gpt->sector) &&
           (last < gpt->array_sector || first >= array_end);
}

static void add_entry(const struct vdisk_disk *disk, const struct vdisk_gpt *gpt,
                      const unsigned char *entry, uint32_t number,
                      struct vdisk_partition_table *table)
{
    const uint64_t first = vdisk_load_le64(entry + 32);
    const uint64_t last = vdisk_load_le64(entry + 40);
    struct vdisk_partition partition = {.number = number,
                                        .gpt_attributes = vdisk_load_le64(entry + 48)};

    if (vdisk_guid_is_zero(entry)) /* not used */
        return;
    if (first > last) {
        vdisk_table_leave_out(table, "a partition that ends before it begins is left out");
        return;
    }
    if (!is_usable(gpt, first, last)) {
        vdisk_table_leave_out(table,
                              "a partition outside of the usable part of the disk is left out");
        return;
    }
    memcpy(partition.gpt_type, entry, VDISK_PARTITION_GUID_BYTES);
    memcpy(partition.gpt_id, entry + 16, VDISK_PARTITION_GUID_BYTES);
    for (uint32_t i = 0; i < VDISK_PARTITION_NAME_UNITS; i++)
        partition.gpt_name[i] = vdisk_load_le16(entry + 56 + (size_t)i * 2);
    vdisk_table_add(table, disk, &partition, first, last - first + 1);
}

/* Reads entries from `index` on, as many as a piece takes, and sums them up. */
static enum vdisk_status read_piece(struct vdisk_disk *disk, const struct vdisk_gpt *gpt,
                                    unsigned char *piece, uint32_t *index, uint32_t *crc,
                                    struct vdisk_partition_table *table, struct vdisk_error *error)
{
    const uint32_t limit = (PIECE_BYTES - 2 * PARTITION_SECTOR) / gpt->entry_bytes;
    const uint32_t count = (uint32_t)vdisk_min_u64(limit, gpt->entry_count - *index);
    const uint32_t sector_bytes = disk->logical_sector_bytes;
    const uint64_t first_byte = (uint64_t)*index * gpt->entry_bytes; /* of the array */
    const uint64_t end_byte = first_byte + (uint64_t)count * gpt->entry_bytes;
    const uint64_t from = vdisk_align_down(first_byte, sector_bytes);
    const uint64_t to = vdisk_div_up(end_byte, sector_bytes) * sector_bytes;
    const unsigned char *entries = piece + (first_byte - from);
    enum vdisk_status status = vdisk_disk_read(disk, gpt->array_sector * sector_bytes + from, piece,
                                               (size_t)(to - from), error);

    if (status != VDISK_OK)
        return status;
    *crc = vdisk_crc32(*crc, entries, (size_t)(end_byte - first_byte));
    for (uint32_t i = 0; table != NULL && i < count; i++)
        add_entry(disk, gpt, entries + (size_t)i * gpt->entry_bytes, *index + i + 1, table);
    *index += count;
    return VDISK_OK;
}

/* `table` is NULL when only the sum is asked for. */
static enum vdisk_status read_array(struct vdisk_disk *disk, const struct vdisk_gpt *gpt,
                                    unsigned char *piece, struct vdisk_partition_table *table,
                                    struct vdisk_error *error)
{
    enum vdisk_status status =
        table == NULL ? VDISK_OK : vdisk_table_reserve(table, gpt->entry_count, error);
    uint32_t index = 0, crc = 0;

    while (status == VDISK_OK && index < gpt->entry_count)
        status = read_piece(disk, gpt, piece, &index, &crc, table, error);
    if (status == VDISK_OK && crc != gpt->array_crc)
        status = vdisk_fail(error, VDISK_CORRUPT, NULL, "GPT entries",
                            gpt->array_sector * disk->logical_sector_bytes,
                            "their checksum does not match");
    return status;
}

/* The copy whose header is in `sector`; gpt is what that sector says, even when it is damaged. */
static enum vdisk_status read_copy(struct vdisk_disk *disk, uint64_t sector, unsigned char *piece,
                                   struct vdisk_gpt *gpt, struct vdisk_partition_table *table,
                                   struct vdisk_error *error)
{
    enum vdisk_status status;

    memset(gpt, 0, sizeof *gpt);
    if (sector <= VDISK_GPT_FIRST_HEADER - 1 || sector >= vdisk_table_disk_sectors(disk))
        return vdisk_fail(error, VDISK_CORRUPT, NULL, "GPT header", VDISK_NO_OFFSET,
                          "the disk is too short for it");
    status = vdisk_gpt_read_header(disk, sector, piece, gpt, error);
    if (status == VDISK_OK)
        status = read_array(disk, gpt, piece, table, error);
    if (status != VDISK_OK || table == NULL)
        return status;
    table->style = VDISK_PARTITION_GPT;
    memcpy(table->disk_id, gpt->disk_id, VDISK_PARTITION_GUID_BYTES);
    if (gpt->last_usable >= vdisk_table_disk_sectors(disk))
        vdisk_table_note(table, "the disk is shorter than when it was partitioned");
    return status;
}

/* A table for sectors of 512 bytes begins at byte 512, one for 4096 at byte 4096. */
static bool begins_at(struct vdisk_disk *disk, uint32_t offset_bytes, unsigned char *piece)
{
    const uint64_t sector = offset_bytes / disk->logical_sector_bytes;
    const unsigned char *header = piece + offset_bytes % disk->logical_sector_bytes;

    return sector < vdisk_table_disk_sectors(disk) &&
           vdisk_table_read_sector(disk, sector, piece, NULL) == VDISK_OK &&
           has_signature(header) && vdisk_load_le64(header + 24) == VDISK_GPT_FIRST_HEADER;
}

static const char *find_other_sectors(struct vdisk_disk *disk, unsigned char *piece)
{
    static const struct {
        uint32_t bytes;
        const char *note;
    } others[] = {{512, "it was written for sectors of 512 bytes"},
                  {2048, "it was written for sectors of 2048 bytes"},
                  {4096, "it was written for sectors of 4096 bytes"}};

    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        if (others[i].bytes != disk->logical_sector_bytes &&
            begins_at(disk, others[i].bytes, piece))
            return others[i].note;
    }
    return NULL;
}

static bool is_damage(enum vdisk_status status)
{
    return status == VDISK_CORRUPT || status == VDISK_IO;
}

/* The first copy is good; is the second one, and where it belongs? */
static void check_second(struct vdisk_disk *disk, unsigned char *piece,
                         const struct vdisk_gpt *first, struct vdisk_partition_table *table)
{
    struct vdisk_gpt second;

    if (first->other_sector == VDISK_GPT_FIRST_HEADER ||
        read_copy(disk, first->other_sector, piece, &second, NULL, NULL) != VDISK_OK)
        vdisk_table_note(table, "the second copy of the table is damaged or missing");
    else if (second.array_crc != first->array_crc ||
             memcmp(second.disk_id, first->disk_id, sizeof second.disk_id) != 0)
        vdisk_table_note(table, "the two copies of the table differ; the first one is used");
    else if (first->other_sector != vdisk_table_disk_sectors(disk) - 1)
        vdisk_table_note(table, "the disk is longer than when it was partitioned");
}

/* The first copy is damaged; perhaps it still tells truly where the second one is. */
static enum vdisk_status use_second(struct vdisk_disk *disk, unsigned char *piece,
                                    uint64_t told_sector, struct vdisk_partition_table *table)
{
    struct vdisk_gpt gpt;
    enum vdisk_status status =
        read_copy(disk, vdisk_table_disk_sectors(disk) - 1, piece, &gpt, table, NULL);

    if (is_damage(status) && told_sector != VDISK_GPT_FIRST_HEADER)
        status = read_copy(disk, told_sector, piece, &gpt, table, NULL);
    if (status == VDISK_OK)
        vdisk_table_note(table, "the first copy of the table is damaged; the second one is used");
    return status;
}

static enum vdisk_status read_either(struct vdisk_disk *disk, unsigned char *piece,
                                     struct vdisk_partition_table *table, struct vdisk_error *error)
{
    struct vdisk_gpt first;
    enum vdisk_status status = read_copy(disk, VDISK_GPT_FIRST_HEADER, piece, &first, table, error);
    const char *other_sectors;

    if (status == VDISK_OK)
        check_second(disk, piece, &first, table);
    if (!is_damage(status))
        return status;
    other_sectors = find_other_sectors(disk, piece);
    if (other_sectors != NULL)
        return vdisk_fail(error, VDISK_UNSUPPORTED, NULL, "GPT", VDISK_NO_OFFSET, other_sectors);
    return use_second(disk, piece, first.other_sector, table) == VDISK_OK ? VDISK_OK : status;
}

enum vdisk_status vdisk_gpt_read(struct vdisk_disk *disk, struct vdisk_partition_table *table,
                                 struct vdisk_error *error)
{
    unsigned char *piece = vdisk_alloc(PIECE_BYTES);
    enum vdisk_status status;

    if (piece == NULL)
        return vdisk_fail(error, VDISK_NO_MEMORY, NULL, "GPT", VDISK_NO_OFFSET, NULL);
    status = read_either(disk, piece, table, error);
    vdisk_free(piece);
    return status;
}

bool vdisk_gpt_is_present(struct vdisk_disk *disk)
{
    unsigned char *header = vdisk_alloc(PARTITION_SECTOR);
    struct vdisk_gpt gpt;
    const bool present =
        header != NULL && vdisk_table_disk_sectors(disk) > VDISK_GPT_FIRST_HEADER &&
        vdisk_gpt_read_header(disk, VDISK_GPT_FIRST_HEADER, header, &gpt, NULL) == VDISK_OK;

    vdisk_free(header);
    return present;
}
