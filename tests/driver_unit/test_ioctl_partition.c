/* Where a volume lies: all who answer that tell one story, of every kind of volume. */
#include "tests/driver_unit/question.h"
#include "tests/support/cmocka_all.h"

#include "engine/base/endian.h"

static const uint32_t disk_number = 0x10005;

static const struct answer *ask(const VD_VOLUME *volume, uint32_t code, const void *input,
                                size_t input_bytes)
{
    static struct answer answer;

    assert_true(question_ask(volume, code, input, input_bytes, QUESTION_ANSWER_BYTES, &answer));
    return &answer;
}

/* A partition's number, or none. */
static uint32_t told_number(const VD_VOLUME *volume)
{
    return volume->Window.style == VIRTUALDISK_STYLE_NONE ? UINT32_MAX : volume->Window.number;
}

static void check_device_number(const VD_VOLUME *volume)
{
    const uint32_t type = volume->Optical ? 2 : 7;
    const unsigned char *told = ask(volume, VD_IOCTL_STORAGE_GET_DEVICE_NUMBER, NULL, 0)->bytes;

    assert_int_equal(vdisk_load_le32(told), type);
    assert_int_equal(vdisk_load_le32(told + 4), disk_number);
    assert_int_equal(vdisk_load_le32(told + 8), told_number(volume));
    told = ask(volume, VD_IOCTL_STORAGE_GET_DEVICE_NUMBER_EX, NULL, 0)->bytes;
    assert_int_equal(vdisk_load_le32(told), 40);
    assert_int_equal(vdisk_load_le32(told + 4), 40);
    assert_int_equal(vdisk_load_le32(told + 12), type);
    assert_int_equal(vdisk_load_le32(told + 16), disk_number);
    assert_memory_equal(told + 20, volume->DiskIdentity, VD_IDENTITY_BYTES);
    assert_int_equal(vdisk_load_le32(told + 36), told_number(volume));
}

static void check_old_partition(const VD_VOLUME *volume, const unsigned char *told)
{
    assert_int_equal(vdisk_load_le64(told), volume->Window.offset_bytes);
    assert_int_equal(vdisk_load_le64(told + 8), volume->SizeBytes);
    assert_int_equal(vdisk_load_le32(told + 16),
                     volume->Window.offset_bytes / volume->LogicalSectorBytes);
    assert_int_equal(vdisk_load_le32(told + 20), volume->Window.number);
    assert_int_equal(told[24], volume->Window.number == 0 ? 0x06 : 0x0c);
    assert_int_equal(told[25], volume->Window.number != 0); /* active */
    assert_int_equal(told[26], 1);
    assert_int_equal(told[27], 0);
}

static void check_mbr(const VD_VOLUME *volume)
{
    const struct answer *answer = ask(volume, VD_IOCTL_DISK_GET_PARTITION_INFO, NULL, 0);

    assert_int_equal(answer->status, VD_STATUS_SUCCESS);
    check_old_partition(volume, answer->bytes);
    answer = ask(volume, VD_IOCTL_DISK_GET_DRIVE_LAYOUT, NULL, 0);
    assert_int_equal(vdisk_load_le32(answer->bytes), 1);
    assert_int_equal(vdisk_load_le32(answer->bytes + 4), volume->Window.mbr_signature);
    check_old_partition(volume, answer->bytes + 8);
    answer = ask(volume, VD_IOCTL_DISK_GET_PARTITION_INFO_EX, NULL, 0);
    assert_int_equal(vdisk_load_le32(answer->bytes), 0);
    assert_int_equal(answer->bytes[32], volume->Window.number == 0 ? 0x06 : 0x0c);
    assert_int_equal(answer->bytes[33], volume->Window.number != 0);
    assert_int_equal(answer->bytes[34], 1);
    assert_int_equal(vdisk_load_le32(answer->bytes + 36),
                     volume->Window.offset_bytes / volume->LogicalSectorBytes);
}

