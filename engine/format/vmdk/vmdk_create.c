#include "engine/format/vmdk/vmdk_create.h"
#include "engine/base/endian.h"
#include "engine/base/text.h"
#include "engine/format/vmdk/vmdk_edit.h"
#include "engine/format/vmdk/vmdk_index.h"
#include "engine/format/vmdk/vmdk_compose.h"
#include "engine/format/vmdk/vmdk_stream.h"

#define DESCRIPTOR_SECTORS  20u
#define GRAIN_BYTES_DEFAULT 65536u
#define GRAIN_BYTES_MIN     8192u
#define PIECE_SECTORS       UINT64_C(4192256) /* of a split disk: 2047 MiB */
#define PIECE_BYTES         65536u

enum subformat { SPARSE, FLAT, SPLIT_SPARSE, SPLIT_FLAT, STREAM, SUBFORMAT_COUNT };

static const char *const subformat_names[SUBFORMAT_COUNT] = {
    "monolithicSparse",   "monolithicFlat",  "twoGbMaxExtentSparse",
    "twoGbMaxExtentFlat", "streamOptimized",
};

/* What is being made. */
struct making {
    struct vdisk_file *file;
    const struct vdisk_create_options *options;
    enum subformat subformat;
    uint64_t sectors;
    uint64_t grain_sectors;
    struct vmdk_text text; /* of the descriptor */
    struct vdisk_error *error;
};

static enum vdisk_status make_fail(const struct making *making, enum vdisk_status status,
                                   const char *reason)
{
    return vdisk_fail(making->error, status, making->file->name, NULL, VDISK_NO_OFFSET, reason);
}

static bool is_split(enum subformat subformat)
{
    return subformat == SPLIT_SPARSE || subformat == SPLIT_FLAT;
}

static bool is_flat(enum subformat subformat)
{
    return subformat == FLAT || subformat == SPLIT_FLAT;
}

static enum vdisk_status choose_subformat(struct making *making)
{
    const struct vdisk_create_options *options = making->options;

    making->subformat = options->fixed ? FLAT : options->compress ? STREAM : SPARSE;
    if (options->subformat != NULL) {
        uint32_t i = 0;

        while (i < SUBFORMAT_COUNT && strcmp(options->subformat, subformat_names[i]) != 0)
            i++;
        if (i == SUBFORMAT_COUNT)
            return make_fail(making, VDISK_UNSUPPORTED,
                             "a VMDK is monolithicSparse, monolithicFlat, twoGbMaxExtentSparse, "
                             "twoGbMaxExtentFlat or streamOptimized");
        making->subformat = (enum subformat)i;
    }
    if (options->fixed && !is_flat(making->subformat))
        return make_fail(making, VDISK_INVALID, "only flat kinds of VMDK are fully allocated");
    if (options->compress && making->subformat != STREAM)
        return make_fail(making, VDISK_INVALID, "only streamOptimized is compressed");
    return VDISK_OK;
}

static enum vdisk_status check_size(const struct making *making)
{
    const uint64_t file_max = UINT32_MAX;

    /* Every table entry, of this disk at its fullest, must hold a sector number. */
    if (making->subformat == SPARSE && making->sectors > file_max - file_max / 1024)
        return make_fail(making, VDISK_INVALID, "a monolithicSparse VMDK holds less than 2 TiB");
    if (making->subformat == STREAM && making->sectors > file_max)
        return make_fail(making, VDISK_INVALID, "a streamOptimized VMDK holds less than 2 TiB");
    if (is_split(making->subformat) && making->sectors > PIECE_SECTORS * VMDK_EXTENTS_MAX)
        return make_fail(making, VDISK_INVALID, "a split VMDK has at most 512 extents");
    return VDISK_OK;
}

static enum vdisk_status check_parent(const struct making *making)
{
    const struct vdisk_create_options *options = making->options;
    const char *name =
        options->parent_name != NULL ? options->parent_name : options->parent_absolute_name;

    if (options->parent == NULL)
        return VDISK_OK;
    if (is_flat(making->subformat) || making->subformat == STREAM)
        return make_fail(making, VDISK_UNSUPPORTED, "this kind of VMDK has no parent");
    if (options->size_bytes < options->parent->disk.size_bytes)
        return make_fail(making, VDISK_INVALID, "the disk is smaller than its parent");
    return vmdk_parent_check(options->parent, name, making->file->name, making->error);
}

