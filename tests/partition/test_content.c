/* Contents that no tool here makes, those that lie about themselves, and labels that would harm. */
#include "tests/support/cmocka_all.h"

#include "engine/base/endian.h"
#include "engine/partition/label.h"
#include "virtualdisk/content.h"
#include "virtualdisk/layer.h"

#include <string.h>

#define DISK_BYTES   (UINT64_C(4) << 20)
#define MFT_OFFSET   16384u
#define RECORD_BYTES 1024u

static struct vdisk_disk *disk;
static struct vdisk_content content;

static void open_disk(uint64_t size_bytes)
{
    const struct vdisk_memory_options options = {
        .size_bytes = size_bytes, .logical_sector_bytes = 512, .limit_bytes = UINT64_MAX};

    assert_int_equal(vdisk_memory_open(&options, &disk, NULL), VDISK_OK);
}

static int set_up(void **state)
{
    (void)state;
    open_disk(DISK_BYTES);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return vdisk_disk_close(disk, NULL) == VDISK_OK ? 0 : -1;
}

/* Inside of one sector. */
static void put(uint64_t offset, const void *bytes, size_t count)
{
    unsigned char sector[512];
    const uint64_t begin = offset / 512 * 512;

    assert_int_equal(vdisk_disk_read(disk, begin, sector, 512, NULL), VDISK_OK);
    memcpy(sector + (offset - begin), bytes, count);
    assert_int_equal(vdisk_disk_write(disk, begin, sector, 512, NULL), VDISK_OK);
}

static void expect_content(const char *name, const char *label)
{
    assert_int_equal(vdisk_content_recognize(disk, &content, NULL), VDISK_OK);
    if (name == NULL)
        assert_null(content.name);
    else
        assert_string_equal(content.name, name);
    assert_string_equal(content.label, label);
}

static void test_marks(void **state)
{
    static const unsigned char to_go[] = {0x3b, 0xd6, 0x67, 0x49, 0x29, 0x2e, 0xd8, 0x4a,
                                          0x83, 0x99, 0xf6, 0xa3, 0x39, 0xe3, 0xd0, 0x01};
    static const struct {
        const char *name;
        uint64_t offset;
        const void *bytes;
        size_t count;
    } marks[] = {
        {"ReFS", 3, "ReFS\0\0\0\0", 8},     {"BitLocker", 3, "-FVE-FS-", 8},
        {"BitLocker", 424, to_go, 16},      {"APFS", 32, "NXSB", 4},
        {"LVM2", 24, "LVM2 001", 8},        {"LVM2", 512 + 24, "LVM2 001", 8},
        {"LVM2", 1536 + 24, "LVM2 001", 8}, {"HFS+", 1024, "H+\0\4", 4},
        {"HFS+", 1024, "HX\0\5", 4},        {"Linux RAID", 4096, "\xfc\x4e\x2b\xa9\1\0\0\0", 8},
        {NULL, 0, "LUKS\xba\xbe\0\3", 8},   {NULL, 24, "LVM2 002", 8},
    };

    (void)state;
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        assert_int_equal(vdisk_disk_zero(disk, 0, DISK_BYTES, NULL), VDISK_OK);
        put(0, "\xeb", 1);
        put(510, "\x55\xaa", 2);
        put(marks[i].offset, marks[i].bytes, marks[i].count);
        expect_content(marks[i].name, "");
        assert_false(content.empty);
    }
}

/* A file system's boot sector is believed before what is left of an older one further back. */
static void test_order_of_trust(void **state)
{
    (void)state;
    put(65536 + 64, "_BHRfS_M", 8);
    put(65536 + 299, "old", 3);
    expect_content("Btrfs", "old");
    put(1024 + 56, "\x53\xef", 2);
    put(1024 + 120, "ext", 3);
    put(3, "NTFS    ", 8);
    expect_content("NTFS", "");
}

static void test_short_disks(void **state)
{
    static const uint64_t sizes[] = {512, 1024, 4096, 65536, 73216};

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        assert_int_equal(vdisk_disk_close(disk, NULL), VDISK_OK);
        open_disk(sizes[i]);
        expect_content(NULL, "");
        assert_true(content.empty);
        put(sizes[i] - 1, "x", 1);
        expect_content(NULL, "");
        assert_false(content.empty);
    }
}

