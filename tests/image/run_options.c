#include "tests/image/run_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool parse(struct run_options *options, const char *name, const char *value)
{
    if (strcmp(name, "--format") == 0)
        options->format = value;
    else if (strcmp(name, "--variant") == 0)
        options->variant = value;
    else if (strcmp(name, "--seed") == 0)
        options->seed = strtoull(value, NULL, 0);
    else if (strcmp(name, "--count") == 0)
        options->count = (uint32_t)strtoul(value, NULL, 0);
    else if (strcmp(name, "--id") == 0)
        options->id = value;
    else
        return false;
    return true;
}

static bool is_selected(const struct run_options *options, const struct image_variant *variant)
{
    if (options->variant != NULL)
        return strcmp(options->variant, variant->name) == 0;
    return options->format == NULL || strcmp(options->format, variant->format) == 0;
}

static uint32_t count_selected(const struct run_options *options)
{
    uint32_t count = 0;

    for (const struct image_variant *variant = image_variants; variant->name != NULL; variant++)
        count += is_selected(options, variant);
    return count;
}

int run_options_main(int argc, char **argv, const char *what, uint32_t default_count,
                     run_variant *run)
{
    struct run_options options = {.seed = 1, .count = default_count};
    uint32_t selected;
    bool passed = true;

    for (int i = 1; i < argc; i += 2) {
        if (i + 1 == argc || !parse(&options, argv[i], argv[i + 1])) {
            fprintf(stderr,
                    "usage: %s [--format F | --variant V] [--seed N] [--count N] [--id ID]\n",
                    argv[0]);
            return 2;
        }
    }
    selected = count_selected(&options);
    if (selected == 0) {
        fprintf(stderr, "%s: no variant is selected\n", argv[0]);
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (const struct image_variant *variant = image_variants; variant->name != NULL; variant++) {
        if (!is_selected(&options, variant))
            continue;
        printf("%s: %s\n", variant->name, what);
        if (!run(variant, &options, (options.count + selected - 1) / selected)) {
            printf("%s: FAILED\n", variant->name);
            passed = false;
        }
    }
    return passed ? 0 : 1;
}
