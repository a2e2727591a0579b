/*
 * The one spelling of an image's path, however the user wrote it: full, long, with links, drives
 * and short names resolved. Paths are compared as the file system does, without regard to case.
 */
#ifndef VIRTUALDISK_CONTROL_DEVICE_PATH_H
#define VIRTUALDISK_CONTROL_DEVICE_PATH_H

#include <stdbool.h>
#include <stdint.h>
#include <wchar.h>

/*
 * "\\?\C:\disks\disk.img"; the file, or its whole folder, may be missing. NULL: no memory, or
 * nothing that can be a path. Free with vdisk_free, as all strings from here.
 */
wchar_t *vdisk_device_path_resolve(const char *path);

/* The same as the kernel wants it, "\??\C:\disks\disk.img". */
wchar_t *vdisk_device_path_to_nt(const wchar_t *path);

/* For people, "C:\disks\disk.img", in UTF-8; from either form. */
char *vdisk_device_path_display(const wchar_t *path);

/* Both in either form. */
bool vdisk_device_path_equal(const wchar_t *a, const wchar_t *b);

#define VDISK_INSTANCE_ID_CHARS 32

/*
 * A name for the device of an image, or of one of its partitions (0: the whole disk): the same for
 * the same file.
 */
void vdisk_device_instance_id(const wchar_t *path, uint32_t partition,
                              wchar_t id[VDISK_INSTANCE_ID_CHARS]);

#endif
