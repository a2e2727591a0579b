/*
 * The images that the programs of this folder work on: every format in each of its kinds, small
 * enough that thousands of runs take seconds. A new kind is one more line in variants.c.
 */
#ifndef VIRTUALDISK_TESTS_VARIANTS_H
#define VIRTUALDISK_TESTS_VARIANTS_H

#include <stdbool.h>
#include <stdint.h>

struct image_variant {
    const char *name;           /* unique, for example "vhdx-4k" */
    const char *format;         /* as for vdisk_create_options, likewise the next five */
    const char *subformat;      /* NULL: the format's default */
    uint64_t size_bytes;        /* what the disk must then have, exactly */
    uint32_t block_bytes;       /* 0: default */
    uint32_t sector_bytes;      /* logical; 0: 512 */
    bool fixed;                 /* all space allocated */
    uint32_t host_sector_bytes; /* files want transfers aligned to this; 0: any */
    const char *parent;         /* the variant that the parent is made of; NULL: none */
    const char *data_file;      /* QCOW2: its data lies in this file; NULL: in the image */
    bool fixed_size;            /* cannot be resized, although its format can */
    bool without_holes;         /* the host knows no holes */
    bool detect_zeroes;         /* zeros that are written are looked for */
};

/* Ends with a variant without name. */
extern const struct image_variant image_variants[];

/* NULL when there is none of this name. */
const struct image_variant *image_variant_find(const char *name);

#endif
