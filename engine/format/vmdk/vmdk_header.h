/*
 * The header of a hosted sparse extent (section "Hosted Sparse Extents"), little-endian, packed:
 *
 *   0  u32 magic "KDMV"        36  u64 descriptorSize     72  u8  uncleanShutdown
 *   4  u32 version             44  u32 numGTEsPerGT       73  u8  '\n'
 *   8  u32 flags               48  u64 rgdOffset          74  u8  ' '
 *  12  u64 capacity            56  u64 gdOffset           75  u8  '\r'
 *  20  u64 grainSize           64  u64 overHead           76  u8  '\n'
 *  28  u64 descriptorOffset                               77  u16 compressAlgorithm
 *                                                         79  zeros, to 512
 *
 * Offsets and sizes are sectors.
 */
#ifndef VIRTUALDISK_ENGINE_VMDK_HEADER_H
#define VIRTUALDISK_ENGINE_VMDK_HEADER_H

#include "virtualdisk/file.h"

#define VMDK_MAGIC_HOSTED UINT32_C(0x564d444b) /* "KDMV" */
#define VMDK_MAGIC_COWD   UINT32_C(0x44574f43) /* "COWD" */

#define VMDK_FLAG_NEWLINES   (UINT32_C(1) << 0)
#define VMDK_FLAG_REDUNDANT  (UINT32_C(1) << 1)
#define VMDK_FLAG_ZERO_ENTRY (UINT32_C(1) << 2)
#define VMDK_FLAG_COMPRESSED (UINT32_C(1) << 16)
#define VMDK_FLAG_MARKERS    (UINT32_C(1) << 17)
#define VMDK_FLAGS_KNOWN                                                                           \
    (VMDK_FLAG_NEWLINES | VMDK_FLAG_REDUNDANT | VMDK_FLAG_ZERO_ENTRY | VMDK_FLAG_COMPRESSED |      \
     VMDK_FLAG_MARKERS)

#define VMDK_HEADER_BYTES          512u
#define VMDK_VERSION_PLAIN         1u
#define VMDK_VERSION_STREAM        3u /* also: change tracking in plain extents */
#define VMDK_GD_AT_END             UINT64_MAX
#define VMDK_UNCLEAN_OFFSET        72u
#define VMDK_TABLE_ENTRIES         512u
#define VMDK_DIRECTORY_ENTRIES_MAX (UINT64_C(1) << 25) /* bounds how long a check can take */
#define VMDK_GRAIN_BYTES_MAX       (UINT32_C(1) << 20)
#define VMDK_PACKED_GRAIN_MAX      (UINT32_C(1) << 19) /* with its worst case below 1 MiB */
#define VMDK_SECTORS_MAX           (UINT64_C(1) << 53) /* sectors of a disk, so that bytes fit */

/* Decoded; nothing is checked but the magic. */
struct vmdk_header {
    uint32_t version;
    uint32_t flags;
    uint64_t capacity_sectors;
    uint64_t grain_sectors;
    uint64_t descriptor_sector;
    uint64_t descriptor_sectors;
    uint32_t table_entries;
    uint64_t twin_directory_sector; /* rgdOffset */
    uint64_t directory_sector;      /* gdOffset */
    uint64_t overhead_sectors;
    bool unclean;
    bool newlines_intact;
    uint16_t compression;
};

/* Reads the header at an offset; VDISK_WRONG_FORMAT when its magic is not there. */
enum vdisk_status vmdk_header_read(struct vdisk_file *file, uint64_t offset_bytes,
                                   struct vmdk_header *header, struct vdisk_error *error);

/* Is it one that this engine understands, with sizes within the format's limits? */
enum vdisk_status vmdk_header_check(const struct vdisk_file *file, const struct vmdk_header *header,
                                    uint64_t offset_bytes, struct vdisk_error *error);

/* Puts a header of 512 bytes into `bytes`. */
void vmdk_header_encode(const struct vmdk_header *header, unsigned char *bytes);

#endif
