#include "engine/format/vdi/vdi_state.h"

#define TABLE_PAGES 4096u

static enum vdisk_status fail(struct vdisk_image *image, struct vdisk_error *error,
                              enum vdisk_status status, const char *reason)
{
    return vdisk_image_fail(image, error, status, "VDI header", 0, reason);
}

enum vdisk_status vdi_layout_create(struct vdisk_image *image, struct vdi_layout **created,
                                    struct vdisk_error *error)
{
    const struct vdi_state *state = image->state;
    struct vdi_layout *layout = vdisk_alloc(sizeof *layout);
    enum vdisk_status status;

    if (layout == NULL)
        return fail(image, error, VDISK_NO_MEMORY, NULL);
    layout->disk_bytes = state->header.disk_bytes;
    layout->table_offset = state->header.table_offset;
    layout->data_offset = state->header.data_offset;
    layout->block_count = state->header.block_count;
    status = vdisk_page_cache_create(image->file, "VDI block map", VDI_PAGE_BYTES, TABLE_PAGES,
                                     &layout->table, error);
    if (status != VDISK_OK) {
        vdisk_free(layout);
        return status;
    }
    *created = layout;
    return VDISK_OK;
}

void vdi_layout_destroy(struct vdi_layout *layout)
{
    if (layout == NULL)
        return;
    vdisk_page_cache_destroy(layout->table);
    vdisk_free(layout);
}

static enum vdisk_status read_header(struct vdisk_image *image, struct vdi_state *state,
                                     uint64_t file_bytes, struct vdisk_error *error)
{
    const char *reason;
    enum vdisk_status status = vdisk_file_read(
        image->file, 0, state->sector, (size_t)vdisk_min_u64(file_bytes, VDI_SECTOR_BYTES), error);

    if (status != VDISK_OK)
        return status;
    status = vdi_header_decode(state->sector, &state->header, &reason);
    if (status != VDISK_OK)
        return fail(image, error, status, reason);
    if (state->header.data_offset > file_bytes &&
        state->header.table_offset + (uint64_t)state->header.block_count * VDI_ENTRY_BYTES >
            file_bytes)
        return fail(image, error, VDISK_CORRUPT,
                    "the block map reaches beyond the end of the file");
    return VDISK_OK;
}

static void set_sizes(struct vdisk_image *image, struct vdi_state *state, uint64_t file_bytes)
{
    const struct vdi_header *header = &state->header;
    const uint64_t data_bytes =
        file_bytes > header->data_offset ? file_bytes - header->data_offset : 0;

    state->block_bytes = header->block_bytes;
    while (UINT32_C(1) << state->block_shift < state->block_bytes)
        state->block_shift++;
    state->extra_bytes = header->extra_bytes;
    state->pitch = (uint64_t)header->block_bytes + header->extra_bytes;
    state->rest_bytes = data_bytes % state->pitch;
    atomic_store(&state->slot_limit, (uint32_t)vdisk_min_u64(data_bytes / state->pitch, VDI_ZERO));
    image->block_bytes = state->block_bytes;
    image->marks_zeros = true;
    image->disk.discard_bytes = vdisk_image_punch_unit(image->file, header->type != VDI_FIXED);
    image->disk.size_bytes = header->disk_bytes;
}

/* Pages of the map are written whole: they must hold nothing else. */
static bool is_map_in_sectors(const struct vdi_header *header)
{
    const uint64_t end = header->table_offset + (uint64_t)header->block_count * VDI_ENTRY_BYTES;

    return vdisk_is_aligned(header->table_offset, VDI_PAGE_BYTES) &&
           vdisk_div_up(end, VDI_PAGE_BYTES) * VDI_PAGE_BYTES <= header->data_offset;
}

/* Whoever writes needs to know which slots are taken; a fixed image may be one straight piece. */
static enum vdisk_status take_census(struct vdisk_image *image, struct vdi_state *state,
                                     struct vdisk_error *error)
{
    const struct vdi_layout *layout = vdi_layout(state);
    struct vdi_census census;
    enum vdisk_status status;

    if (image->disk.read_only && state->header.type != VDI_FIXED)
        return VDISK_OK;
    status = vdi_slots_count(image, layout, &census, error);
    if (status != VDISK_OK)
        return status;
    state->next_slot = census.next_slot;
    state->header_pending = state->header.allocated_count != census.allocated_count;
    state->header.allocated_count = census.allocated_count;
    state->identity = state->header.type == VDI_FIXED && census.is_identity && !census.damaged &&
                      state->extra_bytes == 0;
    image->in_place = state->identity;
    if (census.damaged || !is_map_in_sectors(&state->header))
        image->disk.read_only = true;
    return VDISK_OK;
}

/* What the comment says, and the name that VirtualBox gives to snapshots. */
static enum vdisk_status add_parent_names(struct vdisk_image *image, const struct vdi_state *state,
                                          char *name, struct vdisk_error *error)
{
    enum vdisk_status status = VDISK_OK;

    vdi_header_get_parent_name(state->sector, name);
    if (name[0] != '\0')
        status = vdisk_image_add_parent_name(image, VDISK_NAME_RELATIVE, name, error);
    if (status != VDISK_OK)
        return status;
    name[0] = '{';
    vdisk_guid_to_text(state->header.parent_identity, VDISK_GUID_LE, name + 1);
    memcpy(name + VDISK_GUID_TEXT_BYTES, "}.vdi", sizeof "}.vdi");
    return vdisk_image_add_parent_name(image, VDISK_NAME_RELATIVE, name, error);
}

static enum vdisk_status find_parent_names(struct vdisk_image *image, struct vdisk_error *error)
{
    char *name = vdisk_alloc(VDI_COMMENT_BYTES);
    enum vdisk_status status;

    if (name == NULL)
        return fail(image, error, VDISK_NO_MEMORY, NULL);
    image->has_parent = true;
    status = add_parent_names(image, image->state, name, error);
    vdisk_free(name);
    return status;
}

enum vdisk_status vdi_open(struct vdisk_image *image, const struct vdisk_open_options *options,
                           struct vdisk_error *error)
{
    struct vdi_state *state = vdisk_alloc(sizeof *state);
    struct vdi_layout *layout;
    uint64_t file_bytes;
    enum vdisk_status status;

    (void)options;
    if (state == NULL)
        return fail(image, error, VDISK_NO_MEMORY, NULL);
    image->state = state;
    status = vdisk_file_get_size(image->file, &file_bytes, error);
    if (status == VDISK_OK)
        status = read_header(image, state, file_bytes, error);
    if (status != VDISK_OK)
        return status;
    set_sizes(image, state, file_bytes);
    status = vdi_layout_create(image, &layout, error);
    if (status != VDISK_OK)
        return status;
    atomic_store_explicit(&state->layout, layout, memory_order_release);
    status = take_census(image, state, error);
    if (status == VDISK_OK && state->header.type == VDI_DIFFERENCING)
        status = find_parent_names(image, error);
    return status;
}

void vdi_close(struct vdisk_image *image)
{
    struct vdi_state *state = image->state;

    if (state == NULL)
        return;
    vdi_layout_destroy(vdi_layout(state));
    vdisk_free(state->holes.taken);
    vdisk_free(state->copy);
    vdisk_free(state);
}
