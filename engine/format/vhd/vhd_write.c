#include "engine/format/vhd/vhd_state.h"
#include "engine/base/endian.h"

static enum vdisk_status no_memory(struct vdisk_image *image, struct vdisk_error *error)
{
    return vdisk_image_fail(image, error, VDISK_NO_MEMORY, NULL, VDISK_NO_OFFSET, NULL);
}

static enum vdisk_status write_footer(struct vdisk_image *image, uint64_t offset_bytes,
                                      struct vdisk_error *error)
{
    const struct vhd_state *state = image->state;

    return vdisk_file_write(image->file, offset_bytes, state->footer_bytes, VHD_FOOTER_BYTES,
                            error);
}

/* The copy in front is what a power cut leaves: it must be whole before the end is written to. */
static enum vdisk_status restore_head(struct vdisk_image *image, struct vdisk_error *error)
{
    struct vhd_state *state = image->state;
    enum vdisk_status status;

    if (state->head_fault == NULL)
        return VDISK_OK;
    status = write_footer(image, 0, error);
    if (status == VDISK_OK)
        status = vdisk_file_flush(image->file, error);
    if (status == VDISK_OK)
        state->head_fault = NULL;
    return status;
}

/*
 * Drops what a session that was cut off left behind the last block, so that new blocks find
 * zeros, and writes the footer there.
 */
static enum vdisk_status restore_tail(struct vdisk_image *image, struct vdisk_error *error)
{
    struct vhd_state *state = image->state;
    enum vdisk_status status;

    if (state->tail_fault == NULL)
        return VDISK_OK;
    status = vdisk_file_set_size(image->file, state->end_bytes, error);
    if (status == VDISK_OK)
        status = write_footer(image, state->end_bytes, error);
    if (status == VDISK_OK)
        status = vdisk_file_flush(image->file, error);
    if (status != VDISK_OK)
        return status;
    state->tail_fault = NULL;
    state->tail_offset = state->end_bytes;
    vhd_set_limit(state, state->end_bytes);
    return VDISK_OK;
}

/* Drops zeros that got behind a fixed disk's footer when its growing was cut off. */
static enum vdisk_status restore_fixed(struct vdisk_image *image, struct vdisk_error *error)
{
    struct vhd_state *state = image->state;
    enum vdisk_status status;

    if (state->tail_fault == NULL)
        return VDISK_OK;
    status = vdisk_file_set_size(image->file, state->tail_offset + VHD_FOOTER_BYTES, error);
    if (status == VDISK_OK)
        status = vdisk_file_flush(image->file, error);
    if (status == VDISK_OK)
        state->tail_fault = NULL;
    return status;
}

enum vdisk_status vhd_begin_write(struct vdisk_image *image, struct vdisk_error *error)
{
    struct vhd_state *state = image->state;
    enum vdisk_status status;

    if (state->type == VHD_FIXED)
        return restore_fixed(image, error);
    if (state->prefix == NULL)
        state->prefix = vdisk_alloc(VHD_ALIGN_BYTES + state->bitmap_bytes);
    if (state->prefix == NULL)
        return no_memory(image, error);
    status = restore_head(image, error);
    if (status == VDISK_OK)
        status = restore_tail(image, error);
    return status;
}

/* A new block on its way into the file. */
struct fresh_block {
    bool reused;           /* between other blocks; else at the end of the file */
    uint64_t start_offset; /* of the padding before its bitmap, if any */
    uint64_t block_offset;
    uint64_t data_offset;
    uint64_t end_bytes;
};

static enum vdisk_status place_block(struct vdisk_image *image, struct fresh_block *fresh,
                                     struct vdisk_error *error)
{
    struct vhd_state *state = image->state;

    fresh->reused = vhd_space_take(state, &fresh->block_offset);
    if (fresh->reused) {
        fresh->start_offset = fresh->block_offset;
        fresh->data_offset = fresh->block_offset + state->bitmap_bytes;
        fresh->end_bytes = fresh->data_offset + state->block_bytes;
        return VDISK_OK;
    }
    fresh->start_offset = state->end_bytes;
    if (!vdisk_align_up(state->end_bytes + state->bitmap_bytes, VHD_ALIGN_BYTES,
                        &fresh->data_offset))
        return vdisk_image_fail(image, error, VDISK_NO_SPACE, NULL, state->end_bytes, NULL);
    fresh->block_offset = fresh->data_offset - state->bitmap_bytes;
    fresh->end_bytes = fresh->data_offset + state->block_bytes;
    if (fresh->end_bytes / VDISK_SECTOR_BYTES >= VHD_UNALLOCATED)
        return vdisk_image_fail(image, error, VDISK_NO_SPACE, "VHD block table", fresh->end_bytes,
                                "the file would be larger than the 2 TiB that a VHD can address");
    return VDISK_OK;
}

