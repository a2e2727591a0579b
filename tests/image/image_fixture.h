/* Images of a variant: made, opened, checked, worked on at random. */
#ifndef VIRTUALDISK_TESTS_IMAGE_FIXTURE_H
#define VIRTUALDISK_TESTS_IMAGE_FIXTURE_H

#include "tests/image/disk_model.h"
#include "tests/image/variants.h"
#include "tests/support/file_set.h"
#include "tests/support/random.h"
#include "virtualdisk/image.h"

/* How far a disk may grow in a test, in sectors beyond its first size. */
#define FIXTURE_GROWTH_SECTORS 6144u

/*
 * Makes the variant's files: parents with random content, then the image, closed. The model starts
 * with what can be read. NULL, with what went wrong printed, when it fails.
 */
struct disk_model *image_fixture_create(const struct image_variant *variant, uint64_t seed,
                                        struct file_set **set);

enum fixture_mode { FIXTURE_WRITE, FIXTURE_READ, FIXTURE_CHECK, FIXTURE_REPAIR };

/* Opens the image, named by its format, with its chain. */
enum vdisk_status image_fixture_open(struct file_set *set, const struct image_variant *variant,
                                     enum fixture_mode mode, struct vdisk_image **image,
                                     struct vdisk_error *error);

/* The same, to read one of its snapshots. */
enum vdisk_status image_fixture_open_snapshot(struct file_set *set,
                                              const struct image_variant *variant, const char *name,
                                              struct vdisk_image **image,
                                              struct vdisk_error *error);

/*
 * Examines the closed image; true when its format has no check. What is found is printed. Leaks
 * are allowed where `leaks_allowed` says so.
 */
bool image_fixture_check(struct file_set *set, const struct image_variant *variant,
                         bool leaks_allowed);

/* Examines the closed image and repairs it; what cannot be repaired is printed. */
bool image_fixture_repair(struct file_set *set, const struct image_variant *variant);

/* Prints a failed call. */
void image_fixture_complain(const char *what, enum vdisk_status status,
                            const struct vdisk_error *error);

/* One guest: an open image, its model, and what it does next. */
struct guest {
    const struct image_variant *variant;
    struct vdisk_image *image;
    struct disk_model *model;
    struct test_random random;
    unsigned char *buffer;              /* GUEST_SECTORS_MAX sectors */
    uint32_t (*now)(const void *clock); /* power cuts: recorded events so far; or NULL */
    const void *clock;
};
#define GUEST_SECTORS_MAX 1024u

/* Notes an operation, and its answer, which is returned. */
struct model_operation *guest_issue(struct guest *guest, enum model_kind kind,
                                    uint64_t first_sector, uint64_t sector_count);
enum vdisk_status guest_answer(struct guest *guest, struct model_operation *operation,
                               enum vdisk_status status);

/*
 * Each issues one operation at random and notes it in the model, as failed when it fails.
 */
enum vdisk_status guest_write(struct guest *guest, struct vdisk_error *error);
enum vdisk_status guest_zero(struct guest *guest, struct vdisk_error *error);

/* Of a small or a large part of the disk; succeeds where the refusal is right. */
enum vdisk_status guest_discard(struct guest *guest, struct vdisk_error *error);
enum vdisk_status guest_flush(struct guest *guest, struct vdisk_error *error);

/* Grows the disk a little; VDISK_OK without doing anything where the variant cannot grow. */
enum vdisk_status guest_grow(struct guest *guest, struct vdisk_error *error);

/* Closes the image; counts as a flush that is noted in the model. */
enum vdisk_status guest_close(struct guest *guest, struct vdisk_error *error);

#endif
