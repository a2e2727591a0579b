#include "host/ntkernel/ntkernel.h"

#include <ntstatus.h>

/* The first row of an engine code is also what a failure without a native code becomes. */
static const struct {
    enum vdisk_status status;
    NTSTATUS native;
} status_map[] = {
    {VDISK_INVALID, STATUS_INVALID_PARAMETER},
    {VDISK_INVALID, STATUS_OBJECT_NAME_INVALID},
    {VDISK_INVALID, STATUS_OBJECT_PATH_SYNTAX_BAD},
    {VDISK_OUT_OF_RANGE, STATUS_END_OF_FILE},
    {VDISK_NOT_FOUND, STATUS_OBJECT_NAME_NOT_FOUND},
    {VDISK_NOT_FOUND, STATUS_OBJECT_PATH_NOT_FOUND},
    {VDISK_NOT_FOUND, STATUS_NO_SUCH_FILE},
    {VDISK_EXISTS, STATUS_OBJECT_NAME_COLLISION},
    {VDISK_ACCESS, STATUS_ACCESS_DENIED},
    {VDISK_ACCESS, STATUS_CANNOT_DELETE},
    {VDISK_ACCESS, STATUS_FILE_IS_A_DIRECTORY},
    {VDISK_READ_ONLY, STATUS_MEDIA_WRITE_PROTECTED},
    {VDISK_BUSY, STATUS_SHARING_VIOLATION},
    {VDISK_BUSY, STATUS_FILE_LOCK_CONFLICT},
    {VDISK_NO_SPACE, STATUS_DISK_FULL},
    {VDISK_NO_SPACE, STATUS_QUOTA_EXCEEDED},
    {VDISK_NO_MEMORY, STATUS_INSUFFICIENT_RESOURCES},
    {VDISK_NO_MEMORY, STATUS_NO_MEMORY},
    {VDISK_IO, STATUS_IO_DEVICE_ERROR},
    {VDISK_WRONG_FORMAT, STATUS_UNRECOGNIZED_MEDIA},
    {VDISK_CORRUPT, STATUS_FILE_CORRUPT_ERROR},
    {VDISK_UNSUPPORTED, STATUS_NOT_SUPPORTED},
    {VDISK_UNSUPPORTED, STATUS_INVALID_DEVICE_REQUEST},
    {VDISK_UNSUPPORTED, STATUS_NOT_IMPLEMENTED},
    {VDISK_PARENT_MISSING, STATUS_OBJECT_NAME_NOT_FOUND},
    {VDISK_PARENT_CHANGED, STATUS_REVISION_MISMATCH},
    {VDISK_GONE, STATUS_DEVICE_NOT_CONNECTED},
    {VDISK_GONE, STATUS_NO_SUCH_DEVICE},
    {VDISK_GONE, STATUS_VOLUME_DISMOUNTED},
    {VDISK_GONE, STATUS_NETWORK_NAME_DELETED},
    {VDISK_CANCELLED, STATUS_CANCELLED},
};

enum vdisk_status vdisk_status_from_ntstatus(NTSTATUS native)
{
    if (NT_SUCCESS(native))
        return VDISK_OK;
    for (size_t i = 0; i < RTL_NUMBER_OF(status_map); i++) {
        if (status_map[i].native == native)
            return status_map[i].status;
    }
    return VDISK_IO;
}

NTSTATUS vdisk_error_to_ntstatus(const struct vdisk_error *error)
{
    if (error->native_code != 0)
        return (NTSTATUS)error->native_code;
    for (size_t i = 0; i < RTL_NUMBER_OF(status_map); i++) {
        if (status_map[i].status == error->status)
            return status_map[i].native;
    }
    return STATUS_UNSUCCESSFUL;
}
