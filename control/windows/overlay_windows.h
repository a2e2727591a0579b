/* What becomes of an overlay when its image is closed: `close --discard` and `close --commit`. */
#ifndef VIRTUALDISK_CONTROL_OVERLAY_H
#define VIRTUALDISK_CONTROL_OVERLAY_H

#include "command.h"
#include "json.h"
#include "selection.h"

struct vdisk_overlay {
    const struct vdisk_arguments *arguments;
    char *path;     /* NULL: there is nothing to do */
    char *image;    /* over which it lies */
    bool in_memory; /* to be committed by the driver, while the volumes are still there */
    bool committed;
    bool deleted;
};

/*
 * Before anything is closed: is what the options ask for possible? What is not is said. With
 * neither option, there is nothing to do.
 */
enum vdisk_exit vdisk_overlay_find(const struct vdisk_arguments *arguments,
                                   const struct vdisk_selection *selection,
                                   struct vdisk_overlay *overlay);

/* When nobody uses the volumes any more: commits an overlay in memory, if that is wished. */
enum vdisk_exit vdisk_overlay_commit_memory(struct vdisk_overlay *overlay,
                                            const struct vdisk_device *device);

/* When all is closed: commits it or not, and deletes it. */
enum vdisk_exit vdisk_overlay_end(struct vdisk_overlay *overlay);

void vdisk_overlay_print(const struct vdisk_overlay *overlay);
void vdisk_overlay_print_json(const struct vdisk_overlay *overlay, struct vdisk_json *json);
void vdisk_overlay_free(struct vdisk_overlay *overlay);

#endif
