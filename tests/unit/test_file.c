/* The common half of files: ranges, bouncing of what is not aligned, exact sizes. */
#include "tests/support/cmocka_all.h"

#include "engine/base/checked.h"
#include "host/fault/file_fault.h"
#include "host/memory/file_memory.h"
#include "tests/support/random.h"

#include <pthread.h>
#include <stdio.h>

#define MODEL_BYTES ((size_t)400000)

static const uint32_t alignments[] = {1, 512, 4096};

struct modelled_file {
    struct vdisk_memory_store *store;
    struct vdisk_file *file;
    uint64_t size_bytes;
    unsigned char model[MODEL_BYTES];
    unsigned char buffer[MODEL_BYTES + 16]; /* for targets that are not aligned */
};

static struct modelled_file tested;

static void open_tested(uint32_t alignment_bytes)
{
    memset(&tested, 0, sizeof tested);
    tested.store = vdisk_memory_store_create();
    assert_non_null(tested.store);
    assert_int_equal(vdisk_file_memory_open(tested.store, "tested.img", alignment_bytes, false,
                                            &tested.file, NULL),
                     VDISK_OK);
}

static void close_tested(void)
{
    vdisk_file_close(tested.file);
    vdisk_memory_store_destroy(tested.store);
}

static void check_size(void)
{
    uint64_t size = 0;

    assert_int_equal(vdisk_file_get_size(tested.file, &size, NULL), VDISK_OK);
    assert_int_equal(size, tested.size_bytes);
}

/* Short and long, aligned and not. */
static size_t choose_length(struct test_random *random, size_t limit)
{
    static const size_t scales[] = {16, 600, 5000, 70000, 200000};
    size_t length = test_random_below(random, scales[test_random_below(random, 5)]);

    if (test_random_chance(random, 30))
        length = (length + 4095) & ~(size_t)4095;
    return length < limit ? length : limit;
}

static uint64_t choose_offset(struct test_random *random)
{
    uint64_t offset = test_random_below(random, MODEL_BYTES);

    if (test_random_chance(random, 30))
        offset = vdisk_align_down(offset, 4096);
    if (test_random_chance(random, 20) && tested.size_bytes != 0)
        offset =
            tested.size_bytes - test_random_below(random, vdisk_min_u64(tested.size_bytes, 5000));
    return offset;
}

static void step_write(struct test_random *random)
{
    const uint64_t offset = choose_offset(random);
    const size_t length = choose_length(random, MODEL_BYTES - (size_t)offset);

    test_random_fill(random, tested.model + offset, length);
    assert_int_equal(vdisk_file_write(tested.file, offset, tested.model + offset, length, NULL),
                     VDISK_OK);
    if (length != 0)
        tested.size_bytes = vdisk_max_u64(tested.size_bytes, offset + length);
}

static void step_read(struct test_random *random)
{
    const uint64_t offset = choose_offset(random);
    const size_t length = choose_length(random, MODEL_BYTES - (size_t)offset);
    unsigned char *target = tested.buffer + test_random_below(random, 3);
    struct vdisk_error error;
    const enum vdisk_status status = vdisk_file_read(tested.file, offset, target, length, &error);

    if (vdisk_range_within(offset, length, tested.size_bytes) || length == 0) {
        assert_int_equal(status, VDISK_OK);
        assert_memory_equal(target, tested.model + offset, length);
    } else if (status != VDISK_OK) {
        assert_int_equal(status, VDISK_OUT_OF_RANGE);
        assert_string_equal(error.file, "tested.img");
    } else { /* allowed inside the last, partial unit only */
        assert_true(offset + length <= tested.size_bytes + tested.file->alignment_bytes);
    }
}

static void step_set_size(struct test_random *random)
{
    const uint64_t size = choose_offset(random);

    assert_int_equal(vdisk_file_set_size(tested.file, size, NULL), VDISK_OK);
    if (size < tested.size_bytes)
        memset(tested.model + size, 0, (size_t)(tested.size_bytes - size));
    tested.size_bytes = size;
}

static void step_zero(struct test_random *random)
{
    const uint64_t offset = choose_offset(random);
    const size_t length = choose_length(random, MODEL_BYTES - (size_t)offset);
    const bool fill = test_random_chance(random, 50);

    assert_int_equal(fill ? vdisk_file_fill_zeros(tested.file, offset, length, NULL)
                          : vdisk_file_zero(tested.file, offset, length, NULL),
                     VDISK_OK);
    memset(tested.model + offset, 0, length);
    if (length != 0)
        tested.size_bytes = vdisk_max_u64(tested.size_bytes, offset + length);
}

