#include "engine/format/vmdk/vmdk_stream.h"
#include "engine/base/endian.h"
#include "engine/format/vmdk/vmdk_index.h"
#include "engine/format/vmdk/vmdk_inflate.h"
#include "engine/format/vmdk/vmdk_table.h"
#include "virtualdisk/codec.h"

#define NO_GRAIN      UINT64_MAX
#define TABLE_SECTORS (VMDK_TABLE_ENTRIES * 4 / VDISK_SECTOR_BYTES)

static const char structure[] = "VMDK stream";

struct vmdk_stream {
    struct vdisk_mutex lock; /* protects the two below */
    uint64_t pending_grain;  /* NO_GRAIN: none */
    unsigned char *pending;  /* changed with image->allocation_lock held, too */

    /* protected by image->allocation_lock */
    uint64_t next_grain; /* grains before this one are written, or will never be */
    unsigned char *packed;
    uint32_t packed_room;
};

static enum vdisk_status stream_fail(const struct vmdk_extent *extent, struct vdisk_error *error,
                                     enum vdisk_status status, const char *reason)
{
    return vmdk_extent_fail(extent, error, status, structure, extent->end_bytes, reason);
}

/* Does any directory entry lead to a table? Then the stream holds something. */
static enum vdisk_status has_tables(struct vmdk_extent *extent, bool *found,
                                    struct vdisk_error *error)
{
    enum vdisk_status status = VDISK_OK;

    *found = extent->index != NULL && extent->end_bytes != extent->data_start_bytes;
    for (uint64_t i = 0; i < extent->directory_entries && status == VDISK_OK && !*found; i++) {
        uint64_t table = 0;

        if (extent->index == NULL)
            status =
                vmdk_table_find(extent, VMDK_COPY_FIRST, i << extent->table_shift, &table, error);
        *found = table != 0;
    }
    return status;
}

/* Only an extent whose first header leaves the rest to the footer can be written from the start. */
static enum vdisk_status is_writable(struct vmdk_extent *extent, bool *writable,
                                     struct vdisk_error *error)
{
    const char *reason;
    struct vmdk_header first;
    bool found;
    enum vdisk_status status;

    *writable = false;
    if (!vmdk_is_compressed(extent) || (extent->header.flags & VMDK_FLAG_MARKERS) == 0 ||
        vdisk_codec_require(VDISK_CODEC_ZLIB, VDISK_COMPRESS, &reason) != VDISK_OK)
        return VDISK_OK;
    status = vmdk_header_read(extent->file, 0, &first, error);
    if (status != VDISK_OK || first.directory_sector != VMDK_GD_AT_END)
        return status;
    status = has_tables(extent, &found, error);
    *writable = status == VDISK_OK && !found;
    return status;
}

static enum vdisk_status create_stream(struct vmdk_extent *extent, struct vdisk_error *error)
{
    const uint32_t grain_bytes = (uint32_t)vmdk_grain_bytes(extent);
    struct vmdk_stream *stream = vdisk_alloc(sizeof *stream);

    if (stream == NULL)
        return stream_fail(extent, error, VDISK_NO_MEMORY, NULL);
    extent->stream = stream;
    vdisk_mutex_init(&stream->lock);
    stream->pending_grain = NO_GRAIN;
    stream->packed_room = (uint32_t)vdisk_codec_bound(grain_bytes) + 2 * VDISK_SECTOR_BYTES;
    stream->pending = vdisk_alloc(grain_bytes);
    stream->packed = vdisk_alloc(stream->packed_room);
    if (stream->pending == NULL || stream->packed == NULL)
        return stream_fail(extent, error, VDISK_NO_MEMORY, NULL);
    vmdk_index_destroy(extent->index);
    extent->index = NULL;
    return vmdk_index_create(extent, UINT32_MAX, &extent->index, error);
}

enum vdisk_status vmdk_stream_open(struct vdisk_image *image, struct vdisk_error *error)
{
    struct vmdk_state *state = vmdk_state(image);
    bool writable;
    enum vdisk_status status;

    if (image->disk.read_only || state->extent_count != 1 || state->extents[0].owns_file)
        return VDISK_OK;
    status = is_writable(&state->extents[0], &writable, error);
    return status == VDISK_OK && writable ? create_stream(&state->extents[0], error) : status;
}

void vmdk_stream_close(struct vmdk_extent *extent)
{
    struct vmdk_stream *stream = extent->stream;

    if (stream == NULL)
        return;
    vdisk_free(stream->pending);
    vdisk_free(stream->packed);
    vdisk_mutex_deinit(&stream->lock);
    vdisk_free(stream);
}

enum vdisk_status vmdk_stream_begin(struct vmdk_extent *extent, struct vdisk_error *error)
{
    enum vdisk_status status = vdisk_file_set_size(extent->file, extent->data_start_bytes, error);

