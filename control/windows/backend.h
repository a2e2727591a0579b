/*
 * The two ways to make a device: the Software Device API (Windows 8 and later), and root-enumerated
 * devices through SetupAPI. Each way removes only what it made.
 */
#ifndef VIRTUALDISK_CONTROL_BACKEND_H
#define VIRTUALDISK_CONTROL_BACKEND_H

#include "device_windows.h"

struct vdisk_backend {
    /* How the instance ids of its devices begin. */
    const wchar_t *instance_prefix;

    /* Can it be used on this system? */
    bool (*is_available)(void);

    /* Makes the device, gives the driver to it, and fills in its instance id. */
    enum vdisk_exit (*add)(const struct vdisk_device_parameters *parameters,
                           wchar_t instance[MAX_DEVICE_ID_LEN]);

    /*
     * Removes it; the volume is flushed and nobody needs it any more. By force, nobody is asked.
     */
    enum vdisk_exit (*remove)(const wchar_t *instance, bool by_force);
};

extern const struct vdisk_backend vdisk_backend_software;
extern const struct vdisk_backend vdisk_backend_setup;

/* The access to every device that is made: raw access for administrators only. */
#define VDISK_DEVICE_SDDL L"D:P(A;;GA;;;SY)(A;;GA;;;BA)(A;;GX;;;WD)"

#define VDISK_DEVICE_DESCRIPTION L"VirtualDisk volume"

/*
 * Asks Plug and Play to stop the device in an orderly way. VDISK_EXIT_BUSY when someone refuses,
 * said unless it is `silent`; on a system that cannot ask, OK.
 */
enum vdisk_exit vdisk_backend_query_remove(DEVINST node, bool silent);

/* Says that an API function failed; the exit code for GetLastError. */
enum vdisk_exit vdisk_backend_fail(const char *what);

#endif
