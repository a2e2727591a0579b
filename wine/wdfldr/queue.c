/*
 * WDFQUEUE: requests wait in it, and are presented to the driver by its kind. A request that waits
 * has a cancel routine; whoever takes it out of the list must first get that routine back.
 */
#include "fx.h"

/* A thread in the dispatch loop of a queue, on its stack. */
typedef struct _FX_DISPATCHER {
    LIST_ENTRY Link;
    HANDLE Thread;
} FX_DISPATCHER;

/* ---- presenting ---- */

static BOOLEAN CallDriver(FX_QUEUE *Queue, FX_REQUEST *Request)
{
    const WDF_IO_QUEUE_CONFIG *Config = &Queue->Config;
    const FX_DRIVER *Driver = Queue->Object.Driver;
    WDF_REQUEST_PARAMETERS Parameters;
    WDFQUEUE QueueHandle = FxHandle(Queue);
    WDFREQUEST Handle = FxHandle(Request);

    FxRequestParameters(Request, &Parameters);
    if (Parameters.Type == WdfRequestTypeRead && Config->EvtIoRead != NULL) {
        FX_CALLBACK(Driver, "EvtIoRead",
                    Config->EvtIoRead(QueueHandle, Handle, Parameters.Parameters.Read.Length));
    } else if (Parameters.Type == WdfRequestTypeWrite && Config->EvtIoWrite != NULL) {
        FX_CALLBACK(Driver, "EvtIoWrite",
                    Config->EvtIoWrite(QueueHandle, Handle, Parameters.Parameters.Write.Length));
    } else if (Parameters.Type == WdfRequestTypeDeviceControl &&
               Config->EvtIoDeviceControl != NULL) {
        FX_CALLBACK(
            Driver, "EvtIoDeviceControl",
            Config->EvtIoDeviceControl(QueueHandle, Handle,
                                       Parameters.Parameters.DeviceIoControl.OutputBufferLength,
                                       Parameters.Parameters.DeviceIoControl.InputBufferLength,
                                       Parameters.Parameters.DeviceIoControl.IoControlCode));
    } else if (Parameters.Type == WdfRequestTypeDeviceControlInternal &&
               Config->EvtIoInternalDeviceControl != NULL) {
        FX_CALLBACK(Driver, "EvtIoInternalDeviceControl",
                    Config->EvtIoInternalDeviceControl(
                        QueueHandle, Handle,
                        Parameters.Parameters.DeviceIoControl.OutputBufferLength,
                        Parameters.Parameters.DeviceIoControl.InputBufferLength,
                        Parameters.Parameters.DeviceIoControl.IoControlCode));
    } else if (Config->EvtIoDefault != NULL) {
        FX_CALLBACK(Driver, "EvtIoDefault", Config->EvtIoDefault(QueueHandle, Handle));
    } else {
        return FALSE;
    }
    return TRUE;
}

static VOID Present(FX_QUEUE *Queue, FX_REQUEST *Request)
{
    BOOLEAN Known;

    FxPresentationAcquire(Queue->Presentation);
    Known = CallDriver(Queue, Request);
    FxPresentationRelease(Queue->Presentation);
    if (!Known) {
        FxQueueUnlinkOwned(Queue, Request);
        FxRequestFinish(Request, STATUS_INVALID_DEVICE_REQUEST, IO_NO_INCREMENT);
        FxQueueReleaseOwned(Queue);
    }
}

BOOLEAN FxQueueTake(FX_QUEUE *Queue, FX_REQUEST *Request)
{
    if (!FxRequestDisarmQueueCancel(Request)) {
        return FALSE;
    }
    RemoveEntryList(&Request->Link);
    Queue->WaitingCount--;
    InsertTailList(&Queue->Owned, &Request->Link);
    Queue->OwnedCount++;
    Request->State = FxRequestOwned;
    Request->Presented = TRUE;
    Request->StopSent = FALSE;
    Request->Acknowledged = FALSE;
    return TRUE;
}

