/*
 * A medium: an open image, shared by the devices that are volumes of it.
 *
 * Opening, closing and exchanging media happens under one lock for all of them: it is rare, Plug
 * and Play does one at a time anyway, and a second opening of a file must not meet its closing.
 */
#ifndef VIRTUALDISK_DRIVER_MEDIUM_H
#define VIRTUALDISK_DRIVER_MEDIUM_H

#include <ntifs.h>
#include <wdf.h>

#include "driver/barrier.h"
#include "driver/finder.h"
#include "driver/identity.h"
#include "driver/parameters.h"
#include "virtualdisk/image.h"

struct _VD_DEVICE;

typedef struct _VD_MEDIUM {
    /* protected by the lock of all media */
    LIST_ENTRY Link;
    LIST_ENTRY Devices; /* VD_DEVICE.MediumLink; their volumes do not overlap */

    /* immutable */
    VD_PARAMETERS *Parameters; /* of the device that came first */
    VD_FINDER Finder;
    ULONG DiskNumber; /* the number of that device */
    CHAR Format[VD_FORMAT_BYTES];

    VD_BARRIER Barrier; /* transfers pass it; whoever changes the following closes it */
    struct vdisk_image *Image;
    struct vdisk_disk *Memory; /* layer over the image, or in its place; NULL: none */
    struct vdisk_disk *Disk;   /* the whole disk: Memory, or the image's; NULL: it is gone */
    VD_IDENTITY *Identity;     /* of the image; NULL: kept in memory, it cannot vanish */
} VD_MEDIUM;

/* Once, before everything else. */
_IRQL_requires_max_(PASSIVE_LEVEL) VOID VdMediaInitialize(VOID);

/*
 * Opens the image that Device->Parameters name, or joins those who have it open, and fills
 * Device->Medium, Disk and Volume. On failure `Error` has the words.
 */
_IRQL_requires_max_(PASSIVE_LEVEL) _Must_inspect_result_ NTSTATUS
    VdMediumAttach(_Inout_ struct _VD_DEVICE *Device, _Inout_ struct vdisk_error *Error);

/* The last one to go flushes and closes the image. Nothing happens when there is none. */
_IRQL_requires_max_(PASSIVE_LEVEL) VOID VdMediumDetach(_Inout_ struct _VD_DEVICE *Device);

/*
 * By a worker: between the two no transfer is under way and no device comes or goes.
 */
_IRQL_requires_max_(PASSIVE_LEVEL) VOID VdMediumEnterAlone(_Inout_ VD_MEDIUM *Medium);
_IRQL_requires_max_(PASSIVE_LEVEL) VOID VdMediumLeaveAlone(_Inout_ VD_MEDIUM *Medium);

/* By a worker that is alone: see IOCTL_VIRTUALDISK_COMMIT and _RECONNECT. */
_IRQL_requires_max_(PASSIVE_LEVEL) NTSTATUS
    VdMediumCommit(_Inout_ struct _VD_DEVICE *Device, _Inout_ struct vdisk_error *Error);
_IRQL_requires_max_(PASSIVE_LEVEL) NTSTATUS
    VdMediumReconnect(_Inout_ struct _VD_DEVICE *Device, _Inout_ struct vdisk_error *Error);

#endif
