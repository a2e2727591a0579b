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
