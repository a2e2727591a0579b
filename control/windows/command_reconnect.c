/* The command `reconnect`. */
#include "backend.h"
#include "command.h"
#include "output.h"
#include "selection.h"

static enum vdisk_exit fail_reconnect(const struct vdisk_device *device)
{
    switch (GetLastError()) {
    case ERROR_WRONG_DISK:
        vdisk_output_message("%s is not the image of before, or was changed meanwhile; its volumes "
                             "fail every request until it is there",
                             device->path);
        return VDISK_EXIT_FAILED;
    case ERROR_NOT_SUPPORTED:
    case ERROR_INVALID_FUNCTION:
        vdisk_output_message("%s is kept in memory: there is nothing to connect it to",
                             device->path);
        return VDISK_EXIT_FAILED;
    case ERROR_FILE_NOT_FOUND:
    case ERROR_PATH_NOT_FOUND:
        vdisk_output_message("%s is not there; its volumes fail every request until it is",
                             device->path);
        return VDISK_EXIT_NOT_FOUND;
    default:
        return vdisk_backend_fail("the image could not be opened again");
    }
}

enum vdisk_exit vdisk_command_reconnect(const struct vdisk_arguments *arguments)
{
    struct vdisk_selection selection;
    enum vdisk_exit code = vdisk_selection_find_working(arguments->operands[0], &selection);
    /* It concerns all volumes of the image. */
    if (code == VDISK_EXIT_OK &&
        !vdisk_device_control(selection.items[0], IOCTL_VIRTUALDISK_RECONNECT, NULL, 0, NULL, 0))
        code = fail_reconnect(selection.items[0]);
    vdisk_selection_free(&selection);
    return code;
}