static void run_model(uint32_t alignment_bytes, uint64_t seed)
{
    struct test_random random;

    test_random_seed(&random, seed);
    open_tested(alignment_bytes);
    for (unsigned step = 0; step < 600; step++) {
        const uint64_t choice = test_random_below(&random, 100);

        if (choice < 45)
            step_write(&random);
        else if (choice < 85)
            step_read(&random);
        else if (choice < 92)
            step_set_size(&random);
        else
            step_zero(&random);
        check_size();
    }
    assert_int_equal(
        vdisk_file_read(tested.file, 0, tested.buffer + 1, (size_t)tested.size_bytes, NULL),
        VDISK_OK);
    assert_memory_equal(tested.buffer + 1, tested.model, (size_t)tested.size_bytes);
    close_tested();
}

static void test_random_transfers(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof alignments / sizeof alignments[0]; i++) {
        for (uint64_t seed = 1; seed <= 4; seed++)
            run_model(alignments[i], seed);
    }
}

static void test_impossible_ranges_are_refused(void **state)
{
    unsigned char byte = 0;
    struct vdisk_error error;

    (void)state;
    open_tested(512);
    assert_int_equal(vdisk_file_write(tested.file, INT64_MAX, &byte, 1, &error),
                     VDISK_OUT_OF_RANGE);
    assert_int_equal(vdisk_file_write(tested.file, UINT64_MAX, &byte, 1, &error),
                     VDISK_OUT_OF_RANGE);
    assert_int_equal(vdisk_file_read(tested.file, UINT64_MAX - 5, &byte, 100, &error),
                     VDISK_OUT_OF_RANGE);
    assert_int_equal(vdisk_file_set_size(tested.file, (uint64_t)INT64_MAX + 1, &error),
                     VDISK_OUT_OF_RANGE);
    assert_int_equal(vdisk_file_zero(tested.file, UINT64_MAX, 2, &error), VDISK_OUT_OF_RANGE);
    assert_int_equal(vdisk_file_zero(tested.file, INT64_MAX, 2, &error), VDISK_OUT_OF_RANGE);
    check_size();
    close_tested();
}

static void test_read_only_files_refuse_changes(void **state)
{
    unsigned char byte = 0;
    struct vdisk_file *file;

    (void)state;
    open_tested(1);
    assert_int_equal(vdisk_file_memory_open(tested.store, "ro", 1, true, &file, NULL), VDISK_OK);
    assert_int_equal(vdisk_file_write(file, 0, &byte, 1, NULL), VDISK_READ_ONLY);
    assert_int_equal(vdisk_file_set_size(file, 5, NULL), VDISK_READ_ONLY);
    assert_int_equal(vdisk_file_punch(file, 0, 5, NULL), VDISK_READ_ONLY);
    assert_int_equal(vdisk_file_zero(file, 0, 5, NULL), VDISK_READ_ONLY);
    assert_int_equal(vdisk_file_fill_zeros(file, 0, 5, NULL), VDISK_READ_ONLY);
    assert_int_equal(vdisk_file_flush(file, NULL), VDISK_OK);
    vdisk_file_close(file);
    close_tested();
}

static void test_a_full_store_says_so(void **state)
{
    (void)state;
    open_tested(512);
    vdisk_memory_store_set_limit(tested.store, 8192);
    assert_int_equal(vdisk_file_write(tested.file, 8000, tested.buffer, 192, NULL), VDISK_OK);
    assert_int_equal(vdisk_file_write(tested.file, 8000, tested.buffer, 193, NULL), VDISK_NO_SPACE);
    assert_int_equal(vdisk_file_set_size(tested.file, 8193, NULL), VDISK_NO_SPACE);
    assert_int_equal(vdisk_file_zero(tested.file, 8000, 200, NULL), VDISK_NO_SPACE);
    tested.size_bytes = 8192;
    check_size();
    close_tested();
}

static void test_odd_host_sectors_are_refused(void **state)
{
    struct vdisk_memory_store *store = vdisk_memory_store_create();
    struct vdisk_file *file;

    (void)state;
    assert_int_equal(vdisk_file_memory_open(store, "x", 520, false, &file, NULL),
                     VDISK_UNSUPPORTED);
    assert_int_equal(vdisk_file_memory_open(store, "x", 0, false, &file, NULL), VDISK_UNSUPPORTED);
    assert_int_equal(vdisk_file_memory_open(store, "x", 131072, false, &file, NULL),
                     VDISK_UNSUPPORTED);
    vdisk_memory_store_destroy(store);
}

