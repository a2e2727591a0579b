/*
 * Every code with every length of its buffers from nothing to more than enough, on every kind of
 * volume.
 */
#include "tests/driver_unit/question.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/random.h"

#include "engine/base/endian.h"

#define EXTRA_BYTES  8u
#define INPUT_BYTES  128u
#define ANSWER_BYTES QUESTION_ANSWER_BYTES
#define COUNT_OF(a)  (sizeof(a) / sizeof(a)[0])

#define NAME_BYTES (2 * 21u) /* of \\Device\\VirtualDisk-7 */
#define PATH_BYTES (2 * 21u) /* of the image */

static void ask(const VD_VOLUME *volume, uint32_t code, const void *input, size_t input_bytes,
                size_t output_bytes, struct answer *answer)
{
    assert_true(question_ask(volume, code, input, input_bytes, output_bytes, answer));
}

/* Volumes that give the answer; the others refuse. */
#define ON(kind) (1u << (kind))
#define ON_CD    ON(VOLUME_CD)
#define ON_MBR   (ON(VOLUME_WHOLE) | ON(VOLUME_MBR)) /* also of one without a table */
#define ON_DISK  (ON_MBR | ON(VOLUME_GPT))
#define ON_ALL   (ON_DISK | ON_CD)

/* What is expected of a code that is answered with success. */
struct expectation {
    unsigned volumes;
    uint32_t code;
    const char *input; /* that makes sense, or NULL */
    uint32_t input_bytes;
    uint32_t short_bytes; /* from here on the answer is delivered, if only its beginning */
    uint32_t full_bytes;  /* from here on it is whole */
    int32_t cut_status;   /* between short and full */
};

#define FIXED(volumes, code, bytes)                                                                \
    {                                                                                              \
        volumes, VD_IOCTL_##code, NULL, 0, bytes, bytes, VD_STATUS_SUCCESS                         \
    }
#define BARE(volumes, code) FIXED(volumes, code, 0)
#define COUNTED(code, bytes)                                                                       \
    {                                                                                              \
        ON_ALL, VD_IOCTL_##code, NULL, 0, 4, bytes, VD_STATUS_BUFFER_OVERFLOW                      \
    }
#define WITH_INPUT(volumes, code, bytes)                                                           \
    {                                                                                              \
        volumes, VD_IOCTL_##code, zeros, bytes, 0, 0, VD_STATUS_SUCCESS                            \
    }
#define PROPERTY(volumes, query, bytes)                                                            \
    {                                                                                              \
        volumes, VD_IOCTL_STORAGE_QUERY_PROPERTY, query "\0\0\0\0\0\0", 8, 8, bytes,               \
            VD_STATUS_SUCCESS                                                                      \
    }
#define TOC(query, bytes)                                                                          \
    {                                                                                              \
        ON_CD, VD_IOCTL_CDROM_READ_TOC_EX, query, 4, 2, bytes, VD_STATUS_SUCCESS                   \
    }
#define CONFIGURATION(query, bytes)                                                                \
    {                                                                                              \
        ON_CD, VD_IOCTL_CDROM_GET_CONFIGURATION, query "\0\0\0\0\0\0\0\0\0", 16, 8, bytes,         \
            VD_STATUS_SUCCESS                                                                      \
    }

static const char zeros[INPUT_BYTES];

