/* What cannot be opened is refused in words, with an exit code, and leaves nothing behind. */
#include "tests/driver/harness.h"

#include <stdio.h>
#include <string.h>

/* Fails, says one of two words that name the cause, and leaves no device. */
static void check_refused(const wchar_t *arguments, const char *word, const char *other_word)
{
    struct outcome outcome;

    run_control(&outcome, L"open %ls", arguments);
    CHECK(outcome.exit_code != 0);
    if (strstr(outcome.err, word) == NULL && strstr(outcome.err, other_word) == NULL)
        test_fail(__FILE__, __LINE__, "the message names neither '%s' nor '%s': %s", word,
                  other_word, outcome.err);
    run_control(&outcome, L"list --json");
    CHECK_EQUAL(outcome.exit_code, 0);
    CHECK(strstr(outcome.out, ".img") == NULL);
}

static void check_image_refused(const wchar_t *path, const wchar_t *options, const char *word,
                                const char *other_word)
{
    wchar_t arguments[PATH_CHARS * 2];

    _snwprintf(arguments, PATH_CHARS * 2, L"\"%ls\" %ls", path, options);
    check_refused(arguments, word, other_word);
}

static void test_missing(void)
{
    check_image_refused(test_path(L"no-such-folder\\disk.img"), L"", "no-such-folder", "not found");
    CHECK(GetFileAttributesW(test_path(L"no-such-folder")) == INVALID_FILE_ATTRIBUTES);
    /* Read-only cannot make a new image. */
    check_image_refused(test_path(L"no-such.img"), L"--read-only", "not found", "does not exist");
    CHECK(GetFileAttributesW(test_path(L"no-such.img")) == INVALID_FILE_ATTRIBUTES);
}

static void test_in_use(void)
{
    const wchar_t *path = test_path(L"in_use.img");
    HANDLE file;

    make_file(path, 1 << 20);
    file = CreateFileW(path, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING, 0, NULL);
    CHECK(file != INVALID_HANDLE_VALUE);
    check_image_refused(path, L"", "in use", "used by another");
    CloseHandle(file);
}

static void test_empty(void)
{
    const wchar_t *path = test_path(L"empty.img");

    make_file(path, 0);
    check_image_refused(path, L"", "empty", "0 bytes");
}

static void test_odd_size(void)
{
    const wchar_t *path = test_path(L"odd.img");

    make_file(path, 1000);
    check_image_refused(path, L"", "512", "sector");
}

static void test_bad_sizes(void)
{
    static const wchar_t *const sizes[] = {
        L"0", L"-1", L"abc", L"1x", L"1.5", L"99999999999999999999", L"16777216T"};

    for (uint32_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        check_image_refused(test_path(L"bad_size.img"), sizes[i], "size", "Size");
        CHECK(GetFileAttributesW(test_path(L"bad_size.img")) == INVALID_FILE_ATTRIBUTES);
    }
}

static void test_folder(void)
{
    CreateDirectoryW(test_path(L"folder.img"), NULL);
    check_image_refused(test_path(L"folder.img"), L"", "folder", "directory");
    RemoveDirectoryW(test_path(L"folder.img"));
}

static void test_new_image(void)
{
    struct volume volume;
    LARGE_INTEGER size;
    HANDLE file;

    DeleteFileW(test_path(L"new.img"));
    volume_open(&volume, test_path(L"new.img"), L"7");
    volume_close(&volume);
    file = CreateFileW(volume.image, GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING, 0, NULL);
    CHECK(file != INVALID_HANDLE_VALUE);
    CHECK(GetFileSizeEx(file, &size));
    CloseHandle(file);
    CHECK_EQUAL(size.QuadPart, 7u << 20);
}

const struct test_case refusal_cases[] = {
    {"refusal_missing", test_missing},     {"refusal_in_use", test_in_use},
    {"refusal_empty", test_empty},         {"refusal_odd_size", test_odd_size},
    {"refusal_bad_sizes", test_bad_sizes}, {"refusal_folder", test_folder},
    {"open_new_image", test_new_image},    {NULL, NULL},
};
