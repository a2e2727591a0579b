#include "engine/format/vmdk/vmdk_cowd.h"
#include "engine/base/endian.h"

#define HEADER_BYTES      2048u
#define TABLE_SHIFT       12u
#define FLAG_ROOT         UINT32_C(1)
#define PARENT_NAME       32u
#define PARENT_NAME_BYTES 1024u
#define UNCLEAN           1648u

static const char structure[] = "VMDK COWD header";

static const char *size_fault(uint64_t capacity, uint32_t grain_sectors)
{
    if (capacity == 0)
        return "the capacity is 0";
    if (!vdisk_is_power_of_two(grain_sectors) || grain_sectors > VMDK_GRAIN_BYTES_MAX / 512)
        return "the grain size is out of range";
    return NULL;
}

static enum vdisk_status decode(struct vmdk_extent *extent, const unsigned char *bytes,
                                struct vdisk_error *error)
{
    const uint32_t capacity = vdisk_load_le32(bytes + 12);
    const uint32_t grain_sectors = vdisk_load_le32(bytes + 16);
    const char *fault = size_fault(capacity, grain_sectors);

    if (vdisk_load_le32(bytes) != VMDK_MAGIC_COWD)
        return vmdk_extent_fail(extent, error, VDISK_CORRUPT, structure, 0,
                                "the signature is missing");
    if (vdisk_load_le32(bytes + 4) != 1)
        return vmdk_extent_fail(extent, error, VDISK_UNSUPPORTED, structure, 4,
                                "the version is not 1");
    if (fault != NULL)
        return vmdk_extent_fail(extent, error, VDISK_CORRUPT, structure, 12, fault);
    extent->header.capacity_sectors = capacity;
    extent->grain_shift = 9;
    while (UINT64_C(1) << extent->grain_shift < (uint64_t)grain_sectors * VDISK_SECTOR_BYTES)
        extent->grain_shift++;
    extent->table_shift = TABLE_SHIFT;
    extent->entry_bytes = 4;
    extent->directory_entries = vdisk_div_up(capacity, (uint64_t)grain_sectors << TABLE_SHIFT);
    extent->directory_bytes = (uint64_t)vdisk_load_le32(bytes + 20) * VDISK_SECTOR_BYTES;
    extent->unclean = vdisk_load_le32(bytes + UNCLEAN) != 0;
    extent->data_start_bytes = HEADER_BYTES;
    if (extent->directory_entries > vdisk_load_le32(bytes + 24) ||
        extent->directory_bytes < HEADER_BYTES ||
        !vdisk_range_within(extent->directory_bytes, extent->directory_entries * 4,
                            extent->file_bytes))
        return vmdk_extent_fail(extent, error, VDISK_CORRUPT, structure, 20,
                                "the grain directory is too small or outside of the file");
    extent->reserved[0] =
        (struct vmdk_range){extent->directory_bytes, extent->directory_entries * 4};
    return VDISK_OK;
}

static enum vdisk_status read_header(struct vmdk_extent *extent, unsigned char **bytes,
                                     struct vdisk_error *error)
{
    enum vdisk_status status;

    *bytes = vdisk_alloc(HEADER_BYTES);
    if (*bytes == NULL)
        return vmdk_extent_fail(extent, error, VDISK_NO_MEMORY, structure, 0, NULL);
    status = vdisk_file_read(extent->file, 0, *bytes, HEADER_BYTES, error);
    if (status == VDISK_OUT_OF_RANGE)
        status =
            vmdk_extent_fail(extent, error, VDISK_CORRUPT, structure, 0, "the file ends within it");
    return status;
}

enum vdisk_status vmdk_cowd_open(struct vmdk_extent *extent, struct vdisk_error *error)
{
    unsigned char *bytes;
    enum vdisk_status status = read_header(extent, &bytes, error);

    if (status == VDISK_OK)
        status = decode(extent, bytes, error);
    vdisk_free(bytes);
    return status;
}

enum vdisk_status vmdk_cowd_parent(struct vmdk_extent *extent, char *name,
                                   struct vdisk_error *error)
{
    unsigned char *bytes;
    enum vdisk_status status = read_header(extent, &bytes, error);

    name[0] = '\0';
    if (status == VDISK_OK && (vdisk_load_le32(bytes + 8) & FLAG_ROOT) == 0) {
        memcpy(name, bytes + PARENT_NAME, PARENT_NAME_BYTES - 1);
        name[PARENT_NAME_BYTES - 1] = '\0';
        if (name[0] == '\0')
            status = vmdk_extent_fail(extent, error, VDISK_CORRUPT, structure, PARENT_NAME,
                                      "it has a parent without a name");
    }
    vdisk_free(bytes);
    return status;
}
