#include "engine/format/vhd/vhd_footer.h"
#include "engine/base/endian.h"

#define COOKIE               "conectix"
#define COOKIE_BYTES         8u
#define VERSION_MAJOR_MINOR  0x00010000u
#define FEATURE_RESERVED     2u /* always set */
#define SECONDS_1970_TO_2000 UINT64_C(946684800)

enum {
    AT_FEATURES = 8,
    AT_VERSION = 12,
    AT_DATA_OFFSET = 16,
    AT_TIMESTAMP = 24,
    AT_CREATOR = 28,
    AT_CREATOR_VERSION = 32,
    AT_CREATOR_SYSTEM = 36,
    AT_ORIGINAL_SIZE = 40,
    AT_CURRENT_SIZE = 48,
    AT_GEOMETRY = 56,
    AT_TYPE = 60,
    AT_CHECKSUM = 64,
    AT_IDENTITY = 68
};

uint32_t vhd_checksum(const unsigned char *bytes, size_t length_bytes, size_t checksum_position)
{
    uint32_t sum = 0;

    for (size_t index = 0; index < length_bytes; index++) {
        if (index < checksum_position || index >= checksum_position + 4)
            sum += bytes[index];
    }
    return ~sum;
}

uint32_t vhd_timestamp(void)
{
    return (uint32_t)(vdisk_time() - SECONDS_1970_TO_2000);
}

bool vhd_footer_is_present(const unsigned char *bytes)
{
    return memcmp(bytes, COOKIE, COOKIE_BYTES) == 0;
}

static const char *check_size(uint64_t size_bytes)
{
    if (size_bytes == 0 || !vdisk_is_aligned(size_bytes, VDISK_SECTOR_BYTES))
        return "the size of the disk is not a number of whole sectors";
    if (size_bytes > VHD_DISK_BYTES_MAX)
        return "the disk is larger than 2040 GiB";
    return NULL;
}

const char *vhd_footer_decode(const unsigned char bytes[VHD_FOOTER_BYTES],
                              struct vhd_footer *footer)
{
    if (!vhd_footer_is_present(bytes))
        return "the cookie is missing";
    if (vdisk_load_be32(bytes + AT_CHECKSUM) != vhd_checksum(bytes, VHD_FOOTER_BYTES, AT_CHECKSUM))
        return "the checksum does not match";
    if (vdisk_load_be32(bytes + AT_VERSION) >> 16 != VERSION_MAJOR_MINOR >> 16)
        return "the version is not 1";
    footer->type = vdisk_load_be32(bytes + AT_TYPE);
    if (footer->type != VHD_FIXED && footer->type != VHD_DYNAMIC &&
        footer->type != VHD_DIFFERENCING)
        return "the type of the disk is none of fixed, dynamic and differencing";
    footer->data_offset = vdisk_load_be64(bytes + AT_DATA_OFFSET);
    footer->current_size = vdisk_load_be64(bytes + AT_CURRENT_SIZE);
    memcpy(footer->identity, bytes + AT_IDENTITY, VDISK_GUID_BYTES);
    return check_size(footer->current_size);
}

static void seal(unsigned char bytes[VHD_FOOTER_BYTES])
{
    vdisk_store_be32(bytes + AT_CHECKSUM, vhd_checksum(bytes, VHD_FOOTER_BYTES, AT_CHECKSUM));
}

/* Cylinders, heads and sectors by the appendix; old guests boot by them. */
static void set_geometry(unsigned char bytes[VHD_FOOTER_BYTES], uint64_t size_bytes)
{
    const uint64_t sector_limit = UINT64_C(65535) * 16 * 255;
    const uint32_t total = (uint32_t)vdisk_min_u64(size_bytes / VDISK_SECTOR_BYTES, sector_limit);
    uint32_t sectors = 17;
    uint32_t rows = total / sectors; /* cylinders times heads */
    uint32_t heads = (rows + 1023) / 1024;

    if (heads < 4)
        heads = 4;
    if (rows >= heads * 1024 || heads > 16) {
        sectors = 31;
        heads = 16;
        rows = total / sectors;
    }
    if (rows >= heads * 1024) {
        sectors = 63;
        heads = 16;
        rows = total / sectors;
    }
    if (total >= 65535u * 16 * 63) {
        sectors = 255;
        heads = 16;
        rows = total / sectors;
    }
    vdisk_store_be16(bytes + AT_GEOMETRY, (uint16_t)(rows / heads));
    bytes[AT_GEOMETRY + 2] = (unsigned char)heads;
    bytes[AT_GEOMETRY + 3] = (unsigned char)sectors;
}

void vhd_footer_make(unsigned char bytes[VHD_FOOTER_BYTES], uint32_t type, uint64_t size_bytes)
{
    memset(bytes, 0, VHD_FOOTER_BYTES);
    memcpy(bytes, COOKIE, COOKIE_BYTES);
    vdisk_store_be32(bytes + AT_FEATURES, FEATURE_RESERVED);
    vdisk_store_be32(bytes + AT_VERSION, VERSION_MAJOR_MINOR);
    vdisk_store_be64(bytes + AT_DATA_OFFSET, type == VHD_FIXED ? VHD_NO_OFFSET : VHD_FOOTER_BYTES);
    vdisk_store_be32(bytes + AT_TIMESTAMP, vhd_timestamp());
    vdisk_store_be32(bytes + AT_CREATOR_VERSION, 0x000a0000);
    memcpy(bytes + AT_CREATOR_SYSTEM, "Wi2k", 4);
    vdisk_store_be64(bytes + AT_ORIGINAL_SIZE, size_bytes);
    vdisk_store_be32(bytes + AT_TYPE, type);
    vdisk_guid_make(bytes + AT_IDENTITY, VDISK_GUID_BE);
    vhd_footer_set_size(bytes, size_bytes);
}

void vhd_footer_set_size(unsigned char bytes[VHD_FOOTER_BYTES], uint64_t size_bytes)
{
    vdisk_store_be64(bytes + AT_CURRENT_SIZE, size_bytes);
    set_geometry(bytes, size_bytes);
    /* Some tools take the size from the geometry, which rounds it, unless Windows is the creator.
     */
    memcpy(bytes + AT_CREATOR, "win ", 4);
    seal(bytes);
}

void vhd_footer_set_data_offset(unsigned char bytes[VHD_FOOTER_BYTES], uint64_t data_offset)
{
    vdisk_store_be64(bytes + AT_DATA_OFFSET, data_offset);
    seal(bytes);
}
