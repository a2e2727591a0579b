/*
 * Layers: disks over another disk, which is called `next`. A layer borrows its next: closing the
 * layer leaves it open, and it must live longer than the layer. Threads as for every disk.
 */
#ifndef VIRTUALDISK_LAYER_H
#define VIRTUALDISK_LAYER_H

#include "virtualdisk/disk.h"

/*
 * A window: size_bytes of `next` from offset_bytes on, as a disk of its own (a partition). Both
 * are multiples of next's logical sector and lie inside next; VDISK_INVALID or VDISK_OUT_OF_RANGE
 * otherwise. A discard gives back the whole units of next that it covers, wherever they begin in
 * the window, and leaves the rest as it is. The owner may change `read_only` while no request is
 * under way.
 */
enum vdisk_status vdisk_window_open(struct vdisk_disk *next, uint64_t offset_bytes,
                                    uint64_t size_bytes, struct vdisk_disk **disk,
                                    struct vdisk_error *error);

/* Gives a window another end. The caller makes sure that no request is under way. */
enum vdisk_status vdisk_window_resize(struct vdisk_disk *disk, uint64_t size_bytes,
                                      struct vdisk_error *error);

/*
 * A disk whose written data is kept in memory, taken in chunks of 64 KiB as it is needed and given
 * back by discard. What was never written comes from `next`, which is not written to, or is zero
 * where `next` is NULL (then size_bytes and logical_sector_bytes say what the disk is like; else
 * they are 0, and next's hold). It can be written to even if next is read-only, unless next is
 * optical.
 *
 * limit_bytes bounds what vdisk_memory_used counts. What would take more fails with
 * VDISK_NO_SPACE, or with VDISK_NO_MEMORY where the host has none: chunks before that one may have
 * been changed, it and those behind it have not. Chunks that are there can always be overwritten,
 * and in an overlay a discard may need a few pages (of 4 KiB) to remember that zeros hide next.
 */
struct vdisk_memory_options {
    struct vdisk_disk *next;
    uint64_t size_bytes;           /* at most INT64_MAX */
    uint32_t logical_sector_bytes; /* 512, 2048 or 4096 */
    uint64_t limit_bytes;          /* UINT64_MAX: none */
};
enum vdisk_status vdisk_memory_open(const struct vdisk_memory_options *options,
                                    struct vdisk_disk **disk, struct vdisk_error *error);

/*
 * Copies all of `source`, which has the same size, into a memory disk that has no next and that
 * nobody has written to. It is optical, and read-only then, if source is.
 */
enum vdisk_status vdisk_memory_load(struct vdisk_disk *disk, struct vdisk_disk *source,
                                    struct vdisk_error *error);

/*
 * For both: no request is under way. Writes what the disk holds over its next into `target`, which
 * is next's disk opened for writing, and flushes it; what is in memory stays there. And: another
 * opening of the same disk takes next's place.
 */
enum vdisk_status vdisk_memory_commit(struct vdisk_disk *disk, struct vdisk_disk *target,
                                      struct vdisk_error *error);
void vdisk_memory_set_next(struct vdisk_disk *disk, struct vdisk_disk *next);

/*
 * Bytes of memory that the disk occupies now: its chunks, and the pages by which they are found,
 * which stay when chunks are given back. `disk` was opened by vdisk_memory_open.
 */
uint64_t vdisk_memory_used(struct vdisk_disk *disk);

#endif
