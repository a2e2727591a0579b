/*
 * docs/ioctls.md against the code: every row says the truth, whatever is answered or served has a
 * row, and the tests that a row names are there and name its code.
 *
 *   check_ioctl_document <folder of the sources>
 *
 * A row that begins with "| `NAME` | 0123abcd |" speaks of a code. In the answers' tables the
 * kinds of volume, the least input and the least output follow: "| disk, CD | - | 24 |". A row
 * whose third column is "worker", "device" or "refused" speaks of a code that has no answer there.
 * The last column is a list of sources of tests.
 */
#include "tests/driver_unit/question.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_BYTES   2048u
#define NAME_BYTES   64u
#define KIND_BYTES   16u
#define TEST_BYTES   64u
#define PATH_BYTES   1024u
#define SOURCE_BYTES 262144u
#define ROWS_MAX     256u
#define INPUT_BYTES  256u
#define FUNCTIONS    0x1000u
#define UNLIMITED    2048u /* room enough for every answer */
#define METHOD_COUNT 4u

struct row {
    char name[NAME_BYTES];
    uint32_t code;
    char kinds[KIND_BYTES];
    unsigned long input_bytes, output_bytes;
    char tests[TEST_BYTES];
};

static struct row rows[ROWS_MAX];
static size_t row_count;
static unsigned failure_count;

static void fail(const char *name, uint32_t code, const char *what)
{
    fprintf(stderr, "%s (%08x): %s\n", name, code, what);
    failure_count++;
}

/* The last column, without the spaces around it; longer than any: cut, and so no test's name. */
static void parse_tests(const char *line, char tests[TEST_BYTES])
{
    const size_t length = strcspn(line, "\n");
    size_t end = length, start;

    while (end > 0 && (line[end - 1] == ' ' || line[end - 1] == '|'))
        end--;
    for (start = end; start > 0 && line[start - 1] != '|'; start--)
        ;
    start += strspn(line + start, " ");
    snprintf(tests, TEST_BYTES, "%.*s", (int)(end > start ? end - start : 0), line + start);
}

static bool parse_row(const char *line, struct row *row)
{
    char input[KIND_BYTES], output[KIND_BYTES];

    memset(row, 0, sizeof *row);
    if (sscanf(line, "| `%63[A-Z0-9_]` | %8x | %15[a-zA-Z, ]|", row->name, &row->code,
               row->kinds) != 3)
        return false;
    if (sscanf(line, "| `%*[A-Z0-9_]` | %*8x | %*15[a-zA-Z, ]| %15[-0-9] | %15[-0-9] |", input,
               output) == 2) {
        row->input_bytes = input[0] == '-' ? 0 : strtoul(input, NULL, 10);
        row->output_bytes = output[0] == '-' ? 0 : strtoul(output, NULL, 10);
    }
    parse_tests(line, row->tests);
    return true;
}

static bool is_served(const struct row *row)
{
    return strncmp(row->kinds, "worker", 6) == 0;
}

static bool is_answered(const struct row *row)
{
    return !is_served(row) && strncmp(row->kinds, "device", 6) != 0 &&
           strncmp(row->kinds, "refused", 7) != 0;
}

static bool read_document(const char *folder)
{
    char line[LINE_BYTES], path[PATH_BYTES];
    FILE *file;

    snprintf(path, sizeof path, "%s/docs/ioctls.md", folder);
    file = fopen(path, "r");
    if (file == NULL) {
        perror(path);
        return false;
    }
    while (fgets(line, sizeof line, file) != NULL && row_count < ROWS_MAX) {
        if (parse_row(line, &rows[row_count]))
            row_count++;
    }
    fclose(file);
    return true;
}

static int32_t ask(const VD_VOLUME *volume, const struct row *row, size_t input_bytes,
                   size_t output_bytes)
{
    static unsigned char input[INPUT_BYTES];
    struct answer answer;

    if (!question_ask(volume, row->code, input, input_bytes, output_bytes, &answer))
        fail(row->name, row->code, "an answer that breaks the rules of all answers");
    return answer.status;
}

