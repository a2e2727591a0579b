/*
 * Hands out the further files of an image. The control utility found them with the caller's rights
 * and gave a list; the driver opens exactly those paths and resolves no name itself.
 */
#ifndef VIRTUALDISK_DRIVER_FINDER_H
#define VIRTUALDISK_DRIVER_FINDER_H

#include <ntifs.h>

#include "virtualdisk/image.h"

typedef struct _VD_FINDER {
    struct vdisk_file_finder Finder; /* first */
    const UNICODE_STRING *Files;     /* pairs of strings, each with its NUL: name, NT path */
} VD_FINDER;

/* `Files` lives as long as the finder. Returns &Self->Finder. PASSIVE_LEVEL. */
struct vdisk_file_finder *VdFinderInitialize(_Out_ VD_FINDER *Self,
                                             _In_ const UNICODE_STRING *Files);

#endif
