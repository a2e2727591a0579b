/* A volume as the engine's disk: what is done to it goes through the driver. */
#ifndef VIRTUALDISK_CONTROL_VOLUME_DISK_H
#define VIRTUALDISK_CONTROL_VOLUME_DISK_H

#include "device_windows.h"

#include "virtualdisk/disk.h"

/* Opens the volume for reading and writing. Closed by vdisk_disk_close, which flushes. */
enum vdisk_status vdisk_volume_disk_open(const struct vdisk_device *device,
                                         struct vdisk_disk **disk, struct vdisk_error *error);

#endif
