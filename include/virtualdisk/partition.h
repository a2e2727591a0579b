/*
 * The partitions of a disk: MBR with logical drives, and GPT. One thread at a time, at
 * PASSIVE_LEVEL.
 */
#ifndef VIRTUALDISK_PARTITION_H
#define VIRTUALDISK_PARTITION_H

#include "virtualdisk/disk.h"

#define VDISK_PARTITION_GUID_BYTES 16
#define VDISK_PARTITION_NAME_UNITS 36
#define VDISK_PARTITION_TEXT_BYTES 128 /* of an id or a name as text, with its NUL */
#define VDISK_PARTITION_NOTES_MAX  4

enum vdisk_partition_style {
    VDISK_PARTITION_NONE, /* the disk has no table: it is one volume, or empty */
    VDISK_PARTITION_MBR,
    VDISK_PARTITION_GPT
};

/* GUIDs are bytes as on the disk, which is how Windows has them in memory. */
struct vdisk_partition {
    uint32_t number;       /* from 1, as its slot; logical drives from 5 */
    uint64_t offset_bytes; /* whole sectors, not empty, inside the disk, not shared with others */
    uint64_t size_bytes;
    uint8_t mbr_type;
    bool mbr_active;
    uint8_t gpt_type[VDISK_PARTITION_GUID_BYTES];
    uint8_t gpt_id[VDISK_PARTITION_GUID_BYTES];
    uint64_t gpt_attributes;
    uint16_t gpt_name[VDISK_PARTITION_NAME_UNITS]; /* UTF-16, NUL-padded, unchecked */
};

struct vdisk_partition_table {
    enum vdisk_partition_style style;
    uint32_t mbr_signature;
    uint8_t disk_id[VDISK_PARTITION_GUID_BYTES]; /* GPT */
    uint32_t note_count;
    const char *notes[VDISK_PARTITION_NOTES_MAX]; /* what was odd, and passed over */
    bool incomplete;                              /* entries were left out */
    uint32_t count;
    struct vdisk_partition *partitions; /* in the order of their numbers */
};

/*
 * Reads the table. VDISK_CORRUPT for a GPT of which both copies are damaged; VDISK_UNSUPPORTED for
 * one that was written for sectors of another size. Entries that make no sense are passed over and
 * noted; so is a damaged copy of a GPT when the other one is good. A CD has no table: those for
 * hard disks that may be on it count other sectors than its own.
 */
enum vdisk_status vdisk_partitions_read(struct vdisk_disk *disk,
                                        struct vdisk_partition_table *table,
                                        struct vdisk_error *error);

/* Also for a table that is all zero. */
void vdisk_partitions_free(struct vdisk_partition_table *table);

/* NULL: there is no partition of this number. */
const struct vdisk_partition *vdisk_partition_find(const struct vdisk_partition_table *table,
                                                   uint32_t number);

/*
 * A partition that is to become longer where it is: `partition` as vdisk_partitions_read has it,
 * `size_bytes` whole sectors and more than it has. Tells how long the disk must be for that: as
 * long as it is, or a larger number of MiB. VDISK_INVALID when something else is in the way,
 * VDISK_CORRUPT for a table with entries that were left out or of which the first copy is damaged.
 */
enum vdisk_status vdisk_partition_plan(struct vdisk_disk *disk,
                                       const struct vdisk_partition *partition, uint64_t size_bytes,
                                       uint64_t *disk_bytes, struct vdisk_error *error);

/*
 * Does it, on a disk that is long enough: writes the table, both copies of a GPT, the second one to
 * the end of the disk, and flushes. What the partition holds stays as it is. After a power cut the
 * partition has its old size or the new one.
 */
enum vdisk_status vdisk_partition_grow(struct vdisk_disk *disk,
                                       const struct vdisk_partition *partition, uint64_t size_bytes,
                                       struct vdisk_error *error);

/* What its type says, for people: "EFI system", "Linux", ...; NULL for a type that is unknown. */
const char *vdisk_partition_type_name(const struct vdisk_partition_table *table,
                                      const struct vdisk_partition *partition);

/* An id as text: "c12a7328-f81f-11d2-ba4b-00a0c93ec93b". */
void vdisk_partition_id_text(const uint8_t id[VDISK_PARTITION_GUID_BYTES],
                             char text[VDISK_PARTITION_TEXT_BYTES]);

/* The GPT's name for it in UTF-8, without control characters; "" where there is none. */
void vdisk_partition_name(const struct vdisk_partition *partition,
                          char text[VDISK_PARTITION_TEXT_BYTES]);

/* By its type, does it hold a user's data? Not so firmware, boot loaders, reserves, swap. */
bool vdisk_partition_holds_data(const struct vdisk_partition_table *table,
                                const struct vdisk_partition *partition);

#endif
