/*
 * Threads that use one volume at once, each in a part of the disk of its own (a lane), with random
 * reads and writes against a model of the whole disk.
 */
#ifndef TESTS_DRIVER_LANE_H
#define TESTS_DRIVER_LANE_H

#include "tests/driver/harness.h"

#define LANES_MAX 8

struct lanes {
    /* by the caller */
    HANDLE handle;
    unsigned char *model;
    uint32_t lane_bytes;
    uint32_t length_count;   /* transfers have 512 bytes times 2 to the 0 .. length_count - 1 */
    uint32_t transfer_count; /* of each lane; 0: until they are finished */
    uint32_t seed;

    volatile LONG stop;
    unsigned count;
    struct lane {
        struct lanes *all;
        uint32_t number;
        uint32_t done_count;
        char failure[200];
        HANDLE thread;
    } each[LANES_MAX];
};

void lanes_start(struct lanes *lanes, unsigned count);

/* Each has done something, and nothing failed. */
void lanes_finish(struct lanes *lanes);

#endif
