#include "engine/format/vmdk/vmdk_extent.h"
#include "engine/base/endian.h"
#include "engine/format/vmdk/vmdk_cowd.h"
#include "engine/format/vmdk/vmdk_index.h"
#include "engine/format/vmdk/vmdk_inflate.h"
#include "engine/format/vmdk/vmdk_scan.h"
#include "engine/format/vmdk/vmdk_sesparse.h"

static const char header_structure[] = "VMDK header";
static const char footer_structure[] = "VMDK footer";

#define FOOTER_BYTES (3u * VDISK_SECTOR_BYTES) /* its marker, itself, the end-of-stream marker */

enum vdisk_status vmdk_extent_fail(const struct vmdk_extent *extent, struct vdisk_error *error,
                                   enum vdisk_status status, const char *structure,
                                   uint64_t offset_bytes, const char *reason)
{
    return vdisk_fail(error, status, extent->file->name, structure, offset_bytes, reason);
}

struct vmdk_extent *vmdk_extent_at(struct vmdk_state *state, uint64_t offset_bytes)
{
    uint32_t low = 0;
    uint32_t high = state->extent_count - 1;

    while (low < high) {
        const uint32_t middle = low + (high - low + 1) / 2;

        if (state->extents[middle].start_bytes <= offset_bytes)
            low = middle;
        else
            high = middle - 1;
    }
    return &state->extents[low];
}

/* The footer, where a stream was ended properly; VDISK_WRONG_FORMAT where there is none. */
static enum vdisk_status read_footer(struct vmdk_extent *extent, struct vmdk_header *footer,
                                     struct vdisk_error *error)
{
    const uint64_t end = vdisk_align_down(extent->file_bytes, VDISK_SECTOR_BYTES);
    unsigned char marker[VMDK_MARKER_BYTES + 4];
    enum vdisk_status status;

    if (end < FOOTER_BYTES + VMDK_HEADER_BYTES)
        return vmdk_extent_fail(extent, error, VDISK_CORRUPT, footer_structure, end,
                                "the file is too short for it");
    status = vdisk_file_read(extent->file, end - FOOTER_BYTES, marker, sizeof marker, error);
    if (status != VDISK_OK)
        return status;
    if (vdisk_load_le32(marker + 8) != 0 || vdisk_load_le32(marker + 12) != VMDK_MARKER_FOOTER)
        return vmdk_extent_fail(extent, error, VDISK_CORRUPT, footer_structure, end - FOOTER_BYTES,
                                "its marker is missing");
    status = vmdk_header_read(extent->file, end - FOOTER_BYTES + VDISK_SECTOR_BYTES, footer, error);
    if (status == VDISK_OK)
        status =
            vmdk_header_check(extent->file, footer, end - FOOTER_BYTES + VDISK_SECTOR_BYTES, error);
    if (status == VDISK_OK && footer->directory_sector == VMDK_GD_AT_END)
        return vmdk_extent_fail(extent, error, VDISK_CORRUPT, footer_structure,
                                end - FOOTER_BYTES + VDISK_SECTOR_BYTES,
                                "it does not tell where the grain directory is");
    return status;
}

static void take_footer(struct vmdk_extent *extent, const struct vmdk_header *footer)
{
    extent->header.directory_sector = footer->directory_sector;
    extent->header.twin_directory_sector = footer->twin_directory_sector;
    extent->header.flags = footer->flags;
    extent->header.unclean = footer->unclean;
}

/* A directory's place, when it has one within the file. */
static bool place_directory(const struct vmdk_extent *extent, uint64_t sector, uint64_t *bytes)
{
    return vdisk_mul_u64(sector, VDISK_SECTOR_BYTES, bytes) && *bytes >= VMDK_HEADER_BYTES &&
           vdisk_range_within(*bytes, extent->directory_entries * extent->entry_bytes,
                              extent->file_bytes);
}

static enum vdisk_status place_directories(struct vmdk_extent *extent, struct vdisk_error *error)
{
    const struct vmdk_header *header = &extent->header;
    const bool twin =
        (header->flags & VMDK_FLAG_REDUNDANT) != 0 && header->twin_directory_sector != 0;

    if (!place_directory(extent, header->directory_sector, &extent->directory_bytes))
        return vmdk_extent_fail(extent, error, VDISK_CORRUPT, header_structure, 56,
                                "the grain directory lies outside of the file");
    if (twin &&
        !place_directory(extent, header->twin_directory_sector, &extent->twin_directory_bytes))
        return vmdk_extent_fail(extent, error, VDISK_CORRUPT, header_structure, 48,
                                "the redundant grain directory lies outside of the file");
    if (!twin)
        extent->twin_directory_bytes = 0;
    extent->reserved[0] =
        (struct vmdk_range){extent->directory_bytes, extent->directory_entries * 4};
    if (twin)
        extent->reserved[1] =
            (struct vmdk_range){extent->twin_directory_bytes, extent->directory_entries * 4};
    return VDISK_OK;
}

/* Where data may begin. A nonsensical value makes every grain refused, not anything followed. */
static void place_data(struct vmdk_extent *extent)
{
    const struct vmdk_header *header = &extent->header;
    uint64_t offset, length;

    if (!vdisk_mul_u64(header->overhead_sectors, VDISK_SECTOR_BYTES, &extent->data_start_bytes))
        extent->data_start_bytes = UINT64_MAX;
    if (header->descriptor_sector != 0 &&
        vdisk_mul_u64(header->descriptor_sector, VDISK_SECTOR_BYTES, &offset) &&
        vdisk_mul_u64(header->descriptor_sectors, VDISK_SECTOR_BYTES, &length))
        extent->reserved[2] = (struct vmdk_range){offset, length};
    extent->end_bytes = vdisk_max_u64(extent->file_bytes, extent->data_start_bytes);
    atomic_init(&extent->end_sectors,
                (uint32_t)vdisk_min_u64(extent->file_bytes / VDISK_SECTOR_BYTES, UINT32_MAX));
}

