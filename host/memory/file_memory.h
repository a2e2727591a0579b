/* A file in memory, for tests: its bytes survive close when the caller keeps the store. */
#ifndef VIRTUALDISK_HOST_FILE_MEMORY_H
#define VIRTUALDISK_HOST_FILE_MEMORY_H

#include "virtualdisk/file.h"

/* The bytes. Sparse: 64 KiB pieces appear when they are written. */
struct vdisk_memory_store;

/* NULL when there is no memory. */
struct vdisk_memory_store *vdisk_memory_store_create(void);
void vdisk_memory_store_destroy(struct vdisk_memory_store *store);
uint64_t vdisk_memory_store_size(struct vdisk_memory_store *store);

/* The largest size that the store may get; beyond it is VDISK_NO_SPACE. At first 4 TiB. */
void vdisk_memory_store_set_limit(struct vdisk_memory_store *store, uint64_t limit_bytes);

/* How many bytes may be stored, rounded up to pieces; more is VDISK_NO_SPACE. At first no limit. */
void vdisk_memory_store_set_space(struct vdisk_memory_store *store, uint64_t space_bytes);

/* How many bytes are stored, in whole pieces. */
uint64_t vdisk_memory_store_stored(struct vdisk_memory_store *store);

/* Files that are opened from now on are those of a host that knows no holes. */
void vdisk_memory_store_forbid_holes(struct vdisk_memory_store *store);

/* An independent copy; NULL when there is no memory. */
struct vdisk_memory_store *vdisk_memory_store_clone(struct vdisk_memory_store *store);

/*
 * Opens a store as a file. The store must outlive the file; it may be opened again after close.
 * `alignment_bytes` above 1 behaves like an unbuffered file: unaligned calls of the operations
 * are failures of the caller and abort.
 */
enum vdisk_status vdisk_file_memory_open(struct vdisk_memory_store *store, const char *name,
                                         uint32_t alignment_bytes, bool read_only,
                                         struct vdisk_file **file, struct vdisk_error *error);

#endif
