/*
 * Root-enumerated devices, made and removed through SetupAPI. They return when the system does, and
 * then do not start unless they are persistent.
 */
#include "backend.h"

#include "device_path.h"
#include "output.h"
#include "package.h"
#include "property.h"
#include "volume_windows.h"
#include "virtualdisk/platform.h"

#include <newdev.h>
#include <shlwapi.h>
#include <stdio.h>

#define REMOVE_WAIT_MILLI 10000
#define POLL_MILLI        50

/* {71a27cdd-812a-11d0-bec7-08002be2092f}: the device class Volume. */
static const GUID volume_class = {
    0x71a27cdd, 0x812a, 0x11d0, {0xbe, 0xc7, 0x08, 0x00, 0x2b, 0xe2, 0x09, 0x2f}};

/* "Root\VirtualDisk" and an id of this device alone, each with its NUL, and one more. */
#define HARDWARE_ID_CHARS                                                                          \
    (2 * (sizeof(VIRTUALDISK_HARDWARE_ID) / sizeof(wchar_t)) + VDISK_INSTANCE_ID_CHARS + 4)

struct hardware_ids {
    wchar_t list[HARDWARE_ID_CHARS];
    DWORD bytes;
    const wchar_t *own; /* the second one */
};

static bool setup_is_available(void)
{
    return true;
}

static void make_hardware_ids(const wchar_t *id, struct hardware_ids *ids)
{
    wchar_t *cursor = ids->list;
    *ids = (struct hardware_ids){0};
    cursor += _snwprintf(cursor, HARDWARE_ID_CHARS, L"%ls", VIRTUALDISK_HARDWARE_ID) + 1;
    ids->own = cursor;
    cursor += _snwprintf(cursor, HARDWARE_ID_CHARS - (size_t)(cursor - ids->list), L"%ls_%ls",
                         VIRTUALDISK_HARDWARE_ID, id) +
              1;
    ids->bytes = (DWORD)((size_t)(cursor + 1 - ids->list) * sizeof(*cursor));
}

/* The mark comes first: with the flag and without the mark a device counts as one to be removed. */
static enum vdisk_exit store_parameters(const struct vdisk_device_parameters *parameters,
                                        struct vdisk_node_handle *node)
{
    struct vdisk_device_parameters own = *parameters;
    struct vdisk_properties properties;
    if ((own.flags & VIRTUALDISK_FLAG_PERSISTENT) == 0) {
        if (!vdisk_node_mark_volatile(node))
            return vdisk_backend_fail("the device could not be marked as one that does not return");
        own.flags |= VIRTUALDISK_FLAG_VOLATILE;
    }
    if (!vdisk_properties_make(&own, &properties)) {
        SetLastError(ERROR_NOT_ENOUGH_MEMORY);
        return vdisk_backend_fail("the device's parameters");
    }
    enum vdisk_exit code = VDISK_EXIT_OK;
    if (!vdisk_properties_store(&properties, node->set, &node->info))
        code = vdisk_backend_fail("the device's parameters could not be written");
    vdisk_properties_free(&properties);
    return code;
}

/* Registers the node and gives it its parameters: the driver must find them when it starts. */
static enum vdisk_exit register_node(const struct vdisk_device_parameters *parameters,
                                     const struct hardware_ids *ids, struct vdisk_node_handle *node)
{
    if (!SetupDiSetDeviceRegistryPropertyW(node->set, &node->info, SPDRP_HARDWAREID,
                                           (const BYTE *)ids->list, ids->bytes) ||
        !SetupDiCallClassInstaller(DIF_REGISTERDEVICE, node->set, &node->info))
        return vdisk_backend_fail("the device could not be registered");
    enum vdisk_exit code = store_parameters(parameters, node);
    if (code == VDISK_EXIT_OK)
        vdisk_node_clear_problem(node);
    return code;
}

/* The device's own hardware id keeps this from touching those that are at work. */
static enum vdisk_exit install_driver(const struct hardware_ids *ids)
{
    wchar_t *inf = vdisk_package_inf_path();
    if (inf == NULL)
        return VDISK_EXIT_UNAVAILABLE;
    BOOL restart_needed = FALSE;
    enum vdisk_exit code = VDISK_EXIT_OK;
    if (!UpdateDriverForPlugAndPlayDevicesW(NULL, ids->own, inf, 0, &restart_needed) &&
        GetLastError() != ERROR_NO_MORE_ITEMS) { /* it has the driver already */
        code = vdisk_backend_fail("the driver could not be installed");
        if (code == VDISK_EXIT_FAILED)
            code = VDISK_EXIT_UNAVAILABLE;
    }
    vdisk_free(inf);
    return code;
}

