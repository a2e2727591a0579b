/* CRC-32 as zlib and UEFI have it (polynomial 0x04c11db7, reflected). */
#ifndef VIRTUALDISK_ENGINE_CRC32_H
#define VIRTUALDISK_ENGINE_CRC32_H

#include <stddef.h>
#include <stdint.h>

/* Goes on from `crc`, the result for what came before; 0 at the beginning. */
uint32_t vdisk_crc32(uint32_t crc, const void *bytes, size_t length_bytes);

#endif
