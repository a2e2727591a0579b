#include "engine/format/vdi/vdi_state.h"
#include "engine/base/endian.h"

#define ALIGN_BYTES (1u << 20) /* where map and data begin: as VirtualBox does it */

static enum vdisk_status invalid(struct vdisk_file *file, struct vdisk_error *error,
                                 const char *reason)
{
    return vdisk_fail(error, VDISK_INVALID, file->name, "VDI", VDISK_NO_OFFSET, reason);
}

static enum vdisk_status choose_type(struct vdisk_file *file,
                                     const struct vdisk_create_options *options, uint32_t *type,
                                     struct vdisk_error *error)
{
    static const uint32_t types[] = {[VDISK_DYNAMIC] = VDI_DYNAMIC,
                                     [VDISK_FIXED] = VDI_FIXED,
                                     [VDISK_DIFFERENCING] = VDI_DIFFERENCING};
    enum vdisk_kind kind;
    enum vdisk_status status = vdisk_create_kind(file, options, &kind, error);

    if (status == VDISK_OK)
        *type = types[kind];
    return status;
}

static enum vdisk_status plan(struct vdisk_file *file, const struct vdisk_create_options *options,
                              struct vdi_header *header, struct vdisk_error *error)
{
    uint64_t block_count, table_end;

    header->block_bytes = options->block_bytes != 0 ? options->block_bytes : VDI_BLOCK_DEFAULT;
    if (options->logical_sector_bytes != VDISK_SECTOR_BYTES)
        return invalid(file, error, "a VDI has sectors of 512 bytes");
    if (!vdisk_is_power_of_two(header->block_bytes) || header->block_bytes < VDI_BLOCK_BYTES_MIN ||
        header->block_bytes > VDI_BLOCK_BYTES_MAX)
        return invalid(file, error, "the block size is no power of two from 4 KiB to 1 GiB");
    block_count = vdisk_div_up(options->size_bytes, header->block_bytes);
    if (block_count > VDI_BLOCKS_MAX)
        return invalid(file, error, "the disk has too many blocks: use larger ones");
    header->disk_bytes = options->size_bytes;
    header->block_count = (uint32_t)block_count;
    header->table_offset = ALIGN_BYTES;
    table_end = header->table_offset + block_count * VDI_ENTRY_BYTES;
    header->data_offset = vdisk_div_up(table_end, ALIGN_BYTES) * ALIGN_BYTES;
    return choose_type(file, options, &header->type, error);
}

static enum vdisk_status write_map(struct vdisk_file *file, const struct vdi_header *header,
                                   struct vdisk_error *error)
{
    unsigned char *piece = vdisk_alloc(VDI_COPY_BYTES);
    enum vdisk_status status = VDISK_OK;

    if (piece == NULL)
        return vdisk_fail(error, VDISK_NO_MEMORY, file->name, NULL, VDISK_NO_OFFSET, NULL);
    for (uint32_t first = 0; first < header->block_count && status == VDISK_OK;) {
        const uint32_t count =
            (uint32_t)vdisk_min_u64(VDI_COPY_BYTES / VDI_ENTRY_BYTES, header->block_count - first);

        for (uint32_t index = 0; index < count; index++)
            vdisk_store_le32(piece + (size_t)index * VDI_ENTRY_BYTES,
                             header->type == VDI_FIXED ? first + index : VDI_ABSENT);
        status = vdisk_file_write(file, header->table_offset + (uint64_t)first * VDI_ENTRY_BYTES,
                                  piece, (size_t)count * VDI_ENTRY_BYTES, error);
        first += count;
    }
    vdisk_free(piece);
    return status;
}

static enum vdisk_status write_all(struct vdisk_file *file,
                                   const struct vdisk_create_options *options,
                                   const struct vdi_header *header, const unsigned char *sector,
                                   struct vdisk_error *error)
{
    uint64_t data_bytes = 0;
    enum vdisk_status status = write_map(file, header, error);

    if (header->type == VDI_FIXED)
        data_bytes = (uint64_t)header->block_count * header->block_bytes;
    if (status == VDISK_OK)
        status = vdisk_file_set_size(file, header->data_offset + data_bytes, error);
    if (status == VDISK_OK && options->fixed)
        status = vdisk_file_fill_zeros(file, header->data_offset, data_bytes, error);
    if (status == VDISK_OK)
        status = vdisk_file_write(file, 0, sector, VDI_SECTOR_BYTES, error);
    if (status == VDISK_OK)
        status = vdisk_file_flush(file, error);
    return status;
}

enum vdisk_status vdi_create(struct vdisk_file *file, const struct vdisk_create_options *options,
                             struct vdisk_error *error)
{
    struct vdi_header header = {0};
    unsigned char *sector;
    enum vdisk_status status = plan(file, options, &header, error);

    if (status != VDISK_OK)
        return status;
    sector = vdisk_alloc(VDI_SECTOR_BYTES);
    if (sector == NULL)
        return vdisk_fail(error, VDISK_NO_MEMORY, file->name, NULL, VDISK_NO_OFFSET, NULL);
    if (header.type == VDI_FIXED)
        header.allocated_count = header.block_count;
    vdi_header_make(sector, &header);
    if (options->parent != NULL)
        status = vdi_describe_parent(file, options->parent, options->parent_name, sector, &header,
                                     error);
    if (status == VDISK_OK)
        status = write_all(file, options, &header, sector, error);
    vdisk_free(sector);
    return status;
}
