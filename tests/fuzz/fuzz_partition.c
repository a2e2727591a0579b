/*
 * Partition tables and what lies in the partitions. Whatever the bytes are: every partition that is
 * told lies on the disk, is not empty and shares nothing with the others; labels are text.
 *
 * The first byte chooses the size of the sectors, the rest is the disk, which is larger by zeros,
 * so that a short input can speak of far places.
 */
#include "engine/base/checked.h"
#include "engine/base/crc32.h"
#include "engine/base/endian.h"
#include "virtualdisk/content.h"
#include "virtualdisk/layer.h"
#include "virtualdisk/partition.h"

#include <stdlib.h>

#define DISK_BYTES      (UINT64_C(64) << 20)
#define ARRAY_BYTES_MAX 65536u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length_bytes);

static void require(bool promise)
{
    if (!promise)
        abort();
}

static void examine_content(struct vdisk_disk *disk)
{
    struct vdisk_content content;

    require(vdisk_content_recognize(disk, &content, NULL) == VDISK_OK);
    for (size_t i = 0; i < strlen(content.label); i++)
        require((unsigned char)content.label[i] >= 0x20 && content.label[i] != 0x7f);
}

static void examine_partition(struct vdisk_disk *disk, const struct vdisk_partition_table *table,
                              uint32_t index)
{
    const struct vdisk_partition *partition = &table->partitions[index];
    char name[VDISK_PARTITION_TEXT_BYTES];
    struct vdisk_disk *window;

    for (uint32_t i = 0; i < index; i++)
        require(!vdisk_ranges_overlap(partition->offset_bytes, partition->size_bytes,
                                      table->partitions[i].offset_bytes,
                                      table->partitions[i].size_bytes));
    require(vdisk_window_open(disk, partition->offset_bytes, partition->size_bytes, &window,
                              NULL) == VDISK_OK);
    vdisk_partition_name(partition, name);
    (void)vdisk_partition_type_name(table, partition);
    if (index < 8)
        examine_content(window);
    vdisk_disk_close(window, NULL);
}

/* Of the array as far as it is short, and of the header. */
static void mend_checksums(struct vdisk_disk *disk)
{
    const uint32_t sector = disk->logical_sector_bytes;
    unsigned char *header = vdisk_alloc(sector);
    unsigned char *array = vdisk_alloc(ARRAY_BYTES_MAX);
    uint64_t place, bytes;

    require(header != NULL && array != NULL);
    require(vdisk_disk_read(disk, sector, header, sector, NULL) == VDISK_OK);
    place = vdisk_load_le64(header + 72) % (DISK_BYTES / sector) * sector;
    bytes = (uint64_t)vdisk_load_le32(header + 80) * vdisk_load_le32(header + 84);
    if (bytes <= ARRAY_BYTES_MAX && vdisk_range_within(place, ARRAY_BYTES_MAX, DISK_BYTES)) {
        require(vdisk_disk_read(disk, place, array, ARRAY_BYTES_MAX, NULL) == VDISK_OK);
        vdisk_store_le32(header + 88, vdisk_crc32(0, array, (size_t)bytes));
    }
    vdisk_store_le32(header + 16, 0);
    vdisk_store_le32(header + 16, vdisk_crc32(0, header, vdisk_load_le32(header + 12) % 513));
    require(vdisk_disk_write(disk, sector, header, sector, NULL) == VDISK_OK);
    vdisk_free(array);
    vdisk_free(header);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length_bytes)
{
    static const uint32_t sectors[] = {512, 4096};
    const struct vdisk_memory_options options = {.size_bytes = DISK_BYTES,
                                                 .logical_sector_bytes =
                                                     sectors[length_bytes == 0 ? 0 : data[0] % 2],
                                                 .limit_bytes = UINT64_MAX};
    struct vdisk_partition_table table;
    struct vdisk_disk *disk;

    require(vdisk_memory_open(&options, &disk, NULL) == VDISK_OK);
    for (size_t at = 1; at + 512 <= length_bytes; at += 512)
        require(vdisk_disk_write(disk, at - 1, data + at, 512, NULL) == VDISK_OK);
    if (length_bytes != 0 && (data[0] & 2) != 0)
        mend_checksums(disk);
    examine_content(disk);
    if (vdisk_partitions_read(disk, &table, NULL) == VDISK_OK) {
        for (uint32_t i = 0; i < table.count; i++)
            examine_partition(disk, &table, i);
        vdisk_partitions_free(&table);
    }
    vdisk_disk_close(disk, NULL);
    return 0;
}
