/*
 * The threads that serve a device's transfers. A kernel file operation needs PASSIVE_LEVEL and
 * APCs, and neither is certain where a read or write arrives, so these threads do it.
 */
#ifndef VIRTUALDISK_DRIVER_WORKER_H
#define VIRTUALDISK_DRIVER_WORKER_H

#include <ntifs.h>

#include "driver/counters.h"
#include "virtualdisk/status.h"

struct _VD_DEVICE;

typedef struct _VD_WORKER {
    struct _VD_DEVICE *Device;
    ULONG Index;
    HANDLE Thread;            /* NULL: not running */
    struct vdisk_error Error; /* here because kernel stacks are small */
} VD_WORKER;

typedef struct _VD_WORKERS {
    KSEMAPHORE Work;    /* released for each idle worker that is wanted, and for each to stop */
    volatile LONG Idle; /* how many workers sleep, or are about to, and nobody has wanted yet */
    volatile LONG Stopping;
    VD_WORKER Each[VD_WORKER_COUNT];
} VD_WORKERS;

_IRQL_requires_max_(PASSIVE_LEVEL) _Must_inspect_result_ NTSTATUS
    VdWorkersStart(_Inout_ struct _VD_DEVICE *Device);

/* One request was put into the device's transfer queue. */
_IRQL_requires_max_(DISPATCH_LEVEL) VOID VdWorkersWake(_Inout_ struct _VD_DEVICE *Device);

/* Returns when every thread has ended. Also for workers that were never started. */
_IRQL_requires_max_(PASSIVE_LEVEL) VOID VdWorkersStop(_Inout_ struct _VD_DEVICE *Device);

#endif
