/*
 * What every fuzz target of an image format does with its input, and how an input is written down.
 *
 * An input is 8 bytes of header and then the image without its zeros:
 *
 *   0  u8   flags: 1 the image is opened for writing, 2 checksums are made right first
 *   1  u8   seed of the operations
 *   2  u16  bytes after the last whole sector of the image (0..511)
 *   4  u32  sectors of the image
 *   8  runs: u32 first sector, u16 sector count, count * 512 bytes (the last run may be cut short)
 */
#ifndef VIRTUALDISK_TESTS_FUZZ_IMAGE_H
#define VIRTUALDISK_TESTS_FUZZ_IMAGE_H

#include "host/memory/file_memory.h"

#define FUZZ_HEADER_BYTES  8u
#define FUZZ_RUN_BYTES     6u
#define FUZZ_FLAG_WRITE    1u
#define FUZZ_FLAG_CHECKSUM 2u

/* The largest image that an input may describe, and the most that may be stored of it. */
#define FUZZ_IMAGE_BYTES_MAX ((uint64_t)1 << 30)
#define FUZZ_SPACE_BYTES     ((uint64_t)48 << 20)

/* Makes the image of an input; NULL when it is no input. */
struct vdisk_memory_store *fuzz_image_unpack(const unsigned char *data, size_t length_bytes);

/* The input of an image; malloc'ed. Large images become what fits into limit_bytes. */
unsigned char *fuzz_image_pack(struct vdisk_memory_store *store, unsigned char flags,
                               unsigned char seed, size_t limit_bytes, size_t *length_bytes);

/*
 * Opens the image as `format` (NULL: probed), reads, maps, checks and perhaps writes it. Aborts
 * when a property does not hold.
 */
void fuzz_image_run(const char *format, const unsigned char *data, size_t length_bytes);

/* Makes the checksums of a VHD or VHDX right, so that what lies behind them is reached. */
void fuzz_checksum_repair(struct vdisk_file *file);

#endif
