/* Disks in memory: random operations against an array of bytes, limits, missing memory. */
#include "tests/support/cmocka_all.h"
#include "tests/support/random.h"

#include "virtualdisk/layer.h"

#include <stdlib.h>

#define CHUNK_BYTES 65536u
#define DISK_BYTES  (CHUNK_BYTES * 20u + 512u * 3u) /* the last chunk is cut off */
#define OPERATIONS  4000u

void *__real_vdisk_alloc_bulk(size_t size_bytes);
void *__wrap_vdisk_alloc_bulk(size_t size_bytes);

static uint32_t allocations_left = UINT32_MAX;

void *__wrap_vdisk_alloc_bulk(size_t size_bytes)
{
    if (allocations_left == 0)
        return NULL;
    if (allocations_left != UINT32_MAX)
        allocations_left--;
    return __real_vdisk_alloc_bulk(size_bytes);
}

static struct vdisk_disk *open_memory(struct vdisk_disk *next, uint64_t size_bytes,
                                      uint64_t limit_bytes)
{
    const struct vdisk_memory_options options = {.next = next,
                                                 .size_bytes = next == NULL ? size_bytes : 0,
                                                 .logical_sector_bytes = next == NULL ? 512 : 0,
                                                 .limit_bytes = limit_bytes};
    struct vdisk_disk *disk;

    assert_int_equal(vdisk_memory_open(&options, &disk, NULL), VDISK_OK);
    return disk;
}

/* A disk under an overlay: something everywhere but in its second half. */
static struct vdisk_disk *open_below(unsigned char *model, struct test_random *random)
{
    struct vdisk_disk *disk = open_memory(NULL, DISK_BYTES, UINT64_MAX);
    const size_t half = CHUNK_BYTES * 10 + 512;

    test_random_fill(random, model, half);
    assert_int_equal(vdisk_disk_write(disk, 0, model, half, NULL), VDISK_OK);
    return disk;
}

static void check_all(struct vdisk_disk *disk, const unsigned char *model)
{
    unsigned char *found = malloc(DISK_BYTES);

    assert_non_null(found);
    assert_int_equal(vdisk_disk_read(disk, 0, found, DISK_BYTES, NULL), VDISK_OK);
    assert_memory_equal(found, model, DISK_BYTES);
    free(found);
}

static void discard_model(unsigned char *model, uint64_t from, uint64_t to)
{
    from = (from + CHUNK_BYTES - 1) / CHUNK_BYTES * CHUNK_BYTES;
    if (to != DISK_BYTES)
        to = to / CHUNK_BYTES * CHUNK_BYTES;
    if (from < to)
        memset(model + from, 0, (size_t)(to - from));
}

static void do_one(struct vdisk_disk *disk, unsigned char *model, struct test_random *random)
{
    const uint64_t sectors = DISK_BYTES / 512;
    const uint64_t first = test_random_below(random, sectors);
    const uint64_t most = test_random_chance(random, 20) ? sectors - first : 100;
    uint64_t count = 1 + test_random_below(random, most);

    if (count > sectors - first)
        count = sectors - first;
    switch (test_random_below(random, 6)) {
    case 0:
        assert_int_equal(vdisk_disk_discard(disk, first * 512, count * 512, NULL), VDISK_OK);
        discard_model(model, first * 512, (first + count) * 512);
        break;
    case 1:
        assert_int_equal(vdisk_disk_zero(disk, first * 512, count * 512, NULL), VDISK_OK);
        memset(model + first * 512, 0, (size_t)count * 512);
        break;
    case 2:
        memset(model + first * 512, 0, (size_t)count * 512);
        assert_int_equal(
            vdisk_disk_write(disk, first * 512, model + first * 512, (size_t)count * 512, NULL),
            VDISK_OK);
        break;
    default:
        test_random_fill(random, model + first * 512, (size_t)count * 512);
        assert_int_equal(
            vdisk_disk_write(disk, first * 512, model + first * 512, (size_t)count * 512, NULL),
            VDISK_OK);
        break;
    }
}

static void run_random(bool overlay)
{
    unsigned char *model = calloc(1, DISK_BYTES);
    unsigned char *below_model = malloc(DISK_BYTES);
    struct test_random random;
    struct vdisk_disk *below = NULL, *disk;

    assert_true(model != NULL && below_model != NULL);
    test_random_seed(&random, overlay ? 1 : 2);
    if (overlay)
        below = open_below(model, &random);
    memcpy(below_model, model, DISK_BYTES);
    disk = open_memory(below, DISK_BYTES, UINT64_MAX);
    check_all(disk, model);
    for (uint32_t i = 0; i < OPERATIONS; i++) {
        do_one(disk, model, &random);
        if (i % 100 == 0)
            check_all(disk, model);
    }
    check_all(disk, model);
    if (overlay)
        check_all(below, below_model); /* nothing went through */
    vdisk_disk_close(disk, NULL);
    vdisk_disk_close(below, NULL);
    free(below_model);
    free(model);
}

static void test_random_ram(void **state)
{
    (void)state;
    run_random(false);
}

static void test_random_overlay(void **state)
{
    (void)state;
    run_random(true);
}

static void write_chunk(struct vdisk_disk *disk, uint64_t chunk, enum vdisk_status expected)
{
    unsigned char sector[512];

    memset(sector, (int)chunk + 1, sizeof sector);
    assert_int_equal(vdisk_disk_write(disk, chunk * CHUNK_BYTES + 512, sector, sizeof sector, NULL),
                     expected);
}

