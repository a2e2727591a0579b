#include "engine/format/vmdk/vmdk_write.h"
#include "engine/format/vmdk/vmdk_map.h"
#include "engine/format/vmdk/vmdk_stream.h"
#include "engine/format/vmdk/vmdk_table.h"

/* How much is zeroed with one piece of zeros where nothing can be punched. */
#define ZERO_PIECE_BYTES 65536u

static bool tables_are_crowded(struct vmdk_extent *extent)
{
    /* A step stores a page in each copy, and may add two tables of four pages with their entries.
     */
    return vdisk_page_cache_dirty_count(extent->tables) + 16 >=
           vdisk_page_cache_limit(extent->tables) / 2;
}

enum vdisk_status vmdk_extent_flush(struct vmdk_extent *extent, struct vdisk_error *error)
{
    enum vdisk_status status = VDISK_OK;

    if (extent->file == NULL)
        return VDISK_OK;
    if (extent->stream != NULL)
        status = vmdk_stream_seal(extent, error);
    if (status == VDISK_OK)
        status = vdisk_file_flush(extent->file, error);
    if (status != VDISK_OK || extent->tables == NULL ||
        vdisk_page_cache_dirty_count(extent->tables) == 0)
        return status;
    /* The grains are durable: now the tables may say so. */
    status = vdisk_page_cache_write_back(extent->tables, NULL, NULL, error);
    return status == VDISK_OK ? vdisk_file_flush(extent->file, error) : status;
}

enum vdisk_status vmdk_flush(struct vdisk_image *image, struct vdisk_error *error)
{
    struct vmdk_state *state = vmdk_state(image);
    enum vdisk_status first = VDISK_OK;

    /* One file that fails must not keep the others from being flushed. */
    for (uint32_t i = 0; i < state->extent_count; i++) {
        const enum vdisk_status status =
            vmdk_extent_flush(&state->extents[i], first == VDISK_OK ? error : NULL);

        if (first == VDISK_OK)
            first = status;
    }
    return first;
}

/* The tables of a new grain, whatever room that takes in the cache. */
static enum vdisk_status prepare_tables(struct vmdk_extent *extent, uint64_t grain,
                                        struct vdisk_error *error)
{
    uint64_t entry;
    uint32_t count = 1;
    enum vdisk_status status = VDISK_OK;

    if (tables_are_crowded(extent))
        status = vmdk_extent_flush(extent, error);
    if (status == VDISK_OK)
        status = vmdk_table_ensure(extent, grain, error);
    /* Brings the copy's page in, so that what a store lacks can only be room in the cache. */
    if (status == VDISK_OK && extent->twin_directory_bytes != 0)
        status = vmdk_table_load(extent, VMDK_COPY_TWIN, grain, &entry, &count, error);
    return status;
}

/* Stores entries, once more when the part of the cache that they fall into had to be emptied. */
static enum vdisk_status store_entries(struct vmdk_extent *extent, uint64_t grain, uint32_t count,
                                       uint32_t sector, uint32_t step_sectors,
                                       struct vdisk_error *error)
{
    enum vdisk_status status = vmdk_table_store(extent, grain, count, sector, step_sectors, error);

    if (status != VDISK_NO_SPACE)
        return status;
    status = vmdk_extent_flush(extent, error);
    if (status != VDISK_OK)
        return status;
    return vmdk_table_store(extent, grain, count, sector, step_sectors, error);
}

enum vdisk_status vmdk_entry_replace(struct vmdk_extent *extent, uint64_t grain, uint32_t sector,
                                     struct vdisk_error *error)
{
    enum vdisk_status status = prepare_tables(extent, grain, error);

    return status == VDISK_OK ? store_entries(extent, grain, 1, sector, 0, error) : status;
}

/* Grains whose content has been written at `offset_bytes` and on become part of the disk. */
static enum vdisk_status publish(struct vmdk_extent *extent, uint64_t grain, uint32_t count,
                                 uint64_t offset_bytes, struct vdisk_error *error)
{
    atomic_store_explicit(&extent->end_sectors, (uint32_t)(extent->end_bytes / VDISK_SECTOR_BYTES),
                          memory_order_release);
    return store_entries(extent, grain, count, (uint32_t)(offset_bytes / VDISK_SECTOR_BYTES),
                         (uint32_t)(vmdk_grain_bytes(extent) / VDISK_SECTOR_BYTES), error);
}

/* As many whole, unmapped grains from `grain` on as the request covers and a step can take. */
static enum vdisk_status count_whole(struct vmdk_extent *extent, uint64_t grain,
                                     size_t length_bytes, uint32_t *count,
                                     struct vdisk_error *error)
{
    uint64_t entries[VMDK_BATCH];
    uint64_t covered = 0;
    uint32_t loaded = VMDK_BATCH;
    enum vdisk_status status;

