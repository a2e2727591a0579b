/*
 * Partition tables and what lies in the partitions. Whatever the bytes are: every partition that is
 * told lies on the disk, is not empty and shares nothing with the others; names and labels are
 * text. A partition that can grow does so, and the others stay as they are.
 *
 * The first byte chooses the size of the sectors, what else is done to the disk, and what grows.
 * The rest is its beginning, and, when that is chosen, its end, too; between them are zeros, so
 * that a short input can speak of far places.
 */
#include "engine/base/checked.h"
#include "engine/base/crc32.h"
#include "engine/base/endian.h"
#include "engine/base/utf16.h"
#include "virtualdisk/content.h"
#include "virtualdisk/layer.h"
#include "virtualdisk/partition.h"

#include <stdlib.h>

#define DISK_BYTES      (UINT64_C(64) << 20)
#define ARRAY_BYTES_MAX 65536u
#define FLAG_MEND       4u /* the checksums of GPT headers are made right */
#define FLAG_END        8u /* the last half of the input is the end of the disk */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length_bytes);

static void require(bool promise)
{
    if (!promise)
        abort();
}

static void require_text(const char *text)
{
    const unsigned char *cursor = (const unsigned char *)text;

    while (*cursor != '\0') {
        uint32_t code;

        require(vdisk_utf8_decode(&cursor, &code));
        require(code >= 0x20 && (code < 0x7f || code >= 0xa0));
    }
}

static void examine_content(struct vdisk_disk *disk)
{
    struct vdisk_content content;

    require(vdisk_content_recognize(disk, &content, NULL) == VDISK_OK);
    require(strlen(content.label) < VDISK_LABEL_BYTES);
    require_text(content.label);
    require(!content.empty || (content.name == NULL && content.label[0] == '\0'));
}

static void examine_partition(struct vdisk_disk *disk, const struct vdisk_partition_table *table,
                              uint32_t index)
{
    const struct vdisk_partition *partition = &table->partitions[index];
    char name[VDISK_PARTITION_TEXT_BYTES];
    struct vdisk_disk *window;

    require(partition->offset_bytes != 0 && partition->size_bytes != 0);
    require(index == 0 || partition->number > table->partitions[index - 1].number);
    require(vdisk_partition_find(table, partition->number) == partition);
    for (uint32_t i = 0; i < index; i++)
        require(!vdisk_ranges_overlap(partition->offset_bytes, partition->size_bytes,
                                      table->partitions[i].offset_bytes,
                                      table->partitions[i].size_bytes));
    require(vdisk_window_open(disk, partition->offset_bytes, partition->size_bytes, &window,
                              NULL) == VDISK_OK);
    vdisk_partition_name(partition, name);
    require_text(name);
    (void)vdisk_partition_type_name(table, partition);
    (void)vdisk_partition_holds_data(table, partition);
    if (index < 8)
        examine_content(window);
    vdisk_disk_close(window, NULL);
}

static void examine_table(struct vdisk_disk *disk)
{
    struct vdisk_partition_table table;
    struct vdisk_error error = {0};
    const enum vdisk_status status = vdisk_partitions_read(disk, &table, &error);

    if (status != VDISK_OK) {
        require(status == VDISK_CORRUPT || status == VDISK_UNSUPPORTED);
        require(error.structure != NULL && error.reason != NULL);
        require(table.partitions == NULL && table.count == 0);
        return;
    }
    require(table.count == 0 || table.style != VDISK_PARTITION_NONE);
    require(table.note_count <= VDISK_PARTITION_NOTES_MAX);
    for (uint32_t i = 0; i < table.note_count; i++)
        require(table.notes[i] != NULL);
    for (uint32_t i = 0; i < table.count; i++)
        examine_partition(disk, &table, i);
    vdisk_partitions_free(&table);
}

static void require_same(const struct vdisk_partition_table *before,
                         const struct vdisk_partition_table *after, uint32_t grown,
                         uint64_t size_bytes)
{
    require(before->style == after->style && before->count == after->count);
    for (uint32_t i = 0; i < before->count; i++) {
        struct vdisk_partition expected = before->partitions[i];

        if (i == grown)
            expected.size_bytes = size_bytes;
        require(memcmp(&expected, &after->partitions[i], sizeof expected) == 0);
    }
}

