/* Flushing a file down to stable storage, on kernels with and without ZwFlushBuffersFile. */
#ifndef VIRTUALDISK_HOST_FLUSH_NTKERNEL_H
#define VIRTUALDISK_HOST_FLUSH_NTKERNEL_H

#include "host/ntkernel/ntkernel.h"

void vdisk_flush_ntkernel_init(void);

_IRQL_requires_max_(PASSIVE_LEVEL) NTSTATUS vdisk_flush_ntkernel(_In_ HANDLE file);

/* Sends a flush to a device, for a file on it or (NULL) for the device itself, and waits. */
_IRQL_requires_max_(PASSIVE_LEVEL) NTSTATUS
    vdisk_flush_ntkernel_device(_In_ PDEVICE_OBJECT device, _In_opt_ PFILE_OBJECT file);

#endif
