#include "device_windows.h"

#include "backend.h"
#include "device_path.h"
#include "json.h"
#include "letter.h"
#include "output.h"
#include "size.h"
#include "volume_lock.h"
#include "volume_windows.h"
#include "wide_win32.h"
#include "error_win32.h"
#include "virtualdisk/platform.h"

#include <stdio.h>
#include <winternl.h>

#define CHANGE_WAIT_MILLI   120000
#define START_WAIT_MILLI    30000
#define LOAD_WAIT_MILLI     600000 /* of a disk that is loaded into memory first */
#define GONE_WAIT_MILLI     30000
#define POLL_INTERVAL_MILLI 10

static HANDLE change_lock;

/*
 * Where devices return with the system, the ones that nobody wants any more are still to be
 * removed. One that stays is told of, and in nobody's way unless its image is to be opened.
 */
static void remove_returned(void)
{
    struct vdisk_nodes nodes;
    if (!vdisk_nodes_find_returned(&nodes)) {
        vdisk_backend_fail("the devices could not be listed");
        return;
    }
    for (size_t i = 0; i < nodes.count; i++)
        vdisk_backend_setup.remove(nodes.items[i].instance, false);
    vdisk_nodes_free(&nodes);
}

enum vdisk_exit vdisk_devices_enter(void)
{
    change_lock = CreateMutexW(NULL, FALSE, L"Global\\VirtualDiskControl");
    if (change_lock == NULL)
        return vdisk_backend_fail("another user is changing devices");
    DWORD result = WaitForSingleObject(change_lock, CHANGE_WAIT_MILLI);
    if (result == WAIT_OBJECT_0 || result == WAIT_ABANDONED) {
        remove_returned();
        return VDISK_EXIT_OK;
    }
    vdisk_output_message("another " VDISK_PROGRAM_NAME " has been changing devices for minutes");
    CloseHandle(change_lock);
    return VDISK_EXIT_BUSY;
}

void vdisk_devices_leave(void)
{
    ReleaseMutex(change_lock);
    CloseHandle(change_lock);
}

/* What the Software Device API makes is gone when the system restarts. */
static const struct vdisk_backend *choose_backend(const struct vdisk_device_parameters *parameters)
{
    bool persistent = (parameters->flags & VIRTUALDISK_FLAG_PERSISTENT) != 0;
    return !persistent && vdisk_backend_software.is_available() ? &vdisk_backend_software
                                                                : &vdisk_backend_setup;
}

static const struct vdisk_backend *backend_of(const wchar_t *instance)
{
    const wchar_t *prefix = vdisk_backend_software.instance_prefix;
    if (_wcsnicmp(instance, prefix, wcslen(prefix)) == 0 && vdisk_backend_software.is_available())
        return &vdisk_backend_software;
    return &vdisk_backend_setup;
}

static void fill_names(struct vdisk_device *device)
{
    wchar_t name[VDISK_VOLUME_NAME_CHARS];
    _snwprintf(device->kernel_name, sizeof(device->kernel_name) / sizeof(wchar_t), L"%ls%lu",
               VIRTUALDISK_DEVICE_PREFIX, (unsigned long)device->state.device_number);
    device->volume_name = vdisk_utf8_from_wide(
        vdisk_letter_volume_name(device->volume_path, name) ? name : device->volume_path);
    char letter = vdisk_letter_find(device->kernel_name);
    if (letter != 0)
        snprintf(device->letter, sizeof(device->letter), "%c:", letter);
}

static void fill_problem(struct vdisk_device *device)
{
    struct vdisk_node_problem problem;
    vdisk_node_get_problem(device->instance, &problem);
    device->problem = problem.names_file || problem.message == NULL
                          ? problem.message
                          : vdisk_text_format("%s: %s", device->path, problem.message);
    if (device->problem != problem.message)
        vdisk_free(problem.message);
}

/* What the driver says is what it has open. */
static void replace(wchar_t **known, wchar_t *better)
{
    if (better == NULL)
        return;
    vdisk_free(*known);
    *known = better;
}

