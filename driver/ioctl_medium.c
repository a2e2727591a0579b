#include "driver/ioctl_medium.h"
#include "engine/base/endian.h"

#define ATTRIBUTE_READ_ONLY 2u /* DISK_ATTRIBUTE_READ_ONLY */

int32_t VdMediumAnswerIsWritable(const VD_QUESTION *Question, uint8_t *Output, size_t *Information)
{
    (void)Output;
    (void)Information;
    return Question->Volume->ReadOnly || Question->Volume->Optical ? VD_STATUS_MEDIA_WRITE_PROTECTED
                                                                   : VD_STATUS_SUCCESS;
}

/* The media never change; whoever gives room for a count of changes gets 0. */
int32_t VdMediumAnswerCheckVerify(const VD_QUESTION *Question, uint8_t *Output, size_t *Information)
{
    (void)Output;
    if (Question->OutputLength >= sizeof(uint32_t))
        *Information = sizeof(uint32_t);
    return VD_STATUS_SUCCESS;
}

/* A CD is a medium that can be taken out; no device can be pulled out unasked. */
int32_t VdMediumAnswerHotplug(const VD_QUESTION *Question, uint8_t *Output, size_t *Information)
{
    (void)Information;
    vdisk_store_le32(Output, VD_HOTPLUG_BYTES);
    Output[4] = Question->Volume->Optical; /* MediaRemovable */
    return VD_STATUS_SUCCESS;
}

int32_t VdMediumAnswerAttributes(const VD_QUESTION *Question, uint8_t *Output, size_t *Information)
{
    (void)Information;
    vdisk_store_le32(Output, VD_ATTRIBUTES_BYTES);
    vdisk_store_le64(Output + 8, Question->Volume->ReadOnly ? ATTRIBUTE_READ_ONLY : 0);
    return VD_STATUS_SUCCESS;
}

/* What was written is safe after a flush, not before: that is a write cache. */
int32_t VdMediumAnswerCache(const VD_QUESTION *Question, uint8_t *Output, size_t *Information)
{
    (void)Question;
    (void)Information;
    Output[2] = true; /* WriteCacheEnabled */
    return VD_STATUS_SUCCESS;
}
