/* Opening the extents of a disk. */
#ifndef VIRTUALDISK_ENGINE_VMDK_EXTENT_H
#define VIRTUALDISK_ENGINE_VMDK_EXTENT_H

#include "engine/format/vmdk/vmdk.h"

/*
 * Fills an extent whose kind and file are set from what its file says: sizes, tables, caches.
 * `page_limit` bounds the cache of tables.
 */
enum vdisk_status vmdk_extent_open(struct vmdk_extent *extent, uint32_t page_limit,
                                   struct vdisk_error *error);

/* Can no grain or table of the extent be written? */
bool vmdk_extent_is_read_only(const struct vmdk_extent *extent);

/* Closes the file, too, when the extent owns it. */
void vmdk_extent_close(struct vmdk_extent *extent);

#endif
