#include "tests/support/cmocka_all.h"

#include "virtualdisk/platform.h"
#include "virtualdisk/status.h"

#include <stdio.h>

static void test_every_code_has_words(void **state)
{
    (void)state;
    for (unsigned code = 0; code < VDISK_STATUS_COUNT; code++) {
        assert_true(strlen(vdisk_status_name(code)) > 0);
        assert_true(strlen(vdisk_status_text(code)) > 0);
        for (unsigned other = 0; other < code; other++)
            assert_string_not_equal(vdisk_status_name(code), vdisk_status_name(other));
    }
    assert_string_equal(vdisk_status_name(VDISK_CORRUPT), "corrupt");
    assert_string_equal(vdisk_status_name(VDISK_STATUS_COUNT), "unknown");
    assert_string_equal(vdisk_status_text((enum vdisk_status) - 1), "unknown error");
}

static void test_failing_fills_the_record(void **state)
{
    struct vdisk_error error;

    (void)state;
    memset(&error, 0xaa, sizeof error);
    assert_int_equal(
        vdisk_fail(&error, VDISK_CORRUPT, "a.img", "header", 4096, "checksum does not match"),
        VDISK_CORRUPT);
    assert_int_equal(error.status, VDISK_CORRUPT);
    assert_int_equal(error.native_code, 0);
    assert_int_equal(error.offset_bytes, 4096);
    assert_string_equal(error.structure, "header");
    assert_string_equal(error.reason, "checksum does not match");
    assert_string_equal(error.file, "a.img");
    assert_int_equal(vdisk_fail_native(&error, VDISK_IO, 5, NULL, VDISK_NO_OFFSET, NULL), VDISK_IO);
    assert_int_equal(error.native_code, 5);
    assert_true(error.offset_bytes == VDISK_NO_OFFSET);
    assert_string_equal(error.file, "");
    assert_int_equal(vdisk_fail(NULL, VDISK_IO, "a", "b", 0, "c"), VDISK_IO);
    assert_int_equal(vdisk_fail_native(NULL, VDISK_IO, 5, "a", 0, "c"), VDISK_IO);
}

static void test_long_names_keep_their_end(void **state)
{
    struct vdisk_error error;
    char name[300];

    (void)state;
    for (size_t length = VDISK_ERROR_FILE_BYTES - 3; length < sizeof name; length++) {
        memset(name, 'x', length);
        memcpy(name + length - 4, ".img", 5);
        vdisk_fail(&error, VDISK_IO, name, NULL, 0, NULL);
        if (length < VDISK_ERROR_FILE_BYTES) {
            assert_string_equal(error.file, name);
            continue;
        }
        assert_int_equal(strlen(error.file), VDISK_ERROR_FILE_BYTES - 1);
        assert_memory_equal(error.file, "...", 3);
        assert_string_equal(error.file + VDISK_ERROR_FILE_BYTES - 5, ".img");
    }
}

/* A name of two-byte characters is cut between them, wherever the limit falls. */
static void test_names_are_cut_between_characters(void **state)
{
    struct vdisk_error error;
    char name[2 * 100 + 3];

    (void)state;
    for (unsigned shift = 0; shift < 2; shift++) {
        size_t length = 0;

        memset(name, 0, sizeof name);
        for (unsigned i = 0; i < shift; i++)
            name[length++] = 'a';
        for (unsigned i = 0; i < 100; i++) {
            name[length++] = (char)0xc3;
            name[length++] = (char)0xa9;
        }
        name[length++] = shift == 0 ? 'z' : '\0'; /* so that both parities occur */
        vdisk_fail(&error, VDISK_IO, name, NULL, 0, NULL);
        assert_memory_equal(error.file, "...\xc3\xa9", 5);
        assert_true(strlen(error.file) >= VDISK_ERROR_FILE_BYTES - 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_code_has_words),
        cmocka_unit_test(test_failing_fills_the_record),
        cmocka_unit_test(test_long_names_keep_their_end),
        cmocka_unit_test(test_names_are_cut_between_characters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