static const struct expectation expectations[] = {
    {ON_CD, VD_IOCTL_CDROM_READ_TOC, NULL, 0, 804, 20, VD_STATUS_SUCCESS},
    FIXED(ON_CD, CDROM_GET_LAST_SESSION, 12),
    FIXED(ON_CD, CDROM_GET_DRIVE_GEOMETRY, 24),
    FIXED(ON_CD, CDROM_DISK_TYPE, 4),
    WITH_INPUT(ON_CD, CDROM_MEDIA_REMOVAL, 1),
    BARE(ON_CD, CDROM_LOAD_MEDIA),
    TOC("\0\0\0", 20),
    TOC("\0\xaa\0", 12),
    TOC("\x80\1\0", 20),
    TOC("\1\0\0", 12),
    TOC("\x82\0\0", 48),
    CONFIGURATION("\0\0\0\0\0\0", 64),
    CONFIGURATION("\3\0\0\0\0\0", 40),
    CONFIGURATION("\0\0\0\0\1\0", 60),
    CONFIGURATION("\x10\0\0\0\2\0", 20),
    CONFIGURATION("\x20\0\0\0\2\0", 8),

    FIXED(ON_ALL, DISK_GET_DRIVE_GEOMETRY, 24),
    FIXED(ON_ALL, DISK_GET_MEDIA_TYPES, 24),
    FIXED(ON_ALL, DISK_GET_LENGTH_INFO, 8),
    FIXED(ON_MBR | ON_CD, DISK_GET_PARTITION_INFO, 32),
    FIXED(ON_ALL, DISK_GET_PARTITION_INFO_EX, 144),
    FIXED(ON_MBR | ON_CD, DISK_GET_DRIVE_LAYOUT, 40),
    FIXED(ON_ALL, DISK_GET_DRIVE_LAYOUT_EX, 192),
    WITH_INPUT(ON_MBR, DISK_SET_PARTITION_INFO, 1),
    WITH_INPUT(ON_MBR, DISK_SET_PARTITION_INFO_EX, 120),
    FIXED(ON_DISK, DISK_GET_DISK_ATTRIBUTES, 16),
    FIXED(ON_DISK, DISK_GET_CACHE_INFORMATION, 24),
    FIXED(ON_DISK, DISK_IS_CLUSTERED, 1),
    BARE(ON_DISK, DISK_IS_WRITABLE),
    WITH_INPUT(ON_ALL, DISK_MEDIA_REMOVAL, 1),
    BARE(ON_DISK, DISK_UPDATE_PROPERTIES),

    FIXED(ON_ALL, STORAGE_GET_DEVICE_NUMBER, 12),
    FIXED(ON_ALL, STORAGE_GET_DEVICE_NUMBER_EX, 40),
    FIXED(ON_ALL, STORAGE_GET_HOTPLUG_INFO, 8),
    FIXED(ON_ALL, STORAGE_GET_MEDIA_TYPES, 24),
    FIXED(ON_ALL, STORAGE_GET_MEDIA_TYPES_EX, 40),
    FIXED(ON_ALL, STORAGE_READ_CAPACITY, 32),
    WITH_INPUT(ON_ALL, STORAGE_MEDIA_REMOVAL, 1),
    WITH_INPUT(ON_CD, STORAGE_EJECTION_CONTROL, 1),
    WITH_INPUT(ON_CD, STORAGE_MCN_CONTROL, 1),
    BARE(ON_CD, STORAGE_LOAD_MEDIA),
    BARE(ON_CD, STORAGE_LOAD_MEDIA2),
    PROPERTY(ON_DISK, "\0", 96),
    PROPERTY(ON_CD, "\0", 94),
    PROPERTY(ON_ALL, "\1", 32),
    PROPERTY(ON_ALL, "\2", 68),
    PROPERTY(ON_DISK, "\4", 28),
    PROPERTY(ON_ALL, "\6", 28),
    PROPERTY(ON_ALL, "\7", 12),
    PROPERTY(ON_ALL, "\10", 12),
    PROPERTY(ON_DISK, "\13", 40),

    COUNTED(MOUNTDEV_QUERY_DEVICE_NAME, 2 + NAME_BYTES),
    COUNTED(MOUNTDEV_QUERY_UNIQUE_ID, 2 + 12 + VD_IDENTITY_BYTES),
    FIXED(ON_ALL, MOUNTDEV_QUERY_STABLE_GUID, 16),
    {ON_ALL, VD_IOCTL_MOUNTDEV_QUERY_SUGGESTED_LINK_NAME, NULL, 0, 6, 32,
     VD_STATUS_BUFFER_OVERFLOW},
    WITH_INPUT(ON_ALL, MOUNTDEV_LINK_CREATED, 4),
    WITH_INPUT(ON_ALL, MOUNTDEV_LINK_CREATED_OLD, 4),
    WITH_INPUT(ON_ALL, MOUNTDEV_LINK_DELETED, 4),
    WITH_INPUT(ON_ALL, MOUNTDEV_LINK_DELETED_OLD, 4),

    BARE(ON_ALL, VOLUME_ONLINE),
    BARE(ON_ALL, VOLUME_POST_ONLINE),
    BARE(ON_ALL, VOLUME_IS_IO_CAPABLE),
    BARE(ON_ALL, VOLUME_UPDATE_PROPERTIES),
    FIXED(ON_ALL, VOLUME_IS_DYNAMIC, 1),
    FIXED(ON_ALL, VOLUME_GET_GPT_ATTRIBUTES, 8),
    FIXED(ON_DISK, VOLUME_GET_VOLUME_DISK_EXTENTS, 32),
    FIXED(ON_DISK, VOLUME_QUERY_VOLUME_NUMBER, 20),
    {ON_DISK, VD_IOCTL_VOLUME_LOGICAL_TO_PHYSICAL, zeros, 8, 24, 24, VD_STATUS_SUCCESS},
    {ON_ALL, VD_IOCTL_QUERY_STATE, NULL, 0, 80, 80 + PATH_BYTES, VD_STATUS_BUFFER_OVERFLOW},
    FIXED(ON_ALL, QUERY_STATISTICS, 1000),
};