static void check_answered(const VD_VOLUME *volume, const struct row *row)
{
    if (row->input_bytes != 0 &&
        ask(volume, row, row->input_bytes - 1, UNLIMITED) != VD_STATUS_INFO_LENGTH_MISMATCH)
        fail(row->name, row->code, "a shorter input is accepted");
    if (row->output_bytes != 0 &&
        ask(volume, row, row->input_bytes, row->output_bytes - 1) != VD_STATUS_BUFFER_TOO_SMALL)
        fail(row->name, row->code, "a shorter output is accepted");
    switch (ask(volume, row, row->input_bytes, row->output_bytes)) {
    case VD_STATUS_INFO_LENGTH_MISMATCH:
        fail(row->name, row->code, "this input is too short");
        break;
    case VD_STATUS_BUFFER_TOO_SMALL:
        fail(row->name, row->code, "this output is too small");
        break;
    case VD_STATUS_INVALID_DEVICE_REQUEST:
        fail(row->name, row->code, "this volume does not answer it");
        break;
    default:
        break;
    }
}

static void check_row(const struct row *row)
{
    const VD_VOLUME disk = question_volume(VOLUME_WHOLE), cd = question_volume(VOLUME_CD);
    const bool on_disk = is_answered(row) && strstr(row->kinds, "disk") != NULL;
    const bool on_cd = is_answered(row) && strstr(row->kinds, "CD") != NULL;

    if (is_answered(row) && !on_disk && !on_cd)
        fail(row->name, row->code, "no kind of volume is named");
    if (on_disk)
        check_answered(&disk, row);
    else if (ask(&disk, row, INPUT_BYTES, UNLIMITED) != VD_STATUS_INVALID_DEVICE_REQUEST)
        fail(row->name, row->code, "a disk answers it, too");
    if (on_cd)
        check_answered(&cd, row);
    else if (ask(&cd, row, INPUT_BYTES, UNLIMITED) != VD_STATUS_INVALID_DEVICE_REQUEST)
        fail(row->name, row->code, "a CD answers it, too");
    for (const struct row *other = rows; other < row; other++) {
        if (other->code == row->code)
            fail(row->name, row->code, "there is another row");
    }
}

static bool has_row(uint32_t code)
{
    for (size_t i = 0; i < row_count; i++) {
        if (rows[i].code == code)
            return true;
    }
    return false;
}

/* Every code of the device types, of every access and method. No buffer is needed to be known. */
static void check_codes(uint32_t device_type)
{
    const VD_VOLUME disk = question_volume(VOLUME_WHOLE), cd = question_volume(VOLUME_CD);
    struct row row = {.name = "no row"};

    for (uint32_t low = 0; low < 4 * FUNCTIONS * METHOD_COUNT; low++) {
        row.code = device_type << 16 | low;
        if (!has_row(row.code) && (ask(&disk, &row, 0, 0) != VD_STATUS_INVALID_DEVICE_REQUEST ||
                                   ask(&cd, &row, 0, 0) != VD_STATUS_INVALID_DEVICE_REQUEST))
            fail(row.name, row.code, "is answered");
    }
}

/* A source's text until the next call, or NULL where there is none of this path. */
static const char *read_source(const char *format, ...)
{
    static char text[SOURCE_BYTES];
    char path[PATH_BYTES];
    va_list arguments;
    size_t length;
    FILE *file;

    va_start(arguments, format);
    vsnprintf(path, sizeof path, format, arguments);
    va_end(arguments);
    file = fopen(path, "r");
    if (file == NULL)
        return NULL;
    length = fread(text, 1, sizeof text - 1, file);
    text[length] = '\0';
    if (!feof(file)) {
        fprintf(stderr, "%s: larger than expected\n", path);
        failure_count++;
    }
    fclose(file);
    return text;
}

/* The next identifier at or behind `text`, and its length; NULL: none. */
static const char *next_identifier(const char *text, size_t *length)
{
    static const char characters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";

    text += strcspn(text, characters);
    *length = strspn(text, characters);
    return *length != 0 ? text : NULL;
}

