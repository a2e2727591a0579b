/*
 * A soak: four images of different formats, five volumes, a thread on each that reads, writes,
 * trims and flushes at random, while images are closed softly and by force, opened again, enlarged
 * and made read-only. Every sector is compared with what was acknowledged.
 *
 * SOAK_SECONDS (60) and SOAK_SEED (1) in the environment; a failure prints what repeats it.
 */
#include "tests/driver/harness.h"
#include "tests/image/sector_pattern.h"

#include <winioctl.h>

#include <stdio.h>
#include <stdlib.h>

#define SECTOR_BYTES    512u
#define SECTORS_MAX     131072u /* 64 MiB: no volume grows beyond */
#define TRANSFER_BYTES  131072u
#define GROW_SECTORS    2048u
#define VOLUMES         5u
#define DSM_CODE        0x002d9404u /* IOCTL_STORAGE_MANAGE_DATA_SET_ATTRIBUTES */
#define MESSAGE_BYTES   256
#define UNCERTAIN_LIMIT 3000 /* milliseconds until a thread must have noticed something */

/* One image; its volumes are opened and closed together. */
struct image {
    const wchar_t *name;
    const wchar_t *options;
    const char *format;
    bool whole;               /* can be enlarged */
    volatile LONG generation; /* odd while it is closed */
};

/* What a sector may hold: two values while nobody knows whether a request has happened. */
struct expected {
    uint32_t stamp;
    uint32_t other;
};

struct soaked {
    struct image *image;
    unsigned partition; /* 0: the whole disk */
    struct volume volume;
    volatile LONG sectors;
    volatile LONG paused; /* the main thread wants the volume for itself */
    volatile LONG parked; /* it has it */
    struct expected *expected;
    unsigned char *buffer;
    uint32_t seed;
    uint32_t next_stamp;
    uint32_t operations;
    HANDLE thread;
    char failure[MESSAGE_BYTES]; /* "": none */
};

static struct image images[] = {
    {L"soak.img", L"", "raw", true, 0},
    {L"soak.vhdx", L"", "vhdx", false, 0},
    {L"soak.qcow2", L"--overlay", "qcow2", false, 0},
    {L"soak.vhd", L"", "vhd", true, 0},
};
static struct soaked soaked[VOLUMES];
static volatile LONG stopping;

/* The first one is kept. */
static void complain(struct soaked *self, const char *what, uint64_t sector, DWORD error)
{
    if (self->failure[0] == 0)
        _snprintf(self->failure, MESSAGE_BYTES - 1,
                  "%ls partition %u, operation %u, sector %llu: %s (error %lu)", self->image->name,
                  self->partition, self->operations, (unsigned long long)sector, what, error);
}

static void check_read(struct soaked *self, uint64_t first, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct expected *expected = &self->expected[first + i];
        const uint32_t stamp =
            sector_pattern_read(self->buffer + (size_t)i * SECTOR_BYTES, first + i);

        if (stamp != expected->stamp && stamp != expected->other)
            complain(self, "the sector holds what it should not", first + i, stamp);
        expected->stamp = expected->other = stamp;
    }
}

static void expect(struct soaked *self, uint64_t first, uint32_t count, uint32_t stamp,
                   bool certain)
{
    for (uint32_t i = 0; i < count; i++) {
        struct expected *expected = &self->expected[first + i];

        if (certain)
            expected->stamp = stamp;
        expected->other = stamp;
    }
}

static DWORD trim(struct soaked *self, uint64_t first, uint32_t count)
{
    unsigned char input[44] = {28, 0, 0, 0, 1};
    const uint64_t range[2] = {first * SECTOR_BYTES, (uint64_t)count * SECTOR_BYTES};

    input[20] = 28;
    input[24] = 16;
    memcpy(input + 28, range, sizeof range);
    return control(self->volume.handle, DSM_CODE, input, sizeof input, NULL, 0, NULL);
}

/* Where space cannot be given back a trim says so, and does nothing. */
static DWORD do_trim(struct soaked *self, uint64_t first, uint32_t count)
{
    const DWORD error = trim(self, first, count);

    if (error == ERROR_NOT_SUPPORTED)
        return 0;
    expect(self, first, count, 0, false); /* in whole units only */
    return error;
}

static DWORD do_write(struct soaked *self, uint64_t first, uint32_t count)
{
    const uint32_t stamp = ++self->next_stamp;
    DWORD error;

    sector_pattern_fill(self->buffer, first, count, stamp);
    expect(self, first, count, stamp, false);
    error = transfer(self->volume.handle, true, first * SECTOR_BYTES, self->buffer,
                     count * SECTOR_BYTES, NULL);
    if (error == 0)
        expect(self, first, count, stamp, true);
    return error;
}

