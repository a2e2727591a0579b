#include "driver/ioctl.h"
#include "driver/ioctl_answer.h"

VOID VdIoctlServe(VD_DEVICE *Device, WDFREQUEST Request, ULONG Code, size_t InputLength,
                  size_t OutputLength)
{
    VD_STATISTICS Statistics;
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
    if (NT_SUCCESS(Status)) {
        VdCountersRead(&Device->Counters, &Statistics);
        Status = VdIoctlAnswer(&Device->Volume, &Statistics, Code, UnsafeInput, InputLength, Output,
                               OutputLength, &Information);
    }
    WdfRequestCompleteWithInformation(Request, Status, Information);
}
