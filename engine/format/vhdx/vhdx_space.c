/*
 * Which MiB of the file are free. The map is made when the first block of a session is allocated:
 * from the areas and the whole BAT, so that space which an earlier session lost is found again, and
 * so that nothing is written to an image whose blocks overlap. Where that would take too long (a
 * BAT of more than 8 MiB, a file of more than 8 TiB) space is only taken at the end of the file.
 */
#include "engine/format/vhdx/vhdx_state.h"

#define MAP_BYTES_MAX   ((uint32_t)VHDX_MIB)
#define BAT_ENTRIES_MAX UINT64_C(1048576)
#define PENDING_MAX     512u

struct pending_space {
    uint32_t mb;
    uint32_t count;
};

struct vhdx_space {     /* protected by the allocation lock */
    unsigned char *map; /* a bit a MiB, 1: in use; NULL: only the end of the file is used */
    uint32_t map_bytes;
    uint32_t first_free_mb; /* nothing is free before */
    uint32_t pending_count;
    struct pending_space pending[PENDING_MAX]; /* freed, but not yet for good */
};

static enum vdisk_status space_fail(struct vdisk_image *image, struct vdisk_error *error,
                                    enum vdisk_status status, uint64_t offset_bytes,
                                    const char *reason)
{
    return vdisk_image_fail(image, error, status, "VHDX block", offset_bytes, reason);
}

static bool is_used(const struct vhdx_space *space, uint32_t mb)
{
    return (space->map[mb / 8] >> (mb % 8) & 1) != 0;
}

/* True when one of them was in use already. What lies beyond the map is ignored. */
static bool mark_used(struct vhdx_space *space, uint64_t mb, uint64_t count)
{
    bool collision = false;

    for (; count != 0 && mb < (uint64_t)space->map_bytes * 8; mb++, count--) {
        collision = collision || is_used(space, (uint32_t)mb);
        space->map[mb / 8] = (unsigned char)(space->map[mb / 8] | 1u << mb % 8);
    }
    return collision;
}

static void mark_free(struct vhdx_space *space, uint32_t mb, uint32_t count)
{
    for (uint32_t index = 0; index < count; index++)
        space->map[(mb + index) / 8] &= (unsigned char)~(1u << (mb + index) % 8);
    if (count != 0 && mb < space->first_free_mb)
        space->first_free_mb = mb;
}

/* Makes room for `mb_count` bits; false when the map has to be given up. */
static bool reserve_map(struct vhdx_space *space, uint64_t mb_count)
{
    const uint64_t wanted = vdisk_div_up(mb_count, 8);
    uint64_t bytes = vdisk_max_u64(space->map_bytes, VDISK_PAGE_BYTES);
    unsigned char *map;

    while (bytes < wanted)
        bytes *= 2;
    if (bytes > MAP_BYTES_MAX)
        return false;
    if (bytes == space->map_bytes)
        return true;
    map = vdisk_alloc((size_t)bytes);
    if (map == NULL)
        return false;
    if (space->map != NULL)
        memcpy(map, space->map, space->map_bytes);
    vdisk_free(space->map);
    space->map = map;
    space->map_bytes = (uint32_t)bytes;
    return true;
}

static void give_up_map(struct vhdx_space *space)
{
    vdisk_free(space->map);
    space->map = NULL;
    space->map_bytes = 0;
}

/* Marks what one entry of the BAT occupies. */
static enum vdisk_status mark_entry(struct vdisk_image *image, uint64_t index, bool is_bitmap,
                                    struct vdisk_error *error)
{
    struct vhdx_state *state = vhdx_state_of(image);
    const uint64_t mb_count =
        is_bitmap ? VHDX_BITMAP_BLOCK_BYTES / VHDX_MIB : state->metadata.block_bytes / VHDX_MIB;
    uint64_t entry, mb;
    uint32_t block_state;
    bool collision;
    enum vdisk_status status = vhdx_bat_load(state, index, &entry, error);

