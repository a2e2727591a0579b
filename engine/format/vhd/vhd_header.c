#include "engine/format/vhd/vhd_header.h"
#include "engine/base/endian.h"

#define COOKIE       "cxsparse"
#define COOKIE_BYTES 8u
#define VERSION      0x00010000u

enum {
    AT_DATA_OFFSET = 8, /* unused: all ones */
    AT_TABLE_OFFSET = 16,
    AT_VERSION = 24,
    AT_TABLE_ENTRIES = 28,
    AT_BLOCK_BYTES = 32,
    AT_CHECKSUM = 36,
    AT_PARENT_IDENTITY = 40,
    AT_PARENT_TIMESTAMP = 56,
    AT_PARENT_NAME = 64,
    AT_LOCATORS = 576,
    LOCATOR_BYTES = 24,
    LOCATOR_AT_SPACE = 4,
    LOCATOR_AT_LENGTH = 8,
    LOCATOR_AT_OFFSET = 16
};

static void decode_locator(const unsigned char *bytes, struct vhd_locator *locator)
{
    locator->code = vdisk_load_be32(bytes);
    locator->length_bytes = vdisk_load_be32(bytes + LOCATOR_AT_LENGTH);
    locator->offset_bytes = vdisk_load_be64(bytes + LOCATOR_AT_OFFSET);
}

const char *vhd_header_decode(const unsigned char bytes[VHD_HEADER_BYTES],
                              struct vhd_header *header)
{
    if (memcmp(bytes, COOKIE, COOKIE_BYTES) != 0)
        return "the cookie is missing";
    if (vdisk_load_be32(bytes + AT_CHECKSUM) != vhd_checksum(bytes, VHD_HEADER_BYTES, AT_CHECKSUM))
        return "the checksum does not match";
    if (vdisk_load_be32(bytes + AT_VERSION) >> 16 != VERSION >> 16)
        return "the version is not 1";
    header->table_offset = vdisk_load_be64(bytes + AT_TABLE_OFFSET);
    header->table_entries = vdisk_load_be32(bytes + AT_TABLE_ENTRIES);
    header->block_bytes = vdisk_load_be32(bytes + AT_BLOCK_BYTES);
    memcpy(header->parent_identity, bytes + AT_PARENT_IDENTITY, VDISK_GUID_BYTES);
    for (uint32_t index = 0; index < VHD_LOCATORS; index++)
        decode_locator(bytes + AT_LOCATORS + index * LOCATOR_BYTES, &header->locators[index]);
    if (!vdisk_is_power_of_two(header->block_bytes))
        return "the block size is no power of two";
    if (header->block_bytes < VHD_BLOCK_BYTES_MIN || header->block_bytes > VHD_BLOCK_BYTES_MAX)
        return "the block size is not between 64 KiB and 256 MiB";
    if (!vdisk_is_aligned(header->table_offset, VDISK_SECTOR_BYTES))
        return "the block table does not begin at a sector";
    return NULL;
}

static void seal(unsigned char bytes[VHD_HEADER_BYTES])
{
    vdisk_store_be32(bytes + AT_CHECKSUM, vhd_checksum(bytes, VHD_HEADER_BYTES, AT_CHECKSUM));
}

void vhd_header_make(unsigned char bytes[VHD_HEADER_BYTES], uint64_t table_offset,
                     uint32_t table_entries, uint32_t block_bytes)
{
    memset(bytes, 0, VHD_HEADER_BYTES);
    memcpy(bytes, COOKIE, COOKIE_BYTES);
    /* The specification says 32 bits of ones; Windows writes, and expects, 64. */
    vdisk_store_be64(bytes + AT_DATA_OFFSET, VHD_NO_OFFSET);
    vdisk_store_be32(bytes + AT_VERSION, VERSION);
    vdisk_store_be32(bytes + AT_BLOCK_BYTES, block_bytes);
    vhd_header_set_table(bytes, table_offset, table_entries);
}

void vhd_header_set_table(unsigned char bytes[VHD_HEADER_BYTES], uint64_t table_offset,
                          uint32_t table_entries)
{
    vdisk_store_be64(bytes + AT_TABLE_OFFSET, table_offset);
    vdisk_store_be32(bytes + AT_TABLE_ENTRIES, table_entries);
    seal(bytes);
}

unsigned char *vhd_header_parent_name(unsigned char bytes[VHD_HEADER_BYTES])
{
    return bytes + AT_PARENT_NAME;
}

void vhd_header_set_parent(unsigned char bytes[VHD_HEADER_BYTES],
                           const struct vhd_parent_fields *fields)
{
    memcpy(bytes + AT_PARENT_IDENTITY, fields->identity, VDISK_GUID_BYTES);
    vdisk_store_be32(bytes + AT_PARENT_TIMESTAMP, vhd_timestamp());
    memset(bytes + AT_LOCATORS, 0, VHD_LOCATORS * LOCATOR_BYTES);
    for (uint32_t index = 0; index < 2; index++) {
        unsigned char *locator = bytes + AT_LOCATORS + index * LOCATOR_BYTES;

        if (fields->locators[index].code == 0)
            continue;
        vdisk_store_be32(locator, fields->locators[index].code);
        vdisk_store_be32(locator + LOCATOR_AT_SPACE, fields->space_bytes[index]);
        vdisk_store_be32(locator + LOCATOR_AT_LENGTH, fields->locators[index].length_bytes);
        vdisk_store_be64(locator + LOCATOR_AT_OFFSET, fields->locators[index].offset_bytes);
    }
    seal(bytes);
}
