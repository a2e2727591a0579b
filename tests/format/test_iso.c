/* CDs: what is taken for one, and where its last sector ends. */
#include "tests/format/format_fixture.h"

#include "engine/base/endian.h"

#include <stdlib.h>

#define SECTOR        2048u
#define VOLUME_OFFSET 32768u
#define ANCHOR_OFFSET 524288u

static struct vdisk_memory_store *make_file(uint64_t size_bytes)
{
    struct vdisk_memory_store *store = vdisk_memory_store_create();

    assert_non_null(store);
    fixture_set_size(store, size_bytes);
    return store;
}

static void put_text(struct vdisk_memory_store *store, uint64_t offset_bytes, const char *text)
{
    fixture_poke(store, offset_bytes, text, strlen(text));
}

static void put_u32(struct vdisk_memory_store *store, uint64_t offset_bytes, uint32_t value)
{
    unsigned char bytes[4];

    vdisk_store_le32(bytes, value);
    fixture_poke(store, offset_bytes, bytes, sizeof bytes);
}

static struct vdisk_memory_store *make_iso(uint64_t size_bytes)
{
    struct vdisk_memory_store *store = make_file(size_bytes);

    put_text(store, VOLUME_OFFSET, "\1CD001\1");
    put_u32(store, VOLUME_OFFSET + 80, (uint32_t)(size_bytes / SECTOR));
    return store;
}

static void expect_format(struct vdisk_memory_store *store, const char *expected)
{
    struct vdisk_file *file;
    const char *format;

    assert_int_equal(vdisk_file_memory_open(store, "x.iso", 1, true, &file, NULL), VDISK_OK);
    assert_int_equal(vdisk_image_probe(file, &format, NULL), VDISK_OK);
    assert_string_equal(format, expected);
    vdisk_file_close(file);
    vdisk_memory_store_destroy(store);
}

static void test_what_is_a_cd(void **state)
{
    struct vdisk_memory_store *store;

    (void)state;
    expect_format(make_iso(1 << 20), "iso");
    expect_format(make_file(1 << 20), "raw");
    store = make_file(1 << 20); /* UDF alone */
    put_text(store, VOLUME_OFFSET + 1, "BEA01\1");
    put_text(store, VOLUME_OFFSET + SECTOR + 1, "NSR02\1");
    put_u32(store, ANCHOR_OFFSET, 2);
    put_u32(store, ANCHOR_OFFSET + 12, 256);
    expect_format(store, "iso");
    store = make_file(1 << 20); /* UDF of a hard disk: the anchor is elsewhere */
    put_text(store, VOLUME_OFFSET + 1, "BEA01\1");
    put_text(store, VOLUME_OFFSET + SECTOR + 1, "NSR02\1");
    expect_format(store, "raw");
}

/* Both have a boot record; one is a CD that boots from a stick, the other was a CD once. */
static void test_cds_with_a_boot_record(void **state)
{
    static const unsigned char mark[] = {0x55, 0xaa};
    struct vdisk_memory_store *hybrid = make_iso(1 << 20);
    struct vdisk_memory_store *former = make_iso(1 << 20);

    (void)state;
    fixture_poke(hybrid, 510, mark, sizeof mark);
    put_u32(hybrid, 446 + 12, 2048);
    expect_format(hybrid, "iso");
    fixture_set_size(former, 64 << 20);
    fixture_poke(former, 510, mark, sizeof mark);
    put_u32(former, 446 + 12, 2048);
    expect_format(former, "raw");
}

static void test_the_last_sector_is_padded(void **state)
{
    static const uint32_t beyond[] = {0, 1, 511, 512, 513, 1536, 2047};

    (void)state;
    for (size_t i = 0; i < sizeof beyond / sizeof beyond[0]; i++) {
        const uint64_t size = (1 << 20) + beyond[i];
        struct vdisk_memory_store *store = make_iso(size);
        struct vdisk_image *image;
        struct vdisk_disk *disk;
        unsigned char sector[SECTOR];

        put_text(store, size - 3, "end");
        image = fixture_open(store, NULL, false);
        disk = vdisk_image_disk(image);
        assert_true(disk->optical && disk->read_only);
        assert_int_equal(disk->logical_sector_bytes, SECTOR);
        assert_int_equal(disk->size_bytes, (size + SECTOR - 1) / SECTOR * SECTOR);
        assert_int_equal(
            vdisk_disk_read(disk, disk->size_bytes - SECTOR, sector, sizeof sector, NULL),
            VDISK_OK);
        if (beyond[i] >= 3)
            assert_memory_equal(sector + beyond[i] - 3, "end", 3);
        for (uint32_t at = beyond[i]; beyond[i] != 0 && at < SECTOR; at++)
            assert_int_equal(sector[at], 0);
        assert_int_equal(vdisk_image_close(image, NULL), VDISK_OK);
        vdisk_memory_store_destroy(store);
    }
}

static void test_refusals(void **state)
{
    struct vdisk_memory_store *store = make_file(0);

    (void)state;
    fixture_expect_refusal(store, "iso", VDISK_INVALID, "CD", VDISK_NO_OFFSET,
                           "the file is empty, or too large");
    vdisk_memory_store_destroy(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_a_cd),
        cmocka_unit_test(test_cds_with_a_boot_record),
        cmocka_unit_test(test_the_last_sector_is_padded),
        cmocka_unit_test(test_refusals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
