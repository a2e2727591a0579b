/* The command `flush`. */
#include "backend.h"
#include "command.h"
#include "selection.h"
#include "volume_windows.h"

/* First what the file system still keeps back. */
static bool flush_file_system(const struct vdisk_device *device)
{
    if ((device->state.flags & VIRTUALDISK_STATE_READ_ONLY) != 0)
        return true;
    HANDLE volume = vdisk_volume_open(device->kernel_name, GENERIC_READ | GENERIC_WRITE);
    if (volume == INVALID_HANDLE_VALUE)
        return false;
    bool flushed = FlushFileBuffers(volume);
    DWORD error = GetLastError();
    CloseHandle(volume);
    SetLastError(error);
    return flushed;
}

static enum vdisk_exit flush(const struct vdisk_device *device)
{
    if (flush_file_system(device) &&
        vdisk_device_control(device, IOCTL_VIRTUALDISK_FLUSH, NULL, 0, NULL, 0))
        return VDISK_EXIT_OK;
    enum vdisk_exit code = vdisk_backend_fail("the data could not be written to the image");
    return code == VDISK_EXIT_FAILED ? VDISK_EXIT_IO : code;
}

enum vdisk_exit vdisk_command_flush(const struct vdisk_arguments *arguments)
{
    struct vdisk_selection selection;
    enum vdisk_exit code = vdisk_selection_find_working(arguments->operands[0], &selection);
    for (size_t i = 0; code == VDISK_EXIT_OK && i < selection.count; i++)
        code = flush(selection.items[i]);
    vdisk_selection_free(&selection);
    return code;
}
