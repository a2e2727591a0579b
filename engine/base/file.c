#include "virtualdisk/file.h"
#include "engine/base/checked.h"

#define BOUNCE_BYTES ((size_t)65536)

enum vdisk_status vdisk_file_init(struct vdisk_file *file, const struct vdisk_file_ops *ops,
                                  const char *name, uint32_t alignment_bytes, bool read_only,
                                  struct vdisk_error *error)
{
    if (!vdisk_is_power_of_two(alignment_bytes) || alignment_bytes > BOUNCE_BYTES)
        return vdisk_fail(error, VDISK_UNSUPPORTED, name, NULL, VDISK_NO_OFFSET,
                          "the host's sector size is not a power of two up to 64 KiB");
    file->ops = ops;
    file->name = name;
    file->alignment_bytes = alignment_bytes;
    file->buffer_alignment_bytes = alignment_bytes;
    file->punch_bytes = ops->punch != NULL ? VDISK_PUNCH_BYTES : 0;
    atomic_init(&file->holes_allowed, ops->allow_holes == NULL);
    file->read_only = read_only;
    file->bounce = NULL;
    atomic_init(&file->whole_units, 0);
    if (alignment_bytes > 1) {
        file->bounce = vdisk_alloc(BOUNCE_BYTES);
        if (file->bounce == NULL)
            return vdisk_fail(error, VDISK_NO_MEMORY, name, NULL, VDISK_NO_OFFSET, NULL);
    }
    vdisk_mutex_init(&file->bounce_lock);
    return VDISK_OK;
}

void vdisk_file_deinit(struct vdisk_file *file)
{
    vdisk_mutex_deinit(&file->bounce_lock);
    vdisk_free(file->bounce);
}

static bool transfer_is_aligned(const struct vdisk_file *file, uint64_t offset_bytes,
                                const void *buffer, size_t length_bytes)
{
    return vdisk_is_aligned(offset_bytes | length_bytes, file->alignment_bytes) &&
           vdisk_is_aligned((uintptr_t)buffer, file->buffer_alignment_bytes);
}

static enum vdisk_status check_transfer(struct vdisk_file *file, uint64_t offset_bytes,
                                        size_t length_bytes, struct vdisk_error *error)
{
    if (!vdisk_range_within(offset_bytes, length_bytes, INT64_MAX))
        return vdisk_fail(error, VDISK_OUT_OF_RANGE, file->name, NULL, offset_bytes,
                          "the offset is beyond what a file can hold");
    return VDISK_OK;
}

/* The piece of a transfer that one bounce buffer holds, widened to whole host sectors. */
struct bounce_piece {
    uint64_t start_bytes; /* aligned */
    size_t span_bytes;    /* aligned, at most BOUNCE_BYTES */
    size_t head_bytes;    /* before the caller's bytes */
    size_t length_bytes;  /* of the caller's bytes */
};

static struct bounce_piece bounce_piece(const struct vdisk_file *file, uint64_t offset_bytes,
                                        size_t length_bytes)
{
    const uint64_t unit = file->alignment_bytes;
    struct bounce_piece piece;

    piece.start_bytes = vdisk_align_down(offset_bytes, unit);
    piece.head_bytes = (size_t)(offset_bytes - piece.start_bytes);
    piece.length_bytes = vdisk_min_size(length_bytes, BOUNCE_BYTES - piece.head_bytes);
    piece.span_bytes =
        (size_t)vdisk_align_down(piece.head_bytes + piece.length_bytes + unit - 1, unit);
    return piece;
}

/* Reads whole host sectors; what lies beyond the end of the file is zero. */
static enum vdisk_status bounce_fill(struct vdisk_file *file, const struct bounce_piece *piece,
                                     uint64_t file_bytes, struct vdisk_error *error)
{
    const uint64_t unit = file->alignment_bytes;
    size_t present = 0;

    if (file_bytes > piece->start_bytes) {
        const uint64_t left = vdisk_align_down(file_bytes - piece->start_bytes + unit - 1, unit);

        present = (size_t)vdisk_min_u64(left, piece->span_bytes);
    }
    memset(file->bounce + present, 0, piece->span_bytes - present);
    if (present == 0)
        return VDISK_OK;
    return file->ops->read(file, piece->start_bytes, file->bounce, present, error);
}

