/* The parts of the codec: one file for each library, chosen by the build. */
#ifndef VIRTUALDISK_HOST_CODEC_H
#define VIRTUALDISK_HOST_CODEC_H

#include "virtualdisk/codec.h"

/* As vdisk_codec_decompress and vdisk_codec_compress; `wrapped` tells zlib from raw deflate. */
enum vdisk_status vdisk_inflate(bool wrapped, const void *input, size_t input_bytes, void *output,
                                size_t output_bytes, size_t *produced_bytes, const char **reason);
enum vdisk_status vdisk_deflate(bool wrapped, const void *input, size_t input_bytes, void *output,
                                size_t output_bytes, size_t *produced_bytes, const char **reason);

enum vdisk_status vdisk_zstd_decompress(const void *input, size_t input_bytes, void *output,
                                        size_t output_bytes, size_t *produced_bytes,
                                        const char **reason);
enum vdisk_status vdisk_zstd_compress(const void *input, size_t input_bytes, void *output,
                                      size_t output_bytes, size_t *produced_bytes,
                                      const char **reason);

#endif
