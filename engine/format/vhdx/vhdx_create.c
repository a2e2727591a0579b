/* A new image: headers, log, metadata, BAT and, when it is fixed, all blocks. */
#include "engine/format/vhdx/vhdx.h"
#include "engine/format/vhdx/vhdx_state.h"
#include "engine/base/endian.h"
#include "engine/base/utf16.h"

#define LOG_OFFSET          VHDX_MIB
#define LOG_BYTES           VHDX_MIB
#define METADATA_OFFSET     (2 * VHDX_MIB)
#define METADATA_BYTES      VHDX_MIB
#define BAT_OFFSET          (3 * VHDX_MIB)
#define DYNAMIC_BLOCK_BYTES (32 * VHDX_MIB)
#define CHILD_BLOCK_BYTES   (2 * VHDX_MIB)
#define PHYSICAL_BYTES      4096u
#define BAT_PIECE_BYTES     65536u
#define REQUIRED_DISK_ITEM  (VHDX_METADATA_IS_DISK | VHDX_METADATA_IS_REQUIRED)

static const char creator[] = "VirtualDisk";

/* What is known before the first byte is written. */
struct plan {
    const struct vdisk_create_options *options;
    struct vdisk_file *file;
    enum vdisk_kind kind;
    uint32_t block_bytes;
    uint32_t chunk_blocks;
    uint64_t block_count;
    struct vhdx_area bat;
    struct vhdx_area metadata;
};

static enum vdisk_status plan_fail(const struct plan *plan, struct vdisk_error *error,
                                   enum vdisk_status status, const char *reason)
{
    return vdisk_fail(error, status, plan->file->name, NULL, VDISK_NO_OFFSET, reason);
}

static enum vdisk_status check_options(const struct plan *plan, struct vdisk_error *error)
{
    const struct vdisk_create_options *options = plan->options;

    if (options->logical_sector_bytes != 512 && options->logical_sector_bytes != 4096)
        return plan_fail(plan, error, VDISK_INVALID, "sectors must have 512 or 4096 bytes");
    if (options->size_bytes > VHDX_DISK_BYTES_MAX)
        return plan_fail(plan, error, VDISK_INVALID, "a VHDX disk has at most 64 TiB");
    if (!vdisk_is_aligned(options->size_bytes, options->logical_sector_bytes))
        return plan_fail(plan, error, VDISK_INVALID,
                         "the disk's size must be a number of whole sectors");
    if (!vdisk_is_power_of_two(plan->block_bytes) || plan->block_bytes < VHDX_BLOCK_BYTES_MIN ||
        plan->block_bytes > VHDX_BLOCK_BYTES_MAX)
        return plan_fail(plan, error, VDISK_INVALID,
                         "the block size must be a power of two from 1 to 256 MiB");
    if (options->parent == NULL)
        return VDISK_OK;
    if (options->parent->format != &vdisk_format_vhdx)
        return plan_fail(plan, error, VDISK_INVALID,
                         "the parent of a VHDX image must be a VHDX image");
    if (options->parent->disk.logical_sector_bytes != options->logical_sector_bytes)
        return plan_fail(plan, error, VDISK_INVALID, "the parent has sectors of another size");
    return VDISK_OK;
}

static enum vdisk_status make_plan(struct plan *plan, struct vdisk_error *error)
{
    const struct vdisk_create_options *options = plan->options;
    uint64_t bat_bytes;
    enum vdisk_status status;

    plan->block_bytes = options->block_bytes;
    if (plan->block_bytes == 0)
        plan->block_bytes =
            (uint32_t)(options->parent != NULL ? CHILD_BLOCK_BYTES : DYNAMIC_BLOCK_BYTES);
    status = vdisk_create_kind(plan->file, options, &plan->kind, error);
    if (status == VDISK_OK)
        status = check_options(plan, error);
    if (status != VDISK_OK)
        return status;
    plan->chunk_blocks = vhdx_bat_chunk_blocks(plan->block_bytes, options->logical_sector_bytes);
    plan->block_count = vdisk_div_up(options->size_bytes, plan->block_bytes);
    bat_bytes =
        vhdx_bat_entry_count(plan->block_count, plan->chunk_blocks, options->parent != NULL) *
        VHDX_BAT_ENTRY_BYTES;
    plan->metadata.offset_bytes = METADATA_OFFSET;
    plan->metadata.length_bytes = METADATA_BYTES;
    plan->bat.offset_bytes = BAT_OFFSET;
    plan->bat.length_bytes = vdisk_div_up(bat_bytes, VHDX_MIB) * VHDX_MIB;
    return VDISK_OK;
}

