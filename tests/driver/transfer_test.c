/* Reads and writes through the volume, against a model and against the image file. */
#include "tests/driver/lane.h"

#include <stdio.h>
#include <string.h>

#define DISK_BYTES   (16u * 1024 * 1024)
#define LENGTH_MAX   (8u * 1024 * 1024)
#define SECTOR_BYTES 512u

static void open_new(struct volume *volume, const wchar_t *name, uint64_t size_bytes)
{
    const wchar_t *path = test_path(name);

    make_file(path, size_bytes);
    volume_open(volume, path, L"");
}

/* Reads and writes random ranges inside [start, end) of the disk, and compares with `model`. */
static void exercise(HANDLE handle, unsigned char *model, uint32_t start, uint32_t end,
                     uint32_t operation_count, uint32_t seed)
{
    const uint32_t span = end - start;
    const uint32_t length_max = span / 2 < LENGTH_MAX ? span / 2 : LENGTH_MAX;
    unsigned char *buffer = make_buffer(length_max);

    for (uint32_t i = 0; i < operation_count; i++) {
        const uint32_t magnitude = next_random(&seed) % 15; /* 512 B .. 8 MiB, evenly by size */
        uint32_t length = SECTOR_BYTES << magnitude;
        uint32_t offset;
        DWORD done;

        length = length < length_max ? length : length_max;
        offset = start + next_random(&seed) % ((span - length) / SECTOR_BYTES + 1) * SECTOR_BYTES;
        if (next_random(&seed) % 2 == 0) {
            fill_random(buffer, length, &seed);
            CHECK_EQUAL(transfer(handle, true, offset, buffer, length, &done), 0);
            memcpy(model + offset, buffer, length);
        } else {
            CHECK_EQUAL(transfer(handle, false, offset, buffer, length, &done), 0);
            CHECK(memcmp(model + offset, buffer, length) == 0);
        }
        CHECK_EQUAL(done, length);
    }
    VirtualFree(buffer, 0, MEM_RELEASE);
}

/* The image file holds exactly the model, the volume closed or not. */
static void compare_file(const wchar_t *path, const unsigned char *model)
{
    unsigned char *content = make_buffer(DISK_BYTES);

    read_file(path, 0, content, DISK_BYTES);
    CHECK(memcmp(content, model, DISK_BYTES) == 0);
    VirtualFree(content, 0, MEM_RELEASE);
}

static void test_one_thread(void)
{
    struct volume volume;
    unsigned char *model = make_buffer(DISK_BYTES);

    open_new(&volume, L"one_thread.img", DISK_BYTES);
    exercise(volume.handle, model, 0, DISK_BYTES, 300, 1);
    volume_close(&volume);
    compare_file(volume.image, model);
    VirtualFree(model, 0, MEM_RELEASE);
}

static void test_eight_threads(void)
{
    struct volume volume;
    unsigned char *model = make_buffer(DISK_BYTES);
    struct lanes lanes = {.model = model,
                          .lane_bytes = DISK_BYTES / 8,
                          .length_count = 12,
                          .transfer_count = 60,
                          .seed = 77};

    open_new(&volume, L"eight_threads.img", DISK_BYTES);
    lanes.handle = volume.handle;
    lanes_start(&lanes, 8);
    lanes_finish(&lanes);
    volume_close(&volume);
    compare_file(volume.image, model);
    VirtualFree(model, 0, MEM_RELEASE);
}

static void test_past_the_end(void)
{
    struct volume volume;
    unsigned char *buffer = make_buffer(65536);
    DWORD done;

    open_new(&volume, L"past_the_end.img", DISK_BYTES);
    CHECK_EQUAL(transfer(volume.handle, false, DISK_BYTES - 512, buffer, 512, &done), 0);
    CHECK(transfer(volume.handle, false, DISK_BYTES, buffer, 512, &done) != 0);
    CHECK(transfer(volume.handle, false, DISK_BYTES - 512, buffer, 1024, &done) != 0);
    CHECK(transfer(volume.handle, true, DISK_BYTES, buffer, 512, &done) != 0);
    CHECK(transfer(volume.handle, true, DISK_BYTES - 512, buffer, 1024, &done) != 0);
    CHECK(transfer(volume.handle, true, 1ull << 40, buffer, 512, &done) != 0);
    CHECK(transfer(volume.handle, true, 0x7ffffffffffffe00ull, buffer, 512, &done) != 0);
    volume_close(&volume);
    VirtualFree(buffer, 0, MEM_RELEASE);

    const HANDLE file =
        CreateFileW(volume.image, GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING, 0, NULL);
    CHECK(file != INVALID_HANDLE_VALUE);
    CHECK_EQUAL(GetFileSize(file, NULL), DISK_BYTES); /* nothing made the image longer */
    CloseHandle(file);
}

