/* Putting a file system on a volume: ours for FAT and exFAT, the system's for NTFS. */
#ifndef VIRTUALDISK_CONTROL_VOLUME_FORMAT_H
#define VIRTUALDISK_CONTROL_VOLUME_FORMAT_H

#include "device_windows.h"

/* A volume that cannot be written to: VDISK_EXIT_ACCESS, said. */
enum vdisk_exit vdisk_volume_check_writable(const struct vdisk_device *device);

/* A volume that holds something that is recognised: VDISK_EXIT_USAGE, said. */
enum vdisk_exit vdisk_volume_check_empty(const struct vdisk_device *device);

/* `kind`: "fat", "exfat" or "ntfs"; what is there is lost. What goes wrong is said. */
enum vdisk_exit vdisk_volume_format(const struct vdisk_device *device, const char *kind,
                                    const char *label);

#endif
