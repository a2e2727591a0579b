/*
 * The order of the PnP and power callbacks. A bus driver of the test's own makes a physical device,
 * and sends the framework's device what Wine's PnP manager would send, and more.
 */
#include "test_driver.h"

/* In no header of mingw-w64. */
NTSYSAPI NTSTATUS NTAPI IoCreateDriver(UNICODE_STRING *Name, PDRIVER_INITIALIZE Entry);
NTSYSAPI VOID NTAPI IoDeleteDriver(DRIVER_OBJECT *Driver);

static TEST_TEXT *Trace;

#define SAY(name) TestSay(Trace, name " ")

static EVT_WDF_DEVICE_D0_ENTRY EvtD0Entry;
static EVT_WDF_DEVICE_D0_EXIT EvtD0Exit;
static EVT_WDF_DEVICE_PREPARE_HARDWARE EvtPrepare;
static EVT_WDF_DEVICE_RELEASE_HARDWARE EvtRelease;
static EVT_WDF_DEVICE_SELF_MANAGED_IO_INIT EvtIoInit;
static EVT_WDF_DEVICE_SELF_MANAGED_IO_SUSPEND EvtIoSuspend;
static EVT_WDF_DEVICE_SELF_MANAGED_IO_RESTART EvtIoRestart;
static EVT_WDF_DEVICE_SELF_MANAGED_IO_FLUSH EvtIoFlush;
static EVT_WDF_DEVICE_SELF_MANAGED_IO_CLEANUP EvtIoCleanup;
static EVT_WDF_DEVICE_QUERY_REMOVE EvtQueryRemove;
static EVT_WDF_DEVICE_QUERY_STOP EvtQueryStop;
static EVT_WDF_DEVICE_SURPRISE_REMOVAL EvtSurprise;
static EVT_WDF_OBJECT_CONTEXT_CLEANUP EvtDeviceCleanup;
static DRIVER_INITIALIZE BusEntry;
static DRIVER_DISPATCH BusDispatch;

static NTSTATUS EvtD0Entry(WDFDEVICE Device, WDF_POWER_DEVICE_STATE From)
{
    (void)Device;
    TestSay(Trace, "entry%d ", From);
    return STATUS_SUCCESS;
}

static NTSTATUS EvtD0Exit(WDFDEVICE Device, WDF_POWER_DEVICE_STATE To)
{
    (void)Device;
    TestSay(Trace, "exit%d ", To);
    return STATUS_SUCCESS;
}

static NTSTATUS EvtPrepare(WDFDEVICE Device, WDFCMRESLIST Raw, WDFCMRESLIST Translated)
{
    (void)Device;
    (void)Raw;
    (void)Translated;
    SAY("prepare");
    return STATUS_SUCCESS;
}

static NTSTATUS EvtRelease(WDFDEVICE Device, WDFCMRESLIST Translated)
{
    (void)Device;
    (void)Translated;
    SAY("release");
    return STATUS_SUCCESS;
}

static NTSTATUS EvtIoInit(WDFDEVICE Device)
{
    (void)Device;
    SAY("init");
    return STATUS_SUCCESS;
}

static NTSTATUS EvtIoSuspend(WDFDEVICE Device)
{
    (void)Device;
    SAY("suspend");
    return STATUS_SUCCESS;
}

static NTSTATUS EvtIoRestart(WDFDEVICE Device)
{
    (void)Device;
    SAY("restart");
    return STATUS_SUCCESS;
}

static VOID EvtIoFlush(WDFDEVICE Device)
{
    (void)Device;
    SAY("flush");
}

static VOID EvtIoCleanup(WDFDEVICE Device)
{
    (void)Device;
    SAY("cleanup");
}

static NTSTATUS EvtQueryRemove(WDFDEVICE Device)
{
    (void)Device;
    SAY("query-remove");
    return STATUS_DEVICE_BUSY;
}

static NTSTATUS EvtQueryStop(WDFDEVICE Device)
{
    (void)Device;
    SAY("query-stop");
    return STATUS_SUCCESS;
}

static VOID EvtSurprise(WDFDEVICE Device)
{
    (void)Device;
    SAY("surprise");
}

static VOID EvtDeviceCleanup(WDFOBJECT Object)
{
    (void)Object;
    SAY("device-cleanup");
}

