/* The command `open`. */
#include "command.h"
#include "device_windows.h"
#include "json.h"
#include "letter.h"
#include "open_image.h"
#include "open_request.h"
#include "output.h"
#include "volume_format.h"
#include "virtualdisk/platform.h"

#include <string.h>

/* One volume of the image: a partition, or the whole disk. */
struct open_part {
    struct virtualdisk_window window;
    bool is_whole;
    bool was_open;
};

struct open_parts {
    struct open_part *items;
    size_t count;
};

static uint32_t partition_of(const struct open_part *part)
{
    return part->is_whole ? 0 : part->window.number;
}

static struct virtualdisk_window window_of(const struct vdisk_partition_table *table,
                                           const struct vdisk_partition *partition)
{
    struct virtualdisk_window window = {
        .version = VIRTUALDISK_ABI_VERSION,
        .style =
            table->style == VDISK_PARTITION_GPT ? VIRTUALDISK_STYLE_GPT : VIRTUALDISK_STYLE_MBR,
        .offset_bytes = partition->offset_bytes,
        .size_bytes = partition->size_bytes,
        .number = partition->number,
        .mbr_signature = table->mbr_signature,
        .mbr_type = partition->mbr_type,
        .mbr_active = partition->mbr_active,
        .gpt_attributes = partition->gpt_attributes,
    };
    memcpy(window.disk_id, table->disk_id, sizeof(window.disk_id));
    memcpy(window.gpt_type, partition->gpt_type, sizeof(window.gpt_type));
    memcpy(window.gpt_id, partition->gpt_id, sizeof(window.gpt_id));
    memcpy(window.gpt_name, partition->gpt_name, sizeof(window.gpt_name));
    return window;
}

static enum vdisk_exit fail_partition(const struct vdisk_open_request *request)
{
    if (request->partition != 0)
        vdisk_output_message("%s has no partition %" PRIu32 ": 'info' shows those it has",
                             request->display_path, request->partition);
    else
        vdisk_output_message("%s has no partition with data: --partition names one, --whole opens "
                             "the disk as it is",
                             request->display_path);
    return VDISK_EXIT_NOT_FOUND;
}

/* All partitions that hold data, the one that was named, or the disk where there are none. */
static enum vdisk_exit choose_parts(const struct vdisk_open_request *request,
                                    const struct vdisk_open_image *image, struct open_parts *parts)
{
    const struct vdisk_partition_table *table = &image->table;
    parts->items = vdisk_alloc_array((size_t)table->count + 1, sizeof(*parts->items));
    if (parts->items == NULL)
        return VDISK_EXIT_INTERNAL;
    if (table->style == VDISK_PARTITION_NONE && request->partition == 0) {
        parts->items[parts->count++].is_whole = true;
        return VDISK_EXIT_OK;
    }
    for (uint32_t i = 0; i < table->count; i++) {
        const struct vdisk_partition *partition = &table->partitions[i];
        bool wanted = request->partition == 0 ? vdisk_partition_holds_data(table, partition)
                                              : partition->number == request->partition;
        if (wanted)
            parts->items[parts->count++].window = window_of(table, partition);
    }
    return parts->count == 0 ? fail_partition(request) : VDISK_EXIT_OK;
}

static struct vdisk_device *find_part(struct vdisk_devices *devices,
                                      const struct vdisk_open_request *request,
                                      const struct open_part *part)
{
    struct vdisk_device *device = NULL;
    do {
        device = vdisk_devices_find_path(devices, request->path, device);
    } while (device != NULL && vdisk_device_is_working(device) &&
             device->state.partition_number != partition_of(part));
    return device;
}

static struct vdisk_device_parameters parameters_of(const struct vdisk_open_request *request,
                                                    const struct vdisk_open_image *image,
                                                    const struct open_part *part, bool first)
{
    struct vdisk_device_parameters parameters = {
        .path = request->path,
        .format = image->format,
        .flags = request->flags,
        .files = image->finder.files,
        .file_count = image->finder.file_count,
        .window = part->is_whole ? NULL : &part->window,
        .overlay = request->overlay_path,
        .overlay_format = image->overlay_format,
        .memory_bytes = request->memory_bytes,
        .sector_bytes = request->sector_bytes,
        .letter = first ? request->letter : 0,
        .access = request->access,
    };
    if (image->format != NULL && strcmp(image->format, "raw") == 0 && image->probed)
        parameters.flags |= VIRTUALDISK_FLAG_PROBED;
    if (image->read_only)
        parameters.flags |= VIRTUALDISK_FLAG_READ_ONLY;
    return parameters;
}

