#include "engine/format/vmdk/vmdk_open.h"
#include "engine/base/endian.h"
#include "engine/format/vmdk/vmdk_cowd.h"
#include "engine/format/vmdk/vmdk_extent.h"
#include "engine/format/vmdk/vmdk_inflate.h"
#include "engine/format/vmdk/vmdk_sesparse.h"
#include "engine/format/vmdk/vmdk_stream.h"
#include "engine/format/vmdk/vmdk_text.h"

#define CACHE_PAGES     4096u /* of 512 bytes, over all extents */
#define CACHE_PAGES_MIN 64u

static const char structure[] = "VMDK descriptor";

bool vmdk_probe(const struct vdisk_probe *probe)
{
    if (probe->head_bytes < VDISK_SECTOR_BYTES)
        return vmdk_descriptor_probe(probe->head, probe->head_bytes);
    return vdisk_load_le32(probe->head) == VMDK_MAGIC_HOSTED ||
           vdisk_load_le32(probe->head) == VMDK_MAGIC_COWD ||
           vdisk_load_le64(probe->head) == VMDK_MAGIC_SESPARSE ||
           vmdk_descriptor_probe(probe->head, probe->head_bytes);
}

/* Reads the text at state->text_offset_bytes and parses it. */
static enum vdisk_status load_text(struct vdisk_image *image, uint32_t text_bytes,
                                   struct vdisk_error *error)
{
    struct vmdk_state *state = vmdk_state(image);
    enum vdisk_status status;

    state->text = vdisk_alloc(VMDK_TEXT_BYTES_MAX);
    if (state->text == NULL)
        return vdisk_image_fail(image, error, VDISK_NO_MEMORY, structure, VDISK_NO_OFFSET, NULL);
    text_bytes = (uint32_t)vdisk_min_u64(text_bytes, VMDK_TEXT_BYTES_MAX - 1);
    status = vdisk_file_read(image->file, state->text_offset_bytes, state->text, text_bytes, error);
    if (status != VDISK_OK)
        return status;
    state->text_bytes = (uint32_t)strlen(state->text);
    return vmdk_descriptor_parse(state->text, text_bytes, image->file->name,
                                 state->text_offset_bytes, &state->descriptor, error);
}

/* Pieces of a split disk have no descriptor, or an area of it that is empty. */
static enum vdisk_status refuse_piece(struct vdisk_image *image, struct vdisk_error *error)
{
    return vdisk_image_fail(image, error, VDISK_UNSUPPORTED, structure, 28,
                            "this is one extent of a disk: open the disk's descriptor instead");
}

static enum vdisk_status open_embedded_text(struct vdisk_image *image,
                                            const struct vmdk_header *header,
                                            struct vdisk_error *error)
{
    struct vmdk_state *state = vmdk_state(image);
    uint64_t size, length;
    enum vdisk_status status = vdisk_file_get_size(image->file, &size, error);

    if (status != VDISK_OK)
        return status;
    if (header->descriptor_sector == 0 || header->descriptor_sectors == 0)
        return refuse_piece(image, error);
    if (!vdisk_mul_u64(header->descriptor_sector, VDISK_SECTOR_BYTES, &state->text_offset_bytes) ||
        !vdisk_mul_u64(header->descriptor_sectors, VDISK_SECTOR_BYTES, &length) ||
        !vdisk_range_within(state->text_offset_bytes, length, size))
        return vdisk_image_fail(image, error, VDISK_CORRUPT, structure, 28,
                                "it lies outside of the file");
    state->text_room_bytes = (uint32_t)vdisk_min_u64(length, VMDK_TEXT_BYTES_MAX);
    status = load_text(image, state->text_room_bytes, error);
    if (status == VDISK_OK && state->text_bytes == 0)
        return refuse_piece(image, error);
    if (status == VDISK_OK && state->descriptor->extent_count > 1)
        return vdisk_image_fail(image, error, VDISK_UNSUPPORTED, structure,
                                state->text_offset_bytes,
                                "it lies in an extent, but names several");
    return status;
}