static enum vdisk_status check_options(struct making *making)
{
    const struct vdisk_create_options *options = making->options;
    const uint32_t grain_bytes =
        options->block_bytes != 0 ? options->block_bytes : GRAIN_BYTES_DEFAULT;
    enum vdisk_status status = choose_subformat(making);

    if (status != VDISK_OK)
        return status;
    if (options->logical_sector_bytes != VDISK_SECTOR_BYTES)
        return make_fail(making, VDISK_INVALID, "a VMDK has sectors of 512 bytes");
    if (!vdisk_is_power_of_two(grain_bytes) || grain_bytes < GRAIN_BYTES_MIN ||
        grain_bytes > (making->subformat == STREAM ? VMDK_PACKED_GRAIN_MAX : VMDK_GRAIN_BYTES_MAX))
        return make_fail(making, VDISK_INVALID,
                         "a grain has 8 KiB to 1 MiB (compressed: 512 KiB), a power of two");
    making->sectors = options->size_bytes / VDISK_SECTOR_BYTES;
    making->grain_sectors = grain_bytes / VDISK_SECTOR_BYTES;
    status = check_size(making);
    return status == VDISK_OK ? check_parent(making) : status;
}

void vmdk_layout_compute(uint64_t capacity_sectors, uint64_t grain_sectors,
                         struct vmdk_layout *layout)
{
    layout->directory_entries = vdisk_div_up(capacity_sectors, grain_sectors * VMDK_TABLE_ENTRIES);
    layout->directory_sectors = vdisk_div_up(layout->directory_entries * 4, VDISK_SECTOR_BYTES);
    layout->table_sectors =
        layout->directory_entries * (VMDK_TABLE_ENTRIES * 4 / VDISK_SECTOR_BYTES);
}

enum vdisk_status vmdk_directory_write(struct vdisk_file *file, uint64_t sector,
                                       uint64_t first_entry, uint64_t entries,
                                       uint64_t first_table_sector, struct vdisk_error *error)
{
    unsigned char *piece = vdisk_alloc(PIECE_BYTES);
    uint64_t table = first_table_sector;
    enum vdisk_status status = VDISK_OK;

    if (piece == NULL)
        return vdisk_fail(error, VDISK_NO_MEMORY, file->name, NULL, VDISK_NO_OFFSET, NULL);
    for (uint64_t done = first_entry; done < entries && status == VDISK_OK;) {
        const uint32_t count = (uint32_t)vdisk_min_u64(entries - done, PIECE_BYTES / 4);

        for (uint32_t i = 0; i < count; i++) {
            vdisk_store_le32(piece + 4 * i, (uint32_t)table);
            table += VMDK_TABLE_ENTRIES * 4 / VDISK_SECTOR_BYTES;
        }
        status = vdisk_file_write(file, sector * VDISK_SECTOR_BYTES + done * 4, piece,
                                  (size_t)count * 4, error);
        done += count;
    }
    vdisk_free(piece);
    return status;
}

/* A header, in the first sector of the file. */
static enum vdisk_status write_header(struct vdisk_file *file, const struct vmdk_header *header,
                                      struct vdisk_error *error)
{
    unsigned char *bytes = vdisk_alloc(VMDK_HEADER_BYTES);
    enum vdisk_status status;

    if (bytes == NULL)
        return vdisk_fail(error, VDISK_NO_MEMORY, file->name, NULL, VDISK_NO_OFFSET, NULL);
    vmdk_header_encode(header, bytes);
    status = vdisk_file_write(file, 0, bytes, VMDK_HEADER_BYTES, error);
    vdisk_free(bytes);
    return status;
}

