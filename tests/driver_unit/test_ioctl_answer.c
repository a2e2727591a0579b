/*
 * Every code with every length of its buffers from nothing to more than enough. Buffers are exactly
 * as long as the call is told, so that AddressSanitizer sees each byte too many.
 */
#include "tests/support/cmocka_all.h"
#include "tests/support/random.h"

#include "driver/ioctl_answer.h"
#include "driver/ioctl_codes.h"
#include "engine/base/endian.h"
#include "virtualdisk/driver_abi.h"

#include <stdlib.h>

#define SIZE_BYTES   104857600ull
#define EXTRA_BYTES  8u
#define ANSWER_BYTES 2048u
#define INPUT_BYTES  64u
#define PATTERN      0xaa
#define COUNT_OF(a)  (sizeof(a) / sizeof(a)[0])

static const uint16_t path[] = u"\\??\\C:\\disks\\disk.img";
static const uint16_t device_name[] = u"\\Device\\VirtualDisk-7";

static const uint16_t overlay_path[] = u"\\??\\C:\\disks\\delta.qcow2";

static const struct virtualdisk_statistics statistics = {
    .version = VIRTUALDISK_ABI_VERSION,
    .requests_in_flight = 1,
    .read = {.count = 2, .bytes = 1024, .latency = {[3] = 2}},
    .trim = {.error_count = 7, .latency = {[VIRTUALDISK_LATENCY_BUCKETS - 1] = 9}},
};
static const VD_ACTIVITY activity = {
    .RequestsInFlight = 1, .UsedBytes = 4096, .Statistics = &statistics};

static VD_VOLUME make_volume(void)
{
    VD_VOLUME volume = {.SizeBytes = SIZE_BYTES,
                        .LogicalSectorBytes = 512,
                        .PhysicalSectorBytes = 4096,
                        .Number = 7,
                        .NameBytes = sizeof device_name - sizeof(uint16_t),
                        .Path = path,
                        .PathBytes = sizeof path - sizeof(uint16_t),
                        .Format = "raw"};

    memcpy(volume.Name, device_name, sizeof device_name);
    for (uint32_t i = 0; i < VD_IDENTITY_BYTES; i++)
        volume.Identity[i] = (uint8_t)(i + 1);
    return volume;
}

/* What is expected of a code that is answered with success. */
struct expectation {
    uint32_t code;
    const char *input; /* that makes sense, or NULL */
    uint32_t input_bytes;
    uint32_t short_bytes; /* from here on the answer is delivered, if only its beginning */
    uint32_t full_bytes;  /* from here on it is whole */
    int32_t cut_status;   /* between short and full */
};

#define FIXED(code, bytes)                                                                         \
    {                                                                                              \
        code, NULL, 0, bytes, bytes, VD_STATUS_SUCCESS                                             \
    }
#define BARE(code) FIXED(code, 0)
#define COUNTED(code, bytes)                                                                       \
    {                                                                                              \
        code, NULL, 0, 4, bytes, VD_STATUS_BUFFER_OVERFLOW                                         \
    }
#define WITH_INPUT(code, bytes)                                                                    \
    {                                                                                              \
        code, "\0\0\0\0\0\0\0", bytes, 0, 0, VD_STATUS_SUCCESS                                     \
    }
#define PROPERTY(query, bytes)                                                                     \
    {                                                                                              \
        VD_IOCTL_STORAGE_QUERY_PROPERTY, query, 8, 8, bytes, VD_STATUS_SUCCESS                     \
    }

