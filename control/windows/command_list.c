/* The command `list`. */
#include "command.h"
#include "device_path.h"
#include "device_windows.h"
#include "json.h"
#include "output.h"
#include "size.h"
#include "wide_win32.h"
#include "virtualdisk/platform.h"

#include <stdio.h>

#define STATE_CHARS 80

enum { COLUMN_COUNT = 7 }; /* the path comes behind them */

/* One line of the table; the first one is the heading. */
struct row {
    char cells[COLUMN_COUNT][STATE_CHARS];
};

static void append_word(char state[STATE_CHARS], const char *word)
{
    size_t length = strlen(state);
    snprintf(state + length, STATE_CHARS - length, "%s%s", length == 0 ? "" : ", ", word);
}

static void describe_state(const struct vdisk_device *device, char state[STATE_CHARS])
{
    static const struct {
        uint32_t flag;
        const char *word;
    } words[] = {
        {VIRTUALDISK_STATE_PERSISTENT, "persistent"},
        {VIRTUALDISK_STATE_MEMORY, "memory"},
        {VIRTUALDISK_STATE_RAM, "ram"},
        {VIRTUALDISK_STATE_OPTICAL, "cd"},
        {VIRTUALDISK_STATE_FAILING, "failing"},
    };
    uint32_t flags = device->state.flags;
    if (!vdisk_device_is_working(device)) {
        append_word(state, "stopped");
        return;
    }
    append_word(state, (flags & VIRTUALDISK_STATE_READ_ONLY) != 0 ? "read-only" : "read-write");
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if ((flags & words[i].flag) != 0)
            append_word(state, words[i].word);
    }
}

static void fill_row(const struct vdisk_device *device, struct row *row)
{
    const struct virtualdisk_state *state = &device->state;
    char(*cells)[STATE_CHARS] = row->cells;
    uint64_t used_bytes;
    for (int i = 0; i < COLUMN_COUNT; i++)
        snprintf(cells[i], STATE_CHARS, "%s", i == 5 ? "" : "-");
    describe_state(device, cells[5]);
    if (device->letter[0] != '\0')
        snprintf(cells[0], STATE_CHARS, "%s", device->letter);
    if (!vdisk_device_is_working(device))
        return;
    if (state->partition_number != 0)
        snprintf(cells[1], STATE_CHARS, "%" PRIu32, state->partition_number);
    vdisk_size_text(state->size_bytes, cells[2]);
    if (vdisk_device_get_used(device, &used_bytes))
        vdisk_size_text(used_bytes, cells[3]);
    snprintf(cells[4], STATE_CHARS, "%s", state->format);
    snprintf(cells[6], STATE_CHARS, "%" PRIu32, state->requests_in_flight);
}

static void print_rows(const struct row *rows, const struct vdisk_devices *devices)
{
    int widths[COLUMN_COUNT] = {0};
    for (size_t i = 0; i <= devices->count; i++) {
        for (int c = 0; c < COLUMN_COUNT; c++) {
            int length = (int)strlen(rows[i].cells[c]);
            if (widths[c] < length)
                widths[c] = length;
        }
    }
    for (size_t i = 0; i <= devices->count; i++) {
        const struct vdisk_device *device = i == 0 ? NULL : &devices->items[i - 1];
        for (int c = 0; c < COLUMN_COUNT; c++)
            vdisk_output_text("%-*s  ", widths[c], rows[i].cells[c]);
        vdisk_output_text("%s%s%s\n", device == NULL ? "PATH" : device->path,
                          device == NULL || device->overlay == NULL ? "" : ", overlay ",
                          device == NULL || device->overlay == NULL ? "" : device->overlay);
        if (device != NULL && device->problem != NULL)
            vdisk_output_message("%s", device->problem);
    }
}

static enum vdisk_exit print_table(const struct vdisk_devices *devices)
{
    static const struct row heading = {
        {"LETTER", "PARTITION", "SIZE", "USED", "FORMAT", "STATE", "REQUESTS"}};
    if (devices->count == 0)
        return VDISK_EXIT_OK;
    struct row *rows = vdisk_alloc_array(devices->count + 1, sizeof(*rows));
    if (rows == NULL) {
        vdisk_output_message("out of memory");
        return VDISK_EXIT_INTERNAL;
    }
    rows[0] = heading;
    for (size_t i = 0; i < devices->count; i++)
        fill_row(&devices->items[i], &rows[i + 1]);
    print_rows(rows, devices);
    vdisk_free(rows);
    return VDISK_EXIT_OK;
}

static void print_json(const struct vdisk_devices *devices)
{
    struct vdisk_json json = {0};
    vdisk_json_begin_array(&json, NULL);
    for (size_t i = 0; i < devices->count; i++)
        vdisk_device_print_json(&devices->items[i], &json, NULL);
    vdisk_json_end_array(&json);
}

enum vdisk_exit vdisk_command_list(const struct vdisk_arguments *arguments)
{
    struct vdisk_devices devices;
    enum vdisk_exit code = vdisk_devices_list(&devices);
    if (code != VDISK_EXIT_OK)
        return code;
    if (vdisk_arguments_has(arguments, VDISK_OPTION_JSON))
        print_json(&devices);
    else
        code = print_table(&devices);
    vdisk_devices_free(&devices);
    return code;
}
