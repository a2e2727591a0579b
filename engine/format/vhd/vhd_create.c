#include "engine/format/vhd/vhd_state.h"

#define TABLE_OFFSET ((uint64_t)VHD_FOOTER_BYTES + VHD_HEADER_BYTES)
#define FILL_BYTES   (64u << 10)

static enum vdisk_status invalid(struct vdisk_file *file, struct vdisk_error *error,
                                 const char *reason)
{
    return vdisk_fail(error, VDISK_INVALID, file->name, "VHD", VDISK_NO_OFFSET, reason);
}

/* The type that the options ask for. */
static enum vdisk_status choose_type(struct vdisk_file *file,
                                     const struct vdisk_create_options *options, uint32_t *type,
                                     struct vdisk_error *error)
{
    static const uint32_t types[] = {[VDISK_DYNAMIC] = VHD_DYNAMIC,
                                     [VDISK_FIXED] = VHD_FIXED,
                                     [VDISK_DIFFERENCING] = VHD_DIFFERENCING};
    enum vdisk_kind kind;
    enum vdisk_status status = vdisk_create_kind(file, options, &kind, error);

    if (status == VDISK_OK)
        *type = types[kind];
    return status;
}

static enum vdisk_status check_sizes(struct vdisk_file *file,
                                     const struct vdisk_create_options *options,
                                     struct vdisk_error *error)
{
    const uint32_t block = options->block_bytes;

    if (options->size_bytes > VHD_DISK_BYTES_MAX)
        return invalid(file, error, "a VHD has at most 2040 GiB");
    if (options->logical_sector_bytes != VDISK_SECTOR_BYTES)
        return invalid(file, error, "a VHD has sectors of 512 bytes");
    if (block != 0 && (!vdisk_is_power_of_two(block) || block < VHD_BLOCK_BYTES_MIN ||
                       block > VHD_BLOCK_BYTES_MAX))
        return invalid(file, error, "the block size is no power of two from 64 KiB to 256 MiB");
    return VDISK_OK;
}

static enum vdisk_status create_fixed(struct vdisk_file *file,
                                      const struct vdisk_create_options *options,
                                      unsigned char *footer, struct vdisk_error *error)
{
    enum vdisk_status status = VDISK_OK;

    if (options->fixed)
        status = vdisk_file_fill_zeros(file, 0, options->size_bytes, error);
    if (status == VDISK_OK)
        status = vdisk_file_write(file, options->size_bytes, footer, VHD_FOOTER_BYTES, error);
    return status;
}

/* A table without blocks, in whole sectors. */
static enum vdisk_status write_table(struct vdisk_file *file, uint64_t offset_bytes,
                                     uint64_t length_bytes, struct vdisk_error *error)
{
    unsigned char *piece = vdisk_alloc(FILL_BYTES);
    enum vdisk_status status = VDISK_OK;

    if (piece == NULL)
        return vdisk_fail(error, VDISK_NO_MEMORY, file->name, NULL, VDISK_NO_OFFSET, NULL);
    memset(piece, 0xff, FILL_BYTES);
    while (length_bytes != 0 && status == VDISK_OK) {
        const size_t count = (size_t)vdisk_min_u64(length_bytes, FILL_BYTES);

        status = vdisk_file_write(file, offset_bytes, piece, count, error);
        offset_bytes += count;
        length_bytes -= count;
    }
    vdisk_free(piece);
    return status;
}

static enum vdisk_status write_parent(struct vdisk_file *file,
                                      const struct vdisk_create_options *options,
                                      unsigned char *header, uint64_t *end_bytes,
                                      struct vdisk_error *error)
{
    struct vhd_parent parent;
    unsigned char *area = vdisk_alloc(VHD_PARENT_AREA_BYTES);
    uint32_t area_bytes;
    enum vdisk_status status = vhd_parent_describe(file, options->parent, options->parent_name,
                                                   options->parent_absolute_name, &parent, error);

    if (area == NULL)
        return vdisk_fail(error, VDISK_NO_MEMORY, file->name, NULL, VDISK_NO_OFFSET, NULL);
    if (status == VDISK_OK)
        status = vhd_parent_encode(file, &parent, *end_bytes, header, area, &area_bytes, error);
    if (status == VDISK_OK)
        status = vdisk_file_write(file, *end_bytes, area, area_bytes, error);
    if (status == VDISK_OK)
        *end_bytes += area_bytes;
    vdisk_free(area);
    return status;
}

static enum vdisk_status create_dynamic(struct vdisk_file *file,
                                        const struct vdisk_create_options *options,
                                        unsigned char *footer, unsigned char *header,
                                        struct vdisk_error *error)
{
    const uint32_t block_bytes =
        options->block_bytes != 0 ? options->block_bytes : VHD_BLOCK_DEFAULT;
    const uint64_t block_count = vdisk_div_up(options->size_bytes, block_bytes);
    const uint64_t table_bytes =
        vdisk_div_up(block_count * VHD_ENTRY_BYTES, VDISK_SECTOR_BYTES) * VDISK_SECTOR_BYTES;
    uint64_t end_bytes = TABLE_OFFSET + table_bytes;
    enum vdisk_status status = write_table(file, TABLE_OFFSET, table_bytes, error);

    vhd_header_make(header, TABLE_OFFSET, (uint32_t)block_count, block_bytes);
    if (status == VDISK_OK && options->parent != NULL)
        status = write_parent(file, options, header, &end_bytes, error);
    if (status == VDISK_OK)
        status = vdisk_file_write(file, VHD_FOOTER_BYTES, header, VHD_HEADER_BYTES, error);
    if (status == VDISK_OK)
        status = vdisk_file_write(file, 0, footer, VHD_FOOTER_BYTES, error);
    if (status == VDISK_OK)
        status = vdisk_file_write(file, end_bytes, footer, VHD_FOOTER_BYTES, error);
    return status;
}

enum vdisk_status vhd_create(struct vdisk_file *file, const struct vdisk_create_options *options,
                             struct vdisk_error *error)
{
    unsigned char *bytes;
    uint32_t type = VHD_DYNAMIC;
    enum vdisk_status status = check_sizes(file, options, error);

    if (status == VDISK_OK)
        status = choose_type(file, options, &type, error);
    if (status != VDISK_OK)
        return status;
    bytes = vdisk_alloc(VHD_FOOTER_BYTES + VHD_HEADER_BYTES);
    if (bytes == NULL)
        return vdisk_fail(error, VDISK_NO_MEMORY, file->name, NULL, VDISK_NO_OFFSET, NULL);
    vhd_footer_make(bytes, type, options->size_bytes);
    if (type == VHD_FIXED)
        status = create_fixed(file, options, bytes, error);
    else
        status = create_dynamic(file, options, bytes, bytes + VHD_FOOTER_BYTES, error);
    if (status == VDISK_OK)
        status = vdisk_file_flush(file, error);
    vdisk_free(bytes);
    return status;
}
