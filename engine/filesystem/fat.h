/*
 * Makes an empty FAT12, FAT16 or FAT32 file system on a disk that is one volume, as in Microsoft's
 * "FAT32 File System Specification" 1.03: sections "Boot Sector and BPB", "FAT Data Structure",
 * "FAT32 FSInfo Sector Structure and Backup Boot Sector".
 *
 *   reserved sectors   boot sector; FAT32: FSInfo in sector 1, copies of both in 6 and 7
 *   FAT, FAT copy
 *   root directory     FAT12 and FAT16; of fixed size
 *   clusters           FAT32: the root directory is the first
 */
#ifndef VIRTUALDISK_ENGINE_FAT_H
#define VIRTUALDISK_ENGINE_FAT_H

#include "virtualdisk/disk.h"

/* Where the parts of a file system are; all in sectors. */
struct vdisk_fat_layout {
    uint32_t kind; /* 12, 16 or 32 */
    uint32_t sector_bytes;
    uint32_t sector_count;
    uint32_t cluster_sectors;
    uint32_t reserved_sectors;
    uint32_t fat_sectors;  /* of one FAT */
    uint32_t root_entries; /* 0 for FAT32 */
    uint32_t root_sectors; /* 0 for FAT32 */
    uint32_t cluster_count;
};

/*
 * Chooses the kind and the sizes for a disk. VDISK_INVALID for a disk that is too small (under
 * 64 KiB) or too large (2^32 sectors).
 */
enum vdisk_status vdisk_fat_plan(const struct vdisk_disk *disk, struct vdisk_fat_layout *layout,
                                 struct vdisk_error *error);

/* First sector of the cluster area. */
uint32_t vdisk_fat_data_start(const struct vdisk_fat_layout *layout);

/*
 * Formats; the disk's content is lost. `label` is up to 11 characters that FAT allows, in upper
 * case; NULL or "" for none. Flushes.
 */
enum vdisk_status vdisk_fat_format(struct vdisk_disk *disk, const char *label,
                                   struct vdisk_error *error);

#endif
