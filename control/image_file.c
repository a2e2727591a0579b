#include "image_file.h"

#include "output.h"
#include "virtualdisk/host.h"

#include <string.h>

/* What no child could open later is refused before there is a child. */
static enum vdisk_status open_for_child(const char *path, struct vdisk_file **file,
                                        struct vdisk_error *error)
{
    struct vdisk_file_finder *finder = vdisk_host_finder();
    const struct vdisk_file_request request = {
        .role = VDISK_ROLE_PARENT,
        .kind = VDISK_NAME_RELATIVE,
        .name = path + vdisk_path_folder_bytes(path),
        .referrer = path,
        .read_only = true,
    };
    return finder->open(finder, &request, file, error);
}

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
    enum vdisk_status status = source->for_child
                                   ? open_for_child(source->path, &file, error)
                                   : vdisk_host_open(source->path, mode, &file, error);
    return status == VDISK_OK ? vdisk_image_open(file, &options, image, error) : status;
}

enum vdisk_exit vdisk_image_file_open(const struct vdisk_image_source *source,
                                      struct vdisk_image **image)
{
    struct vdisk_error error;
    *image = NULL;
    if (open_image(source, image, &error) == VDISK_OK) {
        if (source->format == NULL)
            vdisk_image_file_warn(*image, source->path);
        return VDISK_EXIT_OK;
    }
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

/* What images can be made of and the file's name ends with, in any case; or NULL. */
static const char *format_of_name(const char *path)
{
    const char *dot = strrchr(path + vdisk_path_folder_bytes(path), '.');
    char ending[8] = {0};
    if (dot == NULL || strlen(dot + 1) >= sizeof ending)
        return NULL;
    for (size_t i = 0; dot[1 + i] != '\0'; i++)
        ending[i] = dot[1 + i] >= 'A' && dot[1 + i] <= 'Z' ? (char)(dot[1 + i] | 0x20) : dot[1 + i];
    const char *found = find_format(ending);
    return found != NULL && (vdisk_format_capabilities(found) & VDISK_CAN_CREATE) != 0 ? found
                                                                                       : NULL;
}

const char *vdisk_image_file_choose_format(const char *format, const char *path)
{
    const char *found = format == NULL ? format_of_name(path) : find_format(format);
    if (format == NULL)
        return found == NULL ? "raw" : found;
    if (found == NULL)
        vdisk_output_message("there is no format '%s'; try '" VDISK_PROGRAM_NAME " help formats'",
                             format);
    return found;
}

/* name-flat.vmdk and name-f001.vmdk: the bytes of a disk whose descriptor is another file. */
static bool is_flat_extent(const char *path)
{
    const char *dash = strrchr(path + vdisk_path_folder_bytes(path), '-');
    return dash != NULL && (strcmp(dash, "-flat.vmdk") == 0 ||
                            (dash[1] == 'f' && strspn(dash + 2, "0123456789") == 3));
}

static bool is_raw(struct vdisk_image *image)
{
    struct vdisk_image_info *info = vdisk_alloc(sizeof(*info));
    bool raw = info != NULL && vdisk_image_get_info(image, info, NULL) == VDISK_OK &&
               strcmp(info->format, "raw") == 0;
    vdisk_free(info);
    return raw;
}

bool vdisk_image_file_is_doubtful(struct vdisk_image *image, const char *path)
{
    const char *expected = format_of_name(path);
    return expected != NULL && strcmp(expected, "raw") != 0 && !is_flat_extent(path) &&
           is_raw(image);
}

void vdisk_image_file_warn(struct vdisk_image *image, const char *path)
{
    if (vdisk_image_file_is_doubtful(image, path))
        vdisk_output_message("%s: the name says %s, but the file has nothing of that format: it is "
                             "taken for raw, which --format raw confirms",
                             path, format_of_name(path));
}

size_t vdisk_path_folder_bytes(const char *path)
{
    size_t length = strlen(path);
    while (length > 0 && strchr(vdisk_host_separators, path[length - 1]) == NULL)
        length--;
    return length;
}
