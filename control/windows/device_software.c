/*
 * Devices of the Software Device API. A device lives until the system restarts, or until it is
 * removed: its lifetime is its parent's, not this program's.
 */
#include "backend.h"

#include "device_path.h"
#include "output.h"
#include "package.h"
#include "property.h"
#include "system_library.h"
#include "virtualdisk/platform.h"

#include <sddl.h>

/* swdevice.h, which not every SDK has; the names and layouts are Windows'. */
typedef void *HSWDEVICE;

typedef struct {
    DEVPROPKEY Key;
    int Store; /* DEVPROP_STORE_SYSTEM: 0 */
    PCWSTR LocaleName;
} SW_PROPERTY_KEY;

typedef struct {
    SW_PROPERTY_KEY CompKey;
    DEVPROPTYPE Type;
    ULONG BufferSize;
    PVOID Buffer;
} SW_PROPERTY;

typedef struct {
    ULONG cbSize;
    PCWSTR pszInstanceId;
    PCWSTR pszzHardwareIds;
    PCWSTR pszzCompatibleIds;
    const GUID *pContainerId;
    ULONG CapabilityFlags;
    PCWSTR pszDeviceDescription;
    PCWSTR pszDeviceLocation;
    PSECURITY_DESCRIPTOR pSecurityDescriptor;
} SW_DEVICE_INFO;

#define SW_SILENT_INSTALL   0x02
#define SW_NO_DISPLAY_IN_UI 0x04
#define SW_DRIVER_REQUIRED  0x08

#define SW_LIFETIME_HANDLE         0
#define SW_LIFETIME_PARENT_PRESENT 1

typedef void WINAPI created_callback(HSWDEVICE device, HRESULT result, void *context,
                                     PCWSTR instance);
typedef HRESULT WINAPI create_function(PCWSTR enumerator, PCWSTR parent, const SW_DEVICE_INFO *info,
                                       ULONG property_count, const SW_PROPERTY *properties,
                                       created_callback *callback, void *context,
                                       HSWDEVICE *device);
typedef void WINAPI close_function(HSWDEVICE device);
typedef HRESULT WINAPI lifetime_function(HSWDEVICE device, int lifetime);

static create_function *sw_create;
static close_function *sw_close;
static lifetime_function *sw_set_lifetime;

static bool software_is_available(void)
{
    HMODULE library = vdisk_system_library(L"cfgmgr32.dll");
    if (library == NULL)
        return false;
    sw_create = (create_function *)(void *)GetProcAddress(library, "SwDeviceCreate");
    sw_close = (close_function *)(void *)GetProcAddress(library, "SwDeviceClose");
    sw_set_lifetime = (lifetime_function *)(void *)GetProcAddress(library, "SwDeviceSetLifetime");
    return sw_create != NULL && sw_close != NULL && sw_set_lifetime != NULL;
}

/* What the callback, which runs on a thread of its own, has to say. */
struct creation {
    HANDLE done;
    HRESULT result;
    wchar_t instance[MAX_DEVICE_ID_LEN];
};

static void WINAPI on_created(HSWDEVICE device, HRESULT result, void *context, PCWSTR instance)
{
    struct creation *creation = context;
    (void)device;
    creation->result = result;
    if (instance != NULL)
        lstrcpynW(creation->instance, instance, MAX_DEVICE_ID_LEN);
    SetEvent(creation->done);
}

/* Makes the device, or takes hold of it when it exists; *device is to be closed. */
static HRESULT create_and_wait(const SW_DEVICE_INFO *info, const SW_PROPERTY *properties,
                               ULONG property_count, struct creation *creation, HSWDEVICE *device)
{
    creation->done = CreateEventW(NULL, TRUE, FALSE, NULL);
    if (creation->done == NULL)
        return HRESULT_FROM_WIN32(GetLastError());
    HRESULT result = sw_create(VIRTUALDISK_ENUMERATOR, L"HTREE\\ROOT\\0", info, property_count,
                               properties, on_created, creation, device);
    if (SUCCEEDED(result)) {
        WaitForSingleObject(creation->done, INFINITE);
        result = creation->result;
        if (FAILED(result))
            sw_close(*device); /* no callback comes after it returns */
    }
    CloseHandle(creation->done);
    return result;
}

static enum vdisk_exit fail_result(const char *what, HRESULT result)
{
    bool from_win32 = HRESULT_FACILITY(result) == FACILITY_WIN32;
    SetLastError(from_win32 ? (DWORD)HRESULT_CODE(result) : (DWORD)result);
    return vdisk_backend_fail(what);
}

