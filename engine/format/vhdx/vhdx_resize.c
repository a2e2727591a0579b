/*
 * Another size of the disk. What a new size needs is made durable before the size is: growing
 * prepares the blocks first, shrinking changes the size first and frees blocks afterwards.
 */
#include "engine/format/vhdx/vhdx_state.h"
#include "engine/base/endian.h"

#define PIECE_BYTES ((size_t)65536)

static void set_size(struct vdisk_image *image, uint64_t size_bytes)
{
    vhdx_state_of(image)->metadata.disk_bytes = size_bytes;
    image->disk.size_bytes = size_bytes;
}

static enum vdisk_status store_size(struct vdisk_image *image, uint64_t size_bytes,
                                    struct vdisk_error *error)
{
    const uint64_t offset = vhdx_state_of(image)->metadata.disk_bytes_offset;
    unsigned char data[8];
    enum vdisk_status status;

    if (!vdisk_is_aligned(offset, sizeof data))
        return vdisk_image_fail(image, error, VDISK_UNSUPPORTED, "VHDX virtual disk size", offset,
                                "the size cannot be changed where it is");
    vdisk_store_le64(data, size_bytes);
    status = vhdx_journal_store(image, offset, data, sizeof data, error);
    return status == VDISK_OK ? vhdx_journal_flush(image, error) : status;
}

static enum vdisk_status copy_bat(struct vdisk_image *image, const struct vhdx_area *from,
                                  uint64_t to_bytes, struct vdisk_error *error)
{
    unsigned char *piece = vdisk_alloc(PIECE_BYTES);
    enum vdisk_status status = VDISK_OK;

    if (piece == NULL)
        return vdisk_image_fail(image, error, VDISK_NO_MEMORY, NULL, VDISK_NO_OFFSET, NULL);
    for (uint64_t done = 0; done < from->length_bytes && status == VDISK_OK; done += PIECE_BYTES) {
        status = vdisk_file_read(image->file, from->offset_bytes + done, piece, PIECE_BYTES, error);
        if (status == VDISK_OK)
            status = vdisk_file_write(image->file, to_bytes + done, piece, PIECE_BYTES, error);
    }
    vdisk_free(piece);
    return status == VDISK_OK ? vdisk_file_flush(image->file, error) : status;
}

/*
 * A larger BAT goes elsewhere. The log must not speak of the old one any more when the region
 * tables change; until they both have, the two have the same content.
 */
static enum vdisk_status enlarge_bat(struct vdisk_image *image, uint64_t entry_count,
                                     struct vdisk_error *error)
{
    struct vhdx_state *state = vhdx_state_of(image);
    const struct vhdx_area old = state->areas[state->bat_area];
    struct vhdx_area bat;
    enum vdisk_status status;

    if (entry_count <= old.length_bytes / VHDX_BAT_ENTRY_BYTES)
        return VDISK_OK;
    bat.length_bytes = vdisk_div_up(entry_count * VHDX_BAT_ENTRY_BYTES, VHDX_MIB) * VHDX_MIB;
    status = vhdx_space_allocate(image, bat.length_bytes, &bat.offset_bytes, error);
    if (status == VDISK_OK)
        status = vhdx_journal_retire(image, error);
    if (status == VDISK_OK)
        status = copy_bat(image, &old, bat.offset_bytes, error);
    if (status != VDISK_OK)
        return status;
    vdisk_page_cache_forget(state->pages, bat.offset_bytes, bat.length_bytes);
    status = vhdx_region_move_bat(image, &bat, error);
    if (status != VDISK_OK)
        return status;
    vdisk_page_cache_forget(state->pages, old.offset_bytes, old.length_bytes);
    return vhdx_space_free(image, old.offset_bytes, old.length_bytes, error);
}

/* What the old size hid of its last block is not to be seen: zeros from `start` on. */
static enum vdisk_status clear_tail(struct vdisk_image *image, uint64_t start_bytes,
                                    struct vdisk_error *error)
{
    const uint32_t block_bytes = vhdx_state_of(image)->metadata.block_bytes;
    const uint64_t end = vdisk_min_u64(
        image->disk.size_bytes, vdisk_div_up(start_bytes, block_bytes) * (uint64_t)block_bytes);
    enum vdisk_status status = VDISK_OK;

    while (start_bytes < end && status == VDISK_OK) {
        uint64_t done = 0;

        status = vhdx_write_zero(image, start_bytes, end - start_bytes, &done, error);
        start_bytes += done;
    }
    return status;
}

/* A child's new blocks are zeros, not what a larger parent has there. */
static enum vdisk_status clear_entries(struct vdisk_image *image, uint64_t block, uint64_t end,
                                       struct vdisk_error *error)
{
    struct vhdx_state *state = vhdx_state_of(image);
    const uint64_t wanted = state->metadata.has_parent ? VHDX_BLOCK_ZERO : VHDX_BLOCK_NOT_PRESENT;
    enum vdisk_status status = VDISK_OK;

    for (; block < end && status == VDISK_OK; block++) {
        const uint64_t index = vhdx_bat_payload_index(state, block);
        uint64_t entry;

        status = vhdx_bat_load(state, index, &entry, error);
        if (status == VDISK_OK && entry != wanted)
            status = vhdx_bat_store(image, index, wanted, error);
    }
    return status;
}

