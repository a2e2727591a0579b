/* Growing a partition: what is refused, and what a power cut leaves. */
#include "tests/support/cmocka_all.h"

#include "engine/base/checked.h"
#include "engine/base/crc32.h"
#include "engine/base/endian.h"
#include "host/memory/file_memory.h"
#include "host/powercut/file_powercut.h"
#include "tests/support/random.h"
#include "virtualdisk/image.h"
#include "virtualdisk/partition.h"

#include <inttypes.h>

#define SECTOR       512u
#define DISK_SECTORS 8192u
#define ENTRIES      128u
#define ARRAY_BYTES  (ENTRIES * 128u)
#define ARRAY        (ARRAY_BYTES / SECTOR) /* in sectors */
#define CUTS         40u /* ways in which what was not flushed survives, for each moment */

/* A raw disk in memory, whose changes can be recorded. */
struct fixture {
    struct vdisk_memory_store *store;
    struct vdisk_memory_store *start; /* as it was before the recording */
    struct vdisk_powercut_trace *trace;
    struct vdisk_image *image;
    struct vdisk_disk *disk;
};

static void open_image(struct fixture *self, struct vdisk_memory_store *store, bool recorded)
{
    const struct vdisk_open_options options = {.format = "raw"};
    struct vdisk_file *file;

    assert_int_equal(vdisk_file_memory_open(store, "disk", 1, false, &file, NULL), VDISK_OK);
    if (recorded)
        assert_int_equal(vdisk_file_powercut_open(file, self->trace, 0, &file, NULL), VDISK_OK);
    assert_int_equal(vdisk_image_open(file, &options, &self->image, NULL), VDISK_OK);
    self->disk = vdisk_image_disk(self->image);
}

static void close_image(struct fixture *self)
{
    assert_int_equal(vdisk_image_close(self->image, NULL), VDISK_OK);
    self->image = NULL;
}

static int set_up(void **state)
{
    static struct fixture fixture;
    struct vdisk_file *file;

    fixture = (struct fixture){.store = vdisk_memory_store_create()};
    assert_non_null(fixture.store);
    assert_int_equal(vdisk_file_memory_open(fixture.store, "disk", 1, false, &file, NULL),
                     VDISK_OK);
    assert_int_equal(vdisk_file_set_size(file, (uint64_t)DISK_SECTORS * SECTOR, NULL), VDISK_OK);
    vdisk_file_close(file);
    open_image(&fixture, fixture.store, false);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *self = *state;

    if (self->image != NULL)
        close_image(self);
    vdisk_powercut_trace_destroy(self->trace);
    if (self->start != NULL)
        vdisk_memory_store_destroy(self->start);
    vdisk_memory_store_destroy(self->store);
    return 0;
}

static void put(struct fixture *self, uint64_t sector, const void *bytes, size_t length_bytes)
{
    assert_int_equal(vdisk_disk_write(self->disk, sector * SECTOR, bytes, length_bytes, NULL),
                     VDISK_OK);
}

static void put_boot_entry(unsigned char *boot, uint32_t index, uint8_t type, uint32_t first,
                           uint32_t count)
{
    boot[446 + index * 16 + 4] = type;
    vdisk_store_le32(boot + 446 + index * 16 + 8, first);
    vdisk_store_le32(boot + 446 + index * 16 + 12, count);
    boot[510] = 0x55;
    boot[511] = 0xaa;
}

static void put_header(struct fixture *self, uint64_t sector, uint64_t other, uint64_t array_sector,
                       const unsigned char *array)
{
    unsigned char header[SECTOR] = {0};

    memcpy(header, "EFI PART", 8);
    vdisk_store_le32(header + 12, 92);
    vdisk_store_le64(header + 24, sector);
    vdisk_store_le64(header + 32, other);
    vdisk_store_le64(header + 40, 2 + ARRAY);
    vdisk_store_le64(header + 48, DISK_SECTORS - 2 - ARRAY);
    vdisk_store_le64(header + 72, array_sector);
    vdisk_store_le32(header + 80, ENTRIES);
    vdisk_store_le32(header + 84, 128);
    vdisk_store_le32(header + 88, vdisk_crc32(0, array, ARRAY_BYTES));
    vdisk_store_le32(header + 16, vdisk_crc32(0, header, 92));
    put(self, array_sector, array, ARRAY_BYTES);
    put(self, sector, header, sizeof header);
}

