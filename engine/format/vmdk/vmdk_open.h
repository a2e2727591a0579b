/* Opening a disk: its descriptor, extents and parent; and what is known about it afterwards. */
#ifndef VIRTUALDISK_ENGINE_VMDK_OPEN_H
#define VIRTUALDISK_ENGINE_VMDK_OPEN_H

#include "engine/format/vmdk/vmdk.h"

bool vmdk_probe(const struct vdisk_probe *probe);
enum vdisk_status vmdk_open(struct vdisk_image *image, const struct vdisk_open_options *options,
                            struct vdisk_error *error);
void vmdk_close(struct vdisk_image *image);
enum vdisk_status vmdk_check_parent(struct vdisk_image *image, struct vdisk_image *parent,
                                    struct vdisk_error *error);
void vmdk_get_info(struct vdisk_image *image, struct vdisk_image_info *info);
void vmdk_get_identity(struct vdisk_image *image, struct vdisk_image_identity *identity);

#endif
