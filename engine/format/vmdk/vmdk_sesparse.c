#include "engine/format/vmdk/vmdk_sesparse.h"
#include "engine/base/endian.h"

#define VERSION        UINT64_C(0x0000000200000001)
#define MAGIC_VOLATILE UINT64_C(0x00000000cafecafe)
#define GRAIN_SECTORS  8u
#define TABLE_SECTORS  64u
#define GRAIN_SHIFT    12u
#define SECTORS_MAX    (UINT64_C(64) << 31) /* 64 TiB */
#define TABLE_SHIFT    12u
#define TYPE_MASK      UINT64_C(0xf000000000000000)
#define TYPE_ABSENT    UINT64_C(0x0000000000000000)
#define TYPE_UNMAPPED  UINT64_C(0x1000000000000000)
#define TYPE_ZERO      UINT64_C(0x2000000000000000)
#define TYPE_GRAIN     UINT64_C(0x3000000000000000)

static const char structure[] = "VMDK seSparse header";

bool vmdk_sesparse_table(const struct vmdk_extent *extent, uint64_t raw_entry,
                         uint64_t *table_bytes)
{
    /* 64 TiB have 2^22 tables, so the upper half holds nothing but the type. */
    if (raw_entry >> 32 != TYPE_UNMAPPED >> 32)
        return false;
    return vdisk_add_u64(extent->tables_bytes,
                         (raw_entry & UINT32_MAX) * TABLE_SECTORS * VDISK_SECTOR_BYTES,
                         table_bytes);
}

bool vmdk_sesparse_grain(const struct vmdk_extent *extent, uint64_t raw_entry, uint64_t *entry)
{
    uint64_t number;

    switch (raw_entry & TYPE_MASK) {
    case TYPE_ABSENT:
        *entry = VMDK_ENTRY_ABSENT;
        return raw_entry == 0;
    case TYPE_UNMAPPED: /* by the guest: its content is gone, and is not the parent's either */
    case TYPE_ZERO:
        *entry = VMDK_ENTRY_ZERO;
        return true;
    case TYPE_GRAIN:
        number = (raw_entry & UINT64_C(0x0fff000000000000)) >> 48 |
                 (raw_entry & UINT64_C(0x0000ffffffffffff)) << 12;
        return vdisk_mul_u64(number, GRAIN_SECTORS, &number) &&
               vdisk_add_u64(number, extent->grains_bytes / VDISK_SECTOR_BYTES, entry);
    default:
        return false;
    }
}

/* The offset of an area, in bytes; false when it does not lie in the file behind the header. */
static bool load_area(const unsigned char *bytes, uint32_t at, uint64_t file_bytes,
                      uint64_t minimum_bytes, uint64_t *offset_bytes)
{
    uint64_t sector = vdisk_load_le64(bytes + at);

    return sector != 0 && vdisk_mul_u64(sector, VDISK_SECTOR_BYTES, offset_bytes) &&
           vdisk_range_within(*offset_bytes, minimum_bytes, file_bytes);
}

static const char *constant_fault(const unsigned char *bytes)
{
    if (vdisk_load_le64(bytes + 8) != VERSION)
        return "the version is not 2.1";
    if (vdisk_load_le64(bytes + 24) != GRAIN_SECTORS ||
        vdisk_load_le64(bytes + 32) != TABLE_SECTORS)
        return "the grains or tables are not of the usual size";
    if (vdisk_load_le64(bytes + 40) != 0)
        return "flags are set that are not known";
    return NULL;
}

static enum vdisk_status decode_constant(struct vmdk_extent *extent, const unsigned char *bytes,
                                         uint64_t *volatile_bytes, struct vdisk_error *error)
{
    const char *fault = constant_fault(bytes);
    const uint64_t capacity = vdisk_load_le64(bytes + 16);

    if (vdisk_load_le64(bytes) != VMDK_MAGIC_SESPARSE)
        return vmdk_extent_fail(extent, error, VDISK_CORRUPT, structure, 0,
                                "the signature is missing");
    if (fault != NULL)
        return vmdk_extent_fail(extent, error, VDISK_UNSUPPORTED, structure, 0, fault);
    if (capacity == 0 || capacity > SECTORS_MAX)
        return vmdk_extent_fail(extent, error, VDISK_CORRUPT, structure, 16,
                                "the capacity is out of range");
    extent->header.capacity_sectors = capacity;
    extent->grain_shift = GRAIN_SHIFT;
    extent->table_shift = TABLE_SHIFT;
    extent->entry_bytes = 8;
    extent->directory_entries = vdisk_div_up(capacity, (uint64_t)GRAIN_SECTORS << TABLE_SHIFT);
    if (!load_area(bytes, 80, extent->file_bytes, VDISK_SECTOR_BYTES, volatile_bytes) ||
        !load_area(bytes, 128, extent->file_bytes, extent->directory_entries * 8,
                   &extent->directory_bytes) ||
        !load_area(bytes, 144, extent->file_bytes, 0, &extent->tables_bytes) ||
        !load_area(bytes, 192, extent->file_bytes, 0, &extent->grains_bytes))
        return vmdk_extent_fail(extent, error, VDISK_CORRUPT, structure, 80,
                                "an area lies outside of the file");
    extent->data_start_bytes = extent->grains_bytes;
    extent->reserved[0] =
        (struct vmdk_range){extent->directory_bytes, extent->directory_entries * 8};
    return VDISK_OK;
}

static enum vdisk_status decode_volatile(const struct vmdk_extent *extent,
                                         const unsigned char *bytes, uint64_t offset_bytes,
                                         struct vdisk_error *error)
{
    if (vdisk_load_le64(bytes) != MAGIC_VOLATILE)
        return vmdk_extent_fail(extent, error, VDISK_CORRUPT, structure, offset_bytes,
                                "the volatile header's signature is missing");
    if (vdisk_load_le64(bytes + 24) != 0)
        return vmdk_extent_fail(extent, error, VDISK_UNSUPPORTED, structure, offset_bytes,
                                "its journal must be replayed first, by vSphere");
    return VDISK_OK;
}

enum vdisk_status vmdk_sesparse_open(struct vmdk_extent *extent, struct vdisk_error *error)
{
    unsigned char *bytes = vdisk_alloc(VDISK_SECTOR_BYTES);
    uint64_t volatile_bytes = 0;
    enum vdisk_status status;

    if (bytes == NULL)
        return vmdk_extent_fail(extent, error, VDISK_NO_MEMORY, structure, 0, NULL);
    status = vdisk_file_read(extent->file, 0, bytes, VDISK_SECTOR_BYTES, error);
    if (status == VDISK_OK)
        status = decode_constant(extent, bytes, &volatile_bytes, error);
    if (status == VDISK_OK)
        status = vdisk_file_read(extent->file, volatile_bytes, bytes, VDISK_SECTOR_BYTES, error);
    if (status == VDISK_OK)
        status = decode_volatile(extent, bytes, volatile_bytes, error);
    vdisk_free(bytes);
    return status;
}
