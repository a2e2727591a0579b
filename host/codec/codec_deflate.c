/* Compression by zlib; user mode only. */
#include "host/codec/codec.h"
#include "host/codec/codec_zlib.h"

/* QCOW2 fixes the window of its raw streams: readers may refuse a larger one. */
#define RAW_WINDOW_BITS 12
#define MEMORY_LEVEL    8 /* zlib's default */

enum vdisk_status vdisk_deflate(bool wrapped, const void *input, size_t input_bytes, void *output,
                                size_t output_bytes, size_t *produced_bytes, const char **reason)
{
    z_stream stream;
    int code;

    memset(&stream, 0, sizeof stream);
    *reason = "the data is too large to be compressed at once";
    if (input_bytes > CODEC_BYTES_MAX || output_bytes > CODEC_BYTES_MAX)
        return VDISK_INVALID;
    *reason = NULL;
    if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED,
                     wrapped ? CODEC_WINDOW_BITS_MAX : -RAW_WINDOW_BITS, MEMORY_LEVEL,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        return VDISK_NO_MEMORY;
    stream.next_in = (unsigned char *)(uintptr_t)input;
    stream.avail_in = (unsigned)input_bytes;
    stream.next_out = output;
    stream.avail_out = (unsigned)output_bytes;
    code = deflate(&stream, Z_FINISH);
    *produced_bytes = output_bytes - stream.avail_out;
    deflateEnd(&stream);
    if (code == Z_STREAM_END)
        return VDISK_OK;
    *reason = "the compressed data does not fit";
    return VDISK_NO_SPACE;
}
