#include "host/win32/wide_win32.h"

#include "virtualdisk/platform.h"

#include <windows.h>

wchar_t *vdisk_wide_from_utf8(const char *text)
{
    const int length = MultiByteToWideChar(CP_UTF8, 0, text, -1, NULL, 0);
    wchar_t *wide = length <= 0 ? NULL : vdisk_alloc_array((size_t)length, sizeof *wide);

    if (wide != NULL)
        MultiByteToWideChar(CP_UTF8, 0, text, -1, wide, length);
    return wide;
}

char *vdisk_utf8_from_wide(const wchar_t *text)
{
    const int length = WideCharToMultiByte(CP_UTF8, 0, text, -1, NULL, 0, NULL, NULL);
    char *utf8 = length <= 0 ? NULL : vdisk_alloc((size_t)length);

    if (utf8 != NULL)
        WideCharToMultiByte(CP_UTF8, 0, text, -1, utf8, length, NULL, NULL);
    return utf8;
}

static wchar_t *concatenate(const wchar_t *head, const wchar_t *tail)
{
    const size_t head_length = wcslen(head);
    const size_t tail_length = wcslen(tail);
    wchar_t *joined = vdisk_alloc_array(head_length + tail_length + 1, sizeof *joined);

    if (joined == NULL)
        return NULL;
    memcpy(joined, head, head_length * sizeof *joined);
    memcpy(joined + head_length, tail, tail_length * sizeof *joined);
    return joined;
}

/* Puts the prefix before a full path that has none. */
static wchar_t *add_prefix(const wchar_t *full)
{
    if (wcsncmp(full, L"\\\\?\\", 4) == 0 || wcsncmp(full, L"\\\\.\\", 4) == 0)
        return concatenate(full, L"");
    if (wcsncmp(full, L"\\\\", 2) == 0)
        return concatenate(L"\\\\?\\UNC\\", full + 2);
    return concatenate(L"\\\\?\\", full);
}

wchar_t *vdisk_wide_full_path(const wchar_t *path)
{
    const DWORD room = GetFullPathNameW(path, 0, NULL, NULL);
    wchar_t *full = room == 0 ? NULL : vdisk_alloc_array(room, sizeof *full);
    wchar_t *prefixed = NULL;

    if (full == NULL)
        return NULL;
    const DWORD length = GetFullPathNameW(path, room, full, NULL);
    if (length != 0 && length < room)
        prefixed = add_prefix(full);
    vdisk_free(full);
    return prefixed;
}

wchar_t *vdisk_wide_path(const char *path)
{
    wchar_t *wide = vdisk_wide_from_utf8(path);
    wchar_t *full = wide == NULL ? NULL : vdisk_wide_full_path(wide);

    vdisk_free(wide);
    return full;
}
