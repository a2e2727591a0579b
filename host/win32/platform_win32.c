/* The engine's door on Windows. */
#include "virtualdisk/platform.h"
#include "engine/base/checked.h"

#include <windows.h>

#define PAGE_BYTES 4096u

/* In front of each block: where Windows' heap put it. */
struct block_header {
    void *base;
};

_Static_assert(sizeof(CRITICAL_SECTION) <= sizeof(struct vdisk_mutex), "a mutex fits its storage");

void *vdisk_alloc(size_t size_bytes)
{
    const size_t alignment = size_bytes < PAGE_BYTES ? 16 : PAGE_BYTES;
    struct block_header *header;
    unsigned char *base;
    uintptr_t address;

    if (size_bytes > SIZE_MAX - PAGE_BYTES - sizeof *header)
        return NULL;
    base = HeapAlloc(GetProcessHeap(), HEAP_ZERO_MEMORY, size_bytes + alignment + sizeof *header);
    if (base == NULL)
        return NULL;
    address = ((uintptr_t)base + sizeof *header + alignment - 1) & ~(uintptr_t)(alignment - 1);
    header = (struct block_header *)address - 1;
    header->base = base;
    return (void *)address;
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
    if (memory != NULL)
        HeapFree(GetProcessHeap(), 0, ((struct block_header *)memory - 1)->base);
}

void *vdisk_alloc_bulk(size_t size_bytes)
{
    return vdisk_alloc(size_bytes);
}

void vdisk_free_bulk(void *memory)
{
    vdisk_free(memory);
}

static CRITICAL_SECTION *native(struct vdisk_mutex *mutex)
{
    return (CRITICAL_SECTION *)mutex->storage;
}

void vdisk_mutex_init(struct vdisk_mutex *mutex)
{
    InitializeCriticalSection(native(mutex));
}

void vdisk_mutex_deinit(struct vdisk_mutex *mutex)
{
    DeleteCriticalSection(native(mutex));
}

void vdisk_mutex_lock(struct vdisk_mutex *mutex)
{
    EnterCriticalSection(native(mutex));
}

void vdisk_mutex_unlock(struct vdisk_mutex *mutex)
{
    LeaveCriticalSection(native(mutex));
}

void vdisk_pause(void)
{
    Sleep(1);
}

/* RtlGenRandom's exported name; no header declares it. */
BOOLEAN WINAPI SystemFunction036(void *buffer, ULONG length_bytes);

void vdisk_random(void *buffer, size_t length_bytes)
{
    unsigned char *bytes = buffer;

    while (length_bytes != 0) {
        const ULONG piece = length_bytes < 65536 ? (ULONG)length_bytes : 65536;

        if (!SystemFunction036(bytes, piece))
            TerminateProcess(GetCurrentProcess(), 3); /* identifiers must never repeat */
        bytes += piece;
        length_bytes -= piece;
    }
}

uint64_t vdisk_time(void)
{
    static const uint64_t seconds_1601_to_1970 = UINT64_C(11644473600);
    FILETIME now;

    GetSystemTimeAsFileTime(&now);
    return (((uint64_t)now.dwHighDateTime << 32 | now.dwLowDateTime) / 10000000) -
           seconds_1601_to_1970;
}
