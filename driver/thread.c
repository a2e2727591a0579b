#include "driver/thread.h"

NTSTATUS VdThreadStart(PKSTART_ROUTINE Routine, PVOID Context, HANDLE *Thread)
{
    OBJECT_ATTRIBUTES Attributes;

    PAGED_CODE();
    InitializeObjectAttributes(&Attributes, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
    return PsCreateSystemThread(Thread, SYNCHRONIZE, &Attributes, NULL, NULL, Routine, Context);
}

VOID VdThreadJoin(HANDLE Thread)
{
    PAGED_CODE();
    if (Thread == NULL)
        return;
    ZwWaitForSingleObject(Thread, FALSE, NULL);
    ZwClose(Thread);
}
