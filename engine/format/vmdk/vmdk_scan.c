#include "engine/format/vmdk/vmdk_scan.h"
#include "engine/base/endian.h"
#include "engine/format/vmdk/vmdk_index.h"
#include "engine/format/vmdk/vmdk_inflate.h"
#include "virtualdisk/codec.h"

#define WINDOW_BYTES 65536u

static const char structure[] = "VMDK stream marker";

/* What is at hand of the file: markers lie close together, so it is read in large pieces. */
struct window {
    unsigned char *bytes;
    uint64_t start_bytes;
    uint32_t valid_bytes;
};

struct marker {
    uint64_t value; /* the grain's first sector, or how many sectors follow */
    uint32_t data_bytes;
    uint32_t type; /* when data_bytes is 0 */
};

static enum vdisk_status load_marker(struct vmdk_extent *extent, struct window *window,
                                     uint64_t offset_bytes, struct marker *marker,
                                     struct vdisk_error *error)
{
    const unsigned char *bytes;

    if (!vdisk_range_within(offset_bytes - window->start_bytes, VDISK_SECTOR_BYTES,
                            window->valid_bytes)) {
        enum vdisk_status status;

        window->start_bytes = offset_bytes;
        window->valid_bytes =
            (uint32_t)vdisk_min_u64(extent->file_bytes - offset_bytes, WINDOW_BYTES);
        status =
            vdisk_file_read(extent->file, offset_bytes, window->bytes, window->valid_bytes, error);
        if (status != VDISK_OK)
            return status;
    }
    bytes = window->bytes + (offset_bytes - window->start_bytes);
    marker->value = vdisk_load_le64(bytes);
    marker->data_bytes = vdisk_load_le32(bytes + 8);
    marker->type = vdisk_load_le32(bytes + 12);
    return VDISK_OK;
}

static enum vdisk_status scan_grain(struct vmdk_extent *extent, const struct marker *marker,
                                    uint64_t offset_bytes, struct vdisk_error *error)
{
    const uint64_t grain = marker->value >> (extent->grain_shift - 9);
    uint64_t sector = offset_bytes / VDISK_SECTOR_BYTES;
    enum vdisk_status status;

    if (marker->value >= extent->header.capacity_sectors ||
        grain << (extent->grain_shift - 9) != marker->value)
        return vmdk_extent_fail(extent, error, VDISK_CORRUPT, structure, offset_bytes,
                                "it is that of no grain of the disk");
    if (marker->data_bytes > vdisk_codec_bound((size_t)vmdk_grain_bytes(extent)))
        return vmdk_extent_fail(extent, error, VDISK_CORRUPT, structure, offset_bytes,
                                "the grain's size is impossible");
    if (sector > UINT32_MAX)
        return vmdk_extent_fail(extent, error, VDISK_UNSUPPORTED, structure, offset_bytes,
                                "a stream without tables is searched up to 2 TiB");
    status = vmdk_index_store(extent->index, grain, (uint32_t)sector);
    if (status == VDISK_NO_SPACE)
        return vmdk_extent_fail(extent, error, VDISK_UNSUPPORTED, structure, offset_bytes,
                                "a stream without tables may hold up to 256 GiB");
    if (status != VDISK_OK)
        return vmdk_extent_fail(extent, error, status, structure, offset_bytes, NULL);
    return VDISK_OK;
}

/* How many bytes the marker and what belongs to it occupy; 0 at the end of the stream. */
static uint64_t marker_span(const struct marker *marker)
{
    if (marker->data_bytes != 0)
        return vdisk_align_down((uint64_t)marker->data_bytes + VMDK_MARKER_BYTES +
                                    VDISK_SECTOR_BYTES - 1,
                                VDISK_SECTOR_BYTES);
    if (marker->type == VMDK_MARKER_END || marker->type > VMDK_MARKER_FOOTER ||
        marker->value > UINT32_MAX)
        return 0;
    return (marker->value + 1) * VDISK_SECTOR_BYTES;
}

/* The last grain's padding may be missing. */
static uint64_t marker_needs(const struct marker *marker, uint64_t span_bytes)
{
    return marker->data_bytes != 0 ? (uint64_t)marker->data_bytes + VMDK_MARKER_BYTES : span_bytes;
}

static enum vdisk_status scan_all(struct vmdk_extent *extent, struct window *window,
                                  struct vdisk_error *error)
{
    uint64_t offset = extent->data_start_bytes;

    extent->end_bytes = offset;
    while (vdisk_range_within(offset, VDISK_SECTOR_BYTES, extent->file_bytes)) {
        struct marker marker;
        uint64_t span;
        enum vdisk_status status = load_marker(extent, window, offset, &marker, error);

        if (status != VDISK_OK)
            return status;
        span = marker_span(&marker);
        /* A grain that the file does not hold whole was being written when its writer stopped. */
        if (span == 0 ||
            !vdisk_range_within(offset, marker_needs(&marker, span), extent->file_bytes))
            break;
        if (marker.data_bytes != 0)
            status = scan_grain(extent, &marker, offset, error);
        if (status != VDISK_OK)
            return status;
        offset += span;
        extent->end_bytes = offset;
    }
    return VDISK_OK;
}

enum vdisk_status vmdk_scan(struct vmdk_extent *extent, struct vdisk_error *error)
{
    struct window window = {.bytes = vdisk_alloc(WINDOW_BYTES)};
    enum vdisk_status status;

    if (window.bytes == NULL)
        return vmdk_extent_fail(extent, error, VDISK_NO_MEMORY, NULL, VDISK_NO_OFFSET, NULL);
    if (extent->data_start_bytes < VMDK_HEADER_BYTES || extent->data_start_bytes > INT64_MAX)
        status = vmdk_extent_fail(extent, error, VDISK_CORRUPT, "VMDK header", 64,
                                  "it does not tell where the grains begin");
    else
        status = vmdk_index_create(extent, VMDK_INDEX_TABLES_MAX, &extent->index, error);
    if (status == VDISK_OK)
        status = scan_all(extent, &window, error);
    vdisk_free(window.bytes);
    return status;
}
