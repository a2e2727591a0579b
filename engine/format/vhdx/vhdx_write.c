/*
 * Writing what is not mapped yet, and zeroing. Data goes to the file first and the mapping into the
 * page cache after it; the journal makes them durable in that order, too.
 */
#include "engine/format/vhdx/vhdx_state.h"

#define ZERO_BYTES ((size_t)65536)

/* New identities before anything changes; then the log of an unclean session, and our own. */
enum vdisk_status vhdx_write_begin(struct vdisk_image *image, struct vdisk_error *error)
{
    struct vhdx_state *state = vhdx_state_of(image);
    enum vdisk_status status;

    if (state->open_failure.status != VDISK_OK)
        return vdisk_image_fail(image, error, VDISK_READ_ONLY, NULL, VDISK_NO_OFFSET,
                                "the image was opened to be checked");
    vdisk_guid_make(state->header.file_write_guid, VDISK_GUID_LE);
    vdisk_guid_make(state->header.data_write_guid, VDISK_GUID_LE);
    status = vhdx_header_update(image, error);
    if (status == VDISK_OK && state->overlay != NULL)
        status = vhdx_write_recover(image, error);
    if (status != VDISK_OK)
        return status;
    if (state->linear)
        return vhdx_header_update(image, error);
    return vhdx_journal_open(image, error);
}

enum vdisk_status vhdx_write_recover(struct vdisk_image *image, struct vdisk_error *error)
{
    struct vhdx_state *state = vhdx_state_of(image);
    enum vdisk_status status;

    if (state->journal != NULL) /* a begin that had come further failed later */
        return VDISK_OK;
    status = vhdx_overlay_apply(state->overlay, error);
    if (status != VDISK_OK)
        return status;
    memset(state->header.log_guid, 0, VDISK_GUID_BYTES);
    return vhdx_header_update_both(image, error);
}

/* Allocates a block whose whole content is known: this data, and zeros. */
static enum vdisk_status write_full(struct vdisk_image *image, uint64_t block, uint64_t within,
                                    const void *buffer, size_t length_bytes,
                                    struct vdisk_error *error)
{
    struct vhdx_state *state = vhdx_state_of(image);
    uint64_t offset;
    enum vdisk_status status =
        vhdx_space_allocate(image, state->metadata.block_bytes, &offset, error);

    if (status == VDISK_OK)
        status = vdisk_file_write(image->file, offset + within, buffer, length_bytes, error);
    if (status != VDISK_OK)
        return status;
    return vhdx_bat_store(image, vhdx_bat_payload_index(state, block), offset | VHDX_BLOCK_FULL,
                          error);
}

/* Whole sectors into a block of a child whose other sectors stay the parent's. */
static enum vdisk_status write_sectors(struct vdisk_image *image, uint64_t block, uint64_t entry,
                                       uint64_t within, const void *buffer, size_t length_bytes,
                                       struct vdisk_error *error)
{
    struct vhdx_state *state = vhdx_state_of(image);
    const bool is_new = (entry & VHDX_BAT_STATE_MASK) != VHDX_BLOCK_PARTIAL;
    uint64_t offset;
    enum vdisk_status status;

    if (is_new) {
        status = vhdx_bitmap_prepare(image, block, error);
        if (status == VDISK_OK)
            status = vhdx_space_allocate(image, state->metadata.block_bytes, &offset, error);
    } else {
        status = vhdx_bat_check_block(image, block, entry, &offset, error);
    }
    if (status == VDISK_OK)
        status = vdisk_file_write(image->file, offset + within, buffer, length_bytes, error);
    if (status == VDISK_OK)
        status = vhdx_bitmap_set(image, block, within, length_bytes, error);
    if (status != VDISK_OK || !is_new)
        return status;
    return vhdx_bat_store(image, vhdx_bat_payload_index(state, block), offset | VHDX_BLOCK_PARTIAL,
                          error);
}

/* Less than a logical sector (of 4096 bytes): the rest of it comes from the parent. */
static enum vdisk_status write_within_sector(struct vdisk_image *image, uint64_t block,
                                             uint64_t entry, uint64_t within, const void *buffer,
                                             size_t length_bytes, struct vdisk_error *error)
{
    const struct vhdx_metadata *metadata = &vhdx_state_of(image)->metadata;
    const uint32_t sector_bytes = metadata->logical_sector_bytes;
    const uint64_t start = vdisk_align_down(within, sector_bytes);
    unsigned char *sector = vdisk_alloc(sector_bytes);
    enum vdisk_status status;

    if (sector == NULL)
        return vdisk_image_fail(image, error, VDISK_NO_MEMORY, NULL, VDISK_NO_OFFSET, NULL);
    status = vdisk_image_read_below(image, block * metadata->block_bytes + start, sector,
                                    sector_bytes, error);
    if (status == VDISK_OK) {
        memcpy(sector + (within - start), buffer, length_bytes);
        status = write_sectors(image, block, entry, start, sector, sector_bytes, error);
    }
    vdisk_free(sector);
    return status;
}

static enum vdisk_status write_partial(struct vdisk_image *image, uint64_t block, uint64_t entry,
                                       uint64_t within, const void *buffer, size_t *length_bytes,
                                       struct vdisk_error *error)
{
    const uint32_t sector_bytes = vhdx_state_of(image)->metadata.logical_sector_bytes;
    const size_t head = (size_t)(within % sector_bytes);

