/* Partition tables that contradict themselves, lead nowhere, or lead back. */
#include "tests/support/cmocka_all.h"

#include "engine/base/crc32.h"
#include "engine/base/endian.h"
#include "engine/partition/table.h"
#include "virtualdisk/layer.h"
#include "virtualdisk/partition.h"

#include <stdlib.h>

#define DISK_SECTORS 65536u
#define LAST_SECTOR  (DISK_SECTORS - 1)

struct entry {
    uint8_t type;
    uint32_t first;
    uint32_t count;
};

static struct vdisk_disk *disk;
static struct vdisk_partition_table table;

static int set_up(void **state)
{
    const struct vdisk_memory_options options = {.size_bytes = DISK_SECTORS * UINT64_C(512),
                                                 .logical_sector_bytes = 512,
                                                 .limit_bytes = UINT64_MAX};

    (void)state;
    return vdisk_memory_open(&options, &disk, NULL) == VDISK_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    vdisk_partitions_free(&table);
    vdisk_disk_close(disk, NULL);
    return 0;
}

static void put(uint64_t sector, const void *bytes)
{
    assert_int_equal(vdisk_disk_write(disk, sector * 512, bytes, 512, NULL), VDISK_OK);
}

/* A boot record, extended or not, of up to four entries. */
static void put_boot(uint64_t sector, const struct entry *entries, uint32_t count)
{
    unsigned char bytes[512] = {0};

    for (uint32_t i = 0; i < count; i++) {
        bytes[446 + i * 16 + 4] = entries[i].type;
        vdisk_store_le32(bytes + 446 + i * 16 + 8, entries[i].first);
        vdisk_store_le32(bytes + 446 + i * 16 + 12, entries[i].count);
    }
    bytes[510] = 0x55;
    bytes[511] = 0xaa;
    put(sector, bytes);
}

static enum vdisk_status read_table(struct vdisk_error *error)
{
    return vdisk_partitions_read(disk, &table, error);
}

static void expect_count(uint32_t count, bool noted)
{
    assert_int_equal(read_table(NULL), VDISK_OK);
    assert_int_equal(table.count, count);
    assert_int_equal(table.note_count != 0, noted);
}

static void test_nothing(void **state)
{
    unsigned char boot[512] = {0};

    (void)state;
    expect_count(0, false);
    assert_int_equal(table.style, VDISK_PARTITION_NONE);
    boot[510] = 0x55;
    boot[511] = 0xaa;
    put(0, boot);
    expect_count(0, false);
    assert_int_equal(table.style, VDISK_PARTITION_NONE);
}

/* The boot sector of a file system whose code looks like entries. */
static void test_file_system_is_no_table(void **state)
{
    const struct entry entry = {7, 2048, 1000};
    unsigned char boot[512];

    (void)state;
    put_boot(0, &entry, 1);
    assert_int_equal(vdisk_disk_read(disk, 0, boot, 512, NULL), VDISK_OK);
    boot[0] = 0xeb;
    memcpy(boot + 3, "NTFS    ", 8);
    put(0, boot);
    expect_count(0, false);
    assert_int_equal(table.style, VDISK_PARTITION_NONE);
}

static void test_impossible_entries(void **state)
{
    const struct entry ends[] = {{7, 2048, DISK_SECTORS - 2048}, {7, 2048, DISK_SECTORS - 2047}};
    const struct entry mixed[] = {{7, 2048, 4096},
                                  {7, 6143, 10},                        /* overlaps the first */
                                  {0x83, DISK_SECTORS - 1, 0xffffffff}, /* beyond the end */
                                  {0x83, 6144, 0}};                     /* empty */

    (void)state;
    put_boot(0, &ends[0], 1);
    expect_count(1, false);
    vdisk_partitions_free(&table);
    put_boot(0, &ends[1], 1);
    expect_count(0, true);
    vdisk_partitions_free(&table);
    put_boot(0, mixed, 4);
    expect_count(1, true);
    assert_int_equal(table.partitions[0].offset_bytes, 2048 * 512);
}

