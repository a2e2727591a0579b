/* The block allocation table ([MS-VHDX] 2.5) and the sector bitmaps (2.4): what lies where. */
#include "engine/format/vhdx/vhdx_state.h"
#include "engine/base/endian.h"

#define BITMAP_SPAN_BYTES 128u
#define JOINED_MAX        4096u  /* blocks in one extent */
#define LINEAR_ENTRIES    65536u /* a longer BAT is not read at open */

static const char bat_name[] = "VHDX BAT";

uint32_t vhdx_bat_chunk_blocks(uint32_t block_bytes, uint32_t logical_sector_bytes)
{
    return (uint32_t)(VHDX_CHUNK_SECTORS * logical_sector_bytes / block_bytes);
}

uint64_t vhdx_bat_payload_index(const struct vhdx_state *state, uint64_t block)
{
    return block + block / state->chunk_blocks;
}

uint64_t vhdx_bat_bitmap_index(const struct vhdx_state *state, uint64_t block)
{
    const uint64_t chunk = block / state->chunk_blocks;

    return (chunk + 1) * state->chunk_blocks + chunk;
}

uint64_t vhdx_bat_entry_count(uint64_t block_count, uint32_t chunk_blocks, bool has_parent)
{
    if (has_parent)
        return vdisk_div_up(block_count, chunk_blocks) * ((uint64_t)chunk_blocks + 1);
    return block_count + (block_count - 1) / chunk_blocks;
}

static uint64_t entry_offset(struct vhdx_state *state, uint64_t index)
{
    return atomic_load_explicit(&state->bat_mb, memory_order_relaxed) * VHDX_MIB +
           index * VHDX_BAT_ENTRY_BYTES;
}

enum vdisk_status vhdx_bat_load(struct vhdx_state *state, uint64_t index, uint64_t *entry,
                                struct vdisk_error *error)
{
    const uint64_t offset = entry_offset(state, index);
    unsigned char data[VHDX_BAT_ENTRY_BYTES];
    enum vdisk_status status =
        vdisk_page_cache_load(state->pages, vdisk_align_down(offset, VDISK_PAGE_BYTES),
                              (uint32_t)(offset % VDISK_PAGE_BYTES), data, sizeof data, error);

    if (status == VDISK_OK)
        *entry = vdisk_load_le64(data);
    return status;
}

enum vdisk_status vhdx_bat_store(struct vdisk_image *image, uint64_t index, uint64_t entry,
                                 struct vdisk_error *error)
{
    unsigned char data[VHDX_BAT_ENTRY_BYTES];

    vdisk_store_le64(data, entry);
    return vhdx_journal_store(image, entry_offset(vhdx_state_of(image), index), data, sizeof data,
                              error);
}

static enum vdisk_status bat_fail(struct vdisk_image *image, struct vdisk_error *error,
                                  uint64_t index, const char *reason)
{
    return vdisk_image_fail(image, error, VDISK_CORRUPT, bat_name,
                            entry_offset(vhdx_state_of(image), index), reason);
}

/* Does the stretch lie in the file, outside of everything that is not payload? */
static enum vdisk_status check_place(struct vdisk_image *image, uint64_t index,
                                     uint64_t offset_bytes, uint64_t length_bytes,
                                     struct vdisk_error *error)
{
    struct vhdx_state *state = vhdx_state_of(image);
    const uint64_t file_end =
        atomic_load_explicit(&state->file_end_mb, memory_order_relaxed) * VHDX_MIB;

    if (!vdisk_range_within(offset_bytes, length_bytes, file_end))
        return bat_fail(image, error, index, "an entry points beyond the end of the file");
    if (vhdx_region_overlaps(state, offset_bytes, length_bytes))
        return bat_fail(image, error, index, "an entry points into the image's own structures");
    return VDISK_OK;
}

enum vdisk_status vhdx_bat_check_block(struct vdisk_image *image, uint64_t block, uint64_t entry,
                                       uint64_t *offset_bytes, struct vdisk_error *error)
{
    const struct vhdx_metadata *metadata = &vhdx_state_of(image)->metadata;
    const uint64_t start = block * metadata->block_bytes;
    const uint64_t index = vhdx_bat_payload_index(vhdx_state_of(image), block);
    const uint64_t mb = entry >> VHDX_BAT_MB_SHIFT;

    if (mb >= VHDX_FILE_BYTES_MAX / VHDX_MIB)
        return bat_fail(image, error, index, "an entry points beyond the end of the file");
    *offset_bytes = mb * VHDX_MIB;
    return check_place(image, index, *offset_bytes,
                       vdisk_min_u64(metadata->block_bytes, image->disk.size_bytes - start), error);
}

