/*
 * Names that a disk gives to its parts, as text that does no harm: valid UTF-8, in which what is
 * malformed, a control character, or turns the direction of writing has become '?'. Blanks at the
 * end are dropped, and so is what does not fit.
 */
#ifndef VIRTUALDISK_ENGINE_PARTITION_LABEL_H
#define VIRTUALDISK_ENGINE_PARTITION_LABEL_H

#include "virtualdisk/platform.h"

/* From bytes that should be UTF-8, up to a NUL. */
void vdisk_label_from_utf8(const unsigned char *bytes, size_t count, char *text, size_t text_bytes);

/* From bytes of an unknown code page, up to a NUL: what is not ASCII becomes '?'. */
void vdisk_label_from_ascii(const unsigned char *bytes, size_t count, char *text,
                            size_t text_bytes);

/* From 16-bit units, in the machine's order, up to a NUL. */
void vdisk_label_from_utf16(const uint16_t *units, size_t count, char *text, size_t text_bytes);

#endif