/* A hosted sparse extent without grains; `embedded` puts the descriptor's text into it. */
static enum vdisk_status make_sparse(const struct making *making, struct vdisk_file *file,
                                     uint64_t sectors, bool embedded)
{
    struct vmdk_header header = {
        .version = VMDK_VERSION_PLAIN,
        .flags = VMDK_FLAG_NEWLINES | VMDK_FLAG_REDUNDANT,
        .capacity_sectors = sectors,
        .grain_sectors = making->grain_sectors,
        .descriptor_sector = embedded ? 1 : 0,
        .descriptor_sectors = embedded ? DESCRIPTOR_SECTORS : 0,
        .table_entries = VMDK_TABLE_ENTRIES,
        .twin_directory_sector = 1 + DESCRIPTOR_SECTORS,
    };
    struct vmdk_layout layout;
    uint64_t end;
    enum vdisk_status status;

    vmdk_layout_compute(sectors, making->grain_sectors, &layout);
    header.directory_sector =
        header.twin_directory_sector + layout.directory_sectors + layout.table_sectors;
    end = header.directory_sector + layout.directory_sectors + layout.table_sectors;
    header.overhead_sectors =
        vdisk_align_down(end + making->grain_sectors - 1, making->grain_sectors);
    /* The tables are zeros: absent grains. */
    status = vdisk_file_set_size(file, header.overhead_sectors * VDISK_SECTOR_BYTES, making->error);
    if (status == VDISK_OK)
        status = vmdk_directory_write(
            file, header.twin_directory_sector, 0, layout.directory_entries,
            header.twin_directory_sector + layout.directory_sectors, making->error);
    if (status == VDISK_OK)
        status =
            vmdk_directory_write(file, header.directory_sector, 0, layout.directory_entries,
                                 header.directory_sector + layout.directory_sectors, making->error);
    if (status == VDISK_OK && embedded)
        status = vdisk_file_write(file, VDISK_SECTOR_BYTES, making->text.bytes, making->text.length,
                                  making->error);
    if (status == VDISK_OK)
        status = write_header(file, &header, making->error);
    return status == VDISK_OK ? vdisk_file_flush(file, making->error) : status;
}

/* A stream without grains, complete with its footer, so that it can be opened and written. */
static enum vdisk_status make_stream(const struct making *making)
{
    struct vmdk_extent *extent = vdisk_alloc(sizeof *extent);
    struct vmdk_header *header;
    struct vmdk_layout layout;
    enum vdisk_status status;

    if (extent == NULL)
        return make_fail(making, VDISK_NO_MEMORY, NULL);
    vmdk_layout_compute(making->sectors, making->grain_sectors, &layout);
    extent->kind = VMDK_EXTENT_HOSTED;
    extent->file = making->file;
    extent->directory_entries = layout.directory_entries;
    header = &extent->header;
    header->version = VMDK_VERSION_STREAM;
    header->flags = VMDK_FLAG_NEWLINES | VMDK_FLAG_COMPRESSED | VMDK_FLAG_MARKERS;
    header->capacity_sectors = making->sectors;
    header->grain_sectors = making->grain_sectors;
    header->descriptor_sector = 1;
    header->descriptor_sectors = DESCRIPTOR_SECTORS;
    header->table_entries = VMDK_TABLE_ENTRIES;
    header->directory_sector = VMDK_GD_AT_END;
    header->overhead_sectors = vdisk_max_u64(making->grain_sectors, 1 + DESCRIPTOR_SECTORS);
    header->overhead_sectors = vdisk_align_down(
        header->overhead_sectors + making->grain_sectors - 1, making->grain_sectors);
    header->compression = 1;
    extent->end_bytes = header->overhead_sectors * VDISK_SECTOR_BYTES;
    status = vdisk_file_set_size(extent->file, extent->end_bytes, making->error);
    if (status == VDISK_OK)
        status = vdisk_file_write(making->file, VDISK_SECTOR_BYTES, making->text.bytes,
                                  making->text.length, making->error);
    if (status == VDISK_OK)
        status = write_header(extent->file, header, making->error);
    if (status == VDISK_OK)
        status = vmdk_index_create(extent, 0, &extent->index, making->error);
    if (status == VDISK_OK)
        status = vmdk_stream_finish(extent, making->error);
    vmdk_index_destroy(extent->index);
    vdisk_free(extent);
    return status == VDISK_OK ? vdisk_file_flush(making->file, making->error) : status;
}

static enum vdisk_status make_flat(const struct making *making, struct vdisk_file *file,
                                   uint64_t sectors)
{
    const uint64_t size = sectors * VDISK_SECTOR_BYTES;
    enum vdisk_status status = vdisk_file_set_size(file, size, making->error);

    if (status == VDISK_OK && making->options->fixed)
        status = vdisk_file_fill_zeros(file, 0, size, making->error);
    return status == VDISK_OK ? vdisk_file_flush(file, making->error) : status;
}

