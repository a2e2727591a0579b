/* Lines of text that came from anyone, NUL-terminated and cut up in place. Letters are ASCII. */
#ifndef VIRTUALDISK_ENGINE_TEXT_H
#define VIRTUALDISK_ENGINE_TEXT_H

#include "virtualdisk/platform.h"

static inline bool vdisk_text_is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static inline char vdisk_text_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* In any case. */
bool vdisk_text_same(const char *a, const char *b);

/* Does `bytes` begin with the word, in any case? */
bool vdisk_text_starts_with(const unsigned char *bytes, size_t length_bytes, const char *word);

char *vdisk_text_skip_blanks(char *text);

/* Cuts the next word off, or what is in the next quotes; NULL when there is none or no end. */
char *vdisk_text_take_word(char **rest);

/* Digits and nothing else; false when there are none or the number does not fit. */
bool vdisk_text_to_u64(const char *text, uint64_t *number);

/* Is this the name of a file in a folder, and of nothing else? */
bool vdisk_name_is_plain(const char *name);

#endif
