#include "size.h"

#include "output.h"

#include <stdio.h>
#include <string.h>

static const char unit_letters[] = "KMGT";

enum size_fault { SIZE_GOOD, SIZE_NO_NUMBER, SIZE_TOO_LARGE };

/* Appends a digit; false when the number leaves the range. */
static bool add_digit(uint64_t *number, char digit)
{
    uint64_t value = (uint64_t)(digit - '0');
    if (*number > (INT64_MAX - value) / 10)
        return false;
    *number = *number * 10 + value;
    return true;
}

/* The unit named by what follows the number, or 0. */
static uint64_t unit_of(const char *suffix, uint64_t default_unit_bytes)
{
    if (suffix[0] == '\0')
        return default_unit_bytes;
    char letter = suffix[0];
    if (letter >= 'a' && letter <= 'z')
        letter = (char)(letter - 'a' + 'A');
    const char *found = strchr(unit_letters, letter);
    if (found == NULL || suffix[1] != '\0')
        return 0;
    return UINT64_C(1024) << (10 * (found - unit_letters));
}

static enum size_fault size_read(const char *text, uint64_t default_unit_bytes,
                                 uint64_t *size_bytes)
{
    uint64_t number = 0;
    bool in_range = true;
    const char *cursor = text;
    for (; *cursor >= '0' && *cursor <= '9'; cursor++)
        in_range = in_range && add_digit(&number, *cursor);
    uint64_t unit_bytes = unit_of(cursor, default_unit_bytes);
    if (cursor == text || unit_bytes == 0)
        return SIZE_NO_NUMBER;
    if (!in_range || number > INT64_MAX / unit_bytes)
        return SIZE_TOO_LARGE;
    *size_bytes = number * unit_bytes;
    return SIZE_GOOD;
}

bool vdisk_offset_parse(const char *text, const char *what, uint64_t *offset_bytes)
{
    switch (size_read(text, 1, offset_bytes)) {
    case SIZE_GOOD:
        return true;
    case SIZE_TOO_LARGE:
        vdisk_output_message("%s '%s' is too large", what, text);
        return false;
    default:
        vdisk_output_message("%s '%s' is not a number with K, M, G, T or no unit", what, text);
        return false;
    }
}

bool vdisk_size_parse(const char *text, const char *what, uint64_t default_unit_bytes,
                      uint64_t *size_bytes)
{
    switch (size_read(text, default_unit_bytes, size_bytes)) {
    case SIZE_TOO_LARGE:
        vdisk_output_message("%s '%s' is too large", what, text);
        return false;
    case SIZE_NO_NUMBER:
        vdisk_output_message("%s '%s' is not a positive number with K, M, G, T or no unit", what,
                             text);
        return false;
    default:
        break;
    }
    if (*size_bytes == 0) {
        vdisk_output_message("%s must be greater than zero", what);
        return false;
    }
    return true;
}

bool vdisk_size_parse_change(const char *text, uint64_t old_bytes, uint64_t *new_bytes)
{
    bool relative = text[0] == '+';
    if (!vdisk_size_parse(relative ? text + 1 : text, relative ? "what is added" : "the size", 1,
                          new_bytes))
        return false;
    if (!relative)
        return true;
    if (*new_bytes > INT64_MAX - old_bytes) {
        vdisk_output_message("the size '%s' is too large", text);
        return false;
    }
    *new_bytes += old_bytes;
    return true;
}

bool vdisk_seconds_parse(const char *text, const char *what, uint32_t maximum_seconds,
                         uint64_t *milliseconds)
{
    uint64_t seconds = 0;
    const char *cursor = text;
    for (; *cursor >= '0' && *cursor <= '9' && seconds <= maximum_seconds; cursor++)
        seconds = seconds * 10 + (uint64_t)(*cursor - '0');
    if (cursor == text || *cursor != '\0' || seconds > maximum_seconds) {
        vdisk_output_message("%s takes a number of seconds up to %" PRIu32 ", not '%s'", what,
                             maximum_seconds, text);
        return false;
    }
    *milliseconds = seconds * 1000;
    return true;
}

const char *vdisk_size_text(uint64_t size_bytes, char text[VDISK_SIZE_TEXT_BYTES])
{
    static const char *const names[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    unsigned unit = 0;
    uint64_t whole = size_bytes;
    uint64_t rest = 0;
    while (whole >= 1024) {
        rest = whole % 1024;
        whole /= 1024;
        unit++;
    }
    uint64_t tenths = rest * 10 / 1024;
    if (tenths == 0)
        snprintf(text, VDISK_SIZE_TEXT_BYTES, "%" PRIu64 " %s", whole, names[unit]);
    else
        snprintf(text, VDISK_SIZE_TEXT_BYTES, "%" PRIu64 ".%" PRIu64 " %s", whole, tenths,
                 names[unit]);
    return text;
}