static void test_logical_drives(void **state)
{
    const struct entry primary[] = {{0x0f, 1000, 20000}, {7, 30000, 100}};
    const struct entry first[] = {{7, 63, 1000}, {5, 5000, 2000}};
    const struct entry second[] = {{0x83, 63, 1000}};

    (void)state;
    put_boot(0, primary, 2);
    put_boot(1000, first, 2);
    put_boot(6000, second, 1);
    expect_count(3, false);
    assert_int_equal(table.partitions[0].number, 2);
    assert_int_equal(table.partitions[1].number, 5);
    assert_int_equal(table.partitions[1].offset_bytes, 1063 * 512);
    assert_int_equal(table.partitions[2].number, 6);
    assert_int_equal(table.partitions[2].offset_bytes, 6063 * 512);
    assert_ptr_equal(vdisk_partition_find(&table, 6), &table.partitions[2]);
    assert_null(vdisk_partition_find(&table, 1));
}

static void test_chains_that_lead_astray(void **state)
{
    static const uint32_t links[] = {0, 5000, 19999, 20000, 0xffffffff};
    const struct entry primary = {5, 1000, 20000};

    (void)state;
    put_boot(0, &primary, 1);
    for (size_t i = 0; i < sizeof links / sizeof links[0]; i++) {
        const struct entry first[] = {{7, 63, 1000}, {5, 5000, 2000}};
        const struct entry second[] = {{0x83, 63, 1000}, {5, links[i], 1000}};

        put_boot(1000, first, 2);
        put_boot(6000, second, 2);
        expect_count(2, links[i] != 0); /* a link to nothing is the end */
        vdisk_partitions_free(&table);
    }
}

static void test_endless_chain(void **state)
{
    const struct entry primary = {5, 1000, 60000};

    (void)state;
    put_boot(0, &primary, 1);
    for (uint32_t i = 0; i < 300; i++) {
        const struct entry logical[] = {{7, 1, 10}, {5, (i + 1) * 20, 20}};

        put_boot(1000 + i * 20, logical, 2);
    }
    expect_count(128, true);
}

/* What cannot be followed is noted; the partitions beside it stay. */
static void test_extended_partitions_that_are_none(void **state)
{
    static const struct entry flawed[] = {
        {5, DISK_SECTORS, 1000}, {5, UINT32_MAX, UINT32_MAX}, {5, 0, 1000}, {5, 5000, 1000}};

    (void)state;
    for (size_t i = 0; i < sizeof flawed / sizeof flawed[0]; i++) {
        const struct entry primary[] = {{7, 2048, 100}, flawed[i], {7, 4096, 100}};

        put_boot(0, primary, 3);
        expect_count(2, true);
        assert_int_equal(table.style, VDISK_PARTITION_MBR);
        assert_int_equal(table.partitions[1].number, 3);
        vdisk_partitions_free(&table);
    }
}

static void test_several_extended_partitions(void **state)
{
    const struct entry primary[] = {{5, 1000, 1000}, {0x85, 3000, 1000}};
    const struct entry logical[] = {{7, 63, 100}};

    (void)state;
    put_boot(0, primary, 2);
    put_boot(1000, logical, 1);
    put_boot(3000, logical, 1);
    expect_count(1, true);
    assert_int_equal(table.partitions[0].offset_bytes, 1063 * 512);
}

/* The first logical drive was deleted: its record only links to the next. The order is free. */
static void test_records_without_drive(void **state)
{
    const struct entry primary = {5, 1000, 20000};
    const struct entry first[] = {{5, 5000, 2000}};
    const struct entry second[] = {{5, 8000, 2000}, {0, 0, 0}, {7, 63, 1000}};
    const struct entry third[] = {{7, 0, 1000}, {5, 9000, 2000}};
    const struct entry fourth[] = {{7, 63, 1000}};

    (void)state;
    put_boot(0, &primary, 1);
    put_boot(1000, first, 1);
    put_boot(6000, second, 3);
    put_boot(9000, third, 2); /* covers its own record */
    put_boot(10000, fourth, 1);
    expect_count(2, true);
    assert_int_equal(table.partitions[0].number, 5);
    assert_int_equal(table.partitions[0].offset_bytes, 6063 * 512);
    assert_int_equal(table.partitions[1].number, 7);
}

