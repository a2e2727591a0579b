#include "command.h"
#include "contents.h"
#include "image_file.h"
#include "json.h"
#include "output.h"
#include "size.h"

static void print_snapshots(struct vdisk_image *image, struct vdisk_json *json)
{
    struct vdisk_snapshot snapshot;
    if (vdisk_image_get_snapshot(image, 0, &snapshot, NULL) != VDISK_OK)
        return;
    vdisk_json_begin_array(json, "snapshots");
    for (uint32_t i = 0; vdisk_image_get_snapshot(image, i, &snapshot, NULL) == VDISK_OK; i++) {
        vdisk_json_begin_object(json, NULL);
        vdisk_json_string(json, "id", snapshot.id);
        vdisk_json_string(json, "name", snapshot.name);
        vdisk_json_number(json, "disk-size", snapshot.size_bytes);
        vdisk_json_number(json, "date-sec", snapshot.created_seconds);
        vdisk_json_end_object(json);
    }
    vdisk_json_end_array(json);
}

static void json_text(struct vdisk_json *json, const char *name, const char *value)
{
    if (value[0] != '\0')
        vdisk_json_string(json, name, value);
}

static void print_json(struct vdisk_image *image, const struct vdisk_image_info *info,
                       struct vdisk_json *json)
{
    vdisk_json_begin_object(json, NULL);
    vdisk_json_string(json, "filename", vdisk_image_file_name(image));
    vdisk_json_string(json, "format", info->format);
    json_text(json, "subformat", info->subformat);
    vdisk_json_number(json, "virtual-size", info->virtual_size_bytes);
    vdisk_json_number(json, "actual-size", info->allocated_bytes);
    if (info->block_bytes != 0)
        vdisk_json_number(json, "cluster-size", info->block_bytes);
    vdisk_json_number(json, "sector-size", info->logical_sector_bytes);
    vdisk_json_number(json, "physical-sector-size", info->physical_sector_bytes);
    vdisk_json_bool(json, "dirty-flag", info->dirty);
    vdisk_json_bool(json, "corrupt", info->corrupt);
    json_text(json, "identity", info->identity);
    json_text(json, "backing-filename", info->parent_name);
    if (info->parent_name[0] != '\0')
        json_text(json, "backing-filename-format", info->parent_format);
    json_text(json, "backing-identity", info->parent_identity);
    print_snapshots(image, json);
    vdisk_contents_print_json(vdisk_image_disk(image), json);
    vdisk_json_end_object(json);
}

static void text_line(const char *label, const char *value)
{
    if (value[0] != '\0')
        vdisk_output_text("%-14s %s\n", label, value);
}

static void size_line(const char *label, uint64_t bytes)
{
    char text[VDISK_SIZE_TEXT_BYTES];
    vdisk_output_text("%-14s %s (%" PRIu64 " bytes)\n", label, vdisk_size_text(bytes, text), bytes);
}

static void print_text(struct vdisk_image *image, const struct vdisk_image_info *info)
{
    struct vdisk_snapshot snapshot;
    text_line("File:", vdisk_image_file_name(image));
    vdisk_output_text("%-14s %s%s%s\n", "Format:", info->format,
                      info->subformat[0] == '\0' ? "" : ", ", info->subformat);
    size_line("Size:", info->virtual_size_bytes);
    size_line("Takes:", info->allocated_bytes);
    if (info->block_bytes != 0)
        size_line("Blocks:", info->block_bytes);
    vdisk_output_text("%-14s %" PRIu32 " logical, %" PRIu32 " physical\n",
                      "Sectors:", info->logical_sector_bytes, info->physical_sector_bytes);
    text_line("Identity:", info->identity);
    text_line("Parent:", info->parent_name);
    text_line("Parent's id:", info->parent_identity);
    if (info->dirty)
        text_line("State:", "was not closed cleanly");
    if (info->corrupt)
        text_line("State:", "marked as damaged");
    for (uint32_t i = 0; vdisk_image_get_snapshot(image, i, &snapshot, NULL) == VDISK_OK; i++)
        vdisk_output_text("%-14s %s %s\n", i == 0 ? "Snapshots:" : "", snapshot.id, snapshot.name);
    vdisk_contents_print(vdisk_image_disk(image));
}

/* `json` is NULL for text. */
static enum vdisk_exit print_image(struct vdisk_image *image, struct vdisk_json *json)
{
    struct vdisk_error error;
    struct vdisk_image_info *info = vdisk_alloc(sizeof(*info));
    enum vdisk_exit code = VDISK_EXIT_OK;
    if (info == NULL) {
        vdisk_output_message("out of memory");
        return VDISK_EXIT_INTERNAL;
    }
    if (vdisk_image_get_info(image, info, &error) != VDISK_OK)
        code = vdisk_output_failure("cannot read", vdisk_image_file_name(image), &error);
    else if (json != NULL)
        print_json(image, info, json);
    else
        print_text(image, info);
    vdisk_free(info);
    return code;
}

static enum vdisk_exit print_chain(struct vdisk_image *image, struct vdisk_json *json)
{
    enum vdisk_exit code = VDISK_EXIT_OK;
    if (json != NULL)
        vdisk_json_begin_array(json, NULL);
    for (bool first = true; code == VDISK_EXIT_OK && image != NULL; first = false) {
        if (json == NULL && !first)
            vdisk_output_text("\n");
        code = print_image(image, json);
        image = vdisk_image_parent(image);
    }
    if (json != NULL)
        vdisk_json_end_array(json);
    return code;
}

/* Whether a disk can have such sectors the engine decides. */
static bool read_sector_size(const struct vdisk_arguments *arguments, uint32_t *sector_bytes)
{
    const char *text = arguments->options[VDISK_OPTION_SECTOR_SIZE];
    uint64_t bytes = 0;
    if (text != NULL && !vdisk_size_parse(text, "the sector size", 1, &bytes))
        return false;
    *sector_bytes = bytes > UINT32_MAX ? UINT32_MAX : (uint32_t)bytes;
    return true;
}

/* With its parents, so that all of its contents are seen; without them, when one is not there. */
static enum vdisk_exit open_image(struct vdisk_image_source *source, bool chain,
                                  struct vdisk_image **image)
{
    if (!chain && vdisk_image_file_try(source, image)) {
        if (source->format == NULL)
            vdisk_image_file_warn(*image, source->path);
        return VDISK_EXIT_OK;
    }
    source->without_parent = !chain;
    return vdisk_image_file_open(source, image);
}

enum vdisk_exit vdisk_command_info(const struct vdisk_arguments *arguments)
{
    bool chain = vdisk_arguments_has(arguments, VDISK_OPTION_CHAIN);
    struct vdisk_image_source source = {
        .path = arguments->operands[0],
        .format = arguments->options[VDISK_OPTION_FORMAT],
    };
    struct vdisk_image *image;
    if (!read_sector_size(arguments, &source.sector_bytes))
        return VDISK_EXIT_USAGE;
    enum vdisk_exit code = open_image(&source, chain, &image);
    if (code != VDISK_EXIT_OK)
        return code;
    struct vdisk_json json = {0};
    struct vdisk_json *writer = vdisk_arguments_has(arguments, VDISK_OPTION_JSON) ? &json : NULL;
    code = chain ? print_chain(image, writer) : print_image(image, writer);
    return vdisk_exit_first(code, vdisk_image_file_close(image, source.path));
}
