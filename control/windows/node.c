#include "node.h"

#include "property.h"
#include "wide_win32.h"
#include "virtualdisk/platform.h"

const GUID vdisk_volume_interface = {
    0x53f5630d, 0xb6bf, 0x11d0, {0x94, 0xf2, 0x00, 0xa0, 0xc9, 0x1e, 0xfb, 0x8b}};
const GUID vdisk_control_interface = VIRTUALDISK_CONTROL_INTERFACE_GUID;

#define HARDWARE_IDS_CHARS 512

static bool is_our_device(HDEVINFO set, SP_DEVINFO_DATA *info)
{
    wchar_t ids[HARDWARE_IDS_CHARS + 2] = {0};
    if (!SetupDiGetDeviceRegistryPropertyW(set, info, SPDRP_HARDWAREID, NULL, (BYTE *)ids,
                                           HARDWARE_IDS_CHARS * sizeof(ids[0]), NULL))
        return false;
    for (const wchar_t *id = ids; *id != L'\0'; id += wcslen(id) + 1) {
        if (_wcsicmp(id, VIRTUALDISK_HARDWARE_ID) == 0)
            return true;
    }
    return false;
}

static HKEY open_hardware_key(HDEVINFO set, SP_DEVINFO_DATA *info, REGSAM access)
{
    HKEY key = SetupDiOpenDevRegKey(set, info, DICS_FLAG_GLOBAL, 0, DIREG_DEV, access);
    return key == INVALID_HANDLE_VALUE ? NULL : key;
}

/* False also where one may not look. */
static bool has_lost_mark(HDEVINFO set, SP_DEVINFO_DATA *info)
{
    HKEY mark, key = open_hardware_key(set, info, KEY_READ);
    if (key == NULL)
        return false;
    LSTATUS status = RegOpenKeyExW(key, VIRTUALDISK_KEY_VOLATILE, 0, KEY_QUERY_VALUE, &mark);
    if (status == ERROR_SUCCESS)
        RegCloseKey(mark);
    RegCloseKey(key);
    return status == ERROR_FILE_NOT_FOUND;
}

/* A device that works has not, whatever has become of its mark. */
static bool has_returned(HDEVINFO set, SP_DEVINFO_DATA *info)
{
    wchar_t instance[MAX_DEVICE_ID_LEN];
    uint32_t flags = (uint32_t)vdisk_property_read_number(
        set, info, VIRTUALDISK_PID_FLAGS, VIRTUALDISK_VALUE_FLAGS, sizeof(uint32_t));
    if ((flags & VIRTUALDISK_FLAG_VOLATILE) == 0 || !has_lost_mark(set, info) ||
        !SetupDiGetDeviceInstanceIdW(set, info, instance, MAX_DEVICE_ID_LEN, NULL))
        return false;
    wchar_t *control_path = vdisk_node_interface(instance, &vdisk_control_interface);
    vdisk_free(control_path);
    return control_path == NULL;
}

static bool append_node(struct vdisk_nodes *nodes, HDEVINFO set, SP_DEVINFO_DATA *info)
{
    struct vdisk_node *grown = vdisk_alloc_array(nodes->count + 1, sizeof(*grown));
    if (grown == NULL) {
        SetLastError(ERROR_NOT_ENOUGH_MEMORY);
        return false;
    }
    if (nodes->count > 0)
        memcpy(grown, nodes->items, nodes->count * sizeof(*grown));
    vdisk_free(nodes->items);
    nodes->items = grown;
    struct vdisk_node *node = &grown[nodes->count];
    if (!SetupDiGetDeviceInstanceIdW(set, info, node->instance, MAX_DEVICE_ID_LEN, NULL))
        return false;
    node->nt_path =
        vdisk_property_read_text(set, info, VIRTUALDISK_PID_FILE_PATH, VIRTUALDISK_VALUE_FILE_PATH);
    node->overlay_nt_path =
        vdisk_property_read_text(set, info, VIRTUALDISK_PID_OVERLAY, VIRTUALDISK_VALUE_OVERLAY);
    nodes->count++;
    return true;
}

