/* VMDK: what its structures may hold, what is made of them when they are wrong, and how it writes.
 */
#include "engine/base/endian.h"
#include "host/fault/file_fault.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/file_set.h"
#include "virtualdisk/codec.h"

#include <stdlib.h>
#include <string.h>

#define MIB   ((uint64_t)1 << 20)
#define GRAIN ((uint64_t)65536)

/* Where vdisk_image_create puts things for disks of one table (32 MiB), in bytes. */
#define TWIN_DIRECTORY (21 * 512u)
#define TWIN_TABLE     (22 * 512u)
#define DIRECTORY      (26 * 512u)
#define TABLE          (27 * 512u)
#define FIRST_GRAIN    (128 * 512u)

static struct file_set *files;
static struct vdisk_error problem;
static unsigned char buffer[4 * 65536];
static unsigned char expected[4 * 65536];

static int set_up(void **state)
{
    (void)state;
    files = file_set_create(1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    file_set_destroy(files);
    return 0;
}

static void make(const char *name, const char *subformat, uint64_t size_bytes)
{
    const struct vdisk_create_options options = {.format = "vmdk",
                                                 .subformat = subformat,
                                                 .size_bytes = size_bytes,
                                                 .finder = &files->finder};
    struct vdisk_file *file;

    assert_int_equal(file_set_open(files, name, false, true, &file, &problem), VDISK_OK);
    assert_int_equal(vdisk_image_create(file, &options, &problem), VDISK_OK);
    vdisk_file_close(file);
}

static enum vdisk_status open_as(const char *name, struct vdisk_open_options options,
                                 struct vdisk_image **image)
{
    struct vdisk_file *file;

    options.finder = &files->finder;
    assert_int_equal(file_set_open(files, name, options.read_only, false, &file, &problem),
                     VDISK_OK);
    return vdisk_image_open(file, &options, image, &problem);
}

static struct vdisk_disk *disk_of(const char *name, struct vdisk_image **image)
{
    const struct vdisk_open_options options = {.format = "vmdk"};

    assert_int_equal(open_as(name, options, image), VDISK_OK);
    return vdisk_image_disk(*image);
}

static void patch(const char *name, uint64_t offset_bytes, const void *bytes, size_t length_bytes)
{
    struct vdisk_file *file;

    assert_int_equal(file_set_open(files, name, false, false, &file, &problem), VDISK_OK);
    assert_int_equal(vdisk_file_write(file, offset_bytes, bytes, length_bytes, &problem), VDISK_OK);
    vdisk_file_close(file);
}

static void patch_u32(const char *name, uint64_t offset_bytes, uint32_t value)
{
    unsigned char bytes[4];

    vdisk_store_le32(bytes, value);
    patch(name, offset_bytes, bytes, sizeof bytes);
}

static uint32_t peek_u32(const char *name, uint64_t offset_bytes)
{
    struct vdisk_file *file;
    unsigned char bytes[4];

    assert_int_equal(file_set_open(files, name, true, false, &file, &problem), VDISK_OK);
    assert_int_equal(vdisk_file_read(file, offset_bytes, bytes, sizeof bytes, &problem), VDISK_OK);
    vdisk_file_close(file);
    return vdisk_load_le32(bytes);
}

static void write_file(const char *name, const void *bytes, size_t length_bytes)
{
    struct vdisk_file *file;

    assert_int_equal(file_set_open(files, name, false, true, &file, &problem), VDISK_OK);
    assert_int_equal(vdisk_file_write(file, 0, bytes, length_bytes, &problem), VDISK_OK);
    vdisk_file_close(file);
}

static void put(const char *name, uint64_t offset_bytes, int byte, size_t length_bytes)
{
    struct vdisk_image *image;
    struct vdisk_disk *disk = disk_of(name, &image);

    memset(buffer, byte, length_bytes);
    assert_int_equal(vdisk_disk_write(disk, offset_bytes, buffer, length_bytes, &problem),
                     VDISK_OK);
    assert_int_equal(vdisk_image_close(image, &problem), VDISK_OK);
}

static void expect(const char *name, uint64_t offset_bytes, int byte, size_t length_bytes)
{
    struct vdisk_image *image;
    struct vdisk_disk *disk = disk_of(name, &image);

    memset(expected, byte, length_bytes);
    assert_int_equal(vdisk_disk_read(disk, offset_bytes, buffer, length_bytes, &problem), VDISK_OK);
    assert_memory_equal(buffer, expected, length_bytes);
    assert_int_equal(vdisk_image_close(image, &problem), VDISK_OK);
}

static void expect_refused(const char *name, enum vdisk_status status, const char *structure,
                           uint64_t offset_bytes, const char *reason)
{
    const struct vdisk_open_options options = {.format = "vmdk", .read_only = true};
    struct vdisk_image *image;

    assert_int_equal(open_as(name, options, &image), status);
    assert_string_equal(problem.reason, reason);
    assert_string_equal(problem.structure, structure);
    assert_int_equal(problem.offset_bytes, offset_bytes);
}

static struct vdisk_check examine(const char *name, bool repair)
{
    const struct vdisk_open_options options = {.format = "vmdk", .for_check = true};
    struct vdisk_check check = {.repair = repair};
    struct vdisk_image *image;

    assert_int_equal(open_as(name, options, &image), VDISK_OK);
    assert_int_equal(vdisk_image_check(image, &check, &problem), VDISK_OK);
    vdisk_image_close(image, NULL);
    return check;
}

static void refuses_bad_headers(void **state)
{
    static const struct {
        uint32_t offset;
        uint32_t value;
        enum vdisk_status status;
        const char *structure;
        uint64_t where;
        const char *reason;
    } cases[] = {
        {4, 4, VDISK_UNSUPPORTED, "VMDK header", 0, "the version is not 1, 2 or 3"},
        {73, 0x0a0d0a0a, VDISK_CORRUPT, "VMDK header", 0,
         "the file was damaged by a transfer as text"},
        {8, 0x10003, VDISK_UNSUPPORTED, "VMDK header", 0, "the compression is not deflate"},
        {12, 0, VDISK_CORRUPT, "VMDK header", 0, "the capacity is out of range"},
        {16, 0x80000000, VDISK_CORRUPT, "VMDK header", 0, "the capacity is out of range"},
        {16, 0x00100000, VDISK_CORRUPT, "VMDK header", 0,
         "the disk would need more grain tables than any has"},
        {20, 0, VDISK_CORRUPT, "VMDK header", 0, "the grain size is not a power of two"},
        {20, 100, VDISK_CORRUPT, "VMDK header", 0, "the grain size is not a power of two"},
        {20, 4096, VDISK_CORRUPT, "VMDK header", 0, "the grain size is out of range"},
        {44, 0, VDISK_CORRUPT, "VMDK header", 0, "a grain table must have 512 entries"},
        {28, 0x7fffffff, VDISK_CORRUPT, "VMDK descriptor", 28, "it lies outside of the file"},
        {28, 0, VDISK_UNSUPPORTED, "VMDK descriptor", 28,
         "this is one extent of a disk: open the disk's descriptor instead"},
        {512, 0, VDISK_UNSUPPORTED, "VMDK descriptor", 28,
         "this is one extent of a disk: open the disk's descriptor instead"},
        {512, 0x58585858, VDISK_CORRUPT, "VMDK descriptor", 512,
         "a line is neither an extent nor a value"},
        {48, 0x7fffffff, VDISK_CORRUPT, "VMDK header", 48,
         "the redundant grain directory lies outside of the file"},
        {56, 0x7fffffff, VDISK_CORRUPT, "VMDK header", 56,
         "the grain directory lies outside of the file"},
        {56, 0, VDISK_CORRUPT, "VMDK header", 56, "the grain directory lies outside of the file"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char name[16] = "case-00.vmdk";

        name[5] = (char)('0' + i / 10);
        name[6] = (char)('0' + i % 10);
        make(name, NULL, 8 * MIB);
        patch_u32(name, cases[i].offset, cases[i].value);
        expect_refused(name, cases[i].status, cases[i].structure, cases[i].where, cases[i].reason);
    }
}

static void refuses_bad_extents(void **state)
{
    static const struct {
        const char *lines;
        enum vdisk_status status;
        const char *structure;
        uint64_t where;
        const char *reason;
    } cases[] = {
        {"", VDISK_CORRUPT, "VMDK descriptor", VDISK_NO_OFFSET, "it names no extents"},
        {"RW 9 FLAT \"case-1.vmdk\"", VDISK_CORRUPT, "VMDK descriptor", VDISK_NO_OFFSET,
         "the image names itself as one of its files"},
        {"RW 2 FLAT \"data.bin\"\nRW 2 FLAT \"data.bin\" 2", VDISK_CORRUPT, "VMDK descriptor",
         VDISK_NO_OFFSET, "two extents have the same file"},
        {"RW 5 FLAT \"data.bin\"", VDISK_CORRUPT, "VMDK flat extent", 2048,
         "the file is shorter than the descriptor says"},
        {"RW 4 FLAT \"data.bin\" 1", VDISK_CORRUPT, "VMDK flat extent", 2048,
         "the file is shorter than the descriptor says"},
        {"RW 2 SPARSE \"data.bin\"", VDISK_CORRUPT, "VMDK header", 0, "the signature is missing"},
        {"RW 2 VMFSSPARSE \"data.bin\"", VDISK_CORRUPT, "VMDK COWD header", 0,
         "the signature is missing"},
        {"RW 2 SESPARSE \"data.bin\"", VDISK_CORRUPT, "VMDK seSparse header", 0,
         "the signature is missing"},
    };
    static const unsigned char data[2048] = {0};

    (void)state;
    write_file("data.bin", data, sizeof data);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char name[16] = "case-0.vmdk";
        char text[256] = "# Disk DescriptorFile\nversion=1\n";

        name[5] = (char)('0' + i);
        strcat(text, cases[i].lines);
        write_file(name, text, strlen(text));
        expect_refused(name, cases[i].status, cases[i].structure, cases[i].where, cases[i].reason);
    }
}

static void marks_sessions(void **state)
{
    struct vdisk_image *image;
    struct vdisk_disk *disk;
    struct vdisk_image_info before, after;

    (void)state;
    make("a.vmdk", NULL, 8 * MIB);
    disk = disk_of("a.vmdk", &image);
    assert_int_equal(vdisk_image_get_info(image, &before, &problem), VDISK_OK);
    assert_string_equal(before.subformat, "monolithicSparse");
    assert_int_equal(peek_u32("a.vmdk", 72) & 0xff, 0);
    assert_int_equal(vdisk_disk_write(disk, 0, buffer, 512, &problem), VDISK_OK);
    assert_int_equal(peek_u32("a.vmdk", 72) & 0xff, 1);
    assert_int_equal(vdisk_image_get_info(image, &after, &problem), VDISK_OK);
    assert_string_not_equal(before.identity, after.identity);
    assert_int_equal(vdisk_disk_write(disk, 512, buffer, 512, &problem), VDISK_OK);
    assert_int_equal(vdisk_image_get_info(image, &before, &problem), VDISK_OK);
    assert_string_equal(before.identity, after.identity);
    assert_int_equal(vdisk_image_close(image, &problem), VDISK_OK);
    assert_int_equal(peek_u32("a.vmdk", 72) & 0xff, 0);
    assert_int_equal(examine("a.vmdk", false).corruption_count, 0);
}

static void looks_at_the_other_copy(void **state)
{
    struct vdisk_check check;

    (void)state;
    make("a.vmdk", NULL, 8 * MIB);
    put("a.vmdk", 0, 7, GRAIN);
    assert_int_equal(peek_u32("a.vmdk", TABLE), FIRST_GRAIN / 512);
    assert_int_equal(peek_u32("a.vmdk", TWIN_TABLE), FIRST_GRAIN / 512);
    patch_u32("a.vmdk", TABLE, 0x7fffffff);
    expect("a.vmdk", 0, 7, GRAIN);
    assert_int_equal(examine("a.vmdk", false).corruption_count, 2); /* differs, and cannot be */
    check = examine("a.vmdk", true);
    assert_int_equal(check.repaired_count, 1);
    assert_int_equal(check.corruption_count, 0);
    assert_int_equal(peek_u32("a.vmdk", TABLE), FIRST_GRAIN / 512);
    assert_int_equal(examine("a.vmdk", false).corruption_count, 0);

    patch_u32("a.vmdk", DIRECTORY, 1); /* a table in the descriptor */
    expect("a.vmdk", 0, 7, GRAIN);
    assert_int_not_equal(examine("a.vmdk", false).corruption_count, 0);
}

static void follows_no_impossible_entry(void **state)
{
    static const uint32_t bad[] = {1, 2, 21, 26, 127, 257, 0x7fffffff, 0xffffffff};

    (void)state;
    make("a.vmdk", NULL, 8 * MIB);
    put("a.vmdk", 0, 7, GRAIN);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct vdisk_image *image;
        struct vdisk_disk *disk;

        patch_u32("a.vmdk", TABLE, bad[i]);
        patch_u32("a.vmdk", TWIN_TABLE, bad[i]);
        disk = disk_of("a.vmdk", &image);
        assert_int_equal(vdisk_disk_read(disk, 0, buffer, 512, &problem), VDISK_CORRUPT);
        assert_string_equal(problem.structure, "VMDK grain table");
        assert_int_equal(problem.offset_bytes, TABLE);
        assert_int_equal(vdisk_disk_write(disk, 0, buffer, 512, &problem), VDISK_CORRUPT);
        assert_int_equal(vdisk_disk_read(disk, GRAIN, buffer, 512, &problem), VDISK_OK);
        vdisk_image_close(image, NULL);
        assert_int_equal(examine("a.vmdk", true).corruption_count, 1);
    }
}

