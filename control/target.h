/*
 * A new image in the making. Its files grow in a folder of their own beside the place where they
 * belong and are moved there when they are complete: there is never half an image.
 */
#ifndef VIRTUALDISK_CONTROL_TARGET_H
#define VIRTUALDISK_CONTROL_TARGET_H

#include "exit_code.h"

#include "virtualdisk/image.h"

#define VDISK_TARGET_FILES 1024 /* the image's own file, and its extents */

struct vdisk_target {
    struct vdisk_file_finder finder; /* first; makes and opens the further files */
    char *path;                      /* where the image belongs */
    char *folder;                    /* where it grows; ends in a separator */
    const char *parent_path;         /* the parent's, while its name leads from elsewhere */
    char *names[VDISK_TARGET_FILES]; /* of the files in it; the image's own is the first */
    size_t name_count;
    bool replace;  /* files that are there already are replaced, so the new ones must be safe */
    bool compress; /* as the image was made: whole blocks are written compressed */
};

/* Makes the folder. What goes wrong is said, here and below. */
enum vdisk_exit vdisk_target_begin(struct vdisk_target *target, const char *path, bool replace);

/* Makes the image's own file; options->finder is set to the target's. */
enum vdisk_exit vdisk_target_create(struct vdisk_target *target,
                                    struct vdisk_create_options *options);

/* Opens what vdisk_target_create has made, for writing. */
enum vdisk_exit vdisk_target_open(struct vdisk_target *target, const char *format,
                                  struct vdisk_image **image);

/* Says that `action` failed; the folder, which is gone soon, is kept out of what is said. */
enum vdisk_exit vdisk_target_fail(const struct vdisk_target *target, const char *action,
                                  struct vdisk_error *error);

/*
 * When `code` is OK, moves the files to their place, else deletes them; frees what the target
 * holds. Returns `code`, or what went wrong here.
 */
enum vdisk_exit vdisk_target_end(struct vdisk_target *target, enum vdisk_exit code);

#endif
