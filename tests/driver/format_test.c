/* Images of every format through the driver: written as a volume, judged by `check` and `compare`.
 */
#include "tests/driver/model.h"

#include <stdio.h>
#include <string.h>

static void create(const wchar_t *path, const wchar_t *format, const wchar_t *options)
{
    DeleteFileW(path);
    DeleteFileW(test_path(L"format-flat.vmdk")); /* the extent of a flat VMDK */
    must_run(L"create \"%ls\" 8M --format %ls %ls", path, format, options);
}

/* Two sessions, so that the second finds what the first has left. */
static void exercise_image(const wchar_t *path, unsigned char *model, uint32_t seed)
{
    for (uint32_t session = 0; session < 2; session++) {
        struct volume volume;

        volume_open(&volume, path, L"");
        model_expect_volume(volume.handle, model);
        model_write(volume.handle, model, 40, seed + session);
        CHECK(FlushFileBuffers(volume.handle));
        model_write(volume.handle, model, 10, seed + 10 + session);
        model_expect_volume(volume.handle, model);
        volume_close(&volume);
    }
    model_expect_image(path, model);
}

static void exercise_format(const wchar_t *format, const wchar_t *options)
{
    unsigned char *model = make_buffer(MODEL_BYTES);
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
    unsigned char *model = make_buffer(MODEL_BYTES), *parent_model = make_buffer(MODEL_BYTES);
    wchar_t parent[PATH_CHARS], child[PATH_CHARS], name[64];

    _snwprintf(name, 64, L"parent.%ls", format);
    wcscpy(parent, test_path(name));
    _snwprintf(name, 64, L"child.%ls", format);
    wcscpy(child, test_path(name));
    create(parent, format, L"");
    exercise_image(parent, model, 41);
    memcpy(parent_model, model, MODEL_BYTES);
    DeleteFileW(child);
    must_run(L"create \"%ls\" --format %ls --parent \"%ls\"", child, format, parent);
    exercise_image(child, model, 43);
    model_expect_image(parent, parent_model);
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

/* Half of each 64 KiB is easily compressed, the other half is not; a quarter of the disk is empty.
 */
static void fill_model(unsigned char *model)
{
    uint32_t seed = 61;

    for (uint32_t offset = 0; offset < MODEL_BYTES / 4 * 3; offset += 65536) {
        memset(model + offset, (int)(offset >> 16) + 1, 32768);
        fill_random(model + offset + 32768, 32768, &seed);
    }
}

/* The model as a compressed image. */
static void convert_model(const wchar_t *path, const unsigned char *model, const wchar_t *options)
{
    struct outcome outcome;

    model_save(test_path(L"model.raw"), model);
    DeleteFileW(path);
    must_run(L"convert \"%ls\" \"%ls\" %ls", test_path(L"model.raw"), path, options);
    run_control(&outcome, L"map \"%ls\"", path);
    CHECK(strstr(outcome.out, "compressed") != NULL);
}

/* What is compressed is read, and written to by copying it first. */
static void test_compressed_qcow2(void)
{
    unsigned char *model = make_buffer(MODEL_BYTES);
    wchar_t path[PATH_CHARS];

    wcscpy(path, test_path(L"compressed.qcow2"));
    fill_model(model);
    convert_model(path, model, L"--compress");
    exercise_image(path, model, 47);
    DeleteFileW(path);
    VirtualFree(model, 0, MEM_RELEASE);
}

/* It is read only, as it is. */
static void test_compressed_vmdk(void)
{
    unsigned char *model = make_buffer(MODEL_BYTES), *buffer = make_buffer(4096);
    wchar_t path[PATH_CHARS];
    struct volume volume;

    wcscpy(path, test_path(L"compressed.vmdk"));
    fill_model(model);
    convert_model(path, model, L"--subformat streamOptimized");
    volume_open(&volume, path, L"");
    model_expect_volume(volume.handle, model);
    CHECK_EQUAL(transfer(volume.handle, true, 0, buffer, 4096, NULL), ERROR_WRITE_PROTECT);
    volume_close(&volume);
    model_expect_image(path, model);
    DeleteFileW(path);
    VirtualFree(model, 0, MEM_RELEASE);
    VirtualFree(buffer, 0, MEM_RELEASE);
}

/* A disk that was taken for raw does not become a QCOW2 image by what a guest writes to it. */
static void test_raw_stays_raw(void)
{
    struct volume volume;
    unsigned char *buffer = make_buffer(4096);

    make_file(test_path(L"stays.img"), MODEL_BYTES);
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
    {"format_compressed_qcow2", test_compressed_qcow2},
    {"format_compressed_vmdk", test_compressed_vmdk},
    {"format_raw_stays_raw", test_raw_stays_raw},
    {NULL, NULL},
};