static void test_notes_are_bounded(void **state)
{
    const struct entry primary[] = {{7, DISK_SECTORS, 1}, {7, 10, 0}, {7, 0, 10}, {7, 20, 10}};
    struct vdisk_partition_table full = {0};

    (void)state;
    put_boot(0, primary, 4);
    expect_count(1, true);
    assert_int_equal(table.note_count, 3);
    for (uint32_t i = 0; i < 3; i++)
        vdisk_table_note(&full, "the same");
    assert_int_equal(full.note_count, 1);
    vdisk_table_note(&full, "b");
    vdisk_table_note(&full, "c");
    vdisk_table_note(&full, "d");
    vdisk_table_note(&full, "e");
    assert_int_equal(full.note_count, VDISK_PARTITION_NOTES_MAX);
}

struct gpt_spec {
    uint32_t header_bytes;
    uint64_t array_sector;
    uint32_t entry_count;
    uint32_t entry_bytes;
    uint64_t first;
    uint64_t last;
};

static const struct gpt_spec good_gpt = {92, 2, 128, 128, 2048, 4095};
static const struct gpt_spec good_second = {92, LAST_SECTOR - 32, 128, 128, 2048, 4095};

static void put_header(uint64_t sector, const struct gpt_spec *spec, uint32_t array_crc)
{
    unsigned char header[512] = "EFI PART";

    vdisk_store_le32(header + 8, 0x10000);
    vdisk_store_le32(header + 12, spec->header_bytes);
    vdisk_store_le64(header + 24, sector);
    vdisk_store_le64(header + 32, sector == 1 ? LAST_SECTOR : 1);
    vdisk_store_le64(header + 40, 34);
    vdisk_store_le64(header + 48, LAST_SECTOR - 33);
    vdisk_store_le64(header + 72, spec->array_sector);
    vdisk_store_le32(header + 80, spec->entry_count);
    vdisk_store_le32(header + 84, spec->entry_bytes);
    vdisk_store_le32(header + 88, array_crc);
    vdisk_store_le32(header + 16,
                     vdisk_crc32(0, header, spec->header_bytes > 512 ? 512 : spec->header_bytes));
    put(sector, header);
}

static void put_gpt(uint64_t header_sector, const struct gpt_spec *spec)
{
    const struct entry protective = {0xee, 1, LAST_SECTOR};
    unsigned char *array = calloc(1, 16384);

    assert_non_null(array);
    array[0] = 1;
    array[16] = 2;
    vdisk_store_le64(array + 32, spec->first);
    vdisk_store_le64(array + 40, spec->last);
    vdisk_store_le16(array + 56, 'a');
    put_boot(0, &protective, 1);
    if (spec->array_sector < DISK_SECTORS - 32)
        assert_int_equal(vdisk_disk_write(disk, spec->array_sector * 512, array, 16384, NULL),
                         VDISK_OK);
    put_header(header_sector, spec, vdisk_crc32(0, array, 16384));
    free(array);
}

/* Both copies, of which `first` may be flawed. */
static void put_both(const struct gpt_spec *first)
{
    put_gpt(LAST_SECTOR, &good_second);
    put_gpt(1, first);
}

static void expect_note(const char *beginning)
{
    assert_int_equal(read_table(NULL), VDISK_OK);
    assert_int_equal(table.note_count, 1);
    assert_memory_equal(table.notes[0], beginning, strlen(beginning));
    vdisk_partitions_free(&table);
}

static void flip_byte(uint64_t offset)
{
    unsigned char sector[512];

    assert_int_equal(vdisk_disk_read(disk, offset / 512 * 512, sector, 512, NULL), VDISK_OK);
    sector[offset % 512] ^= 0xff;
    put(offset / 512, sector);
}

static void test_gpt(void **state)
{
    char name[VDISK_PARTITION_TEXT_BYTES];

    (void)state;
    put_both(&good_gpt);
    expect_count(1, false);
    assert_int_equal(table.style, VDISK_PARTITION_GPT);
    assert_int_equal(table.partitions[0].offset_bytes, 2048 * 512);
    assert_int_equal(table.partitions[0].size_bytes, 2048 * 512);
    vdisk_partition_name(&table.partitions[0], name);
    assert_string_equal(name, "a");
}

/* Programs that know no GPT see a few of its partitions in the first sector; it counts for more. */
static void test_hybrid_record(void **state)
{
    const struct entry hybrid[] = {{7, 2048, 100}, {0xee, 1, 33}, {0xc, 3000, 100}};

    (void)state;
    put_both(&good_gpt);
    put_boot(0, hybrid, 3);
    expect_count(1, false);
    assert_int_equal(table.style, VDISK_PARTITION_GPT);
    assert_int_equal(table.partitions[0].size_bytes, 2048 * 512);
}

