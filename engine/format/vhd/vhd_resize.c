#include "engine/format/vhd/vhd_state.h"

#define PIECE_BYTES (64u << 10)

static enum vdisk_status write_footer(struct vdisk_image *image, uint64_t offset_bytes,
                                      struct vdisk_error *error)
{
    const struct vhd_state *state = image->state;
    enum vdisk_status status =
        vdisk_file_write(image->file, offset_bytes, state->footer_bytes, VHD_FOOTER_BYTES, error);

    if (status == VDISK_OK)
        status = vdisk_file_flush(image->file, error);
    return status;
}

/*
 * Moves the end of the file to where the footer of the larger disk belongs. The file might get
 * longer, and yet lose the footer, in a power cut: so it grows by powers of two, and opening looks
 * for a lost footer at these distances.
 */
static enum vdisk_status extend_fixed(struct vdisk_image *image, uint64_t tail_offset,
                                      struct vdisk_error *error)
{
    struct vhd_state *state = image->state;
    enum vdisk_status status = VDISK_OK;

    while (state->tail_offset < tail_offset && status == VDISK_OK) {
        const uint64_t rest = tail_offset - state->tail_offset;
        uint64_t step = vdisk_min_u64(rest, VHD_FOOTER_BYTES);

        while (step <= rest / 2)
            step *= 2;
        status = write_footer(image, state->tail_offset + step, error);
        if (status == VDISK_OK)
            status = vdisk_file_zero(image->file, state->tail_offset, VHD_FOOTER_BYTES, error);
        if (status == VDISK_OK)
            state->tail_offset += step;
    }
    return status;
}

/* What was behind the disk becomes zeros before it belongs to the disk. */
static enum vdisk_status grow_fixed(struct vdisk_image *image, uint64_t size_bytes,
                                    struct vdisk_error *error)
{
    struct vhd_state *state = image->state;
    const uint64_t old_bytes = state->footer.current_size;
    const uint64_t slack_end = vdisk_min_u64(size_bytes, state->tail_offset);
    enum vdisk_status status = extend_fixed(image, size_bytes, error);

    if (status == VDISK_OK && slack_end > old_bytes)
        status = vdisk_file_zero(image->file, old_bytes, slack_end - old_bytes, error);
    if (status == VDISK_OK)
        status = vdisk_file_flush(image->file, error);
    return status;
}

/* A fixed disk has one footer: there is a whole one to be found at any moment. */
static enum vdisk_status move_fixed(struct vdisk_image *image, uint64_t size_bytes,
                                    struct vdisk_error *error)
{
    struct vhd_state *state = image->state;
    enum vdisk_status status = VDISK_OK;

    if (size_bytes > state->footer.current_size)
        status = grow_fixed(image, size_bytes, error);
    if (status != VDISK_OK)
        return status;
    vhd_footer_set_size(state->footer_bytes, size_bytes);
    status = write_footer(image, state->tail_offset, error);
    if (status != VDISK_OK || state->tail_offset == size_bytes)
        return status;
    status = write_footer(image, size_bytes, error);
    if (status == VDISK_OK)
        status = vdisk_file_set_size(image->file, size_bytes + VHD_FOOTER_BYTES, error);
    if (status == VDISK_OK)
        status = vdisk_file_flush(image->file, error);
    return status;
}

static enum vdisk_status resize_fixed(struct vdisk_image *image, uint64_t size_bytes,
                                      struct vdisk_error *error)
{
    struct vhd_state *state = image->state;
    enum vdisk_status status = vhd_require_sound(image, error);

    if (status == VDISK_OK)
        status = move_fixed(image, size_bytes, error);
    if (status != VDISK_OK) {
        state->lost = true; /* where the footer is is not known */
        return status;
    }
    state->footer.current_size = size_bytes;
    state->tail_offset = size_bytes;
    state->file_bytes = size_bytes + VHD_FOOTER_BYTES;
    image->disk.size_bytes = size_bytes;
    return VDISK_OK;
}

/* Fills [offset, offset + length) of the file with what the entries of absent blocks are. */
static enum vdisk_status clear_entries(struct vdisk_image *image, uint64_t offset_bytes,
                                       uint64_t length_bytes, unsigned char *piece,
                                       struct vdisk_error *error)
{
    enum vdisk_status status = VDISK_OK;

    memset(piece, 0xff, PIECE_BYTES);
    while (length_bytes != 0 && status == VDISK_OK) {
        const size_t count = (size_t)vdisk_min_u64(length_bytes, PIECE_BYTES);

        status = vdisk_file_write(image->file, offset_bytes, piece, count, error);
        offset_bytes += count;
        length_bytes -= count;
    }
    return status;
}