enum vdisk_status vhdx_bat_bitmap_offset(struct vdisk_image *image, uint64_t block,
                                         uint64_t *offset_bytes, struct vdisk_error *error)
{
    struct vhdx_state *state = vhdx_state_of(image);
    const uint64_t index = vhdx_bat_bitmap_index(state, block);
    uint64_t entry, mb;
    enum vdisk_status status = vhdx_bat_load(state, index, &entry, error);

    if (status != VDISK_OK)
        return status;
    mb = entry >> VHDX_BAT_MB_SHIFT;
    if ((entry & VHDX_BAT_STATE_MASK) != VHDX_BITMAP_PRESENT)
        return bat_fail(image, error, index, "a block needs its sector bitmap, which is missing");
    if (mb >= VHDX_FILE_BYTES_MAX / VHDX_MIB)
        return bat_fail(image, error, index, "an entry points beyond the end of the file");
    *offset_bytes = mb * VHDX_MIB;
    return check_place(image, index, *offset_bytes, VHDX_BITMAP_BLOCK_BYTES, error);
}

/* How many of `count` bits, from `first` on, are equal; bits are numbered from the lowest. */
static uint32_t count_equal_bits(const unsigned char *bytes, uint32_t first, uint32_t count)
{
    const unsigned value = bytes[first / 8] >> (first % 8) & 1;
    const unsigned char same = value != 0 ? 0xff : 0;
    uint32_t position = first;

    while (position < first + count) {
        if (position % 8 == 0 && bytes[position / 8] == same && position + 8 <= first + count)
            position += 8;
        else if ((bytes[position / 8] >> (position % 8) & 1u) == value)
            position++;
        else
            break;
    }
    return position - first;
}

/* In a partially present block: a run of sectors that are here, or of sectors that are not. */
static enum vdisk_status map_partial(struct vdisk_image *image, uint64_t block, uint64_t within,
                                     struct vdisk_extent *extent, bool *present,
                                     struct vdisk_error *error)
{
    struct vhdx_state *state = vhdx_state_of(image);
    const uint32_t sector_bytes = state->metadata.logical_sector_bytes;
    const uint64_t bit =
        (block % state->chunk_blocks * state->metadata.block_bytes + within) / sector_bytes;
    const uint32_t byte_in_page = (uint32_t)vdisk_align_down(bit / 8 % VDISK_PAGE_BYTES, 4);
    const uint32_t first = (uint32_t)(bit % 32); /* in what is loaded: from that word on */
    const uint32_t span =
        (uint32_t)vdisk_min_u64(BITMAP_SPAN_BYTES, VDISK_PAGE_BYTES - byte_in_page);
    const uint32_t head_bytes = (uint32_t)(within % sector_bytes);
    unsigned char bytes[BITMAP_SPAN_BYTES];
    uint64_t offset, wanted;
    enum vdisk_status status = vhdx_bat_bitmap_offset(image, block, &offset, error);

    if (status == VDISK_OK)
        status = vdisk_page_cache_load(state->pages,
                                       offset + vdisk_align_down(bit / 8, VDISK_PAGE_BYTES),
                                       byte_in_page, bytes, span, error);
    if (status != VDISK_OK)
        return status;
    wanted = vdisk_div_up(extent->length_bytes + head_bytes, sector_bytes);
    *present = (bytes[first / 8] >> (first % 8) & 1) != 0;
    wanted = count_equal_bits(bytes, first, (uint32_t)vdisk_min_u64(wanted, span * 8 - first));
    extent->length_bytes = vdisk_min_u64(extent->length_bytes, wanted * sector_bytes - head_bytes);
    return VDISK_OK;
}

static enum vdisk_status map_data(struct vdisk_image *image, uint64_t block, uint64_t within,
                                  uint64_t entry, struct vdisk_extent *extent,
                                  struct vdisk_error *error)
{
    uint64_t offset;
    enum vdisk_status status = vhdx_bat_check_block(image, block, entry, &offset, error);

    if (status != VDISK_OK)
        return status;
    extent->kind = VDISK_EXTENT_DATA;
    extent->file = vhdx_state_of(image)->file;
    extent->file_offset_bytes = offset + within;
    return VDISK_OK;
}

static bool is_empty(uint32_t block_state, enum vdisk_extent_kind *kind)
{
    switch (block_state) {
    case VHDX_BLOCK_NOT_PRESENT:
        *kind = VDISK_EXTENT_UNALLOCATED;
        return true;
    case VHDX_BLOCK_UNDEFINED: /* stale bytes are nobody's business */
    case VHDX_BLOCK_ZERO:
    case VHDX_BLOCK_UNMAPPED:
    case VHDX_BLOCK_UNMAPPED_OLD:
        *kind = VDISK_EXTENT_ZERO;
        return true;
    default:
        return false;
    }
}

