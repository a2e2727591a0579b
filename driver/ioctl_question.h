/* A device control request, and what the answers to it have in common. Plain C, as ioctl_answer.h.
 */
#ifndef VIRTUALDISK_DRIVER_IOCTL_QUESTION_H
#define VIRTUALDISK_DRIVER_IOCTL_QUESTION_H

#include "driver/ioctl_codes.h"
#include "driver/volume.h"
#include "engine/base/checked.h"

/* Of every input only fields in its first bytes are of interest. */
#define VD_INPUT_BYTES 16u

typedef struct _VD_QUESTION {
    const VD_VOLUME *Volume;
    const VD_ACTIVITY *Activity;
    uint8_t Input[VD_INPUT_BYTES]; /* a copy; zero behind what was sent */
    size_t InputLength;
    size_t OutputLength;
} VD_QUESTION;

/*
 * Writes the answer into Output, which is zeroed and at least as long as the code's row in the
 * table of ioctl_answer.c says, and its length into *Information, which is that minimum already.
 * Returns an NTSTATUS.
 */
typedef int32_t VD_ANSWER(const VD_QUESTION *Question, uint8_t *Output, size_t *Information);

/* Of an answer of variable length: as much as fits, with success. */
static inline int32_t VdQuestionDeliver(const VD_QUESTION *Question, const uint8_t *Answer,
                                        size_t Length, uint8_t *Output, size_t *Information)
{
    *Information = vdisk_min_size(Length, Question->OutputLength);
    if (*Information != 0)
        memcpy(Output, Answer, *Information);
    return VD_STATUS_SUCCESS;
}

/* The type of device by which the volume goes: FILE_DEVICE_CD_ROM or FILE_DEVICE_DISK. */
static inline uint32_t VdQuestionDeviceType(const VD_QUESTION *Question)
{
    return Question->Volume->Optical ? 2 : 7;
}

#endif
