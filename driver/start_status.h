/*
 * How a start ended, left in the device's hardware key, where the control utility reads it: an
 * NTSTATUS and, after a failure, a sentence.
 */
#ifndef VIRTUALDISK_DRIVER_START_STATUS_H
#define VIRTUALDISK_DRIVER_START_STATUS_H

#include <ntifs.h>
#include <wdf.h>

#include "virtualdisk/status.h"

/* `Error` has the words when Status is a failure. */
_IRQL_requires_max_(PASSIVE_LEVEL) VOID
    VdStartStatusWrite(_In_ WDFDEVICE Device, _In_ NTSTATUS Status,
                       _In_ const struct vdisk_error *Error);

#endif
