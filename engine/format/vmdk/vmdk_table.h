/* Grain directories and grain tables: which sector a grain lies at. */
#ifndef VIRTUALDISK_ENGINE_VMDK_TABLE_H
#define VIRTUALDISK_ENGINE_VMDK_TABLE_H

#include "engine/format/vmdk/vmdk.h"

/* The two copies of the tables of an extent. */
enum vmdk_copy { VMDK_COPY_FIRST, VMDK_COPY_TWIN };

/*
 * Where the table of a grain lies in the file; 0: there is none. VDISK_CORRUPT when the directory
 * leads out of the file or into other metadata.
 */
enum vdisk_status vmdk_table_find(struct vmdk_extent *extent, enum vmdk_copy copy, uint64_t grain,
                                  uint64_t *table_bytes, struct vdisk_error *error);

/*
 * What the tables say of up to *count (at most VMDK_BATCH) grains from `grain` on; may be fewer,
 * at least one. An entry is VMDK_ENTRY_ABSENT, VMDK_ENTRY_ZERO or a sector, unchecked. Any thread.
 */
enum vdisk_status vmdk_table_load(struct vmdk_extent *extent, enum vmdk_copy copy, uint64_t grain,
                                  uint64_t *entries, uint32_t *count, struct vdisk_error *error);

/*
 * The first grain, from `grain` on, that any copy has a table for (or may have: a directory entry
 * that cannot be is left to the lookups to tell); `end` when there is none before it.
 */
uint64_t vmdk_table_skip(struct vmdk_extent *extent, uint64_t grain, uint64_t end);

/* May a grain's content lie at this sector? */
bool vmdk_grain_fits(struct vmdk_extent *extent, uint64_t grain, uint64_t sector);

/*
 * Makes sure that tables for a grain exist, in every copy. With image->allocation_lock held; the
 * changes stay in the cache until the extent is flushed.
 */
enum vdisk_status vmdk_table_ensure(struct vmdk_extent *extent, uint64_t grain,
                                    struct vdisk_error *error);

/*
 * Sets the entries of `count` grains that lie in one page of a table, in every copy: sector, then
 * steps of step_sectors. The tables exist (vmdk_table_ensure). With image->allocation_lock held.
 * VDISK_NO_SPACE: flush, then try again.
 */
enum vdisk_status vmdk_table_store(struct vmdk_extent *extent, uint64_t grain, uint32_t count,
                                   uint32_t sector, uint32_t step_sectors,
                                   struct vdisk_error *error);

/* Takes fresh space at the end of the file; *offset_bytes is a multiple of `unit`. */
enum vdisk_status vmdk_extent_grow(struct vmdk_extent *extent, uint64_t unit, uint64_t length_bytes,
                                   uint64_t *offset_bytes, struct vdisk_error *error);

#endif