static DWORD do_read(struct soaked *self, uint64_t first, uint32_t count)
{
    const DWORD error = transfer(self->volume.handle, false, first * SECTOR_BYTES, self->buffer,
                                 count * SECTOR_BYTES, NULL);

    if (error == 0)
        check_read(self, first, count);
    return error;
}

static DWORD do_one(struct soaked *self)
{
    const uint32_t sectors = (uint32_t)self->sectors;
    const uint64_t first = next_random(&self->seed) % sectors;
    const uint32_t most = TRANSFER_BYTES / SECTOR_BYTES;
    uint32_t count = 1 + next_random(&self->seed) % (next_random(&self->seed) % 4 == 0 ? most : 16);

    if (count > sectors - first)
        count = (uint32_t)(sectors - first);
    self->operations++;
    switch (next_random(&self->seed) % 20) {
    case 0:
        return FlushFileBuffers(self->volume.handle) ? 0 : GetLastError();
    case 1:
        return do_trim(self, first, count);
    case 2:
    case 3:
    case 4:
    case 5:
    case 6:
    case 7:
        return do_write(self, first, count);
    default:
        return do_read(self, first, count);
    }
}

static void drop_handle(struct soaked *self)
{
    if (self->volume.handle != INVALID_HANDLE_VALUE)
        CloseHandle(self->volume.handle);
    self->volume.handle = INVALID_HANDLE_VALUE;
}

static void park(struct soaked *self)
{
    drop_handle(self);
    InterlockedExchange(&self->parked, 1);
    while (self->paused != 0 && stopping == 0)
        Sleep(5);
    InterlockedExchange(&self->parked, 0);
}

/* A request may fail when the image was closed by force meanwhile, and for no other reason. */
static void use_volume(struct soaked *self, LONG generation)
{
    const DWORD error = do_one(self);

    if (error != 0 && self->image->generation == generation)
        Sleep(UNCERTAIN_LIMIT / 10); /* the closing may be seen before its announcement */
    if (error != 0 && self->image->generation == generation)
        complain(self, "a request failed", 0, error);
}

static DWORD WINAPI soak_volume(void *context)
{
    struct soaked *self = context;
    LONG current = -1;

    while (stopping == 0 && self->failure[0] == 0) {
        const LONG generation = self->image->generation;

        if (self->paused != 0) {
            park(self);
            continue;
        }
        if (generation % 2 != 0 || generation != current) {
            drop_handle(self);
            current = -1;
        }
        if (generation % 2 != 0) {
            Sleep(5);
            continue;
        }
        if (self->volume.handle == INVALID_HANDLE_VALUE) {
            self->volume.handle = volume_handle(&self->volume, GENERIC_READ | GENERIC_WRITE);
            current = generation;
        }
        if (self->volume.handle == INVALID_HANDLE_VALUE)
            Sleep(20);
        else
            use_volume(self, generation);
    }
    drop_handle(self);
    return 0;
}

static void run_or_fail(const wchar_t *format, const wchar_t *argument)
{
    struct outcome outcome;

    run_control(&outcome, format, argument);
    if (outcome.exit_code != 0)
        test_fail(__FILE__, __LINE__, "%ls %ls ended with %lu: %s", format, argument,
                  outcome.exit_code, outcome.err);
}

/* The threads keep the handles that they have made: here another one is used. */
static void open_volumes(struct image *image)
{
    static struct volume opened;
    wchar_t options[PATH_CHARS];

    for (unsigned i = 0; i < VOLUMES; i++) {
        struct soaked *self = &soaked[i];

        if (self->image != image)
            continue;
        options[0] = 0;
        if (self->partition != 0)
            _snwprintf(options, PATH_CHARS, L"--partition %u", self->partition);
        else if (image->options[0] != 0)
            _snwprintf(options, PATH_CHARS, L"--overlay \"%ls\"", test_path(L"over.qcow2"));
        volume_open(&opened, test_path(image->name), options);
        CloseHandle(opened.handle);
        memcpy(self->volume.letter, opened.letter, sizeof opened.letter);
    }
}

static void pause_image(struct image *image, LONG paused)
{
    for (unsigned i = 0; i < VOLUMES; i++) {
        if (soaked[i].image != image)
            continue;
        InterlockedExchange(&soaked[i].paused, paused);
        for (int waited = 0; paused && !soaked[i].parked && waited < 1000; waited++)
            Sleep(10);
        CHECK(!paused || soaked[i].parked || soaked[i].failure[0] != 0);
    }
}

