#include "engine/format/vmdk/vmdk_twin.h"
#include "engine/format/vmdk/vmdk_table.h"
#include "engine/format/vmdk/vmdk_write.h"

static uint64_t grain_count(const struct vmdk_extent *extent)
{
    return vdisk_div_up(extent->length_bytes, vmdk_grain_bytes(extent));
}

enum vdisk_status vmdk_twin_difference(struct vmdk_extent *extent, uint64_t *grain, uint64_t *first,
                                       uint64_t *twin, struct vdisk_error *error)
{
    const uint64_t end = grain_count(extent);

    while ((*grain = vmdk_table_skip(extent, *grain, end)) < end) {
        uint64_t a[VMDK_BATCH], b[VMDK_BATCH];
        uint32_t count = (uint32_t)vdisk_min_u64(end - *grain, VMDK_BATCH);
        uint32_t same = 0;
        enum vdisk_status status =
            vmdk_table_load(extent, VMDK_COPY_FIRST, *grain, a, &count, error);

        if (status == VDISK_OK)
            status = vmdk_table_load(extent, VMDK_COPY_TWIN, *grain, b, &count, error);
        if (status != VDISK_OK)
            return status;
        while (same < count && a[same] == b[same])
            same++;
        *grain += same;
        if (same == count)
            continue;
        *first = a[same];
        *twin = b[same];
        return VDISK_OK;
    }
    return VDISK_NOT_FOUND;
}

uint64_t vmdk_twin_choose(struct vmdk_extent *extent, uint64_t grain, uint64_t first, uint64_t twin)
{
    if (first <= VMDK_ENTRY_ZERO || vmdk_grain_fits(extent, grain, first))
        return first;
    return twin > VMDK_ENTRY_ZERO && vmdk_grain_fits(extent, grain, twin) ? twin : first;
}

enum vdisk_status vmdk_twin_reconcile(struct vmdk_extent *extent, struct vdisk_error *error)
{
    uint64_t grain = 0, first, twin;
    enum vdisk_status status = VDISK_OK;

    if (extent->twin_directory_bytes == 0)
        return VDISK_OK;
    for (;; grain++) {
        status = vmdk_twin_difference(extent, &grain, &first, &twin, error);
        if (status != VDISK_OK)
            break;
        status = vmdk_entry_replace(extent, grain,
                                    (uint32_t)vmdk_twin_choose(extent, grain, first, twin), error);
        if (status != VDISK_OK)
            return status;
    }
    return status == VDISK_NOT_FOUND ? VDISK_OK : status;
}
