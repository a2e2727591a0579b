/* Images of every format through the driver: written as a volume, judged by `check` and `compare`.
 */
#include "tests/driver/harness.h"

#include <stdio.h>
#include <string.h>

#define DISK_BYTES  (8u * 1024 * 1024)
#define PIECE_BYTES 65536u

static void must_run(const wchar_t *command)
{
    struct outcome outcome;

    run_control(&outcome, L"%ls", command);
    if (outcome.exit_code != 0)
        test_fail(__FILE__, __LINE__, "'%ls' ended with %lu: %s", command, outcome.exit_code,
                  outcome.err);
}

static void create(const wchar_t *path, const wchar_t *format, const wchar_t *options)
{
    wchar_t command[PATH_CHARS * 2];

    DeleteFileW(path);
    DeleteFileW(test_path(L"format-flat.vmdk")); /* the extent of a flat VMDK */
    _snwprintf(command, PATH_CHARS * 2, L"create \"%ls\" 8M --format %ls %ls", path, format,
               options);
    must_run(command);
}

/* Writes at random places through the volume, and keeps the model. */
static void write_randomly(const struct volume *volume, unsigned char *model, uint32_t count,
                           uint32_t seed)
{
    unsigned char *buffer = make_buffer(PIECE_BYTES);

    for (uint32_t i = 0; i < count; i++) {
        const uint32_t length = 512u << next_random(&seed) % 8;
        const uint32_t offset = next_random(&seed) % ((DISK_BYTES - length) / 512 + 1) * 512;

        fill_random(buffer, length, &seed);
        CHECK_EQUAL(transfer(volume->handle, true, offset, buffer, length, NULL), 0);
        memcpy(model + offset, buffer, length);
        if (i % 16 == 0)
            CHECK(FlushFileBuffers(volume->handle));
    }
    VirtualFree(buffer, 0, MEM_RELEASE);
}

static void compare_volume(const struct volume *volume, const unsigned char *model)
{
    unsigned char *buffer = make_buffer(PIECE_BYTES);

    for (uint32_t offset = 0; offset < DISK_BYTES; offset += PIECE_BYTES) {
        CHECK_EQUAL(transfer(volume->handle, false, offset, buffer, PIECE_BYTES, NULL), 0);
        if (memcmp(buffer, model + offset, PIECE_BYTES) != 0)
            test_fail(__FILE__, __LINE__, "wrong data in the 64 KiB at 0x%x", offset);
    }
    VirtualFree(buffer, 0, MEM_RELEASE);
}

/* The utility, which knows nothing of the driver's memory, finds the model in the image. */
static void compare_image(const wchar_t *path, const unsigned char *model)
{
    const wchar_t *raw = test_path(L"model.raw");
    HANDLE file = CreateFileW(raw, GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL);
    wchar_t command[PATH_CHARS * 3];
    DWORD done;

    CHECK(file != INVALID_HANDLE_VALUE);
    CHECK(WriteFile(file, model, DISK_BYTES, &done, NULL) && done == DISK_BYTES);
    CloseHandle(file);
    _snwprintf(command, PATH_CHARS * 3, L"check \"%ls\"", path);
    must_run(command);
    _snwprintf(command, PATH_CHARS * 3, L"compare \"%ls\" \"%ls\"", path, raw);
    must_run(command);
    DeleteFileW(raw);
}

/* Two sessions, so that the second finds what the first has left. */
static void exercise_image(const wchar_t *path, unsigned char *model, uint32_t seed)
{
    for (uint32_t session = 0; session < 2; session++) {
        struct volume volume;

        volume_open(&volume, path, L"");
        compare_volume(&volume, model);
        write_randomly(&volume, model, 40, seed + session);
        compare_volume(&volume, model);
        volume_close(&volume);
    }
    compare_image(path, model);
}

