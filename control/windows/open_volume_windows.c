#include "open_volume.h"

#include "backend.h"
#include "letter.h"
#include "output.h"
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
    if (GetLastError() == ERROR_NOT_SUPPORTED || GetLastError() == ERROR_INVALID_FUNCTION) {
        vdisk_output_message("%s: an image of this kind cannot grow while it is open",
                             device->path);
        return VDISK_EXIT_FAILED;
    }
    if (GetLastError() == ERROR_WRITE_PROTECT) {
        vdisk_output_message("%s is read-only", vdisk_selection_name(device));
        return VDISK_EXIT_ACCESS;
    }
    return vdisk_backend_fail("the image could not be resized");
}

static enum vdisk_exit resize(const struct vdisk_arguments *arguments,
                              const struct vdisk_device *device)
{
    uint64_t size_bytes;
    if (device->state.partition_number != 0) {
        vdisk_output_message("%s is a partition: only a volume that is a whole disk can grow",
                             vdisk_selection_name(device));
        return VDISK_EXIT_FAILED;
    }
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
    if (!vdisk_device_control(device, IOCTL_VIRTUALDISK_RESIZE, &size_bytes, sizeof(size_bytes),
                              NULL, 0))
        return fail_resize(device);
    extend_file_system(device, size_bytes);
    return VDISK_EXIT_OK;
}

bool vdisk_open_volume_resize(const struct vdisk_arguments *arguments, enum vdisk_exit *code)
{
    struct vdisk_selection selection;
    const char *operand = arguments->operands[0];
    char letter;
    bool by_letter = vdisk_letter_parse(operand, false, &letter);
    *code = vdisk_selection_find(operand, !by_letter, &selection);
    bool found = *code == VDISK_EXIT_OK && vdisk_device_is_working(selection.items[0]);
    if (found)
        *code = resize(arguments, selection.items[0]);
    vdisk_selection_free(&selection);
    return found || by_letter;
}
