#include "driver/event.h"
#include "driver/event_messages.h"
#include "driver/words.h"
#include "virtualdisk/platform.h"

#define QUIET_SECONDS 600 /* between two reports of failed transfers */

static const NTSTATUS Codes[] = {
    [VdEventStartRefused] = VD_EVENT_START_REFUSED,
    [VdEventTransferFailed] = VD_EVENT_TRANSFER_FAILED,
    [VdEventCloseFailed] = VD_EVENT_CLOSE_FAILED,
};

/* Several workers may fail at once: one of them reports. */
static BOOLEAN IsTimeToReport(VD_DEVICE *Device)
{
    LARGE_INTEGER Frequency;
    const LONGLONG Count = KeQueryPerformanceCounter(&Frequency).QuadPart;
    const LONG Now = (LONG)(Count / Frequency.QuadPart) + 1; /* 0: never */
    const LONG Last = Device->LastReport;

    if (Last != 0 && Now - Last < QUIET_SECONDS)
        return FALSE;
    return InterlockedCompareExchange(&Device->LastReport, Now, Last) == Last;
}

/* Entries are short: of long words the end is kept, which says what was wrong. */
static VOID WriteEntry(PDEVICE_OBJECT DeviceObject, NTSTATUS Code, NTSTATUS Status, PCWCH Words,
                       ULONG Length)
{
    const ULONG Room = ERROR_LOG_MAXIMUM_SIZE - sizeof(IO_ERROR_LOG_PACKET) - sizeof(UNICODE_NULL);
    const ULONG Kept = min(Length, Room & ~1u);
    const UCHAR Size = (UCHAR)(sizeof(IO_ERROR_LOG_PACKET) + Kept + sizeof(UNICODE_NULL));
    PIO_ERROR_LOG_PACKET Entry = IoAllocateErrorLogEntry(DeviceObject, Size);

    if (Entry == NULL)
        return;
    RtlZeroMemory(Entry, Size);
    Entry->NumberOfStrings = 1;
    Entry->StringOffset = sizeof(IO_ERROR_LOG_PACKET);
    Entry->ErrorCode = Code;
    Entry->FinalStatus = Status;
    RtlCopyMemory((PUCHAR)Entry + Entry->StringOffset, (const UCHAR *)Words + (Length - Kept),
                  Kept);
    IoWriteErrorLogEntry(Entry);
}

VOID VdEventWrite(VD_DEVICE *Device, VD_EVENT Event, NTSTATUS Status,
                  const struct vdisk_error *Error)
{
    PWCHAR Words;
    USHORT Length;

    if (Event == VdEventTransferFailed && !IsTimeToReport(Device))
        return;
    Words = VdWordsMake(Error, &Length);
    if (Words == NULL)
        return;
    WriteEntry(WdfDeviceWdmGetDeviceObject(Device->Handle), Codes[Event], Status, Words, Length);
    vdisk_free(Words);
}
