/*
 * Volumes as a user names them: by a drive letter, by the file of their image or of its overlay
 * (then all volumes of the image), or as "ram:NAME".
 */
#ifndef VIRTUALDISK_CONTROL_SELECTION_H
#define VIRTUALDISK_CONTROL_SELECTION_H

#include "device_windows.h"

struct vdisk_selection {
    struct vdisk_devices devices; /* all there are */
    struct vdisk_device **items;  /* those that are meant */
    size_t count;
};

/*
 * Finds what `operand` means; none of it is VDISK_EXIT_NOT_FOUND, said unless it is `silent`. The
 * file may be gone. The selection is to be freed, whatever the outcome.
 */
enum vdisk_exit vdisk_selection_find(const char *operand, bool silent,
                                     struct vdisk_selection *selection);

/* The same; every volume must work (VDISK_EXIT_UNAVAILABLE, said). */
enum vdisk_exit vdisk_selection_find_working(const char *operand,
                                             struct vdisk_selection *selection);

/* Everything, in groups of volumes of the same image. */
enum vdisk_exit vdisk_selection_find_all(struct vdisk_selection *selection);

void vdisk_selection_free(struct vdisk_selection *selection);

/* Are both volumes of the same image, under the same overlay? */
bool vdisk_selection_is_same_image(const struct vdisk_device *a, const struct vdisk_device *b);

/* How messages call a volume: "V:", or its image. */
const char *vdisk_selection_name(const struct vdisk_device *device);

#endif
