#include "property.h"

#include "device_windows.h"
#include "device_path.h"
#include "wide_win32.h"
#include "virtualdisk/platform.h"

#define PROPERTY_GUID ((GUID)VIRTUALDISK_PROPERTY_GUID)

typedef BOOL WINAPI set_property_function(HDEVINFO set, SP_DEVINFO_DATA *info,
                                          const DEVPROPKEY *key, DEVPROPTYPE type, const BYTE *data,
                                          DWORD bytes, DWORD flags);
typedef BOOL WINAPI get_property_function(HDEVINFO set, SP_DEVINFO_DATA *info,
                                          const DEVPROPKEY *key, DEVPROPTYPE *type, BYTE *data,
                                          DWORD bytes, DWORD *needed, DWORD flags);

/* Functions that came with Windows Vista. */
static void *find_setup_function(const char *name)
{
    return (void *)GetProcAddress(GetModuleHandleW(L"setupapi.dll"), name);
}

static size_t text_bytes(const wchar_t *text)
{
    return (wcslen(text) + 1) * sizeof(*text);
}

static wchar_t *copy_text(const wchar_t *text)
{
    wchar_t *copy = vdisk_alloc(text_bytes(text));
    if (copy != NULL)
        memcpy(copy, text, text_bytes(text));
    return copy;
}

static void add_property(struct vdisk_properties *properties, DEVPROPID pid, DEVPROPTYPE type,
                         const wchar_t *value_name, DWORD value_type, void *data, size_t bytes)
{
    properties->items[properties->count++] = (struct vdisk_property){
        .key = {PROPERTY_GUID, pid},
        .type = type,
        .value_name = value_name,
        .value_type = value_type,
        .bytes = (DWORD)bytes,
        .data = data,
    };
}

static bool add_text(struct vdisk_properties *properties, DEVPROPID pid, const wchar_t *value_name,
                     wchar_t *text)
{
    if (text == NULL)
        return false;
    properties->strings[properties->count] = text;
    add_property(properties, pid, DEVPROP_TYPE_STRING, value_name, REG_SZ, text, text_bytes(text));
    return true;
}

/* Pairs of a name and an NT path, one after the other, and an empty string at the end. */
static wchar_t *join_files(const struct vdisk_found_file *files, size_t count, size_t *bytes)
{
    *bytes = sizeof(wchar_t);
    for (size_t i = 0; i < count; i++)
        *bytes += text_bytes(files[i].name) + text_bytes(files[i].nt_path);
    wchar_t *list = vdisk_alloc(*bytes);
    wchar_t *cursor = list;
    for (size_t i = 0; list != NULL && i < count; i++) {
        memcpy(cursor, files[i].name, text_bytes(files[i].name));
        cursor += wcslen(cursor) + 1;
        memcpy(cursor, files[i].nt_path, text_bytes(files[i].nt_path));
        cursor += wcslen(cursor) + 1;
    }
    return list;
}

static bool add_files(struct vdisk_properties *properties, const struct vdisk_found_file *files,
                      size_t count)
{
    if (count == 0)
        return true;
    size_t bytes;
    wchar_t *list = join_files(files, count, &bytes);
    if (list == NULL)
        return false;
    properties->strings[properties->count] = list;
    add_property(properties, VIRTUALDISK_PID_FILES, DEVPROP_TYPE_STRING_LIST,
                 VIRTUALDISK_VALUE_FILES, REG_MULTI_SZ, list, bytes);
    return true;
}

static wchar_t *image_path(const wchar_t *path)
{
    if (wcsncmp(path, VIRTUALDISK_RAM_PREFIX, wcslen(VIRTUALDISK_RAM_PREFIX)) == 0)
        return copy_text(path);
    return vdisk_device_path_to_nt(path);
}

static bool add_texts(struct vdisk_properties *properties,
                      const struct vdisk_device_parameters *parameters)
{
    const wchar_t letter[] = {(wchar_t)parameters->letter, L':', L'\0'};
    return add_text(properties, VIRTUALDISK_PID_FILE_PATH, VIRTUALDISK_VALUE_FILE_PATH,
                    image_path(parameters->path)) &&
           (parameters->format == NULL ||
            add_text(properties, VIRTUALDISK_PID_FORMAT, VIRTUALDISK_VALUE_FORMAT,
                     vdisk_wide_from_utf8(parameters->format))) &&
           (parameters->overlay == NULL ||
            (add_text(properties, VIRTUALDISK_PID_OVERLAY, VIRTUALDISK_VALUE_OVERLAY,
                      vdisk_device_path_to_nt(parameters->overlay)) &&
             add_text(properties, VIRTUALDISK_PID_OVERLAY_FORMAT, VIRTUALDISK_VALUE_OVERLAY_FORMAT,
                      vdisk_wide_from_utf8(parameters->overlay_format)))) &&
           (parameters->letter == 0 || add_text(properties, VIRTUALDISK_PID_LETTER,
                                                VIRTUALDISK_VALUE_LETTER, copy_text(letter))) &&
           (parameters->access == NULL ||
            add_text(properties, VIRTUALDISK_PID_ACCESS, VIRTUALDISK_VALUE_ACCESS,
                     copy_text(parameters->access))) &&
           add_files(properties, parameters->files, parameters->file_count);
}