/* FAT whose fields point everywhere: the label of the boot sector is left. */
static void test_fat_that_points_astray(void **state)
{
    unsigned char boot[512] = {0xeb, 0x3c, 0x90};

    (void)state;
    vdisk_store_le16(boot + 11, 4096);
    boot[13] = 128;
    vdisk_store_le16(boot + 14, 0xffff);
    boot[16] = 2;
    boot[21] = 0xf8;
    vdisk_store_le32(boot + 32, 0xffffffff);
    vdisk_store_le32(boot + 36, 0x70000000);
    vdisk_store_le32(boot + 44, 0xffffffff);
    boot[66] = 0x29;
    memcpy(boot + 71, "BOOT LABEL ", 11);
    vdisk_store_le16(boot + 510, 0xaa55);
    put(0, boot, sizeof boot);
    expect_content("FAT32", "BOOT LABEL");
    vdisk_store_le32(boot + 44, 0);
    boot[66] = 0x28;
    put(0, boot, sizeof boot);
    expect_content("FAT32", "");
}

/* NTFS with a record of $Volume, which a test then spoils. */
static void put_ntfs(const unsigned char *record)
{
    unsigned char boot[512] = {0xeb, 0x52, 0x90, 'N', 'T', 'F', 'S', ' ', ' ', ' ', ' '};

    vdisk_store_le16(boot + 11, 512);
    boot[13] = 8;
    vdisk_store_le64(boot + 48, MFT_OFFSET / 4096);
    boot[64] = 0xf6; /* 2^10 */
    vdisk_store_le16(boot + 510, 0xaa55);
    put(0, boot, sizeof boot);
    assert_int_equal(
        vdisk_disk_write(disk, MFT_OFFSET + 3 * RECORD_BYTES, record, RECORD_BYTES, NULL),
        VDISK_OK);
}

static void make_volume_record(unsigned char record[RECORD_BYTES])
{
    memset(record, 0, RECORD_BYTES);
    memcpy(record, "FILE", 4);
    vdisk_store_le16(record + 4, 48); /* check numbers */
    vdisk_store_le16(record + 6, 3);
    vdisk_store_le16(record + 20, 488); /* attributes, up to and over the end of a sector */
    vdisk_store_le32(record + 488, 0x60);
    vdisk_store_le32(record + 492, 48);
    vdisk_store_le32(record + 504, 6);  /* bytes of the name */
    vdisk_store_le16(record + 508, 24); /* where it begins */
    memcpy(record + 488 + 24, "b\0c\0d\0", 6);
    vdisk_store_le32(record + 488 + 48, 0xffffffff);
    vdisk_store_le16(record + 48, 7);
    vdisk_store_le16(record + 50, vdisk_load_le16(record + 510));
    vdisk_store_le16(record + 52, vdisk_load_le16(record + 1022));
    vdisk_store_le16(record + 510, 7);
    vdisk_store_le16(record + 1022, 7);
}

static void test_ntfs_label(void **state)
{
    unsigned char record[RECORD_BYTES];

    (void)state;
    make_volume_record(record);
    put_ntfs(record);
    expect_content("NTFS", "bcd");
}

