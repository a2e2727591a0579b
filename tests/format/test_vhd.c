/* VHD: what is refused and in which words, what is found and repaired, how often it flushes. */
#include "engine/base/endian.h"
#include "engine/format/vhd/vhd_footer.h"
#include "engine/format/vhd/vhd_header.h"
#include "tests/format/format_fixture.h"

#define DISK_BYTES  ((uint64_t)1 << 20)
#define BLOCK_BYTES (64u << 10)
#define HEADER_AT   512u
#define TABLE_AT    1536u
#define FIRST_BLOCK 3584u /* its bitmap; the data begins at 4096 */

static const struct vdisk_create_options dynamic_options = {
    .format = "vhd", .size_bytes = DISK_BYTES, .block_bytes = BLOCK_BYTES};

/* Makes both footers' checksum right after a change. */
static void seal_footers(struct vdisk_memory_store *store)
{
    unsigned char footer[512];

    fixture_peek(store, 0, footer, sizeof footer);
    vdisk_store_be32(footer + 64, vhd_checksum(footer, sizeof footer, 64));
    fixture_poke(store, 0, footer, sizeof footer);
    fixture_poke(store, vdisk_memory_store_size(store) - 512, footer, sizeof footer);
}

static void seal_header(struct vdisk_memory_store *store)
{
    unsigned char header[1024];

    fixture_peek(store, HEADER_AT, header, sizeof header);
    vdisk_store_be32(header + 36, vhd_checksum(header, sizeof header, 36));
    fixture_poke(store, HEADER_AT, header, sizeof header);
}

static void poke_be32(struct vdisk_memory_store *store, uint64_t offset, uint32_t value)
{
    unsigned char bytes[4];

    vdisk_store_be32(bytes, value);
    fixture_poke(store, offset, bytes, sizeof bytes);
}

static void poke_be64(struct vdisk_memory_store *store, uint64_t offset, uint64_t value)
{
    poke_be32(store, offset, (uint32_t)(value >> 32));
    poke_be32(store, offset + 4, (uint32_t)value);
}

static void test_geometry(void **context)
{
    static const struct {
        uint64_t size_bytes;
        uint32_t geometry; /* cylinders << 16 | heads << 8 | sectors */
    } cases[] = {
        {UINT64_C(10) << 20, 301u << 16 | 4 << 8 | 17},
        {UINT64_C(512) << 20, 1040u << 16 | 16 << 8 | 63},
        {UINT64_C(2040) << 30, 65535u << 16 | 16 << 8 | 255},
        {512, 0u << 16 | 4 << 8 | 17},
    };
    unsigned char footer[VHD_FOOTER_BYTES];

    (void)context;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        vhd_footer_make(footer, VHD_FIXED, cases[i].size_bytes);
        assert_int_equal(vdisk_load_be32(footer + 56), cases[i].geometry);
    }
}

static void test_footer_faults(void **context)
{
    static const struct {
        uint64_t offset; /* of 4 bytes in the footer */
        uint32_t value;
        const char *reason;
    } cases[] = {
        {60, 0, "the type of the disk is none of fixed, dynamic and differencing"},
        {60, 5, "the type of the disk is none of fixed, dynamic and differencing"},
        {12, 0x00020000, "the version is not 1"},
        {52, 0x00100001, "the size of the disk is not a number of whole sectors"},
        {48, 0x00000200, "the disk is larger than 2040 GiB"},
    };

    (void)context;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct vdisk_memory_store *store = fixture_create(&dynamic_options);

        poke_be32(store, cases[i].offset, cases[i].value);
        seal_footers(store);
        fixture_expect_refusal(store, "vhd", VDISK_CORRUPT, "VHD footer copy", 0, cases[i].reason);
        vdisk_memory_store_destroy(store);
    }
}

static void test_header_faults(void **context)
{
    static const struct {
        uint64_t offset; /* of 4 bytes in the header */
        uint32_t value;
        const char *reason;
    } cases[] = {
        {0, 0, "the cookie is missing"},
        {24, 0, "the version is not 1"},
        {32, 0, "the block size is no power of two"},
        {32, 0x00210000, "the block size is no power of two"},
        {32, 512, "the block size is not between 64 KiB and 256 MiB"},
        {32, 0x80000000, "the block size is not between 64 KiB and 256 MiB"},
        {20, TABLE_AT + 4, "the block table does not begin at a sector"},
        {20, 0, "the block table overlaps the footer or the header"},
        {16, 1, "the block table reaches beyond the end of the file"},
        {28, 15, "the block table has fewer entries than the disk has blocks"},
        {28, 0xffffffff, "the block table reaches beyond the end of the file"},
    };

    (void)context;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct vdisk_memory_store *store = fixture_create(&dynamic_options);

        poke_be32(store, HEADER_AT + cases[i].offset, cases[i].value);
        seal_header(store);
        fixture_expect_refusal(store, "vhd", VDISK_CORRUPT, "VHD dynamic header", HEADER_AT,
                               cases[i].reason);
        fixture_expect_findings(store, "vhd", false, 1, 0);
        vdisk_memory_store_destroy(store);
    }
}

