/*
 * Measures reads and writes through a volume against the same through another device and against
 * a plain file. Runs in Windows or Wine:
 *
 *   bench_volume NAME=PATH [NAME=PATH ...] [--seconds-per-cell S]
 *
 * The first target is the one that is measured; each further one is a yardstick. All targets take
 * turns within every round, so that a ratio compares neighbours in time. Printed are the median of
 * the rounds' ratios and their spread.
 */
#include <windows.h>

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TARGET_MAX  4
#define THREAD_MAX  8
#define ROUND_COUNT 9
#define REGION      (32u * 1024 * 1024) /* the part of each target that is used */

struct target {
    char name[32];
    wchar_t path[1024];
    HANDLE handle;
};

struct cell { /* one line of the table */
    bool write;
    uint32_t length_bytes;
    uint32_t thread_count;
};

struct job {
    const struct target *target;
    const struct cell *cell;
    uint32_t seed;
    double until; /* performance counter seconds */
    uint64_t operations;
};

static const struct cell cells[] = {
    {false, 4096, 1},    {false, 4096, 8},    {true, 4096, 1},    {true, 4096, 8},
    {false, 1048576, 1}, {false, 1048576, 8}, {true, 1048576, 1}, {true, 1048576, 8},
};

static double now(void)
{
    LARGE_INTEGER count, frequency;

    QueryPerformanceCounter(&count);
    QueryPerformanceFrequency(&frequency);
    return (double)count.QuadPart / (double)frequency.QuadPart;
}

static void fail(const char *what, const struct target *target)
{
    fprintf(stderr, "bench_volume: %s %s failed with error %lu\n", what, target->name,
            GetLastError());
    exit(2);
}

static uint32_t next_random(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

static void transfer(const struct job *job, HANDLE event, void *buffer, uint32_t offset)
{
    OVERLAPPED overlapped = {.Offset = offset, .hEvent = event};
    const uint32_t length = job->cell->length_bytes;
    DWORD done = 0;
    const BOOL started = job->cell->write
                             ? WriteFile(job->target->handle, buffer, length, NULL, &overlapped)
                             : ReadFile(job->target->handle, buffer, length, NULL, &overlapped);

    if (!started && GetLastError() != ERROR_IO_PENDING)
        fail("a transfer on", job->target);
    if (!GetOverlappedResult(job->target->handle, &overlapped, &done, TRUE) || done != length)
        fail("a transfer on", job->target);
}

static DWORD WINAPI work(void *context)
{
    struct job *job = context;
    const uint32_t slots = REGION / job->cell->length_bytes;
    void *buffer = VirtualAlloc(NULL, job->cell->length_bytes, MEM_COMMIT, PAGE_READWRITE);
    HANDLE event = CreateEventW(NULL, TRUE, FALSE, NULL);

    if (buffer == NULL || event == NULL)
        fail("memory for", job->target);
    memset(buffer, (int)job->seed, job->cell->length_bytes);
    while (now() < job->until) {
        transfer(job, event, buffer, next_random(&job->seed) % slots * job->cell->length_bytes);
        job->operations++;
    }
    CloseHandle(event);
    VirtualFree(buffer, 0, MEM_RELEASE);
    return 0;
}

/* Operations in a second. */
static double measure(const struct target *target, const struct cell *cell, double seconds)
{
    struct job jobs[THREAD_MAX];
    HANDLE threads[THREAD_MAX];
    const double start = now();
    uint64_t operations = 0;

    for (uint32_t i = 0; i < cell->thread_count; i++) {
        jobs[i] = (struct job){target, cell, i * 7919 + 1, start + seconds, 0};
        threads[i] = CreateThread(NULL, 0, work, &jobs[i], 0, NULL);
        if (threads[i] == NULL)
            fail("a thread for", target);
    }
    WaitForMultipleObjects(cell->thread_count, threads, TRUE, INFINITE);
    for (uint32_t i = 0; i < cell->thread_count; i++) {
        CloseHandle(threads[i]);
        operations += jobs[i].operations;
    }
    return (double)operations / (now() - start);
}

static int compare_doubles(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double *values)
{
    qsort(values, ROUND_COUNT, sizeof *values, compare_doubles);
    return values[ROUND_COUNT / 2];
}

static void print_rate(const struct cell *cell, double rate)
{
    if (cell->length_bytes >= 65536)
        printf(" %8.0f MiB/s", rate * cell->length_bytes / 1048576);
    else
        printf(" %8.0f op/s ", rate);
}

static void run_cell(struct target *targets, uint32_t target_count, const struct cell *cell,
                     double seconds)
{
    double rates[TARGET_MAX][ROUND_COUNT];

    for (uint32_t round = 0; round < ROUND_COUNT; round++) {
        for (uint32_t t = 0; t < target_count; t++)
            rates[t][round] = measure(&targets[t], cell, seconds);
    }
    printf("%-5s %7u B  %u thread%s", cell->write ? "write" : "read", cell->length_bytes,
           cell->thread_count, cell->thread_count == 1 ? " " : "s");
    for (uint32_t t = 1; t < target_count; t++) {
        double ratios[ROUND_COUNT];

        for (uint32_t round = 0; round < ROUND_COUNT; round++)
            ratios[round] = rates[0][round] / rates[t][round];
        const double middle = median(ratios);
        printf("   %4.2f of %s (%.2f..%.2f)", middle, targets[t].name, ratios[0],
               ratios[ROUND_COUNT - 1]);
    }
    print_rate(cell, median(rates[0]));
    printf("\n");
    fflush(stdout);
}

static void open_target(struct target *target)
{
    target->handle =
        CreateFileW(target->path, GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE,
                    NULL, OPEN_EXISTING, FILE_FLAG_OVERLAPPED | FILE_FLAG_NO_BUFFERING, NULL);
    if (target->handle == INVALID_HANDLE_VALUE)
        fail("opening", target);
}

int wmain(int argument_count, wchar_t **arguments);

int wmain(int argument_count, wchar_t **arguments)
{
    struct target targets[TARGET_MAX];
    uint32_t target_count = 0;
    double seconds = 0.2;

    for (int i = 1; i < argument_count; i++) {
        const wchar_t *equals = wcschr(arguments[i], L'=');

        if (wcscmp(arguments[i], L"--seconds-per-cell") == 0 && i + 1 < argument_count) {
            seconds = wcstod(arguments[++i], NULL);
        } else if (equals != NULL && target_count < TARGET_MAX) {
            struct target *target = &targets[target_count++];

            snprintf(target->name, sizeof target->name, "%.*ls", (int)(equals - arguments[i]),
                     arguments[i]);
            _snwprintf(target->path, 1023, L"%ls", equals + 1);
            target->path[1023] = 0;
            open_target(target);
        } else {
            fprintf(stderr, "usage: bench_volume NAME=PATH ... [--seconds-per-cell S]\n");
            return 2;
        }
    }
    for (uint32_t c = 0; c < sizeof cells / sizeof cells[0] && target_count > 1; c++)
        run_cell(targets, target_count, &cells[c], seconds);
    return target_count > 1 ? 0 : 2;
}