static void finds_shared_and_lost_space(void **state)
{
    struct vdisk_check check;

    (void)state;
    make("a.vmdk", NULL, 8 * MIB);
    put("a.vmdk", 0, 7, 2 * GRAIN);
    patch_u32("a.vmdk", TABLE + 4, FIRST_GRAIN / 512);
    patch_u32("a.vmdk", TWIN_TABLE + 4, FIRST_GRAIN / 512);
    check = examine("a.vmdk", true);
    assert_int_equal(check.corruption_count, 1);
    assert_int_equal(check.leak_count, 1);
    assert_int_equal(check.repaired_count, 0);

    patch_u32("a.vmdk", TABLE + 4, 0);
    patch_u32("a.vmdk", TWIN_TABLE + 4, 0);
    assert_int_equal(examine("a.vmdk", false).leak_count, 1);
    check = examine("a.vmdk", true);
    assert_int_equal(check.leak_count, 0);
    assert_int_equal(check.repaired_count, 1);
    assert_int_equal(vdisk_memory_store_size(file_set_store(files, "a.vmdk")), FIRST_GRAIN + GRAIN);
    expect("a.vmdk", 0, 7, GRAIN);

    put("a.vmdk", GRAIN, 8, 2 * GRAIN); /* and in the middle: it stays */
    patch_u32("a.vmdk", TABLE + 4, 0);
    patch_u32("a.vmdk", TWIN_TABLE + 4, 0);
    check = examine("a.vmdk", true);
    assert_int_equal(check.leak_count, 1);
    assert_int_equal(check.corruption_count, 0);
}

