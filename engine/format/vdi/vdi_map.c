#include "engine/format/vdi/vdi_state.h"
#include "engine/base/endian.h"

#define VISIT_BYTES (64u << 10)

static uint64_t entry_page(const struct vdi_layout *layout, uint32_t block, uint32_t *byte_in_page)
{
    const uint32_t byte = block % (VDI_PAGE_BYTES / VDI_ENTRY_BYTES) * VDI_ENTRY_BYTES;

    *byte_in_page = byte;
    return layout->table_offset + ((uint64_t)block * VDI_ENTRY_BYTES - byte);
}

uint32_t vdi_block_used_bytes(const struct vdi_state *state, const struct vdi_layout *layout,
                              uint32_t block)
{
    const uint64_t start = (uint64_t)block << state->block_shift;

    if (start >= layout->disk_bytes)
        return 0;
    return (uint32_t)vdisk_min_u64(state->block_bytes, layout->disk_bytes - start);
}

bool vdi_slot_is_valid(const struct vdi_state *state, const struct vdi_layout *layout,
                       uint32_t block, uint32_t slot)
{
    const uint32_t limit = atomic_load_explicit(&state->slot_limit, memory_order_relaxed);

    /* Below the number of blocks, but for a while when the map is moved. */
    if (slot >= VDI_SLOTS_MAX)
        return false;
    return slot < limit ||
           (slot == limit &&
            state->rest_bytes >=
                state->extra_bytes + (uint64_t)vdi_block_used_bytes(state, layout, block));
}

enum vdisk_status vdi_entry_load(struct vdisk_image *image, const struct vdi_layout *layout,
                                 uint32_t block, uint32_t *slot, struct vdisk_error *error)
{
    const struct vdi_state *state = image->state;
    unsigned char bytes[VDI_ENTRY_BYTES];
    uint32_t byte_in_page;
    const uint64_t page = entry_page(layout, block, &byte_in_page);
    enum vdisk_status status =
        vdisk_page_cache_load(layout->table, page, byte_in_page, bytes, VDI_ENTRY_BYTES, error);

    if (status != VDISK_OK)
        return status;
    *slot = vdisk_load_le32(bytes);
    if (*slot == VDI_ABSENT || *slot == VDI_ZERO || vdi_slot_is_valid(state, layout, block, *slot))
        return VDISK_OK;
    return vdisk_image_fail(image, error, VDISK_CORRUPT, "VDI block map", page + byte_in_page,
                            "an entry points beyond the blocks of the file");
}

enum vdisk_status vdi_entry_store(struct vdisk_image *image, const struct vdi_layout *layout,
                                  uint32_t block, uint32_t slot, struct vdisk_error *error)
{
    unsigned char bytes[VDI_ENTRY_BYTES];
    uint32_t byte_in_page;
    const uint64_t page = entry_page(layout, block, &byte_in_page);
    enum vdisk_status status;

    vdisk_store_le32(bytes, slot);
    status =
        vdisk_page_cache_store(layout->table, page, byte_in_page, bytes, VDI_ENTRY_BYTES, error);
    if (status != VDISK_NO_SPACE)
        return status;
    status = vdi_flush(image, error); /* the cache is full of changes */
    if (status == VDISK_OK)
        status = vdisk_page_cache_store(layout->table, page, byte_in_page, bytes, VDI_ENTRY_BYTES,
                                        error);
    return status;
}

/* Does the block go on where the one before it ends, in the way that the kind of extent needs? */
static bool continues(struct vdisk_image *image, const struct vdi_layout *layout, uint32_t block,
                      uint32_t expected)
{
    uint32_t slot;

    return vdi_entry_load(image, layout, block, &slot, NULL) == VDISK_OK && slot == expected;
}

