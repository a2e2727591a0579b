/* Writing a disk: sessions, new grains, zeroing, flushing. With image->allocation_lock held. */
#ifndef VIRTUALDISK_ENGINE_VMDK_WRITE_H
#define VIRTUALDISK_ENGINE_VMDK_WRITE_H

#include "engine/format/vmdk/vmdk.h"

enum vdisk_status vmdk_begin_write(struct vdisk_image *image, struct vdisk_error *error);
enum vdisk_status vmdk_write_new(struct vdisk_image *image, uint64_t offset_bytes,
                                 const void *buffer, size_t length_bytes, size_t *done_bytes,
                                 struct vdisk_error *error);
enum vdisk_status vmdk_zero(struct vdisk_image *image, uint64_t offset_bytes, uint64_t length_bytes,
                            uint64_t *done_bytes, struct vdisk_error *error);
enum vdisk_status vmdk_flush(struct vdisk_image *image, struct vdisk_error *error);
enum vdisk_status vmdk_end_write(struct vdisk_image *image, struct vdisk_error *error);

/* What the tables of an extent hold goes to its file: data, then tables; two flushes at most. */
enum vdisk_status vmdk_extent_flush(struct vmdk_extent *extent, struct vdisk_error *error);

/* Sets one entry in every copy of the tables, which are made where they are missing. */
enum vdisk_status vmdk_entry_replace(struct vmdk_extent *extent, uint64_t grain, uint32_t sector,
                                     struct vdisk_error *error);

#endif