    *count = 0;
    while (*count < VMDK_BATCH && (grain + *count) << extent->grain_shift < extent->length_bytes) {
        covered += vmdk_visible_bytes(extent, grain + *count);
        if (covered > length_bytes)
            break;
        (*count)++;
    }
    if (*count == 0)
        return VDISK_OK;
    loaded = *count;
    status = vmdk_table_load(extent, VMDK_COPY_FIRST, grain, entries, &loaded, error);
    for (*count = 1; status == VDISK_OK && *count < loaded && entries[*count] <= VMDK_ENTRY_ZERO;)
        (*count)++;
    return status;
}

static enum vdisk_status write_whole(struct vmdk_extent *extent, uint64_t grain, uint32_t count,
                                     const void *buffer, size_t *done_bytes,
                                     struct vdisk_error *error)
{
    const uint64_t grain_bytes = vmdk_grain_bytes(extent);
    const uint64_t space = grain_bytes * count;
    uint64_t offset = 0;
    enum vdisk_status status = vmdk_extent_grow(extent, grain_bytes, space, &offset, error);

    *done_bytes = (size_t)(space - grain_bytes + vmdk_visible_bytes(extent, grain + count - 1));
    if (status == VDISK_OK && *done_bytes < space) /* others read the last grain whole */
        status = vdisk_file_set_size(extent->file, extent->end_bytes, error);
    if (status == VDISK_OK)
        status = vdisk_file_write(extent->file, offset, buffer, *done_bytes, error);
    return status == VDISK_OK ? publish(extent, grain, count, offset, error) : status;
}

static enum vdisk_status get_scratch(struct vdisk_image *image, unsigned char **scratch,
                                     struct vdisk_error *error)
{
    struct vmdk_state *state = vmdk_state(image);

    if (state->scratch == NULL)
        state->scratch = vdisk_alloc(state->grain_bytes);
    *scratch = state->scratch;
    return *scratch != NULL
               ? VDISK_OK
               : vdisk_image_fail(image, error, VDISK_NO_MEMORY, NULL, VDISK_NO_OFFSET, NULL);
}

/* The rest of the grain comes from the parents; without them it is the file's fresh zeros. */
static enum vdisk_status fill_part(struct vdisk_image *image, struct vmdk_extent *extent,
                                   uint64_t grain, uint64_t offset_bytes, bool below,
                                   uint64_t in_grain_bytes, const void *buffer, size_t length_bytes,
                                   struct vdisk_error *error)
{
    const size_t visible = (size_t)vmdk_visible_bytes(extent, grain);
    unsigned char *scratch;
    enum vdisk_status status = vdisk_file_set_size(extent->file, extent->end_bytes, error);

    if (status == VDISK_OK && !below)
        return vdisk_file_write(extent->file, offset_bytes + in_grain_bytes, buffer, length_bytes,
                                error);
    if (status == VDISK_OK)
        status = get_scratch(image, &scratch, error);
    if (status == VDISK_OK)
        status = vdisk_image_read_below(image, extent->start_bytes + (grain << extent->grain_shift),
                                        scratch, visible, error);
    if (status != VDISK_OK)
        return status;
    memcpy(scratch + in_grain_bytes, buffer, length_bytes);
    return vdisk_file_write(extent->file, offset_bytes, scratch, visible, error);
}

static enum vdisk_status write_part(struct vdisk_image *image, struct vmdk_extent *extent,
                                    uint64_t within_bytes, const void *buffer, size_t length_bytes,
                                    size_t *done_bytes, struct vdisk_error *error)
{
    const uint64_t grain = within_bytes >> extent->grain_shift;
    const uint64_t grain_bytes = vmdk_grain_bytes(extent);
    const uint64_t in_grain = within_bytes & (grain_bytes - 1);
    uint64_t entry = 0, offset = 0;
    uint32_t count = 1;
    enum vdisk_status status =
        vmdk_table_load(extent, VMDK_COPY_FIRST, grain, &entry, &count, error);

    if (status == VDISK_OK)
        status = vmdk_extent_grow(extent, grain_bytes, grain_bytes, &offset, error);
    if (status != VDISK_OK)
        return status;
    *done_bytes = (size_t)vdisk_min_u64(length_bytes, vmdk_visible_bytes(extent, grain) - in_grain);
    status =
        fill_part(image, extent, grain, offset, image->has_parent && entry == VMDK_ENTRY_ABSENT,
                  in_grain, buffer, *done_bytes, error);
    return status == VDISK_OK ? publish(extent, grain, 1, offset, error) : status;
}

