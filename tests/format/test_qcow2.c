/* QCOW2: what is refused and why, what check finds and repairs, snapshots, sizes, flushes. */
#include "tests/support/cmocka_all.h"
#include "tests/support/file_set.h"
#include "tests/support/random.h"
#include "engine/base/endian.h"
#include "host/fault/file_fault.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IMAGE      "disk.img"
#define CLUSTER    4096u
#define DISK_BYTES ((uint64_t)4 << 20)
#define L1_OFFSET  field64(set, 40)

static struct vdisk_file *open_file(struct file_set *set, const char *name, bool create)
{
    struct vdisk_file *file;

    assert_int_equal(file_set_open(set, name, false, create, &file, NULL), VDISK_OK);
    return file;
}

static void peek(struct file_set *set, uint64_t offset, void *bytes, size_t length)
{
    struct vdisk_file *file = open_file(set, IMAGE, false);

    assert_int_equal(vdisk_file_read(file, offset, bytes, length, NULL), VDISK_OK);
    vdisk_file_close(file);
}

static void poke(struct file_set *set, uint64_t offset, const void *bytes, size_t length)
{
    struct vdisk_file *file = open_file(set, IMAGE, false);

    assert_int_equal(vdisk_file_write(file, offset, bytes, length, NULL), VDISK_OK);
    vdisk_file_close(file);
}

static void poke_be(struct file_set *set, uint64_t offset, uint64_t value, unsigned bytes)
{
    unsigned char word[8];

    vdisk_store_be64(word, value);
    poke(set, offset, word + 8 - bytes, bytes);
}

static uint64_t field64(struct file_set *set, uint64_t offset)
{
    unsigned char word[8];

    peek(set, offset, word, sizeof word);
    return vdisk_load_be64(word);
}

static struct file_set *make_image(uint32_t block_bytes, uint64_t size_bytes, const char *subformat)
{
    const struct vdisk_create_options options = {.format = "qcow2",
                                                 .subformat = subformat,
                                                 .size_bytes = size_bytes,
                                                 .block_bytes = block_bytes};
    struct file_set *set = file_set_create(1);
    struct vdisk_file *file = open_file(set, IMAGE, true);

    assert_int_equal(vdisk_image_create(file, &options, NULL), VDISK_OK);
    vdisk_file_close(file);
    return set;
}

static enum vdisk_status try_open(struct file_set *set, const struct vdisk_open_options *wanted,
                                  struct vdisk_image **image, struct vdisk_error *error)
{
    struct vdisk_open_options options = *wanted;

    options.format = "qcow2";
    options.finder = &set->finder;
    return vdisk_image_open(open_file(set, IMAGE, false), &options, image, error);
}

static struct vdisk_image *open_image(struct file_set *set)
{
    const struct vdisk_open_options options = {0};
    struct vdisk_image *image;
    struct vdisk_error error = {0};

    if (try_open(set, &options, &image, &error) != VDISK_OK)
        fail_msg("%s: %s", error.structure, error.reason);
    return image;
}

static void close_image(struct vdisk_image *image)
{
    assert_int_equal(vdisk_image_close(image, NULL), VDISK_OK);
}

static enum vdisk_status put(struct vdisk_image *image, uint64_t offset, size_t length, int value,
                             struct vdisk_error *error)
{
    unsigned char *buffer = malloc(length);
    enum vdisk_status status;

    memset(buffer, value, length);
    status = vdisk_disk_write(vdisk_image_disk(image), offset, buffer, length, error);
    free(buffer);
    return status;
}

static void fill(struct vdisk_image *image, uint64_t offset, size_t length, int value)
{
    assert_int_equal(put(image, offset, length, value, NULL), VDISK_OK);
}

static void expect(struct vdisk_image *image, uint64_t offset, size_t length, int value)
{
    unsigned char *buffer = malloc(length);

    assert_int_equal(vdisk_disk_read(vdisk_image_disk(image), offset, buffer, length, NULL),
                     VDISK_OK);
    for (size_t i = 0; i < length; i++)
        assert_int_equal(buffer[i], value);
    free(buffer);
}

/* An image with two clusters of data, closed. */
static struct file_set *make_used(void)
{
    struct file_set *set = make_image(CLUSTER, DISK_BYTES, NULL);
    struct vdisk_image *image = open_image(set);

    fill(image, 0, 2 * CLUSTER, 0x11);
    close_image(image);
    return set;
}

static uint64_t l2_offset(struct file_set *set)
{
    return field64(set, L1_OFFSET) & UINT64_C(0x00fffffffffffe00);
}