static void test_header_place(void **context)
{
    struct vdisk_memory_store *store = fixture_create(&dynamic_options);

    (void)context;
    poke_be64(store, 16, UINT64_MAX - 5);
    seal_footers(store);
    fixture_expect_refusal(store, "vhd", VDISK_CORRUPT, "VHD dynamic header", UINT64_MAX - 5,
                           "it lies beyond the end of the file");
    poke_be64(store, 16, 256);
    seal_footers(store);
    fixture_expect_refusal(store, "vhd", VDISK_CORRUPT, "VHD dynamic header", 256,
                           "the cookie is missing");
    vdisk_memory_store_destroy(store);
}

static void test_checksum(void **context)
{
    struct vdisk_memory_store *store = fixture_create(&dynamic_options);

    (void)context;
    poke_be32(store, HEADER_AT + 60, 1);
    fixture_expect_refusal(store, "vhd", VDISK_CORRUPT, "VHD dynamic header", HEADER_AT,
                           "the checksum does not match");
    vdisk_memory_store_destroy(store);
}

/* A wrong entry spoils its block, and no other. */
static void test_entry_faults(void **context)
{
    static const struct {
        uint32_t entry;
        const char *reason;
    } cases[] = {
        {0, "an entry points into the image's own structures"},
        {1, "an entry points into the image's own structures"},
        {3, "an entry points into the image's own structures"},
        {0x00100000, "an entry points beyond the end of the file"},
        {0xfffffffe, "an entry points beyond the end of the file"},
    };
    unsigned char sector[512];

    (void)context;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct vdisk_memory_store *store = fixture_create(&dynamic_options);
        struct vdisk_image *image;
        struct vdisk_error error;

        fixture_write(store, "vhd", 0, BLOCK_BYTES, 0x5a);
        poke_be32(store, TABLE_AT + 4, cases[i].entry);
        image = fixture_open(store, "vhd", true);
        assert_int_equal(vdisk_disk_read(vdisk_image_disk(image), 0, sector, 512, NULL), VDISK_OK);
        assert_int_equal(sector[0], 0x5a);
        assert_int_equal(vdisk_disk_read(vdisk_image_disk(image), BLOCK_BYTES, sector, 512, &error),
                         VDISK_CORRUPT);
        assert_string_equal(error.structure, "VHD block table");
        assert_int_equal(error.offset_bytes, TABLE_AT + 4);
        assert_string_equal(error.reason, cases[i].reason);
        assert_int_equal(
            vdisk_disk_write(vdisk_image_disk(image), BLOCK_BYTES, sector, 512, &error),
            VDISK_CORRUPT);
        vdisk_image_close(image, NULL);
        fixture_expect_findings(store, "vhd", false, 1, 0);
        vdisk_memory_store_destroy(store);
    }
}

static void test_repair_of_lost_block(void **context)
{
    struct vdisk_memory_store *store = fixture_create(&dynamic_options);

    (void)context;
    fixture_write(store, "vhd", 0, BLOCK_BYTES, 0x5a);
    poke_be32(store, TABLE_AT + 4, 0x00100000);
    fixture_expect_findings(store, "vhd", true, 0, 0);
    fixture_expect_findings(store, "vhd", false, 0, 0);
    vdisk_memory_store_destroy(store);
}

static void test_shared_blocks(void **context)
{
    struct vdisk_memory_store *store = fixture_create(&dynamic_options);

    (void)context;
    fixture_write(store, "vhd", 0, 3 * BLOCK_BYTES, 0x5a);
    poke_be32(store, TABLE_AT + 5 * 4, FIRST_BLOCK / 512);
    fixture_expect_findings(store, "vhd", false, 1, 0);
    poke_be32(store, TABLE_AT + 5 * 4, 0xffffffff);
    poke_be32(store, TABLE_AT + 4, 200); /* reaches into the third block */
    fixture_expect_findings(store, "vhd", false, 1, 0);
    vdisk_memory_store_destroy(store);
}

