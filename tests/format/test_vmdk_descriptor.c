/* The descriptor of a VMDK: what is read, what is refused and in which words, how it is changed. */
#include "engine/format/vmdk/vmdk_descriptor.h"
#include "engine/format/vmdk/vmdk_text.h"
#include "tests/support/cmocka_all.h"

#include <stdlib.h>

static enum vdisk_status parse(const char *text, struct vmdk_descriptor **descriptor,
                               struct vdisk_error *error)
{
    return vmdk_descriptor_parse(text, (uint32_t)strlen(text), "disk.vmdk", 512, descriptor, error);
}

static void reads_what_others_write(void **state)
{
    static const char text[] = "# Disk DescriptorFile\r\n"
                               "version=1\r\n"
                               "CID=A454774a \r\n"
                               "parentcid = 0000beef\r\n"
                               "createType=\"twoGbMaxExtentSparse\" \r\n"
                               "parentFileNameHint=\"..\\base disk.vmdk\"\r\n"
                               "\r\n"
                               "# Extent description\r\n"
                               "RW 4192256 SPARSE \"my disk-s001.vmdk\"\r\n"
                               "  rdonly  63  FLAT  'x'.bin  2048\r\n"
                               "RW 1 ZERO\r\n"
                               "ddb.adapterType = \"ide\"\0 garbage after the end";
    struct vmdk_descriptor *descriptor;
    struct vdisk_error error;

    (void)state;
    assert_int_equal(vmdk_descriptor_parse(text, sizeof text, "disk.vmdk", 0, &descriptor, &error),
                     VDISK_OK);
    assert_int_equal(descriptor->content_id, 0xa454774a);
    assert_int_equal(descriptor->parent_content_id, 0xbeef);
    assert_string_equal(descriptor->create_type, "twoGbMaxExtentSparse");
    assert_string_equal(descriptor->parent_hint, "..\\base disk.vmdk");
    assert_int_equal(descriptor->extent_count, 3);
    assert_int_equal(descriptor->sectors, 4192256 + 63 + 1);
    assert_string_equal(descriptor->extents[0].name, "my disk-s001.vmdk");
    assert_false(descriptor->extents[0].read_only);
    assert_int_equal(descriptor->extents[1].type, VMDK_TYPE_FLAT);
    assert_true(descriptor->extents[1].read_only);
    assert_int_equal(descriptor->extents[1].file_sector, 2048);
    assert_int_equal(descriptor->extents[2].type, VMDK_TYPE_ZERO);
    assert_null(descriptor->extents[2].name);
    vmdk_descriptor_free(descriptor);
}

static void refuses_what_is_hostile(void **state)
{
    static const struct {
        const char *text;
        enum vdisk_status status;
        const char *reason;
        uint64_t offset_bytes;
    } cases[] = {
        {"version=1\nRW 1 FLAT \"/etc/passwd\" 0\n", VDISK_ACCESS,
         "an extent is not a file in the folder of the descriptor", 522},
        {"RW 1 FLAT \"..\" 0\n", VDISK_ACCESS,
         "an extent is not a file in the folder of the descriptor", 512},
        {"RW 1 FLAT \"a\\b\"\n", VDISK_ACCESS,
         "an extent is not a file in the folder of the descriptor", 512},
        {"RW 1 FLAT \"a.txt:stream\"\n", VDISK_ACCESS,
         "an extent is not a file in the folder of the descriptor", 512},
        {"RW 1 FLAT \"\"\n", VDISK_ACCESS,
         "an extent is not a file in the folder of the descriptor", 512},
        {"RW 1 FLAT \"unclosed\n", VDISK_CORRUPT, "an extent's name is missing or not ended", 512},
        {"RW 1 SPARSE\n", VDISK_CORRUPT, "an extent's name is missing or not ended", 512},
        {"RW 1\n", VDISK_CORRUPT, "an extent's line is incomplete", 512},
        {"RW 0 ZERO\n", VDISK_CORRUPT, "an extent's size is not a number of sectors", 512},
        {"RW -1 ZERO\n", VDISK_CORRUPT, "an extent's size is not a number of sectors", 512},
        {"RW 99999999999999999999 ZERO\n", VDISK_CORRUPT,
         "an extent's size is not a number of sectors", 512},
        {"RW 9223372036854775807 ZERO\n", VDISK_CORRUPT, "the extents are larger than any disk",
         512},
        {"RW 1 FLAT \"a\" x\n", VDISK_CORRUPT, "an extent's offset is not a number of sectors",
         512},
        {"RW 1 VMFSRAW \"a\"\n", VDISK_UNSUPPORTED,
         "an extent is of a kind that is not a file, or unknown", 512},
        {"NOACCESS 1 ZERO\n", VDISK_UNSUPPORTED, "an extent is marked as not accessible", 512},
        {"encoding=\"windows-1252\"\nRW 1 FLAT \"\xe4\"\n", VDISK_UNSUPPORTED,
         "an extent's name is in an encoding other than UTF-8", 536},
        {"CID=xyz\n", VDISK_CORRUPT, "the CID is not a hexadecimal number", 512},
        {"parentCID=123456789\n", VDISK_CORRUPT, "the parentCID is not a hexadecimal number", 512},
        {"version=9\n", VDISK_UNSUPPORTED, "the version is not 1 to 4", 512},
        {"createType=\"open\n", VDISK_CORRUPT, "a quotation mark is not closed", 512},
        {"\n\nnonsense\n", VDISK_CORRUPT, "a line is neither an extent nor a value", 514},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct vmdk_descriptor *descriptor = NULL;
        struct vdisk_error error;

        assert_int_equal(parse(cases[i].text, &descriptor, &error), cases[i].status);
        assert_string_equal(error.reason, cases[i].reason);
        assert_string_equal(error.structure, "VMDK descriptor");
        assert_string_equal(error.file, "disk.vmdk");
        assert_int_equal(error.offset_bytes, cases[i].offset_bytes);
    }
}

