/*
 * A device: one image as one volume. The framework's device object owns it as its context.
 */
#ifndef VIRTUALDISK_DRIVER_DEVICE_H
#define VIRTUALDISK_DRIVER_DEVICE_H

#include <ntifs.h>
#include <wdf.h>

#include "driver/counters.h"
#include "driver/finder.h"
#include "driver/parameters.h"
#include "driver/volume.h"
#include "driver/worker.h"
#include "virtualdisk/image.h"

typedef struct _VD_DEVICE {
    /* immutable after create */
    WDFDEVICE Handle;
    ULONG Number;
    WDFQUEUE TransferQueue; /* requests that need the image; served by the workers */

    /* immutable while the device is started */
    VD_PARAMETERS Parameters;
    VD_FINDER Finder;
    VD_VOLUME Volume;
    struct vdisk_image *Image; /* NULL: not started */
    struct vdisk_disk *Disk;   /* the image's */
    BOOLEAN ShutdownRegistered;
    HANDLE LockedVolume; /* set at system shutdown: nobody mounts the volume again */

    VD_WORKERS Workers;
    VD_COUNTERS Counters;
} VD_DEVICE;

WDF_DECLARE_CONTEXT_TYPE_WITH_NAME(VD_DEVICE, VdDeviceGet)

/* EvtDriverDeviceAdd. */
EVT_WDF_DRIVER_DEVICE_ADD VdEvtDeviceAdd;

#endif
