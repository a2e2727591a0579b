/* The command `open`. */
#include "command.h"
#include "device_windows.h"
#include "device_path.h"
#include "file_win32.h"
#include "json.h"
#include "letter.h"
#include "output.h"
#include "recording_finder.h"
#include "size.h"
#include "wide_win32.h"
#include "virtualdisk/image.h"

#define MEGABYTE           (UINT64_C(1) << 20)
#define DEFAULT_SIZE_BYTES (100 * MEGABYTE)

/* The command line, read, and the image, found out about. */
struct open_request {
    wchar_t *path;
    char *display_path;
    uint64_t new_size_bytes;
    char letter; /* 0: any */
    bool read_only;
    bool created; /* the file is new: gone again when the rest fails */
    struct vdisk_recording_finder finder;
    struct vdisk_device_parameters parameters;
};

static bool read_arguments(const struct vdisk_arguments *arguments, struct open_request *request)
{
    const char *letter = arguments->options[VDISK_OPTION_LETTER];
    if (letter != NULL && !vdisk_letter_parse(letter, true, &request->letter)) {
        vdisk_output_message("'%s' is not a drive letter", letter);
        return false;
    }
    request->read_only = vdisk_arguments_has(arguments, VDISK_OPTION_READ_ONLY);
    request->new_size_bytes = DEFAULT_SIZE_BYTES;
    return arguments->operand_count < 2 ||
           vdisk_size_parse(arguments->operands[1], "the size", MEGABYTE, &request->new_size_bytes);
}

static enum vdisk_exit find_paths(const char *operand, struct open_request *request)
{
    request->path = vdisk_device_path_resolve(operand);
    request->display_path = request->path == NULL ? NULL : vdisk_device_path_display(request->path);
    if (request->display_path != NULL)
        return VDISK_EXIT_OK;
    vdisk_output_message("'%s' is not a path", operand);
    return VDISK_EXIT_USAGE;
}

static void release(struct open_request *request)
{
    vdisk_recording_finder_deinit(&request->finder);
    vdisk_free(request->display_path);
    vdisk_free(request->path);
}

static enum vdisk_status fill_new_file(struct vdisk_file *file, uint64_t size_bytes,
                                       struct vdisk_error *error)
{
    const struct vdisk_create_options options = {.format = "raw", .size_bytes = size_bytes};
    enum vdisk_status status = vdisk_file_win32_reserve(file, size_bytes, error);
    return status == VDISK_OK ? vdisk_image_create(file, &options, error) : status;
}

/* Makes a raw image of the file that does not exist yet. */
static enum vdisk_exit create_image(struct open_request *request)
{
    struct vdisk_file *file;
    struct vdisk_error error;
    enum vdisk_status status = vdisk_file_win32_open(request->path, request->display_path,
                                                     VDISK_OPEN_CREATE, true, &file, &error);
    if (status == VDISK_OK) {
        status = fill_new_file(file, request->new_size_bytes, &error);
        vdisk_file_close(file);
        if (status != VDISK_OK)
            DeleteFileW(request->path);
    }
    if (status != VDISK_OK)
        return vdisk_output_failure("cannot create", request->display_path, &error);
    request->created = true;
    return VDISK_EXIT_OK;
}

static enum vdisk_status open_file(struct open_request *request, struct vdisk_file **file,
                                   struct vdisk_error *error)
{
    enum vdisk_status status = VDISK_ACCESS;
    if (!request->read_only)
        status = vdisk_file_win32_open(request->path, request->display_path, VDISK_OPEN_WRITE, true,
                                       file, error);
    if (status != VDISK_ACCESS && status != VDISK_READ_ONLY)
        return status;
    /* A file that may only be read gives a volume that may only be read. */
    request->read_only = true;
    return vdisk_file_win32_open(request->path, request->display_path, VDISK_OPEN_READ, true, file,
                                 error);
}

static void take_format(struct open_request *request, const char *format)
{
    struct vdisk_device_parameters *parameters = &request->parameters;
    parameters->path = request->path;
    parameters->format = format;
    parameters->files = request->finder.files;
    parameters->file_count = request->finder.file_count;
    if (strcmp(format, "raw") == 0)
        parameters->flags |= VIRTUALDISK_FLAG_PROBED;
    if (request->read_only)
        parameters->flags |= VIRTUALDISK_FLAG_READ_ONLY;
}

/*
 * Opens the image as the user, before the driver does as the system: rights, format and damage are
 * found out here, and the names of further files are resolved here only.
 */
static enum vdisk_status examine(struct open_request *request, struct vdisk_error *error)
{
    struct vdisk_file *file;
    enum vdisk_status status = open_file(request, &file, error);
    if (status != VDISK_OK)
        return status;
    const struct vdisk_open_options options = {
        .finder = &request->finder.finder,
        .read_only = request->read_only,
    };
    struct vdisk_image *image;
    status = vdisk_image_open(file, &options, &image, error);
    if (status != VDISK_OK)
        return status;
    struct vdisk_image_info *info = vdisk_alloc(sizeof(*info));
    if (info == NULL)
        status = vdisk_fail(error, VDISK_NO_MEMORY, NULL, NULL, VDISK_NO_OFFSET, NULL);
    else
        status = vdisk_image_get_info(image, info, error);
    if (status == VDISK_OK)
        take_format(request, info->format);
    vdisk_free(info);
    enum vdisk_status closed = vdisk_image_close(image, status == VDISK_OK ? error : NULL);
    return status == VDISK_OK ? closed : status;
}