static enum vdisk_status read_bounced(struct vdisk_file *file, uint64_t offset_bytes,
                                      unsigned char *buffer, size_t length_bytes,
                                      struct vdisk_error *error)
{
    uint64_t file_bytes;
    enum vdisk_status status = file->ops->get_size(file, &file_bytes, error);

    if (status != VDISK_OK)
        return status;
    if (!vdisk_range_within(offset_bytes, length_bytes, file_bytes))
        return vdisk_fail(error, VDISK_OUT_OF_RANGE, file->name, NULL, offset_bytes,
                          "the read reaches beyond the end of the file");
    while (length_bytes != 0) {
        const struct bounce_piece piece = bounce_piece(file, offset_bytes, length_bytes);

        status = bounce_fill(file, &piece, file_bytes, error);
        if (status != VDISK_OK)
            return status;
        memcpy(buffer, file->bounce + piece.head_bytes, piece.length_bytes);
        buffer += piece.length_bytes;
        offset_bytes += piece.length_bytes;
        length_bytes -= piece.length_bytes;
    }
    return VDISK_OK;
}

/* Whole host sectors may reach beyond what the caller wrote: the size stays exact. */
static enum vdisk_status trim_overshoot(struct vdisk_file *file, const struct bounce_piece *piece,
                                        uint64_t file_bytes, struct vdisk_error *error)
{
    const uint64_t wanted =
        vdisk_max_u64(file_bytes, piece->start_bytes + piece->head_bytes + piece->length_bytes);

    if (piece->start_bytes + piece->span_bytes <= wanted)
        return VDISK_OK;
    return file->ops->set_size(file, wanted, error);
}

static enum vdisk_status write_bounced(struct vdisk_file *file, uint64_t offset_bytes,
                                       const unsigned char *buffer, size_t length_bytes,
                                       struct vdisk_error *error)
{
    while (length_bytes != 0) {
        const struct bounce_piece piece = bounce_piece(file, offset_bytes, length_bytes);
        uint64_t file_bytes;
        enum vdisk_status status = file->ops->get_size(file, &file_bytes, error);

        if (status == VDISK_OK && piece.span_bytes != piece.length_bytes)
            status = bounce_fill(file, &piece, file_bytes, error);
        if (status != VDISK_OK)
            return status;
        memcpy(file->bounce + piece.head_bytes, buffer, piece.length_bytes);
        status = file->ops->write(file, piece.start_bytes, file->bounce, piece.span_bytes, error);
        if (status == VDISK_OK)
            status = trim_overshoot(file, &piece, file_bytes, error);
        if (status != VDISK_OK)
            return status;
        buffer += piece.length_bytes;
        offset_bytes += piece.length_bytes;
        length_bytes -= piece.length_bytes;
    }
    return VDISK_OK;
}

enum vdisk_status vdisk_file_read(struct vdisk_file *file, uint64_t offset_bytes, void *buffer,
                                  size_t length_bytes, struct vdisk_error *error)
{
    enum vdisk_status status = check_transfer(file, offset_bytes, length_bytes, error);

    if (status != VDISK_OK || length_bytes == 0)
        return status;
    if (transfer_is_aligned(file, offset_bytes, buffer, length_bytes))
        return file->ops->read(file, offset_bytes, buffer, length_bytes, error);
    vdisk_mutex_lock(&file->bounce_lock);
    status = read_bounced(file, offset_bytes, buffer, length_bytes, error);
    vdisk_mutex_unlock(&file->bounce_lock);
    return status;
}

static enum vdisk_status check_writable(struct vdisk_file *file, struct vdisk_error *error)
{
    if (file->read_only)
        return vdisk_fail(error, VDISK_READ_ONLY, file->name, NULL, VDISK_NO_OFFSET,
                          "the file was opened read-only");
    return VDISK_OK;
}

