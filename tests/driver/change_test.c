/* What changes while a volume is open: its size, and whether it may be written. */
#include "tests/driver/lane.h"

#include <stdio.h>
#include <string.h>
#include <winioctl.h>

#define MIB          (1024u * 1024)
#define DISK_BYTES   (8u * MIB)
#define THREAD_COUNT 4
#define STEP_COUNT   4 /* of growing, by 8 MiB each */

static uint64_t volume_bytes(HANDLE handle)
{
    GET_LENGTH_INFORMATION length = {0};

    CHECK_EQUAL(control(handle, IOCTL_DISK_GET_LENGTH_INFO, NULL, 0, &length, sizeof length, NULL),
                0);
    return (uint64_t)length.Length.QuadPart;
}

/* The old end is not the end any more, and the new space reads as zeros until it is written. */
static void check_new_space(HANDLE handle, uint64_t old_bytes, uint64_t new_bytes)
{
    unsigned char *buffer = make_buffer(65536), *content = make_buffer(65536);
    uint32_t seed = (uint32_t)new_bytes | 1;

    CHECK_EQUAL(transfer(handle, false, new_bytes - 65536, content, 65536, NULL), 0);
    CHECK(memcmp(buffer, content, 65536) == 0);
    fill_random(buffer, 65536, &seed);
    CHECK_EQUAL(transfer(handle, true, old_bytes, buffer, 65536, NULL), 0);
    CHECK_EQUAL(transfer(handle, true, new_bytes - 65536, buffer, 65536, NULL), 0);
    CHECK_EQUAL(transfer(handle, false, old_bytes, content, 65536, NULL), 0);
    CHECK(memcmp(buffer, content, 65536) == 0);
    CHECK(transfer(handle, true, new_bytes, buffer, 512, NULL) != 0);
    VirtualFree(buffer, 0, MEM_RELEASE);
    VirtualFree(content, 0, MEM_RELEASE);
}

static void grow_in_steps(const struct volume *volume)
{
    struct outcome outcome;

    for (uint32_t step = 1; step <= STEP_COUNT; step++) {
        const uint64_t old_bytes = (uint64_t)step * DISK_BYTES;

        if (step % 2 != 0)
            run_control(&outcome, L"resize %ls +8M", volume->letter);
        else
            run_control(&outcome, L"resize \"%ls\" %uM", volume->image, (step + 1) * 8);
        if (outcome.exit_code != 0)
            test_fail(__FILE__, __LINE__, "resize ended with %lu: %s", outcome.exit_code,
                      outcome.err);
        CHECK_EQUAL(volume_bytes(volume->handle), old_bytes + DISK_BYTES);
        check_new_space(volume->handle, old_bytes, old_bytes + DISK_BYTES);
    }
}

static void check_contents(const struct volume *closed, const unsigned char *model)
{
    struct volume volume;
    struct outcome outcome;
    unsigned char *content = make_buffer(DISK_BYTES);

    run_control(&outcome, L"check \"%ls\"", closed->image);
    CHECK_EQUAL(outcome.exit_code, 0);
    volume_open(&volume, closed->image, L"");
    CHECK_EQUAL(volume_bytes(volume.handle), (uint64_t)(STEP_COUNT + 1) * DISK_BYTES);
    CHECK_EQUAL(transfer(volume.handle, false, 0, content, DISK_BYTES, NULL), 0);
    CHECK(memcmp(content, model, DISK_BYTES) == 0);
    volume_close(&volume);
    VirtualFree(content, 0, MEM_RELEASE);
}

static void resize_under_load(const wchar_t *format)
{
    struct volume volume;
    struct outcome outcome;
    struct lanes lanes = {.lane_bytes = DISK_BYTES / THREAD_COUNT, .length_count = 8, .seed = 301};
    unsigned char *model = make_buffer(DISK_BYTES);
    wchar_t name[32];

    _snwprintf(name, 32, L"growing.%ls", format);
    DeleteFileW(test_path(name));
    run_control(&outcome, L"create \"%ls\" 8M --format %ls", test_path(name), format);
    CHECK_EQUAL(outcome.exit_code, 0);
    volume_open(&volume, test_path(name), L"");
    lanes.handle = volume.handle;
    lanes.model = model;
    lanes_start(&lanes, THREAD_COUNT);
    grow_in_steps(&volume);
    lanes_finish(&lanes);
    volume_close(&volume);
    check_contents(&volume, model);
    VirtualFree(model, 0, MEM_RELEASE);
}

