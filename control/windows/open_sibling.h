/*
 * The volumes of an image that are open already. They share the image with each other, so a further
 * one can only be opened as they were; and what is open stays as it is.
 */
#ifndef VIRTUALDISK_CONTROL_OPEN_SIBLING_H
#define VIRTUALDISK_CONTROL_OPEN_SIBLING_H

#include "device_windows.h"
#include "open_request.h"

/*
 * Is `device`, a volume of the image that is asked for, as the request wants it? Where not,
 * VDISK_EXIT_BUSY, said.
 */
enum vdisk_exit vdisk_open_sibling_check(const struct vdisk_open_request *request,
                                         const struct vdisk_device *device);

/* Makes the request one for a further volume beside it: in what they share, it is as that one. */
enum vdisk_exit vdisk_open_sibling_join(struct vdisk_open_request *request,
                                        const struct vdisk_device *device);

#endif
