#include "host/finder.h"
#include "host/win32/file_win32.h"
#include "host/win32/wide_win32.h"

const char vdisk_host_separators[] = "\\/";

static bool is_drive_path(const char *name)
{
    const char letter = (char)(name[0] | 0x20);

    return letter >= 'a' && letter <= 'z' && name[1] == ':' && (name[2] == '\\' || name[2] == '/');
}

enum vdisk_status vdisk_host_check_absolute(const struct vdisk_file_request *request,
                                            struct vdisk_error *error)
{
    static const char volume_prefix[] = "\\\\?\\Volume{";

    if (request->kind == VDISK_NAME_VOLUME &&
        strncmp(request->name, volume_prefix, sizeof volume_prefix - 1) == 0)
        return VDISK_OK;
    if (request->kind == VDISK_NAME_ABSOLUTE && is_drive_path(request->name))
        return VDISK_OK;
    if (request->name[0] == '/')
        return vdisk_fail(error, VDISK_NOT_FOUND, request->name, NULL, VDISK_NO_OFFSET,
                          "a path of another system");
    /* Connecting to a server that an image names would show it the user's identity. */
    return vdisk_fail(error, VDISK_ACCESS, request->name, NULL, VDISK_NO_OFFSET,
                      "the image names a file on a device or another machine");
}

enum vdisk_status vdisk_host_open_named(const char *path, enum vdisk_open_mode mode,
                                        bool follow_links, struct vdisk_file **file,
                                        struct vdisk_error *error)
{
    wchar_t *wide = vdisk_wide_path(path);
    enum vdisk_status status;

    if (wide == NULL)
        return vdisk_fail(error, VDISK_INVALID, path, NULL, VDISK_NO_OFFSET, "not a path");
    status = vdisk_file_win32_open(wide, path, mode, follow_links, file, error);
    vdisk_free(wide);
    return status;
}