/* The next request that may be presented now, already owned. The lock is held. */
static FX_REQUEST *TakeNext(FX_QUEUE *Queue)
{
    LIST_ENTRY *Entry;

    if (!Queue->Dispatching || Queue->PowerHeld) {
        return NULL;
    }
    if (Queue->Config.DispatchType == WdfIoQueueDispatchSequential && Queue->OwnedCount > 0) {
        return NULL;
    }
    if (Queue->Config.DispatchType == WdfIoQueueDispatchParallel &&
        Queue->OwnedCount >= Queue->Config.Settings.Parallel.NumberOfPresentedRequests) {
        return NULL;
    }
    for (Entry = Queue->Waiting.Flink; Entry != &Queue->Waiting; Entry = Entry->Flink) {
        FX_REQUEST *Request = CONTAINING_RECORD(Entry, FX_REQUEST, Link);
        if (FxQueueTake(Queue, Request)) {
            return Request;
        }
    }
    return NULL;
}

/* This thread is in the dispatch loop. The lock is held. */
static BOOLEAN IsInLoop(const FX_QUEUE *Queue)
{
    const LIST_ENTRY *Entry;

    for (Entry = Queue->Dispatchers.Flink; Entry != &Queue->Dispatchers; Entry = Entry->Flink) {
        if (CONTAINING_RECORD(Entry, FX_DISPATCHER, Link)->Thread == FxThread()) {
            return TRUE;
        }
    }
    return FALSE;
}

BOOLEAN FxQueueIsPresenting(FX_QUEUE *Queue)
{
    BOOLEAN InLoop;

    FxLockAcquire(&Queue->Lock);
    InLoop = IsInLoop(Queue);
    FxLockRelease(&Queue->Lock);
    return InLoop;
}

/* A thread is in the loop once; a sequential queue has one thread in it. The lock is held. */
static BOOLEAN EnterLoop(FX_QUEUE *Queue, FX_DISPATCHER *Dispatcher)
{
    if (Queue->Config.DispatchType == WdfIoQueueDispatchSequential &&
        !IsListEmpty(&Queue->Dispatchers)) {
        return FALSE;
    }
    if (IsInLoop(Queue)) {
        return FALSE;
    }
    Dispatcher->Thread = FxThread();
    InsertTailList(&Queue->Dispatchers, &Dispatcher->Link);
    return TRUE;
}

static VOID DispatchLoop(FX_QUEUE *Queue)
{
    FX_DISPATCHER Dispatcher;
    FX_REQUEST *Request;

    FxLockAcquire(&Queue->Lock);
    if (!EnterLoop(Queue, &Dispatcher)) {
        FxLockRelease(&Queue->Lock);
        return;
    }
    while ((Request = TakeNext(Queue)) != NULL) {
        FxLockRelease(&Queue->Lock);
        Present(Queue, Request);
        FxLockAcquire(&Queue->Lock);
    }
    RemoveEntryList(&Dispatcher.Link);
    FxLockRelease(&Queue->Lock);
}

static VOID NTAPI DispatchFromWorkItem(DEVICE_OBJECT *Wdm, PVOID Context)
{
    FX_QUEUE *Queue = Context;

    (void)Wdm;
    InterlockedExchange(&Queue->DispatchItemQueued, FALSE);
    DispatchLoop(Queue);
    FxLockAcquire(&Queue->Lock);
    Queue->Busy--;
    FxLockRelease(&Queue->Lock);
}

VOID FxQueueDispatch(FX_QUEUE *Queue)
{
    if (Queue->Config.DispatchType == WdfIoQueueDispatchManual) {
        return;
    }
    if (!Queue->Passive || FxIrqlDepth() == 0) {
        DispatchLoop(Queue);
        return;
    }
    if (InterlockedExchange(&Queue->DispatchItemQueued, TRUE) == FALSE) {
        FxLockAcquire(&Queue->Lock);
        Queue->Busy++;
        FxLockRelease(&Queue->Lock);
        IoQueueWorkItem(Queue->DispatchItem, DispatchFromWorkItem, DelayedWorkQueue, Queue);
    }
}

