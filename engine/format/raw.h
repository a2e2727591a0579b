/*
 * Raw: the file is the disk, byte for byte. Holes are kept and reported.
 */
#ifndef VIRTUALDISK_ENGINE_RAW_H
#define VIRTUALDISK_ENGINE_RAW_H

#include "engine/format/format.h"

extern const struct vdisk_format vdisk_format_raw;

#endif
