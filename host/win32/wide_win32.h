/* Strings and paths between the engine's UTF-8 and Windows' UTF-16. */
#ifndef VIRTUALDISK_HOST_WIDE_WIN32_H
#define VIRTUALDISK_HOST_WIDE_WIN32_H

#include <wchar.h>

/* NULL when there is no memory. Free with vdisk_free. */
wchar_t *vdisk_wide_from_utf8(const char *text);
char *vdisk_utf8_from_wide(const wchar_t *text);

/*
 * The full path in the form that has no limit of 260 characters, "\\?\C:\disks\disk.img". Names of
 * devices ("NUL") become paths that are no files. NULL: no memory, or no such path. Free with
 * vdisk_free.
 */
wchar_t *vdisk_wide_path(const char *path);
wchar_t *vdisk_wide_full_path(const wchar_t *path);

#endif
