/* The region tables ([MS-VHDX] 2.2.3): where the BAT and the metadata are. */
#include "engine/format/vhdx/vhdx_state.h"
#include "engine/base/crc32c.h"
#include "engine/base/endian.h"

#define NO_AREA UINT32_MAX

static const char *const table_names[VHDX_REGION_TABLE_COUNT] = {"VHDX region table 1",
                                                                 "VHDX region table 2"};

static enum vdisk_status table_fail(struct vdisk_image *image, struct vdisk_error *error,
                                    enum vdisk_status status, uint32_t copy, uint64_t byte_in_table,
                                    const char *reason)
{
    return vdisk_image_fail(image, error, status, table_names[copy],
                            VHDX_REGION_TABLE_OFFSET(copy) + byte_in_table, reason);
}

static uint64_t entry_position(uint32_t index)
{
    return VHDX_REGION_ENTRIES + (uint64_t)index * VHDX_REGION_ENTRY_BYTES;
}

static uint32_t table_checksum(unsigned char *table)
{
    const uint32_t stored = vdisk_load_le32(table + VHDX_REGION_CHECKSUM);
    uint32_t checksum;

    vdisk_store_le32(table + VHDX_REGION_CHECKSUM, 0);
    checksum = vdisk_crc32c(0, table, VHDX_REGION_TABLE_BYTES);
    vdisk_store_le32(table + VHDX_REGION_CHECKSUM, stored);
    return checksum;
}

enum vdisk_status vhdx_region_read(struct vdisk_image *image, uint32_t copy, unsigned char *table,
                                   struct vdisk_error *error)
{
    enum vdisk_status status = vdisk_file_read(image->file, VHDX_REGION_TABLE_OFFSET(copy), table,
                                               VHDX_REGION_TABLE_BYTES, error);

    if (status == VDISK_OUT_OF_RANGE)
        return table_fail(image, error, VDISK_CORRUPT, copy, 0, "the file ends before the table");
    if (status != VDISK_OK)
        return status;
    if (memcmp(table, "regi", 4) != 0)
        return table_fail(image, error, VDISK_CORRUPT, copy, 0, "the signature is missing");
    if (vdisk_load_le32(table + VHDX_REGION_CHECKSUM) != table_checksum(table))
        return table_fail(image, error, VDISK_CORRUPT, copy, 0, "the checksum does not match");
    if (vdisk_load_le32(table + VHDX_REGION_ENTRY_COUNT) > VHDX_REGION_ENTRIES_MAX)
        return table_fail(image, error, VDISK_CORRUPT, copy, VHDX_REGION_ENTRY_COUNT,
                          "the table has more entries than fit");
    return VDISK_OK;
}

static void encode_entry(unsigned char *entry, const unsigned char guid[VDISK_GUID_BYTES],
                         const struct vhdx_area *area)
{
    memcpy(entry, guid, VDISK_GUID_BYTES);
    vdisk_store_le64(entry + 16, area->offset_bytes);
    vdisk_store_le32(entry + 24, (uint32_t)area->length_bytes);
    vdisk_store_le32(entry + 28, 1); /* required */
}

void vhdx_region_encode(const struct vhdx_area *bat, const struct vhdx_area *metadata,
                        unsigned char *table)
{
    memset(table, 0, VHDX_REGION_TABLE_BYTES);
    memcpy(table, "regi", 4);
    vdisk_store_le32(table + VHDX_REGION_ENTRY_COUNT, 2);
    encode_entry(table + VHDX_REGION_ENTRIES, vhdx_guid_bat, bat);
    encode_entry(table + VHDX_REGION_ENTRIES + VHDX_REGION_ENTRY_BYTES, vhdx_guid_metadata,
                 metadata);
    vdisk_store_le32(table + VHDX_REGION_CHECKSUM, vdisk_crc32c(0, table, VHDX_REGION_TABLE_BYTES));
}

