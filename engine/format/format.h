/*
 * What a format supplies, and the image as formats see it.
 *
 * The generic half (engine/image.c) checks ranges, walks requests extent by extent, follows
 * chains, takes the locks and calls the format for what only it knows. A format that maps blocks
 * needs no read or write loop of its own: reads and overwrites of mapped data never reach it.
 *
 * Locking. `map` and `read_compressed` run in many threads at once, without a lock, beside one
 * thread that holds image->allocation_lock; they look metadata up through a page cache, whose hits
 * are lock-free. Everything else runs under image->allocation_lock (open, create and close run
 * alone).
 *
 * Reuse of space. A reader may have looked up a block just before it is freed. So freed space may
 * be used again only after a commit that made its freeing durable, followed by
 * vdisk_gate_drain(&image->gate), both of which `flush` does.
 */
#ifndef VIRTUALDISK_ENGINE_FORMAT_H
#define VIRTUALDISK_ENGINE_FORMAT_H

#include "virtualdisk/image.h"
#include "engine/base/checked.h"
#include "engine/base/gate.h"
#include "engine/base/page_cache.h"

#include <stdatomic.h>

#define VDISK_PROBE_BYTES       4096u
#define VDISK_RECOGNITION_BYTES 6144u /* sectors 16 to 18 of a CD */

/* The beginning and the end of a file, for probing. What the file does not have is zero. */
struct vdisk_probe {
    uint64_t file_bytes;
    uint32_t head_bytes;                                /* valid bytes in head */
    unsigned char head[VDISK_PROBE_BYTES];              /* from offset 0 */
    unsigned char tail[VDISK_SECTOR_BYTES];             /* the last 512 bytes */
    unsigned char recognition[VDISK_RECOGNITION_BYTES]; /* from offset 32768 */
    unsigned char anchor[VDISK_SECTOR_BYTES];           /* from offset 524288 */
};

/* A name under which a parent may be found, in the order in which to try. */
struct vdisk_parent_name {
    enum vdisk_name_kind kind;
    char *name; /* vdisk_alloc'ed; UTF-8 */
};
#define VDISK_PARENT_NAMES 8

struct vdisk_format {
    const char *name;        /* as on the command line */
    const char *description; /* one line */
    uint32_t capabilities;   /* enum vdisk_capability */
    bool is_view; /* of the file's own contents, and read-only: yields to the marks of any other
                   * format, and a raw disk need not be kept from becoming one */
    bool dense;   /* its files must not be sparse: Windows mounts no sparse VHD */

    /* True when the file is surely of this format, intact or not. NULL: never probed. */
    bool (*probe)(const struct vdisk_probe *probe);

    /*
     * Reads the metadata of image->file into image->state and fills image->disk (size, sectors),
     * image->block_bytes and, for a differencing image, image->parent_names. Sets
     * image->disk.read_only when the image cannot be written, and says how space is given back: it
     * sets frees_blocks, or image->disk.discard_bytes (vdisk_image_punch_unit) where a discard
     * makes holes in what is mapped, or nothing. Nothing is written to the file
     * before begin_write. On failure the generic half calls `close` (state may be NULL).
     */
    enum vdisk_status (*open)(struct vdisk_image *image, const struct vdisk_open_options *options,
                              struct vdisk_error *error);

    /* Frees image->state. What must reach the file was done by flush and end_write. */
    void (*close)(struct vdisk_image *image);

    /* Differencing images: is this opened image the parent that the child was made from? */
    enum vdisk_status (*check_parent)(struct vdisk_image *image, struct vdisk_image *parent,
                                      struct vdisk_error *error);

    /*
     * What lies at offset_bytes in this image alone (a parent is the generic half's matter). The
     * extent starts exactly there; its length is at least one sector and at most length_bytes.
     * Adjacent blocks that are adjacent in the file should be joined as far as is cheap.
     */
    enum vdisk_status (*map)(struct vdisk_image *image, uint64_t offset_bytes,
                             uint64_t length_bytes, struct vdisk_extent *extent,
                             struct vdisk_error *error);

