#include "contents.h"

#include "output.h"
#include "size.h"
#include "virtualdisk/content.h"
#include "virtualdisk/layer.h"
#include "virtualdisk/partition.h"
#include "virtualdisk/platform.h"

/* What a partition, or the whole disk (NULL), holds. Not readable: not recognised. */
static void recognize(struct vdisk_disk *disk, const struct vdisk_partition *partition,
                      struct vdisk_content *content)
{
    struct vdisk_disk *window = disk;
    *content = (struct vdisk_content){0};
    if (partition != NULL && vdisk_window_open(disk, partition->offset_bytes, partition->size_bytes,
                                               &window, NULL) != VDISK_OK)
        return;
    if (vdisk_content_recognize(window, content, NULL) != VDISK_OK)
        *content = (struct vdisk_content){0};
    if (window != disk)
        vdisk_disk_close(window, NULL);
}

static const char *content_name(const struct vdisk_content *content)
{
    return content->name != NULL ? content->name : content->empty ? "empty" : "unknown";
}

static const char *type_name(const struct vdisk_partition_table *table,
                             const struct vdisk_partition *partition)
{
    const char *name = vdisk_partition_type_name(table, partition);
    return name == NULL ? "unknown" : name;
}

static void print_partition(struct vdisk_disk *disk, const struct vdisk_partition_table *table,
                            const struct vdisk_partition *partition)
{
    char start[VDISK_SIZE_TEXT_BYTES], size[VDISK_SIZE_TEXT_BYTES];
    char name[VDISK_PARTITION_TEXT_BYTES];
    struct vdisk_content content;
    recognize(disk, partition, &content);
    vdisk_partition_name(partition, name);
    const char *label = content.label[0] != '\0' ? content.label : name;
    vdisk_output_text("  %-3" PRIu32 "  %-10s  %-10s  %-20s  %s%s%s\n", partition->number,
                      vdisk_size_text(partition->offset_bytes, start),
                      vdisk_size_text(partition->size_bytes, size), type_name(table, partition),
                      content_name(&content), label[0] == '\0' ? "" : "  ", label);
}

static void print_table(struct vdisk_disk *disk, const struct vdisk_partition_table *table)
{
    char id[VDISK_PARTITION_TEXT_BYTES];
    if (table->style == VDISK_PARTITION_GPT) {
        vdisk_partition_id_text(table->disk_id, id);
        vdisk_output_text("%-14s GPT, %s\n", "Partitions:", id);
    } else {
        vdisk_output_text("%-14s MBR, %08" PRIx32 "\n", "Partitions:", table->mbr_signature);
    }
    if (table->note != NULL)
        vdisk_output_text("%-14s %s\n", "Note:", table->note);
    vdisk_output_text("  NO   START       SIZE        TYPE                  CONTENT\n");
    for (uint32_t i = 0; i < table->count; i++)
        print_partition(disk, table, &table->partitions[i]);
}

static void print_whole(struct vdisk_disk *disk)
{
    struct vdisk_content content;
    recognize(disk, NULL, &content);
    if (content.name == NULL)
        return;
    vdisk_output_text("%-14s %s%s%s\n", "Holds:", content.name,
                      content.label[0] == '\0' ? "" : ", ", content.label);
}

void vdisk_contents_print(struct vdisk_disk *disk)
{
    struct vdisk_partition_table table;
    struct vdisk_error error;
    enum vdisk_status status = vdisk_partitions_read(disk, &table, &error);
    if (status == VDISK_CORRUPT || status == VDISK_UNSUPPORTED)
        vdisk_output_text("%-14s %s: %s\n", "Partitions:", error.structure, error.reason);
    if (status != VDISK_OK)
        return;
    if (table.style == VDISK_PARTITION_NONE)
        print_whole(disk);
    else
        print_table(disk, &table);
    vdisk_partitions_free(&table);
}

static void json_content(struct vdisk_json *json, const struct vdisk_content *content)
{
    vdisk_json_string(json, "content", content_name(content));
    if (content->label[0] != '\0')
        vdisk_json_string(json, "label", content->label);
}

static void json_partition(struct vdisk_disk *disk, const struct vdisk_partition_table *table,
                           const struct vdisk_partition *partition, struct vdisk_json *json)
{
    char text[VDISK_PARTITION_TEXT_BYTES];
    struct vdisk_content content;
    recognize(disk, partition, &content);
    vdisk_json_begin_object(json, NULL);
    vdisk_json_number(json, "number", partition->number);
    vdisk_json_number(json, "start", partition->offset_bytes);
    vdisk_json_number(json, "length", partition->size_bytes);
    vdisk_json_string(json, "type", vdisk_partition_type_name(table, partition));
    if (table->style == VDISK_PARTITION_GPT) {
        vdisk_partition_id_text(partition->gpt_type, text);
        vdisk_json_string(json, "type-id", text);
        vdisk_partition_id_text(partition->gpt_id, text);
        vdisk_json_string(json, "id", text);
        vdisk_partition_name(partition, text);
        vdisk_json_string(json, "name", text);
    } else {
        vdisk_json_number(json, "type-id", partition->mbr_type);
        vdisk_json_bool(json, "active", partition->mbr_active);
    }
    json_content(json, &content);
    vdisk_json_end_object(json);
}

static void json_table(struct vdisk_disk *disk, const struct vdisk_partition_table *table,
                       struct vdisk_json *json)
{
    char id[VDISK_PARTITION_TEXT_BYTES];
    bool gpt = table->style == VDISK_PARTITION_GPT;
    vdisk_json_begin_object(json, "partition-table");
    vdisk_json_string(json, "style", gpt ? "gpt" : "mbr");
    vdisk_partition_id_text(table->disk_id, id);
    if (gpt)
        vdisk_json_string(json, "id", id);
    else
        vdisk_json_number(json, "signature", table->mbr_signature);
    if (table->note != NULL)
        vdisk_json_string(json, "note", table->note);
    vdisk_json_begin_array(json, "partitions");
    for (uint32_t i = 0; i < table->count; i++)
        json_partition(disk, table, &table->partitions[i], json);
    vdisk_json_end_array(json);
    vdisk_json_end_object(json);
}

void vdisk_contents_print_json(struct vdisk_disk *disk, struct vdisk_json *json)
{
    struct vdisk_partition_table table;
    struct vdisk_content content;
    if (vdisk_partitions_read(disk, &table, NULL) != VDISK_OK)
        return;
    if (table.style == VDISK_PARTITION_NONE) {
        recognize(disk, NULL, &content);
        if (content.name != NULL)
            json_content(json, &content);
    } else {
        json_table(disk, &table, json);
    }
    vdisk_partitions_free(&table);
}
