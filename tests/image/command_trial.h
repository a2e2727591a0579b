/*
 * Commands of the utility that change images by themselves: what each starts from, and what must be
 * true whenever it was cut short, and when it is done.
 */
#ifndef VIRTUALDISK_TESTS_COMMAND_TRIAL_H
#define VIRTUALDISK_TESTS_COMMAND_TRIAL_H

#include "tests/image/image_fixture.h"
#include "tests/image/memory_host.h"

/* What a disk holds, sector by sector (sector_pattern.h). */
struct disk_content {
    uint64_t sectors;
    uint32_t *stamps;
};

struct command_case;

struct command_trial {
    const struct command_case *command;
    const struct image_variant *variant;
    bool loud;                  /* what the command says is shown */
    struct file_set *start;     /* the files before the command */
    struct disk_content image;  /* what the image shows */
    struct disk_content parent; /* what its parent shows by itself; or nothing */
    struct disk_content other;  /* rebase: the same of another image; commit: of the parent, then */
};

struct command_case {
    const char *name;
    const char *words[8]; /* the command line; ends with NULL */
    bool (*fits)(const struct image_variant *variant);
    bool (*prepare)(struct command_trial *trial, uint64_t seed); /* makes start and the contents */

    /*
     * Is everything as it must be? `done` when the command says that it has finished. May change
     * the files as a user would to get at his data again. What is wrong is printed.
     */
    bool (*judge)(const struct command_trial *trial, struct file_set *set, bool done);
};

/* Ends with a case without name. */
extern const struct command_case command_cases[];

/* False, with what went wrong printed, when the start cannot be made. */
bool command_trial_begin(struct command_trial *trial, const struct command_case *command,
                         const struct image_variant *variant, uint64_t seed);
void command_trial_end(struct command_trial *trial);

/* Does the exit code say that the command has done its work? */
bool command_trial_is_done(int code);

#endif
