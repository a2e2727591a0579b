/*
 * Writing stream-optimized extents: grains are compressed and appended in ascending order, each
 * once; the tables, the directory and the footer come last. Only an extent without any grain can
 * be written. Until the end there is no footer: a reader finds the grains by their markers, so what
 * was flushed survives a power cut.
 *
 * Content may come in pieces: the grain being written waits in memory until another one is begun,
 * or the image is flushed.
 */
#ifndef VIRTUALDISK_ENGINE_VMDK_STREAM_H
#define VIRTUALDISK_ENGINE_VMDK_STREAM_H

#include "engine/format/vmdk/vmdk.h"

/* Makes the extent of a writable image ready to be written, where it can be. */
enum vdisk_status vmdk_stream_open(struct vdisk_image *image, struct vdisk_error *error);
void vmdk_stream_close(struct vmdk_extent *extent);

/* The functions below: with image->allocation_lock held, on an extent that has a stream. */

/* Takes the tables and footer of the empty extent away. */
enum vdisk_status vmdk_stream_begin(struct vmdk_extent *extent, struct vdisk_error *error);

/* Up to the end of a grain. */
enum vdisk_status vmdk_stream_write(struct vmdk_extent *extent, uint64_t within_bytes,
                                    const void *buffer, size_t length_bytes, size_t *done_bytes,
                                    struct vdisk_error *error);

/* Appends the grain that waits in memory. */
enum vdisk_status vmdk_stream_seal(struct vmdk_extent *extent, struct vdisk_error *error);

/* Writes tables, directory, footer and end-of-stream marker. No flush. */
enum vdisk_status vmdk_stream_finish(struct vmdk_extent *extent, struct vdisk_error *error);

/* Any thread: is the grain waiting in memory? Then copies from it where `buffer` is not NULL. */
bool vmdk_stream_holds(struct vmdk_extent *extent, uint64_t grain, uint32_t in_grain_bytes,
                       void *buffer, uint32_t length_bytes);

#endif
