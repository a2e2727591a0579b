/* Starting, stopping, draining and purging a queue, by the driver and by power. */
#include "fx.h"

#define POLL_MS 1

static VOID Delay(VOID)
{
    LARGE_INTEGER Time = {.QuadPart = WDF_REL_TIMEOUT_IN_MS(POLL_MS)};

    KeDelayExecutionThread(KernelMode, FALSE, &Time);
}

VOID FxQueueCheckState(FX_QUEUE *Queue)
{
    PFN_WDF_IO_QUEUE_STATE Done = NULL;
    WDFCONTEXT Context = NULL;

    FxLockAcquire(&Queue->Lock);
    if (Queue->StateDone != NULL && Queue->OwnedCount == 0 &&
        (!Queue->StateNeedsEmpty || Queue->WaitingCount == 0)) {
        Done = Queue->StateDone;
        Context = Queue->StateContext;
        Queue->StateDone = NULL;
    }
    FxLockRelease(&Queue->Lock);
    if (Done != NULL) {
        FX_CALLBACK(Queue->Object.Driver, "EvtIoQueueState", Done(FxHandle(Queue), Context));
    }
}

/* ---- waiting for the driver ---- */

/* All that the driver has is done with, or acknowledged when that is enough. */
static BOOLEAN IsQuiet(FX_QUEUE *Queue, BOOLEAN AcknowledgedIsEnough, BOOLEAN Empty)
{
    BOOLEAN Quiet;
    LIST_ENTRY *Entry;

    FxLockAcquire(&Queue->Lock);
    Quiet = Queue->Busy == 0 && IsListEmpty(&Queue->Dispatchers) &&
            (!Empty || Queue->WaitingCount == 0);
    if (Quiet && Queue->OwnedCount > 0) {
        Quiet = AcknowledgedIsEnough && !IsListEmpty(&Queue->Owned);
        for (Entry = Queue->Owned.Flink; Entry != &Queue->Owned; Entry = Entry->Flink) {
            Quiet = Quiet && CONTAINING_RECORD(Entry, FX_REQUEST, Link)->Acknowledged;
        }
    }
    FxLockRelease(&Queue->Lock);
    return Quiet;
}

static VOID StopLost(FX_QUEUE *Queue)
{
    FX_DRIVER *Driver = Queue->Object.Driver;
    ULONG Count = Queue->OwnedCount;
    char Text[80] = "none that is still in the list";

    FxLockAcquire(&Queue->Lock);
    if (!IsListEmpty(&Queue->Owned)) {
        FxRequestDescribe(CONTAINING_RECORD(Queue->Owned.Flink, FX_REQUEST, Link), Text,
                          sizeof(Text));
    }
    FxLockRelease(&Queue->Lock);
    FxStop(Driver,
           "request lost: %lu request(s) with the driver %lu ms after their queue was stopped or "
           "purged; the first is a %s",
           Count, Driver->LostRequestTimeout, Text);
}

static VOID WaitForRemovalOf(FX_QUEUE *Queue, BOOLEAN AcknowledgedIsEnough)
{
    ULONGLONG Limit = KeQueryInterruptTime() +
                      (ULONGLONG)Queue->Object.Driver->LostRequestTimeout * WDF_TIMEOUT_TO_MS;

    while (!IsQuiet(Queue, AcknowledgedIsEnough, FALSE)) {
        if (KeQueryInterruptTime() > Limit) {
            StopLost(Queue);
        }
        Delay();
    }
}

/* ---- power ---- */

static FX_REQUEST *NextToStop(FX_QUEUE *Queue)
{
    FX_REQUEST *Found = NULL;
    LIST_ENTRY *Entry;

    FxLockAcquire(&Queue->Lock);
    for (Entry = Queue->Owned.Flink; Entry != &Queue->Owned; Entry = Entry->Flink) {
        FX_REQUEST *Request = CONTAINING_RECORD(Entry, FX_REQUEST, Link);
        if (!Request->StopSent) {
            Request->StopSent = TRUE;
            FxObjectReference(Request);
            Found = Request;
            break;
        }
    }
    FxLockRelease(&Queue->Lock);
    return Found;
}

static VOID SendStops(FX_QUEUE *Queue, ULONG Action)
{
    FX_REQUEST *Request;

    if (Queue->Config.EvtIoStop == NULL) {
        return;
    }
    while ((Request = NextToStop(Queue)) != NULL) {
        ULONG Flags = Action | (Request->Cancel != NULL ? WdfRequestStopRequestCancelable : 0);
        FxPresentationAcquire(Queue->Presentation);
        FX_CALLBACK(Queue->Object.Driver, "EvtIoStop",
                    Queue->Config.EvtIoStop(FxHandle(Queue), FxHandle(Request), Flags));
        FxPresentationRelease(Queue->Presentation);
        FxObjectDereference(Request);
    }
}

