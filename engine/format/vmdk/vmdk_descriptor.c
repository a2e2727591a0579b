#include "engine/format/vmdk/vmdk_descriptor.h"
#include "engine/base/checked.h"
#include "engine/base/endian.h"
#include "engine/base/text.h"

static const char structure[] = "VMDK descriptor";

static const struct {
    const char *name;
    enum vmdk_extent_type type;
} extent_types[] = {
    {"FLAT", VMDK_TYPE_FLAT},
    {"ZERO", VMDK_TYPE_ZERO},
    {"SPARSE", VMDK_TYPE_SPARSE},
    {"VMFS", VMDK_TYPE_VMFS},
    {"VMFSSPARSE", VMDK_TYPE_VMFSSPARSE},
    {"SESPARSE", VMDK_TYPE_SESPARSE},
};

struct parser {
    struct vmdk_descriptor *descriptor;
    const char *file_name;
    uint64_t offset_bytes; /* of the line, in the file */
    struct vdisk_error *error;
    bool plain_ascii; /* the encoding is one in which only ASCII is known to be UTF-8 */
};

static enum vdisk_status parse_fail(const struct parser *parser, enum vdisk_status status,
                                    const char *reason)
{
    return vdisk_fail(parser->error, status, parser->file_name, structure, parser->offset_bytes,
                      reason);
}

static void trim_end(char *text)
{
    size_t length = strlen(text);

    while (length != 0 && vdisk_text_is_blank(text[length - 1]))
        text[--length] = '\0';
}

static bool parse_hex(const char *text, uint32_t *number)
{
    uint32_t value = 0;
    uint32_t digits = 0;

    for (; *text != '\0'; text++) {
        const char c = vdisk_text_lower(*text);

        if (++digits > 8)
            return false;
        if (c >= '0' && c <= '9')
            value = value << 4 | (uint32_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            value = value << 4 | (uint32_t)(c - 'a' + 10);
        else
            return false;
    }
    *number = value;
    return digits != 0;
}

static bool is_ascii(const char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text >= 0x80)
            return false;
    }
    return true;
}

static enum vdisk_status check_name(const struct parser *parser, const char *name)
{
    if (name == NULL)
        return parse_fail(parser, VDISK_CORRUPT, "an extent's name is missing or not ended");
    if (strlen(name) >= VDISK_NAME_BYTES)
        return parse_fail(parser, VDISK_CORRUPT, "an extent's name is too long");
    if (!vdisk_name_is_plain(name))
        return parse_fail(parser, VDISK_ACCESS,
                          "an extent is not a file in the folder of the descriptor");
    if (parser->plain_ascii && !is_ascii(name))
        return parse_fail(parser, VDISK_UNSUPPORTED,
                          "an extent's name is in an encoding other than UTF-8");
    return VDISK_OK;
}

static enum vdisk_status parse_type(const struct parser *parser, const char *word,
                                    enum vmdk_extent_type *type)
{
    if (word == NULL)
        return parse_fail(parser, VDISK_CORRUPT, "an extent's line is incomplete");
    for (size_t i = 0; i < sizeof extent_types / sizeof extent_types[0]; i++) {
        if (vdisk_text_same(word, extent_types[i].name)) {
            *type = extent_types[i].type;
            return VDISK_OK;
        }
    }
    return parse_fail(parser, VDISK_UNSUPPORTED,
                      "an extent is of a kind that is not a file, or unknown");
}

static enum vdisk_status parse_size(const struct parser *parser, const char *word,
                                    uint64_t *sectors)
{
    uint64_t *total = &parser->descriptor->sectors;

    if (word == NULL || !vdisk_text_to_u64(word, sectors) || *sectors == 0)
        return parse_fail(parser, VDISK_CORRUPT, "an extent's size is not a number of sectors");
    if (!vdisk_add_u64(*total, *sectors, total) || *total > INT64_MAX / 512)
        return parse_fail(parser, VDISK_CORRUPT, "the extents are larger than any disk");
    return VDISK_OK;
}

