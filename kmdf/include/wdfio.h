/*
 * I/O queues. IRQL <= DISPATCH_LEVEL; the ...Synchronously functions wait and need PASSIVE_LEVEL.
 */
#ifndef KMDF_WDFIO_H
#define KMDF_WDFIO_H

typedef enum _WDF_IO_QUEUE_DISPATCH_TYPE {
    WdfIoQueueDispatchInvalid = 0,
    /* One request at a time: the next one comes when the last one has left the driver. */
    WdfIoQueueDispatchSequential,
    /* As they arrive, up to Settings.Parallel.NumberOfPresentedRequests at once. */
    WdfIoQueueDispatchParallel,
    /* Only when the driver asks. */
    WdfIoQueueDispatchManual,
    WdfIoQueueDispatchMax,
} WDF_IO_QUEUE_DISPATCH_TYPE;

/* Bits of WdfIoQueueGetState. */
typedef enum _WDF_IO_QUEUE_STATE {
    WdfIoQueueAcceptRequests = 0x01,
    WdfIoQueueDispatchRequests = 0x02,
    WdfIoQueueNoRequests = 0x04,
    WdfIoQueueDriverNoRequests = 0x08,
    WdfIoQueuePnpHeld = 0x10,
} WDF_IO_QUEUE_STATE;

static inline BOOLEAN WDF_IO_QUEUE_IDLE(_In_ WDF_IO_QUEUE_STATE State)
{
    return (State & WdfIoQueueNoRequests) && (State & WdfIoQueueDriverNoRequests);
}

static inline BOOLEAN WDF_IO_QUEUE_READY(_In_ WDF_IO_QUEUE_STATE State)
{
    return (State & WdfIoQueueDispatchRequests) && (State & WdfIoQueueAcceptRequests) &&
           !(State & WdfIoQueuePnpHeld);
}

static inline BOOLEAN WDF_IO_QUEUE_STOPPED(_In_ WDF_IO_QUEUE_STATE State)
{
    return !(State & WdfIoQueueDispatchRequests) && (State & WdfIoQueueAcceptRequests) &&
           (State & WdfIoQueueDriverNoRequests);
}

static inline BOOLEAN WDF_IO_QUEUE_DRAINED(_In_ WDF_IO_QUEUE_STATE State)
{
    return !(State & WdfIoQueueAcceptRequests) && (State & WdfIoQueueDispatchRequests) &&
           WDF_IO_QUEUE_IDLE(State);
}

static inline BOOLEAN WDF_IO_QUEUE_PURGED(_In_ WDF_IO_QUEUE_STATE State)
{
    return !(State & WdfIoQueueAcceptRequests) && WDF_IO_QUEUE_IDLE(State);
}

typedef VOID NTAPI EVT_WDF_IO_QUEUE_IO_DEFAULT(_In_ WDFQUEUE Queue, _In_ WDFREQUEST Request);
typedef EVT_WDF_IO_QUEUE_IO_DEFAULT *PFN_WDF_IO_QUEUE_IO_DEFAULT;

typedef VOID NTAPI EVT_WDF_IO_QUEUE_IO_STOP(_In_ WDFQUEUE Queue, _In_ WDFREQUEST Request,
                                            _In_ ULONG ActionFlags);
typedef EVT_WDF_IO_QUEUE_IO_STOP *PFN_WDF_IO_QUEUE_IO_STOP;

typedef VOID NTAPI EVT_WDF_IO_QUEUE_IO_RESUME(_In_ WDFQUEUE Queue, _In_ WDFREQUEST Request);
typedef EVT_WDF_IO_QUEUE_IO_RESUME *PFN_WDF_IO_QUEUE_IO_RESUME;

typedef VOID NTAPI EVT_WDF_IO_QUEUE_IO_READ(_In_ WDFQUEUE Queue, _In_ WDFREQUEST Request,
                                            _In_ size_t Length);
typedef EVT_WDF_IO_QUEUE_IO_READ *PFN_WDF_IO_QUEUE_IO_READ;

typedef VOID NTAPI EVT_WDF_IO_QUEUE_IO_WRITE(_In_ WDFQUEUE Queue, _In_ WDFREQUEST Request,
                                             _In_ size_t Length);
