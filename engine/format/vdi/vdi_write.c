#include "engine/format/vdi/vdi_state.h"

enum vdisk_status vdi_require_sound(struct vdisk_image *image, struct vdisk_error *error)
{
    const struct vdi_state *state = image->state;

    if (!state->lost)
        return VDISK_OK;
    return vdisk_image_fail(image, error, VDISK_IO, "VDI header", 0,
                            "an earlier change of it failed half-way; the image must be reopened");
}

/* One sector, so a power cut leaves the old one or the new one. Not flushed. */
enum vdisk_status vdi_write_header(struct vdisk_image *image, struct vdisk_error *error)
{
    struct vdi_state *state = image->state;
    enum vdisk_status status;

    vdi_header_update(state->sector, &state->header);
    status = vdisk_file_write(image->file, 0, state->sector, VDI_SECTOR_BYTES, error);
    if (status == VDISK_OK)
        state->header_pending = false;
    return status;
}

/* The file ends behind the last slot in use: what a session that was cut off left is dropped. */
static enum vdisk_status set_end(struct vdisk_image *image, uint32_t slot_count,
                                 struct vdisk_error *error)
{
    const struct vdi_state *state = image->state;

    return vdisk_file_set_size(image->file, vdi_slot_offset(state, vdi_layout(state), slot_count),
                               error);
}

/* Children see by the identity of the contents that their parent has been written to. */
enum vdisk_status vdi_begin_write(struct vdisk_image *image, struct vdisk_error *error)
{
    struct vdi_state *state = image->state;
    enum vdisk_status status = VDISK_OK;

    if (state->copy == NULL)
        state->copy = vdisk_alloc(VDI_COPY_BYTES);
    if (state->copy == NULL)
        return vdisk_image_fail(image, error, VDISK_NO_MEMORY, NULL, VDISK_NO_OFFSET, NULL);
    if (!state->identity)
        status = set_end(image, state->next_slot, error);
    if (status != VDISK_OK)
        return status;
    atomic_store_explicit(&state->slot_limit, state->next_slot, memory_order_relaxed);
    vdisk_guid_make(state->header.content_identity, VDISK_GUID_LE);
    status = vdi_write_header(image, error);
    if (status == VDISK_OK)
        status = vdisk_file_flush(image->file, error);
    return status;
}

/* A slot that reads as zeros. What is added to a file does; a hole is made to. */
static enum vdisk_status prepare_slot(struct vdisk_image *image, const struct vdi_layout *layout,
                                      uint32_t *slot, struct vdisk_error *error)
{
    struct vdi_state *state = image->state;
    enum vdisk_status status;

    if (state->next_slot < layout->block_count) {
        *slot = state->next_slot;
        return set_end(image, *slot + 1, error);
    }
    status = vdi_slots_find_hole(image, layout->block_count, slot, error);
    if (status == VDISK_OK)
        status = vdisk_file_zero(image->file, vdi_slot_offset(state, layout, *slot), state->pitch,
                                 error);
    return status;
}

/* The slot stays free. At the end it is cut off, or else it becomes a hole. */
static void abandon_slot(struct vdisk_image *image, const struct vdi_layout *layout)
{
    struct vdi_state *state = image->state;

    if (state->next_slot < layout->block_count &&
        set_end(image, state->next_slot, NULL) != VDISK_OK)
        state->next_slot++;
}

static void take_slot(struct vdi_state *state, uint32_t slot)
{
    if (slot >= state->next_slot) {
        state->next_slot = slot + 1;
        atomic_store_explicit(&state->slot_limit, state->next_slot, memory_order_relaxed);
    } else {
        state->holes.next++;
    }
    state->header.allocated_count++;
    state->header_pending = true;
}

/* The parent's part of a new block, as far as it is not zeros anyway. */
static enum vdisk_status copy_below(struct vdisk_image *image, uint64_t target_offset,
                                    uint64_t offset_bytes, uint64_t length_bytes,
                                    struct vdisk_error *error)
{
    const struct vdi_state *state = image->state;
    enum vdisk_status status = VDISK_OK;

    while (length_bytes != 0 && status == VDISK_OK) {
        const size_t piece = (size_t)vdisk_min_u64(length_bytes, VDI_COPY_BYTES);

        status = vdisk_image_read_below(image, offset_bytes, state->copy, piece, error);
        if (status == VDISK_OK && !vdisk_is_zero(state->copy, piece))
            status = vdisk_file_write(image->file, target_offset, state->copy, piece, error);
        target_offset += piece;
        offset_bytes += piece;
        length_bytes -= piece;
    }
    return status;
}

/* Writes the whole block: what is given (zeros when it is NULL), and the parent's data around. */
static enum vdisk_status fill_slot(struct vdisk_image *image, const struct vdi_layout *layout,
                                   uint32_t slot, uint64_t offset_bytes, const void *buffer,
                                   uint64_t length_bytes, bool below, struct vdisk_error *error)
{
    const struct vdi_state *state = image->state;
    const uint64_t data_offset = vdi_slot_offset(state, layout, slot) + state->extra_bytes;
    const uint64_t block_start = vdisk_align_down(offset_bytes, state->block_bytes);
    const uint64_t block_end = vdisk_min_u64(block_start + state->block_bytes, layout->disk_bytes);
    const uint64_t end = offset_bytes + length_bytes;
    enum vdisk_status status = VDISK_OK;

    if (buffer != NULL)
        status = vdisk_file_write(image->file, data_offset + (offset_bytes - block_start), buffer,
                                  (size_t)length_bytes, error);
    if (status == VDISK_OK && below)
        status = copy_below(image, data_offset, block_start, offset_bytes - block_start, error);
    if (status == VDISK_OK && below)
        status = copy_below(image, data_offset + (end - block_start), end, block_end - end, error);
    return status;
}

