/* A disk as a row of stretches: what lies where, so that nothing is read which is known to be zero.
 */
#ifndef VIRTUALDISK_CONTROL_STRETCH_H
#define VIRTUALDISK_CONTROL_STRETCH_H

#include "virtualdisk/disk.h"

struct vdisk_stretch {
    uint64_t offset_bytes;
    uint64_t length_bytes;
    enum vdisk_extent_kind kind;
    bool zero;               /* reads as zeros */
    uint32_t depth;          /* 0: in the image itself */
    struct vdisk_file *file; /* DATA only */
    uint64_t file_offset_bytes;
};

/* What begins at offset_bytes (below the disk's size). */
enum vdisk_status vdisk_stretch_at(struct vdisk_disk *disk, uint64_t offset_bytes,
                                   struct vdisk_stretch *stretch, struct vdisk_error *error);

/* The same, as long as it goes on in the same way. */
enum vdisk_status vdisk_stretch_join(struct vdisk_disk *disk, uint64_t offset_bytes,
                                     struct vdisk_stretch *stretch, struct vdisk_error *error);

#endif