static uint32_t whole_units(const struct vdisk_file *file, uint64_t size_bytes)
{
    return (uint32_t)vdisk_min_u64(size_bytes / file->alignment_bytes, UINT32_MAX);
}

/* Does the file surely reach to end_bytes? Without a lock, and without asking the host. */
static bool is_known_inside(struct vdisk_file *file, uint64_t end_bytes)
{
    return file->bounce == NULL ||
           end_bytes / file->alignment_bytes <=
               atomic_load_explicit(&file->whole_units, memory_order_relaxed);
}

/* Under the lock: an aligned write that may extend the file. */
static enum vdisk_status write_at_end(struct vdisk_file *file, uint64_t offset_bytes,
                                      const void *buffer, size_t length_bytes,
                                      struct vdisk_error *error)
{
    uint64_t file_bytes;
    enum vdisk_status status = file->ops->get_size(file, &file_bytes, error);

    if (status != VDISK_OK)
        return status;
    atomic_store_explicit(&file->whole_units, whole_units(file, file_bytes), memory_order_relaxed);
    return file->ops->write(file, offset_bytes, buffer, length_bytes, error);
}

enum vdisk_status vdisk_file_write(struct vdisk_file *file, uint64_t offset_bytes,
                                   const void *buffer, size_t length_bytes,
                                   struct vdisk_error *error)
{
    const bool aligned = transfer_is_aligned(file, offset_bytes, buffer, length_bytes);
    enum vdisk_status status = check_writable(file, error);

    if (status == VDISK_OK)
        status = check_transfer(file, offset_bytes, length_bytes, error);
    if (status != VDISK_OK || length_bytes == 0)
        return status;
    if (aligned && is_known_inside(file, offset_bytes + length_bytes))
        return file->ops->write(file, offset_bytes, buffer, length_bytes, error);
    vdisk_mutex_lock(&file->bounce_lock);
    status = aligned ? write_at_end(file, offset_bytes, buffer, length_bytes, error)
                     : write_bounced(file, offset_bytes, buffer, length_bytes, error);
    vdisk_mutex_unlock(&file->bounce_lock);
    return status;
}

enum vdisk_status vdisk_file_flush(struct vdisk_file *file, struct vdisk_error *error)
{
    return file->read_only ? VDISK_OK : file->ops->flush(file, error);
}

enum vdisk_status vdisk_file_get_size(struct vdisk_file *file, uint64_t *size_bytes,
                                      struct vdisk_error *error)
{
    return file->ops->get_size(file, size_bytes, error);
}

enum vdisk_status vdisk_file_set_size(struct vdisk_file *file, uint64_t size_bytes,
                                      struct vdisk_error *error)
{
    enum vdisk_status status = check_writable(file, error);

    if (status != VDISK_OK)
        return status;
    if (size_bytes > INT64_MAX)
        return vdisk_fail(error, VDISK_OUT_OF_RANGE, file->name, NULL, size_bytes,
                          "the size is more than a file can have");
    if (file->bounce == NULL)
        return file->ops->set_size(file, size_bytes, error);
    vdisk_mutex_lock(&file->bounce_lock);
    if (whole_units(file, size_bytes) < atomic_load(&file->whole_units))
        atomic_store(&file->whole_units, whole_units(file, size_bytes));
    status = file->ops->set_size(file, size_bytes, error);
    vdisk_mutex_unlock(&file->bounce_lock);
    return status;
}

enum vdisk_status vdisk_file_punch(struct vdisk_file *file, uint64_t offset_bytes,
                                   uint64_t length_bytes, struct vdisk_error *error)
{
    enum vdisk_status status = check_writable(file, error);

    if (status != VDISK_OK || length_bytes == 0)
        return status;
    if (file->punch_bytes == 0 || !atomic_load(&file->holes_allowed))
        return vdisk_fail(error, VDISK_UNSUPPORTED, file->name, NULL, offset_bytes,
                          "this file cannot have holes");
    return file->ops->punch(file, offset_bytes, length_bytes, error);
}

