/* The partitions of an image, each a volume of its own, at the same time. */
#include "tests/driver/harness.h"

#include <initguid.h>
#include <winioctl.h>
#include <devpropdef.h>
#include <setupapi.h>

#include <stdio.h>
#include <string.h>

#include "virtualdisk/driver_abi.h"

#define MEGABYTE    (1024u * 1024)
#define DISK_BYTES  (16u * MEGABYTE)
#define PART_BYTES  (4u * MEGABYTE)
#define PIECE_BYTES 65536u
#define SIGNATURE   0x12345678u

static const uint32_t starts[] = {MEGABYTE, 6 * MEGABYTE};

static void put32(unsigned char *bytes, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        bytes[i] = (unsigned char)(value >> 8 * i);
}

/* A raw disk with two primary partitions of type 7. */
static void make_disk(const wchar_t *path)
{
    unsigned char sector[512] = {0};
    DWORD done;
    HANDLE file;

    make_file(path, DISK_BYTES);
    put32(sector + 440, SIGNATURE);
    for (unsigned i = 0; i < 2; i++) {
        sector[446 + 16 * i + 4] = 7;
        put32(sector + 446 + 16 * i + 8, starts[i] / 512);
        put32(sector + 446 + 16 * i + 12, PART_BYTES / 512);
    }
    sector[510] = 0x55;
    sector[511] = 0xaa;
    file = CreateFileW(path, GENERIC_WRITE, 0, NULL, OPEN_EXISTING, 0, NULL);
    CHECK(file != INVALID_HANDLE_VALUE);
    CHECK(WriteFile(file, sector, sizeof sector, &done, NULL) && done == sizeof sector);
    CloseHandle(file);
}

/* Opens one partition; closing the volume closes this one alone. */
static void open_partition(struct volume *volume, const wchar_t *image, const wchar_t *options)
{
    volume_open(volume, image, options);
    wcscpy(volume->image, volume->letter);
}

struct worker {
    const struct volume *volume;
    uint32_t seed;
    DWORD error;
};

static DWORD WINAPI fill_volume(void *context)
{
    struct worker *worker = context;
    unsigned char *buffer = VirtualAlloc(NULL, PIECE_BYTES, MEM_COMMIT, PAGE_READWRITE);

    for (uint32_t at = 0; at < PART_BYTES && worker->error == 0; at += PIECE_BYTES) {
        fill_random(buffer, PIECE_BYTES, &worker->seed);
        worker->error = transfer(worker->volume->handle, true, at, buffer, PIECE_BYTES, NULL);
    }
    VirtualFree(buffer, 0, MEM_RELEASE);
    return 0;
}

/* Both at the same time, so that a mistake of the one shows in the other. */
struct filling {
    struct worker workers[2];
    HANDLE threads[2];
};

static void start_filling(struct filling *filling, const struct volume volumes[2])
{
    for (unsigned i = 0; i < 2; i++) {
        filling->workers[i] = (struct worker){&volumes[i], 100 + i, 0};
        filling->threads[i] = CreateThread(NULL, 0, fill_volume, &filling->workers[i], 0, NULL);
        CHECK(filling->threads[i] != NULL);
    }
}

static void finish_filling(struct filling *filling)
{
    CHECK_EQUAL(WaitForMultipleObjects(2, filling->threads, TRUE, 60000), WAIT_OBJECT_0);
    for (unsigned i = 0; i < 2; i++) {
        CHECK_EQUAL(filling->workers[i].error, 0);
        CloseHandle(filling->threads[i]);
    }
}

static void fill_both(const struct volume volumes[2])
{
    struct filling filling;

    start_filling(&filling, volumes);
    finish_filling(&filling);
}

