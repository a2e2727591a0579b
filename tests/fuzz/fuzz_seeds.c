/*
 * Makes the first corpus: for every variant of the image tests an image that was closed well and
 * one whose session was cut off, as fuzz inputs <folder>/<format>/<variant>-<n>. With two more
 * arguments it makes the input of one image file: fuzz_seeds <folder> <image> <name>.
 */
#include "tests/fuzz/fuzz_image.h"
#include "tests/image/image_fixture.h"
#include "virtualdisk/host.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define SEED_BYTES_MAX  ((size_t)192 << 10)
#define SEED_WRITES     6u
#define SEED_PATH_BYTES 512u

static bool save_input(const char *path, struct vdisk_memory_store *store, unsigned char flags)
{
    size_t length;
    unsigned char *input = fuzz_image_pack(store, flags, 1, SEED_BYTES_MAX, &length);
    FILE *file = fopen(path, "wb");
    const bool good = file != NULL && fwrite(input, 1, length, file) == length;

    if (file == NULL || fclose(file) != 0 || !good) {
        perror(path);
        return false;
    }
    free(input);
    return true;
}

/* Small writes, so that an input stays short. */
static enum vdisk_status write_little(struct vdisk_disk *disk, struct test_random *random)
{
    unsigned char bytes[4096];
    enum vdisk_status status = VDISK_OK;

    for (uint32_t i = 0; i < SEED_WRITES && status == VDISK_OK; i++) {
        const uint64_t place = test_random_below(random, disk->size_bytes / sizeof bytes);

        memset(bytes, (int)i + 1, sizeof bytes);
        status = vdisk_disk_write(disk, place * sizeof bytes, bytes, sizeof bytes, NULL);
    }
    if (status == VDISK_OK)
        status = vdisk_disk_flush(disk, NULL);
    return status;
}

static bool make_seeds(const char *folder, const struct image_variant *variant)
{
    char path[SEED_PATH_BYTES];
    struct file_set *set;
    struct disk_model *model = image_fixture_create(variant, 1, &set);
    struct vdisk_image *image;
    struct test_random random;
    struct vdisk_error error;
    bool good;

    if (model == NULL)
        return false;
    snprintf(path, sizeof path, "%s/%s", folder, variant->format);
    mkdir(path, 0777);
    test_random_seed(&random, 1);
    snprintf(path, sizeof path, "%s/%s/%s-new", folder, variant->format, variant->name);
    good = save_input(path, file_set_store(set, "disk.img"), 0) &&
           image_fixture_open(set, variant, FIXTURE_WRITE, &image, &error) == VDISK_OK;
    if (good) {
        good = write_little(vdisk_image_disk(image), &random) == VDISK_OK;
        snprintf(path, sizeof path, "%s/%s/%s-open", folder, variant->format, variant->name);
        good = good && save_input(path, file_set_store(set, "disk.img"), FUZZ_FLAG_WRITE);
        good = vdisk_image_close(image, &error) == VDISK_OK && good;
        snprintf(path, sizeof path, "%s/%s/%s-closed", folder, variant->format, variant->name);
        good = good && save_input(path, file_set_store(set, "disk.img"), FUZZ_FLAG_CHECKSUM);
    }
    disk_model_destroy(model);
    file_set_destroy(set);
    return good;
}

/* Copies a file of the host into a store. */
static bool make_seed_of(const char *folder, const char *image_path, const char *name)
{
    struct file_set *set = file_set_create(1);
    char path[SEED_PATH_BYTES];
    bool good = file_set_import(set, image_path, "image");

    snprintf(path, sizeof path, "%s/%s", folder, name);
    good = good && save_input(path, file_set_store(set, "image"), 0);
    file_set_destroy(set);
    return good;
}

int main(int argc, char **argv)
{
    bool good = true;

    if (argc != 2 && argc != 4) {
        fprintf(stderr, "usage: %s <folder> [<image> <name>]\n", argv[0]);
        return 2;
    }
    mkdir(argv[1], 0777);
    if (argc == 4)
        return make_seed_of(argv[1], argv[2], argv[3]) ? 0 : 1;
    for (const struct image_variant *variant = image_variants; variant->name != NULL; variant++) {
        if (!make_seeds(argv[1], variant)) {
            fprintf(stderr, "no seeds of %s\n", variant->name);
            good = false;
        }
    }
    return good ? 0 : 1;
}