static enum vdisk_status allocate_extents(struct vdisk_image *image, uint32_t count,
                                          struct vdisk_error *error)
{
    struct vmdk_state *state = vmdk_state(image);

    state->extents = vdisk_alloc_array(count, sizeof *state->extents);
    if (state->extents == NULL)
        return vdisk_image_fail(image, error, VDISK_NO_MEMORY, NULL, VDISK_NO_OFFSET, NULL);
    state->extent_count = count;
    return VDISK_OK;
}

/* The image's file is the disk's only extent. (The name in its descriptor is often an old one.) */
static enum vdisk_status open_single(struct vdisk_image *image, enum vmdk_extent_kind kind,
                                     struct vdisk_error *error)
{
    struct vmdk_state *state = vmdk_state(image);
    struct vmdk_extent *extent;
    enum vdisk_status status = allocate_extents(image, 1, error);

    if (status != VDISK_OK)
        return status;
    extent = &state->extents[0];
    extent->kind = kind;
    extent->file = image->file;
    return vmdk_extent_open(extent, CACHE_PAGES, error);
}

static enum vdisk_status open_hosted(struct vdisk_image *image, struct vdisk_error *error)
{
    struct vmdk_header header;
    enum vdisk_status status = vmdk_header_read(image->file, 0, &header, error);

    if (status == VDISK_OK)
        status = vmdk_header_check(image->file, &header, 0, error);
    if (status == VDISK_OK)
        status = open_embedded_text(image, &header, error);
    if (status == VDISK_OK)
        status = open_single(image, VMDK_EXTENT_HOSTED, error);
    return status;
}

/* A COWD extent by itself has no descriptor: its header names the parent. */
static enum vdisk_status open_cowd(struct vdisk_image *image, struct vdisk_error *error)
{
    char *name;
    enum vdisk_status status = open_single(image, VMDK_EXTENT_COWD, error);

    if (status != VDISK_OK)
        return status;
    name = vdisk_alloc(VDISK_NAME_BYTES);
    if (name == NULL)
        return vdisk_image_fail(image, error, VDISK_NO_MEMORY, NULL, VDISK_NO_OFFSET, NULL);
    status = vmdk_cowd_parent(&vmdk_state(image)->extents[0], name, error);
    if (status == VDISK_OK && name[0] != '\0') {
        image->has_parent = true;
        status = vdisk_image_add_parent_name(image, VDISK_NAME_RELATIVE, name, error);
    }
    vdisk_free(name);
    return status;
}

static enum vmdk_extent_kind kind_of(enum vmdk_extent_type type)
{
    switch (type) {
    case VMDK_TYPE_ZERO:
        return VMDK_EXTENT_ZERO;
    case VMDK_TYPE_SPARSE:
        return VMDK_EXTENT_HOSTED;
    case VMDK_TYPE_VMFSSPARSE:
        return VMDK_EXTENT_COWD;
    case VMDK_TYPE_SESPARSE:
        return VMDK_EXTENT_SESPARSE;
    case VMDK_TYPE_FLAT:
    case VMDK_TYPE_VMFS:
        break;
    }
    return VMDK_EXTENT_FLAT;
}

static enum vdisk_status find_extent_file(struct vdisk_image *image, struct vmdk_extent *extent,
                                          const char *name, bool read_only,
                                          struct vdisk_error *error)
{
    const struct vdisk_file_request request = {
        .role = VDISK_ROLE_EXTENT,
        .kind = VDISK_NAME_RELATIVE,
        .name = name,
        .referrer = image->file->name,
        .read_only = image->file->read_only || read_only,
    };
    enum vdisk_status status =
        vdisk_image_find_file(image, &request, structure, &extent->file, error);

    extent->owns_file = status == VDISK_OK;
    return status;
}

/* Two extents of one file would be one piece of the disk in two places. */
static bool name_is_repeated(const struct vmdk_descriptor *descriptor, uint32_t index)
{
    const char *name = descriptor->extents[index].name;

    for (uint32_t i = 0; i < index && name != NULL; i++) {
        if (descriptor->extents[i].name != NULL && strcmp(descriptor->extents[i].name, name) == 0)
            return true;
    }
    return false;
}

