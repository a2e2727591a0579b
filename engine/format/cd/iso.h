/*
 * Images of CDs and DVDs as they are: sectors of 2048 bytes, ISO 9660 (ECMA-119) or UDF (ECMA-167).
 *
 *   sector 16...   volume descriptors: each a type byte, "CD001" or another identifier, a version
 *   sector 256     UDF: the anchor volume descriptor pointer
 */
#ifndef VIRTUALDISK_ENGINE_ISO_H
#define VIRTUALDISK_ENGINE_ISO_H

#include "engine/format/format.h"

extern const struct vdisk_format vdisk_format_iso;

#endif
