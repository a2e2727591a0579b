/* CDs in containers: one track, which make_cd_images.py has put into each of them. */
#include "tests/driver/harness.h"

#include <winioctl.h>

#include <stdio.h>
#include <string.h>

#define SECTOR_BYTES 2048u
#define SECTOR_COUNT 1000u
#define DISK_BYTES   (SECTOR_COUNT * SECTOR_BYTES)
#define LENGTH_MAX   64u /* sectors */

static void read_randomly(HANDLE handle, const unsigned char *content)
{
    unsigned char *buffer = make_buffer(LENGTH_MAX * SECTOR_BYTES);
    uint32_t seed = 15;

    for (uint32_t i = 0; i < 200; i++) {
        const uint32_t count = 1 + next_random(&seed) % LENGTH_MAX;
        const uint32_t first = next_random(&seed) % (SECTOR_COUNT - count + 1);

        CHECK_EQUAL(transfer(handle, false, first * SECTOR_BYTES, buffer, count * SECTOR_BYTES, 0),
                    0);
        CHECK(memcmp(buffer, content + first * SECTOR_BYTES, count * SECTOR_BYTES) == 0);
    }
    VirtualFree(buffer, 0, MEM_RELEASE);
}

static void expect_cd(const wchar_t *name, const char *format)
{
    struct volume volume;
    struct outcome outcome;
    GET_LENGTH_INFORMATION length;
    char listed[32];
    unsigned char *content = make_buffer(DISK_BYTES);

    read_file(test_path(L"content.iso"), 0, content, DISK_BYTES);
    volume_open(&volume, test_path(name), L"");
    run_control(&outcome, L"list --json");
    snprintf(listed, sizeof listed, "\"format\": \"%s\"", format);
    CHECK(strstr(outcome.out, listed) != NULL);
    CHECK_EQUAL(
        control(volume.handle, IOCTL_DISK_GET_LENGTH_INFO, NULL, 0, &length, sizeof length, NULL),
        0);
    CHECK_EQUAL(length.Length.QuadPart, DISK_BYTES);
    read_randomly(volume.handle, content);
    CHECK_EQUAL(transfer(volume.handle, true, 0, content, SECTOR_BYTES, NULL), ERROR_WRITE_PROTECT);
    CHECK(transfer(volume.handle, false, DISK_BYTES, content, SECTOR_BYTES, NULL) != 0);
    volume_close(&volume);
    VirtualFree(content, 0, MEM_RELEASE);
}

static void test_cue(void)
{
    expect_cd(L"disc.cue", "cue");
}

static void test_nrg(void)
{
    expect_cd(L"disc.nrg", "nrg");
}

static void test_mds(void)
{
    expect_cd(L"disc.mds", "mds");
}

const struct test_case cd_cases[] = {
    {"cd_cue", test_cue},
    {"cd_nrg", test_nrg},
    {"cd_mds", test_mds},
    {NULL, NULL},
};
