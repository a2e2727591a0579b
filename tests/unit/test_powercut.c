/* The recording file: what a replay makes up is what a disk may hold, and nothing else. */
#include "tests/support/cmocka_all.h"

#include "host/memory/file_memory.h"
#include "host/powercut/file_powercut.h"

static struct vdisk_memory_store *store, *before;
static struct vdisk_powercut_trace *trace;
static struct vdisk_file *file;
static unsigned char ones[2048], bytes[8192];

static int set_up(void **state)
{
    struct vdisk_file *below;

    (void)state;
    memset(ones, 1, sizeof ones);
    store = vdisk_memory_store_create();
    trace = vdisk_powercut_trace_create();
    assert_int_equal(vdisk_file_memory_open(store, "recorded", 1, false, &below, NULL), VDISK_OK);
    assert_int_equal(vdisk_file_set_size(below, 4096, NULL), VDISK_OK);
    before = vdisk_memory_store_clone(store);
    assert_int_equal(vdisk_file_powercut_open(below, trace, 0, &file, NULL), VDISK_OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    vdisk_file_close(file);
    vdisk_powercut_trace_destroy(trace);
    vdisk_memory_store_destroy(before);
    vdisk_memory_store_destroy(store);
    return 0;
}

static bool keep_nothing(void *context, enum vdisk_powercut_kind kind, uint32_t event,
                         uint64_t piece, uint64_t piece_count)
{
    (void)context, (void)kind, (void)event, (void)piece, (void)piece_count;
    return false;
}

static bool keep_all(void *context, enum vdisk_powercut_kind kind, uint32_t event, uint64_t piece,
                     uint64_t piece_count)
{
    (void)context, (void)kind, (void)event, (void)piece, (void)piece_count;
    return true;
}

static bool keep_second_piece(void *context, enum vdisk_powercut_kind kind, uint32_t event,
                              uint64_t piece, uint64_t piece_count)
{
    (void)context, (void)event, (void)piece_count;
    return kind == VDISK_POWERCUT_WRITE && piece == 1;
}

/* Makes up the disk after so many events; its size, with its content in `bytes`. */
static uint64_t replay(uint32_t event_count, vdisk_powercut_keep *keep)
{
    struct vdisk_memory_store *disk = vdisk_memory_store_clone(before);
    struct vdisk_file *files[1];
    uint64_t size = 0;

    assert_int_equal(vdisk_file_memory_open(disk, "disk", 1, false, &files[0], NULL), VDISK_OK);
    assert_int_equal(vdisk_powercut_replay(trace, event_count, keep, NULL, files, NULL), VDISK_OK);
    assert_int_equal(vdisk_file_get_size(files[0], &size, NULL), VDISK_OK);
    memset(bytes, 0xee, sizeof bytes);
    assert_int_equal(vdisk_file_read(files[0], 0, bytes, (size_t)size, NULL), VDISK_OK);
    vdisk_file_close(files[0]);
    vdisk_memory_store_destroy(disk);
    return size;
}

static void test_what_is_flushed_stays(void **state)
{
    (void)state;
    vdisk_file_write(file, 512, ones, 512, NULL);
    assert_int_equal(replay(1, keep_nothing), 4096);
    assert_int_equal(bytes[512], 0);
    vdisk_file_flush(file, NULL);
    vdisk_file_write(file, 1024, ones, 512, NULL);
    assert_int_equal(vdisk_powercut_trace_count(trace), 3);
    replay(3, keep_nothing);
    assert_int_equal(bytes[512], 1);
    assert_int_equal(bytes[1024], 0);
    replay(1, keep_nothing); /* the flush had not happened yet */
    assert_int_equal(bytes[512], 0);
    replay(3, keep_all);
    assert_int_equal(bytes[1024], 1);
}

static void test_writes_are_torn_at_sectors(void **state)
{
    (void)state;
    vdisk_file_write(file, 100, ones, 1000, NULL); /* sectors 0, 1 and a part of 2 */
    replay(1, keep_second_piece);
    assert_int_equal(bytes[511], 0);
    assert_int_equal(bytes[512], 1);
    assert_int_equal(bytes[1023], 1);
    assert_int_equal(bytes[1024], 0);
}

static void test_what_lies_beyond_the_size_is_lost(void **state)
{
    (void)state;
    vdisk_file_set_size(file, 6144, NULL);
    vdisk_file_write(file, 4096, ones, 1024, NULL);
    assert_int_equal(replay(2, keep_second_piece), 4096); /* neither grown nor written */
    assert_int_equal(replay(2, keep_all), 6144);
    assert_int_equal(bytes[4096], 1);
    assert_int_equal(bytes[6143], 0);
}

static void test_appends_may_be_torn(void **state)
{
    (void)state;
    vdisk_file_write(file, 4096, ones, 2048, NULL);
    assert_int_equal(replay(1, keep_nothing), 4096);
    assert_int_equal(replay(1, keep_all), 6144);
    assert_int_equal(replay(1, keep_second_piece), 4096);
}

#define CUT_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CUT_TEST(test_what_is_flushed_stays),
        CUT_TEST(test_writes_are_torn_at_sectors),
        CUT_TEST(test_what_lies_beyond_the_size_is_lost),
        CUT_TEST(test_appends_may_be_torn),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
