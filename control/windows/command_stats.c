/* The command `stats`. */
#include "backend.h"
#include "command.h"
#include "json.h"
#include "output.h"
#include "selection.h"
#include "size.h"
#include "statistics.h"
#include "terminal.h"
#include "virtualdisk/platform.h"

#define INTERVAL_SECONDS_MAX 86400u
#define SLEEP_MILLI          50

static enum vdisk_exit print_once(const struct vdisk_selection *selection, bool as_json)
{
    struct vdisk_json json = {0};
    enum vdisk_exit code = VDISK_EXIT_OK;
    if (as_json)
        vdisk_json_begin_array(&json, NULL);
    for (size_t i = 0; code == VDISK_EXIT_OK && i < selection->count; i++) {
        struct virtualdisk_statistics statistics;
        if (!vdisk_statistics_query(selection->items[i], &statistics)) {
            code = vdisk_backend_fail("the volume could not be asked");
        } else if (as_json) {
            vdisk_statistics_print_json(selection->items[i], &statistics, &json);
        } else {
            if (i > 0)
                vdisk_output_text("\n");
            vdisk_statistics_print(selection->items[i], &statistics);
        }
    }
    if (as_json)
        vdisk_json_end_array(&json);
    return code;
}

/* What each volume had done when it was last looked at. */
struct watch {
    const struct vdisk_selection *selection;
    struct virtualdisk_statistics *before;
    bool as_json;
    uint64_t looked_milli;
};

/* With `print`, what has been done since. False: a volume is not there any more. */
static bool look(struct watch *watch, bool print)
{
    struct vdisk_json json = {0};
    uint64_t now = vdisk_terminal_milliseconds();
    uint64_t passed = now > watch->looked_milli ? now - watch->looked_milli : 1;
    bool there = true;
    watch->looked_milli = now;
    if (print && watch->as_json)
        vdisk_json_begin_array(&json, NULL);
    for (size_t i = 0; there && i < watch->selection->count; i++) {
        const struct vdisk_device *device = watch->selection->items[i];
        struct virtualdisk_statistics statistics, difference;
        there = vdisk_statistics_query(device, &statistics);
        if (!there)
            continue;
        difference = statistics;
        vdisk_statistics_subtract(&difference, &watch->before[i]);
        watch->before[i] = statistics;
        if (print && watch->as_json)
            vdisk_statistics_print_json(device, &difference, &json);
        else if (print)
            vdisk_statistics_print_interval(device, &difference, passed);
    }
    if (print && watch->as_json)
        vdisk_json_end_array(&json);
    return there;
}

static bool sleep_interval(uint64_t milliseconds)
{
    uint64_t end = vdisk_terminal_milliseconds() + milliseconds;
    while (!vdisk_terminal_interrupted() && vdisk_terminal_milliseconds() < end)
        Sleep(SLEEP_MILLI);
    return !vdisk_terminal_interrupted();
}

static enum vdisk_exit watch_volumes(const struct vdisk_selection *selection, bool as_json,
                                     uint64_t interval_milli)
{
    struct watch watch = {
        .selection = selection,
        .before = vdisk_alloc_array(selection->count, sizeof(*watch.before)),
        .as_json = as_json,
    };
    if (watch.before == NULL) {
        vdisk_output_message("out of memory");
        return VDISK_EXIT_INTERNAL;
    }
    vdisk_terminal_catch_interrupt();
    if (!as_json)
        vdisk_statistics_print_header();
    bool there = look(&watch, false);
    while (there && vdisk_output_finish() && sleep_interval(interval_milli))
        there = look(&watch, true);
    vdisk_free(watch.before);
    if (there)
        return VDISK_EXIT_OK;
    vdisk_output_message("%s is not open any more", selection->items[0]->path);
    return VDISK_EXIT_NOT_FOUND;
}

enum vdisk_exit vdisk_command_stats(const struct vdisk_arguments *arguments)
{
    bool as_json = vdisk_arguments_has(arguments, VDISK_OPTION_JSON);
    bool watch = vdisk_arguments_has(arguments, VDISK_OPTION_WATCH);
    uint64_t interval_milli = 1000;
    if (arguments->operand_count > 1) {
        if (!watch) {
            vdisk_output_message("'stats' takes a number of seconds with --watch only");
            return VDISK_EXIT_USAGE;
        }
        if (!vdisk_seconds_parse(arguments->operands[1], "--watch", INTERVAL_SECONDS_MAX,
                                 &interval_milli))
            return VDISK_EXIT_USAGE;
    }
    struct vdisk_selection selection;
    enum vdisk_exit code = vdisk_selection_find_working(arguments->operands[0], &selection);
    if (code == VDISK_EXIT_OK)
        code = watch ? watch_volumes(&selection, as_json, interval_milli)
                     : print_once(&selection, as_json);
    vdisk_selection_free(&selection);
    return code;
}
