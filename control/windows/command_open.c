/* The command `open`. */
#include "command.h"
#include "device_windows.h"
#include "json.h"
#include "letter.h"
#include "open_image.h"
#include "open_part.h"
#include "open_request.h"
#include "open_sibling.h"
#include "output.h"
#include "volume_format.h"
#include "virtualdisk/platform.h"

#include <stdio.h>
#include <string.h>

static struct vdisk_device_parameters parameters_of(const struct vdisk_open_request *request,
                                                    const struct vdisk_open_image *image,
                                                    const struct vdisk_open_part *part, bool first)
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
    if (!request->beside && image->probed && strcmp(image->format, "raw") == 0)
        parameters.flags |= VIRTUALDISK_FLAG_PROBED;
    if (image->read_only)
        parameters.flags |= VIRTUALDISK_FLAG_READ_ONLY;
    return parameters;
}

/* The place where the volume is seen, and its file system. */
static enum vdisk_exit finish_part(const struct vdisk_open_request *request,
                                   struct vdisk_device *device, const struct vdisk_open_part *part,
                                   bool first)
{
    enum vdisk_exit code = VDISK_EXIT_OK;
    if (!request->no_letter)
        code = vdisk_letter_assign(device, first ? request->letter : 0);
    if (code == VDISK_EXIT_OK && request->filesystem != NULL && !part->was_open)
        code = vdisk_volume_format(device, request->filesystem, request->label);
    if (code == VDISK_EXIT_OK && request->mount != NULL)
        code = vdisk_letter_mount(device, request->mount);
    return code;
}

static void print_text(const struct vdisk_open_request *request,
                       struct vdisk_device *const *devices, size_t count, bool was_open)
{
    if (was_open)
        vdisk_output_message("%s is open already", devices[0]->path);
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            vdisk_output_text("\n");
        vdisk_device_print(devices[i]);
    }
    if (request->mount != NULL)
        vdisk_output_text("Folder:  %s\n", request->mount);
}

/* "device" is the first one of "devices". */
static void print_json(const struct vdisk_open_request *request,
                       struct vdisk_device *const *devices, size_t count, bool was_open)
{
    struct vdisk_json json = {0};
    vdisk_json_begin_object(&json, NULL);
    vdisk_json_bool(&json, "was-open", was_open);
    if (request->mount != NULL)
        vdisk_json_string(&json, "folder", request->mount);
    vdisk_device_print_json(devices[0], &json, "device");
    vdisk_json_begin_array(&json, "devices");
    for (size_t i = 0; i < count; i++)
        vdisk_device_print_json(devices[i], &json, NULL);
    vdisk_json_end_array(&json);
    vdisk_json_end_object(&json);
}

static enum vdisk_exit find_devices(const struct vdisk_open_request *request,
                                    const struct vdisk_open_parts *parts,
                                    struct vdisk_devices *devices, struct vdisk_device **found)
{
    for (size_t i = 0; i < parts->count; i++) {
        found[i] = vdisk_open_part_device(&parts->items[i], request, devices);
        if (found[i] == NULL || !vdisk_device_is_working(found[i])) {
            vdisk_output_message("%s: the volume vanished again", request->display_path);
            return VDISK_EXIT_FAILED;
        }
    }
    return VDISK_EXIT_OK;
}

static enum vdisk_exit check_part(const struct vdisk_open_request *request, bool may_be_lost,
                                  const struct vdisk_device *device,
                                  const struct vdisk_open_part *part)
{
    if (request->filesystem == NULL || part->was_open)
        return VDISK_EXIT_OK;
    enum vdisk_exit code = vdisk_volume_check_writable(device);
    return code == VDISK_EXIT_OK && !may_be_lost ? vdisk_volume_check_empty(device) : code;
}

/* All are looked at before one is formatted. */
static enum vdisk_exit finish_parts(const struct vdisk_open_request *request, bool may_be_lost,
                                    const struct vdisk_open_parts *parts,
                                    struct vdisk_device *const *devices)
{
    enum vdisk_exit code = VDISK_EXIT_OK;
    for (size_t i = 0; i < parts->count && code == VDISK_EXIT_OK; i++)
        code = check_part(request, may_be_lost, devices[i], &parts->items[i]);
    for (size_t i = 0; i < parts->count && code == VDISK_EXIT_OK; i++)
        code = finish_part(request, devices[i], &parts->items[i], i == 0);
    return code;
}