static void check_image(struct file_set *set, bool repair, uint64_t corruptions, uint64_t leaks,
                        uint64_t repaired)
{
    const struct vdisk_open_options options = {.for_check = true};
    struct vdisk_check check = {.repair = repair};
    struct vdisk_image *image;
    struct vdisk_error error = {0};

    if (try_open(set, &options, &image, &error) != VDISK_OK ||
        vdisk_image_check(image, &check, &error) != VDISK_OK)
        fail_msg("%s: %s", error.structure, error.reason);
    assert_int_equal(check.corruption_count, corruptions);
    assert_int_equal(check.leak_count, leaks);
    assert_int_equal(check.repaired_count, repaired);
    close_image(image);
}

static void repair_image(struct file_set *set)
{
    const struct vdisk_open_options options = {.for_check = true};
    struct vdisk_check check = {.repair = true};
    struct vdisk_image *image;

    assert_int_equal(try_open(set, &options, &image, NULL), VDISK_OK);
    assert_int_equal(vdisk_image_check(image, &check, NULL), VDISK_OK);
    assert_int_not_equal(check.repaired_count, 0);
    assert_int_equal(check.corruption_count, 0);
    close_image(image);
    check_image(set, false, 0, 0, 0);
}

struct bad_header {
    uint32_t offset;
    uint32_t bytes;
    uint64_t value;
    enum vdisk_status status;
    uint64_t error_offset;
    const char *reason;
};

