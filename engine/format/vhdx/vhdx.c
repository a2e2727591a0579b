#include "engine/format/vhdx/vhdx.h"
#include "engine/format/vhdx/vhdx_state.h"

#define PAGE_LIMIT 1024u

static bool vhdx_probe(const struct vdisk_probe *probe)
{
    return memcmp(probe->head, VHDX_FILE_SIGNATURE, VHDX_FILE_SIGNATURE_BYTES) == 0;
}

static enum vdisk_status check_signature(struct vdisk_image *image, struct vdisk_error *error)
{
    unsigned char signature[VHDX_FILE_SIGNATURE_BYTES];
    enum vdisk_status status = vdisk_file_read(image->file, 0, signature, sizeof signature, error);

    if (status != VDISK_OK && status != VDISK_OUT_OF_RANGE)
        return status;
    if (status != VDISK_OK || memcmp(signature, VHDX_FILE_SIGNATURE, sizeof signature) != 0)
        return vdisk_image_fail(image, error, VDISK_WRONG_FORMAT, "VHDX file type identifier", 0,
                                "the signature is missing");
    return VDISK_OK;
}

static enum vdisk_status load_size(struct vdisk_image *image, struct vdisk_error *error)
{
    struct vhdx_state *state = vhdx_state_of(image);
    uint64_t size;
    enum vdisk_status status = vdisk_file_get_size(state->file, &size, error);

    if (status == VDISK_OK && size > VHDX_FILE_BYTES_MAX)
        return vdisk_image_fail(image, error, VDISK_UNSUPPORTED, NULL, VDISK_NO_OFFSET,
                                "the file is larger than any image needs");
    if (status == VDISK_OK)
        atomic_store(&state->file_end_mb, (uint32_t)vdisk_div_up(size, VHDX_MIB));
    return status;
}

/* The order is the format's: nothing but the headers is true before the log was replayed. */
static enum vdisk_status load_structures(struct vdisk_image *image, struct vdisk_error *error)
{
    struct vhdx_state *state = vhdx_state_of(image);
    enum vdisk_status status = vhdx_header_load(image, error);

    if (status == VDISK_OK)
        status = vhdx_log_load(image, error);
    if (status == VDISK_OK)
        status = load_size(image, error);
    if (status == VDISK_OK)
        status = vhdx_region_load(image, error);
    if (status == VDISK_OK)
        status = vhdx_metadata_load(image, error);
    if (status == VDISK_OK && state->metadata.has_parent)
        status = vhdx_locator_load(image, error);
    if (status == VDISK_OK)
        status = vdisk_page_cache_create(state->file, "VHDX BAT or sector bitmap", VDISK_PAGE_BYTES,
                                         PAGE_LIMIT, &state->pages, error);
    return status;
}

static void describe_disk(struct vdisk_image *image)
{
    const struct vhdx_metadata *metadata = &vhdx_state_of(image)->metadata;

    image->disk.size_bytes = metadata->disk_bytes;
    image->disk.logical_sector_bytes = metadata->logical_sector_bytes;
    image->disk.physical_sector_bytes = metadata->physical_sector_bytes;
    image->block_bytes = metadata->block_bytes;
    image->has_parent = metadata->has_parent;
    image->frees_blocks = !metadata->fixed;
    image->marks_zeros = true;
    if (metadata->fixed)
        image->disk.discard_bytes = vdisk_image_punch_unit(image->file, false);
}

static enum vdisk_status vhdx_open(struct vdisk_image *image,
                                   const struct vdisk_open_options *options,
                                   struct vdisk_error *error)
{
    struct vhdx_state *state;
    struct vdisk_error failure;
    enum vdisk_status status = check_signature(image, error);

    if (status != VDISK_OK)
        return status;
    state = vdisk_alloc(sizeof *state);
    if (state == NULL)
        return vdisk_image_fail(image, error, VDISK_NO_MEMORY, NULL, VDISK_NO_OFFSET, NULL);
    image->state = state;
    state->file = image->file;
    status = load_structures(image, &failure);
    if (status == VDISK_OK) {
        describe_disk(image);
        return vhdx_bat_find_linear(image, error);
    }
    if (options->for_check && (status == VDISK_CORRUPT || status == VDISK_UNSUPPORTED)) {
        state->open_failure = failure;
        return VDISK_OK;
    }
    if (error != NULL)
        *error = failure;
    return status;
}

