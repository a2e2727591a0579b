/* Closing what others have open: they are named, waited for, or not asked. */
#include "tests/driver/harness.h"

#include <stdio.h>
#include <string.h>

#define DISK_BYTES (4u * 1024 * 1024)

static void open_new(struct volume *volume, const wchar_t *name)
{
    make_file(test_path(name), DISK_BYTES);
    volume_open(volume, test_path(name), L"");
}

/* This process is the one that holds the volume. */
static void check_names_us(const struct outcome *outcome)
{
    char us[64];

    snprintf(us, sizeof us, "driver_tests.exe (process %lu)", GetCurrentProcessId());
    CHECK_EQUAL(outcome->exit_code, 75);
    if (strstr(outcome->err, us) == NULL)
        test_fail(__FILE__, __LINE__, "not named: %s", outcome->err);
}

static void test_names_holder(void)
{
    struct volume volume;
    struct outcome outcome;
    char us[64];

    open_new(&volume, L"held.img");
    run_control(&outcome, L"close %ls --wait 0", volume.letter);
    check_names_us(&outcome);
    run_control(&outcome, L"set %ls --read-only", volume.letter);
    check_names_us(&outcome);
    run_control(&outcome, L"close --all --wait 0 --json");
    CHECK_EQUAL(outcome.exit_code, 75);
    snprintf(us, sizeof us, "\"id\": %lu", GetCurrentProcessId());
    CHECK(strstr(outcome.out, us) != NULL);
    CHECK(strstr(outcome.out, "\"name\": \"driver_tests.exe\"") != NULL);
    CHECK(strstr(outcome.out, "\"closed\": false") != NULL);
    volume_close(&volume);
}

/* It waits longer than it would have needed to give up, and goes on as soon as it can. */
static void test_waits_for_holder(void)
{
    struct volume volume;
    struct outcome outcome;
    struct running running;
    DWORD start;

    open_new(&volume, L"soon-free.img");
    start = GetTickCount();
    run_control(&outcome, L"close %ls --wait 0", volume.letter);
    CHECK_EQUAL(outcome.exit_code, 75);
    const DWORD to_give_up = GetTickCount() - start;

    control_start(&running, L"close %ls --wait 30", volume.letter);
    CHECK_EQUAL(WaitForSingleObject(running.process.hProcess, 500 + 2 * to_give_up), WAIT_TIMEOUT);
    start = GetTickCount();
    CloseHandle(volume.handle);
    control_finish(&running, &outcome);
    CHECK_EQUAL(outcome.exit_code, 0);
    CHECK(outcome.err[0] == 0);
    CHECK(GetTickCount() - start < 20000);
}

/* What was acknowledged is in the image, though nobody flushed it and a handle is still open. */
static void close_by_force(const wchar_t *format)
{
    struct volume volume;
    struct outcome outcome;
    unsigned char *buffer = make_buffer(262144), *content = make_buffer(262144);
    uint32_t seed = 11;
    wchar_t name[32];

    _snwprintf(name, 32, L"forced.%ls", format);
    DeleteFileW(test_path(name));
    run_control(&outcome, L"create \"%ls\" 16M --format %ls", test_path(name), format);
    CHECK_EQUAL(outcome.exit_code, 0);
    volume_open(&volume, test_path(name), L"");
    fill_random(buffer, 262144, &seed);
    CHECK_EQUAL(transfer(volume.handle, true, 3u << 20, buffer, 262144, NULL), 0);
    run_control(&outcome, L"close \"%ls\" --force --json", volume.image);
    CHECK_EQUAL(outcome.exit_code, 0);
    CHECK(strstr(outcome.out, "\"forced\": true") != NULL);
    CHECK(strstr(outcome.err, "by force") != NULL);
    CHECK(transfer(volume.handle, false, 0, content, 4096, NULL) != 0);
    CHECK(transfer(volume.handle, true, 0, content, 4096, NULL) != 0);
    CloseHandle(volume.handle);
    run_control(&outcome, L"check \"%ls\"", volume.image);
    CHECK_EQUAL(outcome.exit_code, 0);
    volume_open(&volume, test_path(name), L"--read-only");
    CHECK_EQUAL(transfer(volume.handle, false, 3u << 20, content, 262144, NULL), 0);
    CHECK(memcmp(buffer, content, 262144) == 0);
    volume_close(&volume);
    VirtualFree(buffer, 0, MEM_RELEASE);
    VirtualFree(content, 0, MEM_RELEASE);
}

static void test_force(void)
{
    close_by_force(L"raw");
    close_by_force(L"vhdx");
    close_by_force(L"qcow2");
}

/* Nothing is wrong when force is allowed but not needed. */
static void test_force_unneeded(void)
{
    struct volume volume;
    struct outcome outcome;

    open_new(&volume, L"free.img");
    CloseHandle(volume.handle);
    run_control(&outcome, L"close %ls --force --json", volume.letter);
    CHECK_EQUAL(outcome.exit_code, 0);
    CHECK(strstr(outcome.out, "\"forced\": false") != NULL);
    CHECK(outcome.err[0] == 0);
}

const struct test_case close_cases[] = {
    {"close_names_holder", test_names_holder},
    {"close_waits_for_holder", test_waits_for_holder},
    {"close_force", test_force},
    {"close_force_unneeded", test_force_unneeded},
    {NULL, NULL},
};
