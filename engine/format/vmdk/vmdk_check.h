/* Examining and repairing a disk: tables and their copies, shared space, leaks, streams. */
#ifndef VIRTUALDISK_ENGINE_VMDK_CHECK_H
#define VIRTUALDISK_ENGINE_VMDK_CHECK_H

#include "engine/format/vmdk/vmdk.h"

/*
 * Repaired is what needs no guess: copies of tables that differ, an entry of which the other copy
 * has a possible one, unused space at the end of the file, the mark of an unclean end.
 */
enum vdisk_status vmdk_check(struct vdisk_image *image, struct vdisk_check *check,
                             struct vdisk_error *error);

/*
 * Finds space of a sparse extent that has two owners, or none. With a bitmap of at most 1 MiB, in
 * as many passes over the tables as the file needs. *sound turns false at the first double use.
 */
enum vdisk_status vmdk_usage_check(struct vmdk_extent *extent, struct vdisk_check *check,
                                   bool *sound, struct vdisk_error *error);

#endif
