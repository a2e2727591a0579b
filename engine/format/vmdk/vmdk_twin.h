/* The two copies of an extent's grain tables: where they differ, and which one is right. */
#ifndef VIRTUALDISK_ENGINE_VMDK_TWIN_H
#define VIRTUALDISK_ENGINE_VMDK_TWIN_H

#include "engine/format/vmdk/vmdk.h"

/*
 * The next grain, from *grain on, of which the copies say different things; VDISK_NOT_FOUND when
 * there is none left. A copy without a table says that its grains are absent.
 */
enum vdisk_status vmdk_twin_difference(struct vmdk_extent *extent, uint64_t *grain, uint64_t *first,
                                       uint64_t *twin, struct vdisk_error *error);

/*
 * The right one of two entries that differ: the first copy's, unless only the twin's can be. It
 * may be impossible all the same, when both are.
 */
uint64_t vmdk_twin_choose(struct vmdk_extent *extent, uint64_t grain, uint64_t first,
                          uint64_t twin);

/*
 * Makes the copies say the same, which after a power cut they need not: the first copy counts,
 * unless what it says cannot be. With image->allocation_lock held; not flushed.
 */
enum vdisk_status vmdk_twin_reconcile(struct vmdk_extent *extent, struct vdisk_error *error);

#endif
