#include "command.h"
#include "image_file.h"
#include "json.h"
#include "output.h"
#include "stretch.h"

static void print_json(const struct vdisk_stretch *stretch, struct vdisk_json *json)
{
    bool stored = stretch->kind == VDISK_EXTENT_DATA || stretch->kind == VDISK_EXTENT_COMPRESSED;
    vdisk_json_begin_object(json, NULL);
    vdisk_json_number(json, "start", stretch->offset_bytes);
    vdisk_json_number(json, "length", stretch->length_bytes);
    vdisk_json_number(json, "depth", stretch->depth);
    vdisk_json_bool(json, "present", stretch->kind != VDISK_EXTENT_UNALLOCATED);
    vdisk_json_bool(json, "zero", stretch->zero);
    vdisk_json_bool(json, "data", stored);
    vdisk_json_bool(json, "compressed", stretch->kind == VDISK_EXTENT_COMPRESSED);
    if (stretch->kind == VDISK_EXTENT_DATA) {
        vdisk_json_number(json, "offset", stretch->file_offset_bytes);
        vdisk_json_string(json, "filename", stretch->file->name);
    }
    vdisk_json_end_object(json);
}

static const char *kind_text(const struct vdisk_stretch *stretch)
{
    switch (stretch->kind) {
    case VDISK_EXTENT_DATA:
        return "data";
    case VDISK_EXTENT_COMPRESSED:
        return "compressed";
    case VDISK_EXTENT_ZERO:
        return "zero";
    default:
        return "free";
    }
}

static void print_text(const struct vdisk_stretch *stretch)
{
    vdisk_output_text("%16" PRIu64 " %16" PRIu64 "  %-10s %5" PRIu32, stretch->offset_bytes,
                      stretch->length_bytes, kind_text(stretch), stretch->depth);
    if (stretch->kind == VDISK_EXTENT_DATA)
        vdisk_output_text(" %16" PRIu64 "  %s", stretch->file_offset_bytes, stretch->file->name);
    vdisk_output_text("\n");
}

/* `json` is NULL for text. */
static enum vdisk_exit print_map(struct vdisk_disk *disk, const char *path, struct vdisk_json *json)
{
    struct vdisk_stretch stretch;
    struct vdisk_error error;
    for (uint64_t offset = 0; offset < disk->size_bytes; offset += stretch.length_bytes) {
        if (vdisk_stretch_join(disk, offset, &stretch, &error) != VDISK_OK)
            return vdisk_output_failure("cannot map", path, &error);
        if (json != NULL)
            print_json(&stretch, json);
        else
            print_text(&stretch);
    }
    return VDISK_EXIT_OK;
}

enum vdisk_exit vdisk_command_map(const struct vdisk_arguments *arguments)
{
    const struct vdisk_image_source source = {
        .path = arguments->operands[0],
        .format = arguments->options[VDISK_OPTION_FORMAT],
        .snapshot = arguments->options[VDISK_OPTION_SNAPSHOT],
    };
    struct vdisk_image *image;
    enum vdisk_exit code = vdisk_image_file_open(&source, &image);
    if (code != VDISK_EXIT_OK)
        return code;
    struct vdisk_disk *disk = vdisk_image_disk(image);
    if (vdisk_arguments_has(arguments, VDISK_OPTION_JSON)) {
        struct vdisk_json json = {0};
        vdisk_json_begin_array(&json, NULL);
        code = print_map(disk, source.path, &json);
        vdisk_json_end_array(&json);
    } else {
        vdisk_output_text("%16s %16s  %-10s %5s %16s  %s\n", "START", "LENGTH", "KIND", "DEPTH",
                          "OFFSET", "FILE");
        code = print_map(disk, source.path, NULL);
    }
    return vdisk_exit_first(code, vdisk_image_file_close(image, source.path));
}
