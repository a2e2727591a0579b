/*
 * VHD: "Virtual Hard Disk Image Format Specification", version 1.0 (Microsoft, October 2006). All
 * fields are big-endian.
 *
 *   fixed                 dynamic, differencing
 *   +----------------+    +----------------+  0
 *   | the disk       |    | footer, copy   |  512 bytes
 *   |                |    +----------------+  footer.data_offset
 *   +----------------+    | dynamic header |  1024 bytes; parent identity, name and locators
 *   | footer         |    +----------------+  header.table_offset
 *   +----------------+    | block table    |  32-bit sector number per block; all ones: no block
 *                         +----------------+
 *                         | parent names   |  differencing only; one area per locator
 *                         +----------------+
 *                         | sector bitmap  |  a bit per sector, highest bit of a byte first; padded
 *                         |   of block a   |  to 512 bytes. 0: zeros (dynamic), parent
 * (differencing) | data           | |   of block a   |
 *                         +----------------+
 *                         | ...            |
 *                         +----------------+
 *                         | footer         |
 *                         +----------------+
 *
 * The size of the disk is the footer's current size, never its cylinders, heads and sectors.
 *
 * Of the two footers the copy in front decides, as long as it is whole: nothing that a guest
 * writes can come to lie there, while the end of the file holds the data of blocks after a power
 * cut in the middle of growing. Until the footer at the end is written again, at the first write,
 * the end of the last block in the table says where it belongs.
 *
 * Writing. A new block goes to where the footer was; its data and bitmap are flushed before the
 * table points to it, and the table and the new footer are written by the guest's own flush. The
 * bits of sectors that are written for the first time wait for the same flush.
 */
#ifndef VIRTUALDISK_ENGINE_VHD_H
#define VIRTUALDISK_ENGINE_VHD_H

#include "engine/format/format.h"

extern const struct vdisk_format vdisk_format_vhd;

#endif
