#include "engine/format/vdi/vdi_header.h"
#include "engine/base/endian.h"

#define TEXT          "<<< Oracle VM VirtualBox Disk Image >>>\n"
#define SIGNATURE     0xbeda107fu
#define VERSION       0x00010001u
#define HEADER_BYTES  400u /* with the last geometry */
#define HEADER_LEAST  384u
#define PARENT_PREFIX "parent: "

enum {
    AT_SIGNATURE = 64,
    AT_VERSION = 68,
    AT_HEADER_BYTES = 72,
    AT_TYPE = 76,
    AT_COMMENT = 84,
    AT_TABLE_OFFSET = 340,
    AT_DATA_OFFSET = 344,
    AT_OLD_SECTOR_BYTES = 360,
    AT_DISK_BYTES = 368,
    AT_BLOCK_BYTES = 376,
    AT_EXTRA_BYTES = 380,
    AT_BLOCK_COUNT = 384,
    AT_ALLOCATED_COUNT = 388,
    AT_IDENTITY = 392,
    AT_CONTENT_IDENTITY = 408,
    AT_PARENT_IDENTITY = 424,
    AT_PARENT_CONTENT_IDENTITY = 440,
    AT_SECTOR_BYTES = 468
};

bool vdi_header_is_present(const unsigned char *sector)
{
    return vdisk_load_le32(sector + AT_SIGNATURE) == SIGNATURE;
}

static void load_fields(const unsigned char *sector, struct vdi_header *header)
{
    header->type = vdisk_load_le32(sector + AT_TYPE);
    header->table_offset = vdisk_load_le32(sector + AT_TABLE_OFFSET);
    header->data_offset = vdisk_load_le32(sector + AT_DATA_OFFSET);
    header->disk_bytes = vdisk_load_le64(sector + AT_DISK_BYTES);
    header->block_bytes = vdisk_load_le32(sector + AT_BLOCK_BYTES);
    header->extra_bytes = vdisk_load_le32(sector + AT_EXTRA_BYTES);
    header->block_count = vdisk_load_le32(sector + AT_BLOCK_COUNT);
    header->allocated_count = vdisk_load_le32(sector + AT_ALLOCATED_COUNT);
    memcpy(header->identity, sector + AT_IDENTITY, VDISK_GUID_BYTES);
    memcpy(header->content_identity, sector + AT_CONTENT_IDENTITY, VDISK_GUID_BYTES);
    memcpy(header->parent_identity, sector + AT_PARENT_IDENTITY, VDISK_GUID_BYTES);
    memcpy(header->parent_content_identity, sector + AT_PARENT_CONTENT_IDENTITY, VDISK_GUID_BYTES);
}

static const char *find_unsupported(const unsigned char *sector, const struct vdi_header *header)
{
    if (vdisk_load_le32(sector + AT_VERSION) >> 16 != VERSION >> 16)
        return "only version 1 is supported";
    if (header->type == VDI_UNDO)
        return "undo images are not supported";
    if (vdisk_is_power_of_two(header->block_bytes) &&
        (header->block_bytes < VDI_BLOCK_BYTES_MIN || header->block_bytes > VDI_BLOCK_BYTES_MAX))
        return "blocks of less than 4 KiB or more than 1 GiB are not supported";
    if (header->block_count > VDI_BLOCKS_MAX)
        return "block maps of more than 256 MiB are not supported";
    return NULL;
}

static const char *find_fault(const unsigned char *sector, const struct vdi_header *header)
{
    if (vdisk_load_le32(sector + AT_HEADER_BYTES) < HEADER_LEAST)
        return "the header is too short";
    if (header->type < VDI_DYNAMIC || header->type > VDI_DIFFERENCING)
        return "the type is none of dynamic, fixed and differencing";
    if (!vdisk_is_power_of_two(header->block_bytes))
        return "the block size is no power of two";
    if (header->extra_bytes != 0 &&
        (!vdisk_is_power_of_two(header->extra_bytes) || header->extra_bytes > VDI_BLOCK_BYTES_MAX))
        return "the blocks' extra size is no power of two, or too large";
    if (header->disk_bytes == 0 || header->disk_bytes > INT64_MAX - VDISK_SECTOR_BYTES)
        return "the size of the disk makes no sense";
    if (header->block_count < vdisk_div_up(header->disk_bytes, header->block_bytes))
        return "the block map has fewer entries than the disk has blocks";
    if (header->table_offset < VDI_HEADER_END)
        return "the block map would lie in the header";
    if (header->data_offset < header->table_offset + (uint64_t)header->block_count * 4)
        return "the data would lie in the block map";
    return NULL;
}

