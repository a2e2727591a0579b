#include "engine/format/vhd/vhd_state.h"
#include "engine/base/endian.h"

#define TABLE_PAGES     2048u
#define FULL_BLOCKS_MAX (8u << 20) /* a bit each: 1 MiB */
#define VISIT_BYTES     (64u << 10)

static enum vdisk_status fail(struct vdisk_image *image, struct vdisk_error *error,
                              const char *structure, uint64_t offset_bytes, const char *reason)
{
    return vdisk_image_fail(image, error, VDISK_CORRUPT, structure, offset_bytes, reason);
}

static void add_area(struct vhd_layout *layout, uint64_t offset_bytes, uint64_t length_bytes)
{
    struct vhd_area *area = &layout->areas[layout->area_count++];

    area->offset_bytes = offset_bytes;
    area->length_bytes = length_bytes;
    layout->clear_offset = vdisk_max_u64(layout->clear_offset, offset_bytes + length_bytes);
}

bool vhd_layout_has_area(const struct vhd_layout *layout, uint64_t offset_bytes,
                         uint64_t length_bytes)
{
    if (offset_bytes >= layout->clear_offset)
        return false;
    for (uint32_t index = 0; index < layout->area_count; index++) {
        const struct vhd_area *area = &layout->areas[index];

        if (vdisk_ranges_overlap(area->offset_bytes, area->length_bytes, offset_bytes,
                                 length_bytes))
            return true;
    }
    return false;
}

static void add_locators(const struct vhd_state *state, const struct vhd_header *header,
                         struct vhd_layout *layout)
{
    for (uint32_t index = 0; index < VHD_LOCATORS; index++) {
        const struct vhd_locator *locator = &header->locators[index];

        /* One that cannot be a name is not followed, so it need not be kept. */
        if (locator->code != 0 && locator->length_bytes <= VHD_PARENT_AREA_BYTES &&
            vdisk_range_within(locator->offset_bytes, locator->length_bytes, state->file_bytes))
            add_area(layout, locator->offset_bytes, locator->length_bytes);
    }
}

/* Copy of the footer, header and table, in this order of being found: none may lie in another. */
static enum vdisk_status place_areas(struct vdisk_image *image, const struct vhd_header *header,
                                     uint64_t header_offset, struct vhd_layout *layout,
                                     struct vdisk_error *error)
{
    const struct vhd_state *state = image->state;
    const uint64_t limit = vhd_limit(state);
    const uint64_t table_bytes =
        vdisk_div_up((uint64_t)header->table_entries * VHD_ENTRY_BYTES, VHD_PAGE_BYTES) *
        VHD_PAGE_BYTES;

    add_area(layout, 0, VHD_FOOTER_BYTES);
    if (vhd_layout_has_area(layout, header_offset, VHD_HEADER_BYTES))
        return fail(image, error, "VHD footer", 0, "the dynamic header would lie in the footer");
    add_area(layout, header_offset, VHD_HEADER_BYTES);
    if (header->table_entries < layout->block_count)
        return fail(image, error, "VHD dynamic header", header_offset,
                    "the block table has fewer entries than the disk has blocks");
    if (!vdisk_range_within(header->table_offset, table_bytes, limit))
        return fail(image, error, "VHD dynamic header", header_offset,
                    "the block table reaches beyond the end of the file");
    if (vhd_layout_has_area(layout, header->table_offset, table_bytes))
        return fail(image, error, "VHD dynamic header", header_offset,
                    "the block table overlaps the footer or the header");
    add_area(layout, header->table_offset, table_bytes);
    if (state->type == VHD_DIFFERENCING)
        add_locators(state, header, layout);
    return VDISK_OK;
}

static enum vdisk_status fill_layout(struct vdisk_image *image, const struct vhd_footer *footer,
                                     const struct vhd_header *header, uint64_t header_offset,
                                     struct vhd_layout *layout, struct vdisk_error *error)
{
    enum vdisk_status status;

    layout->disk_bytes = footer->current_size;
    layout->table_offset = header->table_offset;
    /* At most 2040 GiB in blocks of at least 64 KiB. */
    layout->block_count = (uint32_t)vdisk_div_up(footer->current_size, header->block_bytes);
    status = place_areas(image, header, header_offset, layout, error);
    if (status != VDISK_OK)
        return status;
    if (layout->block_count <= FULL_BLOCKS_MAX) {
        layout->full =
            vdisk_alloc_array(vdisk_div_up(layout->block_count, 32), sizeof *layout->full);
        if (layout->full == NULL)
            return vdisk_image_fail(image, error, VDISK_NO_MEMORY, NULL, VDISK_NO_OFFSET, NULL);
    }
    return vdisk_page_cache_create(image->file, "VHD block table", VHD_PAGE_BYTES, TABLE_PAGES,
                                   &layout->table, error);
}