/* Moves what is known of a node into a device. */
static void fill_device(struct vdisk_device *device, struct vdisk_node *node)
{
    *device = (struct vdisk_device){0};
    lstrcpynW(device->instance, node->instance, MAX_DEVICE_ID_LEN);
    device->nt_path = node->nt_path;
    node->nt_path = NULL;
    device->overlay_nt_path = node->overlay_nt_path;
    node->overlay_nt_path = NULL;
    device->control_path = vdisk_node_interface(device->instance, &vdisk_control_interface);
    wchar_t *path = NULL, *overlay = NULL;
    if (device->control_path != NULL &&
        vdisk_volume_query(device->control_path, &device->state, &path, &overlay))
        device->volume_path = vdisk_node_interface(device->instance, &vdisk_volume_interface);
    replace(&device->nt_path, path);
    replace(&device->overlay_nt_path, overlay);
    device->path = device->nt_path == NULL ? vdisk_text_format("(unknown)")
                                           : vdisk_device_path_display(device->nt_path);
    if (device->overlay_nt_path != NULL)
        device->overlay = vdisk_device_path_display(device->overlay_nt_path);
    if (device->volume_path != NULL)
        fill_names(device);
    else
        fill_problem(device);
}

enum vdisk_exit vdisk_devices_list(struct vdisk_devices *devices)
{
    struct vdisk_nodes nodes;
    *devices = (struct vdisk_devices){0};
    if (!vdisk_nodes_find(&nodes))
        return vdisk_backend_fail("the devices could not be listed");
    devices->items = vdisk_alloc_array(nodes.count + 1, sizeof(*devices->items));
    if (devices->items == NULL) {
        vdisk_nodes_free(&nodes);
        vdisk_output_message("out of memory");
        return VDISK_EXIT_INTERNAL;
    }
    for (size_t i = 0; i < nodes.count; i++)
        fill_device(&devices->items[devices->count++], &nodes.items[i]);
    vdisk_nodes_free(&nodes);
    return VDISK_EXIT_OK;
}

void vdisk_devices_free(struct vdisk_devices *devices)
{
    for (size_t i = 0; i < devices->count; i++) {
        struct vdisk_device *device = &devices->items[i];
        vdisk_free(device->nt_path);
        vdisk_free(device->overlay_nt_path);
        vdisk_free(device->path);
        vdisk_free(device->overlay);
        vdisk_free(device->control_path);
        vdisk_free(device->volume_path);
        vdisk_free(device->volume_name);
        vdisk_free(device->problem);
    }
    vdisk_free(devices->items);
    *devices = (struct vdisk_devices){0};
}

static bool is_of_path(const struct vdisk_device *device, const wchar_t *path)
{
    return (device->nt_path != NULL && vdisk_device_path_equal(device->nt_path, path)) ||
           (device->overlay_nt_path != NULL &&
            vdisk_device_path_equal(device->overlay_nt_path, path));
}

struct vdisk_device *vdisk_devices_find_path(struct vdisk_devices *devices, const wchar_t *path,
                                             const struct vdisk_device *previous)
{
    size_t first = previous == NULL ? 0 : (size_t)(previous - devices->items) + 1;
    for (size_t i = first; i < devices->count; i++) {
        if (is_of_path(&devices->items[i], path))
            return &devices->items[i];
    }
    return NULL;
}

struct vdisk_device *vdisk_devices_find_letter(struct vdisk_devices *devices, char letter)
{
    for (size_t i = 0; i < devices->count; i++) {
        if (devices->items[i].letter[0] == letter)
            return &devices->items[i];
    }
    return NULL;
}

/* Words for problems that Plug and Play has before our driver gets to say anything. */
static const char *device_code_text(uint32_t code)
{
    switch (code) {
    case CM_PROB_FAILED_INSTALL:
        return "no driver was found for it: run '" VDISK_PROGRAM_NAME " install'";
    case 52: /* CM_PROB_UNSIGNED_DRIVER, which is newer than some headers */
        return "Windows refuses the driver's signature: sign it, or turn test signing on";
    case CM_PROB_DRIVER_FAILED_LOAD:
    case CM_PROB_FAILED_DRIVER_ENTRY:
        return "the driver could not be loaded";
    case CM_PROB_NEED_RESTART:
        return "the system must be restarted first";
    case CM_PROB_DISABLED:
        return "the device is disabled";
    default:
        return NULL;
    }
}

/* Says why the device did not start. */
static enum vdisk_exit explain_problem(const char *path, const struct vdisk_node_problem *problem)
{
    if ((LONG)problem->status < 0) {
        DWORD native = RtlNtStatusToDosError((NTSTATUS)problem->status);
        enum vdisk_status status = vdisk_status_from_win32(native);
        const char *text = problem->message != NULL ? problem->message : vdisk_status_text(status);
        vdisk_output_message("cannot open %s%s%s (status 0x%08" PRIx32 ")",
                             problem->names_file ? "" : path, problem->names_file ? "" : ": ", text,
                             problem->status);
        return vdisk_exit_from_status(status);
    }
    const char *words = device_code_text(problem->device_code);
    if (words != NULL)
        vdisk_output_message("cannot open %s: %s", path, words);
    else if (problem->device_code != 0)
        vdisk_output_message("cannot open %s: the device has problem %" PRIu32, path,
                             problem->device_code);
    else
        vdisk_output_message("cannot open %s: the volume did not answer in time", path);
    return VDISK_EXIT_UNAVAILABLE;
}

