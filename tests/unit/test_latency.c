/* What the utility makes of the driver's latency histogram. */
#include "tests/support/cmocka_all.h"

#include "control/latency.h"

#include <string.h>

static void test_nothing(void **state)
{
    const struct virtualdisk_operations none = {0};
    unsigned first, end;

    (void)state;
    assert_int_equal(vdisk_latency_percentile(&none, 500), 0);
    assert_false(vdisk_latency_span(&none, &first, &end));
}

static void test_one_bucket(void **state)
{
    struct virtualdisk_operations operations = {0};
    unsigned first, end;

    (void)state;
    operations.latency[7] = 64; /* from 64 to 128 microseconds, one for each */
    assert_int_equal(vdisk_latency_percentile(&operations, 500), 96);
    assert_int_equal(vdisk_latency_percentile(&operations, 1000), 128);
    assert_int_equal(vdisk_latency_percentile(&operations, 1), 65);
    assert_true(vdisk_latency_span(&operations, &first, &end));
    assert_int_equal(first, 7);
    assert_int_equal(end, 8);
}

static void test_several_buckets(void **state)
{
    struct virtualdisk_operations operations = {0};
    unsigned first, end;

    (void)state;
    operations.latency[0] = 90; /* less than 1 microsecond */
    operations.latency[10] = 9;
    operations.latency[VIRTUALDISK_LATENCY_BUCKETS - 1] = 1;
    assert_int_equal(vdisk_latency_percentile(&operations, 900), 1);
    assert_int_equal(vdisk_latency_percentile(&operations, 990), 1024);
    assert_int_equal(vdisk_latency_percentile(&operations, 991), UINT64_C(1) << 27);
    assert_true(vdisk_latency_span(&operations, &first, &end));
    assert_int_equal(first, 0);
    assert_int_equal(end, VIRTUALDISK_LATENCY_BUCKETS);
}

static void test_large_counts(void **state)
{
    struct virtualdisk_operations operations = {0};

    (void)state;
    operations.latency[4] = UINT64_C(1) << 50;
    operations.latency[5] = UINT64_C(1) << 50;
    assert_int_equal(vdisk_latency_percentile(&operations, 500), 16);
    assert_int_equal(vdisk_latency_percentile(&operations, 750), 24);
}

static void test_text(void **state)
{
    char text[VDISK_LATENCY_TEXT_BYTES];

    (void)state;
    assert_string_equal(vdisk_latency_text(0, text), "0 us");
    assert_string_equal(vdisk_latency_text(999, text), "999 us");
    assert_string_equal(vdisk_latency_text(1000, text), "1.0 ms");
    assert_string_equal(vdisk_latency_text(16384, text), "16.3 ms");
    assert_string_equal(vdisk_latency_text(134217728, text), "134.2 s");
    assert_string_equal(vdisk_latency_text(UINT64_MAX, text), "18446744073709.5 s");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_one_bucket),
        cmocka_unit_test(test_several_buckets),
        cmocka_unit_test(test_large_counts),
        cmocka_unit_test(test_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