static void test_second_copy(void **state)
{
    static const uint64_t places[] = {512 + 0,  512 + 12, 512 + 16,  512 + 24,
                                      512 + 40, 512 + 91, 1024 + 56, 1024 + 16383};

    (void)state;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        put_both(&good_gpt);
        flip_byte(places[i]);
        expect_count(1, true);
        assert_int_equal(table.partitions[0].offset_bytes, 2048 * 512);
        vdisk_partitions_free(&table);
        expect_note("the first copy of the table is damaged");
        flip_byte(LAST_SECTOR * UINT64_C(512) + 16);
        assert_int_equal(read_table(NULL), VDISK_CORRUPT);
        assert_null(table.partitions);
    }
}

static void test_odd_second_copy(void **state)
{
    struct gpt_spec other = good_second;

    (void)state;
    put_both(&good_gpt);
    flip_byte(LAST_SECTOR * UINT64_C(512));
    expect_note("the second copy of the table is damaged");
    put_both(&good_gpt);
    flip_byte((LAST_SECTOR - 32) * UINT64_C(512) + 100);
    expect_note("the second copy of the table is damaged");
    other.first++;
    put_gpt(LAST_SECTOR, &other);
    expect_note("the two copies of the table differ");
}

/* Where the second copy is, when the disk has grown, only the first one says. */
static void test_disk_that_has_grown(void **state)
{
    const uint64_t old_last = 40000;
    struct gpt_spec second = good_second;
    unsigned char header[512];

    (void)state;
    second.array_sector = old_last - 32;
    put_gpt(old_last, &second);
    put_gpt(1, &good_gpt);
    assert_int_equal(vdisk_disk_read(disk, 512, header, 512, NULL), VDISK_OK);
    vdisk_store_le64(header + 32, old_last);
    vdisk_store_le32(header + 16, 0);
    vdisk_store_le32(header + 16, vdisk_crc32(0, header, 92));
    put(1, header);
    expect_note("the disk is longer");
    flip_byte(1024 + 40);
    expect_note("the first copy of the table is damaged");
}

static void test_missing_protective_record(void **state)
{
    const struct entry empty = {0, 0, 0};

    (void)state;
    put_both(&good_gpt);
    put_boot(0, &empty, 1);
    assert_int_equal(read_table(NULL), VDISK_OK);
    assert_int_equal(table.style, VDISK_PARTITION_NONE);
    assert_int_equal(table.note_count, 1);
}

static void expect_corrupt(const struct gpt_spec *spec)
{
    struct vdisk_error error;

    put_gpt(1, spec);
    assert_int_equal(read_table(&error), VDISK_CORRUPT);
    assert_string_equal(error.structure, "GPT header");
    assert_int_equal(error.offset_bytes, 512);
    assert_non_null(error.reason);
    assert_null(table.partitions);
}

static void test_impossible_headers(void **state)
{
    static const struct gpt_spec specs[] = {
        {91, 2, 128, 128, 2048, 4095},
        {513, 2, 128, 128, 2048, 4095},
        {0, 2, 128, 128, 2048, 4095},
        {0xffffffff, 2, 128, 128, 2048, 4095},
        {92, 2, 1025, 128, 2048, 4095},
        {92, 2, 0xffffffff, 128, 2048, 4095},
        {92, 2, 128, 0, 2048, 4095},
        {92, 2, 128, 127, 2048, 4095},
        {92, 2, 128, 129, 2048, 4095},
        {92, 2, 128, 0xfffffff8, 2048, 4095},
        {92, LAST_SECTOR, 128, 128, 2048, 4095},
        {92, UINT64_MAX, 128, 128, 2048, 4095},
    };

    (void)state;
    for (size_t i = 0; i < sizeof specs / sizeof specs[0]; i++)
        expect_corrupt(&specs[i]);
}

static void test_impossible_gpt_entries(void **state)
{
    static const uint64_t places[][2] = {
        {4095, 2048},
        {0, 100},
        {33, 100},
        {2048, LAST_SECTOR - 32}, /* one too many */
        {2048, UINT64_MAX},
        {0, UINT64_MAX},
        {LAST_SECTOR, LAST_SECTOR},
    };

    (void)state;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        struct gpt_spec spec = good_gpt;

        spec.first = places[i][0];
        spec.last = places[i][1];
        put_gpt(1, &spec);
        expect_count(0, true);
        vdisk_partitions_free(&table);
    }
}

