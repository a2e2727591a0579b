#include "engine/base/guid.h"

/* Where each byte of the text is found in a little-endian identifier. */
static const unsigned char le_position[VDISK_GUID_BYTES] = {3, 2, 1,  0,  5,  4,  7,  6,
                                                            8, 9, 10, 11, 12, 13, 14, 15};

void vdisk_guid_to_text(const unsigned char guid[VDISK_GUID_BYTES], enum vdisk_guid_order order,
                        char text[VDISK_GUID_TEXT_BYTES])
{
    static const char digits[] = "0123456789abcdef";

    for (uint32_t index = 0; index < VDISK_GUID_BYTES; index++) {
        const unsigned char byte = guid[order == VDISK_GUID_LE ? le_position[index] : index];

        if (index == 4 || index == 6 || index == 8 || index == 10)
            *text++ = '-';
        *text++ = digits[byte >> 4];
        *text++ = digits[byte & 15];
    }
    *text = '\0';
}

static bool parse_digit(char digit, unsigned char *value)
{
    if (digit >= '0' && digit <= '9')
        *value = (unsigned char)(digit - '0');
    else if (digit >= 'a' && digit <= 'f')
        *value = (unsigned char)(digit - 'a' + 10);
    else if (digit >= 'A' && digit <= 'F')
        *value = (unsigned char)(digit - 'A' + 10);
    else
        return false;
    return true;
}

bool vdisk_guid_from_text(const char *text, enum vdisk_guid_order order,
                          unsigned char guid[VDISK_GUID_BYTES])
{
    unsigned char parsed[VDISK_GUID_BYTES];
    size_t length = strlen(text);

    if (length == VDISK_GUID_TEXT_BYTES + 1 && text[0] == '{' && text[length - 1] == '}') {
        text++;
        length -= 2;
    }
    if (length != VDISK_GUID_TEXT_BYTES - 1)
        return false;
    for (uint32_t index = 0; index < VDISK_GUID_BYTES; index++, text += 2) {
        unsigned char high, low;

        if ((index == 4 || index == 6 || index == 8 || index == 10) && *text++ != '-')
            return false;
        if (!parse_digit(text[0], &high) || !parse_digit(text[1], &low))
            return false;
        parsed[order == VDISK_GUID_LE ? le_position[index] : index] =
            (unsigned char)(high << 4 | low);
    }
    memcpy(guid, parsed, VDISK_GUID_BYTES);
    return true;
}

void vdisk_guid_make(unsigned char guid[VDISK_GUID_BYTES], enum vdisk_guid_order order)
{
    const uint32_t version_byte = order == VDISK_GUID_LE ? 7 : 6;

    vdisk_random(guid, VDISK_GUID_BYTES);
    guid[version_byte] = (unsigned char)((guid[version_byte] & 0x0f) | 0x40);
    guid[8] = (unsigned char)((guid[8] & 0x3f) | 0x80);
}

bool vdisk_guid_is_zero(const unsigned char guid[VDISK_GUID_BYTES])
{
    unsigned char any = 0;

    for (uint32_t index = 0; index < VDISK_GUID_BYTES; index++)
        any |= guid[index];
    return any == 0;
}