static enum vdisk_status check_area(struct vdisk_image *image, uint32_t copy, uint32_t index,
                                    const struct vhdx_area *area, struct vdisk_error *error)
{
    const struct vhdx_state *state = vhdx_state_of(image);

    if (!vdisk_is_aligned(area->offset_bytes | area->length_bytes, VHDX_MIB) ||
        area->offset_bytes < VHDX_HEADERS_END || area->length_bytes == 0 ||
        !vdisk_range_within(area->offset_bytes, area->length_bytes, VHDX_FILE_BYTES_MAX))
        return table_fail(image, error, VDISK_CORRUPT, copy, entry_position(index),
                          "the region is not at whole MiB after the headers");
    for (uint32_t other = 0; other < state->area_count; other++) {
        if (vdisk_ranges_overlap(area->offset_bytes, area->length_bytes,
                                 state->areas[other].offset_bytes,
                                 state->areas[other].length_bytes))
            return table_fail(image, error, VDISK_CORRUPT, copy, entry_position(index),
                              "the region overlaps another one or the log");
    }
    return VDISK_OK;
}

/* Adds one region to state->areas; tells in *bat, *metadata when it is one of those. */
static enum vdisk_status add_region(struct vdisk_image *image, uint32_t copy, uint32_t index,
                                    const unsigned char *entry, uint32_t *bat, uint32_t *metadata,
                                    struct vdisk_error *error)
{
    struct vhdx_state *state = vhdx_state_of(image);
    const struct vhdx_area area = {vdisk_load_le64(entry + 16), vdisk_load_le32(entry + 24)};
    const bool is_required = (vdisk_load_le32(entry + 28) & 1) != 0;
    const bool is_bat = memcmp(entry, vhdx_guid_bat, VDISK_GUID_BYTES) == 0;
    const bool is_metadata = memcmp(entry, vhdx_guid_metadata, VDISK_GUID_BYTES) == 0;
    enum vdisk_status status;

    if (is_required && !is_bat && !is_metadata)
        return table_fail(image, error, VDISK_UNSUPPORTED, copy, entry_position(index),
                          "the image needs a region that is not known here");
    status = check_area(image, copy, index, &area, error);
    if (status != VDISK_OK)
        return status;
    if ((is_bat && *bat != NO_AREA) || (is_metadata && *metadata != NO_AREA))
        return table_fail(image, error, VDISK_CORRUPT, copy, entry_position(index),
                          "a region is listed twice");
    if (is_bat)
        *bat = state->area_count;
    if (is_metadata)
        *metadata = state->area_count;
    state->areas[state->area_count++] = area;
    return VDISK_OK;
}

static enum vdisk_status check_in_file(struct vdisk_image *image, uint32_t copy, uint32_t area,
                                       struct vdisk_error *error)
{
    const struct vhdx_state *state = vhdx_state_of(image);
    uint64_t size;
    enum vdisk_status status;

    if (area == NO_AREA)
        return table_fail(image, error, VDISK_CORRUPT, copy, VHDX_REGION_ENTRIES,
                          "the BAT or the metadata region is not listed");
    status = vdisk_file_get_size(state->file, &size, error);
    if (status == VDISK_OK &&
        !vdisk_range_within(state->areas[area].offset_bytes, state->areas[area].length_bytes, size))
        return table_fail(image, error, VDISK_CORRUPT, copy, VHDX_REGION_ENTRIES,
                          "a region reaches beyond the end of the file");
    return status;
}

static void note_areas(struct vhdx_state *state, uint32_t bat, uint32_t metadata)
{
    uint64_t end = VHDX_HEADERS_END;

    for (uint32_t index = 0; index < state->area_count; index++)
        end =
            vdisk_max_u64(end, state->areas[index].offset_bytes + state->areas[index].length_bytes);
    state->bat_area = bat;
    state->metadata_area = state->areas[metadata];
    atomic_store(&state->bat_mb, (uint32_t)(state->areas[bat].offset_bytes / VHDX_MIB));
    atomic_store(&state->areas_end_mb, (uint32_t)(end / VHDX_MIB));
}

