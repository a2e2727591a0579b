/* Is it the image of before? What a driver knew of it, and what it finds. */
#include "tests/support/cmocka_all.h"

#include "driver/identity.h"
#include "host/memory/file_memory.h"

#include <string.h>

#define DISK_BYTES  (8u << 20)
#define LAST_SECTOR (DISK_BYTES - VDISK_SECTOR_BYTES)

struct session {
    struct vdisk_memory_store *store;
    const char *format;
    struct vdisk_image *image;
    VD_IDENTITY *identity;
};

static struct vdisk_image *open_image(struct vdisk_memory_store *store, const char *format)
{
    const struct vdisk_open_options options = {.format = format};
    struct vdisk_file *file;
    struct vdisk_image *image;

    assert_int_equal(vdisk_file_memory_open(store, "a.img", 1, false, &file, NULL), VDISK_OK);
    assert_int_equal(vdisk_image_open(file, &options, &image, NULL), VDISK_OK);
    return image;
}

static struct vdisk_memory_store *make_store(const char *format, uint64_t size_bytes)
{
    const struct vdisk_create_options options = {.format = format, .size_bytes = size_bytes};
    struct vdisk_memory_store *store = vdisk_memory_store_create();
    struct vdisk_file *file;

    assert_non_null(store);
    assert_int_equal(vdisk_file_memory_open(store, "a.img", 1, false, &file, NULL), VDISK_OK);
    assert_int_equal(vdisk_image_create(file, &options, NULL), VDISK_OK);
    vdisk_file_close(file);
    return store;
}

static struct session start(const char *format)
{
    struct session session = {.format = format, .store = make_store(format, DISK_BYTES)};

    session.image = open_image(session.store, format);
    assert_int_equal(VdIdentityMake(session.image, &session.identity, NULL), VDISK_OK);
    return session;
}

static void finish(struct session *session)
{
    assert_int_equal(vdisk_image_close(session->image, NULL), VDISK_OK);
    vdisk_free(session->identity);
    vdisk_memory_store_destroy(session->store);
}

/* As the driver does it. */
static void put(struct session *session, uint64_t offset_bytes, unsigned char value)
{
    unsigned char sector[VDISK_SECTOR_BYTES];
    VD_SAMPLE *sample = &session->identity->Sample;

    memset(sector, value, sizeof sector);
    VdSampleBeginWrite(sample, offset_bytes, sizeof sector, sector);
    assert_int_equal(vdisk_disk_write(vdisk_image_disk(session->image), offset_bytes, sector,
                                      sizeof sector, NULL),
                     VDISK_OK);
    VdSampleEndWrite(sample, offset_bytes, sizeof sector, true);
}

static void flush(struct session *session)
{
    const uint32_t mark = VdSampleBeginFlush(&session->identity->Sample);

    assert_int_equal(vdisk_disk_flush(vdisk_image_disk(session->image), NULL), VDISK_OK);
    VdSampleEndFlush(&session->identity->Sample, mark);
}

/* The reason why what is in the store is not the image of the session; NULL: it is. */
static const char *refusal(struct session *session, struct vdisk_memory_store *store)
{
    struct vdisk_error error = {0};
    struct vdisk_image *image = open_image(store, session->format);
    VD_IDENTITY *found;
    enum vdisk_status status;

    VdIdentityKeep(session->identity, session->image);
    assert_int_equal(VdIdentityMake(image, &found, NULL), VDISK_OK);
    status = VdIdentityCheck(session->identity, found, &error);
    vdisk_free(found);
    assert_int_equal(vdisk_image_close(image, NULL), VDISK_OK);
    assert_int_equal(status, error.reason == NULL ? VDISK_OK : VDISK_INVALID);
    return error.reason;
}

/* Writes as somebody else does. */
static void write_elsewhere(struct session *session, struct vdisk_memory_store *store,
                            uint64_t offset_bytes)
{
    struct vdisk_image *image = open_image(store, session->format);
    unsigned char sector[VDISK_SECTOR_BYTES];

    memset(sector, 0xee, sizeof sector);
    assert_int_equal(
        vdisk_disk_write(vdisk_image_disk(image), offset_bytes, sector, sizeof sector, NULL),
        VDISK_OK);
    assert_int_equal(vdisk_image_close(image, NULL), VDISK_OK);
}

static struct vdisk_memory_store *copy(const struct session *session)
{
    struct vdisk_memory_store *store = vdisk_memory_store_clone(session->store);

    assert_non_null(store);
    return store;
}

static const char *const formats[] = {"raw", "vhd", "vhdx", "vdi", "vmdk", "qcow2"};

/* What was written last may be there or not, in any format. */
static void test_own_writes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        struct session session = start(formats[i]);
        struct vdisk_memory_store *first, *second;

        put(&session, 0, 1);
        put(&session, LAST_SECTOR, 2);
        put(&session, DISK_BYTES / 2, 3);
        flush(&session);
        first = copy(&session);
        put(&session, 0, 4);
        assert_null(refusal(&session, first));
        flush(&session);
        second = copy(&session);
        assert_null(refusal(&session, second));
        assert_non_null(refusal(&session, first)); /* an older copy */
        vdisk_memory_store_destroy(first);
        vdisk_memory_store_destroy(second);
        finish(&session);
    }
}

