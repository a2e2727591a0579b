#include "open_image.h"

#include "device_path.h"
#include "file_win32.h"
#include "image_file.h"
#include "output.h"
#include "target.h"
#include "virtualdisk/image.h"
#include "virtualdisk/platform.h"

#include <windows.h>

#include <string.h>

/* With these, what is written does not reach the image. */
#define ONLY_READ (VIRTUALDISK_FLAG_MEMORY | VIRTUALDISK_FLAG_RAM)

static bool is_missing(const wchar_t *path)
{
    return GetFileAttributesW(path) == INVALID_FILE_ATTRIBUTES &&
           GetLastError() == ERROR_FILE_NOT_FOUND;
}

static enum vdisk_status fill_new_file(struct vdisk_file *file, uint64_t size_bytes,
                                       struct vdisk_error *error)
{
    const struct vdisk_create_options options = {.format = "raw", .size_bytes = size_bytes};
    enum vdisk_status status = vdisk_file_win32_reserve(file, size_bytes, error);
    return status == VDISK_OK ? vdisk_image_create(file, &options, error) : status;
}

static enum vdisk_exit make_image(const char *path, struct vdisk_create_options *options)
{
    struct vdisk_target target;
    enum vdisk_exit code = vdisk_target_begin(&target, path, false);
    if (code != VDISK_EXIT_OK)
        return code;
    code = vdisk_target_create(&target, options);
    return vdisk_target_end(&target, code);
}

/* What a raw image will take is there from the start. */
static enum vdisk_exit create_raw(const struct vdisk_open_request *request)
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
    return status == VDISK_OK
               ? VDISK_EXIT_OK
               : vdisk_output_failure("cannot create", request->display_path, &error);
}

/* An image of the file that does not exist yet; if no format is named, its ending names it. */
static enum vdisk_exit create_image(struct vdisk_open_image *image,
                                    const struct vdisk_open_request *request)
{
    struct vdisk_create_options options = {
        .format = vdisk_image_file_choose_format(request->format, request->display_path),
        .size_bytes = request->new_size_bytes,
    };
    if (options.format == NULL)
        return VDISK_EXIT_USAGE;
    enum vdisk_exit code = strcmp(options.format, "raw") == 0
                               ? create_raw(request)
                               : make_image(request->display_path, &options);
    image->image_is_new = code == VDISK_EXIT_OK;
    return code;
}

/* A differencing image over the image; the ending of its name says of which format. */
static enum vdisk_exit create_overlay(struct vdisk_open_image *image,
                                      const struct vdisk_open_request *request,
                                      struct vdisk_image *parent)
{
    struct vdisk_parent_paths names;
    const char *path = request->overlay_display;
    const char *format = vdisk_image_file_choose_format(NULL, path);
    if (strcmp(format, "raw") == 0)
        format = "qcow2";
    enum vdisk_exit code = vdisk_parent_paths_find(path, request->display_path, &names);
    if (code != VDISK_EXIT_OK)
        return code;
    struct vdisk_create_options options = {
        .format = format,
        .parent = parent,
        .parent_name = names.relative == NULL ? names.absolute : names.relative,
        .parent_absolute_name = names.absolute,
    };
    code = make_image(path, &options);
    vdisk_parent_paths_free(&names);
    image->overlay_is_new = code == VDISK_EXIT_OK;
    return code;
}

/* A file that may only be read gives a volume that may only be read. */
static enum vdisk_status open_file(const wchar_t *path, const char *name, bool beside,
                                   bool *read_only, struct vdisk_file **file,
                                   struct vdisk_error *error)
{
    enum vdisk_status status = VDISK_ACCESS;
    if (beside)
        return vdisk_file_win32_open(path, name, VDISK_OPEN_BESIDE, true, file, error);
    if (!*read_only)
        status = vdisk_file_win32_open(path, name, VDISK_OPEN_WRITE, true, file, error);
    if (status != VDISK_ACCESS && status != VDISK_READ_ONLY)
        return status;
    *read_only = true;
    return vdisk_file_win32_open(path, name, VDISK_OPEN_READ, true, file, error);
}

static enum vdisk_status open_image(struct vdisk_open_image *image,
                                    const struct vdisk_open_request *request, bool *read_only,
                                    struct vdisk_image **opened, struct vdisk_error *error)
{
    struct vdisk_file *file;
    enum vdisk_status status =
        open_file(request->path, request->display_path, request->beside, read_only, &file, error);
    if (status != VDISK_OK)
        return status;
    const struct vdisk_open_options options = {
        .format = request->format,
        .finder = &image->finder.finder,
        .read_only = *read_only || request->beside,
        .logical_sector_bytes = request->sector_bytes,
    };
    return vdisk_image_open(file, &options, opened, error);
}