typedef EVT_WDF_IO_QUEUE_IO_WRITE *PFN_WDF_IO_QUEUE_IO_WRITE;

typedef VOID NTAPI EVT_WDF_IO_QUEUE_IO_DEVICE_CONTROL(_In_ WDFQUEUE Queue, _In_ WDFREQUEST Request,
                                                      _In_ size_t OutputBufferLength,
                                                      _In_ size_t InputBufferLength,
                                                      _In_ ULONG IoControlCode);
typedef EVT_WDF_IO_QUEUE_IO_DEVICE_CONTROL *PFN_WDF_IO_QUEUE_IO_DEVICE_CONTROL;

typedef VOID NTAPI EVT_WDF_IO_QUEUE_IO_INTERNAL_DEVICE_CONTROL(_In_ WDFQUEUE Queue,
                                                               _In_ WDFREQUEST Request,
                                                               _In_ size_t OutputBufferLength,
                                                               _In_ size_t InputBufferLength,
                                                               _In_ ULONG IoControlCode);
typedef EVT_WDF_IO_QUEUE_IO_INTERNAL_DEVICE_CONTROL *PFN_WDF_IO_QUEUE_IO_INTERNAL_DEVICE_CONTROL;

typedef VOID NTAPI EVT_WDF_IO_QUEUE_IO_CANCELED_ON_QUEUE(_In_ WDFQUEUE Queue,
                                                         _In_ WDFREQUEST Request);
typedef EVT_WDF_IO_QUEUE_IO_CANCELED_ON_QUEUE *PFN_WDF_IO_QUEUE_IO_CANCELED_ON_QUEUE;

typedef VOID NTAPI EVT_WDF_IO_QUEUE_STATE(_In_ WDFQUEUE Queue, _In_ WDFCONTEXT Context);
typedef EVT_WDF_IO_QUEUE_STATE *PFN_WDF_IO_QUEUE_STATE;

typedef struct _WDF_IO_QUEUE_CONFIG {
    ULONG Size;
    WDF_IO_QUEUE_DISPATCH_TYPE DispatchType;
    WDF_TRI_STATE PowerManaged;
    BOOLEAN AllowZeroLengthRequests;
    BOOLEAN DefaultQueue;
    PFN_WDF_IO_QUEUE_IO_DEFAULT EvtIoDefault;
    PFN_WDF_IO_QUEUE_IO_READ EvtIoRead;
    PFN_WDF_IO_QUEUE_IO_WRITE EvtIoWrite;
    PFN_WDF_IO_QUEUE_IO_DEVICE_CONTROL EvtIoDeviceControl;
    PFN_WDF_IO_QUEUE_IO_INTERNAL_DEVICE_CONTROL EvtIoInternalDeviceControl;
    PFN_WDF_IO_QUEUE_IO_STOP EvtIoStop;
    PFN_WDF_IO_QUEUE_IO_RESUME EvtIoResume;
    PFN_WDF_IO_QUEUE_IO_CANCELED_ON_QUEUE EvtIoCanceledOnQueue;
    union {
        struct {
            ULONG NumberOfPresentedRequests;
        } Parallel;
    } Settings;
    WDFDRIVER Driver;
} WDF_IO_QUEUE_CONFIG, *PWDF_IO_QUEUE_CONFIG;

static inline VOID WDF_IO_QUEUE_CONFIG_INIT(_Out_ PWDF_IO_QUEUE_CONFIG Config,
                                            _In_ WDF_IO_QUEUE_DISPATCH_TYPE DispatchType)
{
    RtlZeroMemory(Config, sizeof(*Config));
    Config->Size = sizeof(*Config);
    Config->PowerManaged = WdfUseDefault;
    Config->DispatchType = DispatchType;
    if (DispatchType == WdfIoQueueDispatchParallel) {
        Config->Settings.Parallel.NumberOfPresentedRequests = (ULONG)-1;
    }
}

static inline VOID
WDF_IO_QUEUE_CONFIG_INIT_DEFAULT_QUEUE(_Out_ PWDF_IO_QUEUE_CONFIG Config,
                                       _In_ WDF_IO_QUEUE_DISPATCH_TYPE DispatchType)
{
    WDF_IO_QUEUE_CONFIG_INIT(Config, DispatchType);
    Config->DefaultQueue = TRUE;
}

