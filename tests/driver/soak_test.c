/*
 * A soak: images of different formats and layers, whose volumes are used by a thread each, while
 * they are closed softly and by force, opened again, enlarged, made read-only, reconnected, and
 * what their overlays hold is written back or thrown away. Every sector is compared with what was
 * acknowledged.
 *
 * SOAK_SECONDS (60) and SOAK_SEED (1) are in the environment. Every minute is a round of its own,
 * with other layouts; what one prints first repeats it, as far as threads can be repeated.
 */
#include "tests/driver/soak_image.h"
#include "virtualdisk/driver_abi.h"

#include <winioctl.h>

#include <stdio.h>
#include <stdlib.h>

#define GROW_BYTES    (1024u * 1024)
#define ROUND_SECONDS 60u
#define REPEATS       20u

static struct soak_image images[SOAK_IMAGES];
static struct test_random chance;
static unsigned disturbances;

typedef void disturbance(struct soak_image *image);

static void set_phase(struct soak_image *image, enum soak_phase phase)
{
    for (unsigned i = 0; i < image->volume_count; i++)
        soak_volume_set_phase(&image->volumes[i], phase);
}

static void wait_parked(const struct soak_image *image)
{
    for (unsigned i = 0; i < image->volume_count; i++)
        soak_volume_wait_parked(&image->volumes[i]);
}

static void park(struct soak_image *image)
{
    set_phase(image, SOAK_PARKED);
    wait_parked(image);
}

static void save_all(struct soak_image *image)
{
    for (unsigned i = 0; i < image->volume_count; i++)
        soak_volume_save(&image->volumes[i]);
}

static void restore_all(struct soak_image *image)
{
    for (unsigned i = 0; i < image->volume_count; i++)
        soak_volume_restore(&image->volumes[i]);
}

static struct soak_volume *any_volume(struct soak_image *image)
{
    return &image->volumes[test_random_below(&chance, image->volume_count)];
}

/* A request of the control interface; the volume's own interface takes them as well. */
static DWORD ask(const struct soak_volume *volume, DWORD code, const void *input, DWORD length)
{
    const struct volume other = {
        .letter = {volume->letter[0], volume->letter[1], volume->letter[2], volume->letter[3]}};
    const HANDLE handle = volume_handle(&other, GENERIC_READ | GENERIC_WRITE);
    DWORD error;

    CHECK(handle != INVALID_HANDLE_VALUE);
    error = control(handle, code, input, length, NULL, 0, NULL);
    CloseHandle(handle);
    return error;
}

static void close_softly(struct soak_image *image)
{
    park(image);
    must_run(L"close \"%ls\"", soak_image_path(image));
    if (soak_image_forgets(image))
        restore_all(image);
    soak_image_open(image);
    set_phase(image, SOAK_RUNNING);
}

/* The threads go on meanwhile. What was acknowledged must be there afterwards. */
static void close_by_force(struct soak_image *image)
{
    set_phase(image, SOAK_CLOSING);
    must_run(L"close \"%ls\" --force", soak_image_path(image));
    wait_parked(image);
    if (soak_image_forgets(image))
        restore_all(image);
    soak_image_open(image);
    set_phase(image, SOAK_RUNNING);
}

struct reconnector {
    HANDLE handle;
    volatile LONG stop;
    DWORD error;
};

static DWORD WINAPI keep_reconnecting(void *context)
{
    struct reconnector *self = context;

    while (self->stop == 0 && self->error == 0)
        self->error = control(self->handle, IOCTL_VIRTUALDISK_RECONNECT, NULL, 0, NULL, 0, NULL);
    return 0;
}

/* The image is exchanged by the volume of the one partition while that of the other one starts. */
static void open_while_reconnecting(struct soak_image *image, unsigned index)
{
    const struct soak_volume *other = &image->volumes[1 - index];
    const struct volume volume = {
        .letter = {other->letter[0], other->letter[1], other->letter[2], other->letter[3]}};
    struct reconnector reconnector = {volume_handle(&volume, GENERIC_READ | GENERIC_WRITE), 0, 0};
    HANDLE thread;

    CHECK(reconnector.handle != INVALID_HANDLE_VALUE);
    thread = CreateThread(NULL, 0, keep_reconnecting, &reconnector, 0, NULL);
    CHECK(thread != NULL);
    soak_image_open_volume(image, index);
    InterlockedExchange(&reconnector.stop, 1);
    CHECK_EQUAL(WaitForSingleObject(thread, 60000), WAIT_OBJECT_0);
    CloseHandle(thread);
    CloseHandle(reconnector.handle);
    CHECK_EQUAL(reconnector.error, 0);
}

