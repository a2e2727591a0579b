#include "driver/device.h"
#include "driver/event.h"
#include "driver/number.h"
#include "driver/packet.h"
#include "driver/queue.h"
#include "driver/shutdown.h"
#include "driver/start_status.h"
#include "driver/state.h"
#include "virtualdisk/driver_abi.h"
#include "virtualdisk/platform.h"

/*
 * Raw access for SYSTEM and administrators. Everyone may traverse: opening a file on the volume
 * needs that much of the device, and the file system decides on the rest.
 */
#define VD_SECURITY L"D:P(A;;GA;;;SY)(A;;GA;;;BA)(A;;GX;;;WD)"

static const GUID VolumeInterface = {
    0x53f5630d, 0xb6bf, 0x11d0, {0x94, 0xf2, 0x00, 0xa0, 0xc9, 0x1e, 0xfb, 0x8b}};
static const GUID ControlInterface = VIRTUALDISK_CONTROL_INTERFACE_GUID;

static EVT_WDF_DEVICE_PREPARE_HARDWARE VdEvtPrepareHardware;
static EVT_WDF_DEVICE_RELEASE_HARDWARE VdEvtReleaseHardware;
static EVT_WDF_DEVICE_QUERY_STOP VdEvtQueryStop;
static EVT_WDF_OBJECT_CONTEXT_CLEANUP VdEvtCleanup;
static EVT_WDF_OBJECT_CONTEXT_DESTROY VdEvtDestroy;

static NTSTATUS NameVolume(VD_VOLUME *Volume, ULONG Number)
{
    UNICODE_STRING Name = {.Buffer = Volume->Name, .MaximumLength = sizeof(Volume->Name)};
    UNICODE_STRING Digits;
    NTSTATUS Status = RtlAppendUnicodeToString(&Name, VIRTUALDISK_DEVICE_PREFIX);

    if (!NT_SUCCESS(Status))
        return Status;
    Digits.Buffer = Name.Buffer + Name.Length / sizeof(WCHAR);
    Digits.Length = 0;
    Digits.MaximumLength = Name.MaximumLength - Name.Length;
    Status = RtlIntegerToUnicodeString(Number, 10, &Digits);
    Volume->Number = Number;
    Volume->NameBytes = Name.Length + Digits.Length;
    return Status;
}

static BOOLEAN IsNameFree(VD_VOLUME *Volume)
{
    UNICODE_STRING Name = {
        .Buffer = Volume->Name, .Length = Volume->NameBytes, .MaximumLength = Volume->NameBytes};
    OBJECT_ATTRIBUTES Attributes;
    IO_STATUS_BLOCK Result;
    HANDLE Holder;
    NTSTATUS Status;

    InitializeObjectAttributes(&Attributes, &Name, OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE, NULL,
                               NULL);
    Status = ZwOpenFile(&Holder, FILE_READ_ATTRIBUTES, &Attributes, &Result,
                        FILE_SHARE_READ | FILE_SHARE_WRITE, 0);
    if (NT_SUCCESS(Status))
        ZwClose(Holder);
    return Status == STATUS_OBJECT_NAME_NOT_FOUND;
}

/*
 * A number whose name is free, too: a removed device keeps its name for as long as somebody, a file
 * system for example, holds on to the device object.
 */
static DECLSPEC_NOINLINE ULONG TakeNumber(VD_VOLUME *Volume)
{
    ULONG Number = VdNumberTake(0);

    while (Number != VD_NUMBER_NONE &&
           !(NT_SUCCESS(NameVolume(Volume, Number)) && IsNameFree(Volume))) {
        VdNumberGiveBack(Number);
        Number = VdNumberTake(Number + 1);
    }
    return Number;
}

/* Whoever opened the image may have said who may use the device. */
static NTSTATUS AssignSecurity(PWDFDEVICE_INIT DeviceInit)
{
    UNICODE_STRING Security, Access;
    NTSTATUS Status = VdParametersReadAccess(DeviceInit, &Access);

    if (!NT_SUCCESS(Status))
        return Status;
    RtlInitUnicodeString(&Security, VD_SECURITY);
    Status = WdfDeviceInitAssignSDDLString(DeviceInit, Access.Length != 0 ? &Access : &Security);
    vdisk_free(Access.Buffer);
    return Status;
}

