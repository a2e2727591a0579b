/*
 * Grains of compressed extents. A few inflated grains are kept, because a guest reads a grain in
 * pieces; each place has its own lock, so that readers of different grains do not wait.
 */
#ifndef VIRTUALDISK_ENGINE_VMDK_INFLATE_H
#define VIRTUALDISK_ENGINE_VMDK_INFLATE_H

#include "engine/format/vmdk/vmdk.h"

#define VMDK_MARKER_BYTES  12u /* u64 first sector of the grain; u32 bytes of compressed data */
#define VMDK_MARKER_END    0u
#define VMDK_MARKER_TABLE  1u
#define VMDK_MARKER_DIR    2u
#define VMDK_MARKER_FOOTER 3u

enum vdisk_status vmdk_inflate_cache_create(const struct vdisk_file *file, uint32_t grain_bytes,
                                            struct vmdk_inflate_cache **cache,
                                            struct vdisk_error *error);

/* NULL is allowed. */
void vmdk_inflate_cache_destroy(struct vmdk_inflate_cache *cache);

/* Reads length_bytes at in_grain_bytes of the grain whose marker lies at a sector. Any thread. */
enum vdisk_status vmdk_inflate_read(struct vmdk_inflate_cache *cache, struct vmdk_extent *extent,
                                    uint64_t grain, uint64_t sector, uint32_t in_grain_bytes,
                                    void *buffer, uint32_t length_bytes, struct vdisk_error *error);

#endif
