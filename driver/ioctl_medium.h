/* Answers: the condition of the medium. Plain C, as ioctl_answer.h. */
#ifndef VIRTUALDISK_DRIVER_IOCTL_MEDIUM_H
#define VIRTUALDISK_DRIVER_IOCTL_MEDIUM_H

#include "driver/ioctl_question.h"

#define VD_HOTPLUG_BYTES    8u
#define VD_ATTRIBUTES_BYTES 16u
#define VD_CACHE_BYTES      24u

VD_ANSWER VdMediumAnswerIsWritable;
VD_ANSWER VdMediumAnswerCheckVerify;
VD_ANSWER VdMediumAnswerHotplug;    /* STORAGE_HOTPLUG_INFO */
VD_ANSWER VdMediumAnswerAttributes; /* GET_DISK_ATTRIBUTES */
VD_ANSWER VdMediumAnswerCache;      /* DISK_CACHE_INFORMATION */

#endif
