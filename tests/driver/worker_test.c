/* What the device's workers and the device itself serve, code by code: sense and refusals. */
#include "tests/driver/harness.h"
#include "virtualdisk/driver_abi.h"

#include <winioctl.h>

#include <string.h>

#define MIB        (1024u * 1024)
#define DISK_BYTES (8u * MIB)

static void open_disk(struct volume *volume, const wchar_t *options)
{
    const wchar_t *path = test_path(L"worker.img");

    make_file(path, DISK_BYTES);
    volume_open(volume, path, options);
}

/* Without an answer. */
static DWORD tell(const struct volume *volume, DWORD code, const void *input, DWORD input_bytes)
{
    return control(volume->handle, code, input, input_bytes, NULL, 0, NULL);
}

static uint64_t length_bytes(const struct volume *volume)
{
    GET_LENGTH_INFORMATION length = {0};

    CHECK_EQUAL(
        control(volume->handle, IOCTL_DISK_GET_LENGTH_INFO, NULL, 0, &length, sizeof length, NULL),
        0);
    return (uint64_t)length.Length.QuadPart;
}

static DWORD verify(const struct volume *volume, int64_t offset_bytes, DWORD length)
{
    const VERIFY_INFORMATION range = {.StartingOffset.QuadPart = offset_bytes, .Length = length};

    return tell(volume, IOCTL_DISK_VERIFY, &range, sizeof range);
}

static void test_verify(void)
{
    struct volume volume;

    open_disk(&volume, L"");
    CHECK_EQUAL(verify(&volume, 0, DISK_BYTES), 0);
    CHECK_EQUAL(verify(&volume, DISK_BYTES - 512, 512), 0);
    CHECK_EQUAL(verify(&volume, DISK_BYTES, 0), 0);
    CHECK_EQUAL(verify(&volume, DISK_BYTES, 512), ERROR_INVALID_PARAMETER);
    CHECK_EQUAL(verify(&volume, 512, DISK_BYTES), ERROR_INVALID_PARAMETER);
    CHECK_EQUAL(verify(&volume, 100, 512), ERROR_INVALID_PARAMETER);
    CHECK_EQUAL(verify(&volume, -512, 512), ERROR_INVALID_PARAMETER);
    CHECK_EQUAL(tell(&volume, IOCTL_DISK_VERIFY, NULL, 0), ERROR_BAD_LENGTH);
    volume_close(&volume);
}

static DWORD grow(const struct volume *volume, int64_t by_bytes)
{
    const DISK_GROW_PARTITION growth = {.PartitionNumber = 1, .BytesToGrow.QuadPart = by_bytes};

    return tell(volume, IOCTL_DISK_GROW_PARTITION, &growth, sizeof growth);
}

static void test_grow(void)
{
    struct volume volume;

    open_disk(&volume, L"");
    CHECK_EQUAL(grow(&volume, 4 * MIB), 0);
    CHECK_EQUAL(length_bytes(&volume), 12 * MIB);
    CHECK_EQUAL(grow(&volume, -512), ERROR_INVALID_PARAMETER);
    CHECK_EQUAL(grow(&volume, INT64_MAX), ERROR_INVALID_PARAMETER);
    CHECK_EQUAL(tell(&volume, IOCTL_DISK_GROW_PARTITION, NULL, 0), ERROR_BAD_LENGTH);
    CHECK_EQUAL(length_bytes(&volume), 12 * MIB);
    volume_close(&volume);
}

static void test_resize(void)
{
    const uint64_t larger = 12 * MIB, smaller = 4 * MIB;
    struct volume volume;

    open_disk(&volume, L"");
    CHECK_EQUAL(tell(&volume, IOCTL_VIRTUALDISK_RESIZE, &larger, sizeof larger), 0);
    CHECK_EQUAL(length_bytes(&volume), larger);
    CHECK_EQUAL(tell(&volume, IOCTL_VIRTUALDISK_RESIZE, &smaller, sizeof smaller),
                ERROR_INVALID_PARAMETER);
    CHECK_EQUAL(tell(&volume, IOCTL_VIRTUALDISK_RESIZE, &larger, 4), ERROR_BAD_LENGTH);
    CHECK_EQUAL(length_bytes(&volume), larger);
    volume_close(&volume);
}

