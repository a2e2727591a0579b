/* Flushing a file down to stable storage, on kernels with and without ZwFlushBuffersFile. */
#ifndef VIRTUALDISK_HOST_FLUSH_NTKERNEL_H
#define VIRTUALDISK_HOST_FLUSH_NTKERNEL_H

#include "host/ntkernel/ntkernel.h"

void vdisk_flush_ntkernel_init(void);

_IRQL_requires_max_(PASSIVE_LEVEL) NTSTATUS vdisk_flush_ntkernel(_In_ HANDLE file);

#endif