static void bounds_its_size(void **state)
{
    struct vmdk_descriptor *descriptor;
    struct vdisk_error error;
    char *text = malloc(VMDK_TEXT_BYTES_MAX + 1);
    uint32_t length = 0;

    (void)state;
    assert_non_null(text);
    memset(text, '#', VMDK_TEXT_BYTES_MAX);
    text[VMDK_TEXT_BYTES_MAX] = '\0';
    assert_int_equal(parse(text, &descriptor, &error), VDISK_UNSUPPORTED);
    assert_string_equal(error.reason, "it is larger than 64 KiB");
    for (uint32_t i = 0; i <= VMDK_EXTENTS_MAX; i++) {
        memcpy(text + length, "RW 1 ZERO\n", 10);
        length += 10;
    }
    text[length] = '\0';
    assert_int_equal(parse(text, &descriptor, &error), VDISK_UNSUPPORTED);
    assert_string_equal(error.reason, "the disk has more than 512 extents");
    text[length - 10] = '\0';
    assert_int_equal(parse(text, &descriptor, &error), VDISK_OK);
    assert_int_equal(descriptor->extent_count, VMDK_EXTENTS_MAX);
    vmdk_descriptor_free(descriptor);
    free(text);
}

static bool probes(const char *text)
{
    return vmdk_descriptor_probe((const unsigned char *)text, (uint32_t)strlen(text));
}

static void knows_one_by_its_beginning(void **state)
{
    (void)state;
    assert_true(probes("# Disk DescriptorFile\n"));
    assert_true(probes("\n  # disk descriptorfile"));
    assert_true(probes("# made by hand\r\n\r\nversion=1\n"));
    assert_false(probes(""));
    assert_false(probes("#"));
    assert_false(probes("# a shell script\necho"));
    assert_false(probes("versions"));
}

static void changes_values(void **state)
{
    char bytes[128] = "version=1\nCID = 1\r\nRW 7 SPARSE \"a\"\n";
    struct vmdk_text text = {bytes, sizeof bytes, (uint32_t)strlen(bytes), false};

    (void)state;
    assert_true(vmdk_text_set(&text, "cid", "0123abcd", "version"));
    assert_string_equal(bytes, "version=1\nCID =0123abcd\r\nRW 7 SPARSE \"a\"\n");
    assert_true(vmdk_text_set(&text, "parentCID", "5", "CID"));
    assert_string_equal(bytes, "version=1\nCID =0123abcd\nparentCID=5\r\nRW 7 SPARSE \"a\"\n");
    assert_true(vmdk_text_set_sectors(&text, 123456));
    assert_non_null(strstr(bytes, "\nRW 123456 SPARSE \"a\"\n"));
    assert_true(vmdk_text_set(&text, "version", "", ""));
    assert_int_equal(strlen(bytes), text.length);
    text.room_bytes = text.length + 3;
    assert_false(vmdk_text_set(&text, "CID", "0123abcd99999", "version"));
    assert_int_equal(strlen(bytes), text.length);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_others_write), cmocka_unit_test(refuses_what_is_hostile),
        cmocka_unit_test(bounds_its_size),         cmocka_unit_test(knows_one_by_its_beginning),
        cmocka_unit_test(changes_values),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
