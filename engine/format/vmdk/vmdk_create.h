/* Making new disks. */
#ifndef VIRTUALDISK_ENGINE_VMDK_CREATE_H
#define VIRTUALDISK_ENGINE_VMDK_CREATE_H

#include "engine/format/vmdk/vmdk.h"

/*
 * Subformats: monolithicSparse (the default), monolithicFlat (the default when fixed),
 * twoGbMaxExtentSparse, twoGbMaxExtentFlat, streamOptimized (the default when compressed). Extents
 * are named after the file: "disk.vmdk" has "disk-flat.vmdk" or "disk-s001.vmdk" beside it.
 */
enum vdisk_status vmdk_create(struct vdisk_file *file, const struct vdisk_create_options *options,
                              struct vdisk_error *error);

/* Where the metadata of a hosted sparse extent goes; all in sectors. */
struct vmdk_layout {
    uint64_t directory_entries;
    uint64_t directory_sectors;
    uint64_t table_sectors; /* of all tables of one copy */
};

void vmdk_layout_compute(uint64_t capacity_sectors, uint64_t grain_sectors,
                         struct vmdk_layout *layout);

/*
 * Writes entries of the directory at a sector, from first_entry on: their tables lie one behind
 * the other from first_table_sector on.
 */
enum vdisk_status vmdk_directory_write(struct vdisk_file *file, uint64_t sector,
                                       uint64_t first_entry, uint64_t entries,
                                       uint64_t first_table_sector, struct vdisk_error *error);

#endif
