/*
 * The bare file, the engine and qemu-img bench side by side: microseconds for a request, on the
 * same images, in the same order of places, one request at a time. The rounds alternate; printed
 * are the medians. The bare file is one of its own: how a file was made decides how the page cache
 * holds it, so an image may well be faster than that file; bench_image measures on the same file.
 *
 *   bench_qemu [--quick] [<folder for the images>]
 */
#define _GNU_SOURCE
#include "tests/bench/bench_subject.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROUNDS 5u
#define STRIDE_BLOCKS                                                                              \
    ((uint64_t)63361) /* of 4 KiB: far from the last place, and all over the disk */

static uint64_t disk_bytes = 2048 * MIB;
static uint32_t small_count = 20000;
static uint32_t large_count = 512;

struct cell {
    bool write;
    size_t length_bytes;
};

static uint32_t count_of(const struct cell *cell)
{
    return cell->length_bytes == SMALL_BYTES ? small_count : large_count;
}

static uint64_t stride_of(const struct cell *cell)
{
    return cell->length_bytes == SMALL_BYTES ? STRIDE_BLOCKS * SMALL_BYTES : LARGE_BYTES;
}

static double measure(const struct bench_subject *subject, const struct cell *cell)
{
    unsigned char *buffer = aligned_alloc(4096, cell->length_bytes);
    uint64_t offset_bytes = 0;
    double start;

    bench_must(buffer != NULL, "memory");
    memset(buffer, 0x5a, cell->length_bytes);
    start = bench_now();
    for (uint32_t i = 0; i < count_of(cell); i++) {
        bench_transfer(subject, cell->write, offset_bytes, buffer, cell->length_bytes);
        offset_bytes = (offset_bytes + stride_of(cell)) % disk_bytes;
    }
    start = bench_now() - start;
    free(buffer);
    return start;
}

/* What qemu-img says that it took, without its start. */
static double measure_qemu(const char *format, const char *path, const struct cell *cell)
{
    char command[1024], line[256];
    double seconds = -1;
    FILE *answer;

    snprintf(command, sizeof command, "qemu-img bench -f %s %s -d 1 -c %u -s %zu -S %llu '%s'",
             strcmp(format, "vhd") == 0 ? "vpc" : format, cell->write ? "-w" : "", count_of(cell),
             cell->length_bytes, (unsigned long long)stride_of(cell), path);
    answer = popen(command, "r");
    bench_must(answer != NULL, "qemu-img");
    while (fgets(line, sizeof line, answer) != NULL)
        sscanf(line, "Run completed in %lf seconds", &seconds);
    bench_must(pclose(answer) == 0 && seconds > 0, command);
    return seconds;
}

static double median(double *values)
{
    bench_sort(values, ROUNDS);
    return values[ROUNDS / 2];
}

static struct vdisk_image *open_image(const struct bench_format *format, const char *path)
{
    const struct vdisk_open_options options = {.format = format->format};
    struct vdisk_error error;
    struct vdisk_file *file;
    struct vdisk_image *image;

    bench_must_vdisk(vdisk_host_open(path, VDISK_OPEN_WRITE, &file, &error), &error, path);
    bench_must_vdisk(vdisk_image_open(file, &options, &image, &error), &error, path);
    return image;
}

/* The image is closed while qemu-img has it. */
static void bench_cell(const struct bench_format *format, const struct bench_subject *bare,
                       const char *path, const struct cell *cell)
{
    const double microseconds = 1e6 / count_of(cell);
    double times[3][ROUNDS];

    for (uint32_t round = 0; round < ROUNDS; round++) {
        struct vdisk_image *image = open_image(format, path);
        const struct bench_subject disk = {-1, vdisk_image_disk(image)};

        times[0][round] = measure(bare, cell);
        times[1][round] = measure(&disk, cell);
        bench_must(vdisk_image_close(image, NULL) == VDISK_OK, "closing");
        times[2][round] = measure_qemu(format->format, path, cell);
    }
    for (uint32_t i = 0; i < 3; i++)
        printf(" %7.1f", median(times[i]) * microseconds);
    printf(" ");
    fflush(stdout);
}

static void bench_format(const struct bench_format *format, const struct bench_subject *bare,
                         const char *path)
{
    static const struct cell cells[] = {
        {false, SMALL_BYTES}, {false, LARGE_BYTES}, {true, SMALL_BYTES}, {true, LARGE_BYTES}};
    struct vdisk_image *image = bench_make_image(format, path, disk_bytes);
    const struct bench_subject disk = {-1, vdisk_image_disk(image)};

    bench_fill(&disk, disk_bytes);
    bench_must(vdisk_image_close(image, NULL) == VDISK_OK, "closing");
    printf("%-13s", format->label);
    for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++)
        bench_cell(format, bare, path, &cells[i]);
    printf("\n");
    unlink(path);
}

int main(int argc, char **argv)
{
    const char *temporary = getenv("TMPDIR");
    char folder[400], image_path[512], bare_path[512];
    struct bench_subject bare = {-1, NULL};

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--quick") == 0) {
            disk_bytes = 256 * MIB;
            small_count = 5000;
            large_count = 128;
        } else {
            temporary = argv[i];
        }
    }
    snprintf(folder, sizeof folder, "%s/virtualdisk-bench-XXXXXX",
             temporary != NULL ? temporary : "/tmp");
    bench_must(mkdtemp(folder) != NULL, folder);
    snprintf(image_path, sizeof image_path, "%s/bench.image", folder);
    snprintf(bare_path, sizeof bare_path, "%s/bench.bare", folder);
    bare.descriptor = open(bare_path, O_RDWR | O_CREAT, 0600);
    bench_must(bare.descriptor >= 0, bare_path);
    bench_fill(&bare, disk_bytes);
    printf("The bare file, the engine and qemu-img bench: microseconds for a request\n"
           "(medians of %u rounds; %llu MiB, cached, one request at a time)\n\n"
           "%-13s %-24s %-24s %-24s %s\n",
           ROUNDS, (unsigned long long)(disk_bytes / MIB), "", "4 KiB read", "1 MiB read",
           "4 KiB overwrite", "1 MiB overwrite");
    for (const struct bench_format *format = bench_formats; format->label != NULL; format++)
        bench_format(format, &bare, image_path);
    close(bare.descriptor);
    unlink(bare_path);
    rmdir(folder);
    return 0;
}
