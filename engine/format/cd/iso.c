#include "engine/base/endian.h"
#include "engine/format/cd/cd_format.h"
#include "engine/format/cd/cd_track.h"

#define ANCHOR_TAG       2u
#define ANCHOR_SECTOR    256u
#define TAG_BYTES        16u
#define BOOT_SECTOR      512u /* the unit of boot records, also on a CD */
#define PLACE_SECTOR     64u  /* where the volume descriptors begin, in these */
#define MBR_ENTRIES_AT   446u
#define MBR_ENTRY_BYTES  16u
#define MBR_ENTRIES      4u
#define MBR_PROTECTIVE   0xeeu
#define GPT_ENTRIES_AT   1024u
#define GPT_ENTRY_BYTES  128u
#define GPT_ENTRIES_HEAD ((VDISK_PROBE_BYTES - GPT_ENTRIES_AT) / GPT_ENTRY_BYTES)

/*
 * What may bear the marks of a CD and be a disk. A hard disk or stick that once held the image of
 * a CD and was partitioned since has the marks still, before its first partition; and a volume may
 * store a piece of such an image as the contents of a file, just there. A hybrid, on the other
 * hand, is a CD with a boot record, and stays one: its partitions lie in the CD's volume, or begin
 * before it.
 *
 * That a raw disk may become a CD by what its guest writes is not guarded against (is_view): it
 * would be read-only the next time it is opened by probing, and would show the same bytes as
 * before, and none of any other file. To refuse the write instead would hit guests who have done
 * nothing wrong: those who copy the image of a CD to the raw disk as if it were a stick.
 */
struct boot_record {
    uint64_t volume_bytes; /* of the CD, as its descriptor says; UINT64_MAX: does not say */
    uint32_t count;        /* partitions */
    bool covers;           /* one of them holds the place of the volume descriptors */
    bool within;           /* all end where the CD's volume does, at the latest */
};

static void add_partition(struct boot_record *record, uint64_t first_sector, uint64_t end_sector)
{
    uint64_t end_bytes;

    record->count++;
    if (first_sector <= PLACE_SECTOR && end_sector > PLACE_SECTOR)
        record->covers = true;
    if (!vdisk_mul_u64(end_sector, BOOT_SECTOR, &end_bytes) || end_bytes > record->volume_bytes)
        record->within = false;
}

static void read_gpt(const unsigned char *head, struct boot_record *record)
{
    for (uint32_t i = 0; i < GPT_ENTRIES_HEAD; i++) {
        const unsigned char *entry = head + GPT_ENTRIES_AT + (size_t)i * GPT_ENTRY_BYTES;
        const uint64_t last = vdisk_load_le64(entry + 40);

        if (vdisk_load_le64(entry) == 0 && vdisk_load_le64(entry + 8) == 0)
            continue;
        add_partition(record, vdisk_load_le64(entry + 32), last == UINT64_MAX ? last : last + 1);
    }
}

static void read_mbr(const unsigned char *head, struct boot_record *record)
{
    for (uint32_t i = 0; i < MBR_ENTRIES; i++) {
        const unsigned char *entry = head + MBR_ENTRIES_AT + (size_t)i * MBR_ENTRY_BYTES;
        const uint64_t first = vdisk_load_le32(entry + 8);
        const uint64_t count = vdisk_load_le32(entry + 12);

        if (count != 0)
            add_partition(record, first, first + count);
    }
}

/* A table where it usually is: who lays it out in another way is a maker of hybrids. */
static bool has_gpt(const unsigned char *head)
{
    bool protective = false;

    for (uint32_t i = 0; i < MBR_ENTRIES; i++)
        protective |= head[MBR_ENTRIES_AT + i * MBR_ENTRY_BYTES + 4] == MBR_PROTECTIVE;
    return protective && memcmp(head + BOOT_SECTOR, "EFI PART", 8) == 0 &&
           vdisk_load_le64(head + BOOT_SECTOR + 72) == GPT_ENTRIES_AT / BOOT_SECTOR &&
           vdisk_load_le32(head + BOOT_SECTOR + 84) == GPT_ENTRY_BYTES;
}

