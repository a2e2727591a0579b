/*
 * System shutdown. The image lies on another volume, whose file system shuts down before, or
 * together with, the one on our volume: what ours would write then comes too late. So the device
 * asks to be told before the file systems are, and then flushes and dismounts what is mounted on
 * it.
 */
#ifndef VIRTUALDISK_DRIVER_SHUTDOWN_H
#define VIRTUALDISK_DRIVER_SHUTDOWN_H

#include "driver/device.h"

_IRQL_requires_max_(PASSIVE_LEVEL) _Must_inspect_result_ NTSTATUS
    VdShutdownRegister(_Inout_ VD_DEVICE *Device);
_IRQL_requires_max_(PASSIVE_LEVEL) VOID VdShutdownUnregister(_Inout_ VD_DEVICE *Device);

/* IRP_MJ_SHUTDOWN: returns when nothing more will be written to the volume. */
_IRQL_requires_max_(PASSIVE_LEVEL) VOID VdShutdownVolume(_Inout_ VD_DEVICE *Device);

#endif
