/*
 * Devices: what is said before creation (WdfDeviceInit...), PnP and power callbacks, and the
 * device itself. PASSIVE_LEVEL, getters <= DISPATCH_LEVEL.
 */
#ifndef KMDF_WDFDEVICE_H
#define KMDF_WDFDEVICE_H

#include <devpropdef.h>

typedef enum _WDF_POWER_DEVICE_STATE {
    WdfPowerDeviceInvalid = 0,
    WdfPowerDeviceD0,
    WdfPowerDeviceD1,
    WdfPowerDeviceD2,
    WdfPowerDeviceD3,
    /* The device is stopped or removed, not only put to sleep. */
    WdfPowerDeviceD3Final,
    WdfPowerDevicePrepareForHibernation,
    WdfPowerDeviceMaximum,
} WDF_POWER_DEVICE_STATE,
    *PWDF_POWER_DEVICE_STATE;

typedef enum _WDF_SPECIAL_FILE_TYPE {
    WdfSpecialFileUndefined = 0,
    WdfSpecialFilePaging = 1,
    WdfSpecialFileHibernation,
    WdfSpecialFileDump,
    WdfSpecialFileBoot,
    WdfSpecialFileMax,
} WDF_SPECIAL_FILE_TYPE,
    *PWDF_SPECIAL_FILE_TYPE;

typedef enum _WDF_DEVICE_IO_TYPE {
    WdfDeviceIoUndefined = 0,
    WdfDeviceIoNeither,
    WdfDeviceIoBuffered,
    WdfDeviceIoDirect,
    WdfDeviceIoBufferedOrDirect = 4,
} WDF_DEVICE_IO_TYPE,
    *PWDF_DEVICE_IO_TYPE;

typedef enum _WDF_FILEOBJECT_CLASS {
    WdfFileObjectInvalid = 0,
    WdfFileObjectNotRequired = 1,
    WdfFileObjectWdfCanUseFsContext = 2,
    WdfFileObjectWdfCanUseFsContext2 = 3,
    WdfFileObjectWdfCannotUseFsContexts = 4,
    WdfFileObjectCanBeOptional = (int)0x80000000,
} WDF_FILEOBJECT_CLASS,
    *PWDF_FILEOBJECT_CLASS;

typedef enum _WDF_DEVICE_FAILED_ACTION {
    WdfDeviceFailedUndefined = 0,
    WdfDeviceFailedAttemptRestart,
    WdfDeviceFailedNoRestart,
} WDF_DEVICE_FAILED_ACTION;

typedef enum _WDF_RELEASE_HARDWARE_ORDER_ON_FAILURE {
    WdfReleaseHardwareOrderOnFailureInvalid = 0,
    WdfReleaseHardwareOrderOnFailureEarly,
    WdfReleaseHardwareOrderOnFailureAfterDescendants,
} WDF_RELEASE_HARDWARE_ORDER_ON_FAILURE,
    *PWDF_RELEASE_HARDWARE_ORDER_ON_FAILURE;

typedef VOID NTAPI EVT_WDF_DEVICE_FILE_CREATE(_In_ WDFDEVICE Device, _In_ WDFREQUEST Request,
                                              _In_ WDFFILEOBJECT FileObject);
typedef EVT_WDF_DEVICE_FILE_CREATE *PFN_WDF_DEVICE_FILE_CREATE;

typedef VOID NTAPI EVT_WDF_FILE_CLOSE(_In_ WDFFILEOBJECT FileObject);
typedef EVT_WDF_FILE_CLOSE *PFN_WDF_FILE_CLOSE;

typedef VOID NTAPI EVT_WDF_FILE_CLEANUP(_In_ WDFFILEOBJECT FileObject);
typedef EVT_WDF_FILE_CLEANUP *PFN_WDF_FILE_CLEANUP;

typedef struct _WDF_FILEOBJECT_CONFIG {
    ULONG Size;
    PFN_WDF_DEVICE_FILE_CREATE EvtDeviceFileCreate;
    PFN_WDF_FILE_CLOSE EvtFileClose;
    PFN_WDF_FILE_CLEANUP EvtFileCleanup;
    /* Send create, cleanup and close down the stack; the default is yes for filters only. */
    WDF_TRI_STATE AutoForwardCleanupClose;
    WDF_FILEOBJECT_CLASS FileObjectClass;
} WDF_FILEOBJECT_CONFIG, *PWDF_FILEOBJECT_CONFIG;

