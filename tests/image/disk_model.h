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
    MODEL_FLUSH,
    /* Of one of model->snapshots. Each is a flush as well: what came before is durable with it. */
    MODEL_MAKE_SNAPSHOT,
    MODEL_DELETE_SNAPSHOT,
    MODEL_APPLY_SNAPSHOT /* the whole disk becomes what the snapshot holds; its size, too */
};

struct model_operation {
    enum model_kind kind;
    uint64_t first_sector;
    uint64_t sector_count;
    uint32_t stamp;    /* what a write puts into its sectors (sector_pattern.h) */
    uint32_t snapshot; /* of the last three kinds: its index */
    bool failed;       /* it may have happened or not, sector by sector */
    uint32_t event;    /* power cuts: recorded events when it was issued */
    uint32_t answer;   /* power cuts: recorded events when it was answered */
};

#define MODEL_OPERATIONS_MAX 4096u
#define MODEL_SNAPSHOTS_MAX  32u
#define MODEL_NAME_BYTES     16u

/* Holds what the operations before the one that made it have left. */
struct model_snapshot {
    char name[MODEL_NAME_BYTES];
    uint32_t made;         /* by this operation; UINT32_MAX: it was there before the first one */
    uint32_t *base;        /* the stamps of one that was there before; else NULL */
    uint64_t base_sectors; /* its size, likewise */
};

struct disk_model {
    uint32_t first_stamp;  /* of the first operation */
    uint64_t capacity;     /* sectors that base has */
    uint64_t base_sectors; /* the disk's size before the first operation */
    uint32_t *base;        /* stamps before the first operation */
    uint32_t operation_count;
    struct model_operation operations[MODEL_OPERATIONS_MAX];
    bool had_snapshots; /* at some time, also before the first operation */
    uint32_t snapshot_count;
    struct model_snapshot snapshots[MODEL_SNAPSHOTS_MAX];
};

/* Aborts without memory. The base is all zeros. */
struct disk_model *disk_model_create(uint64_t base_sectors, uint64_t capacity,
                                     uint32_t first_stamp);
void disk_model_destroy(struct disk_model *model);

/* Notes an operation before it is issued, as one that succeeds. */
struct model_operation *disk_model_issue(struct disk_model *model, enum model_kind kind,
                                         uint64_t first_sector, uint64_t sector_count);

/* Does the operation end with a flush? */
bool disk_model_flushes(const struct model_operation *operation);

/*
 * Adds a snapshot that the next operation makes, or one that is there already: then `base` is
 * copied. NULL when there are as many as there can be.
 */
struct model_snapshot *disk_model_add_snapshot(struct disk_model *model, const char *name,
                                               const uint32_t *base, uint64_t base_sectors);

/*
 * May the sector hold `stamp`, when `issued` operations were issued and the first `durable` of
 * them must have happened (except those that failed)?
 */
bool disk_model_accepts(const struct disk_model *model, uint32_t durable, uint32_t issued,
                        uint64_t sector, uint32_t stamp);

/* The same for the size of the disk. */
bool disk_model_accepts_size(const struct disk_model *model, uint32_t durable, uint32_t issued,
                             uint64_t sector_count);

/* Must the snapshot be there, under the same conditions, and may it be there? */
void disk_model_expects(const struct disk_model *model, uint32_t durable, uint32_t issued,
                        uint32_t snapshot, bool *must, bool *may);

/*
 * Reads the whole disk and judges every sector. `found` (NULL, or capacity entries) gets the
 * stamps. What is wrong is printed.
 */
bool disk_model_verify(const struct disk_model *model, struct vdisk_disk *disk, uint32_t durable,
                       uint32_t issued, uint32_t *found);

/* The same for sectors that were read already. */
bool disk_model_verify_bytes(const struct disk_model *model, const void *bytes,
                             uint64_t first_sector, uint64_t sector_count, uint32_t durable,
                             uint32_t issued);

/* The same for a snapshot that is there. */
bool disk_model_verify_snapshot(const struct disk_model *model, uint32_t snapshot,
                                struct vdisk_disk *disk, uint32_t *found);

#endif
