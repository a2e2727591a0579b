#include "driver/transfer.h"
#include "driver/event.h"
#include "driver/growth.h"
#include "driver/state.h"
#include "driver/trim.h"
#include "engine/base/checked.h"
#include "host/ntkernel/ntkernel.h"
#include "virtualdisk/driver_abi.h"

#include <ntdddisk.h>
#include <ntddstor.h>

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

/* NULL: nobody needs it. */
static VD_SAMPLE *SampleOf(const VD_DEVICE *Device)
{
    return Device->Medium->Identity == NULL ? NULL : &Device->Medium->Identity->Sample;
}

static NTSTATUS ServeFlush(VD_DEVICE *Device, struct vdisk_error *Error)
{
    VD_SAMPLE *Sample = SampleOf(Device);
    const uint32_t Mark = Sample == NULL ? 0 : VdSampleBeginFlush(Sample);
    const NTSTATUS Status = FromEngine(vdisk_disk_flush(Device->Disk, Error), Error);

    if (Sample != NULL && NT_SUCCESS(Status))
        VdSampleEndFlush(Sample, Mark);
    return Status;
}

/* Buffer: of a write; NULL: of a trim. */
static NTSTATUS Change(VD_DEVICE *Device, uint64_t Offset, PVOID Buffer, uint64_t Length,
                       struct vdisk_error *Error)
{
    VD_SAMPLE *Sample = SampleOf(Device);
    const uint64_t DiskOffset =
        Offset + (Device->Disk == Device->Medium->Disk ? 0 : Device->Volume.Window.offset_bytes);
    enum vdisk_status Status;

