/* What a device has done since it was started. IRQL <= DISPATCH_LEVEL. */
#ifndef VIRTUALDISK_DRIVER_COUNTERS_H
#define VIRTUALDISK_DRIVER_COUNTERS_H

#include <ntddk.h>

#include "driver/volume.h"

typedef struct _VD_COUNTERS {
    volatile LONG RequestsInFlight;
    KSPIN_LOCK Lock;
    VD_STATISTICS Statistics; /* protected by Lock; without RequestsInFlight */
} VD_COUNTERS;

typedef enum _VD_COUNTED {
    VdCountedNothing,
    VdCountedRead,
    VdCountedWrite,
    VdCountedFlush
} VD_COUNTED;

VOID VdCountersInitialize(_Out_ VD_COUNTERS *Counters);
VOID VdCountersEnter(_Inout_ VD_COUNTERS *Counters);

/* A request leaves: what it was, how much it moved, whether it failed. */
VOID VdCountersLeave(_Inout_ VD_COUNTERS *Counters, _In_ VD_COUNTED Kind, _In_ ULONG_PTR Bytes,
                     _In_ BOOLEAN Failed);

VOID VdCountersRead(_Inout_ VD_COUNTERS *Counters, _Out_ VD_STATISTICS *Statistics);

#endif
