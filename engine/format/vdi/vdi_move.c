#include "engine/format/vdi/vdi_state.h"
#include "engine/base/endian.h"

enum vdisk_status vdi_fill_entries(struct vdisk_image *image, uint64_t table_offset, uint32_t from,
                                   uint32_t to, bool identity, struct vdisk_error *error)
{
    const struct vdi_state *state = image->state;
    enum vdisk_status status = VDISK_OK;

    while (from < to && status == VDISK_OK) {
        const uint32_t count = (uint32_t)vdisk_min_u64(to - from, VDI_COPY_BYTES / VDI_ENTRY_BYTES);

        for (uint32_t index = 0; index < count; index++)
            vdisk_store_le32(state->copy + (size_t)index * VDI_ENTRY_BYTES,
                             identity ? from + index : VDI_ABSENT);
        status = vdisk_file_write(image->file, table_offset + (uint64_t)from * VDI_ENTRY_BYTES,
                                  state->copy, (size_t)count * VDI_ENTRY_BYTES, error);
        from += count;
    }
    return status;
}

static enum vdisk_status copy_slot(struct vdisk_image *image, const struct vdi_layout *layout,
                                   uint32_t from, uint32_t to, struct vdisk_error *error)
{
    const struct vdi_state *state = image->state;
    enum vdisk_status status = VDISK_OK;

    for (uint64_t done = 0; done < state->pitch && status == VDISK_OK;) {
        const size_t piece = (size_t)vdisk_min_u64(state->pitch - done, VDI_COPY_BYTES);

        status = vdisk_file_read(image->file, vdi_slot_offset(state, layout, from) + done,
                                 state->copy, piece, error);
        if (status == VDISK_OK)
            status = vdisk_file_write(image->file, vdi_slot_offset(state, layout, to) + done,
                                      state->copy, piece, error);
        done += piece;
    }
    return status;
}

/* From here on no block is written in place: whoever wants to waits for the allocation lock. */
static void begin_moving(struct vdisk_image *image)
{
    struct vdi_state *state = image->state;

    atomic_store_explicit(&state->moving, true, memory_order_release);
    vdisk_gate_drain(&image->gate);
}

static enum vdisk_status end_moving(struct vdisk_image *image, enum vdisk_status status,
                                    struct vdisk_error *error)
{
    struct vdi_state *state = image->state;

    if (status == VDISK_OK)
        status = vdi_flush(image, error);
    vdi_slots_forget_holes(state);
    /* Whoever still reads from the old slots must have left before they are used again. */
    vdisk_gate_drain(&image->gate);
    atomic_store_explicit(&state->moving, false, memory_order_release);
    return status;
}

static enum vdisk_status move_block_below(struct vdisk_image *image,
                                          const struct vdi_layout *layout, uint32_t block,
                                          uint32_t limit, struct vdisk_error *error)
{
    struct vdi_state *state = image->state;
    uint32_t slot, target;
    enum vdisk_status status = vdi_entry_load(image, layout, block, &slot, error);

    if (status != VDISK_OK || slot == VDI_ABSENT || slot == VDI_ZERO || slot < limit)
        return status;
    status = vdi_slots_find_hole(image, limit, &target, error);
    if (status == VDISK_OK)
        status = copy_slot(image, layout, slot, target, error);
    if (status != VDISK_OK)
        return status;
    state->holes.next++;
    return vdi_entry_store(image, layout, block, target, error);
}

enum vdisk_status vdi_move_below(struct vdisk_image *image, uint32_t limit,
                                 struct vdisk_error *error)
{
    const struct vdi_layout *layout = vdi_layout(image->state);
    enum vdisk_status status = VDISK_OK;

    vdi_slots_forget_holes(image->state);
    begin_moving(image);
    for (uint32_t block = 0; block < layout->block_count && status == VDISK_OK; block++)
        status = move_block_below(image, layout, block, limit, error);
    return end_moving(image, status, error);
}

/* To the end of the file, where slots are that the larger map will not cover. */
static enum vdisk_status move_block_up(struct vdisk_image *image, const struct vdi_layout *layout,
                                       uint32_t block, uint32_t limit, struct vdisk_error *error)
{
    struct vdi_state *state = image->state;
    uint32_t slot, target;
    enum vdisk_status status = vdi_entry_load(image, layout, block, &slot, error);

    if (status != VDISK_OK || slot == VDI_ABSENT || slot == VDI_ZERO || slot >= limit)
        return status;
    target = state->next_slot;
    status = vdisk_file_set_size(image->file, vdi_slot_offset(state, layout, target + 1), error);
    if (status == VDISK_OK)
        status = copy_slot(image, layout, slot, target, error);
    if (status != VDISK_OK)
        return status;
    state->next_slot = target + 1;
    atomic_store_explicit(&state->slot_limit, state->next_slot, memory_order_relaxed);
    return vdi_entry_store(image, layout, block, target, error);
}

