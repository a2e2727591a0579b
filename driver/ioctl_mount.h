/* Answers: what the mount manager asks. Plain C, as ioctl_answer.h. */
#ifndef VIRTUALDISK_DRIVER_IOCTL_MOUNT_H
#define VIRTUALDISK_DRIVER_IOCTL_MOUNT_H

#include "driver/ioctl_question.h"

#define VD_COUNTED_BYTES 4u /* sizeof(MOUNTDEV_NAME), sizeof(MOUNTDEV_UNIQUE_ID) */

VD_ANSWER VdMountAnswerDeviceName;    /* MOUNTDEV_NAME */
VD_ANSWER VdMountAnswerUniqueId;      /* MOUNTDEV_UNIQUE_ID */
VD_ANSWER VdMountAnswerStableGuid;    /* MOUNTDEV_STABLE_GUID */
VD_ANSWER VdMountAnswerSuggestedLink; /* MOUNTDEV_SUGGESTED_LINK_NAME */

#endif
