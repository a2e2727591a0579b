#include "tests/format/format_fixture.h"
#include "host/fault/file_fault.h"

#include <string.h>

#define NAME "disk.img"

static struct vdisk_file *open_file(struct vdisk_memory_store *store)
{
    struct vdisk_file *file;

    assert_int_equal(vdisk_file_memory_open(store, NAME, 1, false, &file, NULL), VDISK_OK);
    return file;
}

struct vdisk_memory_store *fixture_create(const struct vdisk_create_options *options)
{
    struct vdisk_memory_store *store = vdisk_memory_store_create();
    struct vdisk_file *file;

    assert_non_null(store);
    file = open_file(store);
    assert_int_equal(vdisk_image_create(file, options, NULL), VDISK_OK);
    vdisk_file_close(file);
    return store;
}

void fixture_expect_no_creation(const struct vdisk_create_options *options, const char *reason)
{
    struct vdisk_memory_store *store = vdisk_memory_store_create();
    struct vdisk_file *file = open_file(store);
    struct vdisk_error error;

    assert_int_equal(vdisk_image_create(file, options, &error), VDISK_INVALID);
    assert_string_equal(error.reason, reason);
    vdisk_file_close(file);
    vdisk_memory_store_destroy(store);
}

void fixture_peek(struct vdisk_memory_store *store, uint64_t offset_bytes, void *bytes,
                  size_t length_bytes)
{
    struct vdisk_file *file = open_file(store);

    assert_int_equal(vdisk_file_read(file, offset_bytes, bytes, length_bytes, NULL), VDISK_OK);
    vdisk_file_close(file);
}

void fixture_poke(struct vdisk_memory_store *store, uint64_t offset_bytes, const void *bytes,
                  size_t length_bytes)
{
    struct vdisk_file *file = open_file(store);

    assert_int_equal(vdisk_file_write(file, offset_bytes, bytes, length_bytes, NULL), VDISK_OK);
    vdisk_file_close(file);
}

void fixture_set_size(struct vdisk_memory_store *store, uint64_t size_bytes)
{
    struct vdisk_file *file = open_file(store);

    assert_int_equal(vdisk_file_set_size(file, size_bytes, NULL), VDISK_OK);
    vdisk_file_close(file);
}

struct vdisk_image *fixture_open(struct vdisk_memory_store *store, const char *format,
                                 bool writable)
{
    const struct vdisk_open_options options = {.format = format, .read_only = !writable};
    struct vdisk_image *image;

    assert_int_equal(vdisk_image_open(open_file(store), &options, &image, NULL), VDISK_OK);
    return image;
}

void fixture_expect_refusal(struct vdisk_memory_store *store, const char *format,
                            enum vdisk_status status, const char *structure, uint64_t offset_bytes,
                            const char *reason)
{
    const struct vdisk_open_options options = {.format = format};
    struct vdisk_image *image;
    struct vdisk_error error;

    assert_int_equal(vdisk_image_open(open_file(store), &options, &image, &error), status);
    assert_string_equal(error.file, NAME);
    assert_string_equal(error.structure, structure);
    assert_int_equal(error.offset_bytes, offset_bytes);
    assert_string_equal(error.reason, reason);
}

void fixture_write(struct vdisk_memory_store *store, const char *format, uint64_t offset_bytes,
                   uint64_t length_bytes, unsigned char value)
{
    struct vdisk_image *image = fixture_open(store, format, true);
    unsigned char sector[VDISK_SECTOR_BYTES];

    memset(sector, value, sizeof sector);
    for (uint64_t done = 0; done < length_bytes; done += sizeof sector)
        assert_int_equal(vdisk_disk_write(vdisk_image_disk(image), offset_bytes + done, sector,
                                          sizeof sector, NULL),
                         VDISK_OK);
    assert_int_equal(vdisk_image_close(image, NULL), VDISK_OK);
}

void fixture_expect_byte(struct vdisk_memory_store *store, const char *format,
                         uint64_t offset_bytes, unsigned char value)
{
    struct vdisk_image *image = fixture_open(store, format, false);
    unsigned char sector[VDISK_SECTOR_BYTES];
    const uint64_t within = offset_bytes % sizeof sector;

    assert_int_equal(vdisk_disk_read(vdisk_image_disk(image), offset_bytes - within, sector,
                                     sizeof sector, NULL),
                     VDISK_OK);
    assert_int_equal(sector[within], value);
    assert_int_equal(vdisk_image_close(image, NULL), VDISK_OK);
}

void fixture_expect_findings(struct vdisk_memory_store *store, const char *format, bool repair,
                             uint64_t corruption_count, uint64_t leak_count)
{
    const struct vdisk_open_options options = {.format = format, .for_check = true};
    struct vdisk_check check = {.repair = repair};
    struct vdisk_image *image;

    assert_int_equal(vdisk_image_open(open_file(store), &options, &image, NULL), VDISK_OK);
    assert_int_equal(vdisk_image_check(image, &check, NULL), VDISK_OK);
    assert_int_equal(check.corruption_count, corruption_count);
    assert_int_equal(check.leak_count, leak_count);
    assert_int_equal(vdisk_image_close(image, NULL), VDISK_OK);
}

uint32_t fixture_count_flushes(const struct vdisk_create_options *options, uint64_t disk_bytes,
                               uint32_t step_bytes)
{
    const struct vdisk_open_options open_options = {.format = options->format};
    struct vdisk_memory_store *store = fixture_create(options);
    struct vdisk_fault_plan plan = {0};
    unsigned char sector[VDISK_SECTOR_BYTES] = {1};
    struct vdisk_file *file;
    struct vdisk_image *image;
    uint32_t before, count;

    assert_int_equal(vdisk_file_fault_open(open_file(store), &plan, &file, NULL), VDISK_OK);
    assert_int_equal(vdisk_image_open(file, &open_options, &image, NULL), VDISK_OK);
    for (uint64_t offset = 0; offset < disk_bytes; offset += step_bytes)
        assert_int_equal(
            vdisk_disk_write(vdisk_image_disk(image), offset, sector, sizeof sector, NULL),
            VDISK_OK);
    before = atomic_load(&plan.flush_count);
    assert_int_equal(vdisk_disk_flush(vdisk_image_disk(image), NULL), VDISK_OK);
    count = atomic_load(&plan.flush_count) - before;
    assert_int_equal(vdisk_image_close(image, NULL), VDISK_OK);
    vdisk_memory_store_destroy(store);
    return count;
}
