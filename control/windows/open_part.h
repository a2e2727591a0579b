/* The volumes that `open` makes of an image: its partitions, or the whole disk. */
#ifndef VIRTUALDISK_CONTROL_OPEN_PART_H
#define VIRTUALDISK_CONTROL_OPEN_PART_H

#include "device_windows.h"
#include "open_image.h"
#include "open_request.h"

struct vdisk_open_part {
    struct virtualdisk_window window; /* only the number of one that was open already */
    bool is_whole;
    bool was_open;
};

struct vdisk_open_parts {
    struct vdisk_open_part *items;
    size_t count;
};

/*
 * All partitions that hold data, the one that is asked for, or the disk where there are none. What
 * is wrong is said. To be freed in either case, as below.
 */
enum vdisk_exit vdisk_open_parts_choose(const struct vdisk_open_request *request,
                                        const struct vdisk_open_image *image,
                                        struct vdisk_devices *devices,
                                        struct vdisk_open_parts *parts);

/* Those that are asked for and open. */
enum vdisk_exit vdisk_open_parts_find_open(const struct vdisk_open_request *request,
                                           struct vdisk_devices *devices,
                                           struct vdisk_open_parts *parts);

/* Its device; or one that does not work; or NULL. */
struct vdisk_device *vdisk_open_part_device(const struct vdisk_open_part *part,
                                            const struct vdisk_open_request *request,
                                            struct vdisk_devices *devices);

void vdisk_open_parts_free(struct vdisk_open_parts *parts);

#endif
