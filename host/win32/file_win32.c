#include "host/win32/file_win32.h"

#include "host/finder.h"
#include "host/win32/error_win32.h"
#include "host/win32/wide_win32.h"

#include <windows.h>
#include <winioctl.h>
#include <winternl.h>

/* The largest request to Windows, whose lengths have 32 bits. */
#define REQUEST_BYTES_MAX ((size_t)1 << 30)

/* NTFS makes holes of 16 clusters, and zeros of what is less. */
#define HOLE_BYTES 65536u

struct file_win32 {
    struct vdisk_file file; /* first */
    HANDLE handle;
    wchar_t *path;
    char *name;
};

static struct file_win32 *win32_of(struct vdisk_file *file)
{
    return (struct file_win32 *)file;
}

static enum vdisk_status fail_last(struct vdisk_file *file, uint64_t offset_bytes,
                                   struct vdisk_error *error)
{
    return vdisk_fail_win32(file->name, offset_bytes, error);
}

static OVERLAPPED at_offset(uint64_t offset_bytes)
{
    return (OVERLAPPED){.Offset = (DWORD)offset_bytes, .OffsetHigh = (DWORD)(offset_bytes >> 32)};
}

static DWORD request_bytes(size_t length_bytes)
{
    return (DWORD)(length_bytes < REQUEST_BYTES_MAX ? length_bytes : REQUEST_BYTES_MAX);
}

static enum vdisk_status file_win32_read(struct vdisk_file *file, uint64_t offset_bytes,
                                         void *buffer, size_t length_bytes,
                                         struct vdisk_error *error)
{
    unsigned char *bytes = buffer;

    while (length_bytes != 0) {
        OVERLAPPED where = at_offset(offset_bytes);
        DWORD got = 0;
        const BOOL done =
            ReadFile(win32_of(file)->handle, bytes, request_bytes(length_bytes), &got, &where);

        if (!done && GetLastError() != ERROR_HANDLE_EOF)
            return fail_last(file, offset_bytes, error);
        if (got == 0)
            return vdisk_fail(error, VDISK_OUT_OF_RANGE, file->name, NULL, offset_bytes,
                              "the file ends before the data does");
        bytes += got;
        offset_bytes += got;
        length_bytes -= got;
    }
    return VDISK_OK;
}

static enum vdisk_status file_win32_write(struct vdisk_file *file, uint64_t offset_bytes,
                                          const void *buffer, size_t length_bytes,
                                          struct vdisk_error *error)
{
    const unsigned char *bytes = buffer;

    while (length_bytes != 0) {
        OVERLAPPED where = at_offset(offset_bytes);
        DWORD put = 0;

        if (!WriteFile(win32_of(file)->handle, bytes, request_bytes(length_bytes), &put, &where) ||
            put == 0)
            return fail_last(file, offset_bytes, error);
        bytes += put;
        offset_bytes += put;
        length_bytes -= put;
    }
    return VDISK_OK;
}

static enum vdisk_status file_win32_flush(struct vdisk_file *file, struct vdisk_error *error)
{
    if (!FlushFileBuffers(win32_of(file)->handle))
        return fail_last(file, VDISK_NO_OFFSET, error);
    return VDISK_OK;
}

static enum vdisk_status file_win32_get_size(struct vdisk_file *file, uint64_t *size_bytes,
                                             struct vdisk_error *error)
{
    LARGE_INTEGER size;

    if (!GetFileSizeEx(win32_of(file)->handle, &size))
        return fail_last(file, VDISK_NO_OFFSET, error);
    *size_bytes = (uint64_t)size.QuadPart;
    return VDISK_OK;
}

/* SetEndOfFile works at the handle's position, which parallel reads and writes move. */
static enum vdisk_status file_win32_set_size(struct vdisk_file *file, uint64_t size_bytes,
                                             struct vdisk_error *error)
{
    LARGE_INTEGER end = {.QuadPart = (LONGLONG)size_bytes};
    IO_STATUS_BLOCK result;
    const NTSTATUS status = NtSetInformationFile(win32_of(file)->handle, &result, &end, sizeof end,
                                                 FileEndOfFileInformation);

    if (status >= 0)
        return VDISK_OK;
    SetLastError(RtlNtStatusToDosError(status));
    return fail_last(file, size_bytes, error);
}

static bool control(struct vdisk_file *file, DWORD code, void *input, DWORD input_bytes,
                    void *output, DWORD output_bytes, DWORD *got)
{
    return DeviceIoControl(win32_of(file)->handle, code, input, input_bytes, output, output_bytes,
                           got, NULL);
}

/* In a file that is not marked sparse Windows would write the zeros. */
static enum vdisk_status file_win32_allow_holes(struct vdisk_file *file, struct vdisk_error *error)
{
    DWORD got;

