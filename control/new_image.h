/* The options by which the commands that make images describe what they want. */
#ifndef VIRTUALDISK_CONTROL_NEW_IMAGE_H
#define VIRTUALDISK_CONTROL_NEW_IMAGE_H

#include "command.h"
#include "image_file.h"

struct vdisk_new_image {
    struct vdisk_create_options options;
    const char *parent_path; /* NULL: none */
    struct vdisk_parent_paths parent_names;
};

/*
 * Reads what the command line says, for an image at `path` of the format named `format` (NULL: as
 * the path's ending says). False, said, when it makes no sense.
 */
bool vdisk_new_image_read(struct vdisk_new_image *new_image,
                          const struct vdisk_arguments *arguments, const char *format,
                          const char *path);

/* Opens the parent, when there is one, until vdisk_new_image_release. */
enum vdisk_exit vdisk_new_image_open_parent(struct vdisk_new_image *new_image, const char *path);
void vdisk_new_image_release(struct vdisk_new_image *new_image);

#endif
