/*
 * Requests: an I/O request packet and its owner. IRQL <= DISPATCH_LEVEL unless said otherwise.
 *
 * A request belongs to the driver from the moment the framework hands it over (a queue callback,
 * a retrieval) until the driver completes, forwards or requeues it.
 */
#ifndef KMDF_WDFREQUEST_H
#define KMDF_WDFREQUEST_H

typedef enum _WDF_REQUEST_TYPE {
    WdfRequestTypeCreate = 0x0,
    WdfRequestTypeCreateNamedPipe = 0x1,
    WdfRequestTypeClose = 0x2,
    WdfRequestTypeRead = 0x3,
    WdfRequestTypeWrite = 0x4,
    WdfRequestTypeQueryInformation = 0x5,
    WdfRequestTypeSetInformation = 0x6,
    WdfRequestTypeQueryEA = 0x7,
    WdfRequestTypeSetEA = 0x8,
    WdfRequestTypeFlushBuffers = 0x9,
    WdfRequestTypeQueryVolumeInformation = 0xa,
    WdfRequestTypeSetVolumeInformation = 0xb,
    WdfRequestTypeDirectoryControl = 0xc,
    WdfRequestTypeFileSystemControl = 0xd,
    WdfRequestTypeDeviceControl = 0xe,
    WdfRequestTypeDeviceControlInternal = 0xf,
    WdfRequestTypeShutdown = 0x10,
    WdfRequestTypeLockControl = 0x11,
    WdfRequestTypeCleanup = 0x12,
    WdfRequestTypeCreateMailSlot = 0x13,
    WdfRequestTypeQuerySecurity = 0x14,
    WdfRequestTypeSetSecurity = 0x15,
    WdfRequestTypePower = 0x16,
    WdfRequestTypeSystemControl = 0x17,
    WdfRequestTypeDeviceChange = 0x18,
    WdfRequestTypeQueryQuota = 0x19,
    WdfRequestTypeSetQuota = 0x1A,
    WdfRequestTypePnp = 0x1B,
    WdfRequestTypeOther = 0x1C,
    WdfRequestTypeUsb = 0x40,
    WdfRequestTypeNoFormat = 0xFF,
    WdfRequestTypeMax,
} WDF_REQUEST_TYPE;

/* ActionFlags of EvtIoStop. */
typedef enum _WDF_REQUEST_STOP_ACTION_FLAGS {
    WdfRequestStopActionInvalid = 0,
    WdfRequestStopActionSuspend = 0x01,
    WdfRequestStopActionPurge = 0x2,
    WdfRequestStopRequestCancelable = 0x10000000,
} WDF_REQUEST_STOP_ACTION_FLAGS;

typedef VOID NTAPI EVT_WDF_REQUEST_CANCEL(_In_ WDFREQUEST Request);
typedef EVT_WDF_REQUEST_CANCEL *PFN_WDF_REQUEST_CANCEL;

typedef struct _WDF_REQUEST_PARAMETERS {
    USHORT Size;
    UCHAR MinorFunction;
    WDF_REQUEST_TYPE Type;
    union {
        struct {
            PIO_SECURITY_CONTEXT SecurityContext;
            ULONG Options;
            USHORT POINTER_ALIGNMENT FileAttributes;
            USHORT ShareAccess;
            ULONG POINTER_ALIGNMENT EaLength;
        } Create;
        struct {
            size_t Length;
            ULONG POINTER_ALIGNMENT Key;
            LONGLONG DeviceOffset;
        } Read;
        struct {
            size_t Length;
            ULONG POINTER_ALIGNMENT Key;
            LONGLONG DeviceOffset;
        } Write;
        struct {
            size_t OutputBufferLength;
            size_t POINTER_ALIGNMENT InputBufferLength;
            ULONG POINTER_ALIGNMENT IoControlCode;
            PVOID Type3InputBuffer;
        } DeviceIoControl;
        struct {
            PVOID Arg1;
            PVOID Arg2;
            ULONG POINTER_ALIGNMENT IoControlCode;
            PVOID Arg4;
        } Others;
    } Parameters;
} WDF_REQUEST_PARAMETERS, *PWDF_REQUEST_PARAMETERS;

static inline VOID WDF_REQUEST_PARAMETERS_INIT(_Out_ PWDF_REQUEST_PARAMETERS Parameters)
{
    RtlZeroMemory(Parameters, sizeof(*Parameters));
    Parameters->Size = sizeof(*Parameters);
}

