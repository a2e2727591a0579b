/*
 * The engine's one door to the world: freestanding C headers, memory, locks, time, randomness.
 * Each host implements these functions (host/<name>/platform_<name>.c); a program links one of
 * them. Nothing else of an operating system or of libc is used by the engine.
 *
 * All calls at PASSIVE_LEVEL, from any thread.
 */
#ifndef VIRTUALDISK_PLATFORM_H
#define VIRTUALDISK_PLATFORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Zeroed memory, or NULL. Aligned for any type; from one page up, page-aligned (4096). */
void *vdisk_alloc(size_t size_bytes);

/* Zeroed array, or NULL, also when the product overflows. */
void *vdisk_alloc_array(size_t count, size_t element_bytes);

/* NULL is allowed. */
void vdisk_free(void *memory);

/*
 * The same for the contents of disks in memory: in the kernel it is pageable, as so much that is
 * not would starve others. NULL is allowed.
 */
void *vdisk_alloc_bulk(size_t size_bytes);
void vdisk_free_bulk(void *memory);

/*
 * A lock that a thread may hold while it does file I/O (so in the kernel it is not a fast mutex:
 * that would raise the IRQL). Not recursive.
 */
struct vdisk_mutex {
    _Alignas(16) unsigned char storage[64];
};
void vdisk_mutex_init(struct vdisk_mutex *mutex);
void vdisk_mutex_deinit(struct vdisk_mutex *mutex);
void vdisk_mutex_lock(struct vdisk_mutex *mutex);
void vdisk_mutex_unlock(struct vdisk_mutex *mutex);

/* Lets other threads run, for about a millisecond: for the rare wait that has no event. */
void vdisk_pause(void);

/* Unpredictable bytes, for identifiers. */
void vdisk_random(void *buffer, size_t length_bytes);

/* Seconds since 1970-01-01 UTC. */
uint64_t vdisk_time(void);

#endif
