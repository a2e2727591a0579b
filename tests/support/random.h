/* Random numbers that a seed repeats, on every machine. */
#ifndef VIRTUALDISK_TESTS_RANDOM_H
#define VIRTUALDISK_TESTS_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct test_random {
    uint64_t state;
};

void test_random_seed(struct test_random *random, uint64_t seed);
uint64_t test_random_next(struct test_random *random);

/* 0 <= result < limit; limit is not 0. */
uint64_t test_random_below(struct test_random *random, uint64_t limit);

/* True in `percent` of 100 cases. */
bool test_random_chance(struct test_random *random, unsigned percent);

void test_random_fill(struct test_random *random, void *buffer, size_t length_bytes);

/*
 * One number for several: how the seed of a part is derived from the seed of the whole.
 */
uint64_t test_random_mix(uint64_t a, uint64_t b);

#endif