static inline VOID
WDF_FILEOBJECT_CONFIG_INIT(_Out_ PWDF_FILEOBJECT_CONFIG FileEventCallbacks,
                           _In_opt_ PFN_WDF_DEVICE_FILE_CREATE EvtDeviceFileCreate,
                           _In_opt_ PFN_WDF_FILE_CLOSE EvtFileClose,
                           _In_opt_ PFN_WDF_FILE_CLEANUP EvtFileCleanup)
{
    FileEventCallbacks->Size = sizeof(*FileEventCallbacks);
    FileEventCallbacks->EvtDeviceFileCreate = EvtDeviceFileCreate;
    FileEventCallbacks->EvtFileClose = EvtFileClose;
    FileEventCallbacks->EvtFileCleanup = EvtFileCleanup;
    FileEventCallbacks->FileObjectClass = WdfFileObjectWdfCannotUseFsContexts;
    FileEventCallbacks->AutoForwardCleanupClose = WdfUseDefault;
}

typedef NTSTATUS NTAPI EVT_WDF_DEVICE_D0_ENTRY(_In_ WDFDEVICE Device,
                                               _In_ WDF_POWER_DEVICE_STATE PreviousState);
typedef EVT_WDF_DEVICE_D0_ENTRY *PFN_WDF_DEVICE_D0_ENTRY;

typedef NTSTATUS NTAPI EVT_WDF_DEVICE_D0_ENTRY_POST_INTERRUPTS_ENABLED(
    _In_ WDFDEVICE Device, _In_ WDF_POWER_DEVICE_STATE PreviousState);
typedef EVT_WDF_DEVICE_D0_ENTRY_POST_INTERRUPTS_ENABLED
    *PFN_WDF_DEVICE_D0_ENTRY_POST_INTERRUPTS_ENABLED;

typedef NTSTATUS NTAPI EVT_WDF_DEVICE_D0_EXIT(_In_ WDFDEVICE Device,
                                              _In_ WDF_POWER_DEVICE_STATE TargetState);
typedef EVT_WDF_DEVICE_D0_EXIT *PFN_WDF_DEVICE_D0_EXIT;

typedef NTSTATUS NTAPI EVT_WDF_DEVICE_D0_EXIT_PRE_INTERRUPTS_DISABLED(
    _In_ WDFDEVICE Device, _In_ WDF_POWER_DEVICE_STATE TargetState);
typedef EVT_WDF_DEVICE_D0_EXIT_PRE_INTERRUPTS_DISABLED
    *PFN_WDF_DEVICE_D0_EXIT_PRE_INTERRUPTS_DISABLED;

typedef NTSTATUS NTAPI EVT_WDF_DEVICE_PREPARE_HARDWARE(_In_ WDFDEVICE Device,
                                                       _In_ WDFCMRESLIST ResourcesRaw,
                                                       _In_ WDFCMRESLIST ResourcesTranslated);
typedef EVT_WDF_DEVICE_PREPARE_HARDWARE *PFN_WDF_DEVICE_PREPARE_HARDWARE;

typedef NTSTATUS NTAPI EVT_WDF_DEVICE_RELEASE_HARDWARE(_In_ WDFDEVICE Device,
                                                       _In_ WDFCMRESLIST ResourcesTranslated);
typedef EVT_WDF_DEVICE_RELEASE_HARDWARE *PFN_WDF_DEVICE_RELEASE_HARDWARE;

typedef VOID NTAPI EVT_WDF_DEVICE_SELF_MANAGED_IO_CLEANUP(_In_ WDFDEVICE Device);
typedef EVT_WDF_DEVICE_SELF_MANAGED_IO_CLEANUP *PFN_WDF_DEVICE_SELF_MANAGED_IO_CLEANUP;

typedef VOID NTAPI EVT_WDF_DEVICE_SELF_MANAGED_IO_FLUSH(_In_ WDFDEVICE Device);
typedef EVT_WDF_DEVICE_SELF_MANAGED_IO_FLUSH *PFN_WDF_DEVICE_SELF_MANAGED_IO_FLUSH;

