/*
 * What a user-mode program gets from its host besides the engine's platform functions: files by
 * name, opened as the user who runs the program. host/posix and host/win32 implement it.
 *
 * Paths are UTF-8, absolute or relative to the current folder; on Windows they may be longer than
 * 260 characters.
 */
#ifndef VIRTUALDISK_HOST_H
#define VIRTUALDISK_HOST_H

#include "virtualdisk/image.h"

enum vdisk_open_mode {
    VDISK_OPEN_READ,
    VDISK_OPEN_WRITE, /* read and write an existing file */
    VDISK_OPEN_CREATE /* a new, empty file to read and write; VDISK_EXISTS when there is one */
};

/*
 * Opens a regular file. A writer excludes other writers, and readers exclude writers: VDISK_BUSY.
 * The name of the vdisk_file is `path` as given.
 */
enum vdisk_status vdisk_host_open(const char *path, enum vdisk_open_mode mode,
                                  struct vdisk_file **file, struct vdisk_error *error);

/* Deletes a file. */
enum vdisk_status vdisk_host_remove(const char *path, struct vdisk_error *error);

/* Gives a file another name in the same folder; a file that has it already is replaced. */
enum vdisk_status vdisk_host_rename(const char *from, const char *to, struct vdisk_error *error);

/* True when both were opened by vdisk_host_open and are the same file. */
bool vdisk_host_same(struct vdisk_file *a, struct vdisk_file *b);

/*
 * Resolves the names found in images, for vdisk_open_options:
 *   - extents and data files lie beside the file that names them: a name with a separator in it,
 *     or a link, is not followed (VDISK_ACCESS);
 *   - parents may be anywhere on this machine; names that lead to another one are not followed.
 * It has no state and is never freed.
 */
struct vdisk_file_finder *vdisk_host_finder(void);

#endif