static void check_outputs(const VD_VOLUME *volume, const struct expectation *expected)
{
    const size_t last = (expected->short_bytes > expected->full_bytes ? expected->short_bytes
                                                                      : expected->full_bytes) +
                        EXTRA_BYTES;
    struct answer whole, answer;

    ask(volume, expected->code, expected->input, expected->input_bytes, ANSWER_BYTES, &whole);
    assert_int_equal(whole.status, VD_STATUS_SUCCESS);
    assert_int_equal(whole.information, expected->full_bytes);
    for (size_t length = 0; length <= last; length++) {
        ask(volume, expected->code, expected->input, expected->input_bytes, length, &answer);
        if (length < expected->short_bytes) {
            assert_int_equal(answer.status, VD_STATUS_BUFFER_TOO_SMALL);
        } else if (length < expected->full_bytes) {
            assert_int_equal(answer.status, expected->cut_status);
            assert_true(answer.information >= expected->short_bytes);
            assert_memory_equal(answer.bytes, whole.bytes, 2);
        } else {
            assert_int_equal(answer.status, VD_STATUS_SUCCESS);
            assert_int_equal(answer.information, expected->full_bytes);
            assert_memory_equal(answer.bytes, whole.bytes, ANSWER_BYTES);
        }
    }
}

static void check_inputs(const VD_VOLUME *volume, const struct expectation *expected)
{
    unsigned char input[INPUT_BYTES] = {0};
    struct answer answer;

    if (expected->input != NULL)
        memcpy(input, expected->input, expected->input_bytes);
    for (size_t length = 0; length <= expected->input_bytes + EXTRA_BYTES; length++) {
        ask(volume, expected->code, input, length, ANSWER_BYTES, &answer);
        assert_int_equal(answer.status, length < expected->input_bytes
                                            ? VD_STATUS_INFO_LENGTH_MISMATCH
                                            : VD_STATUS_SUCCESS);
    }
}

static void test_every_length(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < VOLUME_KINDS; kind++) {
        const VD_VOLUME volume = question_volume(kind);

        for (size_t i = 0; i < COUNT_OF(expectations); i++) {
            if ((expectations[i].volumes & ON(kind)) == 0)
                continue;
            check_outputs(&volume, &expectations[i]);
            check_inputs(&volume, &expectations[i]);
        }
    }
}

