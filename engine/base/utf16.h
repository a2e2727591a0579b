/* UTF-16 as images store it, in either byte order, to and from the engine's UTF-8. */
#ifndef VIRTUALDISK_ENGINE_UTF16_H
#define VIRTUALDISK_ENGINE_UTF16_H

#include "virtualdisk/platform.h"

enum vdisk_utf16_order { VDISK_UTF16_LE, VDISK_UTF16_BE };

/*
 * Converts up to unit_count 16-bit units, which end early at a NUL, into NUL-terminated text of at
 * most text_bytes. False when a surrogate has no partner or the text does not fit.
 */
bool vdisk_utf16_to_utf8(const void *units, size_t unit_count, enum vdisk_utf16_order order,
                         char *text, size_t text_bytes);

/*
 * Takes one code point from NUL-terminated text, and moves the cursor behind it; false, and no
 * change, when it is not well-formed. Not for the NUL.
 */
bool vdisk_utf8_decode(const unsigned char **cursor, uint32_t *code);

/*
 * Converts NUL-terminated text into at most unit_limit 16-bit units, without a NUL, and says how
 * many. False when the text is not UTF-8 or the units do not suffice.
 */
bool vdisk_utf8_to_utf16(const char *text, enum vdisk_utf16_order order, void *units,
                         size_t unit_limit, size_t *unit_count);

#endif