static enum vdisk_status open_overlay(struct vdisk_open_image *image,
                                      const struct vdisk_open_request *request, bool *read_only,
                                      struct vdisk_image **opened, struct vdisk_error *error)
{
    struct vdisk_file *file;
    enum vdisk_status status = open_file(request->overlay_path, request->overlay_display,
                                         request->beside, read_only, &file, error);
    if (status != VDISK_OK)
        return status;
    const struct vdisk_open_options options = {.finder = &image->finder.finder,
                                               .read_only = *read_only || request->beside};
    return vdisk_image_open(file, &options, opened, error);
}

static enum vdisk_status get_format(struct vdisk_image *opened, const char **format,
                                    struct vdisk_error *error)
{
    struct vdisk_image_info *info = vdisk_alloc(sizeof(*info));
    if (info == NULL)
        return vdisk_fail(error, VDISK_NO_MEMORY, NULL, NULL, VDISK_NO_OFFSET, NULL);
    enum vdisk_status status = vdisk_image_get_info(opened, info, error);
    *format = info->format;
    vdisk_free(info);
    return status;
}

/* A table that is damaged is an error, unless the disk is wanted as it is. */
static enum vdisk_exit read_table(struct vdisk_open_image *image,
                                  const struct vdisk_open_request *request, struct vdisk_disk *disk)
{
    struct vdisk_error error;
    if (request->whole || disk->optical)
        return VDISK_EXIT_OK;
    enum vdisk_status status = vdisk_partitions_read(disk, &image->table, &error);
    for (uint32_t i = 0; status == VDISK_OK && i < image->table.note_count; i++)
        vdisk_output_message("%s: %s", request->display_path, image->table.notes[i]);
    if (status == VDISK_OK)
        return VDISK_EXIT_OK;
    enum vdisk_exit code = vdisk_output_failure("cannot open", request->display_path, &error);
    if (status == VDISK_CORRUPT || status == VDISK_UNSUPPORTED)
        vdisk_output_message("--whole opens the disk as it is");
    return code;
}

static enum vdisk_exit refuse_sectors(const struct vdisk_open_request *request,
                                      const struct vdisk_disk *disk)
{
    vdisk_output_message("%s has sectors of %" PRIu32 " bytes: --sector-size is for raw images "
                         "without an overlay",
                         request->display_path, disk->logical_sector_bytes);
    return VDISK_EXIT_USAGE;
}

/* The disk that the volumes will show, or be parts of. */
static enum vdisk_exit look_at_disk(struct vdisk_open_image *image,
                                    const struct vdisk_open_request *request,
                                    struct vdisk_disk *disk)
{
    enum vdisk_exit code = VDISK_EXIT_OK;
    image->read_only = image->read_only || disk->optical;
    if (request->sector_bytes != 0 && disk->logical_sector_bytes != request->sector_bytes)
        return refuse_sectors(request, disk);
    if ((request->flags & VIRTUALDISK_FLAG_RAM) != 0)
        code = vdisk_open_request_check_memory(disk->size_bytes, request->display_path);
    return code == VDISK_EXIT_OK ? read_table(image, request, disk) : code;
}

static enum vdisk_exit check_image(struct vdisk_image *opened)
{
    const char *path = vdisk_image_file_name(opened);
    struct vdisk_check check = {0};
    struct vdisk_error error;
    enum vdisk_status status = vdisk_image_check(opened, &check, &error);
    if (status == VDISK_UNSUPPORTED) /* there is nothing in this format that could be wrong */
        return VDISK_EXIT_OK;
    if (status != VDISK_OK)
        return vdisk_output_failure("cannot check", path, &error);
    if (check.corruption_count == 0)
        return VDISK_EXIT_OK;
    vdisk_output_message("%s is damaged in %" PRIu64 " places: try '" VDISK_PROGRAM_NAME " check'",
                         path, check.corruption_count);
    return VDISK_EXIT_CORRUPT;
}

static enum vdisk_exit check_chain(struct vdisk_image *opened)
{
    enum vdisk_exit code = VDISK_EXIT_OK;
    while (opened != NULL && code == VDISK_EXIT_OK) {
        code = check_image(opened);
        opened = vdisk_image_parent(opened);
    }
    return code;
}

/* What the volumes will show, when it is the image itself. */
static enum vdisk_exit examine_top(struct vdisk_open_image *image,
                                   const struct vdisk_open_request *request,
                                   struct vdisk_image *opened)
{
    enum vdisk_exit code = request->checked_first ? check_chain(opened) : VDISK_EXIT_OK;
    return code == VDISK_EXIT_OK ? look_at_disk(image, request, vdisk_image_disk(opened)) : code;
}

/* A doubtful format is told; who wants the image checked does not get it. */
static enum vdisk_exit judge_format(const struct vdisk_open_request *request,
                                    struct vdisk_image *opened)
{
    vdisk_image_file_warn(opened, request->display_path);
    return request->checked_first && vdisk_image_file_is_doubtful(opened, request->display_path)
               ? VDISK_EXIT_CORRUPT
               : VDISK_EXIT_OK;
}

