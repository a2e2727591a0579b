/*
 * The engine against the bare file: how fast each format reads and writes, as a ratio of pread and
 * pwrite on a plain file of the same size (1.00: as fast). The rounds of both alternate, so that
 * what else the machine does meets both; printed are the median and, in brackets, the spread.
 *
 *   bench_image [--quick] [--cpu] [<folder for the images>]
 *
 * On a machine that is busy with other things, --cpu compares processor time instead (not of the
 * threads, whose gain is a matter of the clock on the wall).
 */
#define _GNU_SOURCE
#include "tests/support/random.h"
#include "virtualdisk/host.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MIB         ((uint64_t)1 << 20)
#define ROUNDS_MAX  15u
#define SMALL_BYTES ((size_t)4096)
#define LARGE_BYTES ((size_t)1 << 20)

static uint64_t disk_bytes = 2048 * MIB;
static uint32_t rounds = 9;
static uint32_t small_count = 20000;
static uint32_t large_count = 512;
static clockid_t measured_clock = CLOCK_MONOTONIC;

/* What is measured: the bare file, or a disk. */
struct subject {
    int descriptor;          /* of the bare file; -1: a disk */
    struct vdisk_disk *disk; /* or NULL */
};

static void must(bool good, const char *what)
{
    if (good)
        return;
    perror(what);
    exit(1);
}

static void must_vdisk(enum vdisk_status status, const struct vdisk_error *error, const char *what)
{
    if (status == VDISK_OK)
        return;
    fprintf(stderr, "%s: %s: %s\n", what, vdisk_status_name(status),
            error->reason != NULL ? error->reason : "");
    exit(1);
}

static double now(void)
{
    struct timespec time;

    clock_gettime(measured_clock, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void transfer(const struct subject *subject, bool write, uint64_t offset_bytes, void *buffer,
                     size_t length_bytes)
{
    struct vdisk_error error;

    if (subject->disk == NULL) {
        const ssize_t done =
            write ? pwrite(subject->descriptor, buffer, length_bytes, (off_t)offset_bytes)
                  : pread(subject->descriptor, buffer, length_bytes, (off_t)offset_bytes);

        must(done == (ssize_t)length_bytes, "the bare file");
        return;
    }
    must_vdisk(write ? vdisk_disk_write(subject->disk, offset_bytes, buffer, length_bytes, &error)
                     : vdisk_disk_read(subject->disk, offset_bytes, buffer, length_bytes, &error),
               &error, "the disk");
}

/* One kind of work. */
struct cell {
    bool write;
    size_t length_bytes;
    uint32_t threads;
};

struct worker {
    const struct subject *subject;
    const struct cell *cell;
    uint64_t seed;
};

static void *work(void *argument)
{
    const struct worker *worker = argument;
    const struct cell *cell = worker->cell;
    const uint32_t count = cell->length_bytes == SMALL_BYTES ? small_count : large_count;
    unsigned char *buffer = aligned_alloc(4096, cell->length_bytes);
    struct test_random random;

    must(buffer != NULL, "memory");
    memset(buffer, 0x5a, cell->length_bytes);
    test_random_seed(&random, worker->seed);
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t place = cell->length_bytes == SMALL_BYTES ? test_random_next(&random) : i;

        transfer(worker->subject, cell->write,
                 place % (disk_bytes / cell->length_bytes) * cell->length_bytes, buffer,
                 cell->length_bytes);
    }
    free(buffer);
    return NULL;
}

/* Seconds for the same work each time; with threads, each does all of it. */
static double measure(const struct subject *subject, const struct cell *cell, uint64_t seed)
{
    pthread_t threads[4];
    struct worker workers[4];
    const double start = now();

    for (uint32_t i = 0; i < cell->threads; i++) {
        workers[i] = (struct worker){subject, cell, seed + i};
        must(pthread_create(&threads[i], NULL, work, &workers[i]) == 0, "a thread");
    }
    for (uint32_t i = 0; i < cell->threads; i++)
        pthread_join(threads[i], NULL);
    return now() - start;
}

static int compare_doubles(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void print_ratios(double *ratios)
{
    qsort(ratios, rounds, sizeof *ratios, compare_doubles);
    printf("  %.2f (%.2f-%.2f)", ratios[rounds / 2], ratios[0], ratios[rounds - 1]);
    fflush(stdout);
}

static void bench_cell(const struct subject *bare, const struct subject *disk,
                       const struct cell *cell)
{
    double ratios[ROUNDS_MAX];

    for (uint32_t round = 0; round < rounds; round++) {
        const double base = measure(bare, cell, round);

        ratios[round] = base / measure(disk, cell, round);
    }
    print_ratios(ratios);
}

/* Two threads against one, on the disk itself: how much more they read in the same time. */
static void bench_threads(const struct subject *disk)
{
    const struct cell one = {false, SMALL_BYTES, 1}, two = {false, SMALL_BYTES, 2};
    const clockid_t chosen = measured_clock;
    double ratios[ROUNDS_MAX];

    measured_clock = CLOCK_MONOTONIC;
    for (uint32_t round = 0; round < rounds; round++) {
        const double alone = measure(disk, &one, round);

        ratios[round] = 2 * alone / measure(disk, &two, round);
    }
    measured_clock = chosen;
    print_ratios(ratios);
}

struct bench_format {
    const char *label;
    const char *format;
    const char *subformat;
    bool fixed;
};

static const struct bench_format bench_formats[] = {
    {"raw", "raw", NULL, false},          {"vhd fixed", "vhd", NULL, true},
    {"vhd dynamic", "vhd", NULL, false},  {"vhdx dynamic", "vhdx", NULL, false},
    {"vdi dynamic", "vdi", NULL, false},  {"qcow2", "qcow2", NULL, false},
    {"vmdk sparse", "vmdk", NULL, false},
};

static struct vdisk_image *make_image(const struct bench_format *format, const char *path,
                                      uint64_t size_bytes)
{
    const struct vdisk_create_options create = {.format = format->format,
                                                .subformat = format->subformat,
                                                .size_bytes = size_bytes,
                                                .fixed = format->fixed};
    const struct vdisk_open_options open = {.format = format->format};
    struct vdisk_error error;
    struct vdisk_file *file;
    struct vdisk_image *image;

    unlink(path);
    must_vdisk(vdisk_host_open(path, VDISK_OPEN_CREATE, &file, &error), &error, path);
    must_vdisk(vdisk_image_create(file, &create, &error), &error, "creating");
    vdisk_file_close(file);
    must_vdisk(vdisk_host_open(path, VDISK_OPEN_WRITE, &file, &error), &error, path);
    must_vdisk(vdisk_image_open(file, &open, &image, &error), &error, "opening");
    return image;
}

/* Writes all of it once, and makes it durable. */
static double fill(const struct subject *subject, uint64_t size_bytes)
{
    unsigned char *buffer = aligned_alloc(4096, LARGE_BYTES);
    struct vdisk_error error;
    const double start = now();

    must(buffer != NULL, "memory");
    memset(buffer, 0xa5, LARGE_BYTES);
    for (uint64_t offset = 0; offset < size_bytes; offset += LARGE_BYTES)
        transfer(subject, true, offset, buffer, LARGE_BYTES);
    if (subject->disk == NULL)
        must(fdatasync(subject->descriptor) == 0, "fdatasync");
    else
        must_vdisk(vdisk_disk_flush(subject->disk, &error), &error, "flushing");
    free(buffer);
    return now() - start;
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
        struct subject bare = {open(bare_path, O_RDWR | O_CREAT | O_TRUNC, 0600), NULL};
        struct vdisk_image *image = make_image(format, image_path, size_bytes);
        const struct subject disk = {-1, vdisk_image_disk(image)};
        double base;

        must(bare.descriptor >= 0, bare_path);
        base = fill(&bare, size_bytes);
        ratios[round] = base / fill(&disk, size_bytes);
        close(bare.descriptor);
        vdisk_image_close(image, NULL);
        unlink(image_path);
        unlink(bare_path);
    }
    print_ratios(ratios);
}

static void bench_format(const struct bench_format *format, const struct subject *bare,
                         const char *folder)
{
    static const struct cell cells[] = {{false, SMALL_BYTES, 1},
                                        {false, LARGE_BYTES, 1},
                                        {true, SMALL_BYTES, 1},
                                        {true, LARGE_BYTES, 1}};
    char image_path[512], bare_path[512];
    struct vdisk_image *image;
    struct subject disk = {-1, NULL};

    if ((vdisk_format_capabilities(format->format) & VDISK_CAN_CREATE) == 0)
        return;
    snprintf(image_path, sizeof image_path, "%s/bench.image", folder);
    snprintf(bare_path, sizeof bare_path, "%s/bench.growing", folder);
    printf("%-13s", format->label);
    image = make_image(format, image_path, disk_bytes);
    disk.disk = vdisk_image_disk(image);
    fill(&disk, disk_bytes);
    for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++)
        bench_cell(bare, &disk, &cells[i]);
    bench_threads(&disk);
    vdisk_image_close(image, NULL);
    unlink(image_path);
    bench_allocation(format, image_path, bare_path);
    printf("\n");
}

