#include "engine/format/vmdk/vmdk_edit.h"
#include "engine/format/vmdk/vmdk_format.h"

static const char structure[] = "VMDK descriptor";

enum vdisk_status vmdk_edit_begin(struct vdisk_image *image, struct vmdk_text *text,
                                  struct vdisk_error *error)
{
    struct vmdk_state *state = vmdk_state(image);

    memset(text, 0, sizeof *text);
    text->room_bytes = state->text_room_bytes != 0 ? state->text_room_bytes : VMDK_TEXT_BYTES_MAX;
    text->length = state->text_bytes;
    text->bytes = vdisk_alloc(VMDK_TEXT_BYTES_MAX);
    if (text->bytes == NULL)
        return vdisk_image_fail(image, error, VDISK_NO_MEMORY, structure, VDISK_NO_OFFSET, NULL);
    memcpy(text->bytes, state->text, VMDK_TEXT_BYTES_MAX);
    return VDISK_OK;
}

static enum vdisk_status commit(struct vdisk_image *image, const struct vmdk_text *text,
                                struct vdisk_error *error)
{
    struct vmdk_state *state = vmdk_state(image);
    const bool own_file = state->text_room_bytes == 0;
    uint32_t from = 0;
    uint32_t to = (uint32_t)vdisk_max_u64(text->length, state->text_bytes);
    enum vdisk_status status = VDISK_OK;

    while (from < to && text->bytes[from] == state->text[from])
        from++;
    while (to > from && text->bytes[to - 1] == state->text[to - 1])
        to--;
    /* A file of its own is as long as the text; inside an extent, NULs fill the rest. */
    if (own_file && to > text->length)
        to = text->length;
    if (to > from)
        status = vdisk_file_write(image->file, state->text_offset_bytes + from, text->bytes + from,
                                  to - from, error);
    if (status == VDISK_OK && own_file && text->length < state->text_bytes)
        status = vdisk_file_set_size(image->file, text->length, error);
    if (status != VDISK_OK)
        return status;
    memcpy(state->text, text->bytes, VMDK_TEXT_BYTES_MAX);
    state->text_bytes = text->length;
    return VDISK_OK;
}

enum vdisk_status vmdk_edit_end(struct vdisk_image *image, struct vmdk_text *text, bool fits,
                                struct vdisk_error *error)
{
    enum vdisk_status status;

    if (fits)
        status = commit(image, text, error);
    else
        status =
            vdisk_image_fail(image, error, VDISK_NO_SPACE, structure,
                             vmdk_state(image)->text_offset_bytes, "it has no room for the change");
    vdisk_free(text->bytes);
    return status;
}

enum vdisk_status vmdk_parent_check(const struct vdisk_image *parent, const char *name,
                                    const char *file_name, struct vdisk_error *error)
{
    if (parent->format != &vdisk_format_vmdk ||
        ((const struct vmdk_state *)parent->state)->descriptor == NULL)
        return vdisk_fail(error, VDISK_UNSUPPORTED, file_name, structure, VDISK_NO_OFFSET,
                          "the parent of a VMDK must be a VMDK with a descriptor");
    if (name == NULL || *name == '\0' || strlen(name) >= VDISK_NAME_BYTES)
        return vdisk_fail(error, VDISK_INVALID, file_name, structure, VDISK_NO_OFFSET,
                          "the parent's name is missing or too long");
    for (; *name != '\0'; name++) {
        if (*name == '"' || (unsigned char)*name < 0x20)
            return vdisk_fail(error, VDISK_INVALID, file_name, structure, VDISK_NO_OFFSET,
                              "the parent's name has a character that a descriptor cannot hold");
    }
    return VDISK_OK;
}

static enum vdisk_status write_parent(struct vdisk_image *image, uint32_t content_id, char *hint,
                                      const char *name, struct vdisk_error *error)
{
    struct vmdk_text quoted = {.bytes = hint, .room_bytes = VDISK_NAME_BYTES + 4};
    char digits[9] = {0};
    struct vmdk_text id = {.bytes = digits, .room_bytes = sizeof digits};
    struct vmdk_text text;
    bool fits;
    enum vdisk_status status = vmdk_edit_begin(image, &text, error);

    if (status != VDISK_OK)
        return status;
    vmdk_text_add(&quoted, "\"");
    vmdk_text_add(&quoted, name);
    vmdk_text_add(&quoted, "\"");
    vmdk_text_add_hex(&id, content_id);
    fits = vmdk_text_set(&text, "parentCID", digits, "CID") &&
           vmdk_text_set(&text, "parentFileNameHint", hint, "createType");
    status = vmdk_edit_end(image, &text, fits, error);
    return status == VDISK_OK ? vdisk_file_flush(image->file, error) : status;
}

enum vdisk_status vmdk_set_parent(struct vdisk_image *image, struct vdisk_image *parent,
                                  const char *parent_name, const char *parent_absolute_name,
                                  struct vdisk_error *error)
{
    struct vmdk_state *state = vmdk_state(image);
    const char *name = parent_name != NULL ? parent_name : parent_absolute_name;
    uint32_t content_id;
    char *hint;
    enum vdisk_status status = vmdk_parent_check(parent, name, image->file->name, error);

    if (status != VDISK_OK)
        return status;
    if (state->descriptor == NULL)
        return vdisk_image_fail(image, error, VDISK_UNSUPPORTED, structure, VDISK_NO_OFFSET,
                                "an extent by itself has none that could be changed");
    content_id = vmdk_state(parent)->descriptor->content_id;
    hint = vdisk_alloc(VDISK_NAME_BYTES + 4);
    if (hint == NULL)
        return vdisk_image_fail(image, error, VDISK_NO_MEMORY, structure, VDISK_NO_OFFSET, NULL);
    status = write_parent(image, content_id, hint, name, error);
    vdisk_free(hint);
    if (status == VDISK_OK)
        state->descriptor->parent_content_id = content_id;
    return status;
}
