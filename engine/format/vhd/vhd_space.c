#include "engine/format/vhd/vhd_state.h"

#define PLACES_MAX (1u << 20) /* remembered at once; more is found again in the next session */
#define WINDOW     (256u << 10)

/* Places of blocks by their offsets, in sectors. */
struct places {
    uint32_t *sectors;
    uint32_t count;
    uint32_t room;
};

struct vhd_space {       /* protected by the allocation lock */
    bool overlapping;    /* blocks share space: what one frees the other still needs */
    struct places free;  /* may be taken */
    struct places freed; /* not yet for good */
};

/* What does not fit is forgotten, which costs space and nothing else. */
static void places_add(struct places *places, uint64_t offset_bytes)
{
    if (places->count == places->room) {
        const uint32_t room = places->room == 0 ? 64 : places->room * 2;
        uint32_t *sectors = room > PLACES_MAX ? NULL : vdisk_alloc_array(room, sizeof *sectors);

        if (sectors == NULL)
            return;
        if (places->count != 0)
            memcpy(sectors, places->sectors, places->count * sizeof *sectors);
        vdisk_free(places->sectors);
        places->sectors = sectors;
        places->room = room;
    }
    places->sectors[places->count++] = (uint32_t)(offset_bytes / VDISK_SECTOR_BYTES);
}

/*
 * The search: blocks by where they begin, in units of a block (1 + distance from there; 0: none),
 * a window of the file at a time. Between one block and the next there may be room for others.
 */
struct search {
    struct vdisk_image *image;
    const struct vhd_layout *layout;
    struct vhd_space *space;
    uint32_t *starts;
    uint64_t first_unit;
    uint32_t unit_count;
    uint64_t end_bytes; /* of the last block that was seen */
};

static enum vdisk_status note_block(void *context, uint32_t block, uint32_t raw_entry,
                                    struct vdisk_error *error)
{
    struct search *search = context;
    const struct vhd_state *state = search->image->state;
    const uint64_t offset = (uint64_t)raw_entry * VDISK_SECTOR_BYTES;
    const uint64_t unit = offset / vhd_pitch(state);

    (void)block;
    (void)error;
    if (raw_entry == VHD_UNALLOCATED || unit < search->first_unit ||
        unit - search->first_unit >= search->unit_count)
        return VDISK_OK;
    if (search->starts[unit - search->first_unit] != 0)
        search->space->overlapping = true;
    search->starts[unit - search->first_unit] = (uint32_t)(offset % vhd_pitch(state)) + 1;
    return VDISK_OK;
}

/* Places in [search->end_bytes, to_bytes), their data aligned where the room allows it. */
static void note_room(struct search *search, uint64_t to_bytes)
{
    const struct vhd_state *state = search->image->state;
    const uint64_t pitch = vhd_pitch(state);
    uint64_t data, at = search->end_bytes;

    if (at > to_bytes)
        search->space->overlapping = true;
    while (at + pitch <= to_bytes) {
        if (vdisk_align_up(at + state->bitmap_bytes, VHD_ALIGN_BYTES, &data) &&
            data + state->block_bytes <= to_bytes)
            at = data - state->bitmap_bytes;
        if (!vhd_layout_has_area(search->layout, at, pitch))
            places_add(&search->space->free, at);
        at += pitch;
    }
}

static void note_window(struct search *search)
{
    const uint64_t pitch = vhd_pitch(search->image->state);

    for (uint32_t index = 0; index < search->unit_count; index++) {
        const uint64_t start = (search->first_unit + index) * pitch;

        if (search->starts[index] == 0)
            continue;
        note_room(search, start + search->starts[index] - 1);
        search->end_bytes = start + search->starts[index] - 1 + pitch;
    }
}

static enum vdisk_status find_room(struct search *search, struct vdisk_error *error)
{
    const struct vhd_state *state = search->image->state;
    const uint64_t total = state->end_bytes / vhd_pitch(state) + 1;
    enum vdisk_status status = VDISK_OK;

    for (; search->first_unit < total && status == VDISK_OK;
         search->first_unit += search->unit_count) {
        memset(search->starts, 0, search->unit_count * sizeof *search->starts);
        status = vhd_layout_visit(search->image, search->layout, note_block, search, error);
        if (status == VDISK_OK)
            note_window(search);
    }
    if (status == VDISK_OK && search->end_bytes < state->end_bytes)
        note_room(search, state->end_bytes);
    if (search->space->overlapping)
        search->space->free.count = 0;
    return status;
}

enum vdisk_status vhd_space_find(struct vdisk_image *image, struct vdisk_error *error)
{
    struct vhd_state *state = image->state;
    struct search search = {.image = image, .layout = vhd_layout(state)};
    enum vdisk_status status = VDISK_NO_MEMORY;

    if (state->space != NULL)
        return VDISK_OK;
    search.unit_count = (uint32_t)vdisk_min_u64(state->end_bytes / vhd_pitch(state) + 1, WINDOW);
    search.starts = vdisk_alloc_array(search.unit_count, sizeof *search.starts);
    search.space = vdisk_alloc(sizeof *search.space);
    if (search.starts != NULL && search.space != NULL)
        status = find_room(&search, error);
    else
        vdisk_image_fail(image, error, status, NULL, VDISK_NO_OFFSET, NULL);
    vdisk_free(search.starts);
    if (status == VDISK_OK)
        state->space = search.space;
    else
        vhd_space_destroy(search.space);
    return status;
}

