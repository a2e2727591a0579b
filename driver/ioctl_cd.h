/*
 * Answers: what is asked of a CD or DVD drive. An image is a disc of one session with one data
 * track, as MMC (SFF-8090) drives describe it. Plain C, as ioctl_answer.h.
 */
#ifndef VIRTUALDISK_DRIVER_IOCTL_CD_H
#define VIRTUALDISK_DRIVER_IOCTL_CD_H

#include "driver/ioctl_question.h"

#define VD_TOC_BYTES                 804u /* sizeof(CDROM_TOC), which READ_TOC wants room for */
#define VD_TOC_QUERY_BYTES           4u
#define VD_TOC_MINIMUM_BYTES         2u /* of READ_TOC_EX: its length */
#define VD_SESSION_BYTES             12u
#define VD_CONFIGURATION_QUERY_BYTES 16u /* sizeof(GET_CONFIGURATION_IOCTL_INPUT) of 32 bits */
#define VD_CONFIGURATION_BYTES       8u  /* GET_CONFIGURATION_HEADER */
#define VD_DISK_TYPE_BYTES           4u

VD_ANSWER VdCdAnswerToc;           /* CDROM_TOC, in minutes, seconds and frames */
VD_ANSWER VdCdAnswerTocEx;         /* to CDROM_READ_TOC_EX */
VD_ANSWER VdCdAnswerSession;       /* CDROM_TOC_SESSION_DATA, in sectors */
VD_ANSWER VdCdAnswerConfiguration; /* to GET_CONFIGURATION_IOCTL_INPUT */
VD_ANSWER VdCdAnswerDiskType;      /* CDROM_DISK_DATA */

#endif
