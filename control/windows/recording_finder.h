/*
 * A finder that opens files as the host's does, and keeps a list of what it opened: the driver is
 * given that list, and follows no name found in an image.
 */
#ifndef VIRTUALDISK_CONTROL_RECORDING_FINDER_H
#define VIRTUALDISK_CONTROL_RECORDING_FINDER_H

#include "device_windows.h"
#include "virtualdisk/image.h"

struct vdisk_recording_finder {
    struct vdisk_file_finder finder; /* first; give this one to vdisk_image_open */
    struct vdisk_found_file *files;
    size_t file_count;
    bool beside; /* files are only read, while someone may be writing to them */
};

void vdisk_recording_finder_init(struct vdisk_recording_finder *recording, bool beside);
void vdisk_recording_finder_deinit(struct vdisk_recording_finder *recording);

#endif
