/*
 * zlib's default allocator, from the driver's pool. The library's own would import malloc; with
 * these two defined, its file is not linked. cdecl, as the library calls them.
 */
#include "virtualdisk/platform.h"

void *__cdecl zcalloc(void *opaque, unsigned items, unsigned item_bytes);
void __cdecl zcfree(void *opaque, void *memory);

void *__cdecl zcalloc(void *opaque, unsigned items, unsigned item_bytes)
{
    (void)opaque;
    return vdisk_alloc_array(items, item_bytes);
}

void __cdecl zcfree(void *opaque, void *memory)
{
    (void)opaque;
    vdisk_free(memory);
}