static bool is_ready(const wchar_t *instance)
{
    wchar_t *control_path = vdisk_node_interface(instance, &vdisk_control_interface);
    wchar_t *volume_path = vdisk_node_interface(instance, &vdisk_volume_interface);
    bool ready = control_path != NULL && volume_path != NULL && vdisk_volume_answers(volume_path);
    vdisk_free(volume_path);
    vdisk_free(control_path);
    return ready;
}

static enum vdisk_exit wait_for_start(const wchar_t *instance, const char *path, DWORD wait_milli)
{
    struct vdisk_node_problem problem;
    DWORD started = GetTickCount();
    for (;;) {
        if (is_ready(instance))
            return VDISK_EXIT_OK;
        vdisk_node_get_problem(instance, &problem);
        if (problem.failed || GetTickCount() - started >= wait_milli)
            break;
        vdisk_free(problem.message);
        Sleep(POLL_INTERVAL_MILLI);
    }
    enum vdisk_exit code = explain_problem(path, &problem);
    vdisk_free(problem.message);
    return code;
}

enum vdisk_exit vdisk_device_add(const struct vdisk_device_parameters *parameters)
{
    const struct vdisk_backend *backend = choose_backend(parameters);
    wchar_t instance[MAX_DEVICE_ID_LEN];
    enum vdisk_exit code = backend->add(parameters, instance);
    if (code != VDISK_EXIT_OK)
        return code;
    char *path = vdisk_device_path_display(parameters->path);
    bool is_loaded = (parameters->flags & VIRTUALDISK_FLAG_RAM) != 0;
    code = wait_for_start(instance, path == NULL ? "the image" : path,
                          is_loaded ? LOAD_WAIT_MILLI : START_WAIT_MILLI);
    vdisk_free(path);
    if (code != VDISK_EXIT_OK)
        backend->remove(instance, false);
    return code;
}

/* The node is gone for Plug and Play, and nobody can open the device any more. */
static bool is_gone(const struct vdisk_device *device)
{
    wchar_t *control_path = vdisk_node_interface(device->instance, &vdisk_control_interface);
    vdisk_free(control_path);
    return control_path == NULL &&
           (device->kernel_name[0] == L'\0' || !vdisk_volume_exists(device->kernel_name));
}

static enum vdisk_exit wait_until_gone(const struct vdisk_device *device)
{
    DWORD started = GetTickCount();
    while (!is_gone(device)) {
        if (GetTickCount() - started >= GONE_WAIT_MILLI) {
            vdisk_output_message("%s: the device is still in use by another program", device->path);
            return VDISK_EXIT_BUSY;
        }
        Sleep(POLL_INTERVAL_MILLI);
    }
    return VDISK_EXIT_OK;
}

enum vdisk_exit vdisk_device_unplug(struct vdisk_device *device, bool by_force)
{
    if (vdisk_device_is_working(device))
        vdisk_letter_release(device);
    enum vdisk_exit code = backend_of(device->instance)->remove(device->instance, by_force);
    return code == VDISK_EXIT_OK ? wait_until_gone(device) : code;
}

static enum vdisk_exit dismount(const struct vdisk_device *device)
{
    struct vdisk_volume_lock lock;
    enum vdisk_exit code = vdisk_volume_lock_take_soon(device, &lock);
    if (code == VDISK_EXIT_OK)
        code = vdisk_volume_lock_dismount(&lock);
    vdisk_volume_lock_release(&lock);
    return code;
}

enum vdisk_exit vdisk_device_remove(struct vdisk_device *device)
{
    enum vdisk_exit code = vdisk_device_is_working(device) ? dismount(device) : VDISK_EXIT_OK;
    return code == VDISK_EXIT_OK ? vdisk_device_unplug(device, false) : code;
}

bool vdisk_device_control(const struct vdisk_device *device, DWORD code, const void *input,
                          DWORD input_bytes, void *output, DWORD output_bytes)
{
    return vdisk_volume_control(device->control_path, code, input, input_bytes, output,
                                output_bytes);
}

