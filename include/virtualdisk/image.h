/*
 * Images: a file of a known format (and the files it refers to), opened as a disk.
 *
 * An image owns its files and its parents. Its disk is the guest-visible content of the whole
 * chain. Functions other than the disk's own are called by one thread at a time.
 */
#ifndef VIRTUALDISK_IMAGE_H
#define VIRTUALDISK_IMAGE_H

#include "virtualdisk/disk.h"

#define VDISK_CHAIN_MAX       64   /* images in a chain */
#define VDISK_NAME_BYTES      4096 /* longest file name found in an image, with its NUL */
#define VDISK_IDENTITY_BYTES  40
#define VDISK_SUBFORMAT_BYTES 32

struct vdisk_image;

/* Why an image wants another file. */
enum vdisk_file_role {
    VDISK_ROLE_EXTENT, /* a piece of the image itself (VMDK); only beside the descriptor */
    VDISK_ROLE_PARENT, /* the image that a differencing image is based on */
    VDISK_ROLE_DATA    /* QCOW2's external data file; only beside the image */
};

/* How a name found in an image is to be understood. */
enum vdisk_name_kind {
    VDISK_NAME_RELATIVE, /* relative to the folder of the file that holds the name */
    VDISK_NAME_ABSOLUTE,
    VDISK_NAME_VOLUME /* \\?\Volume{guid}\path */
};

struct vdisk_file_request {
    enum vdisk_file_role role;
    enum vdisk_name_kind kind;
    const char *name;     /* UTF-8, as written in the image; '\' or '/' */
    const char *referrer; /* name of the file that refers to it */
    bool read_only;
    bool create; /* make a new, empty file; VDISK_EXISTS when there is one */
};

/*
 * Opens the further files of an image. In user mode it resolves names as the caller; in the
 * driver it hands out the files of an explicit list and resolves nothing. It returns
 * VDISK_NOT_FOUND for a name that leads nowhere, VDISK_ACCESS for one that it does not follow.
 */
struct vdisk_file_finder {
    enum vdisk_status (*open)(struct vdisk_file_finder *finder,
                              const struct vdisk_file_request *request, struct vdisk_file **file,
                              struct vdisk_error *error);

    /* Optional. True when both are the same file of the host: stops cycles in chains. */
    bool (*same)(struct vdisk_file_finder *finder, struct vdisk_file *a, struct vdisk_file *b);
};

struct vdisk_open_options {
    const char *format;   /* a format's name; NULL: probe */
    const char *snapshot; /* QCOW2: name or id of the internal snapshot to read; else NULL */
    struct vdisk_file_finder *finder; /* NULL: an image that needs further files is refused */
    bool read_only;
    bool guard_magic;    /* `format` was chosen by an earlier probe, not by a person */
    bool without_parent; /* leave the chain closed: what is not in the image fails to read */
    bool for_check;      /* open as far as possible, read-only, so that check can speak */
    uint32_t logical_sector_bytes; /* of a raw image: 512 or 4096; 0: as the image says */
    bool compress;      /* whole blocks are written compressed where the format can (convert) */
    bool detect_zeroes; /* zeros that are written take no space where they need not */
};

/*
 * Opens an image and its chain. The file belongs to the image from here on: it is closed when the
 * call fails, too. The image is read-only when asked, or when the file or the format is.
 */
enum vdisk_status vdisk_image_open(struct vdisk_file *file,
                                   const struct vdisk_open_options *options,
                                   struct vdisk_image **image, struct vdisk_error *error);

/* The image as a disk; belongs to the image. */
struct vdisk_disk *vdisk_image_disk(struct vdisk_image *image);

/* Flushes, marks the image clean, closes the chain. NULL is allowed. */
enum vdisk_status vdisk_image_close(struct vdisk_image *image, struct vdisk_error *error);

/* The image's parent, or NULL. */
struct vdisk_image *vdisk_image_parent(struct vdisk_image *image);

/* The name of the image's file, as the host opened it. */
const char *vdisk_image_file_name(struct vdisk_image *image);

struct vdisk_image_info {
    const char *format;                    /* the format's name, for example "vhdx" */
    char subformat[VDISK_SUBFORMAT_BYTES]; /* "fixed", "dynamic", "monolithicSparse", ...; "" */
    uint64_t virtual_size_bytes;
    uint64_t allocated_bytes; /* on the host, all own files */
    uint32_t block_bytes;     /* unit of allocation; 0: none */
    uint32_t logical_sector_bytes;
    uint32_t physical_sector_bytes;
    bool dirty;   /* was not closed cleanly */
    bool corrupt; /* marked corrupt by its format */
    bool read_only;
    bool has_parent;
    char identity[VDISK_IDENTITY_BYTES];        /* UUID or content id as text; "" */
    char parent_identity[VDISK_IDENTITY_BYTES]; /* "" */
    char parent_name[VDISK_NAME_BYTES];         /* as written, the first candidate; "" */
    char parent_format[VDISK_SUBFORMAT_BYTES];  /* QCOW2; "" */
};
enum vdisk_status vdisk_image_get_info(struct vdisk_image *image, struct vdisk_image_info *info,
                                       struct vdisk_error *error);

/*
 * By what an image can be known again, as far as its format has it; zeros where it has not. What
 * is in memory is told, without asking the file.
 */
struct vdisk_image_identity {
    unsigned char disk[16];    /* given when it was made, for good */
    unsigned char content[16]; /* another one after every session that wrote to it */
    bool written; /* this session did: the file surely has `content`, not an earlier one */
};
void vdisk_image_get_identity(struct vdisk_image *image, struct vdisk_image_identity *identity);