static enum vdisk_status parse_extent(const struct parser *parser, char *rest, bool read_only)
{
    struct vmdk_descriptor *descriptor = parser->descriptor;
    struct vmdk_extent_line *line = &descriptor->extents[descriptor->extent_count];
    const char *word;
    enum vdisk_status status = parse_size(parser, vdisk_text_take_word(&rest), &line->sectors);

    line->read_only = read_only;
    if (status == VDISK_OK)
        status = parse_type(parser, vdisk_text_take_word(&rest), &line->type);
    if (status == VDISK_OK && line->type != VMDK_TYPE_ZERO) {
        line->name = vdisk_text_take_word(&rest);
        status = check_name(parser, line->name);
    }
    if (status != VDISK_OK)
        return status;
    word = vdisk_text_take_word(&rest);
    if (word != NULL && (line->type == VMDK_TYPE_FLAT || line->type == VMDK_TYPE_VMFS) &&
        (!vdisk_text_to_u64(word, &line->file_sector) || line->file_sector > INT64_MAX / 512))
        return parse_fail(parser, VDISK_CORRUPT, "an extent's offset is not a number of sectors");
    descriptor->extent_count++;
    return VDISK_OK;
}

static enum vdisk_status parse_key(struct parser *parser, const char *key, char *value)
{
    struct vmdk_descriptor *descriptor = parser->descriptor;

    if (vdisk_text_same(key, "CID")) {
        if (!parse_hex(value, &descriptor->content_id))
            return parse_fail(parser, VDISK_CORRUPT, "the CID is not a hexadecimal number");
    } else if (vdisk_text_same(key, "parentCID")) {
        if (!parse_hex(value, &descriptor->parent_content_id))
            return parse_fail(parser, VDISK_CORRUPT, "the parentCID is not a hexadecimal number");
    } else if (vdisk_text_same(key, "createType")) {
        descriptor->create_type = value;
    } else if (vdisk_text_same(key, "parentFileNameHint")) {
        descriptor->parent_hint = value;
    } else if (vdisk_text_same(key, "encoding")) {
        parser->plain_ascii = !vdisk_text_same(value, "UTF-8");
    } else if (vdisk_text_same(key, "version")) {
        uint64_t version;

        if (!vdisk_text_to_u64(value, &version) || version == 0 || version > 4)
            return parse_fail(parser, VDISK_UNSUPPORTED, "the version is not 1 to 4");
    }
    return VDISK_OK;
}

static enum vdisk_status parse_assignment(struct parser *parser, char *line)
{
    char *value = line;
    char *word;

    while (*value != '=' && *value != '\0')
        value++;
    if (*value == '\0')
        return parse_fail(parser, VDISK_CORRUPT, "a line is neither an extent nor a value");
    *value++ = '\0';
    trim_end(line);
    value = vdisk_text_skip_blanks(value);
    trim_end(value);
    if (*value == '"') {
        word = vdisk_text_take_word(&value);
        if (word == NULL)
            return parse_fail(parser, VDISK_CORRUPT, "a quotation mark is not closed");
        value = word;
    }
    return parse_key(parser, line, value);
}

/* An access word and a blank: a key could begin with the same letters. */
static bool takes_access(char *line, const char *access, char **rest)
{
    const size_t length = strlen(access);

    for (size_t i = 0; i < length; i++) {
        if (vdisk_text_lower(line[i]) != vdisk_text_lower(access[i]))
            return false;
    }
    *rest = line + length;
    return vdisk_text_is_blank(line[length]);
}

static enum vdisk_status parse_line(struct parser *parser, char *line)
{
    char *rest;

    line = vdisk_text_skip_blanks(line);
    if (*line == '\0' || *line == '#')
        return VDISK_OK;
    if (takes_access(line, "NOACCESS", &rest))
        return parse_fail(parser, VDISK_UNSUPPORTED, "an extent is marked as not accessible");
    if (takes_access(line, "RW", &rest))
        return parse_extent(parser, rest, false);
    if (takes_access(line, "RDONLY", &rest))
        return parse_extent(parser, rest, true);
    return parse_assignment(parser, line);
}

static bool line_is_extent(char *line)
{
    char *rest;

    line = vdisk_text_skip_blanks(line);
    return takes_access(line, "RW", &rest) || takes_access(line, "RDONLY", &rest);
}

