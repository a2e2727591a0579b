/*
 * A file as the engine sees it: what a host supplies under an image.
 *
 * A host embeds struct vdisk_file in its own structure and fills `ops`. All offsets and lengths
 * are bytes. Calls come at PASSIVE_LEVEL, from many threads at once; reads and writes may run in
 * parallel. The engine calls the vdisk_file_ functions below, never `ops` directly: they check
 * ranges and bounce what is not aligned.
 */
#ifndef VIRTUALDISK_FILE_H
#define VIRTUALDISK_FILE_H

#include "virtualdisk/status.h"
#include "virtualdisk/platform.h"

#include <stdatomic.h>

struct vdisk_file;

/* What a stretch of a file holds. */
enum vdisk_file_range {
    VDISK_FILE_DATA,
    VDISK_FILE_HOLE /* not stored; reads as zeros */
};

struct vdisk_file_ops {
    /*
     * Reads or writes exactly length_bytes, or fails. A read that meets the end of the file fails
     * with VDISK_OUT_OF_RANGE, except inside the last, partial unit of file->alignment_bytes, which
     * reads as if padded with zeros. A write beyond the end extends the file (what lies between
     * reads as zeros). Offset and length are multiples of file->alignment_bytes, the buffer's
     * address of file->buffer_alignment_bytes.
     */
    enum vdisk_status (*read)(struct vdisk_file *file, uint64_t offset_bytes, void *buffer,
                              size_t length_bytes, struct vdisk_error *error);
    enum vdisk_status (*write)(struct vdisk_file *file, uint64_t offset_bytes, const void *buffer,
                               size_t length_bytes, struct vdisk_error *error);

    /* Everything written before the call is on stable storage when it returns. */
    enum vdisk_status (*flush)(struct vdisk_file *file, struct vdisk_error *error);

    enum vdisk_status (*get_size)(struct vdisk_file *file, uint64_t *size_bytes,
                                  struct vdisk_error *error);

    /* Truncates or extends. What is added reads as zeros, after a power cut too. */
    enum vdisk_status (*set_size)(struct vdisk_file *file, uint64_t size_bytes,
                                  struct vdisk_error *error);

    /*
     * Optional (NULL: not possible). Makes a range inside the file read as zeros and gives its
     * space back; VDISK_UNSUPPORTED when this file system cannot. Size stays. It never writes
     * zeros instead, except to the units that the range covers in part.
     */
    enum vdisk_status (*punch)(struct vdisk_file *file, uint64_t offset_bytes,
                               uint64_t length_bytes, struct vdisk_error *error);

    /*
     * Optional (NULL: not needed). Marks the file as one that may have holes, for good, where the
     * host wants that before the first `punch`.
     */
    enum vdisk_status (*allow_holes)(struct vdisk_file *file, struct vdisk_error *error);

    /*
     * Optional. Tells whether offset_bytes (inside the file) is data or a hole, and how many bytes
     * from there on are the same. Without it all is data.
     */
    enum vdisk_status (*get_range)(struct vdisk_file *file, uint64_t offset_bytes,
                                   enum vdisk_file_range *range, uint64_t *length_bytes,
                                   struct vdisk_error *error);

    /* Optional. Bytes that the file occupies on its host. Without it: its size. */
    enum vdisk_status (*get_allocated)(struct vdisk_file *file, uint64_t *allocated_bytes,
                                       struct vdisk_error *error);

    /* Closes without flushing, and frees the structure. */
    void (*close)(struct vdisk_file *file);
};

struct vdisk_file {
    const struct vdisk_file_ops *ops; /* all fields: immutable after open */
    const char *name;                 /* for messages; UTF-8; lives as long as the file */
    uint32_t alignment_bytes;         /* 1 when buffered; the host disk's sector when unbuffered */
    uint32_t buffer_alignment_bytes;  /* the same, unless the host wants less of memory */
    uint32_t punch_bytes; /* the unit (a power of two) that `punch` gives back; 0: it cannot */
    bool read_only;

