/* Finds the grains of a stream-optimized extent whose file has no usable tables. */
#ifndef VIRTUALDISK_ENGINE_VMDK_SCAN_H
#define VIRTUALDISK_ENGINE_VMDK_SCAN_H

#include "engine/format/vmdk/vmdk.h"

/*
 * Reads the markers from the first grain to the end of the stream, or of the file, into
 * extent->index. extent->end_bytes becomes the end of the last whole grain or table.
 */
enum vdisk_status vmdk_scan(struct vmdk_extent *extent, struct vdisk_error *error);

#endif
