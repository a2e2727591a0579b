#include "image_file.h"

#include "output.h"
#include "virtualdisk/host.h"

#include <string.h>

static enum vdisk_status open_image(const struct vdisk_image_source *source,
                                    struct vdisk_image **image, struct vdisk_error *error)
{
    const struct vdisk_open_options options = {
        .format = source->format,
        .guard_magic = source->probed,
        .snapshot = source->snapshot,
        .finder = vdisk_host_finder(),
        .read_only = !source->write,
        .without_parent = source->without_parent,
        .for_check = source->for_check,
        .detect_zeroes = source->detect_zeroes,
        .logical_sector_bytes = source->sector_bytes,
    };
    struct vdisk_file *file;
    enum vdisk_open_mode mode = source->write ? VDISK_OPEN_WRITE : VDISK_OPEN_READ;
    enum vdisk_status status = vdisk_host_open(source->path, mode, &file, error);
    return status == VDISK_OK ? vdisk_image_open(file, &options, image, error) : status;
}

enum vdisk_exit vdisk_image_file_open(const struct vdisk_image_source *source,
                                      struct vdisk_image **image)
{
    struct vdisk_error error;
    *image = NULL;
    if (open_image(source, image, &error) == VDISK_OK)
        return VDISK_EXIT_OK;
    *image = NULL;
    return vdisk_output_failure("cannot open", source->path, &error);
}

bool vdisk_image_file_try(const struct vdisk_image_source *source, struct vdisk_image **image)
{
    bool opened = open_image(source, image, NULL) == VDISK_OK;
    if (!opened)
        *image = NULL;
    return opened;
}

enum vdisk_exit vdisk_image_file_close(struct vdisk_image *image, const char *path)
{
    struct vdisk_error error;
    if (vdisk_image_close(image, &error) == VDISK_OK)
        return VDISK_EXIT_OK;
    return vdisk_output_failure("cannot finish", path, &error);
}

static const char *find_format(const char *name)
{
    const char *known, *description;
    for (uint32_t i = 0; (known = vdisk_format_name(i, &description)) != NULL; i++) {
        if (strcmp(known, name) == 0)
            return known;
    }
    return NULL;
}

const char *vdisk_image_file_choose_format(const char *format, const char *path)
{
    if (format != NULL) {
        const char *found = find_format(format);
        if (found == NULL)
            vdisk_output_message(
                "there is no format '%s'; try '" VDISK_PROGRAM_NAME " help formats'", format);
        return found;
    }
    const char *dot = strrchr(path + vdisk_path_folder_bytes(path), '.');
    const char *found = dot == NULL ? NULL : find_format(dot + 1);
    if (found == NULL || (vdisk_format_capabilities(found) & VDISK_CAN_CREATE) == 0)
        return "raw";
    return found;
}

size_t vdisk_path_folder_bytes(const char *path)
{
    size_t length = strlen(path);
    while (length > 0 && strchr(vdisk_host_separators, path[length - 1]) == NULL)
        length--;
    return length;
}
