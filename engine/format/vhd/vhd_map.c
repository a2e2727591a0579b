#include "engine/format/vhd/vhd_state.h"
#include "engine/base/endian.h"

#define WORD_BITS     32u
#define CHUNK_BYTES   64u /* of a bitmap, looked at together */
#define CHUNK_SECTORS (CHUNK_BYTES * 8)

static enum vdisk_status load_entry(const struct vhd_layout *layout, uint32_t block,
                                    uint32_t *raw_entry, struct vdisk_error *error)
{
    const uint64_t offset = layout->table_offset + (uint64_t)block * VHD_ENTRY_BYTES;
    const uint64_t page = vdisk_align_down(offset, VHD_PAGE_BYTES);
    unsigned char bytes[VHD_ENTRY_BYTES];
    enum vdisk_status status = vdisk_page_cache_load(layout->table, page, (uint32_t)(offset - page),
                                                     bytes, VHD_ENTRY_BYTES, error);

    if (status == VDISK_OK)
        *raw_entry = vdisk_load_be32(bytes);
    return status;
}

enum vdisk_status vhd_block_find(struct vdisk_image *image, const struct vhd_layout *layout,
                                 uint32_t block, uint64_t *block_offset, struct vdisk_error *error)
{
    const struct vhd_state *state = image->state;
    uint32_t raw_entry = VHD_UNALLOCATED;
    uint64_t offset, used, limit;
    enum vdisk_status status = load_entry(layout, block, &raw_entry, error);

    *block_offset = 0;
    if (status != VDISK_OK || raw_entry == VHD_UNALLOCATED)
        return status;
    offset = (uint64_t)raw_entry * VDISK_SECTOR_BYTES;
    used = state->bitmap_bytes + vhd_block_used_bytes(state, layout, block);
    limit = vhd_limit(state);
    if (!vdisk_range_within(offset, used, limit))
        return vdisk_image_fail(image, error, VDISK_CORRUPT, "VHD block table",
                                layout->table_offset + (uint64_t)block * VHD_ENTRY_BYTES,
                                "an entry points beyond the end of the file");
    if (vhd_layout_has_area(layout, offset, used))
        return vdisk_image_fail(image, error, VDISK_CORRUPT, "VHD block table",
                                layout->table_offset + (uint64_t)block * VHD_ENTRY_BYTES,
                                "an entry points into the image's own structures");
    *block_offset = offset;
    return VDISK_OK;
}

/* Where the bits of a sector are: a page of the cache, and a byte in it. */
static uint64_t bitmap_page(uint64_t block_offset, uint32_t sector, uint32_t *byte_in_page)
{
    const uint32_t byte = sector / WORD_BITS * (WORD_BITS / 8);

    *byte_in_page = byte % VHD_PAGE_BYTES;
    return block_offset + (byte - *byte_in_page);
}

enum vdisk_status vhd_bitmap_load(struct vhd_state *state, uint64_t block_offset, uint32_t sector,
                                  uint32_t *bits, struct vdisk_error *error)
{
    uint32_t byte_in_page;
    const uint64_t page = bitmap_page(block_offset, sector, &byte_in_page);
    unsigned char bytes[4];
    enum vdisk_status status =
        vdisk_page_cache_load(state->bitmaps, page, byte_in_page, bytes, sizeof bytes, error);

    if (status == VDISK_OK)
        *bits = vdisk_load_be32(bytes);
    return status;
}

enum vdisk_status vhd_bitmap_store(struct vhd_state *state, uint64_t block_offset, uint32_t sector,
                                   uint32_t bits, struct vdisk_error *error)
{
    uint32_t byte_in_page;
    const uint64_t page = bitmap_page(block_offset, sector, &byte_in_page);
    unsigned char bytes[4];

    vdisk_store_be32(bytes, bits);
    return vdisk_page_cache_store(state->bitmaps, page, byte_in_page, bytes, sizeof bytes, error);
}

/* The first sector in [at, stop), which lies in the chunk, whose bit is not `stored`; or stop. */
static uint32_t scan_chunk(const unsigned char chunk[CHUNK_BYTES], uint32_t at, uint32_t stop,
                           bool stored)
{
    while (at < stop) {
        const uint32_t skip = at % WORD_BITS;
        uint32_t differing = vdisk_load_be32(chunk + at % CHUNK_SECTORS / WORD_BITS * 4);

        if (stored)
            differing = ~differing;
        differing <<= skip;
        if (differing != 0) {
            at += (uint32_t)__builtin_clz(differing);
            return at < stop ? at : stop;
        }
        at += WORD_BITS - skip;
    }
    return stop;
}

/* How many sectors from `sector` on, and before `end`, have the same bit, and which. */
static enum vdisk_status find_run(struct vhd_state *state, uint64_t block_offset, uint32_t sector,
                                  uint32_t end, bool *stored, uint32_t *count,
                                  struct vdisk_error *error)
{
    uint32_t at = sector;

