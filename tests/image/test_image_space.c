/*
 * Space that is given back: a disk is filled, discarded and filled again. The host gets its space
 * back where it knows holes, the files do not grow for the second content, and a discard costs few
 * calls and writes no zeros.
 */
#include "engine/base/checked.h"
#include "host/fault/file_fault.h"
#include "tests/image/image_fixture.h"
#include "tests/image/run_options.h"
#include "tests/image/sector_pattern.h"

#include <stdio.h>
#include <stdlib.h>

#define PIECE_SECTORS 128u
#define PIECE_BYTES   (PIECE_SECTORS * VDISK_SECTOR_BYTES)
#define GIB           (UINT64_C(1) << 30)

struct trial {
    const struct image_variant *variant;
    struct file_set *set;
    struct vdisk_image *image;
    struct vdisk_disk *disk;
    struct vdisk_fault_plan plan; /* fails nothing: it counts */
};

static bool complain(const char *what, enum vdisk_status status, const struct vdisk_error *error)
{
    image_fixture_complain(what, status, error);
    return false;
}

static enum vdisk_status wrap_counter(void *plan, uint32_t index, struct vdisk_file *below,
                                      struct vdisk_file **file, struct vdisk_error *error)
{
    (void)index;
    return vdisk_file_fault_open(below, plan, file, error);
}

static bool open_image(struct trial *trial)
{
    struct vdisk_error error;
    const enum vdisk_status status =
        image_fixture_open(trial->set, trial->variant, FIXTURE_WRITE, &trial->image, &error);

    if (status != VDISK_OK)
        return complain("opening", status, &error);
    trial->disk = vdisk_image_disk(trial->image);
    return true;
}

static bool close_image(struct trial *trial)
{
    struct vdisk_error error;
    const enum vdisk_status status = vdisk_image_close(trial->image, &error);

    return status == VDISK_OK || complain("closing", status, &error);
}

static void start_counting(struct trial *trial, uint32_t calls)
{
    memset(&trial->plan, 0, sizeof trial->plan);
    trial->plan.calls = calls;
}

static uint32_t counted(const struct trial *trial)
{
    return atomic_load(&trial->plan.counted);
}

static bool fill(struct trial *trial, uint32_t stamp)
{
    static unsigned char bytes[PIECE_BYTES];
    struct vdisk_error error;
    enum vdisk_status status = VDISK_OK;

    for (uint64_t offset = 0; offset < trial->disk->size_bytes && status == VDISK_OK;
         offset += PIECE_BYTES) {
        const size_t length = (size_t)vdisk_min_u64(PIECE_BYTES, trial->disk->size_bytes - offset);

        sector_pattern_fill(bytes, offset / VDISK_SECTOR_BYTES, length / VDISK_SECTOR_BYTES, stamp);
        status = vdisk_disk_write(trial->disk, offset, bytes, length, &error);
    }
    if (status == VDISK_OK)
        status = vdisk_disk_flush(trial->disk, &error);
    return status == VDISK_OK || complain("filling", status, &error);
}

static bool holds(struct trial *trial, uint32_t stamp)
{
    static unsigned char bytes[PIECE_BYTES];

    for (uint64_t offset = 0; offset < trial->disk->size_bytes; offset += PIECE_BYTES) {
        const size_t length = (size_t)vdisk_min_u64(PIECE_BYTES, trial->disk->size_bytes - offset);

        if (vdisk_disk_read(trial->disk, offset, bytes, length, NULL) != VDISK_OK)
            return false;
        for (size_t at = 0; at < length; at += VDISK_SECTOR_BYTES) {
            const uint64_t sector = (offset + at) / VDISK_SECTOR_BYTES;

            if (sector_pattern_read(bytes + at, sector) != stamp) {
                printf("sector %llu does not hold %x\n", (unsigned long long)sector, stamp);
                return false;
            }
        }
    }
    return true;
}

static bool discard_all(struct trial *trial)
{
    struct vdisk_error error;
    enum vdisk_status status = vdisk_disk_discard(trial->disk, 0, trial->disk->size_bytes, &error);

    if (status == VDISK_OK)
        status = vdisk_disk_flush(trial->disk, &error);
    return status == VDISK_OK || complain("discarding", status, &error);
}

/* What all files of the set take: as long as they are, or what is stored of them. */
static uint64_t files_bytes(const struct trial *trial, bool stored)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < trial->set->count; i++) {
        struct vdisk_memory_store *store = trial->set->files[i].store;

        sum += stored ? vdisk_memory_store_stored(store) : vdisk_memory_store_size(store);
    }
    return sum;
}

static bool is_at_most(const char *what, uint64_t value, uint64_t limit)
{
    if (value <= limit)
        return true;
    printf("%s: %llu, more than %llu\n", what, (unsigned long long)value,
           (unsigned long long)limit);
    return false;
}

