#include "letter.h"

#include "backend.h"
#include "output.h"
#include "wide_win32.h"
#include "virtualdisk/platform.h"

#include <stdio.h>
#include <winioctl.h>

/* mountmgr.h's names, without its dependence on the kernel's headers. */
#define MOUNT_MANAGER_PATH    L"\\\\.\\MountPointManager"
#define QUERY_AUTO_MOUNT_CODE CTL_CODE('m', 15, METHOD_BUFFERED, FILE_ANY_ACCESS)

#define AUTOMATIC_WAIT_MILLI 15000
#define POLL_INTERVAL_MILLI  50
#define TARGET_CHARS         512

bool vdisk_letter_parse(const char *text, bool alone, char *letter)
{
    char upper = (char)(text[0] & ~0x20);
    if (upper < 'A' || upper > 'Z')
        return false;
    const char *rest = text + 1;
    if (*rest == '\0' && !alone)
        return false;
    if (*rest == ':')
        rest++;
    if (rest > text + 1 && (*rest == '\\' || *rest == '/'))
        rest++;
    *letter = upper;
    return *rest == '\0';
}

/* What a letter leads to, or "". */
static void query_letter(char letter, wchar_t target[TARGET_CHARS])
{
    const wchar_t name[] = {(wchar_t)letter, L':', L'\0'};
    if (QueryDosDeviceW(name, target, TARGET_CHARS) == 0)
        target[0] = L'\0';
}

bool vdisk_letter_is_free(char letter)
{
    wchar_t target[TARGET_CHARS];
    query_letter(letter, target);
    return target[0] == L'\0';
}

char vdisk_letter_find(const wchar_t *kernel_name)
{
    wchar_t target[TARGET_CHARS];
    for (char letter = 'A'; letter <= 'Z'; letter++) {
        query_letter(letter, target);
        if (_wcsicmp(target, kernel_name) == 0)
            return letter;
    }
    return 0;
}

/* A: and B: are floppy disks to many programs, and C: the system. */
static char first_free_letter(void)
{
    for (char letter = 'D'; letter <= 'Z'; letter++) {
        if (vdisk_letter_is_free(letter))
            return letter;
    }
    return 0;
}

/* Will the mount manager give a new volume a letter by itself? */
static bool is_automatic(void)
{
    HANDLE manager = CreateFileW(MOUNT_MANAGER_PATH, 0, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL,
                                 OPEN_EXISTING, 0, NULL);
    if (manager == INVALID_HANDLE_VALUE)
        return false;
    ULONG state = 0;
    DWORD got = 0;
    bool known =
        DeviceIoControl(manager, QUERY_AUTO_MOUNT_CODE, NULL, 0, &state, sizeof(state), &got, NULL);
    CloseHandle(manager);
    return known && state != 0;
}

static char wait_for_automatic(const wchar_t *kernel_name)
{
    DWORD waited = 0;
    char letter = vdisk_letter_find(kernel_name);
    if (letter != 0 || !is_automatic())
        return letter;
    while (letter == 0 && waited < AUTOMATIC_WAIT_MILLI) {
        Sleep(POLL_INTERVAL_MILLI);
        waited += POLL_INTERVAL_MILLI;
        letter = vdisk_letter_find(kernel_name);
    }
    return letter;
}

bool vdisk_letter_volume_name(const wchar_t *volume_path, wchar_t name[VDISK_VOLUME_NAME_CHARS])
{
    size_t length = wcslen(volume_path);
    wchar_t *folder = vdisk_alloc_array(length + 2, sizeof(*folder));
    if (folder == NULL)
        return false;
    memcpy(folder, volume_path, length * sizeof(*folder));
    folder[length] = L'\\';
    bool known = GetVolumeNameForVolumeMountPointW(folder, name, VDISK_VOLUME_NAME_CHARS);
    vdisk_free(folder);
    return known;
}

static bool move_mount_point(const wchar_t *volume_name, char from, char to)
{
    const wchar_t old_point[] = {(wchar_t)from, L':', L'\\', L'\0'};
    const wchar_t new_point[] = {(wchar_t)to, L':', L'\\', L'\0'};
    if (from != 0 && !DeleteVolumeMountPointW(old_point))
        return false;
    return SetVolumeMountPointW(new_point, volume_name);
}

static bool define_link(const wchar_t *kernel_name, char letter, DWORD flags)
{
    const wchar_t name[] = {(wchar_t)letter, L':', L'\0'};
    return DefineDosDeviceW(DDD_RAW_TARGET_PATH | flags, name, kernel_name);
}

/* Where there is no mount manager, a letter is a link of our own. */
static bool move_link(const wchar_t *kernel_name, char from, char to)
{
    if (from != 0)
        define_link(kernel_name, from, DDD_REMOVE_DEFINITION | DDD_EXACT_MATCH_ON_REMOVE);
    return define_link(kernel_name, to, 0);
}

/* NT 5.2's own mount manager gives letters, but a program may have no say in it there. */
static bool move_letter(const struct vdisk_device *device, char from, char to)
{
    wchar_t volume_name[VDISK_VOLUME_NAME_CHARS];
    if (!vdisk_letter_volume_name(device->volume_path, volume_name))
        return move_link(device->kernel_name, from, to);
    return move_mount_point(volume_name, from, to) ||
           (GetLastError() == ERROR_CALL_NOT_IMPLEMENTED &&
            move_link(device->kernel_name, from, to));
}

