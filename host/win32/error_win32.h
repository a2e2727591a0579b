/* The engine's codes for Windows' errors: the one place where they are mapped. */
#ifndef VIRTUALDISK_HOST_ERROR_WIN32_H
#define VIRTUALDISK_HOST_ERROR_WIN32_H

#include "virtualdisk/status.h"

/* `native_code` is what GetLastError returns. */
enum vdisk_status vdisk_status_from_win32(uint32_t native_code);

/* Fails with GetLastError. */
enum vdisk_status vdisk_fail_win32(const char *file_name, uint64_t offset_bytes,
                                   struct vdisk_error *error);

#endif
