/* The VHDX format; see vhdx_layout.h for what a file looks like. */
#ifndef VIRTUALDISK_ENGINE_VHDX_H
#define VIRTUALDISK_ENGINE_VHDX_H

#include "engine/format/format.h"

extern const struct vdisk_format vdisk_format_vhdx;

#endif
