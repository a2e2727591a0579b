#include "driver/barrier.h"

VOID VdBarrierInitialize(VD_BARRIER *Barrier)
{
    Barrier->Inside = 0;
    Barrier->Closed = 0;
    KeInitializeEvent(&Barrier->Opened, NotificationEvent, TRUE);
    KeInitializeEvent(&Barrier->Empty, SynchronizationEvent, FALSE);
}

VOID VdBarrierEnter(VD_BARRIER *Barrier)
{
    for (;;) {
        InterlockedIncrement(&Barrier->Inside);
        if (InterlockedOr(&Barrier->Closed, 0) == 0)
            return;
        VdBarrierLeave(Barrier);
        KeWaitForSingleObject(&Barrier->Opened, Executive, KernelMode, FALSE, NULL);
    }
}

VOID VdBarrierLeave(VD_BARRIER *Barrier)
{
    if (InterlockedDecrement(&Barrier->Inside) == 0 && Barrier->Closed != 0)
        KeSetEvent(&Barrier->Empty, IO_NO_INCREMENT, FALSE);
}

/* Empty may have been set by someone who looked in and went: it is the count that tells. */
VOID VdBarrierClose(VD_BARRIER *Barrier)
{
    KeClearEvent(&Barrier->Opened);
    InterlockedExchange(&Barrier->Closed, 1);
    while (InterlockedOr(&Barrier->Inside, 0) != 0)
        KeWaitForSingleObject(&Barrier->Empty, Executive, KernelMode, FALSE, NULL);
}

VOID VdBarrierOpen(VD_BARRIER *Barrier)
{
    InterlockedExchange(&Barrier->Closed, 0);
    KeSetEvent(&Barrier->Opened, IO_NO_INCREMENT, FALSE);
}
