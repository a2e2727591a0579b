#include "virtualdisk/layer.h"
#include "engine/base/checked.h"

struct window {
    struct vdisk_disk disk; /* first: the window is a disk */
    struct vdisk_disk *next;
    uint64_t offset_bytes; /* of the window on next */
};

static struct window *window_of(struct vdisk_disk *disk)
{
    return (struct window *)disk;
}

static enum vdisk_status window_read(struct vdisk_disk *disk, uint64_t offset_bytes, void *buffer,
                                     size_t length_bytes, struct vdisk_error *error)
{
    struct window *window = window_of(disk);

    return vdisk_disk_read(window->next, window->offset_bytes + offset_bytes, buffer, length_bytes,
                           error);
}

static enum vdisk_status window_write(struct vdisk_disk *disk, uint64_t offset_bytes,
                                      const void *buffer, size_t length_bytes,
                                      struct vdisk_error *error)
{
    struct window *window = window_of(disk);

    return vdisk_disk_write(window->next, window->offset_bytes + offset_bytes, buffer, length_bytes,
                            error);
}

static enum vdisk_status window_flush(struct vdisk_disk *disk, struct vdisk_error *error)
{
    return vdisk_disk_flush(window_of(disk)->next, error);
}

static enum vdisk_status window_zero(struct vdisk_disk *disk, uint64_t offset_bytes,
                                     uint64_t length_bytes, struct vdisk_error *error)
{
    struct window *window = window_of(disk);

    return vdisk_disk_zero(window->next, window->offset_bytes + offset_bytes, length_bytes, error);
}

/* Next rounds inwards to its own units, which need not begin where the window does. */
static enum vdisk_status window_discard(struct vdisk_disk *disk, uint64_t offset_bytes,
                                        uint64_t length_bytes, struct vdisk_error *error)
{
    struct window *window = window_of(disk);

    return vdisk_disk_discard(window->next, window->offset_bytes + offset_bytes, length_bytes,
                              error);
}

static enum vdisk_status window_map(struct vdisk_disk *disk, uint64_t offset_bytes,
                                    uint64_t length_bytes, struct vdisk_extent *extent,
                                    struct vdisk_error *error)
{
    struct window *window = window_of(disk);

    return vdisk_disk_map(window->next, window->offset_bytes + offset_bytes, length_bytes, extent,
                          error);
}

static enum vdisk_status window_close(struct vdisk_disk *disk, struct vdisk_error *error)
{
    const enum vdisk_status status = vdisk_disk_flush(disk, error);

    vdisk_free(window_of(disk));
    return status;
}

static const struct vdisk_disk_ops window_ops = {
    .read = window_read,
    .write = window_write,
    .flush = window_flush,
    .zero = window_zero,
    .discard = window_discard,
    .map = window_map,
    .close = window_close,
};

static enum vdisk_status check_place(const struct vdisk_disk *next, uint64_t offset_bytes,
                                     uint64_t size_bytes, struct vdisk_error *error)
{
    if (size_bytes == 0 || !vdisk_is_aligned(offset_bytes | size_bytes, next->logical_sector_bytes))
        return vdisk_fail(error, VDISK_INVALID, NULL, "window", offset_bytes,
                          "it is not a number of whole sectors");
    if (!vdisk_range_within(offset_bytes, size_bytes, next->size_bytes))
        return vdisk_fail(error, VDISK_OUT_OF_RANGE, NULL, "window", offset_bytes,
                          "it reaches beyond the end of the disk");
    return VDISK_OK;
}

enum vdisk_status vdisk_window_open(struct vdisk_disk *next, uint64_t offset_bytes,
                                    uint64_t size_bytes, struct vdisk_disk **disk,
                                    struct vdisk_error *error)
{
    enum vdisk_status status = check_place(next, offset_bytes, size_bytes, error);
    struct window *window;

    if (status != VDISK_OK)
        return status;
    window = vdisk_alloc(sizeof *window);
    if (window == NULL)
        return vdisk_fail(error, VDISK_NO_MEMORY, NULL, NULL, VDISK_NO_OFFSET, NULL);
    window->disk = *next;
    window->disk.ops = &window_ops;
    window->disk.size_bytes = size_bytes;
    if (next->discard_bytes != 0)
        window->disk.discard_bytes = next->logical_sector_bytes;
    window->next = next;
    window->offset_bytes = offset_bytes;
    *disk = &window->disk;
    return VDISK_OK;
}

enum vdisk_status vdisk_window_resize(struct vdisk_disk *disk, uint64_t size_bytes,
                                      struct vdisk_error *error)
{
    struct window *window = window_of(disk);
    enum vdisk_status status = check_place(window->next, window->offset_bytes, size_bytes, error);

    if (status == VDISK_OK)
        disk->size_bytes = size_bytes;
    return status;
}
