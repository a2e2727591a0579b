/* Sector bitmaps ([MS-VHDX] 2.4): which sectors of a partially present block are in the child. */
#include "engine/format/vhdx/vhdx_state.h"

#define SPAN_BYTES 128u

enum bitmap_change { BITMAP_CLEAR, BITMAP_SET };

/* Sets or clears bits [first, first + count) of the span. */
static void change_bits(unsigned char *span, uint32_t first, uint32_t count,
                        enum bitmap_change change)
{
    while (count != 0) {
        const uint32_t bit = first % 8;
        const uint32_t piece = (uint32_t)vdisk_min_u64(8 - bit, count);
        const unsigned char mask = (unsigned char)(((1u << piece) - 1) << bit);

        if (change == BITMAP_SET)
            span[first / 8] |= mask;
        else
            span[first / 8] &= (unsigned char)~mask;
        first += piece;
        count -= piece;
    }
}

/* One aligned span of the bitmap block at `bitmap`; stored only when it differs. */
static enum vdisk_status change_span(struct vdisk_image *image, uint64_t bitmap,
                                     uint64_t span_offset, uint32_t first, uint32_t count,
                                     enum bitmap_change change, struct vdisk_error *error)
{
    struct vhdx_state *state = vhdx_state_of(image);
    const uint64_t page = vdisk_align_down(span_offset, VDISK_PAGE_BYTES);
    unsigned char before[SPAN_BYTES], after[SPAN_BYTES];
    enum vdisk_status status = vdisk_page_cache_load(
        state->pages, bitmap + page, (uint32_t)(span_offset - page), before, SPAN_BYTES, error);

    if (status != VDISK_OK)
        return status;
    memcpy(after, before, SPAN_BYTES);
    change_bits(after, first, count, change);
    if (memcmp(before, after, SPAN_BYTES) == 0)
        return VDISK_OK;
    return vhdx_journal_store(image, bitmap + span_offset, after, SPAN_BYTES, error);
}

static enum vdisk_status change_range(struct vdisk_image *image, uint64_t block,
                                      uint64_t within_bytes, uint64_t length_bytes,
                                      enum bitmap_change change, struct vdisk_error *error)
{
    struct vhdx_state *state = vhdx_state_of(image);
    const uint32_t sector_bytes = state->metadata.logical_sector_bytes;
    uint64_t bit =
        (block % state->chunk_blocks * state->metadata.block_bytes + within_bytes) / sector_bytes;
    uint64_t count = length_bytes / sector_bytes;
    uint64_t bitmap;
    enum vdisk_status status = vhdx_bat_bitmap_offset(image, block, &bitmap, error);

    while (count != 0 && status == VDISK_OK) {
        const uint64_t span = vdisk_align_down(bit / 8, SPAN_BYTES);
        const uint32_t first = (uint32_t)(bit - span * 8);
        const uint32_t piece = (uint32_t)vdisk_min_u64(count, SPAN_BYTES * 8 - first);

        status = change_span(image, bitmap, span, first, piece, change, error);
        bit += piece;
        count -= piece;
    }
    return status;
}

/* Allocates the chunk's bitmap when there is none; it has only zeros then. */
static enum vdisk_status ensure_bitmap(struct vdisk_image *image, uint64_t block,
                                       struct vdisk_error *error)
{
    struct vhdx_state *state = vhdx_state_of(image);
    const uint64_t index = vhdx_bat_bitmap_index(state, block);
    uint64_t entry, offset;
    enum vdisk_status status = vhdx_bat_load(state, index, &entry, error);

    if (status != VDISK_OK || (entry & VHDX_BAT_STATE_MASK) == VHDX_BITMAP_PRESENT)
        return status;
    status = vhdx_space_allocate(image, VHDX_BITMAP_BLOCK_BYTES, &offset, error);
    if (status != VDISK_OK)
        return status;
    /* Pages of what was here before must not be taken for the bitmap's. */
    vdisk_page_cache_forget(state->pages, offset, VHDX_BITMAP_BLOCK_BYTES);
    return vhdx_bat_store(image, index, offset | VHDX_BITMAP_PRESENT, error);
}

enum vdisk_status vhdx_bitmap_prepare(struct vdisk_image *image, uint64_t block,
                                      struct vdisk_error *error)
{
    enum vdisk_status status = ensure_bitmap(image, block, error);

    if (status != VDISK_OK)
        return status;
    return change_range(image, block, 0, vhdx_state_of(image)->metadata.block_bytes, BITMAP_CLEAR,
                        error);
}

enum vdisk_status vhdx_bitmap_set(struct vdisk_image *image, uint64_t block, uint64_t within_bytes,
                                  uint64_t length_bytes, struct vdisk_error *error)
{
    return change_range(image, block, within_bytes, length_bytes, BITMAP_SET, error);
}
