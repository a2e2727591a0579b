#include "open_volume.h"

#include "backend.h"
#include "letter.h"
#include "output.h"
#include "property.h"
#include "selection.h"
#include "size.h"
#include "volume_windows.h"

#include <winioctl.h>

/* FSCTL_EXTEND_VOLUME, which not every SDK has; its input is the number of sectors. */
#define EXTEND_VOLUME_CODE CTL_CODE(FILE_DEVICE_FILE_SYSTEM, 60, METHOD_BUFFERED, FILE_ANY_ACCESS)

static bool control(HANDLE volume, DWORD code, void *input, DWORD input_bytes)
{
    DWORD got;
    return DeviceIoControl(volume, code, input, input_bytes, NULL, 0, &got, NULL);
}

/* The disk has grown: lets its file system know. What cannot be done here is no failure. */
static void extend_file_system(const struct vdisk_device *device, uint64_t size_bytes)
{
    LONGLONG sectors = (LONGLONG)(size_bytes / device->state.logical_sector_bytes);
    HANDLE volume = vdisk_volume_open(device->kernel_name, GENERIC_READ | GENERIC_WRITE);
    if (volume == INVALID_HANDLE_VALUE) {
        vdisk_backend_fail("the file system could not be extended");
        return;
    }
    control(volume, IOCTL_DISK_UPDATE_PROPERTIES, NULL, 0);
    if (!control(volume, EXTEND_VOLUME_CODE, &sectors, sizeof(sectors))) {
        if (GetLastError() == ERROR_INVALID_FUNCTION || GetLastError() == ERROR_NOT_SUPPORTED)
            vdisk_output_message("%s has no file system that can be extended while it is open",
                                 vdisk_selection_name(device));
        else
            vdisk_backend_fail("the file system could not be extended");
    }
    CloseHandle(volume);
}

static enum vdisk_exit fail_resize(const struct vdisk_device *device)
{
    const char *name = vdisk_selection_name(device);
    bool is_partition = device->state.partition_number != 0;
    switch (GetLastError()) {
    case ERROR_NOT_SUPPORTED:
    case ERROR_INVALID_FUNCTION:
        vdisk_output_message("%s: an image of this kind cannot grow while it is open",
                             device->path);
        return VDISK_EXIT_FAILED;
    case ERROR_INVALID_PARAMETER:
        if (!is_partition)
            break;
        vdisk_output_message("%s: partition %" PRIu32 " has no room to grow: something lies behind "
                             "it",
                             name, device->state.partition_number);
        return VDISK_EXIT_FAILED;
    case ERROR_WRITE_PROTECT:
        vdisk_output_message("%s is read-only", name);
        return VDISK_EXIT_ACCESS;
    }
    return vdisk_backend_fail("the image could not be resized");
}

/* The device's own idea of its partition. */
static bool resize_window(const struct vdisk_device *device, uint64_t size_bytes,
                          uint64_t *old_bytes)
{
    struct vdisk_node_handle node;
    if (!vdisk_node_open(device->instance, &node))
        return false;
    bool done = vdisk_property_resize_window(node.set, &node.info, size_bytes, old_bytes);
    DWORD error = GetLastError();
    vdisk_node_close(&node);
    SetLastError(error);
    return done;
}

/*
 * The device learns of it before its volume grows: one that came back shorter than the file system
 * on it would lose that.
 */
static enum vdisk_exit grow_partition(const struct vdisk_device *device, uint64_t size_bytes)
{
    uint64_t old_bytes, ignored;
    if (!resize_window(device, size_bytes, &old_bytes))
        return vdisk_backend_fail("the device's parameters could not be changed");
    if (vdisk_device_control(device, IOCTL_VIRTUALDISK_RESIZE, &size_bytes, sizeof(size_bytes),
                             NULL, 0))
        return VDISK_EXIT_OK;
    enum vdisk_exit code = fail_resize(device);
    if (!resize_window(device, old_bytes, &ignored))
        return vdisk_backend_fail("the device's parameters could not be changed back");
    return code;
}

static enum vdisk_exit grow(const struct vdisk_device *device, uint64_t size_bytes)
{
    if (device->state.partition_number != 0)
        return grow_partition(device, size_bytes);
    return vdisk_device_control(device, IOCTL_VIRTUALDISK_RESIZE, &size_bytes, sizeof(size_bytes),
                                NULL, 0)
               ? VDISK_EXIT_OK
               : fail_resize(device);
}

static enum vdisk_exit resize(const struct vdisk_arguments *arguments,
                              const struct vdisk_device *device)
{
    uint64_t size_bytes;
    if (!vdisk_size_parse_change(arguments->operands[1], device->state.size_bytes, &size_bytes))
        return VDISK_EXIT_USAGE;
    if (size_bytes % device->state.logical_sector_bytes != 0) {
        vdisk_output_message("the size must be a multiple of the sectors of %" PRIu32 " bytes",
                             device->state.logical_sector_bytes);
        return VDISK_EXIT_USAGE;
    }
    if (size_bytes < device->state.size_bytes) {
        vdisk_output_message("%s is open, and can only grow: close it first",
                             vdisk_selection_name(device));
        return VDISK_EXIT_BUSY;
    }
    enum vdisk_exit code = VDISK_EXIT_OK;
    if (size_bytes > device->state.size_bytes)
        code = grow(device, size_bytes);
    if (code == VDISK_EXIT_OK)
        extend_file_system(device, size_bytes);
    return code;
}

/* Of the volumes of an image the one with this number; 0: of a single one that. */
static enum vdisk_exit choose(const struct vdisk_selection *selection, uint32_t number,
                              const struct vdisk_device **device)
{
    *device = number == 0 ? selection->items[0] : NULL;
    for (size_t i = 0; i < selection->count && number != 0; i++) {
        if (selection->items[i]->state.partition_number == number)
            *device = selection->items[i];
    }
    if (number == 0 && selection->count > 1) {
        vdisk_output_message("%s is open as several volumes: name one by its letter, or with "
                             "--partition",
                             selection->items[0]->path);
        return VDISK_EXIT_USAGE;
    }
    if (*device != NULL)
        return VDISK_EXIT_OK;
    vdisk_output_message("%s is open, but not its partition %" PRIu32 ": open that as well, or "
                         "close the image",
                         selection->items[0]->path, number);
    return VDISK_EXIT_BUSY;
}

bool vdisk_open_volume_resize(const struct vdisk_arguments *arguments, uint32_t partition,
                              enum vdisk_exit *code)
{
    struct vdisk_selection selection;
    const struct vdisk_device *device;
    const char *operand = arguments->operands[0];
    char letter;
    bool by_letter = vdisk_letter_parse(operand, false, &letter);
    *code = vdisk_selection_find(operand, !by_letter, &selection);
    bool found = *code == VDISK_EXIT_OK && vdisk_device_is_working(selection.items[0]);
    if (found)
        *code = choose(&selection, partition, &device);
    if (found && *code == VDISK_EXIT_OK)
        *code = resize(arguments, device);
    vdisk_selection_free(&selection);
    return found || by_letter;
}
