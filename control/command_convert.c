#include "command.h"
#include "copy.h"
#include "new_image.h"
#include "output.h"
#include "progress.h"
#include "target.h"

/* Fills the target, which is open, from the source. */
static enum vdisk_status copy_contents(struct vdisk_image *source, struct vdisk_image *target,
                                       const struct vdisk_new_image *new_image,
                                       struct vdisk_progress *progress, struct vdisk_error *error)
{
    struct vdisk_image *parent = new_image->options.parent;
    struct vdisk_image_info *info = vdisk_alloc(sizeof(*info));
    struct vdisk_copy copy = {
        .source = vdisk_image_disk(source),
        .target = vdisk_image_disk(target),
        .baseline = parent == NULL ? NULL : vdisk_image_disk(parent),
        .progress = progress,
    };
    enum vdisk_status status =
        info == NULL ? vdisk_fail(error, VDISK_NO_MEMORY, NULL, NULL, VDISK_NO_OFFSET, NULL)
                     : vdisk_image_get_info(target, info, error);
    if (status == VDISK_OK) {
        if (new_image->options.compress) /* only whole blocks are compressed */
            copy.unit_bytes = info->block_bytes;
        status = vdisk_copy_init(&copy, info->block_bytes, error);
    }
    if (status == VDISK_OK) {
        vdisk_progress_start(progress, copy.source->size_bytes);
        status = vdisk_copy_all(&copy, error);
        vdisk_progress_end(progress);
        vdisk_copy_deinit(&copy);
    }
    vdisk_free(info);
    return status;
}

static enum vdisk_exit make_target(struct vdisk_image *source, const char *path,
                                   struct vdisk_new_image *new_image,
                                   struct vdisk_progress *progress)
{
    struct vdisk_target target;
    struct vdisk_image *image;
    struct vdisk_error error;
    enum vdisk_exit code = vdisk_target_begin(&target, path, false);
    if (code != VDISK_EXIT_OK)
        return code;
    code = vdisk_target_create(&target, &new_image->options);
    if (code == VDISK_EXIT_OK)
        code = vdisk_target_open(&target, new_image->options.format, &image);
    if (code == VDISK_EXIT_OK) {
        if (copy_contents(source, image, new_image, progress, &error) != VDISK_OK)
            code = vdisk_target_fail(&target, "cannot write", &error);
        if (code == VDISK_EXIT_OK)
            code = vdisk_image_file_close(image, path);
        else
            vdisk_image_close(image, NULL);
    }
    return vdisk_target_end(&target, code);
}

enum vdisk_exit vdisk_command_convert(const struct vdisk_arguments *arguments)
{
    const struct vdisk_image_source source = {
        .path = arguments->operands[0],
        .format = arguments->options[VDISK_OPTION_FROM],
        .snapshot = arguments->options[VDISK_OPTION_SNAPSHOT],
    };
    const char *path = arguments->operands[1];
    struct vdisk_new_image new_image;
    struct vdisk_progress progress;
    struct vdisk_image *image;
    if (!vdisk_progress_init(&progress, arguments) ||
        !vdisk_new_image_read(&new_image, arguments, arguments->options[VDISK_OPTION_TO], path))
        return VDISK_EXIT_USAGE;
    enum vdisk_exit code = vdisk_image_file_open(&source, &image);
    if (code != VDISK_EXIT_OK)
        return code;
    const struct vdisk_disk *disk = vdisk_image_disk(image);
    new_image.options.size_bytes = disk->size_bytes;
    if (!disk->optical) /* a CD becomes a disk with the usual sectors */
        new_image.options.logical_sector_bytes = disk->logical_sector_bytes;
    code = vdisk_new_image_open_parent(&new_image, path);
    if (code == VDISK_EXIT_OK)
        code = make_target(image, path, &new_image, &progress);
    vdisk_new_image_release(&new_image);
    return vdisk_exit_first(code, vdisk_image_file_close(image, source.path));
}