static void test_resize_raw(void)
{
    resize_under_load(L"raw");
}

static void test_resize_vhdx(void)
{
    resize_under_load(L"vhdx");
}

static void test_resize_qcow2(void)
{
    resize_under_load(L"qcow2");
}

static void test_resize_refused(void)
{
    struct volume volume;
    struct outcome outcome;

    make_file(test_path(L"stays.img"), DISK_BYTES);
    volume_open(&volume, test_path(L"stays.img"), L"");
    run_control(&outcome, L"resize %ls 4M", volume.letter);
    CHECK_EQUAL(outcome.exit_code, 75);
    run_control(&outcome, L"resize \"%ls\" 4M --shrink", volume.image);
    CHECK_EQUAL(outcome.exit_code, 75);
    run_control(&outcome, L"resize %ls 9000001", volume.letter);
    CHECK(outcome.exit_code != 0);
    CHECK_EQUAL(volume_bytes(volume.handle), DISK_BYTES);
    volume_close(&volume);
    volume_open(&volume, test_path(L"stays.img"), L"--read-only");
    run_control(&outcome, L"resize %ls 16M", volume.letter);
    CHECK_EQUAL(outcome.exit_code, 77);
    volume_close(&volume);
}

static void set_and_open(struct volume *volume, const wchar_t *option)
{
    struct outcome outcome;

    CloseHandle(volume->handle);
    run_control(&outcome, L"set %ls %ls", volume->letter, option);
    if (outcome.exit_code != 0)
        test_fail(__FILE__, __LINE__, "set ended with %lu: %s", outcome.exit_code, outcome.err);
    volume->handle = volume_handle(volume, GENERIC_READ | GENERIC_WRITE);
    CHECK(volume->handle != INVALID_HANDLE_VALUE);
}

static void check_writable(const struct volume *volume, DWORD expected, void *buffer)
{
    DWORD writable = control(volume->handle, IOCTL_DISK_IS_WRITABLE, NULL, 0, NULL, 0, NULL);
    DWORD write = transfer(volume->handle, true, 4096, buffer, 4096, NULL);

    CHECK_EQUAL(writable, expected);
    CHECK_EQUAL(write, expected);
}

static void test_read_only(void)
{
    struct volume volume;
    struct outcome outcome;
    unsigned char *buffer = make_buffer(4096), *content = make_buffer(4096);
    uint32_t seed = 5;

    make_file(test_path(L"protected.img"), DISK_BYTES);
    volume_open(&volume, test_path(L"protected.img"), L"");
    fill_random(buffer, 4096, &seed);
    check_writable(&volume, 0, buffer);
    set_and_open(&volume, L"--read-only");
    memset(content, 0xee, 4096);
    check_writable(&volume, ERROR_WRITE_PROTECT, content);
    CHECK_EQUAL(transfer(volume.handle, false, 4096, content, 4096, NULL), 0);
    CHECK(memcmp(buffer, content, 4096) == 0);
    run_control(&outcome, L"list --json");
    CHECK(strstr(outcome.out, "\"read-only\": true") != NULL);
    set_and_open(&volume, L"--read-write");
    check_writable(&volume, 0, buffer);
    volume_close(&volume);
    volume_open(&volume, test_path(L"protected.img"), L"--read-only");
    CloseHandle(volume.handle);
    volume.handle = INVALID_HANDLE_VALUE;
    run_control(&outcome, L"set %ls --read-write", volume.letter);
    CHECK_EQUAL(outcome.exit_code, 77);
    CHECK(strstr(outcome.err, "cannot be written") != NULL);
    volume_close(&volume);
    VirtualFree(buffer, 0, MEM_RELEASE);
    VirtualFree(content, 0, MEM_RELEASE);
}

const struct test_case change_cases[] = {
    {"change_resize_raw", test_resize_raw},     {"change_resize_vhdx", test_resize_vhdx},
    {"change_resize_qcow2", test_resize_qcow2}, {"change_resize_refused", test_resize_refused},
    {"change_read_only", test_read_only},       {NULL, NULL},
};
