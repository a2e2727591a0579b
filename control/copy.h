/* Moves the contents of one disk to another, and leaves out what needs no moving. */
#ifndef VIRTUALDISK_CONTROL_COPY_H
#define VIRTUALDISK_CONTROL_COPY_H

#include "progress.h"
#include "stretch.h"

struct vdisk_copy {
    struct vdisk_disk *source;
    struct vdisk_disk *target;
    /*
     * What the target reads as before: this disk (and zeros beyond its end), or zeros when it is
     * NULL. What is the same in the source is not written.
     */
    struct vdisk_disk *baseline;
    /*
     * The baseline is not what lies under the target yet: the target must hold zeros that differ
     * from it, although it may read as zeros there already.
     */
    bool hold_zeros;
    uint32_t unit_bytes; /* what is written or left out as a whole; a power of two */
    struct vdisk_progress *progress;
    unsigned char *buffer; /* for vdisk_copy itself, between init and deinit */
    unsigned char *baseline_buffer;
};

/* The first five fields are given, unit_bytes 0 means the best one for a target of these blocks. */
enum vdisk_status vdisk_copy_init(struct vdisk_copy *copy, uint32_t block_bytes,
                                  struct vdisk_error *error);
void vdisk_copy_deinit(struct vdisk_copy *copy);

/* Copies what a stretch of the source holds. VDISK_CANCELLED when the user stops it. */
enum vdisk_status vdisk_copy_stretch(struct vdisk_copy *copy, const struct vdisk_stretch *stretch,
                                     struct vdisk_error *error);

/* Copies everything. */
enum vdisk_status vdisk_copy_all(struct vdisk_copy *copy, struct vdisk_error *error);

/* Reads a range of which a part, or all, may lie beyond the end of the disk: zeros. */
enum vdisk_status vdisk_read_beyond(struct vdisk_disk *disk, uint64_t offset_bytes, void *buffer,
                                    size_t length_bytes, struct vdisk_error *error);

#endif