static void test_headers_that_are_refused(void **state)
{
    static const struct bad_header cases[] = {
        {0, 4, 0, VDISK_WRONG_FORMAT, 0, "magic"},
        {4, 4, 4, VDISK_UNSUPPORTED, 4, "versions 2 and 3"},
        {20, 4, 8, VDISK_CORRUPT, 20, "size of clusters"},
        {20, 4, 22, VDISK_CORRUPT, 20, "size of clusters"},
        {20, 4, UINT32_MAX, VDISK_CORRUPT, 20, "size of clusters"},
        {24, 8, UINT64_MAX, VDISK_CORRUPT, 24, "too large"},
        {24, 8, DISK_BYTES * 1024, VDISK_CORRUPT, 36, "too short"},
        {32, 4, 1, VDISK_UNSUPPORTED, 32, "encrypted"},
        {36, 4, 0, VDISK_CORRUPT, 36, "too short"},
        {36, 4, UINT32_MAX, VDISK_UNSUPPORTED, 36, "32 MiB"},
        {36, 4, 1u << 22, VDISK_CORRUPT, 40, "not a place"},
        {40, 8, 0, VDISK_CORRUPT, 40, "not a place"},
        {40, 8, CLUSTER + 8, VDISK_CORRUPT, 40, "not a place"},
        {40, 8, UINT64_MAX - CLUSTER + 1, VDISK_CORRUPT, 40, "not a place"},
        {40, 8, CLUSTER, VDISK_CORRUPT, 48, "overlaps"},
        {48, 8, 0, VDISK_CORRUPT, 48, "not a place"},
        {48, 8, (uint64_t)1 << 50, VDISK_CORRUPT, 48, "not a place"},
        {56, 4, 0, VDISK_CORRUPT, 56, "empty or larger"},
        {56, 4, UINT32_MAX, VDISK_CORRUPT, 56, "empty or larger"},
        {60, 4, 70000, VDISK_CORRUPT, 60, "more snapshots"},
        {60, 4, 1, VDISK_CORRUPT, 64, "snapshot table"},
        {72, 8, 8, VDISK_CORRUPT, 104, "compression"},
        {72, 8, (uint64_t)1 << 40, VDISK_UNSUPPORTED, 72, "feature"},
        {96, 4, 7, VDISK_CORRUPT, 96, "64 bits"},
        {100, 4, 96, VDISK_CORRUPT, 100, "length"},
        {100, 4, 107, VDISK_CORRUPT, 100, "length"},
        {100, 4, UINT32_MAX - 7, VDISK_CORRUPT, 100, "length"},
        {104, 1, 1, VDISK_CORRUPT, 104, "compression"},
        {116, 4, UINT32_MAX, VDISK_CORRUPT, 112, "beyond the header"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct vdisk_open_options options = {0};
        struct file_set *set = make_image(CLUSTER, DISK_BYTES, NULL);
        struct vdisk_error error = {0};
        struct vdisk_image *image;

        poke_be(set, cases[i].offset, cases[i].value, cases[i].bytes);
        assert_int_equal(try_open(set, &options, &image, &error), cases[i].status);
        assert_int_equal(error.offset_bytes, cases[i].error_offset);
        assert_non_null(error.structure);
        if (strstr(error.reason, cases[i].reason) == NULL)
            fail_msg("case %zu: %s", i, error.reason);
        file_set_destroy(set);
    }
}

static void test_unknown_feature_is_named(void **state)
{
    const struct vdisk_open_options options = {0};
    struct file_set *set = make_image(CLUSTER, DISK_BYTES, NULL);
    struct vdisk_error error = {0};
    struct vdisk_image *image;

    (void)state;
    poke_be(set, 72, 0x20, 8);
    poke(set, 112 + 8, "\0\5sideways data", 16); /* the first entry of the feature names */
    assert_int_equal(try_open(set, &options, &image, &error), VDISK_UNSUPPORTED);
    assert_non_null(strstr(error.file, "(feature: sideways data)"));
    file_set_destroy(set);
}

struct bad_entry {
    bool in_l1;
    uint64_t entry; /* 0: the L1 table's offset, 1: the refcount table's */
    const char *reason;
};

static void test_entries_that_are_not_followed(void **state)
{
    static const struct bad_entry cases[] = {
        {true, 0x100, "reserved"},
        {true, (uint64_t)1 << 60 | 65536, "reserved"},
        {true, 65536 + 512, "cluster's start"},
        {true, (uint64_t)1 << 50, "beyond the end"},
        {true, 0, "header or another table"},
        {false, (uint64_t)1 << 57 | 65536, "reserved"},
        {false, 65536 | 4, "reserved"},
        {false, 65536 + 512, "cluster's start"},
        {false, (uint64_t)1 << 50, "beyond the end"},
        {false, 0, "header or a table"},
        {false, 1, "header or a table"},
        {false, (uint64_t)1 << 62 | (uint64_t)1 << 50, "beyond the end"},
        {false, (uint64_t)1 << 62 | 100, "header or a table"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct file_set *set = make_used();
        const uint64_t place = cases[i].in_l1 ? L1_OFFSET : l2_offset(set);
        const uint64_t entry =
            cases[i].entry > 1 ? cases[i].entry : field64(set, cases[i].entry == 0 ? 40 : 48);
        struct vdisk_error error = {0};
        struct vdisk_image *image;
        unsigned char sector[512];

        poke_be(set, place, entry, 8);
        image = open_image(set);
        assert_int_equal(vdisk_disk_read(vdisk_image_disk(image), 0, sector, 512, &error),
                         VDISK_CORRUPT);
        assert_int_equal(error.offset_bytes, place);
        if (strstr(error.reason, cases[i].reason) == NULL)
            fail_msg("case %zu: %s", i, error.reason);
        assert_int_equal(put(image, 0, 512, 1, &error), VDISK_CORRUPT);
        vdisk_image_close(image, NULL);
        file_set_destroy(set);
    }
}

static void test_extended_entries_that_are_not_followed(void **state)
{
    struct file_set *set = make_image(16384, DISK_BYTES, "extended-l2");
    struct vdisk_image *image = open_image(set);
    struct vdisk_error error = {0};
    unsigned char sector[512];

    (void)state;
    fill(image, 0, 512, 1);
    close_image(image);
    poke_be(set, l2_offset(set) + 8, UINT64_C(0x0000000100000001), 8);
    image = open_image(set);
    assert_int_equal(vdisk_disk_read(vdisk_image_disk(image), 0, sector, 512, &error),
                     VDISK_CORRUPT);
    assert_non_null(strstr(error.reason, "both allocated and zero"));
    close_image(image);
    poke_be(set, l2_offset(set), 0, 8);
    poke_be(set, l2_offset(set) + 8, 1, 8);
    image = open_image(set);
    assert_int_equal(vdisk_disk_read(vdisk_image_disk(image), 0, sector, 512, &error),
                     VDISK_CORRUPT);
    assert_non_null(strstr(error.reason, "allocated in no cluster"));
    close_image(image);
    file_set_destroy(set);
}

static struct file_set *make_child(const char *format, const char *parent_name)
{
    struct file_set *set = make_image(CLUSTER, DISK_BYTES, NULL);
    unsigned char header[512];
    uint32_t at = 112;

    peek(set, 0, header, sizeof header);
    memset(header + 112, 0, sizeof header - 112);
    if (format != NULL) {
        vdisk_store_be32(header + at, 0xe2792aca);
        vdisk_store_be32(header + at + 4, (uint32_t)strlen(format));
        memcpy(header + at + 8, format, strlen(format));
        at += 16;
    }
    vdisk_store_be32(header + at, 0x12345678); /* nobody knows it: it must be kept */
    vdisk_store_be32(header + at + 4, 5);
    memcpy(header + at + 8, "keep!", 5);
    vdisk_store_be64(header + 8, 256);
    vdisk_store_be32(header + 16, (uint32_t)strlen(parent_name));
    memcpy(header + 256, parent_name, strlen(parent_name));
    poke(set, 0, header, sizeof header);
    vdisk_file_close(open_file(set, "base.raw", true));
    return set;
}

static void test_backing_files_that_are_refused(void **state)
{
    static const struct {
        const char *format, *name, *reason;
        enum vdisk_status status;
    } cases[] = {
        {NULL, "base.raw", "which format", VDISK_UNSUPPORTED},
        {"raw", "/etc/passwd", "relative", VDISK_ACCESS},
        {"raw", "nbd:localhost:10809", "relative", VDISK_ACCESS},
        {"raw", "json:{\"driver\":\"file\"}", "relative", VDISK_ACCESS},
        {"raw", "file:///etc/passwd", "relative", VDISK_ACCESS},
        {"raw", "\\\\host\\share", "relative", VDISK_ACCESS},
        {"nbd", "base.raw", "no format has the name", VDISK_UNSUPPORTED},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct vdisk_open_options chain = {0}, alone = {.without_parent = true};
        struct file_set *set = make_child(cases[i].format, cases[i].name);
        struct vdisk_error error = {0};
        struct vdisk_image *image;

        assert_int_equal(try_open(set, &chain, &image, &error), cases[i].status);
        if (strstr(error.reason, cases[i].reason) == NULL)
            fail_msg("case %zu: %s", i, error.reason);
        assert_int_equal(try_open(set, &alone, &image, &error), VDISK_OK);
        close_image(image);
        file_set_destroy(set);
    }
}

/* What was written to such a disk would overwrite its own tables. */
static void test_data_file_is_not_the_image(void **state)
{
    const struct vdisk_open_options options = {0};
    struct file_set *set = make_image(CLUSTER, DISK_BYTES, NULL);
    unsigned char extension[8 + 16 + 8] = {0};
    struct vdisk_error error = {0};
    struct vdisk_image *image;

    (void)state;
    vdisk_store_be32(extension, 0x44415441);
    vdisk_store_be32(extension + 4, sizeof IMAGE - 1);
    memcpy(extension + 8, IMAGE, sizeof IMAGE - 1);
    poke(set, 112, extension, sizeof extension);
    poke_be(set, 72, 1u << 2, 8); /* external data file */
    assert_int_equal(try_open(set, &options, &image, &error), VDISK_CORRUPT);
    assert_string_equal(error.structure, "QCOW2 data file");
    assert_string_equal(error.reason, "the image names itself as one of its files");
    file_set_destroy(set);
}

static void test_rebase_keeps_extensions(void **state)
{
    const struct vdisk_open_options alone = {.without_parent = true}, chain = {0};
    const struct vdisk_open_options raw = {.format = "raw", .read_only = true};
    struct file_set *set = make_child(NULL, "old.raw");
    struct vdisk_file *base = open_file(set, "base.raw", false);
    struct vdisk_image *image, *parent;
    unsigned char header[512];
    bool kept = false;

    (void)state;
    assert_int_equal(vdisk_file_fill_zeros(base, 0, DISK_BYTES, NULL), VDISK_OK);
    assert_int_equal(vdisk_image_open(base, &raw, &parent, NULL), VDISK_OK);
    assert_int_equal(try_open(set, &alone, &image, NULL), VDISK_OK);
    assert_int_equal(vdisk_image_set_parent(image, parent, "nbd:base", NULL, NULL), VDISK_INVALID);
    assert_int_equal(vdisk_image_set_parent(image, parent, "base.raw", NULL, NULL), VDISK_OK);
    close_image(image);
    close_image(parent);
    assert_int_equal(try_open(set, &chain, &image, NULL), VDISK_OK);
    expect(image, 0, 512, 0);
    close_image(image);
    peek(set, 0, header, sizeof header);
    for (size_t i = 0; i + 5 <= sizeof header; i++)
        kept = kept || memcmp(header + i, "keep!", 5) == 0;
    assert_true(kept);
    check_image(set, false, 0, 0, 0);
    file_set_destroy(set);
}

/* Each name is put beside the one before it, which holds until the first sector says otherwise. */
static void test_rebase_many_times(void **state)
{
    static const uint32_t clusters[] = {512, 1024, 4096, CLUSTER};
    const struct vdisk_open_options alone = {.without_parent = true};
    const struct vdisk_open_options raw = {.format = "raw", .read_only = true};
    struct vdisk_image_info *info = calloc(1, sizeof *info);

    (void)state;
    for (size_t i = 0; i < sizeof clusters / sizeof clusters[0]; i++) {
        struct file_set *set = file_set_create(1);
        struct vdisk_file *base = open_file(set, "base.raw", true), *file;
        struct vdisk_create_options options = {.format = "qcow2", .block_bytes = clusters[i]};
        struct vdisk_image *image, *parent;

        assert_int_equal(vdisk_file_fill_zeros(base, 0, DISK_BYTES, NULL), VDISK_OK);
        assert_int_equal(vdisk_image_open(base, &raw, &parent, NULL), VDISK_OK);
        options.parent = parent;
        options.parent_name = "base.raw";
        file = open_file(set, IMAGE, true);
        assert_int_equal(vdisk_image_create(file, &options, NULL), VDISK_OK);
        vdisk_file_close(file);
        for (size_t length = 7; length != 6; length = (length + 61) % 251) {
            char name[252] = {0};

            memset(name, 'a' + (int)(length % 26), length + 1);
            assert_int_equal(try_open(set, &alone, &image, NULL), VDISK_OK);
            assert_int_equal(vdisk_image_set_parent(image, parent, name, NULL, NULL), VDISK_OK);
            close_image(image);
            assert_int_equal(try_open(set, &alone, &image, NULL), VDISK_OK);
            assert_int_equal(vdisk_image_get_info(image, info, NULL), VDISK_OK);
            assert_string_equal(info->parent_name, name);
            assert_string_equal(info->parent_format, "raw");
            close_image(image);
        }
        close_image(parent);
        file_set_destroy(set);
    }
    free(info);
}

static void test_marks(void **state)
{
    struct file_set *set = make_used();
    struct vdisk_image *image;
    struct vdisk_error error;

    (void)state;
    poke_be(set, 88, 0x8000000000000001, 8); /* bitmaps, and one that nobody knows */
    image = open_image(set);
    expect(image, 0, CLUSTER, 0x11);
    close_image(image);
    assert_int_equal(field64(set, 88), 0x8000000000000001); /* nothing was written */
    image = open_image(set);
    fill(image, 0, 512, 0x22);
    close_image(image);
    assert_int_equal(field64(set, 88), 0);
    poke_be(set, 72, 2, 8); /* corrupt */
    image = open_image(set);
    assert_true(vdisk_image_disk(image)->read_only);
    assert_int_equal(put(image, 0, 512, 1, &error), VDISK_READ_ONLY);
    close_image(image);
    check_image(set, true, 0, 0, 1);
    assert_int_equal(field64(set, 72), 0);
    file_set_destroy(set);
}

static uint64_t first_block(struct file_set *set)
{
    return field64(set, field64(set, 48));
}

static void test_dirty_image_is_counted_again(void **state)
{
    struct file_set *set = make_used();
    const uint64_t cluster = (field64(set, l2_offset(set)) & UINT64_C(0xfffffffffffe00)) / CLUSTER;
    struct vdisk_image *image;

    (void)state;
    poke_be(set, 72, 1, 8);
    poke_be(set, first_block(set) + cluster * 2, 0, 2);
    poke_be(set, first_block(set), 0, 2); /* the header's own */
    image = open_image(set);
    fill(image, DISK_BYTES / 2, CLUSTER, 0x33);
    expect(image, 0, 2 * CLUSTER, 0x11);
    close_image(image);
    assert_int_equal(field64(set, 72), 0);
    check_image(set, false, 0, 0, 0);
    file_set_destroy(set);
}

static void test_table_that_looks_free_stops_writes(void **state)
{
    struct file_set *set = make_used();
    struct vdisk_error error = {0};
    struct vdisk_image *image;

    (void)state;
    poke_be(set, first_block(set) + l2_offset(set) / CLUSTER * 2, 0, 2);
    image = open_image(set);
    expect(image, 0, CLUSTER, 0x11);
    assert_int_equal(put(image, 0, 512, 1, &error), VDISK_CORRUPT);
    assert_string_equal(error.structure, "QCOW2 L2 table");
    assert_int_equal(error.offset_bytes, l2_offset(set));
    close_image(image);
    check_image(set, false, 2, 0, 0); /* the count, and the COPIED flag that relies on it */
    repair_image(set);
    image = open_image(set);
    fill(image, 0, 512, 1);
    close_image(image);
    file_set_destroy(set);
}

static void test_check_finds_and_repairs(void **state)
{
    struct file_set *set = make_used();
    const uint64_t l2 = l2_offset(set), entry = field64(set, l2);
    const uint64_t cluster = (entry & UINT64_C(0xfffffffffffe00)) / CLUSTER;

    (void)state;
    check_image(set, false, 0, 0, 0);
    poke_be(set, first_block(set) + (cluster + 40) * 2, 1, 2);
    check_image(set, false, 0, 0, 0); /* beyond the end of the file: nothing is lost */
    poke_be(set, l2 + 8, 0, 8);
    check_image(set, false, 0, 1, 0);
    repair_image(set);
    poke_be(set, l2 + 16, entry, 8); /* two guest clusters in one place */
    check_image(set, false, 1, 0, 0);
    repair_image(set);
    assert_int_equal(field64(set, l2) >> 63, 0); /* copied before it is written */
    poke_be(set, l2, field64(set, l2) | (uint64_t)1 << 63, 8);
    check_image(set, false, 1, 0, 0);
    repair_image(set);
    poke_be(set, l2, l2 | (uint64_t)1 << 63, 8); /* data in the table itself */
    check_image(set, true, 1, 0, 2);
    check_image(set, false, 1, 0, 0);
    file_set_destroy(set);
}

static void test_lost_refcount_table_is_rebuilt(void **state)
{
    struct file_set *set = make_used();
    struct vdisk_image *image;

    (void)state;
    poke_be(set, 48, (uint64_t)1 << 45, 8);
    repair_image(set);
    image = open_image(set);
    expect(image, 0, 2 * CLUSTER, 0x11);
    close_image(image);
    file_set_destroy(set);
}

static void snapshot_content(struct file_set *set, const char *name, int value)
{
    const struct vdisk_open_options options = {.snapshot = name};
    struct vdisk_image *image;

    assert_int_equal(try_open(set, &options, &image, NULL), VDISK_OK);
    assert_true(vdisk_image_disk(image)->read_only);
    assert_int_equal(vdisk_image_disk(image)->size_bytes, DISK_BYTES);
    expect(image, 0, 2 * CLUSTER, value);
    close_image(image);
}

static void test_snapshots(void **state)
{
    struct file_set *set = make_used();
    struct vdisk_image *image = open_image(set);
    struct vdisk_snapshot snapshot;

    (void)state;
    assert_int_equal(vdisk_image_create_snapshot(image, "first", NULL), VDISK_OK);
    assert_int_equal(vdisk_image_create_snapshot(image, "first", NULL), VDISK_EXISTS);
    fill(image, 0, 2 * CLUSTER, 0x22);
    assert_int_equal(vdisk_image_create_snapshot(image, "second", NULL), VDISK_OK);
    fill(image, 0, 2 * CLUSTER, 0x33);
    assert_int_equal(vdisk_image_resize(image, DISK_BYTES * 2, NULL), VDISK_OK);
    close_image(image);
    check_image(set, false, 0, 0, 0);
    snapshot_content(set, "first", 0x11);
    snapshot_content(set, "1", 0x11);
    snapshot_content(set, "2", 0x22);
    image = open_image(set);
    assert_int_equal(vdisk_image_get_snapshot(image, 1, &snapshot, NULL), VDISK_OK);
    assert_string_equal(snapshot.name, "second");
    assert_int_equal(vdisk_image_get_snapshot(image, 2, &snapshot, NULL), VDISK_NOT_FOUND);
    assert_int_equal(vdisk_image_delete_snapshot(image, "none", NULL), VDISK_NOT_FOUND);
    assert_int_equal(vdisk_image_apply_snapshot(image, "first", NULL), VDISK_OK);
    assert_int_equal(vdisk_image_disk(image)->size_bytes, DISK_BYTES);
    expect(image, 0, 2 * CLUSTER, 0x11);
    fill(image, CLUSTER, CLUSTER, 0x44);
    assert_int_equal(vdisk_image_delete_snapshot(image, "1", NULL), VDISK_OK);
    close_image(image);
    check_image(set, false, 0, 0, 0);
    snapshot_content(set, "second", 0x22);
    image = open_image(set);
    expect(image, 0, CLUSTER, 0x11);
    expect(image, CLUSTER, CLUSTER, 0x44);
    assert_int_equal(vdisk_image_delete_snapshot(image, "second", NULL), VDISK_OK);
    close_image(image);
    check_image(set, false, 0, 0, 0);
    file_set_destroy(set);
}

/* A power cut leaves a reference too many to a table: it is copied, and what it maps is not shared.
 */
static void test_table_that_only_seems_shared(void **state)
{
    struct file_set *set = make_used();
    const uint64_t l2 = l2_offset(set);
    struct vdisk_image *image;

    (void)state;
    poke_be(set, first_block(set) + l2 / CLUSTER * 2, 2, 2);
    poke_be(set, L1_OFFSET, l2, 8); /* not COPIED any more */
    check_image(set, false, 0, 1, 0);
    image = open_image(set);
    fill(image, 4 * CLUSTER, CLUSTER, 0x33);
    close_image(image);
    assert_int_not_equal(l2_offset(set), l2);
    check_image(set, false, 0, 1, 0);
    file_set_destroy(set);
}

/* Flags in a shared table that say otherwise are not believed: the snapshot would be written over.
 */
static void test_shared_table_with_wrong_flags(void **state)
{
    struct file_set *set = make_used();
    struct vdisk_image *image = open_image(set);
    uint64_t l2;

    (void)state;
    assert_int_equal(vdisk_image_create_snapshot(image, "first", NULL), VDISK_OK);
    close_image(image);
    l2 = l2_offset(set);
    poke_be(set, l2, field64(set, l2) | (uint64_t)1 << 63, 8);
    poke_be(set, l2 + 8, field64(set, l2 + 8) | (uint64_t)1 << 63, 8);
    image = open_image(set);
    fill(image, 0, 2 * CLUSTER, 0x22);
    close_image(image);
    snapshot_content(set, "first", 0x11);
    file_set_destroy(set);
}

static void test_snapshot_tables_that_are_refused(void **state)
{
    static const struct {
        uint32_t offset, bytes;
        uint64_t value;
    } cases[] = {{0, 8, 1},           {0, 8, (uint64_t)1 << 60}, {8, 4, UINT32_MAX}, {8, 4, 0},
                 {12, 4, UINT32_MAX}, {36, 4, UINT32_MAX},       {48, 8, UINT64_MAX}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct vdisk_open_options options = {0};
        struct file_set *set = make_used();
        struct vdisk_image *image = open_image(set);
        struct vdisk_error error = {0};

        assert_int_equal(vdisk_image_create_snapshot(image, "s", NULL), VDISK_OK);
        close_image(image);
        poke_be(set, field64(set, 64) + cases[i].offset, cases[i].value, cases[i].bytes);
        assert_int_equal(try_open(set, &options, &image, &error), VDISK_CORRUPT);
        assert_string_equal(error.structure, "QCOW2 snapshot table");
        file_set_destroy(set);
    }
}

static void test_resize_shows_zeros(void **state)
{
    static const char *const subformats[] = {"v3", "v2", "extended-l2"};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct file_set *set = make_image(16384, DISK_BYTES, subformats[i]);
        struct vdisk_image *image = open_image(set);

        fill(image, 0, DISK_BYTES, 0x55);
        assert_int_equal(vdisk_image_resize(image, 5120, NULL), VDISK_OK);
        assert_int_equal(vdisk_image_resize(image, DISK_BYTES * 20, NULL), VDISK_OK);
        expect(image, 0, 5120, 0x55);
        expect(image, 5120, DISK_BYTES, 0);
        assert_int_equal(vdisk_image_resize(image, (uint64_t)1 << 61, NULL), VDISK_INVALID);
        close_image(image);
        check_image(set, false, 0, 0, 0);
        image = open_image(set);
        expect(image, 5120, DISK_BYTES, 0);
        close_image(image);
        file_set_destroy(set);
    }
}

/* Clusters of 512 bytes: the table of an image of 1 MiB serves 8 MiB, then it must move. */
static void test_refcount_table_grows(void **state)
{
    struct file_set *set = make_image(512, (uint64_t)1 << 20, NULL);
    const uint64_t table = field64(set, 48);
    struct vdisk_image *image = open_image(set);

    (void)state;
    assert_int_equal(vdisk_image_resize(image, (uint64_t)24 << 20, NULL), VDISK_OK);
    for (unsigned i = 0; i < 23; i++)
        fill(image, ((uint64_t)i << 20) + 512, (size_t)1 << 20, (int)i + 1);
    close_image(image);
    assert_int_not_equal(field64(set, 48), table);
    check_image(set, false, 0, 0, 0);
    image = open_image(set);
    for (unsigned i = 0; i < 23; i++)
        expect(image, ((uint64_t)i << 20) + 512, (size_t)1 << 20, (int)i + 1);
    assert_int_equal(vdisk_disk_zero(vdisk_image_disk(image), 0, (uint64_t)24 << 20, NULL),
                     VDISK_OK);
    assert_int_equal(vdisk_disk_flush(vdisk_image_disk(image), NULL), VDISK_OK);
    fill(image, 0, (size_t)20 << 20, 0x66); /* into the space that was freed */
    close_image(image);
    check_image(set, false, 0, 0, 0);
    assert_true(vdisk_memory_store_size(file_set_store(set, IMAGE)) < (uint64_t)27 << 20);
    file_set_destroy(set);
}

static enum vdisk_status count_flushes(void *context, uint32_t index, struct vdisk_file *below,
                                       struct vdisk_file **file, struct vdisk_error *error)
{
    (void)index;
    return vdisk_file_fault_open(below, context, file, error);
}

static void test_two_flushes(void **state)
{
    static const uint32_t clusters[] = {512, 4096, 65536};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct file_set *set = make_image(clusters[i], (uint64_t)64 << 20, NULL);
        struct vdisk_fault_plan plan = {0};
        struct vdisk_image *image;
        unsigned before;

        set->wrap = count_flushes;
        set->wrap_context = &plan;
        image = open_image(set);
        fill(image, 0, 512, 1);
        before = atomic_load(&plan.flush_count);
        for (unsigned k = 0; k < 16; k++)
            fill(image, (uint64_t)k << 22, 300 * 512, 2);
        assert_int_equal(vdisk_disk_flush(vdisk_image_disk(image), NULL), VDISK_OK);
        assert_true(atomic_load(&plan.flush_count) - before <= 2);
        close_image(image);
        set->wrap = NULL;
        check_image(set, false, 0, 0, 0);
        file_set_destroy(set);
    }
}

