/* The test driver: a control device that carries out one case per control code. */
#include <stdarg.h>

#include "test_driver.h"

int __cdecl _vsnprintf(char *Buffer, size_t Count, const char *Format, va_list Arguments);

DRIVER_INITIALIZE DriverEntry;
static EVT_WDF_IO_QUEUE_IO_DEVICE_CONTROL EvtControl;
static EVT_WDF_IO_QUEUE_IO_DEVICE_CONTROL EvtSequential;
static EVT_WDF_REQUEST_CANCEL EvtCancel;

VOID TestSay(TEST_TEXT *Text, const char *Format, ...)
{
    va_list Arguments;
    int Written;

    va_start(Arguments, Format);
    Written = _vsnprintf(Text->Buffer + Text->Length, Text->Size - Text->Length, Format, Arguments);
    va_end(Arguments);
    Text->Length = Written < 0 ? Text->Size : Text->Length + (SIZE_T)Written;
}

static VOID EvtCancel(WDFREQUEST Request)
{
    TEST_DEVICE *Device = TestGetDevice(WdfIoQueueGetDevice(WdfRequestGetIoQueue(Request)));

    InterlockedIncrement(&Device->CancelCalls);
    WdfRequestComplete(Request, STATUS_CANCELLED);
}

static VOID EvtSequential(WDFQUEUE Queue, WDFREQUEST Request, size_t OutputLength,
                          size_t InputLength, ULONG Code)
{
    TEST_DEVICE *Device = TestGetDevice(WdfIoQueueGetDevice(Queue));

    (void)OutputLength;
    (void)InputLength;
    (void)Code;
    Device->Current = Request;
}

static VOID CompleteOne(TEST_DEVICE *Device)
{
    WDFREQUEST Request = Device->Current;

    if (Request != NULL) {
        Device->Current = NULL;
        WdfRequestComplete(Request, STATUS_SUCCESS);
    } else if (NT_SUCCESS(WdfIoQueueRetrieveNextRequest(Device->Manual, &Request))) {
        WdfRequestComplete(Request, STATUS_SUCCESS);
    }
}

static VOID SayCounts(TEST_DEVICE *Device, TEST_TEXT *Text)
{
    ULONG Waiting;
    ULONG Owned;

    WdfIoQueueGetState(Device->Manual, &Waiting, &Owned);
    TestSay(Text, "manual %lu/%lu ", Waiting, Owned);
    WdfIoQueueGetState(Device->Sequential, &Waiting, &Owned);
    TestSay(Text, "sequential %lu/%lu cancels %ld", Waiting, Owned, Device->CancelCalls);
}

static VOID Answer(TEST_DEVICE *Device, ULONG Case, TEST_TEXT *Text)
{
    switch (Case) {
    case BEHAVE_NOT_IMPLEMENTED:
        TestSay(Text, "0x%08lx",
                ((NTSTATUS(NTAPI *)(VOID))WdfFunctions[WdfDmaEnablerCreateTableIndex])());
        break;
    case BEHAVE_PARENTS:
        TestParents(Device, Text);
        break;
    case BEHAVE_OBJECTS:
        TestObjects(Device, Text);
        break;
    case BEHAVE_QUEUE_STATES:
        TestQueueStates(Device, Text);
        break;
    case BEHAVE_TIMER:
        TestTimer(Device, Text);
        break;
    case BEHAVE_PNP_ORDER:
        TestPnpOrder(Text);
        break;
    case BEHAVE_REGISTRY:
        TestRegistry(Device, Text);
        break;
    case BEHAVE_SDDL:
        TestSddl(Text);
        break;
    case QUEUE_COMPLETE_ONE:
        CompleteOne(Device);
        break;
    case QUEUE_COUNTS:
        SayCounts(Device, Text);
        break;
    default:
        break;
    }
}

static VOID PendOwned(WDFREQUEST Request)
{
    if (!NT_SUCCESS(WdfRequestMarkCancelableEx(Request, EvtCancel))) {
        WdfRequestComplete(Request, STATUS_CANCELLED);
    }
}