/* Cuts the copy into lines, and counts those that are extents. */
static uint32_t cut_lines(char *strings, uint32_t text_bytes)
{
    uint32_t count = 0;
    char *line = strings;

    for (uint32_t at = 0; at <= text_bytes; at++) {
        if (strings[at] != '\n' && strings[at] != '\0')
            continue;
        strings[at] = '\0';
        count += line_is_extent(line);
        line = strings + at + 1;
    }
    return count;
}

static enum vdisk_status parse_lines(struct parser *parser, uint32_t text_bytes)
{
    struct vmdk_descriptor *descriptor = parser->descriptor;
    const uint64_t start = parser->offset_bytes;
    const uint32_t extent_count = cut_lines(descriptor->strings, text_bytes);
    enum vdisk_status status = VDISK_OK;

    if (extent_count > VMDK_EXTENTS_MAX)
        return parse_fail(parser, VDISK_UNSUPPORTED, "the disk has more than 512 extents");
    descriptor->extents = vdisk_alloc_array(extent_count + 1u, sizeof *descriptor->extents);
    if (descriptor->extents == NULL)
        return parse_fail(parser, VDISK_NO_MEMORY, NULL);
    for (uint32_t at = 0; at < text_bytes && status == VDISK_OK;) {
        char *line = descriptor->strings + at;

        parser->offset_bytes = start + at;
        at += (uint32_t)strlen(line) + 1;
        status = parse_line(parser, line);
    }
    return status;
}

enum vdisk_status vmdk_descriptor_parse(const char *text, uint32_t text_bytes,
                                        const char *file_name, uint64_t offset_bytes,
                                        struct vmdk_descriptor **descriptor,
                                        struct vdisk_error *error)
{
    struct parser parser = {.file_name = file_name, .offset_bytes = offset_bytes, .error = error};
    const char *nul = memchr(text, '\0', text_bytes);
    enum vdisk_status status;

    if (nul != NULL)
        text_bytes = (uint32_t)(nul - text);
    if (text_bytes >= VMDK_TEXT_BYTES_MAX)
        return parse_fail(&parser, VDISK_UNSUPPORTED, "it is larger than 64 KiB");
    parser.descriptor = vdisk_alloc(sizeof *parser.descriptor);
    if (parser.descriptor == NULL)
        return parse_fail(&parser, VDISK_NO_MEMORY, NULL);
    parser.descriptor->create_type = "";
    parser.descriptor->parent_content_id = VMDK_NO_PARENT;
    parser.descriptor->strings = vdisk_alloc(text_bytes + 1u);
    if (parser.descriptor->strings == NULL) {
        status = parse_fail(&parser, VDISK_NO_MEMORY, NULL);
    } else {
        memcpy(parser.descriptor->strings, text, text_bytes);
        status = parse_lines(&parser, text_bytes);
    }
    if (status != VDISK_OK) {
        vmdk_descriptor_free(parser.descriptor);
        return status;
    }
    *descriptor = parser.descriptor;
    return VDISK_OK;
}

void vmdk_descriptor_free(struct vmdk_descriptor *descriptor)
{
    if (descriptor == NULL)
        return;
    vdisk_free(descriptor->extents);
    vdisk_free(descriptor->strings);
    vdisk_free(descriptor);
}

bool vmdk_descriptor_probe(const unsigned char *head, uint32_t head_bytes)
{
    uint32_t at = 0;

    while (at < head_bytes) {
        if (head[at] == '\n' || vdisk_text_is_blank((char)head[at])) {
            at++;
            continue;
        }
        if (head[at] != '#')
            break;
        if (vdisk_text_starts_with(head + at, head_bytes - at, "# Disk DescriptorFile"))
            return true;
        while (at < head_bytes && head[at] != '\n')
            at++;
    }
    /* Without its title a descriptor still begins with its version. */
    return vdisk_text_starts_with(head + at, head_bytes - at, "version=");
}

uint32_t vmdk_content_id(uint32_t other)
{
    unsigned char bytes[4];
    uint32_t id;

    do {
        vdisk_random(bytes, sizeof bytes);
        id = vdisk_load_le32(bytes);
    } while (id == VMDK_NO_PARENT || id == other);
    return id;
}