/* Calls `read` for every piece of a partition, which must be what fill_both wrote. */
static void expect_pieces(const struct volume *volume, const wchar_t *image, unsigned index)
{
    unsigned char *expected = make_buffer(PIECE_BYTES), *actual = make_buffer(PIECE_BYTES);
    uint32_t seed = 100 + index;

    for (uint32_t at = 0; at < PART_BYTES; at += PIECE_BYTES) {
        fill_random(expected, PIECE_BYTES, &seed);
        if (volume != NULL)
            CHECK_EQUAL(transfer(volume->handle, false, at, actual, PIECE_BYTES, NULL), 0);
        else
            read_file(image, starts[index] + at, actual, PIECE_BYTES);
        CHECK(memcmp(expected, actual, PIECE_BYTES) == 0);
    }
    VirtualFree(expected, 0, MEM_RELEASE);
    VirtualFree(actual, 0, MEM_RELEASE);
}

static void expect_zeros(const wchar_t *image, uint32_t offset_bytes, uint32_t length_bytes)
{
    unsigned char *bytes = make_buffer(length_bytes);

    read_file(image, offset_bytes, bytes, length_bytes);
    for (uint32_t i = 0; i < length_bytes; i++)
        CHECK(bytes[i] == 0);
    VirtualFree(bytes, 0, MEM_RELEASE);
}

/* Neither volume reaches a byte beyond its partition. */
static void expect_bounds(const struct volume *volume, uint32_t size_bytes)
{
    unsigned char *buffer = make_buffer(4096);
    GET_LENGTH_INFORMATION length = {0};

    CHECK_EQUAL(
        control(volume->handle, IOCTL_DISK_GET_LENGTH_INFO, NULL, 0, &length, sizeof length, NULL),
        0);
    CHECK_EQUAL(length.Length.QuadPart, size_bytes);
    CHECK(transfer(volume->handle, true, size_bytes, buffer, 512, NULL) != 0);
    CHECK(transfer(volume->handle, true, size_bytes - 512, buffer, 1024, NULL) != 0);
    CHECK(transfer(volume->handle, false, size_bytes, buffer, 512, NULL) != 0);
    VirtualFree(buffer, 0, MEM_RELEASE);
}

static void expect_partition(const struct volume *volume, unsigned index, uint32_t size_bytes)
{
    PARTITION_INFORMATION_EX partition = {0};

    CHECK_EQUAL(control(volume->handle, IOCTL_DISK_GET_PARTITION_INFO_EX, NULL, 0, &partition,
                        sizeof partition, NULL),
                0);
    CHECK_EQUAL(partition.PartitionStyle, PARTITION_STYLE_MBR);
    CHECK_EQUAL(partition.StartingOffset.QuadPart, starts[index]);
    CHECK_EQUAL(partition.PartitionLength.QuadPart, size_bytes);
    CHECK_EQUAL(partition.PartitionNumber, index + 1);
    CHECK_EQUAL(partition.Mbr.PartitionType, 7);
}

static void test_two_at_once(void)
{
    const wchar_t *names[] = {L"--partition 1", L"--partition 2"};
    wchar_t image[PATH_CHARS];
    struct volume volumes[2];

    wcscpy(image, test_path(L"parted.img"));
    make_disk(image);
    for (unsigned i = 0; i < 2; i++)
        open_partition(&volumes[i], image, names[i]);
    for (unsigned i = 0; i < 2; i++) {
        expect_bounds(&volumes[i], PART_BYTES);
        expect_partition(&volumes[i], i, PART_BYTES);
    }
    fill_both(volumes);
    for (unsigned i = 0; i < 2; i++)
        expect_pieces(&volumes[i], NULL, i);
    /* The image stays open for the second when the first is closed. */
    volume_close(&volumes[0]);
    expect_pieces(&volumes[1], NULL, 1);
    open_partition(&volumes[0], image, names[0]);
    expect_pieces(&volumes[0], NULL, 0);
    for (unsigned i = 0; i < 2; i++)
        volume_close(&volumes[i]);
    for (unsigned i = 0; i < 2; i++)
        expect_pieces(NULL, image, i);
    expect_zeros(image, 512, MEGABYTE - 512);
    expect_zeros(image, starts[0] + PART_BYTES, MEGABYTE);
    expect_zeros(image, starts[1] + PART_BYTES, MEGABYTE);
}

