#include "tests/image/variants.h"

#include <stddef.h>
#include <string.h>

#define KIB ((uint64_t)1024)
#define MIB (1024 * KIB)

const struct image_variant image_variants[] = {
    {.name = "raw", .format = "raw", .size_bytes = 2 * MIB},
    {.name = "raw-odd", .format = "raw", .size_bytes = 2 * MIB + 1536, .host_sector_bytes = 512},
    {.name = "raw-fixed", .format = "raw", .size_bytes = MIB, .fixed = true},
    {.name = NULL},
};

const struct image_variant *image_variant_find(const char *name)
{
    for (const struct image_variant *variant = image_variants; variant->name != NULL; variant++) {
        if (strcmp(variant->name, name) == 0)
            return variant;
    }
    return NULL;
}