static void test_leak(void **context)
{
    struct vdisk_memory_store *store = fixture_create(&dynamic_options);
    uint64_t size;

    (void)context;
    fixture_write(store, "vhd", 0, 3 * BLOCK_BYTES, 0x5a);
    size = vdisk_memory_store_size(store);
    poke_be32(store, TABLE_AT + 2 * 4, 0xffffffff);
    fixture_expect_findings(store, "vhd", false, 0, 1);
    fixture_expect_findings(store, "vhd", true, 0, 0);
    assert_true(vdisk_memory_store_size(store) + BLOCK_BYTES <= size);
    fixture_expect_findings(store, "vhd", false, 0, 0);
    vdisk_memory_store_destroy(store);
}

static uint32_t peek_be32(struct vdisk_memory_store *store, uint64_t offset)
{
    unsigned char bytes[4];

    fixture_peek(store, offset, bytes, sizeof bytes);
    return vdisk_load_be32(bytes);
}

static void discard(struct vdisk_memory_store *store, uint64_t offset_bytes, uint64_t length_bytes)
{
    struct vdisk_image *image = fixture_open(store, "vhd", true);

    assert_int_equal(vdisk_image_disk(image)->discard_bytes, BLOCK_BYTES);
    assert_int_equal(vdisk_disk_discard(vdisk_image_disk(image), offset_bytes, length_bytes, NULL),
                     VDISK_OK);
    assert_int_equal(vdisk_image_close(image, NULL), VDISK_OK);
}

/* In a later session, on a host without holes: what the place held before must not be seen. */
static void test_a_freed_place_is_used_again(void **context)
{
    struct vdisk_memory_store *store = fixture_create(&dynamic_options);
    uint64_t size;
    uint32_t place;

    (void)context;
    vdisk_memory_store_forbid_holes(store);
    fixture_write(store, "vhd", 0, 4 * BLOCK_BYTES, 0x5a);
    size = vdisk_memory_store_size(store);
    place = peek_be32(store, TABLE_AT + 4);
    discard(store, 512, 3 * BLOCK_BYTES - 1024); /* the second block is whole, no other */
    assert_int_equal(peek_be32(store, TABLE_AT), FIRST_BLOCK / 512);
    assert_int_equal(peek_be32(store, TABLE_AT + 4), 0xffffffff);
    assert_int_not_equal(peek_be32(store, TABLE_AT + 8), 0xffffffff);
    fixture_expect_byte(store, "vhd", BLOCK_BYTES, 0);
    fixture_expect_byte(store, "vhd", BLOCK_BYTES - 1, 0x5a);
    fixture_expect_byte(store, "vhd", 2 * BLOCK_BYTES, 0x5a);
    assert_int_equal(vdisk_memory_store_size(store), size);
    fixture_expect_findings(store, "vhd", false, 0, 0);
    fixture_write(store, "vhd", 7 * BLOCK_BYTES + 1024, 512, 0x33);
    assert_int_equal(peek_be32(store, TABLE_AT + 7 * 4), place);
    assert_int_equal(vdisk_memory_store_size(store), size);
    fixture_expect_byte(store, "vhd", 7 * BLOCK_BYTES, 0);
    fixture_expect_byte(store, "vhd", 7 * BLOCK_BYTES + 1024, 0x33);
    fixture_expect_byte(store, "vhd", 8 * BLOCK_BYTES - 1, 0);
    fixture_expect_byte(store, "vhd", BLOCK_BYTES, 0);
    discard(store, 2 * BLOCK_BYTES, 2 * BLOCK_BYTES); /* the last ones: the file gets shorter */
    assert_true(vdisk_memory_store_size(store) + 2 * BLOCK_BYTES <= size);
    fixture_expect_findings(store, "vhd", false, 0, 0);
    vdisk_memory_store_destroy(store);
}

/* Of two blocks that share a place one is freed: the other still needs it. */
static void test_a_shared_place_is_not_used_again(void **context)
{
    struct vdisk_memory_store *store = fixture_create(&dynamic_options);

    (void)context;
    fixture_write(store, "vhd", 0, 3 * BLOCK_BYTES, 0x5a);
    poke_be32(store, TABLE_AT + 5 * 4, FIRST_BLOCK / 512);
    discard(store, 0, BLOCK_BYTES);
    fixture_expect_byte(store, "vhd", 0, 0);
    fixture_write(store, "vhd", 8 * BLOCK_BYTES, BLOCK_BYTES, 0x33);
    fixture_expect_byte(store, "vhd", 5 * BLOCK_BYTES, 0x5a);
    fixture_expect_byte(store, "vhd", 6 * BLOCK_BYTES - 1, 0x5a);
    vdisk_memory_store_destroy(store);
}