enum vdisk_status vdi_header_decode(const unsigned char sector[VDI_SECTOR_BYTES],
                                    struct vdi_header *header, const char **reason)
{
    *reason = "the signature is missing";
    if (!vdi_header_is_present(sector))
        return VDISK_WRONG_FORMAT;
    load_fields(sector, header);
    *reason = find_unsupported(sector, header);
    if (*reason != NULL)
        return VDISK_UNSUPPORTED;
    *reason = find_fault(sector, header);
    if (*reason != NULL)
        return VDISK_CORRUPT;
    header->disk_bytes = vdisk_div_up(header->disk_bytes, VDISK_SECTOR_BYTES) * VDISK_SECTOR_BYTES;
    return VDISK_OK;
}

void vdi_header_make(unsigned char sector[VDI_SECTOR_BYTES], struct vdi_header *header)
{
    vdisk_guid_make(header->identity, VDISK_GUID_LE);
    vdisk_guid_make(header->content_identity, VDISK_GUID_LE);
    memset(sector, 0, VDI_SECTOR_BYTES);
    memcpy(sector, TEXT, sizeof TEXT - 1);
    vdisk_store_le32(sector + AT_SIGNATURE, SIGNATURE);
    vdisk_store_le32(sector + AT_VERSION, VERSION);
    vdisk_store_le32(sector + AT_HEADER_BYTES, HEADER_BYTES);
    vdisk_store_le32(sector + AT_TYPE, header->type);
    vdisk_store_le32(sector + AT_OLD_SECTOR_BYTES, VDISK_SECTOR_BYTES);
    vdisk_store_le32(sector + AT_SECTOR_BYTES, VDISK_SECTOR_BYTES);
    vdisk_store_le32(sector + AT_BLOCK_BYTES, header->block_bytes);
    vdisk_store_le32(sector + AT_EXTRA_BYTES, header->extra_bytes);
    memcpy(sector + AT_IDENTITY, header->identity, VDISK_GUID_BYTES);
    vdi_header_update(sector, header);
}

void vdi_header_update(unsigned char sector[VDI_SECTOR_BYTES], const struct vdi_header *header)
{
    vdisk_store_le32(sector + AT_TABLE_OFFSET, (uint32_t)header->table_offset);
    vdisk_store_le32(sector + AT_DATA_OFFSET, (uint32_t)header->data_offset);
    vdisk_store_le64(sector + AT_DISK_BYTES, header->disk_bytes);
    vdisk_store_le32(sector + AT_BLOCK_COUNT, header->block_count);
    vdisk_store_le32(sector + AT_ALLOCATED_COUNT, header->allocated_count);
    memcpy(sector + AT_CONTENT_IDENTITY, header->content_identity, VDISK_GUID_BYTES);
    memcpy(sector + AT_PARENT_IDENTITY, header->parent_identity, VDISK_GUID_BYTES);
    memcpy(sector + AT_PARENT_CONTENT_IDENTITY, header->parent_content_identity, VDISK_GUID_BYTES);
}

bool vdi_header_set_parent_name(unsigned char sector[VDI_SECTOR_BYTES], const char *name)
{
    unsigned char *comment = sector + AT_COMMENT;
    const size_t prefix = sizeof PARENT_PREFIX - 1;
    const size_t length = strlen(name);

    if (length == 0 || prefix + length >= VDI_COMMENT_BYTES)
        return false;
    memset(comment, 0, VDI_COMMENT_BYTES);
    memcpy(comment, PARENT_PREFIX, prefix);
    memcpy(comment + prefix, name, length);
    return true;
}

void vdi_header_get_parent_name(const unsigned char sector[VDI_SECTOR_BYTES], char *name)
{
    const unsigned char *comment = sector + AT_COMMENT;
    const size_t prefix = sizeof PARENT_PREFIX - 1;
    size_t length = 0;

    if (memcmp(comment, PARENT_PREFIX, prefix) == 0) {
        for (; prefix + length < VDI_COMMENT_BYTES - 1; length++) {
            if (comment[prefix + length] < ' ') /* NUL, or the next line of a comment */
                break;
        }
        memcpy(name, comment + prefix, length);
    }
    name[length] = '\0';
}
