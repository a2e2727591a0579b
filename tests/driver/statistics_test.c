/* `stats` counts exactly what was done. */
#include "tests/driver/harness.h"

#include <stdlib.h>
#include <string.h>

#define DISK_BYTES    (4u * 1024 * 1024)
#define BUCKETS       28
#define READ_COUNT    37
#define WRITE_COUNT   21
#define FLUSH_COUNT   5
#define REFUSED_COUNT 3
#define WATCHED_LINES 4u

struct kind {
    unsigned long long count;
    unsigned long long bytes;
    unsigned long long errors;
    unsigned long long p50, p99;
    unsigned long long in_buckets; /* their sum */
};

static const char *after(const char *text, const char *key)
{
    const char *found = text == NULL ? NULL : strstr(text, key);

    if (found == NULL)
        test_fail(__FILE__, __LINE__, "no %s in: %s", key, text == NULL ? "" : text);
    return found + strlen(key);
}

static unsigned long long number(const char *text, const char *key)
{
    return strtoull(after(text, key), NULL, 10);
}

static void read_kind(const char *json, const char *name, struct kind *kind)
{
    const char *object = after(json, name);
    char *cursor = (char *)after(object, "\"latency\": [");

    *kind = (struct kind){
        .count = number(object, "\"count\": "),
        .bytes = number(object, "\"bytes\": "),
        .errors = number(object, "\"errors\": "),
        .p50 = number(object, "\"p50\": "),
        .p99 = number(object, "\"p99\": "),
    };
    for (unsigned i = 0; i < BUCKETS; i++, cursor++)
        kind->in_buckets += strtoull(cursor, &cursor, 10);
    CHECK(strchr(cursor, ']') != NULL && strcspn(cursor, "]") < 20); /* that was the last one */
}

struct kinds {
    struct kind read, write, flush, trim;
};

static void ask(const struct volume *volume, struct kinds *kinds)
{
    struct outcome outcome;

    run_control(&outcome, L"stats %ls --json", volume->letter);
    CHECK_EQUAL(outcome.exit_code, 0);
    read_kind(outcome.out, "\"read\": {", &kinds->read);
    read_kind(outcome.out, "\"write\": {", &kinds->write);
    read_kind(outcome.out, "\"flush\": {", &kinds->flush);
    read_kind(outcome.out, "\"trim\": {", &kinds->trim);
}

static void check_kind(const struct kind *now, const struct kind *before, unsigned count,
                       unsigned long long bytes, unsigned errors)
{
    CHECK_EQUAL(now->count - before->count, count);
    CHECK_EQUAL(now->bytes - before->bytes, bytes);
    CHECK_EQUAL(now->errors - before->errors, errors);
    CHECK_EQUAL(now->in_buckets, now->count);
    CHECK(now->p50 <= now->p99);
    CHECK(now->count == 0 || now->p99 > 0);
}

static void test_counts(void)
{
    struct volume volume;
    struct kinds before, now;
    unsigned char *buffer = make_buffer(65536);

    make_file(test_path(L"counted.img"), DISK_BYTES);
    volume_open(&volume, test_path(L"counted.img"), L"");
    ask(&volume, &before);
    ask(&volume, &now); /* asking counts nothing */
    CHECK(memcmp(&before, &now, sizeof now) == 0);
    for (uint32_t i = 0; i < READ_COUNT; i++)
        CHECK_EQUAL(transfer(volume.handle, false, i * 65536u, buffer, 8192, NULL), 0);
    for (uint32_t i = 0; i < WRITE_COUNT; i++)
        CHECK_EQUAL(transfer(volume.handle, true, i * 65536u, buffer, 65536, NULL), 0);
    for (uint32_t i = 0; i < FLUSH_COUNT; i++)
        CHECK(FlushFileBuffers(volume.handle));
    for (uint32_t i = 0; i < REFUSED_COUNT; i++)
        CHECK(transfer(volume.handle, false, DISK_BYTES, buffer, 512, NULL) != 0);
    ask(&volume, &now);
    check_kind(&now.read, &before.read, READ_COUNT, READ_COUNT * 8192ull, REFUSED_COUNT);
    check_kind(&now.write, &before.write, WRITE_COUNT, WRITE_COUNT * 65536ull, 0);
    check_kind(&now.flush, &before.flush, FLUSH_COUNT, 0, 0);
    check_kind(&now.trim, &before.trim, 0, 0, 0);
    volume_close(&volume);
    VirtualFree(buffer, 0, MEM_RELEASE);
}

