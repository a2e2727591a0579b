#include "tests/image/memory_host.h"
#include "control/command.h"
#include "virtualdisk/host.h"

#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define WORDS_MAX   16
#define GROWING     ".partial/" /* in the path of what grows */
#define GROWING_KEY "new "      /* before the name of what grows */

static struct memory_host *current;

const char vdisk_host_separators[] = "/";

static const char *last_part(const char *path)
{
    const char *separator = strrchr(path, '/');

    return separator == NULL ? path : separator + 1;
}

/* The name in the set. */
static void make_key(const char *path, char key[FILE_SET_NAME_BYTES])
{
    snprintf(key, FILE_SET_NAME_BYTES, "%s%s", strstr(path, GROWING) != NULL ? GROWING_KEY : "",
             last_part(path));
}

static uint32_t find(const struct file_set *set, const char *path)
{
    char key[FILE_SET_NAME_BYTES];
    uint32_t index = 0;

    make_key(path, key);
    while (index < set->count && strcmp(set->files[index].name, key) != 0)
        index++;
    return index;
}

void memory_host_use(struct memory_host *host)
{
    current = host;
}

bool memory_host_has_rest(const struct file_set *set)
{
    for (uint32_t i = 0; i < set->count; i++) {
        if (strncmp(set->files[i].name, GROWING_KEY, strlen(GROWING_KEY)) == 0)
            return true;
    }
    return false;
}

void memory_host_replace(struct file_set *set, uint32_t from, uint32_t to)
{
    struct vdisk_memory_store *store = set->files[to].store;

    set->files[to].store = set->files[from].store;
    set->files[from].store = store;
    set->files[from].name[0] = '\0';
}

enum vdisk_status vdisk_host_open(const char *path, enum vdisk_open_mode mode,
                                  struct vdisk_file **file, struct vdisk_error *error)
{
    char key[FILE_SET_NAME_BYTES];

    make_key(path, key);
    return file_set_open(current->set, key, !vdisk_open_mode_writes(mode),
                         mode == VDISK_OPEN_CREATE, file, error);
}

enum vdisk_status vdisk_host_remove(const char *path, struct vdisk_error *error)
{
    const uint32_t index = find(current->set, path);

    if (index == current->set->count)
        return vdisk_fail(error, VDISK_NOT_FOUND, path, NULL, VDISK_NO_OFFSET, NULL);
    current->set->files[index].name[0] = '\0';
    return VDISK_OK;
}

bool vdisk_host_exists(const char *path)
{
    return find(current->set, path) != current->set->count;
}

enum vdisk_status vdisk_host_make_folder(const char *path, struct vdisk_error *error)
{
    (void)path;
    (void)error;
    return VDISK_OK;
}

enum vdisk_status vdisk_host_remove_folder(const char *path, struct vdisk_error *error)
{
    (void)path;
    (void)error;
    return VDISK_OK;
}

enum vdisk_status vdisk_host_full_path(const char *path, char **full_path,
                                       struct vdisk_error *error)
{
    const char *name = strcmp(path, ".") == 0 ? "" : last_part(path);

    *full_path = vdisk_alloc(strlen(name) + 4);
    if (*full_path == NULL)
        return vdisk_fail(error, VDISK_NO_MEMORY, path, NULL, VDISK_NO_OFFSET, NULL);
    snprintf(*full_path, strlen(name) + 4, "/m/%s", name);
    return VDISK_OK;
}

enum vdisk_status vdisk_host_rename(const char *from, const char *to, struct vdisk_error *error)
{
    const struct memory_host_rename change = {
        .event = current->now != NULL ? current->now(current->clock) : 0,
        .from = find(current->set, from),
        .to = find(current->set, to)};

    if (change.from == current->set->count || change.to == current->set->count ||
        current->rename_count == MEMORY_HOST_RENAMES)
        return vdisk_fail(error, VDISK_NOT_FOUND, from, NULL, VDISK_NO_OFFSET, NULL);
    memory_host_replace(current->set, change.from, change.to);
    current->renames[current->rename_count++] = change;
    return VDISK_OK;
}

/* Names live in the set. */
bool vdisk_host_same(struct vdisk_file *a, struct vdisk_file *b)
{
    return a->name == b->name;
}

struct vdisk_file_finder *vdisk_host_finder(void)
{
    return &current->set->finder;
}

/* The streams go nowhere meanwhile. */
static int run_silently(int argc, char **argv)
{
    const int out = dup(STDOUT_FILENO), err = dup(STDERR_FILENO);
    const int nowhere = open("/dev/null", O_WRONLY);
    int code;

    if (out < 0 || err < 0 || nowhere < 0)
        abort();
    fflush(stdout);
    dup2(nowhere, STDOUT_FILENO);
    dup2(nowhere, STDERR_FILENO);
    code = vdisk_control_main(argc, argv);
    fflush(stdout);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    close(nowhere);
    close(err);
    close(out);
    return code;
}

int memory_host_run(struct memory_host *host, const char *const *words)
{
    char copies[WORDS_MAX][FILE_SET_NAME_BYTES] = {"VirtualDiskControl"};
    char *argv[WORDS_MAX + 1];
    int argc = 1;

    for (; *words != NULL && argc < WORDS_MAX; words++)
        snprintf(copies[argc++], sizeof copies[0], "%s", *words);
    for (int i = 0; i < argc; i++)
        argv[i] = copies[i];
    argv[argc] = NULL;
    optind = 0; /* getopt begins anew */
    memory_host_use(host);
    return host->loud ? vdisk_control_main(argc, argv) : run_silently(argc, argv);
}
