/* Overlays, in a file and in memory, and disks that are in memory altogether. */
#include "tests/driver/harness.h"

#include <winioctl.h>

#include <stdio.h>
#include <string.h>

#define DISK_BYTES  (8u * 1024 * 1024)
#define PIECE_BYTES 65536u

static void make_base(const wchar_t *path, unsigned char *contents)
{
    uint32_t seed = 7;
    DWORD done;
    HANDLE file = CreateFileW(path, GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL);

    CHECK(file != INVALID_HANDLE_VALUE);
    fill_random(contents, DISK_BYTES, &seed);
    CHECK(WriteFile(file, contents, DISK_BYTES, &done, NULL) && done == DISK_BYTES);
    CloseHandle(file);
}

static void expect_file(const wchar_t *path, const unsigned char *contents)
{
    unsigned char *bytes = make_buffer(DISK_BYTES);

    read_file(path, 0, bytes, DISK_BYTES);
    CHECK(memcmp(bytes, contents, DISK_BYTES) == 0);
    VirtualFree(bytes, 0, MEM_RELEASE);
}

static void expect_volume(const struct volume *volume, const unsigned char *contents)
{
    unsigned char *buffer = make_buffer(PIECE_BYTES);

    for (uint32_t at = 0; at < DISK_BYTES; at += PIECE_BYTES) {
        CHECK_EQUAL(transfer(volume->handle, false, at, buffer, PIECE_BYTES, NULL), 0);
        CHECK(memcmp(buffer, contents + at, PIECE_BYTES) == 0);
    }
    VirtualFree(buffer, 0, MEM_RELEASE);
}

/* Pieces of all sizes at places that do not fit the overlay's blocks. */
static void write_randomly(const struct volume *volume, unsigned char *model, uint32_t seed)
{
    unsigned char *buffer = make_buffer(PIECE_BYTES);

    for (uint32_t i = 0; i < 60; i++) {
        const uint32_t length = 512u << next_random(&seed) % 8;
        const uint32_t offset = next_random(&seed) % ((DISK_BYTES - length) / 512 + 1) * 512;

        fill_random(buffer, length, &seed);
        CHECK_EQUAL(transfer(volume->handle, true, offset, buffer, length, NULL), 0);
        memcpy(model + offset, buffer, length);
    }
    CHECK(FlushFileBuffers(volume->handle));
    VirtualFree(buffer, 0, MEM_RELEASE);
}

/* The image has the same bytes before and after, the overlay what was written, also later. */
static void test_file(void)
{
    unsigned char *base = make_buffer(DISK_BYTES), *model = make_buffer(DISK_BYTES);
    wchar_t image[PATH_CHARS], options[PATH_CHARS * 2];
    struct volume volume;
    struct outcome outcome;

    wcscpy(image, test_path(L"base.img"));
    make_base(image, base);
    memcpy(model, base, DISK_BYTES);
    DeleteFileW(test_path(L"over.qcow2"));
    _snwprintf(options, PATH_CHARS * 2, L"--overlay \"%ls\" --whole", test_path(L"over.qcow2"));
    for (uint32_t session = 0; session < 2; session++) {
        volume_open(&volume, image, options);
        expect_volume(&volume, model);
        write_randomly(&volume, model, 50 + session);
        expect_volume(&volume, model);
        volume_close(&volume);
        expect_file(image, base);
    }
    run_control(&outcome, L"check \"%ls\"", test_path(L"over.qcow2"));
    CHECK_EQUAL(outcome.exit_code, 0);
    volume_open(&volume, image, options);
    CloseHandle(volume.handle);
    run_control(&outcome, L"close \"%ls\" --commit", image);
    CHECK_EQUAL(outcome.exit_code, 0);
    expect_file(image, model);
    CHECK_EQUAL(GetFileAttributesW(test_path(L"over.qcow2")), INVALID_FILE_ATTRIBUTES);
    VirtualFree(base, 0, MEM_RELEASE);
    VirtualFree(model, 0, MEM_RELEASE);
}

static void test_memory(void)
{
    unsigned char *base = make_buffer(DISK_BYTES), *model = make_buffer(DISK_BYTES);
    wchar_t image[PATH_CHARS];
    struct volume volume;

    wcscpy(image, test_path(L"base.img"));
    make_base(image, base);
    memcpy(model, base, DISK_BYTES);
    volume_open(&volume, image, L"--overlay memory --whole");
    write_randomly(&volume, model, 60);
    expect_volume(&volume, model);
    volume_close(&volume);
    expect_file(image, base);
    volume_open(&volume, image, L"--overlay memory --whole");
    expect_volume(&volume, base); /* what was in memory is gone */
    volume_close(&volume);
    VirtualFree(base, 0, MEM_RELEASE);
    VirtualFree(model, 0, MEM_RELEASE);
}

