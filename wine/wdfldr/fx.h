/*
 * The KMDF runtime for Wine: what its object families share.
 *
 * Every framework object starts with an FX_OBJECT. A handle is the complement of its address, so
 * that a driver that dereferences one faults at once. Handles are checked at every entry; a rule
 * that is broken ends the host process with one line in the log (verifier.c).
 */
#ifndef WDFLDR_FX_H
#define WDFLDR_FX_H

#include <ntddk.h>
#include <wdf.h>

#include "../../kmdf/wdfldr.h"

#define FX_TAG 'rdfW'

/* Exported by ntoskrnl, and in no header of mingw-w64's kernel part. */
NTSYSAPI NTSTATUS NTAPI ZwTerminateProcess(HANDLE Process, NTSTATUS ExitStatus);
NTSYSAPI NTSTATUS NTAPI ZwWaitForSingleObject(HANDLE Object, BOOLEAN Alertable,
                                              PLARGE_INTEGER Time);
NTSYSAPI NTSTATUS NTAPI ZwYieldExecution(VOID);
int __cdecl _snprintf(char *Buffer, size_t Count, const char *Format, ...);

typedef struct _FX_DRIVER FX_DRIVER;
typedef struct _FX_DEVICE FX_DEVICE;
typedef struct _FX_QUEUE FX_QUEUE;
typedef struct _FX_REQUEST FX_REQUEST;

/* ---- locks (lock.c) ---- */

/* Held for a few instructions, never over a callback. */
typedef struct _FX_LOCK {
    volatile LONG Held;
} FX_LOCK;

VOID FxLockAcquire(FX_LOCK *Lock);
VOID FxLockRelease(FX_LOCK *Lock);

/* A callback lock: one thread at a time, which may take it again. */
typedef struct _FX_PRESENTATION_LOCK {
    KEVENT Free;
    volatile LONG Waiters;
    volatile HANDLE Owner;
    ULONG Depth;
    BOOLEAN Raises; /* the callbacks under it run at DISPATCH_LEVEL */
} FX_PRESENTATION_LOCK;

VOID FxPresentationInitialize(FX_PRESENTATION_LOCK *Lock, BOOLEAN Raises);
VOID FxPresentationAcquire(FX_PRESENTATION_LOCK *Lock);
VOID FxPresentationRelease(FX_PRESENTATION_LOCK *Lock);

/* ---- verifier.c ---- */

/* One line "wdfldr: <driver>: <text>" into the log. */
VOID FxLog(const FX_DRIVER *Driver, const char *Format, ...) __attribute__((format(printf, 2, 3)));
/* One line "wdfldr: STOP <driver>: <text>" into the log, and the process ends. */
VOID FxStop(const FX_DRIVER *Driver, const char *Format, ...)
    __attribute__((format(printf, 2, 3), noreturn));

/* The IRQL that the framework knows of: raised by spin locks, timers and DPCs. */
VOID FxIrqlRaise(VOID);
VOID FxIrqlLower(VOID);
ULONG FxIrqlDepth(VOID);
VOID FxRequirePassive(const FX_DRIVER *Driver, const char *Function);
/* After a callback: it must return at the IRQL that it was called at. */
VOID FxCheckReturn(const FX_DRIVER *Driver, const char *Callback, ULONG DepthBefore);

#define FX_CALLBACK(Driver, Name, Call)                                                            \
    do {                                                                                           \
        ULONG DepthBefore_ = FxIrqlDepth();                                                        \
        Call;                                                                                      \
        FxCheckReturn(Driver, Name, DepthBefore_);                                                 \
    } while (0)

/* ---- objects (object.c, context.c) ---- */

typedef enum _FX_TYPE {
    FxTypeGeneric,
    FxTypeDriver,
    FxTypeDevice,
    FxTypeQueue,
    FxTypeRequest,
    FxTypeFileObject,
    FxTypeMemory,
    FxTypeString,
    FxTypeCollection,
    FxTypeKey,
    FxTypeSpinLock,
    FxTypeWaitLock,
    FxTypeWorkItem,
    FxTypeTimer,
    FxTypeDpc,
    FxTypeResourceList,
    FxTypeMax,
} FX_TYPE;

#define FX_SIGNATURE_LIVE 0x4C495645 /* 'LIVE' */
#define FX_SIGNATURE_DEAD 0x44454144 /* 'DEAD' */