enum vdisk_status vdisk_file_allow_holes(struct vdisk_file *file, struct vdisk_error *error)
{
    enum vdisk_status status = check_writable(file, error);

    if (status != VDISK_OK || file->punch_bytes == 0 || atomic_load(&file->holes_allowed))
        return status;
    status = file->ops->allow_holes(file, error);
    if (status == VDISK_OK)
        atomic_store(&file->holes_allowed, true);
    return status;
}

enum vdisk_status vdisk_file_discard(struct vdisk_file *file, uint64_t offset_bytes,
                                     uint64_t length_bytes, struct vdisk_error *error)
{
    const enum vdisk_status status = vdisk_file_allow_holes(file, error);

    if (status != VDISK_OK)
        return status;
    return vdisk_file_punch(file, offset_bytes, length_bytes, error);
}

enum vdisk_status vdisk_file_get_range(struct vdisk_file *file, uint64_t offset_bytes,
                                       enum vdisk_file_range *range, uint64_t *length_bytes,
                                       struct vdisk_error *error)
{
    uint64_t size;
    enum vdisk_status status;

    if (file->ops->get_range != NULL)
        return file->ops->get_range(file, offset_bytes, range, length_bytes, error);
    status = file->ops->get_size(file, &size, error);
    if (status != VDISK_OK)
        return status;
    if (offset_bytes >= size)
        return vdisk_fail(error, VDISK_OUT_OF_RANGE, file->name, NULL, offset_bytes, NULL);
    *range = VDISK_FILE_DATA;
    *length_bytes = size - offset_bytes;
    return VDISK_OK;
}

enum vdisk_status vdisk_file_get_allocated(struct vdisk_file *file, uint64_t *allocated_bytes,
                                           struct vdisk_error *error)
{
    if (file->ops->get_allocated != NULL)
        return file->ops->get_allocated(file, allocated_bytes, error);
    return file->ops->get_size(file, allocated_bytes, error);
}

enum vdisk_status vdisk_file_fill_zeros(struct vdisk_file *file, uint64_t offset_bytes,
                                        uint64_t length_bytes, struct vdisk_error *error)
{
    enum vdisk_status status = VDISK_OK;
    unsigned char *zeros = vdisk_alloc(BOUNCE_BYTES);

    if (zeros == NULL)
        return vdisk_fail(error, VDISK_NO_MEMORY, file->name, NULL, offset_bytes, NULL);
    while (length_bytes != 0 && status == VDISK_OK) {
        const size_t piece = (size_t)vdisk_min_u64(length_bytes, BOUNCE_BYTES);

        status = vdisk_file_write(file, offset_bytes, zeros, piece, error);
        offset_bytes += piece;
        length_bytes -= piece;
    }
    vdisk_free(zeros);
    return status;
}

enum vdisk_status vdisk_file_zero(struct vdisk_file *file, uint64_t offset_bytes,
                                  uint64_t length_bytes, struct vdisk_error *error)
{
    uint64_t size, end, inside;
    enum vdisk_status status = check_writable(file, error);

    if (status == VDISK_OK)
        status = vdisk_file_get_size(file, &size, error);
    if (status != VDISK_OK)
        return status;
    if (!vdisk_add_u64(offset_bytes, length_bytes, &end))
        return vdisk_fail(error, VDISK_OUT_OF_RANGE, file->name, NULL, offset_bytes, NULL);
    if (end > size) {
        status = vdisk_file_set_size(file, end, error);
        if (status != VDISK_OK || offset_bytes >= size)
            return status;
    }
    inside = vdisk_min_u64(length_bytes, size - offset_bytes);
    status = vdisk_file_punch(file, offset_bytes, inside, error);
    if (status != VDISK_UNSUPPORTED)
        return status;
    return vdisk_file_fill_zeros(file, offset_bytes, inside, error);
}

void vdisk_file_close(struct vdisk_file *file)
{
    if (file != NULL)
        file->ops->close(file);
}
