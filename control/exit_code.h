/*
 * The exit codes of VirtualDiskControl, documented by `VirtualDiskControl help exit-codes`.
 * 0 to 3 are those of qemu-img's check and compare; the others are those of sysexits.h.
 */
#ifndef VIRTUALDISK_CONTROL_EXIT_CODE_H
#define VIRTUALDISK_CONTROL_EXIT_CODE_H

#include "virtualdisk/status.h"

enum vdisk_exit {
    VDISK_EXIT_OK = 0,
    VDISK_EXIT_FAILED = 1,       /* compare: the contents differ */
    VDISK_EXIT_CORRUPT = 2,      /* check: the image is damaged; compare: it could not be done */
    VDISK_EXIT_LEAKS = 3,        /* check: the image has unused space, and no other fault */
    VDISK_EXIT_USAGE = 64,       /* the command line makes no sense */
    VDISK_EXIT_NOT_FOUND = 66,   /* no such file, or the image is not open */
    VDISK_EXIT_UNAVAILABLE = 69, /* needs Windows, or the driver cannot be installed */
    VDISK_EXIT_INTERNAL = 70,    /* out of memory */
    VDISK_EXIT_CREATE = 73,      /* cannot be created: exists already, no space */
    VDISK_EXIT_IO = 74,          /* reading or writing failed */
    VDISK_EXIT_BUSY = 75,        /* in use: try again later */
    VDISK_EXIT_ACCESS = 77,      /* the user may not do that */
    VDISK_EXIT_INTERRUPTED = 130 /* Ctrl-C */
};

struct vdisk_exit_description {
    enum vdisk_exit code;
    const char *text;
};

/* In rising order; the last one has a NULL text. */
extern const struct vdisk_exit_description vdisk_exit_descriptions[];

enum vdisk_exit vdisk_exit_from_status(enum vdisk_status status);

#endif
