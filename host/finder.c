#include "host/finder.h"

/* Length of the path's folder with its last separator; 0: the current folder. */
static size_t folder_bytes(const char *path)
{
    size_t length = strlen(path);

    while (length > 0 && strchr(vdisk_host_separators, path[length - 1]) == NULL)
        length--;
    return length;
}

static char *join_names(const char *folder, size_t folder_length, const char *name)
{
    const size_t name_length = strlen(name);
    char *path = vdisk_alloc(folder_length + name_length + 1);

    if (path == NULL)
        return NULL;
    memcpy(path, folder, folder_length);
    memcpy(path + folder_length, name, name_length);
    return path;
}

/* A plain name of a file: no way out of the folder, no drive, no stream. */
static bool is_plain_name(const char *name)
{
    return name[0] != '\0' && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
           strpbrk(name, "/\\:") == NULL;
}

static enum vdisk_open_mode mode_of(const struct vdisk_file_request *request)
{
    if (request->create)
        return VDISK_OPEN_CREATE;
    return request->read_only ? VDISK_OPEN_READ : VDISK_OPEN_WRITE;
}

/*
 * A parent's name may lead out of the folder, but starts there. Beside an image that was itself
 * named without a folder, \\server\share would lead to another machine.
 */
static bool is_relative_name(const char *name)
{
    const bool has_drives = vdisk_host_separators[0] == '\\';

    return strchr(vdisk_host_separators, name[0]) == NULL &&
           !(has_drives && name[0] != '\0' && name[1] == ':');
}

static enum vdisk_status check_name(const struct vdisk_file_request *request,
                                    struct vdisk_error *error)
{
    if (request->role != VDISK_ROLE_PARENT && !is_plain_name(request->name))
        return vdisk_fail(error, VDISK_ACCESS, request->referrer, NULL, VDISK_NO_OFFSET,
                          "the image names a file outside its own folder");
    if (request->kind != VDISK_NAME_RELATIVE)
        return vdisk_host_check_absolute(request, error);
    if (!is_relative_name(request->name))
        return vdisk_fail(error, VDISK_ACCESS, request->referrer, NULL, VDISK_NO_OFFSET,
                          "the image names a file that is not relative to its own folder");
    return VDISK_OK;
}

/* Images made on Windows separate folders by '\'; here that may be part of a name. */
static bool use_own_separators(char *name)
{
    bool changed = false;

    for (; *name != '\0'; name++) {
        if (*name == '\\' && vdisk_host_separators[0] != '\\') {
            *name = vdisk_host_separators[0];
            changed = true;
        }
    }
    return changed;
}

/*
 * Is what is in use the image that names it? Who has the image open for writing excludes himself;
 * "in use by another program" would tell nobody what is wrong.
 */
static bool is_referrer(const char *path, bool follow_links, const char *referrer)
{
    struct vdisk_file *found, *image;
    bool same;

    if (vdisk_host_open_named(path, VDISK_OPEN_BESIDE, follow_links, &found, NULL) != VDISK_OK)
        return false;
    same = vdisk_host_open_named(referrer, VDISK_OPEN_BESIDE, true, &image, NULL) == VDISK_OK;
    if (same) {
        same = vdisk_host_same(found, image);
        vdisk_file_close(image);
    }
    vdisk_file_close(found);
    return same;
}

static enum vdisk_status fail_itself(const struct vdisk_file_request *request,
                                     struct vdisk_error *error)
{
    return vdisk_fail(error, VDISK_CORRUPT, request->referrer, NULL, VDISK_NO_OFFSET,
                      request->role == VDISK_ROLE_PARENT
                          ? "the image names itself as its parent"
                          : "the image names itself as one of its files");
}

static enum vdisk_status open_found(const struct vdisk_file_request *request,
                                    enum vdisk_open_mode mode, struct vdisk_file **file,
                                    struct vdisk_error *error)
{
    const bool relative = request->kind == VDISK_NAME_RELATIVE;
    const size_t folder_length = relative ? folder_bytes(request->referrer) : 0;
    const bool follow_links = request->role == VDISK_ROLE_PARENT;
    enum vdisk_status status = check_name(request, error);
    char *path;

    if (status != VDISK_OK)
        return status;
    path = join_names(request->referrer, folder_length, request->name);
    if (path == NULL)
        return vdisk_fail(error, VDISK_NO_MEMORY, request->name, NULL, VDISK_NO_OFFSET, NULL);
    status = vdisk_host_open_named(path, mode, follow_links, file, error);
    if (status == VDISK_NOT_FOUND && relative && use_own_separators(path + folder_length))
        status = vdisk_host_open_named(path, mode, follow_links, file, error);
    if (status == VDISK_BUSY && is_referrer(path, follow_links, request->referrer))
        status = fail_itself(request, error);
    vdisk_free(path);
    return status;
}

static enum vdisk_status finder_open(struct vdisk_file_finder *finder,
                                     const struct vdisk_file_request *request,
                                     struct vdisk_file **file, struct vdisk_error *error)
{
    (void)finder;
    return open_found(request, mode_of(request), file, error);
}

static enum vdisk_status finder_open_beside(struct vdisk_file_finder *finder,
                                            const struct vdisk_file_request *request,
                                            struct vdisk_file **file, struct vdisk_error *error)
{
    (void)finder;
    return open_found(request, VDISK_OPEN_BESIDE, file, error);
}

static bool finder_same(struct vdisk_file_finder *finder, struct vdisk_file *a,
                        struct vdisk_file *b)
{
    (void)finder;
    return vdisk_host_same(a, b);
}

struct vdisk_file_finder *vdisk_host_finder(void)
{
    static struct vdisk_file_finder finder = {.open = finder_open, .same = finder_same};

    return &finder;
}

struct vdisk_file_finder *vdisk_host_finder_beside(void)
{
    static struct vdisk_file_finder finder = {.open = finder_open_beside, .same = finder_same};

    return &finder;
}
