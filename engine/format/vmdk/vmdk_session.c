/* The beginning and the end of writing: identity and dirty marks. */
#include "engine/base/endian.h"
#include "engine/format/vmdk/vmdk_edit.h"
#include "engine/format/vmdk/vmdk_stream.h"
#include "engine/format/vmdk/vmdk_twin.h"
#include "engine/format/vmdk/vmdk_write.h"

/* Children recognise by it that their parent is not what it was. */
static enum vdisk_status change_content_id(struct vdisk_image *image, struct vdisk_error *error)
{
    struct vmdk_state *state = vmdk_state(image);
    const uint32_t id = vmdk_content_id(state->descriptor->content_id);
    char digits[9] = {0};
    struct vmdk_text value = {.bytes = digits, .room_bytes = sizeof digits};
    struct vmdk_text text;
    enum vdisk_status status = vmdk_edit_begin(image, &text, error);

    if (status != VDISK_OK)
        return status;
    vmdk_text_add_hex(&value, id);
    status = vmdk_edit_end(image, &text, vmdk_text_set(&text, "CID", digits, "version"), error);
    if (status == VDISK_OK)
        state->descriptor->content_id = id;
    return status;
}

static enum vdisk_status mark(struct vmdk_extent *extent, bool unclean, struct vdisk_error *error)
{
    const unsigned char byte = unclean;

    return vdisk_file_write(extent->file, VMDK_UNCLEAN_OFFSET, &byte, sizeof byte, error);
}

static enum vdisk_status begin_extent(struct vmdk_extent *extent, struct vdisk_error *error)
{
    enum vdisk_status status = VDISK_OK;

    if (extent->stream != NULL)
        return vmdk_stream_begin(extent, error);
    if (extent->kind != VMDK_EXTENT_HOSTED)
        return VDISK_OK;
    if (extent->unclean)
        status = vmdk_twin_reconcile(extent, error);
    return status == VDISK_OK ? mark(extent, true, error) : status;
}

/* The descriptor's file, and every extent's: a file that they share is flushed once. */
static enum vdisk_status flush_all(struct vdisk_image *image, struct vdisk_error *error)
{
    enum vdisk_status status = vmdk_flush(image, error);

    if (status == VDISK_OK && vmdk_state(image)->extents[0].owns_file)
        status = vdisk_file_flush(image->file, error);
    return status;
}

enum vdisk_status vmdk_begin_write(struct vdisk_image *image, struct vdisk_error *error)
{
    struct vmdk_state *state = vmdk_state(image);
    enum vdisk_status status = VDISK_OK;

    for (uint32_t i = 0; i < state->extent_count && status == VDISK_OK; i++)
        status = begin_extent(&state->extents[i], error);
    if (status == VDISK_OK)
        status = change_content_id(image, error);
    return status == VDISK_OK ? flush_all(image, error) : status;
}

enum vdisk_status vmdk_end_write(struct vdisk_image *image, struct vdisk_error *error)
{
    struct vmdk_state *state = vmdk_state(image);
    enum vdisk_status status = VDISK_OK;

    for (uint32_t i = 0; i < state->extent_count && status == VDISK_OK; i++) {
        struct vmdk_extent *extent = &state->extents[i];

        if (extent->stream != NULL)
            status = vmdk_stream_finish(extent, error);
        else if (extent->kind == VMDK_EXTENT_HOSTED)
            status = mark(extent, false, error);
    }
    return status == VDISK_OK ? flush_all(image, error) : status;
}
