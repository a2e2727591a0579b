/* A window gives exactly its part of the disk, and nothing beside it. */
#include "tests/support/cmocka_all.h"

#include "virtualdisk/layer.h"

#define MIB          1048576u
#define DISK_BYTES   (4u * MIB)
#define OFFSET_BYTES (MIB + 512u)
#define SIZE_BYTES   (2u * MIB)

struct fixture {
    struct vdisk_disk *disk;
    struct vdisk_disk *window;
    unsigned char sector[1024];
};

static struct vdisk_disk *open_disk(uint64_t size_bytes, uint32_t sector_bytes)
{
    const struct vdisk_memory_options options = {
        .size_bytes = size_bytes, .logical_sector_bytes = sector_bytes, .limit_bytes = UINT64_MAX};
    struct vdisk_disk *disk;

    assert_int_equal(vdisk_memory_open(&options, &disk, NULL), VDISK_OK);
    return disk;
}

static int set_up(void **state)
{
    static struct fixture fixture;

    fixture.disk = open_disk(DISK_BYTES, 512);
    assert_int_equal(
        vdisk_window_open(fixture.disk, OFFSET_BYTES, SIZE_BYTES, &fixture.window, NULL), VDISK_OK);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(vdisk_disk_close(fixture->window, NULL), VDISK_OK);
    assert_int_equal(vdisk_disk_close(fixture->disk, NULL), VDISK_OK);
    return 0;
}

static void fill(struct vdisk_disk *disk, uint64_t offset_bytes, unsigned char byte)
{
    unsigned char sector[512];

    memset(sector, byte, sizeof sector);
    assert_int_equal(vdisk_disk_write(disk, offset_bytes, sector, sizeof sector, NULL), VDISK_OK);
}

static unsigned char peek(struct vdisk_disk *disk, uint64_t offset_bytes)
{
    unsigned char sector[512];

    assert_int_equal(vdisk_disk_read(disk, offset_bytes, sector, sizeof sector, NULL), VDISK_OK);
    return sector[511];
}

static void test_transfers(void **state)
{
    struct fixture *fixture = *state;

    fill(fixture->window, 0, 1);
    fill(fixture->window, SIZE_BYTES - 512, 2);
    assert_int_equal(peek(fixture->disk, OFFSET_BYTES), 1);
    assert_int_equal(peek(fixture->disk, OFFSET_BYTES + SIZE_BYTES - 512), 2);
    assert_int_equal(peek(fixture->disk, OFFSET_BYTES - 512), 0);
    assert_int_equal(peek(fixture->disk, OFFSET_BYTES + SIZE_BYTES), 0);
    fill(fixture->disk, OFFSET_BYTES + 512, 3);
    assert_int_equal(peek(fixture->window, 512), 3);
}

static void test_ends(void **state)
{
    struct fixture *fixture = *state;
    unsigned char *buffer = fixture->sector;

    assert_int_equal(vdisk_disk_read(fixture->window, SIZE_BYTES, buffer, 512, NULL),
                     VDISK_OUT_OF_RANGE);
    assert_int_equal(vdisk_disk_read(fixture->window, SIZE_BYTES - 512, buffer, 1024, NULL),
                     VDISK_OUT_OF_RANGE);
    assert_int_equal(vdisk_disk_write(fixture->window, SIZE_BYTES - 512, buffer, 1024, NULL),
                     VDISK_OUT_OF_RANGE);
    assert_int_equal(
        vdisk_disk_write(fixture->window, UINT64_MAX - OFFSET_BYTES + 1, buffer, 512, NULL),
        VDISK_OUT_OF_RANGE);
    assert_int_equal(vdisk_disk_zero(fixture->window, SIZE_BYTES, 512, NULL), VDISK_OUT_OF_RANGE);
    assert_int_equal(vdisk_disk_read(fixture->window, SIZE_BYTES, buffer, 0, NULL), VDISK_OK);
}

static void test_zero_and_discard(void **state)
{
    struct fixture *fixture = *state;

    fill(fixture->disk, OFFSET_BYTES - 512, 7);
    fill(fixture->disk, OFFSET_BYTES + SIZE_BYTES, 8);
    fill(fixture->window, 512, 9);
    fill(fixture->window, MIB, 10);
    assert_int_equal(vdisk_disk_discard(fixture->window, 0, SIZE_BYTES, NULL), VDISK_OK);
    assert_int_equal(peek(fixture->window, MIB), 0);
    assert_int_equal(vdisk_disk_zero(fixture->window, 0, SIZE_BYTES, NULL), VDISK_OK);
    assert_int_equal(peek(fixture->window, 512), 0);
    assert_int_equal(peek(fixture->disk, OFFSET_BYTES - 512), 7);
    assert_int_equal(peek(fixture->disk, OFFSET_BYTES + SIZE_BYTES), 8);
}

static void test_map(void **state)
{
    struct fixture *fixture = *state;
    struct vdisk_extent extent;

    fill(fixture->window, SIZE_BYTES - 512, 2);
    assert_int_equal(vdisk_disk_map(fixture->window, 0, SIZE_BYTES, &extent, NULL), VDISK_OK);
    assert_int_equal(extent.kind, VDISK_EXTENT_UNALLOCATED);
    assert_int_equal(vdisk_disk_map(fixture->window, SIZE_BYTES - 512, 512, &extent, NULL),
                     VDISK_OK);
    assert_int_equal(extent.kind, VDISK_EXTENT_DATA);
    assert_int_equal(extent.length_bytes, 512);
}

static void test_places(void **state)
{
    struct fixture *fixture = *state;
    struct vdisk_disk *coarse = open_disk(MIB, 4096);
    struct vdisk_disk *window;

    assert_int_equal(vdisk_window_open(fixture->disk, 0, 0, &window, NULL), VDISK_INVALID);
    assert_int_equal(vdisk_window_open(fixture->disk, 100, 512, &window, NULL), VDISK_INVALID);
    assert_int_equal(vdisk_window_open(fixture->disk, DISK_BYTES, 512, &window, NULL),
                     VDISK_OUT_OF_RANGE);
    assert_int_equal(vdisk_window_open(fixture->disk, 512, DISK_BYTES, &window, NULL),
                     VDISK_OUT_OF_RANGE);
    assert_int_equal(vdisk_window_open(fixture->disk, UINT64_MAX - 511, 1024, &window, NULL),
                     VDISK_OUT_OF_RANGE);
    assert_int_equal(vdisk_window_open(coarse, 512, 4096, &window, NULL), VDISK_INVALID);
    vdisk_disk_close(coarse, NULL);
}

static void test_resize(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(vdisk_window_resize(fixture->window, SIZE_BYTES + 512, NULL), VDISK_OK);
    fill(fixture->window, SIZE_BYTES, 5);
    assert_int_equal(peek(fixture->disk, OFFSET_BYTES + SIZE_BYTES), 5);
    assert_int_equal(vdisk_window_resize(fixture->window, DISK_BYTES, NULL), VDISK_OUT_OF_RANGE);
    assert_int_equal(fixture->window->size_bytes, SIZE_BYTES + 512);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_transfers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_ends, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_zero_and_discard, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_map, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_places, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_resize, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
