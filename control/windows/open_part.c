#include "open_part.h"

#include "output.h"
#include "virtualdisk/platform.h"

#include <string.h>

static uint32_t number_of(const struct vdisk_open_part *part)
{
    return part->is_whole ? 0 : part->window.number;
}

static struct virtualdisk_window window_of(const struct vdisk_partition_table *table,
                                           const struct vdisk_partition *partition)
{
    struct virtualdisk_window window = {
        .version = VIRTUALDISK_ABI_VERSION,
        .style =
            table->style == VDISK_PARTITION_GPT ? VIRTUALDISK_STYLE_GPT : VIRTUALDISK_STYLE_MBR,
        .offset_bytes = partition->offset_bytes,
        .size_bytes = partition->size_bytes,
        .number = partition->number,
        .mbr_signature = table->mbr_signature,
        .mbr_type = partition->mbr_type,
        .mbr_active = partition->mbr_active,
        .gpt_attributes = partition->gpt_attributes,
    };
    memcpy(window.disk_id, table->disk_id, sizeof(window.disk_id));
    memcpy(window.gpt_type, partition->gpt_type, sizeof(window.gpt_type));
    memcpy(window.gpt_id, partition->gpt_id, sizeof(window.gpt_id));
    memcpy(window.gpt_name, partition->gpt_name, sizeof(window.gpt_name));
    return window;
}

static bool make_room(struct vdisk_open_parts *parts, size_t count)
{
    *parts = (struct vdisk_open_parts){.items = vdisk_alloc_array(count, sizeof(*parts->items))};
    if (parts->items == NULL)
        vdisk_output_message("out of memory");
    return parts->items != NULL;
}

static enum vdisk_exit fail_partition(const struct vdisk_open_request *request)
{
    if (request->partition != 0)
        vdisk_output_message("%s has no partition %" PRIu32 ": 'info' shows those it has",
                             request->display_path, request->partition);
    else
        vdisk_output_message("%s has no partition with data: --partition names one, --whole opens "
                             "the disk as it is",
                             request->display_path);
    return VDISK_EXIT_NOT_FOUND;
}

static void find_wanted(const struct vdisk_open_request *request,
                        const struct vdisk_partition_table *table, struct vdisk_open_parts *parts)
{
    for (uint32_t i = 0; i < table->count; i++) {
        const struct vdisk_partition *partition = &table->partitions[i];
        bool wanted = request->partition == 0 ? vdisk_partition_holds_data(table, partition)
                                              : partition->number == request->partition;
        if (wanted)
            parts->items[parts->count++].window = window_of(table, partition);
    }
}

enum vdisk_exit vdisk_open_parts_choose(const struct vdisk_open_request *request,
                                        const struct vdisk_open_image *image,
                                        struct vdisk_devices *devices,
                                        struct vdisk_open_parts *parts)
{
    const struct vdisk_partition_table *table = &image->table;
    if (!make_room(parts, (size_t)table->count + 1))
        return VDISK_EXIT_INTERNAL;
    if (table->style == VDISK_PARTITION_NONE && request->partition == 0)
        parts->items[parts->count++].is_whole = true;
    else
        find_wanted(request, table, parts);
    if (parts->count == 0)
        return fail_partition(request);
    for (size_t i = 0; i < parts->count; i++) {
        const struct vdisk_device *device =
            vdisk_open_part_device(&parts->items[i], request, devices);
        parts->items[i].was_open = device != NULL && vdisk_device_is_working(device);
    }
    return VDISK_EXIT_OK;
}

enum vdisk_exit vdisk_open_parts_find_open(const struct vdisk_open_request *request,
                                           struct vdisk_devices *devices,
                                           struct vdisk_open_parts *parts)
{
    struct vdisk_device *device = NULL;
    if (!make_room(parts, devices->count))
        return VDISK_EXIT_INTERNAL;
    while ((device = vdisk_devices_find_path(devices, request->path, device)) != NULL) {
        uint32_t number = device->state.partition_number;
        if (request->partition == 0 || number == request->partition)
            parts->items[parts->count++] = (struct vdisk_open_part){
                .window.number = number, .is_whole = number == 0, .was_open = true};
    }
    return VDISK_EXIT_OK;
}

struct vdisk_device *vdisk_open_part_device(const struct vdisk_open_part *part,
                                            const struct vdisk_open_request *request,
                                            struct vdisk_devices *devices)
{
    struct vdisk_device *device = NULL;
    do {
        device = vdisk_devices_find_path(devices, request->path, device);
    } while (device != NULL && vdisk_device_is_working(device) &&
             device->state.partition_number != number_of(part));
    return device;
}

void vdisk_open_parts_free(struct vdisk_open_parts *parts)
{
    vdisk_free(parts->items);
    *parts = (struct vdisk_open_parts){0};
}