typedef struct _FX_CONTEXT {
    LIST_ENTRY Link; /* FX_OBJECT.Contexts */
    struct _FX_OBJECT *Object;
    PCWDF_OBJECT_CONTEXT_TYPE_INFO Type;
    PFN_WDF_OBJECT_CONTEXT_CLEANUP Cleanup;
    PFN_WDF_OBJECT_CONTEXT_DESTROY Destroy;
    SIZE_T Size;
    DECLSPEC_ALIGN(16) UCHAR Data[];
} FX_CONTEXT;

typedef struct _FX_OBJECT {
    ULONG Signature;
    FX_TYPE Type;
    FX_DRIVER *Driver;
    volatile LONG References;
    volatile LONG Deleted; /* deletion has begun */
    BOOLEAN DriverMayDelete;
    WDF_EXECUTION_LEVEL ExecutionLevel;
    WDF_SYNCHRONIZATION_SCOPE SynchronizationScope;
    /* protected by FX_DRIVER.TreeLock */
    struct _FX_OBJECT *Parent;
    LIST_ENTRY Sibling;
    LIST_ENTRY Children;
    LIST_ENTRY Disposed; /* children whose cleanup is done */
    LIST_ENTRY Live;     /* FX_DRIVER.LiveObjects */
    LIST_ENTRY Contexts; /* FX_CONTEXT.Link */
} FX_OBJECT;

/* Framework work on an object, by type; both may be missing. */
typedef struct _FX_TYPE_INFO {
    const char *Name;
    VOID (*Dispose)(FX_OBJECT *Object); /* deletion begins: before the cleanup callbacks */
    VOID (*Destroy)(FX_OBJECT *Object); /* memory goes: after the destroy callbacks */
} FX_TYPE_INFO;

extern const FX_TYPE_INFO FxTypeInfo[FxTypeMax];

/*
 * Makes an object of Size bytes with a zeroed body. DefaultParent is used when the attributes name
 * none; NULL: the object has no parent. One reference, which FxObjectDelete drops.
 */
NTSTATUS FxObjectCreate(FX_DRIVER *Driver, FX_TYPE Type, SIZE_T Size,
                        const WDF_OBJECT_ATTRIBUTES *Attributes, FX_OBJECT *DefaultParent,
                        PVOID Object);
VOID FxObjectReference(PVOID Object);
VOID FxObjectDereference(PVOID Object);
/* The two halves of deletion: cleanup callbacks, children first; then the creation reference. */
VOID FxObjectDispose(PVOID Object);
VOID FxObjectRelease(PVOID Object);
VOID FxObjectDelete(PVOID Object);
/* Frees what the quarantine of dead objects holds. */
VOID FxObjectFlushQuarantine(VOID);

NTSTATUS FxContextCreate(FX_OBJECT *Object, const WDF_OBJECT_ATTRIBUTES *Attributes,
                         FX_CONTEXT **Context);
VOID FxContextRunCleanup(FX_OBJECT *Object);
VOID FxContextDestroyAll(FX_OBJECT *Object);

/* STATUS_SUCCESS, or what is wrong with the attributes. NULL is fine. */
NTSTATUS FxAttributesCheck(const WDF_OBJECT_ATTRIBUTES *Attributes, BOOLEAN ParentAllowed);

static inline PVOID FxHandle(PVOID Object)
{
    return Object == NULL ? NULL : (PVOID) ~(ULONG_PTR)Object;
}

/* The object of a handle of the given type; stops the driver when there is none. */
PVOID FxFromHandle(PWDF_DRIVER_GLOBALS Globals, PVOID Handle, FX_TYPE Type, const char *Function);
/* The same for an object of any type. */
FX_OBJECT *FxAnyFromHandle(PWDF_DRIVER_GLOBALS Globals, PVOID Handle, const char *Function);