bool vhd_space_take(struct vhd_state *state, uint64_t *block_offset)
{
    struct places *free = &state->space->free;

    if (free->count == 0)
        return false;
    *block_offset = (uint64_t)free->sectors[--free->count] * VDISK_SECTOR_BYTES;
    return true;
}

void vhd_space_give_back(struct vhd_state *state, uint64_t block_offset)
{
    places_add(&state->space->free, block_offset);
}

void vhd_space_free(struct vhd_state *state, uint64_t block_offset)
{
    /* A last block that was written by others may be cut short by the footer. */
    if (!state->space->overlapping && block_offset + vhd_pitch(state) <= state->end_bytes)
        places_add(&state->space->freed, block_offset);
}

bool vhd_space_has_freed(const struct vhd_state *state)
{
    return state->space != NULL && state->space->freed.count != 0;
}

/* May one hole reach from the end of one place to the beginning of the next? */
static bool are_adjacent(const struct vhd_state *state, uint32_t sector, uint32_t next_sector)
{
    const uint64_t end = (uint64_t)sector * VDISK_SECTOR_BYTES + vhd_pitch(state);
    const uint64_t next = (uint64_t)next_sector * VDISK_SECTOR_BYTES;

    return next >= end && next - end < VHD_ALIGN_BYTES &&
           (next == end || !vhd_layout_has_area(vhd_layout(state), end, next - end));
}

/* Whole units only: of others the host would write zeros. One that knows no holes keeps all. */
static enum vdisk_status punch_places(struct vdisk_image *image, const struct places *places,
                                      struct vdisk_error *error)
{
    const struct vhd_state *state = image->state;
    const uint32_t unit = vdisk_image_punch_unit(image->file, false);
    enum vdisk_status status = VDISK_OK;
    uint32_t last;

    if (unit == 0)
        return VDISK_OK;
    for (uint32_t first = 0; first < places->count && status == VDISK_OK; first = last + 1) {
        uint64_t start = (uint64_t)places->sectors[first] * VDISK_SECTOR_BYTES;
        uint64_t end;

        last = first;
        while (last + 1 < places->count &&
               are_adjacent(state, places->sectors[last], places->sectors[last + 1]))
            last++;
        end = (uint64_t)places->sectors[last] * VDISK_SECTOR_BYTES + vhd_pitch(state);
        start = vdisk_div_up(start, unit) * unit;
        end = vdisk_align_down(end, unit);
        if (start < end)
            status = vdisk_file_punch(image->file, start, end - start, error);
    }
    return status == VDISK_UNSUPPORTED ? VDISK_OK : status;
}

enum vdisk_status vhd_space_release(struct vdisk_image *image, struct vdisk_error *error)
{
    struct vhd_state *state = image->state;
    enum vdisk_status status;

    if (!vhd_space_has_freed(state))
        return VDISK_OK;
    vdisk_gate_drain(&image->gate); /* nobody reads or writes there any more */
    status = punch_places(image, &state->space->freed, error);
    for (uint32_t index = state->space->freed.count; index-- > 0;) {
        const uint64_t offset = (uint64_t)state->space->freed.sectors[index] * VDISK_SECTOR_BYTES;

        vdisk_page_cache_forget(state->bitmaps, offset, state->bitmap_bytes);
        places_add(&state->space->free, offset);
    }
    state->space->freed.count = 0;
    return status;
}

/* Makes a heap, its largest first, of one whose number `at` may be too small for its place. */
static void sift_down(uint32_t *sectors, uint32_t at, uint32_t count)
{
    for (;;) {
        uint32_t largest = at;
        const uint32_t left = 2 * at + 1;
        uint32_t moved;

        if (left < count && sectors[left] > sectors[largest])
            largest = left;
        if (left + 1 < count && sectors[left + 1] > sectors[largest])
            largest = left + 1;
        if (largest == at)
            return;
        moved = sectors[at];
        sectors[at] = sectors[largest];
        sectors[largest] = moved;
        at = largest;
    }
}

uint64_t vhd_space_cut(struct vhd_state *state, uint64_t end_bytes)
{
    struct places *free = state->space == NULL ? NULL : &state->space->free;
    const uint64_t pitch = vhd_pitch(state);

    if (free == NULL)
        return end_bytes;
    for (uint32_t at = free->count / 2; at-- > 0;)
        sift_down(free->sectors, at, free->count);
    /* Up to a page may lie between two blocks, to align the data; or a table that was moved. */
    while (free->count != 0) {
        const uint64_t last = (uint64_t)free->sectors[0] * VDISK_SECTOR_BYTES;

        if (end_bytes < last + pitch || end_bytes - (last + pitch) >= VHD_ALIGN_BYTES ||
            vhd_layout_has_area(vhd_layout(state), last, end_bytes - last))
            break;
        end_bytes = last;
        free->sectors[0] = free->sectors[--free->count];
        sift_down(free->sectors, 0, free->count);
    }
    return end_bytes;
}

void vhd_space_destroy(struct vhd_space *space)
{
    if (space == NULL)
        return;
    vdisk_free(space->free.sectors);
    vdisk_free(space->freed.sectors);
    vdisk_free(space);
}
