#include "volume_format.h"

#include "output.h"
#include "system_library.h"
#include "terminal.h"
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

static enum vdisk_exit format_disk(struct vdisk_disk *disk, const struct vdisk_device *device,
                                   const char *kind, const char *label, bool may_be_lost)
{
    struct vdisk_content content;
    struct vdisk_error error;
    enum vdisk_status status = vdisk_content_recognize(disk, &content, &error);
    if (status == VDISK_OK && content.name != NULL && !may_be_lost) {
        vdisk_output_message("%s holds %s already: --force formats it all the same", device->path,
                             content.name);
        return VDISK_EXIT_USAGE;
    }
    if (status == VDISK_OK && strcmp(kind, "ntfs") != 0)
        status = vdisk_filesystem_make(disk, kind, label, &error);
    return status == VDISK_OK ? VDISK_EXIT_OK
                              : vdisk_output_failure("cannot format", device->path, &error);
}

static enum vdisk_exit format_through_driver(const struct vdisk_device *device, const char *kind,
                                             const char *label, bool may_be_lost)
{
    struct vdisk_disk *disk;
    struct vdisk_error error;
    if (vdisk_volume_disk_open(device, &disk, &error) != VDISK_OK)
        return vdisk_output_failure("cannot format", device->path, &error);
    enum vdisk_exit code = format_disk(disk, device, kind, label, may_be_lost);
    if (vdisk_disk_close(disk, &error) != VDISK_OK && code == VDISK_EXIT_OK)
        code = vdisk_output_failure("cannot format", device->path, &error);
    return code;
}

/* Locked, so that nobody uses it meanwhile; dismounted, so that whoever looks next looks again. */
enum vdisk_exit vdisk_volume_format(const struct vdisk_device *device, const char *kind,
                                    const char *label, bool may_be_lost)
{
    struct vdisk_volume_lock lock;
    enum vdisk_exit code = vdisk_volume_lock_take(
        device, vdisk_terminal_milliseconds() + VDISK_LOCK_WAIT_MILLI, &lock);
    if (code == VDISK_EXIT_BUSY)
        vdisk_volume_lock_print_holders(&lock);
    if (code == VDISK_EXIT_OK)
        code = format_through_driver(device, kind, label, may_be_lost);
    if (code == VDISK_EXIT_OK)
        code = vdisk_volume_lock_dismount(&lock);
    vdisk_volume_lock_release(&lock);
    return code == VDISK_EXIT_OK && strcmp(kind, "ntfs") == 0 ? format_ntfs(device, label) : code;
}
