/* Random ioctls: codes, lengths, contents. The volume works afterwards as if nothing had been. */
#include "tests/driver/harness.h"

#include <winioctl.h>

#include <string.h>

#define DISK_BYTES (1u * 1024 * 1024)
#define CALL_COUNT 10000
#define ROOM_BYTES 4096

static const uint32_t device_types[] = {0x02, 0x07, 0x09, 0x2d, 0x4d, 0x56, 0x8d31, 0x50};

static DWORD random_code(uint32_t *seed)
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

/* Requests that by their purpose change what follows: not random ones. */
static bool is_harmless(DWORD code)
{
    const DWORD remove = CTL_CODE(0x8d31, 0x802, METHOD_BUFFERED, FILE_WRITE_ACCESS);

    return code != FSCTL_LOCK_VOLUME && code != FSCTL_DISMOUNT_VOLUME && code != remove;
}

static void test_random_ioctls(void)
{
    struct volume volume;
    unsigned char *buffer = make_buffer(65536), *content = make_buffer(65536);
    unsigned char *input = make_buffer(ROOM_BYTES * 2), *output = make_buffer(ROOM_BYTES * 2);
    uint32_t seed = 20;

    make_file(test_path(L"fuzz.img"), DISK_BYTES);
    volume_open(&volume, test_path(L"fuzz.img"), L"");
    fill_random(buffer, 65536, &seed);
    CHECK_EQUAL(transfer(volume.handle, true, 65536, buffer, 65536, NULL), 0);
    for (uint32_t call = 0; call < CALL_COUNT; call++) {
        const DWORD code = random_code(&seed);
        const uint32_t input_bytes = random_length(&seed), output_bytes = random_length(&seed);
        DWORD returned = 0;

        if (!is_harmless(code))
            continue;
        fill_random(input, ROOM_BYTES, &seed);
        memset(output, 0xa5, ROOM_BYTES * 2);
        control(volume.handle, code, input, input_bytes, output, output_bytes, &returned);
        if (returned > output_bytes)
            test_fail(__FILE__, __LINE__, "call %u, code 0x%lx returned %lu of %u bytes", call,
                      code, returned, output_bytes);
        for (uint32_t i = output_bytes; i < ROOM_BYTES * 2; i++) {
            if (output[i] != 0xa5)
                test_fail(__FILE__, __LINE__, "call %u, code 0x%lx wrote past its buffer", call,
                          code);
        }
    }
    CHECK_EQUAL(transfer(volume.handle, false, 65536, content, 65536, NULL), 0);
    CHECK(memcmp(buffer, content, 65536) == 0);
    volume_close(&volume);
    VirtualFree(buffer, 0, MEM_RELEASE);
    VirtualFree(content, 0, MEM_RELEASE);
    VirtualFree(input, 0, MEM_RELEASE);
    VirtualFree(output, 0, MEM_RELEASE);
}

const struct test_case fuzz_cases[] = {
    {"fuzz_ioctls", test_random_ioctls},
    {NULL, NULL},
};