    if (!control(file, FSCTL_SET_SPARSE, NULL, 0, NULL, 0, &got))
        return fail_last(file, VDISK_NO_OFFSET, error);
    return VDISK_OK;
}

static enum vdisk_status file_win32_punch(struct vdisk_file *file, uint64_t offset_bytes,
                                          uint64_t length_bytes, struct vdisk_error *error)
{
    FILE_ZERO_DATA_INFORMATION range;
    DWORD got;

    range.FileOffset.QuadPart = (LONGLONG)offset_bytes;
    range.BeyondFinalZero.QuadPart = (LONGLONG)(offset_bytes + length_bytes);
    if (!control(file, FSCTL_SET_ZERO_DATA, &range, sizeof range, NULL, 0, &got))
        return fail_last(file, offset_bytes, error);
    return VDISK_OK;
}

static enum vdisk_status file_win32_get_range(struct vdisk_file *file, uint64_t offset_bytes,
                                              enum vdisk_file_range *range, uint64_t *length_bytes,
                                              struct vdisk_error *error)
{
    uint64_t size;
    enum vdisk_status status = file_win32_get_size(file, &size, error);
    FILE_ALLOCATED_RANGE_BUFFER asked, found;
    DWORD got = 0;

    if (status != VDISK_OK)
        return status;
    asked.FileOffset.QuadPart = (LONGLONG)offset_bytes;
    asked.Length.QuadPart = (LONGLONG)(size - offset_bytes);
    *range = VDISK_FILE_DATA;
    *length_bytes = size - offset_bytes;
    if (!control(file, FSCTL_QUERY_ALLOCATED_RANGES, &asked, sizeof asked, &found, sizeof found,
                 &got) &&
        GetLastError() != ERROR_MORE_DATA)
        return VDISK_OK; /* a file system that cannot tell: all is data */
    if (got < sizeof found) {
        *range = VDISK_FILE_HOLE;
    } else if ((uint64_t)found.FileOffset.QuadPart > offset_bytes) {
        *range = VDISK_FILE_HOLE;
        *length_bytes = (uint64_t)found.FileOffset.QuadPart - offset_bytes;
    } else {
        *length_bytes =
            (uint64_t)(found.FileOffset.QuadPart + found.Length.QuadPart) - offset_bytes;
    }
    return VDISK_OK;
}

static enum vdisk_status file_win32_get_allocated(struct vdisk_file *file,
                                                  uint64_t *allocated_bytes,
                                                  struct vdisk_error *error)
{
    DWORD high;
    const DWORD low = GetCompressedFileSizeW(win32_of(file)->path, &high);

    if (low == INVALID_FILE_SIZE && GetLastError() != NO_ERROR)
        return fail_last(file, VDISK_NO_OFFSET, error);
    *allocated_bytes = (uint64_t)high << 32 | low;
    return VDISK_OK;
}

static void release(struct file_win32 *win32)
{
    vdisk_free(win32->name);
    vdisk_free(win32->path);
    vdisk_free(win32);
}

static void file_win32_close(struct vdisk_file *file)
{
    vdisk_file_deinit(file);
    CloseHandle(win32_of(file)->handle);
    release(win32_of(file));
}

static const struct vdisk_file_ops file_win32_ops = {
    .read = file_win32_read,
    .write = file_win32_write,
    .flush = file_win32_flush,
    .get_size = file_win32_get_size,
    .set_size = file_win32_set_size,
    .punch = file_win32_punch,
    .allow_holes = file_win32_allow_holes,
    .get_range = file_win32_get_range,
    .get_allocated = file_win32_get_allocated,
    .close = file_win32_close,
};

static bool file_system_has_holes(HANDLE handle)
{
    union {
        FILE_FS_ATTRIBUTE_INFORMATION information;
        unsigned char bytes[128]; /* with the file system's name */
    } attributes;
    IO_STATUS_BLOCK result;
    const NTSTATUS status = NtQueryVolumeInformationFile(
        handle, &result, &attributes, sizeof attributes, FileFsAttributeInformation);

    return status >= 0 &&
           (attributes.information.FileSystemAttributes & FILE_SUPPORTS_SPARSE_FILES) != 0;
}

/* What the file system can do, and whether the file is marked for it. */
static void find_holes(struct vdisk_file *file)
{
    const HANDLE handle = win32_of(file)->handle;
    BY_HANDLE_FILE_INFORMATION information;

    file->punch_bytes = !file->read_only && file_system_has_holes(handle) ? HOLE_BYTES : 0;
    atomic_store(&file->holes_allowed,
                 GetFileInformationByHandle(handle, &information) &&
                     (information.dwFileAttributes & FILE_ATTRIBUTE_SPARSE_FILE) != 0);
}