/* What belongs to another kind of volume is refused, with any length. */
static void test_other_kinds(void **state)
{
    struct answer answer;

    (void)state;
    for (unsigned kind = 0; kind < VOLUME_KINDS; kind++) {
        const VD_VOLUME volume = question_volume(kind);

        for (size_t i = 0; i < COUNT_OF(expectations); i++) {
            const struct expectation *expected = &expectations[i];
            const bool refuses = expected->code == VD_IOCTL_STORAGE_QUERY_PROPERTY ||
                                 expected->code == VD_IOCTL_DISK_IS_WRITABLE;

            if ((expected->volumes & ON(kind)) != 0 || refuses)
                continue;
            for (size_t length = 0; length <= expected->short_bytes; length++) {
                ask(&volume, expected->code, zeros, 0, length, &answer);
                assert_true(answer.status < 0);
            }
            ask(&volume, expected->code, zeros, INPUT_BYTES, ANSWER_BYTES, &answer);
            assert_true(answer.status == VD_STATUS_INVALID_DEVICE_REQUEST ||
                        answer.status == VD_STATUS_INVALID_PARAMETER);
        }
    }
}

static void test_check_verify(void **state)
{
    static const uint32_t codes[] = {VD_IOCTL_DISK_CHECK_VERIFY, VD_IOCTL_STORAGE_CHECK_VERIFY,
                                     VD_IOCTL_STORAGE_CHECK_VERIFY2, VD_IOCTL_CDROM_CHECK_VERIFY};
    const VD_VOLUME volume = question_volume(VOLUME_CD);
    struct answer answer;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(codes); i++) {
        for (size_t length = 0; length <= 4 + EXTRA_BYTES; length++) {
            ask(&volume, codes[i], NULL, 0, length, &answer);
            assert_int_equal(answer.status, VD_STATUS_SUCCESS);
            assert_int_equal(answer.information, length < 4 ? 0 : 4);
            assert_int_equal(vdisk_load_le32(answer.bytes), 0);
        }
    }
}

static void test_size(void **state)
{
    struct answer answer;

    (void)state;
    for (unsigned kind = 0; kind < VOLUME_KINDS; kind++) {
        const VD_VOLUME volume = question_volume(kind);

        ask(&volume, VD_IOCTL_DISK_GET_LENGTH_INFO, NULL, 0, 8, &answer);
        assert_int_equal(vdisk_load_le64(answer.bytes), volume.SizeBytes);
        ask(&volume, VD_IOCTL_STORAGE_READ_CAPACITY, NULL, 0, 32, &answer);
        assert_int_equal(vdisk_load_le32(answer.bytes), 32);
        assert_int_equal(vdisk_load_le32(answer.bytes + 4), 32);
        assert_int_equal(vdisk_load_le32(answer.bytes + 8), volume.LogicalSectorBytes);
        assert_int_equal(vdisk_load_le64(answer.bytes + 16) * volume.LogicalSectorBytes,
                         volume.DiskBytes);
        assert_int_equal(vdisk_load_le64(answer.bytes + 24), volume.DiskBytes);
    }
}

/* The geometry is the disk's; whoever has room learns of the table, too. */
static void test_geometry(void **state)
{
    const VD_VOLUME mbr = question_volume(VOLUME_MBR), gpt = question_volume(VOLUME_GPT);
    struct answer answer;

    (void)state;
    for (size_t length = 32; length <= 80; length++) {
        ask(&mbr, VD_IOCTL_DISK_GET_DRIVE_GEOMETRY_EX, NULL, 0, length, &answer);
        assert_int_equal(answer.information, length < 56 ? 32 : length < 64 ? 56 : 64);
    }
    assert_int_equal(vdisk_load_le32(answer.bytes + 8), 12);
    assert_int_equal(vdisk_load_le64(answer.bytes) * vdisk_load_le32(answer.bytes + 12) *
                         vdisk_load_le32(answer.bytes + 16) * vdisk_load_le32(answer.bytes + 20),
                     QUESTION_DISK_BYTES);
    assert_int_equal(vdisk_load_le64(answer.bytes + 24), QUESTION_DISK_BYTES);
    assert_int_equal(vdisk_load_le32(answer.bytes + 32), 24);
    assert_int_equal(vdisk_load_le32(answer.bytes + 36), 0);
    assert_int_equal(vdisk_load_le32(answer.bytes + 40), 0x12345678);
    assert_int_equal(vdisk_load_le32(answer.bytes + 56), 8);
    assert_int_equal(vdisk_load_le32(answer.bytes + 60), 0);
    ask(&gpt, VD_IOCTL_DISK_GET_DRIVE_GEOMETRY_EX, NULL, 0, ANSWER_BYTES, &answer);
    assert_int_equal(vdisk_load_le32(answer.bytes + 36), 1);
    assert_memory_equal(answer.bytes + 40, gpt.Window.disk_id, 16);
}

