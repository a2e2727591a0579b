#include "driver/ioctl.h"
#include "driver/ioctl_answer.h"
#include "virtualdisk/driver_abi.h"
#include "virtualdisk/layer.h"
#include "virtualdisk/platform.h"

/* *Statistics has memory for those that ask for it, and is to be freed. */
static NTSTATUS Observe(VD_DEVICE *Device, ULONG Code, VD_ACTIVITY *Activity,
                        struct virtualdisk_statistics **Statistics)
{
    struct vdisk_disk *Memory = Device->Medium->Memory;

    *Statistics = NULL;
    Activity->RequestsInFlight = (uint32_t)Device->Counters.RequestsInFlight;
    Activity->Failing = Device->Counters.Failing != 0;
    Activity->UsedBytes = Memory == NULL ? 0 : vdisk_memory_used(Memory);
    if (Code != IOCTL_VIRTUALDISK_QUERY_STATISTICS)
        return STATUS_SUCCESS;
    *Statistics = vdisk_alloc(sizeof(**Statistics));
    if (*Statistics == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    VdCountersRead(&Device->Counters, *Statistics);
    Activity->Statistics = *Statistics;
    return STATUS_SUCCESS;
}

/* Under the lock, so that an answer never mixes an old size with a new one. */
static NTSTATUS Answer(VD_DEVICE *Device, const VD_ACTIVITY *Activity, ULONG Code,
                       const VOID *UnsafeInput, size_t InputLength, PVOID Output,
                       size_t OutputLength, size_t *Information)
{
    NTSTATUS Status;
    KIRQL OldIrql;

    KeAcquireSpinLock(&Device->VolumeLock, &OldIrql);
    Status = VdIoctlAnswer(&Device->Volume, Activity, Code, UnsafeInput, InputLength, Output,
                           OutputLength, Information);
    KeReleaseSpinLock(&Device->VolumeLock, OldIrql);
    return Status;
}

VOID VdIoctlServe(VD_DEVICE *Device, WDFREQUEST Request, ULONG Code, size_t InputLength,
                  size_t OutputLength)
{
    VD_ACTIVITY Activity = {0};
    struct virtualdisk_statistics *Statistics = NULL;
    PVOID UnsafeInput = NULL;
    PVOID Output = NULL;
    size_t Information = 0;
    NTSTATUS Status = STATUS_SUCCESS;

    /* All codes that are answered are buffered: no other touches the caller's memory here. */
    if (METHOD_FROM_CTL_CODE(Code) != METHOD_BUFFERED)
        Status = STATUS_INVALID_DEVICE_REQUEST;
    if (NT_SUCCESS(Status) && InputLength != 0)
        Status = WdfRequestRetrieveInputBuffer(Request, InputLength, &UnsafeInput, NULL);
    if (NT_SUCCESS(Status) && OutputLength != 0)
        Status = WdfRequestRetrieveOutputBuffer(Request, OutputLength, &Output, NULL);
    if (NT_SUCCESS(Status))
        Status = Observe(Device, Code, &Activity, &Statistics);
    if (NT_SUCCESS(Status))
        Status = Answer(Device, &Activity, Code, UnsafeInput, InputLength, Output, OutputLength,
                        &Information);
    vdisk_free(Statistics);
    WdfRequestCompleteWithInformation(Request, Status, Information);
}
