/* Decompression by zlib, in user mode and in the kernel. */
#include "host/codec/codec.h"
#include "host/codec/codec_zlib.h"

static enum vdisk_status explain(int code, const z_stream *stream, const char **reason)
{
    switch (code) {
    case Z_MEM_ERROR:
        *reason = NULL;
        return VDISK_NO_MEMORY;
    case Z_NEED_DICT:
        *reason = "the compressed data wants a dictionary";
        return VDISK_CORRUPT;
    case Z_OK:
    case Z_BUF_ERROR:
        *reason = stream->avail_out == 0 ? "the compressed data holds more than fits"
                                         : "the compressed data is cut off";
        return VDISK_CORRUPT;
    default:
        *reason = "the compressed data is damaged";
        return VDISK_CORRUPT;
    }
}

enum vdisk_status vdisk_inflate(bool wrapped, const void *input, size_t input_bytes, void *output,
                                size_t output_bytes, size_t *produced_bytes, const char **reason)
{
    z_stream stream;
    int code;

    memset(&stream, 0, sizeof stream);
    if (input_bytes > CODEC_BYTES_MAX || output_bytes > CODEC_BYTES_MAX) {
        *reason = "the compressed data is too large";
        return VDISK_UNSUPPORTED;
    }
    /* zlib wants a pointer to writable input, and does not write to it. */
    stream.next_in = (unsigned char *)(uintptr_t)input;
    stream.avail_in = (unsigned)input_bytes;
    stream.next_out = output;
    stream.avail_out = (unsigned)output_bytes;
    code = inflateInit2(&stream, wrapped ? CODEC_WINDOW_BITS_MAX : -CODEC_WINDOW_BITS_MAX);
    if (code != Z_OK)
        return explain(code, &stream, reason);
    code = inflate(&stream, Z_FINISH);
    *produced_bytes = output_bytes - stream.avail_out;
    inflateEnd(&stream);
    return code == Z_STREAM_END ? VDISK_OK : explain(code, &stream, reason);
}
