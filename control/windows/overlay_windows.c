#include "overlay_windows.h"

#include "backend.h"
#include "commit.h"
#include "output.h"
#include "virtualdisk/host.h"
#include "virtualdisk/platform.h"

static enum vdisk_exit refuse(const struct vdisk_device *device, const char *why)
{
    vdisk_output_message("%s %s", device->path, why);
    return VDISK_EXIT_USAGE;
}

/* Does a volume that stays open need the overlay? */
static bool is_needed(const struct vdisk_selection *selection)
{
    size_t users = 0;
    for (size_t i = 0; i < selection->devices.count; i++) {
        if (vdisk_selection_is_same_image(selection->items[0], &selection->devices.items[i]))
            users++;
    }
    return users != selection->count;
}

enum vdisk_exit vdisk_overlay_find(const struct vdisk_arguments *arguments,
                                   const struct vdisk_selection *selection,
                                   struct vdisk_overlay *overlay)
{
    *overlay = (struct vdisk_overlay){.arguments = arguments};
    bool commit = vdisk_arguments_has(arguments, VDISK_OPTION_COMMIT);
    if (!commit && !vdisk_arguments_has(arguments, VDISK_OPTION_DISCARD))
        return VDISK_EXIT_OK;
    const struct vdisk_device *device = selection->items[0];
    if ((device->state.flags & VIRTUALDISK_STATE_RAM) != 0)
        return commit ? refuse(device, "is a RAM disk, and has no image") : VDISK_EXIT_OK;
    overlay->in_memory = (device->state.flags & VIRTUALDISK_STATE_MEMORY) != 0;
    if (!overlay->in_memory && device->overlay == NULL)
        return refuse(device, "has no overlay");
    if (is_needed(selection))
        return refuse(device, "has further volumes, which need the overlay: close it by its file");
    if (overlay->in_memory)
        return VDISK_EXIT_OK;
    overlay->path = vdisk_text_format("%s", device->overlay);
    overlay->image = vdisk_text_format("%s", device->path);
    if (overlay->path != NULL && overlay->image != NULL)
        return VDISK_EXIT_OK;
    vdisk_output_message("out of memory");
    return VDISK_EXIT_INTERNAL;
}

enum vdisk_exit vdisk_overlay_commit_memory(struct vdisk_overlay *overlay,
                                            const struct vdisk_device *device)
{
    if (!overlay->in_memory || !vdisk_arguments_has(overlay->arguments, VDISK_OPTION_COMMIT))
        return VDISK_EXIT_OK;
    if (!vdisk_device_control(device, IOCTL_VIRTUALDISK_COMMIT, NULL, 0, NULL, 0))
        return vdisk_backend_fail("what is in memory could not be written to the image");
    overlay->image = vdisk_text_format("%s", device->path);
    overlay->committed = true;
    return VDISK_EXIT_OK;
}

enum vdisk_exit vdisk_overlay_end(struct vdisk_overlay *overlay)
{
    struct vdisk_error error;
    if (overlay->path == NULL)
        return VDISK_EXIT_OK;
    if (vdisk_arguments_has(overlay->arguments, VDISK_OPTION_COMMIT)) {
        enum vdisk_exit code = vdisk_commit_image(overlay->path, NULL, overlay->arguments);
        if (code != VDISK_EXIT_OK)
            return code;
        overlay->committed = true;
    }
    if (vdisk_host_remove(overlay->path, &error) != VDISK_OK)
        return vdisk_output_failure("cannot delete", overlay->path, &error);
    overlay->deleted = true;
    return VDISK_EXIT_OK;
}

void vdisk_overlay_print(const struct vdisk_overlay *overlay)
{
    if (overlay->committed)
        vdisk_output_text("Written: what %s held, into %s\n",
                          overlay->in_memory ? "the memory" : overlay->path, overlay->image);
    if (overlay->deleted)
        vdisk_output_text("Deleted: %s\n", overlay->path);
}

void vdisk_overlay_print_json(const struct vdisk_overlay *overlay, struct vdisk_json *json)
{
    if (overlay->path == NULL && !overlay->committed)
        return;
    vdisk_json_begin_object(json, "overlay");
    vdisk_json_string(json, "path", overlay->path);
    vdisk_json_bool(json, "committed", overlay->committed);
    vdisk_json_bool(json, "deleted", overlay->deleted);
    vdisk_json_end_object(json);
}

void vdisk_overlay_free(struct vdisk_overlay *overlay)
{
    vdisk_free(overlay->path);
    vdisk_free(overlay->image);
    *overlay = (struct vdisk_overlay){0};
}
