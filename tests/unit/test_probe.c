/* Probing: what is known is named, and what was taken for raw stays raw. */
#include "tests/support/cmocka_all.h"

#include "engine/probe.h"
#include "host/memory/file_memory.h"

#define DISK_BYTES ((uint64_t)65536)

static struct vdisk_memory_store *store;
static struct vdisk_file *file;

static int set_up(void **state)
{
    (void)state;
    store = vdisk_memory_store_create();
    assert_int_equal(vdisk_file_memory_open(store, "disk.img", 1, false, &file, NULL), VDISK_OK);
    assert_int_equal(vdisk_file_set_size(file, DISK_BYTES, NULL), VDISK_OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    vdisk_file_close(file);
    vdisk_memory_store_destroy(store);
    return 0;
}

struct magic {
    const char *name; /* in the message; or the format that claims it */
    uint64_t offset_bytes;
    const char *bytes;
    size_t length_bytes;
};

#define MAGIC(name, offset, bytes)                                                                 \
    {                                                                                              \
        name, offset, bytes, sizeof bytes - 1                                                      \
    }

static const struct magic foreign[] = {
    MAGIC("QED", 0, "QED\0"),
    MAGIC("QCOW1", 0, "QFI\xfb\0\0\0\1"),
    MAGIC("Parallels", 0, "WithoutFreeSpace"),
    MAGIC("Parallels", 0, "WithouFreSpacExt"),
    MAGIC("Bochs", 0, "Bochs Virtual HD Image"),
    MAGIC("cloop", 0, "#!/bin/sh\n#V2.0 Format\n"),
    MAGIC("E01", 0, "EVF\x09\x0d\x0a\xff\0"),
    MAGIC("Ex01", 0, "EVF2\x0d\x0a\x81\0"),
    MAGIC("AFF", 0, "AFF10\x0d\x0a\0"),
    MAGIC("WIM", 0, "MSWIM\0\0\0"),
    MAGIC("dmg", DISK_BYTES - 512, "koly\0\0\0\4"),
};

/* Enough of a header that the format calls the file its own. */
static const struct magic known[] = {
    MAGIC("vhd", DISK_BYTES - 512, "conectix"),
    MAGIC("vhdx", 0, "vhdxfile"),
    MAGIC("qcow2", 0, "QFI\xfb\0\0\0\3"),
    MAGIC("vmdk", 0, "KDMV\1\0\0\0"),
    MAGIC("vdi", 64, "\x7f\x10\xda\xbe"),
    MAGIC("mds", 0, "MEDIA DESCRIPTOR\1"),
    MAGIC("nrg", DISK_BYTES - 12, "NER5"),
    MAGIC("nrg", DISK_BYTES - 8, "NERO"),
    MAGIC("cue", 0, "REM\nFILE \"a\" BINARY\n TRACK 01 AUDIO\n"),
};

static void put(const struct magic *magic)
{
    assert_int_equal(
        vdisk_file_write(file, magic->offset_bytes, magic->bytes, magic->length_bytes, NULL),
        VDISK_OK);
}

static void take_away(const struct magic *magic)
{
    assert_int_equal(vdisk_file_zero(file, magic->offset_bytes, magic->length_bytes, NULL),
                     VDISK_OK);
}

static void test_foreign_formats_are_refused_by_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++) {
        const struct vdisk_format *format = NULL;
        struct vdisk_error error;

        put(&foreign[i]);
        assert_int_equal(vdisk_probe_choose(file, NULL, &format, &error), VDISK_UNSUPPORTED);
        assert_non_null(strstr(error.reason, foreign[i].name));
        assert_string_equal(error.file, "disk.img");
        take_away(&foreign[i]);
    }
}

static void test_known_formats_are_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        const struct vdisk_format *format = NULL;

        put(&known[i]);
        assert_int_equal(vdisk_probe_choose(file, NULL, &format, NULL), VDISK_OK);
        assert_string_equal(format->name, known[i].name);
        take_away(&known[i]);
    }
}

/* A VHD's mark is at the end: behind the mark of another format it decides nothing. */
static void test_two_marks_are_refused(void **state)
{
    const struct magic *vhd = &known[0];

    (void)state;
    put(vhd);
    for (size_t i = 1; i < sizeof known / sizeof known[0]; i++) {
        const struct vdisk_format *format = NULL;
        struct vdisk_error error;

        put(&known[i]);
        assert_int_equal(vdisk_probe_choose(file, NULL, &format, &error), VDISK_UNSUPPORTED);
        assert_non_null(strstr(error.reason, "two formats"));
        take_away(&known[i]);
    }
}

static void test_everything_else_is_raw(void **state)
{
    static const uint64_t sizes[] = {0, 1, 7, 511, 512, 4095, 4096, DISK_BYTES};
    const struct vdisk_format *format = NULL;

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        assert_int_equal(vdisk_file_set_size(file, sizes[i], NULL), VDISK_OK);
        assert_int_equal(vdisk_probe_choose(file, NULL, &format, NULL), VDISK_OK);
        assert_string_equal(format->name, "raw");
    }
}

static void test_unknown_names_are_refused(void **state)
{
    const struct vdisk_open_options options = {.format = "floppy"};
    struct vdisk_file *again;
    struct vdisk_image *image;

    (void)state;
    assert_int_equal(vdisk_file_memory_open(store, "disk.img", 1, false, &again, NULL), VDISK_OK);
    assert_int_equal(vdisk_image_open(again, &options, &image, NULL), VDISK_UNSUPPORTED);
    assert_int_equal(vdisk_format_capabilities("floppy"), 0);
    assert_true((vdisk_format_capabilities("raw") & VDISK_CAN_WRITE) != 0);
}

