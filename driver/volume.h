/*
 * What there is to say about a volume: the facts from which the ioctl answers are computed. Plain
 * C, for the native tests too.
 */
#ifndef VIRTUALDISK_DRIVER_VOLUME_H
#define VIRTUALDISK_DRIVER_VOLUME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "virtualdisk/driver_abi.h"

#define VD_NAME_CHARS     48
#define VD_FORMAT_BYTES   16
#define VD_IDENTITY_BYTES 16
#define VD_BOOT_BYTES     512

typedef struct _VD_VOLUME {
    /* immutable after create */
    uint32_t Number;              /* N of \Device\VirtualDisk-N */
    uint16_t Name[VD_NAME_CHARS]; /* UTF-16, the device's full name */
    uint16_t NameBytes;           /* without a NUL */

    /* immutable while the device is started */
    uint32_t LogicalSectorBytes; /* 512, 2048 (CD) or 4096 */
    uint32_t DiskNumber;         /* the same for all volumes of an image */
    uint32_t Flags;              /* VIRTUALDISK_FLAG_... of the parameters */
    bool Optical;                /* a CD or DVD */
    uint8_t PartitionType;       /* as a partition table would have it, of a volume without one */
    uint16_t Letter;             /* UTF-16, that is wished for; 0: none */
    const uint16_t *Path;        /* UTF-16, the image's NT path */
    uint32_t PathBytes;          /* without a NUL */
    const uint16_t *OverlayPath;
    uint32_t OverlayBytes; /* 0: no overlay */
    char Format[VD_FORMAT_BYTES];
    uint8_t Identity[VD_IDENTITY_BYTES];     /* the same for the same path and part of the disk */
    uint8_t DiskIdentity[VD_IDENTITY_BYTES]; /* the same for the same path */
    struct virtualdisk_window Window; /* the part of the disk; style none: all of it; its size as
                                         SizeBytes */

    /* protected by the device's VolumeLock, and by its barrier against transfers */
    uint64_t SizeBytes; /* of the volume */
    uint64_t DiskBytes; /* of the whole disk */
    uint32_t PhysicalSectorBytes;
    uint32_t DiscardBytes; /* unit of trim; 0: there is none */
    bool ReadOnly;
} VD_VOLUME;

/* What a device is doing at the moment of a question. */
typedef struct _VD_ACTIVITY {
    uint32_t RequestsInFlight;
    bool Failing;       /* the last transfer failed */
    uint64_t UsedBytes; /* of memory or of the host's disk; 0: unknown */
    const struct virtualdisk_statistics *Statistics; /* for IOCTL_VIRTUALDISK_QUERY_STATISTICS */
} VD_ACTIVITY;

typedef struct _VD_GEOMETRY {
    uint64_t Cylinders;
    uint32_t TracksPerCylinder;
    uint32_t SectorsPerTrack;
} VD_GEOMETRY;

/*
 * The geometry of the disk: its product is exactly the number of sectors, so that no formatter
 * loses the end. That of a CD is as CD drives have it.
 */
VD_GEOMETRY VdVolumeGeometry(const VD_VOLUME *Volume);

/*
 * Fills PartitionType: from the file system in the first sector (at least VD_BOOT_BYTES of it;
 * NULL: unknown), else from the size. Some file systems do not mount where the type is not theirs.
 */
void VdVolumeRecognize(VD_VOLUME *Volume, const uint8_t *BootSector);

/*
 * Fills DiskIdentity from Path, and Identity from Path and, of a partition, from where it begins.
 * `Upcase` folds the case of one UTF-16 unit as the host's files do.
 */
void VdVolumeIdentify(VD_VOLUME *Volume, uint16_t (*Upcase)(uint16_t Unit));

#endif
