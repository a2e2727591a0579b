/* Files of a POSIX system. */
#ifndef VIRTUALDISK_HOST_FILE_POSIX_H
#define VIRTUALDISK_HOST_FILE_POSIX_H

#include "virtualdisk/file.h"

#include <stdbool.h>

enum vdisk_file_posix_mode {
    VDISK_POSIX_READ_ONLY,
    VDISK_POSIX_READ_WRITE,
    VDISK_POSIX_CREATE /* a new, empty file; VDISK_EXISTS when there is one */
};

/*
 * Opens a regular file or block device, and locks it against other writers of this kind
 * (VDISK_BUSY; flock: shared for reading, exclusive for writing). `path` is copied.
 */
enum vdisk_status vdisk_file_posix_open(const char *path, enum vdisk_file_posix_mode mode,
                                        struct vdisk_file **file, struct vdisk_error *error);

/* The same file of the host (device and inode)? Both were opened by vdisk_file_posix_open. */
bool vdisk_file_posix_same(struct vdisk_file *a, struct vdisk_file *b);

/* The engine's code for an errno. */
enum vdisk_status vdisk_status_from_errno(int native_code);

#endif
