/* What the types of partitions are called, and which of them hold a user's data. */
#include "virtualdisk/partition.h"
#include "engine/base/guid.h"
#include "engine/partition/label.h"

static const struct {
    uint8_t type;
    bool data;
    const char *name;
} mbr_types[] = {
    {0x01, true, "FAT12"},
    {0x04, true, "FAT16"},
    {0x06, true, "FAT16"},
    {0x07, true, "NTFS or exFAT"},
    {0x0b, true, "FAT32"},
    {0x0c, true, "FAT32"},
    {0x0e, true, "FAT16"},
    {0x11, true, "hidden FAT12"},
    {0x14, true, "hidden FAT16"},
    {0x16, true, "hidden FAT16"},
    {0x17, true, "hidden NTFS"},
    {0x1b, true, "hidden FAT32"},
    {0x1c, true, "hidden FAT32"},
    {0x27, false, "Windows recovery"},
    {0x42, false, "dynamic disk"},
    {0x82, false, "Linux swap"},
    {0x83, true, "Linux filesystem"},
    {0x8e, true, "Linux LVM"},
    {0xa5, true, "FreeBSD"},
    {0xa8, true, "Apple UFS"},
    {0xaf, true, "Apple HFS+"},
    {0xee, false, "GPT protective"},
    {0xef, false, "EFI system"},
    {0xfd, true, "Linux RAID"},
};

static const struct {
    const char *id;
    bool data;
    const char *name;
} gpt_types[] = {
    {"ebd0a0a2-b9e5-4433-87c0-68b6b72699c7", true, "Microsoft basic data"},
    {"c12a7328-f81f-11d2-ba4b-00a0c93ec93b", false, "EFI system"},
    {"e3c9e316-0b5c-4db8-817d-f92df00215ae", false, "Microsoft reserved"},
    {"de94bba4-06d1-4d40-a16a-bfd50179d6ac", false, "Windows recovery"},
    {"5808c8aa-7e8f-42e0-85d2-e1e90434cfb3", false, "dynamic disk metadata"},
    {"af9b60a0-1431-4f62-bc68-3311714a69ad", true, "dynamic disk data"},
    {"e75caf8f-f680-4cee-afa3-b001e56efc2d", true, "storage space"},
    {"21686148-6449-6e6f-744e-656564454649", false, "BIOS boot"},
    {"0fc63daf-8483-4772-8e79-3d69d8477de4", true, "Linux filesystem"},
    {"0657fd6d-a4ab-43c4-84e5-0933c84b4f4f", false, "Linux swap"},
    {"e6d6d379-f507-44c2-a23c-238f2a3df928", true, "Linux LVM"},
    {"a19d880f-05fc-4d3b-a006-743f0f84911e", true, "Linux RAID"},
    {"ca7d7ccb-63ed-4c53-861c-1742536059cc", true, "Linux LUKS"},
    {"933ac7e1-2eb4-4f13-b844-0e14e2aef915", true, "Linux home"},
    {"4f68bce3-e8cd-4db1-96e7-fbcaf984b709", true, "Linux root (x86-64)"},
    {"44479540-f297-41b2-9af7-d131d5f0458a", true, "Linux root (x86)"},
    {"bc13c2ff-59e6-4262-a352-b275fd6f7172", true, "Linux boot"},
    {"48465300-0000-11aa-aa11-00306543ecac", true, "Apple HFS+"},
    {"7c3457ef-0000-11aa-aa11-00306543ecac", true, "Apple APFS"},
    {"516e7cb6-6ecf-11d6-8ff8-00022d09712b", true, "FreeBSD UFS"},
    {"516e7cb8-6ecf-11d6-8ff8-00022d09712b", true, "FreeBSD vinum"},
    {"516e7cba-6ecf-11d6-8ff8-00022d09712b", true, "FreeBSD ZFS"},
};

/* What is known of a type; false: nothing. */
static bool look_up(const struct vdisk_partition_table *table,
                    const struct vdisk_partition *partition, const char **name, bool *data)
{
    char id[VDISK_GUID_TEXT_BYTES];

    if (table->style == VDISK_PARTITION_MBR) {
        for (size_t i = 0; i < sizeof mbr_types / sizeof mbr_types[0]; i++) {
            if (mbr_types[i].type != partition->mbr_type)
                continue;
            *name = mbr_types[i].name;
            *data = mbr_types[i].data;
            return true;
        }
        return false;
    }
    vdisk_guid_to_text(partition->gpt_type, VDISK_GUID_LE, id);
    for (size_t i = 0; i < sizeof gpt_types / sizeof gpt_types[0]; i++) {
        if (strcmp(gpt_types[i].id, id) != 0)
            continue;
        *name = gpt_types[i].name;
        *data = gpt_types[i].data;
        return true;
    }
    return false;
}

const char *vdisk_partition_type_name(const struct vdisk_partition_table *table,
                                      const struct vdisk_partition *partition)
{
    const char *name;
    bool data;

    return look_up(table, partition, &name, &data) ? name : NULL;
}

bool vdisk_partition_holds_data(const struct vdisk_partition_table *table,
                                const struct vdisk_partition *partition)
{
    const char *name;
    bool data;

    return !look_up(table, partition, &name, &data) || data;
}

void vdisk_partition_id_text(const uint8_t id[VDISK_PARTITION_GUID_BYTES],
                             char text[VDISK_PARTITION_TEXT_BYTES])
{
    vdisk_guid_to_text(id, VDISK_GUID_LE, text);
}

void vdisk_partition_name(const struct vdisk_partition *partition,
                          char text[VDISK_PARTITION_TEXT_BYTES])
{
    vdisk_label_from_utf16(partition->gpt_name, VDISK_PARTITION_NAME_UNITS, text,
                           VDISK_PARTITION_TEXT_BYTES);
}
