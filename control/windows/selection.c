#include "selection.h"

#include "device_path.h"
#include "letter.h"
#include "output.h"
#include "wide_win32.h"
#include "virtualdisk/platform.h"

#define RAM_PREFIX_CHARS (sizeof(VIRTUALDISK_RAM_PREFIX) / sizeof(wchar_t) - 1)

static enum vdisk_exit no_memory(void)
{
    vdisk_output_message("out of memory");
    return VDISK_EXIT_INTERNAL;
}

static void add(struct vdisk_selection *selection, struct vdisk_device *device)
{
    if (device != NULL)
        selection->items[selection->count++] = device;
}

/* A RAM disk has a name where others have a path. */
static wchar_t *operand_path(const char *operand)
{
    wchar_t *name = vdisk_wide_from_utf8(operand);
    if (name != NULL && _wcsnicmp(name, VIRTUALDISK_RAM_PREFIX, RAM_PREFIX_CHARS) == 0)
        return name;
    vdisk_free(name);
    return vdisk_device_path_resolve(operand);
}

static void add_path(struct vdisk_selection *selection, const wchar_t *path)
{
    struct vdisk_device *device = NULL;
    while ((device = vdisk_devices_find_path(&selection->devices, path, device)) != NULL)
        add(selection, device);
}

static enum vdisk_exit list_devices(struct vdisk_selection *selection)
{
    *selection = (struct vdisk_selection){0};
    enum vdisk_exit code = vdisk_devices_list(&selection->devices);
    if (code != VDISK_EXIT_OK)
        return code;
    selection->items = vdisk_alloc_array(selection->devices.count + 1, sizeof(*selection->items));
    return selection->items == NULL ? no_memory() : VDISK_EXIT_OK;
}

enum vdisk_exit vdisk_selection_find(const char *operand, bool silent,
                                     struct vdisk_selection *selection)
{
    enum vdisk_exit code = list_devices(selection);
    char letter;
    if (code != VDISK_EXIT_OK)
        return code;
    if (vdisk_letter_parse(operand, false, &letter)) {
        add(selection, vdisk_devices_find_letter(&selection->devices, letter));
    } else {
        wchar_t *path = operand_path(operand);
        if (path != NULL)
            add_path(selection, path);
        vdisk_free(path);
    }
    if (selection->count > 0)
        return VDISK_EXIT_OK;
    if (!silent)
        vdisk_output_message("%s is not open", operand);
    return VDISK_EXIT_NOT_FOUND;
}

enum vdisk_exit vdisk_selection_find_working(const char *operand, struct vdisk_selection *selection)
{
    enum vdisk_exit code = vdisk_selection_find(operand, false, selection);
    for (size_t i = 0; code == VDISK_EXIT_OK && i < selection->count; i++) {
        const struct vdisk_device *device = selection->items[i];
        if (vdisk_device_is_working(device))
            continue;
        if (device->problem != NULL) /* which names it */
            vdisk_output_message("%s", device->problem);
        else
            vdisk_output_message("%s does not answer", device->path);
        code = VDISK_EXIT_UNAVAILABLE;
    }
    return code;
}

static bool is_selected(const struct vdisk_selection *selection, const struct vdisk_device *device)
{
    for (size_t i = 0; i < selection->count; i++) {
        if (selection->items[i] == device)
            return true;
    }
    return false;
}

enum vdisk_exit vdisk_selection_find_all(struct vdisk_selection *selection)
{
    enum vdisk_exit code = list_devices(selection);
    struct vdisk_device *devices = selection->devices.items;
    for (size_t i = 0; code == VDISK_EXIT_OK && i < selection->devices.count; i++) {
        if (is_selected(selection, &devices[i]))
            continue;
        for (size_t j = i; j < selection->devices.count; j++) {
            if (vdisk_selection_is_same_image(&devices[i], &devices[j]))
                add(selection, &devices[j]);
        }
    }
    return code;
}

void vdisk_selection_free(struct vdisk_selection *selection)
{
    vdisk_free(selection->items);
    vdisk_devices_free(&selection->devices);
    *selection = (struct vdisk_selection){0};
}

static bool is_same_path(const wchar_t *a, const wchar_t *b)
{
    return a == b || (a != NULL && b != NULL && vdisk_device_path_equal(a, b));
}

bool vdisk_selection_is_same_image(const struct vdisk_device *a, const struct vdisk_device *b)
{
    if (a == b)
        return true;
    return a->nt_path != NULL && is_same_path(a->nt_path, b->nt_path) &&
           is_same_path(a->overlay_nt_path, b->overlay_nt_path);
}

const char *vdisk_selection_name(const struct vdisk_device *device)
{
    return device->letter[0] == '\0' ? device->path : device->letter;
}