typedef NTSTATUS NTAPI EVT_WDF_DEVICE_SELF_MANAGED_IO_INIT(_In_ WDFDEVICE Device);
typedef EVT_WDF_DEVICE_SELF_MANAGED_IO_INIT *PFN_WDF_DEVICE_SELF_MANAGED_IO_INIT;

typedef NTSTATUS NTAPI EVT_WDF_DEVICE_SELF_MANAGED_IO_SUSPEND(_In_ WDFDEVICE Device);
typedef EVT_WDF_DEVICE_SELF_MANAGED_IO_SUSPEND *PFN_WDF_DEVICE_SELF_MANAGED_IO_SUSPEND;

typedef NTSTATUS NTAPI EVT_WDF_DEVICE_SELF_MANAGED_IO_RESTART(_In_ WDFDEVICE Device);
typedef EVT_WDF_DEVICE_SELF_MANAGED_IO_RESTART *PFN_WDF_DEVICE_SELF_MANAGED_IO_RESTART;

typedef NTSTATUS NTAPI EVT_WDF_DEVICE_QUERY_STOP(_In_ WDFDEVICE Device);
typedef EVT_WDF_DEVICE_QUERY_STOP *PFN_WDF_DEVICE_QUERY_STOP;

typedef NTSTATUS NTAPI EVT_WDF_DEVICE_QUERY_REMOVE(_In_ WDFDEVICE Device);
typedef EVT_WDF_DEVICE_QUERY_REMOVE *PFN_WDF_DEVICE_QUERY_REMOVE;

typedef VOID NTAPI EVT_WDF_DEVICE_SURPRISE_REMOVAL(_In_ WDFDEVICE Device);
typedef EVT_WDF_DEVICE_SURPRISE_REMOVAL *PFN_WDF_DEVICE_SURPRISE_REMOVAL;

typedef VOID NTAPI EVT_WDF_DEVICE_USAGE_NOTIFICATION(_In_ WDFDEVICE Device,
                                                     _In_ WDF_SPECIAL_FILE_TYPE NotificationType,
                                                     _In_ BOOLEAN IsInNotificationPath);
typedef EVT_WDF_DEVICE_USAGE_NOTIFICATION *PFN_WDF_DEVICE_USAGE_NOTIFICATION;

typedef NTSTATUS NTAPI EVT_WDF_DEVICE_USAGE_NOTIFICATION_EX(
    _In_ WDFDEVICE Device, _In_ WDF_SPECIAL_FILE_TYPE NotificationType,
    _In_ BOOLEAN IsInNotificationPath);
typedef EVT_WDF_DEVICE_USAGE_NOTIFICATION_EX *PFN_WDF_DEVICE_USAGE_NOTIFICATION_EX;

typedef VOID NTAPI EVT_WDF_DEVICE_RELATIONS_QUERY(_In_ WDFDEVICE Device,
                                                  _In_ DEVICE_RELATION_TYPE RelationType);
typedef EVT_WDF_DEVICE_RELATIONS_QUERY *PFN_WDF_DEVICE_RELATIONS_QUERY;

