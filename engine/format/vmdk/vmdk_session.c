/* The beginning and the end of writing: identity and dirty marks. */
#include "engine/base/endian.h"
#include "engine/format/vmdk/vmdk_stream.h"
#include "engine/format/vmdk/vmdk_text.h"
#include "engine/format/vmdk/vmdk_twin.h"
#include "engine/format/vmdk/vmdk_write.h"

static const char structure[] = "VMDK descriptor";

enum vdisk_status vmdk_text_commit(struct vdisk_image *image, const char *text, uint32_t text_bytes,
                                   struct vdisk_error *error)
{
    struct vmdk_state *state = vmdk_state(image);
    uint32_t from = 0;
    uint32_t to = (uint32_t)vdisk_max_u64(text_bytes, state->text_bytes);
    enum vdisk_status status = VDISK_OK;

    while (from < to && text[from] == state->text[from])
        from++;
    while (to > from && text[to - 1] == state->text[to - 1])
        to--;
    /* A file of its own is as long as the text; inside an extent, NULs fill the rest. */
    if (state->text_room_bytes == 0 && to > text_bytes)
        to = text_bytes;
    if (to > from)
        status = vdisk_file_write(image->file, state->text_offset_bytes + from, text + from,
                                  to - from, error);
    if (status == VDISK_OK && state->text_room_bytes == 0 && text_bytes < state->text_bytes)
        status = vdisk_file_set_size(image->file, text_bytes, error);
    if (status != VDISK_OK)
        return status;
    memcpy(state->text, text, VMDK_TEXT_BYTES_MAX);
    state->text_bytes = text_bytes;
    return VDISK_OK;
}

/* Children recognise by it that their parent is not what it was. */
static enum vdisk_status change_content_id(struct vdisk_image *image, struct vdisk_error *error)
{
    struct vmdk_state *state = vmdk_state(image);
    char digits[9] = {0};
    struct vmdk_text value = {.bytes = digits, .room_bytes = sizeof digits};
    struct vmdk_text text = {
        .bytes = vdisk_alloc(VMDK_TEXT_BYTES_MAX),
        .room_bytes = state->text_room_bytes != 0 ? state->text_room_bytes : VMDK_TEXT_BYTES_MAX,
        .length = state->text_bytes,
    };
    const uint32_t id = vmdk_content_id(state->descriptor->content_id);
    enum vdisk_status status;

    if (text.bytes == NULL)
        return vdisk_image_fail(image, error, VDISK_NO_MEMORY, structure, VDISK_NO_OFFSET, NULL);
    memcpy(text.bytes, state->text, VMDK_TEXT_BYTES_MAX);
    vmdk_text_add_hex(&value, id);
    if (vmdk_text_set(&text, "CID", digits, "version"))
        status = vmdk_text_commit(image, text.bytes, text.length, error);
    else
        status = vdisk_image_fail(image, error, VDISK_NO_SPACE, structure, state->text_offset_bytes,
                                  "it has no room for a CID");
    if (status == VDISK_OK)
        state->descriptor->content_id = id;
    vdisk_free(text.bytes);
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
