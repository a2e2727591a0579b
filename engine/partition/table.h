/* What the two kinds of partition tables share. */
#ifndef VIRTUALDISK_ENGINE_PARTITION_TABLE_H
#define VIRTUALDISK_ENGINE_PARTITION_TABLE_H

#include "virtualdisk/partition.h"

#define PARTITIONS_MAX   1024u /* that are read */
#define PARTITION_SECTOR 4096u /* the largest sector */

/* Empties the table and makes room for `capacity` partitions, at most PARTITIONS_MAX. */
enum vdisk_status vdisk_table_reserve(struct vdisk_partition_table *table, uint32_t capacity,
                                      struct vdisk_error *error);

/* Notes what was odd, once; beyond VDISK_PARTITION_NOTES_MAX the first notes say enough. */
void vdisk_table_note(struct vdisk_partition_table *table, const char *note);

/* Notes that an entry, or more, is left out. */
void vdisk_table_leave_out(struct vdisk_partition_table *table, const char *note);

/*
 * Adds a partition, whose place is in sectors, if it makes sense: not empty, on the disk, apart
 * from the others. Otherwise the table gets a note.
 */
void vdisk_table_add(struct vdisk_partition_table *table, const struct vdisk_disk *disk,
                     const struct vdisk_partition *partition, uint64_t first_sector,
                     uint64_t sector_count);

uint64_t vdisk_table_disk_sectors(const struct vdisk_disk *disk);

/* One sector of the disk, which has it, into a buffer of PARTITION_SECTOR bytes. */
enum vdisk_status vdisk_table_read_sector(struct vdisk_disk *disk, uint64_t sector,
                                          unsigned char *buffer, struct vdisk_error *error);

/* mbr.c: `sector` holds the first sector. Does it have a table at all, and one for a GPT? */
bool vdisk_mbr_is_table(const unsigned char *sector);
bool vdisk_mbr_is_protective(const unsigned char *sector);
enum vdisk_status vdisk_mbr_read(struct vdisk_disk *disk, const unsigned char *sector,
                                 struct vdisk_partition_table *table, struct vdisk_error *error);

/* gpt.c: `is_present` looks for a good header in the second sector, whatever the first one says. */
enum vdisk_status vdisk_gpt_read(struct vdisk_disk *disk, struct vdisk_partition_table *table,
                                 struct vdisk_error *error);
bool vdisk_gpt_is_present(struct vdisk_disk *disk);

#endif
