/*
 * A folder in memory: the files of an image and its parents, found by name. What opens a file may
 * be wrapped, so that a test sees or breaks every call to it.
 */
#ifndef VIRTUALDISK_TESTS_FILE_SET_H
#define VIRTUALDISK_TESTS_FILE_SET_H

#include "virtualdisk/image.h"
#include "host/memory/file_memory.h"

#define FILE_SET_MAX        80u
#define FILE_SET_NAME_BYTES 64u

/* Puts a file around `below`, which belongs to it. `index` is the file's number in the set. */
typedef enum vdisk_status file_set_wrap(void *context, uint32_t index, struct vdisk_file *below,
                                        struct vdisk_file **file, struct vdisk_error *error);

struct file_set {
    struct vdisk_file_finder finder; /* first; takes the last part of any name */
    uint32_t alignment_bytes;        /* of the files */
    bool without_holes;              /* the files are those of a host that knows none */
    file_set_wrap *wrap;             /* or NULL */
    void *wrap_context;
    uint32_t count;
    struct {
        char name[FILE_SET_NAME_BYTES];
        struct vdisk_memory_store *store;
    } files[FILE_SET_MAX];
};

/* The functions abort when memory runs out. */
struct file_set *file_set_create(uint32_t alignment_bytes);

/* The same files, not wrapped. */
struct file_set *file_set_clone(const struct file_set *set);

/* All files must be closed. NULL is allowed. */
void file_set_destroy(struct file_set *set);

enum vdisk_status file_set_open(struct file_set *set, const char *name, bool read_only, bool create,
                                struct vdisk_file **file, struct vdisk_error *error);

/* The bytes of a file; NULL when there is none of this name. */
struct vdisk_memory_store *file_set_store(const struct file_set *set, const char *name);

/* Adds a copy of a file of the host. */
bool file_set_import(struct file_set *set, const char *path, const char *name);

/*
 * Copies all files into a folder of the host, or back, or removes them and the folder. False when
 * a file cannot be read or written.
 */
bool file_set_save(const struct file_set *set, const char *folder);
bool file_set_load(struct file_set *set, const char *folder);
void file_set_remove(const struct file_set *set, const char *folder);

#endif