/* Of three versions since the last flush any may be there; after the next one only the last. */
static void test_several_versions(void **state)
{
    struct session session = start("raw");
    struct vdisk_memory_store *between;

    (void)state;
    put(&session, 0, 1);
    put(&session, 0, 2);
    between = copy(&session);
    put(&session, 0, 3);
    assert_null(refusal(&session, between));
    flush(&session);
    assert_non_null(refusal(&session, between));
    vdisk_memory_store_destroy(between);
    finish(&session);
}

/* A flush settles nothing that was written while it ran, or was being written when it began. */
static void test_flush_beside_writes(void **state)
{
    struct session session = start("raw");
    struct vdisk_memory_store *before = copy(&session);
    VD_SAMPLE *sample = &session.identity->Sample;
    unsigned char sector[VDISK_SECTOR_BYTES] = {7};
    uint32_t mark;

    (void)state;
    mark = VdSampleBeginFlush(sample);
    put(&session, 0, 1);
    VdSampleEndFlush(sample, mark);
    assert_null(refusal(&session, before));
    flush(&session);
    assert_non_null(refusal(&session, before));
    vdisk_memory_store_destroy(before);
    before = copy(&session);
    VdSampleBeginWrite(sample, 0, sizeof sector, sector);
    mark = VdSampleBeginFlush(sample);
    VdSampleEndWrite(sample, 0, sizeof sector, true);
    VdSampleEndFlush(sample, mark);
    assert_null(refusal(&session, before));
    vdisk_memory_store_destroy(before);
    finish(&session);
}

/* Of a trim, and of a write that failed, nobody knows what it left. */
static void test_unknown_writes(void **state)
{
    struct session session = start("raw");
    struct vdisk_memory_store *other = copy(&session);
    VD_SAMPLE *sample = &session.identity->Sample;
    unsigned char sector[VDISK_SECTOR_BYTES] = {7};

    (void)state;
    write_elsewhere(&session, other, 0);
    assert_non_null(refusal(&session, other));
    VdSampleBeginWrite(sample, 0, sizeof sector, sector);
    VdSampleEndWrite(sample, 0, sizeof sector, false);
    assert_null(refusal(&session, other));
    flush(&session);
    assert_null(refusal(&session, other));
    put(&session, 0, 1);
    flush(&session);
    assert_non_null(refusal(&session, other));
    VdSampleBeginWrite(sample, 0, DISK_BYTES, NULL);
    VdSampleEndWrite(sample, 0, DISK_BYTES, true);
    assert_null(refusal(&session, other));
    vdisk_memory_store_destroy(other);
    finish(&session);
}

/* Formats that say so are not taken when somebody has written anywhere; the others, at the ends. */
static void test_written_by_others(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        struct session session = start(formats[i]);
        const bool has_content_id = strcmp(formats[i], "vhdx") == 0 ||
                                    strcmp(formats[i], "vdi") == 0 ||
                                    strcmp(formats[i], "vmdk") == 0;
        struct vdisk_memory_store *elsewhere, *begin, *end;

        put(&session, 0, 1);
        put(&session, LAST_SECTOR, 1);
        flush(&session);
        elsewhere = copy(&session);
        begin = copy(&session);
        end = copy(&session);
        write_elsewhere(&session, elsewhere, DISK_BYTES / 2);
        write_elsewhere(&session, begin, VDISK_SECTOR_BYTES);
        write_elsewhere(&session, end, LAST_SECTOR);
        assert_int_equal(refusal(&session, elsewhere) != NULL, has_content_id);
        assert_non_null(refusal(&session, begin));
        assert_non_null(refusal(&session, end));
        vdisk_memory_store_destroy(elsewhere);
        vdisk_memory_store_destroy(begin);
        vdisk_memory_store_destroy(end);
        finish(&session);
    }
}

/* Two new images have the same contents. Those of some formats have ids. */
static void test_other_image(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        struct session session = start(formats[i]);
        const bool has_id = strcmp(formats[i], "raw") != 0 && strcmp(formats[i], "qcow2") != 0;
        struct vdisk_memory_store *same_size = make_store(formats[i], DISK_BYTES);
        struct vdisk_memory_store *other_size = make_store(formats[i], DISK_BYTES * 2);

        assert_int_equal(refusal(&session, same_size) != NULL, has_id);
        assert_string_equal(refusal(&session, other_size),
                            "the image has another size than before");
        vdisk_memory_store_destroy(same_size);
        vdisk_memory_store_destroy(other_size);
        finish(&session);
    }
}

/* The volume descriptor of a CD, and disks that are shorter than what is looked at. */
static void test_places(void **state)
{
    struct session session = start("raw");
    struct vdisk_memory_store *other = copy(&session), *tiny = make_store("raw", 1024);
    struct vdisk_image *image = open_image(tiny, "raw");
    VD_IDENTITY *identity;

    (void)state;
    write_elsewhere(&session, other, 32768);
    assert_string_equal(refusal(&session, other), "the image has other contents than before");
    vdisk_memory_store_destroy(other);
    finish(&session);
    assert_int_equal(VdIdentityMake(image, &identity, NULL), VDISK_OK);
    assert_int_equal(VdIdentityCheck(identity, identity, NULL), VDISK_OK);
    vdisk_free(identity);
    assert_int_equal(vdisk_image_close(image, NULL), VDISK_OK);
    vdisk_memory_store_destroy(tiny);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own_writes),
        cmocka_unit_test(test_several_versions),
        cmocka_unit_test(test_flush_beside_writes),
        cmocka_unit_test(test_unknown_writes),
        cmocka_unit_test(test_written_by_others),
        cmocka_unit_test(test_other_image),
        cmocka_unit_test(test_places),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
