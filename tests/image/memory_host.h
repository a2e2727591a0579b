/*
 * The host of a user-mode program (virtualdisk/host.h) over a set of files in memory: commands of
 * the utility run on it, and every call to its files can be recorded or made to fail. A path is
 * known by its last part; what grows in a folder of its own is told apart from what it replaces.
 */
#ifndef VIRTUALDISK_TESTS_MEMORY_HOST_H
#define VIRTUALDISK_TESTS_MEMORY_HOST_H

#include "tests/support/file_set.h"

#define MEMORY_HOST_RENAMES 8u

/* A file that took the place of another, or of none. */
struct memory_host_rename {
    uint32_t event; /* recorded events before it */
    uint32_t from;  /* the file's number in the set */
    uint32_t to;
};

struct memory_host {
    struct file_set *set;
    uint32_t (*now)(const void *clock); /* recorded events so far; or NULL */
    const void *clock;
    bool loud; /* what commands say is shown */
    uint32_t rename_count;
    struct memory_host_rename renames[MEMORY_HOST_RENAMES];
};

/* From now on it is the host. Belongs to the caller. */
void memory_host_use(struct memory_host *host);

/* Gives file `to` of a set what file `from` holds, which is gone then. */
void memory_host_replace(struct file_set *set, uint32_t from, uint32_t to);

/* Is there a file that grows in a folder of its own? */
bool memory_host_has_rest(const struct file_set *set);

/* Runs a command of the utility, its words ending with NULL; its exit code. */
int memory_host_run(struct memory_host *host, const char *const *words);

#endif
