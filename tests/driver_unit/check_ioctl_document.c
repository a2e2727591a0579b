/*
 * docs/ioctls.md against the code: every row says the truth, and whatever is answered has a row.
 *
 *   check_ioctl_document <docs/ioctls.md>
 *
 * A row that begins with "| `NAME` | 0123abcd |" speaks of a code. In the answers' tables the
 * kinds of volume, the least input and the least output follow: "| disk, CD | - | 24 |". A row
 * whose third column is "worker" or "refused" speaks of a code that has no answer there.
 */
#include "tests/driver_unit/question.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_BYTES   2048u
#define NAME_BYTES   64u
#define KIND_BYTES   16u
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
};

static struct row rows[ROWS_MAX];
static size_t row_count;
static unsigned failure_count;

static void fail(const char *name, uint32_t code, const char *what)
{
    fprintf(stderr, "%s (%08x): %s\n", name, code, what);
    failure_count++;
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
    return true;
}

static bool is_answered(const struct row *row)
{
    return strncmp(row->kinds, "worker", 6) != 0 && strncmp(row->kinds, "refused", 7) != 0;
}

static bool read_document(const char *path)
{
    char line[LINE_BYTES];
    FILE *file = fopen(path, "r");

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

int main(int argc, char **argv)
{
    static const uint32_t device_types[] = {0x02, 0x04, 0x07, 0x2d, 0x33, 0x4d, 0x56, 0x8d31};

    if (argc != 2) {
        fprintf(stderr, "usage: %s <docs/ioctls.md>\n", argv[0]);
        return 2;
    }
    if (!read_document(argv[1]))
        return 2;
    for (size_t i = 0; i < row_count; i++)
        check_row(&rows[i]);
    for (size_t i = 0; i < sizeof device_types / sizeof device_types[0]; i++)
        check_codes(device_types[i]);
    printf("%zu rows, %u wrong\n", row_count, failure_count);
    return row_count != 0 && failure_count == 0 ? 0 : 1;
}