    while (at < end) {
        unsigned char chunk[CHUNK_BYTES];
        const uint32_t first = at - at % CHUNK_SECTORS;
        const uint32_t stop = end - first < CHUNK_SECTORS ? end : first + CHUNK_SECTORS;
        uint32_t byte_in_page;
        const uint64_t page = bitmap_page(block_offset, first, &byte_in_page);
        enum vdisk_status status =
            vdisk_page_cache_load(state->bitmaps, page, byte_in_page, chunk, CHUNK_BYTES, error);

        if (status != VDISK_OK)
            return status;
        if (at == sector)
            *stored = (chunk[at % CHUNK_SECTORS / 8] >> (7 - at % 8) & 1) != 0;
        at = scan_chunk(chunk, at, stop, *stored);
        if (at < stop)
            break;
    }
    *count = at - sector;
    return VDISK_OK;
}

/* A block that turns out to have all its sectors is not looked at sector by sector again. */
static enum vdisk_status learn_full(struct vhd_state *state, struct vhd_layout *layout,
                                    uint32_t block, uint64_t block_offset, uint32_t run_start,
                                    uint32_t run_end, struct vdisk_error *error)
{
    const uint32_t sectors = vhd_block_used_bytes(state, layout, block) / VDISK_SECTOR_BYTES;
    bool stored = true;
    uint32_t count = 0;
    enum vdisk_status status = VDISK_OK;

    if (run_end < sectors)
        return VDISK_OK;
    if (run_start != 0)
        status = find_run(state, block_offset, 0, run_start, &stored, &count, error);
    if (status == VDISK_OK && stored && count == run_start)
        vhd_layout_set_full(layout, block);
    return status;
}

static enum vdisk_status map_block(struct vdisk_image *image, struct vhd_layout *layout,
                                   uint32_t block, uint64_t block_offset, uint32_t byte_in_block,
                                   bool full, struct vdisk_extent *extent,
                                   struct vdisk_error *error)
{
    struct vhd_state *state = image->state;
    const uint32_t sector = byte_in_block / VDISK_SECTOR_BYTES;
    const uint32_t end = vhd_block_used_bytes(state, layout, block) / VDISK_SECTOR_BYTES;
    bool stored = true;
    uint32_t count = end - sector;
    enum vdisk_status status = VDISK_OK;

    if (!full) {
        status = find_run(state, block_offset, sector, end, &stored, &count, error);
        if (status == VDISK_OK && stored)
            status = learn_full(state, layout, block, block_offset, sector, sector + count, error);
    }
    extent->length_bytes =
        vdisk_min_u64(extent->length_bytes, (uint64_t)count * VDISK_SECTOR_BYTES);
    if (stored) {
        extent->kind = VDISK_EXTENT_DATA;
        extent->file = image->file;
        extent->file_offset_bytes = block_offset + state->bitmap_bytes + byte_in_block;
    } else {
        extent->kind =
            state->type == VHD_DIFFERENCING ? VDISK_EXTENT_UNALLOCATED : VDISK_EXTENT_ZERO;
    }
    return status;
}

/* Blocks that are absent side by side are one extent, as far as the table's page shows them. */
static void map_absent(struct vdisk_image *image, const struct vhd_layout *layout, uint32_t block,
                       uint32_t byte_in_block, struct vdisk_extent *extent)
{
    const struct vhd_state *state = image->state;
    const uint32_t page_entries = VHD_PAGE_BYTES / VHD_ENTRY_BYTES;
    const uint64_t wanted = extent->length_bytes;
    uint64_t length = state->block_bytes - byte_in_block;

    while (length < wanted && ++block % page_entries != 0) {
        uint64_t block_offset;

        if (vhd_block_find(image, layout, block, &block_offset, NULL) != VDISK_OK ||
            block_offset != 0)
            break;
        length += state->block_bytes;
    }
    extent->kind = VDISK_EXTENT_UNALLOCATED;
    extent->length_bytes = vdisk_min_u64(length, wanted);
}

enum vdisk_status vhd_map(struct vdisk_image *image, uint64_t offset_bytes, uint64_t length_bytes,
                          struct vdisk_extent *extent, struct vdisk_error *error)
{
    struct vhd_state *state = image->state;
    struct vhd_layout *layout;
    uint32_t block, byte_in_block;
    uint64_t block_offset;
    bool full;
    enum vdisk_status status;

    extent->length_bytes = length_bytes;
    if (state->type == VHD_FIXED) {
        extent->kind = VDISK_EXTENT_DATA;
        extent->file = image->file;
        extent->file_offset_bytes = offset_bytes;
        return VDISK_OK;
    }
    layout = vhd_layout(state);
    if (layout == NULL || offset_bytes >= layout->disk_bytes)
        return vdisk_image_fail(image, error, VDISK_OUT_OF_RANGE, NULL, offset_bytes,
                                "the image maps no such offset");
    block = (uint32_t)(offset_bytes >> state->block_shift);
    byte_in_block = (uint32_t)offset_bytes & (state->block_bytes - 1);
    /* In this order: a block that is freed and allocated meanwhile was marked before it is found.
     */
    full = vhd_layout_is_full(layout, block);
    status = vhd_block_find(image, layout, block, &block_offset, error);
    if (status != VDISK_OK)
        return status;
    if (block_offset == 0) {
        map_absent(image, layout, block, byte_in_block, extent);
        return VDISK_OK;
    }
    return map_block(image, layout, block, block_offset, byte_in_block, full, extent, error);
}