WDF_FUNCTION(NTSTATUS, WdfRequestGetStatus, (WDFREQUEST Request), (Request))
WDF_FUNCTION(VOID, WdfRequestMarkCancelable,
             (WDFREQUEST Request, PFN_WDF_REQUEST_CANCEL EvtRequestCancel),
             (Request, EvtRequestCancel))
/* STATUS_CANCELLED: it is cancelled already, the callback is not called, the caller completes. */
WDF_FUNCTION(NTSTATUS, WdfRequestMarkCancelableEx,
             (WDFREQUEST Request, PFN_WDF_REQUEST_CANCEL EvtRequestCancel),
             (Request, EvtRequestCancel))
/* STATUS_CANCELLED: the cancel callback owns the request. */
WDF_FUNCTION(NTSTATUS, WdfRequestUnmarkCancelable, (WDFREQUEST Request), (Request))
WDF_FUNCTION(BOOLEAN, WdfRequestIsCanceled, (WDFREQUEST Request), (Request))
WDF_FUNCTION(BOOLEAN, WdfRequestIsFrom32BitProcess, (WDFREQUEST Request), (Request))

WDF_FUNCTION(VOID, WdfRequestComplete, (WDFREQUEST Request, NTSTATUS Status), (Request, Status))
WDF_FUNCTION(VOID, WdfRequestCompleteWithPriorityBoost,
             (WDFREQUEST Request, NTSTATUS Status, CCHAR PriorityBoost),
             (Request, Status, PriorityBoost))
WDF_FUNCTION(VOID, WdfRequestCompleteWithInformation,
             (WDFREQUEST Request, NTSTATUS Status, ULONG_PTR Information),
             (Request, Status, Information))

WDF_FUNCTION(VOID, WdfRequestGetParameters,
             (WDFREQUEST Request, PWDF_REQUEST_PARAMETERS Parameters), (Request, Parameters))

/* STATUS_BUFFER_TOO_SMALL: there is no buffer of the direction, or it is shorter. */
WDF_FUNCTION(NTSTATUS, WdfRequestRetrieveInputMemory, (WDFREQUEST Request, WDFMEMORY *Memory),
             (Request, Memory))
WDF_FUNCTION(NTSTATUS, WdfRequestRetrieveOutputMemory, (WDFREQUEST Request, WDFMEMORY *Memory),
             (Request, Memory))
WDF_FUNCTION(NTSTATUS, WdfRequestRetrieveInputBuffer,
             (WDFREQUEST Request, size_t MinimumRequiredLength, PVOID *Buffer, size_t *Length),
             (Request, MinimumRequiredLength, Buffer, Length))
WDF_FUNCTION(NTSTATUS, WdfRequestRetrieveOutputBuffer,
             (WDFREQUEST Request, size_t MinimumRequiredSize, PVOID *Buffer, size_t *Length),
             (Request, MinimumRequiredSize, Buffer, Length))
WDF_FUNCTION(NTSTATUS, WdfRequestRetrieveInputWdmMdl, (WDFREQUEST Request, PMDL *Mdl),
             (Request, Mdl))
WDF_FUNCTION(NTSTATUS, WdfRequestRetrieveOutputWdmMdl, (WDFREQUEST Request, PMDL *Mdl),
             (Request, Mdl))

WDF_FUNCTION(VOID, WdfRequestSetInformation, (WDFREQUEST Request, ULONG_PTR Information),
             (Request, Information))
WDF_FUNCTION(ULONG_PTR, WdfRequestGetInformation, (WDFREQUEST Request), (Request))
WDF_FUNCTION(WDFFILEOBJECT, WdfRequestGetFileObject, (WDFREQUEST Request), (Request))
WDF_FUNCTION(KPROCESSOR_MODE, WdfRequestGetRequestorMode, (WDFREQUEST Request), (Request))

WDF_FUNCTION(NTSTATUS, WdfRequestForwardToIoQueue, (WDFREQUEST Request, WDFQUEUE DestinationQueue),
             (Request, DestinationQueue))
WDF_FUNCTION(WDFQUEUE, WdfRequestGetIoQueue, (WDFREQUEST Request), (Request))
/* Back to the head of the manual queue that it came from. */
WDF_FUNCTION(NTSTATUS, WdfRequestRequeue, (WDFREQUEST Request), (Request))
WDF_FUNCTION(VOID, WdfRequestStopAcknowledge, (WDFREQUEST Request, BOOLEAN Requeue),
             (Request, Requeue))
WDF_FUNCTION(PIRP, WdfRequestWdmGetIrp, (WDFREQUEST Request), (Request))

#endif