static void check_gpt(const VD_VOLUME *volume)
{
    const struct virtualdisk_window *window = &volume->Window;
    const struct answer *answer = ask(volume, VD_IOCTL_DISK_GET_PARTITION_INFO, NULL, 0);

    assert_int_equal(answer->status, VD_STATUS_INVALID_DEVICE_REQUEST);
    answer = ask(volume, VD_IOCTL_DISK_GET_PARTITION_INFO_EX, NULL, 0);
    assert_int_equal(vdisk_load_le32(answer->bytes), 1);
    assert_memory_equal(answer->bytes + 32, window->gpt_type, 16);
    assert_memory_equal(answer->bytes + 48, window->gpt_id, 16);
    assert_int_equal(vdisk_load_le64(answer->bytes + 64), window->gpt_attributes);
    assert_memory_equal(answer->bytes + 72, window->gpt_name, sizeof window->gpt_name);
    answer = ask(volume, VD_IOCTL_DISK_GET_DRIVE_LAYOUT_EX, NULL, 0);
    assert_memory_equal(answer->bytes + 8, window->disk_id, 16);
    assert_int_equal(vdisk_load_le64(answer->bytes + 24), window->offset_bytes);
    assert_int_equal(vdisk_load_le64(answer->bytes + 32), volume->SizeBytes);
    assert_int_equal(vdisk_load_le32(answer->bytes + 40), 128);
}

/* The same place and number whatever the style, and in the layout what is in the information. */
static void check_partition_ex(const VD_VOLUME *volume)
{
    const struct answer *answer = ask(volume, VD_IOCTL_DISK_GET_PARTITION_INFO_EX, NULL, 0);
    unsigned char told[144];

    memcpy(told, answer->bytes, sizeof told);
    assert_int_equal(vdisk_load_le64(told + 8), volume->Window.offset_bytes);
    assert_int_equal(vdisk_load_le64(told + 16), volume->SizeBytes);
    assert_int_equal(vdisk_load_le32(told + 24), volume->Window.number);
    answer = ask(volume, VD_IOCTL_DISK_GET_DRIVE_LAYOUT_EX, NULL, 0);
    assert_int_equal(vdisk_load_le32(answer->bytes), vdisk_load_le32(told));
    assert_int_equal(vdisk_load_le32(answer->bytes + 4), 1);
    assert_memory_equal(answer->bytes + 48, told, sizeof told);
}

static void check_extents(const VD_VOLUME *volume)
{
    const struct answer *answer = ask(volume, VD_IOCTL_VOLUME_GET_VOLUME_DISK_EXTENTS, NULL, 0);

    assert_int_equal(vdisk_load_le32(answer->bytes), 1);
    assert_int_equal(vdisk_load_le32(answer->bytes + 8), disk_number);
    assert_int_equal(vdisk_load_le64(answer->bytes + 16), volume->Window.offset_bytes);
    assert_int_equal(vdisk_load_le64(answer->bytes + 24), volume->SizeBytes);
    answer = ask(volume, VD_IOCTL_VOLUME_IS_PARTITION, NULL, 0);
    assert_int_equal(answer->status, volume->Window.style == VIRTUALDISK_STYLE_NONE
                                         ? VD_STATUS_UNSUCCESSFUL
                                         : VD_STATUS_SUCCESS);
    answer = ask(volume, VD_IOCTL_VOLUME_QUERY_VOLUME_NUMBER, NULL, 0);
    assert_int_equal(vdisk_load_le32(answer->bytes), volume->Number);
    assert_memory_equal(answer->bytes + 4, u"VIRTDISK", 16);
}