typedef struct _WDF_PNPPOWER_EVENT_CALLBACKS {
    ULONG Size;
    PFN_WDF_DEVICE_D0_ENTRY EvtDeviceD0Entry;
    PFN_WDF_DEVICE_D0_ENTRY_POST_INTERRUPTS_ENABLED EvtDeviceD0EntryPostInterruptsEnabled;
    PFN_WDF_DEVICE_D0_EXIT EvtDeviceD0Exit;
    PFN_WDF_DEVICE_D0_EXIT_PRE_INTERRUPTS_DISABLED EvtDeviceD0ExitPreInterruptsDisabled;
    PFN_WDF_DEVICE_PREPARE_HARDWARE EvtDevicePrepareHardware;
    PFN_WDF_DEVICE_RELEASE_HARDWARE EvtDeviceReleaseHardware;
    PFN_WDF_DEVICE_SELF_MANAGED_IO_CLEANUP EvtDeviceSelfManagedIoCleanup;
    PFN_WDF_DEVICE_SELF_MANAGED_IO_FLUSH EvtDeviceSelfManagedIoFlush;
    PFN_WDF_DEVICE_SELF_MANAGED_IO_INIT EvtDeviceSelfManagedIoInit;
    PFN_WDF_DEVICE_SELF_MANAGED_IO_SUSPEND EvtDeviceSelfManagedIoSuspend;
    PFN_WDF_DEVICE_SELF_MANAGED_IO_RESTART EvtDeviceSelfManagedIoRestart;
    PFN_WDF_DEVICE_SURPRISE_REMOVAL EvtDeviceSurpriseRemoval;
    PFN_WDF_DEVICE_QUERY_REMOVE EvtDeviceQueryRemove;
    PFN_WDF_DEVICE_QUERY_STOP EvtDeviceQueryStop;
    PFN_WDF_DEVICE_USAGE_NOTIFICATION EvtDeviceUsageNotification;
    PFN_WDF_DEVICE_RELATIONS_QUERY EvtDeviceRelationsQuery;
    PFN_WDF_DEVICE_USAGE_NOTIFICATION_EX EvtDeviceUsageNotificationEx;
} WDF_PNPPOWER_EVENT_CALLBACKS, *PWDF_PNPPOWER_EVENT_CALLBACKS;

static inline VOID WDF_PNPPOWER_EVENT_CALLBACKS_INIT(_Out_ PWDF_PNPPOWER_EVENT_CALLBACKS Callbacks)
{
    RtlZeroMemory(Callbacks, sizeof(*Callbacks));
    Callbacks->Size = sizeof(*Callbacks);
}

typedef struct _WDF_DEVICE_STATE {
    ULONG Size;
    WDF_TRI_STATE Disabled;
    WDF_TRI_STATE DontDisplayInUI;
    WDF_TRI_STATE Failed;
    WDF_TRI_STATE NotDisableable;
    WDF_TRI_STATE Removed;
    WDF_TRI_STATE ResourcesChanged;
} WDF_DEVICE_STATE, *PWDF_DEVICE_STATE;

static inline VOID WDF_DEVICE_STATE_INIT(_Out_ PWDF_DEVICE_STATE PnpDeviceState)
{
    PnpDeviceState->Size = sizeof(*PnpDeviceState);
    PnpDeviceState->Disabled = WdfUseDefault;
    PnpDeviceState->DontDisplayInUI = WdfUseDefault;
    PnpDeviceState->Failed = WdfUseDefault;
    PnpDeviceState->NotDisableable = WdfUseDefault;
    PnpDeviceState->Removed = WdfUseDefault;
    PnpDeviceState->ResourcesChanged = WdfUseDefault;
}

typedef struct _WDF_DEVICE_PNP_CAPABILITIES {
    ULONG Size;
    WDF_TRI_STATE LockSupported;
    WDF_TRI_STATE EjectSupported;
    WDF_TRI_STATE Removable;
    WDF_TRI_STATE DockDevice;
    WDF_TRI_STATE UniqueID;
    WDF_TRI_STATE SilentInstall;
    WDF_TRI_STATE SurpriseRemovalOK;
    WDF_TRI_STATE HardwareDisabled;
    WDF_TRI_STATE NoDisplayInUI;
    /* -1: leave as the bus says. */
    ULONG Address;
    ULONG UINumber;
} WDF_DEVICE_PNP_CAPABILITIES, *PWDF_DEVICE_PNP_CAPABILITIES;

static inline VOID WDF_DEVICE_PNP_CAPABILITIES_INIT(_Out_ PWDF_DEVICE_PNP_CAPABILITIES Caps)
{
    Caps->Size = sizeof(*Caps);
    Caps->LockSupported = WdfUseDefault;
    Caps->EjectSupported = WdfUseDefault;
    Caps->Removable = WdfUseDefault;
    Caps->DockDevice = WdfUseDefault;
    Caps->UniqueID = WdfUseDefault;
    Caps->SilentInstall = WdfUseDefault;
    Caps->SurpriseRemovalOK = WdfUseDefault;
    Caps->HardwareDisabled = WdfUseDefault;
    Caps->NoDisplayInUI = WdfUseDefault;
    Caps->Address = (ULONG)-1;
    Caps->UINumber = (ULONG)-1;
}

