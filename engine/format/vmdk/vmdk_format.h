#ifndef VIRTUALDISK_ENGINE_VMDK_FORMAT_H
#define VIRTUALDISK_ENGINE_VMDK_FORMAT_H

#include "engine/format/format.h"

extern const struct vdisk_format vdisk_format_vmdk;

#endif
