/* Volumes that become longer while they are in use. */
#ifndef VIRTUALDISK_DRIVER_GROWTH_H
#define VIRTUALDISK_DRIVER_GROWTH_H

#include "driver/device.h"

/*
 * By a worker that is alone: see IOCTL_VIRTUALDISK_RESIZE. The image grows where it is too short;
 * of a partition the table on the disk is changed as well.
 */
_IRQL_requires_max_(PASSIVE_LEVEL) NTSTATUS
    VdGrowthApply(_Inout_ VD_DEVICE *Device, _In_ ULONGLONG SizeBytes,
                  _Inout_ struct vdisk_error *Error);

#endif
