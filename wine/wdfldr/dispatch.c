/* The way of an I/O request packet into the framework: preprocessing, files, queues. */
#include "fx.h"

NTSTATUS FxCompleteIrp(IRP *Irp, NTSTATUS Status)
{
    Irp->IoStatus.Status = Status;
    Irp->IoStatus.Information = 0;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    return Status;
}

NTSTATUS FxForwardIrp(FX_DEVICE *Device, IRP *Irp)
{
    IoSkipCurrentIrpStackLocation(Irp);
    return IoCallDriver(Device->Attached, Irp);
}

static NTSTATUS NTAPI WakeSender(DEVICE_OBJECT *Wdm, IRP *Irp, PVOID Event)
{
    (void)Wdm;
    (void)Irp;
    KeSetEvent(Event, IO_NO_INCREMENT, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

NTSTATUS FxSendAndWait(DEVICE_OBJECT *Target, IRP *Irp)
{
    KEVENT Done;

    KeInitializeEvent(&Done, NotificationEvent, FALSE);
    IoSetCompletionRoutine(Irp, WakeSender, &Done, TRUE, TRUE, TRUE);
    if (IoCallDriver(Target, Irp) == STATUS_PENDING) {
        KeWaitForSingleObject(&Done, Executive, KernelMode, FALSE, NULL);
    }
    return Irp->IoStatus.Status;
}

FX_QUEUE *FxDeviceQueueFor(FX_DEVICE *Device, UCHAR MajorFunction)
{
    if (MajorFunction <= IRP_MJ_INTERNAL_DEVICE_CONTROL &&
        Device->QueueByType[MajorFunction] != NULL) {
        return Device->QueueByType[MajorFunction];
    }
    /* Creation reaches a queue only when the driver configured one for it. */
    return MajorFunction == IRP_MJ_CREATE ? NULL : Device->DefaultQueue;
}

static NTSTATUS Enqueue(FX_QUEUE *Queue, FX_REQUEST *Request)
{
    if (!FxQueueInsert(Queue, Request, FALSE)) {
        FxRequestFinish(Request, STATUS_INVALID_DEVICE_STATE, IO_NO_INCREMENT);
    }
    return STATUS_PENDING;
}

/* A read or write of nothing succeeds, unless the queue wants to see it. */
static BOOLEAN IsEmptyTransfer(FX_QUEUE *Queue, IO_STACK_LOCATION *Stack)
{
    if (Queue->Config.AllowZeroLengthRequests) {
        return FALSE;
    }
    return (Stack->MajorFunction == IRP_MJ_READ && Stack->Parameters.Read.Length == 0) ||
           (Stack->MajorFunction == IRP_MJ_WRITE && Stack->Parameters.Write.Length == 0);
}

static NTSTATUS DispatchIo(FX_DEVICE *Device, IRP *Irp)
{
    IO_STACK_LOCATION *Stack = IoGetCurrentIrpStackLocation(Irp);
    FX_QUEUE *Queue = FxDeviceQueueFor(Device, Stack->MajorFunction);
    FX_REQUEST *Request;
    NTSTATUS Status;

    if (Queue == NULL && Device->Settings.Filter) {
        return FxForwardIrp(Device, Irp);
    }
    if (Queue == NULL) {
        return FxCompleteIrp(Irp, STATUS_INVALID_DEVICE_REQUEST);
    }
    if (IsEmptyTransfer(Queue, Stack)) {
        return FxCompleteIrp(Irp, STATUS_SUCCESS);
    }
    Status = FxRequestCreate(Device, Irp, &Request);
    if (!NT_SUCCESS(Status)) {
        return FxCompleteIrp(Irp, Status);
    }
    IoMarkIrpPending(Irp);
    if (Device->Settings.InCallerContext != NULL) {
        Request->State = FxRequestInCaller;
        FX_CALLBACK(Device->Object.Driver, "EvtIoInCallerContext",
                    Device->Settings.InCallerContext(FxHandle(Device), FxHandle(Request)));
        return STATUS_PENDING;
    }
    return Enqueue(Queue, Request);
}

/* ---- opening and closing ---- */

static NTSTATUS CreateToDriver(FX_DEVICE *Device, IRP *Irp, FX_FILE *File)
{
    FX_REQUEST *Request;
    FX_QUEUE *Queue = FxDeviceQueueFor(Device, IRP_MJ_CREATE);
    NTSTATUS Status = FxRequestCreate(Device, Irp, &Request);

    if (!NT_SUCCESS(Status)) {
        return FxCompleteIrp(Irp, Status);
    }
    IoMarkIrpPending(Irp);
    if (Queue != NULL) {
        return Enqueue(Queue, Request);
    }
    Request->State = FxRequestOwned;
    FX_CALLBACK(Device->Object.Driver, "EvtDeviceFileCreate",
                Device->Settings.File.EvtDeviceFileCreate(FxHandle(Device), FxHandle(Request),
                                                          FxHandle(File)));
    return STATUS_PENDING;
}

static NTSTATUS DispatchCreate(FX_DEVICE *Device, IRP *Irp)
{
    IO_STACK_LOCATION *Stack = IoGetCurrentIrpStackLocation(Irp);
    FX_FILE *File = NULL;

    if (Device->Failed || Device->PnpState == FxPnpSurpriseRemoved ||
        Device->PnpState == FxPnpRemoved) {
        return FxCompleteIrp(Irp, STATUS_NO_SUCH_DEVICE);
    }
    if (Device->Settings.HasFileConfig &&
        Device->Settings.File.FileObjectClass != WdfFileObjectNotRequired) {
        NTSTATUS Status = FxFileCreate(Device, Stack->FileObject, &File);
        if (!NT_SUCCESS(Status)) {
            return FxCompleteIrp(Irp, Status);
        }
    }
    if (Device->Settings.File.EvtDeviceFileCreate != NULL ||
        FxDeviceQueueFor(Device, IRP_MJ_CREATE) != NULL) {
        return CreateToDriver(Device, Irp, File);
    }
    if (Device->Settings.Filter) {
        return FxForwardIrp(Device, Irp);
    }
    return FxCompleteIrp(Irp, STATUS_SUCCESS);
}

static VOID CancelFileRequests(FX_DEVICE *Device, FILE_OBJECT *Wdm)
{
    LIST_ENTRY *Entry;

    for (Entry = Device->Queues.Flink; Entry != &Device->Queues; Entry = Entry->Flink) {
        FxQueueCancelWaiting(CONTAINING_RECORD(Entry, FX_QUEUE, Link), Wdm);
    }
}

static NTSTATUS DispatchCleanupOrClose(FX_DEVICE *Device, IRP *Irp)
{
    IO_STACK_LOCATION *Stack = IoGetCurrentIrpStackLocation(Irp);
    FX_FILE *File = FxFileFind(Device, Stack->FileObject);

    CancelFileRequests(Device, Stack->FileObject);
    if (File != NULL) {
        FxFileCleanup(File);
    }
    if (File != NULL && Stack->MajorFunction == IRP_MJ_CLOSE) {
        FxFileClose(File);
    }
    if (Device->Settings.Filter) {
        return FxForwardIrp(Device, Irp);
    }
    return FxCompleteIrp(Irp, STATUS_SUCCESS);
}

static NTSTATUS DispatchShutdown(FX_DEVICE *Device, IRP *Irp)
{
    if (Device->Settings.Shutdown == NULL) {
        return FxCompleteIrp(Irp, STATUS_INVALID_DEVICE_REQUEST);
    }
    FX_CALLBACK(Device->Object.Driver, "EvtDeviceShutdownNotification",
                Device->Settings.Shutdown(FxHandle(Device)));
    return FxCompleteIrp(Irp, STATUS_SUCCESS);
}

/* ---- the entry points of the driver object ---- */

static NTSTATUS DispatchToFramework(FX_DEVICE *Device, IRP *Irp)
{
    switch (IoGetCurrentIrpStackLocation(Irp)->MajorFunction) {
    case IRP_MJ_CREATE:
        return DispatchCreate(Device, Irp);
    case IRP_MJ_CLEANUP:
    case IRP_MJ_CLOSE:
        return DispatchCleanupOrClose(Device, Irp);
    case IRP_MJ_READ:
    case IRP_MJ_WRITE:
    case IRP_MJ_DEVICE_CONTROL:
    case IRP_MJ_INTERNAL_DEVICE_CONTROL:
        return DispatchIo(Device, Irp);
    case IRP_MJ_PNP:
        return FxPnpDispatch(Device, Irp);
    case IRP_MJ_POWER:
        return FxPowerDispatch(Device, Irp);
    case IRP_MJ_SHUTDOWN:
        return DispatchShutdown(Device, Irp);
    case IRP_MJ_SYSTEM_CONTROL:
        if (Device->Attached != NULL) {
            return FxForwardIrp(Device, Irp);
        }
        return FxCompleteIrp(Irp, STATUS_INVALID_DEVICE_REQUEST);
    default:
        /* Flushes among them: KMDF has no queue for them. */
        if (Device->Settings.Filter) {
            return FxForwardIrp(Device, Irp);
        }
        return FxCompleteIrp(Irp, STATUS_INVALID_DEVICE_REQUEST);
    }
}

static BOOLEAN IsPreprocessed(const FX_PREPROCESS *Entry, UCHAR MinorFunction)
{
    ULONG i;

    if (Entry->Callback == NULL) {
        return FALSE;
    }
    for (i = 0; i < Entry->MinorCount; i++) {
        if (Entry->Minors[i] == MinorFunction) {
            return TRUE;
        }
    }
    return Entry->MinorCount == 0;
}

/*
 * What Windows' I/O manager does and Wine's leaves out: a file that was opened for it writes
 * through.
 */
static VOID MarkWriteThrough(IO_STACK_LOCATION *Stack)
{
    FILE_OBJECT *File = Stack->FileObject;

    if (File == NULL) {
        return;
    }
    if (Stack->MajorFunction == IRP_MJ_CREATE &&
        (Stack->Parameters.Create.Options & FILE_WRITE_THROUGH) != 0) {
        File->Flags |= FO_WRITE_THROUGH;
    }
    if (Stack->MajorFunction == IRP_MJ_WRITE && (File->Flags & FO_WRITE_THROUGH) != 0) {
        Stack->Flags |= SL_WRITE_THROUGH;
    }
}

NTSTATUS NTAPI FxDispatch(DEVICE_OBJECT *Wdm, IRP *Irp)
{
    IO_STACK_LOCATION *Stack = IoGetCurrentIrpStackLocation(Irp);
    FX_DEVICE *Device = FxDeviceFromWdm(Wdm);
    const FX_PREPROCESS *Preprocess;
    NTSTATUS Status;

    if (Device == NULL) {
        return FxCompleteIrp(Irp, STATUS_NO_SUCH_DEVICE);
    }
    if (Device->Settings.Control && !Device->Initialized) {
        return FxCompleteIrp(Irp, STATUS_INVALID_DEVICE_STATE);
    }
    MarkWriteThrough(Stack);
    Preprocess = &Device->Settings.Preprocess[Stack->MajorFunction];
    if (!IsPreprocessed(Preprocess, Stack->MinorFunction)) {
        return DispatchToFramework(Device, Irp);
    }
    FX_CALLBACK(Device->Object.Driver, "EvtDeviceWdmIrpPreprocess",
                Status = Preprocess->Callback(FxHandle(Device), Irp));
    return Status;
}

static NTSTATUS NTAPI DeviceWdmDispatchPreprocessedIrp(PWDF_DRIVER_GLOBALS Globals,
                                                       WDFDEVICE Handle, PIRP Irp)
{
    FX_DEVICE *Device = FX_DEVICE_OF(Handle);

    if (!Device->Settings.HasPreprocess) {
        FxStop(FxDriver(Globals), "wrong object: the device has no preprocess callback");
    }
    IoSetNextIrpStackLocation(Irp);
    return DispatchToFramework(Device, Irp);
}

static NTSTATUS NTAPI DeviceEnqueueRequest(PWDF_DRIVER_GLOBALS Globals, WDFDEVICE Handle,
                                           WDFREQUEST RequestHandle)
{
    FX_DEVICE *Device = FX_DEVICE_OF(Handle);
    FX_REQUEST *Request = FX_REQUEST_OF(RequestHandle);

    if (Request->State != FxRequestInCaller || Request->Device != Device) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    if (!FxQueueInsert(FxDeviceQueueFor(Device, Request->Stack.MajorFunction), Request, FALSE)) {
        return STATUS_WDF_BUSY;
    }
    return STATUS_SUCCESS;
}

const FX_ENTRY FxDispatchEntries[] = {
    FX_ENTRY_OF(WdfDeviceWdmDispatchPreprocessedIrp, DeviceWdmDispatchPreprocessedIrp),
    FX_ENTRY_OF(WdfDeviceEnqueueRequest, DeviceEnqueueRequest),
    FX_ENTRIES_END,
};