static enum vdisk_status allocate_fixed(struct vdisk_image *image, uint64_t block, uint64_t end,
                                        struct vdisk_error *error)
{
    struct vhdx_state *state = vhdx_state_of(image);
    const uint32_t block_bytes = state->metadata.block_bytes;
    enum vdisk_status status = VDISK_OK;

    for (; block < end && status == VDISK_OK; block++) {
        uint64_t offset;

        status = vhdx_space_allocate(image, block_bytes, &offset, error);
        if (status == VDISK_OK)
            status = vdisk_file_fill_zeros(image->file, offset, block_bytes, error);
        if (status == VDISK_OK)
            status = vhdx_bat_store(image, vhdx_bat_payload_index(state, block),
                                    offset | VHDX_BLOCK_FULL, error);
    }
    return status;
}

static enum vdisk_status grow(struct vdisk_image *image, uint64_t size_bytes,
                              struct vdisk_error *error)
{
    struct vhdx_state *state = vhdx_state_of(image);
    const uint64_t old_bytes = image->disk.size_bytes;
    const uint64_t old_blocks = vhdx_block_count(state);
    const uint64_t blocks = vdisk_div_up(size_bytes, state->metadata.block_bytes);
    enum vdisk_status status = enlarge_bat(
        image, vhdx_bat_entry_count(blocks, state->chunk_blocks, state->metadata.has_parent),
        error);

    if (status == VDISK_OK)
        status = clear_entries(image, old_blocks, blocks, error);
    if (status != VDISK_OK)
        return status;
    set_size(image, size_bytes);
    status = clear_tail(image, old_bytes, error);
    if (status == VDISK_OK && state->metadata.fixed)
        status = allocate_fixed(image, old_blocks, blocks, error);
    if (status == VDISK_OK)
        status = vhdx_journal_flush(image, error);
    if (status == VDISK_OK)
        status = store_size(image, size_bytes, error);
    if (status != VDISK_OK)
        set_size(image, old_bytes);
    return status;
}

static enum vdisk_status free_entry(struct vdisk_image *image, uint64_t index,
                                    uint64_t length_bytes, struct vdisk_error *error)
{
    struct vhdx_state *state = vhdx_state_of(image);
    uint64_t entry, offset;
    enum vdisk_status status = vhdx_bat_load(state, index, &entry, error);

    if (status != VDISK_OK || entry == 0)
        return status;
    status = vhdx_bat_store(image, index, 0, error);
    offset = (entry >> VHDX_BAT_MB_SHIFT) * VHDX_MIB;
    /* Space that the entry had no right to stays as it is. */
    if (status != VDISK_OK || (entry & VHDX_BAT_STATE_MASK) < VHDX_BLOCK_FULL ||
        vhdx_region_overlaps(state, offset, length_bytes) ||
        !vdisk_range_within(offset, length_bytes, atomic_load(&state->file_end_mb) * VHDX_MIB))
        return status;
    vdisk_page_cache_forget(state->pages, offset, length_bytes);
    return vhdx_space_free(image, offset, length_bytes, error);
}

static enum vdisk_status shrink(struct vdisk_image *image, uint64_t size_bytes,
                                struct vdisk_error *error)
{
    struct vhdx_state *state = vhdx_state_of(image);
    const uint64_t old_blocks = vhdx_block_count(state);
    const uint64_t kept = vdisk_div_up(size_bytes, state->metadata.block_bytes);
    const uint64_t kept_chunk_end = vdisk_div_up(kept, state->chunk_blocks) * state->chunk_blocks;
    enum vdisk_status status = store_size(image, size_bytes, error);

    if (status != VDISK_OK)
        return status;
    set_size(image, size_bytes);
    for (uint64_t block = kept; block < old_blocks && status == VDISK_OK; block++) {
        status = free_entry(image, vhdx_bat_payload_index(state, block),
                            state->metadata.block_bytes, error);
        if (status == VDISK_OK && state->metadata.has_parent && block >= kept_chunk_end &&
            block % state->chunk_blocks == 0)
            status = free_entry(image, vhdx_bat_bitmap_index(state, block), VHDX_BITMAP_BLOCK_BYTES,
                                error);
    }
    return status == VDISK_OK ? vhdx_journal_flush(image, error) : status;
}

enum vdisk_status vhdx_resize(struct vdisk_image *image, uint64_t size_bytes,
                              struct vdisk_error *error)
{
    struct vhdx_state *state = vhdx_state_of(image);
    enum vdisk_status status;

    if (size_bytes > VHDX_DISK_BYTES_MAX)
        return vdisk_image_fail(image, error, VDISK_INVALID, NULL, VDISK_NO_OFFSET,
                                "a VHDX disk has at most 64 TiB");
    status = vhdx_journal_open(image, error);
    if (status != VDISK_OK)
        return status;
    state->linear = false;
    if (size_bytes > image->disk.size_bytes)
        status = grow(image, size_bytes, error);
    else if (size_bytes < image->disk.size_bytes)
        status = shrink(image, size_bytes, error);
    return status == VDISK_OK ? vhdx_bat_find_linear(image, error) : status;
}