static void test_mount(void **state)
{
    static const uint16_t name[] = u"\\Device\\VirtualDisk-7", link[] = u"\\DosDevices\\V:";
    VD_VOLUME volume = question_volume(VOLUME_WHOLE);
    struct answer answer;

    (void)state;
    ask(&volume, VD_IOCTL_MOUNTDEV_QUERY_DEVICE_NAME, NULL, 0, ANSWER_BYTES, &answer);
    assert_int_equal(vdisk_load_le16(answer.bytes), NAME_BYTES);
    assert_memory_equal(answer.bytes + 2, name, NAME_BYTES);
    ask(&volume, VD_IOCTL_MOUNTDEV_QUERY_UNIQUE_ID, NULL, 0, ANSWER_BYTES, &answer);
    assert_memory_equal(answer.bytes + 2, "VirtualDisk:", 12);
    assert_memory_equal(answer.bytes + 14, volume.Identity, VD_IDENTITY_BYTES);
    ask(&volume, VD_IOCTL_MOUNTDEV_QUERY_SUGGESTED_LINK_NAME, NULL, 0, 6, &answer);
    assert_int_equal(answer.status, VD_STATUS_BUFFER_OVERFLOW);
    assert_int_equal(answer.information, 6);
    assert_int_equal(vdisk_load_le16(answer.bytes + 2), sizeof link - 2);
    ask(&volume, VD_IOCTL_MOUNTDEV_QUERY_SUGGESTED_LINK_NAME, NULL, 0, ANSWER_BYTES, &answer);
    assert_int_equal(answer.bytes[0], 1);
    assert_int_equal(vdisk_load_le16(answer.bytes + 2), sizeof link - 2);
    assert_memory_equal(answer.bytes + 4, link, sizeof link - 2);
    volume.Letter = 0;
    for (size_t length = 0; length <= 64; length++) {
        ask(&volume, VD_IOCTL_MOUNTDEV_QUERY_SUGGESTED_LINK_NAME, NULL, 0, length, &answer);
        assert_int_equal(answer.status, VD_STATUS_NOT_FOUND);
    }
}

static void test_state(void **state)
{
    static const uint16_t path[] = u"\\??\\C:\\disks\\disk.img";
    static const uint16_t overlay_path[] = u"\\??\\C:\\disks\\delta.qcow2";
    VD_VOLUME volume = question_volume(VOLUME_GPT);
    struct virtualdisk_state told;
    struct answer answer;

    (void)state;
    volume.Flags = VIRTUALDISK_FLAG_PERSISTENT | VIRTUALDISK_FLAG_DETECT_ZEROES;
    volume.OverlayPath = overlay_path;
    volume.OverlayBytes = sizeof overlay_path - sizeof(uint16_t);
    ask(&volume, VD_IOCTL_QUERY_STATE, NULL, 0, ANSWER_BYTES, &answer);
    memcpy(&told, answer.bytes, sizeof told);
    assert_int_equal(told.version, VIRTUALDISK_ABI_VERSION);
    assert_int_equal(told.flags, VIRTUALDISK_STATE_PERSISTENT | VIRTUALDISK_STATE_CAN_TRIM);
    assert_int_equal(told.size_bytes, QUESTION_PART_BYTES);
    assert_int_equal(told.device_number, 7);
    assert_int_equal(told.disk_number, 5);
    assert_int_equal(told.partition_number, 2);
    assert_int_equal(told.offset_bytes, QUESTION_OFFSET_BYTES);
    assert_int_equal(told.requests_in_flight, 1);
    assert_int_equal(told.used_bytes, 4096);
    assert_string_equal(told.format, "raw");
    assert_int_equal(told.path_bytes, sizeof path - 2);
    assert_memory_equal(answer.bytes + sizeof told, path, told.path_bytes);
    assert_int_equal(told.overlay_bytes, sizeof overlay_path - 2);
    assert_memory_equal(answer.bytes + sizeof told + told.path_bytes, overlay_path,
                        told.overlay_bytes);
    assert_int_equal(answer.information, sizeof told + told.path_bytes + told.overlay_bytes);
}

