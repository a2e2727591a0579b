#include "command.h"
#include "commit.h"
#include "copy.h"
#include "image_file.h"
#include "output.h"

/* What the child itself holds: while its parent is written, the chain cannot be open. */
struct own_stretches {
    struct vdisk_stretch *items;
    size_t count;
    size_t room;
    uint64_t bytes;
};

static bool append(struct own_stretches *own, const struct vdisk_stretch *stretch)
{
    if (own->count == own->room) {
        size_t room = own->room == 0 ? 256 : own->room * 2;
        struct vdisk_stretch *grown = vdisk_alloc_array(room, sizeof(*grown));
        if (grown == NULL)
            return false;
        if (own->count > 0)
            memcpy(grown, own->items, own->count * sizeof(*grown));
        vdisk_free(own->items);
        own->items = grown;
        own->room = room;
    }
    own->items[own->count++] = *stretch;
    own->bytes += stretch->length_bytes;
    return true;
}

static enum vdisk_status list_own(struct vdisk_disk *disk, struct own_stretches *own,
                                  struct vdisk_error *error)
{
    struct vdisk_stretch stretch;
    for (uint64_t offset = 0; offset < disk->size_bytes; offset += stretch.length_bytes) {
        enum vdisk_status status = vdisk_stretch_join(disk, offset, &stretch, error);
        if (status != VDISK_OK)
            return status;
        if (stretch.depth == 0 && stretch.kind != VDISK_EXTENT_UNALLOCATED &&
            !append(own, &stretch))
            return vdisk_fail(error, VDISK_NO_MEMORY, NULL, NULL, VDISK_NO_OFFSET, NULL);
    }
    return VDISK_OK;
}

/* What is found out while the chain is open. */
struct commit {
    struct vdisk_image_source child;
    char *parent_path;
    const char *parent_format; /* as the child has it */
    const char *parent_named;  /* as the user says; or NULL */
    struct own_stretches own;
    struct vdisk_progress progress;
};

static enum vdisk_exit study_chain(struct vdisk_image *image, struct commit *commit)
{
    struct vdisk_image *parent = vdisk_image_parent(image);
    struct vdisk_image_info *info;
    struct vdisk_error error;
    if (parent == NULL) {
        vdisk_output_message("%s has no parent", commit->child.path);
        return VDISK_EXIT_FAILED;
    }
    info = vdisk_alloc(sizeof(*info));
    commit->parent_path = vdisk_text_format("%s", vdisk_image_file_name(parent));
    enum vdisk_status status = VDISK_NO_MEMORY;
    if (info == NULL || commit->parent_path == NULL)
        vdisk_fail(&error, status, NULL, NULL, VDISK_NO_OFFSET, NULL);
    else
        status = vdisk_image_get_info(parent, info, &error);
    if (status == VDISK_OK) {
        commit->parent_format = info->format;
        status = list_own(vdisk_image_disk(image), &commit->own, &error);
    }
    vdisk_free(info);
    return status == VDISK_OK ? VDISK_EXIT_OK
                              : vdisk_output_failure("cannot read", commit->child.path, &error);
}

static enum vdisk_status write_one(struct vdisk_copy *copy, const struct vdisk_stretch *stretch,
                                   struct vdisk_error *error)
{
    return stretch->zero
               ? vdisk_disk_zero(copy->target, stretch->offset_bytes, stretch->length_bytes, error)
               : vdisk_copy_stretch(copy, stretch, error);
}

static enum vdisk_status write_own(struct vdisk_image *child, struct vdisk_image *parent,
                                   struct commit *commit, struct vdisk_error *error)
{
    struct vdisk_copy copy = {
        .source = vdisk_image_disk(child),
        .target = vdisk_image_disk(parent),
        .baseline = vdisk_image_disk(parent),
        .progress = &commit->progress,
    };
    enum vdisk_status status = VDISK_OK;
    if (copy.target->size_bytes < copy.source->size_bytes)
        status = vdisk_image_resize(parent, copy.source->size_bytes, error);
    if (status == VDISK_OK)
        status = vdisk_copy_init(&copy, 0, error);
    if (status != VDISK_OK)
        return status;
    vdisk_progress_start(&commit->progress, commit->own.bytes);
    for (size_t i = 0; status == VDISK_OK && i < commit->own.count; i++)
        status = write_one(&copy, &commit->own.items[i], error);
    vdisk_progress_end(&commit->progress);
    if (status == VDISK_OK)
        status = vdisk_disk_flush(copy.target, error);
    vdisk_copy_deinit(&copy);
    return status;
}

