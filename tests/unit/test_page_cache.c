/* The metadata cache: a model of its bytes, its bounds, and readers beside a writer. */
#include "tests/support/cmocka_all.h"

#include "engine/base/page_cache.h"
#include "host/fault/file_fault.h"
#include "host/memory/file_memory.h"
#include "tests/support/random.h"

#include <pthread.h>

#define PAGES      64u
#define PAGE       512u
#define FILE_BYTES (PAGES * PAGE - 100u) /* the last page reaches beyond the end */
#define LIMIT      16u

static unsigned char stored[PAGES * PAGE];  /* what the file holds */
static unsigned char current[PAGES * PAGE]; /* what the cache shows */
static bool dirty[PAGES];

static struct vdisk_memory_store *store;
static struct vdisk_file *file;
static struct vdisk_page_cache *cache;
static struct vdisk_fault_plan plan;
static bool no_memory;

void *__real_vdisk_alloc(size_t size_bytes);
void *__wrap_vdisk_alloc(size_t size_bytes);

void *__wrap_vdisk_alloc(size_t size_bytes)
{
    return no_memory ? NULL : __real_vdisk_alloc(size_bytes);
}

static int set_up(void **state)
{
    struct vdisk_file *below;
    struct test_random random;

    (void)state;
    test_random_seed(&random, 1);
    memset(stored, 0, sizeof stored);
    memset(dirty, 0, sizeof dirty);
    test_random_fill(&random, stored, FILE_BYTES);
    memcpy(current, stored, sizeof stored);
    store = vdisk_memory_store_create();
    memset(&plan, 0, sizeof plan);
    plan.calls = VDISK_FAULT_READ | VDISK_FAULT_WRITE;
    plan.fail_to = UINT32_MAX;
    assert_int_equal(vdisk_file_memory_open(store, "cached", 1, false, &below, NULL), VDISK_OK);
    assert_int_equal(vdisk_file_fault_open(below, &plan, &file, NULL), VDISK_OK);
    assert_int_equal(vdisk_file_write(file, 0, stored, FILE_BYTES, NULL), VDISK_OK);
    assert_int_equal(vdisk_page_cache_create(file, "table", PAGE, LIMIT, &cache, NULL), VDISK_OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    vdisk_page_cache_destroy(cache);
    vdisk_file_close(file);
    vdisk_memory_store_destroy(store);
    return 0;
}

static void expect_load(uint32_t page, uint32_t byte, uint32_t length)
{
    unsigned char data[PAGE];

    assert_int_equal(vdisk_page_cache_load(cache, (uint64_t)page * PAGE, byte, data, length, NULL),
                     VDISK_OK);
    assert_memory_equal(data, current + page * PAGE + byte, length);
}

static uint32_t model_dirty_count(void)
{
    uint32_t count = 0;

    for (uint32_t page = 0; page < PAGES; page++)
        count += dirty[page];
    return count;
}

/* A store may find its set full; then nothing has changed. */
static void step_store(struct test_random *random, uint32_t page, uint32_t byte, uint32_t length)
{
    unsigned char data[PAGE];
    enum vdisk_status status;

    test_random_fill(random, data, length);
    status = vdisk_page_cache_store(cache, (uint64_t)page * PAGE, byte, data, length, NULL);
    if (status == VDISK_OK) {
        memcpy(current + page * PAGE + byte, data, length);
        dirty[page] = true;
    } else {
        assert_int_equal(status, VDISK_NO_SPACE);
        assert_false(dirty[page]);
    }
}

static void step_store_zero(uint32_t page)
{
    const enum vdisk_status status =
        vdisk_page_cache_store_zero(cache, (uint64_t)page * PAGE, NULL);

    if (status == VDISK_OK) {
        memset(current + page * PAGE, 0, PAGE);
        dirty[page] = true;
    } else {
        assert_int_equal(status, VDISK_NO_SPACE);
        assert_false(dirty[page]);
    }
}

static void step_write_back(void)
{
    static unsigned char read_back[PAGES * PAGE];
    uint64_t size;

    assert_int_equal(vdisk_page_cache_write_back(cache, NULL, NULL, NULL), VDISK_OK);
    assert_int_equal(vdisk_page_cache_dirty_count(cache), 0);
    memcpy(stored, current, sizeof stored);
    memset(dirty, 0, sizeof dirty);
    assert_int_equal(vdisk_file_get_size(file, &size, NULL), VDISK_OK);
    memset(read_back, 0, sizeof read_back);
    assert_int_equal(vdisk_file_read(file, 0, read_back, (size_t)size, NULL), VDISK_OK);
    assert_memory_equal(read_back, stored, sizeof stored);
}

static void step_forget(uint32_t page, uint32_t count)
{
    vdisk_page_cache_forget(cache, (uint64_t)page * PAGE, (uint64_t)count * PAGE);
    for (uint32_t i = page; i < page + count && i < PAGES; i++) {
        memcpy(current + i * PAGE, stored + i * PAGE, PAGE);
        dirty[i] = false;
    }
}

static void test_random_accesses(void **state)
{
    struct test_random random;

    (void)state;
    test_random_seed(&random, 2);
    for (unsigned step = 0; step < 20000; step++) {
        const uint32_t page = (uint32_t)test_random_below(&random, PAGES);
        const uint32_t byte = (uint32_t)test_random_below(&random, PAGE / 4) * 4;
        const uint32_t length = (uint32_t)test_random_below(&random, (PAGE - byte) / 4 + 1) * 4;
        const uint64_t choice = test_random_below(&random, 1000);

        if (choice < 600)
            expect_load(page, byte, length);
        else if (choice < 950)
            step_store(&random, page, byte, length);
        else if (choice < 960)
            step_store_zero(page);
        else if (choice < 980)
            step_forget(page, (uint32_t)test_random_below(&random, 4));
        else
            step_write_back();
        assert_int_equal(vdisk_page_cache_dirty_count(cache), model_dirty_count());
    }
    assert_true(vdisk_page_cache_limit(cache) <= LIMIT);
}

static void test_dirty_pages_stay_until_they_are_written(void **state)
{
    uint32_t page = 0;
    const uint32_t mark = 0x12345678;
    uint32_t accepted = 0;

    (void)state;
    for (page = 0; page < PAGES; page++) {
        struct vdisk_error error;
        const enum vdisk_status status =
            vdisk_page_cache_store(cache, (uint64_t)page * PAGE, 0, &mark, 4, &error);

        if (status == VDISK_OK) {
            accepted++;
            memcpy(current + page * PAGE, &mark, 4);
            continue;
        }
        assert_int_equal(status, VDISK_NO_SPACE);
        assert_string_equal(error.structure, "table");
    }
    assert_int_equal(accepted, vdisk_page_cache_limit(cache));
    for (page = 0; page < PAGES; page++) /* full of dirty pages, everything can still be read */
        expect_load(page, 0, PAGE);
    step_write_back();
    for (page = 0; page < PAGES; page++)
        expect_load(page, 0, PAGE);
}

struct visit {
    uint64_t last_bytes;
    uint32_t count;
    uint32_t fail_at;
};

static enum vdisk_status visit_page(void *context, uint64_t page_offset_bytes, const void *page,
                                    uint32_t page_bytes, struct vdisk_error *error)
{
    struct visit *visit = context;

    assert_int_equal(page_bytes, PAGE);
    assert_memory_equal(page, current + page_offset_bytes, PAGE);
    assert_true(visit->count == 0 || page_offset_bytes > visit->last_bytes);
    visit->last_bytes = page_offset_bytes;
    visit->count++;
    if (visit->count == visit->fail_at)
        return vdisk_fail(error, VDISK_IO, "sink", NULL, page_offset_bytes, NULL);
    return VDISK_OK;
}

static void test_dirty_pages_are_handed_out_in_order(void **state)
{
    static const uint32_t pages[] = {9, 3, 30, 1, 12};
    struct visit visit = {0, 0, 0};

    (void)state;
    for (uint32_t i = 0; i < 5; i++) {
        const uint32_t value = i + 1;

        assert_int_equal(
            vdisk_page_cache_store(cache, (uint64_t)pages[i] * PAGE, 8, &value, 4, NULL), VDISK_OK);
        memcpy(current + pages[i] * PAGE + 8, &value, 4);
    }
    assert_int_equal(vdisk_page_cache_visit_dirty(cache, visit_page, &visit, NULL), VDISK_OK);
    assert_int_equal(visit.count, 5);
    assert_int_equal(vdisk_page_cache_dirty_count(cache), 5);
    visit = (struct visit){0, 0, 3};
    assert_int_equal(vdisk_page_cache_write_back(cache, visit_page, &visit, NULL), VDISK_IO);
    assert_int_equal(vdisk_page_cache_dirty_count(cache), 3); /* the failed one stays dirty */
    visit = (struct visit){0, 0, 0};
    assert_int_equal(vdisk_page_cache_write_back(cache, visit_page, &visit, NULL), VDISK_OK);
    assert_int_equal(visit.count, 3);
}

static void test_accesses_outside_a_page_are_refused(void **state)
{
    unsigned char data[PAGE + 8];

    (void)state;
    assert_int_equal(vdisk_page_cache_load(cache, 0, 2, data, 4, NULL), VDISK_INVALID);
    assert_int_equal(vdisk_page_cache_load(cache, 0, 0, data, 6, NULL), VDISK_INVALID);
    assert_int_equal(vdisk_page_cache_load(cache, 0, PAGE - 4, data, 8, NULL), VDISK_INVALID);
    assert_int_equal(vdisk_page_cache_load(cache, 0, UINT32_MAX - 3, data, 8, NULL), VDISK_INVALID);
    assert_int_equal(vdisk_page_cache_store(cache, 0, PAGE, data, 4, NULL), VDISK_INVALID);
}

static void test_pages_beyond_the_end_are_corrupt(void **state)
{
    struct vdisk_error error;
    uint32_t word;

    (void)state;
    assert_int_equal(vdisk_page_cache_load(cache, (uint64_t)PAGES * PAGE, 0, &word, 4, &error),
                     VDISK_CORRUPT);
    assert_string_equal(error.structure, "table");
    assert_int_equal(error.offset_bytes, PAGES * PAGE);
    assert_int_equal(vdisk_page_cache_store_zero(cache, (uint64_t)PAGES * PAGE, NULL), VDISK_OK);
    assert_int_equal(vdisk_page_cache_load(cache, (uint64_t)PAGES * PAGE, 0, &word, 4, &error),
                     VDISK_OK);
    assert_int_equal(word, 0);
}

/* The rest of a page is no table of zeros when the file was longer before. */
static void test_pages_that_were_cut_off_are_corrupt(void **state)
{
    struct vdisk_error error;
    uint32_t word;

    (void)state;
    expect_load(PAGES - 1, 0, 4); /* was never whole */
    assert_int_equal(vdisk_file_set_size(file, 8 * PAGE + 100, NULL), VDISK_OK);
    assert_int_equal(vdisk_page_cache_load(cache, (uint64_t)8 * PAGE, 0, &word, 4, &error),
                     VDISK_CORRUPT);
    assert_string_equal(error.file, "cached");
    assert_int_equal(error.offset_bytes, 8 * PAGE);
    assert_int_equal(vdisk_page_cache_store(cache, (uint64_t)8 * PAGE, 0, &word, 4, NULL),
                     VDISK_CORRUPT);
    expect_load(7, 0, 4);
}

/* Whatever the host's code is: what was not read must not be shown. */
static void test_read_failures_are_reported(void **state)
{
    static const enum vdisk_status codes[] = {VDISK_IO, VDISK_NO_SPACE, VDISK_NO_MEMORY};
    uint32_t word = 0;

    (void)state;
    for (uint32_t i = 0; i < 3; i++) {
        plan.status = codes[i];
        plan.fail_from = 1;
        assert_int_equal(vdisk_page_cache_load(cache, 5 * PAGE, 0, &word, 4, NULL), codes[i]);
        assert_int_equal(vdisk_page_cache_store(cache, 5 * PAGE, 0, &word, 4, NULL), codes[i]);
        assert_int_equal(vdisk_page_cache_dirty_count(cache), 0);
        plan.fail_from = 0;
    }
    expect_load(5, 0, PAGE);
}

static void test_failed_write_back_keeps_the_page(void **state)
{
    const uint32_t word = 0x0badcafe;

    (void)state;
    assert_int_equal(vdisk_page_cache_store(cache, 7 * PAGE, 16, &word, 4, NULL), VDISK_OK);
    memcpy(current + 7 * PAGE + 16, &word, 4);
    dirty[7] = true;
    plan.status = VDISK_IO;
    plan.fail_from = 1;
    assert_int_equal(vdisk_page_cache_write_back(cache, NULL, NULL, NULL), VDISK_IO);
    plan.fail_from = 0;
    assert_int_equal(vdisk_page_cache_dirty_count(cache), 1);
    expect_load(7, 0, PAGE);
    step_write_back();
}

/* Slots that have memory serve all pages when there is no more of it. */
static void test_goes_on_without_memory(void **state)
{
    struct test_random random;

    (void)state;
    test_random_seed(&random, 5);
    for (uint32_t page = 0; page < LIMIT / 2; page++)
        expect_load(page, 0, PAGE);
    no_memory = true;
    for (uint32_t page = 0; page < PAGES; page++) {
        unsigned char data[PAGE];

        test_random_fill(&random, data, PAGE);
        if (vdisk_page_cache_store(cache, (uint64_t)page * PAGE, 0, data, PAGE, NULL) != VDISK_OK) {
            step_write_back();
            assert_int_equal(
                vdisk_page_cache_store(cache, (uint64_t)page * PAGE, 0, data, PAGE, NULL),
                VDISK_OK);
        }
        memcpy(current + page * PAGE, data, PAGE);
        dirty[page] = true;
    }
    step_write_back();
    for (uint32_t page = 0; page < PAGES; page++)
        expect_load(page, 0, PAGE);
    no_memory = false;
}

static void test_impossible_caches_are_refused(void **state)
{
    struct vdisk_page_cache *none = NULL;

    (void)state;
    assert_int_equal(vdisk_page_cache_create(file, "t", 256, 16, &none, NULL), VDISK_INVALID);
    assert_int_equal(vdisk_page_cache_create(file, "t", 8192, 16, &none, NULL), VDISK_INVALID);
    assert_int_equal(vdisk_page_cache_create(file, "t", 1536, 16, &none, NULL), VDISK_INVALID);
    assert_int_equal(vdisk_page_cache_create(file, "t", 512, 15, &none, NULL), VDISK_INVALID);
    assert_int_equal(vdisk_page_cache_create(file, "t", 512, 1u << 30, &none, NULL), VDISK_INVALID);
    assert_null(none);
    vdisk_page_cache_destroy(NULL);
}

/*
 * Eight readers beside one writer. Each 8-byte entry holds its place and a version twice over, so
 * that a torn or misplaced copy shows.
 */
#define ENTRIES      (PAGES / 2 * PAGE / 8)
#define READER_COUNT 8u

static atomic_bool stop_reading;

static uint64_t entry_value(uint32_t index, uint32_t version)
{
    return (uint64_t)(index << 16 | version) << 32 | (index << 16 | version);
}

static void *read_entries(void *argument)
{
    struct test_random random;

    test_random_seed(&random, (uintptr_t)argument);
    while (!atomic_load(&stop_reading)) {
        const uint32_t index = (uint32_t)test_random_below(&random, ENTRIES);
        const uint64_t at = (uint64_t)index * 8;
        uint64_t value = 0;

        if (vdisk_page_cache_load(cache, at / PAGE * PAGE, (uint32_t)(at % PAGE), &value, 8,
                                  NULL) != VDISK_OK ||
            (uint32_t)value != (uint32_t)(value >> 32) || (uint32_t)value >> 16 != index)
            return (void *)1;
    }
    return NULL;
}

static bool store_entry(uint32_t index, uint32_t version)
{
    const uint64_t value = entry_value(index, version);
    const uint64_t at = (uint64_t)index * 8;
    const enum vdisk_status status =
        vdisk_page_cache_store(cache, at / PAGE * PAGE, (uint32_t)(at % PAGE), &value, 8, NULL);

    if (status == VDISK_NO_SPACE)
        return vdisk_page_cache_write_back(cache, NULL, NULL, NULL) == VDISK_OK;
    return status == VDISK_OK;
}

static void test_readers_beside_a_writer(void **state)
{
    pthread_t threads[READER_COUNT];
    struct test_random random;

    (void)state;
    test_random_seed(&random, 3);
    for (uint32_t index = 0; index < ENTRIES; index++) {
        const uint64_t value = entry_value(index, 0);

        assert_int_equal(vdisk_file_write(file, (uint64_t)index * 8, &value, 8, NULL), VDISK_OK);
    }
    atomic_store(&stop_reading, false);
    for (uintptr_t i = 0; i < READER_COUNT; i++)
        pthread_create(&threads[i], NULL, read_entries, (void *)(i + 1));
    for (uint32_t step = 0; step < 20000; step++) {
        const uint32_t index = (uint32_t)test_random_below(&random, ENTRIES);

        assert_true(store_entry(index, step & 0xffff));
        if (step % 5000 == 0)
            vdisk_pause();
        if (step % 1000 == 0) /* written back before, so that nothing is lost by it */
            assert_int_equal(vdisk_page_cache_write_back(cache, NULL, NULL, NULL), VDISK_OK);
        if (step % 1000 == 0)
            vdisk_page_cache_forget(cache, 0, PAGES * PAGE / 4);
    }
    atomic_store(&stop_reading, true);
    for (uint32_t i = 0; i < READER_COUNT; i++) {
        void *failed;

        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
}

#define CACHE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CACHE_TEST(test_random_accesses),
        CACHE_TEST(test_dirty_pages_stay_until_they_are_written),
        CACHE_TEST(test_dirty_pages_are_handed_out_in_order),
        CACHE_TEST(test_accesses_outside_a_page_are_refused),
        CACHE_TEST(test_pages_beyond_the_end_are_corrupt),
        CACHE_TEST(test_pages_that_were_cut_off_are_corrupt),
        CACHE_TEST(test_read_failures_are_reported),
        CACHE_TEST(test_failed_write_back_keeps_the_page),
        CACHE_TEST(test_goes_on_without_memory),
        CACHE_TEST(test_impossible_caches_are_refused),
        CACHE_TEST(test_readers_beside_a_writer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
