/* Answers: the size and the shape of the disk under the volume. Plain C, as ioctl_answer.h. */
#ifndef VIRTUALDISK_DRIVER_IOCTL_GEOMETRY_H
#define VIRTUALDISK_DRIVER_IOCTL_GEOMETRY_H

#include "driver/ioctl_question.h"

#define VD_GEOMETRY_BYTES    24u
#define VD_GEOMETRY_EX_BYTES 32u /* up to Data */
#define VD_MEDIA_TYPES_BYTES 40u
#define VD_CAPACITY_BYTES    32u

VD_ANSWER VdGeometryAnswer;           /* DISK_GEOMETRY */
VD_ANSWER VdGeometryAnswerEx;         /* DISK_GEOMETRY_EX */
VD_ANSWER VdGeometryAnswerMediaTypes; /* GET_MEDIA_TYPES */
VD_ANSWER VdGeometryAnswerCapacity;   /* STORAGE_READ_CAPACITY */
VD_ANSWER VdGeometryAnswerLength;     /* GET_LENGTH_INFORMATION, of the volume */

#endif