static enum vdisk_status parse_table(struct vdisk_image *image, uint32_t copy,
                                     const unsigned char *table, struct vdisk_error *error)
{
    struct vhdx_state *state = vhdx_state_of(image);
    const uint32_t count = vdisk_load_le32(table + VHDX_REGION_ENTRY_COUNT);
    uint32_t bat = NO_AREA, metadata = NO_AREA;
    enum vdisk_status status = VDISK_OK;

    state->areas = vdisk_alloc_array((size_t)count + 1, sizeof *state->areas);
    if (state->areas == NULL)
        return table_fail(image, error, VDISK_NO_MEMORY, copy, 0, NULL);
    state->areas[0].offset_bytes = state->header.log_offset_bytes;
    state->areas[0].length_bytes = state->header.log_length_bytes;
    state->area_count = 1;
    for (uint32_t index = 0; index < count && status == VDISK_OK; index++)
        status =
            add_region(image, copy, index, table + entry_position(index), &bat, &metadata, error);
    if (status == VDISK_OK)
        status = check_in_file(image, copy, bat, error);
    if (status == VDISK_OK)
        status = check_in_file(image, copy, metadata, error);
    if (status == VDISK_OK)
        note_areas(state, bat, metadata);
    return status;
}

enum vdisk_status vhdx_region_load(struct vdisk_image *image, struct vdisk_error *error)
{
    unsigned char *table = vdisk_alloc(VHDX_REGION_TABLE_BYTES);
    uint32_t copy = 0;
    enum vdisk_status status;

    if (table == NULL)
        return vdisk_image_fail(image, error, VDISK_NO_MEMORY, "VHDX region table", VDISK_NO_OFFSET,
                                NULL);
    status = vhdx_region_read(image, 0, table, error);
    if (status == VDISK_CORRUPT) {
        copy = 1;
        status = vhdx_region_read(image, 1, table, error);
    }
    if (status == VDISK_OK)
        status = parse_table(image, copy, table, error);
    vdisk_free(table);
    return status;
}

bool vhdx_region_overlaps(struct vhdx_state *state, uint64_t offset_bytes, uint64_t length_bytes)
{
    if (offset_bytes / VHDX_MIB >= atomic_load_explicit(&state->areas_end_mb, memory_order_relaxed))
        return false;
    if (offset_bytes < VHDX_HEADERS_END)
        return true;
    for (uint32_t index = 0; index < state->area_count; index++) {
        if (vdisk_ranges_overlap(offset_bytes, length_bytes, state->areas[index].offset_bytes,
                                 state->areas[index].length_bytes))
            return true;
    }
    return false;
}

static enum vdisk_status patch_tables(struct vdisk_image *image, unsigned char *table,
                                      const struct vhdx_area *bat, struct vdisk_error *error)
{
    enum vdisk_status status = vhdx_region_read(image, 0, table, error);

    if (status == VDISK_CORRUPT)
        status = vhdx_region_read(image, 1, table, error);
    if (status != VDISK_OK)
        return status;
    for (uint32_t index = 0; index < vdisk_load_le32(table + VHDX_REGION_ENTRY_COUNT); index++) {
        unsigned char *entry = table + entry_position(index);

        if (memcmp(entry, vhdx_guid_bat, VDISK_GUID_BYTES) == 0)
            encode_entry(entry, vhdx_guid_bat, bat);
    }
    vdisk_store_le32(table + VHDX_REGION_CHECKSUM, table_checksum(table));
    for (uint32_t copy = 0; copy < VHDX_REGION_TABLE_COUNT && status == VDISK_OK; copy++) {
        status = vdisk_file_write(image->file, VHDX_REGION_TABLE_OFFSET(copy), table,
                                  VHDX_REGION_TABLE_BYTES, error);
        if (status == VDISK_OK)
            status = vdisk_file_flush(image->file, error);
    }
    return status;
}

enum vdisk_status vhdx_region_move_bat(struct vdisk_image *image, const struct vhdx_area *bat,
                                       struct vdisk_error *error)
{
    struct vhdx_state *state = vhdx_state_of(image);
    unsigned char *table = vdisk_alloc(VHDX_REGION_TABLE_BYTES);
    uint32_t metadata = 0;
    enum vdisk_status status;

    if (table == NULL)
        return vdisk_image_fail(image, error, VDISK_NO_MEMORY, "VHDX region table", VDISK_NO_OFFSET,
                                NULL);
    status = patch_tables(image, table, bat, error);
    vdisk_free(table);
    if (status != VDISK_OK) { /* one of the tables may name the new place already */
        vhdx_journal_stop(state->journal);
        return status;
    }
    while (state->areas[metadata].offset_bytes != state->metadata_area.offset_bytes)
        metadata++;
    state->areas[state->bat_area] = *bat;
    note_areas(state, state->bat_area, metadata);
    return VDISK_OK;
}