static void vhdx_close(struct vdisk_image *image)
{
    struct vhdx_state *state = vhdx_state_of(image);

    if (state == NULL)
        return;
    vhdx_journal_destroy(state->journal);
    vhdx_space_destroy(state->space);
    vdisk_page_cache_destroy(state->pages);
    vhdx_overlay_destroy(state->overlay);
    vdisk_free(state->areas);
    vdisk_free(state);
    image->state = NULL;
}

static enum vdisk_status vhdx_check_parent(struct vdisk_image *image, struct vdisk_image *parent,
                                           struct vdisk_error *error)
{
    const struct vhdx_state *state = vhdx_state_of(image);
    const struct vhdx_state *below = vhdx_state_of(parent);

    if (parent->format != &vdisk_format_vhdx)
        return vdisk_image_fail(image, error, VDISK_PARENT_CHANGED, "VHDX parent locator",
                                VDISK_NO_OFFSET, "the parent is no VHDX image");
    if (memcmp(below->header.data_write_guid, state->parent_linkage, VDISK_GUID_BYTES) != 0 &&
        (vdisk_guid_is_zero(state->parent_linkage2) ||
         memcmp(below->header.data_write_guid, state->parent_linkage2, VDISK_GUID_BYTES) != 0))
        return vdisk_image_fail(image, error, VDISK_PARENT_CHANGED, "VHDX parent locator",
                                VDISK_NO_OFFSET,
                                "the parent has another identity: it was changed after its child "
                                "was made, or is another image");
    if (parent->disk.logical_sector_bytes != image->disk.logical_sector_bytes)
        return vdisk_image_fail(image, error, VDISK_CORRUPT, "VHDX parent locator", VDISK_NO_OFFSET,
                                "the parent has sectors of another size");
    return VDISK_OK;
}

/* Comes without the allocation lock when all is mapped for good: then there is only data. */
static enum vdisk_status vhdx_flush(struct vdisk_image *image, struct vdisk_error *error)
{
    if (image->in_place)
        return vdisk_file_flush(image->file, error);
    return vhdx_journal_flush(image, error);
}

static const char *subformat_name(const struct vhdx_metadata *metadata)
{
    if (metadata->has_parent)
        return "differencing";
    return metadata->fixed ? "fixed" : "dynamic";
}

static void vhdx_get_info(struct vdisk_image *image, struct vdisk_image_info *info)
{
    const struct vhdx_state *state = vhdx_state_of(image);
    const char *subformat = subformat_name(&state->metadata);

    if (state->open_failure.status != VDISK_OK)
        return;
    memcpy(info->subformat, subformat, strlen(subformat) + 1);
    vdisk_guid_to_text(state->header.data_write_guid, VDISK_GUID_LE, info->identity);
    if (image->has_parent)
        vdisk_guid_to_text(state->parent_linkage, VDISK_GUID_LE, info->parent_identity);
    info->dirty = state->was_dirty;
}

static void vhdx_get_identity(struct vdisk_image *image, struct vdisk_image_identity *identity)
{
    const struct vhdx_state *state = vhdx_state_of(image);

    memcpy(identity->disk, state->metadata.disk_id, VDISK_GUID_BYTES);
    memcpy(identity->content, state->header.data_write_guid, VDISK_GUID_BYTES);
}

const struct vdisk_format vdisk_format_vhdx = {
    .name = "vhdx",
    .dense = true,
    .description = "Hyper-V's format: fixed, dynamic and differencing disks up to 64 TiB",
    .capabilities = VDISK_CAN_WRITE | VDISK_CAN_CREATE | VDISK_CAN_CHOOSE_BLOCKS |
                    VDISK_CAN_CHOOSE_KIND | VDISK_CAN_CREATE_FIXED | VDISK_CAN_HAVE_PARENT |
                    VDISK_CAN_RESIZE | VDISK_CAN_CHECK,
    .probe = vhdx_probe,
    .open = vhdx_open,
    .close = vhdx_close,
    .check_parent = vhdx_check_parent,
    .map = vhdx_bat_map,
    .begin_write = vhdx_write_begin,
    .write_new = vhdx_write_new,
    .zero = vhdx_write_zero,
    .flush = vhdx_flush,
    .end_write = vhdx_write_end,
    .create = vhdx_create,
    .resize = vhdx_resize,
    .set_parent = vhdx_locator_replace,
    .get_info = vhdx_get_info,
    .get_identity = vhdx_get_identity,
    .check = vhdx_check,
};
