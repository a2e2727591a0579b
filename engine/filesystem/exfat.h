/*
 * Makes an empty exFAT file system on a disk that is one volume, as in Microsoft's "exFAT file
 * system specification", revision 1.00: sections 3 (boot regions), 4 (FAT), 7.1 (allocation
 * bitmap), 7.2 (up-case table), 7.3 (volume label).
 *
 *   boot region        12 sectors, the last one their checksum
 *   backup             the same again
 *   FAT                one
 *   cluster heap       allocation bitmap, up-case table, root directory, in this order
 */
#ifndef VIRTUALDISK_ENGINE_EXFAT_H
#define VIRTUALDISK_ENGINE_EXFAT_H

#include "virtualdisk/disk.h"

/*
 * Formats; the disk's content is lost. `label` is up to 11 characters of ASCII, NULL or "" for
 * none. VDISK_INVALID for a disk under 1 MiB. Flushes.
 */
enum vdisk_status vdisk_exfat_format(struct vdisk_disk *disk, const char *label,
                                     struct vdisk_error *error);

#endif
