/* Raw images: up to the end and not beyond, holes, failures, threads; and the disk's own checks. */
#include "tests/support/cmocka_all.h"

#include "engine/base/checked.h"
#include "host/fault/file_fault.h"
#include "host/memory/file_memory.h"
#include "tests/support/random.h"
#include "virtualdisk/image.h"

#include <pthread.h>
#include <stdlib.h>

#define DISK_BYTES ((uint64_t)1 << 20)

static struct vdisk_memory_store *store;
static struct vdisk_fault_plan plan;
static struct vdisk_image *image;
static struct vdisk_disk *disk;
static unsigned char buffer[65536];

static void open_raw(uint64_t size_bytes, bool read_only)
{
    const struct vdisk_open_options options = {.format = "raw", .read_only = read_only};
    struct vdisk_file *file;

    store = vdisk_memory_store_create();
    memset(&plan, 0, sizeof plan);
    plan.calls = 0x1f;
    plan.fail_to = UINT32_MAX;
    plan.status = VDISK_IO;
    assert_int_equal(vdisk_file_memory_open(store, "disk.img", 1, false, &file, NULL), VDISK_OK);
    assert_int_equal(vdisk_file_set_size(file, size_bytes, NULL), VDISK_OK);
    assert_int_equal(vdisk_file_fault_open(file, &plan, &file, NULL), VDISK_OK);
    assert_int_equal(vdisk_image_open(file, &options, &image, NULL), VDISK_OK);
    disk = vdisk_image_disk(image);
}

static void close_raw(void)
{
    assert_int_equal(vdisk_image_close(image, NULL), VDISK_OK);
    vdisk_memory_store_destroy(store);
}

static void test_requests_end_with_the_disk(void **state)
{
    static const struct {
        uint64_t offset_bytes;
        size_t length_bytes;
        enum vdisk_status status;
    } cases[] = {
        {DISK_BYTES - 512, 512, VDISK_OK},
        {DISK_BYTES, 0, VDISK_OK},
        {DISK_BYTES - 512, 1024, VDISK_OUT_OF_RANGE},
        {DISK_BYTES, 512, VDISK_OUT_OF_RANGE},
        {DISK_BYTES + 512, 0, VDISK_OUT_OF_RANGE},
        {UINT64_MAX - 511, 512, VDISK_OUT_OF_RANGE},
        {(uint64_t)1 << 63, 512, VDISK_OUT_OF_RANGE},
        {1, 512, VDISK_INVALID},
        {0, 511, VDISK_INVALID},
    };

    (void)state;
    open_raw(DISK_BYTES, false);
    assert_int_equal(disk->size_bytes, DISK_BYTES);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const uint64_t offset = cases[i].offset_bytes;
        const size_t length = cases[i].length_bytes;
        struct vdisk_error error;

        assert_int_equal(vdisk_disk_read(disk, offset, buffer, length, &error), cases[i].status);
        assert_int_equal(vdisk_disk_write(disk, offset, buffer, length, &error), cases[i].status);
        assert_int_equal(vdisk_disk_zero(disk, offset, length, &error), cases[i].status);
        if (cases[i].status != VDISK_OK)
            assert_int_equal(error.offset_bytes, offset);
    }
    assert_int_equal(vdisk_memory_store_size(store), DISK_BYTES);
    close_raw();
}

static void test_read_only_disks_refuse_changes(void **state)
{
    (void)state;
    open_raw(DISK_BYTES, true);
    assert_true(disk->read_only);
    assert_int_equal(vdisk_disk_read(disk, 0, buffer, 512, NULL), VDISK_OK);
    assert_int_equal(vdisk_disk_write(disk, 0, buffer, 512, NULL), VDISK_READ_ONLY);
    assert_int_equal(vdisk_disk_zero(disk, 0, 512, NULL), VDISK_READ_ONLY);
    assert_int_equal(vdisk_image_resize(image, 512, NULL), VDISK_READ_ONLY);
    assert_int_equal(vdisk_disk_flush(disk, NULL), VDISK_OK);
    close_raw();
}

