#include "stretch.h"

/* Where the host's file has a hole, data is known to be zero. */
static enum vdisk_status look_for_hole(struct vdisk_stretch *stretch, struct vdisk_error *error)
{
    enum vdisk_file_range range;
    uint64_t length_bytes;
    enum vdisk_status status = vdisk_file_get_range(stretch->file, stretch->file_offset_bytes,
                                                    &range, &length_bytes, error);
    /* Holes need not end at sectors of the disk: what is not a whole one counts as data. */
    length_bytes -= length_bytes % VDISK_SECTOR_BYTES;
    if (status != VDISK_OK || length_bytes == 0)
        return status;
    stretch->zero = range == VDISK_FILE_HOLE;
    if (length_bytes < stretch->length_bytes)
        stretch->length_bytes = length_bytes;
    return VDISK_OK;
}

static enum vdisk_status look_at(struct vdisk_disk *disk, uint64_t offset_bytes,
                                 struct vdisk_stretch *stretch, struct vdisk_error *error)
{
    struct vdisk_extent extent;
    enum vdisk_status status =
        vdisk_disk_map(disk, offset_bytes, disk->size_bytes - offset_bytes, &extent, error);
    if (status != VDISK_OK)
        return status;
    *stretch = (struct vdisk_stretch){
        .offset_bytes = offset_bytes,
        .length_bytes = extent.length_bytes,
        .kind = extent.kind,
        .zero = extent.kind == VDISK_EXTENT_ZERO || extent.kind == VDISK_EXTENT_UNALLOCATED,
        .depth = extent.depth,
    };
    if (extent.kind != VDISK_EXTENT_DATA)
        return VDISK_OK;
    stretch->file = extent.file;
    stretch->file_offset_bytes = extent.file_offset_bytes;
    return look_for_hole(stretch, error);
}

static bool continues(const struct vdisk_stretch *stretch, const struct vdisk_stretch *next)
{
    return next->kind == stretch->kind && next->zero == stretch->zero &&
           next->depth == stretch->depth && next->file == stretch->file &&
           (stretch->file == NULL ||
            next->file_offset_bytes == stretch->file_offset_bytes + stretch->length_bytes);
}

enum vdisk_status vdisk_stretch_at(struct vdisk_disk *disk, uint64_t offset_bytes,
                                   struct vdisk_stretch *stretch, struct vdisk_error *error)
{
    enum vdisk_status status = look_at(disk, offset_bytes, stretch, error);
    while (status == VDISK_OK && stretch->offset_bytes + stretch->length_bytes < disk->size_bytes) {
        struct vdisk_stretch next;
        status = look_at(disk, stretch->offset_bytes + stretch->length_bytes, &next, error);
        if (status != VDISK_OK || !continues(stretch, &next))
            break;
        stretch->length_bytes += next.length_bytes;
    }
    return status;
}