/* Joins blocks as far as the map's page shows them. */
static uint64_t joined_length(struct vdisk_image *image, const struct vdi_layout *layout,
                              uint32_t block, uint32_t slot, uint64_t length, uint64_t wanted)
{
    const struct vdi_state *state = image->state;
    const bool allocated = slot < VDI_ZERO;

    if (allocated && state->extra_bytes != 0)
        return length;
    while (length < wanted && ++block % (VDI_PAGE_BYTES / VDI_ENTRY_BYTES) != 0) {
        if (allocated)
            slot++;
        if (!continues(image, layout, block, slot))
            break;
        length += state->block_bytes;
    }
    return length;
}

static void map_identity(struct vdisk_image *image, const struct vdi_layout *layout,
                         uint64_t offset_bytes, struct vdisk_extent *extent)
{
    extent->kind = VDISK_EXTENT_DATA;
    extent->file = image->file;
    extent->file_offset_bytes = layout->data_offset + offset_bytes;
}

enum vdisk_status vdi_map(struct vdisk_image *image, uint64_t offset_bytes, uint64_t length_bytes,
                          struct vdisk_extent *extent, struct vdisk_error *error)
{
    const struct vdi_state *state = image->state;
    const struct vdi_layout *layout = vdi_layout(state);
    const uint32_t byte_in_block = (uint32_t)offset_bytes & (state->block_bytes - 1);
    const uint32_t block = (uint32_t)(offset_bytes >> state->block_shift);
    uint64_t length;
    uint32_t slot = VDI_ABSENT;
    enum vdisk_status status;

    extent->length_bytes = length_bytes;
    if (offset_bytes >= layout->disk_bytes)
        return vdisk_image_fail(image, error, VDISK_OUT_OF_RANGE, NULL, offset_bytes,
                                "the image maps no such offset");
    if (state->identity) {
        map_identity(image, layout, offset_bytes, extent);
        return VDISK_OK;
    }
    status = vdi_entry_load(image, layout, block, &slot, error);
    if (status != VDISK_OK)
        return status;
    length =
        joined_length(image, layout, block, slot, state->block_bytes - byte_in_block, length_bytes);
    extent->length_bytes = vdisk_min_u64(length, length_bytes);
    if (slot == VDI_ABSENT) {
        extent->kind = VDISK_EXTENT_UNALLOCATED;
    } else if (slot == VDI_ZERO) {
        extent->kind = VDISK_EXTENT_ZERO;
    } else {
        extent->kind = VDISK_EXTENT_DATA;
        extent->file = image->file;
        extent->file_offset_bytes =
            vdi_slot_offset(state, layout, slot) + state->extra_bytes + byte_in_block;
        extent->shared = atomic_load_explicit(&state->moving, memory_order_acquire);
    }
    return VDISK_OK;
}

enum vdisk_status vdi_layout_visit(struct vdisk_image *image, const struct vdi_layout *layout,
                                   vdi_entry_visitor *visit, void *context,
                                   struct vdisk_error *error)
{
    unsigned char *piece = vdisk_alloc(VISIT_BYTES);
    enum vdisk_status status = VDISK_OK;

    if (piece == NULL)
        return vdisk_image_fail(image, error, VDISK_NO_MEMORY, NULL, VDISK_NO_OFFSET, NULL);
    for (uint32_t first = 0; first < layout->block_count && status == VDISK_OK;) {
        const uint32_t count =
            (uint32_t)vdisk_min_u64(VISIT_BYTES / VDI_ENTRY_BYTES, layout->block_count - first);

        status =
            vdisk_file_read(image->file, layout->table_offset + (uint64_t)first * VDI_ENTRY_BYTES,
                            piece, (size_t)count * VDI_ENTRY_BYTES, error);
        for (uint32_t index = 0; index < count && status == VDISK_OK; index++)
            status = visit(context, first + index,
                           vdisk_load_le32(piece + (size_t)index * VDI_ENTRY_BYTES), error);
        first += count;
    }
    vdisk_free(piece);
    return status;
}
