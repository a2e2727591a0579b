/* Where the bytes of a disk lie: extents, grains. */
#ifndef VIRTUALDISK_ENGINE_VMDK_MAP_H
#define VIRTUALDISK_ENGINE_VMDK_MAP_H

#include "engine/format/vmdk/vmdk.h"

enum vdisk_status vmdk_map(struct vdisk_image *image, uint64_t offset_bytes, uint64_t length_bytes,
                           struct vdisk_extent *extent, struct vdisk_error *error);

/* The entry of one grain, checked: absent, zeros, or a sector where a grain may lie. */
enum vdisk_status vmdk_grain_find(struct vmdk_extent *extent, uint64_t grain, uint64_t *sector,
                                  struct vdisk_error *error);

#endif
