#include "tests/support/file_set.h"
#include "engine/base/checked.h"
#include "virtualdisk/host.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define COPY_BYTES ((size_t)65536)
#define PATH_BYTES 512u

static void *must(void *memory)
{
    if (memory == NULL)
        abort();
    return memory;
}

static const char *last_part(const char *name)
{
    for (const char *at = name; *at != '\0'; at++) {
        if (*at == '/' || *at == '\\')
            name = at + 1;
    }
    return name;
}

static uint32_t find_index(const struct file_set *set, const char *name)
{
    uint32_t index = 0;

    while (index < set->count && strcmp(set->files[index].name, name) != 0)
        index++;
    return index;
}

struct vdisk_memory_store *file_set_store(const struct file_set *set, const char *name)
{
    const uint32_t index = find_index(set, name);

    return index < set->count ? set->files[index].store : NULL;
}

static enum vdisk_status add_file(struct file_set *set, const char *name, struct vdisk_error *error)
{
    if (set->count == FILE_SET_MAX || strlen(name) >= FILE_SET_NAME_BYTES)
        return vdisk_fail(error, VDISK_NO_SPACE, name, NULL, VDISK_NO_OFFSET, NULL);
    snprintf(set->files[set->count].name, FILE_SET_NAME_BYTES, "%s", name);
    set->files[set->count].store = must(vdisk_memory_store_create());
    if (set->without_holes)
        vdisk_memory_store_forbid_holes(set->files[set->count].store);
    set->count++;
    return VDISK_OK;
}

enum vdisk_status file_set_open(struct file_set *set, const char *name, bool read_only, bool create,
                                struct vdisk_file **file, struct vdisk_error *error)
{
    const uint32_t index = find_index(set, name);
    enum vdisk_status status = VDISK_OK;

    if (index == set->count && !create)
        return vdisk_fail(error, VDISK_NOT_FOUND, name, NULL, VDISK_NO_OFFSET, NULL);
    if (index < set->count && create)
        return vdisk_fail(error, VDISK_EXISTS, name, NULL, VDISK_NO_OFFSET, NULL);
    if (create)
        status = add_file(set, name, error);
    if (status == VDISK_OK)
        status = vdisk_file_memory_open(set->files[index].store, set->files[index].name,
                                        set->alignment_bytes, read_only, file, error);
    if (status == VDISK_OK && set->wrap != NULL)
        status = set->wrap(set->wrap_context, index, *file, file, error);
    return status;
}

static enum vdisk_status find_file(struct vdisk_file_finder *finder,
                                   const struct vdisk_file_request *request,
                                   struct vdisk_file **file, struct vdisk_error *error)
{
    return file_set_open((struct file_set *)finder, last_part(request->name), request->read_only,
                         request->create, file, error);
}

/* Names live in the set, and wrappers hand them on. */
static bool is_same_file(struct vdisk_file_finder *finder, struct vdisk_file *a,
                         struct vdisk_file *b)
{
    (void)finder;
    return a->name == b->name;
}

struct file_set *file_set_create(uint32_t alignment_bytes)
{
    struct file_set *set = must(vdisk_alloc(sizeof *set));

    set->finder.open = find_file;
    set->finder.same = is_same_file;
    set->alignment_bytes = alignment_bytes;
    return set;
}

struct file_set *file_set_clone(const struct file_set *set)
{
    struct file_set *copy = file_set_create(set->alignment_bytes);

    memcpy(copy->files, set->files, sizeof copy->files);
    copy->count = set->count;
    copy->without_holes = set->without_holes;
    for (uint32_t index = 0; index < copy->count; index++)
        copy->files[index].store = must(vdisk_memory_store_clone(set->files[index].store));
    return copy;
}

void file_set_destroy(struct file_set *set)
{
    if (set == NULL)
        return;
    for (uint32_t index = 0; index < set->count; index++)
        vdisk_memory_store_destroy(set->files[index].store);
    vdisk_free(set);
}

/* What is zero stays a hole: images are sparse. */
static bool copy_bytes(struct vdisk_file *from, struct vdisk_file *to)
{
    static const unsigned char zeros[COPY_BYTES];
    unsigned char bytes[COPY_BYTES];
    uint64_t size;

    if (vdisk_file_get_size(from, &size, NULL) != VDISK_OK ||
        vdisk_file_set_size(to, 0, NULL) != VDISK_OK ||
        vdisk_file_set_size(to, size, NULL) != VDISK_OK)
        return false;
    for (uint64_t offset = 0; offset < size; offset += COPY_BYTES) {
        const size_t length = (size_t)vdisk_min_u64(COPY_BYTES, size - offset);

        if (vdisk_file_read(from, offset, bytes, length, NULL) != VDISK_OK)
            return false;
        if (memcmp(bytes, zeros, length) != 0 &&
            vdisk_file_write(to, offset, bytes, length, NULL) != VDISK_OK)
            return false;
    }
    return true;
}

static bool copy_one(const struct file_set *set, uint32_t index, const char *path, bool save)
{
    struct vdisk_file *inside = NULL, *outside = NULL;
    const bool good =
        vdisk_file_memory_open(set->files[index].store, path, 1, save, &inside, NULL) == VDISK_OK &&
        vdisk_host_open(path, save ? VDISK_OPEN_CREATE : VDISK_OPEN_READ, &outside, NULL) ==
            VDISK_OK &&
        (save ? copy_bytes(inside, outside) : copy_bytes(outside, inside));
    vdisk_file_close(outside);
    vdisk_file_close(inside);
    return good;
}

static bool copy_all(const struct file_set *set, const char *folder, bool save)
{
    bool good = true;

    for (uint32_t index = 0; index < set->count && good; index++) {
        char path[PATH_BYTES];

        snprintf(path, sizeof path, "%s/%s", folder, set->files[index].name);
        good = copy_one(set, index, path, save);
    }
    return good;
}

bool file_set_save(const struct file_set *set, const char *folder)
{
    return copy_all(set, folder, true);
}

bool file_set_load(struct file_set *set, const char *folder)
{
    return copy_all(set, folder, false);
}

bool file_set_import(struct file_set *set, const char *path, const char *name)
{
    return add_file(set, name, NULL) == VDISK_OK && copy_one(set, set->count - 1, path, false);
}

void file_set_remove(const struct file_set *set, const char *folder)
{
    char path[PATH_BYTES];

    for (uint32_t index = 0; index < set->count; index++) {
        snprintf(path, sizeof path, "%s/%s", folder, set->files[index].name);
        vdisk_host_remove(path, NULL);
    }
    rmdir(folder);
}
