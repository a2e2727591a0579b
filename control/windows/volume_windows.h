/* The volume of a device: asked, flushed, dismounted. */
#ifndef VIRTUALDISK_CONTROL_VOLUME_H
#define VIRTUALDISK_CONTROL_VOLUME_H

#include "device_windows.h"

/*
 * Reads the state through the control interface, and with it the NT paths (vdisk_free) of the image
 * and of its overlay, which is NULL where there is none.
 */
bool vdisk_volume_query(const wchar_t *control_path, struct virtualdisk_state *state,
                        wchar_t **nt_path, wchar_t **overlay_nt_path);

/* Does it tell its length, and can its first sector be read? */
bool vdisk_volume_answers(const wchar_t *volume_path);

/*
 * Takes the volume from its file system: no file may be open on it (VDISK_EXIT_BUSY), everything
 * is written to the image. What goes wrong is said.
 */
enum vdisk_exit vdisk_volume_dismount(const struct vdisk_device *device);

/* Asks the driver to take its device away. */
bool vdisk_volume_remove(const wchar_t *control_path);

/* Is there still a device of this name ("\Device\VirtualDisk-0")? */
bool vdisk_volume_exists(const wchar_t *kernel_name);

#endif
