/* Drive letters: the mount manager's where there is one that gives them, else a link of our own. */
#ifndef VIRTUALDISK_CONTROL_LETTER_H
#define VIRTUALDISK_CONTROL_LETTER_H

#include "device_windows.h"

/* "V:", "V:\" or, where alone is allowed, "V". The letter comes out in upper case. */
bool vdisk_letter_parse(const char *text, bool alone, char *letter);

bool vdisk_letter_is_free(char letter);

/* The letter that leads to a device ("\Device\VirtualDisk-0"); 0: none. */
char vdisk_letter_find(const wchar_t *kernel_name);

/*
 * Gives the volume a letter, `wanted` or, when that is 0, the one that it has or any, and fills in
 * device->letter. Says what goes wrong.
 */
enum vdisk_exit vdisk_letter_assign(struct vdisk_device *device, char wanted);

/* Can a volume be mounted in the folder, as far as that can be told without one? Says what not. */
enum vdisk_exit vdisk_letter_check_folder(const char *folder);

/* Mounts the volume in an empty folder. Says what goes wrong. */
enum vdisk_exit vdisk_letter_mount(const struct vdisk_device *device, const char *folder);

/*
 * Removes a letter that is a link of our own, and the volume from folders; a letter of the mount
 * manager goes with the volume.
 */
void vdisk_letter_release(const struct vdisk_device *device);

/* "\\?\Volume{...}\" when the mount manager knows the volume; false: it does not. */
#define VDISK_VOLUME_NAME_CHARS 64
bool vdisk_letter_volume_name(const wchar_t *volume_path, wchar_t name[VDISK_VOLUME_NAME_CHARS]);

#endif