    /* Reads from a COMPRESSED extent; the range lies inside it. */
    enum vdisk_status (*read_compressed)(struct vdisk_image *image, uint64_t offset_bytes,
                                         void *buffer, size_t length_bytes,
                                         struct vdisk_error *error);

    /* Once, before the first byte of a session is written: identities, dirty marks; flushed. */
    enum vdisk_status (*begin_write)(struct vdisk_image *image, struct vdisk_error *error);

    /*
     * Writes to a range that `map` did not report as overwritable data: allocates, fills the rest
     * of a block (from vdisk_image_read_below), updates the mapping. May do less than asked:
     * *done_bytes (at least one sector on success). New mappings may stay in memory until `flush`.
     */
    enum vdisk_status (*write_new)(struct vdisk_image *image, uint64_t offset_bytes,
                                   const void *buffer, size_t length_bytes, size_t *done_bytes,
                                   struct vdisk_error *error);

    /*
     * Makes a range read as zeros and frees what can be freed. May do less than asked: of whole
     * blocks, whole blocks.
     */
    enum vdisk_status (*zero)(struct vdisk_image *image, uint64_t offset_bytes,
                              uint64_t length_bytes, uint64_t *done_bytes,
                              struct vdisk_error *error);

    /* Makes everything durable: data, then pending metadata. At most two flushes a file. */
    enum vdisk_status (*flush)(struct vdisk_image *image, struct vdisk_error *error);

    /* At close, after `flush`, when begin_write had run: marks the image clean; flushed. */
    enum vdisk_status (*end_write)(struct vdisk_image *image, struct vdisk_error *error);

    enum vdisk_status (*create)(struct vdisk_file *file, const struct vdisk_create_options *options,
                                struct vdisk_error *error);
    enum vdisk_status (*resize)(struct vdisk_image *image, uint64_t size_bytes,
                                struct vdisk_error *error);
    enum vdisk_status (*set_parent)(struct vdisk_image *image, struct vdisk_image *parent,
                                    const char *parent_name, const char *parent_absolute_name,
                                    struct vdisk_error *error);

    /* Adds what the generic half does not know: subformat, identities, dirty, corrupt. */
    void (*get_info)(struct vdisk_image *image, struct vdisk_image_info *info);

    /* Fills in disk and content, which are zeros; NULL: there are no such ids. */
    void (*get_identity)(struct vdisk_image *image, struct vdisk_image_identity *identity);
    enum vdisk_status (*check)(struct vdisk_image *image, struct vdisk_check *check,
                               struct vdisk_error *error);

    const struct vdisk_snapshot_ops *snapshots; /* or NULL */
};

struct vdisk_snapshot_ops {
    enum vdisk_status (*get)(struct vdisk_image *image, uint32_t index,
                             struct vdisk_snapshot *snapshot, struct vdisk_error *error);
    enum vdisk_status (*create)(struct vdisk_image *image, const char *name,
                                struct vdisk_error *error);
    enum vdisk_status (*remove)(struct vdisk_image *image, const char *name,
                                struct vdisk_error *error);
    enum vdisk_status (*apply)(struct vdisk_image *image, const char *name,
                               struct vdisk_error *error);
};

struct vdisk_image {
    struct vdisk_disk disk; /* first: the image is a disk */

    /* immutable after open */
    const struct vdisk_format *format;
    struct vdisk_file *file;
    struct vdisk_file_finder *finder;
    struct vdisk_image *parent;
    void *state;          /* the format's own */
    uint32_t block_bytes; /* unit of allocation; 0: none */
    bool has_parent;      /* the image names a parent (which may not have been opened) */
    bool in_place;        /* all data is mapped for good (raw, fixed): no gate is needed */
    bool guard_magic;     /* was probed as raw: refuse to become a container */
    bool detect_zeroes;   /* writes of zeros are not stored where they need not be */
    bool frees_blocks;    /* `zero` of a whole block frees it: so are discards done */
    bool marks_zeros;     /* `zero` of a whole block that is absent hides the parent for nothing */
    struct vdisk_parent_name parent_names[VDISK_PARENT_NAMES];
    uint32_t parent_name_count;
    const char *parent_format; /* format of the parent when the image names it; else NULL */

