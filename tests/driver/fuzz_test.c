/*
 * Random ioctls: codes, lengths, contents. Three in four codes are those of docs/ioctls.md, so that
 * each is asked often; the others are neighbours. The volume works afterwards as if nothing had
 * been.
 */
#include "tests/driver/harness.h"

#include "virtualdisk/driver_abi.h"

#include <winioctl.h>

#include <stdio.h>
#include <string.h>

#define MANAGE_ATTRIBUTES 0x002d9404u /* IOCTL_STORAGE_MANAGE_DATA_SET_ATTRIBUTES: trim */
#define MIB               (1024u * 1024)
#define DISK_BYTES        (4u * MIB)
#define PART_BYTES        (1u * MIB)
#define CALL_COUNT        25000 /* on each kind of volume */
#define ROOM_BYTES        4096u
#define GUARD_BYTES       256u
#define EJECT_DISK        0x00074808u
#define EJECT_CD          0x00024808u
#define FILLING           0xa5

static const uint32_t codes[] = {
#include "ioctl_list.inc"
};
#define CODE_COUNT (sizeof codes / sizeof codes[0])

static const uint32_t device_types[] = {0x02, 0x04, 0x07, 0x09, 0x2d,
                                        0x33, 0x4d, 0x50, 0x56, 0x8d31};

static uint32_t call_counts[CODE_COUNT], success_counts[CODE_COUNT];

static DWORD neighbour_code(uint32_t *seed)
{
    const uint32_t type =
        device_types[next_random(seed) % (sizeof device_types / sizeof device_types[0])];
    uint32_t function;

    switch (next_random(seed) % 8) {
    case 0:
        function = next_random(seed) % 0x1000;
        break;
    case 1: /* media */
        function = 0x200 + next_random(seed) % 0x10;
        break;
    case 2: /* device number, property, trim and their like */
        function = 0x400 + next_random(seed) % 0x200;
        break;
    case 3: /* our own */
        function = 0x800 + next_random(seed) % 0x10;
        break;
    default:
        function = next_random(seed) % 0x140;
        break;
    }
    return CTL_CODE(type, function, next_random(seed) % 4, next_random(seed) % 4);
}

static DWORD random_code(uint32_t *seed)
{
    return next_random(seed) % 4 == 0 ? neighbour_code(seed)
                                      : codes[next_random(seed) % CODE_COUNT];
}

static uint32_t random_length(uint32_t *seed)
{
    switch (next_random(seed) % 4) {
    case 0:
        return 0;
    case 1:
        return next_random(seed) % 16;
    case 2:
        return next_random(seed) % 256;
    default:
        return next_random(seed) % ROOM_BYTES;
    }
}

/* Requests that by their purpose take away the volume: not random ones. */
static bool is_harmless(DWORD code)
{
    return code != FSCTL_LOCK_VOLUME && code != FSCTL_DISMOUNT_VOLUME &&
           code != IOCTL_VIRTUALDISK_REMOVE && code != IOCTL_STORAGE_EJECT_MEDIA &&
           code != EJECT_DISK && code != EJECT_CD;
}

/* Those that by their purpose change it get what makes no sense. */
static bool is_change(DWORD code)
{
    return code == IOCTL_VIRTUALDISK_SET_READ_ONLY || code == IOCTL_VIRTUALDISK_RESIZE ||
           code == IOCTL_DISK_GROW_PARTITION || code == MANAGE_ATTRIBUTES;
}

/* Anything, or small numbers, which are what versions, counts, offsets and kinds look like. */
static void fill_input(DWORD code, unsigned char *input, uint32_t length, uint32_t *seed)
{
    const uint32_t word_count = (length + 3) / 4;
    const bool is_small = !is_change(code) && next_random(seed) % 2 == 0;

    fill_random(input, word_count * sizeof(uint32_t), seed);
    for (uint32_t i = 0; is_small && i < word_count; i++) {
        const uint32_t number =
            next_random(seed) % 3 == 0 ? next_random(seed) % 0x2000 : next_random(seed) % 4;

        memcpy(input + i * sizeof number, &number, sizeof number);
    }
}

static void count_call(DWORD code, DWORD error)
{
    for (size_t i = 0; i < CODE_COUNT; i++) {
        if (codes[i] == code) {
            call_counts[i]++;
            success_counts[i] += error == 0;
        }
    }
}

static void call_once(HANDLE handle, uint32_t call, uint32_t *seed, unsigned char *room)
{
    unsigned char *input = room, *output = room + ROOM_BYTES;
    const DWORD code = random_code(seed);
    const uint32_t input_bytes = random_length(seed), output_bytes = random_length(seed);
    DWORD returned = 0, error = 0;

    if (!is_harmless(code))
        return;
    fill_input(code, input, input_bytes, seed);
    memset(output, FILLING, output_bytes + GUARD_BYTES);
    if (!DeviceIoControl(handle, code, input, input_bytes, output, output_bytes, &returned, NULL))
        error = GetLastError();
    count_call(code, error);
    if (returned > output_bytes)
        test_fail(__FILE__, __LINE__, "call %u, code 0x%lx returned %lu of %u bytes", call, code,
                  returned, output_bytes);
    for (uint32_t i = 0; i < GUARD_BYTES; i++) {
        if (output[output_bytes + i] != FILLING)
            test_fail(__FILE__, __LINE__, "call %u, code 0x%lx wrote past its buffer", call, code);
    }
}

