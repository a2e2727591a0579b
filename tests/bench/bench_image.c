/*
 * The engine against the bare file: how fast each format reads and writes, as a ratio of pread and
 * pwrite on the same file, at the places where the disk's contents lie (1.00: as fast); allocating
 * writes against a plain file that grows. The rounds of both alternate, so that what else the
 * machine does meets both; printed are the median and, in brackets, the spread.
 *
 *   bench_image [--quick] [--cpu] [--only <a row's label>] [<folder for the images>]
 *
 * On a machine that is busy with other things, --cpu compares processor time instead (not of the
 * threads, whose gain is a matter of the clock on the wall).
 */
#define _GNU_SOURCE
#include "tests/bench/bench_subject.h"
#include "tests/support/random.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROUNDS_MAX  15u
#define THREADS_MAX 2u

static uint64_t disk_bytes = 2048 * MIB;
static uint32_t rounds = 9;
static uint32_t small_count = 20000;
static uint32_t large_count = 512;

/* One kind of work. */
struct cell {
    bool write;
    size_t length_bytes;
    uint32_t threads;
};

/* Where it is done. */
struct places {
    uint64_t *disk_offsets;
    uint64_t *file_offsets; /* the same places in the file under the disk */
};

struct worker {
    const struct bench_subject *subject;
    const struct cell *cell;
    struct places places;
};

static uint32_t count_of(const struct cell *cell)
{
    return cell->length_bytes == SMALL_BYTES ? small_count : large_count;
}

/* False when what is there is in several pieces, of which the bare file could not know. */
static bool find_in_file(struct vdisk_disk *disk, uint64_t offset_bytes, size_t length_bytes,
                         uint64_t *file_offset_bytes)
{
    struct vdisk_extent extent;
    struct vdisk_error error;

    bench_must_vdisk(vdisk_disk_map(disk, offset_bytes, length_bytes, &extent, &error), &error,
                     "mapping");
    *file_offset_bytes = extent.file_offset_bytes;
    return extent.kind == VDISK_EXTENT_DATA && extent.length_bytes >= length_bytes;
}

/* Small transfers go anywhere, large ones from the beginning to the end. */
static void choose_places(struct places *places, struct vdisk_disk *disk, const struct cell *cell,
                          uint64_t seed)
{
    const uint32_t count = count_of(cell);
    struct test_random random;
    uint64_t place = 0;

    places->disk_offsets = calloc(count, sizeof(uint64_t));
    places->file_offsets = calloc(count, sizeof(uint64_t));
    bench_must(places->disk_offsets != NULL && places->file_offsets != NULL, "memory");
    test_random_seed(&random, seed);
    for (uint32_t i = 0; i < count; i++) {
        do {
            place = cell->length_bytes == SMALL_BYTES ? test_random_next(&random) : place + 1;
            places->disk_offsets[i] =
                place % (disk_bytes / cell->length_bytes) * cell->length_bytes;
        } while (!find_in_file(disk, places->disk_offsets[i], cell->length_bytes,
                               &places->file_offsets[i]));
    }
}

static void *work(void *argument)
{
    const struct worker *worker = argument;
    const struct cell *cell = worker->cell;
    const uint64_t *offsets =
        worker->subject->disk == NULL ? worker->places.file_offsets : worker->places.disk_offsets;
    unsigned char *buffer = aligned_alloc(4096, cell->length_bytes);

    bench_must(buffer != NULL, "memory");
    memset(buffer, 0x5a, cell->length_bytes);
    for (uint32_t i = 0; i < count_of(cell); i++)
        bench_transfer(worker->subject, cell->write, offsets[i], buffer, cell->length_bytes);
    free(buffer);
    return NULL;
}

/* Seconds for the same amount of work each time; with threads, each does all of it. */
static double measure(const struct bench_subject *subject, struct vdisk_disk *disk,
                      const struct cell *cell, uint64_t seed)
{
    pthread_t threads[THREADS_MAX];
    struct worker workers[THREADS_MAX];
    double start;

    for (uint32_t i = 0; i < cell->threads; i++) {
        workers[i] = (struct worker){.subject = subject, .cell = cell};
        choose_places(&workers[i].places, disk, cell, seed * THREADS_MAX + i);
    }
    start = bench_now();
    for (uint32_t i = 0; i < cell->threads; i++)
        bench_must(pthread_create(&threads[i], NULL, work, &workers[i]) == 0, "a thread");
    for (uint32_t i = 0; i < cell->threads; i++)
        pthread_join(threads[i], NULL);
    start = bench_now() - start;
    for (uint32_t i = 0; i < cell->threads; i++) {
        free(workers[i].places.disk_offsets);
        free(workers[i].places.file_offsets);
    }
    return start;
}

static void print_ratios(double *ratios)
{
    bench_sort(ratios, rounds);
    printf("  %.2f (%.2f-%.2f)", ratios[rounds / 2], ratios[0], ratios[rounds - 1]);
    fflush(stdout);
}

