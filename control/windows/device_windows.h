/*
 * The devices of the driver, as the commands see them.
 *
 * A function that returns an enum vdisk_exit says on stderr what went wrong when the code is not
 * VDISK_EXIT_OK. Commands that add or remove devices do it between vdisk_devices_enter and
 * vdisk_devices_leave.
 */
#ifndef VIRTUALDISK_CONTROL_DEVICE_H
#define VIRTUALDISK_CONTROL_DEVICE_H

#include "node.h"

#include "exit_code.h"

struct vdisk_json;

/* A further file of an image: its name there, and where it was found. */
struct vdisk_found_file {
    wchar_t *name;
    wchar_t *nt_path;
};

/* What driver_abi.h calls the parameters of a device. */
struct vdisk_device_parameters {
    const wchar_t *path; /* from vdisk_device_path_resolve; or VIRTUALDISK_RAM_PREFIX and a name */
    const char *format;  /* NULL: none, of an empty RAM disk */
    uint32_t flags;      /* VIRTUALDISK_FLAG_... */
    const struct vdisk_found_file *files;
    size_t file_count;
    const struct virtualdisk_window *window; /* NULL: the whole disk */
    const wchar_t *overlay;                  /* as path; NULL: none */
    const char *overlay_format;
    uint64_t memory_bytes; /* 0: not said, as for the following ones */
    uint32_t sector_bytes;
    char letter;
    const wchar_t *access; /* SDDL; NULL: administrators */
};

struct vdisk_device {
    wchar_t instance[MAX_DEVICE_ID_LEN];
    wchar_t *nt_path;               /* of the image; NULL: unknown */
    wchar_t *overlay_nt_path;       /* NULL: none */
    char *path;                     /* the same for people, UTF-8 */
    char *overlay;                  /* path of its overlay for people; NULL: none */
    wchar_t *control_path;          /* of the control interface; NULL: there is none */
    wchar_t *volume_path;           /* of the volume's interface; NULL: not working */
    char *volume_name;              /* "\\?\Volume{...}\", or the interface's path; UTF-8 */
    wchar_t kernel_name[32];        /* "\Device\VirtualDisk-0" */
    char letter[4];                 /* "V:", or "" */
    char *problem;                  /* why it is not working, in the driver's words; or NULL */
    struct virtualdisk_state state; /* zero when the device is not working */
};

struct vdisk_devices {
    struct vdisk_device *items;
    size_t count;
};

/*
 * Waits until no other instance of this program changes devices. Those that have returned after a
 * restart, though they were to be gone, are removed.
 */
enum vdisk_exit vdisk_devices_enter(void);
void vdisk_devices_leave(void);

enum vdisk_exit vdisk_devices_list(struct vdisk_devices *devices);
void vdisk_devices_free(struct vdisk_devices *devices);

/*
 * The devices of an image, one after the other: the first one behind `previous` (NULL: of all), or
 * NULL. `path` is the image's, or its overlay's.
 */
struct vdisk_device *vdisk_devices_find_path(struct vdisk_devices *devices, const wchar_t *path,
                                             const struct vdisk_device *previous);

/* NULL: none. `letter` is upper case. */
struct vdisk_device *vdisk_devices_find_letter(struct vdisk_devices *devices, char letter);

static inline bool vdisk_device_is_working(const struct vdisk_device *device)
{
    return device->volume_path != NULL;
}

/*
 * Makes a device and waits until its volume answers. Nothing is left behind on failure. What is
 * known of it afterwards is found by vdisk_devices_list.
 */
enum vdisk_exit vdisk_device_add(const struct vdisk_device_parameters *parameters);

/* Writes everything to the image, removes the letter and the device; waits until it is gone. */
enum vdisk_exit vdisk_device_remove(struct vdisk_device *device);

/*
 * The second half of it, for a volume that is dismounted or not working. By force, also a device
 * that is in use is taken away, as if it had been unplugged.
 */
enum vdisk_exit vdisk_device_unplug(struct vdisk_device *device, bool by_force);

/* A request of the control interface (driver_abi.h). False, with GetLastError: it failed. */
bool vdisk_device_control(const struct vdisk_device *device, DWORD code, const void *input,
                          DWORD input_bytes, void *output, DWORD output_bytes);

/*
 * What the volume's data occupies: of memory, or of the image's file and its overlay on the disk.
 * False: unknown.
 */
bool vdisk_device_get_used(const struct vdisk_device *device, uint64_t *used_bytes);

void vdisk_device_print(const struct vdisk_device *device);
void vdisk_device_print_json(const struct vdisk_device *device, struct vdisk_json *json,
                             const char *name);

#endif
