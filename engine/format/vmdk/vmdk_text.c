#include "engine/format/vmdk/vmdk_text.h"
#include "engine/base/text.h"

void vmdk_text_add(struct vmdk_text *text, const char *string)
{
    const size_t length = strlen(string);

    if (length >= text->room_bytes - text->length) {
        text->overflow = true;
        return;
    }
    memcpy(text->bytes + text->length, string, length);
    text->length += (uint32_t)length;
}

void vmdk_text_add_number(struct vmdk_text *text, uint64_t number)
{
    char digits[24];
    uint32_t at = sizeof digits - 1;

    digits[at] = '\0';
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    vmdk_text_add(text, digits + at);
}

void vmdk_text_add_hex(struct vmdk_text *text, uint32_t number)
{
    char digits[9];

    for (uint32_t i = 0; i < 8; i++)
        digits[i] = "0123456789abcdef"[number >> (28 - 4 * i) & 15];
    digits[8] = '\0';
    vmdk_text_add(text, digits);
}

/* Does the line assign to the key? Then *value is where its value begins. */
static bool line_assigns(const char *line, const char *key, uint32_t *value)
{
    uint32_t at = 0;

    while (vdisk_text_is_blank(line[at]))
        at++;
    for (; *key != '\0'; key++, at++) {
        if (vdisk_text_lower(line[at]) != vdisk_text_lower(*key))
            return false;
    }
    while (vdisk_text_is_blank(line[at]))
        at++;
    *value = at + 1;
    return line[at] == '=';
}

static uint32_t line_end(const struct vmdk_text *text, uint32_t at)
{
    while (at < text->length && text->bytes[at] != '\n')
        at++;
    return at;
}

/* Where a key's value begins and ends; false when the key has no line. */
static bool find_value(const struct vmdk_text *text, const char *key, uint32_t *from, uint32_t *to)
{
    uint32_t line = 0;

    while (line < text->length) {
        const uint32_t end = line_end(text, line);
        uint32_t value;

        if (line_assigns(text->bytes + line, key, &value)) {
            *from = line + value;
            *to = end;
            if (*to > *from && text->bytes[*to - 1] == '\r')
                (*to)--;
            return true;
        }
        line = end + 1;
    }
    return false;
}

/* Puts strings in the place of a range. */
static bool splice(struct vmdk_text *text, uint32_t from, uint32_t to, const char *const *strings,
                   uint32_t string_count)
{
    size_t length = 0;
    char *at = text->bytes + from;

    for (uint32_t i = 0; i < string_count; i++)
        length += strlen(strings[i]);
    if (length >= text->room_bytes - (text->length - (to - from)))
        return false;
    memmove(at + length, text->bytes + to, text->length - to);
    for (uint32_t i = 0; i < string_count; i++) {
        memcpy(at, strings[i], strlen(strings[i]));
        at += strlen(strings[i]);
    }
    text->length = text->length - (to - from) + (uint32_t)length;
    memset(text->bytes + text->length, 0, text->room_bytes - text->length);
    return true;
}

bool vmdk_text_set(struct vmdk_text *text, const char *key, const char *value, const char *behind)
{
    const char *line[] = {"\n", key, "=", value};
    uint32_t from, to;

    if (find_value(text, key, &from, &to))
        return splice(text, from, to, &value, 1);
    if (find_value(text, behind, &from, &to))
        return splice(text, to, to, line, 4);
    return splice(text, text->length, text->length, line, 4);
}

/* Where the number of an extent's line begins; 0 when the line is another one. */
static uint32_t extent_number(const char *line)
{
    uint32_t at = 0;

    while (vdisk_text_is_blank(line[at]))
        at++;
    if (vdisk_text_lower(line[at]) != 'r' || vdisk_text_lower(line[at + 1]) != 'w' ||
        !vdisk_text_is_blank(line[at + 2]))
        return 0;
    at += 3;
    while (vdisk_text_is_blank(line[at]))
        at++;
    return line[at] >= '0' && line[at] <= '9' ? at : 0;
}

bool vmdk_text_set_sectors(struct vmdk_text *text, uint64_t sectors)
{
    char digits[24] = {0};
    struct vmdk_text number = {.bytes = digits, .room_bytes = sizeof digits};
    const char *const strings[] = {digits};
    uint32_t line = 0;

    vmdk_text_add_number(&number, sectors);
    while (line < text->length) {
        const uint32_t from = extent_number(text->bytes + line);
        uint32_t to = line + from;

        while (text->bytes[to] >= '0' && text->bytes[to] <= '9')
            to++;
        if (from != 0)
            return splice(text, line + from, to, strings, 1);
        line = line_end(text, line) + 1;
    }
    return false;
}
