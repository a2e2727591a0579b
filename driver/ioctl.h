/* Moves the buffers of a device control request; ioctl_answer.c computes what is in them. */
#ifndef VIRTUALDISK_DRIVER_IOCTL_H
#define VIRTUALDISK_DRIVER_IOCTL_H

#include "driver/device.h"

/* Serves and completes the request. */
_IRQL_requires_max_(DISPATCH_LEVEL) VOID
    VdIoctlServe(_Inout_ VD_DEVICE *Device, _In_ WDFREQUEST Request, _In_ ULONG Code,
                 _In_ size_t InputLength, _In_ size_t OutputLength);

#endif
