/* The descriptors of IOCTL_STORAGE_QUERY_PROPERTY. Plain C, as ioctl_answer.h. */
#ifndef VIRTUALDISK_DRIVER_IOCTL_PROPERTY_H
#define VIRTUALDISK_DRIVER_IOCTL_PROPERTY_H

#include "driver/volume.h"

#define VD_PROPERTY_EXISTS_QUERY 1u
#define VD_PROPERTY_BYTES        64u /* no descriptor is longer */

/*
 * Writes the descriptor of a STORAGE_PROPERTY_ID into Descriptor, which is zeroed; returns its
 * length, or 0 when the volume has no such property.
 */
size_t VdPropertyDescribe(const VD_VOLUME *Volume, uint32_t PropertyId,
                          uint8_t Descriptor[VD_PROPERTY_BYTES]);

#endif
