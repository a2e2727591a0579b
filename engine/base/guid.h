/*
 * Identifiers of 16 bytes. VHDX and VDI store the first three fields little-endian, VHD stores all
 * of them big-endian; the text is the same.
 */
#ifndef VIRTUALDISK_ENGINE_GUID_H
#define VIRTUALDISK_ENGINE_GUID_H

#include "virtualdisk/platform.h"

#define VDISK_GUID_BYTES      16u
#define VDISK_GUID_TEXT_BYTES 37u /* 36 characters and a NUL */

enum vdisk_guid_order { VDISK_GUID_LE, VDISK_GUID_BE };

/* For example "b04aefb7-d19e-4a81-b789-25b8e9445913". */
void vdisk_guid_to_text(const unsigned char guid[VDISK_GUID_BYTES], enum vdisk_guid_order order,
                        char text[VDISK_GUID_TEXT_BYTES]);

/* Either case, with or without braces, nothing else. False, and no change, for any other text. */
bool vdisk_guid_from_text(const char *text, enum vdisk_guid_order order,
                          unsigned char guid[VDISK_GUID_BYTES]);

/* A new random (version 4) identifier. */
void vdisk_guid_make(unsigned char guid[VDISK_GUID_BYTES], enum vdisk_guid_order order);

bool vdisk_guid_is_zero(const unsigned char guid[VDISK_GUID_BYTES]);

#endif
