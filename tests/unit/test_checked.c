#include "tests/support/cmocka_all.h"

#include "engine/base/checked.h"
#include "engine/base/endian.h"

static void test_sums_that_fit(void **state)
{
    uint64_t result = 0;

    (void)state;
    assert_true(vdisk_add_u64(1, 2, &result));
    assert_int_equal(result, 3);
    assert_true(vdisk_add_u64(UINT64_MAX, 0, &result));
    assert_true(result == UINT64_MAX);
    assert_true(vdisk_add_u64(UINT64_MAX - 5, 5, &result));
    assert_true(result == UINT64_MAX);
    assert_true(vdisk_sub_u64(5, 5, &result));
    assert_int_equal(result, 0);
    assert_true(vdisk_mul_u64(0, UINT64_MAX, &result));
    assert_int_equal(result, 0);
    assert_true(vdisk_mul_u64(UINT32_MAX, UINT32_MAX, &result));
    assert_true(result == UINT64_C(0xfffffffe00000001));
}

static void test_results_that_do_not_fit_change_nothing(void **state)
{
    uint64_t result = 77;

    (void)state;
    assert_false(vdisk_add_u64(UINT64_MAX, 1, &result));
    assert_false(vdisk_add_u64(UINT64_MAX / 2 + 1, UINT64_MAX / 2 + 1, &result));
    assert_false(vdisk_sub_u64(4, 5, &result));
    assert_false(vdisk_mul_u64(UINT64_MAX, 2, &result));
    assert_false(vdisk_mul_u64(2, UINT64_MAX, &result));
    assert_false(vdisk_mul_u64(UINT64_C(1) << 32, UINT64_C(1) << 32, &result));
    assert_false(vdisk_align_up(UINT64_MAX - 2, 512, &result));
    assert_int_equal(result, 77);
}

static void test_ranges(void **state)
{
    (void)state;
    assert_true(vdisk_range_within(0, 0, 0));
    assert_true(vdisk_range_within(10, 0, 10));
    assert_true(vdisk_range_within(0, 10, 10));
    assert_false(vdisk_range_within(11, 0, 10));
    assert_false(vdisk_range_within(1, 10, 10));
    assert_false(vdisk_range_within(1, UINT64_MAX, 10));
    assert_false(vdisk_range_within(UINT64_MAX, UINT64_MAX, UINT64_MAX));
    assert_true(vdisk_ranges_overlap(0, 2, 1, 2));
    assert_true(vdisk_ranges_overlap(1, 2, 0, 2));
    assert_true(vdisk_ranges_overlap(0, UINT64_MAX, UINT64_MAX - 1, 5));
    assert_false(vdisk_ranges_overlap(0, 2, 2, 2));
    assert_false(vdisk_ranges_overlap(2, 2, 0, 2));
    assert_false(vdisk_ranges_overlap(0, 0, 0, 2));
    assert_false(vdisk_ranges_overlap(1, 2, 2, 0));
}

static void test_units(void **state)
{
    uint64_t aligned = 0;

    (void)state;
    assert_true(vdisk_is_power_of_two(1));
    assert_true(vdisk_is_power_of_two(UINT64_C(1) << 63));
    assert_false(vdisk_is_power_of_two(0));
    assert_false(vdisk_is_power_of_two(12));
    assert_true(vdisk_is_aligned(0, 512));
    assert_false(vdisk_is_aligned(511, 512));
    assert_true(vdisk_align_down(1023, 512) == 512);
    assert_true(vdisk_align_up(1, 512, &aligned) && aligned == 512);
    assert_true(vdisk_align_up(512, 512, &aligned) && aligned == 512);
    assert_true(vdisk_align_up(0, 512, &aligned) && aligned == 0);
    assert_true(vdisk_div_up(0, 7) == 0);
    assert_true(vdisk_div_up(7, 7) == 1);
    assert_true(vdisk_div_up(8, 7) == 2);
    assert_true(vdisk_div_up(UINT64_MAX, 1) == UINT64_MAX);
    assert_true(vdisk_div_up(UINT64_MAX, 2) == UINT64_MAX / 2 + 1);
    assert_true(vdisk_min_u64(1, 2) == 1 && vdisk_max_u64(1, 2) == 2);
}

/* At odd addresses, which the undefined-behaviour sanitizer watches. */
static void test_byte_order(void **state)
{
    static const unsigned char bytes[] = {0, 1, 2, 3, 4, 5, 6, 7, 0x88};
    unsigned char stored[9];

    (void)state;
    assert_int_equal(vdisk_load_le16(bytes + 1), 0x0201);
    assert_int_equal(vdisk_load_be16(bytes + 1), 0x0102);
    assert_true(vdisk_load_le32(bytes + 1) == 0x04030201);
    assert_true(vdisk_load_be32(bytes + 1) == 0x01020304);
    assert_true(vdisk_load_le32(bytes + 5) == 0x88070605);
    assert_true(vdisk_load_le64(bytes + 1) == UINT64_C(0x8807060504030201));
    assert_true(vdisk_load_be64(bytes + 1) == UINT64_C(0x0102030405060788));
    memset(stored, 0, sizeof stored);
    vdisk_store_le64(stored + 1, UINT64_C(0x8807060504030201));
    assert_memory_equal(stored, bytes, sizeof bytes);
    vdisk_store_be64(stored + 1, UINT64_C(0x0102030405060788));
    assert_memory_equal(stored, bytes, sizeof bytes);
    vdisk_store_le32(stored + 1, 0x04030201);
    vdisk_store_be32(stored + 5, 0x05060788);
    assert_memory_equal(stored, bytes, sizeof bytes);
    vdisk_store_le16(stored + 1, 0x0201);
    vdisk_store_be16(stored + 3, 0x0304);
    assert_memory_equal(stored, bytes, sizeof bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums_that_fit),
        cmocka_unit_test(test_results_that_do_not_fit_change_nothing),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_units),
        cmocka_unit_test(test_byte_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
