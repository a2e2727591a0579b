/*
 * Answers: where the volume lies, on which disk and as which partition of it. They all tell the
 * same story. Plain C, as ioctl_answer.h.
 */
#ifndef VIRTUALDISK_DRIVER_IOCTL_PARTITION_H
#define VIRTUALDISK_DRIVER_IOCTL_PARTITION_H

#include "driver/ioctl_question.h"

#define VD_PARTITION_BYTES        32u
#define VD_PARTITION_EX_BYTES     144u
#define VD_LAYOUT_BYTES           40u  /* with one partition */
#define VD_LAYOUT_EX_BYTES        192u /* with one partition */
#define VD_SET_PARTITION_EX_BYTES 120u
#define VD_DEVICE_NUMBER_BYTES    12u
#define VD_DEVICE_NUMBER_EX_BYTES 40u
#define VD_EXTENTS_BYTES          32u /* with one extent */
#define VD_VOLUME_NUMBER_BYTES    20u
#define VD_PHYSICAL_OFFSET_BYTES  16u
#define VD_PHYSICAL_OFFSETS_BYTES 24u /* with one offset */

VD_ANSWER VdPartitionAnswer;               /* PARTITION_INFORMATION */
VD_ANSWER VdPartitionAnswerEx;             /* PARTITION_INFORMATION_EX */
VD_ANSWER VdPartitionAnswerLayout;         /* DRIVE_LAYOUT_INFORMATION */
VD_ANSWER VdPartitionAnswerLayoutEx;       /* DRIVE_LAYOUT_INFORMATION_EX */
VD_ANSWER VdPartitionAnswerSet;            /* to SET_PARTITION_INFORMATION */
VD_ANSWER VdPartitionAnswerSetEx;          /* to SET_PARTITION_INFORMATION_EX */
VD_ANSWER VdPartitionAnswerDeviceNumber;   /* STORAGE_DEVICE_NUMBER */
VD_ANSWER VdPartitionAnswerDeviceNumberEx; /* STORAGE_DEVICE_NUMBER_EX */
VD_ANSWER VdPartitionAnswerExtents;        /* VOLUME_DISK_EXTENTS */
VD_ANSWER VdPartitionAnswerVolumeNumber;   /* VOLUME_NUMBER */
VD_ANSWER VdPartitionAnswerIsPartition;    /* success: it is one */
VD_ANSWER VdPartitionAnswerToPhysical;     /* VOLUME_PHYSICAL_OFFSETS */
VD_ANSWER VdPartitionAnswerToLogical;      /* VOLUME_LOGICAL_OFFSET */
VD_ANSWER VdPartitionAnswerAttributes;     /* VOLUME_GET_GPT_ATTRIBUTES_INFORMATION */

#endif