/* Adds an item to the table in `region` and returns where its `length` bytes go. */
static unsigned char *add_item(unsigned char *region, uint32_t *used_bytes,
                               const unsigned char *guid, uint32_t length, uint32_t flags)
{
    const uint32_t count = vdisk_load_le16(region + VHDX_METADATA_ENTRY_COUNT);
    unsigned char *entry = region + VHDX_METADATA_ENTRIES + count * VHDX_METADATA_ENTRY_BYTES;
    unsigned char *item = region + *used_bytes;

    memcpy(entry, guid, VDISK_GUID_BYTES);
    vdisk_store_le32(entry + VHDX_METADATA_ENTRY_OFFSET, *used_bytes);
    vdisk_store_le32(entry + VHDX_METADATA_ENTRY_LENGTH, length);
    vdisk_store_le32(entry + VHDX_METADATA_ENTRY_FLAGS, flags);
    vdisk_store_le16(region + VHDX_METADATA_ENTRY_COUNT, (uint16_t)(count + 1));
    *used_bytes += (length + 7) / 8 * 8;
    return item;
}

static const uint32_t parameter_flags[] = {[VDISK_DYNAMIC] = 0,
                                           [VDISK_FIXED] = VHDX_PARAMETER_FIXED,
                                           [VDISK_DIFFERENCING] = VHDX_PARAMETER_HAS_PARENT};

static enum vdisk_status fill_metadata(const struct plan *plan, unsigned char *region,
                                       struct vdisk_error *error)
{
    const struct vdisk_create_options *options = plan->options;
    uint32_t used = VHDX_METADATA_TABLE_BYTES, locator_bytes;
    unsigned char *item;
    enum vdisk_status status;

    memcpy(region, "metadata", 8);
    item = add_item(region, &used, vhdx_guid_file_parameters, 8, VHDX_METADATA_IS_REQUIRED);
    vdisk_store_le32(item, plan->block_bytes);
    vdisk_store_le32(item + 4, parameter_flags[plan->kind]);
    item = add_item(region, &used, vhdx_guid_disk_size, 8, REQUIRED_DISK_ITEM);
    vdisk_store_le64(item, options->size_bytes);
    item = add_item(region, &used, vhdx_guid_disk_id, VDISK_GUID_BYTES, REQUIRED_DISK_ITEM);
    vdisk_guid_make(item, VDISK_GUID_LE);
    item = add_item(region, &used, vhdx_guid_logical_sector, 4, REQUIRED_DISK_ITEM);
    vdisk_store_le32(item, options->logical_sector_bytes);
    item = add_item(region, &used, vhdx_guid_physical_sector, 4, REQUIRED_DISK_ITEM);
    vdisk_store_le32(item, PHYSICAL_BYTES);
    if (options->parent == NULL)
        return VDISK_OK;
    status =
        vhdx_locator_encode(plan->file->name, options->parent, options->parent_name,
                            options->parent_absolute_name, region + used, &locator_bytes, error);
    if (status == VDISK_OK)
        add_item(region, &used, vhdx_guid_parent_locator, locator_bytes, VHDX_METADATA_IS_REQUIRED);
    return status;
}

static enum vdisk_status write_metadata(const struct plan *plan, struct vdisk_error *error)
{
    const size_t bytes = VHDX_METADATA_TABLE_BYTES + VDISK_PAGE_BYTES + VHDX_LOCATOR_BYTES_MAX;
    unsigned char *region = vdisk_alloc(bytes);
    enum vdisk_status status;

    if (region == NULL)
        return plan_fail(plan, error, VDISK_NO_MEMORY, NULL);
    status = fill_metadata(plan, region, error);
    if (status == VDISK_OK)
        status = vdisk_file_write(plan->file, plan->metadata.offset_bytes, region, bytes, error);
    vdisk_free(region);
    return status;
}

static enum vdisk_status write_regions(const struct plan *plan, struct vdisk_error *error)
{
    unsigned char *table = vdisk_alloc(VHDX_REGION_TABLE_BYTES);
    enum vdisk_status status = VDISK_OK;

    if (table == NULL)
        return plan_fail(plan, error, VDISK_NO_MEMORY, NULL);
    vhdx_region_encode(&plan->bat, &plan->metadata, table);
    for (uint32_t copy = 0; copy < VHDX_REGION_TABLE_COUNT && status == VDISK_OK; copy++)
        status = vdisk_file_write(plan->file, VHDX_REGION_TABLE_OFFSET(copy), table,
                                  VHDX_REGION_TABLE_BYTES, error);
    vdisk_free(table);
    return status;
}

