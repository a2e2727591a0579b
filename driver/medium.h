/* The image under a device: opening and closing it. */
#ifndef VIRTUALDISK_DRIVER_MEDIUM_H
#define VIRTUALDISK_DRIVER_MEDIUM_H

#include "driver/device.h"

/*
 * Opens the image that Device->Parameters name, and fills Device->Image, Disk and Volume. On
 * failure `Error` has the words.
 */
_IRQL_requires_max_(PASSIVE_LEVEL) _Must_inspect_result_ NTSTATUS
    VdMediumOpen(_Inout_ VD_DEVICE *Device, _Inout_ struct vdisk_error *Error);

/* Flushes and closes. Nothing happens when there is no image. */
_IRQL_requires_max_(PASSIVE_LEVEL) VOID VdMediumClose(_Inout_ VD_DEVICE *Device);

#endif
