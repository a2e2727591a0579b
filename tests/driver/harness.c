#include "tests/driver/harness.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define PATH_RING      8
#define START_ATTEMPTS 3
#define CONTROL_LIMIT  60000 /* milliseconds */

static const struct test_case *const tables[] = {
    ioctl_cases, transfer_cases,  lifetime_cases, refusal_cases,    format_cases,
    fuzz_cases,  close_cases,     change_cases,   statistics_cases, trim_cases,
    soak_cases,  partition_cases, overlay_cases,  parameter_cases,  vanish_cases,
    flush_cases, cd_cases,        worker_cases,   cancel_cases,
};

static jmp_buf failed;
static wchar_t work_folder[PATH_CHARS];
static wchar_t control_program[PATH_CHARS];

_Noreturn void test_fail(const char *file, int line, const char *format, ...)
{
    va_list arguments;

    printf("    %s:%d: ", file, line);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
    longjmp(failed, 1);
}

const wchar_t *test_path(const wchar_t *name)
{
    static wchar_t ring[PATH_RING][PATH_CHARS];
    static unsigned next;
    wchar_t *path = ring[next++ % PATH_RING];

    _snwprintf(path, PATH_CHARS - 1, L"%ls\\%ls", work_folder, name);
    return path;
}

void make_file(const wchar_t *path, uint64_t size_bytes)
{
    LARGE_INTEGER size = {.QuadPart = (LONGLONG)size_bytes};
    HANDLE file = CreateFileW(path, GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL);

    CHECK(file != INVALID_HANDLE_VALUE);
    CHECK(SetFilePointerEx(file, size, NULL, FILE_BEGIN) && SetEndOfFile(file));
    CloseHandle(file);
}

static HANDLE output_file(const wchar_t *name)
{
    SECURITY_ATTRIBUTES inherit = {sizeof inherit, NULL, TRUE};
    HANDLE file = CreateFileW(test_path(name), GENERIC_READ | GENERIC_WRITE,
                              FILE_SHARE_READ | FILE_SHARE_WRITE, &inherit, CREATE_ALWAYS, 0, NULL);

    CHECK(file != INVALID_HANDLE_VALUE);
    return file;
}

static void collect_output(HANDLE file, char *text)
{
    DWORD length = 0;

    SetFilePointer(file, 0, NULL, FILE_BEGIN);
    CHECK(ReadFile(file, text, OUTPUT_BYTES - 1, &length, NULL));
    text[length] = 0;
    CloseHandle(file);
}

static void write_command(wchar_t *command, const wchar_t *format, va_list arguments)
{
    int used = _snwprintf(command, PATH_CHARS, L"\"%ls\" ", control_program);

    _vsnwprintf(command + used, PATH_CHARS * 2, format, arguments);
}

void control_command(wchar_t *command, const wchar_t *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    write_command(command, format, arguments);
    va_end(arguments);
}

BOOL start_process(wchar_t *command, BOOL inherit, STARTUPINFOW *startup,
                   PROCESS_INFORMATION *process)
{
    for (int attempt = 1;; attempt++) {
        if (CreateProcessW(NULL, command, NULL, NULL, inherit, 0, NULL, NULL, startup, process))
            return TRUE;
        if (GetLastError() != ERROR_INTERNAL_ERROR || attempt == START_ATTEMPTS)
            return FALSE;
        printf("a process died before it began: start %d of %d\n", attempt + 1, START_ATTEMPTS);
        Sleep(500);
    }
}

/* Output goes to files: a service that the program starts would keep a pipe open for ever. */
static void start_with_files(struct running *running, wchar_t *command)
{
    STARTUPINFOW startup = {.cb = sizeof startup, .dwFlags = STARTF_USESTDHANDLES};

    running->out = output_file(L"control.out");
    running->err = output_file(L"control.err");
    startup.hStdInput = INVALID_HANDLE_VALUE;
    startup.hStdOutput = running->out;
    startup.hStdError = running->err;
    CHECK(start_process(command, TRUE, &startup, &running->process));
}

void control_start(struct running *running, const wchar_t *format, ...)
{
    static wchar_t command[PATH_CHARS * 3];
    va_list arguments;

    va_start(arguments, format);
    write_command(command, format, arguments);
    va_end(arguments);
    start_with_files(running, command);
}