/* A table with more entries, behind the last block. */
static enum vdisk_status move_table(struct vdisk_image *image, const struct vhd_layout *layout,
                                    uint32_t block_count, struct vhd_change *change,
                                    unsigned char *piece, struct vdisk_error *error)
{
    const uint64_t target = change->end_bytes;
    const uint64_t used_bytes = (uint64_t)layout->block_count * VHD_ENTRY_BYTES;
    const uint64_t table_bytes =
        vdisk_div_up((uint64_t)block_count * VHD_ENTRY_BYTES, VHD_PAGE_BYTES) * VHD_PAGE_BYTES;
    enum vdisk_status status = VDISK_OK;

    for (uint64_t done = 0; done < used_bytes && status == VDISK_OK;) {
        const size_t count = (size_t)vdisk_min_u64(used_bytes - done, PIECE_BYTES);

        status = vdisk_file_read(image->file, layout->table_offset + done, piece, count, error);
        if (status == VDISK_OK)
            status = vdisk_file_write(image->file, target + done, piece, count, error);
        done += count;
    }
    if (status == VDISK_OK)
        status = clear_entries(image, target + used_bytes, table_bytes - used_bytes, piece, error);
    vhd_header_set_table(change->header, target, block_count);
    change->end_bytes += table_bytes;
    return status;
}

struct overlap_search {
    uint64_t offset_bytes;
    uint64_t length_bytes;
    uint32_t pitch;
    uint32_t block; /* itself */
    bool found;
};

static enum vdisk_status search_overlap(void *context, uint32_t block, uint32_t raw_entry,
                                        struct vdisk_error *error)
{
    struct overlap_search *search = context;

    (void)error;
    if (block != search->block && raw_entry != VHD_UNALLOCATED &&
        vdisk_ranges_overlap(search->offset_bytes, search->length_bytes,
                             (uint64_t)raw_entry * VDISK_SECTOR_BYTES, search->pitch))
        search->found = true;
    return VDISK_OK;
}

/* The part of the last block that the disk did not use becomes zeros, and part of the disk. */
static enum vdisk_status clear_last_block(struct vdisk_image *image,
                                          const struct vhd_layout *layout,
                                          struct vhd_change *change, struct vdisk_error *error)
{
    const struct vhd_state *state = image->state;
    const uint32_t block = layout->block_count - 1;
    const uint32_t used = vhd_block_used_bytes(state, layout, block);
    struct overlap_search search = {.pitch = vhd_pitch(state), .block = block};
    uint64_t block_offset;
    enum vdisk_status status = vhd_block_find(image, layout, block, &block_offset, error);

    if (status != VDISK_OK || block_offset == 0 || used == state->block_bytes)
        return status;
    search.offset_bytes = block_offset + state->bitmap_bytes + used;
    search.length_bytes = state->block_bytes - used;
    status = vhd_layout_visit(image, layout, search_overlap, &search, error);
    if (status != VDISK_OK)
        return status;
    if (search.found || vhd_layout_has_area(layout, search.offset_bytes, search.length_bytes))
        return vdisk_image_fail(image, error, VDISK_CORRUPT, "VHD block table",
                                layout->table_offset + (uint64_t)block * VHD_ENTRY_BYTES,
                                "the last block is cut short by another one");
    change->end_bytes = vdisk_max_u64(change->end_bytes, search.offset_bytes + search.length_bytes);
    return vdisk_file_zero(image->file, search.offset_bytes, search.length_bytes, error);
}

static enum vdisk_status grow_table(struct vdisk_image *image, struct vhd_change *change,
                                    uint32_t block_count, unsigned char *piece,
                                    struct vdisk_error *error)
{
    const struct vhd_state *state = image->state;
    const struct vhd_layout *layout = vhd_layout(state);
    enum vdisk_status status = clear_last_block(image, layout, change, error);

    if (status != VDISK_OK)
        return status;
    if (block_count > state->header.table_entries) {
        status = move_table(image, layout, block_count, change, piece, error);
        if (status == VDISK_OK)
            status = vhd_change_header(image, change, error);
        return status;
    }
    status = clear_entries(
        image, layout->table_offset + (uint64_t)layout->block_count * VHD_ENTRY_BYTES,
        (uint64_t)(block_count - layout->block_count) * VHD_ENTRY_BYTES, piece, error);
    if (status == VDISK_OK)
        status = vdisk_file_flush(image->file, error);
    if (status == VDISK_OK)
        status = vhd_change_footer(image, change, error);
    return status;
}

static enum vdisk_status grow(struct vdisk_image *image, struct vhd_change *change,
                              uint64_t size_bytes, struct vdisk_error *error)
{
    const struct vhd_state *state = image->state;
    const uint64_t old_bytes = image->disk.size_bytes;
    const uint32_t block_count = (uint32_t)vdisk_div_up(size_bytes, state->block_bytes);
    unsigned char *piece = vdisk_alloc(PIECE_BYTES);
    enum vdisk_status status;

    if (piece == NULL)
        return vdisk_image_fail(image, error, VDISK_NO_MEMORY, NULL, VDISK_NO_OFFSET, NULL);
    status = grow_table(image, change, block_count, piece, error);
    vdisk_free(piece);
    if (status == VDISK_OK)
        status = vhd_replace_layout(image, error);
    if (status == VDISK_OK)
        status = vdisk_image_hide_parent(image, old_bytes, error);
    return status;
}