/* ---- into and out of the queue ---- */

static VOID TellReady(FX_QUEUE *Queue)
{
    PFN_WDF_IO_QUEUE_STATE Ready;
    WDFCONTEXT Context;

    FxLockAcquire(&Queue->Lock);
    Ready = Queue->Ready;
    Context = Queue->ReadyContext;
    FxLockRelease(&Queue->Lock);
    if (Ready != NULL) {
        FX_CALLBACK(Queue->Object.Driver, "EvtIoQueueState (ready)",
                    Ready(FxHandle(Queue), Context));
    }
}

BOOLEAN FxQueueInsert(FX_QUEUE *Queue, FX_REQUEST *Request, BOOLEAN AtHead)
{
    BOOLEAN WasEmpty;

    FxLockAcquire(&Queue->Lock);
    if (!Queue->Accepting) {
        FxLockRelease(&Queue->Lock);
        return FALSE;
    }
    WasEmpty = Queue->WaitingCount == 0;
    Request->Queue = Queue;
    Request->State = FxRequestWaiting;
    if (AtHead) {
        InsertHeadList(&Queue->Waiting, &Request->Link);
    } else {
        InsertTailList(&Queue->Waiting, &Request->Link);
    }
    Queue->WaitingCount++;
    Queue->Busy++;
    if (!FxRequestArmQueueCancel(Request)) {
        RemoveEntryList(&Request->Link);
        Queue->WaitingCount--;
        FxLockRelease(&Queue->Lock);
        FxQueueCancelTaken(Queue, Request);
    } else {
        FxLockRelease(&Queue->Lock);
        if (WasEmpty && Queue->Config.DispatchType == WdfIoQueueDispatchManual) {
            TellReady(Queue);
        }
        FxQueueDispatch(Queue);
    }
    FxLockAcquire(&Queue->Lock);
    Queue->Busy--;
    FxLockRelease(&Queue->Lock);
    return TRUE;
}

VOID FxQueueUnlinkOwned(FX_QUEUE *Queue, FX_REQUEST *Request)
{
    if (Queue == NULL) {
        return;
    }
    FxLockAcquire(&Queue->Lock);
    RemoveEntryList(&Request->Link);
    Request->State = FxRequestNew;
    Queue->Busy++;
    FxLockRelease(&Queue->Lock);
}

VOID FxQueueRelinkOwned(FX_QUEUE *Queue, FX_REQUEST *Request)
{
    if (Queue != NULL) {
        FxLockAcquire(&Queue->Lock);
        InsertTailList(&Queue->Owned, &Request->Link);
        Queue->Busy--;
        FxLockRelease(&Queue->Lock);
    }
    Request->Queue = Queue;
    Request->State = FxRequestOwned;
}

VOID FxQueueReleaseOwned(FX_QUEUE *Queue)
{
    if (Queue == NULL) {
        return;
    }
    FxLockAcquire(&Queue->Lock);
    Queue->OwnedCount--;
    FxLockRelease(&Queue->Lock);
    FxQueueDispatch(Queue);
    FxQueueCheckState(Queue);
    FxLockAcquire(&Queue->Lock);
    Queue->Busy--;
    FxLockRelease(&Queue->Lock);
}

VOID FxQueueCancelTaken(FX_QUEUE *Queue, FX_REQUEST *Request)
{
    if (!Request->Presented || Queue->Config.EvtIoCanceledOnQueue == NULL) {
        FxRequestFinish(Request, STATUS_CANCELLED, IO_NO_INCREMENT);
        return;
    }
    /* The driver has seen it before: it may have state to clean up, and completes it. */
    FxLockAcquire(&Queue->Lock);
    InsertTailList(&Queue->Owned, &Request->Link);
    Queue->OwnedCount++;
    Request->State = FxRequestOwned;
    FxLockRelease(&Queue->Lock);
    FxPresentationAcquire(Queue->Presentation);
    FX_CALLBACK(Queue->Object.Driver, "EvtIoCanceledOnQueue",
                Queue->Config.EvtIoCanceledOnQueue(FxHandle(Queue), FxHandle(Request)));
    FxPresentationRelease(Queue->Presentation);
}

