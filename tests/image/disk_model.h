/*
 * What a disk must hold: the operations that a test has issued, and for every sector which of
 * their values may be found there.
 */
#ifndef VIRTUALDISK_TESTS_DISK_MODEL_H
#define VIRTUALDISK_TESTS_DISK_MODEL_H

#include "virtualdisk/disk.h"

enum model_kind {
    MODEL_WRITE,
    MODEL_ZERO,
    MODEL_RESIZE, /* sector_count is the new size */
    MODEL_FLUSH
};

struct model_operation {
    enum model_kind kind;
    uint64_t first_sector;
    uint64_t sector_count;
    uint32_t stamp;  /* what a write puts into its sectors (sector_pattern.h) */
    bool failed;     /* it may have happened or not, sector by sector */
    uint32_t event;  /* power cuts: recorded events when it was issued */
    uint32_t answer; /* power cuts: recorded events when it was answered */
};

#define MODEL_OPERATIONS_MAX 4096u

struct disk_model {
    uint32_t first_stamp;  /* of the first operation */
    uint64_t capacity;     /* sectors that base has */
    uint64_t base_sectors; /* the disk's size before the first operation */
    uint32_t *base;        /* stamps before the first operation */
    uint32_t operation_count;
    struct model_operation operations[MODEL_OPERATIONS_MAX];
};

/* Aborts without memory. The base is all zeros. */
struct disk_model *disk_model_create(uint64_t base_sectors, uint64_t capacity,
                                     uint32_t first_stamp);
void disk_model_destroy(struct disk_model *model);

/* Notes an operation before it is issued, as one that succeeds. */
struct model_operation *disk_model_issue(struct disk_model *model, enum model_kind kind,
                                         uint64_t first_sector, uint64_t sector_count);

/*
 * May the sector hold `stamp`, when `issued` operations were issued and the first `durable` of
 * them must have happened (except those that failed)?
 */
bool disk_model_accepts(const struct disk_model *model, uint32_t durable, uint32_t issued,
                        uint64_t sector, uint32_t stamp);

/* The same for the size of the disk. */
bool disk_model_accepts_size(const struct disk_model *model, uint32_t durable, uint32_t issued,
                             uint64_t sector_count);

/* The size that the disk has when everything has succeeded. */
uint64_t disk_model_sectors(const struct disk_model *model);

/*
 * Reads the whole disk and judges every sector. `found` (NULL, or capacity entries) gets the
 * stamps. What is wrong is printed.
 */
bool disk_model_verify(const struct disk_model *model, struct vdisk_disk *disk, uint32_t durable,
                       uint32_t issued, uint32_t *found);

#endif
