/* What no volume answers, on purpose: whatever the buffers are, nothing comes back. */
#include "tests/driver_unit/question.h"
#include "tests/support/cmocka_all.h"

#include <stdio.h>

#define COUNT_OF(a) (sizeof(a) / sizeof(a)[0])

/* As the Windows headers compose codes. */
#define BUFFERED   0u
#define OUT_DIRECT 2u
#define ANY        0u
#define READ       1u
#define READ_WRITE 3u
#define CODE(device, function, method, access)                                                     \
    ((uint32_t)(device) << 16 | (access) << 14 | (function) << 2 | (method))

static const struct {
    uint32_t code;
    const char *name;
} refused[] = {
    {CODE(0x07, 0x006, BUFFERED, READ_WRITE), "IOCTL_DISK_FORMAT_TRACKS"},
    {CODE(0x07, 0x00b, BUFFERED, READ_WRITE), "IOCTL_DISK_FORMAT_TRACKS_EX"},
    {CODE(0x07, 0x007, BUFFERED, READ_WRITE), "IOCTL_DISK_REASSIGN_BLOCKS"},
    {CODE(0x07, 0x004, BUFFERED, READ_WRITE), "IOCTL_DISK_SET_DRIVE_LAYOUT"},
    {CODE(0x07, 0x015, BUFFERED, READ_WRITE), "IOCTL_DISK_SET_DRIVE_LAYOUT_EX"},
    {CODE(0x07, 0x016, BUFFERED, READ_WRITE), "IOCTL_DISK_CREATE_DISK"},
    {CODE(0x07, 0x040, BUFFERED, READ_WRITE), "IOCTL_DISK_DELETE_DRIVE_LAYOUT"},
    {CODE(0x07, 0x03d, BUFFERED, READ_WRITE), "IOCTL_DISK_SET_DISK_ATTRIBUTES"},
    {CODE(0x07, 0x036, BUFFERED, READ_WRITE), "IOCTL_DISK_SET_CACHE_INFORMATION"},
    {CODE(0x07, 0x032, BUFFERED, READ_WRITE), "IOCTL_DISK_UPDATE_DRIVE_SIZE"},
    {CODE(0x07, 0x008, BUFFERED, ANY), "IOCTL_DISK_PERFORMANCE"},
    {CODE(0x07, 0x020, BUFFERED, READ), "SMART_GET_VERSION"},
    {CODE(0x2d, 0x440, BUFFERED, ANY), "IOCTL_STORAGE_PREDICT_FAILURE"},
    {CODE(0x2d, 0x204, BUFFERED, READ), "IOCTL_STORAGE_RESERVE"},
    {CODE(0x2d, 0x205, BUFFERED, READ), "IOCTL_STORAGE_RELEASE"},
    {CODE(0x2d, 0x206, BUFFERED, READ), "IOCTL_STORAGE_FIND_NEW_DEVICES"},
    {CODE(0x2d, 0x304, BUFFERED, ANY), "IOCTL_STORAGE_GET_MEDIA_SERIAL_NUMBER"},
    {CODE(0x2d, 0x306, BUFFERED, READ_WRITE), "IOCTL_STORAGE_SET_HOTPLUG_INFO"},
    {CODE(0x04, 0x406, BUFFERED, ANY), "IOCTL_SCSI_GET_ADDRESS"},
    {CODE(0x04, 0x403, BUFFERED, ANY), "IOCTL_SCSI_GET_INQUIRY_DATA"},
    {CODE(0x04, 0x401, BUFFERED, READ_WRITE), "IOCTL_SCSI_PASS_THROUGH"},
    {CODE(0x02, 0x00f, OUT_DIRECT, READ), "IOCTL_CDROM_RAW_READ"},
    {CODE(0x02, 0x00b, BUFFERED, READ), "IOCTL_CDROM_READ_Q_CHANNEL"},
    {CODE(0x02, 0x006, BUFFERED, READ), "IOCTL_CDROM_PLAY_AUDIO_MSF"},
    {CODE(0x02, 0x005, BUFFERED, READ), "IOCTL_CDROM_GET_VOLUME"},
    {CODE(0x02, 0x00a, BUFFERED, READ), "IOCTL_CDROM_SET_VOLUME"},
    {CODE(0x02, 0x018, BUFFERED, READ), "IOCTL_CDROM_SET_SPEED"},
    {CODE(0x02, 0x017, BUFFERED, READ_WRITE), "IOCTL_CDROM_EXCLUSIVE_ACCESS"},
    {CODE(0x33, 0x450, BUFFERED, READ), "IOCTL_DVD_READ_STRUCTURE"},
    {CODE(0x33, 0x400, BUFFERED, READ), "IOCTL_DVD_START_SESSION"},
    {CODE(0x56, 0x003, BUFFERED, READ_WRITE), "IOCTL_VOLUME_OFFLINE"},
    {CODE(0x56, 0x00d, BUFFERED, ANY), "IOCTL_VOLUME_SET_GPT_ATTRIBUTES"},
    {CODE(0x56, 0x006, BUFFERED, ANY), "IOCTL_VOLUME_QUERY_FAILOVER_SET"},
    {CODE(0x56, 0x00b, OUT_DIRECT, READ), "IOCTL_VOLUME_READ_PLEX"},
    {CODE(0x56, 0x00f, BUFFERED, READ), "IOCTL_VOLUME_GET_BC_PROPERTIES"},
    {CODE(0x56, 0x014, OUT_DIRECT, READ), "IOCTL_VOLUME_QUERY_ALLOCATION_HINT"},
    {CODE(0x4d, 0x001, BUFFERED, READ_WRITE), "IOCTL_MOUNTDEV_UNIQUE_ID_CHANGE_NOTIFY"},
};

static void test_refused(void **state)
{
    static const size_t lengths[] = {0, 1, 8, 128, QUESTION_ANSWER_BYTES};
    static const unsigned char input[QUESTION_ANSWER_BYTES];
    struct answer answer;

    (void)state;
    for (unsigned kind = 0; kind < VOLUME_KINDS; kind++) {
        const VD_VOLUME volume = question_volume(kind);

        for (size_t i = 0; i < COUNT_OF(refused) * COUNT_OF(lengths); i++) {
            const uint32_t code = refused[i / COUNT_OF(lengths)].code;
            const size_t length = lengths[i % COUNT_OF(lengths)];

            assert_true(question_ask(&volume, code, input, length, length, &answer));
            if (answer.status != VD_STATUS_INVALID_DEVICE_REQUEST || answer.information != 0)
                fail_msg("%s is answered", refused[i / COUNT_OF(lengths)].name);
            assert_false(VdIoctlEjects(&volume, code));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_refused)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
