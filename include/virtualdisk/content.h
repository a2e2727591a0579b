/* What a disk or a part of it holds: recognised by its first sectors, for people to read. */
#ifndef VIRTUALDISK_CONTENT_H
#define VIRTUALDISK_CONTENT_H

#include "virtualdisk/disk.h"

#define VDISK_LABEL_BYTES 128

struct vdisk_content {
    const char *name;              /* "FAT32", "NTFS", "LUKS", ...; NULL: not recognised */
    bool empty;                    /* nothing but zeros where a file system would begin */
    char label[VDISK_LABEL_BYTES]; /* UTF-8 without control characters; "" where there is none */
};

/*
 * Looks at bounded parts of the beginning, follows nothing. A disk that cannot be read is an error;
 * one that is too short for a mark does not have it.
 */
enum vdisk_status vdisk_content_recognize(struct vdisk_disk *disk, struct vdisk_content *content,
                                          struct vdisk_error *error);

#endif