static void expect_refused(uint64_t size_bytes, const char *reason)
{
    const struct vdisk_open_options options = {.format = "raw"};
    struct vdisk_file *file;
    struct vdisk_error error;

    store = vdisk_memory_store_create();
    assert_int_equal(vdisk_file_memory_open(store, "odd.img", 1, false, &file, NULL), VDISK_OK);
    assert_int_equal(vdisk_file_set_size(file, size_bytes, NULL), VDISK_OK);
    assert_int_equal(vdisk_image_open(file, &options, &image, &error), VDISK_INVALID);
    assert_string_equal(error.reason, reason);
    assert_string_equal(error.file, "odd.img");
    vdisk_memory_store_destroy(store);
}

static void test_odd_sizes_are_refused(void **state)
{
    (void)state;
    expect_refused(0, "the file is empty");
    expect_refused(511, "the size of the file is no multiple of 512 bytes");
    expect_refused(DISK_BYTES + 1, "the size of the file is no multiple of 512 bytes");
}

static void expect_extent(uint64_t offset_bytes, enum vdisk_extent_kind kind, uint64_t length_bytes)
{
    struct vdisk_extent extent;

    assert_int_equal(
        vdisk_disk_map(disk, offset_bytes, disk->size_bytes - offset_bytes, &extent, NULL),
        VDISK_OK);
    assert_int_equal(extent.kind, kind);
    assert_int_equal(extent.length_bytes, length_bytes);
    assert_int_equal(extent.depth, 0);
    if (kind == VDISK_EXTENT_DATA)
        assert_int_equal(extent.file_offset_bytes, offset_bytes);
}

static void test_holes_show_in_the_map(void **state)
{
    (void)state;
    open_raw(DISK_BYTES, false);
    memset(buffer, 1, sizeof buffer);
    assert_int_equal(vdisk_disk_write(disk, 65536, buffer, sizeof buffer, NULL), VDISK_OK);
    expect_extent(0, VDISK_EXTENT_ZERO, 65536);
    expect_extent(65536, VDISK_EXTENT_DATA, 65536);
    expect_extent(65536 + 512, VDISK_EXTENT_DATA, 65536 - 512);
    assert_int_equal(vdisk_disk_zero(disk, 65536, 65536, NULL), VDISK_OK);
    expect_extent(65536, VDISK_EXTENT_ZERO, 65536);
    assert_int_equal(vdisk_disk_map(disk, 0, 0, &(struct vdisk_extent){0}, NULL), VDISK_INVALID);
    close_raw();
}

/* Every kind of call fails in turn, and the words of the file come out. */
static void test_failures_come_out(void **state)
{
    struct vdisk_error error;

    (void)state;
    open_raw(DISK_BYTES, false);
    plan.fail_from = 1;
    assert_int_equal(vdisk_disk_read(disk, 512, buffer, 512, &error), VDISK_IO);
    assert_string_equal(error.reason, "injected failure");
    assert_string_equal(error.file, "disk.img");
    assert_int_equal(error.offset_bytes, 512);
    assert_int_equal(vdisk_disk_write(disk, 512, buffer, 512, &error), VDISK_IO);
    assert_int_equal(vdisk_disk_zero(disk, 512, 512, &error), VDISK_IO);
    assert_int_equal(vdisk_disk_flush(disk, &error), VDISK_IO);
    assert_int_equal(vdisk_image_resize(image, DISK_BYTES * 2, &error), VDISK_IO);
    assert_int_equal(disk->size_bytes, DISK_BYTES);
    assert_int_equal(vdisk_image_close(image, &error), VDISK_IO); /* the last flush failed */
    vdisk_memory_store_destroy(store);
}