#define FX_DRIVER_OF(Handle)     FxFromHandle(Globals, Handle, FxTypeDriver, __func__)
#define FX_DEVICE_OF(Handle)     FxFromHandle(Globals, Handle, FxTypeDevice, __func__)
#define FX_QUEUE_OF(Handle)      FxFromHandle(Globals, Handle, FxTypeQueue, __func__)
#define FX_REQUEST_OF(Handle)    FxFromHandle(Globals, Handle, FxTypeRequest, __func__)
#define FX_FILE_OF(Handle)       FxFromHandle(Globals, Handle, FxTypeFileObject, __func__)
#define FX_MEMORY_OF(Handle)     FxFromHandle(Globals, Handle, FxTypeMemory, __func__)
#define FX_STRING_OF(Handle)     FxFromHandle(Globals, Handle, FxTypeString, __func__)
#define FX_COLLECTION_OF(Handle) FxFromHandle(Globals, Handle, FxTypeCollection, __func__)
#define FX_KEY_OF(Handle)        FxFromHandle(Globals, Handle, FxTypeKey, __func__)

/* ---- the function table (table.c) ---- */

typedef struct _FX_ENTRY {
    ULONG Index;
    WDFFUNC Function;
} FX_ENTRY;

/* The conditional only checks that the function has the entry's type. */
#define FX_ENTRY_OF(name, function)                                                                \
    {                                                                                              \
        name##TableIndex, (WDFFUNC)(1 ? (function) : (PFN_##name)0)                                \
    }
#define FX_ENTRIES(family) extern const FX_ENTRY Fx##family##Entries[]

FX_ENTRIES(Collection);
FX_ENTRIES(Context);
FX_ENTRIES(Device);
FX_ENTRIES(DeviceInit);
FX_ENTRIES(Dispatch);
FX_ENTRIES(Driver);
FX_ENTRIES(FileObject);
FX_ENTRIES(Interface);
FX_ENTRIES(Lock);
FX_ENTRIES(Memory);
FX_ENTRIES(Object);
FX_ENTRIES(Property);
FX_ENTRIES(Queue);
FX_ENTRIES(QueueState);
FX_ENTRIES(Registry);
FX_ENTRIES(Request);
FX_ENTRIES(RequestBuffer);
FX_ENTRIES(RequestCancel);
FX_ENTRIES(Resource);
FX_ENTRIES(String);
FX_ENTRIES(Timer);
FX_ENTRIES(Verifier);
FX_ENTRIES(WorkItem);

/* The end of a family's list. */
#define FX_ENTRIES_END                                                                             \
    {                                                                                              \
        WdfFunctionTableNumEntries, NULL                                                           \
    }

const WDFFUNC *FxTable(VOID);

/* ---- the driver (driver.c, loader.c) ---- */

struct _FX_DRIVER {
    WDF_DRIVER_GLOBALS Public; /* what the driver's WdfDriverGlobals points at */
    LIST_ENTRY Link;           /* loader.c's list */
    FX_LOCK TreeLock;
    LIST_ENTRY LiveObjects; /* protected by TreeLock */
    ULONG ObjectsCreated;   /* protected by TreeLock */
    struct _FX_DRIVER_OBJECT *Object;
    DRIVER_OBJECT *WdmDriver;
    WDF_DRIVER_CONFIG Config;
    UNICODE_STRING RegistryPath;
    FX_LOCK DeviceLock;
    LIST_ENTRY Devices; /* FX_DEVICE.Link, protected by DeviceLock */
    volatile LONG DeviceInits;
    /* How long removal waits for requests that the driver holds; milliseconds. */
    ULONG LostRequestTimeout;
};

typedef struct _FX_DRIVER_OBJECT {
    FX_OBJECT Object;
} FX_DRIVER_OBJECT;

static inline FX_DRIVER *FxDriver(PWDF_DRIVER_GLOBALS Globals)
{
    return CONTAINING_RECORD(Globals, FX_DRIVER, Public);
}

FX_DRIVER *FxDriverFromWdm(DRIVER_OBJECT *WdmDriver);
/* Unloading: removes what is left, reports what leaked. */
VOID FxDriverFinish(FX_DRIVER *Driver);

/* ---- strings and registry ---- */

/* RTL_CONSTANT_STRING drops the const of the literal without saying so. */
#define FX_UNICODE(literal)                                                                        \
    {                                                                                              \
        sizeof(literal) - sizeof(WCHAR), sizeof(literal), (PWSTR)(literal)                         \
    }

typedef struct _FX_STRING {
    FX_OBJECT Object;
    UNICODE_STRING Value; /* NUL terminated */
} FX_STRING;

