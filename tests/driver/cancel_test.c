/*
 * Cancellation: of requests that wait in the queue, as all workers are busy, and of those that wait
 * behind the closed barrier. What was cancelled has not been done; what was not, has.
 *
 * A worker is kept busy by the examination of a long range. Nothing is cancelled that may be about
 * to complete: see docs/wine.md.
 */
#include "tests/driver/harness.h"

#include "virtualdisk/driver_abi.h"

#include <winioctl.h>

#include <stdio.h>
#include <string.h>

#define DISK_BYTES     (2048u << 20)
#define SLOT_BYTES     65536u
#define SLOT_COUNT     64u
#define VERIFY_BYTES   (2047u << 20)
#define BARRIER_BYTES  (256u << 20)
#define ROUND_COUNT    300u
#define ROUND_REQUESTS 4u
#define KEPT_MAX       SLOT_COUNT
#define BARRIER_ROUNDS 40u

/* The disk as it must be: each slot is full of one value, the one behind them of 0. */
static unsigned char model[SLOT_COUNT + 1];

struct request {
    HANDLE handle;
    OVERLAPPED overlapped;
    unsigned char *buffer;
    bool write;
    uint32_t slot;
    unsigned char value; /* that is written */
};

static void start_request(struct request *request, HANDLE handle, uint32_t slot, bool write,
                          unsigned char value)
{
    *request = (struct request){.handle = handle, .write = write, .slot = slot, .value = value};
    request->buffer = make_buffer(SLOT_BYTES);
    request->overlapped.Offset = slot * SLOT_BYTES;
    request->overlapped.hEvent = CreateEventW(NULL, TRUE, FALSE, NULL);
    memset(request->buffer, value, SLOT_BYTES);
    CHECK(!(write ? WriteFile(handle, request->buffer, SLOT_BYTES, NULL, &request->overlapped)
                  : ReadFile(handle, request->buffer, SLOT_BYTES, NULL, &request->overlapped)));
    CHECK_EQUAL(GetLastError(), ERROR_IO_PENDING);
}

static void cancel(struct request *request)
{
    CHECK(CancelIoEx(request->handle, &request->overlapped));
}

static bool is_full_of(const unsigned char *buffer, unsigned char value)
{
    return buffer[0] == value && memcmp(buffer, buffer + 1, SLOT_BYTES - 1) == 0;
}

/* Waits for its end; was it cancelled? Either way it has done all or nothing. */
static bool finish_request(struct request *request)
{
    DWORD done = 0, error = 0;

    CHECK_EQUAL(WaitForSingleObject(request->overlapped.hEvent, 60000), WAIT_OBJECT_0);
    if (!GetOverlappedResult(request->handle, &request->overlapped, &done, FALSE))
        error = GetLastError();
    CHECK(error == 0 || error == ERROR_OPERATION_ABORTED);
    CHECK_EQUAL(done, error == 0 ? SLOT_BYTES : 0);
    if (error == 0 && request->write)
        model[request->slot] = request->value;
    else if (error == 0)
        CHECK(is_full_of(request->buffer, model[request->slot]));
    else
        CHECK(is_full_of(request->buffer, request->value)); /* nothing was read into it */
    CloseHandle(request->overlapped.hEvent);
    VirtualFree(request->buffer, 0, MEM_RELEASE);
    return error != 0;
}

struct job {
    OVERLAPPED overlapped;
    VERIFY_INFORMATION range;
};

static void start_job(struct job *job, HANDLE handle, DWORD code, const void *input, DWORD bytes)
{
    job->overlapped = (OVERLAPPED){.hEvent = CreateEventW(NULL, TRUE, FALSE, NULL)};
    CHECK(!DeviceIoControl(handle, code, (void *)input, bytes, NULL, 0, NULL, &job->overlapped));
    CHECK_EQUAL(GetLastError(), ERROR_IO_PENDING);
}

static void start_verify(struct job *job, HANDLE handle, uint32_t length_bytes)
{
    job->range = (VERIFY_INFORMATION){.Length = length_bytes};
    start_job(job, handle, IOCTL_DISK_VERIFY, &job->range, sizeof job->range);
}

static bool is_done(const struct job *job)
{
    return WaitForSingleObject(job->overlapped.hEvent, 0) == WAIT_OBJECT_0;
}

static void finish_job(struct job *job, HANDLE handle)
{
    DWORD done;

    CHECK_EQUAL(WaitForSingleObject(job->overlapped.hEvent, 120000), WAIT_OBJECT_0);
    CHECK(GetOverlappedResult(handle, &job->overlapped, &done, FALSE));
    CloseHandle(job->overlapped.hEvent);
}

static void open_disk(struct volume *volume)
{
    unsigned char *buffer = make_buffer(SLOT_BYTES);

    make_file(test_path(L"cancel.img"), DISK_BYTES);
    volume_open(volume, test_path(L"cancel.img"), L"--format raw --whole");
    for (uint32_t slot = 0; slot < SLOT_COUNT; slot++) {
        model[slot] = (unsigned char)(slot + 1);
        memset(buffer, model[slot], SLOT_BYTES);
        CHECK_EQUAL(transfer(volume->handle, true, slot * SLOT_BYTES, buffer, SLOT_BYTES, NULL), 0);
    }
    VirtualFree(buffer, 0, MEM_RELEASE);
}