static bool is_one_of(const char *name, const char *const *names)
{
    while (*names != NULL && strcmp(name, *names) != 0)
        names++;
    return *names != NULL;
}

/* Which variants cannot give space back: by their host, or as they must hide a parent. */
static bool must_refuse(const struct image_variant *variant)
{
    static const char *const refusing[] = {
        "raw-solid", "vdi-solid", "vhd-child", "qcow2-v2-child", "vmdk-child", "vmdk-zeroes", NULL};

    return is_one_of(variant->name, refusing);
}

/* Few writes: of mappings, and none of zeros. */
static bool discard_is_cheap(struct trial *trial)
{
    const uint64_t units = trial->disk->size_bytes / trial->disk->discard_bytes;
    bool good;

    start_counting(trial, VDISK_FAULT_WRITE);
    good = discard_all(trial);
    good = is_at_most("writes of a discard", counted(trial), 16 + units / 16) && good;
    start_counting(trial, 0);
    return good && holds(trial, 0);
}

/* Discarded in one session, filled again in it; then with a session for each. */
static bool work(struct trial *trial)
{
    uint64_t full_bytes, stored_bytes, slack;
    bool good = open_image(trial) && fill(trial, 1) && close_image(trial);

    if (!good)
        return false;
    full_bytes = files_bytes(trial, false);
    stored_bytes = files_bytes(trial, true);
    slack = 4 * (uint64_t)PIECE_BYTES + (trial->variant->block_bytes == 0 ? 0 : PIECE_BYTES);
    good = open_image(trial) && discard_is_cheap(trial);
    if (good && !trial->variant->without_holes && trial->disk->discard_bytes >= VDISK_PUNCH_BYTES)
        good = is_at_most("stored after a discard", files_bytes(trial, true),
                          stored_bytes - trial->disk->size_bytes / 2);
    good = good && fill(trial, 2) && holds(trial, 2) && close_image(trial) &&
           is_at_most("bytes of the files", files_bytes(trial, false), full_bytes + slack);
    good = good && open_image(trial) && discard_all(trial) && close_image(trial) &&
           image_fixture_check(trial->set, trial->variant, false);
    good = good && open_image(trial) && holds(trial, 0) && fill(trial, 3) && close_image(trial) &&
           is_at_most("bytes of the files, later", files_bytes(trial, false), full_bytes + slack);
    good = good && open_image(trial) && holds(trial, 3) && close_image(trial);
    return good && image_fixture_check(trial->set, trial->variant, false);
}

/* A discard of what was never allocated asks little and changes nothing. */
static bool nothing_is_cheap(const struct image_variant *variant)
{
    struct image_variant large = *variant;
    struct trial trial = {.variant = &large};
    struct disk_model *model;
    bool good;

    if (variant->fixed || variant->parent != NULL || variant->fixed_size ||
        strcmp(variant->format, "raw") == 0)
        return true;
    large.size_bytes = GIB;
    large.block_bytes = 0;
    model = image_fixture_create(&large, 1, &trial.set);
    if (model == NULL)
        return false;
    trial.set->wrap = wrap_counter;
    trial.set->wrap_context = &trial.plan;
    good = open_image(&trial);
    if (good && trial.disk->discard_bytes != 0) {
        const uint64_t before = files_bytes(&trial, false);

        start_counting(&trial, VDISK_FAULT_READ | VDISK_FAULT_WRITE | VDISK_FAULT_FLUSH |
                                   VDISK_FAULT_SET_SIZE | VDISK_FAULT_PUNCH);
        good = discard_all(&trial);
        good = is_at_most("calls of a discard of nothing", counted(&trial), 160) && good;
        good = is_at_most("bytes of the files", files_bytes(&trial, false),
                          before + 2 * PIECE_BYTES) &&
               good;
    }
    good = close_image(&trial) && good;
    disk_model_destroy(model);
    file_set_destroy(trial.set);
    return good;
}

static bool run(const struct image_variant *variant, const struct run_options *options,
                uint32_t share)
{
    struct trial trial = {.variant = variant};
    struct disk_model *model = image_fixture_create(variant, options->seed, &trial.set);
    bool good;

    (void)share;
    if (model == NULL)
        return false;
    disk_model_destroy(model);
    trial.set->wrap = wrap_counter;
    trial.set->wrap_context = &trial.plan;
    good = open_image(&trial);
    if (good && trial.disk->discard_bytes == 0) {
        good = must_refuse(variant) &&
               vdisk_disk_discard(trial.disk, 0, trial.disk->size_bytes, NULL) == VDISK_UNSUPPORTED;
        if (!good)
            printf("discards are not offered\n");
        good = close_image(&trial) && good;
    } else if (good) {
        good = close_image(&trial) && !must_refuse(variant) && work(&trial);
    }
    file_set_destroy(trial.set);
    return good && nothing_is_cheap(variant);
}

int main(int argc, char **argv)
{
    return run_options_main(argc, argv, "space is given back", 1, run);
}
