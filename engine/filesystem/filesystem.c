#include "virtualdisk/filesystem.h"
#include "engine/filesystem/exfat.h"
#include "engine/filesystem/fat.h"

typedef enum vdisk_status filesystem_maker(struct vdisk_disk *disk, const char *label,
                                           struct vdisk_error *error);

static filesystem_maker *find_maker(const char *kind)
{
    if (strcmp(kind, "fat") == 0)
        return vdisk_fat_format;
    if (strcmp(kind, "exfat") == 0)
        return vdisk_exfat_format;
    return NULL;
}

bool vdisk_filesystem_is_known(const char *kind)
{
    return find_maker(kind) != NULL;
}

enum vdisk_status vdisk_filesystem_make(struct vdisk_disk *disk, const char *kind,
                                        const char *label, struct vdisk_error *error)
{
    filesystem_maker *make = find_maker(kind);

    if (make == NULL)
        return vdisk_fail(error, VDISK_UNSUPPORTED, NULL, NULL, VDISK_NO_OFFSET,
                          "no file system of that kind can be made");
    return make(disk, label, error);
}