    if (head != 0 || *length_bytes < sector_bytes) {
        *length_bytes = vdisk_min_size(*length_bytes, sector_bytes - head);
        return write_within_sector(image, block, entry, within, buffer, *length_bytes, error);
    }
    *length_bytes = (size_t)vdisk_align_down(*length_bytes, sector_bytes);
    return write_sectors(image, block, entry, within, buffer, *length_bytes, error);
}

/* How much of a block the guest sees: all, but for the last one. */
static uint64_t visible_bytes(struct vdisk_image *image, uint64_t block)
{
    const uint32_t block_bytes = vhdx_state_of(image)->metadata.block_bytes;

    return vdisk_min_u64(block_bytes, image->disk.size_bytes - block * block_bytes);
}

enum vdisk_status vhdx_write_new(struct vdisk_image *image, uint64_t offset_bytes,
                                 const void *buffer, size_t length_bytes, size_t *done_bytes,
                                 struct vdisk_error *error)
{
    struct vhdx_state *state = vhdx_state_of(image);
    const uint32_t block_bytes = state->metadata.block_bytes;
    const uint64_t block = offset_bytes / block_bytes;
    const uint64_t within = offset_bytes % block_bytes;
    size_t length = (size_t)vdisk_min_u64(length_bytes, block_bytes - within);
    uint64_t entry;
    uint32_t block_state;
    enum vdisk_status status =
        vhdx_bat_load(state, vhdx_bat_payload_index(state, block), &entry, error);

    if (status != VDISK_OK)
        return status;
    block_state = (uint32_t)(entry & VHDX_BAT_STATE_MASK);
    if (block_state == VHDX_BLOCK_PARTIAL ||
        (block_state == VHDX_BLOCK_NOT_PRESENT && state->metadata.has_parent &&
         length < visible_bytes(image, block)))
        status = write_partial(image, block, entry, within, buffer, &length, error);
    else
        status = write_full(image, block, within, buffer, length, error);
    if (status == VDISK_OK)
        *done_bytes = length;
    return status;
}

/* A whole block that is not zeros: it becomes ZERO, which hides the parent; its space is free. */
static enum vdisk_status zero_block(struct vdisk_image *image, uint64_t block,
                                    struct vdisk_error *error)
{
    struct vhdx_state *state = vhdx_state_of(image);
    const uint64_t index = vhdx_bat_payload_index(state, block);
    uint64_t entry, offset;
    enum vdisk_status status = vhdx_bat_load(state, index, &entry, error);

    if (status != VDISK_OK)
        return status;
    if ((entry & VHDX_BAT_STATE_MASK) == VHDX_BLOCK_NOT_PRESENT)
        return vhdx_bat_store(image, index, VHDX_BLOCK_ZERO, error);
    status = vhdx_bat_check_block(image, block, entry, &offset, error);
    if (status == VDISK_OK)
        status = vhdx_bat_store(image, index, VHDX_BLOCK_ZERO, error);
    return status != VDISK_OK ? status
                              : vhdx_space_free(image, offset, state->metadata.block_bytes, error);
}

static enum vdisk_status write_zeros(struct vdisk_image *image, uint64_t offset_bytes,
                                     uint64_t *length_bytes, struct vdisk_error *error)
{
    size_t done = 0;
    void *zeros = vdisk_alloc(ZERO_BYTES);
    enum vdisk_status status;

    if (zeros == NULL)
        return vdisk_image_fail(image, error, VDISK_NO_MEMORY, NULL, VDISK_NO_OFFSET, NULL);
    status = vhdx_write_new(image, offset_bytes, zeros,
                            (size_t)vdisk_min_u64(*length_bytes, ZERO_BYTES), &done, error);
    vdisk_free(zeros);
    *length_bytes = done;
    return status;
}

enum vdisk_status vhdx_write_zero(struct vdisk_image *image, uint64_t offset_bytes,
                                  uint64_t length_bytes, uint64_t *done_bytes,
                                  struct vdisk_error *error)
{
    const struct vhdx_metadata *metadata = &vhdx_state_of(image)->metadata;
    const uint64_t block = offset_bytes / metadata->block_bytes;
    const uint64_t within = offset_bytes % metadata->block_bytes;
    struct vdisk_extent extent = {0};
    enum vdisk_status status = vhdx_bat_map(image, offset_bytes, length_bytes, &extent, error);

    if (status != VDISK_OK)
        return status;
    *done_bytes = extent.length_bytes;
    if (extent.kind == VDISK_EXTENT_ZERO ||
        (extent.kind == VDISK_EXTENT_UNALLOCATED && !image->has_parent))
        return VDISK_OK;
    if (!metadata->fixed) {
        *done_bytes = vdisk_min_u64(length_bytes, metadata->block_bytes - within);
        if (*done_bytes == visible_bytes(image, block))
            return zero_block(image, block, error);
    }
    *done_bytes = vdisk_min_u64(extent.length_bytes, metadata->block_bytes - within);
    if (extent.kind == VDISK_EXTENT_DATA)
        return vdisk_file_zero(image->file, extent.file_offset_bytes, *done_bytes, error);
    return write_zeros(image, offset_bytes, done_bytes, error);
}

enum vdisk_status vhdx_write_end(struct vdisk_image *image, struct vdisk_error *error)
{
    enum vdisk_status status = vhdx_journal_close(image, error);

    return status == VDISK_OK ? vhdx_space_trim(image, error) : status;
}
