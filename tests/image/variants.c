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
    {.name = "vhdx", .format = "vhdx", .size_bytes = 6 * MIB + 512, .block_bytes = MIB},
    {.name = "vhdx-default", .format = "vhdx", .size_bytes = 5 * MIB, .host_sector_bytes = 4096},
    {.name = "vhdx-4k",
     .format = "vhdx",
     .size_bytes = 6 * MIB,
     .block_bytes = MIB,
     .sector_bytes = 4096},
    {.name = "vhdx-fixed",
     .format = "vhdx",
     .size_bytes = 3 * MIB,
     .fixed = true,
     .block_bytes = MIB},
    {.name = "vhdx-child",
     .format = "vhdx",
     .size_bytes = 6 * MIB + 512,
     .block_bytes = MIB,
     .parent = "vhdx"},
    {.name = "vhdx-child-4k",
     .format = "vhdx",
     .size_bytes = 6 * MIB,
     .block_bytes = 2 * MIB,
     .sector_bytes = 4096,
     .parent = "vhdx-4k"},
    {.name = "qcow2", .format = "qcow2", .size_bytes = 5 * MIB + 1536},
    {.name = "qcow2-512",
     .format = "qcow2",
     .size_bytes = 2 * MIB + 512,
     .block_bytes = 512,
     .host_sector_bytes = 4096},
    {.name = "qcow2-4k", .format = "qcow2", .size_bytes = 4 * MIB, .block_bytes = 4096},
    {.name = "qcow2-v2",
     .format = "qcow2",
     .subformat = "v2",
     .size_bytes = 4 * MIB + 512,
     .block_bytes = 16 * KIB},
    {.name = "qcow2-extended",
     .format = "qcow2",
     .subformat = "extended-l2",
     .size_bytes = 4 * MIB + 512,
     .block_bytes = 16 * KIB},
    {.name = "qcow2-child",
     .format = "qcow2",
     .size_bytes = 4 * MIB + 512,
     .block_bytes = 16 * KIB,
     .parent = "qcow2-4k"},
    {.name = "qcow2-v2-child",
     .format = "qcow2",
     .subformat = "v2",
     .size_bytes = 4 * MIB,
     .block_bytes = 4096,
     .parent = "raw"},
    {.name = "qcow2-extended-child",
     .format = "qcow2",
     .subformat = "extended-l2",
     .size_bytes = 4 * MIB,
     .block_bytes = 16 * KIB,
     .parent = "qcow2-v2"},
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