static enum vdisk_status open_line(struct vdisk_image *image, uint32_t index,
                                   const struct vdisk_open_options *options,
                                   struct vdisk_error *error)
{
    struct vmdk_state *state = vmdk_state(image);
    const struct vmdk_extent_line *line = &state->descriptor->extents[index];
    struct vmdk_extent *extent = &state->extents[index];
    const uint32_t pages = CACHE_PAGES / state->extent_count;
    enum vdisk_status status;

    extent->kind = kind_of(line->type);
    extent->length_bytes = line->sectors * VDISK_SECTOR_BYTES;
    extent->file_offset_bytes = line->file_sector * VDISK_SECTOR_BYTES;
    if (index > 0)
        extent->start_bytes =
            state->extents[index - 1].start_bytes + state->extents[index - 1].length_bytes;
    if (extent->kind == VMDK_EXTENT_ZERO)
        return VDISK_OK;
    if (name_is_repeated(state->descriptor, index))
        return vdisk_image_fail(image, error, VDISK_CORRUPT, structure, VDISK_NO_OFFSET,
                                "two extents have the same file");
    status = find_extent_file(image, extent, line->name, options->read_only, error);
    if (status == VDISK_NOT_FOUND && options->for_check)
        return VDISK_OK;
    if (status != VDISK_OK)
        return status;
    if (line->read_only || extent->file->read_only)
        image->disk.read_only = true;
    return vmdk_extent_open(extent, pages < CACHE_PAGES_MIN ? CACHE_PAGES_MIN : pages, error);
}

static enum vdisk_status open_lines(struct vdisk_image *image,
                                    const struct vdisk_open_options *options,
                                    struct vdisk_error *error)
{
    struct vmdk_state *state = vmdk_state(image);
    const uint32_t count = state->descriptor->extent_count;
    enum vdisk_status status;

    if (count == 0)
        return vdisk_image_fail(image, error, VDISK_CORRUPT, structure, VDISK_NO_OFFSET,
                                "it names no extents");
    status = allocate_extents(image, count, error);
    for (uint32_t i = 0; i < count && status == VDISK_OK; i++)
        status = open_line(image, i, options, error);
    return status;
}

static enum vdisk_status open_text(struct vdisk_image *image,
                                   const struct vdisk_open_options *options,
                                   struct vdisk_error *error)
{
    uint64_t size;
    enum vdisk_status status = vdisk_file_get_size(image->file, &size, error);

    if (status != VDISK_OK)
        return status;
    if (size >= VMDK_TEXT_BYTES_MAX)
        return vdisk_image_fail(image, error, VDISK_UNSUPPORTED, structure, VDISK_NO_OFFSET,
                                "it is larger than 64 KiB");
    status = load_text(image, (uint32_t)size, error);
    if (status == VDISK_OK && !vmdk_descriptor_probe((const unsigned char *)vmdk_state(image)->text,
                                                     vmdk_state(image)->text_bytes))
        return vdisk_image_fail(image, error, VDISK_WRONG_FORMAT, structure, 0,
                                "the file does not begin as one");
    return status == VDISK_OK ? open_lines(image, options, error) : status;
}

static bool hint_is_absolute(const char *hint)
{
    return hint[0] == '/' || hint[0] == '\\' || (hint[0] != '\0' && hint[1] == ':');
}

/* An absolute hint may be one of another machine: the parent may still lie beside its child. */
static enum vdisk_status add_parent_names(struct vdisk_image *image, const char *hint,
                                          struct vdisk_error *error)
{
    const char *base = hint;
    enum vdisk_status status;

    if (!hint_is_absolute(hint))
        return vdisk_image_add_parent_name(image, VDISK_NAME_RELATIVE, hint, error);
    status = vdisk_image_add_parent_name(image, VDISK_NAME_ABSOLUTE, hint, error);
    for (const char *c = hint; *c != '\0'; c++) {
        if (*c == '/' || *c == '\\' || *c == ':')
            base = c + 1;
    }
    if (status == VDISK_OK && *base != '\0')
        status = vdisk_image_add_parent_name(image, VDISK_NAME_RELATIVE, base, error);
    return status;
}

