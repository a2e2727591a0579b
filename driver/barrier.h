/*
 * Lets transfers pass without waiting, until someone who changes what they rely on (the size, the
 * image itself) has to be alone.
 */
#ifndef VIRTUALDISK_DRIVER_BARRIER_H
#define VIRTUALDISK_DRIVER_BARRIER_H

#include <ntifs.h>

typedef struct _VD_BARRIER {
    volatile LONG Inside;
    volatile LONG Closed;
    KEVENT Opened; /* set while the barrier is open */
    KEVENT Empty;  /* set by the last one to leave a closed barrier */
} VD_BARRIER;

_IRQL_requires_max_(DISPATCH_LEVEL) VOID VdBarrierInitialize(_Out_ VD_BARRIER *Barrier);

/* Waits only while the barrier is closed. Each call is followed by VdBarrierLeave. */
_IRQL_requires_max_(PASSIVE_LEVEL) VOID VdBarrierEnter(_Inout_ VD_BARRIER *Barrier);
_IRQL_requires_max_(DISPATCH_LEVEL) VOID VdBarrierLeave(_Inout_ VD_BARRIER *Barrier);

/* Returns when nobody is inside. One thread at a time, who is not inside itself. */
_IRQL_requires_max_(PASSIVE_LEVEL) VOID VdBarrierClose(_Inout_ VD_BARRIER *Barrier);
_IRQL_requires_max_(PASSIVE_LEVEL) VOID VdBarrierOpen(_Inout_ VD_BARRIER *Barrier);

#endif
