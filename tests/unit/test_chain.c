/* Chains of differencing images: depth, cycles, missing parents, and who holds which bytes. */
#include "tests/support/cmocka_all.h"

#include "tests/support/file_set.h"
#include "virtualdisk/image.h"

#include <stdio.h>

#define FORMAT      "qcow2"
#define DISK_BYTES  ((uint64_t)1 << 20)
#define BLOCK_BYTES 65536u

static struct file_set *set;
static unsigned char buffer[BLOCK_BYTES];

static int set_up(void **state)
{
    (void)state;
    set = file_set_create(1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    file_set_destroy(set);
    return 0;
}

static enum vdisk_status open_image(const char *name, bool read_only, struct vdisk_image **image,
                                    struct vdisk_error *error)
{
    const struct vdisk_open_options options = {
        .format = FORMAT, .finder = &set->finder, .read_only = read_only};
    struct vdisk_file *file;

    assert_int_equal(file_set_open(set, name, read_only, false, &file, NULL), VDISK_OK);
    return vdisk_image_open(file, &options, image, error);
}

static enum vdisk_status create_image(const char *name, const char *parent_name,
                                      uint64_t size_bytes)
{
    struct vdisk_create_options options = {.format = FORMAT,
                                           .size_bytes = size_bytes,
                                           .block_bytes = BLOCK_BYTES,
                                           .finder = &set->finder,
                                           .parent_name = parent_name};
    struct vdisk_file *file;
    enum vdisk_status status;

    if (parent_name != NULL) {
        status = open_image(parent_name, true, &options.parent, NULL);
        if (status != VDISK_OK)
            return status;
    }
    assert_int_equal(file_set_open(set, name, false, true, &file, NULL), VDISK_OK);
    status = vdisk_image_create(file, &options, NULL);
    vdisk_file_close(file);
    vdisk_image_close(options.parent, NULL);
    return status;
}

static void write_block(const char *name, uint64_t block, unsigned char value)
{
    struct vdisk_image *image;

    memset(buffer, value, sizeof buffer);
    assert_int_equal(open_image(name, false, &image, NULL), VDISK_OK);
    assert_int_equal(
        vdisk_disk_write(vdisk_image_disk(image), block * BLOCK_BYTES, buffer, BLOCK_BYTES, NULL),
        VDISK_OK);
    assert_int_equal(vdisk_image_close(image, NULL), VDISK_OK);
}

static void expect_block(struct vdisk_image *image, uint64_t block, unsigned char value,
                         uint32_t depth)
{
    struct vdisk_disk *disk = vdisk_image_disk(image);
    struct vdisk_extent extent;

    assert_int_equal(vdisk_disk_read(disk, block * BLOCK_BYTES, buffer, BLOCK_BYTES, NULL),
                     VDISK_OK);
    for (size_t i = 0; i < BLOCK_BYTES; i++)
        assert_int_equal(buffer[i], value);
    assert_int_equal(vdisk_disk_map(disk, block * BLOCK_BYTES, BLOCK_BYTES, &extent, NULL),
                     VDISK_OK);
    assert_int_equal(extent.depth, depth);
    assert_int_equal(extent.kind == VDISK_EXTENT_DATA, value != 0);
}

static void test_the_nearest_image_wins(void **state)
{
    struct vdisk_image *image;

    (void)state;
    assert_int_equal(create_image("a", NULL, DISK_BYTES), VDISK_OK);
    write_block("a", 0, 1);
    write_block("a", 1, 1);
    write_block("a", 2, 1);
    assert_int_equal(create_image("b", "a", 0), VDISK_OK);
    write_block("b", 1, 2);
    write_block("b", 2, 2);
    assert_int_equal(create_image("c", "b", 0), VDISK_OK);
    write_block("c", 2, 3);
    assert_int_equal(open_image("c", true, &image, NULL), VDISK_OK);
    expect_block(image, 0, 1, 2);
    expect_block(image, 1, 2, 1);
    expect_block(image, 2, 3, 0);
    expect_block(image, 3, 0, 2);
    assert_non_null(vdisk_image_parent(vdisk_image_parent(image)));
    assert_null(vdisk_image_parent(vdisk_image_parent(vdisk_image_parent(image))));
    vdisk_image_close(image, NULL);
    assert_int_equal(open_image("a", true, &image, NULL), VDISK_OK);
    expect_block(image, 2, 1, 0); /* nobody wrote through to a parent */
    vdisk_image_close(image, NULL);
}

static void test_beyond_a_smaller_parent_are_zeros(void **state)
{
    struct vdisk_image *image;

    (void)state;
    assert_int_equal(create_image("small", NULL, DISK_BYTES / 2), VDISK_OK);
    write_block("small", DISK_BYTES / 2 / BLOCK_BYTES - 1, 9);
    assert_int_equal(create_image("large", "small", DISK_BYTES), VDISK_OK);
    assert_int_equal(open_image("large", true, &image, NULL), VDISK_OK);
    expect_block(image, DISK_BYTES / 2 / BLOCK_BYTES - 1, 9, 1);
    expect_block(image, DISK_BYTES / 2 / BLOCK_BYTES, 0, 1);
    vdisk_image_close(image, NULL);
}

static void test_a_missing_parent_is_never_zeros(void **state)
{
    const struct vdisk_open_options alone = {.format = FORMAT, .without_parent = true};
    const struct vdisk_open_options no_finder = {.format = FORMAT};
    struct vdisk_image *image;
    struct vdisk_error error;
    struct vdisk_file *file;

    (void)state;
    assert_int_equal(create_image("a", NULL, DISK_BYTES), VDISK_OK);
    assert_int_equal(create_image("b", "a", 0), VDISK_OK);
    strcpy(set->files[0].name, "moved");
    assert_int_equal(open_image("b", true, &image, &error), VDISK_PARENT_MISSING);
    assert_string_equal(error.file, "b");
    assert_int_equal(file_set_open(set, "b", true, false, &file, NULL), VDISK_OK);
    assert_int_equal(vdisk_image_open(file, &no_finder, &image, &error), VDISK_PARENT_MISSING);
    assert_int_equal(file_set_open(set, "b", true, false, &file, NULL), VDISK_OK);
    assert_int_equal(vdisk_image_open(file, &alone, &image, &error), VDISK_OK);
    assert_int_equal(vdisk_disk_read(vdisk_image_disk(image), 0, buffer, 512, &error),
                     VDISK_PARENT_MISSING);
    vdisk_image_close(image, NULL);
}

static void test_chains_that_lead_back_are_refused(void **state)
{
    struct vdisk_image *child, *parent;
    struct vdisk_error error;

    (void)state;
    assert_int_equal(create_image("a", NULL, DISK_BYTES), VDISK_OK);
    assert_int_equal(create_image("b", "a", 0), VDISK_OK);
    assert_int_equal(create_image("c", "b", 0), VDISK_OK);
    assert_int_equal(open_image("c", true, &parent, NULL), VDISK_OK);
    assert_int_equal(open_image("b", false, &child, NULL), VDISK_OK);
    assert_int_equal(vdisk_image_set_parent(child, parent, "c", NULL, NULL), VDISK_OK);
    assert_int_equal(vdisk_image_close(child, NULL), VDISK_OK);
    assert_int_equal(vdisk_image_close(parent, NULL), VDISK_OK);
    assert_int_equal(open_image("b", true, &child, &error), VDISK_CORRUPT);
    assert_non_null(strstr(error.reason, "leads back"));
    assert_int_equal(open_image("c", true, &child, &error), VDISK_CORRUPT);
}

static void test_own_parents_are_refused(void **state)
{
    struct vdisk_image *child, *parent;
    struct vdisk_error error;

    (void)state;
    assert_int_equal(create_image("a", NULL, DISK_BYTES), VDISK_OK);
    assert_int_equal(create_image("b", "a", 0), VDISK_OK);
    assert_int_equal(open_image("a", true, &parent, NULL), VDISK_OK);
    assert_int_equal(open_image("b", false, &child, NULL), VDISK_OK);
    assert_int_equal(vdisk_image_set_parent(child, parent, "b", NULL, NULL), VDISK_OK);
    assert_int_equal(vdisk_image_close(child, NULL), VDISK_OK);
    assert_int_equal(vdisk_image_close(parent, NULL), VDISK_OK);
    assert_int_equal(open_image("b", true, &child, &error), VDISK_CORRUPT);
    assert_string_equal(error.reason, "the image names itself as its parent");
}

static void test_a_chain_has_64_images_at_most(void **state)
{
    char name[16] = "0", parent[16];
    struct vdisk_image *image;
    struct vdisk_error error;

    (void)state;
    assert_int_equal(create_image(name, NULL, DISK_BYTES), VDISK_OK);
    write_block(name, 0, 5);
    for (unsigned i = 1; i <= VDISK_CHAIN_MAX; i++) {
        memcpy(parent, name, sizeof parent);
        snprintf(name, sizeof name, "%u", i);
        assert_int_equal(create_image(name, parent, 0), VDISK_OK);
    }
    assert_int_equal(open_image(parent, true, &image, &error), VDISK_OK);
    expect_block(image, 0, 5, VDISK_CHAIN_MAX - 1);
    vdisk_image_close(image, NULL);
    assert_int_equal(open_image(name, true, &image, &error), VDISK_UNSUPPORTED);
    assert_string_equal(error.structure, "parent");
}

#define CHAIN_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CHAIN_TEST(test_the_nearest_image_wins),
        CHAIN_TEST(test_beyond_a_smaller_parent_are_zeros),
        CHAIN_TEST(test_a_missing_parent_is_never_zeros),
        CHAIN_TEST(test_chains_that_lead_back_are_refused),
        CHAIN_TEST(test_own_parents_are_refused),
        CHAIN_TEST(test_a_chain_has_64_images_at_most),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
