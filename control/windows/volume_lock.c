#include "volume_lock.h"

#include "backend.h"
#include "output.h"
#include "terminal.h"
#include "volume_windows.h"
#include "virtualdisk/platform.h"

#include <stdio.h>
#include <winioctl.h>

#define INTERVAL_MILLI 100

static bool control(HANDLE volume, DWORD code)
{
    DWORD got;
    return DeviceIoControl(volume, code, NULL, 0, NULL, 0, &got, NULL);
}

static bool is_read_only(const struct vdisk_device *device)
{
    return (device->state.flags & VIRTUALDISK_STATE_READ_ONLY) != 0;
}

/* Without a file system (raw contents, or Wine) these requests reach the driver, or nobody. */
static bool is_raw_answer(DWORD error)
{
    return error == ERROR_INVALID_FUNCTION || error == ERROR_NOT_SUPPORTED ||
           error == ERROR_INVALID_PARAMETER;
}

/* A volume that is locked cannot be opened: where it can, the lock means nothing. */
static bool keeps_others_out(const struct vdisk_volume_lock *lock)
{
    HANDLE other = vdisk_volume_open(lock->device->kernel_name, GENERIC_READ);
    if (other == INVALID_HANDLE_VALUE)
        return true;
    CloseHandle(other);
    return false;
}

static void find_holders(struct vdisk_volume_lock *lock)
{
    vdisk_holders_free(&lock->holders);
    vdisk_holders_find(lock->volume, lock->device->kernel_name, &lock->holders);
}

/* Sets lock->in_use. False, with GetLastError: neither locked nor in use. */
static bool try_lock(struct vdisk_volume_lock *lock)
{
    lock->in_use = false;
    if (control(lock->volume, FSCTL_LOCK_VOLUME)) {
        if (keeps_others_out(lock))
            return true;
    } else if (GetLastError() == ERROR_ACCESS_DENIED) {
        lock->in_use = true;
        return true;
    } else if (!is_raw_answer(GetLastError())) {
        return false;
    }
    /* Nobody here knows who has the volume open: the list of all open files does. */
    find_holders(lock);
    lock->in_use = lock->holders.count > 0;
    return true;
}

enum vdisk_exit vdisk_volume_lock_take(const struct vdisk_device *device, uint64_t deadline_milli,
                                       struct vdisk_volume_lock *lock)
{
    *lock = (struct vdisk_volume_lock){.device = device};
    lock->volume = vdisk_volume_open(device->kernel_name,
                                     GENERIC_READ | (is_read_only(device) ? 0 : GENERIC_WRITE));
    if (lock->volume == INVALID_HANDLE_VALUE)
        return vdisk_backend_fail("the volume could not be opened");
    for (;;) {
        if (!try_lock(lock))
            return vdisk_backend_fail("the volume could not be locked");
        if (!lock->in_use)
            return VDISK_EXIT_OK;
        if (vdisk_terminal_milliseconds() >= deadline_milli)
            break;
        Sleep(INTERVAL_MILLI);
    }
    find_holders(lock);
    return VDISK_EXIT_BUSY;
}

void vdisk_volume_lock_print_holders(const struct vdisk_volume_lock *lock)
{
    const struct vdisk_device *device = lock->device;
    char *holders = vdisk_holders_text(&lock->holders);
    char which[32] = "";
    if (device->state.partition_number != 0)
        snprintf(which, sizeof(which), ", partition %" PRIu32 ",", device->state.partition_number);
    if (holders != NULL)
        vdisk_output_message("%s%s is in use by %s", device->path, which, holders);
    else
        vdisk_output_message("%s%s is in use: close the files and programs that use %s",
                             device->path, which,
                             device->letter[0] == '\0' ? "it" : device->letter);
    vdisk_free(holders);
}

enum vdisk_exit vdisk_volume_lock_take_soon(const struct vdisk_device *device,
                                            struct vdisk_volume_lock *lock)
{
    enum vdisk_exit code =
        vdisk_volume_lock_take(device, vdisk_terminal_milliseconds() + VDISK_LOCK_WAIT_MILLI, lock);
    if (code == VDISK_EXIT_BUSY)
        vdisk_volume_lock_print_holders(lock);
    return code;
}

enum vdisk_exit vdisk_volume_lock_dismount(const struct vdisk_volume_lock *lock)
{
    bool flush = !is_read_only(lock->device);
    /* What fails here fails again below, where it is told. */
    if (flush && lock->in_use)
        FlushFileBuffers(lock->volume);
    if (!control(lock->volume, FSCTL_DISMOUNT_VOLUME) && !is_raw_answer(GetLastError()))
        return vdisk_backend_fail("the file system could not be dismounted");
    /* Past the file system, whose handles are of no use once it is dismounted. */
    if (flush && !vdisk_device_control(lock->device, IOCTL_VIRTUALDISK_FLUSH, NULL, 0, NULL, 0)) {
        vdisk_backend_fail("the last data could not be written to the image");
        return VDISK_EXIT_IO;
    }
    return VDISK_EXIT_OK;
}

void vdisk_volume_lock_release(struct vdisk_volume_lock *lock)
{
    if (lock->volume != NULL && lock->volume != INVALID_HANDLE_VALUE)
        CloseHandle(lock->volume);
    vdisk_holders_free(&lock->holders);
    *lock = (struct vdisk_volume_lock){.volume = INVALID_HANDLE_VALUE};
}
