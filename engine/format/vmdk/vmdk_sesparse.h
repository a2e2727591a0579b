/*
 * seSparse extents of vSphere: little-endian, unit: sector. Read only.
 *
 *   sector 0    constant header: u64 magic 0xcafebabe, u64 version 0x200000001, u64 capacity,
 *               u64 grain size (8), u64 table size (64 sectors = 4096 entries), u64 flags (0),
 *               4 reserved u64, then {u64 offset, u64 size} of: volatile header, journal header,
 *               journal, grain directory, grain tables, free bitmap, back map, grains
 *   volatile    u64 magic 0xcafecafe, u64 free table, u64 next transaction, u64 replay journal
 *   directory   u64: 0, or 0x1 in the top nibble and the number of a table below
 *   tables      u64: top nibble 0 absent, 1 unmapped, 2 zeros, 3 a grain, whose number is the
 *               lower 48 bits shifted left by 12, and bits 48..59
 */
#ifndef VIRTUALDISK_ENGINE_VMDK_SESPARSE_H
#define VIRTUALDISK_ENGINE_VMDK_SESPARSE_H

#include "engine/format/vmdk/vmdk.h"

#define VMDK_MAGIC_SESPARSE UINT64_C(0x00000000cafebabe)

/* Fills the extent from the headers of its file. */
enum vdisk_status vmdk_sesparse_open(struct vmdk_extent *extent, struct vdisk_error *error);

/* Where a directory entry's table lies; false when it is not that of a table. */
bool vmdk_sesparse_table(const struct vmdk_extent *extent, uint64_t raw_entry,
                         uint64_t *table_bytes);

/* A table entry in the terms of vmdk_table_load; false when it is of no known kind. */
bool vmdk_sesparse_grain(const struct vmdk_extent *extent, uint64_t raw_entry, uint64_t *entry);

#endif
