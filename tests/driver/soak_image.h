/*
 * An image of the soak, of one of several layouts: how it is made, opened, closed, and compared
 * with its model when nobody has it open. By the main thread, while the threads of its volumes are
 * parked.
 */
#ifndef VIRTUALDISK_TESTS_DRIVER_SOAK_IMAGE_H
#define VIRTUALDISK_TESTS_DRIVER_SOAK_IMAGE_H

#include "tests/driver/soak_volume.h"

#define SOAK_IMAGES  5u
#define SOAK_VOLUMES 2u /* of an image, at most */

enum soak_layer {
    SOAK_PLAIN,
    SOAK_CHILD,   /* a differencing image is opened */
    SOAK_OVERLAY, /* open --overlay FILE */
    SOAK_MEMORY,  /* open --overlay memory */
    SOAK_RAM,     /* open --ram FILE */
};

struct soak_layout {
    const wchar_t *file;
    const wchar_t *options; /* of `convert` */
    const wchar_t *top;     /* the child or the overlay */
    enum soak_layer layer;
    bool in_parts; /* two partitions, each a volume */
    bool grows;
    uint32_t grain; /* sectors of 512 bytes in one of the disk's */
};

struct soak_image {
    const struct soak_layout *layout;
    bool detect_zeroes;
    unsigned volume_count;
    struct soak_volume volumes[SOAK_VOLUMES];
};

/* Chooses the layout by the seed, makes the files, and prepares the volumes. */
void soak_image_make(struct soak_image *image, unsigned index, uint64_t seed);
void soak_image_release(struct soak_image *image);

/* What its user calls it: the file to open, or the name that it has then. */
const wchar_t *soak_image_path(const struct soak_image *image);

/* What is written lives in memory, and is gone when the image is closed. */
bool soak_image_forgets(const struct soak_image *image);

void soak_image_open(struct soak_image *image);
void soak_image_open_volume(struct soak_image *image, unsigned index);

/* When it is closed: its files, by `check` and `convert`, without the driver. */
void soak_image_verify(struct soak_image *image);

#endif