void control_finish(struct running *running, struct outcome *outcome)
{
    const HANDLE process = running->process.hProcess;

    CHECK_EQUAL(WaitForSingleObject(process, CONTROL_LIMIT), WAIT_OBJECT_0);
    CHECK(GetExitCodeProcess(process, &outcome->exit_code));
    CloseHandle(running->process.hThread);
    CloseHandle(process);
    collect_output(running->out, outcome->out);
    collect_output(running->err, outcome->err);
}

void run_control(struct outcome *outcome, const wchar_t *format, ...)
{
    static wchar_t command[PATH_CHARS * 3];
    struct running running;
    va_list arguments;

    va_start(arguments, format);
    write_command(command, format, arguments);
    va_end(arguments);
    start_with_files(&running, command);
    control_finish(&running, outcome);
}

void must_run(const wchar_t *format, ...)
{
    static struct outcome outcome;
    static wchar_t command[PATH_CHARS * 2];
    va_list arguments;

    va_start(arguments, format);
    _vsnwprintf(command, PATH_CHARS * 2 - 1, format, arguments);
    va_end(arguments);
    run_control(&outcome, L"%ls", command);
    if (outcome.exit_code != 0)
        test_fail(__FILE__, __LINE__, "%ls ended with %lu: %s%s", command, outcome.exit_code,
                  outcome.out, outcome.err);
}

/* The value of "letter" in the answer of `open --json`. */
static void find_letter(const char *json, wchar_t *letter)
{
    const char *key = strstr(json, "\"letter\"");
    const char *value = key == NULL ? NULL : strchr(key, ':');

    value = value == NULL ? NULL : strchr(value, '"');
    if (value == NULL || value[1] == 0 || value[2] != ':')
        test_fail(__FILE__, __LINE__, "no letter in: %s", json);
    letter[0] = (wchar_t)value[1];
    letter[1] = L':';
    letter[2] = 0;
}

HANDLE volume_handle(const struct volume *volume, DWORD access)
{
    wchar_t name[16];

    _snwprintf(name, 16, L"\\\\.\\%ls", volume->letter);
    return CreateFileW(name, access, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_EXISTING,
                       FILE_FLAG_OVERLAPPED | FILE_FLAG_NO_BUFFERING, NULL);
}

void volume_open(struct volume *volume, const wchar_t *image, const wchar_t *options)
{
    struct outcome outcome;

    wcsncpy(volume->image, image, PATH_CHARS - 1);
    volume->image[PATH_CHARS - 1] = 0;
    run_control(&outcome, L"open \"%ls\" %ls --json", image, options);
    if (outcome.exit_code != 0)
        test_fail(__FILE__, __LINE__, "open ended with %lu: %s", outcome.exit_code, outcome.err);
    find_letter(outcome.out, volume->letter);
    volume->handle = volume_handle(volume, GENERIC_READ | GENERIC_WRITE);
    CHECK(volume->handle != INVALID_HANDLE_VALUE);
}

void volume_close(struct volume *volume)
{
    struct outcome outcome;

    if (volume->handle != INVALID_HANDLE_VALUE)
        CloseHandle(volume->handle);
    volume->handle = INVALID_HANDLE_VALUE;
    run_control(&outcome, L"close \"%ls\"", volume->image);
    if (outcome.exit_code != 0)
        test_fail(__FILE__, __LINE__, "close ended with %lu: %s", outcome.exit_code, outcome.err);
}

void close_everything(void)
{
    struct outcome outcome;

    run_control(&outcome, L"close --all --force");
}

DWORD transfer(HANDLE handle, bool write, uint64_t offset_bytes, void *buffer, DWORD length_bytes,
               DWORD *done_bytes)
{
    OVERLAPPED overlapped = {.Offset = (DWORD)offset_bytes,
                             .OffsetHigh = (DWORD)(offset_bytes >> 32),
                             .hEvent = CreateEventW(NULL, TRUE, FALSE, NULL)};
    DWORD done = 0, error = 0;
    const BOOL started = write ? WriteFile(handle, buffer, length_bytes, NULL, &overlapped)
                               : ReadFile(handle, buffer, length_bytes, NULL, &overlapped);

    if ((!started && GetLastError() != ERROR_IO_PENDING) ||
        !GetOverlappedResult(handle, &overlapped, &done, TRUE))
        error = GetLastError();
    CloseHandle(overlapped.hEvent);
    if (done_bytes != NULL)
        *done_bytes = done;
    return error;
}

