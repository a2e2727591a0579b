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
    VDISK_OPEN_WRITE,  /* read and write an existing file */
    VDISK_OPEN_CREATE, /* a new, empty file to read and write; VDISK_EXISTS when there is one */
    VDISK_OPEN_BESIDE  /* read, beside someone who may be writing: what is read may be stale */
};

static inline bool vdisk_open_mode_writes(enum vdisk_open_mode mode)
{
    return mode == VDISK_OPEN_WRITE || mode == VDISK_OPEN_CREATE;
}

/*
 * Opens a regular file. A writer excludes other writers, and readers exclude writers: VDISK_BUSY.
 * The name of the vdisk_file is `path` as given.
 */
enum vdisk_status vdisk_host_open(const char *path, enum vdisk_open_mode mode,
                                  struct vdisk_file **file, struct vdisk_error *error);

/* Deletes a file. */
enum vdisk_status vdisk_host_remove(const char *path, struct vdisk_error *error);

/* Is there a file or folder of this name? */
bool vdisk_host_exists(const char *path);

/* A new, empty folder, for this user alone where the host can say so; and its removal. */
enum vdisk_status vdisk_host_make_folder(const char *path, struct vdisk_error *error);
enum vdisk_status vdisk_host_remove_folder(const char *path, struct vdisk_error *error);

/* The absolute path of an existing file, without links. Free with vdisk_free. */
enum vdisk_status vdisk_host_full_path(const char *path, char **full_path,
                                       struct vdisk_error *error);

/* The characters that separate folders in a path; the first one is the usual one. */
extern const char vdisk_host_separators[];

/* Gives a file another name on the same disk; a file that has it already is replaced. */
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

/* The same, but every file is opened as VDISK_OPEN_BESIDE says. */
struct vdisk_file_finder *vdisk_host_finder_beside(void);

#endif