static enum vdisk_status take_parent(struct vdisk_image *image, struct vdisk_error *error)
{
    const struct vmdk_descriptor *descriptor = vmdk_state(image)->descriptor;

    image->parent_format = "vmdk"; /* a VMDK's parent is one: no other format is probed for */
    if (descriptor == NULL || descriptor->parent_content_id == VMDK_NO_PARENT)
        return VDISK_OK;
    image->has_parent = true;
    if (descriptor->parent_hint == NULL)
        return vdisk_image_fail(image, error, VDISK_CORRUPT, structure, VDISK_NO_OFFSET,
                                "it has a parentCID and no parentFileNameHint");
    return add_parent_names(image, descriptor->parent_hint, error);
}

/* Can whole blocks of a child be marked as zeros? */
static bool marks_zeros(const struct vmdk_state *state, const struct vmdk_extent *extent)
{
    return extent->kind == VMDK_EXTENT_HOSTED &&
           (extent->header.flags & VMDK_FLAG_ZERO_ENTRY) != 0 &&
           vmdk_grain_bytes(extent) == state->grain_bytes &&
           vdisk_is_aligned(extent->start_bytes, state->grain_bytes);
}

/*
 * Grains stay mapped: a discard makes holes in them. It must be possible in all files, or nothing
 * is promised.
 */
static void sum_up_discards(struct vdisk_image *image)
{
    const struct vmdk_state *state = vmdk_state(image);
    uint32_t unit = VDISK_PUNCH_BYTES;

    image->marks_zeros = true;
    for (uint32_t i = 0; i < state->extent_count; i++) {
        const struct vmdk_extent *extent = &state->extents[i];
        uint32_t punch = 0;

        if (extent->kind == VMDK_EXTENT_ZERO)
            continue;
        image->marks_zeros = image->marks_zeros && marks_zeros(state, extent);
        if (extent->file != NULL && !vmdk_is_compressed(extent))
            punch = vdisk_image_punch_unit(extent->file, vmdk_is_sparse(extent));
        unit = unit == 0 || punch == 0 ? 0 : (uint32_t)vdisk_max_u64(unit, punch);
    }
    image->disk.discard_bytes = unit;
}

/* What the image as a whole gets from its extents. */
static enum vdisk_status sum_up(struct vdisk_image *image, struct vdisk_error *error)
{
    struct vmdk_state *state = vmdk_state(image);
    const struct vmdk_extent *last = &state->extents[state->extent_count - 1];
    bool packed = false;

    image->disk.size_bytes = last->start_bytes + last->length_bytes;
    image->in_place = true;
    for (uint32_t i = 0; i < state->extent_count; i++) {
        const struct vmdk_extent *extent = &state->extents[i];

        if (!vmdk_is_sparse(extent) || extent->file == NULL)
            continue;
        image->in_place = false;
        packed |= vmdk_is_compressed(extent);
        state->grain_bytes = (uint32_t)vdisk_max_u64(state->grain_bytes, vmdk_grain_bytes(extent));
        if (vmdk_extent_is_read_only(extent) && extent->stream == NULL)
            image->disk.read_only = true;
    }
    image->block_bytes = state->grain_bytes;
    sum_up_discards(image);
    if (!packed)
        return VDISK_OK;
    return vmdk_inflate_cache_create(image->file, state->grain_bytes, &state->inflated, error);
}

static enum vdisk_status open_by_magic(struct vdisk_image *image,
                                       const struct vdisk_open_options *options,
                                       struct vdisk_error *error)
{
    unsigned char magic[8] = {0};
    uint64_t size;
    enum vdisk_status status = vdisk_file_get_size(image->file, &size, error);

    if (status == VDISK_OK && size >= sizeof magic)
        status = vdisk_file_read(image->file, 0, magic, sizeof magic, error);
    if (status != VDISK_OK)
        return status;
    if (vdisk_load_le32(magic) == VMDK_MAGIC_HOSTED)
        return open_hosted(image, error);
    if (vdisk_load_le32(magic) == VMDK_MAGIC_COWD)
        return open_cowd(image, error);
    if (vdisk_load_le64(magic) == VMDK_MAGIC_SESPARSE)
        return vdisk_image_fail(image, error, VDISK_UNSUPPORTED, "VMDK seSparse header", 0,
                                "this is one extent of a disk: open the disk's descriptor instead");
    return open_text(image, options, error);
}

