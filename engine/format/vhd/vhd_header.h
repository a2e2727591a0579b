/* The dynamic header of a VHD: specification, "Dynamic Disk Header Format". */
#ifndef VIRTUALDISK_ENGINE_VHD_HEADER_H
#define VIRTUALDISK_ENGINE_VHD_HEADER_H

#include "engine/format/vhd/vhd_footer.h"

#define VHD_HEADER_BYTES    1024u
#define VHD_LOCATORS        8u
#define VHD_BLOCK_BYTES_MIN (64u << 10) /* so that tables and checks stay bounded */
#define VHD_BLOCK_BYTES_MAX (256u << 20)
#define VHD_BLOCK_DEFAULT   (2u << 20)

#define VHD_LOCATOR_RELATIVE 0x57327275u /* "W2ru": UTF-16LE */
#define VHD_LOCATOR_ABSOLUTE 0x57326b75u /* "W2ku": UTF-16LE */

struct vhd_locator {
    uint32_t code;         /* 0: unused */
    uint32_t length_bytes; /* of the name; the space around it is not told reliably */
    uint64_t offset_bytes;
};

struct vhd_header {
    uint64_t table_offset;
    uint32_t table_entries; /* at least as many as there are blocks */
    uint32_t block_bytes;
    unsigned char parent_identity[VDISK_GUID_BYTES];
    struct vhd_locator locators[VHD_LOCATORS];
};

/* NULL when the bytes are a whole header that makes sense, else what is wrong with them. */
const char *vhd_header_decode(const unsigned char bytes[VHD_HEADER_BYTES],
                              struct vhd_header *header);

/* A new header without a parent. */
void vhd_header_make(unsigned char bytes[VHD_HEADER_BYTES], uint64_t table_offset,
                     uint32_t table_entries, uint32_t block_bytes);

/* Changes a header, which gets a new checksum. */
void vhd_header_set_table(unsigned char bytes[VHD_HEADER_BYTES], uint64_t table_offset,
                          uint32_t table_entries);

/* The parent's name in the header itself: UTF-16BE. */
#define VHD_PARENT_NAME_UNITS 256u
unsigned char *vhd_header_parent_name(unsigned char bytes[VHD_HEADER_BYTES]);

/* What a header says of its parent, but for the name in it; all other locators are dropped. */
struct vhd_parent_fields {
    const unsigned char *identity;
    struct vhd_locator locators[2]; /* code 0: none */
    uint32_t space_bytes[2];
};
void vhd_header_set_parent(unsigned char bytes[VHD_HEADER_BYTES],
                           const struct vhd_parent_fields *fields);

#endif
