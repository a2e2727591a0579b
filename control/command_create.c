#include "command.h"
#include "image_file.h"
#include "new_image.h"
#include "output.h"
#include "size.h"
#include "target.h"
#include "virtualdisk/filesystem.h"

static bool check_filesystem(const struct vdisk_arguments *arguments)
{
    const char *kind = arguments->options[VDISK_OPTION_FS];
    if (kind == NULL && vdisk_arguments_has(arguments, VDISK_OPTION_LABEL))
        vdisk_output_message("a label needs a file system: --fs fat or --fs exfat");
    else if (kind != NULL && !vdisk_filesystem_is_known(kind))
        vdisk_output_message("'%s' is no file system that can be made: fat or exfat", kind);
    else
        return true;
    return false;
}

static enum vdisk_exit make_filesystem(const struct vdisk_arguments *arguments,
                                       struct vdisk_target *target, const char *format)
{
    const char *kind = arguments->options[VDISK_OPTION_FS];
    struct vdisk_image *image;
    struct vdisk_error error;
    if (kind == NULL)
        return VDISK_EXIT_OK;
    enum vdisk_exit code = vdisk_target_open(target, format, &image);
    if (code != VDISK_EXIT_OK)
        return code;
    enum vdisk_status status = vdisk_filesystem_make(
        vdisk_image_disk(image), kind, arguments->options[VDISK_OPTION_LABEL], &error);
    enum vdisk_status closed = vdisk_image_close(image, status == VDISK_OK ? &error : NULL);
    if (status == VDISK_OK && closed == VDISK_OK)
        return VDISK_EXIT_OK;
    return vdisk_target_fail(target, "cannot put a file system on", &error);
}

enum vdisk_exit vdisk_command_create(const struct vdisk_arguments *arguments)
{
    const char *path = arguments->operands[0];
    struct vdisk_new_image new_image;
    if (!check_filesystem(arguments) ||
        !vdisk_new_image_read(&new_image, arguments, arguments->options[VDISK_OPTION_FORMAT], path))
        return VDISK_EXIT_USAGE;
    if (arguments->operand_count == 2) {
        if (!vdisk_size_parse(arguments->operands[1], "the size", 1, &new_image.options.size_bytes))
            return VDISK_EXIT_USAGE;
    } else if (new_image.parent_path == NULL) {
        vdisk_output_message("a size is needed where there is no parent");
        return VDISK_EXIT_USAGE;
    }
    struct vdisk_target target;
    enum vdisk_exit code = vdisk_new_image_open_parent(&new_image, path);
    if (code != VDISK_EXIT_OK)
        return code;
    code = vdisk_target_begin(&target, path, false);
    if (code == VDISK_EXIT_OK) {
        code = vdisk_target_create(&target, &new_image.options);
        if (code == VDISK_EXIT_OK)
            code = make_filesystem(arguments, &target, new_image.options.format);
        code = vdisk_target_end(&target, code);
    }
    vdisk_new_image_release(&new_image);
    return code;
}
