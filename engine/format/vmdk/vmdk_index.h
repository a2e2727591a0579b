/*
 * The grain tables of a stream-optimized extent in memory: where its file has none (a stream that
 * was cut off, or whose writer left them out), and while it is being written. Entries are added by
 * one thread at a time and looked up by any.
 */
#ifndef VIRTUALDISK_ENGINE_VMDK_INDEX_H
#define VIRTUALDISK_ENGINE_VMDK_INDEX_H

#include "engine/format/vmdk/vmdk.h"

/* 2 KiB a table: 16 MiB, for 256 GiB of disk. Bounds what a file may make us remember. */
#define VMDK_INDEX_TABLES_MAX 8192u

/* VDISK_UNSUPPORTED when the disk is too large to be held. `table_limit` bounds the tables. */
enum vdisk_status vmdk_index_create(const struct vmdk_extent *extent, uint32_t table_limit,
                                    struct vmdk_index **index, struct vdisk_error *error);

/* NULL is allowed. */
void vmdk_index_destroy(struct vmdk_index *index);

/* VDISK_NO_SPACE at the limit. */
enum vdisk_status vmdk_index_store(struct vmdk_index *index, uint64_t grain, uint32_t sector);

/* Entries of `count` grains; those past the end of the disk are absent. */
void vmdk_index_load(struct vmdk_index *index, uint64_t grain, uint64_t *entries, uint32_t count);

/* Is there a table that holds the grain? */
bool vmdk_index_has_table(struct vmdk_index *index, uint64_t grain);

#endif