static void exercise_format(const wchar_t *format, const wchar_t *options)
{
    unsigned char *model = make_buffer(DISK_BYTES);
    wchar_t path[PATH_CHARS];
    wchar_t name[64];

    _snwprintf(name, 64, L"format.%ls", format);
    wcscpy(path, test_path(name));
    create(path, format, options);
    exercise_image(path, model, 31);
    VirtualFree(model, 0, MEM_RELEASE);
}

static void test_vhd(void)
{
    exercise_format(L"vhd", L"");
}

static void test_vhd_fixed(void)
{
    exercise_format(L"vhd", L"--fixed");
}

static void test_vhdx(void)
{
    exercise_format(L"vhdx", L"--block-size 1M");
}

static void test_vmdk(void)
{
    exercise_format(L"vmdk", L"");
}

static void test_vmdk_flat(void)
{
    exercise_format(L"vmdk", L"--subformat monolithicFlat");
}

static void test_vdi(void)
{
    exercise_format(L"vdi", L"");
}

static void test_qcow2(void)
{
    exercise_format(L"qcow2", L"");
}

/* A child over a parent: the driver gets the parent's path from the utility, and leaves it alone.
 */
static void exercise_chain(const wchar_t *format)
{
    unsigned char *model = make_buffer(DISK_BYTES), *parent_model = make_buffer(DISK_BYTES);
    wchar_t parent[PATH_CHARS], child[PATH_CHARS], command[PATH_CHARS * 3], name[64];

    _snwprintf(name, 64, L"parent.%ls", format);
    wcscpy(parent, test_path(name));
    _snwprintf(name, 64, L"child.%ls", format);
    wcscpy(child, test_path(name));
    create(parent, format, L"");
    exercise_image(parent, model, 41);
    memcpy(parent_model, model, DISK_BYTES);
    DeleteFileW(child);
    _snwprintf(command, PATH_CHARS * 3, L"create \"%ls\" --format %ls --parent \"%ls\"", child,
               format, parent);
    must_run(command);
    exercise_image(child, model, 43);
    compare_image(parent, parent_model);
    VirtualFree(model, 0, MEM_RELEASE);
    VirtualFree(parent_model, 0, MEM_RELEASE);
}

static void test_chain_vhd(void)
{
    exercise_chain(L"vhd");
}

static void test_chain_vhdx(void)
{
    exercise_chain(L"vhdx");
}

static void test_chain_vmdk(void)
{
    exercise_chain(L"vmdk");
}

static void test_chain_vdi(void)
{
    exercise_chain(L"vdi");
}

static void test_chain_qcow2(void)
{
    exercise_chain(L"qcow2");
}

/* A disk that was taken for raw does not become a QCOW2 image by what a guest writes to it. */
static void test_raw_stays_raw(void)
{
    struct volume volume;
    unsigned char *buffer = make_buffer(4096);

    make_file(test_path(L"stays.img"), DISK_BYTES);
    volume_open(&volume, test_path(L"stays.img"), L"");
    memcpy(buffer, "QFI\xfb\0\0\0\3", 8);
    CHECK(transfer(volume.handle, true, 0, buffer, 4096, NULL) != 0);
    buffer[0] = 'X';
    CHECK_EQUAL(transfer(volume.handle, true, 0, buffer, 4096, NULL), 0);
    volume_close(&volume);
    VirtualFree(buffer, 0, MEM_RELEASE);
}

const struct test_case format_cases[] = {
    {"format_vhd", test_vhd},
    {"format_vhd_fixed", test_vhd_fixed},
    {"format_vhdx", test_vhdx},
    {"format_vmdk", test_vmdk},
    {"format_vmdk_flat", test_vmdk_flat},
    {"format_vdi", test_vdi},
    {"format_qcow2", test_qcow2},
    {"format_chain_vhd", test_chain_vhd},
    {"format_chain_vhdx", test_chain_vhdx},
    {"format_chain_vmdk", test_chain_vmdk},
    {"format_chain_vdi", test_chain_vdi},
    {"format_chain_qcow2", test_chain_qcow2},
    {"format_raw_stays_raw", test_raw_stays_raw},
    {NULL, NULL},
};