NTSTATUS FxStringAssign(FX_STRING *String, PCUNICODE_STRING Value);
NTSTATUS FxUnicodeDuplicate(PCUNICODE_STRING Value, UNICODE_STRING *Copy);
VOID FxUnicodeFree(UNICODE_STRING *String);

NTSTATUS FxKeyCreate(FX_DRIVER *Driver, HANDLE Handle, const WDF_OBJECT_ATTRIBUTES *Attributes,
                     WDFKEY *Key);
/* Reads a whole value; the buffer is the caller's to free. */
NTSTATUS FxRegistryRead(HANDLE Key, PCUNICODE_STRING ValueName,
                        KEY_VALUE_PARTIAL_INFORMATION **Information);

/* ---- memory ---- */

typedef struct _FX_MEMORY {
    FX_OBJECT Object;
    PVOID Buffer;
    SIZE_T Size;
    BOOLEAN OwnsBuffer;
    BOOLEAN Assignable; /* made by WdfMemoryCreatePreallocated */
} FX_MEMORY;

/* Buffer NULL: allocated. */
NTSTATUS FxMemoryCreate(FX_DRIVER *Driver, const WDF_OBJECT_ATTRIBUTES *Attributes,
                        FX_OBJECT *DefaultParent, PVOID Buffer, SIZE_T Size, FX_MEMORY **Memory);

/* ---- devices ---- */

typedef struct _FX_PREPROCESS {
    PFN_WDFDEVICE_WDM_IRP_PREPROCESS Callback;
    PUCHAR Minors; /* NULL: all */
    ULONG MinorCount;
} FX_PREPROCESS;

/* What is said of a device before and kept after its creation. */
typedef struct _FX_DEVICE_SETTINGS {
    DEVICE_TYPE DeviceType;
    ULONG Characteristics;
    WDF_DEVICE_IO_TYPE IoType;
    BOOLEAN Exclusive;
    BOOLEAN Filter;
    BOOLEAN Control;
    BOOLEAN PowerPageable;
    UNICODE_STRING Name;
    UNICODE_STRING Sddl;
    WDF_PNPPOWER_EVENT_CALLBACKS Pnp;
    WDF_FILEOBJECT_CONFIG File;
    BOOLEAN HasFileConfig;
    WDF_OBJECT_ATTRIBUTES FileAttributes;
    WDF_OBJECT_ATTRIBUTES RequestAttributes;
    BOOLEAN HasRequestAttributes;
    PFN_WDF_IO_IN_CALLER_CONTEXT InCallerContext;
    PFN_WDF_DEVICE_SHUTDOWN_NOTIFICATION Shutdown;
    UCHAR ShutdownFlags;
    FX_PREPROCESS Preprocess[IRP_MJ_MAXIMUM_FUNCTION + 1];
    BOOLEAN HasPreprocess;
} FX_DEVICE_SETTINGS;

struct WDFDEVICE_INIT {
    FX_DRIVER *Driver;
    DEVICE_OBJECT *PhysicalDevice; /* NULL: a control device */
    BOOLEAN FromAddDevice;         /* the framework frees it */
    WDFDEVICE Created;
    FX_DEVICE_SETTINGS Settings;
};

VOID FxSettingsFree(FX_DEVICE_SETTINGS *Settings);
struct WDFDEVICE_INIT *FxDeviceInitAllocate(FX_DRIVER *Driver, DEVICE_OBJECT *PhysicalDevice);
VOID FxDeviceInitFree(struct WDFDEVICE_INIT *Init);

typedef enum _FX_PNP_STATE {
    FxPnpAdded,
    FxPnpStarted,
    FxPnpStopped,
    FxPnpStartFailed,
    FxPnpSurpriseRemoved,
    FxPnpRemoved,
} FX_PNP_STATE;

typedef struct _FX_INTERFACE {
    LIST_ENTRY Link; /* FX_DEVICE.Interfaces */
    GUID Class;
    UNICODE_STRING Reference;
    UNICODE_STRING SymbolicLink;
    BOOLEAN Wanted; /* enabled whenever the device is started */
    BOOLEAN Enabled;
} FX_INTERFACE;

struct _FX_DEVICE {
    FX_OBJECT Object;
    LIST_ENTRY Link; /* FX_DRIVER.Devices */
    DEVICE_OBJECT *Wdm;
    DEVICE_OBJECT *Attached;
    DEVICE_OBJECT *Physical;
    FX_DEVICE_SETTINGS Settings;
    FX_PRESENTATION_LOCK Presentation;