DWORD control(HANDLE handle, DWORD code, const void *input, DWORD input_bytes, void *output,
              DWORD output_bytes, DWORD *returned_bytes)
{
    OVERLAPPED overlapped = {.hEvent = CreateEventW(NULL, TRUE, FALSE, NULL)};
    DWORD done = 0, error = 0;
    const BOOL started = DeviceIoControl(handle, code, (void *)input, input_bytes, output,
                                         output_bytes, &done, &overlapped);

    if (!started && GetLastError() == ERROR_IO_PENDING)
        error = GetOverlappedResult(handle, &overlapped, &done, TRUE) ? 0 : GetLastError();
    else if (!started)
        error = GetLastError();
    CloseHandle(overlapped.hEvent);
    if (returned_bytes != NULL)
        *returned_bytes = done;
    return error;
}

void *make_buffer(size_t length_bytes)
{
    void *buffer = VirtualAlloc(NULL, length_bytes, MEM_COMMIT, PAGE_READWRITE);

    CHECK(buffer != NULL);
    return buffer;
}

uint32_t next_random(uint32_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

void fill_random(void *buffer, size_t length_bytes, uint32_t *seed)
{
    uint32_t *words = buffer;

    for (size_t i = 0; i < length_bytes / sizeof *words; i++)
        words[i] = next_random(seed);
}

void read_file(const wchar_t *path, uint64_t offset_bytes, void *buffer, DWORD length_bytes)
{
    LARGE_INTEGER offset = {.QuadPart = (LONGLONG)offset_bytes};
    HANDLE file = CreateFileW(path, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL,
                              OPEN_EXISTING, 0, NULL);
    DWORD done = 0;

    CHECK(file != INVALID_HANDLE_VALUE);
    CHECK(SetFilePointerEx(file, offset, NULL, FILE_BEGIN));
    CHECK(ReadFile(file, buffer, length_bytes, &done, NULL) && done == length_bytes);
    CloseHandle(file);
}

static bool run_case(const struct test_case *test)
{
    const DWORD start = GetTickCount();
    bool passed = true;

    if (setjmp(failed) == 0)
        test->run();
    else
        passed = false;
    if (!passed && setjmp(failed) == 0)
        close_everything();
    printf("%s %s (%lu ms)\n", passed ? "ok    " : "FAILED", test->name, GetTickCount() - start);
    fflush(stdout);
    return passed;
}

int wmain(int argument_count, wchar_t **arguments);

/* driver_tests CONTROL-PROGRAM WORK-FOLDER [CASE ...]; without cases, all. */
int wmain(int argument_count, wchar_t **arguments)
{
    int run_count = 0, failed_count = 0;

    if (argument_count == 3 && wcscmp(arguments[1], L"--hold") == 0)
        return hold_volume(arguments[2]);
    if (argument_count < 3) {
        fprintf(stderr, "usage: driver_tests CONTROL-PROGRAM WORK-FOLDER [CASE ...]\n");
        return 2;
    }
    wcsncpy(control_program, arguments[1], PATH_CHARS - 1);
    wcsncpy(work_folder, arguments[2], PATH_CHARS - 1);
    CreateDirectoryW(work_folder, NULL);
    for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++) {
        for (const struct test_case *test = tables[t]; test->name != NULL; test++) {
            bool wanted = argument_count == 3;
            wchar_t name[64];

            _snwprintf(name, 64, L"%hs", test->name);
            for (int i = 3; i < argument_count; i++)
                wanted = wanted || wcscmp(arguments[i], name) == 0;
            if (!wanted)
                continue;
            run_count++;
            if (!run_case(test))
                failed_count++;
        }
    }
    printf("%d passed, %d failed\n", run_count - failed_count, failed_count);
    return failed_count != 0 || run_count == 0;
}
