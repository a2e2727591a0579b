#include "virtualdisk/status.h"
#include "virtualdisk/platform.h"

static const struct {
    const char *name;
    const char *text;
} status_table[VDISK_STATUS_COUNT] = {
    [VDISK_OK] = {"ok", "no error"},
    [VDISK_INVALID] = {"invalid", "the request makes no sense"},
    [VDISK_OUT_OF_RANGE] = {"out-of-range", "beyond the end"},
    [VDISK_NOT_FOUND] = {"not-found", "not found"},
    [VDISK_EXISTS] = {"exists", "exists already"},
    [VDISK_ACCESS] = {"access", "access denied"},
    [VDISK_READ_ONLY] = {"read-only", "is read-only"},
    [VDISK_BUSY] = {"busy", "in use by another program"},
    [VDISK_NO_SPACE] = {"no-space", "no space left"},
    [VDISK_NO_MEMORY] = {"no-memory", "not enough memory"},
    [VDISK_IO] = {"io", "reading or writing failed"},
    [VDISK_WRONG_FORMAT] = {"wrong-format", "not an image of this format"},
    [VDISK_CORRUPT] = {"corrupt", "the image is damaged"},
    [VDISK_UNSUPPORTED] = {"unsupported", "not supported"},
    [VDISK_PARENT_MISSING] = {"parent-missing", "the parent image is missing"},
    [VDISK_PARENT_CHANGED] = {"parent-changed", "the parent is not the image it was made from"},
    [VDISK_GONE] = {"gone", "the file is gone"},
    [VDISK_CANCELLED] = {"cancelled", "cancelled"},
};

const char *vdisk_status_name(enum vdisk_status status)
{
    return (unsigned)status < VDISK_STATUS_COUNT ? status_table[status].name : "unknown";
}

const char *vdisk_status_text(enum vdisk_status status)
{
    return (unsigned)status < VDISK_STATUS_COUNT ? status_table[status].text : "unknown error";
}

/* Keeps the end of a long name: that is where files differ. */
static void error_set_file(struct vdisk_error *error, const char *name)
{
    static const char ellipsis[] = "...";
    const size_t room = sizeof error->file - 1;
    size_t length;

    if (name == NULL)
        return;
    length = strlen(name);
    if (length <= room) {
        memcpy(error->file, name, length);
        return;
    }
    name += length - (room - (sizeof ellipsis - 1));
    while (((unsigned char)*name & 0xc0) == 0x80) /* not into the middle of a UTF-8 character */
        name++;
    memcpy(error->file, ellipsis, sizeof ellipsis - 1);
    memcpy(error->file + sizeof ellipsis - 1, name, strlen(name));
}

enum vdisk_status vdisk_fail_native(struct vdisk_error *error, enum vdisk_status status,
                                    uint32_t native_code, const char *file_name,
                                    uint64_t offset_bytes, const char *reason)
{
    vdisk_fail(error, status, file_name, NULL, offset_bytes, reason);
    if (error != NULL)
        error->native_code = native_code;
    return status;
}

enum vdisk_status vdisk_fail(struct vdisk_error *error, enum vdisk_status status,
                             const char *file_name, const char *structure, uint64_t offset_bytes,
                             const char *reason)
{
    if (error == NULL)
        return status;
    memset(error, 0, sizeof *error);
    error->status = status;
    error->offset_bytes = offset_bytes;
    error->structure = structure;
    error->reason = reason;
    error_set_file(error, file_name);
    return status;
}