/* One partition goes; the other one must not notice. */
static void close_one(struct soak_image *image)
{
    const unsigned index = (unsigned)test_random_below(&chance, image->volume_count);
    const bool by_force = test_random_chance(&chance, 50);
    struct soak_volume *volume = &image->volumes[index];

    soak_volume_set_phase(volume, by_force ? SOAK_CLOSING : SOAK_PARKED);
    if (!by_force)
        soak_volume_wait_parked(volume);
    must_run(L"close %ls %ls", volume->letter, by_force ? L"--force" : L"");
    soak_volume_wait_parked(volume);
    if (soak_image_forgets(image) && image->volume_count == 1)
        soak_volume_restore(volume);
    if (image->volume_count == 2 && !soak_image_forgets(image) && test_random_chance(&chance, 50))
        open_while_reconnecting(image, index);
    else
        soak_image_open_volume(image, index);
    soak_volume_set_phase(volume, SOAK_RUNNING);
}

/* Without force, what is in use stays open. */
static void close_in_vain(struct soak_image *image)
{
    struct outcome outcome;
    struct soak_volume *volume = any_volume(image);
    const struct volume held = {
        .letter = {volume->letter[0], volume->letter[1], volume->letter[2], volume->letter[3]}};
    const HANDLE handle = volume_handle(&held, GENERIC_READ);

    CHECK(handle != INVALID_HANDLE_VALUE);
    run_control(&outcome, L"close \"%ls\" --wait 0", soak_image_path(image));
    CloseHandle(handle);
    CHECK_EQUAL(outcome.exit_code, 75);
}

static void refuse_growth(const struct soak_image *image)
{
    const struct soak_volume *volume = &image->volumes[0];
    const uint64_t size_bytes = (uint64_t)volume->sectors * SOAK_SECTOR_BYTES + GROW_BYTES;
    const enum soak_layer layer = image->layout->layer;

    if (layer == SOAK_MEMORY || layer == SOAK_RAM)
        CHECK_EQUAL(ask(volume, IOCTL_VIRTUALDISK_RESIZE, &size_bytes, sizeof size_bytes),
                    ERROR_NOT_SUPPORTED);
    else if (image->layout->in_parts) /* the second one is in the way */
        CHECK_EQUAL(ask(volume, IOCTL_VIRTUALDISK_RESIZE, &size_bytes, sizeof size_bytes),
                    ERROR_INVALID_PARAMETER);
}

/* The last partition, or the whole disk. */
static void enlarge(struct soak_image *image)
{
    struct soak_volume *volume = &image->volumes[image->volume_count - 1];
    const uint64_t size_bytes = (uint64_t)volume->sectors * SOAK_SECTOR_BYTES + GROW_BYTES;

    refuse_growth(image);
    if (!image->layout->grows || size_bytes > (uint64_t)SOAK_SECTORS_MAX * SOAK_SECTOR_BYTES)
        return;
    if (test_random_chance(&chance, 50))
        must_run(L"resize %ls +1M", volume->letter);
    else
        CHECK_EQUAL(ask(volume, IOCTL_VIRTUALDISK_RESIZE, &size_bytes, sizeof size_bytes), 0);
    InterlockedExchangeAdd(&volume->sectors, GROW_BYTES / SOAK_SECTOR_BYTES);
}

static void protect_by_command(struct soak_image *image)
{
    uint32_t zero = 0;
    struct soak_volume *volume = any_volume(image);

    soak_volume_set_phase(volume, SOAK_PARKED);
    soak_volume_wait_parked(volume);
    must_run(L"set %ls --read-only", volume->letter);
    soak_volume_check(volume);
    CHECK_EQUAL(ask(volume, IOCTL_VIRTUALDISK_SET_READ_ONLY, &zero, sizeof zero), 0);
    must_run(L"set %ls --read-only", volume->letter);
    must_run(L"set %ls --read-write", volume->letter);
    soak_volume_set_phase(volume, SOAK_RUNNING);
}

