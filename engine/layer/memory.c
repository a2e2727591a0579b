#include "virtualdisk/layer.h"

static enum vdisk_status unsupported(struct vdisk_error *error)
{
    return vdisk_fail(error, VDISK_UNSUPPORTED, NULL, NULL, VDISK_NO_OFFSET,
                      "this build has no disks in memory");
}

enum vdisk_status vdisk_memory_open(const struct vdisk_memory_options *options,
                                    struct vdisk_disk **disk, struct vdisk_error *error)
{
    (void)options;
    (void)disk;
    return unsupported(error);
}

enum vdisk_status vdisk_memory_load(struct vdisk_disk *disk, struct vdisk_disk *source,
                                    struct vdisk_error *error)
{
    (void)disk;
    (void)source;
    return unsupported(error);
}

uint64_t vdisk_memory_used(struct vdisk_disk *disk)
{
    (void)disk;
    return 0;
}
