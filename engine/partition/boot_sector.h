/* Boot sectors of file systems that Windows has, which look much like a master boot record. */
#ifndef VIRTUALDISK_ENGINE_PARTITION_BOOT_SECTOR_H
#define VIRTUALDISK_ENGINE_PARTITION_BOOT_SECTOR_H

#include "virtualdisk/disk.h"

enum vdisk_boot_sector_kind {
    VDISK_BOOT_SECTOR_NONE,
    VDISK_BOOT_SECTOR_FAT12,
    VDISK_BOOT_SECTOR_FAT16,
    VDISK_BOOT_SECTOR_FAT32,
    VDISK_BOOT_SECTOR_EXFAT,
    VDISK_BOOT_SECTOR_NTFS,
    VDISK_BOOT_SECTOR_REFS,
    VDISK_BOOT_SECTOR_BITLOCKER
};

/* Where FAT keeps its root directory, in bytes from the beginning of the file system. */
struct vdisk_fat_layout {
    uint64_t root_bytes;
    uint64_t root_length_bytes; /* of FAT32: its first cluster */
    uint32_t boot_label_offset; /* in the boot sector, 11 bytes; 0: it has none */
};

/* Of the first VDISK_SECTOR_BYTES of a file system. */
enum vdisk_boot_sector_kind vdisk_boot_sector_kind(const unsigned char *sector);

/* Only for a boot sector of FAT. */
struct vdisk_fat_layout vdisk_boot_sector_fat_layout(const unsigned char *sector);

#endif
