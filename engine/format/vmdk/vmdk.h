/*
 * VMDK: VMware's virtual disks ("Virtual Disk Format 5.0", VMware technical note; seSparse, which
 * it does not describe, as found in images of vSphere).
 *
 * A disk is a text descriptor and extents. The descriptor is a file of its own, or lies inside the
 * only extent:
 *
 *   hosted sparse extent ("KDMV", section "Hosted Sparse Extents"), little-endian, unit: sector
 *
 *   0          header (512 bytes; vmdk_header.h)
 *   descriptor text, padded with NUL                (monolithicSparse, streamOptimized)
 *   rgdOffset  redundant grain directory: u32 sector of each redundant grain table
 *              redundant grain tables
 *   gdOffset   grain directory: u32 sector of each grain table
 *              grain tables: 512 u32 each; 0: absent (parent, or zeros), 1: zeros (flag bit 2),
 *              else the sector of the grain
 *   overHead   grains, as they were allocated; grain tables may come between them
 *
 *   stream-optimized: every grain is a marker {u64 lba; u32 bytes} and zlib data, padded to 512;
 *   tables follow their grains behind markers {u64 sectors; u32 0; u32 type}, and the file ends
 *   with a footer (a second header, whose gdOffset counts when the first one's is all ones) and an
 *   end-of-stream marker.
 *
 *   ESXi sparse extent ("COWD", section "ESXi Host Sparse Extents"): the same with one directory,
 *   tables of 4096 entries and another header. seSparse: 64-bit entries with a type nibble, tables
 *   and grains numbered from the start of their areas.
 *
 * What writers do not agree on: VMware calls gdOffset the primary directory, QEMU reads rgdOffset
 * first. We read gdOffset, look at the other copy when an entry cannot be right, and write both.
 *
 * Nothing is ever freed inside an extent: zeroing punches holes into grains that stay mapped. So
 * new grains always come from fresh space at the end of the file, which reads as zeros.
 */
#ifndef VIRTUALDISK_ENGINE_VMDK_H
#define VIRTUALDISK_ENGINE_VMDK_H

#include "engine/format/format.h"
#include "engine/format/vmdk/vmdk_descriptor.h"
#include "engine/format/vmdk/vmdk_header.h"

#define VMDK_TABLE_PAGE_BYTES VDISK_SECTOR_BYTES
#define VMDK_ENTRY_ABSENT     0u
#define VMDK_ENTRY_ZERO       1u
#define VMDK_RESERVED_MAX     3u
#define VMDK_BATCH            16u /* entries looked at in one step */

enum vmdk_extent_kind {
    VMDK_EXTENT_FLAT,
    VMDK_EXTENT_ZERO,
    VMDK_EXTENT_HOSTED,
    VMDK_EXTENT_COWD,
    VMDK_EXTENT_SESPARSE
};

struct vmdk_index;
struct vmdk_stream;

struct vmdk_range {
    uint64_t offset_bytes;
    uint64_t length_bytes;
};

struct vmdk_extent {
    /* immutable after open */
    enum vmdk_extent_kind kind;
    struct vdisk_file *file; /* NULL: VMDK_EXTENT_ZERO, or a file that check did not find */
    bool owns_file;
    uint64_t start_bytes; /* in the disk */
    uint64_t length_bytes;
    uint64_t file_offset_bytes; /* FLAT: where its content begins */

    /* sparse kinds; immutable after open */
    struct vmdk_header header; /* HOSTED: of the footer, where that counts */
    uint32_t grain_shift;      /* grain size in bytes, as a power of two */
    uint32_t table_shift;      /* entries of a table, as a power of two */
    uint32_t entry_bytes;      /* 4, or 8 in seSparse */
    uint64_t directory_entries;
    uint64_t directory_bytes;                      /* offset of the directory */
    uint64_t twin_directory_bytes;                 /* offset of its copy; 0: none */
    uint64_t tables_bytes;                         /* seSparse: offset of table 0 */
    uint64_t grains_bytes;                         /* seSparse: offset of grain 0 */
    uint64_t data_start_bytes;                     /* no grain lies before this */
    struct vmdk_range reserved[VMDK_RESERVED_MAX]; /* metadata that may lie behind it */
    uint64_t file_bytes;                           /* size of the file when it was opened */
    bool unclean;                                  /* was not closed by its last writer */
    struct vdisk_page_cache *tables;               /* directories and tables */
    struct vmdk_index *index;   /* tables in memory instead: stream-optimized without any, */
    struct vmdk_stream *stream; /* ... or being written */

    /* HOSTED; grows under image->allocation_lock, read by any thread */
    atomic_uint end_sectors; /* grains and tables end here at the latest */

    /* protected by image->allocation_lock */
    uint64_t end_bytes; /* where the next grain or table may begin */
};

struct vmdk_inflate_cache;

struct vmdk_state {
    /* immutable after open */
    struct vmdk_descriptor *descriptor; /* NULL: a COWD extent by itself */
    struct vmdk_extent *extents;
    uint32_t extent_count;
    uint32_t grain_bytes;                /* the largest of the sparse extents; 0: all flat */
    struct vmdk_inflate_cache *inflated; /* NULL: no compressed extent */

    /* protected by image->allocation_lock */
    char *text; /* the descriptor's text as it is in the file, NUL-terminated */
    uint32_t text_bytes;
    uint64_t text_offset_bytes; /* where it lies in image->file */
    uint32_t text_room_bytes;   /* what it may grow to; 0: is a file of its own */
    unsigned char *scratch;     /* one grain being put together; NULL until needed */
};

static inline struct vmdk_state *vmdk_state(struct vdisk_image *image)
{
    return image->state;
}

static inline uint64_t vmdk_grain_bytes(const struct vmdk_extent *extent)
{
    return UINT64_C(1) << extent->grain_shift;
}

static inline bool vmdk_is_sparse(const struct vmdk_extent *extent)
{
    return extent->kind != VMDK_EXTENT_FLAT && extent->kind != VMDK_EXTENT_ZERO;
}

static inline bool vmdk_is_compressed(const struct vmdk_extent *extent)
{
    return extent->kind == VMDK_EXTENT_HOSTED && (extent->header.flags & VMDK_FLAG_COMPRESSED) != 0;
}

/* Where what is in the file ends, for entries of tables. */
static inline uint64_t vmdk_end_bytes(struct vmdk_extent *extent)
{
    if (extent->kind != VMDK_EXTENT_HOSTED)
        return extent->file_bytes;
    return (uint64_t)atomic_load_explicit(&extent->end_sectors, memory_order_acquire) *
           VDISK_SECTOR_BYTES;
}

/* The bytes of a grain that belong to the disk: the last one may be cut. */
static inline uint64_t vmdk_visible_bytes(const struct vmdk_extent *extent, uint64_t grain)
{
    return vdisk_min_u64(vmdk_grain_bytes(extent),
                         extent->length_bytes - (grain << extent->grain_shift));
}

/* As vdisk_fail, with the extent's file name. */
enum vdisk_status vmdk_extent_fail(const struct vmdk_extent *extent, struct vdisk_error *error,
                                   enum vdisk_status status, const char *structure,
                                   uint64_t offset_bytes, const char *reason);

/* The extent that holds a byte of the disk. */
struct vmdk_extent *vmdk_extent_at(struct vmdk_state *state, uint64_t offset_bytes);

#endif
