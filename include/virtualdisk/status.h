/*
 * Outcomes of engine calls: one enumeration, and a record that says what was wrong and where.
 *
 * Every function that can fail returns an enum vdisk_status and takes a struct vdisk_error, which
 * it fills when (and only when) it fails. The pointer may be NULL where the caller needs no words.
 * Hosts map between these codes and errno, Win32 or NTSTATUS in one file each.
 */
#ifndef VIRTUALDISK_STATUS_H
#define VIRTUALDISK_STATUS_H

#include <stdbool.h>
#include <stdint.h>

enum vdisk_status {
    VDISK_OK = 0,
    VDISK_INVALID,      /* the caller's argument makes no sense */
    VDISK_OUT_OF_RANGE, /* beyond the end of the disk or file */
    VDISK_NOT_FOUND,    /* no such file, snapshot, ... */
    VDISK_EXISTS,       /* the file to create is there already */
    VDISK_ACCESS,       /* the host denies access */
    VDISK_READ_ONLY,    /* a write to something that is read-only */
    VDISK_BUSY,         /* in use by someone else */
    VDISK_NO_SPACE,     /* the host's disk, or the format's limit, is full */
    VDISK_NO_MEMORY,
    VDISK_IO,             /* the host failed to read or write */
    VDISK_WRONG_FORMAT,   /* not an image of this format */
    VDISK_CORRUPT,        /* an image of this format, but its structures contradict each other */
    VDISK_UNSUPPORTED,    /* valid, but this build cannot handle it */
    VDISK_PARENT_MISSING, /* a differencing image's parent is not there */
    VDISK_PARENT_CHANGED, /* the parent is not the one the child was made from */
    VDISK_GONE,           /* the file vanished (network drive, unplugged disk) */
    VDISK_CANCELLED,
    VDISK_STATUS_COUNT
};

#define VDISK_ERROR_FILE_BYTES 128
#define VDISK_NO_OFFSET        UINT64_MAX

/* What went wrong. `structure` and `reason` point to static text. */
struct vdisk_error {
    enum vdisk_status status;
    uint32_t
        native_code; /* errno, Win32 error or NTSTATUS of the host; 0 when the engine found it */
    uint64_t offset_bytes; /* where in the file; VDISK_NO_OFFSET when nowhere in particular */
    const char *structure; /* for example "VHDX region table 2"; NULL when none */
    const char *reason; /* for example "checksum does not match"; NULL when the status says all */
    char file[VDISK_ERROR_FILE_BYTES]; /* UTF-8, NUL-terminated, shortened at its front */
};

/* The name of a code, for example "corrupt". Never NULL. */
const char *vdisk_status_name(enum vdisk_status status);

/* A sentence for a code without further detail, for example "the image is damaged". Never NULL. */
const char *vdisk_status_text(enum vdisk_status status);

/*
 * Fills `error` (which may be NULL) and returns `status`, so that failing is one statement.
 * `file_name` may be NULL. `structure` and `reason` must be static text or NULL.
 */
enum vdisk_status vdisk_fail(struct vdisk_error *error, enum vdisk_status status,
                             const char *file_name, const char *structure, uint64_t offset_bytes,
                             const char *reason);

/* As vdisk_fail, for a failure that the host reported with a code of its own. */
enum vdisk_status vdisk_fail_native(struct vdisk_error *error, enum vdisk_status status,
                                    uint32_t native_code, const char *file_name,
                                    uint64_t offset_bytes, const char *reason);

#endif
