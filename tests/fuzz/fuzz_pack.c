#include "tests/fuzz/fuzz_image.h"
#include "engine/base/checked.h"
#include "engine/base/endian.h"

#include <stdlib.h>

#define SECTOR   512u
#define RUN_LONG 0xffffu

static void unpack_runs(struct vdisk_file *file, uint64_t image_bytes, const unsigned char *data,
                        size_t length_bytes)
{
    while (length_bytes > FUZZ_RUN_BYTES) {
        const uint64_t offset = (uint64_t)vdisk_load_le32(data) * SECTOR;
        size_t run = (size_t)vdisk_load_le16(data + 4) * SECTOR;

        data += FUZZ_RUN_BYTES;
        length_bytes -= FUZZ_RUN_BYTES;
        run = vdisk_min_size(run, length_bytes);
        if (offset < image_bytes)
            vdisk_file_write(file, offset, data, (size_t)vdisk_min_u64(run, image_bytes - offset),
                             NULL);
        data += run;
        length_bytes -= run;
    }
}

struct vdisk_memory_store *fuzz_image_unpack(const unsigned char *data, size_t length_bytes)
{
    struct vdisk_memory_store *store;
    struct vdisk_file *file;
    uint64_t image_bytes;

    if (length_bytes < FUZZ_HEADER_BYTES)
        return NULL;
    image_bytes = (uint64_t)vdisk_load_le32(data + 4) * SECTOR + vdisk_load_le16(data + 2) % SECTOR;
    if (image_bytes > FUZZ_IMAGE_BYTES_MAX)
        return NULL;
    store = vdisk_memory_store_create();
    if (store == NULL)
        abort();
    vdisk_memory_store_set_limit(store, FUZZ_IMAGE_BYTES_MAX * 2);
    vdisk_memory_store_set_space(store, FUZZ_SPACE_BYTES);
    if (vdisk_file_memory_open(store, "unpacked", 1, false, &file, NULL) != VDISK_OK ||
        vdisk_file_set_size(file, image_bytes, NULL) != VDISK_OK)
        abort();
    unpack_runs(file, image_bytes, data + FUZZ_HEADER_BYTES, length_bytes - FUZZ_HEADER_BYTES);
    vdisk_file_close(file);
    return store;
}

/* Adds a sector that is not zero to the last run, or begins a new one. */
static bool pack_sector(unsigned char *input, size_t *length_bytes, size_t limit_bytes, size_t *run,
                        uint64_t sector, const unsigned char *bytes)
{
    const bool joins =
        *run != 0 && vdisk_load_le32(input + *run) + vdisk_load_le16(input + *run + 4) == sector &&
        vdisk_load_le16(input + *run + 4) < RUN_LONG;

    if (limit_bytes - *length_bytes < SECTOR + FUZZ_RUN_BYTES)
        return false;
    if (!joins) {
        *run = *length_bytes;
        vdisk_store_le32(input + *run, (uint32_t)sector);
        vdisk_store_le16(input + *run + 4, 0);
        *length_bytes += FUZZ_RUN_BYTES;
    }
    vdisk_store_le16(input + *run + 4, (uint16_t)(vdisk_load_le16(input + *run + 4) + 1));
    memcpy(input + *length_bytes, bytes, SECTOR);
    *length_bytes += SECTOR;
    return true;
}

unsigned char *fuzz_image_pack(struct vdisk_memory_store *store, unsigned char flags,
                               unsigned char seed, size_t limit_bytes, size_t *length_bytes)
{
    static const unsigned char zeros[SECTOR];
    const uint64_t image_bytes = vdisk_memory_store_size(store);
    unsigned char *input = malloc(limit_bytes);
    struct vdisk_file *file;
    size_t run = 0;

    if (input == NULL || vdisk_file_memory_open(store, "packed", 1, true, &file, NULL) != VDISK_OK)
        abort();
    input[0] = flags;
    input[1] = seed;
    vdisk_store_le16(input + 2, (uint16_t)(image_bytes % SECTOR));
    vdisk_store_le32(input + 4, (uint32_t)(image_bytes / SECTOR));
    *length_bytes = FUZZ_HEADER_BYTES;
    for (uint64_t offset = 0; offset < image_bytes; offset += SECTOR) {
        unsigned char bytes[SECTOR] = {0};

        vdisk_file_read(file, offset, bytes, (size_t)vdisk_min_u64(SECTOR, image_bytes - offset),
                        NULL);
        if (memcmp(bytes, zeros, SECTOR) != 0 &&
            !pack_sector(input, length_bytes, limit_bytes, &run, offset / SECTOR, bytes))
            break;
    }
    vdisk_file_close(file);
    return input;
}
