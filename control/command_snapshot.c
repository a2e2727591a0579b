#include "command.h"
#include "image_file.h"
#include "json.h"
#include "output.h"

#include <string.h>

typedef enum vdisk_status change_function(struct vdisk_image *image, const char *name,
                                          struct vdisk_error *error);

/* What can be done to snapshots besides listing them. */
static const struct {
    const char *name;
    const char *failure;
    change_function *change;
} actions[] = {
    {"create", "cannot make the snapshot in", vdisk_image_create_snapshot},
    {"delete", "cannot delete the snapshot in", vdisk_image_delete_snapshot},
    {"apply", "cannot go back to the snapshot in", vdisk_image_apply_snapshot},
};
#define ACTION_COUNT (sizeof(actions) / sizeof(actions[0]))

static void print_snapshot(const struct vdisk_snapshot *snapshot, struct vdisk_json *json)
{
    if (json == NULL) {
        vdisk_output_text("%-8s %-32s %16" PRIu64 "\n", snapshot->id, snapshot->name,
                          snapshot->size_bytes);
        return;
    }
    vdisk_json_begin_object(json, NULL);
    vdisk_json_string(json, "id", snapshot->id);
    vdisk_json_string(json, "name", snapshot->name);
    vdisk_json_number(json, "disk-size", snapshot->size_bytes);
    vdisk_json_number(json, "date-sec", snapshot->created_seconds);
    vdisk_json_end_object(json);
}

/* `json` is NULL for text. */
static enum vdisk_exit list_snapshots(struct vdisk_image *image, const char *path,
                                      struct vdisk_json *json)
{
    struct vdisk_snapshot snapshot;
    struct vdisk_error error;
    enum vdisk_status status;
    if (json != NULL)
        vdisk_json_begin_array(json, NULL);
    for (uint32_t i = 0;; i++) {
        status = vdisk_image_get_snapshot(image, i, &snapshot, &error);
        if (status != VDISK_OK)
            break;
        if (i == 0 && json == NULL)
            vdisk_output_text("%-8s %-32s %16s\n", "ID", "NAME", "SIZE");
        print_snapshot(&snapshot, json);
    }
    if (json != NULL)
        vdisk_json_end_array(json);
    return status == VDISK_NOT_FOUND ? VDISK_EXIT_OK
                                     : vdisk_output_failure("cannot list", path, &error);
}

static enum vdisk_exit run_list(const struct vdisk_arguments *arguments,
                                struct vdisk_image_source *source)
{
    struct vdisk_image *image;
    if (arguments->operand_count != 2) {
        vdisk_output_message("'snapshot list' takes no name");
        return VDISK_EXIT_USAGE;
    }
    source->without_parent = true;
    enum vdisk_exit code = vdisk_image_file_open(source, &image);
    if (code != VDISK_EXIT_OK)
        return code;
    struct vdisk_json json = {0};
    bool as_json = vdisk_arguments_has(arguments, VDISK_OPTION_JSON);
    code = list_snapshots(image, source->path, as_json ? &json : NULL);
    return vdisk_exit_first(code, vdisk_image_file_close(image, source->path));
}

static enum vdisk_exit run_change(const struct vdisk_arguments *arguments, size_t action,
                                  struct vdisk_image_source *source)
{
    struct vdisk_image *image;
    struct vdisk_error error;
    if (arguments->operand_count != 3) {
        vdisk_output_message("'snapshot %s' needs the snapshot's name", actions[action].name);
        return VDISK_EXIT_USAGE;
    }
    source->write = true;
    enum vdisk_exit code = vdisk_image_file_open(source, &image);
    if (code != VDISK_EXIT_OK)
        return code;
    if (actions[action].change(image, arguments->operands[2], &error) != VDISK_OK)
        code = vdisk_output_failure(actions[action].failure, source->path, &error);
    return vdisk_exit_first(code, vdisk_image_file_close(image, source->path));
}

enum vdisk_exit vdisk_command_snapshot(const struct vdisk_arguments *arguments)
{
    const char *name = arguments->operands[0];
    struct vdisk_image_source source = {
        .path = arguments->operands[1],
        .format = arguments->options[VDISK_OPTION_FORMAT],
    };
    if (strcmp(name, "list") == 0)
        return run_list(arguments, &source);
    for (size_t i = 0; i < ACTION_COUNT; i++) {
        if (strcmp(name, actions[i].name) == 0)
            return run_change(arguments, i, &source);
    }
    vdisk_output_message("'snapshot' does not know '%s': list, create, delete or apply", name);
    return VDISK_EXIT_USAGE;
}
