/* Discards on a host whose files must be marked before they may have holes, as on Windows. */
#include "tests/support/cmocka_all.h"

#include "host/memory/file_memory.h"
#include "virtualdisk/image.h"

#include <string.h>

#define SIZE       ((uint64_t)4 << 20)
#define HOLE_BYTES 65536u

static struct vdisk_file_ops marking_ops;
static uint32_t mark_count;
static enum vdisk_status mark_status;

static enum vdisk_status mark(struct vdisk_file *file, struct vdisk_error *error)
{
    (void)file;
    (void)error;
    mark_count++;
    return mark_status;
}

static struct vdisk_file *open_marking(struct vdisk_memory_store *store, bool marked)
{
    struct vdisk_file *file = NULL;

    assert_int_equal(vdisk_file_memory_open(store, "disk.img", 1, false, &file, NULL), VDISK_OK);
    marking_ops = *file->ops;
    marking_ops.allow_holes = mark;
    file->ops = &marking_ops;
    file->punch_bytes = HOLE_BYTES;
    atomic_store(&file->holes_allowed, marked);
    mark_count = 0;
    mark_status = VDISK_OK;
    return file;
}

static struct vdisk_memory_store *create(const char *format, bool fixed, uint32_t block_bytes)
{
    const struct vdisk_create_options options = {
        .format = format, .size_bytes = SIZE, .fixed = fixed, .block_bytes = block_bytes};
    struct vdisk_memory_store *store = vdisk_memory_store_create();
    struct vdisk_file *file = NULL;

    assert_non_null(store);
    assert_int_equal(vdisk_file_memory_open(store, "disk.img", 1, false, &file, NULL), VDISK_OK);
    assert_int_equal(vdisk_image_create(file, &options, NULL), VDISK_OK);
    vdisk_file_close(file);
    return store;
}

static struct vdisk_image *open_image(struct vdisk_memory_store *store, const char *format,
                                      bool marked)
{
    const struct vdisk_open_options options = {.format = format};
    struct vdisk_image *image = NULL;

    assert_int_equal(vdisk_image_open(open_marking(store, marked), &options, &image, NULL),
                     VDISK_OK);
    return image;
}

static void test_a_file_is_marked_once(void **state)
{
    struct vdisk_memory_store *store = vdisk_memory_store_create();
    struct vdisk_file *file = open_marking(store, false);
    unsigned char byte = 1;

    (void)state;
    assert_int_equal(vdisk_file_fill_zeros(file, 0, SIZE, NULL), VDISK_OK);
    assert_int_equal(vdisk_file_write(file, 5, &byte, 1, NULL), VDISK_OK);
    assert_int_equal(vdisk_file_punch(file, 0, SIZE, NULL), VDISK_UNSUPPORTED);
    assert_int_equal(vdisk_file_zero(file, 0, SIZE, NULL), VDISK_OK);
    assert_int_equal(mark_count, 0);
    assert_int_equal(vdisk_memory_store_stored(store), SIZE);
    assert_int_equal(vdisk_file_read(file, 5, &byte, 1, NULL), VDISK_OK);
    assert_int_equal(byte, 0);
    mark_status = VDISK_ACCESS;
    assert_int_equal(vdisk_file_discard(file, 0, SIZE, NULL), VDISK_ACCESS);
    assert_int_equal(vdisk_memory_store_stored(store), SIZE);
    mark_status = VDISK_OK;
    assert_int_equal(vdisk_file_discard(file, 0, SIZE / 2, NULL), VDISK_OK);
    assert_int_equal(vdisk_file_discard(file, SIZE / 2, SIZE / 2, NULL), VDISK_OK);
    assert_int_equal(mark_count, 2);
    assert_int_equal(vdisk_memory_store_stored(store), 0);
    vdisk_file_close(file);
    vdisk_memory_store_destroy(store);
}

