/*
 * What the driver's tests share. A case is a function; it fails by CHECK, which says what and where
 * and leaves the case. Everything goes the way a user goes: the control utility opens and closes,
 * Win32 calls do the rest.
 */
#ifndef VIRTUALDISK_TESTS_DRIVER_HARNESS_H
#define VIRTUALDISK_TESTS_DRIVER_HARNESS_H

#include <windows.h>

#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>

#define PATH_CHARS   1100
#define OUTPUT_BYTES 8192

struct test_case {
    const char *name;
    void (*run)(void);
};

/* The tables of the files of cases; each ends with an entry without a name. */
extern const struct test_case ioctl_cases[];
extern const struct test_case transfer_cases[];
extern const struct test_case lifetime_cases[];
extern const struct test_case refusal_cases[];
extern const struct test_case format_cases[];
extern const struct test_case fuzz_cases[];
extern const struct test_case close_cases[];
extern const struct test_case change_cases[];
extern const struct test_case statistics_cases[];
extern const struct test_case trim_cases[];
extern const struct test_case soak_cases[];
extern const struct test_case partition_cases[];
extern const struct test_case overlay_cases[];
extern const struct test_case parameter_cases[];
extern const struct test_case vanish_cases[];
extern const struct test_case flush_cases[];
extern const struct test_case cd_cases[];
extern const struct test_case cancel_cases[];
extern const struct test_case worker_cases[];

_Noreturn void test_fail(const char *file, int line, const char *format, ...);

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            test_fail(__FILE__, __LINE__, "%s (last error %lu)", #condition, GetLastError());      \
    } while (0)

#define CHECK_EQUAL(actual, expected)                                                              \
    do {                                                                                           \
        const unsigned long long actual_ = (unsigned long long)(actual);                           \
        const unsigned long long expected_ = (unsigned long long)(expected);                       \
        if (actual_ != expected_)                                                                  \
            test_fail(__FILE__, __LINE__, "%s is 0x%llx, not 0x%llx", #actual, actual_,            \
                      expected_);                                                                  \
    } while (0)

/* A path in the folder of this run; in a static buffer of several, so a few may be used at once. */
const wchar_t *test_path(const wchar_t *name);

/* Makes a file of this size (zeros), replacing what is there. */
void make_file(const wchar_t *path, uint64_t size_bytes);

struct outcome {
    DWORD exit_code;
    char out[OUTPUT_BYTES]; /* NUL-terminated, cut when longer */
    char err[OUTPUT_BYTES];
};

/* Runs the control utility; `format` makes a command line without the program. */
void run_control(struct outcome *outcome, const wchar_t *format, ...);

/* The same in two steps; one at a time, as the output's files are the same. */
struct running {
    PROCESS_INFORMATION process;
    HANDLE out, err;
};

void control_start(struct running *running, const wchar_t *format, ...);
void control_finish(struct running *running, struct outcome *outcome);

/* Runs the control utility, which must end with 0. */
void must_run(const wchar_t *format, ...);

/*
 * CreateProcess. In Wine a new process whose address space has no room for what every process needs
 * ends before it begins (see wine/session), which has an error of its own: then, and only then, it
 * is started again.
 */
BOOL start_process(wchar_t *command, BOOL inherit, STARTUPINFOW *startup,
                   PROCESS_INFORMATION *process);

/* The command line that run_control would run, for those who run it themselves. */
void control_command(wchar_t command[PATH_CHARS * 3], const wchar_t *format, ...);

/* A volume that is open. */
struct volume {
    wchar_t image[PATH_CHARS];
    wchar_t letter[4]; /* "V:" */
    HANDLE handle;     /* of \\.\V:, overlapped, unbuffered; or INVALID_HANDLE_VALUE */
};

/* Opens an image by the control utility ("open IMAGE OPTIONS --json") and its volume. */
void volume_open(struct volume *volume, const wchar_t *image, const wchar_t *options);
HANDLE volume_handle(const struct volume *volume, DWORD access);

/* Closes the handle and the image, and checks that this worked. */
void volume_close(struct volume *volume);

/* What `driver_tests --hold NAME` does: keeps a volume busy until it is killed. */
int hold_volume(const wchar_t *name);

/* For the runner: after a case that failed, closes every image that is still open. */
void close_everything(void);

/* One transfer by OVERLAPPED. Returns 0 or the Win32 error; *done_bytes may be NULL. */
DWORD transfer(HANDLE handle, bool write, uint64_t offset_bytes, void *buffer, DWORD length_bytes,
               DWORD *done_bytes);

/* DeviceIoControl that waits; returns 0 or the Win32 error. */
DWORD control(HANDLE handle, DWORD code, const void *input, DWORD input_bytes, void *output,
              DWORD output_bytes, DWORD *returned_bytes);

/* Page-aligned memory of the case; freed by VirtualFree. */
void *make_buffer(size_t length_bytes);
void fill_random(void *buffer, size_t length_bytes, uint32_t *seed);
uint32_t next_random(uint32_t *seed);

/* Reads a part of an image file, past the driver. */
void read_file(const wchar_t *path, uint64_t offset_bytes, void *buffer, DWORD length_bytes);

#endif
