#include "engine/format/vhd/vhd_state.h"

#define BITMAP_PAGES 1024u

static enum vdisk_status fail(struct vdisk_image *image, struct vdisk_error *error,
                              const char *structure, uint64_t offset_bytes, const char *reason)
{
    return vdisk_image_fail(image, error, VDISK_CORRUPT, structure, offset_bytes, reason);
}

/* The footer at the end, which old versions wrote without its last byte. */
static enum vdisk_status read_tail(struct vdisk_image *image, struct vhd_state *state,
                                   unsigned char *tail, struct vdisk_error *error)
{
    const uint32_t tail_bytes = state->file_bytes % VDISK_SECTOR_BYTES == VHD_OLD_FOOTER_BYTES
                                    ? VHD_OLD_FOOTER_BYTES
                                    : VHD_FOOTER_BYTES;

    if (state->file_bytes < tail_bytes)
        return vdisk_image_fail(image, error, VDISK_WRONG_FORMAT, "VHD footer", 0,
                                "the file is too short to hold one");
    state->tail_offset = state->file_bytes - tail_bytes;
    return vdisk_file_read(image->file, state->tail_offset, tail, tail_bytes, error);
}

/*
 * A fixed disk whose growing was cut off may have got longer without its new footer: the old one
 * is a power of two of sectors before the end, and zeros follow it.
 */
static enum vdisk_status find_left_behind(struct vdisk_image *image, struct vhd_state *state,
                                          unsigned char *tail, struct vdisk_error *error)
{
    for (uint64_t back = VHD_FOOTER_BYTES; back <= state->tail_offset; back *= 2) {
        const uint64_t offset = state->tail_offset - back;
        struct vhd_footer footer;
        enum vdisk_status status =
            vdisk_file_read(image->file, offset, tail, VHD_FOOTER_BYTES, error);

        if (status != VDISK_OK)
            return status;
        if (vhd_footer_decode(tail, &footer) == NULL && footer.type == VHD_FIXED &&
            footer.current_size <= offset) {
            state->footer = footer;
            memcpy(state->footer_bytes, tail, VHD_FOOTER_BYTES);
            state->tail_offset = offset;
            return VDISK_OK;
        }
    }
    return VDISK_WRONG_FORMAT;
}

/* Neither the end nor the beginning has a whole footer. */
static enum vdisk_status look_further(struct vdisk_image *image, struct vhd_state *state,
                                      unsigned char *tail, struct vdisk_error *error)
{
    const bool at_head = vhd_footer_is_present(state->footer_bytes);
    const bool at_tail = vhd_footer_is_present(tail);
    enum vdisk_status status = VDISK_WRONG_FORMAT;

    if (at_head)
        return fail(image, error, "VHD footer copy", 0, state->head_fault);
    if (at_tail)
        return fail(image, error, "VHD footer", state->tail_offset, state->tail_fault);
    if (vdisk_is_aligned(state->file_bytes, VDISK_SECTOR_BYTES))
        status = find_left_behind(image, state, tail, error);
    if (status == VDISK_WRONG_FORMAT)
        vdisk_image_fail(image, error, status, "VHD footer", state->tail_offset,
                         "neither the end nor the beginning of the file holds one");
    return status;
}

/* Leaves the footer that counts in state->footer and footer_bytes. */
static enum vdisk_status choose_footer(struct vdisk_image *image, struct vhd_state *state,
                                       unsigned char *tail, struct vdisk_error *error)
{
    unsigned char *head = state->footer_bytes;
    struct vhd_footer tail_footer;
    enum vdisk_status status;

    state->tail_fault = vhd_footer_decode(tail, &tail_footer);
    if (state->tail_fault == NULL && tail_footer.type == VHD_FIXED) {
        /* What the first sector holds was written by the guest. */
        state->footer = tail_footer;
        memcpy(state->footer_bytes, tail, VHD_FOOTER_BYTES);
        return VDISK_OK;
    }
    status = vdisk_file_read(image->file, 0, head,
                             (size_t)vdisk_min_u64(state->file_bytes, VHD_FOOTER_BYTES), error);
    if (status != VDISK_OK)
        return status;
    state->head_fault = vhd_footer_decode(head, &state->footer);
    if (state->head_fault == NULL && state->footer.type == VHD_FIXED)
        state->head_fault = "it is the footer of a fixed disk";
    if (state->head_fault != NULL && state->tail_fault != NULL)
        return look_further(image, state, tail, error);
    if (state->head_fault != NULL) {
        state->footer = tail_footer;
        memcpy(state->footer_bytes, tail, VHD_FOOTER_BYTES);
    } else if (state->tail_fault == NULL && memcmp(head, tail, VHD_FOOTER_BYTES) != 0) {
        state->tail_differs = true;
        state->tail_fault = "it differs from its copy at the beginning of the file";
    }
    return VDISK_OK;
}

static enum vdisk_status open_fixed(struct vdisk_image *image, struct vdisk_error *error)
{
    const struct vhd_state *state = image->state;

    if (state->footer.current_size > state->tail_offset)
        return fail(image, error, "VHD footer", state->tail_offset,
                    "the file is shorter than the disk that it should hold");
    image->in_place = true;
    image->disk.discard_bytes = vdisk_image_punch_unit(image->file, false);
    return VDISK_OK;
}

