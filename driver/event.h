/* Entries in the system's event log; the messages are in event.mc. */
#ifndef VIRTUALDISK_DRIVER_EVENT_H
#define VIRTUALDISK_DRIVER_EVENT_H

#include "driver/device.h"

typedef enum _VD_EVENT { VdEventStartRefused, VdEventTransferFailed, VdEventCloseFailed } VD_EVENT;

/*
 * Writes an entry with the words of `Error`. Failures of transfers are reported once in a while,
 * not one by one. An entry that cannot be written is lost.
 */
_IRQL_requires_max_(PASSIVE_LEVEL) VOID
    VdEventWrite(_Inout_ VD_DEVICE *Device, _In_ VD_EVENT Event, _In_ NTSTATUS Status,
                 _In_ const struct vdisk_error *Error);

#endif