static enum vdisk_exit add_device(const SW_DEVICE_INFO *info,
                                  const struct vdisk_properties *properties,
                                  wchar_t instance[MAX_DEVICE_ID_LEN])
{
    SW_PROPERTY list[VDISK_PROPERTY_COUNT] = {0};
    for (size_t i = 0; i < properties->count; i++) {
        const struct vdisk_property *item = &properties->items[i];
        list[i] = (SW_PROPERTY){{item->key, 0, NULL}, item->type, item->bytes, item->data};
    }
    struct creation creation = {0};
    HSWDEVICE device;
    HRESULT result = create_and_wait(info, list, (ULONG)properties->count, &creation, &device);
    if (FAILED(result))
        return fail_result("the device could not be made", result);
    result = sw_set_lifetime(device, SW_LIFETIME_PARENT_PRESENT);
    sw_close(device);
    if (FAILED(result))
        return fail_result("the device could not be kept", result);
    lstrcpynW(instance, creation.instance, MAX_DEVICE_ID_LEN);
    return VDISK_EXIT_OK;
}

static enum vdisk_exit software_add(const struct vdisk_device_parameters *parameters,
                                    wchar_t instance[MAX_DEVICE_ID_LEN])
{
    enum vdisk_exit code = vdisk_package_ensure_installed();
    if (code != VDISK_EXIT_OK)
        return code;
    struct vdisk_properties properties;
    wchar_t id[VDISK_INSTANCE_ID_CHARS];
    SW_DEVICE_INFO info = {
        .cbSize = sizeof(info),
        .pszInstanceId = id,
        .pszzHardwareIds = VIRTUALDISK_HARDWARE_ID L"\0",
        .CapabilityFlags = SW_SILENT_INSTALL | SW_NO_DISPLAY_IN_UI | SW_DRIVER_REQUIRED,
        .pszDeviceDescription = VDISK_DEVICE_DESCRIPTION,
    };
    vdisk_device_instance_id(parameters->path,
                             parameters->window == NULL ? 0 : parameters->window->number, id);
    const wchar_t *access = parameters->access == NULL ? VDISK_DEVICE_SDDL : parameters->access;
    if (!ConvertStringSecurityDescriptorToSecurityDescriptorW(access, SDDL_REVISION_1,
                                                              &info.pSecurityDescriptor, NULL))
        return vdisk_backend_fail("the device's security descriptor");
    if (!vdisk_properties_make(parameters, &properties)) {
        SetLastError(ERROR_NOT_ENOUGH_MEMORY);
        code = vdisk_backend_fail("the device's parameters");
    } else {
        code = add_device(&info, &properties, instance);
        vdisk_properties_free(&properties);
    }
    LocalFree(info.pSecurityDescriptor);
    return code;
}

static enum vdisk_exit query_remove(const wchar_t *instance, bool by_force)
{
    struct vdisk_node_handle node;
    if (!vdisk_node_open(instance, &node))
        return VDISK_EXIT_OK;
    enum vdisk_exit code = vdisk_backend_query_remove(node.info.DevInst, by_force);
    vdisk_node_close(&node);
    return code;
}

/*
 * Opening a device again, and closing it with the lifetime of a handle, removes it. It is opened
 * before it is stopped: otherwise it would start once more.
 */
static enum vdisk_exit software_remove(const wchar_t *instance, bool by_force)
{
    const wchar_t *id = wcsrchr(instance, L'\\');
    SW_DEVICE_INFO info = {
        .cbSize = sizeof(info),
        .pszInstanceId = id == NULL ? instance : id + 1,
        .pszzHardwareIds = VIRTUALDISK_HARDWARE_ID L"\0",
        .CapabilityFlags = SW_SILENT_INSTALL | SW_NO_DISPLAY_IN_UI | SW_DRIVER_REQUIRED,
        .pszDeviceDescription = VDISK_DEVICE_DESCRIPTION,
    };
    struct creation creation = {0};
    HSWDEVICE device;
    HRESULT result = create_and_wait(&info, NULL, 0, &creation, &device);
    if (FAILED(result))
        return fail_result("the device could not be opened for removal", result);
    enum vdisk_exit code = query_remove(instance, by_force);
    if (by_force) /* a device that Plug and Play cannot stop goes as if it had been unplugged */
        code = VDISK_EXIT_OK;
    result = sw_set_lifetime(device, code == VDISK_EXIT_OK ? SW_LIFETIME_HANDLE
                                                           : SW_LIFETIME_PARENT_PRESENT);
    sw_close(device);
    if (code == VDISK_EXIT_OK && FAILED(result))
        code = fail_result("the device could not be removed", result);
    return code;
}

const struct vdisk_backend vdisk_backend_software = {
    .instance_prefix = L"SWD\\",
    .is_available = software_is_available,
    .add = software_add,
    .remove = software_remove,
};
