/*
 * A disk: a range of sectors that can be read and written. Images are disks, and so are the layers
 * over them (partition window, overlay, ...), which have a `next`.
 *
 * Offsets and lengths are bytes and multiples of VDISK_SECTOR_BYTES; the vdisk_disk_ functions
 * check that, and the range, before they call `ops`. Many threads may read and write at once; two
 * writes to the same sectors at the same time leave either. Calls at PASSIVE_LEVEL.
 */
#ifndef VIRTUALDISK_DISK_H
#define VIRTUALDISK_DISK_H

#include "virtualdisk/file.h"

#define VDISK_SECTOR_BYTES 512u

/* What a stretch of a disk is made of. */
enum vdisk_extent_kind {
    VDISK_EXTENT_DATA,       /* stored as it is at file, file_offset_bytes */
    VDISK_EXTENT_COMPRESSED, /* stored, but not as it is */
    VDISK_EXTENT_ZERO,       /* known to be zeros; hides the parent */
    VDISK_EXTENT_UNALLOCATED /* not in this image: the parent's, or zeros where there is none */
};

struct vdisk_extent {
    enum vdisk_extent_kind kind;
    uint64_t length_bytes;
    struct vdisk_file *file;    /* DATA only; NULL: in memory */
    uint64_t file_offset_bytes; /* DATA only */
    uint32_t depth;             /* 0: in the image itself, 1: in its parent, ... */
    bool shared; /* DATA only: must not be overwritten in place (a snapshot or read-only) */
};

struct vdisk_disk;

struct vdisk_disk_ops {
    enum vdisk_status (*read)(struct vdisk_disk *disk, uint64_t offset_bytes, void *buffer,
                              size_t length_bytes, struct vdisk_error *error);
    enum vdisk_status (*write)(struct vdisk_disk *disk, uint64_t offset_bytes, const void *buffer,
                               size_t length_bytes, struct vdisk_error *error);

    /* Everything acknowledged before the call survives a power cut when it returns. */
    enum vdisk_status (*flush)(struct vdisk_disk *disk, struct vdisk_error *error);

    /*
     * Makes a range read as zeros; gives back space where the format can, and what cannot be
     * freed is zeroed. NULL: writes of zeros are used.
     */
    enum vdisk_status (*zero)(struct vdisk_disk *disk, uint64_t offset_bytes, uint64_t length_bytes,
                              struct vdisk_error *error);

    /*
     * Gives the space of a range back; it reads as zeros afterwards. The range consists of whole
     * units of disk->discard_bytes. NULL where discard_bytes is 0.
     */
    enum vdisk_status (*discard)(struct vdisk_disk *disk, uint64_t offset_bytes,
                                 uint64_t length_bytes, struct vdisk_error *error);

    /*
     * What lies at offset_bytes; at most length_bytes of it. Chains are followed: the answer says
     * where the bytes really come from.
     */
    enum vdisk_status (*map)(struct vdisk_disk *disk, uint64_t offset_bytes, uint64_t length_bytes,
                             struct vdisk_extent *extent, struct vdisk_error *error);

    /* Flushes, closes and frees. The disk is gone whatever the outcome. */
    enum vdisk_status (*close)(struct vdisk_disk *disk, struct vdisk_error *error);
};

struct vdisk_disk {
    const struct vdisk_disk_ops *ops;
    uint64_t size_bytes;
    uint32_t logical_sector_bytes;  /* 512, 2048 (CD) or 4096: the unit a guest must use */
    uint32_t physical_sector_bytes; /* the unit that is written at once */
    uint32_t discard_bytes;         /* unit (a power of two) of `discard`; 0: there is none */
    bool read_only;
    bool optical; /* a CD or DVD: read-only, sectors of 2048 bytes */
};

/* Range, alignment and read-only are checked here. Length 0 succeeds. */
enum vdisk_status vdisk_disk_read(struct vdisk_disk *disk, uint64_t offset_bytes, void *buffer,
                                  size_t length_bytes, struct vdisk_error *error);
enum vdisk_status vdisk_disk_write(struct vdisk_disk *disk, uint64_t offset_bytes,
                                   const void *buffer, size_t length_bytes,
                                   struct vdisk_error *error);
enum vdisk_status vdisk_disk_flush(struct vdisk_disk *disk, struct vdisk_error *error);
enum vdisk_status vdisk_disk_zero(struct vdisk_disk *disk, uint64_t offset_bytes,
                                  uint64_t length_bytes, struct vdisk_error *error);
/*
 * Says that a range is not needed any more. What it has in whole units is given back and reads as
 * zeros; the rest of it stays as it is. VDISK_UNSUPPORTED where space cannot be given back.
 */
enum vdisk_status vdisk_disk_discard(struct vdisk_disk *disk, uint64_t offset_bytes,
                                     uint64_t length_bytes, struct vdisk_error *error);
/* For disks whose `zero` cannot free anything: writes zeros, in bounded pieces, unchecked. */
enum vdisk_status vdisk_disk_write_zeros(struct vdisk_disk *disk, uint64_t offset_bytes,
                                         uint64_t length_bytes, struct vdisk_error *error);
enum vdisk_status vdisk_disk_map(struct vdisk_disk *disk, uint64_t offset_bytes,
                                 uint64_t length_bytes, struct vdisk_extent *extent,
                                 struct vdisk_error *error);

/* NULL is allowed and succeeds. */
enum vdisk_status vdisk_disk_close(struct vdisk_disk *disk, struct vdisk_error *error);

/* Are all bytes zeros? Also of none. Any IRQL at which the bytes may be touched. */
bool vdisk_is_zero(const void *bytes, size_t length_bytes);

#endif
