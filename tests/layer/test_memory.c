/* Disks in memory: random operations against an array of bytes, limits, missing memory. */
#include "tests/layer/byte_model.h"
#include "tests/support/cmocka_all.h"

#include "virtualdisk/layer.h"

#define CHUNK_BYTES 65536u
#define PAGE_BYTES  4096u
#define DISK_BYTES  (CHUNK_BYTES * 20u + 512u * 3u) /* the last chunk is cut off */
#define HUGE_BYTES  (UINT64_C(1) << 44)             /* a tree of four levels */
#define OPERATIONS  1500u

void *__real_vdisk_alloc(size_t size_bytes);
void *__wrap_vdisk_alloc(size_t size_bytes);
void *__real_vdisk_alloc_bulk(size_t size_bytes);
void *__wrap_vdisk_alloc_bulk(size_t size_bytes);

static uint32_t allocations_left = UINT32_MAX;

static bool may_allocate(void)
{
    if (allocations_left == 0)
        return false;
    if (allocations_left != UINT32_MAX)
        allocations_left--;
    return true;
}

void *__wrap_vdisk_alloc(size_t size_bytes)
{
    return may_allocate() ? __real_vdisk_alloc(size_bytes) : NULL;
}

void *__wrap_vdisk_alloc_bulk(size_t size_bytes)
{
    return may_allocate() ? __real_vdisk_alloc_bulk(size_bytes) : NULL;
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

/*
 * A disk in memory, seen through a window in the midst of a huge one where the whole tree has a
 * joint, or all of it; alone or over another with something in its first half.
 */
struct stack {
    struct vdisk_disk *below, *memory, *window;
    struct vdisk_disk *disk; /* the highest */
    uint64_t offset_bytes;   /* of the window */
    struct byte_model model, below_model;
    struct test_random random;
};

static void open_below(struct stack *stack, uint64_t size_bytes, uint64_t offset_bytes)
{
    struct vdisk_disk *window;

    stack->below = open_memory(NULL, size_bytes, UINT64_MAX);
    assert_int_equal(vdisk_window_open(stack->below, offset_bytes, DISK_BYTES, &window, NULL),
                     VDISK_OK);
    byte_model_fill(&stack->model, window, &stack->random, 0, CHUNK_BYTES * 10 + 512);
    memcpy(stack->below_model.bytes, stack->model.bytes, DISK_BYTES);
    vdisk_disk_close(window, NULL);
}

static void open_stack(struct stack *stack, bool overlay, bool huge, uint64_t limit_bytes)
{
    const uint64_t size = huge ? HUGE_BYTES : DISK_BYTES;
    const uint64_t offset = huge ? HUGE_BYTES / 2 - CHUNK_BYTES * 7 - 1024 : 0;

    *stack = (struct stack){.offset_bytes = offset};
    byte_model_init(&stack->model, DISK_BYTES);
    byte_model_init(&stack->below_model, DISK_BYTES);
    stack->model.shift_bytes = offset % CHUNK_BYTES;
    stack->model.cut_off = !huge;
    test_random_seed(&stack->random, overlay * 2 + huge);
    if (overlay)
        open_below(stack, size, offset);
    stack->memory = open_memory(stack->below, size, limit_bytes);
    stack->disk = stack->memory;
    if (!huge)
        return;
    assert_int_equal(vdisk_window_open(stack->memory, offset, DISK_BYTES, &stack->window, NULL),
                     VDISK_OK);
    stack->disk = stack->window;
}

static void close_stack(struct stack *stack)
{
    byte_model_check(&stack->model, stack->disk);
    vdisk_disk_close(stack->window, NULL);
    vdisk_disk_close(stack->memory, NULL);
    if (stack->below != NULL && stack->window == NULL) /* nothing went through */
        byte_model_check(&stack->below_model, stack->below);
    vdisk_disk_close(stack->below, NULL);
    byte_model_deinit(&stack->below_model);
    byte_model_deinit(&stack->model);
}

static void run_random(bool overlay, bool huge)
{
    struct stack stack;

    open_stack(&stack, overlay, huge, UINT64_MAX);
    byte_model_check(&stack.model, stack.disk);
    for (uint32_t i = 0; i < OPERATIONS; i++) {
        assert_int_equal(byte_model_change(&stack.model, stack.disk, &stack.random), VDISK_OK);
        if (i % 100 == 0)
            byte_model_check(&stack.model, stack.disk);
    }
    close_stack(&stack);
}

static void test_random_ram(void **state)
{
    (void)state;
    run_random(false, false);
}

static void test_random_overlay(void **state)
{
    (void)state;
    run_random(true, false);
}

static void test_random_huge(void **state)
{
    (void)state;
    run_random(false, true);
    run_random(true, true);
}

/* What was kept back is in the disk below afterwards, which then serves in the place of next. */
static void run_commit(bool huge)
{
    struct stack stack;
    struct vdisk_disk *window;

    open_stack(&stack, true, huge, UINT64_MAX);
    for (uint32_t i = 0; i < OPERATIONS / 10; i++)
        assert_int_equal(byte_model_change(&stack.model, stack.disk, &stack.random), VDISK_OK);
    stack.below->read_only = true;
    assert_int_equal(vdisk_memory_commit(stack.memory, stack.below, NULL), VDISK_READ_ONLY);
    stack.below->read_only = false;
    byte_model_check(&stack.model, stack.disk);
    assert_int_equal(vdisk_memory_commit(stack.memory, stack.below, NULL), VDISK_OK);
    vdisk_memory_set_next(stack.memory, stack.below);
    byte_model_check(&stack.model, stack.disk);
    assert_int_equal(vdisk_window_open(stack.below, stack.offset_bytes, DISK_BYTES, &window, NULL),
                     VDISK_OK);
    byte_model_check(&stack.model, window);
    vdisk_disk_close(window, NULL);
    memcpy(stack.below_model.bytes, stack.model.bytes, DISK_BYTES);
    close_stack(&stack);
}

static void test_commit(void **state)
{
    (void)state;
    run_commit(false);
    run_commit(true);
}

/* Memory ends at any step, again and again: what was there stays, and the next try succeeds. */
static void run_without_memory(bool overlay, bool huge)
{
    struct stack stack;
    uint32_t failures = 0;

    open_stack(&stack, overlay, huge, UINT64_MAX);
    for (uint32_t i = 0; i < OPERATIONS; i++) {
        enum vdisk_status status;

        if (i % 50 == 0) /* little is there, so that much is needed */
            assert_int_equal(vdisk_disk_discard(stack.memory, 0, stack.memory->size_bytes, NULL),
                             VDISK_OK);
        if (i % 50 == 0)
            memset(stack.model.bytes, 0, DISK_BYTES);
        allocations_left = (uint32_t)test_random_below(&stack.random, 6);
        status = byte_model_change(&stack.model, stack.disk, &stack.random);
        allocations_left = UINT32_MAX;
        assert_true(status == VDISK_OK || status == VDISK_NO_MEMORY);
        failures += status != VDISK_OK;
        if (i % 100 == 0)
            byte_model_check(&stack.model, stack.disk);
    }
    assert_true(failures > OPERATIONS / 20);
    for (uint32_t i = 0; i < 100; i++)
        assert_int_equal(byte_model_change(&stack.model, stack.disk, &stack.random), VDISK_OK);
    close_stack(&stack);
}

static void test_missing_memory(void **state)
{
    (void)state;
    run_without_memory(false, false);
    run_without_memory(true, false);
    run_without_memory(true, true);
}

/* The limit is met again and again, and never passed. */
static void run_limited(bool overlay, bool huge)
{
    const uint64_t limit = CHUNK_BYTES * 8 + PAGE_BYTES * 9;
    struct stack stack;
    uint32_t failures = 0;

    open_stack(&stack, overlay, huge, limit);
    for (uint32_t i = 0; i < OPERATIONS; i++) {
        const enum vdisk_status status = byte_model_change(&stack.model, stack.disk, &stack.random);

        assert_true(status == VDISK_OK || status == VDISK_NO_SPACE);
        failures += status != VDISK_OK;
        assert_true(vdisk_memory_used(stack.memory) <= limit);
        if (i % 100 == 0)
            byte_model_check(&stack.model, stack.disk);
    }
    assert_true(failures > OPERATIONS / 20);
    close_stack(&stack);
}

static void test_random_limit(void **state)
{
    (void)state;
    run_limited(false, false);
    run_limited(true, false);
    run_limited(true, true);
}

static void write_chunk(struct vdisk_disk *disk, uint64_t chunk, enum vdisk_status expected)
{
    unsigned char sector[512];

    memset(sector, (int)(chunk % 255) + 1, sizeof sector); /* never zeros */
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

/* What does not fit takes nothing, not even the pages that would lead to it. */
static void test_limit(void **state)
{
    const uint64_t limit = CHUNK_BYTES * 3 + PAGE_BYTES * 4;
    const uint64_t far = (HUGE_BYTES >> 16) - 1;
    struct vdisk_disk *disk = open_memory(NULL, HUGE_BYTES, limit);
    struct vdisk_error error;
    unsigned char sector[512] = {1};

    (void)state;
    for (uint64_t chunk = 0; chunk < 3; chunk++)
        write_chunk(disk, chunk, VDISK_OK);
    assert_int_equal(vdisk_memory_used(disk), limit);
    assert_int_equal(vdisk_disk_write(disk, CHUNK_BYTES * 3, sector, 512, &error), VDISK_NO_SPACE);
    assert_int_equal(error.offset_bytes, CHUNK_BYTES * 3);
    assert_string_equal(error.reason, "what may be kept in memory is full");
    write_chunk(disk, 2, VDISK_OK);
    for (uint64_t chunk = 0; chunk < 3; chunk++) {
        assert_int_equal(vdisk_disk_read(disk, chunk * CHUNK_BYTES + 512, sector, 512, NULL),
                         VDISK_OK);
        assert_int_equal(sector[511], chunk + 1);
    }
    assert_int_equal(vdisk_disk_discard(disk, 0, CHUNK_BYTES, NULL), VDISK_OK);
    write_chunk(disk, far, VDISK_NO_SPACE);
    assert_int_equal(vdisk_memory_used(disk), limit - CHUNK_BYTES);
    write_chunk(disk, 3, VDISK_OK);
    assert_int_equal(vdisk_memory_used(disk), limit);
    vdisk_disk_close(disk, NULL);
}

static void test_nothing_allowed(void **state)
{
    struct vdisk_disk *disk = open_memory(NULL, DISK_BYTES, 0);

    (void)state;
    write_chunk(disk, 0, VDISK_NO_SPACE);
    assert_int_equal(vdisk_disk_zero(disk, 0, DISK_BYTES, NULL), VDISK_OK);
    assert_int_equal(vdisk_disk_discard(disk, 0, DISK_BYTES, NULL), VDISK_OK);
    assert_int_equal(vdisk_memory_used(disk), 0);
    vdisk_disk_close(disk, NULL);
}

/* Zeros that are written where nothing is take nothing; over something they hide it. */
static void test_zeros(void **state)
{
    struct vdisk_disk *below = open_memory(NULL, DISK_BYTES, UINT64_MAX);
    struct vdisk_disk *disk = open_memory(below, 0, UINT64_MAX);
    unsigned char sector[512] = {0};

    (void)state;
    assert_int_equal(vdisk_disk_write(below, 512, sector, 512, NULL), VDISK_OK);
    assert_int_equal(vdisk_memory_used(below), 0);
    write_chunk(below, 0, VDISK_OK);
    assert_int_equal(vdisk_disk_write(disk, 512, sector, 512, NULL), VDISK_OK);
    assert_int_equal(vdisk_disk_read(disk, 512, sector, 512, NULL), VDISK_OK);
    assert_int_equal(sector[0], 0);
    vdisk_disk_close(disk, NULL);
    vdisk_disk_close(below, NULL);
}

/* A disk that fails to be read while it is told to. */
struct broken {
    struct vdisk_disk disk; /* first */
    bool fails;
};

static enum vdisk_status broken_read(struct vdisk_disk *disk, uint64_t offset_bytes, void *buffer,
                                     size_t length_bytes, struct vdisk_error *error)
{
    if (((struct broken *)disk)->fails)
        return vdisk_fail(error, VDISK_IO, NULL, NULL, offset_bytes, NULL);
    memset(buffer, 0xAB, length_bytes);
    return VDISK_OK;
}

static void test_broken_next(void **state)
{
    static const struct vdisk_disk_ops ops = {.read = broken_read};
    static unsigned char chunk[CHUNK_BYTES];
    struct broken below = {.disk = {.ops = &ops,
                                    .size_bytes = DISK_BYTES,
                                    .logical_sector_bytes = 512,
                                    .physical_sector_bytes = 512,
                                    .read_only = true},
                           .fails = true};
    struct vdisk_disk *disk = open_memory(&below.disk, 0, UINT64_MAX);

    (void)state;
    assert_false(disk->read_only);
    write_chunk(disk, 1, VDISK_IO);
    assert_true(vdisk_memory_used(disk) < CHUNK_BYTES);
    /* Nothing of a whole chunk has to be read. */
    assert_int_equal(vdisk_disk_write(disk, 0, chunk, CHUNK_BYTES, NULL), VDISK_OK);
    assert_int_equal(vdisk_disk_read(disk, 0, chunk, CHUNK_BYTES, NULL), VDISK_OK);
    assert_int_equal(vdisk_disk_read(disk, 512, chunk, CHUNK_BYTES, NULL), VDISK_IO);
    below.fails = false;
    write_chunk(disk, 1, VDISK_OK);
    assert_int_equal(vdisk_disk_read(disk, CHUNK_BYTES, chunk, CHUNK_BYTES, NULL), VDISK_OK);
    assert_int_equal(chunk[511], 0xAB);
    assert_int_equal(chunk[512], 2);
    assert_int_equal(chunk[1024], 0xAB);
    vdisk_disk_close(disk, NULL);
}

/* Of a huge disk only what is used costs anything, and a discard of all of it costs nothing. */
static void test_huge(void **state)
{
    const uint64_t huge = HUGE_BYTES;
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

/* No range overflows, even of the largest disk. */
static void test_largest(void **state)
{
    const uint64_t size = INT64_MAX - 511;
    struct vdisk_disk *disk = open_memory(NULL, size, UINT64_MAX);
    struct vdisk_extent extent;
    unsigned char sectors[1024];

    (void)state;
    assert_int_equal(vdisk_disk_map(disk, 0, size, &extent, NULL), VDISK_OK);
    assert_int_equal(extent.kind, VDISK_EXTENT_UNALLOCATED);
    assert_int_equal(extent.length_bytes, size);
    assert_int_equal(vdisk_disk_read(disk, 0, sectors, sizeof sectors, NULL), VDISK_OK);
    memset(sectors, 7, sizeof sectors);
    assert_int_equal(vdisk_disk_write(disk, size - 1024, sectors, 1024, NULL), VDISK_OK);
    memset(sectors, 0, sizeof sectors);
    assert_int_equal(vdisk_disk_read(disk, size - 1024, sectors, 1024, NULL), VDISK_OK);
    assert_int_equal(sectors[1023], 7);
    assert_int_equal(vdisk_disk_discard(disk, 0, size, NULL), VDISK_OK);
    assert_int_equal(vdisk_disk_read(disk, size - 1024, sectors, 1024, NULL), VDISK_OK);
    assert_int_equal(sectors[1023], 0);
    vdisk_disk_close(disk, NULL);
}

static void test_load(void **state)
{
    struct vdisk_disk *other = open_memory(NULL, DISK_BYTES + 512, UINT64_MAX);
    struct vdisk_disk *disk = open_memory(NULL, DISK_BYTES, UINT64_MAX);
    struct stack stack;

    (void)state;
    open_stack(&stack, true, false, UINT64_MAX);
    assert_int_equal(vdisk_memory_load(other, stack.disk, NULL), VDISK_INVALID);
    assert_int_equal(vdisk_memory_load(disk, stack.disk, NULL), VDISK_OK);
    assert_false(disk->read_only || disk->optical);
    byte_model_check(&stack.model, disk);
    assert_int_equal(vdisk_memory_used(disk), CHUNK_BYTES * 11 + PAGE_BYTES);
    close_stack(&stack);
    vdisk_disk_close(disk, NULL);
    vdisk_disk_close(other, NULL);
}

/* What lies over or comes from a CD is one: nobody writes to it. */
static void test_optical(void **state)
{
    const struct vdisk_memory_options options = {
        .size_bytes = CHUNK_BYTES, .logical_sector_bytes = 2048, .limit_bytes = UINT64_MAX};
    struct vdisk_disk *source, *loaded, *over;
    unsigned char sector[2048] = {1};

    (void)state;
    assert_int_equal(vdisk_memory_open(&options, &source, NULL), VDISK_OK);
    assert_int_equal(vdisk_memory_open(&options, &loaded, NULL), VDISK_OK);
    source->optical = source->read_only = true;
    over = open_memory(source, 0, UINT64_MAX);
    assert_int_equal(vdisk_memory_load(loaded, source, NULL), VDISK_OK);
    assert_true(loaded->optical && over->optical);
    assert_int_equal(vdisk_disk_write(loaded, 0, sector, 2048, NULL), VDISK_READ_ONLY);
    assert_int_equal(vdisk_disk_write(over, 0, sector, 2048, NULL), VDISK_READ_ONLY);
    vdisk_disk_close(over, NULL);
    vdisk_disk_close(loaded, NULL);
    vdisk_disk_close(source, NULL);
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
        cmocka_unit_test(test_commit),
        cmocka_unit_test(test_random_ram),
        cmocka_unit_test(test_random_overlay),
        cmocka_unit_test(test_random_huge),
        cmocka_unit_test(test_missing_memory),
        cmocka_unit_test(test_random_limit),
        cmocka_unit_test(test_discard_gives_memory_back),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_nothing_allowed),
        cmocka_unit_test(test_zeros),
        cmocka_unit_test(test_broken_next),
        cmocka_unit_test(test_huge),
        cmocka_unit_test(test_largest),
        cmocka_unit_test(test_load),
        cmocka_unit_test(test_optical),
        cmocka_unit_test(test_options),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
