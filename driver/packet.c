#include "driver/packet.h"
#include "driver/shutdown.h"
#include "driver/transfer.h"
#include "virtualdisk/driver_abi.h"

static EVT_WDFDEVICE_WDM_IRP_PREPROCESS VdEvtCreate;
static EVT_WDFDEVICE_WDM_IRP_PREPROCESS VdEvtFlush;
static EVT_WDFDEVICE_WDM_IRP_PREPROCESS VdEvtShutdown;

static NTSTATUS CompletePacket(PIRP Irp, NTSTATUS Status)
{
    Irp->IoStatus.Status = Status;
    Irp->IoStatus.Information = 0;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    return Status;
}

/*
 * A name below the volume is for the file system that is mounted on it, and never comes here. One
 * that does was opened through the device's interface; there, Windows has checked no more than the
 * right to traverse.
 */
static NTSTATUS NTAPI VdEvtCreate(WDFDEVICE Device, PIRP Irp)
{
    const PFILE_OBJECT File = IoGetCurrentIrpStackLocation(Irp)->FileObject;

    if (File != NULL && File->FileName.Length != 0)
        return CompletePacket(Irp, STATUS_OBJECT_NAME_NOT_FOUND);
    IoSkipCurrentIrpStackLocation(Irp);
    return WdfDeviceWdmDispatchPreprocessedIrp(Device, Irp);
}

/* APCs may be disabled here. In the clothes of an internal request a flush may enter the queues. */
static NTSTATUS NTAPI VdEvtFlush(WDFDEVICE Device, PIRP Irp)
{
    PIO_STACK_LOCATION Next;

    IoCopyCurrentIrpStackLocationToNext(Irp);
    Next = IoGetNextIrpStackLocation(Irp);
    Next->MajorFunction = IRP_MJ_INTERNAL_DEVICE_CONTROL;
    Next->MinorFunction = 0;
    RtlZeroMemory(&Next->Parameters, sizeof(Next->Parameters));
    Next->Parameters.DeviceIoControl.IoControlCode = VD_IOCTL_INTERNAL_FLUSH;
    return WdfDeviceWdmDispatchPreprocessedIrp(Device, Irp);
}

static NTSTATUS NTAPI VdEvtShutdown(WDFDEVICE Device, PIRP Irp)
{
    VdShutdownVolume(VdDeviceGet(Device));
    return CompletePacket(Irp, STATUS_SUCCESS);
}

NTSTATUS VdPacketsRegister(PWDFDEVICE_INIT DeviceInit)
{
    static const struct {
        UCHAR MajorFunction;
        PFN_WDFDEVICE_WDM_IRP_PREPROCESS Callback;
    } Packets[] = {
        {IRP_MJ_CREATE, VdEvtCreate},
        {IRP_MJ_FLUSH_BUFFERS, VdEvtFlush},
        {IRP_MJ_SHUTDOWN, VdEvtShutdown},
    };
    NTSTATUS Status = STATUS_SUCCESS;

    PAGED_CODE();
    for (ULONG i = 0; i < RTL_NUMBER_OF(Packets) && NT_SUCCESS(Status); i++)
        Status = WdfDeviceInitAssignWdmIrpPreprocessCallback(DeviceInit, Packets[i].Callback,
                                                             Packets[i].MajorFunction, NULL, 0);
    return Status;
}