static enum vdisk_exit remove_node(struct vdisk_node_handle *node, const wchar_t *instance,
                                   bool by_force);

static enum vdisk_exit setup_add(const struct vdisk_device_parameters *parameters,
                                 wchar_t instance[MAX_DEVICE_ID_LEN])
{
    wchar_t id[VDISK_INSTANCE_ID_CHARS];
    struct hardware_ids ids;
    struct vdisk_node_handle node = {.info = {.cbSize = sizeof(node.info)}};

    vdisk_device_instance_id(parameters->path,
                             parameters->window == NULL ? 0 : parameters->window->number, id);
    make_hardware_ids(id, &ids);
    _snwprintf(instance, MAX_DEVICE_ID_LEN, L"%ls\\%ls", VIRTUALDISK_HARDWARE_ID, id);
    node.set = SetupDiCreateDeviceInfoList(&volume_class, NULL);
    if (node.set == INVALID_HANDLE_VALUE)
        return vdisk_backend_fail("the device could not be made");
    enum vdisk_exit code;
    if (!SetupDiCreateDeviceInfoW(node.set, instance, &volume_class, VDISK_DEVICE_DESCRIPTION, NULL,
                                  0, &node.info)) {
        code = vdisk_backend_fail("the device could not be made");
    } else {
        code = register_node(parameters, &ids, &node);
        if (code == VDISK_EXIT_OK)
            code = install_driver(&ids);
        if (code != VDISK_EXIT_OK)
            remove_node(&node, instance, false);
    }
    SetupDiDestroyDeviceInfoList(node.set);
    return code;
}

/* Without parameters DIF_REMOVE removes the device from every hardware profile: just that. */
static bool call_remove(struct vdisk_node_handle *node)
{
    return SetupDiCallClassInstaller(DIF_REMOVE, node->set, &node->info);
}

/* Forgets the device by deleting its key. Windows lets nobody but itself do that. */
static bool delete_node_key(const wchar_t *instance)
{
    wchar_t key[MAX_DEVICE_ID_LEN + 64];
    _snwprintf(key, sizeof(key) / sizeof(key[0]), L"SYSTEM\\CurrentControlSet\\Enum\\%ls",
               instance);
    return SHDeleteKeyW(HKEY_LOCAL_MACHINE, key) == ERROR_SUCCESS;
}

/* Asks the driver itself to go, and waits. False when the device still runs afterwards. */
static bool stop_running(const wchar_t *instance)
{
    wchar_t *path = vdisk_node_interface(instance, &vdisk_control_interface);
    if (path != NULL)
        vdisk_volume_control(path, IOCTL_VIRTUALDISK_REMOVE, NULL, 0, NULL, 0);
    for (DWORD waited = 0; path != NULL && waited < REMOVE_WAIT_MILLI; waited += POLL_MILLI) {
        Sleep(POLL_MILLI);
        vdisk_free(path);
        path = vdisk_node_interface(instance, &vdisk_control_interface);
    }
    bool stopped = path == NULL;
    vdisk_free(path);
    return stopped;
}

/*
 * Where DIF_REMOVE trips over a driver that could not be loaded, or does not exist: the driver
 * takes a running device away, and the device is forgotten.
 */
static enum vdisk_exit forget_node(const wchar_t *instance)
{
    DWORD failure = GetLastError();
    bool stopped = stop_running(instance);
    if (!delete_node_key(instance)) {
        SetLastError(failure);
        return vdisk_backend_fail("the device could not be removed");
    }
    if (stopped)
        return VDISK_EXIT_OK;
    vdisk_output_message("this system removes devices only when it restarts: everything is written "
                         "to the image, which stays in use until then");
    return VDISK_EXIT_BUSY;
}

static enum vdisk_exit remove_node(struct vdisk_node_handle *node, const wchar_t *instance,
                                   bool by_force)
{
    enum vdisk_exit code = vdisk_backend_query_remove(node->info.DevInst, by_force);
    if (code == VDISK_EXIT_BUSY && by_force) {
        stop_running(instance);
        code = VDISK_EXIT_OK;
    }
    if (code != VDISK_EXIT_OK || call_remove(node))
        return code;
    return forget_node(instance);
}

static enum vdisk_exit setup_remove(const wchar_t *instance, bool by_force)
{
    struct vdisk_node_handle node;
    if (!vdisk_node_open(instance, &node))
        return vdisk_backend_fail("the device could not be opened for removal");
    enum vdisk_exit code = remove_node(&node, instance, by_force);
    vdisk_node_close(&node);
    return code;
}

const struct vdisk_backend vdisk_backend_setup = {
    .instance_prefix = L"ROOT\\",
    .is_available = setup_is_available,
    .add = setup_add,
    .remove = setup_remove,
};
