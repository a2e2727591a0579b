/* VDI: what is refused and in which words, what is found and repaired, how often it flushes. */
#include "engine/base/endian.h"
#include "tests/format/format_fixture.h"

#define DISK_BYTES  ((uint64_t)1 << 20)
#define BLOCK_BYTES (16u << 10)
#define TABLE_AT    ((uint64_t)1 << 20)

static const struct vdisk_create_options dynamic_options = {
    .format = "vdi", .size_bytes = DISK_BYTES, .block_bytes = BLOCK_BYTES};

static void poke_le32(struct vdisk_memory_store *store, uint64_t offset, uint32_t value)
{
    unsigned char bytes[4];

    vdisk_store_le32(bytes, value);
    fixture_poke(store, offset, bytes, sizeof bytes);
}

static uint32_t peek_le32(struct vdisk_memory_store *store, uint64_t offset)
{
    unsigned char bytes[4];

    fixture_peek(store, offset, bytes, sizeof bytes);
    return vdisk_load_le32(bytes);
}

static void test_header_faults(void **context)
{
    static const struct {
        uint64_t offset;
        uint32_t value;
        enum vdisk_status status;
        const char *reason;
    } cases[] = {
        {64, 0, VDISK_WRONG_FORMAT, "the signature is missing"},
        {68, 0x00020001, VDISK_UNSUPPORTED, "only version 1 is supported"},
        {68, 0x00000002, VDISK_UNSUPPORTED, "only version 1 is supported"},
        {72, 383, VDISK_CORRUPT, "the header is too short"},
        {76, 3, VDISK_UNSUPPORTED, "undo images are not supported"},
        {76, 0, VDISK_CORRUPT, "the type is none of dynamic, fixed and differencing"},
        {76, 9, VDISK_CORRUPT, "the type is none of dynamic, fixed and differencing"},
        {340, 72, VDISK_CORRUPT, "the block map would lie in the header"},
        {344, 0x100000, VDISK_CORRUPT, "the data would lie in the block map"},
        {340, 0xfffffff0, VDISK_CORRUPT, "the data would lie in the block map"},
        {372, 0x80000000, VDISK_CORRUPT, "the size of the disk makes no sense"},
        {372, 1, VDISK_CORRUPT, "the block map has fewer entries than the disk has blocks"},
        {376, 0, VDISK_CORRUPT, "the block size is no power of two"},
        {376, 3000, VDISK_CORRUPT, "the block size is no power of two"},
        {376, 1, VDISK_UNSUPPORTED,
         "blocks of less than 4 KiB or more than 1 GiB are not supported"},
        {376, 0x80000000, VDISK_UNSUPPORTED,
         "blocks of less than 4 KiB or more than 1 GiB are not supported"},
        {380, 3, VDISK_CORRUPT, "the blocks' extra size is no power of two, or too large"},
        {380, 0x80000000, VDISK_CORRUPT, "the blocks' extra size is no power of two, or too large"},
        {384, 0, VDISK_CORRUPT, "the block map has fewer entries than the disk has blocks"},
        {384, 0xffffffff, VDISK_UNSUPPORTED, "block maps of more than 256 MiB are not supported"},
    };

    (void)context;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct vdisk_memory_store *store = fixture_create(&dynamic_options);

        poke_le32(store, cases[i].offset, cases[i].value);
        fixture_expect_refusal(store, "vdi", cases[i].status, "VDI header", 0, cases[i].reason);
        vdisk_memory_store_destroy(store);
    }
}

static void test_short_file(void **context)
{
    struct vdisk_memory_store *store = fixture_create(&dynamic_options);

    (void)context;
    fixture_set_size(store, TABLE_AT + 4);
    fixture_expect_refusal(store, "vdi", VDISK_CORRUPT, "VDI header", 0,
                           "the block map reaches beyond the end of the file");
    fixture_set_size(store, 100);
    fixture_expect_refusal(store, "vdi", VDISK_CORRUPT, "VDI header", 0,
                           "the block size is no power of two");
    vdisk_memory_store_destroy(store);
}

/* A wrong entry spoils its block, and makes the image read-only. */
static void test_entry_faults(void **context)
{
    static const uint32_t cases[] = {1, 2, 0x7fffffff, 0xfffffffd};
    unsigned char sector[512];

    (void)context;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct vdisk_memory_store *store = fixture_create(&dynamic_options);
        struct vdisk_image *image;
        struct vdisk_error error;

        fixture_write(store, "vdi", 0, BLOCK_BYTES, 0x5a);
        poke_le32(store, TABLE_AT + 8, cases[i]);
        image = fixture_open(store, "vdi", true);
        assert_true(vdisk_image_disk(image)->read_only);
        assert_int_equal(vdisk_disk_read(vdisk_image_disk(image), 0, sector, 512, NULL), VDISK_OK);
        assert_int_equal(sector[0], 0x5a);
        assert_int_equal(
            vdisk_disk_read(vdisk_image_disk(image), 2 * BLOCK_BYTES, sector, 512, &error),
            VDISK_CORRUPT);
        assert_string_equal(error.structure, "VDI block map");
        assert_int_equal(error.offset_bytes, TABLE_AT + 8);
        assert_string_equal(error.reason, "an entry points beyond the blocks of the file");
        vdisk_image_close(image, NULL);
        fixture_expect_findings(store, "vdi", false, 1, 0);
        vdisk_memory_store_destroy(store);
    }
}

