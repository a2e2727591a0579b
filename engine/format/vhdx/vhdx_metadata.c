/* The metadata region ([MS-VHDX] 2.6): the parameters of the disk. */
#include "engine/format/vhdx/vhdx_state.h"
#include "engine/base/endian.h"

static const char table_name[] = "VHDX metadata table";

struct item {
    uint64_t entry_offset; /* in the file */
    uint64_t offset;       /* in the file; 0: the item is not there */
    uint32_t length;
};

struct items {
    struct item file_parameters;
    struct item disk_size;
    struct item disk_id;
    struct item logical_sector;
    struct item physical_sector;
    struct item parent_locator;
};

static enum vdisk_status table_fail(struct vdisk_image *image, struct vdisk_error *error,
                                    enum vdisk_status status, uint64_t byte_in_table,
                                    const char *reason)
{
    return vdisk_image_fail(image, error, status, table_name,
                            vhdx_state_of(image)->metadata_area.offset_bytes + byte_in_table,
                            reason);
}

/* NULL for an item that is not known here. */
static struct item *find_known(struct items *items, const unsigned char *guid)
{
    const struct {
        const unsigned char *guid;
        struct item *item;
    } known[] = {
        {vhdx_guid_file_parameters, &items->file_parameters},
        {vhdx_guid_disk_size, &items->disk_size},
        {vhdx_guid_disk_id, &items->disk_id},
        {vhdx_guid_logical_sector, &items->logical_sector},
        {vhdx_guid_physical_sector, &items->physical_sector},
        {vhdx_guid_parent_locator, &items->parent_locator},
    };

    for (uint32_t index = 0; index < sizeof known / sizeof known[0]; index++) {
        if (memcmp(known[index].guid, guid, VDISK_GUID_BYTES) == 0)
            return known[index].item;
    }
    return NULL;
}

/* Is the entry's item where an item may be? An empty one is nowhere. */
static bool item_is_placed(const struct vhdx_state *state, uint32_t offset, uint32_t length)
{
    if (length == 0)
        return offset == 0;
    return offset >= VHDX_METADATA_TABLE_BYTES && length <= VHDX_ITEM_BYTES_MAX &&
           vdisk_range_within(offset, length, state->metadata_area.length_bytes);
}

static enum vdisk_status parse_entry(struct vdisk_image *image, const unsigned char *entry,
                                     uint64_t position, struct items *items,
                                     struct vdisk_error *error)
{
    struct vhdx_state *state = vhdx_state_of(image);
    const uint32_t raw_offset = vdisk_load_le32(entry + VHDX_METADATA_ENTRY_OFFSET);
    const uint32_t raw_length = vdisk_load_le32(entry + VHDX_METADATA_ENTRY_LENGTH);
    const uint32_t flags = vdisk_load_le32(entry + VHDX_METADATA_ENTRY_FLAGS);
    struct item *item = (flags & VHDX_METADATA_IS_USER) != 0 ? NULL : find_known(items, entry);

    if (!item_is_placed(state, raw_offset, raw_length))
        return table_fail(image, error, VDISK_CORRUPT, position,
                          "an item lies outside the metadata region");
    if (item != &items->parent_locator) /* which may be replaced */
        state->metadata.items_end_offset =
            vdisk_max_u64(state->metadata.items_end_offset,
                          state->metadata_area.offset_bytes + raw_offset + raw_length);
    if (item == NULL) {
        if ((flags & VHDX_METADATA_IS_REQUIRED) == 0)
            return VDISK_OK;
        return table_fail(image, error, VDISK_UNSUPPORTED, position,
                          "the image needs a metadata item that is not known here");
    }
    if (item->entry_offset != 0)
        return table_fail(image, error, VDISK_CORRUPT, position, "an item is listed twice");
    item->entry_offset = state->metadata_area.offset_bytes + position;
    if (raw_length != 0)
        item->offset = state->metadata_area.offset_bytes + raw_offset;
    item->length = raw_length;
    return VDISK_OK;
}

static enum vdisk_status parse_table(struct vdisk_image *image, const unsigned char *table,
                                     struct items *items, struct vdisk_error *error)
{
    const uint32_t count = vdisk_load_le16(table + VHDX_METADATA_ENTRY_COUNT);
    enum vdisk_status status = VDISK_OK;

    if (memcmp(table, "metadata", 8) != 0)
        return table_fail(image, error, VDISK_CORRUPT, 0, "the signature is missing");
    if (count > VHDX_METADATA_ENTRIES_MAX)
        return table_fail(image, error, VDISK_CORRUPT, VHDX_METADATA_ENTRY_COUNT,
                          "the table has more entries than fit");
    for (uint32_t index = 0; index < count && status == VDISK_OK; index++) {
        const uint32_t position = VHDX_METADATA_ENTRIES + index * VHDX_METADATA_ENTRY_BYTES;

        status = parse_entry(image, table + position, position, items, error);
    }
    return status;
}

static enum vdisk_status read_table(struct vdisk_image *image, struct items *items,
                                    struct vdisk_error *error)
{
    struct vhdx_state *state = vhdx_state_of(image);
    unsigned char *table = vdisk_alloc(VHDX_METADATA_TABLE_BYTES);
    enum vdisk_status status;

    if (table == NULL)
        return table_fail(image, error, VDISK_NO_MEMORY, 0, NULL);
    status = vdisk_file_read(state->file, state->metadata_area.offset_bytes, table,
                             VHDX_METADATA_TABLE_BYTES, error);
    if (status == VDISK_OK)
        status = parse_table(image, table, items, error);
    vdisk_free(table);
    return status;
}

