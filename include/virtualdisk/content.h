/* What a disk or a part of it holds: recognised by its first sectors, for people to read. */
#ifndef VIRTUALDISK_CONTENT_H
#define VIRTUALDISK_CONTENT_H

#include "virtualdisk/disk.h"

#define VDISK_LABEL_BYTES 128

struct vdisk_content {
    const char *name;              /* "FAT32", "NTFS", "LUKS2", ...; NULL: not recognised */
    bool empty;                    /* the first MiB, or all of it, is nothing but zeros */
    bool optical;                  /* what is usually on CDs: ISO 9660 or UDF */
    char label[VDISK_LABEL_BYTES]; /* UTF-8 without control characters; "" where there is none */
};

/*
 * Looks at bounded parts of the disk. A disk that cannot be read is an error; one that is too short
 * for a mark does not have it. One thread at a time, at PASSIVE_LEVEL.
 */
enum vdisk_status vdisk_content_recognize(struct vdisk_disk *disk, struct vdisk_content *content,
                                          struct vdisk_error *error);

#endif
