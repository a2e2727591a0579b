#include "engine/format/vdi/vdi_state.h"

/* The part of the last block that the disk did not use becomes part of it, as zeros. */
static enum vdisk_status clear_last_block(struct vdisk_image *image,
                                          const struct vdi_layout *layout,
                                          struct vdisk_error *error)
{
    const struct vdi_state *state = image->state;
    const uint32_t block = (uint32_t)((layout->disk_bytes - 1) >> state->block_shift);
    const uint32_t used = vdi_block_used_bytes(state, layout, block);
    uint32_t slot;
    enum vdisk_status status = vdi_entry_load(image, layout, block, &slot, error);

    if (status != VDISK_OK || slot >= VDI_ZERO || used == state->block_bytes)
        return status;
    return vdisk_file_zero(image->file,
                           vdi_slot_offset(state, layout, slot) + state->extra_bytes + used,
                           state->block_bytes - used, error);
}

static bool has_room(const struct vdi_layout *layout, uint32_t block_count)
{
    const uint64_t room = vdisk_align_down(layout->data_offset, VDI_PAGE_BYTES);

    return layout->table_offset + (uint64_t)block_count * VDI_ENTRY_BYTES <= room;
}

/* A straight fixed image stays one: its new blocks are allocated, too. */
static enum vdisk_status extend_identity(struct vdisk_image *image, const struct vdi_layout *layout,
                                         uint32_t block_count, struct vdisk_error *error)
{
    struct vdi_state *state = image->state;
    enum vdisk_status status =
        vdisk_file_set_size(image->file, vdi_slot_offset(state, layout, block_count), error);

    if (status != VDISK_OK)
        return status;
    state->next_slot = block_count;
    atomic_store_explicit(&state->slot_limit, block_count, memory_order_relaxed);
    return VDISK_OK;
}

/* Entries behind the disk's last block may hold anything: the disk was smaller once. */
static enum vdisk_status clear_entries(struct vdisk_image *image, const struct vdi_layout *layout,
                                       uint32_t block_count, struct vdisk_error *error)
{
    const struct vdi_state *state = image->state;
    const uint32_t old_count = (uint32_t)vdisk_div_up(layout->disk_bytes, state->block_bytes);
    enum vdisk_status status = vdi_fill_entries(image, layout->table_offset, old_count, block_count,
                                                state->identity, error);

    if (status == VDISK_OK)
        status = vdisk_file_flush(image->file, error);
    vdisk_page_cache_forget(layout->table, layout->table_offset,
                            (uint64_t)block_count * VDI_ENTRY_BYTES);
    return status;
}

static enum vdisk_status grow(struct vdisk_image *image, uint64_t size_bytes, uint32_t block_count,
                              struct vdisk_error *error)
{
    struct vdi_state *state = image->state;
    const struct vdi_layout *layout = vdi_layout(state);
    const uint64_t old_bytes = layout->disk_bytes;
    uint32_t slot_shift = 0;
    enum vdisk_status status = clear_last_block(image, layout, error);

    if (status == VDISK_OK && !has_room(layout, block_count))
        status = vdi_move_table(image, block_count, &slot_shift, error);
    else if (status == VDISK_OK) {
        if (state->identity)
            status = extend_identity(image, layout, block_count, error);
        if (status == VDISK_OK)
            status = clear_entries(image, layout, block_count, error);
    }
    if (status != VDISK_OK)
        return status;
    if (state->identity)
        state->header.allocated_count = block_count;
    state->header.disk_bytes = size_bytes;
    state->header.block_count = block_count;
    status = vdi_replace_layout(image, slot_shift, error);
    if (status == VDISK_OK)
        status = vdisk_image_hide_parent(image, old_bytes, error);
    return status;
}

/* Slot numbers are below the number of blocks, so what is behind moves to where others were. */
static enum vdisk_status compress(struct vdisk_image *image, uint32_t block_count,
                                  struct vdisk_error *error)
{
    struct vdi_state *state = image->state;
    const struct vdi_layout *layout = vdi_layout(state);
    enum vdisk_status status = vdi_fill_entries(image, layout->table_offset, block_count,
                                                layout->block_count, false, error);

    if (status == VDISK_OK)
        status = vdisk_file_flush(image->file, error);
    vdisk_page_cache_forget(layout->table, layout->table_offset,
                            (uint64_t)layout->block_count * VDI_ENTRY_BYTES);
    if (status == VDISK_OK)
        status = vdi_move_below(image, block_count, error);
    return status;
}

static enum vdisk_status shrink(struct vdisk_image *image, uint64_t size_bytes,
                                uint32_t block_count, struct vdisk_error *error)
{
    struct vdi_state *state = image->state;
    struct vdi_census census;
    enum vdisk_status status = VDISK_OK;

    if (!state->identity)
        status = compress(image, block_count, error);
    if (status != VDISK_OK)
        return status;
    state->header.disk_bytes = size_bytes;
    state->header.block_count = block_count;
    status = vdi_replace_layout(image, 0, error);
    if (status == VDISK_OK)
        status = vdi_slots_count(image, vdi_layout(state), &census, error);
    if (status != VDISK_OK)
        return status;
    state->header.allocated_count = census.allocated_count;
    state->next_slot = census.next_slot;
    atomic_store_explicit(&state->slot_limit, census.next_slot, memory_order_relaxed);
    status = vdi_write_header(image, error);
    if (status == VDISK_OK)
        status = vdisk_file_set_size(
            image->file, vdi_slot_offset(state, vdi_layout(state), census.next_slot), error);
    if (status == VDISK_OK)
        status = vdisk_file_flush(image->file, error);
    return status;
}

enum vdisk_status vdi_resize(struct vdisk_image *image, uint64_t size_bytes,
                             struct vdisk_error *error)
{
    struct vdi_state *state = image->state;
    const uint64_t block_count = vdisk_div_up(size_bytes, state->block_bytes);
    const uint64_t old_bytes = image->disk.size_bytes;
    struct vdi_header before;
    enum vdisk_status status;

    if (block_count > VDI_BLOCKS_MAX)
        return vdisk_image_fail(image, error, VDISK_INVALID, NULL, VDISK_NO_OFFSET,
                                "the block map would be larger than 256 MiB");
    if (size_bytes > old_bytes && image->has_parent && image->parent == NULL)
        return vdisk_image_fail(image, error, VDISK_PARENT_MISSING, NULL, VDISK_NO_OFFSET,
                                "what a child gains depends on its parent, which was not opened");
    status = vdi_flush(image, error);
    if (status != VDISK_OK || size_bytes == old_bytes)
        return status;
    before = state->header;
    status = size_bytes > old_bytes ? grow(image, size_bytes, (uint32_t)block_count, error)
                                    : shrink(image, size_bytes, (uint32_t)block_count, error);
    if (status != VDISK_OK && vdi_layout(state)->disk_bytes == old_bytes) {
        before.allocated_count = state->header.allocated_count;
        state->header = before; /* as lookups still see it */
    }
    return status;
}