static const struct expectation expectations[] = {
    FIXED(VD_IOCTL_DISK_GET_DRIVE_GEOMETRY, 24),
    FIXED(VD_IOCTL_DISK_GET_DRIVE_GEOMETRY_EX, 32),
    FIXED(VD_IOCTL_DISK_GET_MEDIA_TYPES, 24),
    FIXED(VD_IOCTL_DISK_GET_LENGTH_INFO, 8),
    FIXED(VD_IOCTL_DISK_GET_PARTITION_INFO, 32),
    FIXED(VD_IOCTL_DISK_GET_PARTITION_INFO_EX, 144),
    WITH_INPUT(VD_IOCTL_DISK_SET_PARTITION_INFO, 1),
    BARE(VD_IOCTL_DISK_IS_WRITABLE),
    WITH_INPUT(VD_IOCTL_DISK_MEDIA_REMOVAL, 1),
    BARE(VD_IOCTL_DISK_UPDATE_PROPERTIES),
    FIXED(VD_IOCTL_STORAGE_GET_DEVICE_NUMBER, 12),
    FIXED(VD_IOCTL_STORAGE_GET_HOTPLUG_INFO, 8),
    FIXED(VD_IOCTL_STORAGE_GET_MEDIA_TYPES, 24),
    WITH_INPUT(VD_IOCTL_STORAGE_MEDIA_REMOVAL, 1),
    PROPERTY("\0\0\0\0\0\0\0", 52),
    PROPERTY("\1\0\0\0\0\0\0", 32),
    PROPERTY("\6\0\0\0\0\0\0", 28),
    PROPERTY("\7\0\0\0\0\0\0", 12),
    PROPERTY("\10\0\0\0\0\0\0", 12),
    COUNTED(VD_IOCTL_MOUNTDEV_QUERY_DEVICE_NAME, 2 + sizeof device_name - sizeof(uint16_t)),
    COUNTED(VD_IOCTL_MOUNTDEV_QUERY_UNIQUE_ID, 2 + 12 + VD_IDENTITY_BYTES),
    FIXED(VD_IOCTL_MOUNTDEV_QUERY_STABLE_GUID, 16),
    WITH_INPUT(VD_IOCTL_MOUNTDEV_LINK_CREATED, 4),
    WITH_INPUT(VD_IOCTL_MOUNTDEV_LINK_CREATED_OLD, 4),
    WITH_INPUT(VD_IOCTL_MOUNTDEV_LINK_DELETED, 4),
    WITH_INPUT(VD_IOCTL_MOUNTDEV_LINK_DELETED_OLD, 4),
    BARE(VD_IOCTL_VOLUME_ONLINE),
    BARE(VD_IOCTL_VOLUME_POST_ONLINE),
    BARE(VD_IOCTL_VOLUME_IS_IO_CAPABLE),
    FIXED(VD_IOCTL_VOLUME_IS_DYNAMIC, 1),
    FIXED(VD_IOCTL_VOLUME_GET_GPT_ATTRIBUTES, 8),
    FIXED(VD_IOCTL_VOLUME_GET_VOLUME_DISK_EXTENTS, 32),
    {VD_IOCTL_QUERY_STATE, NULL, 0, 80, 80 + sizeof path - sizeof(uint16_t),
     VD_STATUS_BUFFER_OVERFLOW},
    FIXED(VD_IOCTL_QUERY_STATISTICS, 1000),
};

struct answer {
    int32_t status;
    size_t information;
    unsigned char bytes[ANSWER_BYTES];
};

/* Asks with memory of exactly these lengths; input and output are one, as METHOD_BUFFERED has it.
 */
static void ask(const VD_VOLUME *volume, uint32_t code, const void *input, size_t input_bytes,
                size_t output_bytes, struct answer *answer)
{
    const size_t length = input_bytes > output_bytes ? input_bytes : output_bytes;
    unsigned char *buffer = length == 0 ? NULL : malloc(length);

    if (length != 0)
        memset(buffer, PATTERN, length);
    if (input_bytes != 0)
        memcpy(buffer, input, input_bytes);
    memset(answer->bytes, 0, sizeof answer->bytes);
    answer->status =
        VdIoctlAnswer(volume, &activity, code, input_bytes == 0 ? NULL : buffer, input_bytes,
                      output_bytes == 0 ? NULL : buffer, output_bytes, &answer->information);
    assert_true(answer->information <= output_bytes);
    if (answer->status < 0 && answer->status != VD_STATUS_BUFFER_OVERFLOW)
        assert_int_equal(answer->information, 0);
    if (answer->information != 0)
        memcpy(answer->bytes, buffer, answer->information);
    free(buffer);
}

