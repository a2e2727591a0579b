/*
 * The yardsticks of the benchmark: the least that a driver can do. A WDM driver with two devices
 * over the same memory:
 *
 *   \\.\BenchRamDisk        copies in its dispatch routine and completes there
 *   \\.\BenchRamDiskQueued  pends, and lets one of four threads copy and complete, as any driver
 *                           must whose work needs a thread of its own
 */
#include <ntifs.h>

#define RAMDISK_BYTES (64u * 1024 * 1024)
#define POOL_TAG      ((ULONG)'kDmR')
#define THREAD_COUNT  4

struct RAMDISK {
    UCHAR *Memory;
    BOOLEAN Queued;
    KSPIN_LOCK Lock;
    LIST_ENTRY Waiting; /* protected by Lock */
    KSEMAPHORE Work;
    volatile LONG Stopping;
    HANDLE Threads[THREAD_COUNT];
};

static WCHAR DeviceNameText[] = L"\\Device\\BenchRamDisk";
static WCHAR LinkNameText[] = L"\\DosDevices\\BenchRamDisk";
static WCHAR QueuedDeviceNameText[] = L"\\Device\\BenchRamDiskQueued";
static WCHAR QueuedLinkNameText[] = L"\\DosDevices\\BenchRamDiskQueued";
static UNICODE_STRING DeviceName = RTL_CONSTANT_STRING(DeviceNameText);
static UNICODE_STRING LinkName = RTL_CONSTANT_STRING(LinkNameText);
static UNICODE_STRING QueuedDeviceName = RTL_CONSTANT_STRING(QueuedDeviceNameText);
static UNICODE_STRING QueuedLinkName = RTL_CONSTANT_STRING(QueuedLinkNameText);

static UCHAR *Memory;

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

/* Copies between the disk's memory and the caller's pages, and completes. */
static NTSTATUS Transfer(const struct RAMDISK *Disk, PIRP Irp)
{
    const IO_STACK_LOCATION *Stack = IoGetCurrentIrpStackLocation(Irp);
    const ULONGLONG Offset = (ULONGLONG)Stack->Parameters.Read.ByteOffset.QuadPart;
    const ULONG Length = Stack->Parameters.Read.Length;
    void *Buffer;

    if (Length == 0 || Length > RAMDISK_BYTES || Offset > RAMDISK_BYTES - Length)
        return Complete(Irp, STATUS_INVALID_PARAMETER, 0);
    Buffer = MmGetSystemAddressForMdlSafe(Irp->MdlAddress, NormalPagePriority);
    if (Buffer == NULL)
        return Complete(Irp, STATUS_INSUFFICIENT_RESOURCES, 0);
    if (Stack->MajorFunction == IRP_MJ_READ)
        RtlCopyMemory(Buffer, Disk->Memory + Offset, Length);
    else
        RtlCopyMemory(Disk->Memory + Offset, Buffer, Length);
    return Complete(Irp, STATUS_SUCCESS, Length);
}

static NTSTATUS NTAPI RamDiskDispatchTransfer(PDEVICE_OBJECT Device, PIRP Irp)
{
    struct RAMDISK *Disk = Device->DeviceExtension;
    KIRQL Irql;

    if (!Disk->Queued)
        return Transfer(Disk, Irp);
    IoMarkIrpPending(Irp);
    KeAcquireSpinLock(&Disk->Lock, &Irql);
    InsertTailList(&Disk->Waiting, &Irp->Tail.Overlay.ListEntry);
    KeReleaseSpinLock(&Disk->Lock, Irql);
    KeReleaseSemaphore(&Disk->Work, IO_NO_INCREMENT, 1, FALSE);
    return STATUS_PENDING;
}

