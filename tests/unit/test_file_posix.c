/* Files of the POSIX host. */
#include "tests/support/cmocka_all.h"

#include "host/posix/file_posix.h"
#include "virtualdisk/image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];
static char path[128];

static int set_up(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/virtualdisk-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/disk.img", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(path);
    assert_int_equal(rmdir(folder), 0);
    return 0;
}

static struct vdisk_file *open_file(enum vdisk_open_mode mode)
{
    struct vdisk_file *file = NULL;

    assert_int_equal(vdisk_host_open(path, mode, &file, NULL), VDISK_OK);
    return file;
}

static void test_open_says_what_is_wrong(void **state)
{
    struct vdisk_file *file, *other;
    struct vdisk_error error;

    (void)state;
    assert_int_equal(vdisk_host_open(path, VDISK_OPEN_READ, &file, &error), VDISK_NOT_FOUND);
    assert_int_equal(error.native_code, ENOENT);
    assert_non_null(strstr(error.file, "disk.img"));
    assert_int_equal(vdisk_host_open(folder, VDISK_OPEN_READ, &file, &error), VDISK_INVALID);
    file = open_file(VDISK_OPEN_CREATE);
    assert_int_equal(vdisk_host_open(path, VDISK_OPEN_CREATE, &other, NULL), VDISK_EXISTS);
    assert_int_equal(vdisk_host_open(path, VDISK_OPEN_WRITE, &other, NULL), VDISK_BUSY);
    assert_int_equal(vdisk_host_open(path, VDISK_OPEN_READ, &other, NULL), VDISK_BUSY);
    vdisk_file_close(file);
    file = open_file(VDISK_OPEN_READ);
    assert_int_equal(vdisk_host_open(path, VDISK_OPEN_WRITE, &other, NULL), VDISK_BUSY);
    other = open_file(VDISK_OPEN_READ);
    assert_true(vdisk_host_same(file, other));
    vdisk_file_close(other);
    vdisk_file_close(file);
}

static void test_a_fifo_does_not_hang(void **state)
{
    struct vdisk_file *file;

    (void)state;
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(vdisk_host_open(path, VDISK_OPEN_READ, &file, NULL), VDISK_INVALID);
}

static void test_reads_end_with_the_file(void **state)
{
    struct vdisk_file *file = open_file(VDISK_OPEN_CREATE);
    unsigned char bytes[100];
    uint64_t size;

    (void)state;
    memset(bytes, 3, sizeof bytes);
    assert_int_equal(vdisk_file_write(file, 50, bytes, sizeof bytes, NULL), VDISK_OK);
    assert_int_equal(vdisk_file_get_size(file, &size, NULL), VDISK_OK);
    assert_int_equal(size, 150);
    assert_int_equal(vdisk_file_read(file, 50, bytes, 100, NULL), VDISK_OK);
    assert_int_equal(vdisk_file_read(file, 51, bytes, 100, NULL), VDISK_OUT_OF_RANGE);
    assert_int_equal(vdisk_file_read(file, 150, bytes, 1, NULL), VDISK_OUT_OF_RANGE);
    assert_int_equal(vdisk_file_flush(file, NULL), VDISK_OK);
    vdisk_file_close(file);
}

static void test_ranges(void **state)
{
    struct vdisk_file *file = open_file(VDISK_OPEN_CREATE);
    enum vdisk_file_range range = VDISK_FILE_HOLE;
    uint64_t length = 0;

    (void)state;
    assert_int_equal(vdisk_file_set_size(file, 1 << 20, NULL), VDISK_OK);
    assert_int_equal(vdisk_file_fill_zeros(file, 65536, 65536, NULL), VDISK_OK);
    assert_int_equal(vdisk_file_get_range(file, 65536, &range, &length, NULL), VDISK_OK);
    assert_int_equal(range, VDISK_FILE_DATA);
    assert_true(length >= 65536 && length <= (1 << 20) - 65536);
    assert_int_equal(vdisk_file_get_range(file, (1 << 20) - 1, &range, &length, NULL), VDISK_OK);
    assert_int_equal(length, 1);
    assert_int_equal(vdisk_file_get_range(file, 1 << 20, &range, &length, NULL),
                     VDISK_OUT_OF_RANGE);
    vdisk_file_close(file);
}