static void test_compressed_clusters(void **state)
{
    static const char *const subformats[] = {"v3", "v2", "zstd"};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        const struct vdisk_open_options options = {.compress = true};
        struct file_set *set = make_image(65536, DISK_BYTES, subformats[i]);
        struct vdisk_image *image;
        struct vdisk_extent extent;
        unsigned char garbage[64];
        struct vdisk_error error = {0};

        assert_int_equal(try_open(set, &options, &image, NULL), VDISK_OK);
        for (unsigned k = 0; k < 32; k++)
            fill(image, (uint64_t)k << 16, 65536, (int)k + 1);
        close_image(image);
        assert_true(vdisk_memory_store_size(file_set_store(set, IMAGE)) < (uint64_t)512 << 10);
        check_image(set, false, 0, 0, 0);
        image = open_image(set);
        assert_int_equal(vdisk_disk_map(vdisk_image_disk(image), 0, 65536, &extent, NULL),
                         VDISK_OK);
        assert_int_equal(extent.kind, VDISK_EXTENT_COMPRESSED);
        for (unsigned k = 0; k < 32; k++)
            expect(image, (uint64_t)k << 16, 65536, (int)k + 1);
        fill(image, 65536 + 512, 512, 0x77); /* rewritten by allocation */
        expect(image, 65536, 512, 2);
        expect(image, 65536 + 512, 512, 0x77);
        close_image(image);
        check_image(set, false, 0, 0, 0);
        memset(garbage, 0xff, sizeof garbage);
        poke(set, field64(set, l2_offset(set)) & UINT64_C(0x0000ffffffffffff), garbage,
             sizeof garbage);
        image = open_image(set);
        assert_int_equal(vdisk_disk_read(vdisk_image_disk(image), 0, garbage, 0, &error), VDISK_OK);
        assert_int_equal(put(image, 0, 512, 1, &error), VDISK_CORRUPT);
        assert_string_equal(error.structure, "QCOW2 compressed cluster");
        close_image(image);
        file_set_destroy(set);
    }
}