static enum vdisk_status read_header(struct vdisk_image *image, struct vhd_state *state,
                                     bool for_check, struct vdisk_error *error)
{
    const uint64_t offset = state->footer.data_offset;
    enum vdisk_status status;

    if (!vdisk_range_within(offset, VHD_HEADER_BYTES, state->file_bytes)) {
        state->header_fault = "it lies beyond the end of the file";
    } else {
        status = vdisk_file_read(image->file, offset, state->header_bytes, VHD_HEADER_BYTES, error);
        if (status != VDISK_OK)
            return status;
        state->header_fault = vhd_header_decode(state->header_bytes, &state->header);
    }
    if (state->header_fault != NULL && !for_check)
        return fail(image, error, "VHD dynamic header", offset, state->header_fault);
    return VDISK_OK;
}

static void set_block_size(struct vdisk_image *image, struct vhd_state *state)
{
    const uint32_t sectors = state->header.block_bytes / VDISK_SECTOR_BYTES;

    state->block_bytes = state->header.block_bytes;
    while (UINT32_C(1) << state->block_shift < state->block_bytes)
        state->block_shift++;
    state->bitmap_bytes = (uint32_t)vdisk_div_up(sectors, VHD_PAGE_BYTES * 8) * VHD_PAGE_BYTES;
    image->block_bytes = state->block_bytes;
    image->frees_blocks = true;
}

/* Where the next block goes. Without a footer at the end the table tells. */
static enum vdisk_status find_end(struct vdisk_image *image, struct vhd_state *state,
                                  const struct vhd_layout *layout, struct vdisk_error *error)
{
    bool damaged;
    enum vdisk_status status;

    if (state->tail_fault == NULL) {
        state->end_bytes =
            vdisk_div_up(state->tail_offset, VDISK_SECTOR_BYTES) * VDISK_SECTOR_BYTES;
        return VDISK_OK;
    }
    if (image->disk.read_only)
        return VDISK_OK;
    status = vhd_layout_find_end(image, layout, &state->end_bytes, &damaged, error);
    if (status == VDISK_OK && damaged) /* cutting the file there could lose what it still holds */
        image->disk.read_only = true;
    return status;
}

/* For a check, a table that cannot be used is a finding and no failure. */
static enum vdisk_status open_layout(struct vdisk_image *image, struct vhd_state *state,
                                     bool for_check, struct vhd_layout **layout,
                                     struct vdisk_error *error)
{
    struct vdisk_error fault;
    enum vdisk_status status;

    vhd_set_limit(state, state->tail_fault == NULL ? state->tail_offset : state->file_bytes);
    status = vhd_layout_create(image, &state->footer, &state->header, state->footer.data_offset,
                               layout, &fault);
    if (status == VDISK_CORRUPT && for_check) {
        state->header_fault = fault.reason;
        return VDISK_OK;
    }
    if (status != VDISK_OK && error != NULL)
        *error = fault;
    return status;
}

static enum vdisk_status open_dynamic(struct vdisk_image *image, bool for_check,
                                      struct vdisk_error *error)
{
    struct vhd_state *state = image->state;
    struct vhd_layout *layout;
    enum vdisk_status status = read_header(image, state, for_check, error);

    if (status != VDISK_OK || state->header_fault != NULL)
        return status;
    set_block_size(image, state);
    status = open_layout(image, state, for_check, &layout, error);
    if (status != VDISK_OK || state->header_fault != NULL)
        return status;
    atomic_store_explicit(&state->layout, layout, memory_order_release);
    status = find_end(image, state, layout, error);
    if (status == VDISK_OK)
        status = vdisk_page_cache_create(image->file, "VHD sector bitmap", VHD_PAGE_BYTES,
                                         BITMAP_PAGES, &state->bitmaps, error);
    if (status != VDISK_OK || state->type != VHD_DIFFERENCING)
        return status;
    image->has_parent = true;
    image->frees_blocks = false; /* nothing but stored zeros hides a parent */
    return vhd_parent_read_names(image, error);
}

static enum vdisk_status open_with_tail(struct vdisk_image *image, bool for_check,
                                        unsigned char *tail, struct vdisk_error *error)
{
    struct vhd_state *state = image->state;
    enum vdisk_status status = vdisk_file_get_size(image->file, &state->file_bytes, error);

    if (status == VDISK_OK)
        status = read_tail(image, state, tail, error);
    if (status == VDISK_OK)
        status = choose_footer(image, state, tail, error);
    if (status != VDISK_OK)
        return status;
    state->type = state->footer.type;
    image->disk.size_bytes = state->footer.current_size;
    if (state->type == VHD_FIXED)
        return open_fixed(image, error);
    return open_dynamic(image, for_check, error);
}

enum vdisk_status vhd_open(struct vdisk_image *image, const struct vdisk_open_options *options,
                           struct vdisk_error *error)
{
    unsigned char *tail = vdisk_alloc(VHD_FOOTER_BYTES);
    enum vdisk_status status;

    image->state = vdisk_alloc(sizeof(struct vhd_state));
    if (image->state == NULL || tail == NULL) {
        vdisk_free(tail);
        return vdisk_image_fail(image, error, VDISK_NO_MEMORY, NULL, VDISK_NO_OFFSET, NULL);
    }
    status = open_with_tail(image, options->for_check, tail, error);
    vdisk_free(tail);
    return status;
}

void vhd_close(struct vdisk_image *image)
{
    struct vhd_state *state = image->state;

    if (state == NULL)
        return;
    vhd_layout_destroy(vhd_layout(state));
    vdisk_page_cache_destroy(state->bitmaps);
    vhd_space_destroy(state->space);
    vdisk_free(state->prefix);
    vdisk_free(state);
}
