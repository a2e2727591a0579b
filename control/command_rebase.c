#include "command.h"
#include "copy.h"
#include "image_file.h"
#include "output.h"

#include <string.h>

struct rebase {
    struct vdisk_image_source child;
    const char *parent_path;
    struct vdisk_image *parent; /* the new one */
    struct vdisk_progress progress;
};

/*
 * Copies what the child has from its old parents, and the new one has not, into the child: its
 * source and its target are the same disk.
 */
static enum vdisk_status keep_contents(struct vdisk_image *child, struct rebase *rebase,
                                       struct vdisk_error *error)
{
    struct vdisk_disk *disk = vdisk_image_disk(child);
    struct vdisk_copy copy = {
        .source = disk,
        .target = disk,
        .baseline = vdisk_image_disk(rebase->parent),
        .hold_zeros = true,
        .progress = &rebase->progress,
    };
    enum vdisk_status status = vdisk_copy_init(&copy, 0, error);
    if (status != VDISK_OK)
        return status;
    vdisk_progress_start(&rebase->progress, disk->size_bytes);
    for (uint64_t offset = 0; status == VDISK_OK && offset < disk->size_bytes;) {
        struct vdisk_stretch stretch;
        status = vdisk_stretch_at(disk, offset, &stretch, error);
        if (status != VDISK_OK)
            break;
        bool own = stretch.depth == 0 && stretch.kind != VDISK_EXTENT_UNALLOCATED;
        if (!own)
            status = vdisk_copy_stretch(&copy, &stretch, error);
        offset += stretch.length_bytes;
    }
    vdisk_progress_end(&rebase->progress);
    vdisk_copy_deinit(&copy);
    return status == VDISK_OK ? vdisk_disk_flush(disk, error) : status;
}

/* Was the child made from the very image that is to be its parent? Formats without ids cannot say.
 */
static bool is_same_parent(struct vdisk_image *child, struct vdisk_image *parent)
{
    struct vdisk_image_info *infos = vdisk_alloc_array(2, sizeof(*infos));
    bool same = infos != NULL && vdisk_image_get_info(child, &infos[0], NULL) == VDISK_OK &&
                vdisk_image_get_info(parent, &infos[1], NULL) == VDISK_OK &&
                infos[0].parent_identity[0] != '\0' &&
                strcmp(infos[0].parent_identity, infos[1].identity) == 0;
    vdisk_free(infos);
    return same;
}

/* Opens the child alone, to change what it says of its parent. */
static enum vdisk_exit open_child_alone(const struct rebase *rebase, struct vdisk_image **child)
{
    struct vdisk_image_source source = rebase->child;
    source.write = true;
    source.without_parent = true;
    return vdisk_image_file_open(&source, child);
}

static enum vdisk_exit prepare_contents(struct rebase *rebase)
{
    struct vdisk_image *child;
    struct vdisk_error error;
    enum vdisk_exit code = open_child_alone(rebase, &child);
    if (code != VDISK_EXIT_OK)
        return code;
    bool moved_only = is_same_parent(child, rebase->parent);
    code = vdisk_image_file_close(child, rebase->child.path);
    if (moved_only || code != VDISK_EXIT_OK)
        return code;
    struct vdisk_image_source source = rebase->child;
    source.write = true;
    code = vdisk_image_file_open(&source, &child);
    if (code != VDISK_EXIT_OK) {
        vdisk_output_message("the old parents are needed to keep the contents; "
                             "--unsafe does without them");
        return code;
    }
    if (keep_contents(child, rebase, &error) != VDISK_OK)
        code = vdisk_output_failure("cannot rebase", rebase->child.path, &error);
    return vdisk_exit_first(code, vdisk_image_file_close(child, rebase->child.path));
}

static enum vdisk_exit link_parent(const struct rebase *rebase)
{
    struct vdisk_parent_paths names;
    struct vdisk_image *child;
    struct vdisk_error error;
    enum vdisk_exit code = vdisk_parent_paths_find(rebase->child.path, rebase->parent_path, &names);
    if (code != VDISK_EXIT_OK)
        return code;
    code = open_child_alone(rebase, &child);
    if (code == VDISK_EXIT_OK) {
        const char *name = names.relative == NULL ? names.absolute : names.relative;
        if (vdisk_image_set_parent(child, rebase->parent, name, names.absolute, &error) != VDISK_OK)
            code = vdisk_output_failure("cannot rebase", rebase->child.path, &error);
        code = vdisk_exit_first(code, vdisk_image_file_close(child, rebase->child.path));
    }
    vdisk_parent_paths_free(&names);
    return code;
}

enum vdisk_exit vdisk_command_rebase(const struct vdisk_arguments *arguments)
{
    struct rebase rebase = {
        .child = {.path = arguments->operands[0],
                  .format = arguments->options[VDISK_OPTION_FORMAT]},
        .parent_path = arguments->options[VDISK_OPTION_PARENT],
    };
    if (!vdisk_progress_init(&rebase.progress, arguments))
        return VDISK_EXIT_USAGE;
    if (rebase.parent_path == NULL) {
        vdisk_output_message("'rebase' needs --parent FILE");
        return VDISK_EXIT_USAGE;
    }
    const struct vdisk_image_source parent = {.path = rebase.parent_path, .for_child = true};
    enum vdisk_exit code = vdisk_image_file_open(&parent, &rebase.parent);
    if (code != VDISK_EXIT_OK)
        return code;
    struct vdisk_error error;
    if (vdisk_image_may_be_parent(rebase.parent, &error) != VDISK_OK)
        code = vdisk_output_failure("cannot rebase", rebase.child.path, &error);
    if (code == VDISK_EXIT_OK && !vdisk_arguments_has(arguments, VDISK_OPTION_UNSAFE))
        code = prepare_contents(&rebase);
    if (code == VDISK_EXIT_OK)
        code = link_parent(&rebase);
    return vdisk_exit_first(code, vdisk_image_file_close(rebase.parent, rebase.parent_path));
}
