/* A CD, a DVD, and what is larger than their addresses. */
#include "tests/driver_unit/question.h"
#include "tests/support/cmocka_all.h"

#include "engine/base/endian.h"

static const struct answer *ask(const VD_VOLUME *volume, uint32_t code, const void *input,
                                size_t input_bytes)
{
    static struct answer answer;

    assert_true(question_ask(volume, code, input, input_bytes, QUESTION_ANSWER_BYTES, &answer));
    return &answer;
}

static VD_VOLUME make_disc(uint64_t sectors)
{
    VD_VOLUME volume = question_volume(VOLUME_CD);

    volume.SizeBytes = sectors * 2048;
    volume.DiskBytes = volume.SizeBytes;
    return volume;
}

static void test_geometry(void **state)
{
    static const uint32_t codes[] = {VD_IOCTL_CDROM_GET_DRIVE_GEOMETRY,
                                     VD_IOCTL_CDROM_GET_DRIVE_GEOMETRY_EX,
                                     VD_IOCTL_DISK_GET_DRIVE_GEOMETRY};
    const VD_VOLUME volume = make_disc(333000);

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        const unsigned char *told = ask(&volume, codes[i], NULL, 0)->bytes;

        assert_int_equal(vdisk_load_le64(told), 333000 / (64 * 32));
        assert_int_equal(vdisk_load_le32(told + 8), 11); /* RemovableMedia */
        assert_int_equal(vdisk_load_le32(told + 12), 64);
        assert_int_equal(vdisk_load_le32(told + 16), 32);
        assert_int_equal(vdisk_load_le32(told + 20), 2048);
    }
}

/* It is removable in every answer, and not written to. */
static void test_medium(void **state)
{
    VD_VOLUME volume = make_disc(1000);
    const struct answer *answer;

    (void)state;
    answer = ask(&volume, VD_IOCTL_STORAGE_GET_HOTPLUG_INFO, NULL, 0);
    assert_memory_equal(answer->bytes, "\10\0\0\0\1\0\0\0", 8);
    answer = ask(&volume, VD_IOCTL_STORAGE_GET_MEDIA_TYPES_EX, NULL, 0);
    assert_int_equal(vdisk_load_le32(answer->bytes), 2);
    assert_int_equal(vdisk_load_le32(answer->bytes + 4), 1);
    assert_int_equal(vdisk_load_le32(answer->bytes + 16), 0x33);
    assert_int_equal(vdisk_load_le32(answer->bytes + 36), 0x80000004);
    volume.ReadOnly = false;
    assert_int_equal(ask(&volume, VD_IOCTL_DISK_IS_WRITABLE, NULL, 0)->status,
                     VD_STATUS_MEDIA_WRITE_PROTECTED);
    assert_int_equal(vdisk_load_le32(ask(&volume, VD_IOCTL_CDROM_DISK_TYPE, NULL, 0)->bytes), 2);
}

static void test_toc(void **state)
{
    /* 12345 + 150 frames are 2 minutes, 46 seconds and 45 frames. */
    static const unsigned char toc[] = {0, 18, 1, 1,    0,    0x14, 1, 0, 0,  0,
                                        2, 0,  0, 0x14, 0xaa, 0,    0, 2, 46, 45};
    static const unsigned char session[] = {0, 10, 1, 1, 0, 0x14, 1, 0, 0, 0, 0, 0};
    const VD_VOLUME volume = make_disc(12345);

    (void)state;
    assert_memory_equal(ask(&volume, VD_IOCTL_CDROM_READ_TOC, NULL, 0)->bytes, toc, sizeof toc);
    assert_memory_equal(ask(&volume, VD_IOCTL_CDROM_GET_LAST_SESSION, NULL, 0)->bytes, session,
                        sizeof session);
}

static void test_toc_ex(void **state)
{
    static const unsigned char in_sectors[] = {0, 18, 1, 1,    0,    0x14, 1, 0, 0,    0,
                                               0, 0,  0, 0x14, 0xaa, 0,    0, 0, 0x30, 0x39};
    static const unsigned char lead_out[] = {0, 10, 1, 1, 0, 0x14, 0xaa, 0, 0, 2, 46, 45};
    static const unsigned char session[] = {0, 10, 1, 1, 0, 0x14, 1, 0, 0, 0, 2, 0};
    static const unsigned char full[] = {0,  46, 1,    1,    1,    0x14, 0,    0xa0, 0, 0, 0, 0,
                                         1,  0,  0,    1,    0x14, 0,    0xa1, 0,    0, 0, 0, 1,
                                         0,  0,  1,    0x14, 0,    0xa2, 0,    0,    0, 0, 2, 46,
                                         45, 1,  0x14, 0,    1,    0,    0,    0,    0, 0, 2, 0};
    const VD_VOLUME volume = make_disc(12345);

    (void)state;
    assert_memory_equal(ask(&volume, VD_IOCTL_CDROM_READ_TOC_EX, "\0\0\0\0", 4)->bytes, in_sectors,
                        sizeof in_sectors);
    assert_memory_equal(ask(&volume, VD_IOCTL_CDROM_READ_TOC_EX, "\x80\xaa\0\0", 4)->bytes,
                        lead_out, sizeof lead_out);
    assert_memory_equal(ask(&volume, VD_IOCTL_CDROM_READ_TOC_EX, "\x81\0\0\0", 4)->bytes, session,
                        sizeof session);
    assert_memory_equal(ask(&volume, VD_IOCTL_CDROM_READ_TOC_EX, "\x82\1\0\0", 4)->bytes, full,
                        sizeof full);
}

