#include "engine/format/vmdk/vmdk_map.h"
#include "engine/format/vmdk/vmdk_stream.h"
#include "engine/format/vmdk/vmdk_table.h"

static const char structure[] = "VMDK grain table";

/* Tells where the entry that is at fault lies. */
static enum vdisk_status entry_fault(struct vmdk_extent *extent, uint64_t grain,
                                     struct vdisk_error *error)
{
    const uint64_t in_table = grain & ((UINT64_C(1) << extent->table_shift) - 1);
    uint64_t table = 0;

    if (extent->index == NULL && vmdk_table_find(extent, VMDK_COPY_FIRST, grain, &table, NULL) == 0)
        table += in_table * extent->entry_bytes;
    return vmdk_extent_fail(extent, error, VDISK_CORRUPT, structure, table,
                            "a grain lies outside of the file or in metadata");
}

/* The copy of the tables may know better where the first one cannot be right. */
static enum vdisk_status find_in_twin(struct vmdk_extent *extent, uint64_t grain, uint64_t *sector,
                                      struct vdisk_error *error)
{
    uint32_t count = 1;

    if (extent->index != NULL || extent->twin_directory_bytes == 0 ||
        vmdk_table_load(extent, VMDK_COPY_TWIN, grain, sector, &count, NULL) != VDISK_OK ||
        *sector <= VMDK_ENTRY_ZERO || !vmdk_grain_fits(extent, grain, *sector))
        return entry_fault(extent, grain, error);
    return VDISK_OK;
}

enum vdisk_status vmdk_grain_find(struct vmdk_extent *extent, uint64_t grain, uint64_t *sector,
                                  struct vdisk_error *error)
{
    uint32_t count = 1;
    enum vdisk_status status =
        vmdk_table_load(extent, VMDK_COPY_FIRST, grain, sector, &count, error);

    if (status == VDISK_CORRUPT && extent->twin_directory_bytes != 0) {
        /* The first copy's words stay in `error` when the twin does not help. */
        return vmdk_table_load(extent, VMDK_COPY_TWIN, grain, sector, &count, NULL) == VDISK_OK &&
                       (*sector <= VMDK_ENTRY_ZERO || vmdk_grain_fits(extent, grain, *sector))
                   ? VDISK_OK
                   : status;
    }
    if (status != VDISK_OK || *sector <= VMDK_ENTRY_ZERO || vmdk_grain_fits(extent, grain, *sector))
        return status;
    return find_in_twin(extent, grain, sector, error);
}

/* How many of the entries go on as the first begins. */
static uint32_t count_alike(struct vmdk_extent *extent, uint64_t grain, const uint64_t *entries,
                            uint32_t count)
{
    const uint64_t step = vmdk_is_compressed(extent) || entries[0] <= VMDK_ENTRY_ZERO
                              ? 0
                              : vmdk_grain_bytes(extent) / VDISK_SECTOR_BYTES;
    uint32_t alike = 1;

    if (vmdk_is_compressed(extent) && entries[0] > VMDK_ENTRY_ZERO)
        return 1;
    while (alike < count && entries[alike] == entries[0] + step * alike &&
           (step == 0 || vmdk_grain_fits(extent, grain + alike, entries[alike])))
        alike++;
    return alike;
}

static void describe(struct vmdk_extent *extent, uint64_t entry, uint64_t in_grain_bytes,
                     struct vdisk_extent *found)
{
    if (entry == VMDK_ENTRY_ABSENT) {
        found->kind = VDISK_EXTENT_UNALLOCATED;
    } else if (entry == VMDK_ENTRY_ZERO) {
        found->kind = VDISK_EXTENT_ZERO;
    } else if (vmdk_is_compressed(extent)) {
        found->kind = VDISK_EXTENT_COMPRESSED;
    } else {
        found->kind = VDISK_EXTENT_DATA;
        found->file = extent->file;
        found->file_offset_bytes = entry * VDISK_SECTOR_BYTES + in_grain_bytes;
    }
}

static enum vdisk_status map_grains(struct vmdk_extent *extent, uint64_t within_bytes,
                                    uint64_t length_bytes, struct vdisk_extent *found,
                                    struct vdisk_error *error)
{
    const uint64_t grain = within_bytes >> extent->grain_shift;
    const uint64_t in_grain = within_bytes & (vmdk_grain_bytes(extent) - 1);
    const uint64_t last = (within_bytes + length_bytes - 1) >> extent->grain_shift;
    uint32_t count = (uint32_t)vdisk_min_u64(last - grain + 1, VMDK_BATCH);
    uint64_t entries[VMDK_BATCH];
    enum vdisk_status status =
        vmdk_table_load(extent, VMDK_COPY_FIRST, grain, entries, &count, error);

    if (status == VDISK_CORRUPT || (status == VDISK_OK && entries[0] > VMDK_ENTRY_ZERO &&
                                    !vmdk_grain_fits(extent, grain, entries[0]))) {
        status = vmdk_grain_find(extent, grain, entries, error);
        count = 1;
    }
    if (status != VDISK_OK)
        return status;
    if (extent->stream != NULL) { /* a grain that waits to be appended is in no table */
        count = 1;
        if (vmdk_stream_holds(extent, grain, 0, NULL, 0))
            entries[0] = UINT32_MAX;
    }
    count = count_alike(extent, grain, entries, count);
    describe(extent, entries[0], in_grain, found);
    found->length_bytes =
        vdisk_min_u64(((uint64_t)count << extent->grain_shift) - in_grain, length_bytes);
    return VDISK_OK;
}

enum vdisk_status vmdk_map(struct vdisk_image *image, uint64_t offset_bytes, uint64_t length_bytes,
                           struct vdisk_extent *found, struct vdisk_error *error)
{
    struct vmdk_extent *extent = vmdk_extent_at(vmdk_state(image), offset_bytes);
    const uint64_t within = offset_bytes - extent->start_bytes;

    length_bytes = vdisk_min_u64(length_bytes, extent->length_bytes - within);
    if (extent->file == NULL && extent->kind != VMDK_EXTENT_ZERO)
        return vdisk_image_fail(image, error, VDISK_NOT_FOUND, "VMDK extent", VDISK_NO_OFFSET,
                                "its file was not found");
    if (vmdk_is_sparse(extent))
        return map_grains(extent, within, length_bytes, found, error);
    found->length_bytes = length_bytes;
    found->kind = VDISK_EXTENT_ZERO;
    if (extent->kind == VMDK_EXTENT_FLAT) {
        found->kind = VDISK_EXTENT_DATA;
        found->file = extent->file;
        found->file_offset_bytes = extent->file_offset_bytes + within;
    }
    return VDISK_OK;
}