    FX_PNP_STATE PnpState;
    BOOLEAN Powered; /* in D0 */
    BOOLEAN HardwarePrepared;
    BOOLEAN SelfManagedIo; /* EvtDeviceSelfManagedIoInit has succeeded */
    BOOLEAN Failed;        /* WdfDeviceSetFailed */
    BOOLEAN Stoppable;
    BOOLEAN Initialized; /* control devices: WdfControlFinishInitializing */
    WDF_DEVICE_STATE State;
    WDF_DEVICE_PNP_CAPABILITIES Capabilities;
    BOOLEAN SpecialFile[WdfSpecialFileMax];
    LONG SpecialFileCount[WdfSpecialFileMax];

    FX_LOCK ListLock;
    LIST_ENTRY Queues;     /* FX_QUEUE.Link, protected by ListLock */
    LIST_ENTRY Files;      /* FX_FILE.Link, protected by ListLock */
    LIST_ENTRY Interfaces; /* PASSIVE_LEVEL only, protected by ListLock */
    LIST_ENTRY Links;      /* symbolic links, protected by ListLock */
    FX_QUEUE *DefaultQueue;
    FX_QUEUE *QueueByType[IRP_MJ_INTERNAL_DEVICE_CONTROL + 1];
};

FX_DEVICE *FxDeviceFromWdm(DEVICE_OBJECT *Wdm);
VOID FxDeviceDispose(FX_OBJECT *Object);
VOID FxDeviceDestroy(FX_OBJECT *Object);
/* Removes the WDM device object and the framework's: the last act of removal. */
VOID FxDeviceDeleteWdm(FX_DEVICE *Device);

/* pnp.c */
NTSTATUS FxPnpDispatch(FX_DEVICE *Device, IRP *Irp);
NTSTATUS FxPowerDispatch(FX_DEVICE *Device, IRP *Irp);
/* The whole way down of a device whose removal nobody announced. */
VOID FxPnpTearDown(FX_DEVICE *Device);

/* dispatch.c */
NTSTATUS NTAPI FxDispatch(DEVICE_OBJECT *Wdm, IRP *Irp);
NTSTATUS FxCompleteIrp(IRP *Irp, NTSTATUS Status);
NTSTATUS FxForwardIrp(FX_DEVICE *Device, IRP *Irp);
/* Sends a packet that the caller keeps, and waits for it. */
NTSTATUS FxSendAndWait(DEVICE_OBJECT *Target, IRP *Irp);
/* The queue that serves a request of the IRP's kind; NULL: none. */
FX_QUEUE *FxDeviceQueueFor(FX_DEVICE *Device, UCHAR MajorFunction);

/* interface.c, property.c, sddl.c */
VOID FxInterfaceEnableAll(FX_DEVICE *Device, BOOLEAN Enable);
VOID FxInterfaceFreeAll(FX_DEVICE *Device);
/* "Root\VirtualDisk\0000"; the caller frees it with FxUnicodeFree. PASSIVE_LEVEL. */
NTSTATUS FxDeviceInstanceId(DEVICE_OBJECT *PhysicalDevice, UNICODE_STRING *Id);
/* Opens \Registry\Machine\System\CurrentControlSet\Enum\<instance id>\<Suffix>. */
NTSTATUS FxDeviceOpenEnumKey(DEVICE_OBJECT *PhysicalDevice, PCWSTR Suffix, ACCESS_MASK Access,
                             BOOLEAN Create, HANDLE *Key);
NTSTATUS FxDeviceOpenKey(FX_DRIVER *Driver, DEVICE_OBJECT *PhysicalDevice, ULONG Type,
                         ACCESS_MASK Access, const WDF_OBJECT_ATTRIBUTES *Attributes, WDFKEY *Key);
NTSTATUS FxPropertyQuery(DEVICE_OBJECT *PhysicalDevice, const WDF_DEVICE_PROPERTY_DATA *Property,
                         ULONG Length, PVOID Buffer, PULONG Required, PDEVPROPTYPE Type);
BOOLEAN FxSddlIsValid(PCUNICODE_STRING Sddl);

