/* One request that needs the image: read, write, flush, trim, and changes of the volume. */
#ifndef VIRTUALDISK_DRIVER_TRANSFER_H
#define VIRTUALDISK_DRIVER_TRANSFER_H

#include "driver/device.h"

/* As which an IRP_MJ_FLUSH_BUFFERS travels through the queues; only the kernel can send it. */
#define VD_IOCTL_INTERNAL_FLUSH                                                                    \
    CTL_CODE(VIRTUALDISK_DEVICE_TYPE, 0xf00, METHOD_NEITHER, FILE_ANY_ACCESS)

/* Is a device control request with this code for the workers? */
_IRQL_requires_max_(DISPATCH_LEVEL) BOOLEAN VdTransferIsMeant(_In_ ULONG Code);

/* Serves and completes the request, by a worker. */
_IRQL_requires_(PASSIVE_LEVEL) VOID
    VdTransferServe(_Inout_ VD_WORKER *Worker, _In_ WDFREQUEST Request);

/* Completes a request that no worker has had: it leaves the queue without being served. */
_IRQL_requires_max_(DISPATCH_LEVEL) VOID
    VdTransferRefuse(_Inout_ VD_DEVICE *Device, _In_ WDFREQUEST Request, _In_ NTSTATUS Status);

#endif
