/*
 * Arithmetic on values that came from an image or a caller. Each function returns false, and
 * leaves the result alone, when the true result does not fit.
 */
#ifndef VIRTUALDISK_ENGINE_CHECKED_H
#define VIRTUALDISK_ENGINE_CHECKED_H

#include "virtualdisk/platform.h"

static inline bool vdisk_add_u64(uint64_t a, uint64_t b, uint64_t *sum)
{
    if (b > UINT64_MAX - a)
        return false;
    *sum = a + b;
    return true;
}

static inline bool vdisk_sub_u64(uint64_t a, uint64_t b, uint64_t *difference)
{
    if (b > a)
        return false;
    *difference = a - b;
    return true;
}

/* Without the compiler's overflow builtin, whose 64-bit form needs a libgcc call on i386. */
static inline bool vdisk_mul_u64(uint64_t a, uint64_t b, uint64_t *product)
{
    if (a != 0 && b > UINT64_MAX / a)
        return false;
    *product = a * b;
    return true;
}

static inline bool vdisk_u64_to_size(uint64_t value, size_t *narrow)
{
    if (value > SIZE_MAX)
        return false;
    *narrow = (size_t)value;
    return true;
}

/* Does [offset, offset + length) lie within [0, limit)? */
static inline bool vdisk_range_within(uint64_t offset, uint64_t length, uint64_t limit)
{
    return offset <= limit && length <= limit - offset;
}

/* Do two ranges share a byte? False for an empty one; ranges that overflow are clipped. */
static inline bool vdisk_ranges_overlap(uint64_t offset_a, uint64_t length_a, uint64_t offset_b,
                                        uint64_t length_b)
{
    if (length_a == 0 || length_b == 0)
        return false;
    return offset_a < offset_b ? length_a > offset_b - offset_a : length_b > offset_a - offset_b;
}

static inline bool vdisk_is_power_of_two(uint64_t value)
{
    return value != 0 && (value & (value - 1)) == 0;
}

/* `unit` is a power of two. */
static inline bool vdisk_is_aligned(uint64_t value, uint64_t unit)
{
    return (value & (unit - 1)) == 0;
}

static inline uint64_t vdisk_align_down(uint64_t value, uint64_t unit)
{
    return value & ~(unit - 1);
}

static inline bool vdisk_align_up(uint64_t value, uint64_t unit, uint64_t *aligned)
{
    if (!vdisk_add_u64(value, unit - 1, &value))
        return false;
    *aligned = vdisk_align_down(value, unit);
    return true;
}

/* How many units of `unit` (not 0) hold `value`. Cannot overflow. */
static inline uint64_t vdisk_div_up(uint64_t value, uint64_t unit)
{
    return value / unit + (value % unit != 0);
}

static inline uint64_t vdisk_min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static inline uint64_t vdisk_max_u64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static inline size_t vdisk_min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

#endif
