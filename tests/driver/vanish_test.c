/*
 * Images that vanish while they are open: the file is moved by a program of the host, which asks
 * nobody.
 */
#include "tests/driver/harness.h"

#include "virtualdisk/driver_abi.h"

#include <winioctl.h>

#include <stdio.h>
#include <string.h>

#define MIB         (1024u * 1024)
#define DISK_BYTES  (16u * MIB)
#define PART_BYTES  (4u * MIB)
#define PIECE_BYTES 65536u

/* "Z:\tmp\a" is "/tmp/a". */
static void put_host_path(wchar_t *command, const wchar_t *path)
{
    wchar_t *end = command + wcslen(command);

    CHECK(wcsncmp(path, L"Z:\\", 3) == 0);
    wcscpy(end, L" \"");
    wcscat(end, path + 2);
    wcscat(end, L"\"");
    for (; *end != 0; end++) {
        if (*end == L'\\')
            *end = L'/';
    }
}

static void move_file(const wchar_t *from, const wchar_t *to)
{
    wchar_t command[PATH_CHARS * 3] = L"Z:\\bin\\mv";
    STARTUPINFOW startup = {.cb = sizeof startup};
    PROCESS_INFORMATION process;

    put_host_path(command, test_path(from));
    put_host_path(command, test_path(to));
    CHECK(start_process(command, FALSE, &startup, &process));
    WaitForSingleObject(process.hProcess, 10000);
    CloseHandle(process.hThread);
    CloseHandle(process.hProcess);
    for (int waited = 0; GetFileAttributesW(test_path(from)) != INVALID_FILE_ATTRIBUTES; waited++) {
        CHECK(waited < 100);
        Sleep(50);
    }
}

/* A raw disk with two partitions. */
static void make_disk(const wchar_t *path)
{
    const uint32_t starts[] = {MIB / 512, 8 * MIB / 512}, count = PART_BYTES / 512;
    unsigned char table[512] = {[510] = 0x55, [511] = 0xaa};
    DWORD done;
    HANDLE file;

    for (unsigned i = 0; i < 2; i++) {
        table[446 + 16 * i + 4] = 7;
        memcpy(table + 446 + 16 * i + 8, &starts[i], 4);
        memcpy(table + 446 + 16 * i + 12, &count, 4);
    }
    make_file(path, DISK_BYTES);
    file = CreateFileW(path, GENERIC_WRITE, 0, NULL, OPEN_EXISTING, 0, NULL);
    CHECK(file != INVALID_HANDLE_VALUE);
    CHECK(WriteFile(file, table, sizeof table, &done, NULL) && done == sizeof table);
    CloseHandle(file);
}

static void put(const struct volume *volume, unsigned char value)
{
    unsigned char *buffer = make_buffer(PIECE_BYTES);

    memset(buffer, value, PIECE_BYTES);
    CHECK_EQUAL(transfer(volume->handle, true, MIB, buffer, PIECE_BYTES, NULL), 0);
    VirtualFree(buffer, 0, MEM_RELEASE);
}

static DWORD get(const struct volume *volume, unsigned char value)
{
    unsigned char *buffer = make_buffer(PIECE_BYTES);
    const DWORD error = transfer(volume->handle, false, MIB, buffer, PIECE_BYTES, NULL);

    CHECK(error != 0 || (buffer[0] == value && memcmp(buffer, buffer + 1, PIECE_BYTES - 1) == 0));
    VirtualFree(buffer, 0, MEM_RELEASE);
    return error;
}