static void makes_tables_where_there_are_none(void **state)
{
    (void)state;
    make("a.vmdk", NULL, 24 * MIB);
    patch_u32("a.vmdk", DIRECTORY, 0);
    patch_u32("a.vmdk", TWIN_DIRECTORY, 0);
    expect("a.vmdk", 0, 0, GRAIN);
    put("a.vmdk", 3 * GRAIN + 512, 9, 2 * GRAIN);
    expect("a.vmdk", 3 * GRAIN + 512, 9, 2 * GRAIN);
    expect("a.vmdk", 2 * GRAIN, 0, GRAIN + 512);
    assert_int_not_equal(peek_u32("a.vmdk", DIRECTORY), 0);
    assert_int_not_equal(peek_u32("a.vmdk", TWIN_DIRECTORY), 0);
    assert_int_equal(examine("a.vmdk", false).corruption_count, 0);

    /* A session that was cut off had made one of the copies only. */
    patch_u32("a.vmdk", TWIN_DIRECTORY, 0);
    patch("a.vmdk", 72, "\1", 1);
    assert_int_equal(examine("a.vmdk", false).corruption_count, 0);
    put("a.vmdk", 0, 3, 512);
    assert_int_equal(examine("a.vmdk", false).corruption_count, 0);
    assert_int_not_equal(peek_u32("a.vmdk", TWIN_DIRECTORY), 0);
    expect("a.vmdk", 3 * GRAIN + 512, 9, 2 * GRAIN);
}