/* One extent in a file of its own; `name` is scratch space. */
static enum vdisk_status make_extent(const struct making *making, uint32_t number, uint64_t sectors,
                                     char *name)
{
    struct vdisk_file_request request = {
        .role = VDISK_ROLE_EXTENT,
        .kind = VDISK_NAME_RELATIVE,
        .name = name,
        .referrer = making->file->name,
        .create = true,
    };
    struct vmdk_text text = {.bytes = name, .room_bytes = VDISK_NAME_BYTES};
    struct vdisk_file *file;
    enum vdisk_status status;

    memset(name, 0, VDISK_NAME_BYTES);
    vmdk_text_add_extent_name(&text, making->file->name, number, is_flat(making->subformat));
    if (text.overflow || !vdisk_name_is_plain(name))
        return make_fail(making, VDISK_INVALID, "no names for extents can be made from this name");
    status = making->options->finder->open(making->options->finder, &request, &file, making->error);
    if (status != VDISK_OK)
        return status;
    status = is_flat(making->subformat) ? make_flat(making, file, sectors)
                                        : make_sparse(making, file, sectors, false);
    vdisk_file_close(file);
    return status;
}

static enum vdisk_status make_extents(const struct making *making)
{
    const uint64_t piece = is_split(making->subformat) ? PIECE_SECTORS : making->sectors;
    uint64_t left = making->sectors;
    char *name;
    enum vdisk_status status = VDISK_OK;

    if (making->options->finder == NULL)
        return make_fail(making, VDISK_ACCESS,
                         "this kind of VMDK has extents, and no other file may be made");
    name = vdisk_alloc(VDISK_NAME_BYTES);
    if (name == NULL)
        return make_fail(making, VDISK_NO_MEMORY, NULL);
    for (uint32_t number = is_split(making->subformat) ? 1 : 0; left != 0 && status == VDISK_OK;
         number++) {
        const uint64_t sectors = vdisk_min_u64(left, piece);

        status = make_extent(making, number, sectors, name);
        left -= sectors;
    }
    vdisk_free(name);
    return status;
}

static enum vdisk_status compose_text(struct making *making)
{
    const struct vdisk_create_options *options = making->options;
    const struct vmdk_text_disk disk = {
        .create_type = subformat_names[making->subformat],
        .file_name = making->file->name,
        .sectors = making->sectors,
        .piece_sectors = is_split(making->subformat) ? PIECE_SECTORS : making->sectors,
        .flat = is_flat(making->subformat),
        .split = is_split(making->subformat),
        .content_id = vmdk_content_id(VMDK_NO_PARENT),
        .parent_content_id = options->parent != NULL
                                 ? vmdk_state(options->parent)->descriptor->content_id
                                 : VMDK_NO_PARENT,
        .parent_hint =
            options->parent_name != NULL ? options->parent_name : options->parent_absolute_name,
    };
    const bool embedded = making->subformat == SPARSE || making->subformat == STREAM;

    making->text.bytes = vdisk_alloc(VMDK_TEXT_BYTES_MAX);
    if (making->text.bytes == NULL)
        return make_fail(making, VDISK_NO_MEMORY, NULL);
    making->text.room_bytes =
        embedded ? DESCRIPTOR_SECTORS * VDISK_SECTOR_BYTES : VMDK_TEXT_BYTES_MAX;
    vmdk_text_add_disk(&making->text, &disk);
    return making->text.overflow
               ? make_fail(making, VDISK_INVALID, "the names are too long for a descriptor")
               : VDISK_OK;
}

static enum vdisk_status make_all(struct making *making)
{
    enum vdisk_status status = check_options(making);

    if (status == VDISK_OK)
        status = compose_text(making);
    if (status != VDISK_OK)
        return status;
    if (making->subformat == SPARSE)
        return make_sparse(making, making->file, making->sectors, true);
    if (making->subformat == STREAM)
        return make_stream(making);
    status = make_extents(making);
    if (status == VDISK_OK)
        status = vdisk_file_write(making->file, 0, making->text.bytes, making->text.length,
                                  making->error);
    return status == VDISK_OK ? vdisk_file_flush(making->file, making->error) : status;
}

enum vdisk_status vmdk_create(struct vdisk_file *file, const struct vdisk_create_options *options,
                              struct vdisk_error *error)
{
    struct making making = {.file = file, .options = options, .error = error};
    enum vdisk_status status = make_all(&making);

    vdisk_free(making.text.bytes);
    return status;
}
