#include "exit_code.h"

#include <stddef.h>

const struct vdisk_exit_description vdisk_exit_descriptions[] = {
    {VDISK_EXIT_OK, "done; check: no fault found; compare: same contents"},
    {VDISK_EXIT_FAILED, "failed; compare: the contents differ"},
    {VDISK_EXIT_CORRUPT, "check: the image is damaged; compare: could not compare"},
    {VDISK_EXIT_LEAKS, "check: the image holds unused space, and no other fault"},
    {VDISK_EXIT_USAGE, "the command line makes no sense"},
    {VDISK_EXIT_NOT_FOUND, "there is no such file, or the image is not open"},
    {VDISK_EXIT_UNAVAILABLE, "needs Windows or Wine, or the driver could not be installed"},
    {VDISK_EXIT_INTERNAL, "out of memory"},
    {VDISK_EXIT_CREATE, "the file exists already, or the disk is full"},
    {VDISK_EXIT_IO, "reading or writing failed"},
    {VDISK_EXIT_BUSY, "the file or volume is in use"},
    {VDISK_EXIT_ACCESS, "access denied; devices need an administrator"},
    {VDISK_EXIT_INTERRUPTED, "interrupted"},
    {VDISK_EXIT_OK, NULL},
};

enum vdisk_exit vdisk_exit_from_status(enum vdisk_status status)
{
    switch (status) {
    case VDISK_OK:
        return VDISK_EXIT_OK;
    case VDISK_INVALID:
        return VDISK_EXIT_USAGE;
    case VDISK_NOT_FOUND:
    case VDISK_PARENT_MISSING:
        return VDISK_EXIT_NOT_FOUND;
    case VDISK_NO_MEMORY:
        return VDISK_EXIT_INTERNAL;
    case VDISK_EXISTS:
    case VDISK_NO_SPACE:
        return VDISK_EXIT_CREATE;
    case VDISK_IO:
    case VDISK_GONE:
        return VDISK_EXIT_IO;
    case VDISK_BUSY:
        return VDISK_EXIT_BUSY;
    case VDISK_ACCESS:
    case VDISK_READ_ONLY:
        return VDISK_EXIT_ACCESS;
    case VDISK_CANCELLED:
        return VDISK_EXIT_INTERRUPTED;
    default:
        return VDISK_EXIT_FAILED;
    }
}
