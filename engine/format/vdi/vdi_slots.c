/* Which slots of the file are taken: told by the map alone. */
#include "engine/format/vdi/vdi_state.h"

#define WINDOW_SLOTS (8u << 20) /* a bit each: 1 MiB */

static enum vdisk_status no_memory(struct vdisk_image *image, struct vdisk_error *error)
{
    return vdisk_image_fail(image, error, VDISK_NO_MEMORY, NULL, VDISK_NO_OFFSET, NULL);
}

struct census_taking {
    const struct vdi_state *state;
    const struct vdi_layout *layout;
    struct vdi_census *census;
    unsigned char *taken; /* a bit per slot, as far as the window goes */
    uint32_t window;
};

static enum vdisk_status count_entry(void *context, uint32_t block, uint32_t raw_slot,
                                     struct vdisk_error *error)
{
    struct census_taking *taking = context;
    struct vdi_census *census = taking->census;

    (void)error;
    if (raw_slot != block)
        census->is_identity = false;
    if (raw_slot == VDI_ABSENT || raw_slot == VDI_ZERO)
        return VDISK_OK;
    census->allocated_count++;
    if (!vdi_slot_is_valid(taking->state, taking->layout, block, raw_slot)) {
        census->damaged = true;
        return VDISK_OK;
    }
    if (raw_slot >= census->next_slot)
        census->next_slot = raw_slot + 1;
    if (raw_slot < taking->window) {
        const unsigned char bit = (unsigned char)(1u << raw_slot % 8);

        if ((taking->taken[raw_slot / 8] & bit) != 0)
            census->damaged = true;
        taking->taken[raw_slot / 8] |= bit;
    }
    return VDISK_OK;
}

enum vdisk_status vdi_slots_count(struct vdisk_image *image, const struct vdi_layout *layout,
                                  struct vdi_census *census, struct vdisk_error *error)
{
    struct census_taking taking = {.state = image->state, .layout = layout, .census = census};
    enum vdisk_status status;

    memset(census, 0, sizeof *census);
    census->is_identity = true;
    taking.window = (uint32_t)vdisk_min_u64((uint64_t)layout->block_count * 2, WINDOW_SLOTS);
    taking.taken = vdisk_alloc(vdisk_div_up(taking.window, 8));
    if (taking.taken == NULL)
        return no_memory(image, error);
    status = vdi_layout_visit(image, layout, count_entry, &taking, error);
    vdisk_free(taking.taken);
    return status;
}

static enum vdisk_status note_taken(void *context, uint32_t block, uint32_t raw_slot,
                                    struct vdisk_error *error)
{
    struct vdi_holes *holes = context;

    (void)block;
    (void)error;
    if (raw_slot >= holes->first_slot && raw_slot - holes->first_slot < holes->slot_count) {
        const uint32_t distance = raw_slot - holes->first_slot;

        holes->taken[distance / 8] |= (unsigned char)(1u << distance % 8);
    }
    return VDISK_OK;
}

/* The next window of slots. The map is read from the file, so it must have been flushed. */
static enum vdisk_status look_at_window(struct vdisk_image *image, struct vdi_holes *holes,
                                        uint32_t limit, struct vdisk_error *error)
{
    enum vdisk_status status = vdi_flush(image, error);
    unsigned char *taken = holes->taken;

    if (status != VDISK_OK)
        return status;
    if (taken == NULL)
        taken = vdisk_alloc(WINDOW_SLOTS / 8);
    else
        memset(taken, 0, WINDOW_SLOTS / 8);
    if (taken == NULL)
        return no_memory(image, error);
    holes->taken = taken;
    holes->first_slot += holes->slot_count;
    holes->slot_count = (uint32_t)vdisk_min_u64(limit - holes->first_slot, WINDOW_SLOTS);
    holes->next = 0;
    return vdi_layout_visit(image, vdi_layout(image->state), note_taken, holes, error);
}

enum vdisk_status vdi_slots_find_hole(struct vdisk_image *image, uint32_t limit, uint32_t *slot,
                                      struct vdisk_error *error)
{
    struct vdi_state *state = image->state;
    struct vdi_holes *holes = &state->holes;

    for (;;) {
        enum vdisk_status status;

        for (; holes->next < holes->slot_count; holes->next++) {
            if ((holes->taken[holes->next / 8] >> holes->next % 8 & 1) == 0) {
                *slot = holes->first_slot + holes->next;
                if (*slot < limit)
                    return VDISK_OK;
                break;
            }
        }
        if (holes->first_slot + holes->slot_count >= limit)
            return vdisk_image_fail(image, error, VDISK_NO_SPACE, "VDI block map", VDISK_NO_OFFSET,
                                    "all blocks of the file are taken");
        status = look_at_window(image, holes, limit, error);
        if (status != VDISK_OK) {
            vdi_slots_forget_holes(state);
            return status;
        }
    }
}

void vdi_slots_forget_holes(struct vdi_state *state)
{
    vdisk_free(state->holes.taken);
    memset(&state->holes, 0, sizeof state->holes);
}