static void set_prefix_bits(unsigned char *bitmap, uint32_t sector, uint32_t count)
{
    for (; count != 0; sector++, count--)
        bitmap[sector / 8] |= (unsigned char)(0x80u >> sector % 8);
}

/* What a reused place holds is not zeros, and what no bit of a child speaks for need not be. */
static enum vdisk_status clear_reused(struct vdisk_image *image, const struct fresh_block *fresh,
                                      uint64_t start_bytes, uint64_t length_bytes, bool has_content,
                                      struct vdisk_error *error)
{
    const struct vhd_state *state = image->state;
    const uint64_t end_bytes = start_bytes + length_bytes;
    enum vdisk_status status = VDISK_OK;

    if (state->type == VHD_DIFFERENCING)
        return has_content ? VDISK_OK
                           : vdisk_file_zero(image->file, fresh->data_offset + start_bytes,
                                             length_bytes, error);
    if (start_bytes != 0)
        status = vdisk_file_zero(image->file, fresh->data_offset, start_bytes, error);
    if (status == VDISK_OK && end_bytes != state->block_bytes)
        status = vdisk_file_zero(image->file, fresh->data_offset + end_bytes,
                                 state->block_bytes - end_bytes, error);
    return status;
}

/*
 * Writes padding and bitmap, at the end of the file where the footer was, and makes room for the
 * data and for the next footer. What is added to a file reads as zeros.
 */
static enum vdisk_status write_fresh(struct vdisk_image *image, const struct fresh_block *fresh,
                                     uint32_t sector, uint32_t count, const void *buffer,
                                     struct vdisk_error *error)
{
    struct vhd_state *state = image->state;
    const uint64_t start_bytes = (uint64_t)sector * VDISK_SECTOR_BYTES;
    const size_t length_bytes = (size_t)count * VDISK_SECTOR_BYTES;
    const size_t prefix_bytes = (size_t)(fresh->data_offset - fresh->start_offset);
    unsigned char *bitmap = state->prefix + (prefix_bytes - state->bitmap_bytes);
    enum vdisk_status status;

    memset(state->prefix, 0, prefix_bytes);
    if (state->type == VHD_DYNAMIC) /* the rest of the block is zeros, too */
        memset(bitmap, 0xff, state->block_bytes / VDISK_SECTOR_BYTES / 8);
    else
        set_prefix_bits(bitmap, sector, count);
    status = vdisk_file_write(image->file, fresh->start_offset, state->prefix, prefix_bytes, error);
    if (status == VDISK_OK && !fresh->reused)
        status = vdisk_file_set_size(image->file, fresh->end_bytes + VHD_FOOTER_BYTES, error);
    else if (status == VDISK_OK)
        status = clear_reused(image, fresh, start_bytes, length_bytes, buffer != NULL, error);
    if (status == VDISK_OK && buffer != NULL)
        status = vdisk_file_write(image->file, fresh->data_offset + start_bytes, buffer,
                                  length_bytes, error);
    return status;
}

/*
 * The failed block may have left some of its data: cut it off, so that the next one finds zeros,
 * or else leave the space unused.
 */
static void abandon_fresh(struct vdisk_image *image, const struct fresh_block *fresh)
{
    struct vhd_state *state = image->state;

    if (fresh->reused) {
        vhd_space_give_back(state, fresh->block_offset);
        return;
    }
    if (vdisk_file_set_size(image->file, state->end_bytes, NULL) != VDISK_OK)
        state->end_bytes = fresh->end_bytes;
    state->footer_pending = true;
}

static enum vdisk_status store_entry(struct vdisk_image *image, struct vhd_layout *layout,
                                     uint32_t block, uint32_t entry, struct vdisk_error *error)
{
    const uint64_t offset = layout->table_offset + (uint64_t)block * VHD_ENTRY_BYTES;
    const uint64_t page = vdisk_align_down(offset, VHD_PAGE_BYTES);
    unsigned char bytes[VHD_ENTRY_BYTES];
    enum vdisk_status status;

    vdisk_store_be32(bytes, entry);
    status = vdisk_page_cache_store(layout->table, page, (uint32_t)(offset - page), bytes,
                                    VHD_ENTRY_BYTES, error);
    if (status != VDISK_NO_SPACE)
        return status;
    status = vhd_flush(image, error);
    if (status == VDISK_OK)
        status = vdisk_page_cache_store(layout->table, page, (uint32_t)(offset - page), bytes,
                                        VHD_ENTRY_BYTES, error);
    return status;
}