static enum vdisk_exit check_base(const struct vdisk_open_request *request,
                                  const struct vdisk_disk *disk)
{
    if (!disk->optical)
        return VDISK_EXIT_OK;
    vdisk_output_message("%s is a CD, to which nothing is written: open it without --overlay",
                         request->display_path);
    return VDISK_EXIT_USAGE;
}

/* The image. With an overlay or memory over it, it is only read. */
static enum vdisk_exit examine_image(struct vdisk_open_image *image,
                                     const struct vdisk_open_request *request)
{
    bool has_overlay = request->overlay == VDISK_OVERLAY_FILE;
    bool untouched = has_overlay || (request->flags & ONLY_READ) != 0;
    bool read_only = request->read_only || untouched;
    struct vdisk_image *opened = NULL;
    struct vdisk_error error;
    enum vdisk_exit code = VDISK_EXIT_OK;
    enum vdisk_status status = open_image(image, request, &read_only, &opened, &error);
    if (status != VDISK_OK)
        return vdisk_output_failure("cannot open", request->display_path, &error);
    image->read_only = untouched ? request->read_only : read_only;
    image->probed = request->format == NULL;
    if (get_format(opened, &image->format, &error) != VDISK_OK)
        code = vdisk_output_failure("cannot open", request->display_path, &error);
    if (code == VDISK_EXIT_OK && image->probed)
        code = judge_format(request, opened);
    if (code == VDISK_EXIT_OK && request->overlay != VDISK_OVERLAY_NONE)
        code = check_base(request, vdisk_image_disk(opened));
    if (code == VDISK_EXIT_OK && !has_overlay)
        code = examine_top(image, request, opened);
    if (code == VDISK_EXIT_OK && has_overlay && is_missing(request->overlay_path))
        code = create_overlay(image, request, opened);
    return vdisk_exit_first(code, vdisk_image_file_close(opened, request->display_path));
}

/* The overlay must lead to this image, and to no other. */
static bool is_overlay(const struct vdisk_open_image *image,
                       const struct vdisk_open_request *request)
{
    return image->finder.file_count > 0 &&
           vdisk_device_path_equal(image->finder.files[0].nt_path, request->path);
}

static enum vdisk_exit examine_overlay(struct vdisk_open_image *image,
                                       const struct vdisk_open_request *request)
{
    const char *path = request->overlay_display;
    bool read_only = request->read_only;
    struct vdisk_image *opened;
    struct vdisk_error error;
    vdisk_recording_finder_deinit(&image->finder);
    vdisk_recording_finder_init(&image->finder, request->beside);
    if (open_overlay(image, request, &read_only, &opened, &error) != VDISK_OK)
        return vdisk_output_failure("cannot open", path, &error);
    enum vdisk_exit code = VDISK_EXIT_OK;
    image->read_only = read_only;
    if (get_format(opened, &image->overlay_format, &error) != VDISK_OK) {
        code = vdisk_output_failure("cannot open", path, &error);
    } else if (!is_overlay(image, request)) {
        vdisk_output_message("%s is no overlay of %s", path, request->display_path);
        code = VDISK_EXIT_USAGE;
    }
    if (code == VDISK_EXIT_OK)
        code = examine_top(image, request, opened);
    return vdisk_exit_first(code, vdisk_image_file_close(opened, path));
}

enum vdisk_exit vdisk_open_image_prepare(struct vdisk_open_image *image,
                                         const struct vdisk_open_request *request)
{
    *image = (struct vdisk_open_image){0};
    vdisk_recording_finder_init(&image->finder, request->beside);
    if (request->empty_ram)
        return VDISK_EXIT_OK;
    enum vdisk_exit code = VDISK_EXIT_OK;
    bool may_create = !request->read_only && request->overlay == VDISK_OVERLAY_NONE &&
                      (request->flags & VIRTUALDISK_FLAG_RAM) == 0;
    if (may_create && is_missing(request->path))
        code = create_image(image, request);
    if (code == VDISK_EXIT_OK)
        code = examine_image(image, request);
    if (code == VDISK_EXIT_OK && request->overlay == VDISK_OVERLAY_FILE)
        code = examine_overlay(image, request);
    if (code != VDISK_EXIT_OK)
        vdisk_open_image_undo(image, request);
    return code;
}

void vdisk_open_image_undo(const struct vdisk_open_image *image,
                           const struct vdisk_open_request *request)
{
    if (image->image_is_new)
        DeleteFileW(request->path);
    if (image->overlay_is_new)
        DeleteFileW(request->overlay_path);
}

void vdisk_open_image_free(struct vdisk_open_image *image)
{
    vdisk_recording_finder_deinit(&image->finder);
    vdisk_partitions_free(&image->table);
}