/* The place where the volume is seen, and its file system. */
static enum vdisk_exit finish_part(const struct vdisk_open_request *request,
                                   const struct vdisk_open_image *image,
                                   struct vdisk_device *device, const struct open_part *part,
                                   bool first)
{
    enum vdisk_exit code = VDISK_EXIT_OK;
    if (!request->no_letter)
        code = vdisk_letter_assign(device, first ? request->letter : 0);
    if (code == VDISK_EXIT_OK && request->filesystem != NULL && !part->was_open)
        code = vdisk_volume_format(device, request->filesystem, request->label,
                                   image->image_is_new || request->empty_ram || request->reformat);
    if (code == VDISK_EXIT_OK && request->mount != NULL)
        code = vdisk_letter_mount(device, request->mount);
    return code;
}

static void print_text(const struct vdisk_device *const *devices, size_t count, bool was_open)
{
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            vdisk_output_text("\n");
        if (was_open)
            vdisk_output_message("%s is open already", devices[i]->path);
        vdisk_device_print(devices[i]);
    }
}

/* "device" is the first one; "devices", where there are several, are all. */
static void print_json(const struct vdisk_device *const *devices, size_t count, bool was_open)
{
    struct vdisk_json json = {0};
    vdisk_json_begin_object(&json, NULL);
    vdisk_json_bool(&json, "was-open", was_open);
    vdisk_device_print_json(devices[0], &json, "device");
    if (count > 1) {
        vdisk_json_begin_array(&json, "devices");
        for (size_t i = 0; i < count; i++)
            vdisk_device_print_json(devices[i], &json, NULL);
        vdisk_json_end_array(&json);
    }
    vdisk_json_end_object(&json);
}

/* Finds the volumes again, finishes and shows them. */
static enum vdisk_exit finish(const struct vdisk_arguments *arguments,
                              const struct vdisk_open_request *request,
                              const struct vdisk_open_image *image, const struct open_parts *parts)
{
    const struct vdisk_device **shown = vdisk_alloc_array(parts->count, sizeof(*shown));
    struct vdisk_devices devices;
    bool was_open = true;
    enum vdisk_exit code = shown == NULL ? VDISK_EXIT_INTERNAL : vdisk_devices_list(&devices);
    if (code != VDISK_EXIT_OK) {
        vdisk_free(shown);
        return code;
    }
    for (size_t i = 0; i < parts->count && code == VDISK_EXIT_OK; i++) {
        struct vdisk_device *device = find_part(&devices, request, &parts->items[i]);
        shown[i] = device;
        was_open = was_open && parts->items[i].was_open;
        if (device != NULL && vdisk_device_is_working(device)) {
            code = finish_part(request, image, device, &parts->items[i], i == 0);
        } else {
            vdisk_output_message("%s: the volume vanished again", request->display_path);
            code = VDISK_EXIT_FAILED;
        }
    }
    if (code == VDISK_EXIT_OK && vdisk_arguments_has(arguments, VDISK_OPTION_JSON))
        print_json(shown, parts->count, was_open);
    else if (code == VDISK_EXIT_OK)
        print_text(shown, parts->count, was_open);
    vdisk_devices_free(&devices);
    vdisk_free(shown);
    return code;
}

/* Takes away what this command has made. */
static void undo(const struct vdisk_open_request *request, const struct open_parts *parts)
{
    struct vdisk_devices devices;
    if (vdisk_devices_list(&devices) != VDISK_EXIT_OK)
        return;
    for (size_t i = 0; i < parts->count; i++) {
        struct vdisk_device *device = find_part(&devices, request, &parts->items[i]);
        if (device != NULL && !parts->items[i].was_open)
            vdisk_device_remove(device);
    }
    vdisk_devices_free(&devices);
}

static enum vdisk_exit open_parts(const struct vdisk_arguments *arguments,
                                  const struct vdisk_open_request *request,
                                  const struct vdisk_open_image *image,
                                  const struct open_parts *parts)
{
    enum vdisk_exit code = VDISK_EXIT_OK;
    for (size_t i = 0; i < parts->count && code == VDISK_EXIT_OK; i++) {
        const struct vdisk_device_parameters parameters =
            parameters_of(request, image, &parts->items[i], i == 0);
        if (!parts->items[i].was_open)
            code = vdisk_device_add(&parameters);
    }
    if (code == VDISK_EXIT_OK)
        code = finish(arguments, request, image, parts);
    if (code != VDISK_EXIT_OK)
        undo(request, parts);
    return code;
}

