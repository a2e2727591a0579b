/* WDFREQUEST: ownership, completion, forwarding. */
#include "fx.h"

static const char *MajorName(UCHAR MajorFunction)
{
    switch (MajorFunction) {
    case IRP_MJ_CREATE:
        return "create";
    case IRP_MJ_READ:
        return "read";
    case IRP_MJ_WRITE:
        return "write";
    case IRP_MJ_DEVICE_CONTROL:
        return "device control";
    case IRP_MJ_INTERNAL_DEVICE_CONTROL:
        return "internal device control";
    default:
        return "request";
    }
}

const char *FxRequestDescribe(const FX_REQUEST *Request, char *Text, SIZE_T Size)
{
    const IO_STACK_LOCATION *Stack = &Request->Stack;
    const char *Name = MajorName(Stack->MajorFunction);

    Text[Size - 1] = '\0';
    switch (Stack->MajorFunction) {
    case IRP_MJ_READ:
    case IRP_MJ_WRITE:
        _snprintf(Text, Size - 1, "%s of %lu bytes at 0x%I64x", Name, Stack->Parameters.Read.Length,
                  Stack->Parameters.Read.ByteOffset.QuadPart);
        break;
    case IRP_MJ_DEVICE_CONTROL:
    case IRP_MJ_INTERNAL_DEVICE_CONTROL:
        _snprintf(Text, Size - 1, "%s 0x%lx", Name,
                  Stack->Parameters.DeviceIoControl.IoControlCode);
        break;
    default:
        _snprintf(Text, Size - 1, "%s", Name);
        break;
    }
    return Text;
}

NTSTATUS FxRequestCreate(FX_DEVICE *Device, IRP *Irp, FX_REQUEST **Result)
{
    const WDF_OBJECT_ATTRIBUTES *Attributes =
        Device->Settings.HasRequestAttributes ? &Device->Settings.RequestAttributes : NULL;
    FX_REQUEST *Request;
    NTSTATUS Status = FxObjectCreate(Device->Object.Driver, FxTypeRequest, sizeof(*Request),
                                     Attributes, NULL, &Request);

    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    Request->Object.DriverMayDelete = FALSE;
    Request->Device = Device;
    Request->Irp = Irp;
    Request->Stack = *IoGetCurrentIrpStackLocation(Irp);
    Request->Status = STATUS_SUCCESS;
    Request->State = FxRequestNew;
    Irp->IoStatus.Information = 0;
    if (Device->Settings.HasFileConfig) {
        Request->File = FxFileFind(Device, Request->Stack.FileObject);
    }
    *Result = Request;
    return STATUS_SUCCESS;
}

VOID FxRequestDestroy(FX_OBJECT *Object)
{
    (void)Object;
}

VOID FxRequestFinish(FX_REQUEST *Request, NTSTATUS Status, CCHAR Boost)
{
    IRP *Irp = Request->Irp;
    FX_FILE *File = Request->File;
    UCHAR MajorFunction = Request->Stack.MajorFunction;

    Request->State = FxRequestCompleted;
    Request->Status = Status;
    /* The cleanup callbacks may still look at the packet. */
    FxObjectDispose(Request);
    Irp->IoStatus.Status = Status;
    Irp->IoStatus.Information = Request->Information;
    Request->Irp = NULL;
    if (MajorFunction == IRP_MJ_CREATE && !NT_SUCCESS(Status) && File != NULL) {
        FxFileAbandon(File);
    }
    FxObjectRelease(Request);
    IoCompleteRequest(Irp, Boost);
}

VOID FxRequestRequireOwned(FX_REQUEST *Request, const char *Function)
{
    const char *Where;
    char Text[80];

    if (Request->State == FxRequestOwned || Request->State == FxRequestInCaller) {
        return;
    }
    FxRequestDescribe(Request, Text, sizeof(Text));
    if (Request->State == FxRequestCompleted) {
        FxStop(Request->Object.Driver,
               "%s: WDFREQUEST %p (%s) is completed already and passed to Wdf%s",
               strncmp(Function, "RequestComplete", 15) == 0 ? "double completion"
                                                             : "use after completion",
               FxHandle(Request), Text, Function);
    }
    Where = Request->State == FxRequestWaiting ? "waits in a queue" : "is with the framework";
    FxStop(Request->Object.Driver, "not the driver's request: WDFREQUEST %p (%s) %s; Wdf%s",
           FxHandle(Request), Text, Where, Function);
}