VOID FxQueueCancelWaiting(FX_QUEUE *Queue, FILE_OBJECT *OfFile)
{
    for (;;) {
        FX_REQUEST *Found = NULL;
        LIST_ENTRY *Entry;

        FxLockAcquire(&Queue->Lock);
        for (Entry = Queue->Waiting.Flink; Entry != &Queue->Waiting; Entry = Entry->Flink) {
            FX_REQUEST *Request = CONTAINING_RECORD(Entry, FX_REQUEST, Link);
            if ((OfFile == NULL || Request->Stack.FileObject == OfFile) &&
                FxRequestDisarmQueueCancel(Request)) {
                RemoveEntryList(&Request->Link);
                Queue->WaitingCount--;
                Found = Request;
                break;
            }
        }
        FxLockRelease(&Queue->Lock);
        if (Found == NULL) {
            break;
        }
        FxQueueCancelTaken(Queue, Found);
    }
    FxQueueCheckState(Queue);
}

/* ---- creation ---- */

static BOOLEAN HasCallback(const WDF_IO_QUEUE_CONFIG *Config)
{
    return Config->EvtIoDefault != NULL || Config->EvtIoRead != NULL ||
           Config->EvtIoWrite != NULL || Config->EvtIoDeviceControl != NULL ||
           Config->EvtIoInternalDeviceControl != NULL;
}

static NTSTATUS CheckConfig(const FX_DEVICE *Device, const WDF_IO_QUEUE_CONFIG *Config)
{
    if (Config->Size != sizeof(*Config)) {
        return STATUS_INFO_LENGTH_MISMATCH;
    }
    if (Config->DispatchType <= WdfIoQueueDispatchInvalid ||
        Config->DispatchType >= WdfIoQueueDispatchMax) {
        return STATUS_INVALID_PARAMETER;
    }
    if (Config->DispatchType == WdfIoQueueDispatchParallel &&
        Config->Settings.Parallel.NumberOfPresentedRequests == 0) {
        return STATUS_INVALID_PARAMETER;
    }
    if (Config->DispatchType == WdfIoQueueDispatchManual) {
        return HasCallback(Config) ? STATUS_INVALID_PARAMETER : STATUS_SUCCESS;
    }
    if (!HasCallback(Config)) {
        return STATUS_WDF_NO_CALLBACK;
    }
    return Config->DefaultQueue && Device->DefaultQueue != NULL ? STATUS_UNSUCCESSFUL
                                                                : STATUS_SUCCESS;
}

static VOID SetSynchronization(FX_QUEUE *Queue)
{
    FX_OBJECT *DeviceObject = &Queue->Device->Object;
    WDF_SYNCHRONIZATION_SCOPE Scope = Queue->Object.SynchronizationScope;
    WDF_EXECUTION_LEVEL Level = Queue->Object.ExecutionLevel;

    if (Level == WdfExecutionLevelInheritFromParent) {
        Level = DeviceObject->ExecutionLevel;
    }
    if (Scope == WdfSynchronizationScopeInheritFromParent) {
        Scope = DeviceObject->SynchronizationScope;
    }
    Queue->Passive = Level == WdfExecutionLevelPassive;
    FxPresentationInitialize(&Queue->OwnPresentation, !Queue->Passive);
    if (Scope == WdfSynchronizationScopeQueue) {
        Queue->Presentation = &Queue->OwnPresentation;
    } else if (Scope == WdfSynchronizationScopeDevice) {
        Queue->Presentation = &Queue->Device->Presentation;
    }
}

