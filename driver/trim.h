/*
 * The input of IOCTL_STORAGE_MANAGE_DATA_SET_ATTRIBUTES. Plain C, for the native tests too.
 */
#ifndef VIRTUALDISK_DRIVER_TRIM_H
#define VIRTUALDISK_DRIVER_TRIM_H

#include "driver/volume.h"

typedef struct _VD_TRIM {
    const uint8_t *UnsafeRanges; /* in the caller's buffer; NULL: the whole volume */
    uint32_t RangeCount;
} VD_TRIM;

/*
 * Finds the ranges of a trim request in its input: STATUS_SUCCESS, STATUS_INVALID_PARAMETER, or
 * STATUS_NOT_SUPPORTED for what is no trim. UnsafeInput belongs to the caller, who cannot change it
 * any more (METHOD_BUFFERED).
 */
int32_t VdTrimParse(const VD_VOLUME *Volume, const void *UnsafeInput, size_t InputLength,
                    VD_TRIM *Trim);

/* The Index-th range: whole sectors inside the volume, or STATUS_INVALID_PARAMETER. */
int32_t VdTrimRange(const VD_VOLUME *Volume, const VD_TRIM *Trim, uint32_t Index, uint64_t *Offset,
                    uint64_t *Length);

#endif
