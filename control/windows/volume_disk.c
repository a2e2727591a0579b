#include "volume_disk.h"

#include "error_win32.h"
#include "virtualdisk/platform.h"

#include <windows.h>

/* What is moved at once, through memory that is aligned as an unbuffered device wants it. */
#define PIECE_BYTES ((size_t)1 << 16)

struct volume_disk {
    struct vdisk_disk disk; /* first */
    HANDLE volume;
    unsigned char *bounce;
};

static struct volume_disk *volume_of(struct vdisk_disk *disk)
{
    return (struct volume_disk *)disk;
}

/* A transfer that succeeded in part has no error of its own. */
static enum vdisk_status fail(struct vdisk_error *error, uint64_t offset_bytes, const char *reason)
{
    DWORD code = GetLastError();
    if (code == ERROR_SUCCESS)
        code = ERROR_IO_DEVICE;
    return vdisk_fail_native(error, vdisk_status_from_win32(code), code, NULL, offset_bytes,
                             reason);
}

static OVERLAPPED place(uint64_t offset_bytes)
{
    return (OVERLAPPED){.Offset = (DWORD)offset_bytes, .OffsetHigh = (DWORD)(offset_bytes >> 32)};
}

static enum vdisk_status volume_read(struct vdisk_disk *disk, uint64_t offset_bytes, void *buffer,
                                     size_t length_bytes, struct vdisk_error *error)
{
    struct volume_disk *self = volume_of(disk);
    for (size_t done = 0; done < length_bytes;) {
        DWORD piece = (DWORD)min(length_bytes - done, PIECE_BYTES), got = 0;
        OVERLAPPED at = place(offset_bytes + done);
        SetLastError(ERROR_SUCCESS);
        if (!ReadFile(self->volume, self->bounce, piece, &got, &at) || got != piece)
            return fail(error, offset_bytes + done, "reading the volume failed");
        memcpy((unsigned char *)buffer + done, self->bounce, piece);
        done += piece;
    }
    return VDISK_OK;
}

static enum vdisk_status volume_write(struct vdisk_disk *disk, uint64_t offset_bytes,
                                      const void *buffer, size_t length_bytes,
                                      struct vdisk_error *error)
{
    struct volume_disk *self = volume_of(disk);
    for (size_t done = 0; done < length_bytes;) {
        DWORD piece = (DWORD)min(length_bytes - done, PIECE_BYTES), put = 0;
        OVERLAPPED at = place(offset_bytes + done);
        memcpy(self->bounce, (const unsigned char *)buffer + done, piece);
        SetLastError(ERROR_SUCCESS);
        if (!WriteFile(self->volume, self->bounce, piece, &put, &at) || put != piece)
            return fail(error, offset_bytes + done, "writing the volume failed");
        done += piece;
    }
    return VDISK_OK;
}

static enum vdisk_status volume_flush(struct vdisk_disk *disk, struct vdisk_error *error)
{
    if (FlushFileBuffers(volume_of(disk)->volume))
        return VDISK_OK;
    return fail(error, VDISK_NO_OFFSET, "flushing the volume failed");
}

static enum vdisk_status volume_close(struct vdisk_disk *disk, struct vdisk_error *error)
{
    struct volume_disk *self = volume_of(disk);
    enum vdisk_status status = volume_flush(disk, error);
    CloseHandle(self->volume);
    VirtualFree(self->bounce, 0, MEM_RELEASE);
    vdisk_free(self);
    return status;
}

static const struct vdisk_disk_ops volume_ops = {
    .read = volume_read,
    .write = volume_write,
    .flush = volume_flush,
    .close = volume_close,
};

enum vdisk_status vdisk_volume_disk_open(const struct vdisk_device *device,
                                         struct vdisk_disk **disk, struct vdisk_error *error)
{
    struct volume_disk *self = vdisk_alloc(sizeof(*self));
    unsigned char *bounce =
        VirtualAlloc(NULL, PIECE_BYTES, MEM_COMMIT | MEM_RESERVE, PAGE_READWRITE);
    HANDLE volume = INVALID_HANDLE_VALUE;
    SetLastError(ERROR_NOT_ENOUGH_MEMORY);
    if (self != NULL && bounce != NULL)
        volume = CreateFileW(device->volume_path, GENERIC_READ | GENERIC_WRITE,
                             FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_EXISTING,
                             FILE_FLAG_NO_BUFFERING, NULL);
    if (volume == INVALID_HANDLE_VALUE) {
        enum vdisk_status status = fail(error, VDISK_NO_OFFSET, "opening the volume failed");
        if (bounce != NULL)
            VirtualFree(bounce, 0, MEM_RELEASE);
        vdisk_free(self);
        return status;
    }
    self->disk.ops = &volume_ops;
    self->disk.size_bytes = device->state.size_bytes;
    self->disk.logical_sector_bytes = device->state.logical_sector_bytes;
    self->disk.physical_sector_bytes = device->state.physical_sector_bytes;
    self->volume = volume;
    self->bounce = bounce;
    *disk = &self->disk;
    return VDISK_OK;
}
