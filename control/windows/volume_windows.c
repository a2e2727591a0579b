#include "volume_windows.h"

#include "virtualdisk/platform.h"

#include <winioctl.h>
#include <winternl.h>

#define SHARE_ALL (FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE)

static HANDLE open_device(const wchar_t *path, DWORD access)
{
    return CreateFileW(path, access, SHARE_ALL, NULL, OPEN_EXISTING, 0, NULL);
}

HANDLE vdisk_volume_open(const wchar_t *kernel_name, DWORD access)
{
    UNICODE_STRING name;
    OBJECT_ATTRIBUTES attributes;
    IO_STATUS_BLOCK result;
    HANDLE volume;
    RtlInitUnicodeString(&name, kernel_name);
    InitializeObjectAttributes(&attributes, &name, OBJ_CASE_INSENSITIVE, NULL, NULL);
    NTSTATUS status = NtOpenFile(&volume, access | SYNCHRONIZE, &attributes, &result, SHARE_ALL,
                                 FILE_SYNCHRONOUS_IO_NONALERT);
    if (status >= 0)
        return volume;
    SetLastError(RtlNtStatusToDosError(status));
    return INVALID_HANDLE_VALUE;
}

static bool control(HANDLE device, DWORD code, void *output, DWORD output_bytes, DWORD *got)
{
    return DeviceIoControl(device, code, NULL, 0, output, output_bytes, got, NULL);
}

/* One of the paths behind the structure; NULL when it is not there, or not whole. */
static wchar_t *copy_path(const struct virtualdisk_state *answer, DWORD answer_bytes,
                          uint64_t offset_bytes, uint32_t path_bytes)
{
    const unsigned char *paths = (const unsigned char *)(answer + 1);
    if (path_bytes == 0 || path_bytes % sizeof(wchar_t) != 0 ||
        offset_bytes + path_bytes > answer_bytes - sizeof(*answer))
        return NULL;
    wchar_t *path = vdisk_alloc(path_bytes + sizeof(*path));
    if (path != NULL)
        memcpy(path, paths + offset_bytes, path_bytes);
    return path;
}

bool vdisk_volume_query(const wchar_t *control_path, struct virtualdisk_state *state,
                        wchar_t **nt_path, wchar_t **overlay_nt_path)
{
    const DWORD room = sizeof(*state) + 2 * VIRTUALDISK_PATH_CHARS * sizeof(wchar_t);
    struct virtualdisk_state *answer = vdisk_alloc(room);
    HANDLE device = open_device(control_path, GENERIC_READ);
    DWORD got = 0;
    bool answered = answer != NULL && device != INVALID_HANDLE_VALUE &&
                    control(device, IOCTL_VIRTUALDISK_QUERY_STATE, answer, room, &got) &&
                    got >= sizeof(*answer) && answer->version == VIRTUALDISK_ABI_VERSION;
    if (answered) {
        *state = *answer;
        state->format[sizeof(state->format) - 1] = '\0';
        *nt_path = copy_path(answer, got, 0, answer->path_bytes);
        *overlay_nt_path = copy_path(answer, got, answer->path_bytes, answer->overlay_bytes);
    }
    if (device != INVALID_HANDLE_VALUE)
        CloseHandle(device);
    vdisk_free(answer);
    return answered;
}

static bool read_first_sector(HANDLE device, uint64_t length_bytes)
{
    DWORD bytes = length_bytes % 4096 == 0 ? 4096 : length_bytes % 2048 == 0 ? 2048 : 512;
    void *sector = VirtualAlloc(NULL, bytes, MEM_COMMIT | MEM_RESERVE, PAGE_READWRITE);
    OVERLAPPED start = {0};
    DWORD got = 0;
    bool done = sector != NULL && ReadFile(device, sector, bytes, &got, &start) && got == bytes;
    if (sector != NULL)
        VirtualFree(sector, 0, MEM_RELEASE);
    return done;
}

bool vdisk_volume_answers(const wchar_t *volume_path)
{
    HANDLE device = open_device(volume_path, GENERIC_READ);
    if (device == INVALID_HANDLE_VALUE)
        return false;
    GET_LENGTH_INFORMATION length = {0};
    DWORD got;
    bool answers = control(device, IOCTL_DISK_GET_LENGTH_INFO, &length, sizeof(length), &got) &&
                   read_first_sector(device, (uint64_t)length.Length.QuadPart);
    CloseHandle(device);
    return answers;
}

bool vdisk_volume_control(const wchar_t *control_path, DWORD code, const void *input,
                          DWORD input_bytes, void *output, DWORD output_bytes)
{
    if (control_path == NULL) {
        SetLastError(ERROR_NOT_READY);
        return false;
    }
    HANDLE device = open_device(control_path, GENERIC_READ | GENERIC_WRITE);
    DWORD got;
    if (device == INVALID_HANDLE_VALUE)
        return false;
    bool done =
        DeviceIoControl(device, code, (void *)input, input_bytes, output, output_bytes, &got, NULL);
    DWORD error = GetLastError();
    CloseHandle(device);
    SetLastError(error);
    return done;
}

bool vdisk_volume_exists(const wchar_t *kernel_name)
{
    HANDLE volume = vdisk_volume_open(kernel_name, FILE_READ_ATTRIBUTES);
    if (volume == INVALID_HANDLE_VALUE)
        return false;
    CloseHandle(volume);
    return true;
}