static wchar_t *copy_wide(const wchar_t *text)
{
    const size_t bytes = (wcslen(text) + 1) * sizeof *text;
    wchar_t *copy = vdisk_alloc(bytes);

    if (copy != NULL)
        memcpy(copy, text, bytes);
    return copy;
}

static char *copy_text(const char *text)
{
    const size_t bytes = strlen(text) + 1;
    char *copy = vdisk_alloc(bytes);

    if (copy != NULL)
        memcpy(copy, text, bytes);
    return copy;
}

static enum vdisk_status wrap_handle(HANDLE handle, const wchar_t *path, const char *name,
                                     bool read_only, struct vdisk_file **file,
                                     struct vdisk_error *error)
{
    struct file_win32 *win32 = vdisk_alloc(sizeof *win32);
    enum vdisk_status status;

    if (win32 == NULL)
        return vdisk_fail(error, VDISK_NO_MEMORY, name, NULL, VDISK_NO_OFFSET, NULL);
    win32->handle = handle;
    win32->path = copy_wide(path);
    win32->name = copy_text(name);
    if (win32->path == NULL || win32->name == NULL)
        status = vdisk_fail(error, VDISK_NO_MEMORY, name, NULL, VDISK_NO_OFFSET, NULL);
    else
        status = vdisk_file_init(&win32->file, &file_win32_ops, win32->name, 1, read_only, error);
    if (status != VDISK_OK) {
        release(win32);
        return status;
    }
    *file = &win32->file;
    return VDISK_OK;
}

/* Windows denies access to a folder that is opened as a file. */
static enum vdisk_status fail_open(const wchar_t *path, const char *name, struct vdisk_error *error)
{
    const enum vdisk_status status = vdisk_fail_win32(name, VDISK_NO_OFFSET, error);
    const DWORD attributes = status == VDISK_ACCESS ? GetFileAttributesW(path) : 0;

    if (attributes == INVALID_FILE_ATTRIBUTES || (attributes & FILE_ATTRIBUTE_DIRECTORY) == 0)
        return status;
    return vdisk_fail(error, VDISK_INVALID, name, NULL, VDISK_NO_OFFSET, "a folder, not a file");
}

/* No console, pipe or folder, and no link where none may be followed. */
static enum vdisk_status check_kind(HANDLE handle, const char *name, bool follow_links,
                                    struct vdisk_error *error)
{
    BY_HANDLE_FILE_INFORMATION information;

    if (GetFileType(handle) != FILE_TYPE_DISK ||
        !GetFileInformationByHandle(handle, &information) ||
        (information.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY) != 0)
        return vdisk_fail(error, VDISK_INVALID, name, NULL, VDISK_NO_OFFSET, "not a regular file");
    if (!follow_links && (information.dwFileAttributes & FILE_ATTRIBUTE_REPARSE_POINT) != 0)
        return vdisk_fail(error, VDISK_ACCESS, name, NULL, VDISK_NO_OFFSET,
                          "a link that an image names is not followed");
    return VDISK_OK;
}

enum vdisk_status vdisk_file_win32_open(const wchar_t *path, const char *name,
                                        enum vdisk_open_mode mode, bool follow_links,
                                        struct vdisk_file **file, struct vdisk_error *error)
{
    const bool writes = vdisk_open_mode_writes(mode);
    const DWORD access = writes ? GENERIC_READ | GENERIC_WRITE : GENERIC_READ;
    const DWORD share =
        mode == VDISK_OPEN_BESIDE ? FILE_SHARE_READ | FILE_SHARE_WRITE : FILE_SHARE_READ;
    const DWORD disposition = mode == VDISK_OPEN_CREATE ? CREATE_NEW : OPEN_EXISTING;
    const DWORD flags = follow_links ? 0 : FILE_FLAG_OPEN_REPARSE_POINT;
    const HANDLE handle =
        CreateFileW(path, access, share, NULL, disposition, FILE_ATTRIBUTE_NORMAL | flags, NULL);
    enum vdisk_status status;

    if (handle == INVALID_HANDLE_VALUE)
        return fail_open(path, name, error);
    status = check_kind(handle, name, follow_links, error);
    if (status == VDISK_OK)
        status = wrap_handle(handle, path, name, !writes, file, error);
    if (status != VDISK_OK) {
        CloseHandle(handle);
        return status;
    }
    find_holes(*file);
    return VDISK_OK;
}

/* Free bytes for this user on the disk of a file. */
static bool free_bytes(const wchar_t *path, uint64_t *bytes)
{
    wchar_t *folder = copy_wide(path);
    wchar_t *separator = folder == NULL ? NULL : wcsrchr(folder, L'\\');
    ULARGE_INTEGER available;
    bool known = false;

    if (separator != NULL) {
        separator[1] = L'\0';
        known = GetDiskFreeSpaceExW(folder, &available, NULL, NULL);
    }
    vdisk_free(folder);
    if (known)
        *bytes = available.QuadPart;
    return known;
}

