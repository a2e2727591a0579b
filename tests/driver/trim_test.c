/* Trims: space comes back, what was trimmed reads as zeros, and what makes no sense is refused. */
#include "tests/driver/harness.h"

#include <winioctl.h>

#include <stdio.h>
#include <string.h>

#define MANAGE_ATTRIBUTES 0x002d9404u /* IOCTL_STORAGE_MANAGE_DATA_SET_ATTRIBUTES */
#define MIB               1048576u
#define TRANSFER_BYTES    (8u * MIB)
#define ENTIRE_RANGE      1u
#define TRIM_PROPERTY     8u

/* DEVICE_MANAGE_DATA_SET_ATTRIBUTES with one DEVICE_DATA_SET_RANGE behind it. */
struct trim_input {
    uint32_t size;
    uint32_t action;
    uint32_t flags;
    uint32_t parameter_offset;
    uint32_t parameter_length;
    uint32_t ranges_offset;
    uint32_t ranges_length;
    uint32_t padding;
    uint64_t offset_bytes;
    uint64_t length_bytes;
};

static DWORD trim(HANDLE volume, uint64_t offset_bytes, uint64_t length_bytes)
{
    const struct trim_input input = {.size = 28,
                                     .action = 1,
                                     .ranges_offset = 32,
                                     .ranges_length = 16,
                                     .offset_bytes = offset_bytes,
                                     .length_bytes = length_bytes};

    return control(volume, MANAGE_ATTRIBUTES, &input, sizeof input, NULL, 0, NULL);
}

static bool offers_trim(HANDLE volume)
{
    const uint32_t query[3] = {TRIM_PROPERTY};
    uint32_t answer[3] = {0};

    CHECK_EQUAL(control(volume, IOCTL_STORAGE_QUERY_PROPERTY, query, sizeof query, answer,
                        sizeof answer, NULL),
                0);
    return (answer[2] & 0xff) != 0;
}

static void put(HANDLE volume, uint64_t offset_bytes, void *buffer)
{
    memset(buffer, 0xa5, TRANSFER_BYTES);
    CHECK_EQUAL(transfer(volume, true, offset_bytes, buffer, TRANSFER_BYTES, NULL), 0);
}

static void check_bytes(HANDLE volume, uint64_t offset_bytes, unsigned char value,
                        unsigned char *buffer)
{
    CHECK_EQUAL(transfer(volume, false, offset_bytes, buffer, MIB, NULL), 0);
    CHECK_EQUAL(buffer[0], value);
    CHECK(memcmp(buffer, buffer + 1, MIB - 1) == 0);
}

static unsigned long long number_in_list(const char *name)
{
    struct outcome outcome;
    char key[32];

    _snprintf(key, sizeof key, "\"%s\": ", name);
    run_control(&outcome, L"list --json");
    CHECK_EQUAL(outcome.exit_code, 0);
    CHECK(strstr(outcome.out, key) != NULL);
    return strtoull(strstr(outcome.out, key) + strlen(key), NULL, 10);
}

static void test_trim_ram(void)
{
    unsigned char *buffer = make_buffer(TRANSFER_BYTES);
    struct volume volume;
    unsigned long long full;

    volume_open(&volume, L"trim", L"--ram 32M");
    wcscpy(volume.image, L"ram:trim");
    CHECK(offers_trim(volume.handle));
    put(volume.handle, 0, buffer);
    full = number_in_list("used");
    CHECK(full >= TRANSFER_BYTES);
    CHECK_EQUAL(trim(volume.handle, 2 * MIB, 4 * MIB), 0);
    CHECK_EQUAL(full - number_in_list("used"), 4 * MIB);
    check_bytes(volume.handle, MIB, 0xa5, buffer);
    check_bytes(volume.handle, 2 * MIB, 0, buffer);
    check_bytes(volume.handle, 5 * MIB, 0, buffer);
    check_bytes(volume.handle, 6 * MIB, 0xa5, buffer);
    volume_close(&volume);
    VirtualFree(buffer, 0, MEM_RELEASE);
}