static DECLSPEC_NOINLINE NTSTATUS ConfigureInit(PWDFDEVICE_INIT DeviceInit, VD_VOLUME *Volume)
{
    UNICODE_STRING Name = {
        .Buffer = Volume->Name, .Length = Volume->NameBytes, .MaximumLength = Volume->NameBytes};
    WDF_OBJECT_ATTRIBUTES Attributes;
    WDF_PNPPOWER_EVENT_CALLBACKS Callbacks;
    NTSTATUS Status;

    WDF_PNPPOWER_EVENT_CALLBACKS_INIT(&Callbacks);
    Callbacks.EvtDevicePrepareHardware = VdEvtPrepareHardware;
    Callbacks.EvtDeviceReleaseHardware = VdEvtReleaseHardware;
    Callbacks.EvtDeviceQueryStop = VdEvtQueryStop;
    WdfDeviceInitSetPnpPowerEventCallbacks(DeviceInit, &Callbacks);
    WdfDeviceInitSetDeviceType(DeviceInit, FILE_DEVICE_DISK);
    WdfDeviceInitSetIoType(DeviceInit, WdfDeviceIoDirect);

    WDF_OBJECT_ATTRIBUTES_INIT_CONTEXT_TYPE(&Attributes, VD_REQUEST);
    WdfDeviceInitSetRequestAttributes(DeviceInit, &Attributes);

    Status = WdfDeviceInitAssignName(DeviceInit, &Name);
    if (NT_SUCCESS(Status))
        Status = AssignSecurity(DeviceInit);
    if (NT_SUCCESS(Status))
        Status = VdPacketsRegister(DeviceInit);
    return Status;
}

static NTSTATUS CreateInterfaces(WDFDEVICE Device)
{
    NTSTATUS Status = WdfDeviceCreateDeviceInterface(Device, &VolumeInterface, NULL);

    if (NT_SUCCESS(Status))
        Status = WdfDeviceCreateDeviceInterface(Device, &ControlInterface, NULL);
    return Status;
}

/* From success on the number belongs to the device. */
static NTSTATUS CreateDevice(PWDFDEVICE_INIT DeviceInit, VD_VOLUME *Volume, VD_DEVICE **Device)
{
    WDF_OBJECT_ATTRIBUTES Attributes;
    WDFDEVICE Handle;
    NTSTATUS Status = ConfigureInit(DeviceInit, Volume);

    if (!NT_SUCCESS(Status))
        return Status;
    WDF_OBJECT_ATTRIBUTES_INIT_CONTEXT_TYPE(&Attributes, VD_DEVICE);
    Attributes.EvtCleanupCallback = VdEvtCleanup;
    Attributes.EvtDestroyCallback = VdEvtDestroy;
    Status = WdfDeviceCreate(&DeviceInit, &Attributes, &Handle);
    if (!NT_SUCCESS(Status))
        return Status;

    *Device = VdDeviceGet(Handle);
    (*Device)->Handle = Handle;
    (*Device)->Number = Volume->Number;
    (*Device)->Volume = *Volume;
    KeInitializeSpinLock(&(*Device)->VolumeLock);
    VdCountersInitialize(&(*Device)->Counters);
    return STATUS_SUCCESS;
}

static NTSTATUS AddDevice(PWDFDEVICE_INIT DeviceInit, VD_VOLUME *Volume)
{
    const ULONG Number = TakeNumber(Volume);
    VD_DEVICE *Device;
    NTSTATUS Status;

    if (Number == VD_NUMBER_NONE)
        return STATUS_INSUFFICIENT_RESOURCES;
    Status = CreateDevice(DeviceInit, Volume, &Device);
    if (!NT_SUCCESS(Status)) {
        VdNumberGiveBack(Number);
        return Status;
    }
    Status = VdQueuesCreate(Device);
    if (NT_SUCCESS(Status))
        Status = CreateInterfaces(Device->Handle);
    return Status;
}

NTSTATUS NTAPI VdEvtDeviceAdd(WDFDRIVER Driver, PWDFDEVICE_INIT DeviceInit)
{
    VD_VOLUME *Volume = vdisk_alloc(sizeof(*Volume)); /* kernel stacks are small */
    NTSTATUS Status = STATUS_INSUFFICIENT_RESOURCES;

    UNREFERENCED_PARAMETER(Driver);
    if (Volume != NULL)
        Status = AddDevice(DeviceInit, Volume);
    vdisk_free(Volume);
    return Status;
}