/* What a format can do; ask vdisk_format_capabilities. */
enum vdisk_capability {
    VDISK_CAN_WRITE = 1 << 0,
    VDISK_CAN_CREATE = 1 << 1,
    VDISK_CAN_CREATE_FIXED = 1 << 2,
    VDISK_CAN_HAVE_PARENT = 1 << 3,
    VDISK_CAN_RESIZE = 1 << 4,
    VDISK_CAN_CHECK = 1 << 5,
    VDISK_CAN_SNAPSHOT = 1 << 6,
    VDISK_CAN_COMPRESS = 1 << 7,
    VDISK_CAN_CHOOSE_BLOCKS = 1 << 8, /* create: block_bytes */
    VDISK_CAN_CHOOSE_KIND = 1 << 9    /* create: subformat */
};

struct vdisk_create_options {
    const char *format;    /* required */
    const char *subformat; /* NULL: the format's default */
    uint64_t size_bytes;   /* a multiple of VDISK_SECTOR_BYTES; with a parent, 0 means its size */
    bool fixed;            /* all space allocated */
    bool compress;         /* what is written in whole blocks is compressed (convert) */
    uint32_t block_bytes;  /* 0: the format's default */
    uint32_t logical_sector_bytes;    /* 0: 512 */
    struct vdisk_image *parent;       /* opened by the caller, stays his; or NULL */
    const char *parent_name;          /* relative to the new file's folder; UTF-8 */
    const char *parent_absolute_name; /* or NULL */
    struct vdisk_file_finder *finder; /* for formats of several files */
};

/*
 * May differencing images be made over it? VDISK_UNSUPPORTED for a CD: they would be disks, and
 * other programs know no such parent. Asked by create and set_parent; for callers that must know
 * it before they change anything.
 */
enum vdisk_status vdisk_image_may_be_parent(const struct vdisk_image *parent,
                                            struct vdisk_error *error);

/*
 * Makes a new image in an empty, writable file, which stays the caller's to close (and to delete
 * when the call fails). The image is complete and flushed when the call returns.
 */
enum vdisk_status vdisk_image_create(struct vdisk_file *file,
                                     const struct vdisk_create_options *options,
                                     struct vdisk_error *error);

/* Grows or shrinks the guest-visible size. Shrinking drops what lies beyond. */
enum vdisk_status vdisk_image_resize(struct vdisk_image *image, uint64_t size_bytes,
                                     struct vdisk_error *error);

/*
 * Grows a partition of the image's disk (vdisk_partition_grow), and the disk first where that is
 * too short. A disk that is longer than its table says, because the second half failed, is no harm.
 */
struct vdisk_partition;
enum vdisk_status vdisk_image_grow_partition(struct vdisk_image *image,
                                             const struct vdisk_partition *partition,
                                             uint64_t size_bytes, struct vdisk_error *error);

/* Writes another parent into a differencing image; contents are not touched. */
enum vdisk_status vdisk_image_set_parent(struct vdisk_image *image, struct vdisk_image *parent,
                                         const char *parent_name, const char *parent_absolute_name,
                                         struct vdisk_error *error);

enum vdisk_finding_kind {
    VDISK_FINDING_CORRUPTION, /* content is or may be wrong */
    VDISK_FINDING_LEAK,       /* space that belongs to nothing */
    VDISK_FINDING_NOTE        /* harmless, worth knowing */
};

struct vdisk_finding {
    enum vdisk_finding_kind kind;
    bool repaired;
    const char *structure; /* static text */
    uint64_t offset_bytes; /* VDISK_NO_OFFSET when nowhere in particular */
    const char *reason;    /* static text */
};

struct vdisk_check {
    bool repair; /* in: repair what can be repaired without guessing */
    void (*report)(struct vdisk_check *check,
                   const struct vdisk_finding *finding); /* in; or NULL */
    uint64_t corruption_count;                           /* out; without what was repaired */
    uint64_t leak_count;
    uint64_t repaired_count;
};

/*
 * Examines the image itself, not its parents. VDISK_OK says that the examination was completed,
 * whatever it found.
 */
enum vdisk_status vdisk_image_check(struct vdisk_image *image, struct vdisk_check *check,
                                    struct vdisk_error *error);

struct vdisk_snapshot {
    char id[64];
    char name[256];
    uint64_t size_bytes;
    uint64_t created_seconds; /* since 1970 */
};

/* The index-th snapshot; VDISK_NOT_FOUND past the last. */
enum vdisk_status vdisk_image_get_snapshot(struct vdisk_image *image, uint32_t index,
                                           struct vdisk_snapshot *snapshot,
                                           struct vdisk_error *error);
enum vdisk_status vdisk_image_create_snapshot(struct vdisk_image *image, const char *name,
                                              struct vdisk_error *error);
enum vdisk_status vdisk_image_delete_snapshot(struct vdisk_image *image, const char *name,
                                              struct vdisk_error *error);
enum vdisk_status vdisk_image_apply_snapshot(struct vdisk_image *image, const char *name,
                                             struct vdisk_error *error);

/* The index-th format's name and one-line description; NULL past the last. */
const char *vdisk_format_name(uint32_t index, const char **description);

/* Bits of enum vdisk_capability; 0 for a name that is unknown. */
uint32_t vdisk_format_capabilities(const char *name);

#endif
