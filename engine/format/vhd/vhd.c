#include "engine/format/vhd/vhd.h"
#include "engine/format/vhd/vhd_state.h"

static bool vhd_probe(const struct vdisk_probe *probe)
{
    return vhd_footer_is_present(probe->head) || vhd_footer_is_present(probe->tail) ||
           vhd_footer_is_present(probe->tail + (VHD_FOOTER_BYTES - VHD_OLD_FOOTER_BYTES));
}

static void set_text(char *target, const char *text)
{
    memcpy(target, text, strlen(text) + 1);
}

static void vhd_get_info(struct vdisk_image *image, struct vdisk_image_info *info)
{
    const struct vhd_state *state = image->state;

    set_text(info->subformat, state->type == VHD_FIXED     ? "fixed"
                              : state->type == VHD_DYNAMIC ? "dynamic"
                                                           : "differencing");
    vdisk_guid_to_text(state->footer.identity, VDISK_GUID_BE, info->identity);
    if (state->type == VHD_DIFFERENCING)
        vdisk_guid_to_text(state->header.parent_identity, VDISK_GUID_BE, info->parent_identity);
    info->dirty = state->tail_fault != NULL;
    info->corrupt = state->head_fault != NULL || state->header_fault != NULL;
}

static void vhd_get_identity(struct vdisk_image *image, struct vdisk_image_identity *identity)
{
    const struct vhd_state *state = image->state;

    memcpy(identity->disk, state->footer.identity, VDISK_GUID_BYTES);
}

enum vdisk_status vhd_parent_describe(struct vdisk_file *file, const struct vdisk_image *parent,
                                      const char *name, const char *absolute_name,
                                      struct vhd_parent *described, struct vdisk_error *error)
{
    if (parent->format != &vdisk_format_vhd)
        return vdisk_fail(error, VDISK_INVALID, file->name, "parent", VDISK_NO_OFFSET,
                          "the parent of a VHD must be a VHD");
    if (name == NULL || name[0] == '\0')
        return vdisk_fail(error, VDISK_INVALID, file->name, "parent", VDISK_NO_OFFSET,
                          "a differencing image needs the name of its parent");
    described->identity = ((const struct vhd_state *)parent->state)->footer.identity;
    described->name = name;
    described->absolute_name = absolute_name;
    return VDISK_OK;
}

/* Times are not compared: copying a parent changes its time, and nothing else. */
enum vdisk_status vhd_check_parent(struct vdisk_image *image, struct vdisk_image *parent,
                                   struct vdisk_error *error)
{
    const struct vhd_state *state = image->state;

    if (parent->format != &vdisk_format_vhd)
        return vdisk_image_fail(parent, error, VDISK_PARENT_CHANGED, "parent", VDISK_NO_OFFSET,
                                "the parent of a VHD must be a VHD");
    if (memcmp(((const struct vhd_state *)parent->state)->footer.identity,
               state->header.parent_identity, VDISK_GUID_BYTES) != 0)
        return vdisk_image_fail(parent, error, VDISK_PARENT_CHANGED, "parent", VDISK_NO_OFFSET,
                                "its identity is not the one that the child names");
    return VDISK_OK;
}

const struct vdisk_format vdisk_format_vhd = {
    .name = "vhd",
    .dense = true,
    .description = "Virtual PC, Hyper-V and Azure disks: fixed, dynamic, differencing",
    .capabilities = VDISK_CAN_WRITE | VDISK_CAN_CREATE | VDISK_CAN_CHOOSE_BLOCKS |
                    VDISK_CAN_CHOOSE_KIND | VDISK_CAN_CREATE_FIXED | VDISK_CAN_HAVE_PARENT |
                    VDISK_CAN_RESIZE | VDISK_CAN_CHECK,
    .probe = vhd_probe,
    .open = vhd_open,
    .close = vhd_close,
    .check_parent = vhd_check_parent,
    .map = vhd_map,
    .begin_write = vhd_begin_write,
    .write_new = vhd_write_new,
    .zero = vhd_zero,
    .flush = vhd_flush,
    .end_write = vhd_end_write,
    .create = vhd_create,
    .resize = vhd_resize,
    .set_parent = vhd_set_parent,
    .get_info = vhd_get_info,
    .get_identity = vhd_get_identity,
    .check = vhd_check,
};
