/* Space that need not be taken: discards, and zeros that need not be stored. */
#ifndef VIRTUALDISK_ENGINE_DISCARD_H
#define VIRTUALDISK_ENGINE_DISCARD_H

#include "engine/format/format.h"

/* After open: what image->disk may tell of discards. */
void vdisk_discard_settle(struct vdisk_image *image);

/* Gives whole units of image->disk.discard_bytes back. */
enum vdisk_status vdisk_discard(struct vdisk_image *image, uint64_t offset_bytes,
                                uint64_t length_bytes, struct vdisk_error *error);

/*
 * The next step of a write that looks for zeros: what need not be stored is done here; else it is
 * said to be data. *done_bytes of the buffer, at least one sector, are done or data.
 */
enum vdisk_status vdisk_discard_zeros(struct vdisk_image *image, uint64_t offset_bytes,
                                      const unsigned char *buffer, size_t length_bytes,
                                      size_t *done_bytes, bool *is_data, struct vdisk_error *error);

#endif
