/*
 * Changes of footer and header that a power cut leaves undone or done. The header has a checksum
 * over two sectors, so it is never overwritten while the footer points to it: a copy behind the
 * last block stands in meanwhile.
 */
#include "engine/format/vhd/vhd_state.h"

enum vdisk_status vhd_change_begin(struct vdisk_image *image, struct vhd_change **begun,
                                   struct vdisk_error *error)
{
    struct vhd_state *state = image->state;
    struct vhd_change *change = vdisk_alloc(sizeof *change);
    enum vdisk_status status = vhd_flush(image, error);

    if (change == NULL)
        return vdisk_image_fail(image, error, VDISK_NO_MEMORY, NULL, VDISK_NO_OFFSET, NULL);
    if (status != VDISK_OK) {
        vdisk_free(change);
        return status;
    }
    memcpy(change->footer, state->footer_bytes, VHD_FOOTER_BYTES);
    memcpy(change->header, state->header_bytes, VHD_HEADER_BYTES);
    change->end_bytes = state->end_bytes;
    vhd_space_destroy(state->space); /* what is free may move */
    state->space = NULL;
    *begun = change;
    return VDISK_OK;
}

static enum vdisk_status write_flushed(struct vdisk_file *file, uint64_t offset_bytes,
                                       const void *bytes, size_t length_bytes,
                                       struct vdisk_error *error)
{
    enum vdisk_status status = vdisk_file_write(file, offset_bytes, bytes, length_bytes, error);

    if (status == VDISK_OK)
        status = vdisk_file_flush(file, error);
    return status;
}

/*
 * The copy in front decides. The old footer goes first, unless something was written over it
 * already, so that a power cut leaves one that is missing and not one that contradicts.
 */
static enum vdisk_status remove_tail(struct vdisk_image *image, const struct vhd_change *change,
                                     struct vdisk_error *error)
{
    const struct vhd_state *state = image->state;
    enum vdisk_status status;

    if (state->head_fault != NULL || change->end_bytes > state->end_bytes)
        return VDISK_OK;
    status = vdisk_file_fill_zeros(image->file, state->end_bytes, VHD_FOOTER_BYTES, error);
    return status == VDISK_OK ? vdisk_file_flush(image->file, error) : status;
}

/* Cut last: what lies at the end until then may be anything that a guest wrote. */
static enum vdisk_status write_tail(struct vdisk_image *image, const struct vhd_change *change,
                                    struct vdisk_error *error)
{
    enum vdisk_status status =
        write_flushed(image->file, change->end_bytes, change->footer, VHD_FOOTER_BYTES, error);

    if (status == VDISK_OK)
        status = vdisk_file_set_size(image->file, change->end_bytes + VHD_FOOTER_BYTES, error);
    if (status == VDISK_OK)
        status = vdisk_file_flush(image->file, error);
    return status;
}

enum vdisk_status vhd_require_sound(struct vdisk_image *image, struct vdisk_error *error)
{
    const struct vhd_state *state = image->state;

    if (!state->lost)
        return VDISK_OK;
    return vdisk_image_fail(image, error, VDISK_IO, "VHD footer", 0,
                            "an earlier change of it failed half-way; the image must be reopened");
}

/* What is in memory is what the file says now. */
static void adopt(struct vhd_state *state, const struct vhd_change *change)
{
    memcpy(state->footer_bytes, change->footer, VHD_FOOTER_BYTES);
    memcpy(state->header_bytes, change->header, VHD_HEADER_BYTES);
    vhd_footer_decode(state->footer_bytes, &state->footer);
    vhd_header_decode(state->header_bytes, &state->header);
    state->end_bytes = change->end_bytes;
    state->tail_offset = change->end_bytes;
    state->file_bytes = change->end_bytes + VHD_FOOTER_BYTES;
    state->footer_pending = false;
}

enum vdisk_status vhd_change_footer(struct vdisk_image *image, struct vhd_change *change,
                                    struct vdisk_error *error)
{
    enum vdisk_status status = remove_tail(image, change, error);

    if (status == VDISK_OK)
        status = write_flushed(image->file, 0, change->footer, VHD_FOOTER_BYTES, error);
    if (status != VDISK_OK)
        return status;
    adopt(image->state, change);
    return write_tail(image, change, error);
}

enum vdisk_status vhd_change_header(struct vdisk_image *image, struct vhd_change *change,
                                    struct vdisk_error *error)
{
    const uint64_t place = ((const struct vhd_state *)image->state)->footer.data_offset;
    const uint64_t end_bytes = change->end_bytes;
    enum vdisk_status status =
        write_flushed(image->file, end_bytes, change->header, VHD_HEADER_BYTES, error);

    change->end_bytes += VHD_HEADER_BYTES;
    vhd_footer_set_data_offset(change->footer, end_bytes);
    if (status != VDISK_OK)
        return status;
    status = vhd_change_footer(image, change, error);
    if (status == VDISK_OK)
        status = write_flushed(image->file, place, change->header, VHD_HEADER_BYTES, error);
    change->end_bytes = end_bytes;
    vhd_footer_set_data_offset(change->footer, place);
    if (status == VDISK_OK)
        status = vhd_change_footer(image, change, error);
    return status;
}

enum vdisk_status vhd_replace_layout(struct vdisk_image *image, struct vdisk_error *error)
{
    struct vhd_state *state = image->state;
    struct vhd_layout *old = vhd_layout(state);
    struct vhd_layout *layout;
    enum vdisk_status status;

    vhd_set_limit(state, vdisk_max_u64(state->end_bytes, vhd_limit(state)));
    status = vhd_layout_create(image, &state->footer, &state->header, state->footer.data_offset,
                               &layout, error);
    if (status != VDISK_OK)
        return status;
    if (state->footer.current_size < image->disk.size_bytes)
        image->disk.size_bytes = state->footer.current_size;
    atomic_store_explicit(&state->layout, layout, memory_order_release);
    image->disk.size_bytes = state->footer.current_size;
    vdisk_gate_drain(&image->gate);
    vhd_layout_destroy(old);
    vhd_set_limit(state, state->end_bytes);
    return VDISK_OK;
}

/*
 * After a failure nobody knows which footer the file has: the one that memory agrees with is
 * written again, in front first. When that fails, or when lookups still go by what was before, the
 * session must not go on, as its blocks could go to a table that is out of date. What was written
 * behind the end is cut off, or skipped.
 */
static void restore_after_failure(struct vdisk_image *image, const struct vhd_change *change)
{
    struct vhd_state *state = image->state;
    const struct vhd_layout *layout = vhd_layout(state);

    state->lost =
        layout->disk_bytes != state->footer.current_size ||
        layout->table_offset != state->header.table_offset ||
        write_flushed(image->file, 0, state->footer_bytes, VHD_FOOTER_BYTES, NULL) != VDISK_OK;
    if (state->lost)
        return;
    if (vdisk_file_set_size(image->file, state->end_bytes, NULL) != VDISK_OK)
        state->end_bytes = vdisk_max_u64(state->end_bytes, change->end_bytes) + VHD_HEADER_BYTES +
                           VHD_FOOTER_BYTES;
    state->footer_pending = vdisk_file_write(image->file, state->end_bytes, state->footer_bytes,
                                             VHD_FOOTER_BYTES, NULL) != VDISK_OK;
}

enum vdisk_status vhd_change_end(struct vdisk_image *image, struct vhd_change *change,
                                 enum vdisk_status status)
{
    if (status != VDISK_OK)
        restore_after_failure(image, change);
    vdisk_free(change);
    return status;
}