static void test_unaligned(void)
{
    struct volume volume;
    unsigned char *buffer = make_buffer(4096);
    DWORD done;

    open_new(&volume, L"unaligned.img", DISK_BYTES);
    CHECK(transfer(volume.handle, false, 1, buffer, 512, &done) != 0);
    CHECK(transfer(volume.handle, false, 0, buffer, 100, &done) != 0);
    CHECK(transfer(volume.handle, true, 256, buffer, 512, &done) != 0);
    CHECK(transfer(volume.handle, true, 0, buffer, 513, &done) != 0);
    CHECK_EQUAL(transfer(volume.handle, true, 512, buffer, 512, &done), 0);
    volume_close(&volume);
    VirtualFree(buffer, 0, MEM_RELEASE);
}

static void test_zero_length(void)
{
    struct volume volume;
    unsigned char *buffer = make_buffer(4096);
    DWORD done;

    open_new(&volume, L"zero_length.img", DISK_BYTES);
    CHECK_EQUAL(transfer(volume.handle, false, 0, buffer, 0, &done), 0);
    CHECK_EQUAL(done, 0);
    CHECK_EQUAL(transfer(volume.handle, true, 4096, buffer, 0, &done), 0);
    CHECK_EQUAL(done, 0);
    volume_close(&volume);
    VirtualFree(buffer, 0, MEM_RELEASE);
}

static void check_read_only(struct volume *volume)
{
    unsigned char *buffer = make_buffer(4096);
    HANDLE handle = volume_handle(volume, GENERIC_READ | GENERIC_WRITE);

    if (handle == INVALID_HANDLE_VALUE) /* refusing the handle is as good */
        handle = volume_handle(volume, GENERIC_READ);
    CHECK(handle != INVALID_HANDLE_VALUE);
    CHECK_EQUAL(transfer(handle, false, 0, buffer, 4096, NULL), 0);
    CHECK(transfer(handle, true, 0, buffer, 4096, NULL) != 0);
    CloseHandle(handle);
    VirtualFree(buffer, 0, MEM_RELEASE);
}

static void test_read_only_option(void)
{
    struct volume volume;
    const wchar_t *path = test_path(L"read_only.img");

    make_file(path, DISK_BYTES);
    volume_open(&volume, path, L"--read-only");
    check_read_only(&volume);
    volume_close(&volume);
}

static void test_read_only_file(void)
{
    struct volume volume;
    const wchar_t *path = test_path(L"read_only_file.img");

    SetFileAttributesW(path, FILE_ATTRIBUTE_NORMAL);
    make_file(path, DISK_BYTES);
    CHECK(SetFileAttributesW(path, FILE_ATTRIBUTE_READONLY));
    volume_open(&volume, path, L"");
    check_read_only(&volume);
    volume_close(&volume);
    CHECK(SetFileAttributesW(volume.image, FILE_ATTRIBUTE_NORMAL));
}

/* Offsets beyond 4 GiB arrive whole; the image is sparse. */
static void test_large_disk(void)
{
    struct volume volume;
    const uint64_t size = 6ull << 30;
    unsigned char *buffer = make_buffer(65536), *content = make_buffer(65536);
    uint32_t seed = 9;

    open_new(&volume, L"large.img", size);
    fill_random(buffer, 65536, &seed);
    CHECK_EQUAL(transfer(volume.handle, true, size - 65536, buffer, 65536, NULL), 0);
    CHECK_EQUAL(transfer(volume.handle, false, size - 65536, content, 65536, NULL), 0);
    CHECK(memcmp(buffer, content, 65536) == 0);
    CHECK_EQUAL(transfer(volume.handle, false, size - 65536 - (4ull << 30), content, 65536, NULL),
                0);
    CHECK(content[0] == 0 && memcmp(content, content + 1, 65535) == 0);
    volume_close(&volume);
    DeleteFileW(volume.image);
    VirtualFree(buffer, 0, MEM_RELEASE);
    VirtualFree(content, 0, MEM_RELEASE);
}

const struct test_case transfer_cases[] = {
    {"transfer_one_thread", test_one_thread},
    {"transfer_eight_threads", test_eight_threads},
    {"transfer_past_the_end", test_past_the_end},
    {"transfer_unaligned", test_unaligned},
    {"transfer_zero_length", test_zero_length},
    {"transfer_read_only_option", test_read_only_option},
    {"transfer_read_only_file", test_read_only_file},
    {"transfer_large_disk", test_large_disk},
    {NULL, NULL},
};
