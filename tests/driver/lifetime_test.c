/* Opening and closing: many at once, many times, with requests under way, with holders killed. */
#include "tests/driver/harness.h"

#include "virtualdisk/driver_abi.h"

#include <winioctl.h>

#include <stdio.h>
#include <string.h>

#define DISK_BYTES     (4u * 1024 * 1024)
#define HOLDER_THREADS 4u

static const wchar_t *numbered_image(uint32_t number)
{
    wchar_t name[32];

    _snwprintf(name, 32, L"many-%u.img", number);
    return test_path(name);
}

/* Each image gets its own pattern through its volume, and holds nothing else. */
static void open_several(uint32_t count)
{
    struct volume volumes[10];
    unsigned char *buffer = make_buffer(65536), *content = make_buffer(65536);

    for (uint32_t i = 0; i < count; i++) {
        make_file(numbered_image(i), DISK_BYTES);
        volume_open(&volumes[i], numbered_image(i), L"");
        for (uint32_t j = 0; j < i; j++)
            CHECK(wcscmp(volumes[i].letter, volumes[j].letter) != 0);
    }
    for (uint32_t i = 0; i < count; i++) {
        memset(buffer, (int)i + 1, 65536);
        CHECK_EQUAL(transfer(volumes[i].handle, true, 65536, buffer, 65536, NULL), 0);
    }
    for (uint32_t i = 0; i < count; i++) {
        memset(buffer, (int)i + 1, 65536);
        CHECK_EQUAL(transfer(volumes[i].handle, false, 65536, content, 65536, NULL), 0);
        CHECK(memcmp(buffer, content, 65536) == 0);
    }
    for (uint32_t i = 0; i < count; i++) {
        volume_close(&volumes[i]);
        memset(buffer, (int)i + 1, 65536);
        read_file(volumes[i].image, 65536, content, 65536);
        CHECK(memcmp(buffer, content, 65536) == 0);
    }
    VirtualFree(buffer, 0, MEM_RELEASE);
    VirtualFree(content, 0, MEM_RELEASE);
}

static void test_two_images(void)
{
    open_several(2);
}

static void test_ten_images(void)
{
    open_several(10);
}

static void test_open_close_100(void)
{
    struct volume volume;
    unsigned char *buffer = make_buffer(4096), *content = make_buffer(4096);
    uint32_t seed = 3;

    make_file(test_path(L"again.img"), DISK_BYTES);
    for (uint32_t i = 0; i < 100; i++) {
        fill_random(buffer, 4096, &seed);
        volume_open(&volume, test_path(L"again.img"), L"");
        CHECK_EQUAL(transfer(volume.handle, true, i * 4096, buffer, 4096, NULL), 0);
        volume_close(&volume);
        read_file(volume.image, i * 4096, content, 4096);
        CHECK(memcmp(buffer, content, 4096) == 0);
    }
    VirtualFree(buffer, 0, MEM_RELEASE);
    VirtualFree(content, 0, MEM_RELEASE);
}

static void test_open_twice(void)
{
    struct volume volume;
    struct outcome outcome;

    make_file(test_path(L"twice.img"), DISK_BYTES);
    volume_open(&volume, test_path(L"twice.img"), L"");
    run_control(&outcome, L"open \"%ls\"", test_path(L".\\TWICE.img"));
    CHECK_EQUAL(outcome.exit_code, 0);
    CHECK(strstr(outcome.out, "already") != NULL || strstr(outcome.err, "already") != NULL);
    volume_close(&volume);
}

static void test_close_by_letter(void)
{
    struct volume volume;
    struct outcome outcome;

    make_file(test_path(L"letter.img"), DISK_BYTES);
    volume_open(&volume, test_path(L"letter.img"), L"--letter Q:");
    CHECK(wcscmp(volume.letter, L"Q:") == 0);
    CloseHandle(volume.handle);
    run_control(&outcome, L"close Q:");
    CHECK_EQUAL(outcome.exit_code, 0);
    CHECK(volume_handle(&volume, GENERIC_READ) == INVALID_HANDLE_VALUE);
}

static void test_close_not_open(void)
{
    struct outcome outcome;

    make_file(test_path(L"never.img"), DISK_BYTES);
    run_control(&outcome, L"close \"%ls\"", test_path(L"never.img"));
    CHECK(outcome.exit_code != 0);
    CHECK(strstr(outcome.err, "not open") != NULL);
    run_control(&outcome, L"close \"%ls\"", test_path(L"nowhere.img"));
    CHECK(outcome.exit_code != 0);
    CHECK(GetFileAttributesW(test_path(L"nowhere.img")) == INVALID_FILE_ATTRIBUTES);
}

