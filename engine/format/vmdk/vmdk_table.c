#include "engine/format/vmdk/vmdk_table.h"
#include "engine/base/endian.h"
#include "engine/format/vmdk/vmdk_index.h"
#include "engine/format/vmdk/vmdk_sesparse.h"

static const char directory_structure[] = "VMDK grain directory";
static const char table_structure[] = "VMDK grain table";

static uint64_t directory_of(const struct vmdk_extent *extent, enum vmdk_copy copy)
{
    return copy == VMDK_COPY_FIRST ? extent->directory_bytes : extent->twin_directory_bytes;
}

static uint64_t table_size(const struct vmdk_extent *extent)
{
    return (uint64_t)extent->entry_bytes << extent->table_shift;
}

/* May a grain or a table lie there? */
static bool range_is_free(struct vmdk_extent *extent, uint64_t offset_bytes, uint64_t length_bytes)
{
    for (uint32_t i = 0; i < VMDK_RESERVED_MAX; i++) {
        if (vdisk_ranges_overlap(offset_bytes, length_bytes, extent->reserved[i].offset_bytes,
                                 extent->reserved[i].length_bytes))
            return false;
    }
    return offset_bytes >= VMDK_HEADER_BYTES &&
           vdisk_range_within(offset_bytes, length_bytes, vmdk_end_bytes(extent));
}

bool vmdk_grain_fits(struct vmdk_extent *extent, uint64_t grain, uint64_t sector)
{
    uint64_t offset;
    const uint64_t length =
        vmdk_is_compressed(extent) ? VDISK_SECTOR_BYTES : vmdk_visible_bytes(extent, grain);

    return vdisk_mul_u64(sector, VDISK_SECTOR_BYTES, &offset) &&
           offset >= extent->data_start_bytes && range_is_free(extent, offset, length);
}

/* One entry of a directory, as it is. */
static enum vdisk_status load_directory(struct vmdk_extent *extent, enum vmdk_copy copy,
                                        uint64_t index, uint64_t *entry, struct vdisk_error *error)
{
    const uint64_t offset = directory_of(extent, copy) + index * extent->entry_bytes;
    unsigned char raw[8] = {0};
    enum vdisk_status status = vdisk_page_cache_load(
        extent->tables, vdisk_align_down(offset, VMDK_TABLE_PAGE_BYTES),
        (uint32_t)(offset % VMDK_TABLE_PAGE_BYTES), raw, extent->entry_bytes, error);

    *entry = extent->entry_bytes == 8 ? vdisk_load_le64(raw) : vdisk_load_le32(raw);
    return status;
}

enum vdisk_status vmdk_table_find(struct vmdk_extent *extent, enum vmdk_copy copy, uint64_t grain,
                                  uint64_t *table_bytes, struct vdisk_error *error)
{
    const uint64_t index = grain >> extent->table_shift;
    uint64_t raw_entry;
    enum vdisk_status status = load_directory(extent, copy, index, &raw_entry, error);

    *table_bytes = 0;
    if (status != VDISK_OK || raw_entry == 0)
        return status;
    if (extent->kind == VMDK_EXTENT_SESPARSE) {
        if (!vmdk_sesparse_table(extent, raw_entry, table_bytes))
            return vmdk_extent_fail(extent, error, VDISK_CORRUPT, directory_structure,
                                    directory_of(extent, copy) + index * 8,
                                    "an entry is not that of a table");
    } else {
        *table_bytes = raw_entry * VDISK_SECTOR_BYTES;
    }
    if (!range_is_free(extent, *table_bytes, table_size(extent)))
        return vmdk_extent_fail(extent, error, VDISK_CORRUPT, directory_structure,
                                directory_of(extent, copy) + index * extent->entry_bytes,
                                "a table lies outside of the file or in other metadata");
    return VDISK_OK;
}

static enum vdisk_status decode_entries(struct vmdk_extent *extent, const unsigned char *raw,
                                        uint64_t offset_bytes, uint32_t count, uint64_t *entries,
                                        struct vdisk_error *error)
{
    const bool zero_entries = (extent->header.flags & VMDK_FLAG_ZERO_ENTRY) != 0;

