/* zstd, where its library is packaged. */
#include "host/codec/codec.h"

#include <zstd.h>
#include <zstd_errors.h>

static enum vdisk_status explain(size_t code, const char **reason)
{
    switch (ZSTD_getErrorCode(code)) {
    case ZSTD_error_memory_allocation:
        *reason = NULL;
        return VDISK_NO_MEMORY;
    case ZSTD_error_dstSize_tooSmall:
        *reason = "the compressed data holds more than fits";
        return VDISK_CORRUPT;
    case ZSTD_error_srcSize_wrong:
        *reason = "the compressed data is cut off";
        return VDISK_CORRUPT;
    default:
        *reason = "the compressed data is damaged";
        return VDISK_CORRUPT;
    }
}

/*
 * A writer may have cut the content into several frames. Every turn uses up at least a frame's
 * header of the input, so the loop ends; a frame is decoded straight into the output, which is its
 * window, so what a frame says about its window costs nothing.
 */
enum vdisk_status vdisk_zstd_decompress(const void *input, size_t input_bytes, void *output,
                                        size_t output_bytes, size_t *produced_bytes,
                                        const char **reason)
{
    const unsigned char *from = input;
    unsigned char *to = output;

    do {
        const size_t frame_bytes = ZSTD_findFrameCompressedSize(from, input_bytes);
        size_t made;

        if (ZSTD_isError(frame_bytes))
            return explain(frame_bytes, reason);
        made = ZSTD_decompress(to, output_bytes - *produced_bytes, from, frame_bytes);
        if (ZSTD_isError(made))
            return explain(made, reason);
        from += frame_bytes;
        input_bytes -= frame_bytes;
        to += made;
        *produced_bytes += made;
    } while (*produced_bytes < output_bytes && input_bytes != 0);
    return VDISK_OK;
}

enum vdisk_status vdisk_zstd_compress(const void *input, size_t input_bytes, void *output,
                                      size_t output_bytes, size_t *produced_bytes,
                                      const char **reason)
{
    const size_t made =
        ZSTD_compress(output, output_bytes, input, input_bytes, ZSTD_CLEVEL_DEFAULT);

    if (!ZSTD_isError(made)) {
        *produced_bytes = made;
        return VDISK_OK;
    }
    *reason = NULL;
    if (ZSTD_getErrorCode(made) != ZSTD_error_dstSize_tooSmall)
        return VDISK_NO_MEMORY;
    *reason = "the compressed data does not fit";
    return VDISK_NO_SPACE;
}
