/* Changing the descriptor of an image that is open for writing. With the allocation lock held. */
#ifndef VIRTUALDISK_ENGINE_VMDK_EDIT_H
#define VIRTUALDISK_ENGINE_VMDK_EDIT_H

#include "engine/format/vmdk/vmdk.h"
#include "engine/format/vmdk/vmdk_text.h"

/* A copy of the descriptor to change; vmdk_edit_end follows. */
enum vdisk_status vmdk_edit_begin(struct vdisk_image *image, struct vmdk_text *text,
                                  struct vdisk_error *error);

/*
 * Puts the changed text into the file, as few bytes of it as possible, unless `fits` says that the
 * changes did not fit. Frees the copy. No flush.
 */
enum vdisk_status vmdk_edit_end(struct vdisk_image *image, struct vmdk_text *text, bool fits,
                                struct vdisk_error *error);

enum vdisk_status vmdk_set_parent(struct vdisk_image *image, struct vdisk_image *parent,
                                  const char *parent_name, const char *parent_absolute_name,
                                  struct vdisk_error *error);

/* Can this image be named as a parent, and by this name? VDISK_OK, or why not. */
enum vdisk_status vmdk_parent_check(const struct vdisk_image *parent, const char *name,
                                    const char *file_name, struct vdisk_error *error);

#endif