    if (status != VDISK_OK)
        return status;
    mb = entry >> VHDX_BAT_MB_SHIFT;
    block_state = (uint32_t)(entry & VHDX_BAT_STATE_MASK);
    if (block_state == VHDX_BLOCK_NOT_PRESENT || block_state == VHDX_BLOCK_ZERO)
        return VDISK_OK;
    collision = mark_used(state->space, mb, mb_count);
    if (collision && (block_state == VHDX_BLOCK_FULL || block_state == VHDX_BLOCK_PARTIAL))
        return space_fail(image, error, VDISK_CORRUPT, mb * VHDX_MIB,
                          "the space belongs to two blocks or to the image's own structures: "
                          "nothing is allocated in such an image");
    return VDISK_OK;
}

static enum vdisk_status mark_blocks(struct vdisk_image *image, struct vdisk_error *error)
{
    struct vhdx_state *state = vhdx_state_of(image);
    const uint64_t blocks = vhdx_block_count(state);
    enum vdisk_status status = VDISK_OK;

    for (uint64_t block = 0; block < blocks && status == VDISK_OK; block++) {
        status = mark_entry(image, vhdx_bat_payload_index(state, block), false, error);
        if (status == VDISK_OK && state->metadata.has_parent && block % state->chunk_blocks == 0)
            status = mark_entry(image, vhdx_bat_bitmap_index(state, block), true, error);
    }
    return status;
}

static enum vdisk_status make_map(struct vdisk_image *image, struct vdisk_error *error)
{
    struct vhdx_state *state = vhdx_state_of(image);

    if (vhdx_block_count(state) > BAT_ENTRIES_MAX ||
        !reserve_map(state->space, atomic_load(&state->file_end_mb)))
        return VDISK_OK;
    mark_used(state->space, 0, VHDX_HEADERS_END / VHDX_MIB);
    for (uint32_t index = 0; index < state->area_count; index++)
        mark_used(state->space, state->areas[index].offset_bytes / VHDX_MIB,
                  state->areas[index].length_bytes / VHDX_MIB);
    return mark_blocks(image, error);
}

static enum vdisk_status space_create(struct vdisk_image *image, struct vdisk_error *error)
{
    struct vhdx_state *state = vhdx_state_of(image);
    enum vdisk_status status;

    if (state->space != NULL)
        return VDISK_OK;
    state->space = vdisk_alloc(sizeof *state->space);
    if (state->space == NULL)
        return space_fail(image, error, VDISK_NO_MEMORY, VDISK_NO_OFFSET, NULL);
    status = make_map(image, error);
    if (status != VDISK_OK) {
        vhdx_space_destroy(state->space);
        state->space = NULL;
    }
    return status;
}

/* The first run of free MiB; one that reaches the end of the file may be shorter than asked. */
static uint32_t find_run(struct vhdx_space *space, uint32_t end_mb, uint32_t count)
{
    uint32_t start, mb;

    while (space->first_free_mb < end_mb && is_used(space, space->first_free_mb))
        space->first_free_mb++;
    start = space->first_free_mb;
    for (mb = start; mb < end_mb && mb - start < count; mb++) {
        if (mb % 8 == 0 && space->map[mb / 8] == 0xff) {
            mb += 7;
            start = mb + 1;
        } else if (is_used(space, mb)) {
            start = mb + 1;
        }
    }
    return (uint32_t)vdisk_min_u64(start, end_mb);
}

/* Makes [mb, mb + count) part of the file, reading as zeros. */
static enum vdisk_status provide(struct vdisk_image *image, uint32_t mb, uint32_t count,
                                 struct vdisk_error *error)
{
    struct vhdx_state *state = vhdx_state_of(image);
    const uint32_t end_mb = atomic_load(&state->file_end_mb);
    const uint64_t end = ((uint64_t)mb + count) * VHDX_MIB;
    enum vdisk_status status;

    if (end > VHDX_FILE_BYTES_MAX)
        return space_fail(image, error, VDISK_NO_SPACE, end, "the file cannot grow any more");
    if (mb < end_mb)
        status = vdisk_file_zero(image->file, mb * VHDX_MIB, count * VHDX_MIB, error);
    else
        status = vdisk_file_set_size(image->file, end, error);
    if (status == VDISK_OK && mb + count > end_mb)
        atomic_store(&state->file_end_mb, mb + count);
    return status;
}

