#include "engine/base/text.h"
#include "engine/base/checked.h"

bool vdisk_text_same(const char *a, const char *b)
{
    while (*a != '\0' && vdisk_text_lower(*a) == vdisk_text_lower(*b)) {
        a++;
        b++;
    }
    return vdisk_text_lower(*a) == vdisk_text_lower(*b);
}

bool vdisk_text_starts_with(const unsigned char *bytes, size_t length_bytes, const char *word)
{
    const size_t length = strlen(word);

    if (length_bytes < length)
        return false;
    for (size_t i = 0; i < length; i++) {
        if (vdisk_text_lower((char)bytes[i]) != vdisk_text_lower(word[i]))
            return false;
    }
    return true;
}

char *vdisk_text_skip_blanks(char *text)
{
    while (vdisk_text_is_blank(*text))
        text++;
    return text;
}

char *vdisk_text_take_word(char **rest)
{
    char *word = vdisk_text_skip_blanks(*rest);
    char *end;

    if (*word == '\0')
        return NULL;
    if (*word == '"') {
        word++;
        end = word;
        while (*end != '"' && *end != '\0')
            end++;
        if (*end == '\0')
            return NULL;
    } else {
        end = word;
        while (!vdisk_text_is_blank(*end) && *end != '\0')
            end++;
    }
    *rest = *end == '\0' ? end : end + 1;
    *end = '\0';
    return word;
}

bool vdisk_text_to_u64(const char *text, uint64_t *number)
{
    uint64_t value = 0;

    if (*text == '\0')
        return false;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9' || !vdisk_mul_u64(value, 10, &value) ||
            !vdisk_add_u64(value, (uint64_t)(*text - '0'), &value))
            return false;
    }
    *number = value;
    return true;
}

bool vdisk_name_is_plain(const char *name)
{
    if (*name == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return false;
    for (; *name != '\0'; name++) {
        if ((unsigned char)*name < 0x20 || *name == '"' || *name == '/' || *name == '\\' ||
            *name == ':')
            return false;
    }
    return true;
}