static bool is_missing(const wchar_t *path)
{
    return GetFileAttributesW(path) == INVALID_FILE_ATTRIBUTES &&
           GetLastError() == ERROR_FILE_NOT_FOUND;
}

static enum vdisk_exit prepare_image(struct open_request *request)
{
    if (!request->read_only && is_missing(request->path)) {
        enum vdisk_exit code = create_image(request);
        if (code != VDISK_EXIT_OK)
            return code;
    }
    struct vdisk_error error;
    if (examine(request, &error) == VDISK_OK)
        return VDISK_EXIT_OK;
    return vdisk_output_failure("cannot open", request->display_path, &error);
}

static void print_opened(const struct vdisk_arguments *arguments, const struct vdisk_device *device,
                         bool was_open)
{
    if (!vdisk_arguments_has(arguments, VDISK_OPTION_JSON)) {
        if (was_open)
            vdisk_output_message("%s is open already", device->path);
        vdisk_device_print(device);
        return;
    }
    struct vdisk_json json = {0};
    vdisk_json_begin_object(&json, NULL);
    vdisk_json_bool(&json, "was-open", was_open);
    vdisk_device_print_json(device, &json, "device");
    vdisk_json_end_object(&json);
}

/* Finds the new device again, gives it its letter, and shows it. */
static enum vdisk_exit finish(const struct vdisk_arguments *arguments,
                              const struct open_request *request)
{
    struct vdisk_devices devices;
    enum vdisk_exit code = vdisk_devices_list(&devices);
    if (code != VDISK_EXIT_OK)
        return code;
    struct vdisk_device *device = vdisk_devices_find_path(&devices, request->path, NULL);
    if (device == NULL || !vdisk_device_is_working(device)) {
        vdisk_output_message("%s: the volume vanished again", request->display_path);
        code = VDISK_EXIT_FAILED;
    } else {
        code = vdisk_letter_assign(device, request->letter);
        if (code != VDISK_EXIT_OK)
            vdisk_device_remove(device);
    }
    if (code == VDISK_EXIT_OK)
        print_opened(arguments, device, false);
    vdisk_devices_free(&devices);
    return code;
}

/* A volume that came back when the system started may have lost its letter. */
static enum vdisk_exit show_open(const struct vdisk_arguments *arguments,
                                 const struct open_request *request, struct vdisk_device *device)
{
    if (request->read_only && (device->state.flags & VIRTUALDISK_STATE_READ_ONLY) == 0) {
        vdisk_output_message("%s is open already, and may be written to: close it first",
                             device->path);
        return VDISK_EXIT_BUSY;
    }
    enum vdisk_exit code = vdisk_letter_assign(device, request->letter);
    if (code == VDISK_EXIT_OK)
        print_opened(arguments, device, true);
    return code;
}

static enum vdisk_exit open_new(const struct vdisk_arguments *arguments,
                                struct open_request *request)
{
    if (request->letter != 0 && !vdisk_letter_is_free(request->letter)) {
        vdisk_output_message("the drive letter %c: is in use", request->letter);
        return VDISK_EXIT_BUSY;
    }
    enum vdisk_exit code = prepare_image(request);
    if (code == VDISK_EXIT_OK)
        code = vdisk_device_add(&request->parameters);
    if (code == VDISK_EXIT_OK)
        code = finish(arguments, request);
    if (code != VDISK_EXIT_OK && request->created)
        DeleteFileW(request->path);
    return code;
}

static enum vdisk_exit open_or_show(const struct vdisk_arguments *arguments,
                                    struct open_request *request)
{
    struct vdisk_devices devices;
    enum vdisk_exit code = vdisk_devices_list(&devices);
    if (code != VDISK_EXIT_OK)
        return code;
    struct vdisk_device *device = vdisk_devices_find_path(&devices, request->path, NULL);
    bool was_open = device != NULL && vdisk_device_is_working(device);
    if (was_open)
        code = show_open(arguments, request, device);
    else if (device != NULL) /* left over: it did not start when the system did */
        code = vdisk_device_remove(device);
    vdisk_devices_free(&devices);
    return was_open || code != VDISK_EXIT_OK ? code : open_new(arguments, request);
}

enum vdisk_exit vdisk_command_open(const struct vdisk_arguments *arguments)
{
    struct open_request request = {0};
    if (!read_arguments(arguments, &request))
        return VDISK_EXIT_USAGE;
    vdisk_recording_finder_init(&request.finder);
    enum vdisk_exit code = find_paths(arguments->operands[0], &request);
    if (code == VDISK_EXIT_OK)
        code = vdisk_devices_enter();
    if (code == VDISK_EXIT_OK) {
        code = open_or_show(arguments, &request);
        vdisk_devices_leave();
    }
    release(&request);
    return code;
}
