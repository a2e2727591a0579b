/*
 * ESXi host sparse extents (section "ESXi Host Sparse Extents"), as created by older hosts for
 * snapshots. Read only. Header, little-endian: u32 each of magic "COWD", version (1), flags
 * (bit 0: no parent), capacity, grain size, directory offset, directory entries, next free sector;
 * then, in a child, 1024 bytes of the parent's name; u32 uncleanShutdown at 1648.
 */
#ifndef VIRTUALDISK_ENGINE_VMDK_COWD_H
#define VIRTUALDISK_ENGINE_VMDK_COWD_H

#include "engine/format/vmdk/vmdk.h"

/* Fills the extent from the header of its file. */
enum vdisk_status vmdk_cowd_open(struct vmdk_extent *extent, struct vdisk_error *error);

/*
 * For an extent that was opened by itself: the parent's name, "" for none. `name` has
 * VDISK_NAME_BYTES.
 */
enum vdisk_status vmdk_cowd_parent(struct vmdk_extent *extent, char *name,
                                   struct vdisk_error *error);

#endif
