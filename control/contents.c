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

/* Blanks after `text`, so that the next column begins `width` letters after its beginning. */
static void pad(const char *text, int width)
{
    for (; *text != '\0'; text++)
        width -= ((unsigned char)*text & 0xc0) != 0x80; /* not in the middle of a letter */
    vdisk_output_text("%*s", width > 0 ? width : 0, "");
}

static void print_cell(const char *text, int width)
{
    text = text[0] == '\0' ? "-" : text;
    vdisk_output_text("%s", text);
    pad(text, width);
    vdisk_output_text("  ");
}

#define TYPE_WIDTH    21
#define CONTENT_WIDTH 10
#define LABEL_WIDTH   16

static void print_partition(struct vdisk_disk *disk, const struct vdisk_partition_table *table,
                            const struct vdisk_partition *partition)
{
    char start[VDISK_SIZE_TEXT_BYTES], size[VDISK_SIZE_TEXT_BYTES];
    char name[VDISK_PARTITION_TEXT_BYTES];
    const char *type = vdisk_partition_type_name(table, partition);
    struct vdisk_content content;
    recognize(disk, partition, &content);
    vdisk_partition_name(partition, name);
    vdisk_output_text("  %-3" PRIu32 "  %-10s  %-10s  ", partition->number,
                      vdisk_size_text(partition->offset_bytes, start),
                      vdisk_size_text(partition->size_bytes, size));
    print_cell(type == NULL ? "unknown" : type, TYPE_WIDTH);
    print_cell(content_name(&content), CONTENT_WIDTH);
    if (table->style == VDISK_PARTITION_GPT) {
        print_cell(content.label, LABEL_WIDTH);
        vdisk_output_text("%s\n", name[0] == '\0' ? "-" : name);
    } else {
        vdisk_output_text("%s\n", content.label[0] == '\0' ? "-" : content.label);
    }
}

static void print_partitions(struct vdisk_disk *disk, const struct vdisk_partition_table *table)
{
    char id[VDISK_PARTITION_TEXT_BYTES];
    bool gpt = table->style == VDISK_PARTITION_GPT;
    if (gpt) {
        vdisk_partition_id_text(table->disk_id, id);
        vdisk_output_text("%-14s GPT, %s\n", "Partitions:", id);
    } else {
        vdisk_output_text("%-14s MBR, %08" PRIx32 "\n", "Partitions:", table->mbr_signature);
    }
    if (table->count == 0)
        return;
    vdisk_output_text("  %-3s  %-10s  %-10s  %-*s  %-*s  ", "NO", "START", "SIZE", TYPE_WIDTH,
                      "TYPE", CONTENT_WIDTH, "CONTENT");
    if (gpt)
        vdisk_output_text("%-*s  NAME\n", LABEL_WIDTH, "LABEL");
    else
        vdisk_output_text("LABEL\n");
    for (uint32_t i = 0; i < table->count; i++)
        print_partition(disk, table, &table->partitions[i]);
}

/* What is on it without partitions. On a disk with some only a CD's file system is meant. */
static bool recognize_whole(struct vdisk_disk *disk, const struct vdisk_partition_table *table,
                            struct vdisk_content *content)
{
    recognize(disk, NULL, content);
    return content->name != NULL && (table->style == VDISK_PARTITION_NONE || content->optical);
}

static void print_whole(struct vdisk_disk *disk, const struct vdisk_partition_table *table)
{
    struct vdisk_content content;
    if (recognize_whole(disk, table, &content))
        vdisk_output_text("%-14s %s%s%s\n", "Holds:", content.name,
                          content.label[0] == '\0' ? "" : ", ", content.label);
}

static const char *table_flaw(const struct vdisk_error *error, char **text)
{
    const char *structure = error->structure == NULL ? "partition table" : error->structure;
    const char *reason = error->reason == NULL ? vdisk_status_text(error->status) : error->reason;
    if (error->offset_bytes == VDISK_NO_OFFSET)
        *text = vdisk_text_format("%s: %s", structure, reason);
    else
        *text = vdisk_text_format("%s at %" PRIu64 ": %s", structure, error->offset_bytes, reason);
    return *text == NULL ? reason : *text;
}

