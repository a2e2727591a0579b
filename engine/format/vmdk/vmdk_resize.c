#include "engine/format/vmdk/vmdk_resize.h"
#include "engine/format/vmdk/vmdk_create.h"
#include "engine/format/vmdk/vmdk_edit.h"
#include "engine/format/vmdk/vmdk_map.h"
#include "engine/format/vmdk/vmdk_table.h"
#include "engine/format/vmdk/vmdk_write.h"

#define COPY_BYTES 65536u

/* The new directories of a sparse extent that grows. */
struct growth {
    struct vmdk_layout layout;
    uint64_t capacity_sectors;
    uint64_t twin_sector; /* 0: the extent has no twin, or the directories stay */
    uint64_t first_sector;
};

static enum vdisk_status refuse(struct vdisk_image *image, struct vdisk_error *error,
                                const char *reason)
{
    return vdisk_image_fail(image, error, VDISK_UNSUPPORTED, NULL, VDISK_NO_OFFSET, reason);
}

static enum vdisk_status write_sectors(struct vdisk_image *image, uint64_t sectors,
                                       struct vdisk_error *error)
{
    struct vmdk_text text;
    enum vdisk_status status = vmdk_edit_begin(image, &text, error);

    if (status == VDISK_OK)
        status = vmdk_edit_end(image, &text, vmdk_text_set_sectors(&text, sectors), error);
    return status == VDISK_OK ? vdisk_file_flush(image->file, error) : status;
}

/* The file is at every moment at least as long as the descriptor says. */
static enum vdisk_status resize_flat(struct vdisk_image *image, struct vmdk_extent *extent,
                                     uint64_t size_bytes, struct vdisk_error *error)
{
    const bool grows = size_bytes > extent->length_bytes;
    uint64_t end;
    enum vdisk_status status = VDISK_OK;

    if (!vdisk_add_u64(extent->file_offset_bytes, size_bytes, &end))
        return vdisk_image_fail(image, error, VDISK_OUT_OF_RANGE, NULL, VDISK_NO_OFFSET, NULL);
    if (grows)
        status = vdisk_file_set_size(extent->file, end, error);
    if (status == VDISK_OK && grows)
        status = vdisk_file_flush(extent->file, error);
    if (status == VDISK_OK)
        status = write_sectors(image, size_bytes / VDISK_SECTOR_BYTES, error);
    if (status != VDISK_OK)
        return status;
    extent->length_bytes = size_bytes;
    image->disk.size_bytes = size_bytes;
    return grows ? VDISK_OK : vdisk_file_set_size(extent->file, end, error);
}

/* What lies behind the old end, in the last grain, becomes visible: it must be zeros. */
static enum vdisk_status clear_last_grain(struct vmdk_extent *extent, struct vdisk_error *error)
{
    const uint64_t grain_bytes = vmdk_grain_bytes(extent);
    const uint64_t grain = (extent->length_bytes - 1) >> extent->grain_shift;
    const uint64_t visible = vmdk_visible_bytes(extent, grain);
    uint64_t sector;
    enum vdisk_status status;

    if (visible == grain_bytes)
        return VDISK_OK;
    status = vmdk_grain_find(extent, grain, &sector, error);
    if (status != VDISK_OK || sector <= VMDK_ENTRY_ZERO)
        return status;
    /* The rest of an unaligned grain may have been given to another one. */
    if (!vdisk_is_aligned(sector * VDISK_SECTOR_BYTES, grain_bytes))
        return vmdk_extent_fail(extent, error, VDISK_UNSUPPORTED, "VMDK grain table",
                                sector * VDISK_SECTOR_BYTES,
                                "the last grain is not aligned: the disk cannot grow");
    return vdisk_file_zero(extent->file, sector * VDISK_SECTOR_BYTES + visible,
                           grain_bytes - visible, error);
}

static enum vdisk_status copy_entries(struct vmdk_extent *extent, uint64_t from_bytes,
                                      uint64_t to_bytes, struct vdisk_error *error)
{
    uint64_t left = extent->directory_entries * 4;
    unsigned char *piece = vdisk_alloc(COPY_BYTES);
    enum vdisk_status status = VDISK_OK;

    if (piece == NULL)
        return vmdk_extent_fail(extent, error, VDISK_NO_MEMORY, NULL, VDISK_NO_OFFSET, NULL);
    while (left != 0 && status == VDISK_OK) {
        const size_t count = (size_t)vdisk_min_u64(left, COPY_BYTES);

        status = vdisk_file_read(extent->file, from_bytes, piece, count, error);
        if (status == VDISK_OK)
            status = vdisk_file_write(extent->file, to_bytes, piece, count, error);
        from_bytes += count;
        to_bytes += count;
        left -= count;
    }
    vdisk_free(piece);
    return status;
}

/* One copy: the old entries, and new tables behind the directory. */
static enum vdisk_status write_copy(struct vmdk_extent *extent, const struct growth *growth,
                                    uint64_t old_bytes, uint64_t sector, struct vdisk_error *error)
{
    enum vdisk_status status = copy_entries(extent, old_bytes, sector * VDISK_SECTOR_BYTES, error);

    if (status != VDISK_OK)
        return status;
    return vmdk_directory_write(extent->file, sector, extent->directory_entries,
                                growth->layout.directory_entries,
                                sector + growth->layout.directory_sectors, error);
}