    if (Sample != NULL)
        VdSampleBeginWrite(Sample, DiskOffset, Length, Buffer);
    Status = Buffer != NULL ? vdisk_disk_write(Device->Disk, Offset, Buffer, (size_t)Length, Error)
                            : vdisk_disk_discard(Device->Disk, Offset, Length, Error);
    if (Sample != NULL)
        VdSampleEndWrite(Sample, DiskOffset, Length, Status == VDISK_OK);
    return FromEngine(Status, Error);
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
    Status = Change(Device, (uint64_t)Offset, Buffer, Length, Error);
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

/* Ranges that were freed before one fails stay free: the caller has said that it needs none. */
static NTSTATUS ServeTrim(VD_DEVICE *Device, WDFREQUEST Request, struct vdisk_error *Error)
{
    PVOID UnsafeInput;
    size_t InputLength;
    VD_TRIM Trim;
    uint64_t Offset, Length;
    NTSTATUS Status = WdfRequestRetrieveInputBuffer(Request, 1, &UnsafeInput, &InputLength);

    if (!NT_SUCCESS(Status))
        return STATUS_INVALID_PARAMETER;
    Status = VdTrimParse(&Device->Volume, UnsafeInput, InputLength, &Trim);
    if (NT_SUCCESS(Status) && Device->Volume.ReadOnly)
        Status = STATUS_MEDIA_WRITE_PROTECTED;
    for (uint32_t i = 0; i < Trim.RangeCount && NT_SUCCESS(Status); i++)
        Status = VdTrimRange(&Device->Volume, &Trim, i, &Offset, &Length);
    for (uint32_t i = 0; i < Trim.RangeCount && NT_SUCCESS(Status); i++) {
        (VOID) VdTrimRange(&Device->Volume, &Trim, i, &Offset, &Length);
        Status = Change(Device, Offset, NULL, Length, Error);
    }
    return Status;
}

/* The input of a change, which is a single number. */
static NTSTATUS GetNumber(WDFREQUEST Request, PVOID Number, size_t Size)
{
    PVOID UnsafeInput;
    NTSTATUS Status = WdfRequestRetrieveInputBuffer(Request, Size, &UnsafeInput, NULL);

    if (!NT_SUCCESS(Status))
        return STATUS_INFO_LENGTH_MISMATCH;
    RtlCopyMemory(Number, UnsafeInput, Size);
    return STATUS_SUCCESS;
}

static NTSTATUS ServeResize(VD_DEVICE *Device, WDFREQUEST Request, struct vdisk_error *Error)
{
    uint64_t SizeBytes;
    const NTSTATUS Status = GetNumber(Request, &SizeBytes, sizeof(SizeBytes));

    return NT_SUCCESS(Status) ? VdGrowthApply(Device, SizeBytes, Error) : Status;
}

/*
 * The volume is its one partition. That of a real table is left to IOCTL_VIRTUALDISK_RESIZE, whose
 * caller knows that the device's parameters have to follow.
 */
static NTSTATUS ServeGrow(VD_DEVICE *Device, WDFREQUEST Request, struct vdisk_error *Error)
{
    DISK_GROW_PARTITION Grow;
    uint64_t SizeBytes;
    const NTSTATUS Status = GetNumber(Request, &Grow, sizeof(Grow));

    if (!NT_SUCCESS(Status))
        return Status;
    if (Device->Volume.Window.style != VIRTUALDISK_STYLE_NONE)
        return STATUS_NOT_SUPPORTED;
    if (Grow.BytesToGrow.QuadPart < 0 ||
        !vdisk_add_u64(Device->Volume.SizeBytes, (uint64_t)Grow.BytesToGrow.QuadPart, &SizeBytes))
        return STATUS_INVALID_PARAMETER;
    return VdGrowthApply(Device, SizeBytes, Error);
}

static NTSTATUS ServeSetReadOnly(VD_DEVICE *Device, WDFREQUEST Request, struct vdisk_error *Error)
{
    uint32_t ReadOnly;
    const NTSTATUS Status = GetNumber(Request, &ReadOnly, sizeof(ReadOnly));

    UNREFERENCED_PARAMETER(Error);
    if (!NT_SUCCESS(Status))
        return Status;
    return ReadOnly <= 1 ? VdStateSetReadOnly(Device, ReadOnly != 0) : STATUS_INVALID_PARAMETER;
}

static NTSTATUS ServeReconnect(VD_DEVICE *Device, WDFREQUEST Request, struct vdisk_error *Error)
{
    UNREFERENCED_PARAMETER(Request);
    return VdMediumReconnect(Device, Error);
}

static NTSTATUS ServeCommit(VD_DEVICE *Device, WDFREQUEST Request, struct vdisk_error *Error)
{
    UNREFERENCED_PARAMETER(Request);
    return VdMediumCommit(Device, Error);
}

static NTSTATUS ServeFlushRequest(VD_DEVICE *Device, WDFREQUEST Request, struct vdisk_error *Error)
{
    UNREFERENCED_PARAMETER(Request);
    return ServeFlush(Device, Error);
}

/* Device control requests for the workers. Those that need to be alone find no transfer under way.
 */
typedef struct _VD_CONTROL {
    ULONG Code;
    BOOLEAN Alone;
    VD_COUNTED Kind;
    NTSTATUS (*Serve)(VD_DEVICE *Device, WDFREQUEST Request, struct vdisk_error *Error);
} VD_CONTROL;

static const VD_CONTROL Controls[] = {
    {VD_IOCTL_INTERNAL_FLUSH, FALSE, VdCountedFlush, ServeFlushRequest},
    {IOCTL_VIRTUALDISK_FLUSH, FALSE, VdCountedFlush, ServeFlushRequest},
    {IOCTL_STORAGE_MANAGE_DATA_SET_ATTRIBUTES, FALSE, VdCountedTrim, ServeTrim},
    {IOCTL_DISK_VERIFY, FALSE, VdCountedNothing, ServeVerify},
    {IOCTL_DISK_GROW_PARTITION, TRUE, VdCountedNothing, ServeGrow},
    {IOCTL_VIRTUALDISK_RESIZE, TRUE, VdCountedNothing, ServeResize},
    {IOCTL_VIRTUALDISK_SET_READ_ONLY, TRUE, VdCountedNothing, ServeSetReadOnly},
    {IOCTL_VIRTUALDISK_COMMIT, TRUE, VdCountedNothing, ServeCommit},
    {IOCTL_VIRTUALDISK_RECONNECT, TRUE, VdCountedNothing, ServeReconnect},
};

static const VD_CONTROL *FindControl(ULONG Code)
{
    for (size_t i = 0; i < RTL_NUMBER_OF(Controls); i++) {
        if (Controls[i].Code == Code)
            return &Controls[i];
    }
    return NULL;
}

BOOLEAN VdTransferIsMeant(ULONG Code)
{
    return Code != VD_IOCTL_INTERNAL_FLUSH && FindControl(Code) != NULL;
}

/* What was done, and how it ended. */
typedef struct _VD_OUTCOME {
    VD_COUNTED Kind;
    NTSTATUS Status;
    size_t Length; /* moved, when it succeeded */
} VD_OUTCOME;

static VOID ServeControl(VD_WORKER *Worker, WDFREQUEST Request, ULONG Code, VD_OUTCOME *Outcome)
{
    const VD_CONTROL *Control = FindControl(Code);
    VD_MEDIUM *Medium = Worker->Device->Medium;

    Outcome->Kind = Control->Kind;
    if (Control->Alone)
        VdMediumEnterAlone(Medium);
    else
        VdBarrierEnter(&Medium->Barrier);
    Outcome->Status = !Control->Alone && Worker->Device->Disk == NULL
                          ? STATUS_DEVICE_NOT_CONNECTED
                          : Control->Serve(Worker->Device, Request, &Worker->Error);
    if (Control->Alone)
        VdMediumLeaveAlone(Medium);
    else
        VdBarrierLeave(&Medium->Barrier);
}

static VOID ServeTransfer(VD_WORKER *Worker, WDFREQUEST Request,
                          const WDF_REQUEST_PARAMETERS *Parameters, VD_OUTCOME *Outcome)
{
    VD_DEVICE *Device = Worker->Device;
    const BOOLEAN IsRead = Parameters->Type == WdfRequestTypeRead;

    Outcome->Kind = IsRead ? VdCountedRead : VdCountedWrite;
    Outcome->Length =
        IsRead ? Parameters->Parameters.Read.Length : Parameters->Parameters.Write.Length;
    if (Outcome->Length == 0)
        return;
    VdBarrierEnter(&Device->Medium->Barrier);
    if (Device->Disk == NULL)
        Outcome->Status = STATUS_DEVICE_NOT_CONNECTED;
    else if (IsRead)
        Outcome->Status = ServeRead(Device, Request, Parameters->Parameters.Read.DeviceOffset,
                                    Outcome->Length, &Worker->Error);
    else
        Outcome->Status = ServeWrite(Device, Request, Parameters->Parameters.Write.DeviceOffset,
                                     Outcome->Length, &Worker->Error);
    VdBarrierLeave(&Device->Medium->Barrier);
}

VOID VdTransferServe(VD_WORKER *Worker, WDFREQUEST Request)
{
    VD_COUNTERS *Counters = &Worker->Device->Counters;
    VD_OUTCOME Outcome = {.Status = STATUS_SUCCESS};
    WDF_REQUEST_PARAMETERS Parameters;

    Worker->Error.status = VDISK_OK; /* until the engine has something to say */
    WDF_REQUEST_PARAMETERS_INIT(&Parameters);
    WdfRequestGetParameters(Request, &Parameters);
    if (Parameters.Type == WdfRequestTypeRead || Parameters.Type == WdfRequestTypeWrite)
        ServeTransfer(Worker, Request, &Parameters, &Outcome);
    else
        ServeControl(Worker, Request, Parameters.Parameters.DeviceIoControl.IoControlCode,
                     &Outcome);
    if (!NT_SUCCESS(Outcome.Status))
        Outcome.Length = 0;
    /* Before the completion: who has an answer finds it counted. */
    if (Outcome.Kind != VdCountedNothing)
        VdCountersCount(Counters, Worker->Index, Outcome.Kind, VdRequestGet(Request)->Arrival,
                        Outcome.Length, !NT_SUCCESS(Outcome.Status));
    VdCountersLeave(Counters);
    WdfRequestCompleteWithInformation(Request, Outcome.Status, Outcome.Length);
    /* What the engine got over on its way is no failure. */
    if (!NT_SUCCESS(Outcome.Status) && Worker->Error.status != VDISK_OK)
        VdEventWrite(Worker->Device, VdEventTransferFailed, Outcome.Status, &Worker->Error);
}

VOID VdTransferRefuse(VD_DEVICE *Device, WDFREQUEST Request, NTSTATUS Status)
{
    VdCountersLeave(&Device->Counters);
    WdfRequestComplete(Request, Status);
}
