#include "engine/base/utf16.h"
#include "engine/base/endian.h"

#define SURROGATE_HIGH 0xd800u
#define SURROGATE_LOW  0xdc00u
#define SURROGATE_END  0xe000u
#define BEYOND_BMP     0x10000u
#define CODE_END       0x110000u

static uint32_t load_unit(const unsigned char *unit, enum vdisk_utf16_order order)
{
    return order == VDISK_UTF16_BE ? vdisk_load_be16(unit) : vdisk_load_le16(unit);
}

static void store_unit(unsigned char *unit, enum vdisk_utf16_order order, uint32_t value)
{
    if (order == VDISK_UTF16_BE)
        vdisk_store_be16(unit, (uint16_t)value);
    else
        vdisk_store_le16(unit, (uint16_t)value);
}

/* The bytes of a code point in UTF-8; their number. */
static size_t encode_utf8(uint32_t code, unsigned char bytes[4])
{
    if (code < 0x80) {
        bytes[0] = (unsigned char)code;
        return 1;
    }
    if (code < 0x800) {
        bytes[0] = (unsigned char)(0xc0 | code >> 6);
        bytes[1] = (unsigned char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < BEYOND_BMP) {
        bytes[0] = (unsigned char)(0xe0 | code >> 12);
        bytes[1] = (unsigned char)(0x80 | (code >> 6 & 0x3f));
        bytes[2] = (unsigned char)(0x80 | (code & 0x3f));
        return 3;
    }
    bytes[0] = (unsigned char)(0xf0 | code >> 18);
    bytes[1] = (unsigned char)(0x80 | (code >> 12 & 0x3f));
    bytes[2] = (unsigned char)(0x80 | (code >> 6 & 0x3f));
    bytes[3] = (unsigned char)(0x80 | (code & 0x3f));
    return 4;
}

bool vdisk_utf16_to_utf8(const void *units, size_t unit_count, enum vdisk_utf16_order order,
                         char *text, size_t text_bytes)
{
    const unsigned char *unit = units;
    size_t length = 0;

    for (size_t index = 0; index < unit_count; index++) {
        uint32_t code = load_unit(unit + 2 * index, order);
        unsigned char bytes[4];
        size_t count;

        if (code == 0)
            break;
        if (code >= SURROGATE_HIGH && code < SURROGATE_END) {
            uint32_t low = 0;

            if (code < SURROGATE_LOW && ++index < unit_count)
                low = load_unit(unit + 2 * index, order);
            if (low < SURROGATE_LOW || low >= SURROGATE_END)
                return false;
            code = BEYOND_BMP + ((code - SURROGATE_HIGH) << 10) + (low - SURROGATE_LOW);
        }
        count = encode_utf8(code, bytes);
        if (count >= text_bytes - length) /* one byte is for the NUL */
            return false;
        memcpy(text + length, bytes, count);
        length += count;
    }
    if (length >= text_bytes)
        return false;
    text[length] = '\0';
    return true;
}

bool vdisk_utf8_decode(const unsigned char **cursor, uint32_t *code)
{
    static const uint32_t smallest[] = {0, 0x80, 0x800, BEYOND_BMP};
    const unsigned char *p = *cursor;
    const uint32_t first = *p++;
    uint32_t value = first;
    uint32_t more = 0;

    if (first >= 0xf0 && first < 0xf8)
        more = 3;
    else if (first >= 0xe0 && first < 0xf0)
        more = 2;
    else if (first >= 0xc0 && first < 0xe0)
        more = 1;
    else if (first >= 0x80)
        return false;
    if (more != 0)
        value = first & (0x3fu >> more);
    for (uint32_t index = 0; index < more; index++, p++) {
        if ((*p & 0xc0) != 0x80)
            return false;
        value = value << 6 | (*p & 0x3fu);
    }
    if (value < smallest[more] || value >= CODE_END ||
        (value >= SURROGATE_HIGH && value < SURROGATE_END))
        return false;
    *cursor = p;
    *code = value;
    return true;
}

bool vdisk_utf8_to_utf16(const char *text, enum vdisk_utf16_order order, void *units,
                         size_t unit_limit, size_t *unit_count)
{
    const unsigned char *cursor = (const unsigned char *)text;
    unsigned char *unit = units;
    size_t count = 0;

    while (*cursor != '\0') {
        uint32_t code;

        if (!vdisk_utf8_decode(&cursor, &code) ||
            unit_limit - count < (code < BEYOND_BMP ? 1u : 2u))
            return false;
        if (code < BEYOND_BMP) {
            store_unit(unit + 2 * count++, order, code);
            continue;
        }
        code -= BEYOND_BMP;
        store_unit(unit + 2 * count++, order, SURROGATE_HIGH + (code >> 10));
        store_unit(unit + 2 * count++, order, SURROGATE_LOW + (code & 0x3ff));
    }
    *unit_count = count;
    return true;
}
