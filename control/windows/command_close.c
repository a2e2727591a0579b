/* The command `close`. */
#include "command.h"
#include "json.h"
#include "output.h"
#include "overlay_windows.h"
#include "selection.h"
#include "size.h"
#include "terminal.h"
#include "volume_lock.h"
#include "virtualdisk/platform.h"

/* Others may change devices in between when the wait is a long one. */
#define PASS_MILLI 5000u

#define WAIT_SECONDS_MAX (24u * 60 * 60)

struct close_request {
    const struct vdisk_arguments *arguments;
    struct vdisk_overlay *overlay; /* what becomes of it */
    bool by_force;
    uint64_t deadline_milli; /* vdisk_terminal_milliseconds: for volumes that are in use */
    bool last_pass;
    bool as_json;
    struct vdisk_json json;
};

/* What is needed to close the volumes of one image, at the same time. */
struct image_closing {
    struct vdisk_device **devices;
    size_t count;
    struct vdisk_volume_lock *locks; /* of those that work */
    bool *forced;
};

static bool read_request(const struct vdisk_arguments *arguments, struct close_request *request)
{
    *request = (struct close_request){
        .arguments = arguments,
        .by_force = vdisk_arguments_has(arguments, VDISK_OPTION_FORCE),
        .as_json = vdisk_arguments_has(arguments, VDISK_OPTION_JSON),
    };
    bool all = vdisk_arguments_has(arguments, VDISK_OPTION_ALL);
    if (all == (arguments->operand_count == 1)) {
        vdisk_output_message("'close' needs either a file, a drive letter or --all");
        return false;
    }
    bool discard = vdisk_arguments_has(arguments, VDISK_OPTION_DISCARD);
    bool commit = vdisk_arguments_has(arguments, VDISK_OPTION_COMMIT);
    if ((discard && commit) || ((discard || commit) && all)) {
        vdisk_output_message("--discard and --commit are for one image, and exclude each other");
        return false;
    }
    const char *wait = arguments->options[VDISK_OPTION_WAIT];
    uint64_t wait_milli = request->by_force ? 0 : VDISK_LOCK_WAIT_MILLI;
    if (wait != NULL && !vdisk_seconds_parse(wait, "--wait", WAIT_SECONDS_MAX, &wait_milli))
        return false;
    request->deadline_milli = vdisk_terminal_milliseconds() + wait_milli;
    return true;
}

static void report_begin(struct close_request *request)
{
    if (!request->as_json)
        return;
    vdisk_json_begin_object(&request->json, NULL);
    vdisk_json_begin_array(&request->json, "volumes");
}

/* `lock` of a volume that is in use, or NULL: it is closed. */
static void report_json(struct close_request *request, const struct vdisk_device *device,
                        bool forced, const struct vdisk_volume_lock *lock)
{
    struct vdisk_json *json = &request->json;
    vdisk_json_begin_object(json, NULL);
    vdisk_json_string(json, "path", device->path);
    vdisk_json_string(json, "letter", device->letter[0] == '\0' ? NULL : device->letter);
    vdisk_json_number(json, "partition", device->state.partition_number);
    vdisk_json_bool(json, "closed", lock == NULL);
    vdisk_json_bool(json, "forced", forced);
    if (lock != NULL)
        vdisk_holders_print_json(&lock->holders, json, "processes");
    vdisk_json_end_object(json);
}

static void report_closed(struct close_request *request, const struct vdisk_device *device,
                          bool forced)
{
    if (forced)
        vdisk_output_message("%s was closed by force", device->path);
    if (request->as_json)
        report_json(request, device, forced, NULL);
    else if (device->state.partition_number != 0)
        vdisk_output_text("Closed:  %s, partition %" PRIu32 "\n", device->path,
                          device->state.partition_number);
    else
        vdisk_output_text("Closed:  %s\n", device->path);
}

static void report_busy(struct close_request *request, const struct vdisk_volume_lock *lock)
{
    vdisk_volume_lock_print_holders(lock);
    if (request->as_json)
        report_json(request, lock->device, false, lock);
}

/* All or none: half an image is of no use to anybody. */
static enum vdisk_exit lock_volumes(struct close_request *request, struct image_closing *closing)
{
    enum vdisk_exit first = VDISK_EXIT_OK;
    uint64_t pass_end = vdisk_terminal_milliseconds() + PASS_MILLI;
    uint64_t deadline = request->last_pass || request->deadline_milli < pass_end
                            ? request->deadline_milli
                            : pass_end;
    for (size_t i = 0; i < closing->count; i++) {
        struct vdisk_volume_lock *lock = &closing->locks[i];
        if (!vdisk_device_is_working(closing->devices[i]))
            continue;
        enum vdisk_exit code = vdisk_volume_lock_take(closing->devices[i], deadline, lock);
        closing->forced[i] = code != VDISK_EXIT_OK && request->by_force;
        if (code == VDISK_EXIT_OK || closing->forced[i])
            continue;
        if (code == VDISK_EXIT_BUSY && request->last_pass)
            report_busy(request, lock);
        if (first == VDISK_EXIT_OK)
            first = code;
    }
    return first;
}