static void test_statistics(void **state)
{
    const VD_VOLUME volume = question_volume(VOLUME_WHOLE);
    struct virtualdisk_statistics told;
    struct answer answer;

    (void)state;
    ask(&volume, VD_IOCTL_QUERY_STATISTICS, NULL, 0, ANSWER_BYTES, &answer);
    assert_int_equal(answer.information, sizeof told);
    memcpy(&told, answer.bytes, sizeof told);
    assert_int_equal(told.version, VIRTUALDISK_ABI_VERSION);
    assert_int_equal(told.read.count, 2);
    assert_int_equal(told.trim.latency[VIRTUALDISK_LATENCY_BUCKETS - 1], 9);
}

static void test_read_only(void **state)
{
    static const unsigned char set[120] = {0};
    VD_VOLUME volume = question_volume(VOLUME_WHOLE);
    struct answer answer;

    (void)state;
    volume.ReadOnly = true;
    ask(&volume, VD_IOCTL_DISK_IS_WRITABLE, NULL, 0, 0, &answer);
    assert_int_equal(answer.status, VD_STATUS_MEDIA_WRITE_PROTECTED);
    ask(&volume, VD_IOCTL_DISK_SET_PARTITION_INFO, "\6", 1, 0, &answer);
    assert_int_equal(answer.status, VD_STATUS_MEDIA_WRITE_PROTECTED);
    ask(&volume, VD_IOCTL_DISK_SET_PARTITION_INFO_EX, set, sizeof set, 0, &answer);
    assert_int_equal(answer.status, VD_STATUS_MEDIA_WRITE_PROTECTED);
    ask(&volume, VD_IOCTL_DISK_GET_DISK_ATTRIBUTES, NULL, 0, 16, &answer);
    assert_int_equal(vdisk_load_le64(answer.bytes + 8), 2);
    ask(&volume, VD_IOCTL_STORAGE_GET_MEDIA_TYPES_EX, NULL, 0, 40, &answer);
    assert_int_equal(vdisk_load_le32(answer.bytes + 36), 0x80000004);
    ask(&volume, VD_IOCTL_VOLUME_GET_GPT_ATTRIBUTES, NULL, 0, 8, &answer);
    assert_int_equal(vdisk_load_le64(answer.bytes), 0x1000000000000000ull);
}

static int32_t ask_property(const VD_VOLUME *volume, uint32_t id, uint32_t query_type,
                            size_t output_bytes, struct answer *answer)
{
    unsigned char query[12] = {0};

    vdisk_store_le32(query, id);
    vdisk_store_le32(query + 4, query_type);
    ask(volume, VD_IOCTL_STORAGE_QUERY_PROPERTY, query, sizeof query, output_bytes, answer);
    return answer->status;
}

static const char *device_string(const struct answer *answer, uint32_t field)
{
    const uint32_t at = vdisk_load_le32(answer->bytes + field);

    assert_in_range(at, 40, answer->information - 1);
    return (const char *)answer->bytes + at;
}