static void close_softly(struct image *image)
{
    pause_image(image, 1);
    run_or_fail(L"close \"%ls\"", test_path(image->name));
    open_volumes(image);
    pause_image(image, 0);
}

/* The threads go on meanwhile. What was acknowledged must be there afterwards. */
static void close_by_force(struct image *image)
{
    InterlockedIncrement(&image->generation);
    run_or_fail(L"close \"%ls\" --force", test_path(image->name));
    for (unsigned i = 0; i < VOLUMES; i++) {
        for (int waited = 0; soaked[i].image == image && waited < 500 &&
                             *(HANDLE volatile *)&soaked[i].volume.handle != INVALID_HANDLE_VALUE;
             waited++)
            Sleep(10);
    }
    open_volumes(image);
    InterlockedIncrement(&image->generation);
}

static void enlarge(struct image *image)
{
    for (unsigned i = 0; i < VOLUMES; i++) {
        struct soaked *self = &soaked[i];

        if (self->image != image || !image->whole ||
            (ULONG)self->sectors + GROW_SECTORS > SECTORS_MAX)
            continue;
        run_or_fail(L"resize \"%ls\" +1M", test_path(image->name));
        InterlockedExchangeAdd(&self->sectors, GROW_SECTORS);
    }
}

static void make_read_only(struct image *image)
{
    pause_image(image, 1);
    run_or_fail(L"set \"%ls\" --read-only", test_path(image->name));
    for (unsigned i = 0; i < VOLUMES; i++) {
        struct soaked *self = &soaked[i];

        if (self->image != image)
            continue;
        self->volume.handle = volume_handle(&self->volume, GENERIC_READ | GENERIC_WRITE);
        CHECK(self->volume.handle != INVALID_HANDLE_VALUE);
        CHECK_EQUAL(transfer(self->volume.handle, true, 0, self->buffer, SECTOR_BYTES, NULL),
                    ERROR_WRITE_PROTECT);
        drop_handle(self);
    }
    run_or_fail(L"set \"%ls\" --read-write", test_path(image->name));
    pause_image(image, 0);
}

static void disturb(uint32_t *seed)
{
    static void (*const ways[])(struct image * image) = {close_softly, close_by_force, enlarge,
                                                         make_read_only};
    struct image *image = &images[next_random(seed) % (sizeof images / sizeof images[0])];
    struct outcome outcome;

    if (next_random(seed) % 6 == 0)
        run_control(&outcome, L"list --json");
    else
        ways[next_random(seed) % (sizeof ways / sizeof ways[0])](image);
}

static void put_entry(unsigned char *table, unsigned index, uint32_t first, uint32_t count)
{
    unsigned char *entry = table + 446 + index * 16;

    entry[4] = 7;
    memcpy(entry + 8, &first, 4);
    memcpy(entry + 12, &count, 4);
}

static void write_start(const wchar_t *path, const void *bytes, DWORD length)
{
    HANDLE file = CreateFileW(path, GENERIC_WRITE, 0, NULL, OPEN_EXISTING, 0, NULL);
    DWORD done = 0;

    CHECK(file != INVALID_HANDLE_VALUE);
    CHECK(WriteFile(file, bytes, length, &done, NULL) && done == length);
    CloseHandle(file);
}

static void make_images(void)
{
    unsigned char table[SECTOR_BYTES] = {[510] = 0x55, [511] = 0xaa};

    DeleteFileW(test_path(L"over.qcow2"));
    for (size_t i = 0; i < sizeof images / sizeof images[0]; i++)
        DeleteFileW(test_path(images[i].name));
    make_file(test_path(L"soak.img"), 16u << 20);
    make_file(test_path(L"table.img"), 24u << 20);
    put_entry(table, 0, 2048, 20480);
    put_entry(table, 1, 22528, 20480);
    write_start(test_path(L"table.img"), table, sizeof table);
    {
        struct outcome outcome;

        run_control(&outcome, L"convert \"%ls\" \"%ls\"", test_path(L"table.img"),
                    test_path(L"soak.vhdx"));
        CHECK_EQUAL(outcome.exit_code, 0);
    }
    run_or_fail(L"create \"%ls\" 16M", test_path(L"soak.qcow2"));
    run_or_fail(L"create \"%ls\" 16M", test_path(L"soak.vhd"));
}

