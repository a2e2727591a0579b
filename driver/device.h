/*
 * A device: one image as one volume. The framework's device object owns it as its context.
 */
#ifndef VIRTUALDISK_DRIVER_DEVICE_H
#define VIRTUALDISK_DRIVER_DEVICE_H

#include <ntifs.h>
#include <wdf.h>

#include "driver/counters.h"
#include "driver/medium.h"
#include "driver/parameters.h"
#include "driver/volume.h"
#include "driver/worker.h"
#include "virtualdisk/disk.h"

typedef struct _VD_DEVICE {
    /* immutable after create */
    WDFDEVICE Handle;
    ULONG Number;
    WDFQUEUE TransferQueue; /* requests that need the image; served by the workers */

    /* immutable while the device is started */
    VD_PARAMETERS *Parameters;
    VD_MEDIUM *Medium; /* NULL: not started */
    BOOLEAN ShutdownRegistered;
    HANDLE LockedVolume; /* set at system shutdown: nobody mounts the volume again */

    LIST_ENTRY MediumLink; /* protected by the lock of all media */

    /* protected by the medium's barrier */
    struct vdisk_disk *Disk; /* the medium's, or a window of it; NULL: the image is gone */

    KSPIN_LOCK VolumeLock;
    VD_VOLUME Volume; /* see volume.h */

    VD_WORKERS Workers;
    VD_COUNTERS Counters;
    volatile LONG LastReport; /* of a failure, in seconds since the system started; 0: none */
} VD_DEVICE;

/* What is kept with a request. */
typedef struct _VD_REQUEST {
    LONGLONG Arrival; /* in ticks of the performance counter */
} VD_REQUEST;

WDF_DECLARE_CONTEXT_TYPE_WITH_NAME(VD_DEVICE, VdDeviceGet)
WDF_DECLARE_CONTEXT_TYPE_WITH_NAME(VD_REQUEST, VdRequestGet)

/* EvtDriverDeviceAdd. */
EVT_WDF_DRIVER_DEVICE_ADD VdEvtDeviceAdd;

#endif