enum vdisk_status vmdk_open(struct vdisk_image *image, const struct vdisk_open_options *options,
                            struct vdisk_error *error)
{
    enum vdisk_status status;

    image->state = vdisk_alloc(sizeof(struct vmdk_state));
    if (image->state == NULL)
        return vdisk_image_fail(image, error, VDISK_NO_MEMORY, NULL, VDISK_NO_OFFSET, NULL);
    status = open_by_magic(image, options, error);
    if (status == VDISK_OK)
        status = vmdk_stream_open(image, error);
    if (status == VDISK_OK)
        status = sum_up(image, error);
    if (status == VDISK_OK)
        status = take_parent(image, error);
    return status;
}

void vmdk_close(struct vdisk_image *image)
{
    struct vmdk_state *state = vmdk_state(image);

    if (state == NULL)
        return;
    for (uint32_t i = 0; i < state->extent_count; i++) {
        vmdk_stream_close(&state->extents[i]);
        vmdk_extent_close(&state->extents[i]);
    }
    vmdk_inflate_cache_destroy(state->inflated);
    vmdk_descriptor_free(state->descriptor);
    vdisk_free(state->extents);
    vdisk_free(state->scratch);
    vdisk_free(state->text);
    vdisk_free(state);
}

enum vdisk_status vmdk_check_parent(struct vdisk_image *image, struct vdisk_image *parent,
                                    struct vdisk_error *error)
{
    const struct vmdk_state *state = vmdk_state(image);
    const struct vmdk_state *above = vmdk_state(parent);

    if (state->descriptor == NULL || above->descriptor == NULL) /* COWD: names are all there is */
        return VDISK_OK;
    if (above->descriptor->content_id != state->descriptor->parent_content_id)
        return vdisk_image_fail(parent, error, VDISK_PARENT_CHANGED, structure,
                                above->text_offset_bytes,
                                "its CID is not the parentCID of the child");
    return VDISK_OK;
}

static void put_text(char *to, size_t room, const char *from)
{
    if (strlen(from) < room)
        memcpy(to, from, strlen(from) + 1);
}

static void put_id(char *to, uint32_t id)
{
    struct vmdk_text text = {.bytes = to, .room_bytes = VDISK_IDENTITY_BYTES};

    vmdk_text_add_hex(&text, id);
}

static uint64_t allocated_bytes(struct vdisk_image *image)
{
    const struct vmdk_state *state = vmdk_state(image);
    uint64_t sum = 0, part;

    if (vdisk_file_get_allocated(image->file, &part, NULL) == VDISK_OK)
        sum = part;
    for (uint32_t i = 0; i < state->extent_count; i++) {
        if (state->extents[i].owns_file && state->extents[i].file != NULL &&
            vdisk_file_get_allocated(state->extents[i].file, &part, NULL) == VDISK_OK)
            sum += part;
    }
    return sum;
}

void vmdk_get_info(struct vdisk_image *image, struct vdisk_image_info *info)
{
    const struct vmdk_state *state = vmdk_state(image);

    for (uint32_t i = 0; i < state->extent_count; i++)
        info->dirty |= state->extents[i].unclean;
    info->allocated_bytes = allocated_bytes(image);
    if (state->descriptor == NULL) {
        put_text(info->subformat, sizeof info->subformat, "vmfsSparse");
        return;
    }
    put_text(info->subformat, sizeof info->subformat, state->descriptor->create_type);
    put_id(info->identity, state->descriptor->content_id);
    if (image->has_parent)
        put_id(info->parent_identity, state->descriptor->parent_content_id);
}

void vmdk_get_identity(struct vdisk_image *image, struct vdisk_image_identity *identity)
{
    const struct vmdk_state *state = vmdk_state(image);

    if (state->descriptor != NULL)
        vdisk_store_le32(identity->content, state->descriptor->content_id);
}
