/* IOCTL_STORAGE_MANAGE_DATA_SET_ATTRIBUTES: what is a trim, and of what. */
#include "tests/driver_unit/question.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/random.h"

#include "driver/trim.h"
#include "engine/base/endian.h"

#include <stdlib.h>
#include <string.h>

#define HEAD_BYTES  28u
#define RANGE_BYTES 16u
#define ROOM_BYTES  (HEAD_BYTES + 4 * RANGE_BYTES)

static const VD_VOLUME *volume_with_trim(void)
{
    static VD_VOLUME volume;

    volume = question_volume(VOLUME_MBR);
    return &volume;
}

struct request {
    unsigned char bytes[ROOM_BYTES];
};

static struct request make_request(uint32_t flags, uint32_t ranges_offset, uint32_t ranges_length)
{
    struct request request = {{0}};

    vdisk_store_le32(request.bytes, HEAD_BYTES);
    vdisk_store_le32(request.bytes + 4, 1); /* DeviceDsmAction_Trim */
    vdisk_store_le32(request.bytes + 8, flags);
    vdisk_store_le32(request.bytes + 20, ranges_offset);
    vdisk_store_le32(request.bytes + 24, ranges_length);
    return request;
}

/* From memory of exactly this length, which stays until the next call: ranges point into it. */
static int32_t parse(const VD_VOLUME *volume, const struct request *request, size_t length,
                     VD_TRIM *trim)
{
    static unsigned char *input;
    int32_t status;

    free(input);
    input = length == 0 ? NULL : malloc(length);
    if (length != 0)
        memcpy(input, request->bytes, length);
    memset(trim, 0xaa, sizeof *trim);
    status = VdTrimParse(volume, input, length, trim);
    assert_true(status == VD_STATUS_SUCCESS || trim->RangeCount == 0);
    return status;
}

static void test_every_length(void **state)
{
    const struct request request = make_request(0, HEAD_BYTES, 2 * RANGE_BYTES);
    VD_TRIM trim;

    (void)state;
    for (size_t length = 0; length <= ROOM_BYTES; length++) {
        const bool whole = length >= HEAD_BYTES + 2 * RANGE_BYTES;

        assert_int_equal(parse(volume_with_trim(), &request, length, &trim),
                         whole ? VD_STATUS_SUCCESS : VD_STATUS_INVALID_PARAMETER);
        assert_int_equal(trim.RangeCount, whole ? 2 : 0);
    }
}

/* The ranges lie behind the head and inside the input, wherever they are said to be. */
static void test_every_place(void **state)
{
    static const uint32_t far[] = {0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff};
    VD_TRIM trim;

    (void)state;
    for (uint32_t offset = 0; offset <= ROOM_BYTES + 4; offset++) {
        for (uint32_t length = 0; length <= ROOM_BYTES; length++) {
            const struct request request = make_request(0, offset, length);
            const bool good = offset >= HEAD_BYTES && length != 0 && length % RANGE_BYTES == 0 &&
                              offset + length <= ROOM_BYTES;

            assert_int_equal(parse(volume_with_trim(), &request, ROOM_BYTES, &trim),
                             good ? VD_STATUS_SUCCESS : VD_STATUS_INVALID_PARAMETER);
            assert_int_equal(trim.RangeCount, good ? length / RANGE_BYTES : 0);
        }
        for (size_t i = 0; i < 4; i++) {
            const struct request longer = make_request(0, offset, far[i]);
            const struct request farther = make_request(0, far[i], RANGE_BYTES + offset);

            assert_int_equal(parse(volume_with_trim(), &longer, ROOM_BYTES, &trim),
                             VD_STATUS_INVALID_PARAMETER);
            assert_int_equal(parse(volume_with_trim(), &farther, ROOM_BYTES, &trim),
                             VD_STATUS_INVALID_PARAMETER);
        }
    }
}

static void test_other_requests(void **state)
{
    struct request request = make_request(0, HEAD_BYTES, RANGE_BYTES);
    VD_VOLUME volume = *volume_with_trim();
    VD_TRIM trim;

    (void)state;
    for (uint32_t action = 0; action <= 16; action++) {
        vdisk_store_le32(request.bytes + 4, action);
        assert_int_equal(parse(&volume, &request, ROOM_BYTES, &trim),
                         action == 1 ? VD_STATUS_SUCCESS : VD_STATUS_NOT_SUPPORTED);
    }
    vdisk_store_le32(request.bytes + 4, 0x80000001); /* "non-destructive" */
    assert_int_equal(parse(&volume, &request, ROOM_BYTES, &trim), VD_STATUS_NOT_SUPPORTED);
    request = make_request(0x80000000, HEAD_BYTES, RANGE_BYTES); /* a hint */
    assert_int_equal(parse(&volume, &request, ROOM_BYTES, &trim), VD_STATUS_SUCCESS);
    vdisk_store_le32(request.bytes, HEAD_BYTES - 1);
    assert_int_equal(parse(&volume, &request, ROOM_BYTES, &trim), VD_STATUS_INVALID_PARAMETER);
    request = make_request(0, HEAD_BYTES, RANGE_BYTES);
    volume.DiscardBytes = 0;
    assert_int_equal(parse(&volume, &request, ROOM_BYTES, &trim), VD_STATUS_NOT_SUPPORTED);
}

