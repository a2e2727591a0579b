#include "open_sibling.h"

#include "device_path.h"
#include "image_file.h"
#include "output.h"
#include "property.h"
#include "virtualdisk/platform.h"

#include <string.h>

/* What a device was told (driver_abi.h). */
struct settings {
    uint32_t flags;
    uint32_t sector_bytes;
    uint64_t memory_bytes;
    wchar_t *access;
};

static enum vdisk_exit read_settings(const struct vdisk_device *device, struct settings *settings)
{
    struct vdisk_node_handle node;
    *settings = (struct settings){0};
    if (!vdisk_node_open(device->instance, &node)) {
        vdisk_output_message("%s: the device does not say how it was opened", device->path);
        return VDISK_EXIT_FAILED;
    }
    settings->flags = (uint32_t)vdisk_property_read_number(
        node.set, &node.info, VIRTUALDISK_PID_FLAGS, VIRTUALDISK_VALUE_FLAGS, sizeof(uint32_t));
    settings->sector_bytes =
        (uint32_t)vdisk_property_read_number(node.set, &node.info, VIRTUALDISK_PID_SECTOR_SIZE,
                                             VIRTUALDISK_VALUE_SECTOR_SIZE, sizeof(uint32_t));
    settings->memory_bytes = vdisk_property_read_number(
        node.set, &node.info, VIRTUALDISK_PID_MEMORY, VIRTUALDISK_VALUE_MEMORY, sizeof(uint64_t));
    settings->access = vdisk_property_read_text(node.set, &node.info, VIRTUALDISK_PID_ACCESS,
                                                VIRTUALDISK_VALUE_ACCESS);
    vdisk_node_close(&node);
    return VDISK_EXIT_OK;
}

static bool is_under_overlay(const struct vdisk_open_request *request,
                             const struct vdisk_device *device)
{
    return device->overlay_nt_path != NULL &&
           vdisk_device_path_equal(device->overlay_nt_path, request->overlay_path);
}

/* What concerns the image, and so all its volumes. Words that go behind "is open already, ". */
static const char *find_image_difference(const struct vdisk_open_request *request,
                                         const struct vdisk_device *device,
                                         const struct settings *settings)
{
    const struct virtualdisk_state *state = &device->state;
    uint32_t missing = request->flags & ~settings->flags;
    if (request->whole && state->partition_number != 0)
        return "by its partitions";
    if (request->partition != 0 && state->partition_number == 0)
        return "as a whole disk";
    if (request->overlay == VDISK_OVERLAY_FILE && !is_under_overlay(request, device))
        return "not under this overlay";
    if ((missing & VIRTUALDISK_FLAG_MEMORY) != 0)
        return "not under an overlay in memory";
    if ((missing & VIRTUALDISK_FLAG_RAM) != 0)
        return "not in memory";
    if ((missing & VIRTUALDISK_FLAG_DETECT_ZEROES) != 0)
        return "without --detect-zeroes";
    if (request->empty_ram && request->memory_bytes != state->size_bytes)
        return "with another size";
    if (request->limit_is_given && request->memory_bytes != settings->memory_bytes)
        return "with another limit";
    if (request->sector_bytes != 0 && request->sector_bytes != state->logical_sector_bytes)
        return "with sectors of another size";
    if (request->format != NULL && strcmp(request->format, state->format) != 0)
        return "in another format";
    return NULL;
}

static bool has_access(const struct vdisk_open_request *request, const struct settings *settings)
{
    if (request->access == NULL)
        return !request->access_is_given || settings->access == NULL;
    return settings->access != NULL && wcscmp(request->access, settings->access) == 0;
}

/* What concerns one volume, the one that is asked for. */
static const char *find_volume_difference(const struct vdisk_open_request *request,
                                          const struct vdisk_device *device,
                                          const struct settings *settings)
{
    if (request->checked_first)
        return "and was not checked before";
    if (request->filesystem != NULL)
        return "and is not formatted while it is";
    if ((request->flags & ~settings->flags & VIRTUALDISK_FLAG_PERSISTENT) != 0)
        return "without --persistent";
    if (!has_access(request, settings))
        return "with other --access";
    if (request->no_letter && request->mount == NULL && device->letter[0] != '\0')
        return "with a letter";
    if (request->read_only && (device->state.flags & VIRTUALDISK_STATE_READ_ONLY) == 0)
        return "and may be written to";
    return NULL;
}

