/*
 * The GUID partition table on the disk (UEFI specification, 5.3): what reading and growing share.
 *
 *   header:  0 "EFI PART"  12 its size  16 its CRC-32  24 its sector  32 the other header's sector
 *            40 first, 48 last usable sector  56 disk id  72 the array's sector  80 entries
 *            84 bytes an entry  88 CRC-32 of the array
 *   entry:   0 type  16 id  32 first sector  40 last sector  48 attributes  56 name (UTF-16)
 */
#ifndef VIRTUALDISK_ENGINE_PARTITION_GPT_H
#define VIRTUALDISK_ENGINE_PARTITION_GPT_H

#include "virtualdisk/partition.h"

#define VDISK_GPT_FIRST_HEADER 1u /* its sector */

struct vdisk_gpt {
    uint64_t sector;
    uint64_t other_sector;
    uint64_t first_usable;
    uint64_t last_usable;
    uint64_t array_sector;
    uint64_t array_sectors;
    uint32_t entry_count;
    uint32_t entry_bytes;
    uint32_t array_crc;
    uint8_t disk_id[VDISK_PARTITION_GUID_BYTES];
};

/*
 * Reads a header into a buffer of PARTITION_SECTOR bytes, and checks it; its own sum is zero
 * there then. `gpt` is what the sector says, even when it is damaged.
 */
enum vdisk_status vdisk_gpt_read_header(struct vdisk_disk *disk, uint64_t sector,
                                        unsigned char *header, struct vdisk_gpt *gpt,
                                        struct vdisk_error *error);

#endif