static void test_gpt_entries_at_the_edges(void **state)
{
    static const uint64_t places[][2] = {{34, 34}, {34, LAST_SECTOR - 33}, {2048, 2048}};

    (void)state;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        struct gpt_spec spec = good_gpt;

        spec.first = places[i][0];
        spec.last = places[i][1];
        put_gpt(1, &spec);
        expect_count(1, true); /* the note is of the missing second copy */
        assert_int_equal(table.partitions[0].offset_bytes, places[i][0] * 512);
        assert_int_equal(table.partitions[0].size_bytes, (places[i][1] - places[i][0] + 1) * 512);
        vdisk_partitions_free(&table);
    }
}

/* A table in the midst of the disk, under a partition that the header calls usable. */
static void test_partition_over_its_table(void **state)
{
    struct gpt_spec spec = good_gpt;

    (void)state;
    spec.array_sector = 3000;
    put_gpt(1, &spec);
    expect_count(0, true);
}

/* More entries than are read at once, of sizes that no piece or sector is a multiple of. */
static void test_large_entries(void **state)
{
    static const uint32_t sizes[] = {128, 136, 256, 1000, 4088, 4096};
    const struct entry protective = {0xee, 1, LAST_SECTOR};
    const uint32_t count = 1024;

    (void)state;
    put_boot(0, &protective, 1);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        const struct gpt_spec spec = {92, 40000, count, sizes[i], 0, 0};
        const size_t array_bytes = (size_t)count * sizes[i];
        unsigned char *array = calloc(1, array_bytes + 512);

        assert_non_null(array);
        for (uint32_t entry = 0; entry < count; entry++) {
            unsigned char *at = array + (size_t)entry * sizes[i];

            at[0] = 1;
            vdisk_store_le64(at + 32, 100 + entry * 10);
            vdisk_store_le64(at + 40, 100 + entry * 10 + 9);
        }
        assert_int_equal(
            vdisk_disk_write(disk, 40000 * 512, array, (array_bytes + 511) / 512 * 512, NULL),
            VDISK_OK);
        put_header(1, &spec, vdisk_crc32(0, array, array_bytes));
        free(array);
        expect_count(count, true);
        assert_int_equal(table.partitions[count - 1].number, count);
        assert_int_equal(table.partitions[count - 1].offset_bytes, (100 + 1023 * 10) * 512);
        vdisk_partitions_free(&table);
        flip_byte(40000 * 512 + array_bytes - 1);
        assert_int_equal(read_table(NULL), VDISK_CORRUPT);
    }
}

/* A table made for sectors of 4096 bytes. */
static void test_other_sectors(void **state)
{
    const struct entry protective = {0xee, 1, 0xffffffff};
    unsigned char header[512] = "EFI PART";
    struct vdisk_error error;

    (void)state;
    vdisk_store_le64(header + 24, 1);
    put_boot(0, &protective, 1);
    put(8, header);
    assert_int_equal(read_table(&error), VDISK_UNSUPPORTED);
    assert_string_equal(error.reason, "it was written for sectors of 4096 bytes");
}

static void test_optical_disk(void **state)
{
    const struct entry entry = {0x17, 64, 1000};

    (void)state;
    put_boot(0, &entry, 1);
    disk->optical = true;
    expect_count(0, false);
    assert_int_equal(table.style, VDISK_PARTITION_NONE);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_nothing),
        CASE(test_file_system_is_no_table),
        CASE(test_impossible_entries),
        CASE(test_logical_drives),
        CASE(test_chains_that_lead_astray),
        CASE(test_endless_chain),
        CASE(test_extended_partitions_that_are_none),
        CASE(test_several_extended_partitions),
        CASE(test_records_without_drive),
        CASE(test_notes_are_bounded),
        CASE(test_gpt),
        CASE(test_hybrid_record),
        CASE(test_second_copy),
        CASE(test_odd_second_copy),
        CASE(test_disk_that_has_grown),
        CASE(test_missing_protective_record),
        CASE(test_impossible_headers),
        CASE(test_impossible_gpt_entries),
        CASE(test_gpt_entries_at_the_edges),
        CASE(test_partition_over_its_table),
        CASE(test_large_entries),
        CASE(test_other_sectors),
        CASE(test_optical_disk),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
