/*
 * The engine's host in an NT kernel: memory, locks and time (platform_ntkernel.c), files
 * (file_ntkernel.c) and the two directions between engine and NT status codes (status_ntkernel.c).
 *
 * Everything at PASSIVE_LEVEL with APCs enabled: a file operation is completed by an APC to the
 * thread that asked for it.
 */
#ifndef VIRTUALDISK_HOST_NTKERNEL_H
#define VIRTUALDISK_HOST_NTKERNEL_H

#include <ntifs.h>

#include "virtualdisk/file.h"

/* Once, before everything else: looks up what only newer kernels have. */
_IRQL_requires_max_(PASSIVE_LEVEL) void vdisk_ntkernel_init(void);

/*
 * Opens an existing file by its NT path, unbuffered, for sharing with readers. A file that cannot
 * be written is opened read-only; `read_only` of the result says so.
 */
_IRQL_requires_max_(PASSIVE_LEVEL) enum vdisk_status
    vdisk_file_ntkernel_open(_In_ const UNICODE_STRING *path, bool read_only,
                             _Outptr_ struct vdisk_file **file, struct vdisk_error *error);

/* What the engine makes of a status of the kernel. */
enum vdisk_status vdisk_status_from_ntstatus(NTSTATUS native);

/* What a caller of the driver is told: the kernel's own status where there was one. */
NTSTATUS vdisk_error_to_ntstatus(_In_ const struct vdisk_error *error);

/*
 * A name for messages and comparisons: UTF-8 of UTF-16 as new text (vdisk_free), or NULL when there
 * is no memory. A name that is not Unicode becomes "?", which no file has.
 */
char *vdisk_utf8_from_unicode(_In_ const UNICODE_STRING *name);

#endif
