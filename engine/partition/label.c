#include "engine/partition/label.h"
#include "engine/base/checked.h"
#include "engine/base/endian.h"
#include "engine/base/utf16.h"

static bool is_harmful(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0) ||
           (code >= 0x2028 && code <= 0x202e) || /* separators, embeddings */
           (code >= 0x2066 && code <= 0x2069) || /* isolates */
           code == 0x200e || code == 0x200f || code == 0x061c || code == 0xfeff;
}

/* In place: what is replaced only becomes shorter. */
static void make_harmless(char *text)
{
    const unsigned char *from = (const unsigned char *)text;
    char *to = text;

    while (*from != '\0') {
        const unsigned char *first = from;
        uint32_t code;

        if (!vdisk_utf8_decode(&from, &code)) {
            from = first + 1;
            code = 0;
        }
        if (is_harmful(code))
            *to++ = '?';
        else
            while (first < from)
                *to++ = (char)*first++;
    }
    while (to != text && to[-1] == ' ')
        to--;
    *to = '\0';
}

void vdisk_label_from_utf8(const unsigned char *bytes, size_t count, char *text, size_t text_bytes)
{
    size_t length = 0;

    while (length < count && bytes[length] != 0)
        length++;
    if (length >= text_bytes) {
        length = text_bytes - 1;
        while (length != 0 && (bytes[length] & 0xc0) == 0x80) /* not in the middle of a letter */
            length--;
    }
    memcpy(text, bytes, length);
    text[length] = '\0';
    make_harmless(text);
}

void vdisk_label_from_ascii(const unsigned char *bytes, size_t count, char *text, size_t text_bytes)
{
    size_t length = 0;

    for (; length < count && length < text_bytes - 1 && bytes[length] != 0; length++)
        text[length] = bytes[length] < 0x80 ? (char)bytes[length] : '?';
    text[length] = '\0';
    make_harmless(text);
}

/* Letter by letter, so that one that is malformed costs only itself. */
void vdisk_label_from_utf16(const uint16_t *units, size_t count, char *text, size_t text_bytes)
{
    size_t length = 0;

    for (size_t i = 0; i < count && units[i] != 0; i++) {
        unsigned char letter[4];
        char encoded[5];
        size_t used = 1;

        vdisk_store_le16(letter, units[i]);
        vdisk_store_le16(letter + 2, i + 1 < count ? units[i + 1] : 0);
        if (!vdisk_utf16_to_utf8(letter, 1, VDISK_UTF16_LE, encoded, sizeof encoded)) {
            used = 2;
            if (!vdisk_utf16_to_utf8(letter, 2, VDISK_UTF16_LE, encoded, sizeof encoded)) {
                used = 1;
                memcpy(encoded, "?", 2);
            }
        }
        if (strlen(encoded) >= text_bytes - length)
            break;
        memcpy(text + length, encoded, strlen(encoded));
        length += strlen(encoded);
        i += used - 1;
    }
    text[length] = '\0';
    make_harmless(text);
}
