/* Latencies as the driver counts them, in powers of two of microseconds (driver_abi.h). */
#ifndef VIRTUALDISK_CONTROL_LATENCY_H
#define VIRTUALDISK_CONTROL_LATENCY_H

#include "virtualdisk/driver_abi.h"

#include <stdbool.h>

/*
 * Estimates how many microseconds the fastest `permille` of 1000 requests took at most: requests
 * are thought to be spread evenly in their bucket. 0 when there were none.
 */
uint64_t vdisk_latency_percentile(const struct virtualdisk_operations *operations,
                                  uint32_t permille);

/* The buckets from *first to before *end hold everything; false: there is nothing. */
bool vdisk_latency_span(const struct virtualdisk_operations *operations, unsigned *first,
                        unsigned *end);

#define VDISK_LATENCY_TEXT_BYTES 32

/* "870 us", "12.4 ms", "3.0 s". */
const char *vdisk_latency_text(uint64_t microseconds, char text[VDISK_LATENCY_TEXT_BYTES]);

#endif
