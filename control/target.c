#include "target.h"

#include "image_file.h"
#include "output.h"
#include "virtualdisk/host.h"

#include <string.h>

static enum vdisk_exit no_memory(void)
{
    vdisk_output_message("out of memory");
    return VDISK_EXIT_INTERNAL;
}

/* The path of a file while it grows, and where it belongs. */
static char *growing_path(const struct vdisk_target *target, const char *name)
{
    return vdisk_text_format("%s%s", target->folder, name);
}

static char *final_path(const struct vdisk_target *target, const char *name)
{
    return vdisk_text_format("%.*s%s", (int)vdisk_path_folder_bytes(target->path), target->path,
                             name);
}

static bool remember(struct vdisk_target *target, const char *name)
{
    if (target->name_count == VDISK_TARGET_FILES)
        return false;
    char *copy = vdisk_text_format("%s", name);
    if (copy == NULL)
        return false;
    target->names[target->name_count++] = copy;
    return true;
}

static enum vdisk_status check_free(const struct vdisk_target *target, const char *name,
                                    struct vdisk_error *error)
{
    char *path = final_path(target, name);
    bool taken = path == NULL || (!target->replace && vdisk_host_exists(path));
    enum vdisk_status status = VDISK_OK;
    if (taken)
        status = vdisk_fail(error, path == NULL ? VDISK_NO_MEMORY : VDISK_EXISTS, path, NULL,
                            VDISK_NO_OFFSET, path == NULL ? NULL : "the file exists already");
    vdisk_free(path);
    return status;
}

static enum vdisk_status no_flush(struct vdisk_file *file, struct vdisk_error *error)
{
    (void)file;
    (void)error;
    return VDISK_OK;
}

/*
 * A new image that replaces nothing is a copy: as with other copies, the host writes it to its disk
 * in its own time. Waiting for that at every step would take most of a conversion's time.
 */
static void leave_to_host(const struct vdisk_target *target, struct vdisk_file *file)
{
    static struct vdisk_file_ops lazy_ops; /* all files of a host have the same operations */
    if (target->replace)
        return;
    lazy_ops = *file->ops;
    lazy_ops.flush = no_flush;
    file->ops = &lazy_ops;
}

/* The parent's name in the image leads from the image's final place, not from here. */
static bool asks_for_parent(const struct vdisk_target *target,
                            const struct vdisk_file_request *request)
{
    return request->role == VDISK_ROLE_PARENT && target->parent_path != NULL &&
           strncmp(request->referrer, target->folder, strlen(target->folder)) == 0;
}

static enum vdisk_status target_find(struct vdisk_file_finder *finder,
                                     const struct vdisk_file_request *request,
                                     struct vdisk_file **file, struct vdisk_error *error)
{
    struct vdisk_target *target = (struct vdisk_target *)finder;
    struct vdisk_file_finder *host = vdisk_host_finder();
    if (asks_for_parent(target, request))
        return vdisk_host_open(target->parent_path, VDISK_OPEN_READ, file, error);
    if (!request->create) {
        enum vdisk_status opened = host->open(host, request, file, error);
        if (opened == VDISK_OK)
            leave_to_host(target, *file);
        return opened;
    }
    enum vdisk_status status = check_free(target, request->name, error);
    if (status == VDISK_OK)
        status = host->open(host, request, file, error);
    if (status == VDISK_OK)
        leave_to_host(target, *file);
    if (status != VDISK_OK || remember(target, request->name))
        return status;
    vdisk_file_close(*file);
    return vdisk_fail(error, VDISK_UNSUPPORTED, target->path, NULL, VDISK_NO_OFFSET,
                      "the image has too many files");
}

static bool target_same(struct vdisk_file_finder *finder, struct vdisk_file *a,
                        struct vdisk_file *b)
{
    (void)finder;
    return vdisk_host_same(a, b);
}

/* ".disk.vhdx.3f9a12c05b7e44d1.partial" and a separator, in the folder of the image. */
static char *folder_name(const char *path)
{
    size_t folder_bytes = vdisk_path_folder_bytes(path);
    uint64_t random;
    vdisk_random(&random, sizeof(random));
    return vdisk_text_format("%.*s.%s.%016" PRIx64 ".partial%c", (int)folder_bytes, path,
                             path + folder_bytes, random, vdisk_host_separators[0]);
}

enum vdisk_exit vdisk_target_fail(const struct vdisk_target *target, const char *action,
                                  struct vdisk_error *error)
{
    const char *folder = strrchr(target->folder, '.'); /* ".partial", and the separator */
    char *found = strstr(error->file, folder);
    if (found != NULL) {
        const char *name = found + strlen(folder);
        memmove(error->file, name, strlen(name) + 1);
    }
    return vdisk_output_failure(action, target->path, error);
}