/* Entries beyond the disk are cleared, so that the disk may grow again into zeros. */
static enum vdisk_status forget_blocks(struct vdisk_image *image, uint32_t to,
                                       struct vdisk_error *error)
{
    const struct vhd_layout *layout = vhd_layout(image->state);
    const uint32_t from = layout->block_count;
    unsigned char *piece = vdisk_alloc(PIECE_BYTES);
    enum vdisk_status status;

    if (piece == NULL)
        return vdisk_image_fail(image, error, VDISK_NO_MEMORY, NULL, VDISK_NO_OFFSET, NULL);
    status = clear_entries(image, layout->table_offset + (uint64_t)from * VHD_ENTRY_BYTES,
                           (uint64_t)(to - from) * VHD_ENTRY_BYTES, piece, error);
    if (status == VDISK_OK)
        status = vdisk_file_flush(image->file, error);
    vdisk_page_cache_forget(layout->table, layout->table_offset, (uint64_t)to * VHD_ENTRY_BYTES);
    vdisk_free(piece);
    return status;
}

/* What became free at the end of the file is given back. */
static enum vdisk_status cut_end(struct vdisk_image *image, struct vhd_change *change,
                                 struct vdisk_error *error)
{
    struct vhd_state *state = image->state;
    const uint64_t old_end = state->end_bytes;
    bool damaged;
    enum vdisk_status status =
        vhd_layout_find_end(image, vhd_layout(state), &change->end_bytes, &damaged, error);

    if (status != VDISK_OK || damaged || change->end_bytes >= old_end)
        return status;
    vdisk_page_cache_forget(state->bitmaps, change->end_bytes, old_end - change->end_bytes);
    vhd_set_limit(state, change->end_bytes);
    return vhd_change_footer(image, change, error);
}

static enum vdisk_status shrink(struct vdisk_image *image, struct vhd_change *change,
                                struct vdisk_error *error)
{
    const uint32_t old_count = vhd_layout(image->state)->block_count;
    enum vdisk_status status = vhd_change_footer(image, change, error);

    if (status == VDISK_OK)
        status = vhd_replace_layout(image, error);
    if (status == VDISK_OK)
        status = forget_blocks(image, old_count, error);
    if (status == VDISK_OK)
        status = cut_end(image, change, error);
    return status;
}

enum vdisk_status vhd_resize(struct vdisk_image *image, uint64_t size_bytes,
                             struct vdisk_error *error)
{
    const struct vhd_state *state = image->state;
    struct vhd_change *change;
    enum vdisk_status status;

    if (size_bytes > VHD_DISK_BYTES_MAX)
        return vdisk_image_fail(image, error, VDISK_INVALID, NULL, VDISK_NO_OFFSET,
                                "a VHD has at most 2040 GiB");
    if (size_bytes == image->disk.size_bytes)
        return VDISK_OK;
    if (state->type == VHD_FIXED)
        return resize_fixed(image, size_bytes, error);
    if (image->has_parent && image->parent == NULL && size_bytes > image->disk.size_bytes)
        return vdisk_image_fail(image, error, VDISK_PARENT_MISSING, NULL, VDISK_NO_OFFSET,
                                "what a child gains depends on its parent, which was not opened");
    status = vhd_change_begin(image, &change, error);
    if (status != VDISK_OK)
        return status;
    vhd_footer_set_size(change->footer, size_bytes);
    if (size_bytes > image->disk.size_bytes)
        status = grow(image, change, size_bytes, error);
    else
        status = shrink(image, change, error);
    return vhd_change_end(image, change, status);
}

static enum vdisk_status write_parent(struct vdisk_image *image, struct vhd_change *change,
                                      const struct vhd_parent *parent, unsigned char *area,
                                      struct vdisk_error *error)
{
    uint32_t area_bytes;
    enum vdisk_status status = vhd_parent_encode(image->file, parent, change->end_bytes,
                                                 change->header, area, &area_bytes, error);

    if (status == VDISK_OK)
        status = vdisk_file_write(image->file, change->end_bytes, area, area_bytes, error);
    if (status != VDISK_OK)
        return status;
    change->end_bytes += area_bytes;
    status = vhd_change_header(image, change, error);
    if (status == VDISK_OK)
        status = vhd_replace_layout(image, error);
    return status;
}

enum vdisk_status vhd_set_parent(struct vdisk_image *image, struct vdisk_image *parent,
                                 const char *name, const char *absolute_name,
                                 struct vdisk_error *error)
{
    struct vhd_parent described;
    struct vhd_change *change = NULL;
    unsigned char *area = NULL;
    enum vdisk_status status =
        vhd_parent_describe(image->file, parent, name, absolute_name, &described, error);

    if (status == VDISK_OK)
        status = vhd_change_begin(image, &change, error);
    if (status != VDISK_OK)
        return status;
    area = vdisk_alloc(VHD_PARENT_AREA_BYTES);
    if (area == NULL)
        status = vdisk_image_fail(image, error, VDISK_NO_MEMORY, NULL, VDISK_NO_OFFSET, NULL);
    else
        status = write_parent(image, change, &described, area, error);
    vdisk_free(area);
    return vhd_change_end(image, change, status);
}
