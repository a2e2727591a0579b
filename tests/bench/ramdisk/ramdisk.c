/*
 * The yardstick of the benchmark: the least that a driver can do. A WDM driver with one device,
 * \Device\BenchRamDisk (\\.\BenchRamDisk), that copies between its memory and the caller's pages
 * in its dispatch routine and completes.
 */
#include <ntddk.h>

#define RAMDISK_BYTES (64u * 1024 * 1024)

static WCHAR DeviceNameText[] = L"\\Device\\BenchRamDisk";
static WCHAR LinkNameText[] = L"\\DosDevices\\BenchRamDisk";
static UNICODE_STRING DeviceName = RTL_CONSTANT_STRING(DeviceNameText);
static UNICODE_STRING LinkName = RTL_CONSTANT_STRING(LinkNameText);

struct RAMDISK {
    UCHAR *Memory;
};

DRIVER_INITIALIZE DriverEntry;
static DRIVER_UNLOAD RamDiskUnload;
static DRIVER_DISPATCH RamDiskDispatchOpen;
static DRIVER_DISPATCH RamDiskDispatchTransfer;

static NTSTATUS Complete(PIRP Irp, NTSTATUS Status, ULONG_PTR Information)
{
    Irp->IoStatus.Status = Status;
    Irp->IoStatus.Information = Information;
    IoCompleteRequest(Irp, Status == STATUS_SUCCESS ? IO_DISK_INCREMENT : IO_NO_INCREMENT);
    return Status;
}

static NTSTATUS NTAPI RamDiskDispatchOpen(PDEVICE_OBJECT Device, PIRP Irp)
{
    (void)Device;
    return Complete(Irp, STATUS_SUCCESS, 0);
}

static NTSTATUS NTAPI RamDiskDispatchTransfer(PDEVICE_OBJECT Device, PIRP Irp)
{
    const struct RAMDISK *Disk = Device->DeviceExtension;
    const IO_STACK_LOCATION *Stack = IoGetCurrentIrpStackLocation(Irp);
    const ULONGLONG Offset = (ULONGLONG)Stack->Parameters.Read.ByteOffset.QuadPart;
    const ULONG Length = Stack->Parameters.Read.Length;
    void *Buffer;

    if (Length > RAMDISK_BYTES || Offset > RAMDISK_BYTES - Length)
        return Complete(Irp, STATUS_INVALID_PARAMETER, 0);
    if (Length == 0)
        return Complete(Irp, STATUS_SUCCESS, 0);
    Buffer = MmGetSystemAddressForMdlSafe(Irp->MdlAddress, NormalPagePriority);
    if (Buffer == NULL)
        return Complete(Irp, STATUS_INSUFFICIENT_RESOURCES, 0);
    if (Stack->MajorFunction == IRP_MJ_READ)
        RtlCopyMemory(Buffer, Disk->Memory + Offset, Length);
    else
        RtlCopyMemory(Disk->Memory + Offset, Buffer, Length);
    return Complete(Irp, STATUS_SUCCESS, Length);
}

static VOID NTAPI RamDiskUnload(PDRIVER_OBJECT Driver)
{
    const struct RAMDISK *Disk = Driver->DeviceObject->DeviceExtension;

    IoDeleteSymbolicLink(&LinkName);
    ExFreePoolWithTag(Disk->Memory, 'kDmR');
    IoDeleteDevice(Driver->DeviceObject);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT Driver, PUNICODE_STRING RegistryPath)
{
    struct RAMDISK *Disk;
    DEVICE_OBJECT *Device;
    NTSTATUS Status =
        IoCreateDevice(Driver, sizeof *Disk, &DeviceName, FILE_DEVICE_DISK, 0, FALSE, &Device);

    (void)RegistryPath;
    if (!NT_SUCCESS(Status))
        return Status;
    Disk = Device->DeviceExtension;
    Disk->Memory = ExAllocatePoolWithTag(NonPagedPool, RAMDISK_BYTES, 'kDmR');
    Status = Disk->Memory == NULL ? STATUS_INSUFFICIENT_RESOURCES
                                  : IoCreateSymbolicLink(&LinkName, &DeviceName);
    if (!NT_SUCCESS(Status)) {
        if (Disk->Memory != NULL)
            ExFreePoolWithTag(Disk->Memory, 'kDmR');
        IoDeleteDevice(Device);
        return Status;
    }
    RtlZeroMemory(Disk->Memory, RAMDISK_BYTES);
    Driver->MajorFunction[IRP_MJ_CREATE] = RamDiskDispatchOpen;
    Driver->MajorFunction[IRP_MJ_CLEANUP] = RamDiskDispatchOpen;
    Driver->MajorFunction[IRP_MJ_CLOSE] = RamDiskDispatchOpen;
    Driver->MajorFunction[IRP_MJ_READ] = RamDiskDispatchTransfer;
    Driver->MajorFunction[IRP_MJ_WRITE] = RamDiskDispatchTransfer;
    Driver->DriverUnload = RamDiskUnload;
    Device->Flags |= DO_DIRECT_IO;
    Device->Flags &= ~(ULONG)DO_DEVICE_INITIALIZING;
    return STATUS_SUCCESS;
}