/* Whole and in parts at once would be two file systems on the same sectors. */
static void test_whole_and_part(void)
{
    wchar_t image[PATH_CHARS];
    struct volume whole, part;
    struct outcome outcome;
    unsigned char *buffer = make_buffer(4096);

    wcscpy(image, test_path(L"parted.img"));
    make_disk(image);
    volume_open(&whole, image, L"--whole");
    run_control(&outcome, L"open \"%ls\" --partition 1", image);
    CHECK_EQUAL(outcome.exit_code, 75);
    memset(buffer, 0x5a, 4096);
    CHECK_EQUAL(transfer(whole.handle, true, starts[1], buffer, 4096, NULL), 0);
    volume_close(&whole);
    open_partition(&part, image, L"--partition 2");
    run_control(&outcome, L"open \"%ls\" --whole", image);
    CHECK_EQUAL(outcome.exit_code, 75);
    memset(buffer, 0, 4096);
    CHECK_EQUAL(transfer(part.handle, false, 0, buffer, 4096, NULL), 0);
    CHECK(buffer[0] == 0x5a && buffer[4095] == 0x5a);
    volume_close(&part);
    VirtualFree(buffer, 0, MEM_RELEASE);
}

/* What is in the way of the second: then the first is gone again, too. */
static void test_all_or_none(void)
{
    wchar_t image[PATH_CHARS];
    struct outcome outcome;

    wcscpy(image, test_path(L"parted.img"));
    make_disk(image);
    run_control(&outcome, L"open \"%ls\" --json", image);
    CHECK_EQUAL(outcome.exit_code, 0);
    CHECK(strstr(outcome.out, "\"partition\": 2") != NULL);
    run_control(&outcome, L"close \"%ls\"", image);
    CHECK_EQUAL(outcome.exit_code, 0);
    run_control(&outcome, L"open \"%ls\" --format-as fat --partition 1 --label \"much too long\"",
                image);
    CHECK(outcome.exit_code != 0);
    run_control(&outcome, L"list");
    if (outcome.exit_code != 0 || outcome.out[0] != 0)
        test_fail(__FILE__, __LINE__, "still open: %s%s", outcome.out, outcome.err);
    DeleteFileW(image); /* nobody has it open */
    CHECK_EQUAL(GetFileAttributesW(image), INVALID_FILE_ATTRIBUTES);
}

/* What the device of a partition would start with the next time, from its property and its key. */
static void expect_window(uint32_t number, uint64_t size_bytes)
{
    static const DEVPROPKEY key = {VIRTUALDISK_PROPERTY_GUID, VIRTUALDISK_PID_WINDOW};
    const HDEVINFO set =
        SetupDiGetClassDevsW(NULL, L"Root", NULL, DIGCF_ALLCLASSES | DIGCF_PRESENT);
    SP_DEVINFO_DATA info = {.cbSize = sizeof info};
    unsigned found = 0;

    CHECK(set != INVALID_HANDLE_VALUE);
    for (DWORD i = 0; SetupDiEnumDeviceInfo(set, i, &info); i++) {
        struct virtualdisk_window window;
        DEVPROPTYPE type;
        DWORD bytes = sizeof window;
        const HKEY values =
            SetupDiOpenDevRegKey(set, &info, DICS_FLAG_GLOBAL, 0, DIREG_DEV, KEY_QUERY_VALUE);

        if (RegQueryValueExW(values, VIRTUALDISK_VALUE_WINDOW, NULL, NULL, (BYTE *)&window,
                             &bytes) == 0 &&
            window.number == number) {
            CHECK_EQUAL(window.size_bytes, size_bytes);
            found++;
        }
        if (values != INVALID_HANDLE_VALUE)
            RegCloseKey(values);
        if (SetupDiGetDevicePropertyW(set, &info, &key, &type, (BYTE *)&window, sizeof window, NULL,
                                      0) &&
            window.number == number) {
            CHECK_EQUAL(window.size_bytes, size_bytes);
            found++;
        }
    }
    SetupDiDestroyDeviceInfoList(set);
    CHECK_EQUAL(found, 2);
}