static void test_device_property(void **state)
{
    static const char serial[] = "f0efeeedecebeae9e8e7e6e5e4e3e2e1";
    const VD_VOLUME disk = question_volume(VOLUME_MBR), cd = question_volume(VOLUME_CD);
    struct answer answer;

    (void)state;
    ask_property(&disk, 0, 0, ANSWER_BYTES, &answer);
    assert_int_equal(vdisk_load_le32(answer.bytes + 4), answer.information);
    assert_int_equal(answer.bytes[8], 0);
    assert_int_equal(answer.bytes[10], 0); /* not removable */
    assert_string_equal(device_string(&answer, 12), "VirtualDisk");
    assert_string_equal(device_string(&answer, 16), "Disk image");
    assert_string_equal(device_string(&answer, 24), serial);
    assert_int_equal(vdisk_load_le32(answer.bytes + 28), 15);
    ask_property(&cd, 0, 0, ANSWER_BYTES, &answer);
    assert_int_equal(answer.bytes[8], 5);
    assert_int_equal(answer.bytes[10], 1);
    assert_string_equal(device_string(&answer, 16), "CD image");
    ask_property(&disk, 2, 0, ANSWER_BYTES, &answer);
    assert_int_equal(vdisk_load_le32(answer.bytes + 8), 1);
    assert_int_equal(vdisk_load_le16(answer.bytes + 20), 40);
    assert_memory_equal(answer.bytes + 28, "VIRTDISK", 8);
    assert_memory_equal(answer.bytes + 36, serial, 32);
}

static void test_property_queries(void **state)
{
    VD_VOLUME volume = question_volume(VOLUME_WHOLE);
    struct answer answer;

    (void)state;
    assert_int_equal(ask_property(&volume, 0, 1, 0, &answer), VD_STATUS_SUCCESS); /* exists? */
    assert_int_equal(ask_property(&volume, 5, 1, 0, &answer), VD_STATUS_NOT_SUPPORTED);
    assert_int_equal(ask_property(&volume, 0, 2, ANSWER_BYTES, &answer), VD_STATUS_NOT_SUPPORTED);
    assert_int_equal(ask_property(&volume, 5, 0, ANSWER_BYTES, &answer), VD_STATUS_NOT_SUPPORTED);
    assert_int_equal(ask_property(&volume, 6, 0, ANSWER_BYTES, &answer), VD_STATUS_SUCCESS);
    assert_int_equal(vdisk_load_le32(answer.bytes + 16), 512);
    assert_int_equal(vdisk_load_le32(answer.bytes + 20), 4096);
    ask_property(&volume, 7, 0, ANSWER_BYTES, &answer);
    assert_int_equal(answer.bytes[8], 0); /* no seek penalty */
    ask_property(&volume, 4, 0, ANSWER_BYTES, &answer);
    assert_int_equal(vdisk_load_le32(answer.bytes + 8), 2);
    assert_int_equal(answer.bytes[24], 1); /* flush is supported */
}

static void test_trim_properties(void **state)
{
    VD_VOLUME volume = question_volume(VOLUME_WHOLE);
    struct answer answer;

    (void)state;
    ask_property(&volume, 8, 0, ANSWER_BYTES, &answer);
    assert_int_equal(answer.bytes[8], 1);
    ask_property(&volume, 11, 0, ANSWER_BYTES, &answer);
    assert_int_equal(answer.bytes[8], 1);
    assert_int_equal(vdisk_load_le64(answer.bytes + 16), 65536);
    volume.DiscardBytes = 0;
    assert_int_equal(ask_property(&volume, 8, 0, ANSWER_BYTES, &answer), VD_STATUS_SUCCESS);
    assert_int_equal(answer.bytes[8], 0);
    assert_int_equal(ask_property(&volume, 11, 0, ANSWER_BYTES, &answer), VD_STATUS_NOT_SUPPORTED);
    assert_int_equal(ask_property(&volume, 11, 1, 0, &answer), VD_STATUS_NOT_SUPPORTED);
}