enum vdisk_status vmdk_write_new(struct vdisk_image *image, uint64_t offset_bytes,
                                 const void *buffer, size_t length_bytes, size_t *done_bytes,
                                 struct vdisk_error *error)
{
    struct vmdk_extent *extent = vmdk_extent_at(vmdk_state(image), offset_bytes);
    const uint64_t within = offset_bytes - extent->start_bytes;
    const uint64_t grain = within >> extent->grain_shift;
    uint32_t count = 0;
    enum vdisk_status status;

    length_bytes = (size_t)vdisk_min_u64(length_bytes, extent->length_bytes - within);
    if (extent->kind != VMDK_EXTENT_HOSTED)
        return vdisk_image_fail(image, error, VDISK_READ_ONLY, "VMDK extent", offset_bytes,
                                "this part of the disk consists of zeros that are not stored");
    if (extent->stream != NULL)
        return vmdk_stream_write(extent, within, buffer, length_bytes, done_bytes, error);
    status = prepare_tables(extent, grain, error);
    if (status == VDISK_OK && (within & (vmdk_grain_bytes(extent) - 1)) == 0)
        status = count_whole(extent, grain, length_bytes, &count, error);
    if (status != VDISK_OK)
        return status;
    return count != 0 ? write_whole(extent, grain, count, buffer, done_bytes, error)
                      : write_part(image, extent, within, buffer, length_bytes, done_bytes, error);
}

/* What has to hide a parent, or waits in a stream, is written as zeros. */
static enum vdisk_status write_zeros(struct vdisk_image *image, uint64_t offset_bytes,
                                     uint64_t length_bytes, uint64_t *done_bytes,
                                     struct vdisk_error *error)
{
    const size_t piece = (size_t)vdisk_min_u64(length_bytes, ZERO_PIECE_BYTES);
    unsigned char *zeros = vdisk_alloc(piece);
    size_t done = 0;
    enum vdisk_status status;

    if (zeros == NULL)
        return vdisk_image_fail(image, error, VDISK_NO_MEMORY, NULL, VDISK_NO_OFFSET, NULL);
    status = vmdk_write_new(image, offset_bytes, zeros, piece, &done, error);
    vdisk_free(zeros);
    *done_bytes = done;
    return status;
}

/* Whole grains of a child can be marked as zeros where the header allows it. */
static enum vdisk_status mark_zeros(struct vmdk_extent *extent, uint64_t within_bytes,
                                    uint64_t length_bytes, uint64_t *done_bytes,
                                    struct vdisk_error *error)
{
    const uint64_t grain = within_bytes >> extent->grain_shift;
    const uint64_t grain_bytes = vmdk_grain_bytes(extent);
    const uint64_t visible = vmdk_visible_bytes(extent, grain);

    *done_bytes = 0;
    if ((extent->header.flags & VMDK_FLAG_ZERO_ENTRY) == 0 ||
        !vdisk_is_aligned(within_bytes, grain_bytes) || length_bytes < visible)
        return VDISK_OK;
    *done_bytes = visible;
    return vmdk_entry_replace(extent, grain, VMDK_ENTRY_ZERO, error);
}

static enum vdisk_status zero_absent(struct vdisk_image *image, uint64_t offset_bytes,
                                     uint64_t length_bytes, uint64_t *done_bytes,
                                     struct vdisk_error *error)
{
    struct vmdk_extent *extent = vmdk_extent_at(vmdk_state(image), offset_bytes);
    enum vdisk_status status;

    *done_bytes = length_bytes;
    if (!image->has_parent)
        return VDISK_OK;
    status =
        mark_zeros(extent, offset_bytes - extent->start_bytes, length_bytes, done_bytes, error);
    if (status != VDISK_OK || *done_bytes != 0)
        return status;
    return write_zeros(image, offset_bytes, length_bytes, done_bytes, error);
}

enum vdisk_status vmdk_zero(struct vdisk_image *image, uint64_t offset_bytes, uint64_t length_bytes,
                            uint64_t *done_bytes, struct vdisk_error *error)
{
    struct vdisk_extent found = {0};
    enum vdisk_status status = vmdk_map(image, offset_bytes, length_bytes, &found, error);

    if (status != VDISK_OK)
        return status;
    *done_bytes = found.length_bytes;
    switch (found.kind) {
    case VDISK_EXTENT_DATA:
        return vdisk_file_zero(found.file, found.file_offset_bytes, found.length_bytes, error);
    case VDISK_EXTENT_ZERO:
        return VDISK_OK;
    case VDISK_EXTENT_UNALLOCATED:
        return zero_absent(image, offset_bytes, found.length_bytes, done_bytes, error);
    case VDISK_EXTENT_COMPRESSED:
        break;
    }
    return write_zeros(image, offset_bytes, found.length_bytes, done_bytes, error);
}
