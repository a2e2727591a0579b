#include "copy.h"

#include <string.h>

#define COPY_BYTES     ((uint32_t)2 << 20)
#define UNIT_BYTES_MIN 4096u
#define UNIT_BYTES_MAX 65536u

enum vdisk_status vdisk_read_beyond(struct vdisk_disk *disk, uint64_t offset_bytes, void *buffer,
                                    size_t length_bytes, struct vdisk_error *error)
{
    uint64_t inside = offset_bytes < disk->size_bytes ? disk->size_bytes - offset_bytes : 0;
    size_t readable = inside < length_bytes ? (size_t)inside : length_bytes;
    memset((unsigned char *)buffer + readable, 0, length_bytes - readable);
    if (readable == 0)
        return VDISK_OK;
    return vdisk_disk_read(disk, offset_bytes, buffer, readable, error);
}

enum vdisk_status vdisk_copy_init(struct vdisk_copy *copy, uint32_t block_bytes,
                                  struct vdisk_error *error)
{
    if (copy->unit_bytes == 0) {
        copy->unit_bytes = block_bytes < UNIT_BYTES_MAX ? block_bytes : UNIT_BYTES_MAX;
        if (copy->unit_bytes < UNIT_BYTES_MIN)
            copy->unit_bytes = UNIT_BYTES_MIN;
    }
    uint32_t bytes = copy->unit_bytes > COPY_BYTES ? copy->unit_bytes : COPY_BYTES;
    copy->buffer = vdisk_alloc(bytes);
    copy->baseline_buffer = copy->baseline == NULL ? NULL : vdisk_alloc(bytes);
    if (copy->buffer != NULL && (copy->baseline == NULL || copy->baseline_buffer != NULL))
        return VDISK_OK;
    vdisk_copy_deinit(copy);
    return vdisk_fail(error, VDISK_NO_MEMORY, NULL, NULL, VDISK_NO_OFFSET, NULL);
}

void vdisk_copy_deinit(struct vdisk_copy *copy)
{
    vdisk_free(copy->buffer);
    vdisk_free(copy->baseline_buffer);
}

/* What becomes of one unit. */
enum unit_action { UNIT_SKIP, UNIT_WRITE, UNIT_ZERO };

static enum unit_action choose(const struct vdisk_copy *copy, size_t offset, size_t length)
{
    bool zero = vdisk_is_zero(copy->buffer + offset, length);
    if (copy->baseline == NULL)
        return zero ? UNIT_SKIP : UNIT_WRITE;
    if (memcmp(copy->buffer + offset, copy->baseline_buffer + offset, length) == 0)
        return UNIT_SKIP;
    return zero ? UNIT_ZERO : UNIT_WRITE;
}

/* What the target could make zero without holding it, because its parents have nothing there. */
static enum vdisk_status hold_zeros(struct vdisk_copy *copy, uint64_t offset_bytes,
                                    const unsigned char *zeros, uint64_t length_bytes,
                                    struct vdisk_error *error)
{
    enum vdisk_status status = VDISK_OK;
    while (length_bytes != 0 && status == VDISK_OK) {
        struct vdisk_extent extent;
        status = vdisk_disk_map(copy->target, offset_bytes, length_bytes, &extent, error);
        if (status == VDISK_OK && (extent.depth != 0 || extent.kind == VDISK_EXTENT_UNALLOCATED))
            status = vdisk_disk_write(copy->target, offset_bytes, zeros,
                                      (size_t)extent.length_bytes, error);
        if (status != VDISK_OK)
            break;
        offset_bytes += extent.length_bytes;
        zeros += extent.length_bytes;
        length_bytes -= extent.length_bytes;
    }
    return status;
}

static enum vdisk_status put_zeros(struct vdisk_copy *copy, uint64_t offset_bytes,
                                   const unsigned char *zeros, size_t length,
                                   struct vdisk_error *error)
{
    enum vdisk_status status = vdisk_disk_zero(copy->target, offset_bytes, length, error);
    if (status != VDISK_OK || !copy->hold_zeros)
        return status;
    return hold_zeros(copy, offset_bytes, zeros, length, error);
}

static enum vdisk_status put(struct vdisk_copy *copy, enum unit_action action,
                             uint64_t offset_bytes, size_t buffer_offset, size_t length,
                             struct vdisk_error *error)
{
    if (action == UNIT_WRITE)
        return vdisk_disk_write(copy->target, offset_bytes, copy->buffer + buffer_offset, length,
                                error);
    if (action == UNIT_ZERO)
        return put_zeros(copy, offset_bytes, copy->buffer + buffer_offset, length, error);
    return VDISK_OK;
}