typedef enum _WDF_REMOVE_LOCK_OPTIONS_FLAGS {
    WDF_REMOVE_LOCK_OPTION_ACQUIRE_FOR_IO = 0x00000001,
} WDF_REMOVE_LOCK_OPTIONS_FLAGS;

typedef struct _WDF_REMOVE_LOCK_OPTIONS {
    ULONG Size;
    ULONG Flags;
} WDF_REMOVE_LOCK_OPTIONS, *PWDF_REMOVE_LOCK_OPTIONS;

static inline VOID WDF_REMOVE_LOCK_OPTIONS_INIT(_Out_ PWDF_REMOVE_LOCK_OPTIONS RemoveLockOptions,
                                                _In_ ULONG Flags)
{
    RemoveLockOptions->Size = sizeof(*RemoveLockOptions);
    RemoveLockOptions->Flags = Flags;
}

/* The callback owns the packet: it completes it, sends it down, or hands it back to the framework
 * with WdfDeviceWdmDispatchPreprocessedIrp after IoSkipCurrentIrpStackLocation. */
typedef NTSTATUS NTAPI EVT_WDFDEVICE_WDM_IRP_PREPROCESS(_In_ WDFDEVICE Device, _Inout_ PIRP Irp);
typedef EVT_WDFDEVICE_WDM_IRP_PREPROCESS *PFN_WDFDEVICE_WDM_IRP_PREPROCESS;

typedef VOID NTAPI EVT_WDF_IO_IN_CALLER_CONTEXT(_In_ WDFDEVICE Device, _In_ WDFREQUEST Request);
typedef EVT_WDF_IO_IN_CALLER_CONTEXT *PFN_WDF_IO_IN_CALLER_CONTEXT;

typedef struct _WDF_IO_TYPE_CONFIG {
    ULONG Size;
    WDF_DEVICE_IO_TYPE ReadWriteIoType;
    WDF_DEVICE_IO_TYPE DeviceControlIoType;
    ULONG DirectTransferThreshold;
} WDF_IO_TYPE_CONFIG, *PWDF_IO_TYPE_CONFIG;

static inline VOID WDF_IO_TYPE_CONFIG_INIT(_Out_ PWDF_IO_TYPE_CONFIG IoTypeConfig)
{
    RtlZeroMemory(IoTypeConfig, sizeof(*IoTypeConfig));
    IoTypeConfig->Size = sizeof(*IoTypeConfig);
    IoTypeConfig->ReadWriteIoType = WdfDeviceIoBuffered;
    IoTypeConfig->DeviceControlIoType = WdfDeviceIoBuffered;
}

typedef struct _WDF_DEVICE_PROPERTY_DATA {
    ULONG Size;
    const DEVPROPKEY *PropertyKey;
    LCID Lcid;
    ULONG Flags; /* PLUGPLAY_PROPERTY_PERSISTENT, for WdfDeviceAssignProperty */
} WDF_DEVICE_PROPERTY_DATA, *PWDF_DEVICE_PROPERTY_DATA;

static inline VOID WDF_DEVICE_PROPERTY_DATA_INIT(_Out_ PWDF_DEVICE_PROPERTY_DATA PropertyData,
                                                 _In_ const DEVPROPKEY *PropertyKey)
{
    RtlZeroMemory(PropertyData, sizeof(*PropertyData));
    PropertyData->Size = sizeof(*PropertyData);
    PropertyData->PropertyKey = PropertyKey;
}

/* Before the device is created. */

WDF_FUNCTION(VOID, WdfDeviceInitFree, (PWDFDEVICE_INIT DeviceInit), (DeviceInit))
WDF_FUNCTION(VOID, WdfDeviceInitSetPnpPowerEventCallbacks,
             (PWDFDEVICE_INIT DeviceInit, PWDF_PNPPOWER_EVENT_CALLBACKS PnpPowerEventCallbacks),
             (DeviceInit, PnpPowerEventCallbacks))