static void add_numbers(struct vdisk_properties *properties,
                        const struct vdisk_device_parameters *parameters)
{
    add_property(properties, VIRTUALDISK_PID_FLAGS, DEVPROP_TYPE_UINT32, VIRTUALDISK_VALUE_FLAGS,
                 REG_DWORD, &properties->flags, sizeof(properties->flags));
    if (parameters->memory_bytes != 0)
        add_property(properties, VIRTUALDISK_PID_MEMORY, DEVPROP_TYPE_UINT64,
                     VIRTUALDISK_VALUE_MEMORY, REG_QWORD, &properties->memory_bytes,
                     sizeof(properties->memory_bytes));
    if (parameters->sector_bytes != 0)
        add_property(properties, VIRTUALDISK_PID_SECTOR_SIZE, DEVPROP_TYPE_UINT32,
                     VIRTUALDISK_VALUE_SECTOR_SIZE, REG_DWORD, &properties->sector_bytes,
                     sizeof(properties->sector_bytes));
    if (parameters->window == NULL)
        return;
    properties->window = *parameters->window;
    add_property(properties, VIRTUALDISK_PID_WINDOW, DEVPROP_TYPE_BINARY, VIRTUALDISK_VALUE_WINDOW,
                 REG_BINARY, &properties->window, sizeof(properties->window));
}

bool vdisk_properties_make(const struct vdisk_device_parameters *parameters,
                           struct vdisk_properties *properties)
{
    *properties = (struct vdisk_properties){
        .flags = parameters->flags,
        .sector_bytes = parameters->sector_bytes,
        .memory_bytes = parameters->memory_bytes,
    };
    bool made = add_texts(properties, parameters);
    add_numbers(properties, parameters);
    if (!made)
        vdisk_properties_free(properties);
    return made;
}

void vdisk_properties_free(struct vdisk_properties *properties)
{
    for (size_t i = 0; i < VDISK_PROPERTY_COUNT; i++)
        vdisk_free(properties->strings[i]);
    *properties = (struct vdisk_properties){0};
}