/* The parent's identity changes when it is written: the child must know the new one. */
static enum vdisk_status relink(struct vdisk_image *child, struct vdisk_image *parent,
                                const struct commit *commit, struct vdisk_error *error)
{
    struct vdisk_parent_paths names;
    if (vdisk_parent_paths_find(commit->child.path, commit->parent_path, &names) != VDISK_EXIT_OK)
        return vdisk_fail(error, VDISK_NOT_FOUND, commit->parent_path, NULL, VDISK_NO_OFFSET, NULL);
    enum vdisk_status status = vdisk_image_set_parent(
        child, parent, names.relative == NULL ? names.absolute : names.relative, names.absolute,
        error);
    vdisk_parent_paths_free(&names);
    return status;
}

/*
 * Linked before, to find out that it can be done while nothing has changed; and afterwards, when
 * the writing failed too, for what was written has changed the identity.
 */
static enum vdisk_status commit_linked(struct vdisk_image *child, struct vdisk_image *parent,
                                       struct commit *commit, struct vdisk_error *error)
{
    enum vdisk_status status = relink(child, parent, commit, error);
    if (status != VDISK_OK)
        return status;
    status = write_own(child, parent, commit, error);
    enum vdisk_status linked = relink(child, parent, commit, status == VDISK_OK ? error : NULL);
    return status == VDISK_OK ? linked : status;
}

static enum vdisk_exit write_parent(struct commit *commit)
{
    struct vdisk_image_source child_source = commit->child;
    const char *named = commit->parent_named;
    const struct vdisk_image_source parent_source = {
        .path = commit->parent_path,
        .format = named != NULL ? named : commit->parent_format,
        .probed = named == NULL, /* when the child was made */
        .write = true,
    };
    struct vdisk_image *child, *parent;
    struct vdisk_error error;
    child_source.write = true;
    child_source.without_parent = true;
    enum vdisk_exit code = vdisk_image_file_open(&child_source, &child);
    if (code != VDISK_EXIT_OK)
        return code;
    code = vdisk_image_file_open(&parent_source, &parent);
    if (code == VDISK_EXIT_OK) {
        if (commit_linked(child, parent, commit, &error) != VDISK_OK)
            code = vdisk_output_failure("cannot commit", commit->child.path, &error);
    }
    code = vdisk_exit_first(code, vdisk_image_file_close(parent, commit->parent_path));
    return vdisk_exit_first(code, vdisk_image_file_close(child, commit->child.path));
}

enum vdisk_exit vdisk_commit_image(const char *path, const char *format,
                                   const struct vdisk_arguments *arguments)
{
    struct commit commit = {.child = {.path = path, .format = format},
                            .parent_named = arguments->options[VDISK_OPTION_TO]};
    struct vdisk_image *image;
    if (!vdisk_progress_init(&commit.progress, arguments))
        return VDISK_EXIT_USAGE;
    enum vdisk_exit code = vdisk_image_file_open(&commit.child, &image);
    if (code != VDISK_EXIT_OK)
        return code;
    code = study_chain(image, &commit);
    code = vdisk_exit_first(code, vdisk_image_file_close(image, commit.child.path));
    if (code == VDISK_EXIT_OK)
        code = write_parent(&commit);
    vdisk_free(commit.own.items);
    vdisk_free(commit.parent_path);
    return code;
}

enum vdisk_exit vdisk_command_commit(const struct vdisk_arguments *arguments)
{
    return vdisk_commit_image(arguments->operands[0], arguments->options[VDISK_OPTION_FORMAT],
                              arguments);
}
