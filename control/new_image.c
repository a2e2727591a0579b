#include "new_image.h"

#include "output.h"
#include "size.h"

/* A size that fits 32 bits; 0 when the option is not given. */
static bool read_size_option(const struct vdisk_arguments *arguments, enum vdisk_option option,
                             const char *what, uint32_t *bytes)
{
    uint64_t size_bytes = 0;
    const char *text = arguments->options[option];
    if (text != NULL && !vdisk_size_parse(text, what, 1, &size_bytes))
        return false;
    if (size_bytes > UINT32_MAX) {
        vdisk_output_message("%s '%s' is too large", what, text);
        return false;
    }
    *bytes = (uint32_t)size_bytes;
    return true;
}

bool vdisk_new_image_read(struct vdisk_new_image *new_image,
                          const struct vdisk_arguments *arguments, const char *format,
                          const char *path)
{
    *new_image = (struct vdisk_new_image){.parent_path = arguments->options[VDISK_OPTION_PARENT]};
    struct vdisk_create_options *options = &new_image->options;
    options->format = vdisk_image_file_choose_format(format, path);
    options->subformat = arguments->options[VDISK_OPTION_SUBFORMAT];
    options->fixed = vdisk_arguments_has(arguments, VDISK_OPTION_FIXED);
    options->compress = vdisk_arguments_has(arguments, VDISK_OPTION_COMPRESS);
    return options->format != NULL &&
           read_size_option(arguments, VDISK_OPTION_BLOCK_SIZE, "the block size",
                            &options->block_bytes) &&
           read_size_option(arguments, VDISK_OPTION_SECTOR_SIZE, "the sector size",
                            &options->logical_sector_bytes);
}

enum vdisk_exit vdisk_new_image_open_parent(struct vdisk_new_image *new_image, const char *path)
{
    if (new_image->parent_path == NULL)
        return VDISK_EXIT_OK;
    const struct vdisk_image_source source = {.path = new_image->parent_path, .for_child = true};
    enum vdisk_exit code = vdisk_image_file_open(&source, &new_image->options.parent);
    if (code == VDISK_EXIT_OK)
        code = vdisk_parent_paths_find(path, new_image->parent_path, &new_image->parent_names);
    if (code != VDISK_EXIT_OK) {
        vdisk_new_image_release(new_image);
        return code;
    }
    const struct vdisk_parent_paths *names = &new_image->parent_names;
    new_image->options.parent_name = names->relative == NULL ? names->absolute : names->relative;
    new_image->options.parent_absolute_name = names->absolute;
    return VDISK_EXIT_OK;
}

void vdisk_new_image_release(struct vdisk_new_image *new_image)
{
    vdisk_image_close(new_image->options.parent, NULL);
    new_image->options.parent = NULL;
    vdisk_parent_paths_free(&new_image->parent_names);
}
