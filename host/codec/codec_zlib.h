/*
 * zlib's header, as the library was compiled: its functions are cdecl, also where the including
 * file is compiled with another default (the 32-bit driver).
 */
#ifndef VIRTUALDISK_HOST_CODEC_ZLIB_H
#define VIRTUALDISK_HOST_CODEC_ZLIB_H

#if defined(_WIN32) && !defined(_WIN64)
#define ZEXPORT __cdecl
#endif
#include <zlib.h>

#define CODEC_BYTES_MAX       ((size_t)1 << 30)
#define CODEC_WINDOW_BITS_MAX 15

#endif