static void test_kinds_that_cannot_be_made(void **state)
{
    static const struct {
        struct vdisk_create_options options;
        const char *reason;
    } cases[] = {
        {{.size_bytes = 512, .block_bytes = 256}, "512 bytes"},
        {{.size_bytes = 512, .block_bytes = 3000}, "power of two"},
        {{.size_bytes = 512, .block_bytes = 4u << 20}, "2 MiB"},
        {{.size_bytes = 512, .block_bytes = 4096, .subformat = "extended-l2"}, "16 KiB"},
        {{.size_bytes = 512, .subformat = "v4"}, "kinds"},
        {{.size_bytes = 4096, .logical_sector_bytes = 4096}, "sectors"},
        {{.size_bytes = (uint64_t)1 << 40, .block_bytes = 512}, "that large"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct vdisk_create_options options = cases[i].options;
        struct file_set *set = file_set_create(1);
        struct vdisk_file *file = open_file(set, IMAGE, true);
        struct vdisk_error error = {0};

        options.format = "qcow2";
        assert_int_equal(vdisk_image_create(file, &options, &error), VDISK_INVALID);
        if (strstr(error.reason, cases[i].reason) == NULL)
            fail_msg("case %zu: %s", i, error.reason);
        vdisk_file_close(file);
        file_set_destroy(set);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_headers_that_are_refused),
        cmocka_unit_test(test_unknown_feature_is_named),
        cmocka_unit_test(test_entries_that_are_not_followed),
        cmocka_unit_test(test_extended_entries_that_are_not_followed),
        cmocka_unit_test(test_backing_files_that_are_refused),
        cmocka_unit_test(test_data_file_is_not_the_image),
        cmocka_unit_test(test_rebase_keeps_extensions),
        cmocka_unit_test(test_rebase_many_times),
        cmocka_unit_test(test_marks),
        cmocka_unit_test(test_dirty_image_is_counted_again),
        cmocka_unit_test(test_table_that_looks_free_stops_writes),
        cmocka_unit_test(test_check_finds_and_repairs),
        cmocka_unit_test(test_lost_refcount_table_is_rebuilt),
        cmocka_unit_test(test_snapshots),
        cmocka_unit_test(test_table_that_only_seems_shared),
        cmocka_unit_test(test_shared_table_with_wrong_flags),
        cmocka_unit_test(test_snapshot_tables_that_are_refused),
        cmocka_unit_test(test_resize_shows_zeros),
        cmocka_unit_test(test_refcount_table_grows),
        cmocka_unit_test(test_two_flushes),
        cmocka_unit_test(test_compressed_clusters),
        cmocka_unit_test(test_kinds_that_cannot_be_made),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