/* Every file of the set behind one plan. */
static enum vdisk_status wrap(void *context, uint32_t index, struct vdisk_file *below,
                              struct vdisk_file **file, struct vdisk_error *error)
{
    (void)index;
    return vdisk_file_fault_open(below, context, file, error);
}

static void flushes_twice_at_most(void **state)
{
    struct vdisk_fault_plan plan = {0};
    struct vdisk_image *image;
    struct vdisk_disk *disk;

    (void)state;
    make("a.vmdk", NULL, 64 * MIB);
    files->wrap = wrap;
    files->wrap_context = &plan;
    disk = disk_of("a.vmdk", &image);
    for (uint64_t i = 0; i < 40; i++)
        assert_int_equal(
            vdisk_disk_write(disk, i * 24 * GRAIN % (60 * MIB), buffer, 4096, &problem), VDISK_OK);
    plan.flush_count = 0;
    assert_int_equal(vdisk_disk_flush(disk, &problem), VDISK_OK);
    assert_int_equal(plan.flush_count, 2);
    assert_int_equal(vdisk_disk_write(disk, 0, buffer, 4096, &problem), VDISK_OK);
    assert_int_equal(vdisk_disk_flush(disk, &problem), VDISK_OK);
    assert_int_equal(plan.flush_count, 3);
    assert_int_equal(vdisk_image_close(image, &problem), VDISK_OK);
}