/* What an earlier device of the same id was told must not be read as ours. */
static void forget_values(HKEY key)
{
    static const wchar_t *const names[] = {
        VIRTUALDISK_VALUE_FORMAT,  VIRTUALDISK_VALUE_FILES,          VIRTUALDISK_VALUE_WINDOW,
        VIRTUALDISK_VALUE_OVERLAY, VIRTUALDISK_VALUE_OVERLAY_FORMAT, VIRTUALDISK_VALUE_MEMORY,
        VIRTUALDISK_VALUE_LETTER,  VIRTUALDISK_VALUE_SECTOR_SIZE,    VIRTUALDISK_VALUE_ACCESS,
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        RegDeleteValueW(key, names[i]);
}

static bool store_values(const struct vdisk_properties *properties, HDEVINFO set,
                         SP_DEVINFO_DATA *info)
{
    HKEY key = SetupDiCreateDevRegKeyW(set, info, DICS_FLAG_GLOBAL, 0, DIREG_DEV, NULL, NULL);
    if (key == INVALID_HANDLE_VALUE)
        return false;
    LSTATUS status = ERROR_SUCCESS;
    forget_values(key);
    for (size_t i = 0; status == ERROR_SUCCESS && i < properties->count; i++) {
        const struct vdisk_property *item = &properties->items[i];
        status =
            RegSetValueExW(key, item->value_name, 0, item->value_type, item->data, item->bytes);
    }
    RegCloseKey(key);
    SetLastError((DWORD)status);
    return status == ERROR_SUCCESS;
}

bool vdisk_properties_store(const struct vdisk_properties *properties, HDEVINFO set,
                            SP_DEVINFO_DATA *info)
{
    if (!store_values(properties, set, info))
        return false;
    set_property_function *set_property =
        (set_property_function *)find_setup_function("SetupDiSetDevicePropertyW");
    for (size_t i = 0; set_property != NULL && i < properties->count; i++) {
        const struct vdisk_property *item = &properties->items[i];
        if (!set_property(set, info, &item->key, item->type, item->data, item->bytes, 0))
            return false;
    }
    return true;
}

/* With zeros behind it, so that a text ends. */
static void *read_property(HDEVINFO set, SP_DEVINFO_DATA *info, DEVPROPID pid, DEVPROPTYPE wanted,
                           DWORD *bytes)
{
    get_property_function *get_property =
        (get_property_function *)find_setup_function("SetupDiGetDevicePropertyW");
    const DEVPROPKEY key = {PROPERTY_GUID, pid};
    DEVPROPTYPE type;
    *bytes = 0;
    if (get_property == NULL)
        return NULL;
    get_property(set, info, &key, &type, NULL, 0, bytes, 0);
    BYTE *data = *bytes == 0 ? NULL : vdisk_alloc(*bytes + sizeof(wchar_t));
    if (data != NULL && get_property(set, info, &key, &type, data, *bytes, NULL, 0) &&
        type == wanted)
        return data;
    vdisk_free(data);
    return NULL;
}

static void *read_value(HDEVINFO set, SP_DEVINFO_DATA *info, const wchar_t *name, DWORD wanted,
                        DWORD *bytes)
{
    HKEY key = SetupDiOpenDevRegKey(set, info, DICS_FLAG_GLOBAL, 0, DIREG_DEV, KEY_QUERY_VALUE);
    *bytes = 0;
    if (key == INVALID_HANDLE_VALUE)
        return NULL;
    DWORD type = 0;
    BYTE *data = NULL;
    if (RegQueryValueExW(key, name, NULL, &type, NULL, bytes) == ERROR_SUCCESS && type == wanted)
        data = vdisk_alloc(*bytes + sizeof(wchar_t));
    if (data != NULL && RegQueryValueExW(key, name, NULL, &type, data, bytes) != ERROR_SUCCESS) {
        vdisk_free(data);
        data = NULL;
    }
    RegCloseKey(key);
    return data;
}

wchar_t *vdisk_property_read_value(HDEVINFO set, SP_DEVINFO_DATA *info, const wchar_t *name)
{
    DWORD bytes;
    return read_value(set, info, name, REG_SZ, &bytes);
}

wchar_t *vdisk_property_read_text(HDEVINFO set, SP_DEVINFO_DATA *info, DEVPROPID pid,
                                  const wchar_t *name)
{
    DWORD bytes;
    wchar_t *text = read_property(set, info, pid, DEVPROP_TYPE_STRING, &bytes);
    return text != NULL ? text : vdisk_property_read_value(set, info, name);
}

uint64_t vdisk_property_read_number(HDEVINFO set, SP_DEVINFO_DATA *info, DEVPROPID pid,
                                    const wchar_t *name, DWORD number_bytes)
{
    bool is_long = number_bytes == sizeof(uint64_t);
    uint64_t number = 0;
    DWORD bytes;
    void *data =
        read_property(set, info, pid, is_long ? DEVPROP_TYPE_UINT64 : DEVPROP_TYPE_UINT32, &bytes);
    if (data == NULL)
        data = read_value(set, info, name, is_long ? REG_QWORD : REG_DWORD, &bytes);
    if (data != NULL && bytes == number_bytes)
        memcpy(&number, data, number_bytes); /* Windows is little-endian */
    vdisk_free(data);
    return number;
}

static bool store_window_value(HDEVINFO set, SP_DEVINFO_DATA *info,
                               const struct virtualdisk_window *window)
{
    HKEY key = SetupDiOpenDevRegKey(set, info, DICS_FLAG_GLOBAL, 0, DIREG_DEV, KEY_SET_VALUE);
    if (key == INVALID_HANDLE_VALUE)
        return false;
    LSTATUS status = RegSetValueExW(key, VIRTUALDISK_VALUE_WINDOW, 0, REG_BINARY,
                                    (const BYTE *)window, sizeof(*window));
    RegCloseKey(key);
    SetLastError((DWORD)status);
    return status == ERROR_SUCCESS;
}

static bool store_window_property(HDEVINFO set, SP_DEVINFO_DATA *info,
                                  const struct virtualdisk_window *window)
{
    set_property_function *set_property =
        (set_property_function *)find_setup_function("SetupDiSetDevicePropertyW");
    const DEVPROPKEY key = {PROPERTY_GUID, VIRTUALDISK_PID_WINDOW};
    return set_property(set, info, &key, DEVPROP_TYPE_BINARY, (const BYTE *)window, sizeof(*window),
                        0);
}

/* Changes one of the two forms. False: it is there, and could not be changed. */
static bool resize_window(void *data, DWORD bytes, uint64_t size_bytes, uint64_t *old_bytes,
                          bool (*store)(HDEVINFO, SP_DEVINFO_DATA *,
                                        const struct virtualdisk_window *),
                          HDEVINFO set, SP_DEVINFO_DATA *info)
{
    struct virtualdisk_window window;
    bool fits = data != NULL && bytes == sizeof(window);
    if (fits)
        memcpy(&window, data, sizeof(window));
    vdisk_free(data);
    if (!fits)
        return true;
    *old_bytes = window.size_bytes;
    window.size_bytes = size_bytes;
    return store(set, info, &window);
}

bool vdisk_property_resize_window(HDEVINFO set, SP_DEVINFO_DATA *info, uint64_t size_bytes,
                                  uint64_t *old_bytes)
{
    DWORD bytes;
    *old_bytes = 0;
    void *data = read_value(set, info, VIRTUALDISK_VALUE_WINDOW, REG_BINARY, &bytes);
    if (!resize_window(data, bytes, size_bytes, old_bytes, store_window_value, set, info))
        return false;
    data = read_property(set, info, VIRTUALDISK_PID_WINDOW, DEVPROP_TYPE_BINARY, &bytes);
    if (!resize_window(data, bytes, size_bytes, old_bytes, store_window_property, set, info))
        return false;
    SetLastError(*old_bytes == 0 ? ERROR_NOT_FOUND : ERROR_SUCCESS);
    return *old_bytes != 0;
}