static bool find_nodes(const wchar_t *enumerator, DWORD set_flags, bool returned,
                       struct vdisk_nodes *nodes)
{
    *nodes = (struct vdisk_nodes){0};
    HDEVINFO set = SetupDiGetClassDevsW(NULL, enumerator, NULL, DIGCF_ALLCLASSES | set_flags);
    if (set == INVALID_HANDLE_VALUE)
        return false;
    bool complete = true;
    SP_DEVINFO_DATA info = {.cbSize = sizeof(info)};
    for (DWORD i = 0; complete && SetupDiEnumDeviceInfo(set, i, &info); i++) {
        if (is_our_device(set, &info) && has_returned(set, &info) == returned)
            complete = append_node(nodes, set, &info);
    }
    SetupDiDestroyDeviceInfoList(set);
    if (!complete)
        vdisk_nodes_free(nodes);
    return complete;
}

bool vdisk_nodes_find(struct vdisk_nodes *nodes)
{
    return find_nodes(NULL, DIGCF_PRESENT, false, nodes);
}

/* To some kernels, a device that did not start is not present. */
bool vdisk_nodes_find_returned(struct vdisk_nodes *nodes)
{
    return find_nodes(L"ROOT", 0, true, nodes);
}

void vdisk_nodes_free(struct vdisk_nodes *nodes)
{
    for (size_t i = 0; i < nodes->count; i++) {
        vdisk_free(nodes->items[i].nt_path);
        vdisk_free(nodes->items[i].overlay_nt_path);
    }
    vdisk_free(nodes->items);
    *nodes = (struct vdisk_nodes){0};
}

bool vdisk_node_open(const wchar_t *instance, struct vdisk_node_handle *handle)
{
    handle->info = (SP_DEVINFO_DATA){.cbSize = sizeof(handle->info)};
    handle->set = SetupDiCreateDeviceInfoList(NULL, NULL);
    if (handle->set == INVALID_HANDLE_VALUE)
        return false;
    if (SetupDiOpenDeviceInfoW(handle->set, instance, NULL, 0, &handle->info))
        return true;
    SetupDiDestroyDeviceInfoList(handle->set);
    return false;
}

void vdisk_node_close(struct vdisk_node_handle *handle)
{
    SetupDiDestroyDeviceInfoList(handle->set);
}

static wchar_t *interface_path(HDEVINFO set, SP_DEVICE_INTERFACE_DATA *interface_data)
{
    DWORD bytes = 0;
    SetupDiGetDeviceInterfaceDetailW(set, interface_data, NULL, 0, &bytes, NULL);
    SP_DEVICE_INTERFACE_DETAIL_DATA_W *detail = bytes == 0 ? NULL : vdisk_alloc(bytes);
    if (detail == NULL)
        return NULL;
    detail->cbSize = sizeof(*detail);
    wchar_t *path = NULL;
    if (SetupDiGetDeviceInterfaceDetailW(set, interface_data, detail, bytes, NULL, NULL)) {
        size_t path_bytes = (wcslen(detail->DevicePath) + 1) * sizeof(wchar_t);
        path = vdisk_alloc(path_bytes);
        if (path != NULL)
            memcpy(path, detail->DevicePath, path_bytes);
    }
    vdisk_free(detail);
    return path;
}

/* Does the interface belong to the node with this instance id? */
static bool interface_is_of(HDEVINFO set, SP_DEVICE_INTERFACE_DATA *interface_data,
                            const wchar_t *instance)
{
    SP_DEVINFO_DATA info = {.cbSize = sizeof(info)};
    wchar_t owner[MAX_DEVICE_ID_LEN];
    DWORD bytes;
    /* The call fails for want of room, and tells the device all the same. */
    SetupDiGetDeviceInterfaceDetailW(set, interface_data, NULL, 0, &bytes, &info);
    return SetupDiGetDeviceInstanceIdW(set, &info, owner, MAX_DEVICE_ID_LEN, NULL) &&
           _wcsicmp(owner, instance) == 0;
}

