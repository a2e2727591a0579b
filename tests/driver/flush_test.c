/*
 * What a flush, or a write that goes through, has promised: the image file as it is then, copied
 * while the volume is open, is a sound image that holds everything. The formats are such that a
 * write by itself does not do that: they allocate, and keep their metadata in memory for a while.
 */
#include "tests/driver/model.h"

#include <stdio.h>
#include <string.h>

#define ROUNDS 3

enum promise { BY_FLUSH, BY_WRITE_THROUGH, BY_COMMAND };

struct subject {
    struct volume volume;
    unsigned char *model;
    wchar_t copy[PATH_CHARS];
};

static void open_subject(struct subject *subject, const wchar_t *format)
{
    wchar_t name[32], image[PATH_CHARS];

    _snwprintf(name, 32, L"flushed.%ls", format);
    wcscpy(image, test_path(name));
    _snwprintf(name, 32, L"as-it-is.%ls", format);
    wcscpy(subject->copy, test_path(name));
    DeleteFileW(image);
    must_run(L"create \"%ls\" 8M --format %ls", image, format);
    volume_open(&subject->volume, image, L"");
    subject->model = make_buffer(MODEL_BYTES);
}

static void close_subject(struct subject *subject)
{
    volume_close(&subject->volume);
    model_expect_image(subject->volume.image, subject->model);
    DeleteFileW(subject->volume.image);
    DeleteFileW(subject->copy);
    VirtualFree(subject->model, 0, MEM_RELEASE);
}

static void copy_image(const struct subject *subject)
{
    CHECK(CopyFileW(subject->volume.image, subject->copy, FALSE));
}

/* Were it already in the file, nothing would be shown by what follows. */
static void expect_unfinished(const struct subject *subject)
{
    struct outcome outcome;

    copy_image(subject);
    model_save(test_path(L"model.raw"), subject->model);
    run_control(&outcome, L"compare \"%ls\" \"%ls\"", subject->copy, test_path(L"model.raw"));
    CHECK(outcome.exit_code != 0);
}

static void expect_promise(const wchar_t *format, enum promise promise)
{
    const DWORD flags = FILE_FLAG_OVERLAPPED | FILE_FLAG_NO_BUFFERING |
                        (promise == BY_WRITE_THROUGH ? FILE_FLAG_WRITE_THROUGH : 0);
    struct subject subject;
    wchar_t name[16];
    HANDLE handle;

    open_subject(&subject, format);
    _snwprintf(name, 16, L"\\\\.\\%ls", subject.volume.letter);
    handle = CreateFileW(name, GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE,
                         NULL, OPEN_EXISTING, flags, NULL);
    CHECK(handle != INVALID_HANDLE_VALUE);
    model_write(subject.volume.handle, subject.model, 20, 91);
    expect_unfinished(&subject);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        model_write(handle, subject.model, 20, 92 + round);
        if (promise == BY_FLUSH)
            CHECK(FlushFileBuffers(handle));
        if (promise == BY_COMMAND)
            must_run(L"flush %ls", subject.volume.letter);
        copy_image(&subject);
        model_expect_image(subject.copy, subject.model);
    }
    CloseHandle(handle);
    close_subject(&subject);
}

static void test_vhdx(void)
{
    expect_promise(L"vhdx", BY_FLUSH);
}

static void test_qcow2(void)
{
    expect_promise(L"qcow2", BY_FLUSH);
}

static void test_command(void)
{
    expect_promise(L"qcow2", BY_COMMAND);
}

static void test_write_through_vhdx(void)
{
    expect_promise(L"vhdx", BY_WRITE_THROUGH);
}

static void test_write_through_qcow2(void)
{
    expect_promise(L"qcow2", BY_WRITE_THROUGH);
}

const struct test_case flush_cases[] = {
    {"flush_vhdx", test_vhdx},
    {"flush_qcow2", test_qcow2},
    {"flush_command", test_command},
    {"flush_write_through_vhdx", test_write_through_vhdx},
    {"flush_write_through_qcow2", test_write_through_qcow2},
    {NULL, NULL},
};