static void put_gpt_entry(unsigned char *array, uint32_t index, uint64_t first, uint64_t count)
{
    memset(array + index * 128u, 0x11 * (int)(index + 1), 32); /* type and id */
    vdisk_store_le64(array + index * 128u + 32, first);
    vdisk_store_le64(array + index * 128u + 40, first + count - 1);
}

/* 1: [2048, 3072), 2: [4096, 5120) */
static void put_gpt(struct fixture *self)
{
    unsigned char boot[SECTOR] = {0}, array[ARRAY_BYTES] = {0};

    put_boot_entry(boot, 0, 0xee, 1, DISK_SECTORS - 1);
    put(self, 0, boot, sizeof boot);
    put_gpt_entry(array, 0, 2048, 1024);
    put_gpt_entry(array, 1, 4096, 1024);
    put_header(self, 1, DISK_SECTORS - 1, 2, array);
    put_header(self, DISK_SECTORS - 1, 1, DISK_SECTORS - 1 - ARRAY, array);
}

/*
 * 1: [63, 1063), 2: extended [2000, 4000), 3: [5000, 6000)
 * in the extended one a record without a drive at 3500, and 5: [2063, 2163), 6: [3063, 3163)
 */
static void put_mbr(struct fixture *self)
{
    unsigned char boot[SECTOR] = {0}, first[SECTOR] = {0}, empty[SECTOR] = {0};
    unsigned char second[SECTOR] = {0};

    put_boot_entry(boot, 0, 7, 63, 1000);
    put_boot_entry(boot, 1, 5, 2000, 2000);
    put_boot_entry(boot, 2, 0x83, 5000, 1000);
    put(self, 0, boot, sizeof boot);
    put_boot_entry(first, 0, 7, 63, 100);
    put_boot_entry(first, 1, 5, 1500, 100);
    put(self, 2000, first, sizeof first);
    put_boot_entry(empty, 0, 5, 1000, 163);
    put(self, 3500, empty, sizeof empty);
    put_boot_entry(second, 1, 7, 63, 100);
    put(self, 3000, second, sizeof second);
}

static struct vdisk_partition get(struct fixture *self, uint32_t number)
{
    struct vdisk_partition_table table;
    const struct vdisk_partition *found;
    struct vdisk_partition partition;

    assert_int_equal(vdisk_partitions_read(self->disk, &table, NULL), VDISK_OK);
    found = vdisk_partition_find(&table, number);
    assert_non_null(found);
    partition = *found;
    vdisk_partitions_free(&table);
    return partition;
}

/* With the disk, where it is too short. */
static enum vdisk_status grow(struct fixture *self, uint32_t number, uint64_t sectors)
{
    const struct vdisk_partition partition = get(self, number);
    struct vdisk_error error = {0};
    uint64_t disk_bytes;
    enum vdisk_status status =
        vdisk_partition_plan(self->disk, &partition, sectors * SECTOR, &disk_bytes, &error);

    if (status == VDISK_OK && disk_bytes > self->disk->size_bytes) {
        assert_int_equal(vdisk_partition_grow(self->disk, &partition, sectors * SECTOR, NULL),
                         VDISK_OUT_OF_RANGE);
        assert_int_equal(vdisk_image_resize(self->image, disk_bytes, NULL), VDISK_OK);
    }
    if (status == VDISK_OK)
        return vdisk_partition_grow(self->disk, &partition, sectors * SECTOR, &error);
    assert_int_equal(error.status, status);
    assert_string_equal(error.structure, "partition table");
    return status;
}

static void expect(struct fixture *self, uint32_t number, uint64_t first, uint64_t sectors)
{
    const struct vdisk_partition partition = get(self, number);

    assert_int_equal(partition.offset_bytes, first * SECTOR);
    assert_int_equal(partition.size_bytes, sectors * SECTOR);
}

/* Both copies of a GPT are good, agree, and lie where they should. */
static void expect_no_notes(struct fixture *self)
{
    struct vdisk_partition_table table;

    assert_int_equal(vdisk_partitions_read(self->disk, &table, NULL), VDISK_OK);
    assert_int_equal(table.note_count, 0);
    vdisk_partitions_free(&table);
}