/* resource.c */
NTSTATUS FxResourceListCreate(FX_DEVICE *Device, CM_RESOURCE_LIST *List, WDFCMRESLIST *Handle);

/* ---- file objects (file_object.c) ---- */

typedef struct _FX_FILE {
    FX_OBJECT Object;
    LIST_ENTRY Link; /* FX_DEVICE.Files */
    FX_DEVICE *Device;
    FILE_OBJECT *Wdm;
    BOOLEAN CleanedUp;
} FX_FILE;

NTSTATUS FxFileCreate(FX_DEVICE *Device, FILE_OBJECT *Wdm, FX_FILE **File);
FX_FILE *FxFileFind(FX_DEVICE *Device, FILE_OBJECT *Wdm);
VOID FxFileCleanup(FX_FILE *File);
VOID FxFileClose(FX_FILE *File);
/* The open failed: no close will come. */
VOID FxFileAbandon(FX_FILE *File);
VOID FxFileCloseAll(FX_DEVICE *Device);

/* ---- queues (queue.c, queue_state.c) ---- */

struct _FX_QUEUE {
    FX_OBJECT Object;
    LIST_ENTRY Link; /* FX_DEVICE.Queues */
    FX_DEVICE *Device;
    WDF_IO_QUEUE_CONFIG Config;
    BOOLEAN PowerManaged;
    BOOLEAN Passive; /* callbacks at PASSIVE_LEVEL only */
    FX_PRESENTATION_LOCK OwnPresentation;
    FX_PRESENTATION_LOCK *Presentation; /* NULL: callbacks are not serialized */
    PIO_WORKITEM DispatchItem;
    volatile LONG DispatchItemQueued;

    FX_LOCK Lock;
    /* protected by Lock */
    LIST_ENTRY Waiting;     /* FX_REQUEST.Link: in the queue */
    LIST_ENTRY Owned;       /* FX_REQUEST.Link: with the driver */
    LIST_ENTRY Dispatchers; /* FX_DISPATCHER.Link: threads in the dispatch loop */
    ULONG WaitingCount;
    ULONG OwnedCount;
    ULONG Busy;          /* threads that still touch the queue after a request has left it */
    BOOLEAN Accepting;   /* takes new requests */
    BOOLEAN Dispatching; /* started by the driver */
    BOOLEAN PowerHeld;   /* the device is not in D0 */
    PFN_WDF_IO_QUEUE_STATE Ready;
    WDFCONTEXT ReadyContext;
    PFN_WDF_IO_QUEUE_STATE StateDone; /* the end of a stop, drain or purge is to be reported */
    WDFCONTEXT StateContext;
    BOOLEAN StateNeedsEmpty; /* drain and purge: nothing waits either */
};

VOID FxQueueDispose(FX_OBJECT *Object);
VOID FxQueueDestroy(FX_OBJECT *Object);
/* Puts a request that nobody owns into the queue. FALSE: the queue does not accept. */
BOOLEAN FxQueueInsert(FX_QUEUE *Queue, FX_REQUEST *Request, BOOLEAN AtHead);
/* This thread is in a callback that the queue has made. */
BOOLEAN FxQueueIsPresenting(FX_QUEUE *Queue);
/* Presents what can be presented now. */
VOID FxQueueDispatch(FX_QUEUE *Queue);
/*
 * The driver's ownership of a request ends in two steps: the request leaves the queue's list; when
 * it is completed or in another queue, the queue may present the next one. NULL queue: nothing.
 */
VOID FxQueueUnlinkOwned(FX_QUEUE *Queue, FX_REQUEST *Request);
VOID FxQueueReleaseOwned(FX_QUEUE *Queue);
VOID FxQueueRelinkOwned(FX_QUEUE *Queue, FX_REQUEST *Request);
/* Takes a waiting request out for the driver. The lock is held. FALSE: it is being cancelled. */
BOOLEAN FxQueueTake(FX_QUEUE *Queue, FX_REQUEST *Request);
/* A request that was taken out of the queue because it is cancelled. */
VOID FxQueueCancelTaken(FX_QUEUE *Queue, FX_REQUEST *Request);
/* A stop, drain or purge may have come to its end: tells the driver. */
VOID FxQueueCheckState(FX_QUEUE *Queue);
/* Cancels what waits; OfFile NULL: of every file. */
VOID FxQueueCancelWaiting(FX_QUEUE *Queue, FILE_OBJECT *OfFile);
/* Power: present nothing; what the driver has is stopped, or cancelled when Purge. Waits. */
VOID FxQueuePowerStop(FX_QUEUE *Queue, BOOLEAN Purge);
VOID FxQueuePowerStart(FX_QUEUE *Queue);
/* Refuses new requests, cancels everything, waits for what the driver has. */
VOID FxQueuePurgeAndWait(FX_QUEUE *Queue);