static bool were_open(const struct vdisk_open_parts *parts)
{
    for (size_t i = 0; i < parts->count; i++) {
        if (!parts->items[i].was_open)
            return false;
    }
    return true;
}

/* Finds the volumes again, finishes and shows them. */
static enum vdisk_exit finish(const struct vdisk_arguments *arguments,
                              const struct vdisk_open_request *request, bool may_be_lost,
                              const struct vdisk_open_parts *parts)
{
    struct vdisk_device **found = vdisk_alloc_array(parts->count, sizeof(*found));
    struct vdisk_devices devices;
    if (found == NULL) {
        vdisk_output_message("out of memory");
        return VDISK_EXIT_INTERNAL;
    }
    enum vdisk_exit code = vdisk_devices_list(&devices);
    if (code == VDISK_EXIT_OK) {
        code = find_devices(request, parts, &devices, found);
        if (code == VDISK_EXIT_OK)
            code = finish_parts(request, may_be_lost, parts, found);
        if (code == VDISK_EXIT_OK && vdisk_arguments_has(arguments, VDISK_OPTION_JSON))
            print_json(request, found, parts->count, were_open(parts));
        else if (code == VDISK_EXIT_OK)
            print_text(request, found, parts->count, were_open(parts));
        vdisk_devices_free(&devices);
    }
    vdisk_free(found);
    return code;
}

/* Takes away what this command has made. */
static void undo(const struct vdisk_open_request *request, const struct vdisk_open_parts *parts)
{
    struct vdisk_devices devices;
    if (vdisk_devices_list(&devices) != VDISK_EXIT_OK)
        return;
    for (size_t i = 0; i < parts->count; i++) {
        struct vdisk_device *device = vdisk_open_part_device(&parts->items[i], request, &devices);
        if (device != NULL && !parts->items[i].was_open)
            vdisk_device_remove(device);
    }
    vdisk_devices_free(&devices);
}

static enum vdisk_exit open_parts(const struct vdisk_arguments *arguments,
                                  const struct vdisk_open_request *request,
                                  const struct vdisk_open_image *image,
                                  const struct vdisk_open_parts *parts)
{
    enum vdisk_exit code = VDISK_EXIT_OK;
    for (size_t i = 0; i < parts->count && code == VDISK_EXIT_OK; i++) {
        const struct vdisk_device_parameters parameters =
            parameters_of(request, image, &parts->items[i], i == 0);
        if (!parts->items[i].was_open)
            code = vdisk_device_add(&parameters);
    }
    if (code == VDISK_EXIT_OK)
        code = finish(arguments, request,
                      image->image_is_new || request->empty_ram || request->reformat, parts);
    if (code != VDISK_EXIT_OK)
        undo(request, parts);
    return code;
}

/* One folder cannot show several volumes. */
static enum vdisk_exit check_folder(const struct vdisk_open_request *request,
                                    const struct vdisk_open_parts *parts)
{
    if (request->mount == NULL)
        return VDISK_EXIT_OK;
    if (parts->count == 1)
        return parts->items[0].was_open ? VDISK_EXIT_OK : vdisk_letter_check_folder(request->mount);
    vdisk_output_message("%s has %" PRIu32 " volumes: --partition names the one to mount in %s",
                         request->display_path, (uint32_t)parts->count, request->mount);
    return VDISK_EXIT_USAGE;
}

/* What is open of the image: it was examined when that was opened, and need not be again. */
static enum vdisk_exit show_open(const struct vdisk_arguments *arguments,
                                 const struct vdisk_open_request *request,
                                 struct vdisk_devices *devices)
{
    struct vdisk_open_parts parts;
    enum vdisk_exit code = vdisk_open_parts_find_open(request, devices, &parts);
    if (code == VDISK_EXIT_OK)
        code = check_folder(request, &parts);
    if (code == VDISK_EXIT_OK)
        code = finish(arguments, request, false, &parts);
    vdisk_open_parts_free(&parts);
    return code;
}

