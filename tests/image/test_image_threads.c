/*
 * Threads: eight of them read, overwrite, allocate, zero, discard and flush at once. Each owns some
 * of the sectors, spread so that blocks are shared, and some whole blocks, which it discards; it
 * reads all of them: its own must hold what it has written, the others' what somebody has written
 * there. In the end, and after reopening, everything is compared.
 *
 * The files are real ones: a file in memory has a lock, which would hide races of the engine.
 */
#include "engine/base/checked.h"
#include "tests/image/image_fixture.h"
#include "tests/image/run_options.h"
#include "tests/image/sector_pattern.h"
#include "virtualdisk/host.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define THREADS         8u
#define GRANULE_SECTORS 8u
#define READ_SECTORS    128u
#define STAMP_SHIFT     20

struct crowd {
    const struct image_variant *variant;
    struct vdisk_image *image;
    uint64_t sectors;   /* of the disk, whole granules only */
    uint64_t half;      /* from here on a piece each goes round */
    uint64_t piece;     /* its sectors: whole units of discards */
    uint32_t *expected; /* each sector's stamp; changed by its owner only */
    const uint32_t *base;
    uint32_t operations; /* of each thread */
};

struct member {
    struct crowd *crowd;
    uint32_t number;
    uint64_t seed;
    bool failed;
};

/* The first half of the disk goes round in granules, the rest in pieces. */
static uint32_t owner_of(const struct crowd *crowd, uint64_t sector)
{
    if (sector < crowd->half)
        return (uint32_t)(sector / GRANULE_SECTORS % THREADS);
    return (uint32_t)((sector - crowd->half) / crowd->piece % THREADS);
}

static void deal_out(struct crowd *crowd)
{
    const struct vdisk_disk *disk = vdisk_image_disk(crowd->image);
    const uint64_t unit = vdisk_max_u64(disk->discard_bytes / VDISK_SECTOR_BYTES, GRANULE_SECTORS);

    crowd->sectors =
        vdisk_align_down(disk->size_bytes / VDISK_SECTOR_BYTES, GRANULE_SECTORS * THREADS);
    crowd->half = vdisk_div_up(crowd->sectors / 2, unit) * unit;
    crowd->piece =
        vdisk_max_u64(vdisk_align_down((crowd->sectors - crowd->half) / THREADS, unit), unit);
}

/* A range that belongs to one thread: at least a granule's rest from a sector of its own. */
static void choose_own(const struct member *member, struct test_random *random, uint64_t *first,
                       uint64_t *count)
{
    const struct crowd *crowd = member->crowd;
    const uint64_t wanted =
        GRANULE_SECTORS * (test_random_chance(random, 20) ? 1 + test_random_below(random, 16) : 1);

    do {
        *first = vdisk_align_down(test_random_below(random, crowd->sectors), GRANULE_SECTORS);
    } while (owner_of(crowd, *first) != member->number ||
             owner_of(crowd, *first + GRANULE_SECTORS - 1) != member->number);
    *count = GRANULE_SECTORS;
    while (*count < wanted && *first + *count + GRANULE_SECTORS <= crowd->sectors &&
           owner_of(crowd, *first + *count + GRANULE_SECTORS - 1) == member->number &&
           owner_of(crowd, *first + *count) == member->number)
        *count += GRANULE_SECTORS;
}

static bool is_plausible(const struct member *member, uint64_t sector, const unsigned char *bytes)
{
    const struct crowd *crowd = member->crowd;
    const uint32_t owner = owner_of(crowd, sector);
    const uint32_t stamp = sector_pattern_read(bytes, sector);

    if (owner == member->number)
        return stamp == crowd->expected[sector];
    if (stamp == PATTERN_GARBAGE) /* its owner may be writing it */
        return sector_pattern_is_mixture(bytes, sector);
    return stamp == 0 || stamp == crowd->base[sector] || stamp >> STAMP_SHIFT == owner + 1;
}