enum vdisk_exit vdisk_letter_assign(struct vdisk_device *device, char wanted)
{
    char current = wait_for_automatic(device->kernel_name);
    char letter = wanted != 0 ? wanted : current != 0 ? current : first_free_letter();
    if (letter == 0) {
        vdisk_output_message("no drive letter is free");
        return VDISK_EXIT_FAILED;
    }
    if (letter != current && !vdisk_letter_is_free(letter)) {
        vdisk_output_message("the drive letter %c: is in use", letter);
        return VDISK_EXIT_BUSY;
    }
    if (letter != current && !move_letter(device, current, letter))
        return vdisk_backend_fail("the drive letter could not be assigned");
    snprintf(device->letter, sizeof(device->letter), "%c:", letter);
    return VDISK_EXIT_OK;
}

/* The folder with its separator at the end, as the mount manager wants it; vdisk_free. */
static wchar_t *mount_point_of(const char *folder)
{
    wchar_t *path = vdisk_wide_path(folder);
    size_t length = path == NULL ? 0 : wcslen(path);
    wchar_t *point = path == NULL ? NULL : vdisk_alloc_array(length + 2, sizeof(*point));
    if (point != NULL) {
        memcpy(point, path, length * sizeof(*point));
        if (length != 0 && point[length - 1] != L'\\')
            point[length] = L'\\';
    }
    vdisk_free(path);
    return point;
}

static bool is_empty_folder(const wchar_t *point)
{
    WIN32_FIND_DATAW entry;
    wchar_t *pattern = vdisk_alloc_array(wcslen(point) + 2, sizeof(*pattern));
    if (pattern == NULL)
        return false;
    wcscpy(pattern, point);
    wcscat(pattern, L"*");
    HANDLE search = FindFirstFileW(pattern, &entry);
    vdisk_free(pattern);
    bool empty = search != INVALID_HANDLE_VALUE;
    bool more = empty;
    while (empty && more) {
        empty = wcscmp(entry.cFileName, L".") == 0 || wcscmp(entry.cFileName, L"..") == 0;
        more = FindNextFileW(search, &entry);
    }
    if (search != INVALID_HANDLE_VALUE)
        FindClose(search);
    return empty;
}

enum vdisk_exit vdisk_letter_check_folder(const char *folder)
{
    wchar_t *path = vdisk_wide_path(folder);
    wchar_t *point = mount_point_of(folder);
    DWORD attributes = path == NULL ? INVALID_FILE_ATTRIBUTES : GetFileAttributesW(path);
    const char *problem = NULL;
    if (attributes == INVALID_FILE_ATTRIBUTES)
        problem = "is not there: make the folder first";
    else if ((attributes & FILE_ATTRIBUTE_DIRECTORY) == 0)
        problem = "is a file: a volume is mounted in an empty folder";
    else if ((attributes & FILE_ATTRIBUTE_REPARSE_POINT) == 0 && point != NULL &&
             !is_empty_folder(point))
        problem = "is not empty: a volume is mounted in an empty folder";
    vdisk_free(point);
    vdisk_free(path);
    if (problem == NULL)
        return VDISK_EXIT_OK;
    vdisk_output_message("%s %s", folder, problem);
    return attributes == INVALID_FILE_ATTRIBUTES ? VDISK_EXIT_NOT_FOUND : VDISK_EXIT_USAGE;
}

enum vdisk_exit vdisk_letter_mount(const struct vdisk_device *device, const char *folder)
{
    wchar_t volume_name[VDISK_VOLUME_NAME_CHARS], mounted[VDISK_VOLUME_NAME_CHARS];
    wchar_t *point = mount_point_of(folder);
    enum vdisk_exit code = VDISK_EXIT_OK;
    if (point == NULL)
        return VDISK_EXIT_INTERNAL;
    if (!vdisk_letter_volume_name(device->volume_path, volume_name)) {
        vdisk_output_message("this system has no mount manager: %s cannot be a mount point",
                             folder);
        code = VDISK_EXIT_UNAVAILABLE;
    } else if ((!GetVolumeNameForVolumeMountPointW(point, mounted, VDISK_VOLUME_NAME_CHARS) ||
                _wcsicmp(mounted, volume_name) != 0) &&
               !SetVolumeMountPointW(point, volume_name)) {
        vdisk_output_message("%s must be an empty folder on an NTFS volume", folder);
        code = vdisk_backend_fail("the volume could not be mounted there");
    }
    vdisk_free(point);
    return code;
}

/* Those of letters go with the volume; folders would keep a link that leads nowhere. */
static void release_folders(const wchar_t *volume_name)
{
    DWORD chars = 0;
    GetVolumePathNamesForVolumeNameW(volume_name, NULL, 0, &chars);
    wchar_t *points = chars == 0 ? NULL : vdisk_alloc_array((size_t)chars + 2, sizeof(*points));
    if (points != NULL && GetVolumePathNamesForVolumeNameW(volume_name, points, chars, &chars)) {
        for (const wchar_t *point = points; *point != L'\0'; point += wcslen(point) + 1) {
            if (wcslen(point) > 3) /* "V:\" */
                DeleteVolumeMountPointW(point);
        }
    }
    vdisk_free(points);
}

void vdisk_letter_release(const struct vdisk_device *device)
{
    wchar_t volume_name[VDISK_VOLUME_NAME_CHARS];
    if (vdisk_letter_volume_name(device->volume_path, volume_name))
        release_folders(volume_name);
    else if (device->letter[0] != '\0')
        define_link(device->kernel_name, device->letter[0],
                    DDD_REMOVE_DEFINITION | DDD_EXACT_MATCH_ON_REMOVE);
}