static void test_toc_ex_refusals(void **state)
{
    static const char *const invalid[] = {"\x10\0\0", "\x06\0\0", "\x0f\0\0",
                                          "\0\0\1",   "\1\1\0",   "\x40\0\0"};
    static const char *const absent[] = {"\0\2\0", "\0\xa9\0", "\2\2\0",
                                         "\3\0\0", "\4\0\0",   "\5\0\0"};
    const VD_VOLUME volume = make_disc(12345);

    (void)state;
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(ask(&volume, VD_IOCTL_CDROM_READ_TOC_EX, invalid[i], 4)->status,
                         VD_STATUS_INVALID_PARAMETER);
        assert_int_equal(ask(&volume, VD_IOCTL_CDROM_READ_TOC_EX, absent[i], 4)->status,
                         VD_STATUS_INVALID_DEVICE_REQUEST);
    }
    assert_int_equal(ask(&volume, VD_IOCTL_CDROM_READ_TOC_EX, "\0\0\0\1", 4)->status,
                     VD_STATUS_INVALID_PARAMETER);
}

/* What addresses cannot express is told as their end. */
static void test_large_discs(void **state)
{
    static const unsigned char last[] = {0, 0xff, 59, 74};
    const VD_VOLUME fits = make_disc(256u * 60 * 75 - 150 - 1);
    const VD_VOLUME over = make_disc(256u * 60 * 75 - 150);
    const VD_VOLUME huge = make_disc(1ull << 40);

    (void)state;
    assert_memory_equal(ask(&fits, VD_IOCTL_CDROM_READ_TOC, NULL, 0)->bytes + 16, last, 4);
    assert_memory_equal(ask(&over, VD_IOCTL_CDROM_READ_TOC, NULL, 0)->bytes + 16, last, 4);
    assert_memory_equal(ask(&huge, VD_IOCTL_CDROM_READ_TOC, NULL, 0)->bytes + 16, last, 4);
    assert_memory_equal(ask(&huge, VD_IOCTL_CDROM_READ_TOC_EX, "\0\0\0\0", 4)->bytes + 16,
                        "\xff\xff\xff\xff", 4);
}

static const struct answer *ask_configuration(const VD_VOLUME *volume, uint32_t feature,
                                              uint32_t request)
{
    unsigned char query[24] = {0};

    vdisk_store_le32(query, feature);
    vdisk_store_le32(query + 4, request);
    return ask(volume, VD_IOCTL_CDROM_GET_CONFIGURATION, query, sizeof query);
}

/* The descriptors follow each other to the end; returns the mask of those that are current. */
static unsigned walk_features(const struct answer *answer, unsigned count)
{
    unsigned current = 0, found = 0;
    size_t at = 8;

    assert_int_equal(vdisk_load_be32(answer->bytes) + 4, answer->information);
    for (; at < answer->information; found++) {
        current |= (unsigned)(answer->bytes[at + 2] & 1) << found;
        at += 4u + answer->bytes[at + 3];
    }
    assert_int_equal(at, answer->information);
    assert_int_equal(found, count);
    return current;
}

static void test_configuration(void **state)
{
    const VD_VOLUME cd = make_disc(449850), dvd = make_disc(449851);
    const struct answer *answer;

    (void)state;
    answer = ask_configuration(&cd, 0, 0);
    assert_int_equal(vdisk_load_be16(answer->bytes + 6), 0x08);
    assert_int_equal(walk_features(answer, 6), 0x1f); /* all but reading DVDs */
    assert_memory_equal(answer->bytes + 12, "\0\x10\0\0\0\x08\1\0", 8);
    answer = ask_configuration(&dvd, 0, 0);
    assert_int_equal(vdisk_load_be16(answer->bytes + 6), 0x10);
    assert_int_equal(walk_features(answer, 6), 0x2f);
    assert_memory_equal(answer->bytes + 12, "\0\x10\1\0\0\x08\0\0", 8);
    assert_int_equal(walk_features(ask_configuration(&dvd, 0, 1), 5), 0x1f);
    assert_int_equal(walk_features(ask_configuration(&dvd, 0x10, 0), 3), 5);
    answer = ask_configuration(&dvd, 0x10, 2);
    walk_features(answer, 1);
    assert_memory_equal(answer->bytes + 8, "\0\x10\1\10\0\0\10\0\0\x10\0\0", 12);
    walk_features(ask_configuration(&dvd, 0x11, 2), 0);
    walk_features(ask_configuration(&dvd, 0xffff, 0), 0);
    assert_int_equal(ask_configuration(&dvd, 0x10000, 0)->status, VD_STATUS_INVALID_PARAMETER);
    assert_int_equal(ask_configuration(&dvd, 0, 3)->status, VD_STATUS_INVALID_PARAMETER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_geometry),
        cmocka_unit_test(test_medium),
        cmocka_unit_test(test_toc),
        cmocka_unit_test(test_toc_ex),
        cmocka_unit_test(test_toc_ex_refusals),
        cmocka_unit_test(test_large_discs),
        cmocka_unit_test(test_configuration),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
