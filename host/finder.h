/* What the finder asks of each host. */
#ifndef VIRTUALDISK_HOST_FINDER_H
#define VIRTUALDISK_HOST_FINDER_H

#include "virtualdisk/host.h"

/*
 * May an image name this path (kind ABSOLUTE or VOLUME) as its parent? VDISK_NOT_FOUND when the
 * path cannot exist on this host, VDISK_ACCESS when it leads to a device or another machine.
 */
enum vdisk_status vdisk_host_check_absolute(const struct vdisk_file_request *request,
                                            struct vdisk_error *error);

/* As vdisk_host_open, but no device; a link is refused when follow_links is false. */
enum vdisk_status vdisk_host_open_named(const char *path, enum vdisk_open_mode mode,
                                        bool follow_links, struct vdisk_file **file,
                                        struct vdisk_error *error);

#endif
