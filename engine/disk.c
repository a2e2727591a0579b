#include "virtualdisk/disk.h"
#include "engine/base/checked.h"

#define ZERO_PIECE_BYTES ((size_t)65536)

static enum vdisk_status check_range(const struct vdisk_disk *disk, uint64_t offset_bytes,
                                     uint64_t length_bytes, struct vdisk_error *error)
{
    if (!vdisk_is_aligned(offset_bytes | length_bytes, VDISK_SECTOR_BYTES))
        return vdisk_fail(error, VDISK_INVALID, NULL, NULL, offset_bytes,
                          "offset and length must be multiples of 512");
    if (!vdisk_range_within(offset_bytes, length_bytes, disk->size_bytes))
        return vdisk_fail(error, VDISK_OUT_OF_RANGE, NULL, NULL, offset_bytes,
                          "the request reaches beyond the end of the disk");
    return VDISK_OK;
}

static enum vdisk_status check_write(const struct vdisk_disk *disk, uint64_t offset_bytes,
                                     uint64_t length_bytes, struct vdisk_error *error)
{
    if (disk->read_only)
        return vdisk_fail(error, VDISK_READ_ONLY, NULL, NULL, VDISK_NO_OFFSET,
                          "the disk is read-only");
    return check_range(disk, offset_bytes, length_bytes, error);
}

enum vdisk_status vdisk_disk_read(struct vdisk_disk *disk, uint64_t offset_bytes, void *buffer,
                                  size_t length_bytes, struct vdisk_error *error)
{
    enum vdisk_status status = check_range(disk, offset_bytes, length_bytes, error);

    if (status != VDISK_OK || length_bytes == 0)
        return status;
    return disk->ops->read(disk, offset_bytes, buffer, length_bytes, error);
}

enum vdisk_status vdisk_disk_write(struct vdisk_disk *disk, uint64_t offset_bytes,
                                   const void *buffer, size_t length_bytes,
                                   struct vdisk_error *error)
{
    enum vdisk_status status = check_write(disk, offset_bytes, length_bytes, error);

    if (status != VDISK_OK || length_bytes == 0)
        return status;
    return disk->ops->write(disk, offset_bytes, buffer, length_bytes, error);
}

enum vdisk_status vdisk_disk_flush(struct vdisk_disk *disk, struct vdisk_error *error)
{
    return disk->read_only ? VDISK_OK : disk->ops->flush(disk, error);
}

enum vdisk_status vdisk_disk_write_zeros(struct vdisk_disk *disk, uint64_t offset_bytes,
                                         uint64_t length_bytes, struct vdisk_error *error)
{
    enum vdisk_status status = VDISK_OK;
    unsigned char *zeros = vdisk_alloc(ZERO_PIECE_BYTES);

    if (zeros == NULL)
        return vdisk_fail(error, VDISK_NO_MEMORY, NULL, NULL, offset_bytes, NULL);
    while (length_bytes != 0 && status == VDISK_OK) {
        const size_t piece = (size_t)vdisk_min_u64(length_bytes, ZERO_PIECE_BYTES);

        status = disk->ops->write(disk, offset_bytes, zeros, piece, error);
        offset_bytes += piece;
        length_bytes -= piece;
    }
    vdisk_free(zeros);
    return status;
}

enum vdisk_status vdisk_disk_zero(struct vdisk_disk *disk, uint64_t offset_bytes,
                                  uint64_t length_bytes, struct vdisk_error *error)
{
    enum vdisk_status status = check_write(disk, offset_bytes, length_bytes, error);

    if (status != VDISK_OK || length_bytes == 0)
        return status;
    if (disk->ops->zero == NULL)
        return vdisk_disk_write_zeros(disk, offset_bytes, length_bytes, error);
    return disk->ops->zero(disk, offset_bytes, length_bytes, error);
}

enum vdisk_status vdisk_disk_discard(struct vdisk_disk *disk, uint64_t offset_bytes,
                                     uint64_t length_bytes, struct vdisk_error *error)
{
    enum vdisk_status status = check_write(disk, offset_bytes, length_bytes, error);
    uint64_t from, to;

    if (status != VDISK_OK)
        return status;
    if (disk->discard_bytes == 0)
        return vdisk_fail(error, VDISK_UNSUPPORTED, NULL, NULL, VDISK_NO_OFFSET,
                          "this disk cannot give space back");
    to = offset_bytes + length_bytes;
    if (to != disk->size_bytes) /* the last unit may be cut off by the end of the disk */
        to = vdisk_align_down(to, disk->discard_bytes);
    if (!vdisk_align_up(offset_bytes, disk->discard_bytes, &from) || from >= to)
        return VDISK_OK;
    return disk->ops->discard(disk, from, to - from, error);
}

enum vdisk_status vdisk_disk_map(struct vdisk_disk *disk, uint64_t offset_bytes,
                                 uint64_t length_bytes, struct vdisk_extent *extent,
                                 struct vdisk_error *error)
{
    enum vdisk_status status = check_range(disk, offset_bytes, length_bytes, error);

    if (status != VDISK_OK)
        return status;
    if (length_bytes == 0)
        return vdisk_fail(error, VDISK_INVALID, NULL, NULL, offset_bytes,
                          "an empty range has no extent");
    return disk->ops->map(disk, offset_bytes, length_bytes, extent, error);
}

enum vdisk_status vdisk_disk_close(struct vdisk_disk *disk, struct vdisk_error *error)
{
    return disk == NULL ? VDISK_OK : disk->ops->close(disk, error);
}

bool vdisk_is_zero(const void *bytes, size_t length_bytes)
{
    static const unsigned char zeros[16];
    const unsigned char *start = bytes;

    if (length_bytes < sizeof zeros)
        return memcmp(start, zeros, length_bytes) == 0;
    return memcmp(start, zeros, sizeof zeros) == 0 &&
           memcmp(start, start + sizeof zeros, length_bytes - sizeof zeros) == 0;
}
