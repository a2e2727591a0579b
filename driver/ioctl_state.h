/* Answers: the requests of the driver's own (driver_abi.h). Plain C, as ioctl_answer.h. */
#ifndef VIRTUALDISK_DRIVER_IOCTL_STATE_H
#define VIRTUALDISK_DRIVER_IOCTL_STATE_H

#include "driver/ioctl_question.h"

VD_ANSWER VdStateAnswer;           /* struct virtualdisk_state */
VD_ANSWER VdStateAnswerStatistics; /* struct virtualdisk_statistics */

#endif
