#include "volume_format.h"

#include "output.h"
#include "system_library.h"
#include "volume_disk.h"
#include "volume_lock.h"
#include "wide_win32.h"
#include "virtualdisk/content.h"
#include "virtualdisk/filesystem.h"
#include "virtualdisk/platform.h"

#include <stdio.h>
#include <string.h>

/* fmifs.dll, which has no header. */
#define FORMAT_DONE       11
#define FORMAT_MEDIA_HARD 12
typedef BOOLEAN WINAPI format_callback(int command, DWORD action, void *argument);
typedef void WINAPI format_function(WCHAR *root, DWORD media, WCHAR *kind, WCHAR *label, BOOL quick,
                                    DWORD cluster_bytes, format_callback *callback);

static bool format_succeeded; /* the callback knows no context */

static BOOLEAN WINAPI on_format(int command, DWORD action, void *argument)
{
    (void)action;
    if (command == FORMAT_DONE)
        format_succeeded = *(BOOLEAN *)argument;
    return TRUE;
}

static enum vdisk_exit format_ntfs(const struct vdisk_device *device, const char *label)
{
    HMODULE library = vdisk_system_library(L"fmifs.dll");
    format_function *format =
        library == NULL ? NULL : (format_function *)(void *)GetProcAddress(library, "FormatEx");
    if (format == NULL || device->letter[0] == '\0') {
        vdisk_output_message(format == NULL ? "this system has no formatter for NTFS"
                                            : "NTFS needs a volume with a letter");
        return VDISK_EXIT_UNAVAILABLE;
    }
    wchar_t root[] = {(wchar_t)device->letter[0], L':', L'\\', L'\0'};
    wchar_t kind[] = L"NTFS";
    wchar_t *wide_label = vdisk_wide_from_utf8(label == NULL ? "" : label);
    format_succeeded = false;
    if (wide_label != NULL)
        format(root, FORMAT_MEDIA_HARD, kind, wide_label, TRUE, 0, on_format);
    vdisk_free(wide_label);
    if (format_succeeded)
        return VDISK_EXIT_OK;
    vdisk_output_message("%s could not be formatted as NTFS", device->letter);
    return VDISK_EXIT_FAILED;
}

static enum vdisk_exit fail(const struct vdisk_device *device, const struct vdisk_error *error)
{
    return vdisk_output_failure("cannot format", device->path, error);
}

static enum vdisk_exit refuse(const struct vdisk_device *device, const char *content)
{
    uint32_t number = device->state.partition_number;
    if (number != 0)
        vdisk_output_message("partition %" PRIu32 " of %s holds %s already: --force formats it all "
                             "the same",
                             number, device->path, content);
    else
        vdisk_output_message("%s holds %s already: --force formats it all the same", device->path,
                             content);
    return VDISK_EXIT_USAGE;
}

enum vdisk_exit vdisk_volume_check_writable(const struct vdisk_device *device)
{
    if ((device->state.flags & VIRTUALDISK_STATE_READ_ONLY) == 0)
        return VDISK_EXIT_OK;
    vdisk_output_message("%s is read-only, and cannot be formatted", device->path);
    return VDISK_EXIT_ACCESS;
}

enum vdisk_exit vdisk_volume_check_empty(const struct vdisk_device *device)
{
    struct vdisk_content content;
    struct vdisk_disk *disk;
    struct vdisk_error error;
    if (vdisk_volume_disk_open(device, &disk, &error) != VDISK_OK)
        return fail(device, &error);
    enum vdisk_exit code = VDISK_EXIT_OK;
    if (vdisk_content_recognize(disk, &content, &error) != VDISK_OK)
        code = fail(device, &error);
    else if (content.name != NULL)
        code = refuse(device, content.name);
    if (vdisk_disk_close(disk, &error) != VDISK_OK && code == VDISK_EXIT_OK)
        code = fail(device, &error);
    return code;
}

static enum vdisk_exit format_through_driver(const struct vdisk_device *device, const char *kind,
                                             const char *label)
{
    struct vdisk_disk *disk;
    struct vdisk_error error;
    if (vdisk_volume_disk_open(device, &disk, &error) != VDISK_OK)
        return fail(device, &error);
    enum vdisk_exit code = VDISK_EXIT_OK;
    if (vdisk_filesystem_make(disk, kind, label, &error) != VDISK_OK)
        code = fail(device, &error);
    if (vdisk_disk_close(disk, &error) != VDISK_OK && code == VDISK_EXIT_OK)
        code = fail(device, &error);
    return code;
}

/* Locked, so that nobody uses it meanwhile; dismounted, so that whoever looks next looks again. */
static enum vdisk_exit format_locked(const struct vdisk_device *device, const char *kind,
                                     const char *label)
{
    struct vdisk_volume_lock lock;
    enum vdisk_exit code = vdisk_volume_lock_take_soon(device, &lock);
    if (code == VDISK_EXIT_OK)
        code = format_through_driver(device, kind, label);
    if (code == VDISK_EXIT_OK)
        code = vdisk_volume_lock_dismount(&lock);
    vdisk_volume_lock_release(&lock);
    return code;
}

enum vdisk_exit vdisk_volume_format(const struct vdisk_device *device, const char *kind,
                                    const char *label)
{
    return strcmp(kind, "ntfs") == 0 ? format_ntfs(device, label)
                                     : format_locked(device, kind, label);
}