static bool is_identifier(const char *text, size_t length, const char *prefix, const char *name)
{
    const size_t prefix_length = strlen(prefix);

    return length == prefix_length + strlen(name) && strncmp(text, prefix, prefix_length) == 0 &&
           strncmp(text + prefix_length, name, strlen(name)) == 0;
}

/* For a message, until the next call. */
static const char *identifier_name(const char *text, size_t length)
{
    static char name[NAME_BYTES];

    snprintf(name, sizeof name, "%.*s", (int)length, text);
    return name;
}

/* The name is told as the headers and the driver have it, or without its beginning, to a macro. */
static bool names_code(const char *text, const char *name)
{
    const char *bare = strncmp(name, "IOCTL_", 6) == 0 ? name + 6 : name;
    const char *own = strncmp(bare, "VIRTUALDISK_", 12) == 0 ? bare + 12 : bare;
    size_t length;

    while ((text = next_identifier(text, &length)) != NULL) {
        if (is_identifier(text, length, "", name) || is_identifier(text, length, "", bare) ||
            is_identifier(text, length, "VD_IOCTL_", own))
            return true;
        text += length;
    }
    return false;
}

static void check_tests(const char *folder, const struct row *row)
{
    const char *rest = row->tests, *source;
    size_t length;

    if (strspn(rest, "abcdefghijklmnopqrstuvwxyz0123456789_, ") != strlen(rest) || *rest == '\0')
        fail(row->name, row->code, "no tests are named");
    while ((rest = next_identifier(rest, &length)) != NULL) {
        source = read_source("%s/tests/driver_unit/%.*s.c", folder, (int)length, rest);
        if (source == NULL)
            source = read_source("%s/tests/driver/%.*s.c", folder, (int)length, rest);
        if (source == NULL)
            fail(row->name, row->code, "its test is not there");
        else if (!names_code(source, row->name))
            fail(row->name, row->code, "its test does not name it");
        rest += length;
    }
}

/* The workers' list is not plain C; it is read as text, "    {CODE, ". */
static void check_workers(const char *folder)
{
    const char *text = read_source("%s/driver/transfer.c", folder), *end;
    bool served[ROWS_MAX] = {false};
    size_t length;

    text = text != NULL ? strstr(text, "Controls[] = {") : NULL;
    end = text != NULL ? strstr(text, "};") : NULL;
    if (end == NULL) {
        fail("Controls", 0, "the workers' list is not found");
        return;
    }
    for (text = strchr(text, '{') + 1; (text = strchr(text, '{')) != NULL && text < end;) {
        size_t row = 0;

        text = next_identifier(text, &length);
        while (row < row_count && !is_identifier(text, length, "", rows[row].name))
            row++;
        if (row < row_count)
            served[row] = true;
        else if (!is_identifier(text, length, "", "VD_IOCTL_INTERNAL_FLUSH"))
            fail(identifier_name(text, length), 0, "the workers serve it, and there is no row");
    }
    for (size_t row = 0; row < row_count; row++) {
        if (served[row] != is_served(&rows[row]))
            fail(rows[row].name, rows[row].code, "worker or not: its row is wrong");
    }
}

int main(int argc, char **argv)
{
    static const uint32_t device_types[] = {0x02, 0x04, 0x07, 0x2d, 0x33, 0x4d, 0x56, 0x8d31};

    if (argc != 2) {
        fprintf(stderr, "usage: %s <folder of the sources>\n", argv[0]);
        return 2;
    }
    if (!read_document(argv[1]))
        return 2;
    for (size_t i = 0; i < row_count; i++) {
        check_row(&rows[i]);
        check_tests(argv[1], &rows[i]);
    }
    check_workers(argv[1]);
    for (size_t i = 0; i < sizeof device_types / sizeof device_types[0]; i++)
        check_codes(device_types[i]);
    printf("%zu rows, %u wrong\n", row_count, failure_count);
    return row_count != 0 && failure_count == 0 ? 0 : 1;
}