static void fill_mixed(unsigned char *bytes, size_t length_bytes)
{
    for (size_t i = 0; i < length_bytes; i++)
        bytes[i] = (unsigned char)(i / 300 ^ i % 7);
}

static void make_stream(const char *name)
{
    struct vdisk_image *image;
    struct vdisk_disk *disk;

    make(name, "streamOptimized", 8 * MIB + 1024);
    disk = disk_of(name, &image);
    assert_false(disk->read_only);
    fill_mixed(expected, sizeof expected);
    assert_int_equal(vdisk_disk_write(disk, GRAIN, expected, 2 * GRAIN, &problem), VDISK_OK);
    assert_int_equal(vdisk_disk_read(disk, GRAIN + 512, buffer, 2 * GRAIN - 512, &problem),
                     VDISK_OK);
    assert_memory_equal(buffer, expected + 512, 2 * GRAIN - 512);
    assert_int_equal(vdisk_disk_write(disk, GRAIN, buffer, 512, &problem), VDISK_UNSUPPORTED);
    assert_int_equal(vdisk_disk_write(disk, 8 * MIB, expected, 1024, &problem), VDISK_OK);
    assert_int_equal(vdisk_image_close(image, &problem), VDISK_OK);
}

static void expect_stream(const char *name)
{
    const struct vdisk_open_options options = {.format = "vmdk"};
    struct vdisk_image *image;
    struct vdisk_disk *disk;

    assert_int_equal(open_as(name, options, &image), VDISK_OK);
    disk = vdisk_image_disk(image);
    assert_true(disk->read_only); /* it is complete */
    fill_mixed(expected, sizeof expected);
    assert_int_equal(vdisk_disk_read(disk, GRAIN, buffer, 2 * GRAIN, &problem), VDISK_OK);
    assert_memory_equal(buffer, expected, 2 * GRAIN);
    assert_int_equal(vdisk_disk_read(disk, 8 * MIB, buffer, 1024, &problem), VDISK_OK);
    assert_memory_equal(buffer, expected, 1024);
    assert_int_equal(vdisk_disk_read(disk, 0, buffer, 512, &problem), VDISK_OK);
    assert_int_equal(buffer[0], 0);
    vdisk_image_close(image, NULL);
}

