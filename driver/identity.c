#include "driver/identity.h"

#define STATUS_WRONG_VOLUME_VALUE 0xc0000012u

enum vdisk_status VdIdentityMake(struct vdisk_image *Image, VD_IDENTITY **Identity,
                                 struct vdisk_error *Error)
{
    struct vdisk_disk *Disk = vdisk_image_disk(Image);
    VD_IDENTITY *Made = vdisk_alloc(sizeof(*Made));
    enum vdisk_status Status;

    *Identity = NULL;
    if (Made == NULL)
        return vdisk_fail(Error, VDISK_NO_MEMORY, NULL, NULL, VDISK_NO_OFFSET, NULL);
    Made->LogicalSectorBytes = Disk->logical_sector_bytes;
    Made->Optical = Disk->optical;
    vdisk_image_get_identity(Image, &Made->Opened);
    Made->Last = Made->Opened;
    VdSampleInitialize(&Made->Sample);
    Status = VdSampleTake(&Made->Sample, Disk, Error);
    if (Status == VDISK_OK)
        *Identity = Made;
    else
        vdisk_free(Made);
    return Status;
}

void VdIdentityKeep(VD_IDENTITY *Identity, struct vdisk_image *Image)
{
    vdisk_image_get_identity(Image, &Identity->Last);
}

static bool HasSameDisk(const VD_IDENTITY *Identity, const VD_IDENTITY *Found)
{
    return memcmp(Identity->Last.disk, Found->Opened.disk, sizeof(Found->Opened.disk)) == 0;
}

/* Where the session's first write has failed, the file may have the content of before. */
static bool HasSameContent(const VD_IDENTITY *Identity, const VD_IDENTITY *Found)
{
    const unsigned char *Content = Found->Opened.content;
    const size_t Bytes = sizeof(Found->Opened.content);

    return memcmp(Identity->Last.content, Content, Bytes) == 0 ||
           (!Identity->Last.written && memcmp(Identity->Opened.content, Content, Bytes) == 0);
}

enum vdisk_status VdIdentityCheck(VD_IDENTITY *Identity, const VD_IDENTITY *Found,
                                  struct vdisk_error *Error)
{
    const char *Reason;

    if (Found->Sample.DiskBytes != Identity->Sample.DiskBytes)
        Reason = "the image has another size than before";
    else if (Found->LogicalSectorBytes != Identity->LogicalSectorBytes ||
             Found->Optical != Identity->Optical)
        Reason = "the image has sectors of another size than before";
    else if (!HasSameDisk(Identity, Found))
        Reason = "the image is another one than before";
    else if (!HasSameContent(Identity, Found))
        Reason = "the image was written to by others, or is an older copy";
    else if (!VdSampleMatches(&Identity->Sample, &Found->Sample))
        Reason = "the image has other contents than before";
    else
        return VDISK_OK;
    return vdisk_fail_native(Error, VDISK_INVALID, STATUS_WRONG_VOLUME_VALUE, NULL, VDISK_NO_OFFSET,
                             Reason);
}
