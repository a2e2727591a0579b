/* CRC-32C (Castagnoli), as VHDX uses it. */
#ifndef VIRTUALDISK_ENGINE_CRC32C_H
#define VIRTUALDISK_ENGINE_CRC32C_H

#include "virtualdisk/platform.h"

/*
 * The checksum of what came before (0 at the start), continued over more bytes: a buffer in pieces
 * has the same checksum as a whole.
 */
uint32_t vdisk_crc32c(uint32_t crc, const void *data, size_t length_bytes);

#endif
