#include "tests/support/random.h"

void test_random_seed(struct test_random *random, uint64_t seed)
{
    random->state = seed;
}

/* splitmix64 */
uint64_t test_random_next(struct test_random *random)
{
    uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint64_t test_random_below(struct test_random *random, uint64_t limit)
{
    return test_random_next(random) % limit;
}

bool test_random_chance(struct test_random *random, unsigned percent)
{
    return test_random_below(random, 100) < percent;
}

void test_random_fill(struct test_random *random, void *buffer, size_t length_bytes)
{
    unsigned char *bytes = buffer;

    for (size_t i = 0; i < length_bytes; i++)
        bytes[i] = (unsigned char)test_random_next(random);
}

uint64_t test_random_mix(uint64_t a, uint64_t b)
{
    struct test_random random = {a ^ (b * UINT64_C(0xd6e8feb86659fd93))};

    return test_random_next(&random);
}