static enum vdisk_status find_stream_tables(struct vmdk_extent *extent, struct vdisk_error *error)
{
    struct vmdk_header footer;
    enum vdisk_status status = VDISK_OK;

    if (extent->header.directory_sector == VMDK_GD_AT_END) {
        status = read_footer(extent, &footer, error);
        if (status == VDISK_OK)
            take_footer(extent, &footer);
    }
    return status == VDISK_OK ? place_directories(extent, error) : status;
}

/* Streams need not have tables where the header says: then the grains themselves tell. */
static enum vdisk_status open_stream(struct vmdk_extent *extent, struct vdisk_error *error)
{
    enum vdisk_status status = find_stream_tables(extent, NULL);

    if (status == VDISK_OK)
        return VDISK_OK;
    if ((status != VDISK_CORRUPT && status != VDISK_WRONG_FORMAT) ||
        (extent->header.flags & VMDK_FLAG_MARKERS) == 0)
        return find_stream_tables(extent, error); /* again, for its words */
    memset(extent->reserved, 0, 2 * sizeof extent->reserved[0]);
    extent->directory_bytes = 0;
    extent->twin_directory_bytes = 0;
    return vmdk_scan(extent, error);
}

static enum vdisk_status open_hosted(struct vmdk_extent *extent, struct vdisk_error *error)
{
    struct vmdk_header *header = &extent->header;
    enum vdisk_status status = vmdk_header_read(extent->file, 0, header, error);

    if (status == VDISK_OK)
        status = vmdk_header_check(extent->file, header, 0, error);
    if (status != VDISK_OK)
        return status == VDISK_WRONG_FORMAT
                   ? vmdk_extent_fail(extent, error, VDISK_CORRUPT, header_structure, 0,
                                      "the signature is missing")
                   : status;
    extent->grain_shift = 9;
    while (UINT64_C(1) << (extent->grain_shift - 9) < header->grain_sectors)
        extent->grain_shift++;
    extent->table_shift = 9;
    extent->entry_bytes = 4;
    extent->directory_entries =
        vdisk_div_up(header->capacity_sectors, header->grain_sectors * VMDK_TABLE_ENTRIES);
    extent->unclean = header->unclean;
    place_data(extent);
    return vmdk_is_compressed(extent) ? open_stream(extent, error)
                                      : place_directories(extent, error);
}

static enum vdisk_status open_flat(const struct vmdk_extent *extent, struct vdisk_error *error)
{
    if (vdisk_range_within(extent->file_offset_bytes, extent->length_bytes, extent->file_bytes))
        return VDISK_OK;
    return vmdk_extent_fail(extent, error, VDISK_CORRUPT, "VMDK flat extent", extent->file_bytes,
                            "the file is shorter than the descriptor says");
}

static enum vdisk_status open_kind(struct vmdk_extent *extent, struct vdisk_error *error)
{
    switch (extent->kind) {
    case VMDK_EXTENT_HOSTED:
        return open_hosted(extent, error);
    case VMDK_EXTENT_COWD:
        return vmdk_cowd_open(extent, error);
    case VMDK_EXTENT_SESPARSE:
        return vmdk_sesparse_open(extent, error);
    case VMDK_EXTENT_FLAT:
        return open_flat(extent, error);
    case VMDK_EXTENT_ZERO:
        break;
    }
    return VDISK_OK;
}

enum vdisk_status vmdk_extent_open(struct vmdk_extent *extent, uint32_t page_limit,
                                   struct vdisk_error *error)
{
    enum vdisk_status status = vdisk_file_get_size(extent->file, &extent->file_bytes, error);

    if (status == VDISK_OK)
        status = open_kind(extent, error);
    if (status != VDISK_OK || !vmdk_is_sparse(extent))
        return status;
    if (extent->length_bytes == 0) /* the only extent: its header says how large it is */
        extent->length_bytes = extent->header.capacity_sectors * VDISK_SECTOR_BYTES;
    if (extent->length_bytes / VDISK_SECTOR_BYTES > extent->header.capacity_sectors)
        return vmdk_extent_fail(extent, error, VDISK_CORRUPT, header_structure, 12,
                                "the extent is smaller than the descriptor says");
    return vdisk_page_cache_create(extent->file, "VMDK grain tables", VMDK_TABLE_PAGE_BYTES,
                                   page_limit, &extent->tables, error);
}

bool vmdk_extent_is_read_only(const struct vmdk_extent *extent)
{
    if (!vmdk_is_sparse(extent))
        return false;
    /* Version 3 of a plain extent says that something tracks its changes, which we would break. */
    return extent->kind != VMDK_EXTENT_HOSTED || vmdk_is_compressed(extent) ||
           extent->header.version >= VMDK_VERSION_STREAM ||
           (extent->header.flags & ~VMDK_FLAGS_KNOWN) != 0;
}

void vmdk_extent_close(struct vmdk_extent *extent)
{
    vmdk_index_destroy(extent->index);
    vdisk_page_cache_destroy(extent->tables);
    if (extent->owns_file)
        vdisk_file_close(extent->file);
}