/* Every code of the document was asked, and so many at least had an answer. */
static void check_counts(uint32_t answered_min)
{
    uint32_t answered = 0;

    for (size_t i = 0; i < CODE_COUNT; i++) {
        CHECK(call_counts[i] > 0 || !is_harmless(codes[i]));
        answered += success_counts[i] > 0;
    }
    printf("    %u codes, of which %u answered\n", (unsigned)CODE_COUNT, answered);
    CHECK(answered >= answered_min);
}

static void call_randomly(const struct volume *volume, DWORD access, uint32_t answered_min)
{
    unsigned char *room = make_buffer(ROOM_BYTES * 2 + GUARD_BYTES);
    wchar_t name[16];
    uint32_t seed = 20;
    HANDLE handle;

    memset(call_counts, 0, sizeof call_counts);
    memset(success_counts, 0, sizeof success_counts);
    _snwprintf(name, 16, L"\\\\.\\%ls", volume->letter);
    handle = CreateFileW(name, access, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_EXISTING, 0,
                         NULL); /* synchronous: one call to the system each */
    CHECK(handle != INVALID_HANDLE_VALUE);
    for (uint32_t call = 0; call < CALL_COUNT; call++)
        call_once(handle, call, &seed, room);
    CloseHandle(handle);
    VirtualFree(room, 0, MEM_RELEASE);
    check_counts(answered_min);
}

/* All that is written before is there afterwards, and the volume is as long as before. */
static void fuzz_disk(const wchar_t *image, const wchar_t *options, uint32_t size_bytes,
                      uint32_t answered_min)
{
    struct volume volume;
    unsigned char *before = make_buffer(size_bytes), *after = make_buffer(size_bytes);
    GET_LENGTH_INFORMATION length;
    uint32_t seed = 21;

    volume_open(&volume, image, options);
    fill_random(before, size_bytes, &seed);
    CHECK_EQUAL(transfer(volume.handle, true, 0, before, size_bytes, NULL), 0);
    call_randomly(&volume, GENERIC_READ | GENERIC_WRITE, answered_min);
    CHECK_EQUAL(transfer(volume.handle, false, 0, after, size_bytes, NULL), 0);
    CHECK(memcmp(before, after, size_bytes) == 0);
    CHECK_EQUAL(
        control(volume.handle, IOCTL_DISK_GET_LENGTH_INFO, NULL, 0, &length, sizeof length, NULL),
        0);
    CHECK_EQUAL(length.Length.QuadPart, size_bytes);
    CHECK_EQUAL(transfer(volume.handle, true, 0, before, 65536, NULL), 0);
    volume_close(&volume);
    VirtualFree(before, 0, MEM_RELEASE);
    VirtualFree(after, 0, MEM_RELEASE);
}

static void test_raw(void)
{
    make_file(test_path(L"fuzz.img"), DISK_BYTES);
    fuzz_disk(test_path(L"fuzz.img"), L"--format raw --whole", DISK_BYTES, 40);
}

static void test_vhdx(void)
{
    DeleteFileW(test_path(L"fuzz.vhdx"));
    must_run(L"create \"%ls\" 4M", test_path(L"fuzz.vhdx"));
    fuzz_disk(test_path(L"fuzz.vhdx"), L"--whole", DISK_BYTES, 40);
}

static void test_partition(void)
{
    const uint32_t start = MIB / 512, count = PART_BYTES / 512;
    unsigned char table[512] = {[450] = 7, [510] = 0x55, [511] = 0xaa};
    DWORD done;
    HANDLE file;

    memcpy(table + 454, &start, 4);
    memcpy(table + 458, &count, 4);
    make_file(test_path(L"fuzz.img"), DISK_BYTES);
    file = CreateFileW(test_path(L"fuzz.img"), GENERIC_WRITE, 0, NULL, OPEN_EXISTING, 0, NULL);
    CHECK(file != INVALID_HANDLE_VALUE);
    CHECK(WriteFile(file, table, sizeof table, &done, NULL) && done == sizeof table);
    CloseHandle(file);
    fuzz_disk(test_path(L"fuzz.img"), L"--format raw --partition 1", PART_BYTES, 40);
}

static void test_cd(void)
{
    struct volume volume;
    unsigned char *sector = make_buffer(4096);

    make_file(test_path(L"fuzz.iso"), DISK_BYTES);
    volume_open(&volume, test_path(L"fuzz.iso"), L"--format iso");
    call_randomly(&volume, GENERIC_READ | GENERIC_WRITE, 40);
    CHECK_EQUAL(transfer(volume.handle, false, 32768, sector, 2048, NULL), 0);
    CHECK_EQUAL(transfer(volume.handle, true, 32768, sector, 2048, NULL), ERROR_WRITE_PROTECT);
    volume_close(&volume);
    VirtualFree(sector, 0, MEM_RELEASE);
}

const struct test_case fuzz_cases[] = {
    {"fuzz_raw", test_raw},
    {"fuzz_vhdx", test_vhdx},
    {"fuzz_partition", test_partition},
    {"fuzz_cd", test_cd},
    {NULL, NULL},
};
