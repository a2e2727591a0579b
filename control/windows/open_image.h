/*
 * The image that `open` is about, found out about as the user who runs the program: its format, its
 * further files, its partitions. Then the driver opens it as the system, and resolves nothing.
 */
#ifndef VIRTUALDISK_CONTROL_OPEN_IMAGE_H
#define VIRTUALDISK_CONTROL_OPEN_IMAGE_H

#include "open_request.h"
#include "recording_finder.h"

#include "virtualdisk/partition.h"

struct vdisk_open_image {
    const char *format;         /* NULL: none, of an empty RAM disk */
    const char *overlay_format; /* or NULL */
    bool probed;                /* the format was found out, not named */
    bool read_only;             /* it cannot be written, or shall not be */
    bool image_is_new;          /* made just now: gone again when the rest fails */
    bool overlay_is_new;
    struct vdisk_recording_finder finder;
    struct vdisk_partition_table table;
};

/*
 * Makes what does not exist yet (a raw image, an overlay), and examines it. What is wrong is said,
 * and nothing is left behind. To be freed in either case.
 */
enum vdisk_exit vdisk_open_image_prepare(struct vdisk_open_image *image,
                                         const struct vdisk_open_request *request);
void vdisk_open_image_free(struct vdisk_open_image *image);

/* Deletes the files that were made. */
void vdisk_open_image_undo(const struct vdisk_open_image *image,
                           const struct vdisk_open_request *request);

#endif