/* The range lies in one block, which is absent or zero. */
static enum vdisk_status allocate_block(struct vdisk_image *image, const struct vdi_layout *layout,
                                        uint64_t offset_bytes, const void *buffer,
                                        uint64_t length_bytes, bool below,
                                        struct vdisk_error *error)
{
    struct vdi_state *state = image->state;
    const uint32_t block = (uint32_t)(offset_bytes >> state->block_shift);
    uint32_t slot = 0;
    enum vdisk_status status = prepare_slot(image, layout, &slot, error);

    if (status == VDISK_OK)
        status = fill_slot(image, layout, slot, offset_bytes, buffer, length_bytes, below, error);
    if (status != VDISK_OK) {
        abandon_slot(image, layout);
        return status;
    }
    take_slot(state, slot);
    return vdi_entry_store(image, layout, block, slot, error);
}

enum vdisk_status vdi_write_new(struct vdisk_image *image, uint64_t offset_bytes,
                                const void *buffer, size_t length_bytes, size_t *done_bytes,
                                struct vdisk_error *error)
{
    struct vdi_state *state = image->state;
    const struct vdi_layout *layout = vdi_layout(state);
    const uint32_t byte_in_block = (uint32_t)offset_bytes & (state->block_bytes - 1);
    uint32_t slot = VDI_ABSENT;
    enum vdisk_status status = vdi_require_sound(image, error);

    if (status == VDISK_OK)
        status = vdi_entry_load(image, layout, (uint32_t)(offset_bytes >> state->block_shift),
                                &slot, error);
    if (status != VDISK_OK)
        return status;
    *done_bytes = vdisk_min_size(length_bytes, state->block_bytes - byte_in_block);
    return allocate_block(image, layout, offset_bytes, buffer, *done_bytes,
                          image->has_parent && slot == VDI_ABSENT, error);
}

/* Zeros in a child that hide what its parent has there. */
static enum vdisk_status zero_over_parent(struct vdisk_image *image, uint64_t offset_bytes,
                                          uint64_t *length_bytes, struct vdisk_error *error)
{
    struct vdi_state *state = image->state;
    const struct vdi_layout *layout = vdi_layout(state);
    const uint32_t block = (uint32_t)(offset_bytes >> state->block_shift);
    const uint32_t byte_in_block = (uint32_t)offset_bytes & (state->block_bytes - 1);
    const uint32_t rest = vdi_block_used_bytes(state, layout, block) - byte_in_block;
    bool zero;
    enum vdisk_status status;

    if (byte_in_block == 0 && *length_bytes >= rest) {
        *length_bytes = rest;
        return vdi_entry_store(image, layout, block, VDI_ZERO, error);
    }
    status = vdisk_image_is_zero_below(image, offset_bytes, length_bytes, &zero, error);
    if (status != VDISK_OK || zero)
        return status;
    *length_bytes = vdisk_min_u64(*length_bytes, rest);
    return allocate_block(image, layout, offset_bytes, NULL, *length_bytes, true, error);
}

/*
 * Blocks stay where they are: giving back their space is left to the file, which may have holes.
 * So nothing is ever freed while requests are under way.
 */
enum vdisk_status vdi_zero(struct vdisk_image *image, uint64_t offset_bytes, uint64_t length_bytes,
                           uint64_t *done_bytes, struct vdisk_error *error)
{
    struct vdisk_extent extent = {.kind = VDISK_EXTENT_ZERO};
    enum vdisk_status status = vdi_require_sound(image, error);

    if (status == VDISK_OK)
        status = vdi_map(image, offset_bytes, length_bytes, &extent, error);
    if (status != VDISK_OK)
        return status;
    if (extent.kind == VDISK_EXTENT_DATA)
        status = vdisk_file_zero(image->file, extent.file_offset_bytes, extent.length_bytes, error);
    else if (extent.kind == VDISK_EXTENT_UNALLOCATED && image->has_parent)
        status = zero_over_parent(image, offset_bytes, &extent.length_bytes, error);
    *done_bytes = extent.length_bytes;
    return status;
}

enum vdisk_status vdi_flush(struct vdisk_image *image, struct vdisk_error *error)
{
    struct vdi_state *state = image->state;
    const struct vdi_layout *layout = vdi_layout(state);
    enum vdisk_status status = vdi_require_sound(image, error);

    if (status == VDISK_OK)
        status = vdisk_file_flush(image->file, error);
    if (status != VDISK_OK || state->identity)
        return status;
    if (!state->header_pending && vdisk_page_cache_dirty_count(layout->table) == 0)
        return VDISK_OK;
    status = vdisk_page_cache_write_back(layout->table, NULL, NULL, error);
    if (status == VDISK_OK)
        status = vdi_write_header(image, error);
    if (status == VDISK_OK)
        status = vdisk_file_flush(image->file, error);
    return status;
}
