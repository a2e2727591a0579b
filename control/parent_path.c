/* The relative path from one file's folder to another file. */
#include "image_file.h"
#include "output.h"
#include "virtualdisk/host.h"

#include <string.h>

static bool is_separator(char character)
{
    return character != '\0' && strchr(vdisk_host_separators, character) != NULL;
}

/* Bytes of the folders that both absolute paths begin with. */
static size_t common_folder_bytes(const char *a, const char *b)
{
    size_t common = 0;
    for (size_t i = 0; a[i] != '\0' && a[i] == b[i]; i++) {
        if (is_separator(a[i]))
            common = i + 1;
    }
    return common;
}

/* From `folder` (absolute, with a separator at its end) to the file `path` (absolute). */
static char *make_relative(const char *folder, const char *path)
{
    size_t common = common_folder_bytes(folder, path);
    if (common == 0)
        return NULL;
    size_t steps = 0;
    for (const char *cursor = folder + common; *cursor != '\0'; cursor++)
        steps += is_separator(*cursor);
    size_t rest = strlen(path + common);
    char *relative = vdisk_alloc(3 * steps + rest + 1);
    if (relative == NULL)
        return NULL;
    for (size_t i = 0; i < steps; i++) {
        relative[3 * i] = '.';
        relative[3 * i + 1] = '.';
        relative[3 * i + 2] = vdisk_host_separators[0];
    }
    memcpy(relative + 3 * steps, path + common, rest);
    return relative;
}

/* The absolute path of the folder in which `path` lies, with a separator at its end. */
static enum vdisk_status find_folder(const char *path, char **folder, struct vdisk_error *error)
{
    size_t length = vdisk_path_folder_bytes(path);
    char *name =
        length == 0 ? vdisk_text_format(".") : vdisk_text_format("%.*s", (int)length, path);
    char *full = NULL;
    *folder = NULL;
    if (name == NULL)
        return vdisk_fail(error, VDISK_NO_MEMORY, path, NULL, VDISK_NO_OFFSET, NULL);
    enum vdisk_status status = vdisk_host_full_path(name, &full, error);
    vdisk_free(name);
    if (status != VDISK_OK)
        return status;
    bool ends = full[0] != '\0' && is_separator(full[strlen(full) - 1]);
    *folder = vdisk_text_format("%s%.1s", full, ends ? "" : vdisk_host_separators);
    vdisk_free(full);
    return *folder == NULL ? vdisk_fail(error, VDISK_NO_MEMORY, path, NULL, VDISK_NO_OFFSET, NULL)
                           : VDISK_OK;
}

enum vdisk_exit vdisk_parent_paths_find(const char *path, const char *parent_path,
                                        struct vdisk_parent_paths *paths)
{
    struct vdisk_error error;
    char *folder = NULL;
    *paths = (struct vdisk_parent_paths){0};
    enum vdisk_status status = vdisk_host_full_path(parent_path, &paths->absolute, &error);
    if (status != VDISK_OK)
        return vdisk_output_failure("cannot find", parent_path, &error);
    status = find_folder(path, &folder, &error);
    if (status != VDISK_OK) {
        vdisk_parent_paths_free(paths);
        return vdisk_output_failure("cannot find the folder of", path, &error);
    }
    paths->relative = make_relative(folder, paths->absolute);
    vdisk_free(folder);
    return VDISK_EXIT_OK;
}

void vdisk_parent_paths_free(struct vdisk_parent_paths *paths)
{
    vdisk_free(paths->relative);
    vdisk_free(paths->absolute);
    *paths = (struct vdisk_parent_paths){0};
}