WDF_FUNCTION(NTSTATUS, WdfIoQueueCreate,
             (WDFDEVICE Device, PWDF_IO_QUEUE_CONFIG Config, PWDF_OBJECT_ATTRIBUTES QueueAttributes,
              WDFQUEUE *Queue),
             (Device, Config, QueueAttributes, Queue))
WDF_FUNCTION(WDF_IO_QUEUE_STATE, WdfIoQueueGetState,
             (WDFQUEUE Queue, PULONG QueueRequests, PULONG DriverRequests),
             (Queue, QueueRequests, DriverRequests))
WDF_FUNCTION(WDFDEVICE, WdfIoQueueGetDevice, (WDFQUEUE Queue), (Queue))

/* Stop: accept and hold. Drain: deliver what is there, refuse more. Purge: cancel, refuse more. */
WDF_FUNCTION(VOID, WdfIoQueueStart, (WDFQUEUE Queue), (Queue))
WDF_FUNCTION(VOID, WdfIoQueueStop,
             (WDFQUEUE Queue, PFN_WDF_IO_QUEUE_STATE StopComplete, WDFCONTEXT Context),
             (Queue, StopComplete, Context))
WDF_FUNCTION(VOID, WdfIoQueueStopSynchronously, (WDFQUEUE Queue), (Queue))
WDF_FUNCTION(VOID, WdfIoQueueDrain,
             (WDFQUEUE Queue, PFN_WDF_IO_QUEUE_STATE DrainComplete, WDFCONTEXT Context),
             (Queue, DrainComplete, Context))
WDF_FUNCTION(VOID, WdfIoQueueDrainSynchronously, (WDFQUEUE Queue), (Queue))
WDF_FUNCTION(VOID, WdfIoQueuePurge,
             (WDFQUEUE Queue, PFN_WDF_IO_QUEUE_STATE PurgeComplete, WDFCONTEXT Context),
             (Queue, PurgeComplete, Context))
WDF_FUNCTION(VOID, WdfIoQueuePurgeSynchronously, (WDFQUEUE Queue), (Queue))
WDF_FUNCTION(VOID, WdfIoQueueStopAndPurge,
             (WDFQUEUE Queue, PFN_WDF_IO_QUEUE_STATE StopAndPurgeComplete, WDFCONTEXT Context),
             (Queue, StopAndPurgeComplete, Context))
WDF_FUNCTION(VOID, WdfIoQueueStopAndPurgeSynchronously, (WDFQUEUE Queue), (Queue))

/* STATUS_NO_MORE_ENTRIES: empty. STATUS_WDF_PAUSED: stopped. */
WDF_FUNCTION(NTSTATUS, WdfIoQueueRetrieveNextRequest, (WDFQUEUE Queue, WDFREQUEST *OutRequest),
             (Queue, OutRequest))
WDF_FUNCTION(NTSTATUS, WdfIoQueueRetrieveRequestByFileObject,
             (WDFQUEUE Queue, WDFFILEOBJECT FileObject, WDFREQUEST *OutRequest),
             (Queue, FileObject, OutRequest))
/* Only looks: the found request stays in the queue, and holds a reference for the caller. */
WDF_FUNCTION(NTSTATUS, WdfIoQueueFindRequest,
             (WDFQUEUE Queue, WDFREQUEST FoundRequest, WDFFILEOBJECT FileObject,
              PWDF_REQUEST_PARAMETERS Parameters, WDFREQUEST *OutRequest),
             (Queue, FoundRequest, FileObject, Parameters, OutRequest))
WDF_FUNCTION(NTSTATUS, WdfIoQueueRetrieveFoundRequest,
             (WDFQUEUE Queue, WDFREQUEST FoundRequest, WDFREQUEST *OutRequest),
             (Queue, FoundRequest, OutRequest))
/* Called back whenever an empty manual queue gets a request. NULL: no longer. */
WDF_FUNCTION(NTSTATUS, WdfIoQueueReadyNotify,
             (WDFQUEUE Queue, PFN_WDF_IO_QUEUE_STATE QueueReady, WDFCONTEXT Context),
             (Queue, QueueReady, Context))

#endif
