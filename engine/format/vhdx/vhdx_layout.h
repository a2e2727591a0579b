/*
 * What a VHDX file looks like: [MS-VHDX] "Virtual Hard Disk v2 (VHDX) File Format", section 2.
 * Everything is little-endian; checksums are CRC-32C with their own field zeroed.
 *
 *       0  +-----------------------+
 *          | file type identifier  |  "vhdxfile", creator                              2.2.1
 *   64 KiB +-----------------------+
 *          | header 1              |  of the two, the valid one with the greater       2.2.2
 *  128 KiB +-----------------------+  sequence number counts; an update goes to the
 *          | header 2              |  other one
 *  192 KiB +-----------------------+
 *          | region table 1        |  where the BAT and the metadata are               2.2.3
 *  256 KiB +-----------------------+
 *          | region table 2        |  a copy
 *  320 KiB +-----------------------+
 *          | reserved              |
 *    1 MiB +-----------------------+  from here on: whole MiB, in any order, gaps allowed
 *          | log                   |  a ring of entries in 4 KiB sectors               2.3
 *          +-----------------------+
 *          | metadata region       |  a table of 64 KiB and the items that it names    2.6
 *          +-----------------------+
 *          | BAT region            |  8 bytes a block                                  2.5
 *          +-----------------------+
 *          | payload blocks        |  1..256 MiB each                                  2.4
 *          | sector bitmap blocks  |  1 MiB each, for differencing images
 *          +-----------------------+
 *
 * The BAT has a chunk of payload entries, then one entry for the chunk's sector bitmap, and so on;
 * a chunk is as many blocks as have 2^23 sectors. A log entry is
 *
 *   header (64 bytes), descriptors (32 bytes each; 126 fit into the first sector, 128 into each
 *   further one), then one sector for each data descriptor.
 */
#ifndef VIRTUALDISK_ENGINE_VHDX_LAYOUT_H
#define VIRTUALDISK_ENGINE_VHDX_LAYOUT_H

#include "engine/base/guid.h"

#define VHDX_MIB UINT64_C(1048576)
#define VHDX_TIB UINT64_C(1099511627776)

#define VHDX_FILE_SIGNATURE       "vhdxfile"
#define VHDX_FILE_SIGNATURE_BYTES 8u

/* Header (2.2.2) */
#define VHDX_HEADER_BYTES           4096u
#define VHDX_HEADER_COUNT           2u
#define VHDX_HEADER_OFFSET(slot)    ((uint64_t)65536 * ((slot) + 1))
#define VHDX_HEADER_CHECKSUM        4u
#define VHDX_HEADER_SEQUENCE        8u
#define VHDX_HEADER_FILE_WRITE_GUID 16u
#define VHDX_HEADER_DATA_WRITE_GUID 32u
#define VHDX_HEADER_LOG_GUID        48u
#define VHDX_HEADER_LOG_VERSION     64u
#define VHDX_HEADER_VERSION         66u
#define VHDX_HEADER_LOG_LENGTH      68u
#define VHDX_HEADER_LOG_OFFSET      72u

/* Region table (2.2.3) */
#define VHDX_REGION_TABLE_BYTES        65536u
#define VHDX_REGION_TABLE_COUNT        2u
#define VHDX_REGION_TABLE_OFFSET(copy) ((uint64_t)65536 * ((copy) + 3))
#define VHDX_REGION_CHECKSUM           4u
#define VHDX_REGION_ENTRY_COUNT        8u
#define VHDX_REGION_ENTRIES            16u
#define VHDX_REGION_ENTRY_BYTES        32u
#define VHDX_REGION_ENTRIES_MAX        2047u
#define VHDX_HEADERS_END               VHDX_MIB