WDF_FUNCTION(VOID, WdfDeviceInitSetPowerPolicyOwnership,
             (PWDFDEVICE_INIT DeviceInit, BOOLEAN IsPowerPolicyOwner),
             (DeviceInit, IsPowerPolicyOwner))
WDF_FUNCTION(VOID, WdfDeviceInitSetIoType, (PWDFDEVICE_INIT DeviceInit, WDF_DEVICE_IO_TYPE IoType),
             (DeviceInit, IoType))
WDF_FUNCTION(VOID, WdfDeviceInitSetIoTypeEx,
             (PWDFDEVICE_INIT DeviceInit, PWDF_IO_TYPE_CONFIG IoTypeConfig),
             (DeviceInit, IoTypeConfig))
WDF_FUNCTION(VOID, WdfDeviceInitSetExclusive, (PWDFDEVICE_INIT DeviceInit, BOOLEAN IsExclusive),
             (DeviceInit, IsExclusive))
WDF_FUNCTION(VOID, WdfDeviceInitSetPowerNotPageable, (PWDFDEVICE_INIT DeviceInit), (DeviceInit))
WDF_FUNCTION(VOID, WdfDeviceInitSetPowerPageable, (PWDFDEVICE_INIT DeviceInit), (DeviceInit))
WDF_FUNCTION(VOID, WdfDeviceInitSetPowerInrush, (PWDFDEVICE_INIT DeviceInit), (DeviceInit))
WDF_FUNCTION(VOID, WdfDeviceInitSetDeviceType, (PWDFDEVICE_INIT DeviceInit, DEVICE_TYPE DeviceType),
             (DeviceInit, DeviceType))
WDF_FUNCTION(NTSTATUS, WdfDeviceInitAssignName,
             (PWDFDEVICE_INIT DeviceInit, PCUNICODE_STRING DeviceName), (DeviceInit, DeviceName))
WDF_FUNCTION(NTSTATUS, WdfDeviceInitAssignSDDLString,
             (PWDFDEVICE_INIT DeviceInit, PCUNICODE_STRING SDDLString), (DeviceInit, SDDLString))
WDF_FUNCTION(VOID, WdfDeviceInitSetDeviceClass,
             (PWDFDEVICE_INIT DeviceInit, CONST GUID *DeviceClassGuid),
             (DeviceInit, DeviceClassGuid))
/* FILE_DEVICE_SECURE_OPEN is always set, whatever is said here. */
WDF_FUNCTION(VOID, WdfDeviceInitSetCharacteristics,
             (PWDFDEVICE_INIT DeviceInit, ULONG DeviceCharacteristics, BOOLEAN OrInValues),
             (DeviceInit, DeviceCharacteristics, OrInValues))
WDF_FUNCTION(VOID, WdfDeviceInitSetFileObjectConfig,
             (PWDFDEVICE_INIT DeviceInit, PWDF_FILEOBJECT_CONFIG FileObjectConfig,
              PWDF_OBJECT_ATTRIBUTES FileObjectAttributes),
             (DeviceInit, FileObjectConfig, FileObjectAttributes))
WDF_FUNCTION(VOID, WdfDeviceInitSetRequestAttributes,
             (PWDFDEVICE_INIT DeviceInit, PWDF_OBJECT_ATTRIBUTES RequestAttributes),
             (DeviceInit, RequestAttributes))
WDF_FUNCTION(NTSTATUS, WdfDeviceInitAssignWdmIrpPreprocessCallback,
             (PWDFDEVICE_INIT DeviceInit,
              PFN_WDFDEVICE_WDM_IRP_PREPROCESS EvtDeviceWdmIrpPreprocess, UCHAR MajorFunction,
              PUCHAR MinorFunctions, ULONG NumMinorFunctions),
             (DeviceInit, EvtDeviceWdmIrpPreprocess, MajorFunction, MinorFunctions,
              NumMinorFunctions))
WDF_FUNCTION(VOID, WdfDeviceInitSetIoInCallerContextCallback,
             (PWDFDEVICE_INIT DeviceInit, PFN_WDF_IO_IN_CALLER_CONTEXT EvtIoInCallerContext),
             (DeviceInit, EvtIoInCallerContext))
