#include "driver/trim.h"
#include "driver/ioctl_codes.h"
#include "engine/base/checked.h"
#include "engine/base/endian.h"

/* DEVICE_MANAGE_DATA_SET_ATTRIBUTES and DEVICE_DATA_SET_RANGE */
#define ATTRIBUTES_BYTES  28u
#define RANGE_BYTES       16u
#define ACTION_TRIM       1u
#define FLAG_ENTIRE_RANGE 0x00000001u

int32_t VdTrimParse(const VD_VOLUME *Volume, const void *UnsafeInput, size_t InputLength,
                    VD_TRIM *Trim)
{
    const uint8_t *Input = UnsafeInput;
    uint32_t RangesOffset, RangesLength;

    memset(Trim, 0, sizeof(*Trim));
    if (InputLength < ATTRIBUTES_BYTES || vdisk_load_le32(Input) < ATTRIBUTES_BYTES)
        return VD_STATUS_INVALID_PARAMETER;
    if (vdisk_load_le32(Input + 4) != ACTION_TRIM || Volume->DiscardBytes == 0)
        return VD_STATUS_NOT_SUPPORTED;
    RangesOffset = vdisk_load_le32(Input + 20);
    RangesLength = vdisk_load_le32(Input + 24);
    if ((vdisk_load_le32(Input + 8) & FLAG_ENTIRE_RANGE) != 0) { /* the other flags are hints */
        if (RangesLength != 0)
            return VD_STATUS_INVALID_PARAMETER;
        Trim->RangeCount = 1;
        return VD_STATUS_SUCCESS;
    }
    if (RangesLength == 0 || RangesLength % RANGE_BYTES != 0 || RangesOffset < ATTRIBUTES_BYTES ||
        !vdisk_range_within(RangesOffset, RangesLength, InputLength))
        return VD_STATUS_INVALID_PARAMETER;
    Trim->UnsafeRanges = Input + RangesOffset;
    Trim->RangeCount = RangesLength / RANGE_BYTES;
    return VD_STATUS_SUCCESS;
}

int32_t VdTrimRange(const VD_VOLUME *Volume, const VD_TRIM *Trim, uint32_t Index, uint64_t *Offset,
                    uint64_t *Length)
{
    const uint8_t *Range;

    if (Trim->UnsafeRanges == NULL) {
        *Offset = 0;
        *Length = Volume->SizeBytes;
        return VD_STATUS_SUCCESS;
    }
    Range = Trim->UnsafeRanges + (size_t)Index * RANGE_BYTES;
    *Offset = vdisk_load_le64(Range);
    *Length = vdisk_load_le64(Range + 8);
    if (!vdisk_is_aligned(*Offset | *Length, Volume->LogicalSectorBytes) ||
        !vdisk_range_within(*Offset, *Length, Volume->SizeBytes))
        return VD_STATUS_INVALID_PARAMETER;
    return VD_STATUS_SUCCESS;
}
