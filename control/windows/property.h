/*
 * The parameters of a device (driver_abi.h) as device properties, and as values of its hardware
 * key for systems that have no properties.
 */
#ifndef VIRTUALDISK_CONTROL_PROPERTY_H
#define VIRTUALDISK_CONTROL_PROPERTY_H

#include <windows.h>
#include <devpropdef.h>
#include <setupapi.h>
#include <stdbool.h>

#include "virtualdisk/driver_abi.h"

/* One parameter in both forms. */
struct vdisk_property {
    DEVPROPKEY key;
    DEVPROPTYPE type;
    const wchar_t *value_name;
    DWORD value_type; /* REG_... */
    DWORD bytes;
    void *data;
};

#define VDISK_PROPERTY_COUNT 11

struct vdisk_device_parameters;

struct vdisk_properties {
    struct vdisk_property items[VDISK_PROPERTY_COUNT];
    size_t count;
    /* What `data` points to where it is no text. */
    uint32_t flags;
    uint32_t sector_bytes;
    uint64_t memory_bytes;
    struct virtualdisk_window window;
    wchar_t *strings[VDISK_PROPERTY_COUNT]; /* freed with the properties */
};

/* False: no memory. */
bool vdisk_properties_make(const struct vdisk_device_parameters *parameters,
                           struct vdisk_properties *properties);
void vdisk_properties_free(struct vdisk_properties *properties);

/* Writes all to the node's hardware key, and as properties where there are any. */
bool vdisk_properties_store(const struct vdisk_properties *properties, HDEVINFO set,
                            SP_DEVINFO_DATA *info);

/*
 * Gives the parameter Window another size, in both forms, and tells the old one. False, with
 * GetLastError: there is none, or it cannot be written.
 */
bool vdisk_property_resize_window(HDEVINFO set, SP_DEVINFO_DATA *info, uint64_t size_bytes,
                                  uint64_t *old_bytes);

/* One value of the hardware key. NULL: there is none, or no memory. Free with vdisk_free. */
wchar_t *vdisk_property_read_value(HDEVINFO set, SP_DEVINFO_DATA *info, const wchar_t *name);

/* A parameter, from wherever it is: text, as above; or a number of 4 or 8 bytes (0: none). */
wchar_t *vdisk_property_read_text(HDEVINFO set, SP_DEVINFO_DATA *info, DEVPROPID pid,
                                  const wchar_t *name);
uint64_t vdisk_property_read_number(HDEVINFO set, SP_DEVINFO_DATA *info, DEVPROPID pid,
                                    const wchar_t *name, DWORD number_bytes);

#endif