static VOID EvtControl(WDFQUEUE Queue, WDFREQUEST Request, size_t OutputLength, size_t InputLength,
                       ULONG Code)
{
    TEST_DEVICE *Device = TestGetDevice(WdfIoQueueGetDevice(Queue));
    ULONG Case = ((Code >> 2) & 0xFFF) - 0x800;
    TEST_TEXT Text = {0};

    (void)InputLength;
    if (Case == QUEUE_PEND || Case == QUEUE_SEQUENTIAL) {
        NTSTATUS Status = WdfRequestForwardToIoQueue(
            Request, Case == QUEUE_PEND ? Device->Manual : Device->Sequential);
        if (!NT_SUCCESS(Status)) {
            WdfRequestComplete(Request, Status);
        }
        return;
    }
    if (Case == QUEUE_PEND_OWNED) {
        PendOwned(Request);
        return;
    }
    if (Case <= MISBEHAVE_BUG_CHECK) {
        TestMisbehave(Device, Request, Case);
        return;
    }
    Text.Size = OutputLength;
    if (OutputLength > 0 &&
        !NT_SUCCESS(WdfRequestRetrieveOutputBuffer(Request, 1, (PVOID *)&Text.Buffer, NULL))) {
        WdfRequestComplete(Request, STATUS_INVALID_PARAMETER);
        return;
    }
    Answer(Device, Case, &Text);
    WdfRequestCompleteWithInformation(Request, STATUS_SUCCESS, Text.Length);
}

static NTSTATUS CreateQueues(TEST_DEVICE *Device)
{
    WDF_IO_QUEUE_CONFIG Config;
    NTSTATUS Status;

    WDF_IO_QUEUE_CONFIG_INIT_DEFAULT_QUEUE(&Config, WdfIoQueueDispatchParallel);
    Config.EvtIoDeviceControl = EvtControl;
    Status = WdfIoQueueCreate(Device->Device, &Config, NULL, NULL);
    if (NT_SUCCESS(Status)) {
        WDF_IO_QUEUE_CONFIG_INIT(&Config, WdfIoQueueDispatchManual);
        Status = WdfIoQueueCreate(Device->Device, &Config, NULL, &Device->Manual);
    }
    if (NT_SUCCESS(Status)) {
        WDF_IO_QUEUE_CONFIG_INIT(&Config, WdfIoQueueDispatchSequential);
        Config.EvtIoDeviceControl = EvtSequential;
        Status = WdfIoQueueCreate(Device->Device, &Config, NULL, &Device->Sequential);
    }
    return Status;
}

static NTSTATUS CreateControlDevice(WDFDRIVER Driver)
{
    static const WCHAR Sddl[] = L"D:P(A;;GA;;;SY)(A;;GA;;;BA)";
    UNICODE_STRING Name;
    WDF_OBJECT_ATTRIBUTES Attributes;
    PWDFDEVICE_INIT Init;
    WDFDEVICE Device;
    NTSTATUS Status;

    RtlInitUnicodeString(&Name, Sddl);
    Init = WdfControlDeviceInitAllocate(Driver, &Name);
    if (Init == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    RtlInitUnicodeString(&Name, WDFLDR_TEST_DEVICE);
    Status = WdfDeviceInitAssignName(Init, &Name);
    WDF_OBJECT_ATTRIBUTES_INIT_CONTEXT_TYPE(&Attributes, TEST_DEVICE);
    if (NT_SUCCESS(Status)) {
        Status = WdfDeviceCreate(&Init, &Attributes, &Device);
    }
    if (!NT_SUCCESS(Status)) {
        WdfDeviceInitFree(Init);
        return Status;
    }
    TestGetDevice(Device)->Device = Device;
    RtlInitUnicodeString(&Name, WDFLDR_TEST_LINK);
    /* A driver that was stopped has left its link behind. */
    IoDeleteSymbolicLink(&Name);
    Status = WdfDeviceCreateSymbolicLink(Device, &Name);
    if (NT_SUCCESS(Status)) {
        Status = CreateQueues(TestGetDevice(Device));
    }
    if (NT_SUCCESS(Status)) {
        WdfControlFinishInitializing(Device);
    }
    return Status;
}

NTSTATUS DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    WDF_DRIVER_CONFIG Config;
    WDFDRIVER Driver;
    NTSTATUS Status;

    WDF_DRIVER_CONFIG_INIT(&Config, TestPnpDeviceAdd);
    Status = WdfDriverCreate(DriverObject, RegistryPath, NULL, &Config, &Driver);
    return NT_SUCCESS(Status) ? CreateControlDevice(Driver) : Status;
}