/* Reads an item that must be there and have exactly length_bytes (at most 16). */
static enum vdisk_status read_item(struct vdisk_image *image, const struct item *item,
                                   const char *name, unsigned char *data, uint32_t length_bytes,
                                   struct vdisk_error *error)
{
    if (item->offset == 0)
        return table_fail(image, error, VDISK_CORRUPT, 0, "an item that must be there is missing");
    if (item->length < length_bytes)
        return vdisk_image_fail(image, error, VDISK_CORRUPT, name, item->offset,
                                "the item is too short");
    return vdisk_file_read(vhdx_state_of(image)->file, item->offset, data, length_bytes, error);
}

static enum vdisk_status load_parameters(struct vdisk_image *image, const struct item *item,
                                         struct vdisk_error *error)
{
    static const char name[] = "VHDX file parameters";
    struct vhdx_metadata *metadata = &vhdx_state_of(image)->metadata;
    unsigned char data[8];
    uint32_t flags;
    enum vdisk_status status = read_item(image, item, name, data, sizeof data, error);

    if (status != VDISK_OK)
        return status;
    metadata->block_bytes = vdisk_load_le32(data);
    flags = vdisk_load_le32(data + 4);
    metadata->fixed = (flags & VHDX_PARAMETER_FIXED) != 0;
    metadata->has_parent = (flags & VHDX_PARAMETER_HAS_PARENT) != 0;
    if (!vdisk_is_power_of_two(metadata->block_bytes) ||
        metadata->block_bytes < VHDX_BLOCK_BYTES_MIN ||
        metadata->block_bytes > VHDX_BLOCK_BYTES_MAX)
        return vdisk_image_fail(image, error, VDISK_CORRUPT, name, item->offset,
                                "the block size is not a power of two from 1 to 256 MiB");
    return VDISK_OK;
}

static enum vdisk_status load_sector_size(struct vdisk_image *image, const struct item *item,
                                          const char *name, uint32_t *sector_bytes,
                                          struct vdisk_error *error)
{
    unsigned char data[4];
    enum vdisk_status status = read_item(image, item, name, data, sizeof data, error);

    if (status != VDISK_OK)
        return status;
    *sector_bytes = vdisk_load_le32(data);
    if (*sector_bytes != 512 && *sector_bytes != 4096)
        return vdisk_image_fail(image, error, VDISK_CORRUPT, name, item->offset,
                                "the sector size is neither 512 nor 4096");
    return VDISK_OK;
}

static enum vdisk_status load_disk_size(struct vdisk_image *image, const struct item *item,
                                        struct vdisk_error *error)
{
    static const char name[] = "VHDX virtual disk size";
    struct vhdx_metadata *metadata = &vhdx_state_of(image)->metadata;
    unsigned char data[8];
    enum vdisk_status status = read_item(image, item, name, data, sizeof data, error);

    if (status != VDISK_OK)
        return status;
    metadata->disk_bytes = vdisk_load_le64(data);
    metadata->disk_bytes_offset = item->offset;
    if (metadata->disk_bytes == 0 || metadata->disk_bytes > VHDX_DISK_BYTES_MAX ||
        !vdisk_is_aligned(metadata->disk_bytes, metadata->logical_sector_bytes))
        return vdisk_image_fail(image, error, VDISK_CORRUPT, name, item->offset,
                                "the size is not a number of whole sectors up to 64 TiB");
    return VDISK_OK;
}

/* The BAT must have an entry for every block that the size asks for. */
static enum vdisk_status check_bat(struct vdisk_image *image, struct vdisk_error *error)
{
    struct vhdx_state *state = vhdx_state_of(image);
    const struct vhdx_area *bat = &state->areas[state->bat_area];

    state->chunk_blocks =
        vhdx_bat_chunk_blocks(state->metadata.block_bytes, state->metadata.logical_sector_bytes);
    if (vhdx_bat_entry_count(vhdx_block_count(state), state->chunk_blocks,
                             state->metadata.has_parent) > bat->length_bytes / VHDX_BAT_ENTRY_BYTES)
        return vdisk_image_fail(image, error, VDISK_CORRUPT, "VHDX BAT", bat->offset_bytes,
                                "the BAT is too small for the disk");
    return VDISK_OK;
}

static enum vdisk_status load_items(struct vdisk_image *image, const struct items *items,
                                    struct vdisk_error *error)
{
    struct vhdx_metadata *metadata = &vhdx_state_of(image)->metadata;
    enum vdisk_status status = load_parameters(image, &items->file_parameters, error);

    if (status == VDISK_OK)
        status = load_sector_size(image, &items->logical_sector, "VHDX logical sector size",
                                  &metadata->logical_sector_bytes, error);
    if (status == VDISK_OK)
        status = load_sector_size(image, &items->physical_sector, "VHDX physical sector size",
                                  &metadata->physical_sector_bytes, error);
    if (status == VDISK_OK)
        status = load_disk_size(image, &items->disk_size, error);
    if (status == VDISK_OK)
        status = read_item(image, &items->disk_id, "VHDX virtual disk id", metadata->disk_id,
                           VDISK_GUID_BYTES, error);
    metadata->locator_entry_offset = items->parent_locator.entry_offset;
    metadata->locator_offset = items->parent_locator.offset;
    metadata->locator_bytes = items->parent_locator.length;
    return status;
}

enum vdisk_status vhdx_metadata_load(struct vdisk_image *image, struct vdisk_error *error)
{
    struct items items;
    enum vdisk_status status;

    memset(&items, 0, sizeof items);
    status = read_table(image, &items, error);
    if (status == VDISK_OK)
        status = load_items(image, &items, error);
    if (status == VDISK_OK)
        status = check_bat(image, error);
    return status;
}
