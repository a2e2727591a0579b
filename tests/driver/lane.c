#include "tests/driver/lane.h"

#include <stdio.h>
#include <string.h>

static void transfer_some(struct lane *lane, unsigned char *buffer, uint32_t *seed)
{
    const struct lanes *all = lane->all;
    const uint32_t length = 512u << (next_random(seed) % all->length_count);
    const uint32_t slots = (all->lane_bytes - length) / 512 + 1;
    const uint32_t offset = lane->number * all->lane_bytes + next_random(seed) % slots * 512;
    const bool write = next_random(seed) % 2 == 0;
    DWORD done = 0, error;

    if (write)
        fill_random(buffer, length, seed);
    error = transfer(all->handle, write, offset, buffer, length, &done);
    if (error != 0 || done != length)
        snprintf(lane->failure, sizeof lane->failure, "error %lu, %lu of %u bytes at 0x%x", error,
                 done, length, offset);
    else if (write)
        memcpy(all->model + offset, buffer, length);
    else if (memcmp(all->model + offset, buffer, length) != 0)
        snprintf(lane->failure, sizeof lane->failure, "wrong data at 0x%x", offset);
    lane->done_count++;
}

/* A thread cannot leave the case by longjmp: it keeps its own notes. */
static DWORD WINAPI use_lane(void *context)
{
    struct lane *lane = context;
    const struct lanes *all = lane->all;
    unsigned char *buffer =
        VirtualAlloc(NULL, 512u << (all->length_count - 1), MEM_COMMIT, PAGE_READWRITE);
    uint32_t seed = all->seed + lane->number;

    while (lane->failure[0] == 0 &&
           (all->transfer_count == 0 ? all->stop == 0 : lane->done_count < all->transfer_count))
        transfer_some(lane, buffer, &seed);
    VirtualFree(buffer, 0, MEM_RELEASE);
    return 0;
}

void lanes_start(struct lanes *lanes, unsigned count)
{
    lanes->count = count;
    for (unsigned i = 0; i < count; i++) {
        struct lane *lane = &lanes->each[i];

        *lane = (struct lane){.all = lanes, .number = i};
        lane->thread = CreateThread(NULL, 0, use_lane, lane, 0, NULL);
        CHECK(lane->thread != NULL);
    }
}

void lanes_finish(struct lanes *lanes)
{
    lanes->stop = 1;
    for (unsigned i = 0; i < lanes->count; i++) {
        WaitForSingleObject(lanes->each[i].thread, INFINITE);
        CloseHandle(lanes->each[i].thread);
    }
    for (unsigned i = 0; i < lanes->count; i++) {
        if (lanes->each[i].failure[0] != 0)
            test_fail(__FILE__, __LINE__, "thread %u: %s", i, lanes->each[i].failure);
        CHECK(lanes->each[i].done_count > 0);
    }
}