/* Each step of a bounced transfer may fail; the error must come out and nothing else change. */
static void test_failures_come_through_the_bounce(void **state)
{
    struct vdisk_fault_plan plan = {.calls = 0x1f, .fail_to = UINT32_MAX, .status = VDISK_IO};
    struct vdisk_file *file;
    uint32_t steps = 0;

    (void)state;
    open_tested(512);
    assert_int_equal(vdisk_file_set_size(tested.file, 1000, NULL), VDISK_OK);
    assert_int_equal(vdisk_file_fault_open(tested.file, &plan, &file, NULL), VDISK_OK);
    assert_int_equal(vdisk_file_write(file, 900, tested.model, 300, NULL), VDISK_OK);
    steps = atomic_load(&plan.counted);
    assert_int_equal(steps, 3); /* read, write, cut back to the exact size */
    for (uint32_t step = 1; step <= steps; step++) {
        struct vdisk_error error;

        assert_int_equal(vdisk_file_set_size(tested.file, 1000, NULL), VDISK_OK);
        atomic_store(&plan.counted, 0);
        plan.fail_from = step;
        assert_int_equal(vdisk_file_write(file, 900, tested.model, 300, &error), VDISK_IO);
        assert_string_equal(error.reason, "injected failure");
        plan.fail_from = 0;
    }
    vdisk_file_close(file);
    vdisk_memory_store_destroy(tested.store);
}

static const struct vdisk_file_ops *memory_ops;

/*
 * Two writers at the end of the file: one writes bytes that are no whole sectors and are cut back,
 * the other extends by whole sectors. Neither may lose what the other has written.
 */
#define RACE_ROUNDS 30u
#define RACE_UNIT   4096u

/* The host takes its time to change a size, so that the other thread surely comes in between. */
static enum vdisk_status set_size_slowly(struct vdisk_file *file, uint64_t size_bytes,
                                         struct vdisk_error *error)
{
    for (unsigned i = 0; i < 3; i++)
        vdisk_pause();
    return memory_ops->set_size(file, size_bytes, error);
}

static uint64_t race_offsets[RACE_ROUNDS];

static void *extend_by_units(void *argument)
{
    static _Alignas(RACE_UNIT) unsigned char unit[RACE_UNIT];
    struct vdisk_file *file = argument;

    memset(unit, 0x5a, sizeof unit);
    for (unsigned round = 0; round < RACE_ROUNDS; round++) {
        uint64_t size = 0;

        vdisk_file_get_size(file, &size, NULL);
        race_offsets[round] = vdisk_align_down(size, RACE_UNIT) + RACE_UNIT;
        if (vdisk_file_write(file, race_offsets[round], unit, sizeof unit, NULL) != VDISK_OK)
            return (void *)1;
        vdisk_pause();
    }
    return NULL;
}

static void *extend_by_bytes(void *argument)
{
    unsigned char bytes[700];
    struct vdisk_file *file = argument;

    memset(bytes, 0x5a, sizeof bytes);
    for (unsigned round = 0; round < RACE_ROUNDS; round++) {
        uint64_t size = 0;

        vdisk_file_get_size(file, &size, NULL);
        if (vdisk_file_write(file, size - 600, bytes, sizeof bytes, NULL) != VDISK_OK)
            return (void *)1;
    }
    return NULL;
}

static void test_exact_sizes_lose_no_extension(void **state)
{
    struct vdisk_file_ops slow_ops;
    pthread_t threads[2];
    void *failed[2];

    (void)state;
    open_tested(RACE_UNIT);
    memory_ops = tested.file->ops;
    slow_ops = *memory_ops;
    slow_ops.set_size = set_size_slowly;
    tested.file->ops = &slow_ops;
    memset(tested.model, 0x5a, MODEL_BYTES);
    assert_int_equal(vdisk_file_write(tested.file, 0, tested.model, 9000, NULL), VDISK_OK);
    pthread_create(&threads[0], NULL, extend_by_units, tested.file);
    pthread_create(&threads[1], NULL, extend_by_bytes, tested.file);
    for (unsigned i = 0; i < 2; i++) {
        pthread_join(threads[i], &failed[i]);
        assert_null(failed[i]);
    }
    for (unsigned round = 0; round < RACE_ROUNDS; round++) {
        assert_int_equal(
            vdisk_file_read(tested.file, race_offsets[round], tested.buffer, RACE_UNIT, NULL),
            VDISK_OK);
        assert_memory_equal(tested.buffer, tested.model, RACE_UNIT);
    }
    close_tested();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_transfers),
        cmocka_unit_test(test_impossible_ranges_are_refused),
        cmocka_unit_test(test_read_only_files_refuse_changes),
        cmocka_unit_test(test_a_full_store_says_so),
        cmocka_unit_test(test_odd_host_sectors_are_refused),
        cmocka_unit_test(test_failures_come_through_the_bounce),
        cmocka_unit_test(test_exact_sizes_lose_no_extension),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
