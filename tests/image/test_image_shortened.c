/*
 * A file of an open image gets shorter, as when someone else cuts it off or its disk is taken away:
 * what is read is right or fails, and what fails names a file of the image. Nothing else may come
 * of it.
 *
 * A failure names the case: --variant V --seed S --id <number>.
 */
#include "engine/base/checked.h"
#include "tests/image/image_fixture.h"
#include "tests/image/run_options.h"

#include <stdio.h>
#include <stdlib.h>

#define GUEST_STEPS  24u
#define READ_SECTORS 64u

static bool is_named(const struct file_set *set, const char *what, enum vdisk_status status,
                     const struct vdisk_error *error)
{
    for (uint32_t i = 0; i < set->count; i++) {
        if (strcmp(error->file, set->files[i].name) == 0)
            return true;
    }
    image_fixture_complain(what, status, error);
    return false;
}

static enum vdisk_status step(struct guest *guest, struct vdisk_error *error)
{
    const uint64_t choice = test_random_below(&guest->random, 100);

    if (choice < 60)
        return guest_write(guest, error);
    if (choice < 72)
        return guest_zero(guest, error);
    if (choice < 82)
        return guest_discard(guest, error);
    return choice < 92 ? guest_flush(guest, error) : guest_grow(guest, error);
}

/* A session. Failures are allowed when `set` is given: they must name one of its files. */
static bool work(struct guest *guest, struct file_set *set)
{
    struct vdisk_error error = {0};
    enum vdisk_status status;
    bool good = true;

    guest->buffer = malloc((size_t)GUEST_SECTORS_MAX * VDISK_SECTOR_BYTES);
    for (uint32_t i = 0; i < GUEST_STEPS && good; i++) {
        status = step(guest, &error);
        good = status == VDISK_OK || (set != NULL && is_named(set, "the guest", status, &error));
    }
    status = guest_close(guest, &error);
    free(guest->buffer);
    return good && (status == VDISK_OK || (set != NULL && is_named(set, "close", status, &error)));
}

/* One of the files, to a length at random or a little below what it has. */
static void shorten(struct file_set *set, struct test_random *random)
{
    static const uint64_t losses[] = {1, 512, 4096, 65536};
    const uint32_t index = (uint32_t)test_random_below(random, set->count);
    const uint64_t size = vdisk_memory_store_size(set->files[index].store);
    const uint64_t choice = test_random_below(random, 8);
    uint64_t left = 0;
    struct vdisk_file *file;

    if (choice < 4)
        left = size - vdisk_min_u64(size, losses[choice]);
    else if (choice < 7)
        left = test_random_below(random, size + 1);
    if (vdisk_file_memory_open(set->files[index].store, "shortened", 1, false, &file, NULL) !=
            VDISK_OK ||
        vdisk_file_set_size(file, left, NULL) != VDISK_OK)
        abort();
    vdisk_file_close(file);
}

/* Piece by piece: one that cannot be read must not hide the next. */
static bool reads_right_or_fails(struct file_set *set, struct vdisk_disk *disk,
                                 const struct disk_model *model)
{
    static unsigned char bytes[READ_SECTORS * VDISK_SECTOR_BYTES];
    const uint64_t sectors = disk->size_bytes / VDISK_SECTOR_BYTES;
    const uint32_t all = model->operation_count;

    for (uint64_t at = 0; at < sectors; at += READ_SECTORS) {
        const uint64_t count = vdisk_min_u64(READ_SECTORS, sectors - at);
        struct vdisk_error error = {0};
        const enum vdisk_status status = vdisk_disk_read(
            disk, at * VDISK_SECTOR_BYTES, bytes, (size_t)count * VDISK_SECTOR_BYTES, &error);

        if (status != VDISK_OK && !is_named(set, "reading", status, &error))
            return false;
        if (status == VDISK_OK && !disk_model_verify_bytes(model, bytes, at, count, all, all))
            return false;
    }
    return true;
}

static bool survives_reading(struct file_set *set, const struct image_variant *variant,
                             const struct disk_model *model, struct test_random *random)
{
    struct vdisk_image *image;
    struct vdisk_error error;
    enum vdisk_status status = image_fixture_open(set, variant, FIXTURE_READ, &image, &error);
    bool good;

    if (status != VDISK_OK) {
        image_fixture_complain("opening", status, &error);
        return false;
    }
    if (test_random_chance(random, 50)) /* what was looked up already is remembered */
        (void)reads_right_or_fails(set, vdisk_image_disk(image), model);
    shorten(set, random);
    good = reads_right_or_fails(set, vdisk_image_disk(image), model);
    vdisk_image_close(image, NULL);
    return good;
}

static bool survives_writing(struct file_set *set, const struct image_variant *variant,
                             const struct disk_model *model, struct test_random *random)
{
    struct guest guest = {.variant = variant,
                          .model = disk_model_create(model->base_sectors, model->capacity, 1)};
    struct vdisk_image *image;
    struct vdisk_error error = {0};
    enum vdisk_status status =
        image_fixture_open(set, variant, FIXTURE_WRITE, &guest.image, &error);
    bool good = status == VDISK_OK;

    guest.random = *random;
    if (good) {
        shorten(set, random);
        good = work(&guest, set);
    }
    disk_model_destroy(guest.model);
    if (!good)
        return false;
    status = image_fixture_open(set, variant, FIXTURE_WRITE, &image, &error);
    if (status != VDISK_OK)
        return is_named(set, "opening again", status, &error);
    vdisk_image_close(image, NULL);
    return true;
}

static bool run_case(const struct file_set *start, const struct image_variant *variant,
                     const struct disk_model *model, const struct run_options *options,
                     uint32_t number)
{
    struct file_set *read = file_set_clone(start), *written = file_set_clone(start);
    struct test_random random;
    bool good;

    test_random_seed(&random, test_random_mix(options->seed, number));
    good = survives_reading(read, variant, model, &random) &&
           survives_writing(written, variant, model, &random);
    if (!good)
        printf("again: --variant %s --seed %llu --id %u\n", variant->name,
               (unsigned long long)options->seed, number);
    file_set_destroy(written);
    file_set_destroy(read);
    return good;
}

static bool run(const struct image_variant *variant, const struct run_options *options,
                uint32_t share)
{
    struct file_set *start;
    struct guest guest = {.variant = variant,
                          .model = image_fixture_create(variant, options->seed, &start)};
    struct vdisk_error error;
    bool good = guest.model != NULL;

    if (!good)
        return false;
    test_random_seed(&guest.random, options->seed);
    good = image_fixture_open(start, variant, FIXTURE_WRITE, &guest.image, &error) == VDISK_OK &&
           work(&guest, NULL);
    if (good && options->id != NULL)
        good =
            run_case(start, variant, guest.model, options, (uint32_t)strtoul(options->id, NULL, 0));
    for (uint32_t number = 0; number < share && good && options->id == NULL; number++)
        good = run_case(start, variant, guest.model, options, number);
    disk_model_destroy(guest.model);
    file_set_destroy(start);
    return good;
}

int main(int argc, char **argv)
{
    return run_options_main(argc, argv, "files that get shorter", 100, run);
}