/* There and back, at both ends; nothing beyond them. */
static void check_offsets(const VD_VOLUME *volume)
{
    const uint64_t offsets[] = {0, 512, volume->SizeBytes - 1};
    const uint64_t outside[] = {volume->SizeBytes, UINT64_MAX, 1ull << 63};
    unsigned char logical[8], physical[16];

    for (size_t i = 0; i < 3; i++) {
        const struct answer *answer;

        vdisk_store_le64(logical, offsets[i]);
        answer = ask(volume, VD_IOCTL_VOLUME_LOGICAL_TO_PHYSICAL, logical, sizeof logical);
        assert_int_equal(answer->status, VD_STATUS_SUCCESS);
        assert_int_equal(vdisk_load_le32(answer->bytes), 1);
        assert_int_equal(vdisk_load_le32(answer->bytes + 8), disk_number);
        assert_int_equal(vdisk_load_le64(answer->bytes + 16),
                         volume->Window.offset_bytes + offsets[i]);
        memcpy(physical, answer->bytes + 8, sizeof physical);
        answer = ask(volume, VD_IOCTL_VOLUME_PHYSICAL_TO_LOGICAL, physical, sizeof physical);
        assert_int_equal(answer->status, VD_STATUS_SUCCESS);
        assert_int_equal(vdisk_load_le64(answer->bytes), offsets[i]);
        physical[0] ^= 1; /* another disk */
        answer = ask(volume, VD_IOCTL_VOLUME_PHYSICAL_TO_LOGICAL, physical, sizeof physical);
        assert_int_equal(answer->status, VD_STATUS_INVALID_PARAMETER);
        vdisk_store_le64(logical, outside[i]);
        answer = ask(volume, VD_IOCTL_VOLUME_LOGICAL_TO_PHYSICAL, logical, sizeof logical);
        assert_int_equal(answer->status, VD_STATUS_INVALID_PARAMETER);
        vdisk_store_le32(physical, disk_number);
        vdisk_store_le64(physical + 8, volume->Window.offset_bytes + outside[i]);
        answer = ask(volume, VD_IOCTL_VOLUME_PHYSICAL_TO_LOGICAL, physical, sizeof physical);
        assert_int_equal(answer->status, VD_STATUS_INVALID_PARAMETER);
    }
}

static void test_one_story(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < VOLUME_KINDS; kind++) {
        const VD_VOLUME volume = question_volume(kind);

        check_device_number(&volume);
        check_partition_ex(&volume);
        if (kind == VOLUME_GPT)
            check_gpt(&volume);
        else
            check_mbr(&volume);
        if (kind != VOLUME_CD) {
            check_extents(&volume);
            check_offsets(&volume);
        }
    }
}

/* The type of an MBR's partition may be "set", to nobody's harm; nothing of a GPT. */
static void test_set(void **state)
{
    const VD_VOLUME mbr = question_volume(VOLUME_MBR), gpt = question_volume(VOLUME_GPT);
    unsigned char set[120] = {0};

    (void)state;
    set[8] = 0x07;
    assert_int_equal(ask(&mbr, VD_IOCTL_DISK_SET_PARTITION_INFO, set + 8, 1)->status,
                     VD_STATUS_SUCCESS);
    assert_int_equal(ask(&mbr, VD_IOCTL_DISK_SET_PARTITION_INFO_EX, set, sizeof set)->status,
                     VD_STATUS_SUCCESS);
    check_mbr(&mbr);
    assert_int_equal(ask(&gpt, VD_IOCTL_DISK_SET_PARTITION_INFO, set + 8, 1)->status,
                     VD_STATUS_INVALID_DEVICE_REQUEST);
    assert_int_equal(ask(&gpt, VD_IOCTL_DISK_SET_PARTITION_INFO_EX, set, sizeof set)->status,
                     VD_STATUS_INVALID_PARAMETER);
    set[0] = 1; /* GPT */
    assert_int_equal(ask(&gpt, VD_IOCTL_DISK_SET_PARTITION_INFO_EX, set, sizeof set)->status,
                     VD_STATUS_INVALID_DEVICE_REQUEST);
    assert_int_equal(ask(&mbr, VD_IOCTL_DISK_SET_PARTITION_INFO_EX, set, sizeof set)->status,
                     VD_STATUS_INVALID_PARAMETER);
}

static void test_attributes(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < VOLUME_KINDS; kind++) {
        VD_VOLUME volume = question_volume(kind);
        const uint64_t own = volume.Window.gpt_attributes;

        volume.ReadOnly = false;
        assert_int_equal(
            vdisk_load_le64(ask(&volume, VD_IOCTL_VOLUME_GET_GPT_ATTRIBUTES, NULL, 0)->bytes), own);
        volume.Flags = VIRTUALDISK_FLAG_NO_LETTER;
        volume.ReadOnly = true;
        assert_int_equal(
            vdisk_load_le64(ask(&volume, VD_IOCTL_VOLUME_GET_GPT_ATTRIBUTES, NULL, 0)->bytes),
            own | 0x9000000000000000ull);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_story),
        cmocka_unit_test(test_set),
        cmocka_unit_test(test_attributes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