/* Sectors [sector, sector + count) of a new block get `buffer`, or zeros when it is NULL. */
static enum vdisk_status allocate_block(struct vdisk_image *image, struct vhd_layout *layout,
                                        uint32_t block, uint32_t sector, uint32_t count,
                                        const void *buffer, struct vdisk_error *error)
{
    struct vhd_state *state = image->state;
    struct fresh_block fresh = {0};
    enum vdisk_status status = vhd_space_find(image, error);

    if (status == VDISK_OK)
        status = place_block(image, &fresh, error);
    if (status != VDISK_OK)
        return status;
    status = write_fresh(image, &fresh, sector, count, buffer, error);
    if (status != VDISK_OK) {
        abandon_fresh(image, &fresh);
        return status;
    }
    if (!fresh.reused) {
        state->end_bytes = fresh.end_bytes;
        state->footer_pending = true;
        vhd_set_limit(state, fresh.end_bytes);
    }
    if (state->type == VHD_DYNAMIC)
        vhd_layout_set_full(layout, block);
    return store_entry(image, layout, block, (uint32_t)(fresh.block_offset / VDISK_SECTOR_BYTES),
                       error);
}

/* Their data has been written; the bits wait in the cache for the next flush. */
static enum vdisk_status set_bits(struct vdisk_image *image, uint64_t block_offset, uint32_t sector,
                                  uint32_t count, struct vdisk_error *error)
{
    struct vhd_state *state = image->state;
    const uint32_t end = sector + count;

    while (sector < end) {
        const uint32_t skip = sector % 32;
        const uint32_t piece = (uint32_t)vdisk_min_u64(32 - skip, end - sector);
        const uint32_t mask = (uint32_t)(UINT64_C(0xffffffff) << (32 - piece)) >> skip;
        uint32_t bits;
        enum vdisk_status status = vhd_bitmap_load(state, block_offset, sector, &bits, error);

        if (status == VDISK_OK && (bits & mask) != mask) {
            status = vhd_bitmap_store(state, block_offset, sector, bits | mask, error);
            if (status == VDISK_NO_SPACE) {
                status = vhd_flush(image, error);
                if (status == VDISK_OK)
                    continue;
            }
        }
        if (status != VDISK_OK)
            return status;
        sector += piece;
    }
    return VDISK_OK;
}

enum vdisk_status vhd_write_new(struct vdisk_image *image, uint64_t offset_bytes,
                                const void *buffer, size_t length_bytes, size_t *done_bytes,
                                struct vdisk_error *error)
{
    struct vhd_state *state = image->state;
    struct vhd_layout *layout = vhd_layout(state);
    const uint32_t block = (uint32_t)(offset_bytes >> state->block_shift);
    const uint32_t byte_in_block = (uint32_t)offset_bytes & (state->block_bytes - 1);
    const uint32_t sector = byte_in_block / VDISK_SECTOR_BYTES;
    const size_t piece = vdisk_min_size(length_bytes, state->block_bytes - byte_in_block);
    const uint32_t count = (uint32_t)(piece / VDISK_SECTOR_BYTES);
    uint64_t block_offset;
    enum vdisk_status status = vhd_require_sound(image, error);

    if (status == VDISK_OK)
        status = vhd_block_find(image, layout, block, &block_offset, error);
    if (status != VDISK_OK)
        return status;
    *done_bytes = piece;
    if (block_offset == 0)
        return allocate_block(image, layout, block, sector, count, buffer, error);
    status = vdisk_file_write(image->file, block_offset + state->bitmap_bytes + byte_in_block,
                              buffer, piece, error);
    if (status == VDISK_OK)
        status = set_bits(image, block_offset, sector, count, error);
    return status;
}

/* Zeros in a child that hide what its parent has there. */
static enum vdisk_status zero_over_parent(struct vdisk_image *image, uint64_t offset_bytes,
                                          uint64_t *length_bytes, struct vdisk_error *error)
{
    struct vhd_state *state = image->state;
    struct vhd_layout *layout = vhd_layout(state);
    const uint32_t block = (uint32_t)(offset_bytes >> state->block_shift);
    const uint32_t byte_in_block = (uint32_t)offset_bytes & (state->block_bytes - 1);
    const uint32_t sector = byte_in_block / VDISK_SECTOR_BYTES;
    uint32_t count;
    uint64_t block_offset;
    bool zero;
    enum vdisk_status status =
        vdisk_image_is_zero_below(image, offset_bytes, length_bytes, &zero, error);

    if (status != VDISK_OK || zero)
        return status;
    *length_bytes = vdisk_min_u64(*length_bytes, state->block_bytes - byte_in_block);
    count = (uint32_t)(*length_bytes / VDISK_SECTOR_BYTES);
    status = vhd_block_find(image, layout, block, &block_offset, error);
    if (status != VDISK_OK)
        return status;
    if (block_offset == 0)
        return allocate_block(image, layout, block, sector, count, NULL, error);
    status = vdisk_file_zero(image->file, block_offset + state->bitmap_bytes + byte_in_block,
                             *length_bytes, error);
    if (status == VDISK_OK)
        status = set_bits(image, block_offset, sector, count, error);
    return status;
}