/* Each has places of its own, and is the first in every other round: nobody warms caches for it. */
static void bench_cell(const struct bench_subject *bare, const struct bench_subject *disk,
                       const struct cell *cell)
{
    double ratios[ROUNDS_MAX];

    for (uint32_t round = 0; round < rounds; round++) {
        const bool bare_first = round % 2 == 0;
        const double first =
            measure(bare_first ? bare : disk, disk->disk, cell, 2 * (uint64_t)round);
        const double second =
            measure(bare_first ? disk : bare, disk->disk, cell, 2 * (uint64_t)round + 1);

        ratios[round] = bare_first ? first / second : second / first;
    }
    print_ratios(ratios);
}

/* Two threads against one: how much more they read in the same time. */
static void bench_threads(const struct bench_subject *subject, struct vdisk_disk *disk)
{
    const struct cell one = {false, SMALL_BYTES, 1}, two = {false, SMALL_BYTES, 2};
    const clockid_t chosen = bench_clock;
    double ratios[ROUNDS_MAX];

    bench_clock = CLOCK_MONOTONIC;
    for (uint32_t round = 0; round < rounds; round++) {
        const double alone = measure(subject, disk, &one, 2 * (uint64_t)round);

        ratios[round] = 2 * alone / measure(subject, disk, &two, 2 * (uint64_t)round + 1);
    }
    bench_clock = chosen;
    print_ratios(ratios);
}

/* A new image each time, against a new file that grows. */
static void bench_allocation(const struct bench_format *format, const char *image_path,
                             const char *bare_path)
{
    const uint64_t size_bytes = disk_bytes / 8;
    double ratios[ROUNDS_MAX];

    if (format->fixed || strcmp(format->format, "raw") == 0) {
        printf("  -");
        return;
    }
    for (uint32_t round = 0; round < rounds; round++) {
        struct bench_subject bare = {open(bare_path, O_RDWR | O_CREAT | O_TRUNC, 0600), NULL};
        struct vdisk_image *image = bench_make_image(format, image_path, size_bytes);
        const struct bench_subject disk = {-1, vdisk_image_disk(image)};
        double base;

        bench_must(bare.descriptor >= 0, bare_path);
        base = bench_fill(&bare, size_bytes);
        ratios[round] = base / bench_fill(&disk, size_bytes);
        close(bare.descriptor);
        vdisk_image_close(image, NULL);
        unlink(image_path);
        unlink(bare_path);
    }
    print_ratios(ratios);
}

static void bench_format(const struct bench_format *format, const char *folder)
{
    static const struct cell cells[] = {{false, SMALL_BYTES, 1},
                                        {false, LARGE_BYTES, 1},
                                        {true, SMALL_BYTES, 1},
                                        {true, LARGE_BYTES, 1}};
    char image_path[512], bare_path[512];
    struct bench_subject bare = {-1, NULL}, disk = {-1, NULL};
    struct vdisk_image *image;

    snprintf(image_path, sizeof image_path, "%s/bench.image", folder);
    snprintf(bare_path, sizeof bare_path, "%s/bench.growing", folder);
    printf("%-13s", format->label);
    image = bench_make_image(format, image_path, disk_bytes);
    disk.disk = vdisk_image_disk(image);
    bench_fill(&disk, disk_bytes);
    bare.descriptor = open(image_path, O_RDWR);
    bench_must(bare.descriptor >= 0, image_path);
    for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++)
        bench_cell(&bare, &disk, &cells[i]);
    bench_threads(&disk, disk.disk);
    bench_threads(&bare, disk.disk);
    close(bare.descriptor);
    vdisk_image_close(image, NULL);
    unlink(image_path);
    bench_allocation(format, image_path, bare_path);
    printf("\n");
}

int main(int argc, char **argv)
{
    const char *temporary = getenv("TMPDIR"), *only = NULL;
    char folder[400];

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--quick") == 0) {
            disk_bytes = 256 * MIB;
            rounds = 3;
            small_count = 5000;
            large_count = 128;
        } else if (strcmp(argv[i], "--cpu") == 0) {
            bench_clock = CLOCK_PROCESS_CPUTIME_ID;
        } else if (strcmp(argv[i], "--only") == 0 && i + 1 < argc) {
            only = argv[++i];
        } else {
            temporary = argv[i];
        }
    }
    snprintf(folder, sizeof folder, "%s/virtualdisk-bench-XXXXXX",
             temporary != NULL ? temporary : "/tmp");
    bench_must(mkdtemp(folder) != NULL, folder);
    printf("The engine as a ratio of its file (median, spread of %u rounds; %llu MiB, cached)\n"
           "and of two threads' random reads to one's, of the engine and of the file itself\n\n"
           "%-13s  %-16s  %-16s  %-16s  %-16s  %-16s  %-16s  %s\n",
           rounds, (unsigned long long)(disk_bytes / MIB), "", "4 KiB read", "1 MiB read",
           "4 KiB overwrite", "1 MiB overwrite", "two threads", "the same, file",
           "allocating 1 MiB");
    for (const struct bench_format *format = bench_formats; format->label != NULL; format++) {
        if (only == NULL || strcmp(only, format->label) == 0)
            bench_format(format, folder);
    }
    rmdir(folder);
    return 0;
}
