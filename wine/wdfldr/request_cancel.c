/*
 * Cancellation. Exactly one party may act on a cancelled request: whoever takes the cancel routine
 * out of the packet. While a request waits in a queue the routine belongs to the queue; while the
 * driver has marked it cancelable it belongs to the driver's EvtRequestCancel.
 */
#include "fx.h"

#define REQUEST_OF_IRP(Irp) ((FX_REQUEST *)(Irp)->Tail.Overlay.DriverContext[0])

static VOID NTAPI CancelInQueue(DEVICE_OBJECT *Wdm, IRP *Irp)
{
    FX_REQUEST *Request = REQUEST_OF_IRP(Irp);
    FX_QUEUE *Queue = Request->Queue;

    (void)Wdm;
    IoReleaseCancelSpinLock(Irp->CancelIrql);
    /* Nobody else can take it out of the queue: they all want the cancel routine first. */
    FxLockAcquire(&Queue->Lock);
    RemoveEntryList(&Request->Link);
    Queue->WaitingCount--;
    Queue->Busy++;
    FxLockRelease(&Queue->Lock);
    FxQueueCancelTaken(Queue, Request);
    FxQueueCheckState(Queue);
    FxLockAcquire(&Queue->Lock);
    Queue->Busy--;
    FxLockRelease(&Queue->Lock);
}

BOOLEAN FxRequestArmQueueCancel(FX_REQUEST *Request)
{
    IRP *Irp = Request->Irp;

    Irp->Tail.Overlay.DriverContext[0] = Request;
    (void)IoSetCancelRoutine(Irp, CancelInQueue);
    /* Cancelled before the routine was there, and nobody runs it now: it is ours to cancel. */
    return !(Irp->Cancel && IoSetCancelRoutine(Irp, NULL) != NULL);
}

BOOLEAN FxRequestDisarmQueueCancel(FX_REQUEST *Request)
{
    return IoSetCancelRoutine(Request->Irp, NULL) != NULL;
}

/* ---- requests of the driver ---- */

/* The caller has taken the cancel routine, and with it the callback. */
static VOID CallCancel(FX_REQUEST *Request)
{
    PFN_WDF_REQUEST_CANCEL Cancel = Request->Cancel;
    FX_PRESENTATION_LOCK *Lock = Request->Queue == NULL ? NULL : Request->Queue->Presentation;

    FxObjectReference(Request);
    Request->Cancel = NULL;
    FxPresentationAcquire(Lock);
    FX_CALLBACK(Request->Object.Driver, "EvtRequestCancel", Cancel(FxHandle(Request)));
    FxPresentationRelease(Lock);
    FxObjectDereference(Request);
}

static VOID NTAPI CancelOwned(DEVICE_OBJECT *Wdm, IRP *Irp)
{
    (void)Wdm;
    IoReleaseCancelSpinLock(Irp->CancelIrql);
    CallCancel(REQUEST_OF_IRP(Irp));
}

VOID FxRequestCancelAllOwned(FX_QUEUE *Queue)
{
    for (;;) {
        FX_REQUEST *Found = NULL;
        LIST_ENTRY *Entry;

        /* A request in the list is not completed while the lock is held. */
        FxLockAcquire(&Queue->Lock);
        for (Entry = Queue->Owned.Flink; Entry != &Queue->Owned; Entry = Entry->Flink) {
            FX_REQUEST *Request = CONTAINING_RECORD(Entry, FX_REQUEST, Link);
            if (Request->Cancel != NULL && IoSetCancelRoutine(Request->Irp, NULL) != NULL) {
                Request->Irp->Cancel = TRUE;
                Found = Request;
                break;
            }
        }
        FxLockRelease(&Queue->Lock);
        if (Found == NULL) {
            return;
        }
        CallCancel(Found);
    }
}

/* FALSE: it is cancelled already, and nobody else acts on that. */
static BOOLEAN Mark(FX_REQUEST *Request, PFN_WDF_REQUEST_CANCEL Cancel, const char *Function)
{
    IRP *Irp = Request->Irp;

    FxRequestRequireOwned(Request, Function);
    if (Request->Cancel != NULL) {
        FxStop(Request->Object.Driver, "bad state: Wdf%s of a request that is cancelable already",
               Function);
    }
    Request->Cancel = Cancel;
    Irp->Tail.Overlay.DriverContext[0] = Request;
    (void)IoSetCancelRoutine(Irp, CancelOwned);
    return !(Irp->Cancel && IoSetCancelRoutine(Irp, NULL) != NULL);
}

static VOID NTAPI RequestMarkCancelable(PWDF_DRIVER_GLOBALS Globals, WDFREQUEST Handle,
                                        PFN_WDF_REQUEST_CANCEL Cancel)
{
    FX_REQUEST *Request = FX_REQUEST_OF(Handle);

    if (!Mark(Request, Cancel, __func__)) {
        CallCancel(Request);
    }
}

static NTSTATUS NTAPI RequestMarkCancelableEx(PWDF_DRIVER_GLOBALS Globals, WDFREQUEST Handle,
                                              PFN_WDF_REQUEST_CANCEL Cancel)
{
    FX_REQUEST *Request = FX_REQUEST_OF(Handle);

    if (!Mark(Request, Cancel, __func__)) {
        Request->Cancel = NULL;
        return STATUS_CANCELLED;
    }
    return STATUS_SUCCESS;
}

static NTSTATUS NTAPI RequestUnmarkCancelable(PWDF_DRIVER_GLOBALS Globals, WDFREQUEST Handle)
{
    FX_REQUEST *Request = FX_REQUEST_OF(Handle);

    if (Request->State != FxRequestOwned || Request->Irp == NULL ||
        IoSetCancelRoutine(Request->Irp, NULL) == NULL) {
        /* Its EvtRequestCancel runs, or has run. */
        return STATUS_CANCELLED;
    }
    Request->Cancel = NULL;
    return STATUS_SUCCESS;
}

static BOOLEAN NTAPI RequestIsCanceled(PWDF_DRIVER_GLOBALS Globals, WDFREQUEST Handle)
{
    FX_REQUEST *Request = FX_REQUEST_OF(Handle);

    FxRequestRequireOwned(Request, __func__);
    return Request->Irp->Cancel;
}

const FX_ENTRY FxRequestCancelEntries[] = {
    FX_ENTRY_OF(WdfRequestMarkCancelable, RequestMarkCancelable),
    FX_ENTRY_OF(WdfRequestMarkCancelableEx, RequestMarkCancelableEx),
    FX_ENTRY_OF(WdfRequestUnmarkCancelable, RequestUnmarkCancelable),
    FX_ENTRY_OF(WdfRequestIsCanceled, RequestIsCanceled),
    FX_ENTRIES_END,
};