/*
 * A whole block of a dynamic disk leaves the table. It may stay marked as full: when it comes back
 * it is. *freed_bytes is 0 where the range begins with no whole block that is there.
 */
static enum vdisk_status free_block(struct vdisk_image *image, uint64_t offset_bytes,
                                    uint64_t length_bytes, uint64_t *freed_bytes,
                                    struct vdisk_error *error)
{
    struct vhd_state *state = image->state;
    struct vhd_layout *layout = vhd_layout(state);
    const uint32_t block = (uint32_t)(offset_bytes >> state->block_shift);
    uint32_t used_bytes;
    uint64_t block_offset = 0;
    enum vdisk_status status;

    *freed_bytes = 0;
    if (state->type != VHD_DYNAMIC || !vdisk_is_aligned(offset_bytes, state->block_bytes))
        return VDISK_OK;
    used_bytes = vhd_block_used_bytes(state, layout, block);
    if (length_bytes < used_bytes)
        return VDISK_OK;
    status = vhd_space_find(image, error);
    if (status == VDISK_OK)
        status = vhd_block_find(image, layout, block, &block_offset, error);
    if (status != VDISK_OK || block_offset == 0)
        return status;
    status = store_entry(image, layout, block, VHD_UNALLOCATED, error);
    if (status != VDISK_OK)
        return status;
    vhd_space_free(state, block_offset);
    *freed_bytes = used_bytes;
    return VDISK_OK;
}

/* Whole blocks are freed; of the others, and of a child's, the file may get holes. */
enum vdisk_status vhd_zero(struct vdisk_image *image, uint64_t offset_bytes, uint64_t length_bytes,
                           uint64_t *done_bytes, struct vdisk_error *error)
{
    const struct vhd_state *state = image->state;
    struct vdisk_extent extent;
    enum vdisk_status status = vhd_require_sound(image, error);

    if (status == VDISK_OK)
        status = free_block(image, offset_bytes, length_bytes, done_bytes, error);
    if (status != VDISK_OK || *done_bytes != 0)
        return status;
    status = vhd_map(image, offset_bytes, length_bytes, &extent, error);
    if (status != VDISK_OK)
        return status;
    *done_bytes = extent.length_bytes;
    if (extent.kind == VDISK_EXTENT_DATA)
        return vdisk_file_zero(image->file, extent.file_offset_bytes, extent.length_bytes, error);
    if (extent.kind == VDISK_EXTENT_UNALLOCATED && state->type == VHD_DIFFERENCING)
        return zero_over_parent(image, offset_bytes, done_bytes, error);
    return VDISK_OK;
}

static enum vdisk_status write_metadata(struct vdisk_image *image, const struct vhd_layout *layout,
                                        struct vdisk_error *error)
{
    struct vhd_state *state = image->state;
    enum vdisk_status status = vdisk_page_cache_write_back(state->bitmaps, NULL, NULL, error);

    if (status == VDISK_OK)
        status = vdisk_page_cache_write_back(layout->table, NULL, NULL, error);
    if (status == VDISK_OK && state->footer_pending)
        status = write_footer(image, state->end_bytes, error);
    if (status == VDISK_OK)
        status = vdisk_file_flush(image->file, error);
    if (status == VDISK_OK)
        state->footer_pending = false;
    return status;
}

enum vdisk_status vhd_flush(struct vdisk_image *image, struct vdisk_error *error)
{
    struct vhd_state *state = image->state;
    const struct vhd_layout *layout = vhd_layout(state);
    enum vdisk_status status = vhd_require_sound(image, error);

    if (status == VDISK_OK)
        status = vdisk_file_flush(image->file, error);
    if (status != VDISK_OK || layout == NULL)
        return status;
    if (!state->footer_pending && !vhd_space_has_freed(state) &&
        vdisk_page_cache_dirty_count(state->bitmaps) == 0 &&
        vdisk_page_cache_dirty_count(layout->table) == 0)
        return VDISK_OK;
    status = write_metadata(image, layout, error);
    return status == VDISK_OK ? vhd_space_release(image, error) : status;
}

/* What became free at the end of the file is cut off. */
enum vdisk_status vhd_end_write(struct vdisk_image *image, struct vdisk_error *error)
{
    struct vhd_state *state = image->state;
    const uint64_t end_bytes = vhd_space_cut(state, state->end_bytes);
    struct vhd_change *change;
    enum vdisk_status status;

    if (end_bytes == state->end_bytes)
        return VDISK_OK;
    status = vhd_change_begin(image, &change, error);
    if (status != VDISK_OK)
        return status;
    change->end_bytes = end_bytes;
    vhd_set_limit(state, end_bytes);
    return vhd_change_end(image, change, vhd_change_footer(image, change, error));
}
