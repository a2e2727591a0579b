/* System threads that somebody waits for. */
#ifndef VIRTUALDISK_DRIVER_THREAD_H
#define VIRTUALDISK_DRIVER_THREAD_H

#include <ntifs.h>

/* Routine ends with PsTerminateSystemThread. *Thread is for VdThreadJoin. */
_IRQL_requires_max_(PASSIVE_LEVEL) _Must_inspect_result_ NTSTATUS
    VdThreadStart(_In_ PKSTART_ROUTINE Routine, _In_ PVOID Context, _Out_ HANDLE *Thread);

/* Waits for the end of a thread. NULL is allowed. */
_IRQL_requires_max_(PASSIVE_LEVEL) VOID VdThreadJoin(_In_opt_ HANDLE Thread);

#endif
