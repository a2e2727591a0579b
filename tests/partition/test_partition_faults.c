/* Reads that fail and memory that is not there, at every step of reading tables and contents. */
#include "tests/support/cmocka_all.h"

#include "engine/base/crc32.h"
#include "engine/base/endian.h"
#include "virtualdisk/content.h"
#include "virtualdisk/layer.h"
#include "virtualdisk/partition.h"

#include <string.h>

#define DISK_SECTORS 4096u
#define LAST_SECTOR  (DISK_SECTORS - 1)
#define STEPS_MAX    400u

/* A disk over another, of which one read fails. */
struct failing_disk {
    struct vdisk_disk disk; /* first */
    struct vdisk_disk *next;
    uint32_t reads_left; /* before the one that fails */
};

static struct failing_disk failing;
static uint32_t allocations_left;

void *__real_vdisk_alloc(size_t size_bytes);
void *__wrap_vdisk_alloc(size_t size_bytes);
void *__real_vdisk_alloc_array(size_t count, size_t element_bytes);
void *__wrap_vdisk_alloc_array(size_t count, size_t element_bytes);

static bool is_last(uint32_t *left)
{
    return *left != 0 && --*left == 0;
}

void *__wrap_vdisk_alloc(size_t size_bytes)
{
    return is_last(&allocations_left) ? NULL : __real_vdisk_alloc(size_bytes);
}

void *__wrap_vdisk_alloc_array(size_t count, size_t element_bytes)
{
    return is_last(&allocations_left) ? NULL : __real_vdisk_alloc_array(count, element_bytes);
}

static enum vdisk_status failing_read(struct vdisk_disk *disk, uint64_t offset_bytes, void *buffer,
                                      size_t length_bytes, struct vdisk_error *error)
{
    struct failing_disk *self = (struct failing_disk *)disk;

    if (is_last(&self->reads_left))
        return vdisk_fail(error, VDISK_IO, "disk", NULL, offset_bytes, NULL);
    return vdisk_disk_read(self->next, offset_bytes, buffer, length_bytes, error);
}

static const struct vdisk_disk_ops failing_ops = {.read = failing_read};

static int set_up(void **state)
{
    const struct vdisk_memory_options options = {.size_bytes = DISK_SECTORS * UINT64_C(512),
                                                 .logical_sector_bytes = 512,
                                                 .limit_bytes = UINT64_MAX};

    (void)state;
    memset(&failing, 0, sizeof failing);
    if (vdisk_memory_open(&options, &failing.next, NULL) != VDISK_OK)
        return -1;
    failing.disk = *failing.next;
    failing.disk.ops = &failing_ops;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return vdisk_disk_close(failing.next, NULL) == VDISK_OK ? 0 : -1;
}

static void put(uint64_t sector, const void *bytes)
{
    assert_int_equal(vdisk_disk_write(failing.next, sector * 512, bytes, 512, NULL), VDISK_OK);
}

static void put_boot(uint64_t sector, uint8_t type, uint32_t first, uint32_t link)
{
    unsigned char bytes[512] = {0};

    bytes[446 + 4] = type;
    vdisk_store_le32(bytes + 446 + 8, first);
    vdisk_store_le32(bytes + 446 + 12, 100);
    if (link != 0) {
        bytes[462 + 4] = 5;
        vdisk_store_le32(bytes + 462 + 8, link);
        vdisk_store_le32(bytes + 462 + 12, 1000);
    }
    vdisk_store_le16(bytes + 510, 0xaa55);
    put(sector, bytes);
}

static void put_gpt_copy(uint64_t header_sector, uint64_t array_sector)
{
    unsigned char array[512] = {1}, header[512] = "EFI PART";

    vdisk_store_le64(array + 32, 100);
    vdisk_store_le64(array + 40, 199);
    put(array_sector, array);
    vdisk_store_le32(header + 12, 92);
    vdisk_store_le64(header + 24, header_sector);
    vdisk_store_le64(header + 32, LAST_SECTOR + 1 - header_sector);
    vdisk_store_le64(header + 40, 34);
    vdisk_store_le64(header + 48, LAST_SECTOR - 33);
    vdisk_store_le64(header + 72, array_sector);
    vdisk_store_le32(header + 80, 4);
    vdisk_store_le32(header + 84, 128);
    vdisk_store_le32(header + 88, vdisk_crc32(0, array, sizeof array));
    vdisk_store_le32(header + 16, vdisk_crc32(0, header, 92));
    put(header_sector, header);
}

