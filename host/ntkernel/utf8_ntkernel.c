#include "host/ntkernel/ntkernel.h"

#define REPLACEMENT   0xfffdu
#define UTF8_MAX_UNIT 3 /* bytes of UTF-8 for one UTF-16 unit, at most */

/* The code point at *index, which moves behind it. */
static uint32_t next_code_point(const WCHAR *units, size_t count, size_t *index)
{
    const uint32_t first = units[(*index)++];

    if (first < 0xd800 || first > 0xdfff)
        return first;
    if (first > 0xdbff || *index == count || units[*index] < 0xdc00 || units[*index] > 0xdfff)
        return REPLACEMENT;
    return 0x10000 + ((first - 0xd800) << 10) + (units[(*index)++] - 0xdc00u);
}

static char *put_code_point(char *out, uint32_t point)
{
    if (point < 0x80) {
        *out++ = (char)point;
        return out;
    }
    if (point < 0x800) {
        *out++ = (char)(0xc0 | point >> 6);
    } else {
        if (point < 0x10000) {
            *out++ = (char)(0xe0 | point >> 12);
        } else {
            *out++ = (char)(0xf0 | point >> 18);
            *out++ = (char)(0x80 | (point >> 12 & 0x3f));
        }
        *out++ = (char)(0x80 | (point >> 6 & 0x3f));
    }
    *out++ = (char)(0x80 | (point & 0x3f));
    return out;
}

char *vdisk_utf8_from_unicode(const UNICODE_STRING *text)
{
    const size_t count = text->Length / sizeof(WCHAR);
    char *utf8 = vdisk_alloc(count * UTF8_MAX_UNIT + 1);
    char *out = utf8;

    if (utf8 == NULL)
        return NULL;
    for (size_t i = 0; i < count;)
        out = put_code_point(out, next_code_point(text->Buffer, count, &i));
    *out = '\0';
    return utf8;
}