static void writes_streams_once(void **state)
{
    struct vdisk_file *file;
    uint64_t size;

    (void)state;
    make_stream("a.vmdk");
    expect_stream("a.vmdk");
    assert_int_equal(examine("a.vmdk", false).corruption_count, 0);

    /* Without its end the grains are found by their markers. */
    size = vdisk_memory_store_size(file_set_store(files, "a.vmdk"));
    assert_int_equal(file_set_open(files, "a.vmdk", false, false, &file, &problem), VDISK_OK);
    assert_int_equal(vdisk_file_set_size(file, size - 1024, &problem), VDISK_OK);
    vdisk_file_close(file);
    expect_stream("a.vmdk");
    assert_int_equal(examine("a.vmdk", false).corruption_count, 0);
}

static void inflates_into_one_grain(void **state)
{
    static const struct {
        uint32_t offset; /* from the first grain's marker */
        uint32_t value;
        const char *reason;
    } cases[] = {
        {0, 5, "its marker is that of another grain"},
        {8, 0, "its size is impossible"},
        {8, 0x7fffffff, "its size is impossible"},
        {8, 9, "the compressed data is cut off"},
        {12, 0xffffffff, "the compressed data is damaged"},
    };
    unsigned char *bomb = calloc(1, 1 << 20);
    const char *reason;
    size_t packed;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char name[16] = "case-0.vmdk";
        struct vdisk_image *image;
        struct vdisk_disk *disk;

        name[5] = (char)('0' + i);
        make_stream(name);
        patch_u32(name, FIRST_GRAIN + cases[i].offset, cases[i].value);
        disk = disk_of(name, &image);
        assert_int_equal(vdisk_disk_read(disk, GRAIN + 512, buffer, 512, &problem), VDISK_CORRUPT);
        assert_string_equal(problem.structure, "VMDK compressed grain");
        assert_int_equal(problem.offset_bytes, FIRST_GRAIN);
        assert_string_equal(problem.reason, cases[i].reason);
        vdisk_image_close(image, NULL);
        assert_int_equal(examine(name, true).corruption_count, 1);
    }
    make_stream("bomb.vmdk");
    assert_int_equal(vdisk_codec_compress(VDISK_CODEC_ZLIB, bomb, 1 << 20, buffer, sizeof buffer,
                                          &packed, &reason),
                     VDISK_OK);
    patch_u32("bomb.vmdk", FIRST_GRAIN + 8, (uint32_t)packed);
    patch("bomb.vmdk", FIRST_GRAIN + 12, buffer, packed);
    free(bomb);
    {
        struct vdisk_image *image;
        struct vdisk_disk *disk = disk_of("bomb.vmdk", &image);

        assert_int_equal(vdisk_disk_read(disk, GRAIN, buffer, 512, &problem), VDISK_CORRUPT);
        assert_string_equal(problem.reason, "the compressed data holds more than fits");
        vdisk_image_close(image, NULL);
    }
}

