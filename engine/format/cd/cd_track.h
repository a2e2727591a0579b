/*
 * The data track of a CD as a disk: pieces of files whose sectors hold 2048 bytes of user data.
 *
 *   stored bytes  kind     user data at  (section of ECMA-130, or of "Red/Yellow Book" practice)
 *   2048          1, 2.1   0             user data alone: mapped as it is
 *   2336          2        8             behind the subheader
 *   2352          1        16            behind sync, address and mode
 *   2352          2        24            behind sync, address, mode and subheader
 *   2448                   as 2352       96 bytes of subchannel follow
 */
#ifndef VIRTUALDISK_ENGINE_CD_TRACK_H
#define VIRTUALDISK_ENGINE_CD_TRACK_H

#include "engine/format/format.h"

#define CD_SECTOR_BYTES     2048u
#define CD_RAW_SECTOR_BYTES 2352u
#define CD_SUBCHANNEL_BYTES 96u
#define CD_TRACKS_MAX       99u /* of a disc */
#define CD_PIECES_MAX       64u /* files of a track */
#define CD_TO_END           UINT64_MAX

enum cd_mode { CD_AUDIO, CD_MODE1, CD_MODE2 };

struct cd_layout {
    const char *name; /* as cue sheets call it */
    enum cd_mode mode;
    uint32_t stored_bytes; /* of a sector */
    uint32_t data_offset;  /* of its user data */
};

/* False when sectors of this mode and size hold no 2048 bytes of user data, or none known. */
bool cd_layout_find(enum cd_mode mode, uint32_t stored_bytes, struct cd_layout *layout);

/* Makes the image's state and its optical disk, still empty. */
enum vdisk_status cd_track_begin(struct vdisk_image *image, const struct cd_layout *layout,
                                 struct vdisk_error *error);

/*
 * Appends what lies at offset_bytes of a file, length_bytes or all of the rest (CD_TO_END), in
 * whole sectors; where these are user data alone, the last one is padded with zeros. The file is
 * closed with the image, and when this fails, unless it is image->file.
 */
enum vdisk_status cd_track_append(struct vdisk_image *image, struct vdisk_file *file,
                                  uint64_t offset_bytes, uint64_t length_bytes,
                                  struct vdisk_error *error);

/* Opens a file beside the image; `structure` is what names it. */
enum vdisk_status cd_track_find_file(struct vdisk_image *image, const char *name,
                                     const char *structure, struct vdisk_file **file,
                                     struct vdisk_error *error);

/* Operations of the formats. */
void cd_track_close(struct vdisk_image *image);
enum vdisk_status cd_track_map(struct vdisk_image *image, uint64_t offset_bytes,
                               uint64_t length_bytes, struct vdisk_extent *extent,
                               struct vdisk_error *error);
enum vdisk_status cd_track_read(struct vdisk_image *image, uint64_t offset_bytes, void *buffer,
                                size_t length_bytes, struct vdisk_error *error);
enum vdisk_status cd_track_flush(struct vdisk_image *image, struct vdisk_error *error);
void cd_track_get_info(struct vdisk_image *image, struct vdisk_image_info *info);

/* The operations that all of these formats share. */
#define CD_TRACK_OPS                                                                               \
    .close = cd_track_close, .map = cd_track_map, .read_compressed = cd_track_read,                \
    .flush = cd_track_flush, .get_info = cd_track_get_info

#endif
