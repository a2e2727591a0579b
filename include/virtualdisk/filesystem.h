/*
 * Empty file systems for new disks. The disk is one volume, without partitions.
 */
#ifndef VIRTUALDISK_FILESYSTEM_H
#define VIRTUALDISK_FILESYSTEM_H

#include "virtualdisk/disk.h"

/* "fat" (FAT12, FAT16 or FAT32, by size) or "exfat"? */
bool vdisk_filesystem_is_known(const char *kind);

/*
 * Makes an empty file system of that kind; what the disk held is lost. `label` has up to 11
 * characters of ASCII; NULL or "" for none. VDISK_INVALID for a label or a size that the kind does
 * not allow, VDISK_UNSUPPORTED for an unknown kind.
 */
enum vdisk_status vdisk_filesystem_make(struct vdisk_disk *disk, const char *kind,
                                        const char *label, struct vdisk_error *error);

#endif
