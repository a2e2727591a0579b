#include "driver/device.h"
#include "driver/thread.h"
#include "driver/transfer.h"
#include "driver/worker.h"

static BOOLEAN TakeRequest(VD_DEVICE *Device, WDFREQUEST *Request)
{
    return NT_SUCCESS(WdfIoQueueRetrieveNextRequest(Device->TransferQueue, Request));
}

/*
 * At any time Idle and the semaphore's count together are at least the number of workers that
 * sleep. They may be more: a worker that had called itself idle and then found a request may leave
 * a count behind, which wakes someone for nothing. The limit keeps that from adding up.
 */
static VOID AnnounceIdle(VD_WORKERS *Workers)
{
    LONG Idle;

    do {
        Idle = Workers->Idle;
    } while (Idle < VD_WORKER_COUNT &&
             InterlockedCompareExchange(&Workers->Idle, Idle + 1, Idle) != Idle);
}

/* One idle worker less; FALSE when there is none. */
static BOOLEAN ClaimIdle(VD_WORKERS *Workers)
{
    LONG Idle;

    do {
        Idle = Workers->Idle;
        if (Idle == 0)
            return FALSE;
    } while (InterlockedCompareExchange(&Workers->Idle, Idle - 1, Idle) != Idle);
    return TRUE;
}

/*
 * The next request, or FALSE when there is none and the worker shall sleep. A worker first says
 * that it is idle and then looks once more: who queued a request in between either sees it idle or
 * left the request to be found.
 */
static BOOLEAN NextRequest(VD_DEVICE *Device, WDFREQUEST *Request)
{
    if (TakeRequest(Device, Request))
        return TRUE;
    AnnounceIdle(&Device->Workers);
    if (!TakeRequest(Device, Request))
        return FALSE;
    (VOID) ClaimIdle(&Device->Workers);
    return TRUE;
}

static VOID NTAPI RunWorker(PVOID Context)
{
    VD_WORKER *Worker = Context;
    VD_DEVICE *Device = Worker->Device;
    WDFREQUEST Request;

    while (Device->Workers.Stopping == 0) {
        if (NextRequest(Device, &Request))
            VdTransferServe(Worker, Request);
        else
            KeWaitForSingleObject(&Device->Workers.Work, Executive, KernelMode, FALSE, NULL);
    }
    PsTerminateSystemThread(STATUS_SUCCESS);
}

NTSTATUS VdWorkersStart(VD_DEVICE *Device)
{
    VD_WORKERS *Workers = &Device->Workers;
    NTSTATUS Status = STATUS_SUCCESS;

    PAGED_CODE();
    RtlZeroMemory(Workers, sizeof(*Workers));
    KeInitializeSemaphore(&Workers->Work, 0, MAXLONG);
    for (ULONG i = 0; i < VD_WORKER_COUNT && NT_SUCCESS(Status); i++) {
        Workers->Each[i].Device = Device;
        Workers->Each[i].Index = i;
        Status = VdThreadStart(RunWorker, &Workers->Each[i], &Workers->Each[i].Thread);
    }
    if (!NT_SUCCESS(Status))
        VdWorkersStop(Device);
    return Status;
}

VOID VdWorkersWake(VD_DEVICE *Device)
{
    if (ClaimIdle(&Device->Workers))
        KeReleaseSemaphore(&Device->Workers.Work, IO_NO_INCREMENT, 1, FALSE);
}

VOID VdWorkersStop(VD_DEVICE *Device)
{
    VD_WORKERS *Workers = &Device->Workers;

    PAGED_CODE();
    if (Workers->Each[0].Thread == NULL)
        return;
    InterlockedExchange(&Workers->Stopping, 1);
    KeReleaseSemaphore(&Workers->Work, IO_NO_INCREMENT, VD_WORKER_COUNT, FALSE);
    for (ULONG i = 0; i < VD_WORKER_COUNT; i++) {
        VdThreadJoin(Workers->Each[i].Thread);
        Workers->Each[i].Thread = NULL;
    }
}