/* Nothing is known of what is in a parent that is not there: that is not odd. */
static bool is_flaw(enum vdisk_status status)
{
    return status != VDISK_OK && status != VDISK_PARENT_MISSING;
}

void vdisk_contents_print(struct vdisk_disk *disk)
{
    struct vdisk_partition_table table;
    struct vdisk_error error;
    char *text = NULL;
    enum vdisk_status status = vdisk_partitions_read(disk, &table, &error);
    if (is_flaw(status))
        vdisk_output_text("%-14s not readable, %s\n", "Partitions:", table_flaw(&error, &text));
    vdisk_free(text);
    if (status != VDISK_OK)
        return;
    print_whole(disk, &table);
    if (table.style != VDISK_PARTITION_NONE)
        print_partitions(disk, &table);
    for (uint32_t i = 0; i < table.note_count; i++)
        vdisk_output_text("%-14s %s\n", i == 0 ? "Notes:" : "", table.notes[i]);
    vdisk_partitions_free(&table);
}

static void json_content(struct vdisk_json *json, const struct vdisk_content *content)
{
    vdisk_json_string(json, "content", content_name(content));
    if (content->label[0] != '\0')
        vdisk_json_string(json, "label", content->label);
}

/* In hexadecimal: readers that take numbers for floating point would lose the flags at the end. */
static void json_attributes(struct vdisk_json *json, uint64_t attributes)
{
    char *text = vdisk_text_format("0x%016" PRIx64, attributes);
    vdisk_json_string(json, "attributes", text);
    vdisk_free(text);
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
        json_attributes(json, partition->gpt_attributes);
        vdisk_partition_name(partition, text);
        vdisk_json_string(json, "name", text);
    } else {
        vdisk_json_number(json, "type-id", partition->mbr_type);
        vdisk_json_bool(json, "active", partition->mbr_active);
    }
    json_content(json, &content);
    vdisk_json_end_object(json);
}

static void json_notes(const struct vdisk_partition_table *table, struct vdisk_json *json)
{
    if (table->note_count == 0)
        return;
    vdisk_json_begin_array(json, "notes");
    for (uint32_t i = 0; i < table->note_count; i++)
        vdisk_json_string(json, NULL, table->notes[i]);
    vdisk_json_end_array(json);
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
    json_notes(table, json);
    vdisk_json_begin_array(json, "partitions");
    for (uint32_t i = 0; i < table->count; i++)
        json_partition(disk, table, &table->partitions[i], json);
    vdisk_json_end_array(json);
    vdisk_json_end_object(json);
}

/* A table that is damaged is one nevertheless: of no style, with a note. */
static void json_flaw(const struct vdisk_error *error, struct vdisk_json *json)
{
    char *text;
    const char *flaw = table_flaw(error, &text);
    vdisk_json_begin_object(json, "partition-table");
    vdisk_json_string(json, "style", NULL);
    vdisk_json_begin_array(json, "notes");
    vdisk_json_string(json, NULL, flaw);
    vdisk_json_end_array(json);
    vdisk_json_end_object(json);
    vdisk_free(text);
}

void vdisk_contents_print_json(struct vdisk_disk *disk, struct vdisk_json *json)
{
    struct vdisk_partition_table table;
    struct vdisk_content content;
    struct vdisk_error error;
    enum vdisk_status status = vdisk_partitions_read(disk, &table, &error);
    if (is_flaw(status))
        json_flaw(&error, json);
    if (status != VDISK_OK)
        return;
    if (recognize_whole(disk, &table, &content))
        json_content(json, &content);
    if (table.style != VDISK_PARTITION_NONE)
        json_table(disk, &table, json);
    else
        json_notes(&table, json);
    vdisk_partitions_free(&table);
}
