#include "command.h"
#include "copy.h"
#include "image_file.h"
#include "output.h"
#include "target.h"

#define SCAN_BYTES  ((uint64_t)1 << 20)
#define PUNCH_BYTES ((uint64_t)65536)

/* An image that takes space in blocks is written anew, without what is zero. */
static enum vdisk_status copy_own(struct vdisk_image *source, struct vdisk_image *target,
                                  uint32_t block_bytes, struct vdisk_progress *progress,
                                  struct vdisk_error *error)
{
    struct vdisk_image *parent = vdisk_image_parent(source);
    struct vdisk_copy copy = {
        .source = vdisk_image_disk(source),
        .target = vdisk_image_disk(target),
        .baseline = parent == NULL ? NULL : vdisk_image_disk(parent),
        .progress = progress,
    };
    enum vdisk_status status = vdisk_copy_init(&copy, block_bytes, error);
    if (status != VDISK_OK)
        return status;
    status = vdisk_copy_all(&copy, error);
    vdisk_copy_deinit(&copy);
    return status;
}

static enum vdisk_exit fill_options(struct vdisk_image *image, const char *path,
                                    const struct vdisk_image_info *info,
                                    struct vdisk_parent_paths *names,
                                    struct vdisk_create_options *options)
{
    struct vdisk_image *parent = vdisk_image_parent(image);
    *options = (struct vdisk_create_options){
        .format = info->format,
        .subformat = info->subformat[0] == '\0' ? NULL : info->subformat,
        .size_bytes = info->virtual_size_bytes,
        .block_bytes = info->block_bytes,
        .logical_sector_bytes = info->logical_sector_bytes,
        .parent = parent,
    };
    *names = (struct vdisk_parent_paths){0};
    if (parent == NULL)
        return VDISK_EXIT_OK;
    enum vdisk_exit code = vdisk_parent_paths_find(path, vdisk_image_file_name(parent), names);
    options->parent_name = names->relative == NULL ? names->absolute : names->relative;
    options->parent_absolute_name = names->absolute;
    return code;
}

/* Makes the new image beside the old one; the caller ends the target when the old one is closed. */
static enum vdisk_exit rewrite(struct vdisk_image *image, const char *path,
                               const struct vdisk_image_info *info, struct vdisk_target *target,
                               struct vdisk_progress *progress)
{
    struct vdisk_create_options options;
    struct vdisk_parent_paths names;
    struct vdisk_image *copy;
    struct vdisk_error error;
    enum vdisk_exit code = fill_options(image, path, info, &names, &options);
    if (code == VDISK_EXIT_OK)
        code = vdisk_target_create(target, &options);
    if (code == VDISK_EXIT_OK)
        code = vdisk_target_open(target, info->format, &copy);
    if (code == VDISK_EXIT_OK) {
        vdisk_progress_start(progress, info->virtual_size_bytes);
        if (copy_own(image, copy, info->block_bytes, progress, &error) != VDISK_OK)
            code = vdisk_target_fail(target, "cannot compact", &error);
        vdisk_progress_end(progress);
        if (code == VDISK_EXIT_OK)
            code = vdisk_image_file_close(copy, path);
        else
            vdisk_image_close(copy, NULL);
    }
    vdisk_parent_paths_free(&names);
    return code;
}

/* Gives the zero parts of one piece back, on a host that can take them. */
static enum vdisk_status punch_piece(struct vdisk_disk *disk, uint64_t offset_bytes,
                                     const unsigned char *bytes, uint64_t length_bytes,
                                     struct vdisk_error *error)
{
    enum vdisk_status status = VDISK_OK;
    if (disk->discard_bytes == 0)
        return VDISK_OK;
    for (uint64_t at = 0; status == VDISK_OK && at < length_bytes; at += PUNCH_BYTES) {
        uint64_t unit = length_bytes - at < PUNCH_BYTES ? length_bytes - at : PUNCH_BYTES;
        if (vdisk_is_zero(bytes + at, (size_t)unit))
            status = vdisk_disk_discard(disk, offset_bytes + at, unit, error);
    }
    return status;
}