WDF_FUNCTION(VOID, WdfDeviceInitSetRemoveLockOptions,
             (PWDFDEVICE_INIT DeviceInit, PWDF_REMOVE_LOCK_OPTIONS Options), (DeviceInit, Options))
WDF_FUNCTION(VOID, WdfDeviceInitSetReleaseHardwareOrderOnFailure,
             (PWDFDEVICE_INIT DeviceInit,
              WDF_RELEASE_HARDWARE_ORDER_ON_FAILURE ReleaseHardwareOrderOnFailure),
             (DeviceInit, ReleaseHardwareOrderOnFailure))

/* On success *DeviceInit is consumed and set to NULL. */
WDF_FUNCTION(NTSTATUS, WdfDeviceCreate,
             (PWDFDEVICE_INIT * DeviceInit, PWDF_OBJECT_ATTRIBUTES DeviceAttributes,
              WDFDEVICE *Device),
             (DeviceInit, DeviceAttributes, Device))

/* The device. */

WDF_FUNCTION(VOID, WdfDeviceGetDeviceState, (WDFDEVICE Device, PWDF_DEVICE_STATE DeviceState),
             (Device, DeviceState))
WDF_FUNCTION(VOID, WdfDeviceSetDeviceState, (WDFDEVICE Device, PWDF_DEVICE_STATE DeviceState),
             (Device, DeviceState))
WDF_FUNCTION(WDFDEVICE, WdfWdmDeviceGetWdfDeviceHandle, (PDEVICE_OBJECT DeviceObject),
             (DeviceObject))
WDF_FUNCTION(PDEVICE_OBJECT, WdfDeviceWdmGetDeviceObject, (WDFDEVICE Device), (Device))
WDF_FUNCTION(PDEVICE_OBJECT, WdfDeviceWdmGetAttachedDevice, (WDFDEVICE Device), (Device))
WDF_FUNCTION(PDEVICE_OBJECT, WdfDeviceWdmGetPhysicalDevice, (WDFDEVICE Device), (Device))
WDF_FUNCTION(NTSTATUS, WdfDeviceWdmDispatchPreprocessedIrp, (WDFDEVICE Device, PIRP Irp),
             (Device, Irp))
WDF_FUNCTION(WDFDRIVER, WdfDeviceGetDriver, (WDFDEVICE Device), (Device))
WDF_FUNCTION(NTSTATUS, WdfDeviceRetrieveDeviceName, (WDFDEVICE Device, WDFSTRING String),
             (Device, String))
WDF_FUNCTION(NTSTATUS, WdfDeviceOpenRegistryKey,
             (WDFDEVICE Device, ULONG DeviceInstanceKeyType, ACCESS_MASK DesiredAccess,
              PWDF_OBJECT_ATTRIBUTES KeyAttributes, WDFKEY *Key),
             (Device, DeviceInstanceKeyType, DesiredAccess, KeyAttributes, Key))
WDF_FUNCTION(VOID, WdfDeviceSetSpecialFileSupport,
             (WDFDEVICE Device, WDF_SPECIAL_FILE_TYPE FileType, BOOLEAN FileTypeIsSupported),
             (Device, FileType, FileTypeIsSupported))
WDF_FUNCTION(VOID, WdfDeviceSetCharacteristics, (WDFDEVICE Device, ULONG DeviceCharacteristics),
             (Device, DeviceCharacteristics))
WDF_FUNCTION(ULONG, WdfDeviceGetCharacteristics, (WDFDEVICE Device), (Device))
WDF_FUNCTION(ULONG, WdfDeviceGetAlignmentRequirement, (WDFDEVICE Device), (Device))
WDF_FUNCTION(VOID, WdfDeviceSetAlignmentRequirement, (WDFDEVICE Device, ULONG AlignmentRequirement),
             (Device, AlignmentRequirement))
WDF_FUNCTION(VOID, WdfDeviceSetStaticStopRemove, (WDFDEVICE Device, BOOLEAN Stoppable),
             (Device, Stoppable))
WDF_FUNCTION(NTSTATUS, WdfDeviceCreateDeviceInterface,
             (WDFDEVICE Device, CONST GUID *InterfaceClassGUID, PCUNICODE_STRING ReferenceString),
             (Device, InterfaceClassGUID, ReferenceString))