/* ---- requests (request.c, request_buffer.c, request_cancel.c) ---- */

typedef enum _FX_REQUEST_STATE {
    FxRequestNew,      /* in the framework's hands */
    FxRequestInCaller, /* with EvtIoInCallerContext */
    FxRequestWaiting,  /* in a queue */
    FxRequestOwned,    /* with the driver */
    FxRequestCompleted,
} FX_REQUEST_STATE;

struct _FX_REQUEST {
    FX_OBJECT Object;
    FX_DEVICE *Device;
    IRP *Irp;
    IO_STACK_LOCATION Stack; /* as it arrived; valid after completion too */
    FX_FILE *File;           /* referenced; NULL: none */
    /* protected by the queue's lock while it is in one */
    FX_REQUEST_STATE State;
    LIST_ENTRY Link;
    FX_QUEUE *Queue; /* where it waits, or came from; NULL: none */
    BOOLEAN Presented;
    BOOLEAN StopSent;
    BOOLEAN Acknowledged;
    volatile PFN_WDF_REQUEST_CANCEL Cancel;
    ULONG_PTR Information;
    NTSTATUS Status;
    FX_MEMORY *InputMemory;
    FX_MEMORY *OutputMemory;
};

NTSTATUS FxRequestCreate(FX_DEVICE *Device, IRP *Irp, FX_REQUEST **Request);
/* Completes the IRP and deletes the request. The request is in nobody's list. */
VOID FxRequestFinish(FX_REQUEST *Request, NTSTATUS Status, CCHAR Boost);
VOID FxRequestDestroy(FX_OBJECT *Object);
/* "read of 512 bytes at 0x0", for messages. */
const char *FxRequestDescribe(const FX_REQUEST *Request, char *Text, SIZE_T Size);
/* Stops the driver unless it owns the request. */
VOID FxRequestRequireOwned(FX_REQUEST *Request, const char *Function);
/* Cancels the requests that the driver owns and has marked cancelable. */
VOID FxRequestCancelAllOwned(FX_QUEUE *Queue);
/* Sets or clears the cancel routine of a request that waits in a queue. FALSE: it is cancelled. */
BOOLEAN FxRequestArmQueueCancel(FX_REQUEST *Request);
BOOLEAN FxRequestDisarmQueueCancel(FX_REQUEST *Request);
VOID FxRequestParameters(const FX_REQUEST *Request, PWDF_REQUEST_PARAMETERS Parameters);
/* The longest Information that a successful completion may report. */
ULONG_PTR FxRequestInformationLimit(const FX_REQUEST *Request);

/* ---- timers, DPCs, work items ---- */

VOID FxTimerDispose(FX_OBJECT *Object);
VOID FxDpcDispose(FX_OBJECT *Object);
VOID FxTimerShutdown(VOID);
VOID FxWorkItemDispose(FX_OBJECT *Object);
VOID FxWorkItemDestroy(FX_OBJECT *Object);
/* The device that an object hangs under; NULL: none. */
FX_DEVICE *FxDeviceAbove(FX_OBJECT *Object);
/* The lock that serializes callbacks with those of a parent; NULL: none. */
FX_PRESENTATION_LOCK *FxPresentationOf(FX_OBJECT *Parent);

/* ---- small helpers ---- */

static inline PVOID FxAllocate(SIZE_T Size)
{
    PVOID Memory = ExAllocatePoolWithTag(NonPagedPool, Size, FX_TAG);
    if (Memory != NULL) {
        RtlZeroMemory(Memory, Size);
    }
    return Memory;
}

static inline VOID FxFree(PVOID Memory)
{
    if (Memory != NULL) {
        ExFreePoolWithTag(Memory, FX_TAG);
    }
}

static inline HANDLE FxThread(VOID)
{
    return PsGetCurrentThreadId();
}

#endif
