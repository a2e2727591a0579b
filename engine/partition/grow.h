/* Growing a partition: what the tables of the two kinds do for vdisk_partition_grow. */
#ifndef VIRTUALDISK_ENGINE_PARTITION_GROW_H
#define VIRTUALDISK_ENGINE_PARTITION_GROW_H

#include "virtualdisk/partition.h"

/* What is to be grown, in sectors of the disk. `old_end` < `new_end`. */
struct vdisk_growth {
    struct vdisk_disk *disk;
    uint32_t number;
    uint64_t first;
    uint64_t old_end; /* the sector behind the last one */
    uint64_t new_end;
    uint64_t used_end; /* behind the last partition of the disk, this one grown */
};

/*
 * `plan` checks what only the table itself can tell, and says how many sectors the disk needs.
 * `apply`, after it and with a disk that has them, writes: a power cut leaves the old table or the
 * new one.
 */
enum vdisk_status vdisk_mbr_plan(const struct vdisk_growth *growth, uint64_t *disk_sectors,
                                 struct vdisk_error *error);
enum vdisk_status vdisk_mbr_apply(const struct vdisk_growth *growth, struct vdisk_error *error);
/* The first sector of a disk with a GPT says how long the disk is. */
enum vdisk_status vdisk_mbr_protect(struct vdisk_disk *disk, struct vdisk_error *error);
enum vdisk_status vdisk_gpt_plan(const struct vdisk_growth *growth, uint64_t *disk_sectors,
                                 struct vdisk_error *error);
enum vdisk_status vdisk_gpt_apply(const struct vdisk_growth *growth, struct vdisk_error *error);

/* Why a partition cannot be grown. */
enum vdisk_status vdisk_growth_fail(struct vdisk_error *error, enum vdisk_status status,
                                    const char *reason);

#endif
