#include "driver/queue.h"
#include "driver/ioctl.h"
#include "driver/ioctl_answer.h"
#include "driver/transfer.h"
#include "virtualdisk/driver_abi.h"

static EVT_WDF_IO_QUEUE_IO_READ VdEvtRead;
static EVT_WDF_IO_QUEUE_IO_WRITE VdEvtWrite;
static EVT_WDF_IO_QUEUE_IO_DEVICE_CONTROL VdEvtDeviceControl;
static EVT_WDF_IO_QUEUE_IO_INTERNAL_DEVICE_CONTROL VdEvtInternalDeviceControl;
static EVT_WDF_IO_QUEUE_IO_CANCELED_ON_QUEUE VdEvtTransferCanceled;

static VOID ForwardToWorkers(WDFQUEUE Queue, WDFREQUEST Request)
{
    VD_DEVICE *Device = VdDeviceGet(WdfIoQueueGetDevice(Queue));
    NTSTATUS Status;

    VdRequestGet(Request)->Arrival = VdCountersEnter(&Device->Counters);
    Status = WdfRequestForwardToIoQueue(Request, Device->TransferQueue);
    if (NT_SUCCESS(Status))
        VdWorkersWake(Device);
    else
        VdTransferRefuse(Device, Request, Status);
}

static VOID NTAPI VdEvtRead(WDFQUEUE Queue, WDFREQUEST Request, size_t Length)
{
    UNREFERENCED_PARAMETER(Length);
    ForwardToWorkers(Queue, Request);
}

static VOID NTAPI VdEvtWrite(WDFQUEUE Queue, WDFREQUEST Request, size_t Length)
{
    UNREFERENCED_PARAMETER(Length);
    ForwardToWorkers(Queue, Request);
}

/*
 * Plug and Play removes a device that says of itself that it has failed for good. Some kernels do
 * it at once, on this thread, and it waits for every request of the device: this one must be over.
 */
static VOID ServeRemove(VD_DEVICE *Device, WDFREQUEST Request)
{
    const WDFDEVICE Handle = Device->Handle;

    WdfObjectReference(Handle);
    WdfRequestComplete(Request, STATUS_SUCCESS);
    WdfDeviceSetFailed(Handle, WdfDeviceFailedNoRestart);
    WdfObjectDereference(Handle);
}

static VOID NTAPI VdEvtDeviceControl(WDFQUEUE Queue, WDFREQUEST Request, size_t OutputBufferLength,
                                     size_t InputBufferLength, ULONG IoControlCode)
{
    VD_DEVICE *Device = VdDeviceGet(WdfIoQueueGetDevice(Queue));

    if (VdTransferIsMeant(IoControlCode))
        ForwardToWorkers(Queue, Request);
    else if (IoControlCode == IOCTL_VIRTUALDISK_REMOVE ||
             VdIoctlEjects(&Device->Volume, IoControlCode))
        ServeRemove(Device, Request);
    else
        VdIoctlServe(Device, Request, IoControlCode, InputBufferLength, OutputBufferLength);
}

static VOID NTAPI VdEvtInternalDeviceControl(WDFQUEUE Queue, WDFREQUEST Request,
                                             size_t OutputBufferLength, size_t InputBufferLength,
                                             ULONG IoControlCode)
{
    UNREFERENCED_PARAMETER(OutputBufferLength);
    UNREFERENCED_PARAMETER(InputBufferLength);
    if (IoControlCode == VD_IOCTL_INTERNAL_FLUSH)
        ForwardToWorkers(Queue, Request);
    else
        WdfRequestComplete(Request, STATUS_INVALID_DEVICE_REQUEST);
}

static VOID NTAPI VdEvtTransferCanceled(WDFQUEUE Queue, WDFREQUEST Request)
{
    VdTransferRefuse(VdDeviceGet(WdfIoQueueGetDevice(Queue)), Request, STATUS_CANCELLED);
}

NTSTATUS VdQueuesCreate(VD_DEVICE *Device)
{
    WDF_IO_QUEUE_CONFIG Config;
    NTSTATUS Status;

    PAGED_CODE();
    /*
     * Not power-managed: what the default queue has let through is served to its end, and power
     * does not go away under it (VdQueuesDrain).
     */
    WDF_IO_QUEUE_CONFIG_INIT(&Config, WdfIoQueueDispatchManual);
    Config.PowerManaged = WdfFalse;
    Config.AllowZeroLengthRequests = TRUE;
    Config.EvtIoCanceledOnQueue = VdEvtTransferCanceled;
    Status =
        WdfIoQueueCreate(Device->Handle, &Config, WDF_NO_OBJECT_ATTRIBUTES, &Device->TransferQueue);
    if (!NT_SUCCESS(Status))
        return Status;

    WDF_IO_QUEUE_CONFIG_INIT_DEFAULT_QUEUE(&Config, WdfIoQueueDispatchParallel);
    Config.AllowZeroLengthRequests = TRUE;
    Config.EvtIoRead = VdEvtRead;
    Config.EvtIoWrite = VdEvtWrite;
    Config.EvtIoDeviceControl = VdEvtDeviceControl;
    Config.EvtIoInternalDeviceControl = VdEvtInternalDeviceControl;
    return WdfIoQueueCreate(Device->Handle, &Config, WDF_NO_OBJECT_ATTRIBUTES, NULL);
}

VOID VdQueuesDrain(VD_DEVICE *Device)
{
    WdfIoQueueDrainSynchronously(Device->TransferQueue);
}

VOID VdQueuesRestart(VD_DEVICE *Device)
{
    WdfIoQueueStart(Device->TransferQueue);
}
