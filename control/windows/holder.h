/* The processes that hold a volume open: who has to be asked before it can be closed. */
#ifndef VIRTUALDISK_CONTROL_HOLDER_H
#define VIRTUALDISK_CONTROL_HOLDER_H

#include "json.h"

#include <windows.h>

struct vdisk_holder {
    DWORD process_id;
    char *name; /* of its program, UTF-8; NULL: unknown */
};

struct vdisk_holders {
    struct vdisk_holder *items;
    size_t count;
};

/*
 * Finds the other processes with a handle of the volume or of a file on it. `volume` is a handle of
 * it, `kernel_name` its device ("\Device\VirtualDisk-0"). Empty where the system does not tell.
 */
void vdisk_holders_find(HANDLE volume, const wchar_t *kernel_name, struct vdisk_holders *holders);
void vdisk_holders_free(struct vdisk_holders *holders);

/* "a.exe (process 12), b.exe (process 340)"; NULL: nobody, or no memory. Free with vdisk_free. */
char *vdisk_holders_text(const struct vdisk_holders *holders);
void vdisk_holders_print_json(const struct vdisk_holders *holders, struct vdisk_json *json,
                              const char *name);

#endif
