#include "engine/discard.h"

#define LOOK_BYTES ((size_t)4096)        /* zeros are looked for in pieces of this size */
#define JOIN_BYTES ((uint64_t)256 << 20) /* of one hole, for as long as the lock is held */

void vdisk_discard_settle(struct vdisk_image *image)
{
    struct vdisk_disk *disk = &image->disk;

    if (image->frees_blocks)
        disk->discard_bytes = image->block_bytes;
    if (disk->read_only || (image->has_parent && !image->marks_zeros))
        disk->discard_bytes = 0;
    if (image->block_bytes != 0 && image->block_bytes < disk->discard_bytes)
        disk->discard_bytes = 0; /* blocks are too small to become holes */
    if (disk->discard_bytes != 0 && image->has_parent)
        disk->discard_bytes = (uint32_t)vdisk_max_u64(disk->discard_bytes, image->block_bytes);
}

uint32_t vdisk_image_punch_unit(const struct vdisk_file *file, bool may_mark)
{
    if (file->punch_bytes == 0 || (!may_mark && !atomic_load(&file->holes_allowed)))
        return 0;
    return (uint32_t)vdisk_max_u64(file->punch_bytes, VDISK_PUNCH_BYTES);
}

/* As many bytes as are whole blocks, the last one of the disk included. */
static uint64_t whole_blocks(const struct vdisk_image *image, uint64_t offset_bytes,
                             uint64_t length_bytes)
{
    if (offset_bytes + length_bytes == image->disk.size_bytes)
        return length_bytes;
    return vdisk_align_down(length_bytes, image->block_bytes);
}

/* Whole blocks from here on that nobody in the chain has: there is nothing to free or hide. */
static enum vdisk_status skip_empty(struct vdisk_image *image, uint64_t offset_bytes,
                                    uint64_t length_bytes, uint64_t *empty_bytes,
                                    struct vdisk_error *error)
{
    struct vdisk_extent extent;
    bool zero = false;
    enum vdisk_status status =
        vdisk_image_map_own(image, offset_bytes, length_bytes, &extent, error);

    *empty_bytes = 0;
    if (status != VDISK_OK || extent.kind != VDISK_EXTENT_UNALLOCATED)
        return status;
    status = vdisk_image_is_zero_below(image, offset_bytes, &extent.length_bytes, &zero, error);
    if (status == VDISK_OK && zero)
        *empty_bytes = whole_blocks(image, offset_bytes, extent.length_bytes);
    return status;
}

/* May the extent become a hole as it is? What a snapshot shares may not. */
static bool is_own_data(const struct vdisk_extent *extent)
{
    return extent->kind == VDISK_EXTENT_DATA && !extent->shared;
}

/* Joins what follows a data extent as long as the file goes on: one hole instead of many. */
static void join_data(struct vdisk_image *image, uint64_t offset_bytes, uint64_t length_bytes,
                      struct vdisk_extent *run)
{
    struct vdisk_extent next;

    while (run->length_bytes < vdisk_min_u64(length_bytes, JOIN_BYTES)) {
        if (vdisk_image_map_own(image, offset_bytes + run->length_bytes,
                                length_bytes - run->length_bytes, &next, NULL) != VDISK_OK)
            return; /* the next step will say so */
        if (!is_own_data(&next) || next.file != run->file ||
            next.file_offset_bytes != run->file_offset_bytes + run->length_bytes)
            return;
        run->length_bytes += next.length_bytes;
    }
}

/* The mapping stays; what is mapped becomes a hole of its file. */
static enum vdisk_status punch_some(struct vdisk_image *image, uint64_t offset_bytes,
                                    uint64_t length_bytes, uint64_t *done_bytes,
                                    struct vdisk_error *error)
{
    struct vdisk_extent extent;
    enum vdisk_status status =
        vdisk_image_map_own(image, offset_bytes, length_bytes, &extent, error);

    if (status != VDISK_OK)
        return status;
    if (is_own_data(&extent)) {
        join_data(image, offset_bytes, length_bytes, &extent);
        *done_bytes = extent.length_bytes;
        return vdisk_file_discard(extent.file, extent.file_offset_bytes, extent.length_bytes,
                                  error);
    }
    *done_bytes = extent.length_bytes;
    if (extent.kind == VDISK_EXTENT_ZERO ||
        (extent.kind == VDISK_EXTENT_UNALLOCATED && !image->has_parent))
        return VDISK_OK;
    return image->format->zero(image, offset_bytes, extent.length_bytes, done_bytes, error);
}

