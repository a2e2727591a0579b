/* Files of Windows, for the control utility. */
#ifndef VIRTUALDISK_HOST_FILE_WIN32_H
#define VIRTUALDISK_HOST_FILE_WIN32_H

#include "virtualdisk/host.h"

#include <wchar.h>

/*
 * As vdisk_host_open, for a full path as vdisk_wide_path makes it. `name` is for messages. A link
 * is opened itself, and refused (VDISK_ACCESS), when follow_links is false.
 */
enum vdisk_status vdisk_file_win32_open(const wchar_t *path, const char *name,
                                        enum vdisk_open_mode mode, bool follow_links,
                                        struct vdisk_file **file, struct vdisk_error *error);

/*
 * Makes a new, empty file size_bytes long and takes the space for it on the disk now:
 * VDISK_NO_SPACE when there is not enough. What is added reads as zeros.
 */
enum vdisk_status vdisk_file_win32_reserve(struct vdisk_file *file, uint64_t size_bytes,
                                           struct vdisk_error *error);

#endif