static void start_volumes(uint32_t seed)
{
    static const struct {
        unsigned image;
        unsigned partition;
        LONG sectors;
    } places[VOLUMES] = {{0, 0, 32768}, {1, 1, 20480}, {1, 2, 20480}, {2, 0, 32768}, {3, 0, 32768}};

    for (unsigned i = 0; i < VOLUMES; i++) {
        struct soaked *self = &soaked[i];

        *self = (struct soaked){.image = &images[places[i].image],
                                .partition = places[i].partition,
                                .sectors = places[i].sectors,
                                .seed = seed * 977 + i * 31 + 1,
                                .volume.handle = INVALID_HANDLE_VALUE};
        self->expected = calloc(SECTORS_MAX, sizeof *self->expected);
        self->buffer = make_buffer(TRANSFER_BYTES);
        CHECK(self->expected != NULL);
    }
    for (size_t i = 0; i < sizeof images / sizeof images[0]; i++)
        open_volumes(&images[i]);
    stopping = 0;
    for (unsigned i = 0; i < VOLUMES; i++) {
        soaked[i].thread = CreateThread(NULL, 0, soak_volume, &soaked[i], 0, NULL);
        CHECK(soaked[i].thread != NULL);
    }
}

static bool any_failure(void)
{
    for (unsigned i = 0; i < VOLUMES; i++) {
        if (soaked[i].failure[0] != 0)
            return true;
    }
    return false;
}

static void stop_volumes(void)
{
    InterlockedExchange(&stopping, 1);
    for (unsigned i = 0; i < VOLUMES; i++) {
        CHECK_EQUAL(WaitForSingleObject(soaked[i].thread, 30000), WAIT_OBJECT_0);
        CloseHandle(soaked[i].thread);
    }
}

/* All sectors once more, through images that were closed and opened again. */
static void check_everything(void)
{
    const uint32_t most = TRANSFER_BYTES / SECTOR_BYTES;

    for (size_t i = 0; i < sizeof images / sizeof images[0]; i++) {
        run_or_fail(L"close \"%ls\"", test_path(images[i].name));
        open_volumes(&images[i]);
    }
    for (unsigned i = 0; i < VOLUMES; i++) {
        struct soaked *self = &soaked[i];

        self->volume.handle = volume_handle(&self->volume, GENERIC_READ);
        CHECK(self->volume.handle != INVALID_HANDLE_VALUE);
        for (uint32_t first = 0; first < (uint32_t)self->sectors; first += most)
            CHECK_EQUAL(do_read(self, first, min(most, (uint32_t)self->sectors - first)), 0);
        drop_handle(self);
    }
}

static void finish_images(void)
{
    struct outcome outcome;

    for (size_t i = 0; i < sizeof images / sizeof images[0]; i++) {
        run_or_fail(L"close \"%ls\"", test_path(images[i].name));
        if (strcmp(images[i].format, "raw") == 0)
            continue;
        run_control(&outcome, L"check \"%ls\"", test_path(images[i].name));
        if (outcome.exit_code != 0 && outcome.exit_code != 3)
            test_fail(__FILE__, __LINE__, "check of %ls: %s%s", images[i].name, outcome.out,
                      outcome.err);
    }
    run_control(&outcome, L"check \"%ls\"", test_path(L"over.qcow2"));
    CHECK(outcome.exit_code == 0 || outcome.exit_code == 3);
}

static uint32_t number_from_environment(const char *name, uint32_t otherwise)
{
    const char *text = getenv(name);

    return text == NULL ? otherwise : (uint32_t)strtoul(text, NULL, 10);
}

static void test_soak(void)
{
    const uint32_t seconds = number_from_environment("SOAK_SECONDS", 60);
    const uint32_t first_seed = number_from_environment("SOAK_SEED", 1);
    const DWORD start = GetTickCount();
    uint32_t seed = first_seed * 2654435761u + 1;
    uint32_t disturbances = 0, operations = 0;

    printf("    SOAK_SEED=%u SOAK_SECONDS=%u\n", first_seed, seconds);
    make_images();
    start_volumes(first_seed);
    while (GetTickCount() - start < seconds * 1000 && !any_failure()) {
        disturb(&seed);
        disturbances++;
        Sleep(next_random(&seed) % 1000);
    }
    stop_volumes();
    if (!any_failure())
        check_everything();
    for (unsigned i = 0; i < VOLUMES; i++) {
        if (soaked[i].failure[0] != 0)
            test_fail(__FILE__, __LINE__, "%s", soaked[i].failure);
        operations += soaked[i].operations;
    }
    finish_images();
    printf("    %u operations, %u disturbances\n", operations, disturbances);
    for (unsigned i = 0; i < VOLUMES; i++) {
        free(soaked[i].expected);
        VirtualFree(soaked[i].buffer, 0, MEM_RELEASE);
    }
}

const struct test_case soak_cases[] = {
    {"soak", test_soak},
    {NULL, NULL},
};