static void put_gpt(void)
{
    put_boot(0, 0xee, 1, 0);
    put_gpt_copy(1, 2);
    put_gpt_copy(LAST_SECTOR, LAST_SECTOR - 1);
}

static enum vdisk_status read_partitions(uint32_t *count, uint32_t *notes)
{
    struct vdisk_partition_table table;
    struct vdisk_error error;
    enum vdisk_status status = vdisk_partitions_read(&failing.disk, &table, &error);

    assert_true(status == VDISK_OK || error.status == status);
    assert_true(status == VDISK_OK || table.partitions == NULL);
    *count = table.count;
    *notes = table.note_count;
    vdisk_partitions_free(&table);
    return status;
}

/* Either copy of a GPT is enough; without the first sector nothing is known. */
static void test_gpt_reads(void **state)
{
    uint32_t count, notes;

    (void)state;
    put_gpt();
    assert_int_equal(read_partitions(&count, &notes), VDISK_OK);
    assert_int_equal(notes, 0);
    failing.reads_left = 1;
    assert_int_equal(read_partitions(&count, &notes), VDISK_IO);
    for (uint32_t step = 2; step <= 5; step++) {
        failing.reads_left = step;
        assert_int_equal(read_partitions(&count, &notes), VDISK_OK);
        assert_int_equal(count, 1);
        assert_int_equal(notes, 1);
    }
}

static void test_mbr_reads(void **state)
{
    uint32_t count, notes;

    (void)state;
    put_boot(0, 7, 100, 1000);
    put_boot(1000, 7, 1, 200);
    put_boot(1200, 7, 1, 0);
    assert_int_equal(read_partitions(&count, &notes), VDISK_OK);
    assert_int_equal(count, 3);
    for (uint32_t step = 1; step <= 3; step++) {
        failing.reads_left = step;
        assert_int_equal(read_partitions(&count, &notes), VDISK_IO);
    }
}

static void test_memory_for_tables(void **state)
{
    uint32_t count, notes;
    enum vdisk_status status = VDISK_NO_MEMORY;

    (void)state;
    for (int style = 0; style < 2; style++) {
        uint32_t step = 0;

        if (style == 0) {
            put_gpt();
        } else {
            put_boot(0, 7, 100, 1000);
            put_boot(1000, 7, 1, 0);
        }
        for (; step < STEPS_MAX; step++) {
            allocations_left = step + 1;
            status = read_partitions(&count, &notes);
            if (allocations_left != 0) /* no step was left */
                break;
            assert_int_equal(status, VDISK_NO_MEMORY);
        }
        allocations_left = 0;
        assert_int_equal(status, VDISK_OK);
        assert_int_equal(step, 3);
    }
}

/* Marks that need further reads, whose failures are errors. */
static void test_contents(void **state)
{
    static const struct {
        uint64_t sector;
        uint32_t offset;
        const char *mark;
    } marks[] = {{0, 3, "NTFS    "}, {0, 3, "EXFAT   "}, {68, 1, "NSR03"}, {2047, 0, "x"}};
    struct vdisk_content content;

    (void)state;
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        unsigned char sector[512] = {0};
        enum vdisk_status status = VDISK_IO;
        uint32_t step = 0;

        assert_int_equal(vdisk_disk_zero(failing.next, 0, DISK_SECTORS * 512, NULL), VDISK_OK);
        if (marks[i].sector == 68) {
            memcpy(sector + 1, "BEA01", 5);
            put(64, sector);
        }
        vdisk_store_le16(sector + 11, 512);
        sector[13] = 8;
        vdisk_store_le64(sector + 48, 4);
        sector[64] = 0xf6;
        sector[96] = 2;
        sector[108] = 9;
        memcpy(sector + marks[i].offset, marks[i].mark, strlen(marks[i].mark));
        put(marks[i].sector, sector);
        for (; step < STEPS_MAX; step++) {
            failing.reads_left = step + 1;
            status = vdisk_content_recognize(&failing.disk, &content, NULL);
            if (failing.reads_left != 0)
                break;
            assert_int_equal(status, VDISK_IO);
        }
        failing.reads_left = 0;
        assert_int_equal(status, VDISK_OK);
        assert_true(step >= 2);
    }
    allocations_left = 1;
    assert_int_equal(vdisk_content_recognize(&failing.disk, &content, NULL), VDISK_NO_MEMORY);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_gpt_reads),
        CASE(test_mbr_reads),
        CASE(test_memory_for_tables),
        CASE(test_contents),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
