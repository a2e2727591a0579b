/* Which format a file has, and keeping a disk that was taken for raw from becoming another one. */
#ifndef VIRTUALDISK_ENGINE_PROBE_H
#define VIRTUALDISK_ENGINE_PROBE_H

#include "engine/format/format.h"

/*
 * The named format, or the probed one when `name` is NULL: what nothing else claims is raw.
 * VDISK_UNSUPPORTED, with its name, for a format that is recognised but cannot be handled.
 */
enum vdisk_status vdisk_probe_choose(struct vdisk_file *file, const char *name,
                                     const struct vdisk_format **format, struct vdisk_error *error);

/*
 * For a write to an image that was probed as raw, or its shrinking: VDISK_ACCESS when the file
 * would be taken for another format afterwards. A write costs nothing but a comparison away from
 * the ends of the disk.
 */
enum vdisk_status vdisk_probe_guard(struct vdisk_image *image, uint64_t offset_bytes,
                                    const void *buffer, size_t length_bytes,
                                    struct vdisk_error *error);
enum vdisk_status vdisk_probe_guard_size(struct vdisk_image *image, uint64_t size_bytes,
                                         struct vdisk_error *error);

#endif