/* Of FAT, exFAT or NTFS: the disk is one volume. */
static bool is_boot_sector(const unsigned char *head)
{
    const uint32_t sector_bytes = vdisk_load_le16(head + 11);

    if (head[0] != 0xeb && head[0] != 0xe9)
        return false;
    if (memcmp(head + 3, "NTFS    ", 8) == 0 || memcmp(head + 3, "EXFAT   ", 8) == 0)
        return true;
    return vdisk_is_power_of_two(sector_bytes) && sector_bytes >= 512 && sector_bytes <= 4096 &&
           vdisk_is_power_of_two(head[13]) && vdisk_load_le16(head + 14) != 0 && head[16] >= 1 &&
           head[16] <= 2 && head[21] >= 0xf0;
}

static bool is_disk(const struct vdisk_probe *probe, uint64_t volume_bytes)
{
    struct boot_record record = {.volume_bytes = volume_bytes, .within = true};

    if (probe->head[510] != 0x55 || probe->head[511] != 0xaa)
        return false;
    if (is_boot_sector(probe->head))
        return true;
    if (has_gpt(probe->head))
        read_gpt(probe->head, &record);
    else
        read_mbr(probe->head, &record);
    return record.count != 0 && !record.covers && !record.within;
}

static bool has_identifier(const struct vdisk_probe *probe, uint32_t index, const char *identifier)
{
    return memcmp(probe->recognition + (size_t)index * CD_SECTOR_BYTES + 1, identifier,
                  strlen(identifier)) == 0;
}

/* UDF is on hard disks, too, whose sectors put the anchor elsewhere: on a CD it is here. */
static bool has_anchor(const struct vdisk_probe *probe)
{
    unsigned char sum = 0;

    for (uint32_t i = 0; i < TAG_BYTES; i++)
        sum = (unsigned char)(sum + (i == 4 ? 0 : probe->anchor[i]));
    return vdisk_load_le16(probe->anchor) == ANCHOR_TAG && probe->anchor[4] == sum &&
           vdisk_load_le32(probe->anchor + 12) == ANCHOR_SECTOR;
}

/* ECMA-119 counts blocks, which may be smaller than sectors. */
static uint64_t volume_bytes(const struct vdisk_probe *probe)
{
    return (uint64_t)vdisk_load_le32(probe->recognition + 80) *
           vdisk_load_le16(probe->recognition + 128);
}

static bool iso_probe(const struct vdisk_probe *probe)
{
    if (has_identifier(probe, 0, "CD001"))
        return !is_disk(probe, volume_bytes(probe));
    return has_identifier(probe, 0, "BEA01") &&
           (has_identifier(probe, 1, "NSR0") || has_identifier(probe, 2, "NSR0")) &&
           has_anchor(probe) && !is_disk(probe, UINT64_MAX);
}

/* Whoever names the format may have any file: discs need not bear marks that we know. */
static enum vdisk_status iso_open(struct vdisk_image *image,
                                  const struct vdisk_open_options *options,
                                  struct vdisk_error *error)
{
    struct cd_layout layout;
    uint64_t size;
    enum vdisk_status status = vdisk_file_get_size(image->file, &size, error);

    (void)options;
    if (status == VDISK_OK && size == 0)
        return vdisk_image_fail(image, error, VDISK_INVALID, "CD", VDISK_NO_OFFSET,
                                "the file is empty");
    cd_layout_find(CD_MODE1, CD_SECTOR_BYTES, &layout);
    if (status == VDISK_OK)
        status = cd_track_begin(image, &layout, error);
    if (status == VDISK_OK)
        status = cd_track_append(image, image->file, 0, CD_TO_END, error);
    return status;
}

const struct vdisk_format vdisk_format_iso = {
    .name = "iso",
    .description = "a CD or DVD, ISO 9660 or UDF",
    .is_view = true,
    .probe = iso_probe,
    .open = iso_open,
    CD_TRACK_OPS,
};
