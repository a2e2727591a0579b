#include "driver/device.h"
#include "driver/thread.h"
#include "driver/transfer.h"
#include "driver/worker.h"

static VOID NTAPI RunWorker(PVOID Context)
{
    VD_WORKER *Worker = Context;
    VD_DEVICE *Device = Worker->Device;
    WDFREQUEST Request;

    for (;;) {
        KeWaitForSingleObject(&Device->Workers.Work, Executive, KernelMode, FALSE, NULL);
        if (Device->Workers.Stopping != 0)
            break;
        /* A request that was cancelled left its count in the semaphore. */
        if (NT_SUCCESS(WdfIoQueueRetrieveNextRequest(Device->TransferQueue, &Request)))
            VdTransferServe(Device, Request, &Worker->Error);
    }
    PsTerminateSystemThread(STATUS_SUCCESS);
}

NTSTATUS VdWorkersStart(VD_DEVICE *Device)
{
    VD_WORKERS *Workers = &Device->Workers;
    NTSTATUS Status = STATUS_SUCCESS;

    RtlZeroMemory(Workers, sizeof(*Workers));
    KeInitializeSemaphore(&Workers->Work, 0, MAXLONG);
    for (ULONG i = 0; i < VD_WORKER_COUNT && NT_SUCCESS(Status); i++) {
        Workers->Each[i].Device = Device;
        Status = VdThreadStart(RunWorker, &Workers->Each[i], &Workers->Each[i].Thread);
    }
    if (!NT_SUCCESS(Status))
        VdWorkersStop(Device);
    return Status;
}

VOID VdWorkersWake(VD_DEVICE *Device)
{
    KeReleaseSemaphore(&Device->Workers.Work, IO_NO_INCREMENT, 1, FALSE);
}

VOID VdWorkersStop(VD_DEVICE *Device)
{
    VD_WORKERS *Workers = &Device->Workers;

    if (Workers->Each[0].Thread == NULL)
        return;
    InterlockedExchange(&Workers->Stopping, 1);
    KeReleaseSemaphore(&Workers->Work, IO_NO_INCREMENT, VD_WORKER_COUNT, FALSE);
    for (ULONG i = 0; i < VD_WORKER_COUNT; i++) {
        VdThreadJoin(Workers->Each[i].Thread);
        Workers->Each[i].Thread = NULL;
    }
}