static VOID RequireNotCancelable(FX_REQUEST *Request, const char *Function)
{
    char Text[80];

    if (Request->Cancel != NULL) {
        FxStop(Request->Object.Driver,
               "still cancelable: WDFREQUEST %p (%s) must be unmarked before Wdf%s",
               FxHandle(Request), FxRequestDescribe(Request, Text, sizeof(Text)), Function);
    }
}

ULONG_PTR FxRequestInformationLimit(const FX_REQUEST *Request)
{
    const IO_STACK_LOCATION *Stack = &Request->Stack;

    switch (Stack->MajorFunction) {
    case IRP_MJ_READ:
        return Stack->Parameters.Read.Length;
    case IRP_MJ_WRITE:
        return Stack->Parameters.Write.Length;
    case IRP_MJ_DEVICE_CONTROL:
    case IRP_MJ_INTERNAL_DEVICE_CONTROL:
        return Stack->Parameters.DeviceIoControl.OutputBufferLength;
    default:
        return (ULONG_PTR)-1;
    }
}

static VOID Complete(FX_REQUEST *Request, NTSTATUS Status, CCHAR Boost, const char *Function)
{
    FX_QUEUE *Queue = Request->Queue;
    char Text[80];

    FxRequestRequireOwned(Request, Function);
    RequireNotCancelable(Request, Function);
    FxRequestDescribe(Request, Text, sizeof(Text));
    if (Status == STATUS_PENDING) {
        FxStop(Request->Object.Driver, "bad status: a %s is completed with STATUS_PENDING", Text);
    }
    if (!NT_ERROR(Status) && Request->Information > FxRequestInformationLimit(Request)) {
        FxStop(Request->Object.Driver,
               "information too long: a %s is completed with %Iu bytes, its buffer has %Iu", Text,
               Request->Information, FxRequestInformationLimit(Request));
    }
    FxQueueUnlinkOwned(Queue, Request);
    FxRequestFinish(Request, Status, Boost);
    FxQueueReleaseOwned(Queue);
}

static VOID NTAPI RequestComplete(PWDF_DRIVER_GLOBALS Globals, WDFREQUEST Handle, NTSTATUS Status)
{
    Complete(FX_REQUEST_OF(Handle), Status, IO_NO_INCREMENT, __func__);
}

static VOID NTAPI RequestCompleteWithPriorityBoost(PWDF_DRIVER_GLOBALS Globals, WDFREQUEST Handle,
                                                   NTSTATUS Status, CCHAR Boost)
{
    Complete(FX_REQUEST_OF(Handle), Status, Boost, __func__);
}

static VOID NTAPI RequestCompleteWithInformation(PWDF_DRIVER_GLOBALS Globals, WDFREQUEST Handle,
                                                 NTSTATUS Status, ULONG_PTR Information)
{
    FX_REQUEST *Request = FX_REQUEST_OF(Handle);

    FxRequestRequireOwned(Request, __func__);
    Request->Information = Information;
    Complete(Request, Status, IO_NO_INCREMENT, __func__);
}

static VOID NTAPI RequestSetInformation(PWDF_DRIVER_GLOBALS Globals, WDFREQUEST Handle,
                                        ULONG_PTR Information)
{
    FX_REQUEST *Request = FX_REQUEST_OF(Handle);

    FxRequestRequireOwned(Request, __func__);
    Request->Information = Information;
}

static ULONG_PTR NTAPI RequestGetInformation(PWDF_DRIVER_GLOBALS Globals, WDFREQUEST Handle)
{
    FX_REQUEST *Request = FX_REQUEST_OF(Handle);

    return Request->Information;
}

static NTSTATUS NTAPI RequestGetStatus(PWDF_DRIVER_GLOBALS Globals, WDFREQUEST Handle)
{
    FX_REQUEST *Request = FX_REQUEST_OF(Handle);

    return Request->Status;
}

/* ---- what it asks for ---- */

