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

/* A place after all items that the present locator does not use. */
static uint64_t find_place(const struct vhdx_metadata *metadata)
{
    const uint64_t rounding = VDISK_PAGE_BYTES - 1;
    const uint64_t offset =
        vdisk_align_down(metadata->items_end_offset + rounding, VDISK_PAGE_BYTES);

    if (!vdisk_ranges_overlap(offset, VHDX_LOCATOR_BYTES_MAX, metadata->locator_offset,
                              metadata->locator_bytes))
        return offset;
    return vdisk_align_down(metadata->locator_offset + metadata->locator_bytes + rounding,
                            VDISK_PAGE_BYTES);
}

static enum vdisk_status store_item(struct vdisk_image *image, uint64_t offset_bytes,
                                    const unsigned char *item, uint32_t length_bytes,
                                    struct vdisk_error *error)
{
    enum vdisk_status status = VDISK_OK;

    for (uint32_t done = 0; done < length_bytes && status == VDISK_OK; done += VDISK_PAGE_BYTES)
        status =
            vhdx_journal_store(image, offset_bytes + done, item + done, VDISK_PAGE_BYTES, error);
    return status;
}

/* The item and the entry that names it change in one entry of the log: nothing else waits. */
static enum vdisk_status store_locator(struct vdisk_image *image, const unsigned char *item,
                                       uint32_t length_bytes, struct vdisk_error *error)
{
    struct vhdx_state *state = vhdx_state_of(image);
    const uint64_t position = state->metadata.locator_entry_offset + VHDX_METADATA_ENTRY_OFFSET;
    unsigned char place[8];
    const uint64_t offset = find_place(&state->metadata);
    const uint64_t in_region = offset - state->metadata_area.offset_bytes;
    enum vdisk_status status;

    if (!vdisk_range_within(in_region, VHDX_LOCATOR_BYTES_MAX, state->metadata_area.length_bytes))
        return vdisk_image_fail(image, error, VDISK_NO_SPACE, locator_name, offset,
                                "the metadata region has no room for another locator");
    status = vhdx_journal_flush(image, error);
    if (status == VDISK_OK)
        status = store_item(image, offset, item, length_bytes, error);
    if (status != VDISK_OK)
        return status;
    vdisk_store_le32(place, (uint32_t)in_region);
    vdisk_store_le32(place + 4, length_bytes);
    status = vhdx_journal_store(image, position, place, sizeof place, error);
    if (status == VDISK_OK)
        status = vhdx_journal_flush(image, error);
    if (status != VDISK_OK)
        return status;
    state->metadata.locator_offset = offset;
    state->metadata.locator_bytes = length_bytes;
    return VDISK_OK;
}

/* The names and identities in memory follow what is now in the file. */
static enum vdisk_status reload(struct vdisk_image *image, struct vdisk_error *error)
{
    while (image->parent_name_count != 0)
        vdisk_free(image->parent_names[--image->parent_name_count].name);
    memset(vhdx_state_of(image)->parent_linkage2, 0, VDISK_GUID_BYTES);
    return vhdx_locator_load(image, error);
}

enum vdisk_status vhdx_locator_replace(struct vdisk_image *image, struct vdisk_image *parent,
                                       const char *parent_name, const char *parent_absolute_name,
                                       struct vdisk_error *error)
{
    unsigned char *item;
    uint32_t length;
    enum vdisk_status status;

    if (parent->format != image->format ||
        parent->disk.logical_sector_bytes != image->disk.logical_sector_bytes)
        return vdisk_image_fail(image, error, VDISK_INVALID, locator_name, VDISK_NO_OFFSET,
                                "the parent is no VHDX image with sectors of the same size");
    item = vdisk_alloc(VHDX_LOCATOR_BYTES_MAX);
    if (item == NULL)
        return vdisk_image_fail(image, error, VDISK_NO_MEMORY, locator_name, VDISK_NO_OFFSET, NULL);
    status = vhdx_locator_encode(image->file->name, parent, parent_name, parent_absolute_name, item,
                                 &length, error);
    if (status == VDISK_OK)
        status = store_locator(image, item, length, error);
    vdisk_free(item);
    return status == VDISK_OK ? reload(image, error) : status;
}