/* Under way: a write is refused, or it is done. */
static void protect_some(HANDLE handle, unsigned char *bytes)
{
    const uint32_t off = 0, on = 1;

    CHECK_EQUAL(control(handle, IOCTL_VIRTUALDISK_SET_READ_ONLY, &on, sizeof on, NULL, 0, NULL), 0);
    CHECK_EQUAL(transfer(handle, true, 0, bytes, 4096, NULL), ERROR_WRITE_PROTECT);
    Sleep((DWORD)test_random_below(&chance, 20));
    CHECK_EQUAL(control(handle, IOCTL_VIRTUALDISK_SET_READ_ONLY, &off, sizeof off, NULL, 0, NULL),
                0);
}

static void protect_live(struct soak_image *image)
{
    struct soak_volume *volume = any_volume(image);
    const struct volume other = {
        .letter = {volume->letter[0], volume->letter[1], volume->letter[2], volume->letter[3]}};
    const HANDLE handle = volume_handle(&other, GENERIC_READ | GENERIC_WRITE);
    unsigned char *bytes = make_buffer(4096);

    CHECK(handle != INVALID_HANDLE_VALUE);
    InterlockedIncrement(&volume->protections);
    for (uint64_t left = 1 + test_random_below(&chance, REPEATS); left != 0; left--)
        protect_some(handle, bytes);
    InterlockedIncrement(&volume->protections);
    CloseHandle(handle);
    VirtualFree(bytes, 0, MEM_RELEASE);
}

/* Often, so that it meets requests at every stage. */
static void reconnect(struct soak_image *image)
{
    const struct soak_volume *volume = any_volume(image);
    const DWORD expected = soak_image_forgets(image) ? ERROR_NOT_SUPPORTED : 0;

    for (uint64_t left = 1 + test_random_below(&chance, REPEATS); left != 0; left--)
        CHECK_EQUAL(ask(volume, IOCTL_VIRTUALDISK_RECONNECT, NULL, 0), expected);
}

/* While the volumes are used: what was written meanwhile is in the image or not. */
static void commit_live(struct soak_image *image)
{
    const bool can = image->layout->layer == SOAK_MEMORY;

    if (can) {
        park(image);
        save_all(image);
        set_phase(image, SOAK_RUNNING);
    }
    for (uint64_t left = 1 + test_random_below(&chance, REPEATS); left != 0; left--)
        CHECK_EQUAL(ask(any_volume(image), IOCTL_VIRTUALDISK_COMMIT, NULL, 0),
                    can ? 0 : ERROR_NOT_SUPPORTED);
    if (!can)
        return;
    park(image);
    for (unsigned i = 0; i < image->volume_count; i++)
        soak_volume_save_since(&image->volumes[i]);
    set_phase(image, SOAK_RUNNING);
}

/* The end of an overlay, one way or the other. */
static void end_overlay(struct soak_image *image)
{
    const bool keep = test_random_chance(&chance, 50);

    if (image->layout->layer != SOAK_OVERLAY && image->layout->layer != SOAK_MEMORY)
        return;
    park(image);
    must_run(L"close \"%ls\" %ls", soak_image_path(image), keep ? L"--commit" : L"--discard");
    if (keep)
        save_all(image);
    else
        restore_all(image);
    soak_image_open(image);
    set_phase(image, SOAK_RUNNING);
}

static void look(struct soak_image *image)
{
    static const wchar_t *const commands[] = {L"flush %ls", L"stats %ls", L"stats %ls --json",
                                              L"list", L"list --json"};
    const size_t index = test_random_below(&chance, sizeof commands / sizeof commands[0]);

    must_run(commands[index], any_volume(image)->letter);
}

static void check_again(struct soak_image *image)
{
    park(image);
    for (unsigned i = 0; i < image->volume_count; i++)
        soak_volume_check(&image->volumes[i]);
    set_phase(image, SOAK_RUNNING);
}

static const struct {
    const char *name;
    disturbance *run;
    unsigned weight;
} ways[] = {
    {"close softly", close_softly, 2},
    {"close by force", close_by_force, 4},
    {"close one", close_one, 3},
    {"close in vain", close_in_vain, 1},
    {"enlarge", enlarge, 3},
    {"protect by command", protect_by_command, 1},
    {"protect live", protect_live, 3},
    {"reconnect", reconnect, 3},
    {"commit live", commit_live, 2},
    {"end overlay", end_overlay, 3},
    {"look", look, 2},
    {"check", check_again, 1},
};

