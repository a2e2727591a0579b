/* The names of a differencing VHD's parent: specification, "Parent Locator Entries". */
#include "engine/format/vhd/vhd_state.h"
#include "engine/base/utf16.h"

/* What is longer cannot be a name that the engine could hand on. */
#define NAME_UNITS_MAX VDISK_NAME_BYTES

static bool is_absolute(const char *name)
{
    return name[0] == '\\' || name[0] == '/' || (name[0] != '\0' && name[1] == ':');
}

static enum vdisk_status add_name(struct vdisk_image *image, enum vdisk_name_kind kind,
                                  const char *name, struct vdisk_error *error)
{
    if (name[0] == '\0' || image->parent_name_count == VDISK_PARENT_NAMES)
        return VDISK_OK;
    return vdisk_image_add_parent_name(image, kind, name, error);
}

/* A locator that leads nowhere is passed over: the next one may do. */
static enum vdisk_status add_located(struct vdisk_image *image, const struct vhd_locator *locator,
                                     enum vdisk_name_kind kind, unsigned char *units, char *name,
                                     struct vdisk_error *error)
{
    const struct vhd_state *state = image->state;
    enum vdisk_status status;

    if (locator->length_bytes > NAME_UNITS_MAX * 2 ||
        !vdisk_range_within(locator->offset_bytes, locator->length_bytes, state->file_bytes))
        return VDISK_OK;
    status =
        vdisk_file_read(image->file, locator->offset_bytes, units, locator->length_bytes, error);
    if (status != VDISK_OK)
        return status;
    if (!vdisk_utf16_to_utf8(units, locator->length_bytes / 2, VDISK_UTF16_LE, name,
                             VDISK_NAME_BYTES))
        return VDISK_OK;
    return add_name(image, kind, name, error);
}

static enum vdisk_status add_names(struct vdisk_image *image, unsigned char *units, char *name,
                                   struct vdisk_error *error)
{
    static const struct {
        uint32_t code;
        enum vdisk_name_kind kind;
    } order[] = {{VHD_LOCATOR_RELATIVE, VDISK_NAME_RELATIVE},
                 {VHD_LOCATOR_ABSOLUTE, VDISK_NAME_ABSOLUTE}};
    struct vhd_state *state = image->state;

    for (uint32_t turn = 0; turn < 2; turn++) {
        for (uint32_t index = 0; index < VHD_LOCATORS; index++) {
            const struct vhd_locator *locator = &state->header.locators[index];
            enum vdisk_status status;

            if (locator->code != order[turn].code)
                continue;
            status = add_located(image, locator, order[turn].kind, units, name, error);
            if (status != VDISK_OK)
                return status;
        }
    }
    if (!vdisk_utf16_to_utf8(vhd_header_parent_name(state->header_bytes), VHD_PARENT_NAME_UNITS,
                             VDISK_UTF16_BE, name, VDISK_NAME_BYTES))
        return VDISK_OK;
    return add_name(image, is_absolute(name) ? VDISK_NAME_ABSOLUTE : VDISK_NAME_RELATIVE, name,
                    error);
}

enum vdisk_status vhd_parent_read_names(struct vdisk_image *image, struct vdisk_error *error)
{
    unsigned char *units = vdisk_alloc(NAME_UNITS_MAX * 2);
    char *name = vdisk_alloc(VDISK_NAME_BYTES);
    enum vdisk_status status = VDISK_NO_MEMORY;

    if (units != NULL && name != NULL)
        status = add_names(image, units, name, error);
    else
        vdisk_image_fail(image, error, status, NULL, VDISK_NO_OFFSET, NULL);
    vdisk_free(name);
    vdisk_free(units);
    return status;
}

static const char *base_name(const char *name)
{
    const char *base = name;

    for (; *name != '\0'; name++) {
        if (*name == '/' || *name == '\\')
            base = name + 1;
    }
    return base;
}

static void slashes_to_backslashes(unsigned char *units, size_t unit_count)
{
    for (size_t index = 0; index < unit_count; index++) {
        if (units[2 * index] == '/' && units[2 * index + 1] == 0)
            units[2 * index] = '\\';
    }
}

/* As Windows writes it: ".\name", "..\folder\name". */
static bool encode_relative(const char *name, unsigned char *units, size_t *unit_count)
{
    static const unsigned char here[] = {'.', 0, '\\', 0};
    const size_t prefix = name[0] == '.' ? 0 : 2;
    size_t count;

    memcpy(units, here, prefix * 2);
    if (!vdisk_utf8_to_utf16(name, VDISK_UTF16_LE, units + prefix * 2, NAME_UNITS_MAX - prefix,
                             &count))
        return false;
    *unit_count = prefix + count;
    slashes_to_backslashes(units, *unit_count);
    return true;
}

/* The name in the header has room for the file's own name only, if for that. */
static void encode_header_name(unsigned char *header_bytes, const char *name)
{
    unsigned char *field = vhd_header_parent_name(header_bytes);
    size_t count;

    memset(field, 0, VHD_PARENT_NAME_UNITS * 2);
    if (!vdisk_utf8_to_utf16(base_name(name), VDISK_UTF16_BE, field, VHD_PARENT_NAME_UNITS - 1,
                             &count))
        memset(field, 0, VHD_PARENT_NAME_UNITS * 2);
}

static void place_locator(struct vhd_parent_fields *fields, uint32_t index, uint32_t code,
                          uint64_t offset_bytes, size_t unit_count)
{
    fields->locators[index].code = code;
    fields->locators[index].offset_bytes = offset_bytes;
    fields->locators[index].length_bytes = (uint32_t)unit_count * 2;
    fields->space_bytes[index] =
        (uint32_t)vdisk_div_up(unit_count * 2, VDISK_SECTOR_BYTES) * VDISK_SECTOR_BYTES;
}

enum vdisk_status vhd_parent_encode(struct vdisk_file *file, const struct vhd_parent *parent,
                                    uint64_t area_offset, unsigned char *header_bytes,
                                    unsigned char *area, uint32_t *area_bytes,
                                    struct vdisk_error *error)
{
    struct vhd_parent_fields fields = {.identity = parent->identity};
    size_t count;

    if (!encode_relative(parent->name, area, &count))
        return vdisk_fail(error, VDISK_INVALID, file->name, "VHD parent locator", VDISK_NO_OFFSET,
                          "the parent's name is no UTF-8 or too long");
    place_locator(&fields, 0, VHD_LOCATOR_RELATIVE, area_offset, count);
    *area_bytes = fields.space_bytes[0];
    if (parent->absolute_name != NULL) {
        if (!vdisk_utf8_to_utf16(parent->absolute_name, VDISK_UTF16_LE, area + *area_bytes,
                                 NAME_UNITS_MAX, &count))
            return vdisk_fail(error, VDISK_INVALID, file->name, "VHD parent locator",
                              VDISK_NO_OFFSET, "the parent's path is no UTF-8 or too long");
        place_locator(&fields, 1, VHD_LOCATOR_ABSOLUTE, area_offset + *area_bytes, count);
        *area_bytes += fields.space_bytes[1];
    }
    encode_header_name(header_bytes, parent->name);
    vhd_header_set_parent(header_bytes, &fields);
    return VDISK_OK;
}