NTSTATUS TestPnpDeviceAdd(WDFDRIVER Driver, PWDFDEVICE_INIT Init)
{
    WDF_PNPPOWER_EVENT_CALLBACKS Callbacks;
    WDF_OBJECT_ATTRIBUTES Attributes;
    WDFDEVICE Device;

    (void)Driver;
    WDF_PNPPOWER_EVENT_CALLBACKS_INIT(&Callbacks);
    Callbacks.EvtDeviceD0Entry = EvtD0Entry;
    Callbacks.EvtDeviceD0Exit = EvtD0Exit;
    Callbacks.EvtDevicePrepareHardware = EvtPrepare;
    Callbacks.EvtDeviceReleaseHardware = EvtRelease;
    Callbacks.EvtDeviceSelfManagedIoInit = EvtIoInit;
    Callbacks.EvtDeviceSelfManagedIoSuspend = EvtIoSuspend;
    Callbacks.EvtDeviceSelfManagedIoRestart = EvtIoRestart;
    Callbacks.EvtDeviceSelfManagedIoFlush = EvtIoFlush;
    Callbacks.EvtDeviceSelfManagedIoCleanup = EvtIoCleanup;
    Callbacks.EvtDeviceQueryRemove = EvtQueryRemove;
    Callbacks.EvtDeviceQueryStop = EvtQueryStop;
    Callbacks.EvtDeviceSurpriseRemoval = EvtSurprise;
    WdfDeviceInitSetPnpPowerEventCallbacks(Init, &Callbacks);
    WDF_OBJECT_ATTRIBUTES_INIT(&Attributes);
    Attributes.EvtCleanupCallback = EvtDeviceCleanup;
    return WdfDeviceCreate(&Init, &Attributes, &Device);
}

/* ---- the bus ---- */

static DRIVER_OBJECT *Bus;

static NTSTATUS NTAPI BusDispatch(DEVICE_OBJECT *Device, IRP *Irp)
{
    (void)Device;
    Irp->IoStatus.Status = STATUS_SUCCESS;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    return STATUS_SUCCESS;
}

static NTSTATUS NTAPI BusEntry(DRIVER_OBJECT *Driver, UNICODE_STRING *RegistryPath)
{
    (void)RegistryPath;
    Driver->MajorFunction[IRP_MJ_PNP] = BusDispatch;
    Driver->MajorFunction[IRP_MJ_POWER] = BusDispatch;
    Bus = Driver;
    return STATUS_SUCCESS;
}

static VOID Send(DEVICE_OBJECT *Target, UCHAR Major, UCHAR Minor, DEVICE_POWER_STATE State)
{
    IRP *Irp = IoBuildSynchronousFsdRequest(Major, Target, NULL, 0, NULL, NULL, NULL);
    IO_STACK_LOCATION *Stack;

    if (Irp == NULL) {
        SAY("no-packet");
        return;
    }
    Irp->IoStatus.Status = STATUS_NOT_SUPPORTED;
    Stack = IoGetNextIrpStackLocation(Irp);
    Stack->MinorFunction = Minor;
    if (Major == IRP_MJ_POWER) {
        Stack->Parameters.Power.Type = DevicePowerState;
        Stack->Parameters.Power.State.DeviceState = State;
    }
    if (!NT_SUCCESS(IoCallDriver(Target, Irp))) {
        SAY("refused");
    }
}

static VOID SendPnp(DEVICE_OBJECT *Target, UCHAR Minor)
{
    Send(Target, IRP_MJ_PNP, Minor, PowerDeviceUnspecified);
}

VOID TestPnpOrder(TEST_TEXT *Text)
{
    DRIVER_OBJECT *Driver = WdfDriverWdmGetDriverObject(WdfGetDriver());
    DEVICE_OBJECT *Physical;
    DEVICE_OBJECT *Top;
    UNICODE_STRING Name;
    NTSTATUS Status;

    Trace = Text;
    RtlInitUnicodeString(&Name, L"\\Driver\\WdfldrTestBus");
    Status = IoCreateDriver(&Name, BusEntry);
    if (NT_SUCCESS(Status)) {
        Status = IoCreateDevice(Bus, 0, NULL, FILE_DEVICE_UNKNOWN, 0, FALSE, &Physical);
    }
    if (NT_SUCCESS(Status)) {
        Status = Driver->DriverExtension->AddDevice(Driver, Physical);
    }
    if (!NT_SUCCESS(Status)) {
        TestSay(Trace, "no device: 0x%08lx", Status);
        return;
    }
    Top = IoGetAttachedDeviceReference(Physical);
    SendPnp(Top, IRP_MN_START_DEVICE);
    SAY("|");
    Send(Top, IRP_MJ_POWER, IRP_MN_SET_POWER, PowerDeviceD3);
    Send(Top, IRP_MJ_POWER, IRP_MN_SET_POWER, PowerDeviceD0);
    SAY("|");
    SendPnp(Top, IRP_MN_QUERY_STOP_DEVICE);
    SendPnp(Top, IRP_MN_STOP_DEVICE);
    SendPnp(Top, IRP_MN_START_DEVICE);
    SAY("|");
    SendPnp(Top, IRP_MN_QUERY_REMOVE_DEVICE);
    SendPnp(Top, IRP_MN_SURPRISE_REMOVAL);
    SAY("|");
    SendPnp(Top, IRP_MN_REMOVE_DEVICE);
    ObDereferenceObject(Top);
    IoDeleteDevice(Physical);
    IoDeleteDriver(Bus);
}