static void test_gpt(void **state)
{
    struct fixture *self = *state;
    unsigned char boot[SECTOR];

    put_gpt(self);
    assert_int_equal(grow(self, 1, 2048), VDISK_OK); /* up to the next one */
    assert_int_equal(grow(self, 1, 2049), VDISK_INVALID);
    assert_int_equal(grow(self, 2, 4000), VDISK_OK); /* the disk is long enough */
    assert_int_equal(self->disk->size_bytes, DISK_SECTORS * SECTOR);
    expect_no_notes(self);
    assert_int_equal(grow(self, 2, 20000), VDISK_OK);
    expect(self, 1, 2048, 2048);
    expect(self, 2, 4096, 20000);
    expect_no_notes(self);
    assert_int_equal(vdisk_disk_read(self->disk, 0, boot, SECTOR, NULL), VDISK_OK);
    assert_int_equal(vdisk_load_le32(boot + 446 + 12), self->disk->size_bytes / SECTOR - 1);
}

/* The second copy is where the disk ended once. */
static void test_gpt_on_a_longer_disk(void **state)
{
    struct fixture *self = *state;

    put_gpt(self);
    assert_int_equal(vdisk_image_resize(self->image, 20000 * SECTOR, NULL), VDISK_OK);
    assert_int_equal(grow(self, 2, 15000), VDISK_OK);
    assert_int_equal(self->disk->size_bytes, 20000 * SECTOR);
    expect(self, 2, 4096, 15000);
    expect_no_notes(self);
}

static void test_gpt_that_is_damaged(void **state)
{
    struct fixture *self = *state;
    const unsigned char zeros[SECTOR] = {0};
    uint64_t disk_bytes;
    struct vdisk_partition partition;

    put_gpt(self);
    put(self, DISK_SECTORS - 1, zeros, SECTOR); /* the second copy is made anew */
    assert_int_equal(grow(self, 2, 2000), VDISK_OK);
    expect_no_notes(self);
    put(self, 1, zeros, SECTOR);
    partition = get(self, 2);
    assert_int_equal(vdisk_partition_plan(self->disk, &partition, 3000 * SECTOR, &disk_bytes, NULL),
                     VDISK_CORRUPT);
    assert_int_equal(vdisk_partition_grow(self->disk, &partition, 3000 * SECTOR, NULL),
                     VDISK_CORRUPT);
    expect(self, 2, 4096, 2000);
}

static void test_mbr(void **state)
{
    struct fixture *self = *state;

    put_mbr(self);
    assert_int_equal(grow(self, 1, 1937), VDISK_OK); /* up to the extended one */
    assert_int_equal(grow(self, 1, 1938), VDISK_INVALID);
    assert_int_equal(grow(self, 3, 100000), VDISK_OK);
    expect(self, 1, 63, 1937);
    expect(self, 3, 5000, 100000);
    expect(self, 5, 2063, 100);
    expect(self, 6, 3063, 100);
    assert_int_equal(grow(self, 3, UINT64_C(0x100000000)), VDISK_OUT_OF_RANGE);
    assert_int_equal(grow(self, 3, UINT64_MAX / SECTOR), VDISK_OUT_OF_RANGE);
}

static uint32_t stored_count(struct fixture *self, uint64_t sector, uint32_t index)
{
    unsigned char bytes[SECTOR];

    assert_int_equal(vdisk_disk_read(self->disk, sector * SECTOR, bytes, SECTOR, NULL), VDISK_OK);
    return vdisk_load_le32(bytes + 446 + index * 16 + 12);
}

static void test_logical(void **state)
{
    struct fixture *self = *state;

    put_mbr(self);
    assert_int_equal(grow(self, 5, 938), VDISK_INVALID); /* the record of the next one */
    assert_int_equal(grow(self, 5, 937), VDISK_OK);
    assert_int_equal(grow(self, 6, 438), VDISK_INVALID); /* the record without a drive */
    assert_int_equal(grow(self, 6, 437), VDISK_OK);
    expect(self, 5, 2063, 937);
    expect(self, 6, 3063, 437);
    assert_int_equal(stored_count(self, 3500, 0), 500); /* the link covers the drive */
    assert_int_equal(stored_count(self, 0, 1), 2000);
}

/* The extended partition grows with its last drive, up to the next primary one. */
static void test_logical_with_extended(void **state)
{
    struct fixture *self = *state;
    unsigned char logical[SECTOR] = {0};

    put_mbr(self);
    put_boot_entry(logical, 0, 7, 63, 100);
    put(self, 2000, logical, sizeof logical); /* the chain ends here */
    assert_int_equal(grow(self, 5, 2938), VDISK_INVALID);
    assert_int_equal(grow(self, 5, 2937), VDISK_OK);
    expect(self, 5, 2063, 2937);
    assert_int_equal(stored_count(self, 0, 1), 3000);
    expect_no_notes(self);
}

