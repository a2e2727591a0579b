#include "tests/image/variants.h"

#include <stddef.h>
#include <string.h>

#define KIB ((uint64_t)1024)
#define MIB (1024 * KIB)

const struct image_variant image_variants[] = {
    {.name = "raw", .format = "raw", .size_bytes = 2 * MIB},
    {.name = "raw-odd", .format = "raw", .size_bytes = 2 * MIB + 1536, .host_sector_bytes = 512},
    {.name = "raw-fixed", .format = "raw", .size_bytes = MIB, .fixed = true},
    {.name = "vhd", .format = "vhd", .size_bytes = 4 * MIB + 512, .block_bytes = 64 * KIB},
    {.name = "vhd-default", .format = "vhd", .size_bytes = 5 * MIB, .host_sector_bytes = 4096},
    {.name = "vhd-fixed", .format = "vhd", .size_bytes = MIB, .fixed = true},
    {.name = "vhd-child",
     .format = "vhd",
     .size_bytes = 4 * MIB + 512,
     .block_bytes = 64 * KIB,
     .parent = "vhd"},
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