static enum vdisk_exit open_new(const struct vdisk_arguments *arguments,
                                const struct vdisk_open_request *request,
                                struct vdisk_devices *devices)
{
    struct vdisk_open_image image;
    struct vdisk_open_parts parts = {0};
    if (request->letter != 0 && !vdisk_letter_is_free(request->letter)) {
        vdisk_output_message("the drive letter %c: is in use", request->letter);
        return VDISK_EXIT_BUSY;
    }
    enum vdisk_exit code = vdisk_open_image_prepare(&image, request);
    if (code == VDISK_EXIT_OK) {
        code = vdisk_open_parts_choose(request, &image, devices, &parts);
        if (code == VDISK_EXIT_OK)
            code = check_folder(request, &parts);
        if (code == VDISK_EXIT_OK)
            code = open_parts(arguments, request, &image, &parts);
        if (code != VDISK_EXIT_OK)
            vdisk_open_image_undo(&image, request);
    }
    vdisk_open_parts_free(&parts);
    vdisk_open_image_free(&image);
    return code;
}

/* What did not start, when the system did or later, is in the way. */
static enum vdisk_exit remove_stopped(const struct vdisk_open_request *request,
                                      struct vdisk_devices *devices, bool *removed)
{
    struct vdisk_device *device = NULL;
    enum vdisk_exit code = VDISK_EXIT_OK;
    *removed = false;
    while (code == VDISK_EXIT_OK &&
           (device = vdisk_devices_find_path(devices, request->path, device)) != NULL) {
        if (vdisk_device_is_working(device))
            continue;
        *removed = true;
        code = vdisk_device_remove(device);
    }
    return code;
}

/* Is what is asked for open? If only something beside it is, the request is adapted to that. */
static enum vdisk_exit look_for_open(struct vdisk_open_request *request,
                                     struct vdisk_devices *devices, bool *is_open)
{
    struct vdisk_device *device = NULL, *sibling = NULL;
    enum vdisk_exit code = VDISK_EXIT_OK;
    *is_open = false;
    while (code == VDISK_EXIT_OK &&
           (device = vdisk_devices_find_path(devices, request->path, device)) != NULL) {
        code = vdisk_open_sibling_check(request, device);
        sibling = device;
        *is_open = *is_open || request->partition == 0 ||
                   device->state.partition_number == request->partition;
    }
    return code == VDISK_EXIT_OK && sibling != NULL && !*is_open
               ? vdisk_open_sibling_join(request, sibling)
               : code;
}

/* The smallest number that no RAM disk has. */
static enum vdisk_exit name_ram_disk(struct vdisk_open_request *request,
                                     struct vdisk_devices *devices)
{
    enum vdisk_exit code = VDISK_EXIT_OK;
    for (unsigned number = 1; code == VDISK_EXIT_OK; number++) {
        char name[12];
        snprintf(name, sizeof(name), "%u", number);
        vdisk_free(request->path);
        vdisk_free(request->display_path);
        code = vdisk_open_request_name_ram(request, name);
        if (code == VDISK_EXIT_OK && vdisk_devices_find_path(devices, request->path, NULL) == NULL)
            break;
    }
    return code;
}

static enum vdisk_exit list_again(struct vdisk_devices *devices)
{
    vdisk_devices_free(devices);
    return vdisk_devices_list(devices);
}

static enum vdisk_exit open_or_show(const struct vdisk_arguments *arguments,
                                    struct vdisk_open_request *request)
{
    struct vdisk_devices devices;
    bool is_open = false, removed;
    enum vdisk_exit code = vdisk_devices_list(&devices);
    if (code != VDISK_EXIT_OK)
        return code;
    if (request->path == NULL)
        code = name_ram_disk(request, &devices);
    if (code == VDISK_EXIT_OK)
        code = remove_stopped(request, &devices, &removed);
    if (code == VDISK_EXIT_OK && removed)
        code = list_again(&devices);
    if (code == VDISK_EXIT_OK)
        code = look_for_open(request, &devices, &is_open);
    if (code == VDISK_EXIT_OK)
        code = is_open ? show_open(arguments, request, &devices)
                       : open_new(arguments, request, &devices);
    vdisk_devices_free(&devices);
    return code;
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
