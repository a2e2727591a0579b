#include "tests/image/sector_pattern.h"

#define WORDS  (VDISK_SECTOR_BYTES / 8)
#define FACTOR UINT64_C(0x9e3779b97f4a7c15)

static void make_sector(uint64_t *words, uint64_t sector, uint32_t stamp)
{
    const uint64_t seed = (sector << 32) ^ stamp;

    words[0] = sector;
    words[1] = stamp;
    for (uint64_t i = 2; i < WORDS; i++)
        words[i] = (seed + i) * FACTOR;
}

void sector_pattern_fill(void *buffer, uint64_t first_sector, uint64_t sector_count, uint32_t stamp)
{
    unsigned char *bytes = buffer;
    uint64_t words[WORDS];

    if (stamp == 0) {
        memset(buffer, 0, (size_t)sector_count * VDISK_SECTOR_BYTES);
        return;
    }
    for (uint64_t i = 0; i < sector_count; i++) {
        make_sector(words, first_sector + i, stamp);
        memcpy(bytes + i * VDISK_SECTOR_BYTES, words, sizeof words);
    }
}

uint32_t sector_pattern_read(const void *buffer, uint64_t sector)
{
    static const unsigned char zeros[VDISK_SECTOR_BYTES];
    uint64_t words[WORDS], found[2];

    memcpy(found, buffer, sizeof found);
    if (found[1] == 0)
        return memcmp(buffer, zeros, sizeof zeros) == 0 ? 0 : PATTERN_GARBAGE;
    if (found[1] >= PATTERN_GARBAGE)
        return PATTERN_GARBAGE;
    make_sector(words, sector, (uint32_t)found[1]);
    return memcmp(buffer, words, sizeof words) == 0 ? (uint32_t)found[1] : PATTERN_GARBAGE;
}

/* The number whose product with FACTOR is 1 (modulo 2 to the 64): each round doubles its bits. */
static uint64_t inverse_factor(void)
{
    uint64_t inverse = FACTOR;

    for (unsigned round = 0; round < 6; round++)
        inverse *= 2 - FACTOR * inverse;
    return inverse;
}

bool sector_pattern_is_mixture(const void *buffer, uint64_t sector)
{
    const uint64_t inverse = inverse_factor();
    uint64_t words[WORDS];

    memcpy(words, buffer, sizeof words);
    if ((words[0] != 0 && words[0] != sector) || words[1] >= PATTERN_GARBAGE)
        return false;
    for (uint64_t i = 2; i < WORDS; i++) {
        if (words[i] != 0 && (words[i] * inverse - i) >> 32 != sector)
            return false;
    }
    return true;
}
