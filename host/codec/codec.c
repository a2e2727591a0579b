/*
 * Which codec this build has. VIRTUALDISK_HAVE_ZSTD and VIRTUALDISK_HAVE_DEFLATE come from the
 * build: what is absent is answered here, and its file is not compiled.
 */
#include "host/codec/codec.h"

static enum vdisk_status refuse(enum vdisk_status status, const char *text, const char **reason)
{
    *reason = text;
    return status;
}

enum vdisk_status vdisk_codec_require(enum vdisk_codec codec, enum vdisk_codec_direction direction,
                                      const char **reason)
{
    switch (codec) {
    case VDISK_CODEC_ZLIB:
    case VDISK_CODEC_DEFLATE:
        if (direction == VDISK_COMPRESS && !VIRTUALDISK_HAVE_DEFLATE)
            return refuse(VDISK_UNSUPPORTED, "compressing is left to the control utility", reason);
        return VDISK_OK;
    case VDISK_CODEC_ZSTD:
        if (!VIRTUALDISK_HAVE_ZSTD)
            return refuse(VDISK_UNSUPPORTED, "the image needs zstd, which this build does not have",
                          reason);
        return VDISK_OK;
    }
    return refuse(VDISK_INVALID, "no such codec", reason);
}

enum vdisk_status vdisk_codec_decompress(enum vdisk_codec codec, const void *input,
                                         size_t input_bytes, void *output, size_t output_bytes,
                                         size_t *produced_bytes, const char **reason)
{
    enum vdisk_status status = vdisk_codec_require(codec, VDISK_DECOMPRESS, reason);

    *produced_bytes = 0;
    if (status != VDISK_OK)
        return status;
#if VIRTUALDISK_HAVE_ZSTD
    if (codec == VDISK_CODEC_ZSTD)
        return vdisk_zstd_decompress(input, input_bytes, output, output_bytes, produced_bytes,
                                     reason);
#endif
    return vdisk_inflate(codec == VDISK_CODEC_ZLIB, input, input_bytes, output, output_bytes,
                         produced_bytes, reason);
}

enum vdisk_status vdisk_codec_compress(enum vdisk_codec codec, const void *input,
                                       size_t input_bytes, void *output, size_t output_bytes,
                                       size_t *produced_bytes, const char **reason)
{
    enum vdisk_status status = vdisk_codec_require(codec, VDISK_COMPRESS, reason);

    *produced_bytes = 0;
    if (status != VDISK_OK)
        return status;
#if VIRTUALDISK_HAVE_ZSTD
    if (codec == VDISK_CODEC_ZSTD)
        return vdisk_zstd_compress(input, input_bytes, output, output_bytes, produced_bytes,
                                   reason);
#endif
#if VIRTUALDISK_HAVE_DEFLATE
    return vdisk_deflate(codec == VDISK_CODEC_ZLIB, input, input_bytes, output, output_bytes,
                         produced_bytes, reason);
#else
    (void)input;
    (void)input_bytes;
    (void)output;
    (void)output_bytes;
    return VDISK_UNSUPPORTED; /* not reached: vdisk_codec_require has said so */
#endif
}