/* While it is gone its volumes fail, and no further one can be opened; then all is as before. */
static void test_reconnect(void)
{
    wchar_t image[PATH_CHARS];
    struct volume first, second;
    struct outcome outcome;

    wcscpy(image, test_path(L"vanishing.img"));
    DeleteFileW(test_path(L"vanished.img"));
    make_disk(image);
    volume_open(&first, image, L"--partition 1");
    put(&first, 0x11);
    move_file(L"vanishing.img", L"vanished.img");
    run_control(&outcome, L"reconnect \"%ls\"", image);
    CHECK_EQUAL(outcome.exit_code, 66);
    CHECK(strstr(outcome.err, "is not there") != NULL);
    CHECK_EQUAL(get(&first, 0), ERROR_DEVICE_NOT_CONNECTED);
    move_file(L"vanished.img", L"vanishing.img");
    run_control(&outcome, L"open \"%ls\" --partition 2", image);
    CHECK(outcome.exit_code != 0);
    CHECK(strstr(outcome.err, "had vanished") != NULL);
    CHECK_EQUAL(get(&first, 0), ERROR_DEVICE_NOT_CONNECTED);
    run_control(&outcome, L"reconnect \"%ls\"", image);
    CHECK_EQUAL(outcome.exit_code, 0);
    CHECK_EQUAL(get(&first, 0x11), 0);
    volume_open(&second, image, L"--partition 2");
    put(&second, 0x22);
    CHECK_EQUAL(get(&first, 0x11), 0);
    CloseHandle(second.handle);
    volume_close(&first);
}

/* The driver's own handle would keep a file alive: the other is put in its place by a move. */
static void exchange(const wchar_t *other)
{
    move_file(L"vanishing.img", L"vanished.img");
    move_file(other, L"vanishing.img");
}

static void exchange_back(const wchar_t *other)
{
    move_file(L"vanishing.img", other);
    move_file(L"vanished.img", L"vanishing.img");
}

static void check_refused(const struct volume *volume)
{
    struct outcome outcome;

    run_control(&outcome, L"reconnect \"%ls\"", volume->image);
    CHECK_EQUAL(outcome.exit_code, 1);
    CHECK(strstr(outcome.err, "is not the image of before") != NULL);
    CHECK_EQUAL(get(volume, 0), ERROR_DEVICE_NOT_CONNECTED);
}

static void make_image(const wchar_t *name, const wchar_t *options)
{
    must_run(L"create \"%ls\" %ls", test_path(name), options);
}

/* Another image of the same size is refused as often as it is tried; then the right one is taken.
 */
static void try_other(const wchar_t *options, const wchar_t *other_options, const wchar_t *open)
{
    struct volume volume;

    DeleteFileW(test_path(L"vanishing.img"));
    DeleteFileW(test_path(L"vanished.img"));
    DeleteFileW(test_path(L"other.img"));
    make_image(L"vanishing.img", options);
    make_image(L"other.img", other_options);
    volume_open(&volume, test_path(L"vanishing.img"), open);
    put(&volume, 0x44);
    exchange(L"other.img");
    check_refused(&volume);
    CHECK_EQUAL(control(volume.handle, IOCTL_VIRTUALDISK_RECONNECT, NULL, 0, NULL, 0, NULL),
                ERROR_WRONG_DISK);
    exchange_back(L"other.img");
    must_run(L"reconnect \"%ls\"", volume.image);
    CHECK_EQUAL(get(&volume, 0x44), 0);
    put(&volume, 0x45);
    volume_close(&volume);
}

/* By contents, by ids, by sectors. */
static void test_other_image(void)
{
    try_other(L"16M --format raw --fs fat", L"16M --format raw --fs fat", L"--format raw");
    try_other(L"16M --format vhdx", L"16M --format vhdx", L"--format vhdx");
    try_other(L"16M --format vhd", L"16M --format vhd", L"--format vhd");
    try_other(L"16M --format vhdx", L"16M --format vhdx --sector-size 4096", L"--format vhdx");
    try_other(L"16M --format raw", L"17M --format raw", L"--format raw");
}

