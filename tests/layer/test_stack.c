/* A partition of an image that is changed in memory only: window over memory over image. */
#include "host/memory/file_memory.h"
#include "tests/layer/byte_model.h"
#include "tests/support/cmocka_all.h"

#include "virtualdisk/image.h"
#include "virtualdisk/layer.h"

#define CHUNK_BYTES  65536u
#define DISK_BYTES   (CHUNK_BYTES * 40u)
#define OFFSET_BYTES (CHUNK_BYTES * 5u + 512u)
#define SIZE_BYTES   (CHUNK_BYTES * 30u)
#define OPERATIONS   1000u

struct stack {
    struct vdisk_memory_store *store;
    struct vdisk_image *image;
    struct vdisk_disk *memory, *window;
    struct byte_model image_model, model; /* of the image, and of the window */
    struct test_random random;
};

static struct vdisk_file *open_file(struct vdisk_memory_store *store)
{
    struct vdisk_file *file;

    assert_int_equal(vdisk_file_memory_open(store, "disk.img", 1, false, &file, NULL), VDISK_OK);
    return file;
}

static void make_image(struct stack *stack, const char *format)
{
    const struct vdisk_create_options create = {.format = format, .size_bytes = DISK_BYTES};
    const struct vdisk_open_options open = {.format = format};
    struct vdisk_file *file;

    stack->store = vdisk_memory_store_create();
    assert_non_null(stack->store);
    file = open_file(stack->store);
    assert_int_equal(vdisk_image_create(file, &create, NULL), VDISK_OK);
    vdisk_file_close(file);
    assert_int_equal(vdisk_image_open(open_file(stack->store), &open, &stack->image, NULL),
                     VDISK_OK);
    for (uint64_t chunk = 0; chunk < DISK_BYTES / CHUNK_BYTES - 1; chunk += 3)
        byte_model_fill(&stack->image_model, vdisk_image_disk(stack->image), &stack->random,
                        chunk * CHUNK_BYTES + 1024, CHUNK_BYTES);
}

static void open_stack(struct stack *stack, const char *format)
{
    struct vdisk_memory_options options = {.limit_bytes = UINT64_MAX};

    *stack = (struct stack){0};
    test_random_seed(&stack->random, 1);
    byte_model_init(&stack->image_model, DISK_BYTES);
    byte_model_init(&stack->model, SIZE_BYTES);
    make_image(stack, format);
    memcpy(stack->model.bytes, stack->image_model.bytes + OFFSET_BYTES, SIZE_BYTES);
    stack->model.shift_bytes = OFFSET_BYTES % CHUNK_BYTES;
    stack->model.cut_off = false;
    options.next = vdisk_image_disk(stack->image);
    assert_int_equal(vdisk_memory_open(&options, &stack->memory, NULL), VDISK_OK);
    assert_int_equal(
        vdisk_window_open(stack->memory, OFFSET_BYTES, SIZE_BYTES, &stack->window, NULL), VDISK_OK);
}

static void close_stack(struct stack *stack)
{
    assert_int_equal(vdisk_disk_close(stack->window, NULL), VDISK_OK);
    assert_int_equal(vdisk_disk_close(stack->memory, NULL), VDISK_OK);
    assert_int_equal(vdisk_image_close(stack->image, NULL), VDISK_OK);
    vdisk_memory_store_destroy(stack->store);
    byte_model_deinit(&stack->model);
    byte_model_deinit(&stack->image_model);
}

/* The extents cover the window, and what they call zeros are. */
static void check_map(const struct stack *stack)
{
    struct vdisk_extent extent;

    for (uint64_t at = 0; at < SIZE_BYTES; at += extent.length_bytes) {
        const unsigned char *bytes = stack->model.bytes + at;

        assert_int_equal(vdisk_disk_map(stack->window, at, SIZE_BYTES - at, &extent, NULL),
                         VDISK_OK);
        assert_in_range(extent.length_bytes, 512, SIZE_BYTES - at);
        if (extent.kind == VDISK_EXTENT_ZERO || extent.kind == VDISK_EXTENT_UNALLOCATED)
            assert_true(bytes[0] == 0 &&
                        memcmp(bytes, bytes + 1, (size_t)extent.length_bytes - 1) == 0);
    }
}

static void check_stack(struct stack *stack)
{
    struct vdisk_disk *image = vdisk_image_disk(stack->image);
    struct byte_model whole;

    byte_model_check(&stack->model, stack->window);
    byte_model_check(&stack->image_model, image); /* nothing went through */
    byte_model_init(&whole, DISK_BYTES);
    memcpy(whole.bytes, stack->image_model.bytes, DISK_BYTES);
    memcpy(whole.bytes + OFFSET_BYTES, stack->model.bytes, SIZE_BYTES);
    byte_model_check(&whole, stack->memory); /* nothing beside the window has changed */
    byte_model_deinit(&whole);
    check_map(stack);
}

static void run_random(const char *format)
{
    struct stack stack;

    open_stack(&stack, format);
    check_stack(&stack);
    for (uint32_t i = 0; i < OPERATIONS; i++) {
        assert_int_equal(byte_model_change(&stack.model, stack.window, &stack.random), VDISK_OK);
        if (i % 300 == 0)
            check_stack(&stack);
    }
    check_stack(&stack);
    close_stack(&stack);
}

static void test_random(void **state)
{
    (void)state;
    run_random("raw");
    run_random("vhdx");
    run_random("qcow2");
}

/* What is in the stack goes into a RAM disk, and lives without the image. */
static void test_load(void **state)
{
    const struct vdisk_memory_options options = {
        .size_bytes = SIZE_BYTES, .logical_sector_bytes = 512, .limit_bytes = UINT64_MAX};
    struct vdisk_disk *disk;
    struct byte_model model;
    struct stack stack;

    (void)state;
    open_stack(&stack, "qcow2");
    for (uint32_t i = 0; i < 20; i++)
        assert_int_equal(byte_model_change(&stack.model, stack.window, &stack.random), VDISK_OK);
    assert_int_equal(vdisk_memory_open(&options, &disk, NULL), VDISK_OK);
    assert_int_equal(vdisk_memory_load(disk, stack.window, NULL), VDISK_OK);
    byte_model_init(&model, SIZE_BYTES);
    memcpy(model.bytes, stack.model.bytes, SIZE_BYTES);
    close_stack(&stack);
    byte_model_check(&model, disk);
    byte_model_deinit(&model);
    vdisk_disk_close(disk, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_load),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