wchar_t *vdisk_node_interface(const wchar_t *instance, const GUID *interface_class)
{
    HDEVINFO set =
        SetupDiGetClassDevsW(interface_class, NULL, NULL, DIGCF_DEVICEINTERFACE | DIGCF_PRESENT);
    if (set == INVALID_HANDLE_VALUE)
        return NULL;
    wchar_t *path = NULL;
    SP_DEVICE_INTERFACE_DATA data = {.cbSize = sizeof(data)};
    for (DWORD i = 0;
         path == NULL && SetupDiEnumDeviceInterfaces(set, NULL, interface_class, i, &data); i++) {
        if ((data.Flags & SPINT_ACTIVE) != 0 && interface_is_of(set, &data, instance))
            path = interface_path(set, &data);
    }
    SetupDiDestroyDeviceInfoList(set);
    return path;
}

/* Problems that end by themselves when the driver's installation goes on. */
static bool is_passing_problem(ULONG device_code)
{
    return device_code == 0 || device_code == CM_PROB_NOT_CONFIGURED ||
           device_code == CM_PROB_FAILED_INSTALL || device_code == CM_PROB_REINSTALL;
}

void vdisk_node_get_problem(const wchar_t *instance, struct vdisk_node_problem *problem)
{
    *problem = (struct vdisk_node_problem){0};
    struct vdisk_node_handle handle;
    if (!vdisk_node_open(instance, &handle))
        return;
    ULONG flags = 0, device_code = 0;
    if (CM_Get_DevNode_Status(&flags, &device_code, handle.info.DevInst, 0) == CR_SUCCESS &&
        (flags & DN_HAS_PROBLEM) != 0)
        problem->device_code = device_code;
    HKEY key = open_hardware_key(handle.set, &handle.info, KEY_QUERY_VALUE);
    if (key != NULL) {
        DWORD type, bytes = sizeof(problem->status);
        RegQueryValueExW(key, VIRTUALDISK_VALUE_START_STATUS, NULL, &type, (BYTE *)&problem->status,
                         &bytes);
        RegCloseKey(key);
    }
    wchar_t *words =
        vdisk_property_read_value(handle.set, &handle.info, VIRTUALDISK_VALUE_START_MESSAGE);
    if (words != NULL) {
        /* The driver says kernel paths: people know them without the prefix. */
        problem->names_file = wcsncmp(words, L"\\??\\", 4) == 0;
        problem->message = vdisk_utf8_from_wide(problem->names_file ? words + 4 : words);
    }
    vdisk_free(words);
    vdisk_node_close(&handle);
    problem->failed = (LONG)problem->status < 0 || !is_passing_problem(problem->device_code);
}

bool vdisk_node_mark_volatile(struct vdisk_node_handle *handle)
{
    HKEY mark, key = SetupDiCreateDevRegKeyW(handle->set, &handle->info, DICS_FLAG_GLOBAL, 0,
                                             DIREG_DEV, NULL, NULL);
    if (key == INVALID_HANDLE_VALUE)
        return false;
    LSTATUS status = RegCreateKeyExW(key, VIRTUALDISK_KEY_VOLATILE, 0, NULL, REG_OPTION_VOLATILE,
                                     KEY_QUERY_VALUE, NULL, &mark, NULL);
    if (status == ERROR_SUCCESS)
        RegCloseKey(mark);
    RegCloseKey(key);
    SetLastError((DWORD)status);
    return status == ERROR_SUCCESS;
}

void vdisk_node_clear_problem(struct vdisk_node_handle *handle)
{
    HKEY key = open_hardware_key(handle->set, &handle->info, KEY_SET_VALUE);
    if (key == NULL)
        return;
    RegDeleteValueW(key, VIRTUALDISK_VALUE_START_STATUS);
    RegDeleteValueW(key, VIRTUALDISK_VALUE_START_MESSAGE);
    RegCloseKey(key);
}
