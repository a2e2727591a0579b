/* Text of a descriptor being put together or changed, in a buffer that is never overrun. */
#ifndef VIRTUALDISK_ENGINE_VMDK_TEXT_H
#define VIRTUALDISK_ENGINE_VMDK_TEXT_H

#include "virtualdisk/platform.h"

struct vmdk_text {
    char *bytes; /* zeroed by the caller; stays NUL-terminated */
    uint32_t room_bytes;
    uint32_t length;
    bool overflow; /* something did not fit, and was left out */
};

void vmdk_text_add(struct vmdk_text *text, const char *string);
void vmdk_text_add_number(struct vmdk_text *text, uint64_t number);
void vmdk_text_add_hex(struct vmdk_text *text, uint32_t number); /* 8 digits */

/*
 * Gives a key another value (with its quotes, if it is to have any). Where the key has no line, one
 * is put behind the line of the key `behind`, or at the end. False, with the text unchanged, when
 * there is no room.
 */
bool vmdk_text_set(struct vmdk_text *text, const char *key, const char *value, const char *behind);

/* Gives the first extent another size; false when there is no extent, or no room. */
bool vmdk_text_set_sectors(struct vmdk_text *text, uint64_t sectors);

#endif
