/* What image commands must know of images that are open as volumes; windows/ and linux/ tell. */
#ifndef VIRTUALDISK_CONTROL_OPEN_VOLUME_H
#define VIRTUALDISK_CONTROL_OPEN_VOLUME_H

#include "command.h"

/*
 * When the operand of `resize` names a volume, or an image that is open as one: resizes that, and
 * gives the exit code. `partition` is the number of the one that is meant, 0 where none is named.
 * False: it is an image like any other.
 */
bool vdisk_open_volume_resize(const struct vdisk_arguments *arguments, uint32_t partition,
                              enum vdisk_exit *code);

#endif