    for (uint32_t i = 0; i < count; i++) {
        if (extent->kind == VMDK_EXTENT_SESPARSE) {
            if (!vmdk_sesparse_grain(extent, vdisk_load_le64(raw + 8 * i), &entries[i]))
                return vmdk_extent_fail(extent, error, VDISK_CORRUPT, table_structure,
                                        offset_bytes + UINT64_C(8) * i,
                                        "an entry is of no known kind");
            continue;
        }
        entries[i] = vdisk_load_le32(raw + 4 * i);
        if (entries[i] == VMDK_ENTRY_ZERO && !zero_entries)
            return vmdk_extent_fail(extent, error, VDISK_CORRUPT, table_structure,
                                    offset_bytes + UINT64_C(4) * i,
                                    "an entry marks zeros, which the header does not allow");
    }
    return VDISK_OK;
}

static uint64_t entry_offset(const struct vmdk_extent *extent, uint64_t table_bytes, uint64_t grain)
{
    const uint64_t index = grain & ((UINT64_C(1) << extent->table_shift) - 1);

    return table_bytes + index * extent->entry_bytes;
}

enum vdisk_status vmdk_table_load(struct vmdk_extent *extent, enum vmdk_copy copy, uint64_t grain,
                                  uint64_t *entries, uint32_t *count, struct vdisk_error *error)
{
    unsigned char raw[VMDK_BATCH * 8];
    uint64_t table, offset;
    uint32_t in_page;
    enum vdisk_status status;

    if (extent->index != NULL) {
        vmdk_index_load(extent->index, grain, entries, *count);
        return VDISK_OK;
    }
    status = vmdk_table_find(extent, copy, grain, &table, error);
    if (status != VDISK_OK)
        return status;
    offset = entry_offset(extent, table, grain);
    in_page = (uint32_t)(offset % VMDK_TABLE_PAGE_BYTES);
    if (*count > (VMDK_TABLE_PAGE_BYTES - in_page) / extent->entry_bytes)
        *count = (VMDK_TABLE_PAGE_BYTES - in_page) / extent->entry_bytes;
    if (table == 0) {
        memset(entries, 0, *count * sizeof *entries);
        return VDISK_OK;
    }
    status = vdisk_page_cache_load(extent->tables, offset - in_page, in_page, raw,
                                   *count * extent->entry_bytes, error);
    if (status != VDISK_OK)
        return status;
    return decode_entries(extent, raw, offset, *count, entries, error);
}

static bool has_table(struct vmdk_extent *extent, uint64_t grain)
{
    uint64_t table = 0;

    if (extent->index != NULL)
        return vmdk_index_has_table(extent->index, grain);
    if (vmdk_table_find(extent, VMDK_COPY_FIRST, grain, &table, NULL) != VDISK_OK || table != 0)
        return true;
    return extent->twin_directory_bytes != 0 &&
           (vmdk_table_find(extent, VMDK_COPY_TWIN, grain, &table, NULL) != VDISK_OK || table != 0);
}

uint64_t vmdk_table_skip(struct vmdk_extent *extent, uint64_t grain, uint64_t end)
{
    const uint64_t span = UINT64_C(1) << extent->table_shift;

    while (grain < end && vdisk_is_aligned(grain, span) && !has_table(extent, grain))
        grain += vdisk_min_u64(span, end - grain);
    return grain;
}

enum vdisk_status vmdk_extent_grow(struct vmdk_extent *extent, uint64_t unit, uint64_t length_bytes,
                                   uint64_t *offset_bytes, struct vdisk_error *error)
{
    uint64_t start, end;

    if (!vdisk_align_up(extent->end_bytes, unit, &start) ||
        !vdisk_add_u64(start, length_bytes, &end) ||
        end > (uint64_t)UINT32_MAX * VDISK_SECTOR_BYTES)
        return vmdk_extent_fail(extent, error, VDISK_NO_SPACE, NULL, extent->end_bytes,
                                "a sparse extent's file cannot grow beyond 2 TiB");
    /* Taken whatever becomes of the write: what failed half way is leaked, never used again. */
    extent->end_bytes = end;
    *offset_bytes = start;
    return VDISK_OK;
}

/* A new table, of zeros, in the file and in the cache. */
static enum vdisk_status add_table(struct vmdk_extent *extent, uint64_t *table_bytes,
                                   struct vdisk_error *error)
{
    const uint64_t size = table_size(extent);
    enum vdisk_status status = vmdk_extent_grow(extent, size, size, table_bytes, error);

    if (status == VDISK_OK)
        status = vdisk_file_set_size(extent->file, extent->end_bytes, error);
    for (uint64_t done = 0; done < size && status == VDISK_OK; done += VMDK_TABLE_PAGE_BYTES)
        status = vdisk_page_cache_store_zero(extent->tables, *table_bytes + done, error);
    return status;
}