/* The buffers hold the range; units with the same action are done in one request. */
static enum vdisk_status put_runs(struct vdisk_copy *copy, uint64_t offset_bytes, size_t length,
                                  struct vdisk_error *error)
{
    size_t run_start = 0;
    enum unit_action run_action = UNIT_SKIP;
    for (size_t at = 0; at < length;) {
        size_t unit = copy->unit_bytes < length - at ? copy->unit_bytes : length - at;
        enum unit_action action = choose(copy, at, unit);
        if (action != run_action) {
            enum vdisk_status status =
                put(copy, run_action, offset_bytes + run_start, run_start, at - run_start, error);
            if (status != VDISK_OK)
                return status;
            run_start = at;
            run_action = action;
        }
        at += unit;
    }
    return put(copy, run_action, offset_bytes + run_start, run_start, length - run_start, error);
}

static enum vdisk_status copy_piece(struct vdisk_copy *copy, uint64_t offset_bytes, size_t length,
                                    struct vdisk_error *error)
{
    enum vdisk_status status =
        vdisk_disk_read(copy->source, offset_bytes, copy->buffer, length, error);
    if (status == VDISK_OK && copy->baseline != NULL)
        status =
            vdisk_read_beyond(copy->baseline, offset_bytes, copy->baseline_buffer, length, error);
    return status == VDISK_OK ? put_runs(copy, offset_bytes, length, error) : status;
}

/* The length of the next piece: pieces end where units end, so that blocks stay whole. */
static size_t piece_bytes(const struct vdisk_copy *copy, uint64_t offset_bytes, uint64_t left)
{
    uint32_t most = copy->unit_bytes > COPY_BYTES ? copy->unit_bytes : COPY_BYTES;
    uint64_t to_boundary = most - (offset_bytes & (most - 1));
    return (size_t)(to_boundary < left ? to_boundary : left);
}

static enum vdisk_status step(struct vdisk_copy *copy, uint64_t bytes, struct vdisk_error *error)
{
    if (vdisk_progress_step(copy->progress, bytes))
        return VDISK_OK;
    return vdisk_fail(error, VDISK_CANCELLED, NULL, NULL, VDISK_NO_OFFSET, "interrupted");
}

enum vdisk_status vdisk_copy_stretch(struct vdisk_copy *copy, const struct vdisk_stretch *stretch,
                                     struct vdisk_error *error)
{
    if (stretch->zero && copy->baseline == NULL)
        return step(copy, stretch->length_bytes, error);
    uint64_t done = 0;
    while (done < stretch->length_bytes) {
        uint64_t offset = stretch->offset_bytes + done;
        size_t piece = piece_bytes(copy, offset, stretch->length_bytes - done);
        enum vdisk_status status = copy_piece(copy, offset, piece, error);
        if (status == VDISK_OK)
            status = step(copy, piece, error);
        if (status != VDISK_OK)
            return status;
        done += piece;
    }
    return VDISK_OK;
}

/*
 * A stretch that begins with a unit is made to end with one: a unit that is partly data is data,
 * so that the target gets whole blocks (which can be compressed, and need no filling).
 */
static void align_stretch(const struct vdisk_copy *copy, struct vdisk_stretch *stretch)
{
    uint64_t end = stretch->offset_bytes + stretch->length_bytes;
    uint64_t before = end & ~(uint64_t)(copy->unit_bytes - 1);
    uint64_t after = before == end ? end : before + copy->unit_bytes;
    if (before == end || end == copy->source->size_bytes)
        return;
    if (stretch->zero && before > stretch->offset_bytes) {
        end = before;
    } else {
        end = after < copy->source->size_bytes ? after : copy->source->size_bytes;
        stretch->zero = false;
    }
    stretch->length_bytes = end - stretch->offset_bytes;
}

enum vdisk_status vdisk_copy_all(struct vdisk_copy *copy, struct vdisk_error *error)
{
    enum vdisk_status status = VDISK_OK;
    for (uint64_t offset = 0; status == VDISK_OK && offset < copy->source->size_bytes;) {
        struct vdisk_stretch stretch;
        status = vdisk_stretch_at(copy->source, offset, &stretch, error);
        if (status == VDISK_OK) {
            align_stretch(copy, &stretch);
            status = vdisk_copy_stretch(copy, &stretch, error);
        }
        if (status == VDISK_OK)
            offset += stretch.length_bytes;
    }
    return status == VDISK_OK ? vdisk_disk_flush(copy->target, error) : status;
}