static void test_repair(void **context)
{
    struct vdisk_memory_store *store = fixture_create(&dynamic_options);

    (void)context;
    fixture_write(store, "vdi", 0, 3 * BLOCK_BYTES, 0x5a);
    poke_le32(store, TABLE_AT + 20, 1000);      /* far beyond the end */
    poke_le32(store, TABLE_AT + 8, 0xffffffff); /* leaves the last block to nobody */
    poke_le32(store, 388, 99);                  /* the number of blocks, a hint */
    fixture_expect_findings(store, "vdi", false, 1, 1);
    fixture_expect_findings(store, "vdi", true, 0, 0);
    fixture_expect_findings(store, "vdi", false, 0, 0);
    assert_int_equal(peek_le32(store, 388), 2);
    vdisk_memory_store_destroy(store);
}

static void test_shared_blocks(void **context)
{
    struct vdisk_memory_store *store = fixture_create(&dynamic_options);
    struct vdisk_image *image;

    (void)context;
    fixture_write(store, "vdi", 0, 3 * BLOCK_BYTES, 0x5a);
    poke_le32(store, TABLE_AT + 5 * 4, 1);
    fixture_expect_findings(store, "vdi", false, 1, 0);
    image = fixture_open(store, "vdi", true);
    assert_true(vdisk_image_disk(image)->read_only);
    vdisk_image_close(image, NULL);
    vdisk_memory_store_destroy(store);
}

/* A slot that nothing points to is used when there are none behind the last one, as zeros. */
static void test_holes(void **context)
{
    struct vdisk_memory_store *store = fixture_create(&dynamic_options);
    const uint32_t last = (uint32_t)(DISK_BYTES / BLOCK_BYTES) - 1;

    (void)context;
    fixture_write(store, "vdi", 0, DISK_BYTES, 0x5a);
    poke_le32(store, TABLE_AT + 4 * 7, 0xffffffff);
    poke_le32(store, TABLE_AT + 4 * 9, 0xfffffffe);
    fixture_expect_findings(store, "vdi", false, 0, 1);
    fixture_write(store, "vdi", 9 * BLOCK_BYTES, 512, 0x11);
    fixture_write(store, "vdi", 7 * BLOCK_BYTES + 512, 512, 0x22);
    fixture_expect_findings(store, "vdi", false, 0, 0);
    fixture_expect_byte(store, "vdi", 9 * BLOCK_BYTES, 0x11);
    fixture_expect_byte(store, "vdi", 9 * BLOCK_BYTES + 512, 0);
    fixture_expect_byte(store, "vdi", 7 * BLOCK_BYTES, 0);
    fixture_expect_byte(store, "vdi", 7 * BLOCK_BYTES + 512, 0x22);
    fixture_expect_byte(store, "vdi", (uint64_t)last * BLOCK_BYTES, 0x5a);
    vdisk_memory_store_destroy(store);
}

/* The identity of the contents changes with every session that writes, and with no other. */
static void test_content_identity(void **context)
{
    struct vdisk_memory_store *store = fixture_create(&dynamic_options);
    unsigned char before[16], after[16];

    (void)context;
    fixture_peek(store, 408, before, sizeof before);
    vdisk_image_close(fixture_open(store, "vdi", true), NULL);
    fixture_peek(store, 408, after, sizeof after);
    assert_memory_equal(before, after, sizeof after);
    fixture_write(store, "vdi", 0, 512, 1);
    fixture_peek(store, 408, after, sizeof after);
    assert_memory_not_equal(before, after, sizeof after);
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
    options.block_bytes = 100000;
    fixture_expect_no_creation(&options, "the block size is no power of two from 4 KiB to 1 GiB");
    options = dynamic_options;
    options.logical_sector_bytes = 4096;
    fixture_expect_no_creation(&options, "a VDI has sectors of 512 bytes");
    options = dynamic_options;
    options.size_bytes = (uint64_t)1 << 50;
    fixture_expect_no_creation(&options, "the disk has too many blocks: use larger ones");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_header_faults),    cmocka_unit_test(test_short_file),
        cmocka_unit_test(test_entry_faults),     cmocka_unit_test(test_repair),
        cmocka_unit_test(test_shared_blocks),    cmocka_unit_test(test_holes),
        cmocka_unit_test(test_content_identity), cmocka_unit_test(test_flush_count),
        cmocka_unit_test(test_options),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