/* Puts a new table into one of the directories. */
static enum vdisk_status attach_table(struct vmdk_extent *extent, enum vmdk_copy copy,
                                      uint64_t grain, uint64_t *table_bytes,
                                      struct vdisk_error *error)
{
    const uint64_t index = grain >> extent->table_shift;
    const uint64_t at = directory_of(extent, copy) + index * extent->entry_bytes;
    unsigned char raw[4];
    enum vdisk_status status = add_table(extent, table_bytes, error);

    if (status != VDISK_OK)
        return status;
    atomic_store_explicit(&extent->end_sectors, (uint32_t)(extent->end_bytes / VDISK_SECTOR_BYTES),
                          memory_order_release);
    vdisk_store_le32(raw, (uint32_t)(*table_bytes / VDISK_SECTOR_BYTES));
    return vdisk_page_cache_store(extent->tables, vdisk_align_down(at, VMDK_TABLE_PAGE_BYTES),
                                  (uint32_t)(at % VMDK_TABLE_PAGE_BYTES), raw, sizeof raw, error);
}

static enum vdisk_status copy_table(struct vmdk_extent *extent, uint64_t from_bytes,
                                    uint64_t to_bytes, struct vdisk_error *error)
{
    unsigned char raw[VMDK_BATCH * 4];
    enum vdisk_status status = VDISK_OK;

    for (uint64_t done = 0; done < table_size(extent) && status == VDISK_OK; done += sizeof raw) {
        const uint64_t page = vdisk_align_down(done, VMDK_TABLE_PAGE_BYTES);
        const uint32_t in_page = (uint32_t)(done - page);

        status = vdisk_page_cache_load(extent->tables, from_bytes + page, in_page, raw, sizeof raw,
                                       error);
        if (status == VDISK_OK)
            status = vdisk_page_cache_store(extent->tables, to_bytes + page, in_page, raw,
                                            sizeof raw, error);
    }
    return status;
}

enum vdisk_status vmdk_table_ensure(struct vmdk_extent *extent, uint64_t grain,
                                    struct vdisk_error *error)
{
    uint64_t first, twin = 0;
    enum vdisk_status status = vmdk_table_find(extent, VMDK_COPY_FIRST, grain, &first, error);

    if (status == VDISK_OK && extent->twin_directory_bytes != 0)
        status = vmdk_table_find(extent, VMDK_COPY_TWIN, grain, &twin, error);
    if (status != VDISK_OK)
        return status;
    /* A copy that has a table where the first one has none is not up to date. */
    if (extent->twin_directory_bytes != 0 && (twin == 0 || first == 0)) {
        status = attach_table(extent, VMDK_COPY_TWIN, grain, &twin, error);
        if (status == VDISK_OK && first != 0)
            status = copy_table(extent, first, twin, error);
    }
    if (status == VDISK_OK && first == 0)
        status = attach_table(extent, VMDK_COPY_FIRST, grain, &first, error);
    return status;
}

static enum vdisk_status store_copy(struct vmdk_extent *extent, enum vmdk_copy copy, uint64_t grain,
                                    const unsigned char *raw, uint32_t raw_bytes,
                                    struct vdisk_error *error)
{
    uint64_t table, offset;
    enum vdisk_status status = vmdk_table_find(extent, copy, grain, &table, error);

    if (status != VDISK_OK)
        return status;
    if (table == 0)
        return vmdk_extent_fail(extent, error, VDISK_CORRUPT, directory_structure,
                                directory_of(extent, copy), "a table is missing");
    offset = entry_offset(extent, table, grain);
    return vdisk_page_cache_store(extent->tables, vdisk_align_down(offset, VMDK_TABLE_PAGE_BYTES),
                                  (uint32_t)(offset % VMDK_TABLE_PAGE_BYTES), raw, raw_bytes,
                                  error);
}

enum vdisk_status vmdk_table_store(struct vmdk_extent *extent, uint64_t grain, uint32_t count,
                                   uint32_t sector, uint32_t step_sectors,
                                   struct vdisk_error *error)
{
    unsigned char raw[VMDK_BATCH * 4];
    enum vdisk_status status = VDISK_OK;

    for (uint32_t i = 0; i < count; i++)
        vdisk_store_le32(raw + 4 * i, sector + i * step_sectors);
    /* The twin first: where its page does not fit into the cache, the first copy is unchanged. */
    if (extent->twin_directory_bytes != 0)
        status = store_copy(extent, VMDK_COPY_TWIN, grain, raw, 4 * count, error);
    if (status == VDISK_OK)
        status = store_copy(extent, VMDK_COPY_FIRST, grain, raw, 4 * count, error);
    return status;
}
