/*
 * What there is to say about a volume: the facts from which the ioctl answers are computed. Plain
 * C, for the native tests too.
 */
#ifndef VIRTUALDISK_DRIVER_VOLUME_H
#define VIRTUALDISK_DRIVER_VOLUME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VD_NAME_CHARS     48
#define VD_FORMAT_BYTES   16
#define VD_IDENTITY_BYTES 16
#define VD_BOOT_BYTES     512

/* Set when the device starts; immutable while it is started. */
typedef struct _VD_VOLUME {
    uint64_t SizeBytes;
    uint32_t LogicalSectorBytes;
    uint32_t PhysicalSectorBytes;
    uint32_t Number; /* N of \Device\VirtualDisk-N */
    bool ReadOnly;
    uint8_t PartitionType;        /* as a partition table would have it */
    uint16_t Name[VD_NAME_CHARS]; /* UTF-16, the device's full name */
    uint16_t NameBytes;           /* without a NUL */
    const uint16_t *Path;         /* UTF-16, the image's NT path */
    uint32_t PathBytes;           /* without a NUL */
    char Format[VD_FORMAT_BYTES];
    uint8_t Identity[VD_IDENTITY_BYTES]; /* the same for the same path */
} VD_VOLUME;

typedef struct _VD_STATISTICS {
    uint32_t RequestsInFlight;
    uint64_t ReadCount;
    uint64_t ReadBytes;
    uint64_t WriteCount;
    uint64_t WriteBytes;
    uint64_t FlushCount;
    uint64_t ErrorCount;
} VD_STATISTICS;

typedef struct _VD_GEOMETRY {
    uint64_t Cylinders;
    uint32_t TracksPerCylinder;
    uint32_t SectorsPerTrack;
} VD_GEOMETRY;

/* A geometry whose product is exactly the number of sectors, so that no formatter loses the end. */
VD_GEOMETRY VdVolumeGeometry(const VD_VOLUME *Volume);

/*
 * Fills PartitionType: from the file system in the first sector (at least VD_BOOT_BYTES of it;
 * NULL: unknown), else from the size. Some file systems do not mount where the type is not theirs.
 */
void VdVolumeRecognize(VD_VOLUME *Volume, const uint8_t *BootSector);

/* Fills Identity from Path. `Upcase` folds the case of one UTF-16 unit as the host's files do. */
void VdVolumeIdentify(VD_VOLUME *Volume, uint16_t (*Upcase)(uint16_t Unit));

#endif