/* A raw image gives space back, unless the file system knows no holes. */
static void expect_discards(const char *image_path)
{
    const struct vdisk_open_options options = {.format = "raw"};
    const uint64_t size = 1 << 20;
    struct vdisk_file *file;
    struct vdisk_image *image;
    struct vdisk_image_info before, after;
    unsigned char bytes[512];

    assert_int_equal(vdisk_host_open(image_path, VDISK_OPEN_CREATE, &file, NULL), VDISK_OK);
    assert_int_equal(vdisk_file_fill_zeros(file, 0, size, NULL), VDISK_OK);
    assert_int_equal(vdisk_image_open(file, &options, &image, NULL), VDISK_OK);
    if (vdisk_image_disk(image)->discard_bytes == 0) {
        printf("%s: no holes\n", image_path);
        assert_int_equal(vdisk_disk_discard(vdisk_image_disk(image), 0, size, NULL),
                         VDISK_UNSUPPORTED);
    } else {
        memset(bytes, 7, sizeof bytes);
        assert_int_equal(vdisk_disk_write(vdisk_image_disk(image), 512, bytes, 512, NULL),
                         VDISK_OK);
        assert_int_equal(vdisk_image_get_info(image, &before, NULL), VDISK_OK);
        assert_int_equal(vdisk_disk_discard(vdisk_image_disk(image), 1024, size - 1024, NULL),
                         VDISK_OK);
        assert_int_equal(vdisk_image_get_info(image, &after, NULL), VDISK_OK);
        assert_true(after.allocated_bytes + size / 2 <= before.allocated_bytes);
        assert_int_equal(vdisk_disk_read(vdisk_image_disk(image), 512, bytes, 512, NULL), VDISK_OK);
        assert_int_equal(bytes[0], 7);
    }
    assert_int_equal(vdisk_image_close(image, NULL), VDISK_OK);
    assert_int_equal(unlink(image_path), 0);
}

static void test_holes_give_space_back(void **state)
{
    static const char shared[] = "/dev/shm/virtualdisk-holes.img";

    (void)state;
    expect_discards(path);
    if (access("/dev/shm", W_OK) == 0)
        expect_discards(shared);
}

static void test_looking_for_holes_changes_nothing(void **state)
{
    struct vdisk_file *file = open_file(VDISK_OPEN_CREATE);
    uint64_t size, allocated, later;

    (void)state;
    assert_int_equal(vdisk_file_fill_zeros(file, 0, 5000, NULL), VDISK_OK);
    assert_int_equal(vdisk_file_get_allocated(file, &allocated, NULL), VDISK_OK);
    vdisk_file_close(file);
    file = open_file(VDISK_OPEN_WRITE);
    assert_int_equal(vdisk_file_get_size(file, &size, NULL), VDISK_OK);
    assert_int_equal(size, 5000);
    assert_int_equal(vdisk_file_get_allocated(file, &later, NULL), VDISK_OK);
    assert_int_equal(later, allocated);
    vdisk_file_close(file);
    file = open_file(VDISK_OPEN_READ);
    assert_int_equal(file->punch_bytes, 0);
    vdisk_file_close(file);
}

static void test_errno_has_a_meaning(void **state)
{
    (void)state;
    assert_int_equal(vdisk_status_from_errno(ENOSPC), VDISK_NO_SPACE);
    assert_int_equal(vdisk_status_from_errno(EROFS), VDISK_READ_ONLY);
    assert_int_equal(vdisk_status_from_errno(EACCES), VDISK_ACCESS);
    assert_int_equal(vdisk_status_from_errno(ESTALE), VDISK_GONE);
    assert_int_equal(vdisk_status_from_errno(EIO), VDISK_IO);
    assert_int_equal(vdisk_status_from_errno(12345), VDISK_IO);
}

/* The linker sends the host's fdatasync through here. */
int __wrap_fdatasync(int descriptor);
static int flush_result;

int __wrap_fdatasync(int descriptor)
{
    (void)descriptor;
    errno = EIO;
    return flush_result;
}

static void test_a_failed_flush_stays_failed(void **state)
{
    struct vdisk_file *file = open_file(VDISK_OPEN_CREATE);
    struct vdisk_error error;

    (void)state;
    assert_int_equal(vdisk_file_flush(file, NULL), VDISK_OK);
    flush_result = -1;
    assert_int_equal(vdisk_file_flush(file, &error), VDISK_IO);
    assert_int_equal(error.native_code, EIO);
    flush_result = 0; /* the kernel has forgotten; we have not */
    assert_int_equal(vdisk_file_flush(file, &error), VDISK_IO);
    assert_non_null(strstr(error.reason, "earlier flush"));
    vdisk_file_close(file);
}

#define POSIX_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* A user may name a device; an image may not, or it would show whoever opens it the host's disks.
 */
static void test_an_image_names_no_device(void **state)
{
    static const char device[] = "/dev/loop0";
    const struct vdisk_file_request request = {
        .role = VDISK_ROLE_PARENT,
        .kind = VDISK_NAME_ABSOLUTE,
        .name = device,
        .referrer = path,
        .read_only = true,
    };
    struct vdisk_file_finder *finder = vdisk_host_finder();
    struct vdisk_file *file = NULL;

    (void)state;
    if (vdisk_host_open(device, VDISK_OPEN_READ, &file, NULL) != VDISK_OK) {
        print_message("%s cannot be opened: there is no device to try\n", device);
        skip();
    }
    vdisk_file_close(file);
    assert_int_equal(finder->open(finder, &request, &file, NULL), VDISK_ACCESS);
    assert_null(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        POSIX_TEST(test_open_says_what_is_wrong),
        POSIX_TEST(test_a_fifo_does_not_hang),
        POSIX_TEST(test_reads_end_with_the_file),
        POSIX_TEST(test_ranges),
        POSIX_TEST(test_holes_give_space_back),
        POSIX_TEST(test_looking_for_holes_changes_nothing),
        POSIX_TEST(test_errno_has_a_meaning),
        POSIX_TEST(test_a_failed_flush_stays_failed),
        POSIX_TEST(test_an_image_names_no_device),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