VOID FxQueuePowerStop(FX_QUEUE *Queue, BOOLEAN Purge)
{
    FxLockAcquire(&Queue->Lock);
    Queue->PowerHeld = TRUE;
    if (Purge) {
        Queue->Accepting = FALSE;
    }
    FxLockRelease(&Queue->Lock);
    if (Purge) {
        FxQueueCancelWaiting(Queue, NULL);
        FxRequestCancelAllOwned(Queue);
    }
    SendStops(Queue, Purge ? WdfRequestStopActionPurge : WdfRequestStopActionSuspend);
    WaitForRemovalOf(Queue, !Purge);
}

VOID FxQueuePowerStart(FX_QUEUE *Queue)
{
    for (;;) {
        FX_REQUEST *Found = NULL;
        LIST_ENTRY *Entry;

        FxLockAcquire(&Queue->Lock);
        for (Entry = Queue->Owned.Flink; Entry != &Queue->Owned; Entry = Entry->Flink) {
            FX_REQUEST *Request = CONTAINING_RECORD(Entry, FX_REQUEST, Link);
            if (Request->StopSent) {
                Request->StopSent = FALSE;
                Request->Acknowledged = FALSE;
                FxObjectReference(Request);
                Found = Request;
                break;
            }
        }
        if (Found == NULL) {
            Queue->PowerHeld = FALSE;
        }
        FxLockRelease(&Queue->Lock);
        if (Found == NULL) {
            break;
        }
        if (Queue->Config.EvtIoResume != NULL) {
            FX_CALLBACK(Queue->Object.Driver, "EvtIoResume",
                        Queue->Config.EvtIoResume(FxHandle(Queue), FxHandle(Found)));
        }
        FxObjectDereference(Found);
    }
    FxQueueDispatch(Queue);
}

VOID FxQueuePurgeAndWait(FX_QUEUE *Queue)
{
    FxLockAcquire(&Queue->Lock);
    Queue->Accepting = FALSE;
    FxLockRelease(&Queue->Lock);
    FxQueueCancelWaiting(Queue, NULL);
    FxRequestCancelAllOwned(Queue);
    WaitForRemovalOf(Queue, FALSE);
}

/* ---- by the driver ---- */

typedef struct _STATE_CHANGE {
    const char *Function;
    BOOLEAN Accept;
    BOOLEAN Dispatch;
    BOOLEAN Cancel;
    BOOLEAN Empty; /* ends when nothing waits, too */
} STATE_CHANGE;

static const STATE_CHANGE StopChange = {"IoQueueStop", TRUE, FALSE, FALSE, FALSE};
static const STATE_CHANGE DrainChange = {"IoQueueDrain", FALSE, TRUE, FALSE, TRUE};
static const STATE_CHANGE PurgeChange = {"IoQueuePurge", FALSE, TRUE, TRUE, TRUE};
static const STATE_CHANGE StopAndPurgeChange = {"IoQueueStopAndPurge", TRUE, FALSE, TRUE, FALSE};

static VOID Change(FX_QUEUE *Queue, const STATE_CHANGE *To, PFN_WDF_IO_QUEUE_STATE Done,
                   WDFCONTEXT Context)
{
    FxLockAcquire(&Queue->Lock);
    if (Done != NULL && Queue->StateDone != NULL) {
        FxLockRelease(&Queue->Lock);
        FxStop(Queue->Object.Driver, "bad state: Wdf%s while another state change is under way",
               To->Function);
    }
    Queue->Accepting = To->Accept;
    Queue->Dispatching = To->Dispatch;
    if (Done != NULL) {
        Queue->StateDone = Done;
        Queue->StateContext = Context;
        Queue->StateNeedsEmpty = To->Empty;
    }
    FxLockRelease(&Queue->Lock);
    if (To->Cancel) {
        FxQueueCancelWaiting(Queue, NULL);
        FxRequestCancelAllOwned(Queue);
    }
    FxQueueDispatch(Queue);
    FxQueueCheckState(Queue);
}

static VOID ChangeAndWait(FX_QUEUE *Queue, const STATE_CHANGE *To)
{
    FxRequirePassive(Queue->Object.Driver, To->Function);
    if (FxQueueIsPresenting(Queue)) {
        FxStop(Queue->Object.Driver, "deadlock: Wdf%sSynchronously in a callback of the queue",
               To->Function);
    }
    Change(Queue, To, NULL, NULL);
    while (!IsQuiet(Queue, FALSE, To->Empty)) {
        Delay();
    }
}

static VOID NTAPI IoQueueStart(PWDF_DRIVER_GLOBALS Globals, WDFQUEUE Handle)
{
    FX_QUEUE *Queue = FX_QUEUE_OF(Handle);

    FxLockAcquire(&Queue->Lock);
    Queue->Accepting = TRUE;
    Queue->Dispatching = TRUE;
    FxLockRelease(&Queue->Lock);
    FxQueueDispatch(Queue);
}

static VOID NTAPI IoQueueStop(PWDF_DRIVER_GLOBALS Globals, WDFQUEUE Handle,
                              PFN_WDF_IO_QUEUE_STATE Done, WDFCONTEXT Context)
{
    Change(FX_QUEUE_OF(Handle), &StopChange, Done, Context);
}

