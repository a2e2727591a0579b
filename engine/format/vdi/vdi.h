/*
 * VDI: VirtualBox's disk image, version 1.1. There is no specification; the layout is that of
 * VirtualBox's VDICore.h. All fields are little-endian.
 *
 *   +----------------+  0
 *   | text           |  64 bytes, for people
 *   | signature      |  0xbeda107f, version
 *   | header         |  sizes, offsets, identities, comment; all in the first sector
 *   +----------------+  header.table_offset
 *   | block map      |  32-bit slot number per block; ...ff: absent (parent's), ...fe: zeros
 *   +----------------+  header.data_offset
 *   | slot 0         |  extra_bytes (usually none) and block_bytes of data
 *   | slot 1         |
 *   | ...            |
 *   +----------------+
 *
 * A differencing image names its parent by two identities only: that of the image and that of its
 * contents, which changes with every session that writes. Where the parent is VirtualBox knows
 * from its settings. Images made here tell it in the header's comment, too; and a file beside the
 * child that has the parent's identity as its name, as VirtualBox names snapshots, is tried.
 *
 * Writing. A block is written whole, to the slot behind the last one; its data is flushed before
 * the map points to it. The map is written by the guest's own flush, and with it the number of
 * blocks in the header, which is nothing but a hint: the map tells which slots are taken. Slots
 * that nothing points to, left by a power cut, are used when there are no others, because a slot
 * number must stay below the number of blocks.
 */
#ifndef VIRTUALDISK_ENGINE_VDI_H
#define VIRTUALDISK_ENGINE_VDI_H

#include "engine/format/format.h"

extern const struct vdisk_format vdisk_format_vdi;

#endif