static void release(struct vdisk_target *target)
{
    for (size_t i = 0; i < target->name_count; i++)
        vdisk_free(target->names[i]);
    vdisk_free(target->folder);
    vdisk_free(target->path);
}

enum vdisk_exit vdisk_target_begin(struct vdisk_target *target, const char *path, bool replace)
{
    const char *name = path + vdisk_path_folder_bytes(path);
    struct vdisk_error error;
    *target = (struct vdisk_target){
        .finder = {.open = target_find, .same = target_same},
        .path = vdisk_text_format("%s", path),
        .folder = folder_name(path),
        .replace = replace,
    };
    enum vdisk_exit code = VDISK_EXIT_OK;
    if (target->path == NULL || target->folder == NULL)
        code = no_memory();
    else if (check_free(target, name, &error) != VDISK_OK)
        code = vdisk_target_fail(target, "cannot create", &error);
    else if (vdisk_host_make_folder(target->folder, &error) != VDISK_OK)
        code = vdisk_target_fail(target, "cannot create", &error);
    if (code != VDISK_EXIT_OK)
        release(target);
    return code;
}

enum vdisk_exit vdisk_target_create(struct vdisk_target *target,
                                    struct vdisk_create_options *options)
{
    const char *name = target->path + vdisk_path_folder_bytes(target->path);
    char *path = growing_path(target, name);
    if (path == NULL || !remember(target, name)) {
        vdisk_free(path);
        return no_memory();
    }
    struct vdisk_file *file;
    struct vdisk_error error;
    options->finder = &target->finder;
    target->compress = options->compress;
    if (options->parent != NULL)
        target->parent_path = vdisk_image_file_name(options->parent);
    enum vdisk_status status = vdisk_host_open(path, VDISK_OPEN_CREATE, &file, &error);
    if (status == VDISK_OK) {
        leave_to_host(target, file);
        status = vdisk_image_create(file, options, &error);
        vdisk_file_close(file);
    }
    vdisk_free(path);
    return status == VDISK_OK ? VDISK_EXIT_OK : vdisk_target_fail(target, "cannot create", &error);
}

enum vdisk_exit vdisk_target_open(struct vdisk_target *target, const char *format,
                                  struct vdisk_image **image)
{
    const struct vdisk_open_options options = {
        .format = format, .finder = &target->finder, .compress = target->compress};
    char *path = growing_path(target, target->names[0]);
    if (path == NULL)
        return no_memory();
    struct vdisk_file *file;
    struct vdisk_error error;
    enum vdisk_status status = vdisk_host_open(path, VDISK_OPEN_WRITE, &file, &error);
    if (status == VDISK_OK) {
        leave_to_host(target, file);
        status = vdisk_image_open(file, &options, image, &error);
    }
    vdisk_free(path);
    return status == VDISK_OK ? VDISK_EXIT_OK : vdisk_target_fail(target, "cannot write", &error);
}

static enum vdisk_status move_file(const struct vdisk_target *target, const char *name,
                                   struct vdisk_error *error)
{
    char *from = growing_path(target, name);
    char *to = final_path(target, name);
    enum vdisk_status status = VDISK_OK;
    if (from == NULL || to == NULL)
        status = vdisk_fail(error, VDISK_NO_MEMORY, name, NULL, VDISK_NO_OFFSET, NULL);
    else
        status = vdisk_host_rename(from, to, error);
    vdisk_free(to);
    vdisk_free(from);
    return status;
}

static void delete_file(const struct vdisk_target *target, const char *name)
{
    char *path = growing_path(target, name);
    if (path != NULL)
        vdisk_host_remove(path, NULL);
    vdisk_free(path);
}

enum vdisk_exit vdisk_target_end(struct vdisk_target *target, enum vdisk_exit code)
{
    struct vdisk_error error;
    enum vdisk_status status = VDISK_OK;
    /* The image's own file is the last: when it is there, everything is. */
    for (size_t i = target->name_count; i > 0; i--) {
        if (code == VDISK_EXIT_OK && status == VDISK_OK)
            status = move_file(target, target->names[i - 1], &error);
        if (code != VDISK_EXIT_OK || status != VDISK_OK)
            delete_file(target, target->names[i - 1]);
    }
    vdisk_host_remove_folder(target->folder, NULL);
    if (status != VDISK_OK)
        code = vdisk_target_fail(target, "cannot create", &error);
    release(target);
    return code;
}