static enum vdisk_status write_headers(const struct plan *plan, struct vdisk_error *error)
{
    struct vhdx_header header = {.log_length_bytes = (uint32_t)LOG_BYTES,
                                 .log_offset_bytes = LOG_OFFSET};
    unsigned char *sector = vdisk_alloc(VHDX_HEADER_BYTES);
    enum vdisk_status status = VDISK_OK;

    if (sector == NULL)
        return plan_fail(plan, error, VDISK_NO_MEMORY, NULL);
    vdisk_guid_make(header.file_write_guid, VDISK_GUID_LE);
    vdisk_guid_make(header.data_write_guid, VDISK_GUID_LE);
    for (uint32_t slot = 0; slot < VHDX_HEADER_COUNT && status == VDISK_OK; slot++) {
        header.sequence++;
        vhdx_header_encode(&header, sector);
        status = vdisk_file_write(plan->file, VHDX_HEADER_OFFSET(slot), sector, VHDX_HEADER_BYTES,
                                  error);
    }
    vdisk_free(sector);
    return status;
}

/* Last: a file without it is no image yet. */
static enum vdisk_status write_signature(const struct plan *plan, struct vdisk_error *error)
{
    unsigned char bytes[VHDX_FILE_SIGNATURE_BYTES + sizeof creator * 2] = {0};
    size_t units;

    memcpy(bytes, VHDX_FILE_SIGNATURE, VHDX_FILE_SIGNATURE_BYTES);
    if (!vdisk_utf8_to_utf16(creator, VDISK_UTF16_LE, bytes + VHDX_FILE_SIGNATURE_BYTES,
                             sizeof creator, &units))
        return plan_fail(plan, error, VDISK_INVALID, NULL);
    return vdisk_file_write(plan->file, 0, bytes, sizeof bytes, error);
}

/* Fixed images: every block, in order, after the BAT. Entries of absent bitmaps stay zero. */
static enum vdisk_status write_full_bat(const struct plan *plan, struct vdisk_error *error)
{
    const uint64_t entries = vhdx_bat_entry_count(plan->block_count, plan->chunk_blocks, false);
    unsigned char *piece = vdisk_alloc(BAT_PIECE_BYTES);
    uint64_t offset = plan->bat.offset_bytes + plan->bat.length_bytes;
    enum vdisk_status status = VDISK_OK;

    if (piece == NULL)
        return plan_fail(plan, error, VDISK_NO_MEMORY, NULL);
    for (uint64_t start = 0; start < entries && status == VDISK_OK;) {
        uint32_t used = 0;
        uint64_t index = start;

        for (; index < entries && used < BAT_PIECE_BYTES; index++, used += VHDX_BAT_ENTRY_BYTES) {
            const bool is_bitmap = index % ((uint64_t)plan->chunk_blocks + 1) == plan->chunk_blocks;

            vdisk_store_le64(piece + used, is_bitmap ? 0 : offset | VHDX_BLOCK_FULL);
            offset += is_bitmap ? 0 : plan->block_bytes;
        }
        status = vdisk_file_write(plan->file, plan->bat.offset_bytes + start * VHDX_BAT_ENTRY_BYTES,
                                  piece, used, error);
        start = index;
    }
    vdisk_free(piece);
    return status;
}

static enum vdisk_status write_blocks(const struct plan *plan, struct vdisk_error *error)
{
    const uint64_t from = plan->bat.offset_bytes + plan->bat.length_bytes;
    const uint64_t length = plan->block_count * plan->block_bytes;
    enum vdisk_status status = write_full_bat(plan, error);

    if (status != VDISK_OK)
        return status;
    return plan->options->fixed ? vdisk_file_fill_zeros(plan->file, from, length, error)
                                : vdisk_file_set_size(plan->file, from + length, error);
}

enum vdisk_status vhdx_create(struct vdisk_file *file, const struct vdisk_create_options *options,
                              struct vdisk_error *error)
{
    struct plan plan = {.options = options, .file = file};
    enum vdisk_status status = make_plan(&plan, error);

    if (status == VDISK_OK)
        status = vdisk_file_set_size(file, plan.bat.offset_bytes + plan.bat.length_bytes, error);
    if (status == VDISK_OK)
        status = write_metadata(&plan, error);
    if (status == VDISK_OK && plan.kind == VDISK_FIXED)
        status = write_blocks(&plan, error);
    if (status == VDISK_OK)
        status = write_regions(&plan, error);
    if (status == VDISK_OK)
        status = write_headers(&plan, error);
    if (status == VDISK_OK)
        status = write_signature(&plan, error);
    return status == VDISK_OK ? vdisk_file_flush(file, error) : status;
}
