/* CDs: what is taken for one, and where its last sector ends. */
#include "tests/format/format_fixture.h"

#include "engine/base/endian.h"
#include "engine/probe.h"

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
    put_u32(store, VOLUME_OFFSET + 128, SECTOR);
    return store;
}

static void expect_format(struct vdisk_memory_store *store, const char *expected)
{
    struct vdisk_file *file;
    const struct vdisk_format *format;

    assert_int_equal(vdisk_file_memory_open(store, "x.iso", 1, true, &file, NULL), VDISK_OK);
    assert_int_equal(vdisk_probe_choose(file, NULL, &format, NULL), VDISK_OK);
    assert_string_equal(format->name, expected);
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
    put_u32(store, ANCHOR_OFFSET + 4, 3); /* the sum of the others */
    put_u32(store, ANCHOR_OFFSET + 12, 256);
    expect_format(store, "iso");
    store = make_file(1 << 20); /* UDF of a hard disk: the anchor is elsewhere */
    put_text(store, VOLUME_OFFSET + 1, "BEA01\1");
    put_text(store, VOLUME_OFFSET + SECTOR + 1, "NSR02\1");
    expect_format(store, "raw");
}

static void put_boot_mark(struct vdisk_memory_store *store)
{
    static const unsigned char mark[] = {0x55, 0xaa};

    fixture_poke(store, 510, mark, sizeof mark);
}

/* A partition of the boot record, in sectors of 512 bytes. */
static void put_partition(struct vdisk_memory_store *store, uint32_t index, unsigned char type,
                          uint32_t first, uint32_t count)
{
    const uint64_t entry = 446 + 16 * (uint64_t)index;

    put_boot_mark(store);
    fixture_poke(store, entry + 4, &type, 1);
    put_u32(store, entry + 8, first);
    put_u32(store, entry + 12, count);
}

/* CDs that boot from a stick, too: as isohybrid, xorriso and SUSE make them. */
static void test_hybrids_are_cds(void **state)
{
    struct vdisk_memory_store *store = make_iso(1 << 20);

    (void)state;
    put_boot_mark(store); /* a boot record without partitions */
    expect_format(store, "iso");
    store = make_iso(1 << 20);
    put_partition(store, 0, 0x17, 0, 2048);
    expect_format(store, "iso");
    store = make_iso(1 << 20);
    put_partition(store, 0, 0, 64, 1984);
    put_partition(store, 1, 0xef, 2048, 4096); /* appended, and what is added later */
    expect_format(store, "iso");
    store = make_iso(1 << 20);
    put_partition(store, 0, 0xef, 200, 200);
    put_partition(store, 1, 0x17, 400, 1648);
    expect_format(store, "iso");
}

/* Disks that held the image of a CD once, and have partitions or a volume of their own now. */
static void test_former_cds_are_disks(void **state)
{
    struct vdisk_memory_store *store = make_iso(1 << 20);

    (void)state;
    fixture_set_size(store, 64 << 20);
    put_partition(store, 0, 7, 2048, 129024);
    expect_format(store, "raw");
    store = make_iso(1 << 20);
    fixture_set_size(store, 64 << 20);
    put_partition(store, 3, 7, UINT32_MAX, UINT32_MAX);
    expect_format(store, "raw");
}

static void put_gpt(struct vdisk_memory_store *store, uint32_t first, uint32_t last)
{
    put_partition(store, 0, 0xee, 1, UINT32_MAX);
    put_text(store, 512, "EFI PART");
    put_u32(store, 512 + 72, 2);
    put_u32(store, 512 + 84, 128);
    put_text(store, 1024, "type");
    put_u32(store, 1024 + 32, first);
    put_u32(store, 1024 + 40, last);
}

static void test_gpts_tell_hybrids_from_disks(void **state)
{
    struct vdisk_memory_store *store = make_iso(1 << 20);

    (void)state;
    put_gpt(store, 64, 2014);
    expect_format(store, "iso");
    store = make_iso(1 << 20);
    fixture_set_size(store, 64 << 20);
    put_gpt(store, 2048, 131038);
    expect_format(store, "raw");
}

/* A volume that stores a piece of a CD's image where a CD would have it. */
static void test_volumes_are_disks(void **state)
{
    static const char fat[] = "\xeb\x3c\x90mkfs.fat\0\2\4\4\0\2\0\2\0\0\xf8";
    static const char ntfs[] = "\xeb\x52\x90NTFS    ";
    static const char grub[] = "\xeb\x63\x90\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    struct vdisk_memory_store *store = make_iso(1 << 20);

    (void)state;
    put_boot_mark(store);
    fixture_poke(store, 0, fat, sizeof fat);
    expect_format(store, "raw");
    store = make_iso(1 << 20);
    put_boot_mark(store);
    fixture_poke(store, 0, ntfs, sizeof ntfs);
    expect_format(store, "raw");
    store = make_iso(1 << 20);
    put_boot_mark(store);
    fixture_poke(store, 0, grub, sizeof grub);
    expect_format(store, "iso");
}

/* What is in a container may be a CD: it is a container all the same. */
static void test_containers_come_first(void **state)
{
    struct vdisk_memory_store *store = make_iso(1 << 20);

    (void)state;
    put_text(store, (1 << 20) - 512, "conectix");
    expect_format(store, "vhd");
    store = make_iso(1 << 20);
    put_text(store, (1 << 20) - 8, "NERO");
    expect_format(store, "nrg");
}

/* A guest may write a CD onto a raw disk: nothing is refused, then or later. */
static void test_raw_disks_may_become_cds(void **state)
{
    struct vdisk_memory_store *store = make_file(1 << 20);
    struct vdisk_image *image = fixture_open(store, NULL, true);
    unsigned char sectors[SECTOR] = "\1CD001\1";

    (void)state;
    assert_int_equal(
        vdisk_disk_write(vdisk_image_disk(image), VOLUME_OFFSET, sectors, SECTOR, NULL), VDISK_OK);
    memset(sectors, 0, sizeof sectors);
    assert_int_equal(vdisk_disk_write(vdisk_image_disk(image), 0, sectors, SECTOR, NULL), VDISK_OK);
    assert_int_equal(vdisk_image_close(image, NULL), VDISK_OK);
    image = fixture_open(store, "raw", true);
    assert_false(vdisk_image_disk(image)->optical);
    assert_int_equal(vdisk_image_close(image, NULL), VDISK_OK);
    expect_format(store, "iso");
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
    fixture_expect_refusal(store, "iso", VDISK_INVALID, "CD", VDISK_NO_OFFSET, "the file is empty");
    vdisk_memory_store_destroy(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_a_cd),
        cmocka_unit_test(test_hybrids_are_cds),
        cmocka_unit_test(test_former_cds_are_disks),
        cmocka_unit_test(test_gpts_tell_hybrids_from_disks),
        cmocka_unit_test(test_volumes_are_disks),
        cmocka_unit_test(test_containers_come_first),
        cmocka_unit_test(test_raw_disks_may_become_cds),
        cmocka_unit_test(test_the_last_sector_is_padded),
        cmocka_unit_test(test_refusals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
