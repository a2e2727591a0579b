/*
 * Images of CDs and DVDs, read-only: what a drive gives of the one data track, in sectors of 2048
 * bytes.
 *
 *   iso   the sectors and nothing else: ISO 9660 (ECMA-119) or UDF (ECMA-167)
 *   bin   raw sectors of 2352 bytes, as they are on a CD (ECMA-130), or with 96 bytes of subchannel
 *   cue   a text that tells which tracks the files beside it hold
 *   mds   the same in binary, of Alcohol 120%; the data is in an .mdf beside it
 *   nrg   tracks, and a description of them at the end of the file, of Nero
 *
 * A disc has exactly one data track here: the first sector of the disk is the first of the track,
 * wherever on the disc that is. Tracks of sound are left out.
 */
#ifndef VIRTUALDISK_ENGINE_CD_FORMAT_H
#define VIRTUALDISK_ENGINE_CD_FORMAT_H

#include "engine/format/format.h"

extern const struct vdisk_format vdisk_format_iso;
extern const struct vdisk_format vdisk_format_bin;
extern const struct vdisk_format vdisk_format_cue;
extern const struct vdisk_format vdisk_format_mds;
extern const struct vdisk_format vdisk_format_nrg;

#endif