    if (status == VDISK_OK)
        extent->end_bytes = extent->data_start_bytes;
    return status;
}

bool vmdk_stream_holds(struct vmdk_extent *extent, uint64_t grain, uint32_t in_grain_bytes,
                       void *buffer, uint32_t length_bytes)
{
    struct vmdk_stream *stream = extent->stream;
    bool held;

    vdisk_mutex_lock(&stream->lock);
    held = stream->pending_grain == grain;
    if (held && buffer != NULL)
        memcpy(buffer, stream->pending + in_grain_bytes, length_bytes);
    vdisk_mutex_unlock(&stream->lock);
    return held;
}

/* Appends whole sectors; the space counts as used only when all is there. */
static enum vdisk_status append(struct vmdk_extent *extent, const void *bytes, size_t length_bytes,
                                uint32_t *sector, struct vdisk_error *error)
{
    uint64_t end;
    enum vdisk_status status;

    if (!vdisk_add_u64(extent->end_bytes, length_bytes, &end) ||
        end / VDISK_SECTOR_BYTES > UINT32_MAX)
        return stream_fail(extent, error, VDISK_NO_SPACE, "the file cannot grow beyond 2 TiB");
    status = vdisk_file_write(extent->file, extent->end_bytes, bytes, length_bytes, error);
    if (status != VDISK_OK)
        return status;
    *sector = (uint32_t)(extent->end_bytes / VDISK_SECTOR_BYTES);
    extent->end_bytes = end;
    atomic_store_explicit(&extent->end_sectors, (uint32_t)(end / VDISK_SECTOR_BYTES),
                          memory_order_release);
    return VDISK_OK;
}

static enum vdisk_status append_pending(struct vmdk_extent *extent, struct vdisk_error *error)
{
    struct vmdk_stream *stream = extent->stream;
    const uint64_t grain = stream->pending_grain;
    const char *reason = NULL;
    size_t packed_bytes;
    uint64_t padded;
    uint32_t sector = 0;
    enum vdisk_status status =
        vdisk_codec_compress(VDISK_CODEC_ZLIB, stream->pending, (size_t)vmdk_grain_bytes(extent),
                             stream->packed + VMDK_MARKER_BYTES,
                             stream->packed_room - VDISK_SECTOR_BYTES, &packed_bytes, &reason);

    if (status != VDISK_OK)
        return stream_fail(extent, error, status, reason);
    vdisk_store_le64(stream->packed, grain << (extent->grain_shift - 9));
    vdisk_store_le32(stream->packed + 8, (uint32_t)packed_bytes);
    packed_bytes += VMDK_MARKER_BYTES;
    padded = vdisk_align_down(packed_bytes + VDISK_SECTOR_BYTES - 1, VDISK_SECTOR_BYTES);
    memset(stream->packed + packed_bytes, 0, (size_t)padded - packed_bytes);
    status = append(extent, stream->packed, (size_t)padded, &sector, error);
    if (status != VDISK_OK)
        return status;
    status = vmdk_index_store(extent->index, grain, sector);
    return status == VDISK_OK ? VDISK_OK : stream_fail(extent, error, status, NULL);
}

enum vdisk_status vmdk_stream_seal(struct vmdk_extent *extent, struct vdisk_error *error)
{
    struct vmdk_stream *stream = extent->stream;
    enum vdisk_status status = VDISK_OK;

    if (stream->pending_grain == NO_GRAIN)
        return VDISK_OK;
    if (!vdisk_is_zero(stream->pending, (size_t)vmdk_grain_bytes(extent)))
        status = append_pending(extent, error);
    if (status != VDISK_OK)
        return status;
    stream->next_grain = stream->pending_grain + 1;
    vdisk_mutex_lock(&stream->lock);
    stream->pending_grain = NO_GRAIN;
    vdisk_mutex_unlock(&stream->lock);
    return VDISK_OK;
}

static enum vdisk_status start_grain(struct vmdk_extent *extent, uint64_t grain,
                                     struct vdisk_error *error)
{
    struct vmdk_stream *stream = extent->stream;
    enum vdisk_status status = vmdk_stream_seal(extent, error);

    if (status != VDISK_OK)
        return status;
    if (grain < stream->next_grain)
        return stream_fail(extent, error, VDISK_UNSUPPORTED,
                           "a stream-optimized image is written once, in ascending order");
    vdisk_mutex_lock(&stream->lock);
    memset(stream->pending, 0, (size_t)vmdk_grain_bytes(extent));
    stream->pending_grain = grain;
    vdisk_mutex_unlock(&stream->lock);
    return VDISK_OK;
}

