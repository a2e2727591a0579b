#define _GNU_SOURCE
#include "tests/bench/bench_subject.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

clockid_t bench_clock = CLOCK_MONOTONIC;

void bench_must(bool good, const char *what)
{
    if (good)
        return;
    perror(what);
    exit(1);
}

void bench_must_vdisk(enum vdisk_status status, const struct vdisk_error *error, const char *what)
{
    if (status == VDISK_OK)
        return;
    fprintf(stderr, "%s: %s: %s\n", what, vdisk_status_name(status),
            error->reason != NULL ? error->reason : "");
    exit(1);
}

double bench_now(void)
{
    struct timespec time;

    clock_gettime(bench_clock, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static int compare_doubles(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

void bench_sort(double *values, uint32_t count)
{
    qsort(values, count, sizeof *values, compare_doubles);
}

void bench_transfer(const struct bench_subject *subject, bool write, uint64_t offset_bytes,
                    void *buffer, size_t length_bytes)
{
    struct vdisk_error error;

    if (subject->disk == NULL) {
        const ssize_t done =
            write ? pwrite(subject->descriptor, buffer, length_bytes, (off_t)offset_bytes)
                  : pread(subject->descriptor, buffer, length_bytes, (off_t)offset_bytes);

        bench_must(done == (ssize_t)length_bytes, "the bare file");
        return;
    }
    bench_must_vdisk(
        write ? vdisk_disk_write(subject->disk, offset_bytes, buffer, length_bytes, &error)
              : vdisk_disk_read(subject->disk, offset_bytes, buffer, length_bytes, &error),
        &error, "the disk");
}

const struct bench_format bench_formats[] = {
    {"raw", "raw", NULL, false},          {"vhd fixed", "vhd", NULL, true},
    {"vhdx fixed", "vhdx", NULL, true},   {"vdi fixed", "vdi", NULL, true},
    {"vhd dynamic", "vhd", NULL, false},  {"vhdx dynamic", "vhdx", NULL, false},
    {"vdi dynamic", "vdi", NULL, false},  {"qcow2", "qcow2", NULL, false},
    {"vmdk sparse", "vmdk", NULL, false}, {.label = NULL},
};

struct vdisk_image *bench_make_image(const struct bench_format *format, const char *path,
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
    bench_must_vdisk(vdisk_host_open(path, VDISK_OPEN_CREATE, &file, &error), &error, path);
    bench_must_vdisk(vdisk_image_create(file, &create, &error), &error, "creating");
    vdisk_file_close(file);
    bench_must_vdisk(vdisk_host_open(path, VDISK_OPEN_WRITE, &file, &error), &error, path);
    bench_must_vdisk(vdisk_image_open(file, &open, &image, &error), &error, "opening");
    return image;
}

double bench_fill(const struct bench_subject *subject, uint64_t size_bytes)
{
    unsigned char *buffer = aligned_alloc(4096, LARGE_BYTES);
    struct vdisk_error error;
    const double start = bench_now();

    bench_must(buffer != NULL, "memory");
    memset(buffer, 0xa5, LARGE_BYTES);
    for (uint64_t offset = 0; offset < size_bytes; offset += LARGE_BYTES)
        bench_transfer(subject, true, offset, buffer, LARGE_BYTES);
    if (subject->disk == NULL)
        bench_must(fdatasync(subject->descriptor) == 0, "fdatasync");
    else
        bench_must_vdisk(vdisk_disk_flush(subject->disk, &error), &error, "flushing");
    free(buffer);
    return bench_now() - start;
}