struct hammer {
    HANDLE handle;
    volatile LONG done;
    volatile LONG stop;
};

/* Transfers until the device is gone; every transfer ends, well or with an error. */
static DWORD WINAPI hammer_volume(void *context)
{
    struct hammer *hammer = context;
    void *buffer = VirtualAlloc(NULL, 262144, MEM_COMMIT, PAGE_READWRITE);
    uint32_t seed = GetCurrentThreadId() | 1;

    while (!hammer->stop) {
        const uint64_t offset = (uint64_t)(next_random(&seed) % 15) * 262144;

        if (transfer(hammer->handle, next_random(&seed) % 2, offset, buffer, 262144, NULL) != 0)
            break;
        InterlockedIncrement(&hammer->done);
    }
    VirtualFree(buffer, 0, MEM_RELEASE);
    return 0;
}

static void test_close_with_requests(void)
{
    for (uint32_t round = 0; round < 5; round++) {
        struct volume volume;
        struct outcome outcome;
        struct hammer hammer = {0};
        HANDLE threads[4];

        make_file(test_path(L"busy.img"), DISK_BYTES);
        volume_open(&volume, test_path(L"busy.img"), L"");
        hammer.handle = volume.handle;
        for (uint32_t i = 0; i < 4; i++)
            threads[i] = CreateThread(NULL, 0, hammer_volume, &hammer, 0, NULL);
        while (hammer.done < 20)
            Sleep(1);
        run_control(&outcome, L"close \"%ls\" --force", volume.image);
        hammer.stop = 1;
        CHECK_EQUAL(WaitForMultipleObjects(4, threads, TRUE, 30000), WAIT_OBJECT_0);
        for (uint32_t i = 0; i < 4; i++)
            CloseHandle(threads[i]);
        CloseHandle(volume.handle);
        CHECK_EQUAL(outcome.exit_code, 0);
    }
}

static uint32_t requests_in_flight(const struct volume *volume)
{
    union {
        struct virtualdisk_state state;
        unsigned char bytes[4096];
    } answer;

    CHECK_EQUAL(control(volume->handle, IOCTL_VIRTUALDISK_QUERY_STATE, NULL, 0, &answer,
                        sizeof answer, NULL),
                0);
    return answer.state.requests_in_flight;
}

/* Until as many requests are under way; 0: until all are over. */
static void wait_for_requests(const struct volume *volume, uint32_t count)
{
    const DWORD start = GetTickCount();
    uint32_t found;

    do {
        found = requests_in_flight(volume);
        CHECK(GetTickCount() - start < 20000);
    } while (count == 0 ? found != 0 : found < count);
}

/* The process has a handle: who wants to close the volume is told so. */
static void check_held_by(const struct volume *volume, DWORD process_id)
{
    struct outcome outcome;
    char holder[64];

    snprintf(holder, sizeof holder, "(process %lu)", process_id);
    run_control(&outcome, L"close %ls --wait 0", volume->letter);
    CHECK_EQUAL(outcome.exit_code, 75);
    if (strstr(outcome.err, holder) == NULL)
        test_fail(__FILE__, __LINE__, "not named: %s", outcome.err);
}

/* A process that holds a handle and has requests under way is killed; the volume goes on. */
static void test_kill_holder(void)
{
    struct volume volume;
    wchar_t command[PATH_CHARS * 2], program[PATH_CHARS];
    STARTUPINFOW startup = {.cb = sizeof startup};
    PROCESS_INFORMATION process;
    unsigned char *buffer = make_buffer(4096);

    make_file(test_path(L"holder.img"), DISK_BYTES);
    volume_open(&volume, test_path(L"holder.img"), L"");
    GetModuleFileNameW(NULL, program, PATH_CHARS);
    _snwprintf(command, PATH_CHARS * 2, L"\"%ls\" --hold \\\\.\\%ls", program, volume.letter);
    CHECK(start_process(command, FALSE, &startup, &process));
    wait_for_requests(&volume, 1);
    check_held_by(&volume, process.dwProcessId);
    wait_for_requests(&volume, HOLDER_THREADS / 2);
    CHECK(TerminateProcess(process.hProcess, 1));
    CHECK_EQUAL(WaitForSingleObject(process.hProcess, 10000), WAIT_OBJECT_0);
    CloseHandle(process.hThread);
    CloseHandle(process.hProcess);
    wait_for_requests(&volume, 0);
    CHECK_EQUAL(transfer(volume.handle, true, 0, buffer, 4096, NULL), 0);
    CHECK_EQUAL(transfer(volume.handle, false, 0, buffer, 4096, NULL), 0);
    volume_close(&volume);
    VirtualFree(buffer, 0, MEM_RELEASE);
}

