/* Overlays, in a file and in memory, and disks that are in memory altogether. */
#include "tests/driver/model.h"

#include <winioctl.h>

#include <stdio.h>
#include <string.h>

#define PIECE_BYTES 65536u

static void make_base(const wchar_t *path, unsigned char *contents)
{
    uint32_t seed = 7;

    fill_random(contents, MODEL_BYTES, &seed);
    model_save(path, contents);
}

static void expect_file(const wchar_t *path, const unsigned char *contents)
{
    unsigned char *bytes = make_buffer(MODEL_BYTES);

    read_file(path, 0, bytes, MODEL_BYTES);
    CHECK(memcmp(bytes, contents, MODEL_BYTES) == 0);
    VirtualFree(bytes, 0, MEM_RELEASE);
}

static void write_randomly(const struct volume *volume, unsigned char *model, uint32_t seed)
{
    model_write(volume->handle, model, 60, seed);
    CHECK(FlushFileBuffers(volume->handle));
}

/* The image has the same bytes before and after, the overlay what was written, also later. */
static void test_file(void)
{
    unsigned char *base = make_buffer(MODEL_BYTES), *model = make_buffer(MODEL_BYTES);
    wchar_t image[PATH_CHARS], options[PATH_CHARS * 2];
    struct volume volume;
    struct outcome outcome;

    wcscpy(image, test_path(L"base.img"));
    make_base(image, base);
    memcpy(model, base, MODEL_BYTES);
    DeleteFileW(test_path(L"over.qcow2"));
    _snwprintf(options, PATH_CHARS * 2, L"--overlay \"%ls\" --whole", test_path(L"over.qcow2"));
    for (uint32_t session = 0; session < 2; session++) {
        volume_open(&volume, image, options);
        model_expect_volume(volume.handle, model);
        write_randomly(&volume, model, 50 + session);
        model_expect_volume(volume.handle, model);
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
    unsigned char *base = make_buffer(MODEL_BYTES), *model = make_buffer(MODEL_BYTES);
    wchar_t image[PATH_CHARS];
    struct volume volume;

    wcscpy(image, test_path(L"base.img"));
    make_base(image, base);
    memcpy(model, base, MODEL_BYTES);
    volume_open(&volume, image, L"--overlay memory --whole");
    write_randomly(&volume, model, 60);
    model_expect_volume(volume.handle, model);
    volume_close(&volume);
    expect_file(image, base);
    volume_open(&volume, image, L"--overlay memory --whole");
    model_expect_volume(volume.handle, base); /* what was in memory is gone */
    volume_close(&volume);
    VirtualFree(base, 0, MEM_RELEASE);
    VirtualFree(model, 0, MEM_RELEASE);
}

/* Beyond the limit the disk is full, and what was written before stays. */
static void test_memory_limit(void)
{
    unsigned char *base = make_buffer(MODEL_BYTES), *buffer = make_buffer(PIECE_BYTES);
    wchar_t image[PATH_CHARS];
    struct volume volume;
    uint32_t written = 0;
    DWORD error = 0;

    wcscpy(image, test_path(L"base.img"));
    make_base(image, base);
    volume_open(&volume, image, L"--overlay memory:1M --whole");
    memset(buffer, 0xa5, PIECE_BYTES);
    while (written < MODEL_BYTES && error == 0) {
        error = transfer(volume.handle, true, written, buffer, PIECE_BYTES, NULL);
        written += error == 0 ? PIECE_BYTES : 0;
    }
    CHECK_EQUAL(error, ERROR_DISK_FULL);
    CHECK(written >= 1024 * 1024 - 2 * PIECE_BYTES && written <= 1024 * 1024);
    memset(base, 0xa5, written);
    model_expect_volume(volume.handle, base);
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
    unsigned char *model = make_buffer(MODEL_BYTES);
    struct volume volume;

    open_ram(&volume, L"8M scratch", L"ram:scratch");
    model_expect_volume(volume.handle, model); /* zeros */
    write_randomly(&volume, model, 70);
    model_expect_volume(volume.handle, model);
    volume_close(&volume);
    memset(model, 0, MODEL_BYTES);
    open_ram(&volume, L"8M scratch", L"ram:scratch");
    model_expect_volume(volume.handle, model);
    volume_close(&volume);
    VirtualFree(model, 0, MEM_RELEASE);
}

/* The image may go when it is loaded. */
static void test_ram_loaded(void)
{
    unsigned char *model = make_buffer(MODEL_BYTES);
    wchar_t image[PATH_CHARS], options[PATH_CHARS + 16];
    struct volume volume;

    wcscpy(image, test_path(L"loaded.img"));
    make_base(image, model);
    _snwprintf(options, PATH_CHARS + 16, L"\"%ls\" --whole", image);
    open_ram(&volume, options, image);
    model_expect_volume(volume.handle, model);
    expect_file(image, model);
    CHECK(DeleteFileW(image));
    write_randomly(&volume, model, 80);
    model_expect_volume(volume.handle, model);
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
    make_file(image, MODEL_BYTES);
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
