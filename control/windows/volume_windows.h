/* The volume of a device, and what can be asked of it. */
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
 * The volume with the file system that is mounted on it; INVALID_HANDLE_VALUE, with GetLastError.
 * The interface leads past it, to the physical device, on which nothing is ever mounted.
 */
HANDLE vdisk_volume_open(const wchar_t *kernel_name, DWORD access);

/* A request of the control interface, which may be NULL. False, with GetLastError: it failed. */
bool vdisk_volume_control(const wchar_t *control_path, DWORD code, const void *input,
                          DWORD input_bytes, void *output, DWORD output_bytes);

/* Is there still a device of this name ("\Device\VirtualDisk-0")? */
bool vdisk_volume_exists(const wchar_t *kernel_name);

#endif