enum vdisk_status vdisk_file_win32_reserve(struct vdisk_file *file, uint64_t size_bytes,
                                           struct vdisk_error *error)
{
    FILE_SET_SPARSE_BUFFER complete = {.SetSparse = FALSE};
    uint64_t available;
    DWORD got;

    /* Some file systems grow a file without taking space: ask before, too. */
    if (free_bytes(win32_of(file)->path, &available) && available < size_bytes)
        return vdisk_fail(error, VDISK_NO_SPACE, file->name, NULL, VDISK_NO_OFFSET, NULL);
    control(file, FSCTL_SET_SPARSE, &complete, sizeof complete, NULL, 0, &got);
    find_holes(file);
    return file_win32_set_size(file, size_bytes, error);
}

enum vdisk_status vdisk_host_open(const char *path, enum vdisk_open_mode mode,
                                  struct vdisk_file **file, struct vdisk_error *error)
{
    return vdisk_host_open_named(path, mode, true, file, error);
}

enum vdisk_status vdisk_host_remove(const char *path, struct vdisk_error *error)
{
    wchar_t *wide = vdisk_wide_path(path);
    enum vdisk_status status = VDISK_OK;

    if (wide == NULL || !DeleteFileW(wide))
        status = vdisk_fail_win32(path, VDISK_NO_OFFSET, error);
    vdisk_free(wide);
    return status;
}

bool vdisk_host_exists(const char *path)
{
    wchar_t *wide = vdisk_wide_path(path);
    const bool exists = wide != NULL && GetFileAttributesW(wide) != INVALID_FILE_ATTRIBUTES;

    vdisk_free(wide);
    return exists;
}

enum vdisk_status vdisk_host_make_folder(const char *path, struct vdisk_error *error)
{
    wchar_t *wide = vdisk_wide_path(path);
    enum vdisk_status status = VDISK_OK;

    if (wide == NULL || !CreateDirectoryW(wide, NULL))
        status = vdisk_fail_win32(path, VDISK_NO_OFFSET, error);
    vdisk_free(wide);
    return status;
}

enum vdisk_status vdisk_host_remove_folder(const char *path, struct vdisk_error *error)
{
    wchar_t *wide = vdisk_wide_path(path);
    enum vdisk_status status = VDISK_OK;

    if (wide == NULL || !RemoveDirectoryW(wide))
        status = vdisk_fail_win32(path, VDISK_NO_OFFSET, error);
    vdisk_free(wide);
    return status;
}

/* Without the prefix of long paths, for it is written into images that others read. */
enum vdisk_status vdisk_host_full_path(const char *path, char **full_path,
                                       struct vdisk_error *error)
{
    wchar_t *wide = vdisk_wide_path(path);

    *full_path = NULL;
    if (wide == NULL || GetFileAttributesW(wide) == INVALID_FILE_ATTRIBUTES) {
        vdisk_free(wide);
        return vdisk_fail_win32(path, VDISK_NO_OFFSET, error);
    }
    if (wcsncmp(wide, L"\\\\?\\UNC\\", 8) == 0) {
        wide[6] = L'\\';
        *full_path = vdisk_utf8_from_wide(wide + 6);
    } else {
        *full_path = vdisk_utf8_from_wide(wide + 4);
    }
    vdisk_free(wide);
    if (*full_path == NULL)
        return vdisk_fail(error, VDISK_NO_MEMORY, path, NULL, VDISK_NO_OFFSET, NULL);
    return VDISK_OK;
}

enum vdisk_status vdisk_host_rename(const char *from, const char *to, struct vdisk_error *error)
{
    wchar_t *wide_from = vdisk_wide_path(from);
    wchar_t *wide_to = vdisk_wide_path(to);
    enum vdisk_status status = VDISK_OK;

    if (wide_from == NULL || wide_to == NULL ||
        !MoveFileExW(wide_from, wide_to, MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH))
        status = vdisk_fail_win32(to, VDISK_NO_OFFSET, error);
    vdisk_free(wide_to);
    vdisk_free(wide_from);
    return status;
}

bool vdisk_host_same(struct vdisk_file *a, struct vdisk_file *b)
{
    BY_HANDLE_FILE_INFORMATION first, second;

    return GetFileInformationByHandle(win32_of(a)->handle, &first) &&
           GetFileInformationByHandle(win32_of(b)->handle, &second) &&
           first.dwVolumeSerialNumber == second.dwVolumeSerialNumber &&
           first.nFileIndexHigh == second.nFileIndexHigh &&
           first.nFileIndexLow == second.nFileIndexLow;
}
