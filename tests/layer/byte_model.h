/* What a disk must hold, as an array of bytes, and operations at random on both. */
#ifndef VIRTUALDISK_TESTS_BYTE_MODEL_H
#define VIRTUALDISK_TESTS_BYTE_MODEL_H

#include "tests/support/random.h"
#include "virtualdisk/disk.h"

struct byte_model {
    unsigned char *bytes;
    unsigned char *scratch; /* as large */
    uint64_t size_bytes;
    uint64_t unit_bytes;  /* what discards give back */
    uint64_t shift_bytes; /* so far into a unit the disk begins */
    bool cut_off;         /* the unit at its end ends there, too */
};

/* All zeros, units of 64 KiB from the first byte on. */
void byte_model_init(struct byte_model *model, uint64_t size_bytes);
void byte_model_deinit(struct byte_model *model);

/* Random bytes into a part of the disk and of the model. */
void byte_model_fill(struct byte_model *model, struct vdisk_disk *disk, struct test_random *random,
                     uint64_t offset_bytes, uint64_t length_bytes);

/*
 * A write, zero or discard. Where it fails, each sector must be as before or as it would have
 * become; the model takes it as it is found.
 */
enum vdisk_status byte_model_change(struct byte_model *model, struct vdisk_disk *disk,
                                    struct test_random *random);

void byte_model_check(const struct byte_model *model, struct vdisk_disk *disk);

#endif
