/*
 * The largest disks: opening one takes little memory, whatever its tables would take, and reading
 * and writing at its ends works.
 */
#include "tests/support/cmocka_all.h"

#include "tests/support/file_set.h"
#include "virtualdisk/image.h"

#include <stdio.h>
#include <time.h>

#define TIB              ((uint64_t)1 << 40)
#define GIB              ((uint64_t)1 << 30)
#define OPEN_BYTES_MAX   ((uint64_t)8 << 20)
#define OPEN_SECONDS_MAX 0.5 /* of the processor; milliseconds without a sanitizer */

/* ---- allocations: the linker sends the engine's through here ---- */

void *__real_vdisk_alloc(size_t size_bytes);
void *__wrap_vdisk_alloc(size_t size_bytes);
void *__real_vdisk_alloc_array(size_t count, size_t element_bytes);
void *__wrap_vdisk_alloc_array(size_t count, size_t element_bytes);

static uint64_t allocated_bytes;

void *__wrap_vdisk_alloc(size_t size_bytes)
{
    allocated_bytes += size_bytes;
    return __real_vdisk_alloc(size_bytes);
}

void *__wrap_vdisk_alloc_array(size_t count, size_t element_bytes)
{
    allocated_bytes += count * element_bytes;
    return __real_vdisk_alloc_array(count, element_bytes);
}

static double processor_seconds(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

static struct vdisk_image *open_huge(struct file_set *set, const char *format)
{
    const struct vdisk_open_options options = {.format = format, .finder = &set->finder};
    struct vdisk_file *file;
    struct vdisk_image *image;
    double start;

    assert_int_equal(file_set_open(set, "huge", false, false, &file, NULL), VDISK_OK);
    allocated_bytes = 0;
    start = processor_seconds();
    assert_int_equal(vdisk_image_open(file, &options, &image, NULL), VDISK_OK);
    start = processor_seconds() - start;
    printf("%s: opened in %.1f ms and %llu KiB\n", format, start * 1000,
           (unsigned long long)(allocated_bytes >> 10));
    assert_true(start < OPEN_SECONDS_MAX);
    assert_true(allocated_bytes < OPEN_BYTES_MAX);
    return image;
}

static void use_end(struct vdisk_disk *disk, uint64_t offset_bytes, unsigned char value)
{
    unsigned char written[4096], found[4096];

    memset(written, value, sizeof written);
    assert_int_equal(vdisk_disk_write(disk, offset_bytes, written, sizeof written, NULL), VDISK_OK);
    assert_int_equal(vdisk_disk_read(disk, offset_bytes, found, sizeof found, NULL), VDISK_OK);
    assert_memory_equal(written, found, sizeof found);
}

static void try_huge(const char *format, uint64_t size_bytes)
{
    const struct vdisk_create_options options = {.format = format, .size_bytes = size_bytes};
    struct file_set *set = file_set_create(1);
    struct vdisk_file *file;
    struct vdisk_image *image;
    struct vdisk_disk *disk;
    unsigned char found[4096] = {0};

    assert_int_equal(file_set_open(set, "huge", false, true, &file, NULL), VDISK_OK);
    assert_int_equal(vdisk_image_create(file, &options, NULL), VDISK_OK);
    vdisk_file_close(file);
    image = open_huge(set, format);
    disk = vdisk_image_disk(image);
    assert_true(disk->size_bytes == size_bytes);
    use_end(disk, 0, 1);
    use_end(disk, size_bytes - 4096, 2);
    use_end(disk, size_bytes / 2, 3);
    assert_int_equal(vdisk_image_close(image, NULL), VDISK_OK);
    image = open_huge(set, format);
    assert_int_equal(
        vdisk_disk_read(vdisk_image_disk(image), size_bytes - 4096, found, sizeof found, NULL),
        VDISK_OK);
    assert_int_equal(found[4095], 2);
    assert_int_equal(vdisk_image_close(image, NULL), VDISK_OK);
    file_set_destroy(set);
}

static void test_raw(void **state)
{
    (void)state;
    try_huge("raw", 4 * TIB);
}

static void test_vhd(void **state)
{
    (void)state;
    try_huge("vhd", 2040 * GIB);
}

static void test_vhdx(void **state)
{
    (void)state;
    try_huge("vhdx", 64 * TIB);
}

static void test_vdi(void **state)
{
    (void)state;
    try_huge("vdi", 2 * TIB);
}

static void test_qcow2(void **state)
{
    (void)state;
    try_huge("qcow2", 2 * TIB);
}

static void test_vmdk(void **state)
{
    (void)state;
    try_huge("vmdk", TIB);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_raw), cmocka_unit_test(test_vhd),   cmocka_unit_test(test_vhdx),
        cmocka_unit_test(test_vdi), cmocka_unit_test(test_qcow2), cmocka_unit_test(test_vmdk),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