static const char *find_difference(const struct vdisk_open_request *request,
                                   const struct vdisk_device *device,
                                   const struct settings *settings)
{
    const char *difference = find_image_difference(request, device, settings);
    bool is_asked_for =
        request->partition == 0 || request->partition == device->state.partition_number;
    if (difference == NULL && is_asked_for)
        difference = find_volume_difference(request, device, settings);
    if (difference == NULL && !is_asked_for && request->read_only &&
        (settings->flags & VIRTUALDISK_FLAG_READ_ONLY) == 0)
        difference = "and may be written to";
    return difference;
}

static enum vdisk_exit no_memory(void)
{
    vdisk_output_message("out of memory");
    return VDISK_EXIT_INTERNAL;
}

/* The user may have named the image by its overlay. */
static enum vdisk_exit name_image(struct vdisk_open_request *request,
                                  const struct vdisk_device *device)
{
    wchar_t *path = vdisk_device_path_resolve(device->path);
    char *display_path = vdisk_text_format("%s", device->path);
    if (path == NULL || display_path == NULL) {
        vdisk_free(path);
        vdisk_free(display_path);
        return no_memory();
    }
    vdisk_free(request->path);
    vdisk_free(request->display_path);
    request->path = path;
    request->display_path = display_path;
    return VDISK_EXIT_OK;
}

static enum vdisk_exit name_overlay(struct vdisk_open_request *request,
                                    const struct vdisk_device *device)
{
    if (device->overlay == NULL || request->overlay_path != NULL)
        return VDISK_EXIT_OK;
    request->overlay = VDISK_OVERLAY_FILE;
    request->overlay_path = vdisk_device_path_resolve(device->overlay);
    request->overlay_display = vdisk_text_format("%s", device->overlay);
    return request->overlay_path != NULL && request->overlay_display != NULL ? VDISK_EXIT_OK
                                                                             : no_memory();
}

static enum vdisk_exit take_over(struct vdisk_open_request *request,
                                 const struct vdisk_device *device, const struct settings *settings)
{
    request->beside = true;
    request->flags =
        (request->flags & VIRTUALDISK_FLAGS_OWN) | (settings->flags & ~VIRTUALDISK_FLAGS_OWN);
    request->read_only = (settings->flags & VIRTUALDISK_FLAG_READ_ONLY) != 0;
    request->sector_bytes = settings->sector_bytes;
    request->memory_bytes = settings->memory_bytes;
    request->format = vdisk_image_file_choose_format(device->state.format, "");
    if ((settings->flags & VIRTUALDISK_FLAG_MEMORY) != 0)
        request->overlay = VDISK_OVERLAY_MEMORY;
    enum vdisk_exit code = name_image(request, device);
    return code == VDISK_EXIT_OK ? name_overlay(request, device) : code;
}

enum vdisk_exit vdisk_open_sibling_check(const struct vdisk_open_request *request,
                                         const struct vdisk_device *device)
{
    struct settings settings;
    enum vdisk_exit code = read_settings(device, &settings);
    if (code != VDISK_EXIT_OK)
        return code;
    const char *difference = find_difference(request, device, &settings);
    vdisk_free(settings.access);
    if (difference == NULL)
        return VDISK_EXIT_OK;
    vdisk_output_message("%s is open already, %s: close it first", device->path, difference);
    return VDISK_EXIT_BUSY;
}

enum vdisk_exit vdisk_open_sibling_join(struct vdisk_open_request *request,
                                        const struct vdisk_device *device)
{
    struct settings settings;
    enum vdisk_exit code = read_settings(device, &settings);
    if (code != VDISK_EXIT_OK)
        return code;
    vdisk_free(settings.access);
    return take_over(request, device, &settings);
}
