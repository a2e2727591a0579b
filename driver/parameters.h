/*
 * What a device was told to be: its image and how to open it. See virtualdisk/driver_abi.h.
 */
#ifndef VIRTUALDISK_DRIVER_PARAMETERS_H
#define VIRTUALDISK_DRIVER_PARAMETERS_H

#include <ntifs.h>
#include <wdf.h>

#include "driver/volume.h"
#include "virtualdisk/status.h"

typedef struct _VD_PARAMETERS {
    UNICODE_STRING Path;          /* of the image */
    UNICODE_STRING Files;         /* pairs of strings, each with its NUL */
    ULONG Flags;                  /* VIRTUALDISK_FLAG_... */
    CHAR Format[VD_FORMAT_BYTES]; /* the engine's name of the format */
} VD_PARAMETERS;

/*
 * Reads the device's properties or, one by one, the values of its hardware key. On failure `Error`
 * says what was wrong, and Parameters needs no freeing.
 */
_IRQL_requires_max_(PASSIVE_LEVEL) _Must_inspect_result_ NTSTATUS
    VdParametersRead(_In_ WDFDEVICE Device, _Out_ VD_PARAMETERS *Parameters,
                     _Inout_ struct vdisk_error *Error);

/* Also for parameters that are all zero. */
_IRQL_requires_max_(DISPATCH_LEVEL) VOID VdParametersFree(_Inout_ VD_PARAMETERS *Parameters);

#endif