/* False: it is not there, or not for us. */
static bool add_allocated(const char *path, uint64_t *bytes)
{
    wchar_t *wide = vdisk_wide_path(path);
    DWORD high = 0;
    SetLastError(ERROR_SUCCESS);
    DWORD low = wide == NULL ? INVALID_FILE_SIZE : GetCompressedFileSizeW(wide, &high);
    bool known = wide != NULL && (low != INVALID_FILE_SIZE || GetLastError() == ERROR_SUCCESS);
    vdisk_free(wide);
    if (known)
        *bytes += (uint64_t)high << 32 | low;
    return known;
}

bool vdisk_device_get_used(const struct vdisk_device *device, uint64_t *used_bytes)
{
    const struct virtualdisk_state *state = &device->state;
    *used_bytes = state->used_bytes;
    if (!vdisk_device_is_working(device))
        return false;
    if (*used_bytes != 0 ||
        (state->flags & (VIRTUALDISK_STATE_MEMORY | VIRTUALDISK_STATE_RAM)) != 0)
        return true;
    return add_allocated(device->path, used_bytes) &&
           (device->overlay == NULL || add_allocated(device->overlay, used_bytes));
}

void vdisk_device_print(const struct vdisk_device *device)
{
    char size[VDISK_SIZE_TEXT_BYTES];
    char *kernel_name = vdisk_utf8_from_wide(device->kernel_name);
    uint32_t flags = device->state.flags;
    bool read_only = (flags & VIRTUALDISK_STATE_READ_ONLY) != 0;
    vdisk_output_text("Path:    %s\n", device->path);
    vdisk_output_text("Device:  %s\n", kernel_name == NULL ? "" : kernel_name);
    vdisk_output_text("Volume:  %s\n", device->volume_name == NULL ? "" : device->volume_name);
    vdisk_output_text("Letter:  %s\n", device->letter[0] == '\0' ? "none" : device->letter);
    vdisk_output_text("Size:    %s (%" PRIu64 " bytes)\n",
                      vdisk_size_text(device->state.size_bytes, size), device->state.size_bytes);
    if (device->state.partition_number != 0)
        vdisk_output_text("Part:    %" PRIu32 "\n", device->state.partition_number);
    vdisk_output_text("Format:  %s%s%s\n", device->state.format, read_only ? ", read-only" : "",
                      (flags & VIRTUALDISK_STATE_RAM) != 0 ? ", in memory" : "");
    if (device->overlay != NULL || (flags & VIRTUALDISK_STATE_MEMORY) != 0)
        vdisk_output_text("Overlay: %s\n", device->overlay != NULL ? device->overlay : "memory");
    vdisk_free(kernel_name);
}

void vdisk_device_print_json(const struct vdisk_device *device, struct vdisk_json *json,
                             const char *name)
{
    static const struct {
        uint32_t flag;
        const char *name;
    } flags[] = {
        {VIRTUALDISK_STATE_READ_ONLY, "read-only"}, {VIRTUALDISK_STATE_PERSISTENT, "persistent"},
        {VIRTUALDISK_STATE_MEMORY, "memory"},       {VIRTUALDISK_STATE_RAM, "ram"},
        {VIRTUALDISK_STATE_OPTICAL, "cd"},          {VIRTUALDISK_STATE_FAILING, "failing"},
    };
    const struct virtualdisk_state *state = &device->state;
    uint64_t used_bytes;
    char *kernel_name = vdisk_utf8_from_wide(device->kernel_name);
    bool working = vdisk_device_is_working(device);
    vdisk_json_begin_object(json, name);
    vdisk_json_string(json, "path", device->path);
    vdisk_json_bool(json, "working", working);
    if (!working)
        vdisk_json_string(json, "problem", device->problem);
    vdisk_json_string(json, "device", working ? kernel_name : NULL);
    vdisk_json_string(json, "volume", device->volume_name);
    vdisk_json_string(json, "letter", device->letter[0] == '\0' ? NULL : device->letter);
    vdisk_json_number(json, "size", state->size_bytes);
    if (vdisk_device_get_used(device, &used_bytes))
        vdisk_json_number(json, "used", used_bytes);
    else
        vdisk_json_string(json, "used", NULL);
    vdisk_json_string(json, "format", working ? state->format : NULL);
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
        vdisk_json_bool(json, flags[i].name, (state->flags & flags[i].flag) != 0);
    vdisk_json_string(json, "overlay", device->overlay);
    vdisk_json_number(json, "partition", state->partition_number);
    vdisk_json_number(json, "requests-in-flight", state->requests_in_flight);
    vdisk_json_number(json, "sector-size", state->logical_sector_bytes);
    vdisk_json_number(json, "physical-sector-size", state->physical_sector_bytes);
    vdisk_json_end_object(json);
    vdisk_free(kernel_name);
}
