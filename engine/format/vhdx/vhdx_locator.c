/* The parent locator ([MS-VHDX] 2.6.2.6): keys and values in UTF-16 that lead to the parent. */
#include "engine/format/vhdx/vhdx_state.h"
#include "engine/base/endian.h"
#include "engine/base/utf16.h"

#define KEY_BYTES_MAX 64u /* longer than every key that is known here, as UTF-8 */
#define KEYS_MAX      64u

static const char locator_name[] = "VHDX parent locator";

/* What is kept while the locator is read: too much for the stack. */
struct locator_reader {
    struct vdisk_image *image;
    const unsigned char *data;
    uint32_t length;
    char key[KEY_BYTES_MAX];
    char value[VDISK_NAME_BYTES];
};

static enum vdisk_status locator_fail(struct vdisk_image *image, struct vdisk_error *error,
                                      enum vdisk_status status, uint32_t byte_in_item,
                                      const char *reason)
{
    return vdisk_image_fail(image, error, status, locator_name,
                            vhdx_state_of(image)->metadata.locator_offset + byte_in_item, reason);
}

static bool keys_equal(const char *a, const char *b)
{
    const size_t length = strlen(a);

    return length == strlen(b) && memcmp(a, b, length) == 0;
}

/* Reads the entry's key and value; a key too long to be known is read as "". */
static enum vdisk_status read_pair(struct locator_reader *reader, uint32_t position,
                                   struct vdisk_error *error)
{
    const unsigned char *entry = reader->data + position;
    const uint32_t key_offset = vdisk_load_le32(entry);
    const uint32_t value_offset = vdisk_load_le32(entry + 4);
    const uint32_t key_length = vdisk_load_le16(entry + 8);
    const uint32_t value_length = vdisk_load_le16(entry + 10);

    if (!vdisk_range_within(key_offset, key_length, reader->length) ||
        !vdisk_range_within(value_offset, value_length, reader->length) ||
        (key_length | value_length) % 2 != 0)
        return locator_fail(reader->image, error, VDISK_CORRUPT, position,
                            "a key or value lies outside the item");
    if (!vdisk_utf16_to_utf8(reader->data + key_offset, key_length / 2, VDISK_UTF16_LE, reader->key,
                             sizeof reader->key))
        reader->key[0] = '\0';
    if (!vdisk_utf16_to_utf8(reader->data + value_offset, value_length / 2, VDISK_UTF16_LE,
                             reader->value, sizeof reader->value))
        reader->value[0] = '\0';
    return VDISK_OK;
}

/* Looks a key up; reader->value is "" when it is not there. */
static enum vdisk_status find_value(struct locator_reader *reader, const char *key,
                                    struct vdisk_error *error)
{
    const uint32_t count = vdisk_load_le16(reader->data + VHDX_LOCATOR_COUNT);

    for (uint32_t index = 0; index < count; index++) {
        enum vdisk_status status =
            read_pair(reader, VHDX_LOCATOR_ENTRIES + index * VHDX_LOCATOR_ENTRY_BYTES, error);

        if (status != VDISK_OK)
            return status;
        if (keys_equal(reader->key, key))
            return VDISK_OK;
    }
    reader->value[0] = '\0';
    return VDISK_OK;
}

static enum vdisk_status load_linkage(struct locator_reader *reader, const char *key,
                                      unsigned char guid[VDISK_GUID_BYTES],
                                      struct vdisk_error *error)
{
    enum vdisk_status status = find_value(reader, key, error);

    if (status == VDISK_OK && reader->value[0] != '\0' &&
        !vdisk_guid_from_text(reader->value, VDISK_GUID_LE, guid))
        return locator_fail(reader->image, error, VDISK_CORRUPT, 0,
                            "the parent's identity is no GUID");
    return status;
}

static enum vdisk_status load_name(struct locator_reader *reader, const char *key,
                                   enum vdisk_name_kind kind, struct vdisk_error *error)
{
    enum vdisk_status status = find_value(reader, key, error);

    if (status != VDISK_OK || reader->value[0] == '\0')
        return status;
    return vdisk_image_add_parent_name(reader->image, kind, reader->value, error);
}

static enum vdisk_status check_locator(struct locator_reader *reader, struct vdisk_error *error)
{
    uint32_t count;

    if (reader->length < VHDX_LOCATOR_ENTRIES)
        return locator_fail(reader->image, error, VDISK_CORRUPT, 0, "the item is too short");
    if (memcmp(reader->data, vhdx_guid_locator_type, VDISK_GUID_BYTES) != 0)
        return locator_fail(reader->image, error, VDISK_UNSUPPORTED, 0,
                            "the parent is described in a way that is not known here");
    count = vdisk_load_le16(reader->data + VHDX_LOCATOR_COUNT);
    if (count > KEYS_MAX ||
        !vdisk_range_within(VHDX_LOCATOR_ENTRIES, (uint64_t)count * VHDX_LOCATOR_ENTRY_BYTES,
                            reader->length))
        return locator_fail(reader->image, error, VDISK_CORRUPT, VHDX_LOCATOR_COUNT,
                            "the item has more entries than fit");
    return VDISK_OK;
}

static enum vdisk_status parse_locator(struct locator_reader *reader, struct vdisk_error *error)
{
    struct vhdx_state *state = vhdx_state_of(reader->image);
    enum vdisk_status status = check_locator(reader, error);

    if (status == VDISK_OK)
        status = load_linkage(reader, "parent_linkage", state->parent_linkage, error);
    if (status == VDISK_OK)
        status = load_linkage(reader, "parent_linkage2", state->parent_linkage2, error);
    if (status == VDISK_OK && vdisk_guid_is_zero(state->parent_linkage))
        return locator_fail(reader->image, error, VDISK_CORRUPT, 0,
                            "the parent's identity is missing");
    if (status == VDISK_OK)
        status = load_name(reader, "relative_path", VDISK_NAME_RELATIVE, error);
    if (status == VDISK_OK)
        status = load_name(reader, "volume_path", VDISK_NAME_VOLUME, error);
    if (status == VDISK_OK)
        status = load_name(reader, "absolute_win32_path", VDISK_NAME_ABSOLUTE, error);
    return status;
}

static enum vdisk_status read_locator(struct vdisk_image *image, unsigned char *data,
                                      struct vdisk_error *error)
{
    const struct vhdx_state *state = vhdx_state_of(image);
    struct locator_reader *reader;
    enum vdisk_status status = vdisk_file_read(state->file, state->metadata.locator_offset, data,
                                               state->metadata.locator_bytes, error);

    if (status != VDISK_OK)
        return status;
    reader = vdisk_alloc(sizeof *reader);
    if (reader == NULL)
        return locator_fail(image, error, VDISK_NO_MEMORY, 0, NULL);
    reader->image = image;
    reader->data = data;
    reader->length = state->metadata.locator_bytes;
    status = parse_locator(reader, error);
    vdisk_free(reader);
    return status;
}

enum vdisk_status vhdx_locator_load(struct vdisk_image *image, struct vdisk_error *error)
{
    const struct vhdx_state *state = vhdx_state_of(image);
    unsigned char *data;
    enum vdisk_status status;

    if (state->metadata.locator_offset == 0)
        return vdisk_image_fail(image, error, VDISK_CORRUPT, "VHDX metadata table",
                                state->metadata_area.offset_bytes,
                                "a differencing image has no parent locator");
    data = vdisk_alloc(state->metadata.locator_bytes);
    if (data == NULL)
        return locator_fail(image, error, VDISK_NO_MEMORY, 0, NULL);
    status = read_locator(image, data, error);
    vdisk_free(data);
    return status;
}
