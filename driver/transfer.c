#include "driver/transfer.h"
#include "engine/base/checked.h"
#include "host/ntkernel/ntkernel.h"
#include "virtualdisk/driver_abi.h"

#include <ntdddisk.h>

#define VERIFY_BYTES ((size_t)65536)

/* Copies the outcome of an engine call. */
static NTSTATUS FromEngine(enum vdisk_status Status, const struct vdisk_error *Error)
{
    return Status == VDISK_OK ? STATUS_SUCCESS : vdisk_error_to_ntstatus(Error);
}

static NTSTATUS CheckRange(const VD_DEVICE *Device, LONGLONG Offset, size_t Length)
{
    const uint32_t SectorBytes = Device->Volume.LogicalSectorBytes;

    if (Offset < 0 || !vdisk_is_aligned((uint64_t)Offset | Length, SectorBytes) ||
        !vdisk_range_within((uint64_t)Offset, Length, Device->Volume.SizeBytes))
        return STATUS_INVALID_PARAMETER;
    return STATUS_SUCCESS;
}

static NTSTATUS ServeRead(VD_DEVICE *Device, WDFREQUEST Request, LONGLONG Offset, size_t Length,
                          struct vdisk_error *Error)
{
    PVOID Buffer;
    NTSTATUS Status = CheckRange(Device, Offset, Length);

    if (NT_SUCCESS(Status))
        Status = WdfRequestRetrieveOutputBuffer(Request, Length, &Buffer, NULL);
    if (!NT_SUCCESS(Status))
        return Status;
    return FromEngine(vdisk_disk_read(Device->Disk, (uint64_t)Offset, Buffer, Length, Error),
                      Error);
}

static BOOLEAN IsWriteThrough(WDFREQUEST Request)
{
    return (IoGetCurrentIrpStackLocation(WdfRequestWdmGetIrp(Request))->Flags & SL_WRITE_THROUGH) !=
           0;
}

static NTSTATUS ServeFlush(VD_DEVICE *Device, struct vdisk_error *Error)
{
    return FromEngine(vdisk_disk_flush(Device->Disk, Error), Error);
}

static NTSTATUS ServeWrite(VD_DEVICE *Device, WDFREQUEST Request, LONGLONG Offset, size_t Length,
                           struct vdisk_error *Error)
{
    PVOID Buffer;
    NTSTATUS Status = CheckRange(Device, Offset, Length);

    if (Device->Volume.ReadOnly)
        Status = STATUS_MEDIA_WRITE_PROTECTED;
    if (NT_SUCCESS(Status))
        Status = WdfRequestRetrieveInputBuffer(Request, Length, &Buffer, NULL);
    if (!NT_SUCCESS(Status))
        return Status;
    Status =
        FromEngine(vdisk_disk_write(Device->Disk, (uint64_t)Offset, Buffer, Length, Error), Error);
    if (NT_SUCCESS(Status) && IsWriteThrough(Request))
        Status = ServeFlush(Device, Error);
    return Status;
}

/* Reads the range into nowhere. */
static NTSTATUS VerifyRange(VD_DEVICE *Device, uint64_t Offset, size_t Length,
                            struct vdisk_error *Error)
{
    NTSTATUS Status = STATUS_SUCCESS;
    PVOID Scratch = vdisk_alloc(VERIFY_BYTES);

    if (Scratch == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    while (Length != 0 && NT_SUCCESS(Status)) {
        const size_t Piece = vdisk_min_size(Length, VERIFY_BYTES);

        Status = FromEngine(vdisk_disk_read(Device->Disk, Offset, Scratch, Piece, Error), Error);
        Offset += Piece;
        Length -= Piece;
    }
    vdisk_free(Scratch);
    return Status;
}

static NTSTATUS ServeVerify(VD_DEVICE *Device, WDFREQUEST Request, struct vdisk_error *Error)
{
    const VERIFY_INFORMATION *UnsafeInput;
    VERIFY_INFORMATION Range;
    NTSTATUS Status =
        WdfRequestRetrieveInputBuffer(Request, sizeof(Range), (PVOID *)&UnsafeInput, NULL);

    if (!NT_SUCCESS(Status))
        return STATUS_INFO_LENGTH_MISMATCH;
    Range = *UnsafeInput;
    Status = CheckRange(Device, Range.StartingOffset.QuadPart, Range.Length);
    if (NT_SUCCESS(Status))
        Status = VerifyRange(Device, (uint64_t)Range.StartingOffset.QuadPart, Range.Length, Error);
    return Status;
}

static VOID Complete(VD_DEVICE *Device, WDFREQUEST Request, VD_COUNTED Kind, NTSTATUS Status,
                     size_t Length)
{
    const size_t Moved = NT_SUCCESS(Status) ? Length : 0;

    /* Before the completion: who has an answer finds it counted. */
    VdCountersLeave(&Device->Counters, Kind, Moved, !NT_SUCCESS(Status));
    WdfRequestCompleteWithInformation(Request, Status, Moved);
}

static VOID ServeControl(VD_DEVICE *Device, WDFREQUEST Request, ULONG Code,
                         struct vdisk_error *Error)
{
    if (Code == VD_IOCTL_INTERNAL_FLUSH)
        Complete(Device, Request, VdCountedFlush, ServeFlush(Device, Error), 0);
    else
        Complete(Device, Request, VdCountedNothing, ServeVerify(Device, Request, Error), 0);
}

VOID VdTransferServe(VD_DEVICE *Device, WDFREQUEST Request, struct vdisk_error *Error)
{
    NTSTATUS Status = STATUS_SUCCESS;
    WDF_REQUEST_PARAMETERS Parameters;
    size_t Length;

    WDF_REQUEST_PARAMETERS_INIT(&Parameters);
    WdfRequestGetParameters(Request, &Parameters);
    switch (Parameters.Type) {
    case WdfRequestTypeRead:
        Length = Parameters.Parameters.Read.Length;
        if (Length != 0)
            Status =
                ServeRead(Device, Request, Parameters.Parameters.Read.DeviceOffset, Length, Error);
        Complete(Device, Request, VdCountedRead, Status, Length);
        break;
    case WdfRequestTypeWrite:
        Length = Parameters.Parameters.Write.Length;
        if (Length != 0)
            Status = ServeWrite(Device, Request, Parameters.Parameters.Write.DeviceOffset, Length,
                                Error);
        Complete(Device, Request, VdCountedWrite, Status, Length);
        break;
    default:
        ServeControl(Device, Request, Parameters.Parameters.DeviceIoControl.IoControlCode, Error);
        break;
    }
}

VOID VdTransferRefuse(VD_DEVICE *Device, WDFREQUEST Request, NTSTATUS Status)
{
    Complete(Device, Request, VdCountedNothing, Status, 0);
}