static void test_short_writes_are_failures(void **state)
{
    (void)state;
    open_raw(DISK_BYTES, false);
    memset(buffer, 7, sizeof buffer);
    plan.calls = VDISK_FAULT_WRITE;
    plan.short_bytes = 1000;
    plan.fail_from = 1;
    assert_int_equal(vdisk_disk_write(disk, 0, buffer, 4096, NULL), VDISK_IO);
    plan.fail_from = 0;
    assert_int_equal(vdisk_disk_read(disk, 0, buffer, 4096, NULL), VDISK_OK);
    assert_int_equal(buffer[999], 7);
    assert_int_equal(buffer[1000], 0);
    close_raw();
}

static void test_size_follows_resize(void **state)
{
    (void)state;
    open_raw(DISK_BYTES, false);
    memset(buffer, 9, 512);
    assert_int_equal(vdisk_disk_write(disk, DISK_BYTES - 512, buffer, 512, NULL), VDISK_OK);
    assert_int_equal(vdisk_image_resize(image, DISK_BYTES * 2, NULL), VDISK_OK);
    assert_int_equal(disk->size_bytes, DISK_BYTES * 2);
    assert_int_equal(vdisk_disk_read(disk, DISK_BYTES, buffer, 512, NULL), VDISK_OK);
    assert_int_equal(buffer[0], 0);
    assert_int_equal(vdisk_image_resize(image, DISK_BYTES - 512, NULL), VDISK_OK);
    assert_int_equal(vdisk_image_resize(image, DISK_BYTES, NULL), VDISK_OK);
    assert_int_equal(vdisk_disk_read(disk, DISK_BYTES - 512, buffer, 512, NULL), VDISK_OK);
    assert_int_equal(buffer[0], 0); /* what was cut off does not come back */
    assert_int_equal(vdisk_image_resize(image, 0, NULL), VDISK_INVALID);
    assert_int_equal(vdisk_image_resize(image, 513, NULL), VDISK_INVALID);
    assert_int_equal(vdisk_image_resize(image, (uint64_t)1 << 63, NULL), VDISK_INVALID);
    close_raw();
}

static void test_one_flush_for_a_flush(void **state)
{
    (void)state;
    open_raw(DISK_BYTES, false);
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(vdisk_disk_write(disk, i * 512, buffer, 512, NULL), VDISK_OK);
    assert_int_equal(atomic_load(&plan.flush_count), 0);
    assert_int_equal(vdisk_disk_flush(disk, NULL), VDISK_OK);
    assert_int_equal(atomic_load(&plan.flush_count), 1);
    close_raw();
}

#define WORKERS 8u

static void *work(void *argument)
{
    const uint64_t part = DISK_BYTES / WORKERS, start = (uintptr_t)argument * part;
    struct test_random random;
    unsigned char mine[4096], read_back[4096];

    test_random_seed(&random, start);
    for (unsigned i = 0; i < 200; i++) {
        const uint64_t offset = start + test_random_below(&random, part / 4096) * 4096;

        test_random_fill(&random, mine, sizeof mine);
        if (vdisk_disk_write(disk, offset, mine, sizeof mine, NULL) != VDISK_OK ||
            vdisk_disk_read(disk, offset, read_back, sizeof read_back, NULL) != VDISK_OK ||
            memcmp(mine, read_back, sizeof mine) != 0)
            return (void *)1;
    }
    return NULL;
}

static void test_many_threads(void **state)
{
    pthread_t threads[WORKERS];

    (void)state;
    open_raw(DISK_BYTES, false);
    for (uintptr_t i = 0; i < WORKERS; i++)
        pthread_create(&threads[i], NULL, work, (void *)i);
    for (unsigned i = 0; i < WORKERS; i++) {
        void *failed;

        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    close_raw();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests_end_with_the_disk),
        cmocka_unit_test(test_read_only_disks_refuse_changes),
        cmocka_unit_test(test_odd_sizes_are_refused),
        cmocka_unit_test(test_holes_show_in_the_map),
        cmocka_unit_test(test_failures_come_out),
        cmocka_unit_test(test_short_writes_are_failures),
        cmocka_unit_test(test_size_follows_resize),
        cmocka_unit_test(test_one_flush_for_a_flush),
        cmocka_unit_test(test_many_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