/* The holder of test_kill_holder: never returns by itself. */
int hold_volume(const wchar_t *name)
{
    struct hammer hammer = {.handle = CreateFileW(name, GENERIC_READ | GENERIC_WRITE,
                                                  FILE_SHARE_READ | FILE_SHARE_WRITE, NULL,
                                                  OPEN_EXISTING, FILE_FLAG_OVERLAPPED, NULL)};

    if (hammer.handle == INVALID_HANDLE_VALUE)
        return 1;
    for (uint32_t i = 1; i < HOLDER_THREADS; i++)
        CloseHandle(CreateThread(NULL, 0, hammer_volume, &hammer, 0, NULL));
    return (int)hammer_volume(&hammer);
}

/* Unicode names, and a path of more than 260 characters. */
static void test_paths(void)
{
    struct volume volume;
    unsigned char *buffer = make_buffer(4096), *content = make_buffer(4096);
    wchar_t folder[PATH_CHARS], image[PATH_CHARS];
    uint32_t seed = 4;

    wcscpy(folder, L"\\\\?\\");
    wcscat(folder, test_path(L"\u65e5\u672c\u8a9e \u00e4\u00f6\u00fc"));
    for (uint32_t level = 0; level < 4; level++) {
        CreateDirectoryW(folder, NULL);
        wcscat(folder, L"\\a-folder-with-a-name-of-sixty-characters-so-that-the-path-gets-long");
    }
    CreateDirectoryW(folder, NULL);
    _snwprintf(image, PATH_CHARS, L"%ls\\\u0434\u0438\u0441\u043a \U0001F4BF.img", folder);
    CHECK(wcslen(image) > 300);
    make_file(image, DISK_BYTES);
    volume_open(&volume, image, L"");
    fill_random(buffer, 4096, &seed);
    CHECK_EQUAL(transfer(volume.handle, true, 8192, buffer, 4096, NULL), 0);
    volume_close(&volume);
    read_file(image, 8192, content, 4096);
    CHECK(memcmp(buffer, content, 4096) == 0);
    VirtualFree(buffer, 0, MEM_RELEASE);
    VirtualFree(content, 0, MEM_RELEASE);
}

/* What is open is listed, and nothing else. */
static void test_list(void)
{
    struct volume volume;
    struct outcome outcome;

    make_file(test_path(L"listed.img"), DISK_BYTES);
    volume_open(&volume, test_path(L"listed.img"), L"");
    run_control(&outcome, L"list");
    CHECK_EQUAL(outcome.exit_code, 0);
    CHECK(strstr(outcome.out, "listed.img") != NULL);
    run_control(&outcome, L"list --json");
    CHECK_EQUAL(outcome.exit_code, 0);
    CHECK(strstr(outcome.out, "listed.img") != NULL);
    volume_close(&volume);
    run_control(&outcome, L"list");
    CHECK_EQUAL(outcome.exit_code, 0);
    CHECK(strstr(outcome.out, "listed.img") == NULL);
}

/* Forgets the control interfaces of all devices, as SetupAPI does when it removes a device. */
static void forget_interfaces(void)
{
    const wchar_t *path = L"SYSTEM\\CurrentControlSet\\Control\\DeviceClasses\\"
                          L"{4d0a6fb1-39c9-4e7c-9a6e-7b8a5f8f2d11}";

    CHECK_EQUAL(RegDeleteTreeW(HKEY_LOCAL_MACHINE, path), 0);
}

/* SetupAPI may be faster than the driver at a removal: then the next device starts all the same. */
static void test_forgotten_interface(void)
{
    struct volume volume;

    make_file(test_path(L"forgotten.img"), DISK_BYTES);
    volume_open(&volume, test_path(L"forgotten.img"), L"");
    CloseHandle(volume.handle);
    volume.handle = INVALID_HANDLE_VALUE;
    forget_interfaces();
    volume_close(&volume);
    volume_open(&volume, test_path(L"forgotten.img"), L"");
    volume_close(&volume);
}

const struct test_case lifetime_cases[] = {
    {"lifetime_two_images", test_two_images},
    {"lifetime_ten_images", test_ten_images},
    {"lifetime_open_close_100", test_open_close_100},
    {"lifetime_open_twice", test_open_twice},
    {"lifetime_close_by_letter", test_close_by_letter},
    {"lifetime_close_not_open", test_close_not_open},
    {"lifetime_close_with_requests", test_close_with_requests},
    {"lifetime_kill_holder", test_kill_holder},
    {"lifetime_paths", test_paths},
    {"lifetime_list", test_list},
    {"lifetime_forgotten_interface", test_forgotten_interface},
    {NULL, NULL},
};