static bool read_some(const struct member *member, struct test_random *random,
                      unsigned char *buffer)
{
    const struct crowd *crowd = member->crowd;
    const uint64_t count = GRANULE_SECTORS * (1 + test_random_below(random, READ_SECTORS / 8));
    const uint64_t first =
        vdisk_align_down(test_random_below(random, crowd->sectors - count + 1), GRANULE_SECTORS);
    struct vdisk_error error;
    const enum vdisk_status status =
        vdisk_disk_read(vdisk_image_disk(crowd->image), first * VDISK_SECTOR_BYTES, buffer,
                        (size_t)count * VDISK_SECTOR_BYTES, &error);

    if (status != VDISK_OK) {
        image_fixture_complain("reading", status, &error);
        return false;
    }
    for (uint64_t i = 0; i < count; i++) {
        const unsigned char *bytes = buffer + i * VDISK_SECTOR_BYTES;

        if (!is_plausible(member, first + i, bytes)) {
            printf("thread %u: sector %llu of thread %u holds %x\n", member->number,
                   (unsigned long long)(first + i), owner_of(crowd, first + i),
                   sector_pattern_read(bytes, first + i));
            return false;
        }
    }
    return true;
}

static bool change_some(const struct member *member, struct test_random *random,
                        unsigned char *buffer, uint32_t stamp)
{
    struct crowd *crowd = member->crowd;
    struct vdisk_disk *disk = vdisk_image_disk(crowd->image);
    uint64_t first, count;
    struct vdisk_error error;
    enum vdisk_status status;

    choose_own(member, random, &first, &count);
    if (test_random_chance(random, 12))
        stamp = 0;
    sector_pattern_fill(buffer, first, count, stamp);
    status =
        stamp == 0 && !crowd->variant->detect_zeroes
            ? vdisk_disk_zero(disk, first * VDISK_SECTOR_BYTES, count * VDISK_SECTOR_BYTES, &error)
            : vdisk_disk_write(disk, first * VDISK_SECTOR_BYTES, buffer,
                               (size_t)count * VDISK_SECTOR_BYTES, &error);
    if (status != VDISK_OK) {
        image_fixture_complain("writing", status, &error);
        return false;
    }
    for (uint64_t sector = first; sector < first + count; sector++)
        crowd->expected[sector] = stamp;
    return true;
}

/* A piece of one's own, all of it. */
static bool discard_some(const struct member *member, struct test_random *random)
{
    struct crowd *crowd = member->crowd;
    struct vdisk_disk *disk = vdisk_image_disk(crowd->image);
    const uint64_t sector = test_random_below(random, crowd->sectors);
    uint64_t first, end;
    struct vdisk_error error;
    enum vdisk_status status;

    if (disk->discard_bytes == 0 || sector < crowd->half ||
        owner_of(crowd, sector) != member->number)
        return true;
    first = crowd->half + (sector - crowd->half) / crowd->piece * crowd->piece;
    end = vdisk_align_down(vdisk_min_u64(first + crowd->piece, crowd->sectors),
                           disk->discard_bytes / VDISK_SECTOR_BYTES);
    if (end <= first)
        return true;
    status = vdisk_disk_discard(disk, first * VDISK_SECTOR_BYTES,
                                (end - first) * VDISK_SECTOR_BYTES, &error);
    if (status != VDISK_OK) {
        image_fixture_complain("discarding", status, &error);
        return false;
    }
    for (; first < end; first++)
        crowd->expected[first] = 0;
    return true;
}

static bool flush_all(const struct crowd *crowd)
{
    struct vdisk_error error;
    const enum vdisk_status status = vdisk_disk_flush(vdisk_image_disk(crowd->image), &error);

    if (status != VDISK_OK)
        image_fixture_complain("flushing", status, &error);
    return status == VDISK_OK;
}

static void *member_main(void *argument)
{
    struct member *member = argument;
    unsigned char *buffer = malloc((size_t)READ_SECTORS * 2 * VDISK_SECTOR_BYTES);
    struct test_random random;
    bool good = buffer != NULL;

    test_random_seed(&random, member->seed);
    for (uint32_t i = 1; i <= member->crowd->operations && good; i++) {
        const uint64_t choice = test_random_below(&random, 100);

        if (choice < 10)
            good = discard_some(member, &random);
        else if (choice < 58)
            good = change_some(member, &random, buffer, (member->number + 1) << STAMP_SHIFT | i);
        else if (choice < 98)
            good = read_some(member, &random, buffer);
        else
            good = flush_all(member->crowd);
    }
    free(buffer);
    member->failed = !good;
    return NULL;
}