    atomic_bool holes_allowed; /* `punch` works as the file is marked now */

    /*
     * For transfers that are not aligned. Two writes that share a host sector are both unaligned
     * there, so one lock serialises every read-modify-write. A write of whole sectors at the end
     * is cut back to the exact size afterwards, so whatever extends the file takes the lock, too.
     * (A power cut in between leaves the file up to one host sector longer, by zeros.)
     */
    struct vdisk_mutex bounce_lock;
    unsigned char *bounce;   /* protected by bounce_lock; NULL when alignment_bytes is 1 */
    atomic_uint whole_units; /* the file has at least so many aligned units: no need to ask */
};

/* The unit of `punch` where the host does not say, and the smallest that is worth a call. */
#define VDISK_PUNCH_BYTES 4096u

/*
 * For hosts: prepares the common part. `name` is not copied. A host whose files cannot all be
 * punched sets punch_bytes afterwards, one that has allow_holes also holes_allowed.
 */
enum vdisk_status vdisk_file_init(struct vdisk_file *file, const struct vdisk_file_ops *ops,
                                  const char *name, uint32_t alignment_bytes, bool read_only,
                                  struct vdisk_error *error);

/* For hosts: undoes vdisk_file_init, inside their close. */
void vdisk_file_deinit(struct vdisk_file *file);

/* As the operations above, for any offset, length and buffer; length 0 succeeds. */
enum vdisk_status vdisk_file_read(struct vdisk_file *file, uint64_t offset_bytes, void *buffer,
                                  size_t length_bytes, struct vdisk_error *error);
enum vdisk_status vdisk_file_write(struct vdisk_file *file, uint64_t offset_bytes,
                                   const void *buffer, size_t length_bytes,
                                   struct vdisk_error *error);
enum vdisk_status vdisk_file_flush(struct vdisk_file *file, struct vdisk_error *error);
enum vdisk_status vdisk_file_get_size(struct vdisk_file *file, uint64_t *size_bytes,
                                      struct vdisk_error *error);
enum vdisk_status vdisk_file_set_size(struct vdisk_file *file, uint64_t size_bytes,
                                      struct vdisk_error *error);
/* Where holes are possible and the host wants it, marks the file as one that may have them. */
enum vdisk_status vdisk_file_allow_holes(struct vdisk_file *file, struct vdisk_error *error);
enum vdisk_status vdisk_file_punch(struct vdisk_file *file, uint64_t offset_bytes,
                                   uint64_t length_bytes, struct vdisk_error *error);
/*
 * As punch, for a file that need not be marked as one with holes yet: it is marked then, which
 * others may see. VDISK_UNSUPPORTED where space cannot be given back.
 */
enum vdisk_status vdisk_file_discard(struct vdisk_file *file, uint64_t offset_bytes,
                                     uint64_t length_bytes, struct vdisk_error *error);
enum vdisk_status vdisk_file_get_range(struct vdisk_file *file, uint64_t offset_bytes,
                                       enum vdisk_file_range *range, uint64_t *length_bytes,
                                       struct vdisk_error *error);
enum vdisk_status vdisk_file_get_allocated(struct vdisk_file *file, uint64_t *allocated_bytes,
                                           struct vdisk_error *error);

/*
 * Makes a range read as zeros: punches where the file can, else writes zeros in bounded pieces.
 * The range may reach beyond the end of the file, which is then extended.
 */
enum vdisk_status vdisk_file_zero(struct vdisk_file *file, uint64_t offset_bytes,
                                  uint64_t length_bytes, struct vdisk_error *error);

/* Writes zeros, so that the range is stored and has no holes; may extend the file. */
enum vdisk_status vdisk_file_fill_zeros(struct vdisk_file *file, uint64_t offset_bytes,
                                        uint64_t length_bytes, struct vdisk_error *error);

/* NULL is allowed. */
void vdisk_file_close(struct vdisk_file *file);

#endif