static void test_set_read_only(void)
{
    const uint32_t off = 0, on = 1, neither = 2;
    struct volume volume;

    open_disk(&volume, L"");
    CHECK_EQUAL(tell(&volume, IOCTL_VIRTUALDISK_SET_READ_ONLY, &neither, sizeof neither),
                ERROR_INVALID_PARAMETER);
    CHECK_EQUAL(tell(&volume, IOCTL_VIRTUALDISK_SET_READ_ONLY, &on, 3), ERROR_BAD_LENGTH);
    CHECK_EQUAL(tell(&volume, IOCTL_DISK_IS_WRITABLE, NULL, 0), 0);
    CHECK_EQUAL(tell(&volume, IOCTL_VIRTUALDISK_SET_READ_ONLY, &on, sizeof on), 0);
    CHECK_EQUAL(tell(&volume, IOCTL_DISK_IS_WRITABLE, NULL, 0), ERROR_WRITE_PROTECT);
    CHECK_EQUAL(tell(&volume, IOCTL_VIRTUALDISK_SET_READ_ONLY, &off, sizeof off), 0);
    CHECK_EQUAL(tell(&volume, IOCTL_DISK_IS_WRITABLE, NULL, 0), 0);
    volume_close(&volume);
}

static uint64_t flush_count(const struct volume *volume)
{
    struct virtualdisk_statistics statistics;
    DWORD returned;

    CHECK_EQUAL(control(volume->handle, IOCTL_VIRTUALDISK_QUERY_STATISTICS, NULL, 0, &statistics,
                        sizeof statistics, &returned),
                0);
    CHECK_EQUAL(returned, sizeof statistics);
    return statistics.flush.count;
}

static void test_flush(void)
{
    struct volume volume;
    uint64_t before;

    open_disk(&volume, L"");
    before = flush_count(&volume);
    CHECK_EQUAL(tell(&volume, IOCTL_VIRTUALDISK_FLUSH, NULL, 0), 0);
    CHECK_EQUAL(flush_count(&volume), before + 1);
    volume_close(&volume);
}

/* An image that is still there is opened once more, and holds what was written. */
static void test_reconnect(void)
{
    struct volume volume;
    unsigned char *written = make_buffer(4096), *content = make_buffer(4096);
    uint32_t seed = 11;

    open_disk(&volume, L"");
    fill_random(written, 4096, &seed);
    CHECK_EQUAL(transfer(volume.handle, true, MIB, written, 4096, NULL), 0);
    CHECK_EQUAL(tell(&volume, IOCTL_VIRTUALDISK_RECONNECT, NULL, 0), 0);
    CHECK_EQUAL(transfer(volume.handle, false, MIB, content, 4096, NULL), 0);
    CHECK(memcmp(written, content, 4096) == 0);
    CHECK_EQUAL(tell(&volume, IOCTL_VIRTUALDISK_COMMIT, NULL, 0), ERROR_NOT_SUPPORTED);
    volume_close(&volume);
    VirtualFree(written, 0, MEM_RELEASE);
    VirtualFree(content, 0, MEM_RELEASE);
}

/* As with an ejected CD, it is here only seen that the image can be closed, and opened again. */
static void test_remove(void)
{
    struct volume volume;

    open_disk(&volume, L"");
    CHECK_EQUAL(tell(&volume, IOCTL_VIRTUALDISK_REMOVE, NULL, 0), 0);
    CloseHandle(volume.handle);
    must_run(L"close \"%ls\"", volume.image);
    open_disk(&volume, L"");
    CHECK_EQUAL(length_bytes(&volume), DISK_BYTES);
    volume_close(&volume);
}

const struct test_case worker_cases[] = {
    {"worker_verify", test_verify}, {"worker_grow", test_grow},
    {"worker_resize", test_resize}, {"worker_set_read_only", test_set_read_only},
    {"worker_flush", test_flush},   {"worker_reconnect", test_reconnect},
    {"worker_remove", test_remove}, {NULL, NULL},
};
