/*
 * By what an open image is known again after its file had vanished: what the image says of itself,
 * and a sample of its disk. Plain C, for the native tests too; PASSIVE_LEVEL.
 *
 * Told apart are other images, older copies of the image that say or show that they are older, and
 * images that somebody has written to since where their format or the sample shows it: of a raw or
 * QCOW2 image nobody can tell who has written elsewhere in it.
 */
#ifndef VIRTUALDISK_DRIVER_IDENTITY_H
#define VIRTUALDISK_DRIVER_IDENTITY_H

#include "driver/sample.h"
#include "virtualdisk/image.h"

typedef struct _VD_IDENTITY {
    uint32_t LogicalSectorBytes;
    bool Optical;
    struct vdisk_image_identity Opened; /* as it was opened */
    struct vdisk_image_identity Last;   /* as it was when it vanished */
    VD_SAMPLE Sample;
} VD_IDENTITY;

/* Of an image that was just opened. Free with vdisk_free. VDISK_NO_MEMORY is the only failure. */
enum vdisk_status VdIdentityMake(struct vdisk_image *Image, VD_IDENTITY **Identity,
                                 struct vdisk_error *Error);

/* Before the image is closed that is going to be looked for. */
void VdIdentityKeep(VD_IDENTITY *Identity, struct vdisk_image *Image);

/* `Found` was just made. VDISK_INVALID, with STATUS_WRONG_VOLUME, for another image. */
enum vdisk_status VdIdentityCheck(VD_IDENTITY *Identity, const VD_IDENTITY *Found,
                                  struct vdisk_error *Error);

#endif