static void close_disk(struct volume *volume)
{
    unsigned char *buffer = make_buffer(SLOT_BYTES);

    for (uint32_t slot = 0; slot < SLOT_COUNT; slot++) {
        CHECK_EQUAL(transfer(volume->handle, false, slot * SLOT_BYTES, buffer, SLOT_BYTES, NULL),
                    0);
        if (!is_full_of(buffer, model[slot]))
            test_fail(__FILE__, __LINE__, "slot %u is 0x%x, not 0x%x", slot, buffer[0],
                      model[slot]);
    }
    volume_close(volume);
    VirtualFree(buffer, 0, MEM_RELEASE);
}

/*
 * Some requests, all but one of which are cancelled, in any order; `kept` NULL: all. That one is of
 * a slot of its own: nobody knows which of two writes comes first.
 */
static unsigned cancel_some(HANDLE handle, struct request *kept, uint32_t kept_slot, uint32_t *seed)
{
    struct request requests[ROUND_REQUESTS];
    const uint32_t kept_index = kept == NULL ? ROUND_REQUESTS : next_random(seed) % ROUND_REQUESTS;
    const uint32_t first = next_random(seed) % ROUND_REQUESTS;
    unsigned cancelled = 0;

    for (uint32_t i = 0; i < ROUND_REQUESTS; i++) {
        const bool is_kept = i == kept_index;

        start_request(is_kept ? kept : &requests[i], handle,
                      is_kept ? kept_slot : next_random(seed) % SLOT_COUNT,
                      next_random(seed) % 2 == 0, (unsigned char)next_random(seed));
    }
    for (uint32_t i = 0; i < ROUND_REQUESTS; i++) {
        const uint32_t index = (first + i) % ROUND_REQUESTS;

        if (index == kept_index)
            continue;
        cancel(&requests[index]);
        cancelled += finish_request(&requests[index]);
    }
    return cancelled;
}

/*
 * All workers wait: one is in the disk, another wants to be alone and has closed the barrier, two
 * stand before it. What comes afterwards waits in the queue until the first is done.
 */
static void test_queued(void)
{
    static struct request kept[KEPT_MAX], plugs[2];
    struct job verify, alone;
    struct volume volume;
    const uint32_t writable = 0;
    unsigned kept_count = 0, cancelled = 0, rounds = 0;
    uint32_t seed = 12;

    open_disk(&volume);
    start_verify(&verify, volume.handle, VERIFY_BYTES);
    start_job(&alone, volume.handle, IOCTL_VIRTUALDISK_SET_READ_ONLY, &writable, sizeof writable);
    for (uint32_t i = 0; i < 2; i++)
        start_request(&plugs[i], volume.handle, SLOT_COUNT, false, 0);
    for (; rounds < ROUND_COUNT && !is_done(&verify); rounds++) {
        struct request *next = kept_count < KEPT_MAX ? &kept[kept_count++] : NULL;

        cancelled += cancel_some(volume.handle, next, kept_count - 1, &seed);
    }
    printf("    %u requests cancelled, %u kept\n", cancelled, kept_count);
    finish_job(&verify, volume.handle);
    finish_job(&alone, volume.handle);
    for (uint32_t i = 0; i < 2; i++)
        CHECK(!finish_request(&plugs[i]));
    for (unsigned i = 0; i < kept_count; i++)
        CHECK(!finish_request(&kept[i]));
    CHECK(cancelled >= 100);
    CHECK_EQUAL(cancelled, rounds * ROUND_REQUESTS - kept_count);
    close_disk(&volume);
}

/*
 * One worker is in the disk, another wants to be alone and has closed the barrier: two more stand
 * before it with a request each, which are not cancelled any more, and the rest waits in the queue.
 */
static void test_barrier(void)
{
    struct volume volume;
    unsigned cancelled = 0, done = 0;
    uint32_t seed = 13;

    open_disk(&volume);
    for (unsigned round = 0; round < BARRIER_ROUNDS; round++) {
        const uint32_t writable = 0;
        struct job verify, alone;
        struct request requests[2 * ROUND_REQUESTS];

        start_verify(&verify, volume.handle, BARRIER_BYTES);
        start_job(&alone, volume.handle, IOCTL_VIRTUALDISK_SET_READ_ONLY, &writable,
                  sizeof writable);
        for (uint32_t i = 0; i < 2 * ROUND_REQUESTS; i++)
            start_request(&requests[i], volume.handle,
                          i * (SLOT_COUNT / (2 * ROUND_REQUESTS)) + next_random(&seed) % 8,
                          next_random(&seed) % 2 == 0, (unsigned char)next_random(&seed));
        for (uint32_t i = 0; i < 2 * ROUND_REQUESTS && !is_done(&verify); i++)
            cancel(&requests[i]);
        for (uint32_t i = 0; i < 2 * ROUND_REQUESTS; i++) {
            if (finish_request(&requests[i]))
                cancelled++;
            else
                done++;
        }
        finish_job(&verify, volume.handle);
        finish_job(&alone, volume.handle);
    }
    printf("    %u requests cancelled, %u done all the same\n", cancelled, done);
    CHECK(cancelled >= BARRIER_ROUNDS && done >= BARRIER_ROUNDS);
    close_disk(&volume);
}

const struct test_case cancel_cases[] = {
    {"cancel_queued", test_queued},
    {"cancel_barrier", test_barrier},
    {NULL, NULL},
};
