#include "engine/format/vmdk/vmdk_header.h"
#include "engine/base/checked.h"
#include "engine/base/endian.h"

static const char structure[] = "VMDK header";

static void decode(const unsigned char *bytes, struct vmdk_header *header)
{
    header->version = vdisk_load_le32(bytes + 4);
    header->flags = vdisk_load_le32(bytes + 8);
    header->capacity_sectors = vdisk_load_le64(bytes + 12);
    header->grain_sectors = vdisk_load_le64(bytes + 20);
    header->descriptor_sector = vdisk_load_le64(bytes + 28);
    header->descriptor_sectors = vdisk_load_le64(bytes + 36);
    header->table_entries = vdisk_load_le32(bytes + 44);
    header->twin_directory_sector = vdisk_load_le64(bytes + 48);
    header->directory_sector = vdisk_load_le64(bytes + 56);
    header->overhead_sectors = vdisk_load_le64(bytes + 64);
    header->unclean = bytes[VMDK_UNCLEAN_OFFSET] != 0;
    header->newlines_intact = memcmp(bytes + 73, "\n \r\n", 4) == 0;
    header->compression = vdisk_load_le16(bytes + 77);
}

void vmdk_header_encode(const struct vmdk_header *header, unsigned char *bytes)
{
    memset(bytes, 0, VMDK_HEADER_BYTES);
    vdisk_store_le32(bytes, VMDK_MAGIC_HOSTED);
    vdisk_store_le32(bytes + 4, header->version);
    vdisk_store_le32(bytes + 8, header->flags);
    vdisk_store_le64(bytes + 12, header->capacity_sectors);
    vdisk_store_le64(bytes + 20, header->grain_sectors);
    vdisk_store_le64(bytes + 28, header->descriptor_sector);
    vdisk_store_le64(bytes + 36, header->descriptor_sectors);
    vdisk_store_le32(bytes + 44, header->table_entries);
    vdisk_store_le64(bytes + 48, header->twin_directory_sector);
    vdisk_store_le64(bytes + 56, header->directory_sector);
    vdisk_store_le64(bytes + 64, header->overhead_sectors);
    bytes[VMDK_UNCLEAN_OFFSET] = header->unclean;
    memcpy(bytes + 73, "\n \r\n", 4);
    vdisk_store_le16(bytes + 77, header->compression);
}

enum vdisk_status vmdk_header_read(struct vdisk_file *file, uint64_t offset_bytes,
                                   struct vmdk_header *header, struct vdisk_error *error)
{
    enum vdisk_status status;
    unsigned char *bytes = vdisk_alloc(VMDK_HEADER_BYTES);

    if (bytes == NULL)
        return vdisk_fail(error, VDISK_NO_MEMORY, file->name, structure, offset_bytes, NULL);
    status = vdisk_file_read(file, offset_bytes, bytes, VMDK_HEADER_BYTES, error);
    if (status == VDISK_OUT_OF_RANGE)
        status = vdisk_fail(error, VDISK_CORRUPT, file->name, structure, offset_bytes,
                            "the file ends before it");
    if (status == VDISK_OK && vdisk_load_le32(bytes) != VMDK_MAGIC_HOSTED)
        status = vdisk_fail(error, VDISK_WRONG_FORMAT, file->name, structure, offset_bytes,
                            "the signature is missing");
    if (status == VDISK_OK)
        decode(bytes, header);
    vdisk_free(bytes);
    return status;
}

static const char *size_fault(const struct vmdk_header *header)
{
    const uint64_t grain_max =
        (header->flags & VMDK_FLAG_COMPRESSED) != 0 ? VMDK_PACKED_GRAIN_MAX : VMDK_GRAIN_BYTES_MAX;

    if (header->capacity_sectors == 0 || header->capacity_sectors > VMDK_SECTORS_MAX)
        return "the capacity is out of range";
    if (!vdisk_is_power_of_two(header->grain_sectors))
        return "the grain size is not a power of two";
    if (header->grain_sectors > grain_max / 512)
        return "the grain size is out of range";
    if (header->table_entries != VMDK_TABLE_ENTRIES)
        return "a grain table must have 512 entries";
    if (header->capacity_sectors / header->grain_sectors / VMDK_TABLE_ENTRIES >=
        VMDK_DIRECTORY_ENTRIES_MAX)
        return "the disk would need more grain tables than any has";
    return NULL;
}

enum vdisk_status vmdk_header_check(const struct vdisk_file *file, const struct vmdk_header *header,
                                    uint64_t offset_bytes, struct vdisk_error *error)
{
    const char *fault = size_fault(header);

    if (header->version == 0 || header->version > VMDK_VERSION_STREAM)
        return vdisk_fail(error, VDISK_UNSUPPORTED, file->name, structure, offset_bytes,
                          "the version is not 1, 2 or 3");
    if ((header->flags & VMDK_FLAG_NEWLINES) != 0 && !header->newlines_intact)
        return vdisk_fail(error, VDISK_CORRUPT, file->name, structure, offset_bytes,
                          "the file was damaged by a transfer as text");
    if ((header->flags & VMDK_FLAG_COMPRESSED) != 0 && header->compression != 1)
        return vdisk_fail(error, VDISK_UNSUPPORTED, file->name, structure, offset_bytes,
                          "the compression is not deflate");
    if (fault != NULL)
        return vdisk_fail(error, VDISK_CORRUPT, file->name, structure, offset_bytes, fault);
    return VDISK_OK;
}
