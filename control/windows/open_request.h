/*
 * What `open` is asked for: the command line, read and checked. What is found out about the image
 * is in open_image.h.
 */
#ifndef VIRTUALDISK_CONTROL_OPEN_REQUEST_H
#define VIRTUALDISK_CONTROL_OPEN_REQUEST_H

#include "command.h"

#include <stdint.h>
#include <wchar.h>

enum vdisk_overlay_kind { VDISK_OVERLAY_NONE, VDISK_OVERLAY_FILE, VDISK_OVERLAY_MEMORY };

struct vdisk_open_request {
    wchar_t *path;           /* of the image, resolved; or of a RAM disk, "ram:..."; NULL: any */
    char *display_path;      /* the same for people */
    uint64_t new_size_bytes; /* of an image that does not exist */
    const char *format;      /* NULL: found out */
    uint32_t sector_bytes;   /* 0: as the image says */
    uint32_t partition;      /* 0: all that hold data */
    uint64_t memory_bytes;   /* limit of a memory overlay; size of an empty RAM disk */
    uint32_t flags;          /* VIRTUALDISK_FLAG_... that follow from the options */
    enum vdisk_overlay_kind overlay;
    wchar_t *overlay_path; /* resolved; NULL: none */
    char *overlay_display;
    wchar_t *access;        /* SDDL; NULL: administrators */
    const char *mount;      /* a folder, as given; NULL: none */
    const char *filesystem; /* to make: fat, exfat, ntfs; NULL: none */
    const char *label;      /* or NULL */
    char letter;            /* 0: any */
    bool whole;             /* the disk as it is, whatever its partitions */
    bool read_only;
    bool no_letter;
    bool checked_first; /* the image is examined for damage before */
    bool empty_ram;     /* a RAM disk without an image */
    bool reformat;      /* what is there may be lost */
    bool limit_is_given;
    bool access_is_given;
    bool beside; /* another part of the image is open: the driver may be writing to it */
};

/* What is wrong is said. To be freed in either case. */
enum vdisk_exit vdisk_open_request_read(struct vdisk_open_request *request,
                                        const struct vdisk_arguments *arguments);

/* Gives a RAM disk its name; the path of one that had none is filled in. */
enum vdisk_exit vdisk_open_request_name_ram(struct vdisk_open_request *request, const char *name);

/* More than the machine's memory cannot be held in it: VDISK_EXIT_USAGE, said. */
enum vdisk_exit vdisk_open_request_check_memory(uint64_t size_bytes, const char *what);

void vdisk_open_request_free(struct vdisk_open_request *request);

#endif