/* An older copy: the second sector has been written to since. */
static void test_older_copy(void)
{
    struct volume volume;
    unsigned char *sector = make_buffer(4096);

    DeleteFileW(test_path(L"vanished.img"));
    make_file(test_path(L"vanishing.img"), DISK_BYTES);
    make_file(test_path(L"other.img"), DISK_BYTES);
    volume_open(&volume, test_path(L"vanishing.img"), L"--format raw");
    memset(sector, 0x66, 4096);
    CHECK_EQUAL(transfer(volume.handle, true, 512, sector, 512, NULL), 0);
    CHECK(FlushFileBuffers(volume.handle));
    exchange(L"other.img");
    check_refused(&volume);
    exchange_back(L"other.img");
    must_run(L"reconnect \"%ls\"", volume.image);
    CHECK_EQUAL(transfer(volume.handle, false, 512, sector, 512, NULL), 0);
    CHECK_EQUAL(sector[0], 0x66);
    volume_close(&volume);
    VirtualFree(sector, 0, MEM_RELEASE);
}

/* What the volume says of itself is true of the file as it came back. */
static void test_read_only(void)
{
    struct volume volume;
    unsigned char *buffer = make_buffer(PIECE_BYTES);

    DeleteFileW(test_path(L"vanished.img"));
    make_file(test_path(L"vanishing.img"), DISK_BYTES);
    volume_open(&volume, test_path(L"vanishing.img"), L"--format raw");
    put(&volume, 0x55);
    CHECK_EQUAL(control(volume.handle, IOCTL_DISK_IS_WRITABLE, NULL, 0, NULL, 0, NULL), 0);
    move_file(L"vanishing.img", L"vanished.img");
    CHECK(SetFileAttributesW(test_path(L"vanished.img"), FILE_ATTRIBUTE_READONLY));
    move_file(L"vanished.img", L"vanishing.img");
    must_run(L"reconnect \"%ls\"", volume.image);
    CHECK_EQUAL(get(&volume, 0x55), 0);
    CHECK_EQUAL(control(volume.handle, IOCTL_DISK_IS_WRITABLE, NULL, 0, NULL, 0, NULL),
                ERROR_WRITE_PROTECT);
    CHECK_EQUAL(transfer(volume.handle, true, MIB, buffer, PIECE_BYTES, NULL), ERROR_WRITE_PROTECT);
    CHECK(SetFileAttributesW(test_path(L"vanishing.img"), FILE_ATTRIBUTE_NORMAL));
    must_run(L"reconnect \"%ls\"", volume.image);
    CloseHandle(volume.handle);
    must_run(L"set %ls --read-write", volume.letter);
    volume.handle = volume_handle(&volume, GENERIC_READ | GENERIC_WRITE);
    CHECK(volume.handle != INVALID_HANDLE_VALUE);
    put(&volume, 0x56);
    volume_close(&volume);
    VirtualFree(buffer, 0, MEM_RELEASE);
}

/* What could not be committed can be committed later. */
static void test_commit(void)
{
    wchar_t image[PATH_CHARS];
    struct volume volume;
    unsigned char *buffer = make_buffer(PIECE_BYTES);

    wcscpy(image, test_path(L"vanishing.img"));
    DeleteFileW(test_path(L"vanished.img"));
    make_disk(image);
    volume_open(&volume, image, L"--overlay memory --whole");
    put(&volume, 0x33);
    move_file(L"vanishing.img", L"vanished.img");
    CHECK(control(volume.handle, IOCTL_VIRTUALDISK_COMMIT, NULL, 0, NULL, 0, NULL) != 0);
    CHECK_EQUAL(get(&volume, 0), ERROR_DEVICE_NOT_CONNECTED);
    move_file(L"vanished.img", L"vanishing.img");
    CHECK_EQUAL(control(volume.handle, IOCTL_VIRTUALDISK_COMMIT, NULL, 0, NULL, 0, NULL), 0);
    CHECK_EQUAL(get(&volume, 0x33), 0);
    volume_close(&volume);
    read_file(image, MIB, buffer, PIECE_BYTES);
    CHECK(buffer[0] == 0x33 && buffer[PIECE_BYTES - 1] == 0x33);
    VirtualFree(buffer, 0, MEM_RELEASE);
}

const struct test_case vanish_cases[] = {
    {"vanish_reconnect", test_reconnect},   {"vanish_other_image", test_other_image},
    {"vanish_older_copy", test_older_copy}, {"vanish_read_only", test_read_only},
    {"vanish_commit", test_commit},         {NULL, NULL},
};
