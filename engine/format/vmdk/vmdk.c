#include "engine/format/vmdk/vmdk_format.h"
#include "engine/format/vmdk/vmdk.h"
#include "engine/format/vmdk/vmdk_check.h"
#include "engine/format/vmdk/vmdk_create.h"
#include "engine/format/vmdk/vmdk_edit.h"
#include "engine/format/vmdk/vmdk_inflate.h"
#include "engine/format/vmdk/vmdk_map.h"
#include "engine/format/vmdk/vmdk_open.h"
#include "engine/format/vmdk/vmdk_resize.h"
#include "engine/format/vmdk/vmdk_stream.h"
#include "engine/format/vmdk/vmdk_write.h"

/* Within one grain. */
static enum vdisk_status read_grain(struct vdisk_image *image, struct vmdk_extent *extent,
                                    uint64_t within_bytes, void *buffer, uint32_t length_bytes,
                                    struct vdisk_error *error)
{
    const uint64_t grain = within_bytes >> extent->grain_shift;
    const uint32_t in_grain = (uint32_t)(within_bytes & (vmdk_grain_bytes(extent) - 1));
    uint64_t sector;
    enum vdisk_status status;

    if (extent->stream != NULL && vmdk_stream_holds(extent, grain, in_grain, buffer, length_bytes))
        return VDISK_OK;
    status = vmdk_grain_find(extent, grain, &sector, error);
    if (status != VDISK_OK)
        return status;
    if (sector <= VMDK_ENTRY_ZERO) { /* a grain of a stream that turned out to be zeros */
        memset(buffer, 0, length_bytes);
        return VDISK_OK;
    }
    return vmdk_inflate_read(vmdk_state(image)->inflated, extent, grain, sector, in_grain, buffer,
                             length_bytes, error);
}

static enum vdisk_status vmdk_read_compressed(struct vdisk_image *image, uint64_t offset_bytes,
                                              void *buffer, size_t length_bytes,
                                              struct vdisk_error *error)
{
    struct vmdk_extent *extent = vmdk_extent_at(vmdk_state(image), offset_bytes);
    uint64_t within = offset_bytes - extent->start_bytes;
    unsigned char *to = buffer;

    while (length_bytes != 0) {
        const uint64_t rest = vmdk_grain_bytes(extent) - (within & (vmdk_grain_bytes(extent) - 1));
        const uint32_t piece = (uint32_t)vdisk_min_u64(length_bytes, rest);
        enum vdisk_status status = read_grain(image, extent, within, to, piece, error);

        if (status != VDISK_OK)
            return status;
        to += piece;
        within += piece;
        length_bytes -= piece;
    }
    return VDISK_OK;
}

const struct vdisk_format vdisk_format_vmdk = {
    .name = "vmdk",
    .description = "VMware: monolithic, split, stream-optimized, ESXi and seSparse disks",
    .capabilities = VDISK_CAN_WRITE | VDISK_CAN_CREATE | VDISK_CAN_CHOOSE_BLOCKS |
                    VDISK_CAN_CHOOSE_KIND | VDISK_CAN_CREATE_FIXED | VDISK_CAN_HAVE_PARENT |
                    VDISK_CAN_RESIZE | VDISK_CAN_CHECK | VDISK_CAN_COMPRESS,
    .probe = vmdk_probe,
    .open = vmdk_open,
    .close = vmdk_close,
    .check_parent = vmdk_check_parent,
    .map = vmdk_map,
    .read_compressed = vmdk_read_compressed,
    .begin_write = vmdk_begin_write,
    .write_new = vmdk_write_new,
    .zero = vmdk_zero,
    .flush = vmdk_flush,
    .end_write = vmdk_end_write,
    .create = vmdk_create,
    .resize = vmdk_resize,
    .set_parent = vmdk_set_parent,
    .get_info = vmdk_get_info,
    .get_identity = vmdk_get_identity,
    .check = vmdk_check,
};
