/* Identifiers: text in and out, byte orders, randomness. */
#include "tests/support/cmocka_all.h"

#include "engine/base/guid.h"

static const unsigned char bat_region[VDISK_GUID_BYTES] = {
    0x66, 0x77, 0xc2, 0x2d, 0x23, 0xf6, 0x00, 0x42, 0x9d, 0x64, 0x11, 0x5e, 0x9b, 0xfd, 0x4a, 0x08};

static void test_text_both_ways(void **state)
{
    unsigned char guid[VDISK_GUID_BYTES];
    char text[VDISK_GUID_TEXT_BYTES];

    (void)state;
    vdisk_guid_to_text(bat_region, VDISK_GUID_LE, text);
    assert_string_equal(text, "2dc27766-f623-4200-9d64-115e9bfd4a08");
    assert_true(vdisk_guid_from_text(text, VDISK_GUID_LE, guid));
    assert_memory_equal(guid, bat_region, sizeof guid);
    assert_true(
        vdisk_guid_from_text("{2DC27766-F623-4200-9D64-115E9BFD4A08}", VDISK_GUID_LE, guid));
    assert_memory_equal(guid, bat_region, sizeof guid);
    assert_true(vdisk_guid_from_text(text, VDISK_GUID_BE, guid));
    assert_int_equal(guid[0], 0x2d);
    assert_int_equal(guid[4], 0xf6);
    vdisk_guid_to_text(guid, VDISK_GUID_BE, text);
    assert_string_equal(text, "2dc27766-f623-4200-9d64-115e9bfd4a08");
}

static void test_other_text_is_refused(void **state)
{
    static const char *const wrong[] = {
        "",
        "{}",
        "2dc27766",
        "2dc27766-f623-4200-9d64-115e9bfd4a0",
        "2dc27766-f623-4200-9d64-115e9bfd4a080",
        "2dc27766-f623-4200-9d64-115e9bfd4a0g",
        "2dc27766xf623-4200-9d64-115e9bfd4a08",
        "{2dc27766-f623-4200-9d64-115e9bfd4a08",
        "(2dc27766-f623-4200-9d64-115e9bfd4a08)",
    };
    unsigned char guid[VDISK_GUID_BYTES];

    (void)state;
    memcpy(guid, bat_region, sizeof guid);
    for (size_t index = 0; index < sizeof wrong / sizeof wrong[0]; index++) {
        assert_false(vdisk_guid_from_text(wrong[index], VDISK_GUID_LE, guid));
        assert_memory_equal(guid, bat_region, sizeof guid);
    }
}

static void test_new_ones_differ(void **state)
{
    unsigned char a[VDISK_GUID_BYTES], b[VDISK_GUID_BYTES];

    (void)state;
    vdisk_guid_make(a, VDISK_GUID_LE);
    vdisk_guid_make(b, VDISK_GUID_BE);
    assert_memory_not_equal(a, b, sizeof a);
    assert_false(vdisk_guid_is_zero(a));
    assert_int_equal(a[7] >> 4, 4);
    assert_int_equal(b[6] >> 4, 4);
    assert_int_equal(a[8] >> 6, 2);
    memset(a, 0, sizeof a);
    assert_true(vdisk_guid_is_zero(a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_both_ways),
        cmocka_unit_test(test_other_text_is_refused),
        cmocka_unit_test(test_new_ones_differ),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
