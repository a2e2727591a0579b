#include "tests/driver/model.h"

#include <string.h>

#define PIECE_BYTES 65536u

void model_write(HANDLE handle, unsigned char *model, uint32_t count, uint32_t seed)
{
    unsigned char *buffer = make_buffer(PIECE_BYTES);

    for (uint32_t i = 0; i < count; i++) {
        const uint32_t length = 512u << next_random(&seed) % 8;
        const uint32_t offset = next_random(&seed) % ((MODEL_BYTES - length) / 512 + 1) * 512;

        fill_random(buffer, length, &seed);
        CHECK_EQUAL(transfer(handle, true, offset, buffer, length, NULL), 0);
        memcpy(model + offset, buffer, length);
    }
    VirtualFree(buffer, 0, MEM_RELEASE);
}

void model_expect_volume(HANDLE handle, const unsigned char *model)
{
    unsigned char *buffer = make_buffer(PIECE_BYTES);

    for (uint32_t offset = 0; offset < MODEL_BYTES; offset += PIECE_BYTES) {
        CHECK_EQUAL(transfer(handle, false, offset, buffer, PIECE_BYTES, NULL), 0);
        if (memcmp(buffer, model + offset, PIECE_BYTES) != 0)
            test_fail(__FILE__, __LINE__, "wrong data in the 64 KiB at 0x%x", offset);
    }
    VirtualFree(buffer, 0, MEM_RELEASE);
}

void model_save(const wchar_t *path, const unsigned char *model)
{
    HANDLE file = CreateFileW(path, GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL);
    DWORD done;

    CHECK(file != INVALID_HANDLE_VALUE);
    CHECK(WriteFile(file, model, MODEL_BYTES, &done, NULL) && done == MODEL_BYTES);
    CloseHandle(file);
}

void model_expect_image(const wchar_t *path, const unsigned char *model)
{
    const wchar_t *raw = test_path(L"model.raw");

    model_save(raw, model);
    must_run(L"check \"%ls\"", path);
    must_run(L"compare \"%ls\" \"%ls\"", path, raw);
    DeleteFileW(raw);
}