/* Log (2.3) */
#define VHDX_LOG_SECTOR_BYTES        4096u
#define VHDX_LOG_CHECKSUM            4u
#define VHDX_LOG_ENTRY_LENGTH        8u
#define VHDX_LOG_TAIL                12u
#define VHDX_LOG_SEQUENCE            16u
#define VHDX_LOG_DESCRIPTOR_COUNT    24u
#define VHDX_LOG_GUID                32u
#define VHDX_LOG_FLUSHED_OFFSET      48u
#define VHDX_LOG_LAST_OFFSET         56u
#define VHDX_LOG_ENTRY_HEADER_BYTES  64u
#define VHDX_LOG_DESCRIPTOR_BYTES    32u
#define VHDX_LOG_FIRST_DESCRIPTORS   126u /* in an entry's first sector */
#define VHDX_LOG_DESCRIPTORS         128u /* in a further one */
#define VHDX_LOG_DESCRIPTOR_TRAILING 4u   /* data: the page's last 4 bytes */
#define VHDX_LOG_DESCRIPTOR_LEADING  8u   /* data: its first 8 bytes; zero: length */
#define VHDX_LOG_DESCRIPTOR_OFFSET   16u
#define VHDX_LOG_DESCRIPTOR_SEQUENCE 24u
#define VHDX_LOG_DATA_SEQUENCE_HIGH  4u
#define VHDX_LOG_DATA_SEQUENCE_LOW   4092u

/* Metadata (2.6) */
#define VHDX_METADATA_TABLE_BYTES  65536u
#define VHDX_METADATA_ENTRY_COUNT  10u
#define VHDX_METADATA_ENTRIES      32u
#define VHDX_METADATA_ENTRY_BYTES  32u
#define VHDX_METADATA_ENTRIES_MAX  2047u
#define VHDX_METADATA_ENTRY_OFFSET 16u
#define VHDX_METADATA_ENTRY_LENGTH 20u
#define VHDX_METADATA_ENTRY_FLAGS  24u
#define VHDX_METADATA_IS_USER      1u
#define VHDX_METADATA_IS_DISK      2u
#define VHDX_METADATA_IS_REQUIRED  4u
#define VHDX_PARAMETER_FIXED       1u /* LeaveBlocksAllocated */
#define VHDX_PARAMETER_HAS_PARENT  2u
#define VHDX_LOCATOR_COUNT         18u
#define VHDX_LOCATOR_ENTRIES       20u
#define VHDX_LOCATOR_ENTRY_BYTES   12u
#define VHDX_LOCATOR_BYTES_MAX     32768u /* of those that are written here */
#define VHDX_ITEM_BYTES_MAX        VHDX_MIB

/* BAT (2.5) */
#define VHDX_BAT_ENTRY_BYTES    8u
#define VHDX_BAT_STATE_MASK     UINT64_C(7)
#define VHDX_BAT_RESERVED_MASK  UINT64_C(0xffff8)
#define VHDX_BAT_MB_SHIFT       20u
#define VHDX_CHUNK_SECTORS      UINT64_C(8388608)
#define VHDX_BITMAP_BLOCK_BYTES VHDX_MIB
#define VHDX_BLOCK_BYTES_MIN    ((uint32_t)VHDX_MIB)
#define VHDX_BLOCK_BYTES_MAX    ((uint32_t)(256 * VHDX_MIB))
#define VHDX_DISK_BYTES_MAX     (64 * VHDX_TIB)
#define VHDX_FILE_BYTES_MAX     (128 * VHDX_TIB) /* no image needs as much */

enum vhdx_block_state {
    VHDX_BLOCK_NOT_PRESENT = 0, /* the parent's, or zeros */
    VHDX_BLOCK_UNDEFINED = 1,
    VHDX_BLOCK_ZERO = 2,
    VHDX_BLOCK_UNMAPPED = 3,
    VHDX_BLOCK_UNMAPPED_OLD = 5, /* version 0.95 of the format */
    VHDX_BLOCK_FULL = 6,
    VHDX_BLOCK_PARTIAL = 7 /* the sector bitmap says which sectors are here */
};
#define VHDX_BITMAP_PRESENT ((uint32_t)VHDX_BLOCK_FULL)

extern const unsigned char vhdx_guid_bat[VDISK_GUID_BYTES];
extern const unsigned char vhdx_guid_metadata[VDISK_GUID_BYTES];
extern const unsigned char vhdx_guid_file_parameters[VDISK_GUID_BYTES];
extern const unsigned char vhdx_guid_disk_size[VDISK_GUID_BYTES];
extern const unsigned char vhdx_guid_disk_id[VDISK_GUID_BYTES];
extern const unsigned char vhdx_guid_logical_sector[VDISK_GUID_BYTES];
extern const unsigned char vhdx_guid_physical_sector[VDISK_GUID_BYTES];
extern const unsigned char vhdx_guid_parent_locator[VDISK_GUID_BYTES];
extern const unsigned char vhdx_guid_locator_type[VDISK_GUID_BYTES];

#endif
