/* CRC-32C against published values, and in pieces. */
#include "tests/support/cmocka_all.h"

#include "engine/base/crc32c.h"

static void test_known_values(void **state)
{
    unsigned char bytes[32];

    (void)state;
    assert_int_equal(vdisk_crc32c(0, "", 0), 0);
    assert_int_equal(vdisk_crc32c(0, "123456789", 9), 0xe3069283);
    memset(bytes, 0, sizeof bytes); /* the values of RFC 3720, B.4 */
    assert_int_equal(vdisk_crc32c(0, bytes, sizeof bytes), 0x8a9136aa);
    memset(bytes, 0xff, sizeof bytes);
    assert_int_equal(vdisk_crc32c(0, bytes, sizeof bytes), 0x62a8ab43);
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)i;
    assert_int_equal(vdisk_crc32c(0, bytes, sizeof bytes), 0x46dd794e);
}

static void test_pieces(void **state)
{
    static const char text[] = "the whole and the sum of its parts are the same here";
    const size_t length = sizeof text - 1;
    const uint32_t whole = vdisk_crc32c(0, text, length);

    (void)state;
    for (size_t first = 0; first <= length; first++)
        assert_int_equal(vdisk_crc32c(vdisk_crc32c(0, text, first), text + first, length - first),
                         whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_values),
        cmocka_unit_test(test_pieces),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
