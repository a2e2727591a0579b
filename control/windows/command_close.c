/* The command `close`. */
#include "command.h"
#include "device_windows.h"
#include "device_path.h"
#include "json.h"
#include "letter.h"
#include "output.h"
#include "virtualdisk/platform.h"

/* What was closed, told as it happens or as one JSON object. */
struct close_report {
    bool as_json;
    struct vdisk_json json;
};

static void report_begin(struct close_report *report, const struct vdisk_arguments *arguments)
{
    *report = (struct close_report){.as_json = vdisk_arguments_has(arguments, VDISK_OPTION_JSON)};
    if (report->as_json) {
        vdisk_json_begin_object(&report->json, NULL);
        vdisk_json_begin_array(&report->json, "closed");
    }
}

static void report_closed(struct close_report *report, const struct vdisk_device *device)
{
    if (report->as_json)
        vdisk_json_string(&report->json, NULL, device->path);
    else
        vdisk_output_text("Closed:  %s\n", device->path);
}

static void report_end(struct close_report *report)
{
    if (report->as_json) {
        vdisk_json_end_array(&report->json);
        vdisk_json_end_object(&report->json);
    }
}

static enum vdisk_exit close_one(struct vdisk_device *device, struct close_report *report)
{
    enum vdisk_exit code = vdisk_device_remove(device);
    if (code == VDISK_EXIT_OK)
        report_closed(report, device);
    return code;
}

static enum vdisk_exit close_all(struct vdisk_devices *devices, struct close_report *report)
{
    enum vdisk_exit first_failure = VDISK_EXIT_OK;
    for (size_t i = 0; i < devices->count; i++) {
        enum vdisk_exit code = close_one(&devices->items[i], report);
        if (first_failure == VDISK_EXIT_OK)
            first_failure = code;
    }
    return first_failure;
}

static enum vdisk_exit close_named(struct vdisk_devices *devices, const char *operand,
                                   struct close_report *report)
{
    struct vdisk_device *device = NULL;
    char letter;
    if (vdisk_letter_parse(operand, false, &letter)) {
        device = vdisk_devices_find_letter(devices, letter);
    } else {
        wchar_t *path = vdisk_device_path_resolve(operand);
        if (path != NULL)
            device = vdisk_devices_find_path(devices, path, NULL);
        vdisk_free(path);
    }
    if (device != NULL)
        return close_one(device, report);
    vdisk_output_message("%s is not open", operand);
    return VDISK_EXIT_NOT_FOUND;
}

enum vdisk_exit vdisk_command_close(const struct vdisk_arguments *arguments)
{
    bool all = vdisk_arguments_has(arguments, VDISK_OPTION_ALL);
    if (all == (arguments->operand_count == 1)) {
        vdisk_output_message("'close' needs either a file, a drive letter or --all");
        return VDISK_EXIT_USAGE;
    }
    enum vdisk_exit code = vdisk_devices_enter();
    if (code != VDISK_EXIT_OK)
        return code;
    struct vdisk_devices devices;
    code = vdisk_devices_list(&devices);
    if (code == VDISK_EXIT_OK) {
        struct close_report report;
        report_begin(&report, arguments);
        code = all ? close_all(&devices, &report)
                   : close_named(&devices, arguments->operands[0], &report);
        report_end(&report);
        vdisk_devices_free(&devices);
    }
    vdisk_devices_leave();
    return code;
}
