/* The command `set`. */
#include "backend.h"
#include "command.h"
#include "output.h"
#include "selection.h"
#include "volume_lock.h"

static enum vdisk_exit fail_change(const struct vdisk_device *device)
{
    if (GetLastError() == ERROR_WRITE_PROTECT) {
        vdisk_output_message("%s: the image itself cannot be written", device->path);
        return VDISK_EXIT_ACCESS;
    }
    return vdisk_backend_fail("the volume could not be changed");
}

/* The file system learns of the change when it is mounted again. */
static enum vdisk_exit change(const struct vdisk_device *device, uint32_t read_only)
{
    struct vdisk_volume_lock lock;
    enum vdisk_exit code = vdisk_volume_lock_take_soon(device, &lock);
    if (code == VDISK_EXIT_OK)
        code = vdisk_volume_lock_dismount(&lock);
    if (code == VDISK_EXIT_OK && !vdisk_device_control(device, IOCTL_VIRTUALDISK_SET_READ_ONLY,
                                                       &read_only, sizeof(read_only), NULL, 0))
        code = fail_change(device);
    vdisk_volume_lock_release(&lock);
    return code;
}

enum vdisk_exit vdisk_command_set(const struct vdisk_arguments *arguments)
{
    bool read_only = vdisk_arguments_has(arguments, VDISK_OPTION_READ_ONLY);
    if (read_only == vdisk_arguments_has(arguments, VDISK_OPTION_READ_WRITE)) {
        vdisk_output_message("'set' needs either --read-only or --read-write");
        return VDISK_EXIT_USAGE;
    }
    enum vdisk_exit code = vdisk_devices_enter();
    if (code != VDISK_EXIT_OK)
        return code;
    struct vdisk_selection selection;
    code = vdisk_selection_find_working(arguments->operands[0], &selection);
    for (size_t i = 0; code == VDISK_EXIT_OK && i < selection.count; i++)
        code = change(selection.items[i], read_only);
    vdisk_selection_free(&selection);
    vdisk_devices_leave();
    return code;
}