/* The entries of the map, with the numbers that count from the new beginning of the data. */
static enum vdisk_status write_shifted(struct vdisk_image *image, const struct vdi_layout *layout,
                                       uint64_t target, uint32_t slot_shift,
                                       struct vdisk_error *error)
{
    const struct vdi_state *state = image->state;
    enum vdisk_status status = VDISK_OK;

    for (uint32_t first = 0; first < layout->block_count && status == VDISK_OK;) {
        const uint32_t count =
            (uint32_t)vdisk_min_u64(VDI_COPY_BYTES / VDI_ENTRY_BYTES, layout->block_count - first);

        for (uint32_t index = 0; index < count && status == VDISK_OK; index++) {
            uint32_t slot;

            status = vdi_entry_load(image, layout, first + index, &slot, error);
            if (status == VDISK_OK)
                vdisk_store_le32(state->copy + (size_t)index * VDI_ENTRY_BYTES,
                                 slot < VDI_ZERO ? slot - slot_shift : slot);
        }
        if (status == VDISK_OK)
            status = vdisk_file_write(image->file, target + (uint64_t)first * VDI_ENTRY_BYTES,
                                      state->copy, (size_t)count * VDI_ENTRY_BYTES, error);
        first += count;
    }
    return status;
}

static enum vdisk_status vacate(struct vdisk_image *image, const struct vdi_layout *layout,
                                uint32_t limit, struct vdisk_error *error)
{
    struct vdi_state *state = image->state;
    enum vdisk_status status = VDISK_OK;

    begin_moving(image);
    if (state->next_slot < limit)
        state->next_slot = limit;
    for (uint32_t block = 0; block < layout->block_count && status == VDISK_OK; block++)
        status = move_block_up(image, layout, block, limit, error);
    return end_moving(image, status, error);
}

enum vdisk_status vdi_move_table(struct vdisk_image *image, uint32_t block_count,
                                 uint32_t *slot_shift, struct vdisk_error *error)
{
    struct vdi_state *state = image->state;
    const struct vdi_layout *layout = vdi_layout(state);
    const uint64_t table_bytes =
        vdisk_div_up((uint64_t)block_count * VDI_ENTRY_BYTES, VDI_PAGE_BYTES) * VDI_PAGE_BYTES;
    const uint64_t table_offset =
        vdisk_div_up(layout->data_offset, VDI_PAGE_BYTES) * VDI_PAGE_BYTES;
    const uint32_t shift =
        (uint32_t)vdisk_div_up(table_offset - layout->data_offset + table_bytes, state->pitch);
    const uint64_t data_offset = layout->data_offset + shift * state->pitch;
    enum vdisk_status status;

    if (state->identity || data_offset > UINT32_MAX)
        return vdisk_image_fail(image, error, VDISK_NO_SPACE, "VDI block map", VDISK_NO_OFFSET,
                                "it has no room for more blocks");
    status = vacate(image, layout, shift, error);
    if (status == VDISK_OK)
        status = write_shifted(image, layout, table_offset, shift, error);
    if (status == VDISK_OK)
        status =
            vdi_fill_entries(image, table_offset, layout->block_count, block_count, false, error);
    if (status == VDISK_OK)
        status = vdisk_file_flush(image->file, error);
    if (status != VDISK_OK)
        return status;
    state->header.table_offset = table_offset;
    state->header.data_offset = data_offset;
    *slot_shift = shift;
    return VDISK_OK;
}

enum vdisk_status vdi_replace_layout(struct vdisk_image *image, uint32_t slot_shift,
                                     struct vdisk_error *error)
{
    struct vdi_state *state = image->state;
    struct vdi_layout *old = vdi_layout(state);
    struct vdi_layout *layout;
    enum vdisk_status status = vdi_layout_create(image, &layout, error);

    if (status == VDISK_OK) {
        state->lost = true; /* until it is known what the file says */
        status = vdi_write_header(image, error);
        if (status == VDISK_OK)
            status = vdisk_file_flush(image->file, error);
        if (status != VDISK_OK)
            vdi_layout_destroy(layout);
    }
    if (status != VDISK_OK)
        return status;
    state->lost = false;
    if (state->header.disk_bytes < image->disk.size_bytes)
        image->disk.size_bytes = state->header.disk_bytes;
    atomic_store_explicit(&state->layout, layout, memory_order_release);
    image->disk.size_bytes = state->header.disk_bytes;
    if (!image->in_place)
        vdisk_gate_drain(&image->gate);
    vdi_layout_destroy(old);
    state->next_slot -= slot_shift;
    if (slot_shift != 0)
        atomic_store_explicit(&state->slot_limit, state->next_slot, memory_order_relaxed);
    vdi_slots_forget_holes(state);
    return VDISK_OK;
}
