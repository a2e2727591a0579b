/*
 * Plug and play and power: which callback runs when. Wine starts a device and removes it
 * (SURPRISE_REMOVAL, then REMOVE_DEVICE, with handles still open); it sends no query, no stop and
 * no power packet by itself. All of them are handled for whoever sends one.
 */
#include "fx.h"

#define PNP(Device) (&(Device)->Settings.Pnp)

#define CALL_STATUS(Device, Callback, Status, ...)                                                 \
    do {                                                                                           \
        Status = STATUS_SUCCESS;                                                                   \
        if (PNP(Device)->Callback != NULL) {                                                       \
            FX_CALLBACK((Device)->Object.Driver, #Callback,                                        \
                        Status = PNP(Device)->Callback(FxHandle(Device), ##__VA_ARGS__));          \
        }                                                                                          \
    } while (0)

#define CALL_VOID(Device, Callback)                                                                \
    do {                                                                                           \
        if (PNP(Device)->Callback != NULL) {                                                       \
            FX_CALLBACK((Device)->Object.Driver, #Callback,                                        \
                        PNP(Device)->Callback(FxHandle(Device)));                                  \
        }                                                                                          \
    } while (0)

static VOID ForEachQueue(FX_DEVICE *Device, VOID (*Do)(FX_QUEUE *Queue), BOOLEAN PowerManaged)
{
    LIST_ENTRY *Entry;

    /* Queues are never removed before their device. */
    for (Entry = Device->Queues.Flink; Entry != &Device->Queues; Entry = Entry->Flink) {
        FX_QUEUE *Queue = CONTAINING_RECORD(Entry, FX_QUEUE, Link);
        if (Queue->PowerManaged == PowerManaged) {
            Do(Queue);
        }
    }
}

static VOID SuspendQueue(FX_QUEUE *Queue)
{
    FxQueuePowerStop(Queue, FALSE);
}

static VOID PurgeQueue(FX_QUEUE *Queue)
{
    FxQueuePowerStop(Queue, TRUE);
}

/* ---- power ---- */

static NTSTATUS PowerUp(FX_DEVICE *Device, WDF_POWER_DEVICE_STATE From)
{
    NTSTATUS Status;

    CALL_STATUS(Device, EvtDeviceD0Entry, Status, From);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    CALL_STATUS(Device, EvtDeviceD0EntryPostInterruptsEnabled, Status, From);
    if (!NT_SUCCESS(Status)) {
        NTSTATUS Ignored;
        CALL_STATUS(Device, EvtDeviceD0Exit, Ignored, WdfPowerDeviceD3Final);
        (void)Ignored;
        return Status;
    }
    Device->Powered = TRUE;
    ForEachQueue(Device, FxQueuePowerStart, TRUE);
    if (Device->SelfManagedIo) {
        CALL_STATUS(Device, EvtDeviceSelfManagedIoRestart, Status);
    } else {
        CALL_STATUS(Device, EvtDeviceSelfManagedIoInit, Status);
        Device->SelfManagedIo = NT_SUCCESS(Status);
    }
    return Status;
}

/* Purge: the device goes for good, and what it still has to do is cancelled. */
static VOID PowerDown(FX_DEVICE *Device, WDF_POWER_DEVICE_STATE To, BOOLEAN Purge)
{
    NTSTATUS Status;

    if (!Device->Powered) {
        return;
    }
    if (Device->SelfManagedIo) {
        CALL_STATUS(Device, EvtDeviceSelfManagedIoSuspend, Status);
    }
    ForEachQueue(Device, Purge ? PurgeQueue : SuspendQueue, TRUE);
    CALL_STATUS(Device, EvtDeviceD0ExitPreInterruptsDisabled, Status, To);
    CALL_STATUS(Device, EvtDeviceD0Exit, Status, To);
    if (!NT_SUCCESS(Status)) {
        FxLog(Device->Object.Driver, "EvtDeviceD0Exit failed: 0x%08lx", Status);
    }
    Device->Powered = FALSE;
}

static VOID ReleaseHardware(FX_DEVICE *Device)
{
    WDFCMRESLIST Translated;
    NTSTATUS Status;

    if (!Device->HardwarePrepared) {
        return;
    }
    Device->HardwarePrepared = FALSE;
    if (NT_SUCCESS(FxResourceListCreate(Device, NULL, &Translated))) {
        CALL_STATUS(Device, EvtDeviceReleaseHardware, Status, Translated);
        (void)Status;
        FxObjectDelete(
            FxFromHandle(&Device->Object.Driver->Public, Translated, FxTypeResourceList, ""));
    }
}

/* ---- start and stop ---- */

static NTSTATUS PrepareHardware(FX_DEVICE *Device, IO_STACK_LOCATION *Stack)
{
    PWDF_DRIVER_GLOBALS Globals = &Device->Object.Driver->Public;
    WDFCMRESLIST Translated;
    WDFCMRESLIST Raw;
    NTSTATUS Status =
        FxResourceListCreate(Device, Stack->Parameters.StartDevice.AllocatedResources, &Raw);

    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    Status = FxResourceListCreate(
        Device, Stack->Parameters.StartDevice.AllocatedResourcesTranslated, &Translated);
    if (NT_SUCCESS(Status)) {
        Device->HardwarePrepared = TRUE;
        CALL_STATUS(Device, EvtDevicePrepareHardware, Status, Raw, Translated);
        FxObjectDelete(FxFromHandle(Globals, Translated, FxTypeResourceList, ""));
    }
    FxObjectDelete(FxFromHandle(Globals, Raw, FxTypeResourceList, ""));
    return Status;
}

static NTSTATUS Start(FX_DEVICE *Device, IRP *Irp)
{
    NTSTATUS Status;

    IoCopyCurrentIrpStackLocationToNext(Irp);
    Status = FxSendAndWait(Device->Attached, Irp);
    if (NT_SUCCESS(Status)) {
        Status = PrepareHardware(Device, IoGetCurrentIrpStackLocation(Irp));
    }
    if (NT_SUCCESS(Status)) {
        Status = PowerUp(Device, WdfPowerDeviceD3Final);
        if (!NT_SUCCESS(Status)) {
            PowerDown(Device, WdfPowerDeviceD3Final, TRUE);
        }
    }
    if (NT_SUCCESS(Status)) {
        Device->PnpState = FxPnpStarted;
        FxInterfaceEnableAll(Device, TRUE);
    } else {
        FxLog(Device->Object.Driver, "the device did not start: 0x%08lx", Status);
        Device->PnpState = FxPnpStartFailed;
        ReleaseHardware(Device);
    }
    return FxCompleteIrp(Irp, Status);
}

static NTSTATUS Stop(FX_DEVICE *Device, IRP *Irp)
{
    if (Device->PnpState == FxPnpStarted) {
        PowerDown(Device, WdfPowerDeviceD3Final, FALSE);
        ReleaseHardware(Device);
        Device->PnpState = FxPnpStopped;
    }
    Irp->IoStatus.Status = STATUS_SUCCESS;
    return FxForwardIrp(Device, Irp);
}

static BOOLEAN InSpecialPath(const FX_DEVICE *Device)
{
    ULONG i;

    for (i = 0; i < WdfSpecialFileMax; i++) {
        if (Device->SpecialFileCount[i] > 0) {
            return TRUE;
        }
    }
    return FALSE;
}

static NTSTATUS Query(FX_DEVICE *Device, IRP *Irp, UCHAR Minor)
{
    NTSTATUS Status = STATUS_SUCCESS;

    if (!Device->Stoppable || InSpecialPath(Device)) {
        Status = STATUS_INVALID_DEVICE_STATE;
    } else if (Minor == IRP_MN_QUERY_REMOVE_DEVICE) {
        CALL_STATUS(Device, EvtDeviceQueryRemove, Status);
    } else {
        CALL_STATUS(Device, EvtDeviceQueryStop, Status);
    }
    if (!NT_SUCCESS(Status)) {
        return FxCompleteIrp(Irp, Status);
    }
    Irp->IoStatus.Status = STATUS_SUCCESS;
    return FxForwardIrp(Device, Irp);
}

/* ---- removal ---- */

static VOID StopForRemoval(FX_DEVICE *Device)
{
    FxInterfaceEnableAll(Device, FALSE);
    PowerDown(Device, WdfPowerDeviceD3Final, TRUE);
    /* A device that never reached D0 has power-managed queues with requests, too. */
    ForEachQueue(Device, FxQueuePurgeAndWait, TRUE);
    ReleaseHardware(Device);
}

static VOID SurpriseRemove(FX_DEVICE *Device)
{
    if (Device->PnpState == FxPnpSurpriseRemoved) {
        return;
    }
    CALL_VOID(Device, EvtDeviceSurpriseRemoval);
    Device->PnpState = FxPnpSurpriseRemoved;
    StopForRemoval(Device);
}

static VOID FinishRemoval(FX_DEVICE *Device)
{
    StopForRemoval(Device);
    Device->PnpState = FxPnpRemoved;
    ForEachQueue(Device, FxQueuePurgeAndWait, FALSE);
    if (Device->SelfManagedIo) {
        CALL_VOID(Device, EvtDeviceSelfManagedIoFlush);
        CALL_VOID(Device, EvtDeviceSelfManagedIoCleanup);
        Device->SelfManagedIo = FALSE;
    }
}

VOID FxPnpTearDown(FX_DEVICE *Device)
{
    SurpriseRemove(Device);
    FinishRemoval(Device);
}

static NTSTATUS Remove(FX_DEVICE *Device, IRP *Irp)
{
    NTSTATUS Status;

    FinishRemoval(Device);
    Irp->IoStatus.Status = STATUS_SUCCESS;
    Status = FxForwardIrp(Device, Irp);
    FxDeviceDeleteWdm(Device);
    return Status;
}

/* ---- questions ---- */

static ULONG Merge(WDF_TRI_STATE Wanted, ULONG Current)
{
    return Wanted == WdfUseDefault ? Current : (ULONG)(Wanted == WdfTrue);
}

static NTSTATUS QueryCapabilities(FX_DEVICE *Device, IRP *Irp)
{
    DEVICE_CAPABILITIES *Caps =
        IoGetCurrentIrpStackLocation(Irp)->Parameters.DeviceCapabilities.Capabilities;
    const WDF_DEVICE_PNP_CAPABILITIES *Wanted = &Device->Capabilities;
    NTSTATUS Status;

    IoCopyCurrentIrpStackLocationToNext(Irp);
    Status = FxSendAndWait(Device->Attached, Irp);
    if (NT_SUCCESS(Status)) {
        Caps->LockSupported = Merge(Wanted->LockSupported, Caps->LockSupported);
        Caps->EjectSupported = Merge(Wanted->EjectSupported, Caps->EjectSupported);
        Caps->Removable = Merge(Wanted->Removable, Caps->Removable);
        Caps->DockDevice = Merge(Wanted->DockDevice, Caps->DockDevice);
        Caps->UniqueID = Merge(Wanted->UniqueID, Caps->UniqueID);
        Caps->SilentInstall = Merge(Wanted->SilentInstall, Caps->SilentInstall);
        Caps->SurpriseRemovalOK = Merge(Wanted->SurpriseRemovalOK, Caps->SurpriseRemovalOK);
        Caps->HardwareDisabled = Merge(Wanted->HardwareDisabled, Caps->HardwareDisabled);
        Caps->NoDisplayInUI = Merge(Wanted->NoDisplayInUI, Caps->NoDisplayInUI);
        if (Wanted->Address != (ULONG)-1) {
            Caps->Address = Wanted->Address;
        }
        if (Wanted->UINumber != (ULONG)-1) {
            Caps->UINumber = Wanted->UINumber;
        }
    }
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    return Status;
}

static NTSTATUS QueryState(FX_DEVICE *Device, IRP *Irp)
{
    const WDF_DEVICE_STATE *State = &Device->State;
    ULONG_PTR Flags = Irp->IoStatus.Information;

    if (Irp->IoStatus.Status == STATUS_NOT_SUPPORTED) {
        Flags = 0;
    }
    Flags |= State->Disabled == WdfTrue ? PNP_DEVICE_DISABLED : 0;
    Flags |= State->DontDisplayInUI == WdfTrue ? PNP_DEVICE_DONT_DISPLAY_IN_UI : 0;
    Flags |= State->Failed == WdfTrue || Device->Failed ? PNP_DEVICE_FAILED : 0;
    Flags |=
        State->NotDisableable == WdfTrue || InSpecialPath(Device) ? PNP_DEVICE_NOT_DISABLEABLE : 0;
    Flags |= State->Removed == WdfTrue ? PNP_DEVICE_REMOVED : 0;
    Irp->IoStatus.Status = STATUS_SUCCESS;
    Irp->IoStatus.Information = Flags;
    return FxForwardIrp(Device, Irp);
}

static WDF_SPECIAL_FILE_TYPE SpecialFileType(DEVICE_USAGE_NOTIFICATION_TYPE Type)
{
    switch (Type) {
    case DeviceUsageTypePaging:
        return WdfSpecialFilePaging;
    case DeviceUsageTypeHibernation:
        return WdfSpecialFileHibernation;
    case DeviceUsageTypeDumpFile:
        return WdfSpecialFileDump;
    default:
        return WdfSpecialFileUndefined;
    }
}

static NTSTATUS UsageNotification(FX_DEVICE *Device, IRP *Irp)
{
    IO_STACK_LOCATION *Stack = IoGetCurrentIrpStackLocation(Irp);
    WDF_SPECIAL_FILE_TYPE Type = SpecialFileType(Stack->Parameters.UsageNotification.Type);
    BOOLEAN InPath = Stack->Parameters.UsageNotification.InPath;
    NTSTATUS Status;

    if (Type == WdfSpecialFileUndefined || (InPath && !Device->SpecialFile[Type])) {
        return FxCompleteIrp(Irp, STATUS_NOT_IMPLEMENTED);
    }
    CALL_STATUS(Device, EvtDeviceUsageNotificationEx, Status, Type, InPath);
    if (!NT_SUCCESS(Status)) {
        return FxCompleteIrp(Irp, Status);
    }
    if (PNP(Device)->EvtDeviceUsageNotification != NULL) {
        FX_CALLBACK(Device->Object.Driver, "EvtDeviceUsageNotification",
                    PNP(Device)->EvtDeviceUsageNotification(FxHandle(Device), Type, InPath));
    }
    Device->SpecialFileCount[Type] += InPath ? 1 : -1;
    Irp->IoStatus.Status = STATUS_SUCCESS;
    return FxForwardIrp(Device, Irp);
}

NTSTATUS FxPnpDispatch(FX_DEVICE *Device, IRP *Irp)
{
    UCHAR Minor = IoGetCurrentIrpStackLocation(Irp)->MinorFunction;

    if (Device->Settings.Control) {
        return FxCompleteIrp(Irp, STATUS_INVALID_DEVICE_REQUEST);
    }
    switch (Minor) {
    case IRP_MN_START_DEVICE:
        return Start(Device, Irp);
    case IRP_MN_QUERY_STOP_DEVICE:
    case IRP_MN_QUERY_REMOVE_DEVICE:
        return Query(Device, Irp, Minor);
    case IRP_MN_STOP_DEVICE:
        return Stop(Device, Irp);
    case IRP_MN_CANCEL_STOP_DEVICE:
    case IRP_MN_CANCEL_REMOVE_DEVICE:
        Irp->IoStatus.Status = STATUS_SUCCESS;
        return FxForwardIrp(Device, Irp);
    case IRP_MN_SURPRISE_REMOVAL:
        SurpriseRemove(Device);
        Irp->IoStatus.Status = STATUS_SUCCESS;
        return FxForwardIrp(Device, Irp);
    case IRP_MN_REMOVE_DEVICE:
        return Remove(Device, Irp);
    case IRP_MN_QUERY_CAPABILITIES:
        return QueryCapabilities(Device, Irp);
    case IRP_MN_QUERY_PNP_DEVICE_STATE:
        return QueryState(Device, Irp);
    case IRP_MN_DEVICE_USAGE_NOTIFICATION:
        return UsageNotification(Device, Irp);
    default:
        return FxForwardIrp(Device, Irp);
    }
}

NTSTATUS FxPowerDispatch(FX_DEVICE *Device, IRP *Irp)
{
    IO_STACK_LOCATION *Stack = IoGetCurrentIrpStackLocation(Irp);
    NTSTATUS Status;

    if (Device->Attached == NULL) {
        return FxCompleteIrp(Irp, STATUS_INVALID_DEVICE_REQUEST);
    }
    if (Stack->MinorFunction == IRP_MN_SET_POWER &&
        Stack->Parameters.Power.Type == DevicePowerState && Device->PnpState == FxPnpStarted) {
        DEVICE_POWER_STATE State = Stack->Parameters.Power.State.DeviceState;
        if (State > PowerDeviceD0 && Device->Powered) {
            PowerDown(Device, WdfPowerDeviceD3, FALSE);
        } else if (State == PowerDeviceD0 && !Device->Powered) {
            Status = PowerUp(Device, WdfPowerDeviceD3);
            if (!NT_SUCCESS(Status)) {
                FxLog(Device->Object.Driver, "power up failed: 0x%08lx", Status);
            }
        }
        Irp->IoStatus.Status = STATUS_SUCCESS;
    }
    return FxForwardIrp(Device, Irp);
}
