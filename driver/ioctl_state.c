#include "driver/ioctl_state.h"
#include "virtualdisk/driver_abi.h"

static uint32_t StateFlags(const VD_VOLUME *Volume, const VD_ACTIVITY *Activity)
{
    uint32_t Flags = 0;

    Flags |= Volume->ReadOnly ? VIRTUALDISK_STATE_READ_ONLY : 0;
    Flags |= Volume->Optical ? VIRTUALDISK_STATE_OPTICAL : 0;
    Flags |= Volume->DiscardBytes != 0 ? VIRTUALDISK_STATE_CAN_TRIM : 0;
    Flags |= Volume->Flags & VIRTUALDISK_FLAG_PERSISTENT ? VIRTUALDISK_STATE_PERSISTENT : 0;
    Flags |= Volume->Flags & VIRTUALDISK_FLAG_MEMORY ? VIRTUALDISK_STATE_MEMORY : 0;
    Flags |= Volume->Flags & VIRTUALDISK_FLAG_RAM ? VIRTUALDISK_STATE_RAM : 0;
    Flags |= Activity->Failing ? VIRTUALDISK_STATE_FAILING : 0;
    return Flags;
}

int32_t VdStateAnswer(const VD_QUESTION *Question, uint8_t *Output, size_t *Information)
{
    const VD_VOLUME *Volume = Question->Volume;
    struct virtualdisk_state State = {
        .version = VIRTUALDISK_ABI_VERSION,
        .flags = StateFlags(Volume, Question->Activity),
        .size_bytes = Volume->SizeBytes,
        .logical_sector_bytes = Volume->LogicalSectorBytes,
        .physical_sector_bytes = Volume->PhysicalSectorBytes,
        .device_number = Volume->Number,
        .disk_number = Volume->DiskNumber,
        .partition_number = Volume->Window.number,
        .requests_in_flight = Question->Activity->RequestsInFlight,
        .offset_bytes = Volume->Window.offset_bytes,
        .used_bytes = Question->Activity->UsedBytes,
        .path_bytes = Volume->PathBytes,
        .overlay_bytes = Volume->OverlayBytes,
    };

    memcpy(State.format, Volume->Format, sizeof(State.format));
    memcpy(Output, &State, sizeof(State));
    if (Question->OutputLength - sizeof(State) < (size_t)Volume->PathBytes + Volume->OverlayBytes)
        return VD_STATUS_BUFFER_OVERFLOW;
    Output += sizeof(State);
    memcpy(Output, Volume->Path, Volume->PathBytes);
    if (Volume->OverlayBytes != 0)
        memcpy(Output + Volume->PathBytes, Volume->OverlayPath, Volume->OverlayBytes);
    *Information = sizeof(State) + Volume->PathBytes + Volume->OverlayBytes;
    return VD_STATUS_SUCCESS;
}

int32_t VdStateAnswerStatistics(const VD_QUESTION *Question, uint8_t *Output, size_t *Information)
{
    (void)Information;
    memcpy(Output, Question->Activity->Statistics, sizeof(struct virtualdisk_statistics));
    return VD_STATUS_SUCCESS;
}
