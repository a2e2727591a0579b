#include "host/ntkernel/ntkernel.h"
#include "host/ntkernel/flush_ntkernel.h"

#define POOL_TAG ((ULONG)'ksDV') /* "VDsk": all memory of the engine */
#define BULK_TAG ((ULONG)'mrDV') /* "VDrm": contents of disks in memory */

#define UNIX_EPOCH_SECONDS  11644473600ULL /* 1970-01-01 in seconds since 1601-01-01 */
#define TICKS_PER_SECOND    10000000ULL
#define PAUSE_TICKS         10000  /* a millisecond */
#define FIRST_NX_OS_VERSION 0x0602 /* Windows 8 */

static POOL_TYPE pool_type = NonPagedPool;

/* State of vdisk_random; a collision of two threads only mixes it more. */
static volatile LONG random_counter;

static void choose_pool_type(void)
{
    RTL_OSVERSIONINFOW version = {.dwOSVersionInfoSize = sizeof(version)};

    /* Older kernels take the bit of NonPagedPoolNx for another pool. */
    if (NT_SUCCESS(RtlGetVersion(&version)) &&
        (version.dwMajorVersion << 8 | version.dwMinorVersion) >= FIRST_NX_OS_VERSION)
        pool_type = NonPagedPoolNx;
}

void vdisk_ntkernel_init(void)
{
    choose_pool_type();
    vdisk_flush_ntkernel_init();
}

void *vdisk_alloc(size_t size_bytes)
{
    /* The pool aligns from a page up to pages, and less to two pointers. */
    void *memory = ExAllocatePoolWithTag(pool_type, size_bytes, POOL_TAG);

    if (memory != NULL)
        RtlZeroMemory(memory, size_bytes);
    return memory;
}

void *vdisk_alloc_array(size_t count, size_t element_bytes)
{
    if (element_bytes != 0 && count > SIZE_MAX / element_bytes)
        return NULL;
    return vdisk_alloc(count * element_bytes);
}

void vdisk_free(void *memory)
{
    if (memory != NULL)
        ExFreePoolWithTag(memory, POOL_TAG);
}

/*
 * Pageable, though it is touched on the way of requests: the driver supports no special files, so
 * no page file is ever on a volume of ours, and paging in never waits for us.
 */
void *vdisk_alloc_bulk(size_t size_bytes)
{
    void *memory = ExAllocatePoolWithTag(PagedPool, size_bytes, BULK_TAG);

    if (memory != NULL)
        RtlZeroMemory(memory, size_bytes);
    return memory;
}

void vdisk_free_bulk(void *memory)
{
    if (memory != NULL)
        ExFreePoolWithTag(memory, BULK_TAG);
}

/*
 * A fast mutex would raise the IRQL, and file I/O needs APCs. `holders` counts the owner and those
 * who wait; the event lets one of them in.
 */
struct ntkernel_mutex {
    volatile LONG holders;
    KEVENT released;
};
C_ASSERT(sizeof(struct ntkernel_mutex) <= sizeof(struct vdisk_mutex));

static struct ntkernel_mutex *mutex_of(struct vdisk_mutex *mutex)
{
    return (struct ntkernel_mutex *)(void *)mutex->storage;
}

void vdisk_mutex_init(struct vdisk_mutex *mutex)
{
    struct ntkernel_mutex *self = mutex_of(mutex);

    self->holders = 0;
    KeInitializeEvent(&self->released, SynchronizationEvent, FALSE);
}

void vdisk_mutex_deinit(struct vdisk_mutex *mutex)
{
    NT_ASSERT(mutex_of(mutex)->holders == 0);
    UNREFERENCED_PARAMETER(mutex);
}

void vdisk_mutex_lock(struct vdisk_mutex *mutex)
{
    struct ntkernel_mutex *self = mutex_of(mutex);

    if (InterlockedIncrement(&self->holders) != 1)
        KeWaitForSingleObject(&self->released, Executive, KernelMode, FALSE, NULL);
}

void vdisk_mutex_unlock(struct vdisk_mutex *mutex)
{
    struct ntkernel_mutex *self = mutex_of(mutex);

    if (InterlockedDecrement(&self->holders) != 0)
        KeSetEvent(&self->released, IO_NO_INCREMENT, FALSE);
}

void vdisk_pause(void)
{
    LARGE_INTEGER interval = {.QuadPart = -PAUSE_TICKS};

    KeDelayExecutionThread(KernelMode, FALSE, &interval);
}

/* The finalizer of splitmix64. */
static uint64_t mix(uint64_t value)
{
    value ^= value >> 30;
    value *= 0xbf58476d1ce4e5b9ULL;
    value ^= value >> 27;
    value *= 0x94d049bb133111ebULL;
    return value ^ value >> 31;
}

/*
 * Unique and hard to predict, which is what identifiers need; no secret is made of it. The kernel
 * exports no generator that every supported version has.
 */
void vdisk_random(void *buffer, size_t length_bytes)
{
    unsigned char *out = buffer;
    LARGE_INTEGER now;
    uint64_t state;

    KeQuerySystemTime(&now);
    state = mix((uint64_t)now.QuadPart) ^ mix((uintptr_t)PsGetCurrentThread());
    for (size_t i = 0; i < length_bytes; i++) {
        if (i % sizeof(state) == 0)
            state = mix(state + (uint64_t)KeQueryPerformanceCounter(NULL).QuadPart +
                        ((uint64_t)(ULONG)InterlockedIncrement(&random_counter) << 32));
        out[i] = (unsigned char)(state >> (i % sizeof(state) * 8));
    }
}

uint64_t vdisk_time(void)
{
    LARGE_INTEGER now;

    KeQuerySystemTime(&now);
    return (uint64_t)now.QuadPart / TICKS_PER_SECOND - UNIX_EPOCH_SECONDS;
}

/* The compiler may call it, and older kernels do not export it. */
int memcmp(const void *left, const void *right, size_t length_bytes)
{
    const unsigned char *a = left, *b = right;

    for (size_t i = 0; i < length_bytes; i++) {
        if (a[i] != b[i])
            return a[i] < b[i] ? -1 : 1;
    }
    return 0;
}