/* Blocks without data come in long runs: the extent takes in as many as are wanted. */
static enum vdisk_status join_empty(struct vhdx_state *state, uint64_t block, uint64_t wanted_bytes,
                                    struct vdisk_extent *extent, struct vdisk_error *error)
{
    for (uint32_t joined = 0; joined < JOINED_MAX && extent->length_bytes < wanted_bytes;
         joined++) {
        enum vdisk_extent_kind kind;
        uint64_t entry;
        enum vdisk_status status =
            vhdx_bat_load(state, vhdx_bat_payload_index(state, ++block), &entry, error);

        if (status != VDISK_OK)
            return status;
        if (!is_empty((uint32_t)(entry & VHDX_BAT_STATE_MASK), &kind) || kind != extent->kind)
            break;
        extent->length_bytes =
            vdisk_min_u64(wanted_bytes, extent->length_bytes + state->metadata.block_bytes);
    }
    return VDISK_OK;
}

static enum vdisk_status map_block(struct vdisk_image *image, uint64_t block, uint64_t within,
                                   uint64_t wanted_bytes, struct vdisk_extent *extent,
                                   struct vdisk_error *error)
{
    struct vhdx_state *state = vhdx_state_of(image);
    const uint64_t index = vhdx_bat_payload_index(state, block);
    bool present = true;
    uint64_t entry;
    uint32_t block_state;
    enum vdisk_status status = vhdx_bat_load(state, index, &entry, error);

    if (status != VDISK_OK)
        return status;
    block_state = (uint32_t)(entry & VHDX_BAT_STATE_MASK);
    if (block_state == VHDX_BLOCK_FULL)
        return map_data(image, block, within, entry, extent, error);
    if (is_empty(block_state, &extent->kind))
        return join_empty(state, block, wanted_bytes, extent, error);
    if (block_state != VHDX_BLOCK_PARTIAL)
        return bat_fail(image, error, index, "an entry has a state that does not exist");
    if (!state->metadata.has_parent)
        return bat_fail(image, error, index, "a block is partial, but there is no parent");
    status = map_partial(image, block, within, extent, &present, error);
    if (status != VDISK_OK)
        return status;
    if (present)
        return map_data(image, block, within, entry, extent, error);
    extent->kind = VDISK_EXTENT_UNALLOCATED;
    return VDISK_OK;
}

enum vdisk_status vhdx_bat_map(struct vdisk_image *image, uint64_t offset_bytes,
                               uint64_t length_bytes, struct vdisk_extent *extent,
                               struct vdisk_error *error)
{
    struct vhdx_state *state = vhdx_state_of(image);
    const uint32_t block_bytes = state->metadata.block_bytes;
    const uint64_t within = offset_bytes & (block_bytes - 1);

    if (state->open_failure.status != VDISK_OK) {
        if (error != NULL)
            *error = state->open_failure;
        return state->open_failure.status;
    }
    if (state->linear) {
        extent->kind = VDISK_EXTENT_DATA;
        extent->length_bytes = length_bytes;
        extent->file = state->file;
        extent->file_offset_bytes = state->linear_offset_bytes + offset_bytes;
        return VDISK_OK;
    }
    extent->length_bytes = vdisk_min_u64(length_bytes, block_bytes - within);
    return map_block(image, offset_bytes / block_bytes, within, length_bytes, extent, error);
}

enum vdisk_status vhdx_bat_find_linear(struct vdisk_image *image, struct vdisk_error *error)
{
    struct vhdx_state *state = vhdx_state_of(image);
    const uint64_t blocks = vhdx_block_count(state);
    uint64_t expected = 0;

    if (!state->metadata.fixed || state->metadata.has_parent || blocks > LINEAR_ENTRIES)
        return VDISK_OK;
    for (uint64_t block = 0; block < blocks; block++) {
        uint64_t entry, offset;
        enum vdisk_status status =
            vhdx_bat_load(state, vhdx_bat_payload_index(state, block), &entry, error);

        if (status != VDISK_OK)
            return status;
        if ((entry & VHDX_BAT_STATE_MASK) != VHDX_BLOCK_FULL ||
            (block != 0 && entry >> VHDX_BAT_MB_SHIFT != expected) ||
            vhdx_bat_check_block(image, block, entry, &offset, NULL) != VDISK_OK)
            return VDISK_OK;
        if (block == 0)
            state->linear_offset_bytes = offset;
        expected = (entry >> VHDX_BAT_MB_SHIFT) + state->metadata.block_bytes / VHDX_MIB;
    }
    state->linear = true;
    image->in_place = true;
    return VDISK_OK;
}
