/*
 * Sectors that tell where they belong and which operation wrote them, so that any mixture, shift
 * or leftover shows. Stamp 0 is a sector of zeros.
 */
#ifndef VIRTUALDISK_TESTS_SECTOR_PATTERN_H
#define VIRTUALDISK_TESTS_SECTOR_PATTERN_H

#include "virtualdisk/disk.h"

#define PATTERN_GARBAGE UINT32_MAX

void sector_pattern_fill(void *buffer, uint64_t first_sector, uint64_t sector_count,
                         uint32_t stamp);

/* The stamp of one sector; PATTERN_GARBAGE when it is nothing that was ever written there. */
uint32_t sector_pattern_read(const void *buffer, uint64_t sector);

/*
 * True when every word was once written to this sector, if not by the same operation: what a read
 * may see while the sector is being written.
 */
bool sector_pattern_is_mixture(const void *buffer, uint64_t sector);

#endif