static void grow_one(struct vdisk_disk *disk, uint32_t which)
{
    struct vdisk_partition_table before, after;
    struct vdisk_error error = {0};
    uint64_t disk_bytes, size_bytes;

    if (vdisk_partitions_read(disk, &before, NULL) != VDISK_OK)
        return;
    if (before.count != 0) {
        const struct vdisk_partition *partition = &before.partitions[which % before.count];

        size_bytes = partition->size_bytes + (uint64_t)(which + 1) * disk->logical_sector_bytes;
        if (vdisk_partition_plan(disk, partition, size_bytes, &disk_bytes, &error) != VDISK_OK) {
            require(error.structure != NULL && error.reason != NULL);
        } else if (disk_bytes <= disk->size_bytes) {
            require(vdisk_partition_grow(disk, partition, size_bytes, NULL) == VDISK_OK);
            require(vdisk_partitions_read(disk, &after, NULL) == VDISK_OK);
            require_same(&before, &after, which % before.count, size_bytes);
            vdisk_partitions_free(&after);
        }
    }
    vdisk_partitions_free(&before);
}

/* Of the array as far as it is short, and of the header. */
static void mend_checksums(struct vdisk_disk *disk, uint64_t header_sector)
{
    const uint32_t sector = disk->logical_sector_bytes;
    unsigned char *header = vdisk_alloc(sector);
    unsigned char *array = vdisk_alloc(ARRAY_BYTES_MAX);
    uint64_t place, bytes;

    require(header != NULL && array != NULL);
    require(vdisk_disk_read(disk, header_sector * sector, header, sector, NULL) == VDISK_OK);
    place = vdisk_load_le64(header + 72) % (DISK_BYTES / sector) * sector;
    bytes = (uint64_t)vdisk_load_le32(header + 80) * vdisk_load_le32(header + 84);
    if (bytes <= ARRAY_BYTES_MAX && place < DISK_BYTES) {
        memset(array, 0, ARRAY_BYTES_MAX);
        require(vdisk_disk_read(disk, place, array,
                                (size_t)vdisk_min_u64(ARRAY_BYTES_MAX, DISK_BYTES - place),
                                NULL) == VDISK_OK);
        vdisk_store_le32(header + 88, vdisk_crc32(0, array, (size_t)bytes));
    }
    vdisk_store_le32(header + 16, 0);
    vdisk_store_le32(header + 16, vdisk_crc32(0, header, vdisk_load_le32(header + 12) % 513));
    require(vdisk_disk_write(disk, header_sector * sector, header, sector, NULL) == VDISK_OK);
    vdisk_free(array);
    vdisk_free(header);
}

static void write_sectors(struct vdisk_disk *disk, uint64_t offset, const uint8_t *data,
                          size_t length_bytes)
{
    length_bytes = (size_t)vdisk_align_down(length_bytes, 512);
    require(vdisk_disk_write(disk, offset, data, length_bytes, NULL) == VDISK_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length_bytes)
{
    static const uint32_t sectors[] = {512, 4096, 2048, 512};
    const unsigned flags = length_bytes == 0 ? 0 : data[0];
    const struct vdisk_memory_options options = {.size_bytes = DISK_BYTES,
                                                 .logical_sector_bytes = sectors[flags % 4],
                                                 .limit_bytes = UINT64_MAX};
    struct vdisk_disk *disk;

    require(vdisk_memory_open(&options, &disk, NULL) == VDISK_OK);
    if (length_bytes != 0) {
        const size_t rest = length_bytes - 1;
        const size_t end = (flags & FLAG_END) == 0 ? 0 : (size_t)vdisk_align_down(rest / 2, 512);

        if (rest > DISK_BYTES)
            abort();
        write_sectors(disk, 0, data + 1, rest - end);
        write_sectors(disk, DISK_BYTES - end, data + length_bytes - end, end);
    }
    if ((flags & FLAG_MEND) != 0) {
        mend_checksums(disk, 1);
        mend_checksums(disk, DISK_BYTES / disk->logical_sector_bytes - 1);
    }
    examine_content(disk);
    examine_table(disk);
    grow_one(disk, flags >> 4);
    vdisk_disk_close(disk, NULL);
    return 0;
}