/* A format that frees blocks uses them again: the file does not grow. */
static void check_format(const wchar_t *name)
{
    unsigned char *buffer = make_buffer(TRANSFER_BYTES);
    struct outcome outcome;
    struct volume volume;
    WIN32_FILE_ATTRIBUTE_DATA before, after;

    DeleteFileW(test_path(name));
    run_control(&outcome, L"create \"%ls\" 64M --block-size 1M", test_path(name));
    CHECK_EQUAL(outcome.exit_code, 0);
    volume_open(&volume, test_path(name), L"");
    CHECK(offers_trim(volume.handle));
    put(volume.handle, 0, buffer);
    CHECK(FlushFileBuffers(volume.handle));
    CHECK(GetFileAttributesExW(test_path(name), GetFileExInfoStandard, &before));
    CHECK_EQUAL(trim(volume.handle, 0, TRANSFER_BYTES), 0);
    CHECK(FlushFileBuffers(volume.handle));
    check_bytes(volume.handle, 3 * MIB, 0, buffer);
    put(volume.handle, 32 * MIB, buffer);
    CHECK(FlushFileBuffers(volume.handle));
    CHECK(GetFileAttributesExW(test_path(name), GetFileExInfoStandard, &after));
    CHECK(after.nFileSizeLow <= before.nFileSizeLow);
    check_bytes(volume.handle, 33 * MIB, 0xa5, buffer);
    volume_close(&volume);
    run_control(&outcome, L"check \"%ls\"", test_path(name));
    CHECK_EQUAL(outcome.exit_code, 0);
    VirtualFree(buffer, 0, MEM_RELEASE);
}

static void test_trim_vhdx(void)
{
    check_format(L"trim.vhdx");
}

static void test_trim_qcow2(void)
{
    check_format(L"trim.qcow2");
}

/* Wine's files have no holes: a raw image offers no trim, and says so when it is asked for one. */
static void test_trim_refused(void)
{
    struct trim_input input = {.size = 28, .action = 1, .flags = ENTIRE_RANGE};
    struct volume volume;

    make_file(test_path(L"trim.img"), 16 * MIB);
    volume_open(&volume, test_path(L"trim.img"), L"");
    CHECK(!offers_trim(volume.handle));
    CHECK_EQUAL(trim(volume.handle, 0, MIB), ERROR_NOT_SUPPORTED);
    volume_close(&volume);

    volume_open(&volume, L"refuse", L"--ram 16M");
    wcscpy(volume.image, L"ram:refuse");
    CHECK_EQUAL(trim(volume.handle, 16 * MIB, 512), ERROR_INVALID_PARAMETER);
    CHECK_EQUAL(trim(volume.handle, 15 * MIB, 2 * MIB), ERROR_INVALID_PARAMETER);
    CHECK_EQUAL(trim(volume.handle, UINT64_MAX - 511, 1024), ERROR_INVALID_PARAMETER);
    CHECK_EQUAL(trim(volume.handle, 100, 512), ERROR_INVALID_PARAMETER);
    CHECK_EQUAL(control(volume.handle, MANAGE_ATTRIBUTES, &input, 27, NULL, 0, NULL),
                ERROR_INVALID_PARAMETER);
    input.action = 2;
    CHECK_EQUAL(control(volume.handle, MANAGE_ATTRIBUTES, &input, 28, NULL, 0, NULL),
                ERROR_NOT_SUPPORTED);
    input.action = 1;
    CHECK_EQUAL(control(volume.handle, MANAGE_ATTRIBUTES, &input, 28, NULL, 0, NULL), 0);
    volume_close(&volume);
}

const struct test_case trim_cases[] = {
    {"trim_ram", test_trim_ram},
    {"trim_vhdx", test_trim_vhdx},
    {"trim_qcow2", test_trim_qcow2},
    {"trim_refused", test_trim_refused},
    {NULL, NULL},
};
