#include "driver/counters.h"

VOID VdCountersInitialize(VD_COUNTERS *Counters)
{
    RtlZeroMemory(Counters, sizeof(*Counters));
    KeInitializeSpinLock(&Counters->Lock);
}

VOID VdCountersEnter(VD_COUNTERS *Counters)
{
    InterlockedIncrement(&Counters->RequestsInFlight);
}

static VOID CountSuccess(VD_STATISTICS *Statistics, VD_COUNTED Kind, ULONG_PTR Bytes)
{
    switch (Kind) {
    case VdCountedRead:
        Statistics->ReadCount++;
        Statistics->ReadBytes += Bytes;
        break;
    case VdCountedWrite:
        Statistics->WriteCount++;
        Statistics->WriteBytes += Bytes;
        break;
    case VdCountedFlush:
        Statistics->FlushCount++;
        break;
    case VdCountedNothing:
        break;
    }
}

VOID VdCountersLeave(VD_COUNTERS *Counters, VD_COUNTED Kind, ULONG_PTR Bytes, BOOLEAN Failed)
{
    KIRQL OldIrql;

    KeAcquireSpinLock(&Counters->Lock, &OldIrql);
    if (Failed)
        Counters->Statistics.ErrorCount++;
    else
        CountSuccess(&Counters->Statistics, Kind, Bytes);
    KeReleaseSpinLock(&Counters->Lock, OldIrql);
    InterlockedDecrement(&Counters->RequestsInFlight);
}

VOID VdCountersRead(VD_COUNTERS *Counters, VD_STATISTICS *Statistics)
{
    KIRQL OldIrql;

    KeAcquireSpinLock(&Counters->Lock, &OldIrql);
    *Statistics = Counters->Statistics;
    KeReleaseSpinLock(&Counters->Lock, OldIrql);
    Statistics->RequestsInFlight = (uint32_t)Counters->RequestsInFlight;
}
