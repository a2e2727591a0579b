/*
 * The engine's door to compression. host/codec implements it with the packaged libraries zlib and
 * zstd; kernel builds can only inflate. Streams are handled in one call each, from one buffer into
 * another, so that nothing an image says can make a call take more memory or time than its buffers.
 *
 * All calls at PASSIVE_LEVEL, from any thread. `reason` receives static text when, and only when,
 * a call fails; the caller knows the file and the offset.
 */
#ifndef VIRTUALDISK_CODEC_H
#define VIRTUALDISK_CODEC_H

#include "virtualdisk/status.h"
#include "virtualdisk/platform.h"

enum vdisk_codec {
    VDISK_CODEC_ZLIB,    /* RFC 1950, with its checksum */
    VDISK_CODEC_DEFLATE, /* RFC 1951 without a wrapper; written with a window of 4 KiB */
    VDISK_CODEC_ZSTD     /* RFC 8878: one or more frames */
};

enum vdisk_codec_direction { VDISK_DECOMPRESS, VDISK_COMPRESS };

/* VDISK_OK, or VDISK_UNSUPPORTED with what is missing ("... needs zstd ..."). */
enum vdisk_status vdisk_codec_require(enum vdisk_codec codec, enum vdisk_codec_direction direction,
                                      const char **reason);

/*
 * Decompresses the stream at the start of `input`; what follows it is ignored. The output may be
 * shorter than the buffer: the caller compares *produced_bytes with what it expects. VDISK_CORRUPT
 * when the stream is damaged, is cut off, or holds more than output_bytes.
 */
enum vdisk_status vdisk_codec_decompress(enum vdisk_codec codec, const void *input,
                                         size_t input_bytes, void *output, size_t output_bytes,
                                         size_t *produced_bytes, const char **reason);

/*
 * Compresses `input` whole, at the library's default level. VDISK_NO_SPACE when the result does
 * not fit into output_bytes, which is how a caller learns that compression does not pay.
 */
enum vdisk_status vdisk_codec_compress(enum vdisk_codec codec, const void *input,
                                       size_t input_bytes, void *output, size_t output_bytes,
                                       size_t *produced_bytes, const char **reason);

/*
 * The most that a compressor may reasonably make of input_bytes: bounds what a stream that claims
 * to hold so much may occupy. input_bytes is at most 1 GiB.
 */
static inline size_t vdisk_codec_bound(size_t input_bytes)
{
    return input_bytes + input_bytes / 8 + 4096;
}

#endif
