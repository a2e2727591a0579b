#include "json.h"

#include "output.h"

static void json_indent(unsigned depth)
{
    vdisk_output_text("\n%*s", (int)(depth * 4), "");
}

/* Length of the well-formed UTF-8 sequence at `text`, or 0. */
static unsigned utf8_sequence_bytes(const unsigned char *text)
{
    unsigned char first = text[0];
    unsigned length = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (first > 0xf4)
        return 0;
    for (unsigned i = 1; i < length; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    }
    bool overlong = (first == 0xe0 && text[1] < 0xa0) || (first == 0xf0 && text[1] < 0x90);
    bool surrogate = first == 0xed && text[1] >= 0xa0;
    bool beyond = first == 0xf4 && text[1] >= 0x90;
    return overlong || surrogate || beyond ? 0 : length;
}

static void json_character(const unsigned char *text, unsigned length)
{
    if (length == 0)
        vdisk_output_text("\\ufffd");
    else if (text[0] == '"' || text[0] == '\\')
        vdisk_output_text("\\%c", text[0]);
    else if (text[0] == '\n')
        vdisk_output_text("\\n");
    else if (text[0] < 0x20 || text[0] == 0x7f)
        vdisk_output_text("\\u%04x", text[0]);
    else
        vdisk_output_text("%.*s", (int)length, (const char *)text);
}

static void json_quote(const char *value)
{
    const unsigned char *cursor = (const unsigned char *)value;
    vdisk_output_text("\"");
    while (*cursor != '\0') {
        unsigned length = utf8_sequence_bytes(cursor);
        json_character(cursor, length);
        cursor += length == 0 ? 1 : length;
    }
    vdisk_output_text("\"");
}

/* What stands before every value: a comma, a new line, the name. */
static void json_prefix(struct vdisk_json *json, const char *name)
{
    if (json->has_elements)
        vdisk_output_text(",");
    if (json->depth > 0)
        json_indent(json->depth);
    json->has_elements = true;
    if (name != NULL)
        vdisk_output_text("\"%s\": ", name); /* our own names need no escapes */
}

static void json_begin(struct vdisk_json *json, const char *name, const char *bracket)
{
    json_prefix(json, name);
    vdisk_output_text("%s", bracket);
    json->depth++;
    json->has_elements = false;
}

static void json_end(struct vdisk_json *json, const char *bracket)
{
    json->depth--;
    if (json->has_elements)
        json_indent(json->depth);
    vdisk_output_text("%s", bracket);
    json->has_elements = true;
    if (json->depth == 0)
        vdisk_output_text("\n");
}

void vdisk_json_begin_object(struct vdisk_json *json, const char *name)
{
    json_begin(json, name, "{");
}

void vdisk_json_end_object(struct vdisk_json *json)
{
    json_end(json, "}");
}

void vdisk_json_begin_array(struct vdisk_json *json, const char *name)
{
    json_begin(json, name, "[");
}

void vdisk_json_end_array(struct vdisk_json *json)
{
    json_end(json, "]");
}

void vdisk_json_string(struct vdisk_json *json, const char *name, const char *value)
{
    json_prefix(json, name);
    if (value == NULL)
        vdisk_output_text("null");
    else
        json_quote(value);
}

void vdisk_json_number(struct vdisk_json *json, const char *name, uint64_t value)
{
    json_prefix(json, name);
    vdisk_output_text("%" PRIu64, value);
}

void vdisk_json_bool(struct vdisk_json *json, const char *name, bool value)
{
    json_prefix(json, name);
    vdisk_output_text("%s", value ? "true" : "false");
}
