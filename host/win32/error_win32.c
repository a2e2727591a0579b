#include "host/win32/error_win32.h"

#include <windows.h>

enum vdisk_status vdisk_status_from_win32(uint32_t native_code)
{
    switch (native_code) {
    case ERROR_SUCCESS:
        return VDISK_OK;
    case ERROR_FILE_NOT_FOUND:
    case ERROR_PATH_NOT_FOUND:
    case ERROR_INVALID_DRIVE:
    case ERROR_BAD_NETPATH:
    case ERROR_BAD_NET_NAME:
        return VDISK_NOT_FOUND;
    case ERROR_FILE_EXISTS:
    case ERROR_ALREADY_EXISTS:
        return VDISK_EXISTS;
    case ERROR_ACCESS_DENIED:
    case ERROR_PRIVILEGE_NOT_HELD:
    case ERROR_NETWORK_ACCESS_DENIED:
        return VDISK_ACCESS;
    case ERROR_WRITE_PROTECT:
        return VDISK_READ_ONLY;
    case ERROR_SHARING_VIOLATION:
    case ERROR_LOCK_VIOLATION:
    case ERROR_USER_MAPPED_FILE:
    case ERROR_BUSY:
        return VDISK_BUSY;
    case ERROR_DISK_FULL:
    case ERROR_HANDLE_DISK_FULL:
    case ERROR_FILE_TOO_LARGE:
        return VDISK_NO_SPACE;
    case ERROR_NOT_ENOUGH_MEMORY:
    case ERROR_OUTOFMEMORY:
    case ERROR_NO_SYSTEM_RESOURCES:
        return VDISK_NO_MEMORY;
    case ERROR_HANDLE_EOF:
        return VDISK_OUT_OF_RANGE;
    case ERROR_INVALID_NAME:
    case ERROR_INVALID_PARAMETER:
    case ERROR_FILENAME_EXCED_RANGE:
        return VDISK_INVALID;
    case ERROR_NOT_SUPPORTED:
    case ERROR_INVALID_FUNCTION:
    case ERROR_CALL_NOT_IMPLEMENTED:
        return VDISK_UNSUPPORTED;
    case ERROR_DEVICE_REMOVED:
    case ERROR_DEV_NOT_EXIST:
    case ERROR_NETNAME_DELETED:
    case ERROR_UNEXP_NET_ERR:
        return VDISK_GONE;
    case ERROR_OPERATION_ABORTED:
    case ERROR_CANCELLED:
        return VDISK_CANCELLED;
    default:
        return VDISK_IO;
    }
}

enum vdisk_status vdisk_fail_win32(const char *file_name, uint64_t offset_bytes,
                                   struct vdisk_error *error)
{
    const DWORD native_code = GetLastError();

    return vdisk_fail_native(error, vdisk_status_from_win32(native_code), native_code, file_name,
                             offset_bytes, NULL);
}