static VOID NTAPI RunThread(PVOID Context)
{
    struct RAMDISK *Disk = Context;

    for (;;) {
        LIST_ENTRY *Entry;
        KIRQL Irql;

        KeWaitForSingleObject(&Disk->Work, Executive, KernelMode, FALSE, NULL);
        if (Disk->Stopping != 0)
            break;
        KeAcquireSpinLock(&Disk->Lock, &Irql);
        Entry = RemoveHeadList(&Disk->Waiting);
        KeReleaseSpinLock(&Disk->Lock, Irql);
        Transfer(Disk, CONTAINING_RECORD(Entry, IRP, Tail.Overlay.ListEntry));
    }
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static VOID StopThreads(struct RAMDISK *Disk)
{
    InterlockedExchange(&Disk->Stopping, 1);
    KeReleaseSemaphore(&Disk->Work, IO_NO_INCREMENT, THREAD_COUNT, FALSE);
    for (ULONG i = 0; i < THREAD_COUNT && Disk->Threads[i] != NULL; i++) {
        ZwWaitForSingleObject(Disk->Threads[i], FALSE, NULL);
        ZwClose(Disk->Threads[i]);
    }
}

static VOID NTAPI RamDiskUnload(PDRIVER_OBJECT Driver)
{
    IoDeleteSymbolicLink(&LinkName);
    IoDeleteSymbolicLink(&QueuedLinkName);
    while (Driver->DeviceObject != NULL) {
        struct RAMDISK *Disk = Driver->DeviceObject->DeviceExtension;

        if (Disk->Queued)
            StopThreads(Disk);
        IoDeleteDevice(Driver->DeviceObject);
    }
    ExFreePoolWithTag(Memory, POOL_TAG);
}

static NTSTATUS StartThreads(struct RAMDISK *Disk)
{
    NTSTATUS Status = STATUS_SUCCESS;

    for (ULONG i = 0; i < THREAD_COUNT && NT_SUCCESS(Status); i++)
        Status =
            PsCreateSystemThread(&Disk->Threads[i], SYNCHRONIZE, NULL, NULL, NULL, RunThread, Disk);
    return Status;
}

static NTSTATUS CreateDisk(PDRIVER_OBJECT Driver, UNICODE_STRING *Name, UNICODE_STRING *Link,
                           BOOLEAN Queued)
{
    struct RAMDISK *Disk;
    DEVICE_OBJECT *Device;
    NTSTATUS Status =
        IoCreateDevice(Driver, sizeof *Disk, Name, FILE_DEVICE_DISK, 0, FALSE, &Device);

    if (!NT_SUCCESS(Status))
        return Status;
    Disk = Device->DeviceExtension;
    RtlZeroMemory(Disk, sizeof *Disk);
    Disk->Memory = Memory;
    Disk->Queued = Queued;
    KeInitializeSpinLock(&Disk->Lock);
    InitializeListHead(&Disk->Waiting);
    KeInitializeSemaphore(&Disk->Work, 0, MAXLONG);
    Status = IoCreateSymbolicLink(Link, Name);
    if (NT_SUCCESS(Status) && Queued)
        Status = StartThreads(Disk);
    Device->Flags |= DO_DIRECT_IO;
    Device->Flags &= ~(ULONG)DO_DEVICE_INITIALIZING;
    return Status;
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT Driver, PUNICODE_STRING RegistryPath)
{
    NTSTATUS Status;

    (void)RegistryPath;
    Memory = ExAllocatePoolWithTag(NonPagedPool, RAMDISK_BYTES, POOL_TAG);
    if (Memory == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    RtlZeroMemory(Memory, RAMDISK_BYTES);
    Driver->MajorFunction[IRP_MJ_CREATE] = RamDiskDispatchOpen;
    Driver->MajorFunction[IRP_MJ_CLEANUP] = RamDiskDispatchOpen;
    Driver->MajorFunction[IRP_MJ_CLOSE] = RamDiskDispatchOpen;
    Driver->MajorFunction[IRP_MJ_READ] = RamDiskDispatchTransfer;
    Driver->MajorFunction[IRP_MJ_WRITE] = RamDiskDispatchTransfer;
    Driver->DriverUnload = RamDiskUnload;
    Status = CreateDisk(Driver, &DeviceName, &LinkName, FALSE);
    if (NT_SUCCESS(Status))
        Status = CreateDisk(Driver, &QueuedDeviceName, &QueuedLinkName, TRUE);
    if (!NT_SUCCESS(Status))
        RamDiskUnload(Driver);
    return Status;
}