enum vdisk_status vhdx_space_allocate(struct vdisk_image *image, uint64_t length_bytes,
                                      uint64_t *offset_bytes, struct vdisk_error *error)
{
    struct vhdx_state *state = vhdx_state_of(image);
    const uint32_t count = (uint32_t)(length_bytes / VHDX_MIB);
    uint32_t end_mb, mb;
    struct vhdx_space *space;
    enum vdisk_status status = space_create(image, error);

    if (status != VDISK_OK)
        return status;
    space = state->space;
    end_mb = (uint32_t)vdisk_max_u64(atomic_load(&state->file_end_mb),
                                     atomic_load(&state->areas_end_mb));
    if (space->map != NULL && !reserve_map(space, (uint64_t)end_mb + count))
        give_up_map(space);
    mb = space->map != NULL ? find_run(space, end_mb, count) : end_mb;
    status = provide(image, mb, count, error);
    if (status != VDISK_OK)
        return status;
    if (space->map != NULL)
        mark_used(space, mb, count);
    *offset_bytes = mb * VHDX_MIB;
    return VDISK_OK;
}

enum vdisk_status vhdx_space_free(struct vdisk_image *image, uint64_t offset_bytes,
                                  uint64_t length_bytes, struct vdisk_error *error)
{
    const uint32_t mb = (uint32_t)(offset_bytes / VHDX_MIB);
    const uint32_t count = (uint32_t)(length_bytes / VHDX_MIB);
    struct vhdx_space *space;
    struct pending_space *last;
    enum vdisk_status status = space_create(image, error);

    if (status != VDISK_OK)
        return status;
    space = vhdx_state_of(image)->space;
    if (space->map != NULL) /* a map that was made just now does not know */
        mark_used(space, mb, count);
    last = space->pending_count == 0 ? NULL : &space->pending[space->pending_count - 1];
    if (last != NULL && last->mb + last->count == mb) {
        last->count += count;
        return VDISK_OK;
    }
    if (space->pending_count == PENDING_MAX) {
        status = vhdx_journal_flush(image, error);
        if (status != VDISK_OK)
            return status;
    }
    space->pending[space->pending_count].mb = mb;
    space->pending[space->pending_count].count = count;
    space->pending_count++;
    return VDISK_OK;
}

/* A host that cannot punch keeps the space, which is no failure. */
static enum vdisk_status release_one(struct vdisk_image *image, const struct pending_space *freed,
                                     struct vdisk_error *error)
{
    struct vhdx_state *state = vhdx_state_of(image);
    const uint32_t end_mb = atomic_load(&state->file_end_mb);
    enum vdisk_status status = VDISK_OK;

    if (freed->mb < end_mb && image->file->ops->punch != NULL)
        status =
            vdisk_file_punch(image->file, freed->mb * VHDX_MIB,
                             vdisk_min_u64(freed->count, end_mb - freed->mb) * VHDX_MIB, error);
    if (status != VDISK_OK && status != VDISK_UNSUPPORTED)
        return status;
    if (state->space->map != NULL && freed->mb + freed->count <= state->space->map_bytes * 8)
        mark_free(state->space, freed->mb, freed->count);
    return VDISK_OK;
}

enum vdisk_status vhdx_space_release(struct vdisk_image *image, struct vdisk_error *error)
{
    struct vhdx_space *space = vhdx_state_of(image)->space;
    enum vdisk_status status = VDISK_OK;

    if (space == NULL || space->pending_count == 0)
        return VDISK_OK;
    vdisk_gate_drain(&image->gate); /* nobody reads there any more */
    while (space->pending_count != 0 && status == VDISK_OK)
        status = release_one(image, &space->pending[--space->pending_count], error);
    return status;
}

enum vdisk_status vhdx_space_trim(struct vdisk_image *image, struct vdisk_error *error)
{
    struct vhdx_state *state = vhdx_state_of(image);
    const uint32_t end_mb = atomic_load(&state->file_end_mb);
    uint32_t mb = end_mb;
    enum vdisk_status status;

    if (state->space == NULL || state->space->map == NULL || end_mb > state->space->map_bytes * 8)
        return VDISK_OK;
    while (mb > 1 && !is_used(state->space, mb - 1))
        mb--;
    if (mb == end_mb)
        return VDISK_OK;
    status = vdisk_file_set_size(image->file, mb * VHDX_MIB, error);
    if (status == VDISK_OK)
        atomic_store(&state->file_end_mb, mb);
    return status;
}

void vhdx_space_destroy(struct vhdx_space *space)
{
    if (space == NULL)
        return;
    vdisk_free(space->map);
    vdisk_free(space);
}
