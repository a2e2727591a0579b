#include "host/finder.h"
#include "host/posix/file_posix.h"

const char vdisk_host_separators[] = "/";

enum vdisk_status vdisk_host_check_absolute(const struct vdisk_file_request *request,
                                            struct vdisk_error *error)
{
    if (request->kind == VDISK_NAME_ABSOLUTE && request->name[0] == '/')
        return VDISK_OK;
    return vdisk_fail(error, VDISK_NOT_FOUND, request->name, NULL, VDISK_NO_OFFSET,
                      "a path of Windows");
}

enum vdisk_status vdisk_host_open_named(const char *path, enum vdisk_open_mode mode,
                                        bool follow_links, struct vdisk_file **file,
                                        struct vdisk_error *error)
{
    const enum vdisk_status status = vdisk_file_posix_open(path, mode, follow_links, file, error);

    if (status != VDISK_OK || !vdisk_file_posix_is_device(*file))
        return status;
    vdisk_file_close(*file);
    *file = NULL;
    return vdisk_fail(error, VDISK_ACCESS, path, NULL, VDISK_NO_OFFSET,
                      "a device is no part of an image and no parent");
}
