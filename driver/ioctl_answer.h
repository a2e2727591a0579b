/*
 * The volume's answers to device control requests. Plain C without Windows headers: the same file
 * is part of the driver and of the native tests. docs/ioctls.md describes every answer.
 */
#ifndef VIRTUALDISK_DRIVER_IOCTL_ANSWER_H
#define VIRTUALDISK_DRIVER_IOCTL_ANSWER_H

#include "driver/volume.h"

/*
 * Answers one buffered request; any IRQL up to DISPATCH_LEVEL. Input and Output may be the same
 * memory (as METHOD_BUFFERED has it) and may be NULL where their length is 0. Everything of Output
 * that is reported in *Information was written; on errors *Information is 0. Returns an NTSTATUS:
 * STATUS_INVALID_DEVICE_REQUEST for a code that is not answered here.
 */
int32_t VdIoctlAnswer(const VD_VOLUME *Volume, const VD_ACTIVITY *Activity, uint32_t Code,
                      const void *UnsafeInput, size_t InputLength, void *Output,
                      size_t OutputLength, size_t *Information);

/*
 * Whether the request is to put the medium out: that of a CD, which leaves by its device being
 * taken away. VdIoctlAnswer refuses it, as it does on a disk.
 */
bool VdIoctlEjects(const VD_VOLUME *Volume, uint32_t Code);

#endif
