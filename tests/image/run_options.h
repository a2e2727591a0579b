/* The command line of the programs of this folder. */
#ifndef VIRTUALDISK_TESTS_RUN_OPTIONS_H
#define VIRTUALDISK_TESTS_RUN_OPTIONS_H

#include "tests/image/variants.h"

struct run_options {
    const char *format;  /* --format: all its variants */
    const char *variant; /* --variant: only this one */
    uint64_t seed;       /* --seed; 1 */
    uint32_t count;      /* --count: how much to do for the format; 0: the program's default */
    const char *id;      /* --id: only the case that a failure has named */
};

/* Runs one variant; `share` is its part of options->count. False when it fails. */
typedef bool run_variant(const struct image_variant *variant, const struct run_options *options,
                         uint32_t share);

/* A whole program: parses the command line, runs what it selects, prints the outcome. */
int run_options_main(int argc, char **argv, const char *what, uint32_t default_count,
                     run_variant *run);

#endif
