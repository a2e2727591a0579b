#include "command.h"
#include "image_file.h"
#include "output.h"
#include "size.h"
#include "open_volume.h"
#include "virtualdisk/partition.h"

static enum vdisk_exit resize_disk(struct vdisk_image *image,
                                   const struct vdisk_arguments *arguments)
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

static enum vdisk_exit resize_one(struct vdisk_image *image,
                                  const struct vdisk_partition *partition,
                                  const struct vdisk_arguments *arguments)
{
    uint64_t new_bytes;
    if (!vdisk_size_parse_change(arguments->operands[1], partition->size_bytes, &new_bytes))
        return VDISK_EXIT_USAGE;
    if (new_bytes == partition->size_bytes)
        return VDISK_EXIT_OK;
    if (new_bytes < partition->size_bytes) {
        vdisk_output_message("a partition can only grow");
        return VDISK_EXIT_USAGE;
    }
    struct vdisk_error error;
    if (vdisk_image_grow_partition(image, partition, new_bytes, &error) == VDISK_OK)
        return VDISK_EXIT_OK;
    return vdisk_output_failure("cannot resize a partition of", arguments->operands[0], &error);
}

static enum vdisk_exit resize_partition(struct vdisk_image *image, uint32_t number,
                                        const struct vdisk_arguments *arguments)
{
    struct vdisk_partition_table table;
    struct vdisk_error error;
    if (vdisk_partitions_read(vdisk_image_disk(image), &table, &error) != VDISK_OK)
        return vdisk_output_failure("cannot resize a partition of", arguments->operands[0], &error);
    const struct vdisk_partition *partition = vdisk_partition_find(&table, number);
    enum vdisk_exit code = VDISK_EXIT_NOT_FOUND;
    if (partition != NULL)
        code = resize_one(image, partition, arguments);
    else
        vdisk_output_message("%s has no partition %" PRIu32 ": 'info' shows those it has",
                             arguments->operands[0], number);
    vdisk_partitions_free(&table);
    return code;
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
    uint32_t partition;
    if (!vdisk_arguments_partition(arguments, &partition))
        return VDISK_EXIT_USAGE;
    if (vdisk_open_volume_resize(arguments, partition, &code))
        return code;
    code = vdisk_image_file_open(&source, &image);
    if (code != VDISK_EXIT_OK)
        return code;
    code = partition == 0 ? resize_disk(image, arguments)
                          : resize_partition(image, partition, arguments);
    return vdisk_exit_first(code, vdisk_image_file_close(image, source.path));
}
