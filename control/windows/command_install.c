/* The commands `install` and `uninstall`. */
#include "command.h"
#include "device_windows.h"
#include "output.h"
#include "package.h"

enum vdisk_exit vdisk_command_install(const struct vdisk_arguments *arguments)
{
    (void)arguments;
    enum vdisk_exit code = vdisk_devices_enter();
    if (code != VDISK_EXIT_OK)
        return code;
    code = vdisk_package_install();
    vdisk_devices_leave();
    if (code == VDISK_EXIT_OK)
        vdisk_output_text("The driver is installed.\n");
    return code;
}

static enum vdisk_exit close_every_image(void)
{
    struct vdisk_devices devices;
    enum vdisk_exit code = vdisk_devices_list(&devices);
    for (size_t i = 0; code == VDISK_EXIT_OK && i < devices.count; i++)
        code = vdisk_device_remove(&devices.items[i]);
    vdisk_devices_free(&devices);
    return code;
}

enum vdisk_exit vdisk_command_uninstall(const struct vdisk_arguments *arguments)
{
    (void)arguments;
    enum vdisk_exit code = vdisk_devices_enter();
    if (code != VDISK_EXIT_OK)
        return code;
    code = close_every_image();
    if (code == VDISK_EXIT_OK)
        code = vdisk_package_uninstall();
    vdisk_devices_leave();
    if (code == VDISK_EXIT_OK)
        vdisk_output_text("The driver is removed.\n");
    return code;
}
