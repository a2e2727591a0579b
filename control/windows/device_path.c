#include "device_path.h"

#include "wide_win32.h"
#include "virtualdisk/platform.h"

#include <windows.h>

/* Of "\\?\" and "\??\". */
#define PREFIX_CHARS 4

WCHAR NTAPI RtlUpcaseUnicodeChar(WCHAR character); /* of ntdll; no header declares it */

typedef DWORD WINAPI final_path_function(HANDLE file, WCHAR *path, DWORD room, DWORD flags);

static final_path_function *find_final_path(void)
{
    HMODULE kernel = GetModuleHandleW(L"kernel32.dll");
    return (final_path_function *)(void *)GetProcAddress(kernel, "GetFinalPathNameByHandleW");
}

/* The path under which the kernel knows an existing file or folder; NULL: it cannot be told. */
static wchar_t *final_path(const wchar_t *path)
{
    final_path_function *get_final_path = find_final_path();
    if (get_final_path == NULL)
        return NULL;
    HANDLE file = CreateFileW(path, 0, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL,
                              OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS, NULL);
    if (file == INVALID_HANDLE_VALUE)
        return NULL;
    DWORD room = get_final_path(file, NULL, 0, 0) + 1;
    wchar_t *final = vdisk_alloc_array(room, sizeof(*final));
    DWORD length = final == NULL ? 0 : get_final_path(file, final, room, 0);
    CloseHandle(file);
    if (length > PREFIX_CHARS && length < room && wcsncmp(final, L"\\\\?\\", PREFIX_CHARS) == 0)
        return final;
    vdisk_free(final);
    return NULL;
}

/* Where there is no final path (NT 5.2): at least without short names. */
static wchar_t *long_path(const wchar_t *path)
{
    DWORD room = GetLongPathNameW(path, NULL, 0);
    wchar_t *expanded = room == 0 ? NULL : vdisk_alloc_array(room, sizeof(*expanded));
    if (expanded != NULL && GetLongPathNameW(path, expanded, room) != 0)
        return expanded;
    vdisk_free(expanded);
    return NULL;
}

static wchar_t *resolve_existing(const wchar_t *path)
{
    wchar_t *resolved = final_path(path);
    return resolved != NULL ? resolved : long_path(path);
}

static wchar_t *join(const wchar_t *folder, const wchar_t *name)
{
    size_t folder_length = wcslen(folder);
    size_t name_length = wcslen(name);
    bool separator = folder_length > 0 && folder[folder_length - 1] != L'\\';
    wchar_t *path = vdisk_alloc_array(folder_length + name_length + 2, sizeof(*path));
    if (path == NULL)
        return NULL;
    memcpy(path, folder, folder_length * sizeof(*path));
    if (separator)
        path[folder_length++] = L'\\';
    memcpy(path + folder_length, name, name_length * sizeof(*path));
    return path;
}

/* A missing file is as its folder is, and then its name. */
static wchar_t *resolve_missing(wchar_t *full)
{
    wchar_t *name = wcsrchr(full, L'\\');
    if (name == NULL || name - full <= PREFIX_CHARS)
        return NULL;
    wchar_t first = name[1];
    name[1] = L'\0'; /* with its separator: "\\?\C:" alone is no folder */
    wchar_t *folder = resolve_existing(full);
    name[1] = first;
    wchar_t *path = folder == NULL ? NULL : join(folder, name + 1);
    vdisk_free(folder);
    return path;
}

wchar_t *vdisk_device_path_resolve(const char *path)
{
    wchar_t *full = vdisk_wide_path(path);
    if (full == NULL)
        return NULL;
    wchar_t *resolved = resolve_existing(full);
    if (resolved == NULL)
        resolved = resolve_missing(full);
    if (resolved == NULL)
        return full;
    vdisk_free(full);
    return resolved;
}

static const wchar_t *skip_prefix(const wchar_t *path)
{
    bool prefixed =
        wcsncmp(path, L"\\\\?\\", PREFIX_CHARS) == 0 || wcsncmp(path, L"\\??\\", PREFIX_CHARS) == 0;
    return prefixed ? path + PREFIX_CHARS : path;
}

wchar_t *vdisk_device_path_to_nt(const wchar_t *path)
{
    return join(L"\\??\\", skip_prefix(path));
}

char *vdisk_device_path_display(const wchar_t *path)
{
    const wchar_t *rest = skip_prefix(path);
    if (wcsncmp(rest, L"UNC\\", 4) != 0)
        return vdisk_utf8_from_wide(rest);
    wchar_t *network = join(L"\\", rest + 3);
    char *text = network == NULL ? NULL : vdisk_utf8_from_wide(network);
    vdisk_free(network);
    return text;
}

bool vdisk_device_path_equal(const wchar_t *a, const wchar_t *b)
{
    a = skip_prefix(a);
    b = skip_prefix(b);
    while (*a != L'\0' && RtlUpcaseUnicodeChar(*a) == RtlUpcaseUnicodeChar(*b)) {
        a++;
        b++;
    }
    return *a == *b;
}

void vdisk_device_instance_id(const wchar_t *path, uint32_t partition,
                              wchar_t id[VDISK_INSTANCE_ID_CHARS])
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
    for (const wchar_t *cursor = skip_prefix(path); *cursor != L'\0'; cursor++) {
        wchar_t upper = RtlUpcaseUnicodeChar(*cursor);
        hash = (hash ^ (upper & 0xff)) * UINT64_C(0x100000001b3);
        hash = (hash ^ (upper >> 8)) * UINT64_C(0x100000001b3);
    }
    int length = _snwprintf(id, VDISK_INSTANCE_ID_CHARS, L"%08lX%08lX", (unsigned long)(hash >> 32),
                            (unsigned long)(hash & UINT32_MAX));
    if (partition != 0)
        _snwprintf(id + length, VDISK_INSTANCE_ID_CHARS - (size_t)length, L"P%lu",
                   (unsigned long)partition);
}