static NTSTATUS NTAPI IoQueueCreate(PWDF_DRIVER_GLOBALS Globals, WDFDEVICE DeviceHandle,
                                    PWDF_IO_QUEUE_CONFIG Config, PWDF_OBJECT_ATTRIBUTES Attributes,
                                    WDFQUEUE *Handle)
{
    FX_DEVICE *Device = FX_DEVICE_OF(DeviceHandle);
    FX_QUEUE *Queue;
    NTSTATUS Status = CheckConfig(Device, Config);

    if (NT_SUCCESS(Status)) {
        Status = FxAttributesCheck(Attributes, TRUE);
    }
    if (NT_SUCCESS(Status)) {
        Status = FxObjectCreate(Device->Object.Driver, FxTypeQueue, sizeof(*Queue), Attributes,
                                &Device->Object, &Queue);
    }
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    InitializeListHead(&Queue->Waiting);
    InitializeListHead(&Queue->Owned);
    InitializeListHead(&Queue->Dispatchers);
    Queue->Object.DriverMayDelete = FALSE;
    Queue->Device = Device;
    Queue->Config = *Config;
    Queue->DispatchItem = IoAllocateWorkItem(Device->Wdm);
    Queue->PowerManaged = Config->PowerManaged == WdfUseDefault
                              ? !Device->Settings.Control && !Device->Settings.Filter
                              : Config->PowerManaged == WdfTrue;
    Queue->PowerHeld = Queue->PowerManaged && !Device->Powered;
    Queue->Accepting = TRUE;
    Queue->Dispatching = TRUE;
    SetSynchronization(Queue);
    FxLockAcquire(&Device->ListLock);
    InsertTailList(&Device->Queues, &Queue->Link);
    FxLockRelease(&Device->ListLock);
    if (Config->DefaultQueue) {
        Device->DefaultQueue = Queue;
    }
    if (Handle != NULL) {
        *Handle = FxHandle(Queue);
    }
    return STATUS_SUCCESS;
}

VOID FxQueueDispose(FX_OBJECT *Object)
{
    FxQueuePurgeAndWait((FX_QUEUE *)Object);
}

VOID FxQueueDestroy(FX_OBJECT *Object)
{
    FX_QUEUE *Queue = (FX_QUEUE *)Object;

    if (Queue->DispatchItem != NULL) {
        IoFreeWorkItem(Queue->DispatchItem);
    }
}

static WDFDEVICE NTAPI IoQueueGetDevice(PWDF_DRIVER_GLOBALS Globals, WDFQUEUE Handle)
{
    FX_QUEUE *Queue = FX_QUEUE_OF(Handle);

    return FxHandle(Queue->Device);
}

/* ---- retrieving ---- */

static NTSTATUS Retrieve(FX_QUEUE *Queue, FILE_OBJECT *OfFile, WDFREQUEST *Result)
{
    NTSTATUS Status = STATUS_NO_MORE_ENTRIES;
    LIST_ENTRY *Entry;

    *Result = NULL;
    FxLockAcquire(&Queue->Lock);
    if (!Queue->Dispatching || Queue->PowerHeld) {
        FxLockRelease(&Queue->Lock);
        return STATUS_WDF_PAUSED;
    }
    for (Entry = Queue->Waiting.Flink; Entry != &Queue->Waiting; Entry = Entry->Flink) {
        FX_REQUEST *Request = CONTAINING_RECORD(Entry, FX_REQUEST, Link);
        if ((OfFile == NULL || Request->Stack.FileObject == OfFile) &&
            FxQueueTake(Queue, Request)) {
            *Result = FxHandle(Request);
            Status = STATUS_SUCCESS;
            break;
        }
    }
    FxLockRelease(&Queue->Lock);
    return Status;
}

static NTSTATUS NTAPI IoQueueRetrieveNextRequest(PWDF_DRIVER_GLOBALS Globals, WDFQUEUE Handle,
                                                 WDFREQUEST *Result)
{
    return Retrieve(FX_QUEUE_OF(Handle), NULL, Result);
}

