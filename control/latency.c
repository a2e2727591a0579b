#include "latency.h"

#include <inttypes.h>
#include <stdio.h>

static uint64_t total(const struct virtualdisk_operations *operations)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < VIRTUALDISK_LATENCY_BUCKETS; i++)
        sum += operations->latency[i];
    return sum;
}

/* Bucket 0 holds what took less than 1, bucket i what took from 2^(i-1) to 2^i. */
static uint64_t bucket_start(unsigned bucket)
{
    return bucket == 0 ? 0 : UINT64_C(1) << (bucket - 1);
}

uint64_t vdisk_latency_percentile(const struct virtualdisk_operations *operations,
                                  uint32_t permille)
{
    uint64_t count = total(operations);
    /* Counts are far below 2^54: a request takes longer than a cycle. */
    uint64_t wanted = (count * permille + 999) / 1000;
    uint64_t passed = 0;
    for (unsigned i = 0; i < VIRTUALDISK_LATENCY_BUCKETS && wanted > 0; i++) {
        uint64_t here = operations->latency[i];
        if (here > 0 && passed + here >= wanted) {
            uint64_t start = bucket_start(i);
            uint64_t width = (UINT64_C(1) << i) - start;
            return start + (uint64_t)((double)width * (double)(wanted - passed) / (double)here);
        }
        passed += here;
    }
    return 0;
}

bool vdisk_latency_span(const struct virtualdisk_operations *operations, unsigned *first,
                        unsigned *end)
{
    *first = VIRTUALDISK_LATENCY_BUCKETS;
    *end = 0;
    for (unsigned i = 0; i < VIRTUALDISK_LATENCY_BUCKETS; i++) {
        if (operations->latency[i] == 0)
            continue;
        if (*first > i)
            *first = i;
        *end = i + 1;
    }
    return *end > 0;
}

const char *vdisk_latency_text(uint64_t microseconds, char text[VDISK_LATENCY_TEXT_BYTES])
{
    if (microseconds < 1000)
        snprintf(text, VDISK_LATENCY_TEXT_BYTES, "%" PRIu64 " us", microseconds);
    else if (microseconds < 1000000)
        snprintf(text, VDISK_LATENCY_TEXT_BYTES, "%" PRIu64 ".%" PRIu64 " ms", microseconds / 1000,
                 microseconds % 1000 / 100);
    else
        snprintf(text, VDISK_LATENCY_TEXT_BYTES, "%" PRIu64 ".%" PRIu64 " s",
                 microseconds / 1000000, microseconds % 1000000 / 100000);
    return text;
}
