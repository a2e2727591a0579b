/* The first sector of a VDI. */
#ifndef VIRTUALDISK_ENGINE_VDI_HEADER_H
#define VIRTUALDISK_ENGINE_VDI_HEADER_H

#include "engine/format/format.h"
#include "engine/base/guid.h"

#define VDI_SECTOR_BYTES    512u
#define VDI_HEADER_END      456u /* of the fields that every version 1.1 has */
#define VDI_BLOCK_BYTES_MIN 4096u
#define VDI_BLOCK_BYTES_MAX (1u << 30)
#define VDI_BLOCK_DEFAULT   (1u << 20)
#define VDI_BLOCKS_MAX      (64u << 20) /* a map of 256 MiB */
#define VDI_COMMENT_BYTES   256u

enum vdi_type { VDI_DYNAMIC = 1, VDI_FIXED = 2, VDI_UNDO = 3, VDI_DIFFERENCING = 4 };

struct vdi_header {
    uint32_t type;
    uint64_t table_offset;
    uint64_t data_offset;
    uint64_t disk_bytes; /* whole sectors: what is beyond the last whole one is in its block */
    uint32_t block_bytes;
    uint32_t extra_bytes;
    uint32_t block_count;
    uint32_t allocated_count;
    unsigned char identity[VDISK_GUID_BYTES];
    unsigned char content_identity[VDISK_GUID_BYTES];
    unsigned char parent_identity[VDISK_GUID_BYTES];
    unsigned char parent_content_identity[VDISK_GUID_BYTES];
};

bool vdi_header_is_present(const unsigned char *sector);

/*
 * Reads and checks the header. On failure *reason tells why: VDISK_WRONG_FORMAT, VDISK_CORRUPT or
 * VDISK_UNSUPPORTED.
 */
enum vdisk_status vdi_header_decode(const unsigned char sector[VDI_SECTOR_BYTES],
                                    struct vdi_header *header, const char **reason);

/* A new first sector for the given header, whose identities are made. */
void vdi_header_make(unsigned char sector[VDI_SECTOR_BYTES], struct vdi_header *header);

/* Brings those fields up to date that change in an image's life. */
void vdi_header_update(unsigned char sector[VDI_SECTOR_BYTES], const struct vdi_header *header);

/* Names the parent in a way that other programs take for a comment. False: too long. */
bool vdi_header_set_parent_name(unsigned char sector[VDI_SECTOR_BYTES], const char *name);

/* The parent's name in the comment, copied to `name` (VDI_COMMENT_BYTES); "" when there is none. */
void vdi_header_get_parent_name(const unsigned char sector[VDI_SECTOR_BYTES], char *name);

#endif