static void resize(const wchar_t *arguments, DWORD exit_code)
{
    struct outcome outcome;

    run_control(&outcome, L"resize %ls", arguments);
    if (outcome.exit_code != exit_code)
        test_fail(__FILE__, __LINE__, "resize %ls ended with %lu: %s", arguments, outcome.exit_code,
                  outcome.err);
}

static void expect_extent(const struct volume *volume, unsigned index, uint32_t size_bytes)
{
    VOLUME_DISK_EXTENTS extents = {0};

    CHECK_EQUAL(control(volume->handle, IOCTL_VOLUME_GET_VOLUME_DISK_EXTENTS, NULL, 0, &extents,
                        sizeof extents, NULL),
                0);
    CHECK_EQUAL(extents.NumberOfDiskExtents, 1);
    CHECK_EQUAL(extents.Extents[0].StartingOffset.QuadPart, starts[index]);
    CHECK_EQUAL(extents.Extents[0].ExtentLength.QuadPart, size_bytes);
}

static void expect_size(const struct volume *volume, unsigned index, uint32_t size_bytes)
{
    expect_bounds(volume, size_bytes);
    expect_partition(volume, index, size_bytes);
    expect_extent(volume, index, size_bytes);
    expect_window(index + 1, size_bytes);
}

/* Up to its neighbour and no further, the last one with the disk; while both are written to. */
static void test_grow(void)
{
    const wchar_t *names[] = {L"--partition 1", L"--partition 2"};
    wchar_t image[PATH_CHARS], arguments[PATH_CHARS + 64];
    struct volume volumes[2];
    struct filling filling;
    WIN32_FILE_ATTRIBUTE_DATA file;

    wcscpy(image, test_path(L"parted.img"));
    make_disk(image);
    for (unsigned i = 0; i < 2; i++)
        open_partition(&volumes[i], image, names[i]);
    start_filling(&filling, volumes);
    _snwprintf(arguments, PATH_CHARS + 64, L"%ls +1M", volumes[0].letter);
    resize(arguments, 0);
    resize(arguments, 1); /* the second one begins there */
    _snwprintf(arguments, PATH_CHARS + 64, L"\"%ls\" 20M --partition 2", image);
    resize(arguments, 0);
    _snwprintf(arguments, PATH_CHARS + 64, L"\"%ls\" +1M", image);
    resize(arguments, 64); /* which of them? */
    _snwprintf(arguments, PATH_CHARS + 64, L"\"%ls\" +1M --partition 3", image);
    resize(arguments, 75);
    finish_filling(&filling);
    expect_size(&volumes[0], 0, PART_BYTES + MEGABYTE);
    expect_size(&volumes[1], 1, 20 * MEGABYTE);
    for (unsigned i = 0; i < 2; i++) {
        expect_pieces(&volumes[i], NULL, i);
        volume_close(&volumes[i]);
    }
    CHECK(GetFileAttributesExW(image, GetFileExInfoStandard, &file));
    CHECK_EQUAL(file.nFileSizeLow, 26 * MEGABYTE);
    for (unsigned i = 0; i < 2; i++) {
        open_partition(&volumes[i], image, names[i]);
        expect_pieces(&volumes[i], NULL, i);
    }
    expect_size(&volumes[0], 0, PART_BYTES + MEGABYTE);
    expect_size(&volumes[1], 1, 20 * MEGABYTE);
    for (unsigned i = 0; i < 2; i++)
        volume_close(&volumes[i]);
}

const struct test_case partition_cases[] = {
    {"partition_grow", test_grow},
    {"partition_two_at_once", test_two_at_once},
    {"partition_whole_and_part", test_whole_and_part},
    {"partition_all_or_none", test_all_or_none},
    {NULL, NULL},
};