static void check_outputs(const VD_VOLUME *volume, const struct expectation *expected)
{
    struct answer whole, answer;

    ask(volume, expected->code, expected->input, expected->input_bytes, ANSWER_BYTES, &whole);
    assert_int_equal(whole.status, VD_STATUS_SUCCESS);
    assert_int_equal(whole.information, expected->full_bytes);
    for (size_t length = 0; length <= expected->full_bytes + EXTRA_BYTES; length++) {
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
    const VD_VOLUME volume = make_volume();

    (void)state;
    for (size_t i = 0; i < COUNT_OF(expectations); i++) {
        check_outputs(&volume, &expectations[i]);
        check_inputs(&volume, &expectations[i]);
    }
}

static void test_check_verify(void **state)
{
    static const uint32_t codes[] = {VD_IOCTL_DISK_CHECK_VERIFY, VD_IOCTL_STORAGE_CHECK_VERIFY,
                                     VD_IOCTL_STORAGE_CHECK_VERIFY2};
    const VD_VOLUME volume = make_volume();
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

static void test_values(void **state)
{
    const VD_VOLUME volume = make_volume();
    struct answer answer;

    (void)state;
    ask(&volume, VD_IOCTL_DISK_GET_LENGTH_INFO, NULL, 0, 8, &answer);
    assert_int_equal(vdisk_load_le64(answer.bytes), SIZE_BYTES);
    ask(&volume, VD_IOCTL_DISK_GET_DRIVE_GEOMETRY, NULL, 0, 24, &answer);
    assert_int_equal(vdisk_load_le32(answer.bytes + 8), 12);
    assert_int_equal(vdisk_load_le64(answer.bytes) * vdisk_load_le32(answer.bytes + 12) *
                         vdisk_load_le32(answer.bytes + 16) * vdisk_load_le32(answer.bytes + 20),
                     SIZE_BYTES);
    ask(&volume, VD_IOCTL_STORAGE_GET_DEVICE_NUMBER, NULL, 0, 12, &answer);
    assert_int_equal(vdisk_load_le32(answer.bytes), 7);
    assert_int_equal(vdisk_load_le32(answer.bytes + 4), 0x10007);
    assert_int_equal(vdisk_load_le32(answer.bytes + 8), UINT32_MAX);
    ask(&volume, VD_IOCTL_MOUNTDEV_QUERY_DEVICE_NAME, NULL, 0, ANSWER_BYTES, &answer);
    assert_int_equal(vdisk_load_le16(answer.bytes), sizeof device_name - 2);
    assert_memory_equal(answer.bytes + 2, device_name, sizeof device_name - 2);
    ask(&volume, VD_IOCTL_MOUNTDEV_QUERY_UNIQUE_ID, NULL, 0, ANSWER_BYTES, &answer);
    assert_memory_equal(answer.bytes + 2, "VirtualDisk:", 12);
    assert_memory_equal(answer.bytes + 14, volume.Identity, VD_IDENTITY_BYTES);
}

static void test_state(void **state)
{
    VD_VOLUME volume = make_volume();
    struct virtualdisk_state told;
    struct answer answer;

    (void)state;
    volume.Flags = VIRTUALDISK_FLAG_PERSISTENT | VIRTUALDISK_FLAG_DETECT_ZEROES;
    volume.OverlayPath = overlay_path;
    volume.OverlayBytes = sizeof overlay_path - sizeof(uint16_t);
    ask(&volume, VD_IOCTL_QUERY_STATE, NULL, 0, ANSWER_BYTES, &answer);
    memcpy(&told, answer.bytes, sizeof told);
    assert_int_equal(told.version, VIRTUALDISK_ABI_VERSION);
    assert_int_equal(told.flags, VIRTUALDISK_STATE_PERSISTENT);
    assert_int_equal(told.size_bytes, SIZE_BYTES);
    assert_int_equal(told.device_number, 7);
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
    const VD_VOLUME volume = make_volume();
    struct answer answer;

    (void)state;
    ask(&volume, VD_IOCTL_QUERY_STATISTICS, NULL, 0, ANSWER_BYTES, &answer);
    assert_int_equal(answer.information, sizeof statistics);
    assert_memory_equal(answer.bytes, &statistics, sizeof statistics);
}

static void test_read_only(void **state)
{
    VD_VOLUME volume = make_volume();
    struct virtualdisk_state told;
    struct answer answer;

    (void)state;
    volume.ReadOnly = true;
    ask(&volume, VD_IOCTL_DISK_IS_WRITABLE, NULL, 0, 0, &answer);
    assert_int_equal(answer.status, VD_STATUS_MEDIA_WRITE_PROTECTED);
    ask(&volume, VD_IOCTL_DISK_SET_PARTITION_INFO, "\6", 1, 0, &answer);
    assert_int_equal(answer.status, VD_STATUS_MEDIA_WRITE_PROTECTED);
    ask(&volume, VD_IOCTL_VOLUME_GET_GPT_ATTRIBUTES, NULL, 0, 8, &answer);
    assert_int_equal(vdisk_load_le64(answer.bytes), 0x1000000000000000ull);
    ask(&volume, VD_IOCTL_QUERY_STATE, NULL, 0, sizeof told, &answer);
    memcpy(&told, answer.bytes, sizeof told);
    assert_int_equal(told.flags, VIRTUALDISK_STATE_READ_ONLY);
}

static int32_t ask_property(uint32_t id, uint32_t query_type, size_t output_bytes,
                            struct answer *answer)
{
    const VD_VOLUME volume = make_volume();
    unsigned char query[12] = {0};

    vdisk_store_le32(query, id);
    vdisk_store_le32(query + 4, query_type);
    ask(&volume, VD_IOCTL_STORAGE_QUERY_PROPERTY, query, sizeof query, output_bytes, answer);
    return answer->status;
}

static void test_property_queries(void **state)
{
    struct answer answer;

    (void)state;
    assert_int_equal(ask_property(0, 1, 0, &answer), VD_STATUS_SUCCESS); /* does it exist? */
    assert_int_equal(ask_property(5, 1, 0, &answer), VD_STATUS_NOT_SUPPORTED);
    assert_int_equal(ask_property(0, 2, ANSWER_BYTES, &answer), VD_STATUS_NOT_SUPPORTED);
    assert_int_equal(ask_property(5, 0, ANSWER_BYTES, &answer), VD_STATUS_NOT_SUPPORTED);
    assert_int_equal(ask_property(6, 0, ANSWER_BYTES, &answer), VD_STATUS_SUCCESS);
    assert_int_equal(vdisk_load_le32(answer.bytes + 16), 512);
    assert_int_equal(vdisk_load_le32(answer.bytes + 20), 4096);
}

static void test_refusals(void **state)
{
    const VD_VOLUME volume = make_volume();
    struct answer answer;

    (void)state;
    for (size_t length = 0; length <= 16; length++) {
        ask(&volume, VD_IOCTL_MOUNTDEV_QUERY_SUGGESTED_LINK_NAME, NULL, 0, length, &answer);
        assert_int_equal(answer.status, VD_STATUS_NOT_FOUND);
        ask(&volume, VD_IOCTL_VOLUME_IS_OFFLINE, NULL, 0, length, &answer);
        assert_int_equal(answer.status, VD_STATUS_UNSUCCESSFUL);
        ask(&volume, 0x12345678, NULL, 0, length, &answer);
        assert_int_equal(answer.status, VD_STATUS_INVALID_DEVICE_REQUEST);
    }
}

/* Whatever comes: no byte too many. */
static void test_random_requests(void **state)
{
    static const uint32_t bases[] = {0x70000, 0x2d0000, 0x4d0000, 0x560000, 0x8d310000};
    const VD_VOLUME volume = make_volume();
    unsigned char input[INPUT_BYTES];
    struct test_random random;
    struct answer answer;

    (void)state;
    test_random_seed(&random, 1);
    for (uint32_t i = 0; i < 100000; i++) {
        uint32_t code = bases[test_random_below(&random, COUNT_OF(bases))] |
                        (uint32_t)test_random_below(&random, 0x4000) << 2;

        if (i % 2 == 0)
            code = expectations[test_random_below(&random, COUNT_OF(expectations))].code;
        test_random_fill(&random, input, sizeof input);
        input[0] %= 16;
        ask(&volume, code, input, test_random_below(&random, INPUT_BYTES),
            test_random_below(&random, ANSWER_BYTES), &answer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_length),     cmocka_unit_test(test_check_verify),
        cmocka_unit_test(test_values),           cmocka_unit_test(test_state),
        cmocka_unit_test(test_statistics),       cmocka_unit_test(test_read_only),
        cmocka_unit_test(test_property_queries), cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_random_requests),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
