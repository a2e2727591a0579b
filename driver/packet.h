/*
 * Requests that the framework's queues do not know, taken before the framework sees them: create,
 * flush and shutdown.
 */
#ifndef VIRTUALDISK_DRIVER_PACKET_H
#define VIRTUALDISK_DRIVER_PACKET_H

#include <ntifs.h>
#include <wdf.h>

_IRQL_requires_max_(PASSIVE_LEVEL) _Must_inspect_result_ NTSTATUS
    VdPacketsRegister(_Inout_ PWDFDEVICE_INIT DeviceInit);

#endif
