/* The command `list`. */
#include "command.h"
#include "device_windows.h"
#include "json.h"
#include "output.h"
#include "size.h"
#include "wide_win32.h"
#include "virtualdisk/platform.h"

static void print_table(const struct vdisk_devices *devices)
{
    if (devices->count == 0)
        return;
    vdisk_output_text("LETTER  %-10s  %-8s  %-10s  PATH\n", "SIZE", "FORMAT", "ACCESS");
    for (size_t i = 0; i < devices->count; i++) {
        const struct vdisk_device *device = &devices->items[i];
        char size[VDISK_SIZE_TEXT_BYTES] = "-";
        bool working = vdisk_device_is_working(device);
        bool read_only = (device->state.flags & VIRTUALDISK_STATE_READ_ONLY) != 0;
        if (working)
            vdisk_size_text(device->state.size_bytes, size);
        vdisk_output_text("%-6s  %-10s  %-8s  %-10s  %s\n",
                          device->letter[0] == '\0' ? "-" : device->letter, size,
                          working ? device->state.format : "-",
                          !working    ? "stopped"
                          : read_only ? "read-only"
                                      : "read-write",
                          device->path);
        if (device->problem != NULL)
            vdisk_output_message("%s", device->problem);
    }
}

static void print_json(const struct vdisk_devices *devices)
{
    struct vdisk_json json = {0};
    vdisk_json_begin_array(&json, NULL);
    for (size_t i = 0; i < devices->count; i++)
        vdisk_device_print_json(&devices->items[i], &json, NULL);
    vdisk_json_end_array(&json);
}

enum vdisk_exit vdisk_command_list(const struct vdisk_arguments *arguments)
{
    struct vdisk_devices devices;
    enum vdisk_exit code = vdisk_devices_list(&devices);
    if (code != VDISK_EXIT_OK)
        return code;
    if (vdisk_arguments_has(arguments, VDISK_OPTION_JSON))
        print_json(&devices);
    else
        print_table(&devices);
    vdisk_devices_free(&devices);
    return VDISK_EXIT_OK;
}
