/*
 * The master boot record on the disk: what reading and growing share. Four entries at 446, and a
 * chain of extended boot records, each with one logical drive and a link to the next.
 *
 *   entry:  0 status (0x80: active)   1 first, 5 last sector (CHS)   4 type
 *           8 first sector (LE32)   12 number of sectors (LE32)
 *
 * Sectors count from the beginning of the disk; those of a logical drive from its record, those of
 * a link from the beginning of the extended partition.
 */
#ifndef VIRTUALDISK_ENGINE_PARTITION_MBR_H
#define VIRTUALDISK_ENGINE_PARTITION_MBR_H

#include "engine/partition/table.h"

#define VDISK_MBR_ENTRIES        4u
#define VDISK_MBR_ENTRIES_OFFSET 446u
#define VDISK_MBR_ENTRY_BYTES    16u
#define VDISK_MBR_LOGICAL_FIRST  5u   /* the number of the first logical drive */
#define VDISK_MBR_LOGICAL_MAX    128u /* records that are read */

struct vdisk_mbr_entry {
    uint8_t status;
    uint8_t type;
    uint32_t first;
    uint32_t count;
};

struct vdisk_mbr_entry vdisk_mbr_load_entry(const unsigned char *sector, uint32_t index);

/* The last two bytes that every record has. */
bool vdisk_mbr_has_mark(const unsigned char *sector);
bool vdisk_mbr_is_extended(const struct vdisk_mbr_entry *entry);

/* An extended boot record. */
struct vdisk_mbr_record {
    uint64_t sector;
    uint32_t drive;               /* index of its drive's entry; VDISK_MBR_ENTRIES: it has none */
    uint32_t link;                /* index of the entry that leads to the next record; as above */
    struct vdisk_mbr_entry entry; /* the drive's */
};

struct vdisk_mbr_chain {
    uint64_t base; /* the extended partition, in sectors */
    uint64_t count;
    uint32_t length;
    struct vdisk_mbr_record records[VDISK_MBR_LOGICAL_MAX];
    const char *flaw; /* why it ends before its end; NULL: it does not */
    unsigned char sector[PARTITION_SECTOR];
};

/* Follows the chain of an extended partition; `chain` is to be freed by vdisk_free on success. */
enum vdisk_status vdisk_mbr_chain_read(struct vdisk_disk *disk,
                                       const struct vdisk_mbr_entry *extended,
                                       struct vdisk_mbr_chain **chain, struct vdisk_error *error);

#endif