    struct vdisk_gate gate;
    atomic_bool writing; /* begin_write has succeeded */

    struct vdisk_mutex allocation_lock;
};

/* Every format of the build, raw last; ends with NULL. */
extern const struct vdisk_format *const vdisk_formats[];

/*
 * For formats: image->disk.discard_bytes of a disk that lies in this file; 0: no holes can be
 * made. Unless `may_mark`, they must not be made in a file that would have to be marked for them:
 * other programs refuse such a file.
 */
uint32_t vdisk_image_punch_unit(const struct vdisk_file *file, bool may_mark);

/*
 * For the generic half: what this image alone answers, checked. Inside the gate, or under the
 * allocation lock.
 */
enum vdisk_status vdisk_image_map_own(struct vdisk_image *image, uint64_t offset_bytes,
                                      uint64_t length_bytes, struct vdisk_extent *extent,
                                      struct vdisk_error *error);

/*
 * For formats: reads what a differencing image does not hold, from its parents; zeros beyond their
 * end or where there is none. Takes no lock.
 */
enum vdisk_status vdisk_image_read_below(struct vdisk_image *image, uint64_t offset_bytes,
                                         void *buffer, size_t length_bytes,
                                         struct vdisk_error *error);

/*
 * For formats: is there nothing but zeros below, for the next *length_bytes, which may become
 * less? Spares a child the hiding of what is not there. False where the parent was not opened.
 */
enum vdisk_status vdisk_image_is_zero_below(struct vdisk_image *image, uint64_t offset_bytes,
                                            uint64_t *length_bytes, bool *zero,
                                            struct vdisk_error *error);

/*
 * For formats, under the allocation lock: after a child has grown, what it gained (from
 * offset_bytes on) is made zero where its parent has something there. Flushed.
 */
enum vdisk_status vdisk_image_hide_parent(struct vdisk_image *image, uint64_t offset_bytes,
                                          struct vdisk_error *error);

/*
 * What the options of a new image ask for, of the formats that have these three kinds;
 * VDISK_INVALID where they contradict each other.
 */
enum vdisk_kind { VDISK_DYNAMIC, VDISK_FIXED, VDISK_DIFFERENCING };
enum vdisk_status vdisk_create_kind(struct vdisk_file *file,
                                    const struct vdisk_create_options *options,
                                    enum vdisk_kind *kind, struct vdisk_error *error);

/* For formats: vdisk_fail with the image's file name. */
enum vdisk_status vdisk_image_fail(struct vdisk_image *image, struct vdisk_error *error,
                                   enum vdisk_status status, const char *structure,
                                   uint64_t offset_bytes, const char *reason);

/* For formats: one finding of a check, counted and reported. */
void vdisk_check_report(struct vdisk_check *check, enum vdisk_finding_kind kind, bool repaired,
                        const char *structure, uint64_t offset_bytes, const char *reason);

/*
 * For formats: opens a further file that holds data of the image; VDISK_CORRUPT where that is the
 * image itself. `structure` names it in errors. *file is the caller's, and NULL on failure.
 */
enum vdisk_status vdisk_image_find_file(struct vdisk_image *image,
                                        const struct vdisk_file_request *request,
                                        const char *structure, struct vdisk_file **file,
                                        struct vdisk_error *error);

/* For formats: adds a name under which the parent may be found; `name` is copied. */
enum vdisk_status vdisk_image_add_parent_name(struct vdisk_image *image, enum vdisk_name_kind kind,
                                              const char *name, struct vdisk_error *error);

#endif
