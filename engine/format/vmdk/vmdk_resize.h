/* Growing a disk of one extent. */
#ifndef VIRTUALDISK_ENGINE_VMDK_RESIZE_H
#define VIRTUALDISK_ENGINE_VMDK_RESIZE_H

#include "engine/format/vmdk/vmdk.h"

/*
 * A sparse disk that needs more tables gets new directories behind its grains; its header, one
 * sector, switches over to them. Sparse disks do not shrink: old grains would show when they grow
 * again. With the allocation lock held.
 */
enum vdisk_status vmdk_resize(struct vdisk_image *image, uint64_t size_bytes,
                              struct vdisk_error *error);

#endif