/* Which images let their file be marked, and offer what before. */
static void test_formats_that_others_refuse_when_marked(void **state)
{
    static const struct {
        const char *format;
        bool fixed;
        uint32_t block_bytes;
        uint32_t unmarked; /* discard_bytes */
        uint32_t marked;
        bool marks;
    } cases[] = {
        {"raw", false, 0, HOLE_BYTES, HOLE_BYTES, true},
        {"vhd", true, 0, 0, HOLE_BYTES, false},
        {"vhd", false, 512u << 10, 512u << 10, 512u << 10, false},
        {"vhdx", true, 1u << 20, 0, HOLE_BYTES, false},
        {"vhdx", false, 1u << 20, 1u << 20, 1u << 20, false},
        {"vdi", true, 0, 0, HOLE_BYTES, false},
        {"vdi", false, 0, HOLE_BYTES, HOLE_BYTES, true},
        {"vdi", false, 16u << 10, 0, 0, false}, /* no block is as large as a hole */
        {"vmdk", false, 0, HOLE_BYTES, HOLE_BYTES, true},
        {"qcow2", false, 0, 65536, 65536, false},
    };
    static unsigned char bytes[1u << 20];

    (void)state;
    memset(bytes, 7, sizeof bytes);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct vdisk_memory_store *store =
            create(cases[i].format, cases[i].fixed, cases[i].block_bytes);
        struct vdisk_image *image = open_image(store, cases[i].format, true);
        struct vdisk_disk *disk = vdisk_image_disk(image);
        unsigned char byte = 1;

        assert_int_equal(disk->discard_bytes, cases[i].marked);
        assert_int_equal(vdisk_image_close(image, NULL), VDISK_OK);
        image = open_image(store, cases[i].format, false);
        disk = vdisk_image_disk(image);
        assert_int_equal(disk->discard_bytes, cases[i].unmarked);
        assert_int_equal(vdisk_disk_write(disk, 0, bytes, sizeof bytes, NULL), VDISK_OK);
        assert_int_equal(vdisk_disk_discard(disk, 0, sizeof bytes, NULL),
                         cases[i].unmarked != 0 ? VDISK_OK : VDISK_UNSUPPORTED);
        assert_int_equal(vdisk_disk_flush(disk, NULL), VDISK_OK);
        assert_int_equal(mark_count, cases[i].marks);
        assert_int_equal(vdisk_disk_read(disk, 0, bytes, 512, NULL), VDISK_OK);
        byte = bytes[0];
        assert_int_equal(byte, cases[i].unmarked != 0 ? 0 : 7);
        memset(bytes, 7, 512);
        assert_int_equal(vdisk_image_close(image, NULL), VDISK_OK);
        vdisk_memory_store_destroy(store);
    }
}

static void test_read_only_images_discard_nothing(void **state)
{
    const struct vdisk_open_options options = {.format = "qcow2", .read_only = true};
    struct vdisk_memory_store *store = create("qcow2", false, 0);
    struct vdisk_image *image = NULL;

    (void)state;
    assert_int_equal(vdisk_image_open(open_marking(store, true), &options, &image, NULL), VDISK_OK);
    assert_int_equal(vdisk_image_disk(image)->discard_bytes, 0);
    assert_int_equal(vdisk_disk_discard(vdisk_image_disk(image), 0, SIZE, NULL), VDISK_READ_ONLY);
    assert_int_equal(vdisk_image_close(image, NULL), VDISK_OK);
    vdisk_memory_store_destroy(store);
}

/* Windows mounts no VHD or VHDX that is sparse: ours must not be born so. */
static void test_new_images_are_marked(void **state)
{
    static const struct {
        const char *format;
        bool fixed;
        uint32_t marks;
    } cases[] = {{"raw", false, 1},  {"raw", true, 0},  {"qcow2", false, 1}, {"vdi", false, 1},
                 {"vmdk", false, 1}, {"vhd", false, 0}, {"vhdx", false, 0},  {"vhdx", true, 0}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct vdisk_create_options options = {
            .format = cases[i].format, .size_bytes = SIZE, .fixed = cases[i].fixed};
        struct vdisk_memory_store *store = vdisk_memory_store_create();
        struct vdisk_file *file = open_marking(store, false);

        assert_int_equal(vdisk_image_create(file, &options, NULL), VDISK_OK);
        assert_int_equal(mark_count, cases[i].marks);
        vdisk_file_close(file);
        vdisk_memory_store_destroy(store);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_file_is_marked_once),
        cmocka_unit_test(test_formats_that_others_refuse_when_marked),
        cmocka_unit_test(test_read_only_images_discard_nothing),
        cmocka_unit_test(test_new_images_are_marked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