VOID FxRequestParameters(const FX_REQUEST *Request, PWDF_REQUEST_PARAMETERS Parameters)
{
    const IO_STACK_LOCATION *Stack = &Request->Stack;

    WDF_REQUEST_PARAMETERS_INIT(Parameters);
    Parameters->MinorFunction = Stack->MinorFunction;
    /* The types of requests are the major functions. */
    Parameters->Type = (WDF_REQUEST_TYPE)Stack->MajorFunction;
    switch (Stack->MajorFunction) {
    case IRP_MJ_CREATE:
        Parameters->Parameters.Create.SecurityContext = Stack->Parameters.Create.SecurityContext;
        Parameters->Parameters.Create.Options = Stack->Parameters.Create.Options;
        Parameters->Parameters.Create.FileAttributes = Stack->Parameters.Create.FileAttributes;
        Parameters->Parameters.Create.ShareAccess = Stack->Parameters.Create.ShareAccess;
        Parameters->Parameters.Create.EaLength = Stack->Parameters.Create.EaLength;
        break;
    case IRP_MJ_READ:
        Parameters->Parameters.Read.Length = Stack->Parameters.Read.Length;
        Parameters->Parameters.Read.Key = Stack->Parameters.Read.Key;
        Parameters->Parameters.Read.DeviceOffset = Stack->Parameters.Read.ByteOffset.QuadPart;
        break;
    case IRP_MJ_WRITE:
        Parameters->Parameters.Write.Length = Stack->Parameters.Write.Length;
        Parameters->Parameters.Write.Key = Stack->Parameters.Write.Key;
        Parameters->Parameters.Write.DeviceOffset = Stack->Parameters.Write.ByteOffset.QuadPart;
        break;
    case IRP_MJ_DEVICE_CONTROL:
    case IRP_MJ_INTERNAL_DEVICE_CONTROL:
        Parameters->Parameters.DeviceIoControl.OutputBufferLength =
            Stack->Parameters.DeviceIoControl.OutputBufferLength;
        Parameters->Parameters.DeviceIoControl.InputBufferLength =
            Stack->Parameters.DeviceIoControl.InputBufferLength;
        Parameters->Parameters.DeviceIoControl.IoControlCode =
            Stack->Parameters.DeviceIoControl.IoControlCode;
        Parameters->Parameters.DeviceIoControl.Type3InputBuffer =
            Stack->Parameters.DeviceIoControl.Type3InputBuffer;
        break;
    default:
        break;
    }
}

static VOID NTAPI RequestGetParameters(PWDF_DRIVER_GLOBALS Globals, WDFREQUEST Handle,
                                       PWDF_REQUEST_PARAMETERS Parameters)
{
    FX_REQUEST *Request = FX_REQUEST_OF(Handle);

    if (Parameters->Size != sizeof(*Parameters)) {
        FxStop(FxDriver(Globals), "bad structure: WDF_REQUEST_PARAMETERS has size %u",
               Parameters->Size);
    }
    FxRequestParameters(Request, Parameters);
}

static WDFFILEOBJECT NTAPI RequestGetFileObject(PWDF_DRIVER_GLOBALS Globals, WDFREQUEST Handle)
{
    FX_REQUEST *Request = FX_REQUEST_OF(Handle);

    return FxHandle(Request->File);
}

static KPROCESSOR_MODE NTAPI RequestGetRequestorMode(PWDF_DRIVER_GLOBALS Globals, WDFREQUEST Handle)
{
    FX_REQUEST *Request = FX_REQUEST_OF(Handle);

    FxRequestRequireOwned(Request, __func__);
    return Request->Irp->RequestorMode;
}

static BOOLEAN NTAPI RequestIsFrom32BitProcess(PWDF_DRIVER_GLOBALS Globals, WDFREQUEST Handle)
{
    FX_REQUEST *Request = FX_REQUEST_OF(Handle);

    FxRequestRequireOwned(Request, __func__);
    return IoIs32bitProcess(Request->Irp);
}

static PIRP NTAPI RequestWdmGetIrp(PWDF_DRIVER_GLOBALS Globals, WDFREQUEST Handle)
{
    FX_REQUEST *Request = FX_REQUEST_OF(Handle);

    FxRequestRequireOwned(Request, __func__);
    return Request->Irp;
}

