#include "engine/format/vdi/vdi.h"
#include "engine/format/vdi/vdi_state.h"

static bool vdi_probe(const struct vdisk_probe *probe)
{
    return vdi_header_is_present(probe->head);
}

static void vdi_get_info(struct vdisk_image *image, struct vdisk_image_info *info)
{
    static const char *const kinds[] = {"", "dynamic", "fixed", "undo", "differencing"};
    const struct vdi_state *state = image->state;
    const char *kind = kinds[state->header.type];

    memcpy(info->subformat, kind, strlen(kind) + 1);
    vdisk_guid_to_text(state->header.identity, VDISK_GUID_LE, info->identity);
    if (image->has_parent)
        vdisk_guid_to_text(state->header.parent_identity, VDISK_GUID_LE, info->parent_identity);
}

static enum vdisk_status vdi_check_parent(struct vdisk_image *image, struct vdisk_image *parent,
                                          struct vdisk_error *error)
{
    const struct vdi_state *child = image->state;
    const struct vdi_state *state = parent->state;

    if (parent->format != &vdisk_format_vdi)
        return vdisk_image_fail(parent, error, VDISK_PARENT_CHANGED, "parent", VDISK_NO_OFFSET,
                                "the parent of a VDI must be a VDI");
    if (memcmp(state->header.identity, child->header.parent_identity, VDISK_GUID_BYTES) != 0)
        return vdisk_image_fail(parent, error, VDISK_PARENT_CHANGED, "parent", VDISK_NO_OFFSET,
                                "its identity is not the one that the child names");
    if (!vdisk_guid_is_zero(child->header.parent_content_identity) &&
        memcmp(state->header.content_identity, child->header.parent_content_identity,
               VDISK_GUID_BYTES) != 0)
        return vdisk_image_fail(parent, error, VDISK_PARENT_CHANGED, "parent", VDISK_NO_OFFSET,
                                "it was written to after the child was made");
    return VDISK_OK;
}

enum vdisk_status vdi_describe_parent(struct vdisk_file *file, const struct vdisk_image *parent,
                                      const char *name, unsigned char *sector,
                                      struct vdi_header *header, struct vdisk_error *error)
{
    const struct vdi_state *state = parent->state;

    if (parent->format != &vdisk_format_vdi)
        return vdisk_fail(error, VDISK_INVALID, file->name, "parent", VDISK_NO_OFFSET,
                          "the parent of a VDI must be a VDI");
    if (name == NULL || !vdi_header_set_parent_name(sector, name))
        return vdisk_fail(error, VDISK_INVALID, file->name, "parent", VDISK_NO_OFFSET,
                          "a VDI has room for a name of 1 to 247 bytes for its parent");
    memcpy(header->parent_identity, state->header.identity, VDISK_GUID_BYTES);
    memcpy(header->parent_content_identity, state->header.content_identity, VDISK_GUID_BYTES);
    vdi_header_update(sector, header);
    return VDISK_OK;
}

static enum vdisk_status vdi_set_parent(struct vdisk_image *image, struct vdisk_image *parent,
                                        const char *name, const char *absolute_name,
                                        struct vdisk_error *error)
{
    struct vdi_state *state = image->state;
    enum vdisk_status status = vdi_flush(image, error);

    (void)absolute_name; /* there is no place for it */
    if (status == VDISK_OK)
        status =
            vdi_describe_parent(image->file, parent, name, state->sector, &state->header, error);
    if (status == VDISK_OK)
        status = vdi_write_header(image, error);
    if (status == VDISK_OK)
        status = vdisk_file_flush(image->file, error);
    return status;
}

static void vdi_get_identity(struct vdisk_image *image, struct vdisk_image_identity *identity)
{
    const struct vdi_state *state = image->state;

    memcpy(identity->disk, state->header.identity, VDISK_GUID_BYTES);
    memcpy(identity->content, state->header.content_identity, VDISK_GUID_BYTES);
}

const struct vdisk_format vdisk_format_vdi = {
    .name = "vdi",
    .description = "VirtualBox disks: fixed, dynamic, differencing",
    .capabilities = VDISK_CAN_WRITE | VDISK_CAN_CREATE | VDISK_CAN_CHOOSE_BLOCKS |
                    VDISK_CAN_CHOOSE_KIND | VDISK_CAN_CREATE_FIXED | VDISK_CAN_HAVE_PARENT |
                    VDISK_CAN_RESIZE | VDISK_CAN_CHECK,
    .probe = vdi_probe,
    .open = vdi_open,
    .close = vdi_close,
    .check_parent = vdi_check_parent,
    .map = vdi_map,
    .begin_write = vdi_begin_write,
    .write_new = vdi_write_new,
    .zero = vdi_zero,
    .flush = vdi_flush,
    .create = vdi_create,
    .resize = vdi_resize,
    .set_parent = vdi_set_parent,
    .get_info = vdi_get_info,
    .get_identity = vdi_get_identity,
    .check = vdi_check,
};