/* What it does is told as it goes: the last line names what did not come back. */
static void disturb(void)
{
    struct soak_image *image = &images[test_random_below(&chance, SOAK_IMAGES)];
    unsigned total = 0, index = 0, number;

    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++)
        total += ways[i].weight;
    number = (unsigned)test_random_below(&chance, total);
    while (number >= ways[index].weight)
        number -= ways[index++].weight;
    printf("    %u: %s, %ls\n", ++disturbances, ways[index].name, image->layout->file);
    fflush(stdout);
    ways[index].run(image);
}

static void check_failures(void)
{
    for (unsigned i = 0; i < SOAK_IMAGES; i++) {
        for (unsigned v = 0; v < images[i].volume_count; v++) {
            if (images[i].volumes[v].failed)
                test_fail(__FILE__, __LINE__, "after %u disturbances: %s", disturbances,
                          images[i].volumes[v].failure);
        }
    }
}

static void report(void)
{
    uint64_t done[SOAK_KINDS] = {0}, operations = 0, refused = 0;

    for (unsigned i = 0; i < SOAK_IMAGES; i++) {
        for (unsigned v = 0; v < images[i].volume_count; v++) {
            const struct soak_volume *volume = &images[i].volumes[v];

            for (unsigned kind = 0; kind < SOAK_KINDS; kind++)
                done[kind] += volume->done[kind];
            operations += volume->operations;
            refused += volume->refused;
        }
    }
    printf("    %llu requests: %llu reads, %llu writes, %llu trims, %llu flushes, %llu refused as "
           "announced; %u disturbances\n",
           (unsigned long long)operations, (unsigned long long)done[SOAK_READ],
           (unsigned long long)done[SOAK_WRITE], (unsigned long long)done[SOAK_TRIM],
           (unsigned long long)done[SOAK_FLUSH], (unsigned long long)refused, disturbances);
}

/* All sectors once more, through the driver and without it. */
static void check_everything(void)
{
    for (unsigned i = 0; i < SOAK_IMAGES; i++) {
        struct soak_image *image = &images[i];

        for (unsigned v = 0; v < image->volume_count; v++) {
            soak_volume_stop(&image->volumes[v]);
            soak_volume_check(&image->volumes[v]);
        }
        must_run(L"close \"%ls\"", soak_image_path(image));
        soak_image_verify(image);
    }
}

static uint32_t number_from_environment(const char *name, uint32_t otherwise)
{
    const char *text = getenv(name);

    return text == NULL ? otherwise : (uint32_t)strtoul(text, NULL, 10);
}

/* One after the other, so that a long soak sees many layouts. */
static void run_round(uint32_t seed, uint32_t seconds)
{
    const DWORD start = GetTickCount();

    printf("    SOAK_SEED=%u SOAK_SECONDS=%u\n", seed, seconds);
    disturbances = 0;
    test_random_seed(&chance, test_random_mix(seed, 1000));
    for (unsigned i = 0; i < SOAK_IMAGES; i++)
        soak_image_make(&images[i], i, seed);
    for (unsigned i = 0; i < SOAK_IMAGES; i++) {
        soak_image_open(&images[i]);
        for (unsigned v = 0; v < images[i].volume_count; v++)
            soak_volume_start(&images[i].volumes[v]);
    }
    while (GetTickCount() - start < seconds * 1000) {
        disturb();
        check_failures();
        Sleep((DWORD)test_random_below(&chance, 500));
    }
    check_everything();
    check_failures();
    report();
    for (unsigned i = 0; i < SOAK_IMAGES; i++)
        soak_image_release(&images[i]);
}

static void test_soak(void)
{
    const uint32_t seconds = number_from_environment("SOAK_SECONDS", ROUND_SECONDS);
    uint32_t seed = number_from_environment("SOAK_SEED", 1);

    for (uint32_t done = 0; done < seconds; done += ROUND_SECONDS)
        run_round(seed++, min(seconds - done, ROUND_SECONDS));
}

const struct test_case soak_cases[] = {
    {"soak", test_soak},
    {NULL, NULL},
};