static void test_entire_volume(void **state)
{
    const VD_VOLUME *volume = volume_with_trim();
    struct request request = make_request(1, 0, 0);
    uint64_t offset, length;
    VD_TRIM trim;

    (void)state;
    assert_int_equal(parse(volume, &request, HEAD_BYTES, &trim), VD_STATUS_SUCCESS);
    assert_int_equal(trim.RangeCount, 1);
    assert_int_equal(VdTrimRange(volume, &trim, 0, &offset, &length), VD_STATUS_SUCCESS);
    assert_int_equal(offset, 0);
    assert_int_equal(length, QUESTION_PART_BYTES);
    request = make_request(1, HEAD_BYTES, RANGE_BYTES);
    assert_int_equal(parse(volume, &request, ROOM_BYTES, &trim), VD_STATUS_INVALID_PARAMETER);
}

static int32_t check_range(const VD_VOLUME *volume, uint64_t offset, uint64_t length)
{
    struct request request = make_request(0, HEAD_BYTES + RANGE_BYTES / 2, 2 * RANGE_BYTES);
    uint64_t told_offset, told_length;
    int32_t status;
    VD_TRIM trim;

    vdisk_store_le64(request.bytes + HEAD_BYTES + 24, offset); /* the second range */
    vdisk_store_le64(request.bytes + HEAD_BYTES + 32, length);
    assert_int_equal(parse(volume, &request, ROOM_BYTES, &trim), VD_STATUS_SUCCESS);
    status = VdTrimRange(volume, &trim, 1, &told_offset, &told_length);
    if (status == VD_STATUS_SUCCESS) {
        assert_int_equal(told_offset, offset);
        assert_int_equal(told_length, length);
    }
    return status;
}

static void test_ranges(void **state)
{
    static const uint64_t size = QUESTION_PART_BYTES;
    static const uint64_t good[][2] = {{0, 0},    {0, 512},          {512, 1024},
                                       {size, 0}, {size - 512, 512}, {0, size}};
    static const uint64_t bad[][2] = {{0, size + 512},
                                      {size, 512},
                                      {size + 512, 0},
                                      {size - 512, 1024},
                                      {1, 512},
                                      {0, 511},
                                      {512, 1},
                                      {0, UINT64_MAX},
                                      {0, UINT64_MAX - 511},
                                      {UINT64_MAX - 511, 512},
                                      {UINT64_MAX - 511, 1024},
                                      {1ull << 63, 512},
                                      {512, 1ull << 63},
                                      {1ull << 63, 1ull << 63}};
    const VD_VOLUME *volume = volume_with_trim();

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_int_equal(check_range(volume, good[i][0], good[i][1]), VD_STATUS_SUCCESS);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(check_range(volume, bad[i][0], bad[i][1]), VD_STATUS_INVALID_PARAMETER);
}

/* On sectors of 4096 bytes, 512 are no whole one. */
static void test_large_sectors(void **state)
{
    VD_VOLUME volume = *volume_with_trim();

    (void)state;
    volume.LogicalSectorBytes = 4096;
    assert_int_equal(check_range(&volume, 4096, 8192), VD_STATUS_SUCCESS);
    assert_int_equal(check_range(&volume, 512, 4096), VD_STATUS_INVALID_PARAMETER);
    assert_int_equal(check_range(&volume, 4096, 512), VD_STATUS_INVALID_PARAMETER);
}

/* Whatever the bytes: ranges that are accepted are whole sectors of the volume. */
static void test_random(void **state)
{
    const VD_VOLUME *volume = volume_with_trim();
    struct test_random random;

    (void)state;
    test_random_seed(&random, 3);
    for (uint32_t i = 0; i < 50000; i++) {
        struct request request =
            make_request((uint32_t)test_random_below(&random, 2),
                         (uint32_t)test_random_below(&random, ROOM_BYTES), RANGE_BYTES);
        uint64_t offset, length;
        VD_TRIM trim;

        test_random_fill(&random, request.bytes + HEAD_BYTES, ROOM_BYTES - HEAD_BYTES);
        if (parse(volume, &request, test_random_below(&random, ROOM_BYTES + 1), &trim) !=
            VD_STATUS_SUCCESS)
            continue;
        for (uint32_t range = 0; range < trim.RangeCount; range++) {
            if (VdTrimRange(volume, &trim, range, &offset, &length) == VD_STATUS_SUCCESS)
                assert_true((offset | length) % 512 == 0 && offset <= QUESTION_PART_BYTES &&
                            length <= QUESTION_PART_BYTES - offset);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_length),   cmocka_unit_test(test_every_place),
        cmocka_unit_test(test_other_requests), cmocka_unit_test(test_entire_volume),
        cmocka_unit_test(test_ranges),         cmocka_unit_test(test_large_sectors),
        cmocka_unit_test(test_random),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