static void wants_the_parent_it_was_made_from(void **state)
{
    const struct vdisk_open_options options = {.format = "vmdk"};
    struct vdisk_create_options child = {
        .format = "vmdk", .parent_name = "base.vmdk", .finder = &files->finder};
    struct vdisk_file *file;
    struct vdisk_image *image;

    (void)state;
    child.finder = &files->finder;
    make("base.vmdk", NULL, 8 * MIB);
    put("base.vmdk", 0, 5, GRAIN);
    disk_of("base.vmdk", &child.parent);
    assert_int_equal(file_set_open(files, "child.vmdk", false, true, &file, &problem), VDISK_OK);
    assert_int_equal(vdisk_image_create(file, &child, &problem), VDISK_OK);
    vdisk_file_close(file);
    vdisk_image_close(child.parent, NULL);
    put("child.vmdk", 1024, 6, 512);
    expect("child.vmdk", 0, 5, 1024);
    expect("child.vmdk", 1024, 6, 512);
    expect("child.vmdk", 1536, 5, GRAIN - 1536);

    put("base.vmdk", 2 * GRAIN, 9, 512);
    assert_int_equal(open_as("child.vmdk", options, &image), VDISK_PARENT_CHANGED);
    assert_string_equal(problem.reason, "its CID is not the parentCID of the child");
    {
        const struct vdisk_open_options alone = {.format = "vmdk", .without_parent = true};
        struct vdisk_image *parent;

        disk_of("base.vmdk", &parent);
        assert_int_equal(open_as("child.vmdk", alone, &image), VDISK_OK);
        assert_int_equal(vdisk_image_set_parent(image, parent, "./base.vmdk", NULL, &problem),
                         VDISK_OK);
        assert_int_equal(vdisk_image_close(image, &problem), VDISK_OK);
        vdisk_image_close(parent, NULL);
    }
    expect("child.vmdk", 2 * GRAIN, 9, 512);
    expect("child.vmdk", 1024, 6, 512);
}

static void grows_onto_zeros(void **state)
{
    struct vdisk_image *image;
    struct vdisk_disk *disk;

    (void)state;
    make("a.vmdk", NULL, 8 * MIB + 512);
    put("a.vmdk", 8 * MIB, 7, 512);
    patch("a.vmdk", FIRST_GRAIN + 512, "stale", 5); /* behind the end of the disk */
    disk = disk_of("a.vmdk", &image);
    assert_int_equal(vdisk_image_resize(image, 80 * MIB, &problem), VDISK_OK);
    assert_int_equal(disk->size_bytes, 80 * MIB);
    memset(buffer, 8, GRAIN);
    assert_int_equal(vdisk_disk_write(disk, 79 * MIB, buffer, GRAIN, &problem), VDISK_OK);
    assert_int_equal(vdisk_image_resize(image, 8 * MIB, &problem), VDISK_UNSUPPORTED);
    assert_int_equal(vdisk_image_close(image, &problem), VDISK_OK);
    expect("a.vmdk", 8 * MIB, 7, 512);
    expect("a.vmdk", 8 * MIB + 512, 0, GRAIN);
    expect("a.vmdk", 79 * MIB, 8, GRAIN);
    assert_int_equal(examine("a.vmdk", false).corruption_count, 0);
}

static void add_descriptor(const char *name, const char *line)
{
    char text[256] = "# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=ffffffff\n"
                     "createType=\"vmfs\"\n";

    strcat(text, line);
    write_file(name, text, strlen(text));
}

static void reads_cowd(void **state)
{
    unsigned char *bytes = calloc(1, 64 * 1024);

    (void)state;
    assert_non_null(bytes);
    memcpy(bytes, "COWD", 4);
    vdisk_store_le32(bytes + 4, 1);
    vdisk_store_le32(bytes + 8, 1); /* has no parent */
    vdisk_store_le32(bytes + 12, 100);
    vdisk_store_le32(bytes + 16, 1);
    vdisk_store_le32(bytes + 20, 4);
    vdisk_store_le32(bytes + 24, 1);
    vdisk_store_le32(bytes + 4 * 512, 5);           /* the directory: one table */
    vdisk_store_le32(bytes + 5 * 512 + 4 * 7, 40);  /* sector 7 */
    vdisk_store_le32(bytes + 5 * 512 + 4 * 99, 41); /* sector 99 */
    memset(bytes + 40 * 512, 7, 512);
    memset(bytes + 41 * 512, 9, 512);
    write_file("delta.vmdk", bytes, 64 * 1024);
    add_descriptor("disk.vmdk", "RW 100 VMFSSPARSE \"delta.vmdk\"\n");
    for (int i = 0; i < 2; i++) {
        const char *name = i == 0 ? "disk.vmdk" : "delta.vmdk";
        struct vdisk_image *image;

        expect(name, 7 * 512, 7, 512);
        expect(name, 99 * 512, 9, 512);
        expect(name, 8 * 512, 0, 91 * 512);
        assert_true(disk_of(name, &image)->read_only);
        vdisk_image_close(image, NULL);
        assert_int_equal(examine(name, false).corruption_count, 0);
    }
    patch_u32("delta.vmdk", 24, 0);
    expect_refused("disk.vmdk", VDISK_CORRUPT, "VMDK COWD header", 20,
                   "the grain directory is too small or outside of the file");
    free(bytes);
}