enum vdisk_status vmdk_stream_write(struct vmdk_extent *extent, uint64_t within_bytes,
                                    const void *buffer, size_t length_bytes, size_t *done_bytes,
                                    struct vdisk_error *error)
{
    struct vmdk_stream *stream = extent->stream;
    const uint64_t grain = within_bytes >> extent->grain_shift;
    const size_t in_grain = (size_t)(within_bytes & (vmdk_grain_bytes(extent) - 1));
    enum vdisk_status status = VDISK_OK;

    if (stream->pending_grain != grain)
        status = start_grain(extent, grain, error);
    if (status != VDISK_OK)
        return status;
    *done_bytes = vdisk_min_size(length_bytes, (size_t)vmdk_grain_bytes(extent) - in_grain);
    vdisk_mutex_lock(&stream->lock);
    memcpy(stream->pending + in_grain, buffer, *done_bytes);
    vdisk_mutex_unlock(&stream->lock);
    return VDISK_OK;
}

/* A marker that says what the next sectors are. */
static enum vdisk_status append_marker(struct vmdk_extent *extent, uint64_t sectors, uint32_t type,
                                       unsigned char *scratch, struct vdisk_error *error)
{
    uint32_t sector;

    memset(scratch, 0, VDISK_SECTOR_BYTES);
    vdisk_store_le64(scratch, sectors);
    vdisk_store_le32(scratch + VMDK_MARKER_BYTES, type);
    return append(extent, scratch, VDISK_SECTOR_BYTES, &sector, error);
}

static enum vdisk_status append_table(struct vmdk_extent *extent, uint64_t first_grain,
                                      unsigned char *scratch, uint32_t *sector,
                                      struct vdisk_error *error)
{
    enum vdisk_status status =
        append_marker(extent, TABLE_SECTORS, VMDK_MARKER_TABLE, scratch, error);

    for (uint32_t i = 0; i < VMDK_TABLE_ENTRIES; i++) {
        uint64_t entry;

        vmdk_index_load(extent->index, first_grain + i, &entry, 1);
        vdisk_store_le32(scratch + 4 * i, (uint32_t)entry);
    }
    if (status != VDISK_OK)
        return status;
    return append(extent, scratch, (size_t)TABLE_SECTORS * VDISK_SECTOR_BYTES, sector, error);
}

static enum vdisk_status append_directory(struct vmdk_extent *extent, unsigned char *directory,
                                          size_t directory_bytes, unsigned char *scratch,
                                          uint32_t *sector, struct vdisk_error *error)
{
    enum vdisk_status status = VDISK_OK;

    for (uint64_t i = 0; i < extent->directory_entries && status == VDISK_OK; i++) {
        uint32_t table = 0;

        if (vmdk_index_has_table(extent->index, i * VMDK_TABLE_ENTRIES))
            status = append_table(extent, i * VMDK_TABLE_ENTRIES, scratch, &table, error);
        vdisk_store_le32(directory + 4 * i, table);
    }
    if (status == VDISK_OK)
        status = append_marker(extent, directory_bytes / VDISK_SECTOR_BYTES, VMDK_MARKER_DIR,
                               scratch, error);
    if (status == VDISK_OK)
        status = append(extent, directory, directory_bytes, sector, error);
    return status;
}

static enum vdisk_status append_footer(struct vmdk_extent *extent, uint32_t directory_sector,
                                       unsigned char *scratch, struct vdisk_error *error)
{
    uint32_t sector;
    enum vdisk_status status = append_marker(extent, 1, VMDK_MARKER_FOOTER, scratch, error);

    if (status != VDISK_OK)
        return status;
    extent->header.directory_sector = directory_sector;
    vmdk_header_encode(&extent->header, scratch);
    status = append(extent, scratch, VMDK_HEADER_BYTES, &sector, error);
    return status == VDISK_OK ? append_marker(extent, 0, VMDK_MARKER_END, scratch, error) : status;
}

enum vdisk_status vmdk_stream_finish(struct vmdk_extent *extent, struct vdisk_error *error)
{
    const size_t directory_bytes = (size_t)vdisk_align_down(
        extent->directory_entries * 4 + VDISK_SECTOR_BYTES - 1, VDISK_SECTOR_BYTES);
    unsigned char *directory = vdisk_alloc(directory_bytes);
    unsigned char *scratch = vdisk_alloc((size_t)TABLE_SECTORS * VDISK_SECTOR_BYTES);
    uint32_t sector = 0;
    enum vdisk_status status;

    if (directory == NULL || scratch == NULL)
        status = stream_fail(extent, error, VDISK_NO_MEMORY, NULL);
    else
        status = append_directory(extent, directory, directory_bytes, scratch, &sector, error);
    if (status == VDISK_OK)
        status = append_footer(extent, sector, scratch, error);
    vdisk_free(directory);
    vdisk_free(scratch);
    return status;
}
