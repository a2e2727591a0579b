#include "engine/format/vmdk/vmdk_inflate.h"
#include "engine/base/endian.h"
#include "virtualdisk/codec.h"

#define PLACES    4u
#define NO_SECTOR UINT64_MAX

static const char structure[] = "VMDK compressed grain";

struct place {
    struct vdisk_mutex lock; /* protects all below */
    const struct vmdk_extent *extent;
    uint64_t grain;
    uint64_t sector; /* of the grain that is kept; NO_SECTOR: none */
    uint32_t plain_bytes;
    unsigned char *plain;
    unsigned char *packed;
};

struct vmdk_inflate_cache {
    uint32_t plain_room; /* immutable after create */
    uint32_t packed_room;
    struct place places[PLACES];
};

enum vdisk_status vmdk_inflate_cache_create(const struct vdisk_file *file, uint32_t grain_bytes,
                                            struct vmdk_inflate_cache **created,
                                            struct vdisk_error *error)
{
    struct vmdk_inflate_cache *cache = vdisk_alloc(sizeof *cache);
    bool complete = cache != NULL;

    if (cache != NULL) {
        cache->plain_room = grain_bytes;
        cache->packed_room = (uint32_t)vdisk_codec_bound(grain_bytes) + VMDK_MARKER_BYTES;
        for (uint32_t i = 0; i < PLACES; i++) {
            vdisk_mutex_init(&cache->places[i].lock);
            cache->places[i].sector = NO_SECTOR;
            cache->places[i].plain = vdisk_alloc(cache->plain_room);
            cache->places[i].packed = vdisk_alloc(cache->packed_room);
            complete &= cache->places[i].plain != NULL && cache->places[i].packed != NULL;
        }
    }
    if (!complete) {
        vmdk_inflate_cache_destroy(cache);
        return vdisk_fail(error, VDISK_NO_MEMORY, file->name, structure, VDISK_NO_OFFSET, NULL);
    }
    *created = cache;
    return VDISK_OK;
}

void vmdk_inflate_cache_destroy(struct vmdk_inflate_cache *cache)
{
    if (cache == NULL)
        return;
    for (uint32_t i = 0; i < PLACES; i++) {
        vdisk_free(cache->places[i].plain);
        vdisk_free(cache->places[i].packed);
        vdisk_mutex_deinit(&cache->places[i].lock);
    }
    vdisk_free(cache);
}

static enum vdisk_status grain_fail(struct vmdk_extent *extent, struct vdisk_error *error,
                                    enum vdisk_status status, uint64_t sector, const char *reason)
{
    return vmdk_extent_fail(extent, error, status, structure, sector * VDISK_SECTOR_BYTES, reason);
}

/* Reads what lies before the data, and says how many bytes of data follow. */
static enum vdisk_status read_marker(struct vmdk_extent *extent, uint64_t grain, uint64_t sector,
                                     uint32_t *marker_bytes, uint32_t *data_bytes,
                                     struct vdisk_error *error)
{
    const bool markers = (extent->header.flags & VMDK_FLAG_MARKERS) != 0;
    unsigned char marker[VMDK_MARKER_BYTES];
    enum vdisk_status status;

    *marker_bytes = markers ? VMDK_MARKER_BYTES : 4;
    status =
        vdisk_file_read(extent->file, sector * VDISK_SECTOR_BYTES, marker, *marker_bytes, error);
    if (status != VDISK_OK)
        return status;
    *data_bytes = vdisk_load_le32(marker + *marker_bytes - 4);
    if (markers && vdisk_load_le64(marker) != grain
                                                  << (extent->grain_shift - 9)) /* sectors of 512 */
        return grain_fail(extent, error, VDISK_CORRUPT, sector,
                          "its marker is that of another grain");
    return VDISK_OK;
}

static enum vdisk_status inflate(struct place *place, struct vmdk_extent *extent, uint64_t grain,
                                 uint64_t sector, uint32_t packed_room, struct vdisk_error *error)
{
    uint32_t marker_bytes, data_bytes;
    const char *reason = NULL;
    size_t made;
    enum vdisk_status status =
        read_marker(extent, grain, sector, &marker_bytes, &data_bytes, error);

    if (status != VDISK_OK)
        return status;
    if (data_bytes == 0 || data_bytes > packed_room)
        return grain_fail(extent, error, VDISK_CORRUPT, sector, "its size is impossible");
    status = vdisk_file_read(extent->file, sector * VDISK_SECTOR_BYTES + marker_bytes,
                             place->packed, data_bytes, error);
    if (status == VDISK_OUT_OF_RANGE)
        return grain_fail(extent, error, VDISK_CORRUPT, sector, "the file ends within it");
    if (status != VDISK_OK)
        return status;
    status = vdisk_codec_decompress(VDISK_CODEC_ZLIB, place->packed, data_bytes, place->plain,
                                    (size_t)vmdk_grain_bytes(extent), &made, &reason);
    if (status != VDISK_OK)
        return grain_fail(extent, error, status, sector, reason);
    if (made < vmdk_visible_bytes(extent, grain))
        return grain_fail(extent, error, VDISK_CORRUPT, sector, "it is shorter than a grain");
    place->plain_bytes = (uint32_t)made;
    return VDISK_OK;
}

enum vdisk_status vmdk_inflate_read(struct vmdk_inflate_cache *cache, struct vmdk_extent *extent,
                                    uint64_t grain, uint64_t sector, uint32_t in_grain_bytes,
                                    void *buffer, uint32_t length_bytes, struct vdisk_error *error)
{
    struct place *place = &cache->places[grain % PLACES];
    enum vdisk_status status = VDISK_OK;

    vdisk_mutex_lock(&place->lock);
    if (place->extent != extent || place->grain != grain || place->sector != sector) {
        place->sector = NO_SECTOR;
        status = inflate(place, extent, grain, sector, cache->packed_room, error);
        if (status == VDISK_OK) {
            place->extent = extent;
            place->grain = grain;
            place->sector = sector;
        }
    }
    if (status == VDISK_OK && in_grain_bytes + length_bytes <= place->plain_bytes)
        memcpy(buffer, place->plain + in_grain_bytes, length_bytes);
    else if (status == VDISK_OK)
        status = grain_fail(extent, error, VDISK_CORRUPT, sector, "it is shorter than a grain");
    vdisk_mutex_unlock(&place->lock);
    return status;
}