enum vdisk_status vhd_layout_create(struct vdisk_image *image, const struct vhd_footer *footer,
                                    const struct vhd_header *header, uint64_t header_offset,
                                    struct vhd_layout **created, struct vdisk_error *error)
{
    struct vhd_layout *layout = vdisk_alloc(sizeof *layout);
    enum vdisk_status status;

    if (layout == NULL)
        return vdisk_image_fail(image, error, VDISK_NO_MEMORY, NULL, VDISK_NO_OFFSET, NULL);
    status = fill_layout(image, footer, header, header_offset, layout, error);
    if (status != VDISK_OK) {
        vhd_layout_destroy(layout);
        return status;
    }
    *created = layout;
    return VDISK_OK;
}

void vhd_layout_destroy(struct vhd_layout *layout)
{
    if (layout == NULL)
        return;
    vdisk_page_cache_destroy(layout->table);
    vdisk_free(layout->full);
    vdisk_free(layout);
}

bool vhd_layout_is_full(const struct vhd_layout *layout, uint32_t block)
{
    return layout->full != NULL &&
           (atomic_load_explicit(&layout->full[block / 32], memory_order_acquire) >> block % 32 &
            1) != 0;
}

void vhd_layout_set_full(struct vhd_layout *layout, uint32_t block)
{
    if (layout->full != NULL)
        atomic_fetch_or_explicit(&layout->full[block / 32], 1u << block % 32, memory_order_release);
}

uint32_t vhd_block_used_bytes(const struct vhd_state *state, const struct vhd_layout *layout,
                              uint32_t block)
{
    const uint64_t start = (uint64_t)block << state->block_shift;

    return (uint32_t)vdisk_min_u64(state->block_bytes, layout->disk_bytes - start);
}

static enum vdisk_status visit_piece(const unsigned char *piece, uint32_t first, uint32_t count,
                                     vhd_entry_visitor *visit, void *context,
                                     struct vdisk_error *error)
{
    for (uint32_t index = 0; index < count; index++) {
        enum vdisk_status status =
            visit(context, first + index, vdisk_load_be32(piece + index * VHD_ENTRY_BYTES), error);

        if (status != VDISK_OK)
            return status;
    }
    return VDISK_OK;
}

enum vdisk_status vhd_layout_visit(struct vdisk_image *image, const struct vhd_layout *layout,
                                   vhd_entry_visitor *visit, void *context,
                                   struct vdisk_error *error)
{
    const uint32_t piece_entries = VISIT_BYTES / VHD_ENTRY_BYTES;
    unsigned char *piece = vdisk_alloc(VISIT_BYTES);
    enum vdisk_status status = VDISK_OK;

    if (piece == NULL)
        return vdisk_image_fail(image, error, VDISK_NO_MEMORY, NULL, VDISK_NO_OFFSET, NULL);
    for (uint32_t first = 0; first < layout->block_count && status == VDISK_OK;) {
        const uint32_t count = (uint32_t)vdisk_min_u64(piece_entries, layout->block_count - first);

        status =
            vdisk_file_read(image->file, layout->table_offset + (uint64_t)first * VHD_ENTRY_BYTES,
                            piece, (size_t)count * VHD_ENTRY_BYTES, error);
        if (status == VDISK_OK)
            status = visit_piece(piece, first, count, visit, context, error);
        first += count;
    }
    vdisk_free(piece);
    return status;
}

struct end_search {
    const struct vhd_state *state;
    const struct vhd_layout *layout;
    uint64_t end_bytes;
    bool damaged;
};

static enum vdisk_status search_end(void *context, uint32_t block, uint32_t raw_entry,
                                    struct vdisk_error *error)
{
    struct end_search *search = context;
    const uint64_t offset = (uint64_t)raw_entry * VDISK_SECTOR_BYTES;
    uint64_t used;

    (void)error;
    if (raw_entry == VHD_UNALLOCATED)
        return VDISK_OK;
    used = search->state->bitmap_bytes + vhd_block_used_bytes(search->state, search->layout, block);
    if (!vdisk_range_within(offset, used, search->state->file_bytes) ||
        vhd_layout_has_area(search->layout, offset, used)) {
        search->damaged = true;
        return VDISK_OK;
    }
    /* The whole block, though the disk may use a part of it: the disk may grow. */
    search->end_bytes = vdisk_max_u64(search->end_bytes, offset + vhd_pitch(search->state));
    return VDISK_OK;
}

enum vdisk_status vhd_layout_find_end(struct vdisk_image *image, const struct vhd_layout *layout,
                                      uint64_t *end_bytes, bool *damaged, struct vdisk_error *error)
{
    struct end_search search = {.state = image->state, .layout = layout};
    enum vdisk_status status;

    search.end_bytes = vdisk_div_up(layout->clear_offset, VDISK_SECTOR_BYTES) * VDISK_SECTOR_BYTES;
    status = vhd_layout_visit(image, layout, search_end, &search, error);
    *end_bytes = search.end_bytes;
    *damaged = search.damaged;
    return status;
}
