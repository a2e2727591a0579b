/* The descriptors of IOCTL_STORAGE_QUERY_PROPERTY. Plain C, as ioctl_answer.h. */
#ifndef VIRTUALDISK_DRIVER_IOCTL_PROPERTY_H
#define VIRTUALDISK_DRIVER_IOCTL_PROPERTY_H

#include "driver/ioctl_question.h"

#define VD_PROPERTY_QUERY_BYTES 8u /* STORAGE_PROPERTY_QUERY up to AdditionalParameters */

VD_ANSWER VdPropertyAnswer;

#endif
