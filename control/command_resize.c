#include "command.h"
#include "image_file.h"
#include "output.h"
#include "size.h"
#include "open_volume.h"

static enum vdisk_exit resize(struct vdisk_image *image, const struct vdisk_arguments *arguments)
{
    uint64_t old_bytes = vdisk_image_disk(image)->size_bytes;
    uint64_t new_bytes;
    if (!vdisk_size_parse_change(arguments->operands[1], old_bytes, &new_bytes))
        return VDISK_EXIT_USAGE;
    if (new_bytes < old_bytes && !vdisk_arguments_has(arguments, VDISK_OPTION_SHRINK)) {
        vdisk_output_message("the disk would become smaller, and lose what lies beyond: "
                             "--shrink allows it");
        return VDISK_EXIT_USAGE;
    }
    struct vdisk_error error;
    if (vdisk_image_resize(image, new_bytes, &error) == VDISK_OK)
        return VDISK_EXIT_OK;
    return vdisk_output_failure("cannot resize", arguments->operands[0], &error);
}

enum vdisk_exit vdisk_command_resize(const struct vdisk_arguments *arguments)
{
    const struct vdisk_image_source source = {
        .path = arguments->operands[0],
        .format = arguments->options[VDISK_OPTION_FORMAT],
        .write = true,
    };
    struct vdisk_image *image;
    enum vdisk_exit code;
    if (vdisk_open_volume_resize(arguments, &code))
        return code;
    code = vdisk_image_file_open(&source, &image);
    if (code != VDISK_EXIT_OK)
        return code;
    code = resize(image, arguments);
    return vdisk_exit_first(code, vdisk_image_file_close(image, source.path));
}