static enum vdisk_status discard_some(struct vdisk_image *image, uint64_t offset_bytes,
                                      uint64_t length_bytes, uint64_t *done_bytes,
                                      struct vdisk_error *error)
{
    enum vdisk_status status;

    *done_bytes = 0;
    if (image->has_parent) {
        status = skip_empty(image, offset_bytes, length_bytes, done_bytes, error);
        if (status != VDISK_OK || *done_bytes != 0)
            return status;
    }
    if (!image->frees_blocks)
        return punch_some(image, offset_bytes, length_bytes, done_bytes, error);
    return image->format->zero(image, offset_bytes, length_bytes, done_bytes, error);
}

/* The lock is given up after each piece: a discard may be as long as the disk. */
static enum vdisk_status discard_locked(struct vdisk_image *image, uint64_t offset_bytes,
                                        uint64_t length_bytes, uint64_t *done_bytes,
                                        struct vdisk_error *error)
{
    enum vdisk_status status;

    vdisk_mutex_lock(&image->allocation_lock);
    status = discard_some(image, offset_bytes, length_bytes, done_bytes, error);
    vdisk_mutex_unlock(&image->allocation_lock);
    if (status == VDISK_OK && (*done_bytes == 0 || *done_bytes > length_bytes))
        return vdisk_image_fail(image, error, VDISK_CORRUPT, "mapping", offset_bytes,
                                "the discard made no progress");
    return status;
}

enum vdisk_status vdisk_discard(struct vdisk_image *image, uint64_t offset_bytes,
                                uint64_t length_bytes, struct vdisk_error *error)
{
    enum vdisk_status status = VDISK_OK;

    while (length_bytes != 0 && status == VDISK_OK) {
        uint64_t done = 0;

        if (image->in_place)
            status = punch_some(image, offset_bytes, length_bytes, &done, error);
        else
            status = discard_locked(image, offset_bytes, length_bytes, &done, error);
        offset_bytes += done;
        length_bytes -= done;
    }
    return status;
}

/* How far zeros reach, or what is none: in pieces that begin at multiples of their size. */
static size_t find_run(uint64_t offset_bytes, const unsigned char *buffer, size_t length_bytes,
                       size_t piece_bytes, bool *zero)
{
    size_t run = 0;

    while (run < length_bytes) {
        const size_t rest = piece_bytes - (size_t)((offset_bytes + run) % piece_bytes);
        const size_t piece = vdisk_min_size(rest, length_bytes - run);
        const bool piece_is_zero = vdisk_is_zero(buffer + run, piece);

        if (run == 0)
            *zero = piece_is_zero;
        else if (piece_is_zero != *zero)
            break;
        run += piece;
    }
    return run;
}

enum vdisk_status vdisk_discard_zeros(struct vdisk_image *image, uint64_t offset_bytes,
                                      const unsigned char *buffer, size_t length_bytes,
                                      size_t *done_bytes, bool *is_data, struct vdisk_error *error)
{
    const uint32_t block = image->block_bytes;
    bool zero = false;
    const size_t run =
        find_run(offset_bytes, buffer, length_bytes, vdisk_min_size(LOOK_BYTES, block), &zero);
    const uint64_t whole =
        vdisk_is_aligned(offset_bytes, block) ? whole_blocks(image, offset_bytes, run) : 0;
    struct vdisk_extent extent;
    uint64_t done = 0;
    uint32_t ticket;
    enum vdisk_status status;

    *is_data = !zero;
    *done_bytes = run;
    if (!zero)
        return VDISK_OK;
    ticket = vdisk_gate_enter(&image->gate);
    status = vdisk_image_map_own(image, offset_bytes, run, &extent, error);
    vdisk_gate_leave(&image->gate, ticket);
    if (status != VDISK_OK)
        return status;
    *done_bytes = (size_t)extent.length_bytes;
    if (extent.kind == VDISK_EXTENT_ZERO ||
        (extent.kind == VDISK_EXTENT_UNALLOCATED && !image->has_parent))
        return VDISK_OK;
    if (whole != 0 &&
        (image->frees_blocks || (extent.kind == VDISK_EXTENT_UNALLOCATED && image->marks_zeros))) {
        status = discard_locked(image, offset_bytes, whole, &done, error);
        *done_bytes = (size_t)done;
        return status;
    }
    *is_data = true;
    *done_bytes =
        (size_t)vdisk_min_u64(*done_bytes, block - (offset_bytes & ((uint64_t)block - 1)));
    return VDISK_OK;
}
