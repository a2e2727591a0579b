/* Making parent locators ([MS-VHDX] 2.6.2.6); vhdx_locator.c reads them. */
#include "engine/format/vhdx/vhdx_state.h"
#include "engine/base/endian.h"
#include "engine/base/utf16.h"

#define GUID_VALUE_BYTES (VDISK_GUID_TEXT_BYTES + 2) /* in braces */

static const char locator_name[] = "VHDX parent locator";

struct locator_writer {
    const char *file_name;
    unsigned char *item;
    uint32_t entry_count;
    uint32_t used_bytes; /* keys and values follow the room for the entries */
};

#define ENTRY_ROOM 4u /* two linkages, two names */

static enum vdisk_status add_text(struct locator_writer *writer, const char *text, uint32_t *offset,
                                  uint32_t *length, struct vdisk_error *error)
{
    const size_t room = (VHDX_LOCATOR_BYTES_MAX - writer->used_bytes) / 2;
    size_t units;

    if (!vdisk_utf8_to_utf16(text, VDISK_UTF16_LE, writer->item + writer->used_bytes, room,
                             &units) ||
        units * 2 > UINT16_MAX)
        return vdisk_fail(error, VDISK_INVALID, writer->file_name, locator_name, VDISK_NO_OFFSET,
                          "the parent's name is too long or no UTF-8");
    *offset = writer->used_bytes;
    *length = (uint32_t)units * 2;
    writer->used_bytes += *length;
    return VDISK_OK;
}

static enum vdisk_status add_pair(struct locator_writer *writer, const char *key, const char *value,
                                  struct vdisk_error *error)
{
    unsigned char *entry = writer->item + VHDX_LOCATOR_ENTRIES +
                           (size_t)writer->entry_count * VHDX_LOCATOR_ENTRY_BYTES;
    uint32_t key_offset, key_length, value_offset, value_length;
    enum vdisk_status status = add_text(writer, key, &key_offset, &key_length, error);

    if (status == VDISK_OK)
        status = add_text(writer, value, &value_offset, &value_length, error);
    if (status != VDISK_OK)
        return status;
    vdisk_store_le32(entry, key_offset);
    vdisk_store_le32(entry + 4, value_offset);
    vdisk_store_le16(entry + 8, (uint16_t)key_length);
    vdisk_store_le16(entry + 10, (uint16_t)value_length);
    writer->entry_count++;
    vdisk_store_le16(writer->item + VHDX_LOCATOR_COUNT, (uint16_t)writer->entry_count);
    return VDISK_OK;
}

static enum vdisk_status add_guid(struct locator_writer *writer, const char *key,
                                  const unsigned char guid[VDISK_GUID_BYTES],
                                  struct vdisk_error *error)
{
    char text[GUID_VALUE_BYTES];

    text[0] = '{';
    vdisk_guid_to_text(guid, VDISK_GUID_LE, text + 1);
    text[GUID_VALUE_BYTES - 2] = '}';
    text[GUID_VALUE_BYTES - 1] = '\0';
    return add_pair(writer, key, text, error);
}

/* Windows writes backslashes, and a name without folder as ".\name". */
static enum vdisk_status add_name(struct locator_writer *writer, const char *key,
                                  const char *prefix, const char *name, struct vdisk_error *error)
{
    const size_t prefix_length = strlen(prefix), length = strlen(name);
    enum vdisk_status status;
    char *path;

    if (length == 0 || length >= VDISK_NAME_BYTES)
        return vdisk_fail(error, VDISK_INVALID, writer->file_name, locator_name, VDISK_NO_OFFSET,
                          "the parent's name is empty or too long");
    path = vdisk_alloc(prefix_length + length + 1);
    if (path == NULL)
        return vdisk_fail(error, VDISK_NO_MEMORY, writer->file_name, locator_name, VDISK_NO_OFFSET,
                          NULL);
    memcpy(path, prefix, prefix_length);
    memcpy(path + prefix_length, name, length);
    for (char *character = path; *character != '\0'; character++) {
        if (*character == '/')
            *character = '\\';
    }
    status = add_pair(writer, key, path, error);
    vdisk_free(path);
    return status;
}

enum vdisk_status vhdx_locator_encode(const char *file_name, struct vdisk_image *parent,
                                      const char *parent_name, const char *parent_absolute_name,
                                      unsigned char *item, uint32_t *length_bytes,
                                      struct vdisk_error *error)
{
    static const unsigned char no_guid[VDISK_GUID_BYTES];
    struct locator_writer writer = {.file_name = file_name,
                                    .item = item,
                                    .used_bytes = VHDX_LOCATOR_ENTRIES +
                                                  ENTRY_ROOM * VHDX_LOCATOR_ENTRY_BYTES};
    enum vdisk_status status;

    if (parent_name == NULL && parent_absolute_name == NULL)
        return vdisk_fail(error, VDISK_INVALID, file_name, locator_name, VDISK_NO_OFFSET,
                          "the parent has no name");
    memcpy(item, vhdx_guid_locator_type, VDISK_GUID_BYTES);
    status =
        add_guid(&writer, "parent_linkage", vhdx_state_of(parent)->header.data_write_guid, error);
    if (status == VDISK_OK)
        status = add_guid(&writer, "parent_linkage2", no_guid, error);
    if (status == VDISK_OK && parent_name != NULL)
        status = add_name(&writer, "relative_path", parent_name[0] == '.' ? "" : ".\\", parent_name,
                          error);
    if (status == VDISK_OK && parent_absolute_name != NULL)
        status = add_name(&writer, "absolute_win32_path", "", parent_absolute_name, error);
    *length_bytes = writer.used_bytes;
    return status;
}
