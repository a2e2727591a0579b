/* Files of a POSIX system. */
#ifndef VIRTUALDISK_HOST_FILE_POSIX_H
#define VIRTUALDISK_HOST_FILE_POSIX_H

#include "virtualdisk/host.h"

/*
 * As vdisk_host_open, for block devices too; the lock is flock: shared for reading, exclusive for
 * writing. A symbolic link is refused (VDISK_ACCESS) when follow_links is false.
 */
enum vdisk_status vdisk_file_posix_open(const char *path, enum vdisk_open_mode mode,
                                        bool follow_links, struct vdisk_file **file,
                                        struct vdisk_error *error);

/* Is this file, of vdisk_file_posix_open, a device? */
bool vdisk_file_posix_is_device(struct vdisk_file *file);

/* The engine's code for an errno. */
enum vdisk_status vdisk_status_from_errno(int native_code);

#endif