static void test_differing_footers(void **context)
{
    struct vdisk_memory_store *store = fixture_create(&dynamic_options);
    unsigned char footer[512];

    (void)context;
    fixture_write(store, "vhd", 0, 512, 0x5a);
    vhd_footer_make(footer, VHD_DYNAMIC, 2 * DISK_BYTES);
    fixture_poke(store, vdisk_memory_store_size(store) - 512, footer, sizeof footer);
    fixture_expect_findings(store, "vhd", false, 1, 0);
    fixture_expect_findings(store, "vhd", true, 0, 0);
    fixture_expect_findings(store, "vhd", false, 0, 0);
    vdisk_memory_store_destroy(store);
}

/* The guest of a fixed disk writes what looks like the front of a dynamic one. */
static void test_fixed_stays_fixed(void **context)
{
    static const struct vdisk_create_options options = {
        .format = "vhd", .size_bytes = DISK_BYTES, .fixed = true};
    struct vdisk_memory_store *store = fixture_create(&options);
    struct vdisk_memory_store *dynamic = fixture_create(&dynamic_options);
    struct vdisk_image *image;
    struct vdisk_image_info info;
    unsigned char front[2048];

    (void)context;
    fixture_peek(dynamic, 0, front, sizeof front);
    fixture_poke(store, 0, front, sizeof front);
    image = fixture_open(store, NULL, false);
    assert_int_equal(vdisk_image_get_info(image, &info, NULL), VDISK_OK);
    assert_string_equal(info.subformat, "fixed");
    vdisk_image_close(image, NULL);
    vdisk_memory_store_destroy(dynamic);
    vdisk_memory_store_destroy(store);
}

static void test_old_footer(void **context)
{
    static const struct vdisk_create_options options = {
        .format = "vhd", .size_bytes = DISK_BYTES, .fixed = true};
    struct vdisk_memory_store *store = fixture_create(&options);
    struct vdisk_image *image;

    (void)context;
    fixture_set_size(store, DISK_BYTES + 511);
    image = fixture_open(store, NULL, true);
    assert_int_equal(vdisk_image_disk(image)->size_bytes, DISK_BYTES);
    vdisk_image_close(image, NULL);
    fixture_set_size(store, DISK_BYTES - 512);
    fixture_expect_refusal(store, "vhd", VDISK_WRONG_FORMAT, "VHD footer", DISK_BYTES - 1024,
                           "neither the end nor the beginning of the file holds one");
    vdisk_memory_store_destroy(store);
}

static void test_flush_count(void **context)
{
    (void)context;
    assert_in_range(fixture_count_flushes(&dynamic_options, DISK_BYTES, BLOCK_BYTES), 1, 2);
}

static void test_options(void **context)
{
    struct vdisk_create_options options = dynamic_options;

    (void)context;
    options.size_bytes = VHD_DISK_BYTES_MAX + 512;
    fixture_expect_no_creation(&options, "a VHD has at most 2040 GiB");
    options = dynamic_options;
    options.block_bytes = 100000;
    fixture_expect_no_creation(&options,
                               "the block size is no power of two from 64 KiB to 256 MiB");
    options = dynamic_options;
    options.logical_sector_bytes = 4096;
    fixture_expect_no_creation(&options, "a VHD has sectors of 512 bytes");
    options = dynamic_options;
    options.subformat = "sparse";
    fixture_expect_no_creation(&options,
                               "the kinds of this format are fixed, dynamic and differencing");
}

/* 2040 GiB: the last block can be written and read. */
static void test_largest(void **context)
{
    static const struct vdisk_create_options options = {.format = "vhd",
                                                        .size_bytes = VHD_DISK_BYTES_MAX};
    struct vdisk_memory_store *store = fixture_create(&options);

    (void)context;
    fixture_write(store, "vhd", VHD_DISK_BYTES_MAX - 512, 512, 0x77);
    fixture_expect_byte(store, "vhd", VHD_DISK_BYTES_MAX - 1, 0x77);
    fixture_expect_byte(store, "vhd", VHD_DISK_BYTES_MAX - 513, 0);
    fixture_expect_findings(store, "vhd", false, 0, 0);
    vdisk_memory_store_destroy(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_geometry),
        cmocka_unit_test(test_footer_faults),
        cmocka_unit_test(test_header_faults),
        cmocka_unit_test(test_header_place),
        cmocka_unit_test(test_checksum),
        cmocka_unit_test(test_entry_faults),
        cmocka_unit_test(test_repair_of_lost_block),
        cmocka_unit_test(test_shared_blocks),
        cmocka_unit_test(test_leak),
        cmocka_unit_test(test_a_freed_place_is_used_again),
        cmocka_unit_test(test_a_shared_place_is_not_used_again),
        cmocka_unit_test(test_differing_footers),
        cmocka_unit_test(test_fixed_stays_fixed),
        cmocka_unit_test(test_old_footer),
        cmocka_unit_test(test_flush_count),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_largest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
