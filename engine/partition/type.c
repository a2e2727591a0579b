/* What the types of partitions are called, and which of them hold a user's data. */
#include "virtualdisk/partition.h"
#include "engine/base/guid.h"
#include "engine/base/utf16.h"

static const struct {
    uint8_t type;
    bool data;
    const char *name;
} mbr_types[] = {
    {0x01, true, "FAT12"},           {0x04, true, "FAT16"},
    {0x06, true, "FAT16"},           {0x07, true, "NTFS or exFAT"},
    {0x0b, true, "FAT32"},           {0x0c, true, "FAT32"},
    {0x0e, true, "FAT16"},           {0x11, true, "hidden FAT12"},
    {0x14, true, "hidden FAT16"},    {0x16, true, "hidden FAT16"},
    {0x17, true, "hidden NTFS"},     {0x1b, true, "hidden FAT32"},
    {0x1c, true, "hidden FAT32"},    {0x27, false, "Windows recovery"},
    {0x42, false, "dynamic disk"},   {0x82, false, "Linux swap"},
    {0x83, true, "Linux"},           {0x8e, true, "Linux LVM"},
    {0xa5, true, "FreeBSD"},         {0xaf, true, "Apple HFS+"},
    {0xee, false, "GPT protective"}, {0xef, false, "EFI system"},
    {0xfd, true, "Linux RAID"},
};

/* The GUIDs' bytes as they are on the disk: the first three fields are little-endian. */
static const struct {
    uint8_t type[VDISK_PARTITION_GUID_BYTES];
    bool data;
    const char *name;
} gpt_types[] = {
    {{0xa2, 0xa0, 0xd0, 0xeb, 0xe5, 0xb9, 0x33, 0x44, 0x87, 0xc0, 0x68, 0xb6, 0xb7, 0x26, 0x99,
      0xc7},
     true,
     "basic data"},
    {{0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11, 0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9,
      0x3b},
     false,
     "EFI system"},
    {{0x16, 0xe3, 0xc9, 0xe3, 0x5c, 0x0b, 0xb8, 0x4d, 0x81, 0x7d, 0xf9, 0x2d, 0xf0, 0x02, 0x15,
      0xae},
     false,
     "Microsoft reserved"},
    {{0xa4, 0xbb, 0x94, 0xde, 0xd1, 0x06, 0x40, 0x4d, 0xa1, 0x6a, 0xbf, 0xd5, 0x01, 0x79, 0xd6,
      0xac},
     false,
     "Windows recovery"},
    {{0xaa, 0xc8, 0x08, 0x58, 0x8f, 0x7e, 0xe0, 0x42, 0x85, 0xd2, 0xe1, 0xe9, 0x04, 0x34, 0xcf,
      0xb3},
     false,
     "dynamic disk metadata"},
    {{0xa0, 0x60, 0x9b, 0xaf, 0x31, 0x14, 0x62, 0x4f, 0xbc, 0x68, 0x33, 0x11, 0x71, 0x4a, 0x69,
      0xad},
     true,
     "dynamic disk data"},
    {{0xaf, 0x3d, 0xc6, 0x0f, 0x83, 0x84, 0x72, 0x47, 0x8e, 0x79, 0x3d, 0x69, 0xd8, 0x47, 0x7d,
      0xe4},
     true,
     "Linux"},
    {{0x6d, 0xfd, 0x57, 0x06, 0xab, 0xa4, 0xc4, 0x43, 0x84, 0xe5, 0x09, 0x33, 0xc8, 0x4b, 0x4f,
      0x4f},
     false,
     "Linux swap"},
    {{0x79, 0xd3, 0xd6, 0xe6, 0x07, 0xf5, 0xc2, 0x44, 0xa2, 0x3c, 0x23, 0x8f, 0x2a, 0x3d, 0xf9,
      0x28},
     true,
     "Linux LVM"},
    {{0x48, 0x61, 0x68, 0x21, 0x49, 0x64, 0x6f, 0x6e, 0x74, 0x4e, 0x65, 0x65, 0x64, 0x45, 0x46,
      0x49},
     false,
     "BIOS boot"},
    {{0x00, 0x53, 0x46, 0x48, 0x00, 0x00, 0xaa, 0x11, 0xaa, 0x11, 0x00, 0x30, 0x65, 0x43, 0xec,
      0xac},
     true,
     "Apple HFS+"},
};

/* What is known of a type; false: nothing. */
static bool look_up(const struct vdisk_partition_table *table,
                    const struct vdisk_partition *partition, const char **name, bool *data)
{
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
    for (size_t i = 0; i < sizeof gpt_types / sizeof gpt_types[0]; i++) {
        if (memcmp(gpt_types[i].type, partition->gpt_type, VDISK_PARTITION_GUID_BYTES) != 0)
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
    uint16_t units[VDISK_PARTITION_NAME_UNITS];
    size_t count = 0;

    while (count < VDISK_PARTITION_NAME_UNITS && partition->gpt_name[count] != 0) {
        const uint16_t unit = partition->gpt_name[count];

        units[count++] = unit < 0x20 || unit == 0x7f ? '?' : unit;
    }
    if (!vdisk_utf16_to_utf8(units, count, VDISK_UTF16_LE, text, VDISK_PARTITION_TEXT_BYTES))
        text[0] = '\0';
}