static bool run_crowd(struct crowd *crowd, uint64_t seed)
{
    struct member members[THREADS];
    pthread_t threads[THREADS];
    bool good = true;

    for (uint32_t i = 0; i < THREADS; i++) {
        members[i] = (struct member){crowd, i, test_random_mix(seed, i), false};
        if (pthread_create(&threads[i], NULL, member_main, &members[i]) != 0)
            abort();
    }
    for (uint32_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        good = good && !members[i].failed;
    }
    return good;
}

static bool holds_expected(const struct crowd *crowd)
{
    unsigned char bytes[VDISK_SECTOR_BYTES];

    for (uint64_t sector = 0; sector < crowd->sectors; sector++) {
        uint32_t stamp;

        if (vdisk_disk_read(vdisk_image_disk(crowd->image), sector * VDISK_SECTOR_BYTES, bytes,
                            sizeof bytes, NULL) != VDISK_OK)
            return false;
        stamp = sector_pattern_read(bytes, sector);
        if (stamp != crowd->expected[sector]) {
            printf("in the end, sector %llu holds %x instead of %x\n", (unsigned long long)sector,
                   stamp, crowd->expected[sector]);
            return false;
        }
    }
    return true;
}

static bool open_on_disk(const struct image_variant *variant, const char *folder, bool read_only,
                         struct vdisk_image **image)
{
    const struct vdisk_open_options options = {
        .format = variant->format,
        .finder = vdisk_host_finder(),
        .read_only = read_only,
        .detect_zeroes = variant->detect_zeroes,
    };
    char path[512];
    struct vdisk_file *file;
    struct vdisk_error error;
    enum vdisk_status status;

    snprintf(path, sizeof path, "%s/disk.img", folder);
    status = vdisk_host_open(path, read_only ? VDISK_OPEN_READ : VDISK_OPEN_WRITE, &file, &error);
    if (status == VDISK_OK)
        status = vdisk_image_open(file, &options, image, &error);
    if (status != VDISK_OK)
        image_fixture_complain("opening on disk", status, &error);
    return status == VDISK_OK;
}

static bool close_on_disk(struct vdisk_image *image)
{
    struct vdisk_error error;
    const enum vdisk_status status = vdisk_image_close(image, &error);

    if (status != VDISK_OK)
        image_fixture_complain("closing", status, &error);
    return status == VDISK_OK;
}

static bool work(struct crowd *crowd, const char *folder, uint64_t seed)
{
    bool good;

    if (!open_on_disk(crowd->variant, folder, false, &crowd->image))
        return false;
    deal_out(crowd);
    good = run_crowd(crowd, seed) && holds_expected(crowd);
    good = close_on_disk(crowd->image) && good;
    if (!good || !open_on_disk(crowd->variant, folder, true, &crowd->image))
        return false;
    good = holds_expected(crowd);
    return close_on_disk(crowd->image) && good;
}

static bool run(const struct image_variant *variant, const struct run_options *options,
                uint32_t share)
{
    const char *parent = getenv("TMPDIR");
    char folder[256];
    struct file_set *set;
    struct disk_model *model = image_fixture_create(variant, options->seed, &set);
    struct crowd crowd = {.variant = variant, .operations = share / THREADS};
    bool good;

    if (model == NULL)
        return false;
    snprintf(folder, sizeof folder, "%s/virtualdisk-XXXXXX", parent != NULL ? parent : "/tmp");
    if (mkdtemp(folder) == NULL || !file_set_save(set, folder)) {
        perror(folder);
        return false;
    }
    crowd.base = model->base;
    crowd.expected = malloc((size_t)model->capacity * sizeof *crowd.expected);
    memcpy(crowd.expected, model->base, (size_t)model->capacity * sizeof *crowd.expected);
    good = work(&crowd, folder, options->seed) && file_set_load(set, folder) &&
           image_fixture_check(set, variant, false);
    file_set_remove(set, folder);
    free(crowd.expected);
    disk_model_destroy(model);
    file_set_destroy(set);
    return good;
}

int main(int argc, char **argv)
{
    return run_options_main(argc, argv, "eight threads", 24000, run);
}