static void test_ntfs_records_that_lie(void **state)
{
    static const struct {
        uint32_t offset;
        uint32_t value;
        uint32_t bytes;
    } flaws[] = {
        {0, 0, 4},
        {4, 1020, 2},
        {4, 0xffff, 2},
        {6, 0, 2},
        {6, 4, 2},
        {6, 0xffff, 2},
        {510, 8, 2},
        {1022, 8, 2},
        {20, 1001, 2},
        {20, 0xffff, 2},
        {488, 0x70, 4},
        {492, 0, 4},
        {492, 23, 4},
        {492, 537, 4},
        {492, 0xffffffff, 4},
        {504, 25, 4},
        {504, 0xffffffff, 4},
        {508, 43, 2},
        {508, 0xffff, 2},
        {496, 1, 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof flaws / sizeof flaws[0]; i++) {
        unsigned char record[RECORD_BYTES], value[4];

        make_volume_record(record);
        vdisk_store_le32(value, flaws[i].value);
        memcpy(record + flaws[i].offset, value, flaws[i].bytes);
        put_ntfs(record);
        expect_content("NTFS", "");
    }
}

/* Boot sectors of which the record's place or size makes no sense. */
static void test_ntfs_that_points_astray(void **state)
{
    static const struct {
        uint16_t sector_bytes;
        uint8_t cluster_sectors;
        uint8_t record;
        uint64_t mft;
    } flaws[] = {
        {512, 8, 0xf6, UINT64_MAX},
        {512, 8, 0xf6, UINT64_MAX / 4096},
        {512, 8, 0xf6, DISK_BYTES / 4096},
        {0xffff, 0x81, 0x7f, 4},
        {0, 0, 0, 4},
        {512, 8, 0x80, 4},
        {512, 8, 0xf7, 4},
        {512, 8, 0xf0, 4},
        {512, 8, 3, 4},
    };
    unsigned char record[RECORD_BYTES], boot[512];

    (void)state;
    make_volume_record(record);
    put_ntfs(record);
    for (size_t i = 0; i < sizeof flaws / sizeof flaws[0]; i++) {
        assert_int_equal(vdisk_disk_read(disk, 0, boot, sizeof boot, NULL), VDISK_OK);
        vdisk_store_le16(boot + 11, flaws[i].sector_bytes);
        boot[13] = flaws[i].cluster_sectors;
        vdisk_store_le64(boot + 48, flaws[i].mft);
        boot[64] = flaws[i].record;
        put(0, boot, sizeof boot);
        expect_content("NTFS", "");
    }
}

static void test_udf_that_lies(void **state)
{
    unsigned char tag[512] = {0};

    (void)state;
    put(32769, "BEA01", 5);
    put(34817, "NSR03", 5);
    expect_content("UDF", "");
    assert_true(content.optical);
    vdisk_store_le16(tag, 2);
    vdisk_store_le32(tag + 12, 256);
    vdisk_store_le32(tag + 16, 0xffffffff);
    vdisk_store_le32(tag + 20, 0xffffff00); /* beyond the end, and beyond 32 bits */
    tag[4] = 2 + 1;
    put(256 * 2048, tag, sizeof tag);
    expect_content("UDF", "");
}

static void expect_utf8(const char *from, const char *to)
{
    char text[16];

    vdisk_label_from_utf8((const unsigned char *)from, strlen(from), text, sizeof text);
    assert_string_equal(text, to);
}

static void test_labels_do_no_harm(void **state)
{
    static const uint16_t units[] = {'a',    0x1b,   0xd800, 'b', 0xdc00, 0xd83d, 0xde00,
                                     0x202e, 0x0085, 0xd83d, 'c', ' ',    0,      'x'};
    char text[32];

    (void)state;
    expect_utf8("Gr\xc3\xb6\xc3\x9f"
                "e  ",
                "Gr\xc3\xb6\xc3\x9f"
                "e");
    expect_utf8("a\x1b[31m\x7f\n", "a?[31m??");
    expect_utf8("\xc2\x9b"
                "31m \xe2\x80\xae",
                "?31m ?");
    expect_utf8("\xc3"
                "a\xff\xed\xa0\x80",
                "?a????");
    expect_utf8("123456789012345", "123456789012345");
    expect_utf8("1234567890123456", "123456789012345");
    expect_utf8("12345678901234\xc3\xb6", "12345678901234"); /* a letter that does not fit */
    vdisk_label_from_ascii((const unsigned char *)"A\x84\x1b ", 4, text, sizeof text);
    assert_string_equal(text, "A??");
    vdisk_label_from_utf16(units, sizeof units / sizeof units[0], text, sizeof text);
    assert_string_equal(text, "a??b?\xf0\x9f\x98\x80???c");
    vdisk_label_from_utf16(units + 5, 2, text, 5);
    assert_string_equal(text, "\xf0\x9f\x98\x80");
    vdisk_label_from_utf16(units + 5, 2, text, 4);
    assert_string_equal(text, "");
    vdisk_label_from_utf16(units + 5, 1, text, sizeof text);
    assert_string_equal(text, "?");
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_marks),
        CASE(test_order_of_trust),
        CASE(test_short_disks),
        CASE(test_fat_that_points_astray),
        CASE(test_ntfs_label),
        CASE(test_ntfs_records_that_lie),
        CASE(test_ntfs_that_points_astray),
        CASE(test_udf_that_lies),
        CASE(test_labels_do_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