static VOID NTAPI IoQueueStopSynchronously(PWDF_DRIVER_GLOBALS Globals, WDFQUEUE Handle)
{
    ChangeAndWait(FX_QUEUE_OF(Handle), &StopChange);
}

static VOID NTAPI IoQueueDrain(PWDF_DRIVER_GLOBALS Globals, WDFQUEUE Handle,
                               PFN_WDF_IO_QUEUE_STATE Done, WDFCONTEXT Context)
{
    Change(FX_QUEUE_OF(Handle), &DrainChange, Done, Context);
}

static VOID NTAPI IoQueueDrainSynchronously(PWDF_DRIVER_GLOBALS Globals, WDFQUEUE Handle)
{
    ChangeAndWait(FX_QUEUE_OF(Handle), &DrainChange);
}

static VOID NTAPI IoQueuePurge(PWDF_DRIVER_GLOBALS Globals, WDFQUEUE Handle,
                               PFN_WDF_IO_QUEUE_STATE Done, WDFCONTEXT Context)
{
    Change(FX_QUEUE_OF(Handle), &PurgeChange, Done, Context);
}

static VOID NTAPI IoQueuePurgeSynchronously(PWDF_DRIVER_GLOBALS Globals, WDFQUEUE Handle)
{
    ChangeAndWait(FX_QUEUE_OF(Handle), &PurgeChange);
}

static VOID NTAPI IoQueueStopAndPurge(PWDF_DRIVER_GLOBALS Globals, WDFQUEUE Handle,
                                      PFN_WDF_IO_QUEUE_STATE Done, WDFCONTEXT Context)
{
    Change(FX_QUEUE_OF(Handle), &StopAndPurgeChange, Done, Context);
}

static VOID NTAPI IoQueueStopAndPurgeSynchronously(PWDF_DRIVER_GLOBALS Globals, WDFQUEUE Handle)
{
    ChangeAndWait(FX_QUEUE_OF(Handle), &StopAndPurgeChange);
}

static WDF_IO_QUEUE_STATE NTAPI IoQueueGetState(PWDF_DRIVER_GLOBALS Globals, WDFQUEUE Handle,
                                                PULONG QueueRequests, PULONG DriverRequests)
{
    FX_QUEUE *Queue = FX_QUEUE_OF(Handle);
    int State = 0;

    FxLockAcquire(&Queue->Lock);
    State |= Queue->Accepting ? WdfIoQueueAcceptRequests : 0;
    State |= Queue->Dispatching ? WdfIoQueueDispatchRequests : 0;
    State |= Queue->WaitingCount == 0 ? WdfIoQueueNoRequests : 0;
    State |= Queue->OwnedCount == 0 ? WdfIoQueueDriverNoRequests : 0;
    State |= Queue->PowerHeld ? WdfIoQueuePnpHeld : 0;
    if (QueueRequests != NULL) {
        *QueueRequests = Queue->WaitingCount;
    }
    if (DriverRequests != NULL) {
        *DriverRequests = Queue->OwnedCount;
    }
    FxLockRelease(&Queue->Lock);
    return (WDF_IO_QUEUE_STATE)State;
}

static NTSTATUS NTAPI IoQueueReadyNotify(PWDF_DRIVER_GLOBALS Globals, WDFQUEUE Handle,
                                         PFN_WDF_IO_QUEUE_STATE Ready, WDFCONTEXT Context)
{
    FX_QUEUE *Queue = FX_QUEUE_OF(Handle);
    NTSTATUS Status = STATUS_SUCCESS;

    FxLockAcquire(&Queue->Lock);
    if (Queue->Config.DispatchType != WdfIoQueueDispatchManual ||
        (Ready != NULL && Queue->Ready != NULL)) {
        Status = STATUS_INVALID_DEVICE_REQUEST;
    } else {
        Queue->Ready = Ready;
        Queue->ReadyContext = Context;
    }
    FxLockRelease(&Queue->Lock);
    return Status;
}

const FX_ENTRY FxQueueStateEntries[] = {
    FX_ENTRY_OF(WdfIoQueueStart, IoQueueStart),
    FX_ENTRY_OF(WdfIoQueueStop, IoQueueStop),
    FX_ENTRY_OF(WdfIoQueueStopSynchronously, IoQueueStopSynchronously),
    FX_ENTRY_OF(WdfIoQueueDrain, IoQueueDrain),
    FX_ENTRY_OF(WdfIoQueueDrainSynchronously, IoQueueDrainSynchronously),
    FX_ENTRY_OF(WdfIoQueuePurge, IoQueuePurge),
    FX_ENTRY_OF(WdfIoQueuePurgeSynchronously, IoQueuePurgeSynchronously),
    FX_ENTRY_OF(WdfIoQueueStopAndPurge, IoQueueStopAndPurge),
    FX_ENTRY_OF(WdfIoQueueStopAndPurgeSynchronously, IoQueueStopAndPurgeSynchronously),
    FX_ENTRY_OF(WdfIoQueueGetState, IoQueueGetState),
    FX_ENTRY_OF(WdfIoQueueReadyNotify, IoQueueReadyNotify),
    FX_ENTRIES_END,
};
