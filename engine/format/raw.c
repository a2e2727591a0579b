#include "engine/format/raw.h"

static enum vdisk_status raw_open(struct vdisk_image *image,
                                  const struct vdisk_open_options *options,
                                  struct vdisk_error *error)
{
    uint64_t size;
    enum vdisk_status status = vdisk_file_get_size(image->file, &size, error);

    if (status != VDISK_OK)
        return status;
    if (size == 0)
        return vdisk_image_fail(image, error, VDISK_INVALID, NULL, VDISK_NO_OFFSET,
                                "the file is empty");
    if (!vdisk_is_aligned(size, VDISK_SECTOR_BYTES))
        return vdisk_image_fail(image, error, VDISK_INVALID, NULL, VDISK_NO_OFFSET,
                                "the size of the file is no multiple of 512 bytes");
    image->disk.size_bytes = size;
    if (options->logical_sector_bytes != 0) {
        image->disk.logical_sector_bytes = options->logical_sector_bytes;
        image->disk.physical_sector_bytes = options->logical_sector_bytes;
    }
    image->in_place = true;
    image->disk.discard_bytes = vdisk_image_punch_unit(image->file, true);
    return VDISK_OK;
}

static void raw_close(struct vdisk_image *image)
{
    (void)image;
}

static enum vdisk_status raw_map(struct vdisk_image *image, uint64_t offset_bytes,
                                 uint64_t length_bytes, struct vdisk_extent *extent,
                                 struct vdisk_error *error)
{
    (void)error;
    extent->kind = VDISK_EXTENT_DATA;
    extent->length_bytes = length_bytes;
    extent->file = image->file;
    extent->file_offset_bytes = offset_bytes;
    return VDISK_OK;
}

static enum vdisk_status raw_zero(struct vdisk_image *image, uint64_t offset_bytes,
                                  uint64_t length_bytes, uint64_t *done_bytes,
                                  struct vdisk_error *error)
{
    *done_bytes = length_bytes;
    return vdisk_file_zero(image->file, offset_bytes, length_bytes, error);
}

static enum vdisk_status raw_flush(struct vdisk_image *image, struct vdisk_error *error)
{
    return vdisk_file_flush(image->file, error);
}

static enum vdisk_status raw_create(struct vdisk_file *file,
                                    const struct vdisk_create_options *options,
                                    struct vdisk_error *error)
{
    enum vdisk_status status = vdisk_file_set_size(file, options->size_bytes, error);

    if (status == VDISK_OK && options->fixed)
        status = vdisk_file_fill_zeros(file, 0, options->size_bytes, error);
    if (status == VDISK_OK)
        status = vdisk_file_flush(file, error);
    return status;
}

static enum vdisk_status raw_resize(struct vdisk_image *image, uint64_t size_bytes,
                                    struct vdisk_error *error)
{
    enum vdisk_status status = vdisk_file_set_size(image->file, size_bytes, error);

    if (status == VDISK_OK)
        image->disk.size_bytes = size_bytes;
    return status;
}

const struct vdisk_format vdisk_format_raw = {
    .name = "raw",
    .description = "the disk's bytes and nothing else",
    .capabilities = VDISK_CAN_WRITE | VDISK_CAN_CREATE | VDISK_CAN_CREATE_FIXED | VDISK_CAN_RESIZE,
    .open = raw_open,
    .close = raw_close,
    .map = raw_map,
    .zero = raw_zero,
    .flush = raw_flush,
    .create = raw_create,
    .resize = raw_resize,
};
