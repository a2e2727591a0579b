/* The engine's door on POSIX systems. */
#define _GNU_SOURCE
#include "virtualdisk/platform.h"
#include "engine/base/checked.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define PAGE_BYTES 4096u

_Static_assert(sizeof(pthread_mutex_t) <= sizeof(struct vdisk_mutex), "a mutex fits its storage");

void *vdisk_alloc(size_t size_bytes)
{
    void *memory;

    if (size_bytes < PAGE_BYTES)
        return calloc(1, size_bytes != 0 ? size_bytes : 1);
    if (posix_memalign(&memory, PAGE_BYTES, size_bytes) != 0)
        return NULL;
    memset(memory, 0, size_bytes);
    return memory;
}

void *vdisk_alloc_array(size_t count, size_t element_bytes)
{
    uint64_t product;
    size_t size_bytes;

    if (!vdisk_mul_u64(count, element_bytes, &product) || !vdisk_u64_to_size(product, &size_bytes))
        return NULL;
    return vdisk_alloc(size_bytes);
}

void vdisk_free(void *memory)
{
    free(memory);
}

void *vdisk_alloc_bulk(size_t size_bytes)
{
    return vdisk_alloc(size_bytes);
}

void vdisk_free_bulk(void *memory)
{
    vdisk_free(memory);
}

static pthread_mutex_t *native(struct vdisk_mutex *mutex)
{
    return (pthread_mutex_t *)mutex->storage;
}

void vdisk_mutex_init(struct vdisk_mutex *mutex)
{
    pthread_mutex_init(native(mutex), NULL);
}

void vdisk_mutex_deinit(struct vdisk_mutex *mutex)
{
    pthread_mutex_destroy(native(mutex));
}

void vdisk_mutex_lock(struct vdisk_mutex *mutex)
{
    pthread_mutex_lock(native(mutex));
}

void vdisk_mutex_unlock(struct vdisk_mutex *mutex)
{
    pthread_mutex_unlock(native(mutex));
}

void vdisk_pause(void)
{
    const struct timespec millisecond = {0, 1000000};

    nanosleep(&millisecond, NULL);
}

void vdisk_random(void *buffer, size_t length_bytes)
{
    unsigned char *bytes = buffer;

    while (length_bytes != 0) {
        const ssize_t got = getrandom(bytes, length_bytes, 0);

        if (got > 0) {
            bytes += got;
            length_bytes -= (size_t)got;
        }
    }
}

uint64_t vdisk_time(void)
{
    return (uint64_t)time(NULL);
}