WDF_FUNCTION(VOID, WdfDeviceSetDeviceInterfaceState,
             (WDFDEVICE Device, CONST GUID *InterfaceClassGUID, PCUNICODE_STRING ReferenceString,
              BOOLEAN IsInterfaceEnabled),
             (Device, InterfaceClassGUID, ReferenceString, IsInterfaceEnabled))
WDF_FUNCTION(NTSTATUS, WdfDeviceRetrieveDeviceInterfaceString,
             (WDFDEVICE Device, CONST GUID *InterfaceClassGUID, PCUNICODE_STRING ReferenceString,
              WDFSTRING String),
             (Device, InterfaceClassGUID, ReferenceString, String))
WDF_FUNCTION(NTSTATUS, WdfDeviceCreateSymbolicLink,
             (WDFDEVICE Device, PCUNICODE_STRING SymbolicLinkName), (Device, SymbolicLinkName))
WDF_FUNCTION(NTSTATUS, WdfDeviceQueryProperty,
             (WDFDEVICE Device, DEVICE_REGISTRY_PROPERTY DeviceProperty, ULONG BufferLength,
              PVOID PropertyBuffer, PULONG ResultLength),
             (Device, DeviceProperty, BufferLength, PropertyBuffer, ResultLength))
WDF_FUNCTION(NTSTATUS, WdfDeviceAllocAndQueryProperty,
             (WDFDEVICE Device, DEVICE_REGISTRY_PROPERTY DeviceProperty, POOL_TYPE PoolType,
              PWDF_OBJECT_ATTRIBUTES PropertyMemoryAttributes, WDFMEMORY *PropertyMemory),
             (Device, DeviceProperty, PoolType, PropertyMemoryAttributes, PropertyMemory))
WDF_FUNCTION(NTSTATUS, WdfDeviceQueryPropertyEx,
             (WDFDEVICE Device, PWDF_DEVICE_PROPERTY_DATA DeviceProperty, ULONG BufferLength,
              PVOID PropertyBuffer, PULONG RequiredSize, PDEVPROPTYPE Type),
             (Device, DeviceProperty, BufferLength, PropertyBuffer, RequiredSize, Type))
WDF_FUNCTION(NTSTATUS, WdfDeviceAllocAndQueryPropertyEx,
             (WDFDEVICE Device, PWDF_DEVICE_PROPERTY_DATA DeviceProperty, POOL_TYPE PoolType,
              PWDF_OBJECT_ATTRIBUTES PropertyMemoryAttributes, WDFMEMORY *PropertyMemory,
              PDEVPROPTYPE Type),
             (Device, DeviceProperty, PoolType, PropertyMemoryAttributes, PropertyMemory, Type))
WDF_FUNCTION(NTSTATUS, WdfDeviceAssignProperty,
             (WDFDEVICE Device, PWDF_DEVICE_PROPERTY_DATA DeviceProperty, DEVPROPTYPE Type,
              ULONG Size, PVOID Data),
             (Device, DeviceProperty, Type, Size, Data))
WDF_FUNCTION(VOID, WdfDeviceSetPnpCapabilities,
             (WDFDEVICE Device, PWDF_DEVICE_PNP_CAPABILITIES PnpCapabilities),
             (Device, PnpCapabilities))
WDF_FUNCTION(VOID, WdfDeviceSetFailed, (WDFDEVICE Device, WDF_DEVICE_FAILED_ACTION FailedAction),
             (Device, FailedAction))
WDF_FUNCTION(WDFFILEOBJECT, WdfDeviceGetFileObject, (WDFDEVICE Device, PFILE_OBJECT FileObject),
             (Device, FileObject))
WDF_FUNCTION(NTSTATUS, WdfDeviceEnqueueRequest, (WDFDEVICE Device, WDFREQUEST Request),
             (Device, Request))
WDF_FUNCTION(WDFQUEUE, WdfDeviceGetDefaultQueue, (WDFDEVICE Device), (Device))
WDF_FUNCTION(NTSTATUS, WdfDeviceConfigureRequestDispatching,
             (WDFDEVICE Device, WDFQUEUE Queue, WDF_REQUEST_TYPE RequestType),
             (Device, Queue, RequestType))

#endif
