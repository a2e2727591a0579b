#include "driver/shutdown.h"
#include "driver/thread.h"
#include "host/ntkernel/flush_ntkernel.h"

NTSTATUS VdShutdownRegister(VD_DEVICE *Device)
{
    NTSTATUS Status = IoRegisterShutdownNotification(WdfDeviceWdmGetDeviceObject(Device->Handle));

    PAGED_CODE();
    Device->ShutdownRegistered = NT_SUCCESS(Status);
    return Status;
}

VOID VdShutdownUnregister(VD_DEVICE *Device)
{
    PAGED_CODE();
    if (Device->ShutdownRegistered)
        IoUnregisterShutdownNotification(WdfDeviceWdmGetDeviceObject(Device->Handle));
    Device->ShutdownRegistered = FALSE;
    if (Device->LockedVolume != NULL)
        ZwClose(Device->LockedVolume);
    Device->LockedVolume = NULL;
}

static BOOLEAN IsMounted(const VD_DEVICE *Device)
{
    const VPB *Vpb = WdfDeviceWdmGetDeviceObject(Device->Handle)->Vpb;

    return Vpb != NULL && (Vpb->Flags & VPB_MOUNTED) != 0;
}

static NTSTATUS OpenVolume(VD_DEVICE *Device, HANDLE *Volume)
{
    UNICODE_STRING Name = {.Buffer = Device->Volume.Name,
                           .Length = Device->Volume.NameBytes,
                           .MaximumLength = Device->Volume.NameBytes};
    OBJECT_ATTRIBUTES Attributes;
    IO_STATUS_BLOCK Result;

    InitializeObjectAttributes(&Attributes, &Name, OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE, NULL,
                               NULL);
    return ZwOpenFile(Volume, GENERIC_READ | GENERIC_WRITE | SYNCHRONIZE, &Attributes, &Result,
                      FILE_SHARE_READ | FILE_SHARE_WRITE, FILE_SYNCHRONOUS_IO_NONALERT);
}

static NTSTATUS ControlVolume(HANDLE Volume, ULONG Code)
{
    IO_STATUS_BLOCK Result;

    return ZwFsControlFile(Volume, NULL, NULL, NULL, &Result, Code, NULL, 0, NULL, 0);
}

/*
 * The handle stays open: as long as the volume is locked, nobody mounts it again. Where files are
 * still open the lock is refused; the dismount flushes and goes on all the same.
 */
static VOID DismountVolume(VD_DEVICE *Device)
{
    NTSTATUS Status = OpenVolume(Device, &Device->LockedVolume);

    if (!NT_SUCCESS(Status)) {
        Device->LockedVolume = NULL;
        return;
    }
    (VOID) ControlVolume(Device->LockedVolume, FSCTL_LOCK_VOLUME);
    Status = ControlVolume(Device->LockedVolume, FSCTL_DISMOUNT_VOLUME);
    if (!NT_SUCCESS(Status))
        DbgPrint("VirtualDisk: dismounting at shutdown failed: %08lx\n", Status);
}

static VOID NTAPI RunShutdown(PVOID Context)
{
    VD_DEVICE *Device = Context;
    NTSTATUS Status;

    if (Device->LockedVolume == NULL && IsMounted(Device))
        DismountVolume(Device);
    /* Through the queues, like everyone's: the device may be removed meanwhile. */
    Status = vdisk_flush_ntkernel_device(WdfDeviceWdmGetDeviceObject(Device->Handle), NULL);
    if (!NT_SUCCESS(Status))
        DbgPrint("VirtualDisk: flushing at shutdown failed: %08lx\n", Status);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

/*
 * On a thread of its own, whose APCs are certainly enabled. What the file system writes meanwhile
 * is served by the workers, which do not wait for this one.
 */
VOID VdShutdownVolume(VD_DEVICE *Device)
{
    HANDLE Thread;

    PAGED_CODE();
    if (NT_SUCCESS(VdThreadStart(RunShutdown, Device, &Thread)))
        VdThreadJoin(Thread);
}
