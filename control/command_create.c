#include "command.h"
#include "image_file.h"
#include "new_image.h"
#include "output.h"
#include "size.h"
#include "target.h"

enum vdisk_exit vdisk_command_create(const struct vdisk_arguments *arguments)
{
    const char *path = arguments->operands[0];
    struct vdisk_new_image new_image;
    if (!vdisk_new_image_read(&new_image, arguments, arguments->options[VDISK_OPTION_FORMAT], path))
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
    if (code == VDISK_EXIT_OK)
        code = vdisk_target_end(&target, vdisk_target_create(&target, &new_image.options));
    vdisk_new_image_release(&new_image);
    return code;
}
