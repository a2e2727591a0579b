#include "stretch.h"

enum vdisk_status vdisk_stretch_at(struct vdisk_disk *disk, uint64_t offset_bytes,
                                   struct vdisk_stretch *stretch, struct vdisk_error *error)
{
    struct vdisk_extent extent;
    enum vdisk_status status =
        vdisk_disk_map(disk, offset_bytes, disk->size_bytes - offset_bytes, &extent, error);
    if (status != VDISK_OK)
        return status;
    bool data = extent.kind == VDISK_EXTENT_DATA;
    *stretch = (struct vdisk_stretch){
        .offset_bytes = offset_bytes,
        .length_bytes = extent.length_bytes,
        .kind = extent.kind,
        .zero = extent.kind == VDISK_EXTENT_ZERO || extent.kind == VDISK_EXTENT_UNALLOCATED,
        .depth = extent.depth,
        .file = data ? extent.file : NULL,
        .file_offset_bytes = data ? extent.file_offset_bytes : 0,
    };
    return VDISK_OK;
}

static bool continues(const struct vdisk_stretch *stretch, const struct vdisk_stretch *next)
{
    return next->kind == stretch->kind && next->depth == stretch->depth &&
           next->file == stretch->file &&
           (stretch->file == NULL ||
            next->file_offset_bytes == stretch->file_offset_bytes + stretch->length_bytes);
}

enum vdisk_status vdisk_stretch_join(struct vdisk_disk *disk, uint64_t offset_bytes,
                                     struct vdisk_stretch *stretch, struct vdisk_error *error)
{
    enum vdisk_status status = vdisk_stretch_at(disk, offset_bytes, stretch, error);
    while (status == VDISK_OK && stretch->offset_bytes + stretch->length_bytes < disk->size_bytes) {
        struct vdisk_stretch next;
        uint64_t end_bytes = stretch->offset_bytes + stretch->length_bytes;
        status = vdisk_stretch_at(disk, end_bytes, &next, error);
        if (status != VDISK_OK || !continues(stretch, &next))
            break;
        stretch->length_bytes += next.length_bytes;
    }
    return status;
}