/* An image without blocks (raw) keeps its place; the host takes back what is zero. */
static enum vdisk_status punch_zeros(struct vdisk_disk *disk, unsigned char *buffer,
                                     struct vdisk_progress *progress, struct vdisk_error *error)
{
    struct vdisk_stretch stretch;
    for (uint64_t offset = 0; offset < disk->size_bytes;) {
        enum vdisk_status status = vdisk_stretch_at(disk, offset, &stretch, error);
        uint64_t length = stretch.length_bytes;
        if (status == VDISK_OK && !stretch.zero) {
            length = length < SCAN_BYTES ? length : SCAN_BYTES;
            status = vdisk_disk_read(disk, offset, buffer, (size_t)length, error);
            if (status == VDISK_OK)
                status = punch_piece(disk, offset, buffer, length, error);
        }
        if (status == VDISK_OK && !vdisk_progress_step(progress, length))
            status = vdisk_fail(error, VDISK_CANCELLED, NULL, NULL, VDISK_NO_OFFSET, "interrupted");
        if (status != VDISK_OK)
            return status;
        offset += length;
    }
    return vdisk_disk_flush(disk, error);
}

static enum vdisk_exit punch(const struct vdisk_image_source *source,
                             struct vdisk_progress *progress)
{
    struct vdisk_image_source writable = *source;
    struct vdisk_image *image;
    struct vdisk_error error;
    writable.write = true;
    enum vdisk_exit code = vdisk_image_file_open(&writable, &image);
    if (code != VDISK_EXIT_OK)
        return code;
    unsigned char *buffer = vdisk_alloc(SCAN_BYTES);
    struct vdisk_disk *disk = vdisk_image_disk(image);
    vdisk_progress_start(progress, disk->size_bytes);
    enum vdisk_status status =
        buffer == NULL ? vdisk_fail(&error, VDISK_NO_MEMORY, NULL, NULL, VDISK_NO_OFFSET, NULL)
                       : punch_zeros(disk, buffer, progress, &error);
    vdisk_progress_end(progress);
    vdisk_free(buffer);
    if (status != VDISK_OK)
        code = vdisk_output_failure("cannot compact", source->path, &error);
    return vdisk_exit_first(code, vdisk_image_file_close(image, source->path));
}

static enum vdisk_exit check_can_rewrite(struct vdisk_image *image, const char *path)
{
    struct vdisk_snapshot snapshot;
    if (vdisk_image_get_snapshot(image, 0, &snapshot, NULL) != VDISK_OK)
        return VDISK_EXIT_OK;
    vdisk_output_message("cannot compact %s: it has snapshots, which would be lost", path);
    return VDISK_EXIT_FAILED;
}

static enum vdisk_exit compact(const struct vdisk_image_source *source,
                               struct vdisk_image_info *info, struct vdisk_progress *progress)
{
    struct vdisk_image *image;
    struct vdisk_error error;
    enum vdisk_exit code = vdisk_image_file_open(source, &image);
    if (code != VDISK_EXIT_OK)
        return code;
    if (vdisk_image_get_info(image, info, &error) != VDISK_OK)
        code = vdisk_output_failure("cannot read", source->path, &error);
    bool in_place = code == VDISK_EXIT_OK && info->block_bytes == 0;
    if (code == VDISK_EXIT_OK && !in_place)
        code = check_can_rewrite(image, source->path);
    struct vdisk_target target;
    bool begun = false;
    if (code == VDISK_EXIT_OK && !in_place) {
        code = vdisk_target_begin(&target, source->path, true);
        begun = code == VDISK_EXIT_OK;
    }
    if (begun)
        code = rewrite(image, source->path, info, &target, progress);
    code = vdisk_exit_first(code, vdisk_image_file_close(image, source->path));
    if (begun)
        code = vdisk_target_end(&target, code);
    return in_place && code == VDISK_EXIT_OK ? punch(source, progress) : code;
}

enum vdisk_exit vdisk_command_compact(const struct vdisk_arguments *arguments)
{
    const struct vdisk_image_source source = {
        .path = arguments->operands[0],
        .format = arguments->options[VDISK_OPTION_FORMAT],
    };
    struct vdisk_progress progress;
    if (!vdisk_progress_init(&progress, arguments))
        return VDISK_EXIT_USAGE;
    struct vdisk_image_info *info = vdisk_alloc(sizeof(*info));
    if (info == NULL) {
        vdisk_output_message("out of memory");
        return VDISK_EXIT_INTERNAL;
    }
    enum vdisk_exit code = compact(&source, info, &progress);
    vdisk_free(info);
    return code;
}
