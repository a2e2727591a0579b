/* The footer of a VHD: specification, "Hard Disk Footer Format" and appendix "CHS Calculation". */
#ifndef VIRTUALDISK_ENGINE_VHD_FOOTER_H
#define VIRTUALDISK_ENGINE_VHD_FOOTER_H

#include "engine/format/format.h"
#include "engine/base/guid.h"

#define VHD_FOOTER_BYTES     512u
#define VHD_OLD_FOOTER_BYTES 511u /* Virtual PC before 2004 */
#define VHD_DISK_BYTES_MAX   (UINT64_C(2040) << 30)
#define VHD_NO_OFFSET        UINT64_MAX

enum vhd_type { VHD_FIXED = 2, VHD_DYNAMIC = 3, VHD_DIFFERENCING = 4 };

struct vhd_footer {
    uint64_t data_offset; /* of the dynamic header; VHD_NO_OFFSET for fixed */
    uint64_t current_size;
    uint32_t type;
    unsigned char identity[VDISK_GUID_BYTES];
};

/* Do the bytes start with a footer's cookie? */
bool vhd_footer_is_present(const unsigned char *bytes);

/* NULL when the bytes are a whole footer that makes sense, else what is wrong with them. */
const char *vhd_footer_decode(const unsigned char bytes[VHD_FOOTER_BYTES],
                              struct vhd_footer *footer);

/* A new footer, with the time of now and a new identity. */
void vhd_footer_make(unsigned char bytes[VHD_FOOTER_BYTES], uint32_t type, uint64_t size_bytes);

/* Changes a footer, which gets a new checksum. */
void vhd_footer_set_size(unsigned char bytes[VHD_FOOTER_BYTES], uint64_t size_bytes);
void vhd_footer_set_data_offset(unsigned char bytes[VHD_FOOTER_BYTES], uint64_t data_offset);

/* One's complement of the sum of all bytes but those of the checksum itself. */
uint32_t vhd_checksum(const unsigned char *bytes, size_t length_bytes, size_t checksum_position);

/* Seconds since 2000-01-01 UTC, as VHD counts. */
uint32_t vhd_timestamp(void);

#endif