/* Beyond the limit the disk is full, and what was written before stays. */
static void test_memory_limit(void)
{
    unsigned char *base = make_buffer(DISK_BYTES), *buffer = make_buffer(PIECE_BYTES);
    wchar_t image[PATH_CHARS];
    struct volume volume;
    uint32_t written = 0;
    DWORD error = 0;

    wcscpy(image, test_path(L"base.img"));
    make_base(image, base);
    volume_open(&volume, image, L"--overlay memory:1M --whole");
    memset(buffer, 0xa5, PIECE_BYTES);
    while (written < DISK_BYTES && error == 0) {
        error = transfer(volume.handle, true, written, buffer, PIECE_BYTES, NULL);
        written += error == 0 ? PIECE_BYTES : 0;
    }
    CHECK_EQUAL(error, ERROR_DISK_FULL);
    CHECK(written >= 1024 * 1024 - 2 * PIECE_BYTES && written <= 1024 * 1024);
    memset(base, 0xa5, written);
    expect_volume(&volume, base);
    CHECK_EQUAL(transfer(volume.handle, true, 0, buffer, PIECE_BYTES, NULL), 0); /* has room */
    volume_close(&volume);
    VirtualFree(base, 0, MEM_RELEASE);
    VirtualFree(buffer, 0, MEM_RELEASE);
}

/* Opens a RAM disk by its whole command line. */
static void open_ram(struct volume *volume, const wchar_t *options, const wchar_t *name)
{
    struct outcome outcome;

    run_control(&outcome, L"open --ram %ls --letter R:", options);
    if (outcome.exit_code != 0)
        test_fail(__FILE__, __LINE__, "open ended with %lu: %s", outcome.exit_code, outcome.err);
    wcscpy(volume->letter, L"R:");
    wcscpy(volume->image, name);
    volume->handle = volume_handle(volume, GENERIC_READ | GENERIC_WRITE);
    CHECK(volume->handle != INVALID_HANDLE_VALUE);
}

static void test_ram(void)
{
    unsigned char *model = make_buffer(DISK_BYTES);
    struct volume volume;

    open_ram(&volume, L"8M scratch", L"ram:scratch");
    expect_volume(&volume, model); /* zeros */
    write_randomly(&volume, model, 70);
    expect_volume(&volume, model);
    volume_close(&volume);
    memset(model, 0, DISK_BYTES);
    open_ram(&volume, L"8M scratch", L"ram:scratch");
    expect_volume(&volume, model);
    volume_close(&volume);
    VirtualFree(model, 0, MEM_RELEASE);
}

/* The image may go when it is loaded. */
static void test_ram_loaded(void)
{
    unsigned char *model = make_buffer(DISK_BYTES);
    wchar_t image[PATH_CHARS], options[PATH_CHARS + 16];
    struct volume volume;

    wcscpy(image, test_path(L"loaded.img"));
    make_base(image, model);
    _snwprintf(options, PATH_CHARS + 16, L"\"%ls\" --whole", image);
    open_ram(&volume, options, image);
    expect_volume(&volume, model);
    expect_file(image, model);
    CHECK(DeleteFileW(image));
    write_randomly(&volume, model, 80);
    expect_volume(&volume, model);
    volume_close(&volume);
    CHECK_EQUAL(GetFileAttributesW(image), INVALID_FILE_ATTRIBUTES);
    VirtualFree(model, 0, MEM_RELEASE);
}

/* Sectors of 4096 bytes: told, and what is smaller is refused. */
static void test_sectors(void)
{
    wchar_t image[PATH_CHARS];
    struct volume volume;
    DISK_GEOMETRY geometry = {0};
    unsigned char *buffer = make_buffer(8192);

    wcscpy(image, test_path(L"sectors.img"));
    make_file(image, DISK_BYTES);
    volume_open(&volume, image, L"--sector-size 4096");
    CHECK_EQUAL(control(volume.handle, IOCTL_DISK_GET_DRIVE_GEOMETRY, NULL, 0, &geometry,
                        sizeof geometry, NULL),
                0);
    CHECK_EQUAL(geometry.BytesPerSector, 4096);
    CHECK(transfer(volume.handle, false, 0, buffer, 512, NULL) != 0);
    CHECK(transfer(volume.handle, false, 512, buffer, 4096, NULL) != 0);
    memset(buffer, 0x3c, 8192);
    CHECK_EQUAL(transfer(volume.handle, true, 4096, buffer, 4096, NULL), 0);
    volume_close(&volume);
    read_file(image, 0, buffer, 8192);
    CHECK(buffer[4095] == 0 && buffer[4096] == 0x3c && buffer[8191] == 0x3c);
    VirtualFree(buffer, 0, MEM_RELEASE);
}

const struct test_case overlay_cases[] = {
    {"overlay_file", test_file},
    {"overlay_memory", test_memory},
    {"overlay_memory_limit", test_memory_limit},
    {"overlay_ram", test_ram},
    {"overlay_ram_loaded", test_ram_loaded},
    {"overlay_sectors", test_sectors},
    {NULL, NULL},
};