/* What is open of the image: it was examined when that was opened, and need not be again. */
static enum vdisk_exit show_open(const struct vdisk_arguments *arguments,
                                 const struct vdisk_open_request *request,
                                 struct vdisk_devices *devices)
{
    const struct vdisk_open_image image = {0};
    struct open_parts parts = {.items = vdisk_alloc_array(devices->count, sizeof(*parts.items))};
    struct vdisk_device *device = NULL;
    enum vdisk_exit code = parts.items == NULL ? VDISK_EXIT_INTERNAL : VDISK_EXIT_OK;
    while (code == VDISK_EXIT_OK &&
           (device = vdisk_devices_find_path(devices, request->path, device)) != NULL) {
        if (request->partition != 0 && device->state.partition_number != request->partition)
            continue;
        parts.items[parts.count++] =
            (struct open_part){.window.number = device->state.partition_number,
                               .is_whole = device->state.partition_number == 0,
                               .was_open = true};
    }
    if (code == VDISK_EXIT_OK)
        code = finish(arguments, request, &image, &parts);
    vdisk_free(parts.items);
    return code;
}

static enum vdisk_exit open_new(const struct vdisk_arguments *arguments,
                                const struct vdisk_open_request *request)
{
    struct vdisk_open_image image;
    struct open_parts parts = {0};
    if (request->letter != 0 && !vdisk_letter_is_free(request->letter)) {
        vdisk_output_message("the drive letter %c: is in use", request->letter);
        return VDISK_EXIT_BUSY;
    }
    enum vdisk_exit code = vdisk_open_image_prepare(&image, request);
    if (code == VDISK_EXIT_OK) {
        code = choose_parts(request, &image, &parts);
        if (code == VDISK_EXIT_OK)
            code = open_parts(arguments, request, &image, &parts);
        if (code != VDISK_EXIT_OK)
            vdisk_open_image_undo(&image, request);
    }
    vdisk_free(parts.items);
    vdisk_open_image_free(&image);
    return code;
}

/* Does what is open of the image allow what is asked for? */
static enum vdisk_exit check_beside(const struct vdisk_open_request *request,
                                    const struct vdisk_device *device)
{
    uint32_t part = device->state.partition_number;
    bool read_only = (device->state.flags & VIRTUALDISK_STATE_READ_ONLY) != 0;
    const char *problem = NULL;
    if (request->read_only && !read_only)
        problem = "may be written to";
    else if (request->whole && part != 0)
        problem = "by its partitions";
    else if (request->partition != 0 && part == 0)
        problem = "as a whole disk";
    if (problem == NULL)
        return VDISK_EXIT_OK;
    vdisk_output_message("%s is open already, %s%s: close it first", device->path,
                         request->read_only && !read_only ? "and " : "", problem);
    return VDISK_EXIT_BUSY;
}

/* Is what is asked for open? What did not start when the system did is in the way, and removed. */
static enum vdisk_exit look_for_open(struct vdisk_open_request *request,
                                     struct vdisk_devices *devices, bool *is_open)
{
    struct vdisk_device *device = NULL;
    bool read_only = request->read_only;
    enum vdisk_exit code = VDISK_EXIT_OK;
    *is_open = false;
    while (code == VDISK_EXIT_OK &&
           (device = vdisk_devices_find_path(devices, request->path, device)) != NULL) {
        if (!vdisk_device_is_working(device)) {
            code = vdisk_device_remove(device);
            continue;
        }
        code = check_beside(request, device);
        request->beside = true;
        read_only = read_only || (device->state.flags & VIRTUALDISK_STATE_READ_ONLY) != 0;
        *is_open = *is_open || request->partition == 0 ||
                   device->state.partition_number == request->partition;
    }
    request->read_only = read_only;
    return code;
}

static enum vdisk_exit open_or_show(const struct vdisk_arguments *arguments,
                                    struct vdisk_open_request *request)
{
    struct vdisk_devices devices;
    bool is_open;
    enum vdisk_exit code = vdisk_devices_list(&devices);
    if (code != VDISK_EXIT_OK)
        return code;
    code = look_for_open(request, &devices, &is_open);
    if (code == VDISK_EXIT_OK && is_open)
        code = show_open(arguments, request, &devices);
    vdisk_devices_free(&devices);
    return code != VDISK_EXIT_OK || is_open ? code : open_new(arguments, request);
}

enum vdisk_exit vdisk_command_open(const struct vdisk_arguments *arguments)
{
    struct vdisk_open_request request;
    enum vdisk_exit code = vdisk_open_request_read(&request, arguments);
    if (code == VDISK_EXIT_OK)
        code = vdisk_devices_enter();
    if (code == VDISK_EXIT_OK) {
        code = open_or_show(arguments, &request);
        vdisk_devices_leave();
    }
    vdisk_open_request_free(&request);
    return code;
}