static WDFQUEUE NTAPI RequestGetIoQueue(PWDF_DRIVER_GLOBALS Globals, WDFREQUEST Handle)
{
    FX_REQUEST *Request = FX_REQUEST_OF(Handle);

    return FxHandle(Request->Queue);
}

/* ---- to another queue ---- */

static NTSTATUS MoveTo(FX_REQUEST *Request, FX_QUEUE *Destination, BOOLEAN AtHead,
                       const char *Function)
{
    FX_QUEUE *Source = Request->Queue;

    FxRequestRequireOwned(Request, Function);
    RequireNotCancelable(Request, Function);
    FxQueueUnlinkOwned(Source, Request);
    if (!FxQueueInsert(Destination, Request, AtHead)) {
        FxQueueRelinkOwned(Source, Request);
        return STATUS_WDF_BUSY;
    }
    FxQueueReleaseOwned(Source);
    return STATUS_SUCCESS;
}

static NTSTATUS NTAPI RequestForwardToIoQueue(PWDF_DRIVER_GLOBALS Globals, WDFREQUEST Handle,
                                              WDFQUEUE QueueHandle)
{
    FX_REQUEST *Request = FX_REQUEST_OF(Handle);
    FX_QUEUE *Queue = FX_QUEUE_OF(QueueHandle);

    if (Request->Queue == Queue || Request->Device != Queue->Device) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    return MoveTo(Request, Queue, FALSE, __func__);
}

static NTSTATUS NTAPI RequestRequeue(PWDF_DRIVER_GLOBALS Globals, WDFREQUEST Handle)
{
    FX_REQUEST *Request = FX_REQUEST_OF(Handle);

    if (Request->Queue == NULL || Request->Queue->Config.DispatchType != WdfIoQueueDispatchManual) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    return MoveTo(Request, Request->Queue, TRUE, __func__);
}

static VOID NTAPI RequestStopAcknowledge(PWDF_DRIVER_GLOBALS Globals, WDFREQUEST Handle,
                                         BOOLEAN Requeue)
{
    FX_REQUEST *Request = FX_REQUEST_OF(Handle);

    FxRequestRequireOwned(Request, __func__);
    if (!Request->StopSent || Request->Acknowledged) {
        FxStop(FxDriver(Globals), "bad state: WdfRequestStopAcknowledge outside of EvtIoStop");
    }
    Request->Acknowledged = TRUE;
    if (Requeue) {
        /* A queue that is being purged takes nothing back: the request is as good as cancelled. */
        if (MoveTo(Request, Request->Queue, TRUE, __func__) == STATUS_WDF_BUSY) {
            Complete(Request, STATUS_CANCELLED, IO_NO_INCREMENT, __func__);
        }
    }
}

const FX_ENTRY FxRequestEntries[] = {
    FX_ENTRY_OF(WdfRequestComplete, RequestComplete),
    FX_ENTRY_OF(WdfRequestCompleteWithPriorityBoost, RequestCompleteWithPriorityBoost),
    FX_ENTRY_OF(WdfRequestCompleteWithInformation, RequestCompleteWithInformation),
    FX_ENTRY_OF(WdfRequestSetInformation, RequestSetInformation),
    FX_ENTRY_OF(WdfRequestGetInformation, RequestGetInformation),
    FX_ENTRY_OF(WdfRequestGetStatus, RequestGetStatus),
    FX_ENTRY_OF(WdfRequestGetParameters, RequestGetParameters),
    FX_ENTRY_OF(WdfRequestGetFileObject, RequestGetFileObject),
    FX_ENTRY_OF(WdfRequestGetRequestorMode, RequestGetRequestorMode),
    FX_ENTRY_OF(WdfRequestIsFrom32BitProcess, RequestIsFrom32BitProcess),
    FX_ENTRY_OF(WdfRequestWdmGetIrp, RequestWdmGetIrp),
    FX_ENTRY_OF(WdfRequestGetIoQueue, RequestGetIoQueue),
    FX_ENTRY_OF(WdfRequestForwardToIoQueue, RequestForwardToIoQueue),
    FX_ENTRY_OF(WdfRequestRequeue, RequestRequeue),
    FX_ENTRY_OF(WdfRequestStopAcknowledge, RequestStopAcknowledge),
    FX_ENTRIES_END,
};
