/* Images by path, for the commands. */
#ifndef VIRTUALDISK_CONTROL_IMAGE_FILE_H
#define VIRTUALDISK_CONTROL_IMAGE_FILE_H

#include "exit_code.h"

#include "virtualdisk/image.h"

struct vdisk_image_source {
    const char *path;
    const char *format;   /* NULL: probe */
    bool probed;          /* `format` comes from an earlier probe, not from the user */
    const char *snapshot; /* NULL: the current state */
    bool write;
    bool without_parent;
    bool for_check;
    bool for_child; /* only what an image can name as its parent */
    bool detect_zeroes;
    uint32_t sector_bytes; /* of raw disks; 0: what the format says */
};

/* Opens an image and its chain; what goes wrong is said, so is a doubtful format. */
enum vdisk_exit vdisk_image_file_open(const struct vdisk_image_source *source,
                                      struct vdisk_image **image);

/* The same without a word: false when it cannot be opened. */
bool vdisk_image_file_try(const struct vdisk_image_source *source, struct vdisk_image **image);

/*
 * An image that was found to be raw, though the name promises another format: it may have lost its
 * footer or header. For formats that were found, not named.
 */
bool vdisk_image_file_is_doubtful(struct vdisk_image *image, const char *path);
void vdisk_image_file_warn(struct vdisk_image *image, const char *path);

/* Flushes and closes; what goes wrong is said. NULL is allowed. */
enum vdisk_exit vdisk_image_file_close(struct vdisk_image *image, const char *path);

/* The worse of two outcomes of one command: the first that is not OK. */
static inline enum vdisk_exit vdisk_exit_first(enum vdisk_exit first, enum vdisk_exit second)
{
    return first != VDISK_EXIT_OK ? first : second;
}

/*
 * The format of a new image: `format` when it is given, else what the ending of the file's name
 * says, in any case, if images of that format can be made, else "raw". NULL, said, when there is no
 * such format.
 */
const char *vdisk_image_file_choose_format(const char *format, const char *path);

/*
 * The names under which a new image at `path` refers to `parent_path`. Free with vdisk_free. On
 * Windows `relative` is NULL when the two are on different drives.
 */
struct vdisk_parent_paths {
    char *relative;
    char *absolute;
};
enum vdisk_exit vdisk_parent_paths_find(const char *path, const char *parent_path,
                                        struct vdisk_parent_paths *paths);
void vdisk_parent_paths_free(struct vdisk_parent_paths *paths);

/* The length of the path's folder, with its last separator; 0: the current folder. */
size_t vdisk_path_folder_bytes(const char *path);

#endif