/* What the file systems above are told about the device. */
static VOID DescribeDeviceObject(VD_DEVICE *Device)
{
    PDEVICE_OBJECT DeviceObject = WdfDeviceWdmGetDeviceObject(Device->Handle);

    DeviceObject->SectorSize = (USHORT)Device->Volume.LogicalSectorBytes;
    DeviceObject->AlignmentRequirement = FILE_LONG_ALIGNMENT;
    /* Both types have a volume parameter block; nobody has mounted the volume yet. */
    DeviceObject->DeviceType = Device->Volume.Optical ? FILE_DEVICE_CD_ROM : FILE_DEVICE_DISK;
    if (Device->Volume.Optical)
        DeviceObject->Characteristics |= FILE_REMOVABLE_MEDIA;
    /*
     * The framework always sets it. With it, opening a file on the volume would be checked against
     * the device's descriptor, and only administrators would get any.
     */
    DeviceObject->Characteristics &= ~FILE_DEVICE_SECURE_OPEN;
}

static NTSTATUS StartDevice(VD_DEVICE *Device, struct vdisk_error *Error)
{
    NTSTATUS Status;

    Status = VdParametersRead(Device->Handle, &Device->Parameters, Error);
    if (NT_SUCCESS(Status))
        Status = VdMediumAttach(Device, Error);
    if (!NT_SUCCESS(Status))
        return Status;

    DescribeDeviceObject(Device);
    Status = VdWorkersStart(Device);
    if (NT_SUCCESS(Status))
        Status = VdShutdownRegister(Device);
    if (NT_SUCCESS(Status))
        VdQueuesRestart(Device);
    else
        vdisk_fail_native(Error, VDISK_NO_MEMORY, (uint32_t)Status, NULL, VDISK_NO_OFFSET, NULL);
    return Status;
}

/* Undoes whatever StartDevice did, as far as it came; more than once does no harm. */
static VOID StopDevice(VD_DEVICE *Device)
{
    VdShutdownUnregister(Device);
    VdWorkersStop(Device);
    VdMediumDetach(Device);
    VdParametersRelease(Device->Parameters);
    Device->Parameters = NULL;
}

static NTSTATUS NTAPI VdEvtPrepareHardware(WDFDEVICE Handle, WDFCMRESLIST ResourcesRaw,
                                           WDFCMRESLIST ResourcesTranslated)
{
    VD_DEVICE *Device = VdDeviceGet(Handle);
    struct vdisk_error Error = {0};
    NTSTATUS Status = StartDevice(Device, &Error);

    UNREFERENCED_PARAMETER(ResourcesRaw);
    UNREFERENCED_PARAMETER(ResourcesTranslated);
    if (!NT_SUCCESS(Status)) {
        DbgPrint("VirtualDisk: starting failed: %08lx\n", Status);
        if (Status != VD_STATUS_RETURNED) /* which nobody has to hear of */
            VdEventWrite(Device, VdEventStartRefused, Status, &Error);
        StopDevice(Device);
    }
    VdStartStatusWrite(Handle, Status, &Error);
    return Status;
}

/* The default queue is stopped; what it had let through is served before the image goes. */
static NTSTATUS NTAPI VdEvtReleaseHardware(WDFDEVICE Handle, WDFCMRESLIST ResourcesTranslated)
{
    VD_DEVICE *Device = VdDeviceGet(Handle);

    UNREFERENCED_PARAMETER(ResourcesTranslated);
    if (Device->Medium != NULL)
        VdQueuesDrain(Device);
    StopDevice(Device);
    return STATUS_SUCCESS;
}

/* There are no resources that could be balanced, and a stop would only interrupt the volume. */
static NTSTATUS NTAPI VdEvtQueryStop(WDFDEVICE Handle)
{
    UNREFERENCED_PARAMETER(Handle);
    return STATUS_DEVICE_BUSY;
}

static VOID NTAPI VdEvtCleanup(WDFOBJECT Object)
{
    StopDevice(VdDeviceGet(Object));
}

static VOID NTAPI VdEvtDestroy(WDFOBJECT Object)
{
    VD_DEVICE *Device = VdDeviceGet(Object);

    if (Device->Handle != NULL)
        VdNumberGiveBack(Device->Number);
}
