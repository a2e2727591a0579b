/*
 * What a device was told to be: its image and how to open it. See virtualdisk/driver_abi.h.
 */
#ifndef VIRTUALDISK_DRIVER_PARAMETERS_H
#define VIRTUALDISK_DRIVER_PARAMETERS_H

#include <ntifs.h>
#include <wdf.h>

#include "driver/volume.h"
#include "virtualdisk/status.h"

/* Immutable after it was read; shared by a device and its medium. */
typedef struct _VD_PARAMETERS {
    volatile LONG References;
    ULONG Flags;                  /* VIRTUALDISK_FLAG_... */
    ULONG SectorBytes;            /* 0: as the image says */
    ULONGLONG MemoryBytes;        /* limit of a memory overlay, or size of an empty RAM disk */
    UNICODE_STRING Path;          /* of the image */
    UNICODE_STRING Files;         /* pairs of strings, each with its NUL */
    UNICODE_STRING Overlay;       /* empty: none */
    WCHAR Letter;                 /* upper case; 0: none is wished for */
    CHAR Format[VD_FORMAT_BYTES]; /* the engine's name of the format */
    CHAR OverlayFormat[VD_FORMAT_BYTES];
    struct virtualdisk_window Window; /* style none: the whole disk */
} VD_PARAMETERS;

/* No volume any more: see VIRTUALDISK_KEY_VOLATILE. A status that no file system gives. */
#define VD_STATUS_RETURNED STATUS_PLUGPLAY_NO_DEVICE

/*
 * Reads the device's properties or, one by one, the values of its hardware key. On failure `Error`
 * says what was wrong.
 */
_IRQL_requires_max_(PASSIVE_LEVEL) _Must_inspect_result_ NTSTATUS
    VdParametersRead(_In_ WDFDEVICE Device, _Outptr_ VD_PARAMETERS **Parameters,
                     _Inout_ struct vdisk_error *Error);

/*
 * The descriptor that the device to be made shall have, as SDDL; NULL where nobody wished for one.
 * Free with vdisk_free.
 */
_IRQL_requires_max_(PASSIVE_LEVEL) _Must_inspect_result_ NTSTATUS
    VdParametersReadAccess(_In_ PWDFDEVICE_INIT DeviceInit, _Out_ UNICODE_STRING *Access);

_IRQL_requires_max_(DISPATCH_LEVEL) VOID VdParametersReference(_Inout_ VD_PARAMETERS *Parameters);

/* NULL is allowed. */
_IRQL_requires_max_(DISPATCH_LEVEL) VOID VdParametersRelease(_Inout_opt_ VD_PARAMETERS *Parameters);

#endif