static NTSTATUS NTAPI IoQueueRetrieveRequestByFileObject(PWDF_DRIVER_GLOBALS Globals,
                                                         WDFQUEUE Handle, WDFFILEOBJECT FileHandle,
                                                         WDFREQUEST *Result)
{
    FX_FILE *File = FX_FILE_OF(FileHandle);

    return Retrieve(FX_QUEUE_OF(Handle), File->Wdm, Result);
}

/* Where a search begins: behind Found, if that still waits; NULL: it does not. Locked. */
static LIST_ENTRY *AfterFound(FX_QUEUE *Queue, FX_REQUEST *Found)
{
    if (Found == NULL) {
        return Queue->Waiting.Flink;
    }
    return Found->State == FxRequestWaiting && Found->Queue == Queue ? Found->Link.Flink : NULL;
}

static NTSTATUS NTAPI IoQueueFindRequest(PWDF_DRIVER_GLOBALS Globals, WDFQUEUE Handle,
                                         WDFREQUEST FoundHandle, WDFFILEOBJECT FileHandle,
                                         PWDF_REQUEST_PARAMETERS Parameters, WDFREQUEST *Result)
{
    FX_QUEUE *Queue = FX_QUEUE_OF(Handle);
    FX_REQUEST *Found = FoundHandle == NULL ? NULL : FX_REQUEST_OF(FoundHandle);
    FX_FILE *File = FileHandle == NULL ? NULL : FX_FILE_OF(FileHandle);
    NTSTATUS Status = STATUS_NO_MORE_ENTRIES;
    LIST_ENTRY *Entry;

    *Result = NULL;
    FxLockAcquire(&Queue->Lock);
    Entry = AfterFound(Queue, Found);
    if (Entry == NULL) {
        Status = STATUS_NOT_FOUND;
    }
    for (; Entry != NULL && Entry != &Queue->Waiting; Entry = Entry->Flink) {
        FX_REQUEST *Request = CONTAINING_RECORD(Entry, FX_REQUEST, Link);
        if (File == NULL || Request->Stack.FileObject == File->Wdm) {
            FxObjectReference(Request);
            if (Parameters != NULL) {
                FxRequestParameters(Request, Parameters);
            }
            *Result = FxHandle(Request);
            Status = STATUS_SUCCESS;
            break;
        }
    }
    FxLockRelease(&Queue->Lock);
    return Status;
}

static NTSTATUS NTAPI IoQueueRetrieveFoundRequest(PWDF_DRIVER_GLOBALS Globals, WDFQUEUE Handle,
                                                  WDFREQUEST FoundHandle, WDFREQUEST *Result)
{
    FX_QUEUE *Queue = FX_QUEUE_OF(Handle);
    FX_REQUEST *Request = FX_REQUEST_OF(FoundHandle);
    NTSTATUS Status = STATUS_NOT_FOUND;

    *Result = NULL;
    FxLockAcquire(&Queue->Lock);
    if (!Queue->Dispatching || Queue->PowerHeld) {
        Status = STATUS_WDF_PAUSED;
    } else if (Request->State == FxRequestWaiting && Request->Queue == Queue &&
               FxQueueTake(Queue, Request)) {
        *Result = FoundHandle;
        Status = STATUS_SUCCESS;
    }
    FxLockRelease(&Queue->Lock);
    return Status;
}

const FX_ENTRY FxQueueEntries[] = {
    FX_ENTRY_OF(WdfIoQueueCreate, IoQueueCreate),
    FX_ENTRY_OF(WdfIoQueueGetDevice, IoQueueGetDevice),
    FX_ENTRY_OF(WdfIoQueueRetrieveNextRequest, IoQueueRetrieveNextRequest),
    FX_ENTRY_OF(WdfIoQueueRetrieveRequestByFileObject, IoQueueRetrieveRequestByFileObject),
    FX_ENTRY_OF(WdfIoQueueFindRequest, IoQueueFindRequest),
    FX_ENTRY_OF(WdfIoQueueRetrieveFoundRequest, IoQueueRetrieveFoundRequest),
    FX_ENTRIES_END,
};