int main(int argc, char **argv)
{
    const char *temporary = getenv("TMPDIR");
    char folder[400], bare_path[512];
    struct subject bare = {-1, NULL};

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--quick") == 0) {
            disk_bytes = 256 * MIB;
            rounds = 3;
            small_count = 5000;
            large_count = 128;
        } else if (strcmp(argv[i], "--cpu") == 0) {
            measured_clock = CLOCK_PROCESS_CPUTIME_ID;
        } else {
            temporary = argv[i];
        }
    }
    snprintf(folder, sizeof folder, "%s/virtualdisk-bench-XXXXXX",
             temporary != NULL ? temporary : "/tmp");
    must(mkdtemp(folder) != NULL, folder);
    snprintf(bare_path, sizeof bare_path, "%s/bench.bare", folder);
    bare.descriptor = open(bare_path, O_RDWR | O_CREAT, 0600);
    must(bare.descriptor >= 0, bare_path);
    fill(&bare, disk_bytes);
    printf(
        "The engine as a ratio of the bare file (median, spread of %u rounds; %llu MiB, cached)\n"
        "and of two threads' random reads to one's\n\n"
        "%-13s  %-16s  %-16s  %-16s  %-16s  %-16s  %s\n",
        rounds, (unsigned long long)(disk_bytes / MIB), "", "4 KiB read", "1 MiB read",
        "4 KiB overwrite", "1 MiB overwrite", "two threads", "allocating 1 MiB");
    for (size_t i = 0; i < sizeof bench_formats / sizeof bench_formats[0]; i++)
        bench_format(&bench_formats[i], &bare, folder);
    close(bare.descriptor);
    unlink(bare_path);
    rmdir(folder);
    return 0;
}