static DWORD WINAPI work_and_close(void *context)
{
    struct volume *volume = context;
    void *buffer = VirtualAlloc(NULL, 4096, MEM_COMMIT, PAGE_READWRITE);

    for (uint32_t i = 0; i < 30; i++) {
        transfer(volume->handle, false, 0, buffer, 4096, NULL);
        Sleep(100);
    }
    CloseHandle(volume->handle);
    VirtualFree(buffer, 0, MEM_RELEASE);
    return 0;
}

static unsigned count_lines(const char *text)
{
    unsigned count = 0;

    for (; *text != 0; text++)
        count += *text == '\n';
    return count;
}

/* How far the program that runs has come; its output is a file. */
static unsigned count_lines_so_far(const wchar_t *path)
{
    static char text[OUTPUT_BYTES];
    DWORD length = 0;
    HANDLE file = CreateFileW(path, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL,
                              OPEN_EXISTING, 0, NULL);

    if (file == INVALID_HANDLE_VALUE)
        return 0;
    ReadFile(file, text, OUTPUT_BYTES - 1, &length, NULL);
    CloseHandle(file);
    text[length] = 0;
    return count_lines(text);
}

struct closing {
    wchar_t command[PATH_CHARS * 3];
    wchar_t output[PATH_CHARS];
};

/* Closes the volume under `stats --watch` when that has printed what is expected, or never will. */
static DWORD WINAPI close_after(void *context)
{
    struct closing *closing = context;
    STARTUPINFOW startup = {.cb = sizeof startup};
    PROCESS_INFORMATION process;

    for (uint32_t i = 0; i < 300 && count_lines_so_far(closing->output) < WATCHED_LINES; i++)
        Sleep(100);
    if (!start_process(closing->command, FALSE, &startup, &process))
        return 1;
    WaitForSingleObject(process.hProcess, INFINITE);
    CloseHandle(process.hThread);
    CloseHandle(process.hProcess);
    return 0;
}

/* A line per interval, until the volume is closed. */
static void test_watch(void)
{
    static struct closing closing;
    struct volume volume;
    struct outcome outcome;
    HANDLE threads[2];

    make_file(test_path(L"watched.img"), DISK_BYTES);
    volume_open(&volume, test_path(L"watched.img"), L"");
    control_command(closing.command, L"close %ls --wait 20", volume.letter);
    wcscpy(closing.output, test_path(L"control.out"));
    DeleteFileW(closing.output);
    const DWORD start = GetTickCount();
    threads[0] = CreateThread(NULL, 0, work_and_close, &volume, 0, NULL);
    threads[1] = CreateThread(NULL, 0, close_after, &closing, 0, NULL);
    run_control(&outcome, L"stats %ls --watch 1", volume.letter);
    const DWORD seconds = (GetTickCount() - start) / 1000;
    CHECK_EQUAL(WaitForMultipleObjects(2, threads, TRUE, 30000), WAIT_OBJECT_0);
    CloseHandle(threads[0]);
    CloseHandle(threads[1]);
    CHECK_EQUAL(outcome.exit_code, 66);
    CHECK(strstr(outcome.err, "not open any more") != NULL);
    CHECK(strstr(outcome.out, "READS") != NULL);
    CHECK(count_lines(outcome.out) >= WATCHED_LINES);
    CHECK(count_lines(outcome.out) <= seconds + 3);
}

const struct test_case statistics_cases[] = {
    {"statistics_counts", test_counts},
    {"statistics_watch", test_watch},
    {NULL, NULL},
};
