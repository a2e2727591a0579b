/* What an image holds, written into its parent. */
#ifndef VIRTUALDISK_CONTROL_COMMIT_H
#define VIRTUALDISK_CONTROL_COMMIT_H

#include "command.h"

/*
 * `format` may be NULL: probe. --progress and --to, the parent's format, are read from `arguments`.
 * What goes wrong is said.
 */
enum vdisk_exit vdisk_commit_image(const char *path, const char *format,
                                   const struct vdisk_arguments *arguments);

#endif
