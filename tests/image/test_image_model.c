/*
 * Random sessions against a model: writes, zeros, reads, flushes, growth, close and reopen. The
 * map must agree with the content, and check must be content after each close.
 */
#include "engine/base/checked.h"
#include "tests/image/image_fixture.h"
#include "tests/image/run_options.h"

#include <stdio.h>
#include <stdlib.h>

#define SESSION_STEPS 60u

static bool complain(const char *what, enum vdisk_status status, const struct vdisk_error *error)
{
    image_fixture_complain(what, status, error);
    return false;
}

/* The content at an extent, read through the disk, into *zero and `bytes`. */
static bool extent_is_honest(struct vdisk_disk *disk, uint64_t offset_bytes,
                             const struct vdisk_extent *extent, bool has_parent)
{
    static unsigned char content[65536], direct[65536];
    const size_t length = (size_t)vdisk_min_u64(extent->length_bytes, sizeof content);
    struct vdisk_error error;

    if (vdisk_disk_read(disk, offset_bytes, content, length, &error) != VDISK_OK)
        return false;
    switch (extent->kind) {
    case VDISK_EXTENT_DATA:
        if (vdisk_file_read(extent->file, extent->file_offset_bytes, direct, length, &error) !=
            VDISK_OK)
            return false;
        return memcmp(content, direct, length) == 0;
    case VDISK_EXTENT_COMPRESSED:
        return true;
    case VDISK_EXTENT_ZERO:
    case VDISK_EXTENT_UNALLOCATED:
        break;
    }
    memset(direct, 0, sizeof direct);
    return (extent->depth == 0 || has_parent) && memcmp(content, direct, length) == 0;
}

static bool map_agrees(struct guest *guest)
{
    struct vdisk_disk *disk = vdisk_image_disk(guest->image);
    uint64_t offset = 0;

    while (offset < disk->size_bytes) {
        struct vdisk_extent extent;
        struct vdisk_error error;
        const enum vdisk_status status =
            vdisk_disk_map(disk, offset, disk->size_bytes - offset, &extent, &error);

        if (status != VDISK_OK)
            return complain("map", status, &error);
        if (extent.length_bytes == 0 || extent.length_bytes % VDISK_SECTOR_BYTES != 0 ||
            extent.length_bytes > disk->size_bytes - offset ||
            !extent_is_honest(disk, offset, &extent, guest->variant->parent != NULL)) {
            printf("map is wrong at %llu: kind %d, length %llu, file offset %llu, depth %u\n",
                   (unsigned long long)offset, (int)extent.kind,
                   (unsigned long long)extent.length_bytes,
                   (unsigned long long)extent.file_offset_bytes, extent.depth);
            return false;
        }
        offset += extent.length_bytes;
    }
    return true;
}

static bool is_as_modelled(struct guest *guest)
{
    return disk_model_verify(guest->model, vdisk_image_disk(guest->image),
                             guest->model->operation_count, guest->model->operation_count, NULL);
}

static bool reads_as_modelled(struct file_set *set, struct guest *guest, enum fixture_mode mode)
{
    struct vdisk_error error;
    enum vdisk_status status = image_fixture_open(set, guest->variant, mode, &guest->image, &error);
    bool agrees;

    if (status != VDISK_OK)
        return complain("opening", status, &error);
    agrees = is_as_modelled(guest) && map_agrees(guest);
    status = vdisk_image_close(guest->image, &error);
    if (status != VDISK_OK)
        return complain("closing", status, &error);
    return agrees;
}

static bool step(struct guest *guest)
{
    const uint64_t choice = test_random_below(&guest->random, 100);
    struct vdisk_error error;
    enum vdisk_status status = VDISK_OK;

    if (choice < 60)
        status = guest_write(guest, &error);
    else if (choice < 70)
        status = guest_zero(guest, &error);
    else if (choice < 76)
        status = guest_discard(guest, &error);
    else if (choice < 84)
        status = guest_flush(guest, &error);
    else if (choice < 86)
        status = guest_grow(guest, &error);
    else if (choice < 92)
        return is_as_modelled(guest);
    else if (choice < 94)
        return map_agrees(guest);
    return status == VDISK_OK || complain("operation", status, &error);
}

static bool session(struct file_set *set, struct guest *guest)
{
    struct vdisk_error error;
    enum vdisk_status status =
        image_fixture_open(set, guest->variant, FIXTURE_WRITE, &guest->image, &error);
    bool good = true;

    if (status != VDISK_OK)
        return complain("opening", status, &error);
    for (uint32_t i = 0; i < SESSION_STEPS && good; i++)
        good = step(guest);
    good = good && is_as_modelled(guest) && map_agrees(guest);
    status = guest_close(guest, &error);
    if (status != VDISK_OK)
        return complain("closing", status, &error);
    return good && image_fixture_check(set, guest->variant, false) &&
           reads_as_modelled(set, guest, FIXTURE_READ);
}

static bool run_image(const struct image_variant *variant, uint64_t seed, uint32_t sessions)
{
    struct file_set *set;
    struct guest guest = {.variant = variant};
    bool good;

    guest.model = image_fixture_create(variant, seed, &set);
    if (guest.model == NULL)
        return false;
    guest.buffer = malloc((size_t)GUEST_SECTORS_MAX * VDISK_SECTOR_BYTES);
    test_random_seed(&guest.random, seed);
    /* As it was made; then as a writer sees it that writes nothing. */
    good = image_fixture_check(set, variant, false) &&
           reads_as_modelled(set, &guest, FIXTURE_READ) &&
           reads_as_modelled(set, &guest, FIXTURE_WRITE);
    for (uint32_t i = 0; i < sessions && good; i++)
        good = session(set, &guest);
    free(guest.buffer);
    disk_model_destroy(guest.model);
    file_set_destroy(set);
    return good;
}

/* The share is in sessions: three images, each through a third of them. */
static bool run(const struct image_variant *variant, const struct run_options *options,
                uint32_t share)
{
    for (uint64_t i = 0; i < 3; i++) {
        if (!run_image(variant, options->seed + i, (share + 2) / 3)) {
            printf("again: --variant %s --seed %llu\n", variant->name,
                   (unsigned long long)(options->seed + i));
            return false;
        }
    }
    return true;
}

int main(int argc, char **argv)
{
    return run_options_main(argc, argv, "random sessions against a model", 60, run);
}