/* What must not be guessed: entries that were left out, and a caller that knows another table. */
static void test_refusals(void **state)
{
    struct fixture *self = *state;
    unsigned char boot[SECTOR] = {0};
    struct vdisk_partition partition;
    uint64_t disk_bytes;

    put_boot_entry(boot, 0, 7, 63, 1000);
    put(self, 0, boot, SECTOR);
    partition = get(self, 1);
    assert_int_equal(grow(self, 1, 1000), VDISK_INVALID);
    assert_int_equal(grow(self, 1, 999), VDISK_INVALID);
    assert_int_equal(
        vdisk_partition_plan(self->disk, &partition, 1001 * SECTOR + 1, &disk_bytes, NULL),
        VDISK_INVALID);
    partition.size_bytes -= SECTOR;
    assert_int_equal(vdisk_partition_plan(self->disk, &partition, 1001 * SECTOR, &disk_bytes, NULL),
                     VDISK_INVALID);
    put_boot_entry(boot, 1, 7, 8000, 1000); /* beyond the end */
    put(self, 0, boot, SECTOR);
    assert_int_equal(grow(self, 1, 1001), VDISK_CORRUPT);
    self->disk->read_only = true;
    assert_int_equal(grow(self, 1, 1001), VDISK_READ_ONLY);
}

static bool keep_piece(void *context, enum vdisk_powercut_kind kind, uint32_t event, uint64_t piece,
                       uint64_t piece_count)
{
    const uint64_t *seed = context;

    (void)piece_count;
    return kind == VDISK_POWERCUT_SET_SIZE ||
           test_random_mix(*seed, test_random_mix(event, piece)) % 2 == 0;
}

struct growth {
    uint32_t number;
    uint64_t old_bytes;
    uint64_t new_bytes;
    struct vdisk_partition neighbour;
};

static void check_after_cut(struct fixture *self, const struct growth *growth, uint32_t event_count,
                            uint64_t seed)
{
    struct vdisk_memory_store *store = vdisk_memory_store_clone(self->start);
    struct fixture after = {.store = store};
    struct vdisk_partition partition;
    struct vdisk_file *file;

    assert_int_equal(vdisk_file_memory_open(store, "disk", 1, false, &file, NULL), VDISK_OK);
    assert_int_equal(
        vdisk_powercut_replay(self->trace, event_count, keep_piece, &seed, &file, NULL), VDISK_OK);
    vdisk_file_close(file);
    open_image(&after, store, false);
    partition = get(&after, growth->number);
    if (partition.size_bytes != growth->old_bytes && partition.size_bytes != growth->new_bytes)
        fail_msg("cut %" PRIu32 ", seed %" PRIu64 ": %" PRIu64 " bytes", event_count, seed,
                 partition.size_bytes);
    if (event_count == vdisk_powercut_trace_count(self->trace))
        assert_int_equal(partition.size_bytes, growth->new_bytes);
    partition = get(&after, growth->neighbour.number);
    assert_memory_equal(&partition, &growth->neighbour, sizeof partition);
    close_image(&after);
    vdisk_memory_store_destroy(store);
}

static void cut_growth(struct fixture *self, uint32_t number, uint32_t neighbour, uint64_t sectors)
{
    const struct growth growth = {number, get(self, number).size_bytes, sectors * SECTOR,
                                  get(self, neighbour)};

    close_image(self);
    self->start = vdisk_memory_store_clone(self->store);
    self->trace = vdisk_powercut_trace_create();
    assert_non_null(self->start);
    assert_non_null(self->trace);
    open_image(self, self->store, true);
    assert_int_equal(grow(self, number, sectors), VDISK_OK);
    for (uint32_t count = 0; count <= vdisk_powercut_trace_count(self->trace); count++) {
        for (uint64_t seed = 0; seed < CUTS; seed++)
            check_after_cut(self, &growth, count, seed);
    }
}

static void test_power_cut(void **state)
{
    put_gpt(*state);
    cut_growth(*state, 2, 1, 3000);
}

static void test_power_cut_on_a_growing_disk(void **state)
{
    put_gpt(*state);
    cut_growth(*state, 2, 1, 30000);
}

static void test_power_cut_of_a_logical_drive(void **state)
{
    put_mbr(*state);
    cut_growth(*state, 6, 5, 437);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_gpt, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_gpt_on_a_longer_disk, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_gpt_that_is_damaged, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_mbr, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_logical, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_logical_with_extended, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refusals, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_power_cut, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_power_cut_on_a_growing_disk, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_power_cut_of_a_logical_drive, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