static void reads_sesparse(void **state)
{
    static const uint64_t areas[] = {1,  2,  4,  8,
                                     16, 80, 80, 88}; /* sectors, in the header's order */
    unsigned char *bytes = calloc(1, 256 * 512);

    (void)state;
    assert_non_null(bytes);
    vdisk_store_le64(bytes, 0xcafebabe);
    vdisk_store_le64(bytes + 8, 0x200000001);
    vdisk_store_le64(bytes + 16, 80);
    vdisk_store_le64(bytes + 24, 8);
    vdisk_store_le64(bytes + 32, 64);
    for (uint32_t i = 0; i < 8; i++) {
        vdisk_store_le64(bytes + 80 + 16 * i, areas[i]);
        vdisk_store_le64(bytes + 88 + 16 * i, 1);
    }
    vdisk_store_le64(bytes + 512, 0xcafecafe);
    vdisk_store_le64(bytes + 8 * 512, UINT64_C(0x1000000000000000));
    vdisk_store_le64(bytes + 16 * 512 + 8, UINT64_C(0x3001000000000000)); /* grain 1: number 1 */
    vdisk_store_le64(bytes + 16 * 512 + 16, UINT64_C(0x2000000000000000));
    vdisk_store_le64(bytes + 16 * 512 + 24, UINT64_C(0x3000000000000000)); /* grain 3: number 0 */
    memset(bytes + 96 * 512, 7, 4096);
    memset(bytes + 88 * 512, 9, 4096);
    write_file("delta.vmdk", bytes, 256 * 512);
    add_descriptor("disk.vmdk", "RW 80 SESPARSE \"delta.vmdk\"\n");
    expect("disk.vmdk", 0, 0, 4096);
    expect("disk.vmdk", 4096, 7, 4096);
    expect("disk.vmdk", 8192, 0, 4096);
    expect("disk.vmdk", 12288, 9, 4096);
    assert_int_equal(examine("disk.vmdk", false).corruption_count, 0);
    patch_u32("delta.vmdk", 512 + 24, 1);
    expect_refused("disk.vmdk", VDISK_UNSUPPORTED, "VMDK seSparse header", 512,
                   "its journal must be replayed first, by vSphere");
    patch_u32("delta.vmdk", 512 + 24, 0);
    patch_u32("delta.vmdk", 16 * 512 + 12, 0x40000000);
    assert_int_equal(examine("disk.vmdk", false).corruption_count, 1);
    expect_refused("delta.vmdk", VDISK_UNSUPPORTED, "VMDK seSparse header", 0,
                   "this is one extent of a disk: open the disk's descriptor instead");
    free(bytes);
}

#define FILES_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FILES_TEST(refuses_bad_headers),
        FILES_TEST(refuses_bad_extents),
        FILES_TEST(marks_sessions),
        FILES_TEST(looks_at_the_other_copy),
        FILES_TEST(follows_no_impossible_entry),
        FILES_TEST(finds_shared_and_lost_space),
        FILES_TEST(makes_tables_where_there_are_none),
        FILES_TEST(flushes_twice_at_most),
        FILES_TEST(writes_streams_once),
        FILES_TEST(inflates_into_one_grain),
        FILES_TEST(wants_the_parent_it_was_made_from),
        FILES_TEST(grows_onto_zeros),
        FILES_TEST(reads_cowd),
        FILES_TEST(reads_sesparse),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
