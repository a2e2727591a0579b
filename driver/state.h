/* What is known about a device's volume (VD_DEVICE.Volume), and its changes. */
#ifndef VIRTUALDISK_DRIVER_STATE_H
#define VIRTUALDISK_DRIVER_STATE_H

#include "driver/device.h"

/* When the device starts: from its parameters and its disk. `Error` is memory for words. */
_IRQL_requires_max_(PASSIVE_LEVEL) VOID
    VdStateDescribe(_Inout_ VD_DEVICE *Device, _Inout_ struct vdisk_error *Error);

/*
 * After the medium's disk was exchanged for one that is the same; its barrier is closed. A volume
 * that is read-only stays so.
 */
_IRQL_requires_max_(PASSIVE_LEVEL) VOID VdStateDescribeAgain(_Inout_ VD_DEVICE *Device);

/* The disk, or the device's part of it, has grown; the medium's barrier is closed. */
_IRQL_requires_max_(DISPATCH_LEVEL) VOID
    VdStateSetSize(_Inout_ VD_DEVICE *Device, _In_ ULONGLONG DiskBytes);

/* By a worker that is alone. STATUS_MEDIA_WRITE_PROTECTED where the disk itself cannot be written.
 */
_IRQL_requires_max_(PASSIVE_LEVEL) NTSTATUS
    VdStateSetReadOnly(_Inout_ VD_DEVICE *Device, _In_ BOOLEAN ReadOnly);

#endif