/* Opens the file as a disk; named raw, or probed. */
static struct vdisk_image *open_disk(const char *format)
{
    const struct vdisk_open_options options = {.format = format};
    struct vdisk_file *again;
    struct vdisk_image *image;

    assert_int_equal(vdisk_file_memory_open(store, "disk.img", 1, false, &again, NULL), VDISK_OK);
    assert_int_equal(vdisk_image_open(again, &options, &image, NULL), VDISK_OK);
    return image;
}

/* Writes the sectors around the magic; more than its own, to meet it in the middle of a request. */
static enum vdisk_status write_magic(struct vdisk_image *image, const struct magic *magic,
                                     struct vdisk_error *error)
{
    static unsigned char sectors[DISK_BYTES];

    memset(sectors, 0, sizeof sectors);
    memcpy(sectors + magic->offset_bytes, magic->bytes, magic->length_bytes);
    if (magic->offset_bytes < 8192)
        return vdisk_disk_write(vdisk_image_disk(image), 0, sectors, 8192, error);
    return vdisk_disk_write(vdisk_image_disk(image), DISK_BYTES - 8192, sectors + DISK_BYTES - 8192,
                            8192, error);
}

static void expect_guarded(const struct magic *magic)
{
    struct vdisk_image *image = open_disk(NULL);
    struct vdisk_error error;
    unsigned char found[8];

    assert_int_equal(write_magic(image, magic, &error), VDISK_ACCESS);
    assert_non_null(strstr(error.reason, "raw"));
    assert_int_equal(vdisk_image_close(image, NULL), VDISK_OK);
    assert_int_equal(vdisk_file_read(file, magic->offset_bytes, found, sizeof found, NULL),
                     VDISK_OK);
    assert_memory_equal(found, "\0\0\0\0\0\0\0\0", sizeof found);

    image = open_disk("raw"); /* who names the format may do it */
    assert_int_equal(write_magic(image, magic, &error), VDISK_OK);
    assert_int_equal(vdisk_image_close(image, NULL), VDISK_OK);
    take_away(magic);
}

static void test_a_probed_raw_disk_never_becomes_a_container(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++)
        expect_guarded(&foreign[i]);
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        expect_guarded(&known[i]);
}

/* A footer in the middle of a disk must not come to lie at its end. */
static void test_a_probed_raw_disk_is_not_cut_to_a_container(void **state)
{
    struct vdisk_image *image = open_disk(NULL);
    unsigned char footer[512] = "conectix";
    struct vdisk_error error;

    (void)state;
    footer[11] = 2; /* the features, of which one bit is always set */
    footer[13] = 1; /* version 1.0 */
    assert_int_equal(
        vdisk_disk_write(vdisk_image_disk(image), DISK_BYTES / 2, footer, sizeof footer, NULL),
        VDISK_OK);
    assert_int_equal(vdisk_image_resize(image, DISK_BYTES / 2 + 512, &error), VDISK_ACCESS);
    assert_non_null(strstr(error.reason, "raw"));
    assert_int_equal(vdisk_image_disk(image)->size_bytes, DISK_BYTES);
    assert_int_equal(vdisk_image_resize(image, DISK_BYTES / 2, NULL), VDISK_OK);
    assert_int_equal(vdisk_image_resize(image, DISK_BYTES, NULL), VDISK_OK);
    assert_int_equal(vdisk_image_close(image, NULL), VDISK_OK);
}

static void test_the_guard_lets_everything_else_through(void **state)
{
    struct vdisk_image *image = open_disk(NULL);
    const struct magic elsewhere = MAGIC("vhdx", 4096, "vhdxfile");
    unsigned char sectors[8192];

    (void)state;
    memset(sectors, 0x55, sizeof sectors);
    assert_int_equal(vdisk_disk_write(vdisk_image_disk(image), 0, sectors, 8192, NULL), VDISK_OK);
    memcpy(sectors, elsewhere.bytes, elsewhere.length_bytes);
    assert_int_equal(vdisk_disk_write(vdisk_image_disk(image), 4096, sectors, 4096, NULL),
                     VDISK_OK);
    assert_int_equal(
        vdisk_disk_write(vdisk_image_disk(image), DISK_BYTES - 8192, sectors, 8192, NULL),
        VDISK_OK);
    assert_int_equal(vdisk_image_close(image, NULL), VDISK_OK);
}

static void can(const struct vdisk_format *format, uint32_t capability, bool really)
{
    if (((format->capabilities & capability) != 0) != really)
        fail_msg("%s: capability %x", format->name, (unsigned)capability);
}

/* Users are told, and other tests choose, by capability. */
static void test_formats_say_what_they_can(void **state)
{
    (void)state;
    for (uint32_t i = 0; vdisk_formats[i] != NULL; i++) {
        const struct vdisk_format *format = vdisk_formats[i];

        can(format, VDISK_CAN_CREATE, format->create != NULL);
        can(format, VDISK_CAN_HAVE_PARENT, format->set_parent != NULL);
        can(format, VDISK_CAN_RESIZE, format->resize != NULL);
        can(format, VDISK_CAN_CHECK, format->check != NULL);
        can(format, VDISK_CAN_SNAPSHOT, format->snapshots != NULL);
    }
}

#define PROBE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formats_say_what_they_can),
        PROBE_TEST(test_foreign_formats_are_refused_by_name),
        PROBE_TEST(test_known_formats_are_found),
        PROBE_TEST(test_two_marks_are_refused),
        PROBE_TEST(test_everything_else_is_raw),
        PROBE_TEST(test_unknown_names_are_refused),
        PROBE_TEST(test_a_probed_raw_disk_never_becomes_a_container),
        PROBE_TEST(test_a_probed_raw_disk_is_not_cut_to_a_container),
        PROBE_TEST(test_the_guard_lets_everything_else_through),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