static void test_discard_gives_memory_back(void **state)
{
    struct vdisk_disk *disk = open_memory(NULL, DISK_BYTES, UINT64_MAX);
    uint64_t empty, full;

    (void)state;
    write_chunk(disk, 0, VDISK_OK);
    assert_int_equal(vdisk_disk_discard(disk, 0, DISK_BYTES, NULL), VDISK_OK);
    empty = vdisk_memory_used(disk); /* pages stay */
    for (uint64_t chunk = 0; chunk <= 20; chunk++)
        write_chunk(disk, chunk, VDISK_OK);
    full = vdisk_memory_used(disk);
    assert_int_equal(full - empty, 21 * CHUNK_BYTES);
    assert_int_equal(vdisk_disk_discard(disk, 0, DISK_BYTES, NULL), VDISK_OK);
    assert_int_equal(vdisk_memory_used(disk), empty);
    vdisk_disk_close(disk, NULL);
}

static void test_limit(void **state)
{
    struct vdisk_disk *disk = open_memory(NULL, DISK_BYTES, CHUNK_BYTES * 3 + 4096);
    unsigned char *model = calloc(1, DISK_BYTES);

    (void)state;
    assert_non_null(model);
    for (uint64_t chunk = 0; chunk < 3; chunk++) {
        write_chunk(disk, chunk, VDISK_OK);
        memset(model + chunk * CHUNK_BYTES + 512, (int)chunk + 1, 512);
    }
    write_chunk(disk, 3, VDISK_NO_SPACE);
    write_chunk(disk, 2, VDISK_OK);
    check_all(disk, model);
    assert_int_equal(vdisk_disk_discard(disk, 0, CHUNK_BYTES, NULL), VDISK_OK);
    write_chunk(disk, 3, VDISK_OK);
    vdisk_disk_close(disk, NULL);
    free(model);
}

static void test_missing_memory(void **state)
{
    struct vdisk_disk *disk = open_memory(NULL, DISK_BYTES, UINT64_MAX);

    (void)state;
    allocations_left = 0;
    write_chunk(disk, 5, VDISK_NO_MEMORY);
    allocations_left = 1; /* the page, and no chunk */
    write_chunk(disk, 5, VDISK_NO_MEMORY);
    allocations_left = UINT32_MAX;
    write_chunk(disk, 5, VDISK_OK);
    vdisk_disk_close(disk, NULL);
}

/* Of a huge disk only what is used costs anything, and a discard of all of it costs nothing. */
static void test_huge(void **state)
{
    const uint64_t huge = UINT64_C(1) << 44;
    struct vdisk_disk *below = open_memory(NULL, huge, UINT64_MAX);
    struct vdisk_disk *disk = open_memory(below, 0, CHUNK_BYTES * 2 + 4096 * 10);
    struct vdisk_extent extent;
    unsigned char sector[512];

    (void)state;
    write_chunk(below, 1, VDISK_OK);
    write_chunk(below, (huge >> 16) - 1, VDISK_OK);
    assert_int_equal(vdisk_disk_discard(disk, CHUNK_BYTES, huge - CHUNK_BYTES, NULL), VDISK_OK);
    assert_int_equal(vdisk_disk_read(disk, huge - CHUNK_BYTES + 512, sector, 512, NULL), VDISK_OK);
    assert_int_equal(sector[0], 0);
    assert_int_equal(vdisk_disk_map(disk, huge / 2, huge / 2, &extent, NULL), VDISK_OK);
    assert_int_equal(extent.kind, VDISK_EXTENT_ZERO);
    write_chunk(disk, (huge >> 16) - 1, VDISK_OK);
    assert_int_equal(vdisk_disk_read(disk, huge - CHUNK_BYTES, sector, 512, NULL), VDISK_OK);
    assert_int_equal(sector[0], 0);
    assert_true(vdisk_memory_used(disk) <= CHUNK_BYTES * 2 + 4096 * 10);
    vdisk_disk_close(disk, NULL);
    vdisk_disk_close(below, NULL);
}

static void test_load(void **state)
{
    unsigned char *model = calloc(1, DISK_BYTES);
    struct test_random random;
    struct vdisk_disk *source, *disk;

    (void)state;
    assert_non_null(model);
    test_random_seed(&random, 3);
    source = open_below(model, &random);
    disk = open_memory(NULL, DISK_BYTES, UINT64_MAX);
    assert_int_equal(vdisk_memory_load(disk, source, NULL), VDISK_OK);
    vdisk_disk_close(source, NULL);
    check_all(disk, model);
    vdisk_disk_close(disk, NULL);
    free(model);
}

static void test_options(void **state)
{
    struct vdisk_memory_options options = {.size_bytes = 4096, .logical_sector_bytes = 1024};
    struct vdisk_disk *disk;

    (void)state;
    assert_int_equal(vdisk_memory_open(&options, &disk, NULL), VDISK_INVALID);
    options.logical_sector_bytes = 4096;
    options.size_bytes = 0;
    assert_int_equal(vdisk_memory_open(&options, &disk, NULL), VDISK_INVALID);
    options.size_bytes = 512;
    assert_int_equal(vdisk_memory_open(&options, &disk, NULL), VDISK_INVALID);
    options.size_bytes = UINT64_MAX - 4095;
    assert_int_equal(vdisk_memory_open(&options, &disk, NULL), VDISK_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_ram),
        cmocka_unit_test(test_random_overlay),
        cmocka_unit_test(test_discard_gives_memory_back),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_missing_memory),
        cmocka_unit_test(test_huge),
        cmocka_unit_test(test_load),
        cmocka_unit_test(test_options),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