static enum vdisk_exit dismount_volumes(struct image_closing *closing)
{
    enum vdisk_exit first = VDISK_EXIT_OK;
    for (size_t i = 0; i < closing->count; i++) {
        if (!vdisk_device_is_working(closing->devices[i]))
            continue;
        enum vdisk_exit code = vdisk_volume_lock_dismount(&closing->locks[i]);
        closing->forced[i] = closing->forced[i] || code != VDISK_EXIT_OK;
        if (first == VDISK_EXIT_OK)
            first = code;
    }
    return first;
}

static void release_locks(struct image_closing *closing)
{
    for (size_t i = 0; i < closing->count; i++)
        vdisk_volume_lock_release(&closing->locks[i]);
}

static enum vdisk_exit remove_volumes(struct close_request *request, struct image_closing *closing)
{
    enum vdisk_exit first = VDISK_EXIT_OK;
    for (size_t i = 0; i < closing->count; i++) {
        enum vdisk_exit code = vdisk_device_unplug(closing->devices[i], request->by_force);
        if (code == VDISK_EXIT_OK)
            report_closed(request, closing->devices[i], closing->forced[i]);
        else if (first == VDISK_EXIT_OK)
            first = code;
    }
    return first;
}

static enum vdisk_exit close_volumes(struct close_request *request, struct image_closing *closing)
{
    enum vdisk_exit code = lock_volumes(request, closing);
    enum vdisk_exit written = VDISK_EXIT_OK;
    if (code == VDISK_EXIT_OK)
        written = dismount_volumes(closing);
    release_locks(closing);
    if (code != VDISK_EXIT_OK)
        return code;
    if (written == VDISK_EXIT_OK && vdisk_device_is_working(closing->devices[0]))
        written = vdisk_overlay_commit_memory(request->overlay, closing->devices[0]);
    /* What cannot be written now may be written later: only force gives it up. */
    if (written != VDISK_EXIT_OK && !request->by_force) {
        vdisk_output_message("%s stays open; --force closes it all the same",
                             closing->devices[0]->path);
        return written;
    }
    code = remove_volumes(request, closing);
    return code == VDISK_EXIT_OK ? written : code;
}

static enum vdisk_exit close_image(struct close_request *request, struct vdisk_device **devices,
                                   size_t count)
{
    struct image_closing closing = {
        .devices = devices,
        .count = count,
        .locks = vdisk_alloc_array(count, sizeof(*closing.locks)),
        .forced = vdisk_alloc_array(count, sizeof(*closing.forced)),
    };
    enum vdisk_exit code = VDISK_EXIT_INTERNAL;
    if (closing.locks == NULL || closing.forced == NULL)
        vdisk_output_message("out of memory");
    else
        code = close_volumes(request, &closing);
    vdisk_free(closing.forced);
    vdisk_free(closing.locks);
    return code;
}

/* The groups of the same image, one after the other. */
static enum vdisk_exit close_all(struct close_request *request, struct vdisk_selection *selection)
{
    enum vdisk_exit first = VDISK_EXIT_OK;
    size_t end;
    for (size_t i = 0; i < selection->count; i = end) {
        for (end = i + 1; end < selection->count; end++) {
            if (!vdisk_selection_is_same_image(selection->items[i], selection->items[end]))
                break;
        }
        enum vdisk_exit code = close_image(request, &selection->items[i], end - i);
        if (first == VDISK_EXIT_OK)
            first = code;
    }
    return first;
}

static enum vdisk_exit close_pass(struct close_request *request, struct vdisk_overlay *overlay)
{
    struct vdisk_selection selection;
    bool all = vdisk_arguments_has(request->arguments, VDISK_OPTION_ALL);
    request->overlay = overlay;
    enum vdisk_exit code = vdisk_devices_enter();
    if (code != VDISK_EXIT_OK)
        return code;
    code = all ? vdisk_selection_find_all(&selection)
               : vdisk_selection_find(request->arguments->operands[0], false, &selection);
    if (code == VDISK_EXIT_OK)
        code = vdisk_overlay_find(request->arguments, &selection, overlay);
    if (code == VDISK_EXIT_OK)
        code = close_all(request, &selection);
    vdisk_selection_free(&selection);
    vdisk_devices_leave();
    return code;
}

static enum vdisk_exit close_with_patience(struct close_request *request,
                                           struct vdisk_overlay *overlay)
{
    for (;;) {
        uint64_t now = vdisk_terminal_milliseconds();
        request->last_pass = now + PASS_MILLI >= request->deadline_milli;
        enum vdisk_exit code = close_pass(request, overlay);
        if (code != VDISK_EXIT_BUSY || request->last_pass)
            return code;
        vdisk_overlay_free(overlay);
    }
}

enum vdisk_exit vdisk_command_close(const struct vdisk_arguments *arguments)
{
    struct close_request request;
    struct vdisk_overlay overlay = {0};
    if (!read_request(arguments, &request))
        return VDISK_EXIT_USAGE;
    report_begin(&request);
    enum vdisk_exit code = close_with_patience(&request, &overlay);
    if (code == VDISK_EXIT_OK)
        code = vdisk_overlay_end(&overlay);
    if (request.as_json) {
        vdisk_json_end_array(&request.json);
        vdisk_overlay_print_json(&overlay, &request.json);
        vdisk_json_end_object(&request.json);
    } else {
        vdisk_overlay_print(&overlay);
    }
    vdisk_overlay_free(&overlay);
    return code;
}
