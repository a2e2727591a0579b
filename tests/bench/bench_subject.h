/* What the benchmarks of the engine measure: a bare file, or the disk of an image on a file. */
#ifndef VIRTUALDISK_TESTS_BENCH_BENCH_SUBJECT_H
#define VIRTUALDISK_TESTS_BENCH_BENCH_SUBJECT_H

#include "virtualdisk/host.h"

#include <time.h>

#define MIB         ((uint64_t)1 << 20)
#define SMALL_BYTES ((size_t)4096)
#define LARGE_BYTES ((size_t)1 << 20)

struct bench_subject {
    int descriptor;          /* of the bare file; -1: a disk */
    struct vdisk_disk *disk; /* or NULL */
};

/* The kinds of images, ended by one without a label. */
struct bench_format {
    const char *label;
    const char *format;
    const char *subformat;
    bool fixed;
};

extern const struct bench_format bench_formats[];
extern clockid_t bench_clock; /* the monotonic one, unless a program wants another */

/* A failure of what the benchmarks stand on ends the program with a word. */
void bench_must(bool good, const char *what);
void bench_must_vdisk(enum vdisk_status status, const struct vdisk_error *error, const char *what);

double bench_now(void); /* seconds */
void bench_sort(double *values, uint32_t count);

void bench_transfer(const struct bench_subject *subject, bool write, uint64_t offset_bytes,
                    void *buffer, size_t length_bytes);

/* Replaces what is at `path`. */
struct vdisk_image *bench_make_image(const struct bench_format *format, const char *path,
                                     uint64_t size_bytes);

/* Writes all of it once, and makes it durable; returns how many seconds that took. */
double bench_fill(const struct bench_subject *subject, uint64_t size_bytes);

#endif