static enum vdisk_status write_directories(struct vmdk_extent *extent, struct growth *growth,
                                           struct vdisk_error *error)
{
    const uint64_t new_tables = growth->layout.directory_entries - extent->directory_entries;
    const uint64_t copy_sectors = growth->layout.directory_sectors +
                                  new_tables * (VMDK_TABLE_ENTRIES * 4 / VDISK_SECTOR_BYTES);
    const uint32_t copies = extent->twin_directory_bytes != 0 ? 2 : 1;
    uint64_t offset;
    enum vdisk_status status =
        vmdk_extent_grow(extent, vmdk_grain_bytes(extent),
                         copy_sectors * VDISK_SECTOR_BYTES * copies, &offset, error);

    if (status == VDISK_OK)
        status = vdisk_file_set_size(extent->file, extent->end_bytes, error);
    if (status != VDISK_OK)
        return status;
    growth->first_sector = offset / VDISK_SECTOR_BYTES;
    if (copies == 2) {
        growth->twin_sector = growth->first_sector;
        growth->first_sector += copy_sectors;
        status =
            write_copy(extent, growth, extent->twin_directory_bytes, growth->twin_sector, error);
    }
    return status == VDISK_OK
               ? write_copy(extent, growth, extent->directory_bytes, growth->first_sector, error)
               : status;
}

/* The commit point: one sector. */
static enum vdisk_status write_header(struct vmdk_extent *extent, const struct growth *growth,
                                      struct vdisk_error *error)
{
    struct vmdk_header header = extent->header;
    unsigned char *bytes = vdisk_alloc(VMDK_HEADER_BYTES);
    enum vdisk_status status;

    if (bytes == NULL)
        return vmdk_extent_fail(extent, error, VDISK_NO_MEMORY, NULL, VDISK_NO_OFFSET, NULL);
    header.capacity_sectors = growth->capacity_sectors;
    header.unclean = true;
    if (growth->first_sector != 0)
        header.directory_sector = growth->first_sector;
    if (growth->twin_sector != 0)
        header.twin_directory_sector = growth->twin_sector;
    vmdk_header_encode(&header, bytes);
    status = vdisk_file_write(extent->file, 0, bytes, VMDK_HEADER_BYTES, error);
    vdisk_free(bytes);
    if (status == VDISK_OK)
        status = vdisk_file_flush(extent->file, error);
    if (status == VDISK_OK)
        extent->header = header;
    return status;
}

static void take_growth(struct vmdk_extent *extent, const struct growth *growth)
{
    const uint64_t bytes = growth->layout.directory_entries * 4;

    extent->length_bytes = growth->capacity_sectors * VDISK_SECTOR_BYTES;
    if (growth->first_sector == 0)
        return;
    extent->directory_entries = growth->layout.directory_entries;
    extent->directory_bytes = growth->first_sector * VDISK_SECTOR_BYTES;
    extent->twin_directory_bytes = growth->twin_sector * VDISK_SECTOR_BYTES;
    extent->reserved[0] = (struct vmdk_range){extent->directory_bytes, bytes};
    if (growth->twin_sector != 0)
        extent->reserved[1] = (struct vmdk_range){extent->twin_directory_bytes, bytes};
    atomic_store(&extent->end_sectors, (uint32_t)(extent->end_bytes / VDISK_SECTOR_BYTES));
}

static enum vdisk_status grow_sparse(struct vdisk_image *image, struct vmdk_extent *extent,
                                     uint64_t size_bytes, struct vdisk_error *error)
{
    struct growth growth = {.capacity_sectors = size_bytes / VDISK_SECTOR_BYTES};
    enum vdisk_status status;

    if (growth.capacity_sectors > UINT32_MAX - UINT32_MAX / 1024)
        return refuse(image, error, "a monolithicSparse VMDK holds less than 2 TiB");
    vmdk_layout_compute(growth.capacity_sectors, extent->header.grain_sectors, &growth.layout);
    status = vmdk_extent_flush(extent, error); /* directories are copied from the file */
    if (status == VDISK_OK)
        status = clear_last_grain(extent, error);
    if (status == VDISK_OK && growth.layout.directory_entries > extent->directory_entries)
        status = write_directories(extent, &growth, error);
    if (status == VDISK_OK)
        status = vdisk_file_flush(extent->file, error);
    /* An embedded descriptor's size is read by nobody: it may be ahead of the header. */
    if (status == VDISK_OK)
        status = write_sectors(image, growth.capacity_sectors, error);
    if (status == VDISK_OK)
        status = write_header(extent, &growth, error);
    if (status != VDISK_OK)
        return status;
    take_growth(extent, &growth);
    image->disk.size_bytes = size_bytes;
    return VDISK_OK;
}

enum vdisk_status vmdk_resize(struct vdisk_image *image, uint64_t size_bytes,
                              struct vdisk_error *error)
{
    struct vmdk_state *state = vmdk_state(image);
    struct vmdk_extent *extent = &state->extents[0];

    if (state->extent_count != 1)
        return refuse(image, error, "a split VMDK cannot be resized");
    if (size_bytes == image->disk.size_bytes)
        return VDISK_OK;
    if (extent->kind == VMDK_EXTENT_FLAT)
        return resize_flat(image, extent, size_bytes, error);
    if (extent->kind != VMDK_EXTENT_HOSTED || extent->stream != NULL || extent->owns_file)
        return refuse(image, error, "this kind of VMDK cannot be resized");
    if (size_bytes < image->disk.size_bytes)
        return refuse(image, error, "a sparse VMDK cannot be made smaller");
    return grow_sparse(image, extent, size_bytes, error);
}
