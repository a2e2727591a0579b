/*
 * What a device has done since it was started. Each worker counts for itself, so that nobody waits
 * on the path of a request; a reader adds up. IRQL <= DISPATCH_LEVEL.
 */
#ifndef VIRTUALDISK_DRIVER_COUNTERS_H
#define VIRTUALDISK_DRIVER_COUNTERS_H

#include <ntddk.h>

#include "driver/volume.h"

#define VD_WORKER_COUNT 4

typedef enum _VD_COUNTED {
    VdCountedRead,
    VdCountedWrite,
    VdCountedFlush,
    VdCountedTrim,
    VdCountedNothing
} VD_COUNTED;
#define VD_COUNTED_KINDS 4

typedef struct _VD_TALLY {
    volatile LONG Version; /* odd while its worker writes */
    struct virtualdisk_operations Operations[VD_COUNTED_KINDS];
} VD_TALLY;

typedef struct _VD_COUNTERS {
    LONGLONG Frequency; /* ticks a second */
    volatile LONG RequestsInFlight;
    volatile LONG Failing; /* the last transfer failed */
    VD_TALLY Tallies[VD_WORKER_COUNT];
} VD_COUNTERS;

_IRQL_requires_max_(DISPATCH_LEVEL) VOID VdCountersInitialize(_Out_ VD_COUNTERS *Counters);

/* A request arrives; the time, for VdCountersCount. */
_IRQL_requires_max_(DISPATCH_LEVEL) LONGLONG VdCountersEnter(_Inout_ VD_COUNTERS *Counters);
_IRQL_requires_max_(DISPATCH_LEVEL) VOID VdCountersLeave(_Inout_ VD_COUNTERS *Counters);

/* Worker number Worker has served a request that arrived at Start. */
_IRQL_requires_max_(DISPATCH_LEVEL) VOID
    VdCountersCount(_Inout_ VD_COUNTERS *Counters, _In_ ULONG Worker, _In_ VD_COUNTED Kind,
                    _In_ LONGLONG Start, _In_ ULONG_PTR Bytes, _In_ BOOLEAN Failed);

_IRQL_requires_max_(DISPATCH_LEVEL) VOID
    VdCountersRead(_Inout_ VD_COUNTERS *Counters, _Out_ struct virtualdisk_statistics *Statistics);

#endif