/* Where the status is the answer, or there is none. */
static void test_refusals(void **state)
{
    const VD_VOLUME volume = question_volume(VOLUME_WHOLE);
    struct answer answer;

    (void)state;
    for (size_t length = 0; length <= 16; length++) {
        ask(&volume, VD_IOCTL_VOLUME_IS_OFFLINE, NULL, 0, length, &answer);
        assert_int_equal(answer.status, VD_STATUS_UNSUCCESSFUL);
        ask(&volume, VD_IOCTL_VOLUME_SUPPORTS_ONLINE_OFFLINE, NULL, 0, length, &answer);
        assert_int_equal(answer.status, VD_STATUS_UNSUCCESSFUL);
        ask(&volume, VD_IOCTL_VOLUME_IS_CLUSTERED, NULL, 0, length, &answer);
        assert_int_equal(answer.status, VD_STATUS_UNSUCCESSFUL);
        ask(&volume, 0x12345678, NULL, 0, length, &answer);
        assert_int_equal(answer.status, VD_STATUS_INVALID_DEVICE_REQUEST);
    }
}

/* Only a CD is put out, and not by an answer. */
static void test_eject(void **state)
{
    static const uint32_t codes[] = {VD_IOCTL_STORAGE_EJECT_MEDIA, VD_IOCTL_DISK_EJECT_MEDIA,
                                     VD_IOCTL_CDROM_EJECT_MEDIA};
    struct answer answer;

    (void)state;
    for (unsigned kind = 0; kind < VOLUME_KINDS; kind++) {
        const VD_VOLUME volume = question_volume(kind);

        for (size_t i = 0; i < COUNT_OF(codes); i++) {
            assert_int_equal(VdIoctlEjects(&volume, codes[i]), kind == VOLUME_CD);
            ask(&volume, codes[i], NULL, 0, 0, &answer);
            assert_int_equal(answer.status, VD_STATUS_INVALID_DEVICE_REQUEST);
        }
        assert_false(VdIoctlEjects(&volume, VD_IOCTL_STORAGE_LOAD_MEDIA));
    }
}

/* Whatever comes: no byte too many. */
static void test_random_requests(void **state)
{
    static const uint32_t bases[] = {0x20000,  0x70000,  0x2d0000,   0x330000,
                                     0x4d0000, 0x560000, 0x8d310000, 0x40000};
    VD_VOLUME volumes[VOLUME_KINDS];
    unsigned char input[INPUT_BYTES];
    struct test_random random;
    struct answer answer;

    (void)state;
    for (unsigned kind = 0; kind < VOLUME_KINDS; kind++)
        volumes[kind] = question_volume(kind);
    test_random_seed(&random, 1);
    for (uint32_t i = 0; i < 100000; i++) {
        uint32_t code = bases[test_random_below(&random, COUNT_OF(bases))] |
                        (uint32_t)test_random_below(&random, 0x4000) << 2;

        if (i % 4 != 0)
            code = expectations[test_random_below(&random, COUNT_OF(expectations))].code;
        test_random_fill(&random, input, sizeof input);
        input[0] %= 16;
        input[1] &= input[2] & input[3];
        ask(&volumes[i % VOLUME_KINDS], code, input, test_random_below(&random, INPUT_BYTES),
            test_random_below(&random, i % 2 == 0 ? 128 : ANSWER_BYTES), &answer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_length),
        cmocka_unit_test(test_other_kinds),
        cmocka_unit_test(test_check_verify),
        cmocka_unit_test(test_size),
        cmocka_unit_test(test_geometry),
        cmocka_unit_test(test_mount),
        cmocka_unit_test(test_state),
        cmocka_unit_test(test_statistics),
        cmocka_unit_test(test_read_only),
        cmocka_unit_test(test_device_property),
        cmocka_unit_test(test_property_queries),
        cmocka_unit_test(test_trim_properties),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_eject),
        cmocka_unit_test(test_random_requests),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
