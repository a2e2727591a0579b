/* What the recognisers of contents share: the first sectors, and a place for further ones. */
#ifndef VIRTUALDISK_ENGINE_PARTITION_RECOGNIZER_H
#define VIRTUALDISK_ENGINE_PARTITION_RECOGNIZER_H

#include "virtualdisk/content.h"

#define RECOGNIZER_HEAD_BYTES  ((size_t)73728) /* up to and with the mark of Btrfs */
#define RECOGNIZER_PIECE_BYTES ((size_t)4096)

struct recognizer {
    struct vdisk_disk *disk;
    struct vdisk_content *content;
    struct vdisk_error *error;
    unsigned char head[RECOGNIZER_HEAD_BYTES]; /* zeros behind the end of the disk */
    unsigned char *piece; /* RECOGNIZER_PIECE_BYTES that were read last, in `sectors` */
    unsigned char sectors[2 * RECOGNIZER_PIECE_BYTES];
};

/*
 * Reads up to length_bytes (at most RECOGNIZER_PIECE_BYTES) at any offset, so that `piece` has
 * them. What the disk does not have is zeros.
 */
enum vdisk_status vdisk_recognizer_read(struct recognizer *recognizer, uint64_t offset_bytes,
                                        size_t length_bytes);

/* volume_label.c: the labels that are not in the head, after the head was recognised. */
enum vdisk_status vdisk_volume_label_find_fat(struct recognizer *recognizer);
enum vdisk_status vdisk_volume_label_find_exfat(struct recognizer *recognizer);
enum vdisk_status vdisk_volume_label_find_ntfs(struct recognizer *recognizer);

/* optical.c: sets the content's name and label if it is one. */
enum vdisk_status vdisk_optical_find(struct recognizer *recognizer);

#endif
