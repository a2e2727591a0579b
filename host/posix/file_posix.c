#define _GNU_SOURCE
#include "host/posix/file_posix.h"
#include "engine/base/checked.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* A file system's preferred unit may be that of a network. */
#define PUNCH_BYTES_MAX UINT32_C(65536)

struct file_posix {
    struct vdisk_file file; /* first */
    int descriptor;
    char *path;
    atomic_bool flush_failed;

    /*
     * The last data range that was found: some file systems take long to find the end of a long
     * one. Torn between threads, or outdated by a punch, it calls a hole data, which is harmless.
     */
    atomic_ullong data_start_bytes;
    atomic_ullong data_end_bytes;
};

static struct file_posix *posix_of(struct vdisk_file *file)
{
    return (struct file_posix *)file;
}

enum vdisk_status vdisk_status_from_errno(int native_code)
{
    switch (native_code) {
    case ENOENT:
    case ENOTDIR:
        return VDISK_NOT_FOUND;
    case EEXIST:
        return VDISK_EXISTS;
    case EACCES:
    case EPERM:
        return VDISK_ACCESS;
    case EROFS:
        return VDISK_READ_ONLY;
    case EBUSY:
    case ETXTBSY:
    case EWOULDBLOCK:
        return VDISK_BUSY;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return VDISK_NO_SPACE;
    case ENOMEM:
        return VDISK_NO_MEMORY;
    case EINVAL:
    case EISDIR:
    case ENAMETOOLONG:
        return VDISK_INVALID;
    case EOPNOTSUPP:
        return VDISK_UNSUPPORTED;
    case ESTALE:
    case ENXIO:
    case ENODEV:
        return VDISK_GONE;
    default:
        return VDISK_IO;
    }
}

static enum vdisk_status fail_errno(const char *path, uint64_t offset_bytes,
                                    struct vdisk_error *error)
{
    const int native_code = errno;

    return vdisk_fail_native(error, vdisk_status_from_errno(native_code), (uint32_t)native_code,
                             path, offset_bytes, NULL);
}

static enum vdisk_status file_posix_read(struct vdisk_file *file, uint64_t offset_bytes,
                                         void *buffer, size_t length_bytes,
                                         struct vdisk_error *error)
{
    unsigned char *bytes = buffer;

    while (length_bytes != 0) {
        const ssize_t got =
            pread(posix_of(file)->descriptor, bytes, length_bytes, (off_t)offset_bytes);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fail_errno(file->name, offset_bytes, error);
        if (got == 0)
            return vdisk_fail(error, VDISK_OUT_OF_RANGE, file->name, NULL, offset_bytes,
                              "the file ends before the data does");
        bytes += got;
        offset_bytes += (uint64_t)got;
        length_bytes -= (size_t)got;
    }
    return VDISK_OK;
}

static enum vdisk_status file_posix_write(struct vdisk_file *file, uint64_t offset_bytes,
                                          const void *buffer, size_t length_bytes,
                                          struct vdisk_error *error)
{
    const unsigned char *bytes = buffer;

    while (length_bytes != 0) {
        const ssize_t put =
            pwrite(posix_of(file)->descriptor, bytes, length_bytes, (off_t)offset_bytes);

        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return fail_errno(file->name, offset_bytes, error);
        bytes += put;
        offset_bytes += (uint64_t)put;
        length_bytes -= (size_t)put;
    }
    return VDISK_OK;
}

/*
 * Linux reports a failed write-back once and may drop the pages: the next fdatasync would succeed
 * although data was lost. So a file whose flush failed once never claims to be flushed again.
 */
static enum vdisk_status file_posix_flush(struct vdisk_file *file, struct vdisk_error *error)
{
    if (atomic_load(&posix_of(file)->flush_failed))
        return vdisk_fail(error, VDISK_IO, file->name, NULL, VDISK_NO_OFFSET,
                          "an earlier flush failed, and what was written may be lost");
    if (fdatasync(posix_of(file)->descriptor) == 0)
        return VDISK_OK;
    atomic_store(&posix_of(file)->flush_failed, true);
    return fail_errno(file->name, VDISK_NO_OFFSET, error);
}

static enum vdisk_status file_posix_get_size(struct vdisk_file *file, uint64_t *size_bytes,
                                             struct vdisk_error *error)
{
    const int descriptor = posix_of(file)->descriptor;
    struct stat status;

    if (fstat(descriptor, &status) != 0)
        return fail_errno(file->name, VDISK_NO_OFFSET, error);
    *size_bytes = (uint64_t)status.st_size;
    if (S_ISBLK(status.st_mode) && ioctl(descriptor, BLKGETSIZE64, size_bytes) != 0)
        return fail_errno(file->name, VDISK_NO_OFFSET, error);
    return VDISK_OK;
}

static enum vdisk_status file_posix_set_size(struct vdisk_file *file, uint64_t size_bytes,
                                             struct vdisk_error *error)
{
    posix_of(file)->data_end_bytes = 0;
    if (ftruncate(posix_of(file)->descriptor, (off_t)size_bytes) != 0)
        return fail_errno(file->name, size_bytes, error);
    return VDISK_OK;
}

static enum vdisk_status file_posix_punch(struct vdisk_file *file, uint64_t offset_bytes,
                                          uint64_t length_bytes, struct vdisk_error *error)
{
    posix_of(file)->data_end_bytes = 0;
    if (fallocate(posix_of(file)->descriptor, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                  (off_t)offset_bytes, (off_t)length_bytes) != 0)
        return fail_errno(file->name, offset_bytes, error);
    return VDISK_OK;
}

/*
 * The unit of holes; 0 where the file system has none. It is asked by a hole behind the end of the
 * file, which changes nothing.
 */
static uint32_t find_punch_bytes(int descriptor)
{
    const int mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
    struct stat status;
    uint64_t behind;
    uint32_t unit = VDISK_PUNCH_BYTES;

    if (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode) ||
        !vdisk_align_up((uint64_t)status.st_size + 1, PUNCH_BYTES_MAX, &behind) ||
        fallocate(descriptor, mode, (off_t)behind, VDISK_PUNCH_BYTES) != 0)
        return 0;
    while (unit < (uint64_t)status.st_blksize && unit < PUNCH_BYTES_MAX)
        unit *= 2;
    return unit;
}

static enum vdisk_status find_range(struct vdisk_file *file, uint64_t offset_bytes,
                                    enum vdisk_file_range *range, uint64_t *length_bytes,
                                    struct vdisk_error *error)
{
    const int descriptor = posix_of(file)->descriptor;
    uint64_t end;
    off_t edge;
    enum vdisk_status status = file_posix_get_size(file, &end, error);

    if (status != VDISK_OK)
        return status;
    if (offset_bytes >= end)
        return vdisk_fail(error, VDISK_OUT_OF_RANGE, file->name, NULL, offset_bytes, NULL);
    *range = VDISK_FILE_DATA;
    edge = lseek(descriptor, (off_t)offset_bytes, SEEK_DATA);
    if (edge < 0 && errno == ENXIO) { /* no data up to the end */
        *range = VDISK_FILE_HOLE;
    } else if (edge >= 0 && (uint64_t)edge > offset_bytes) {
        *range = VDISK_FILE_HOLE;
        end = (uint64_t)edge;
    } else if (edge >= 0) {
        edge = lseek(descriptor, (off_t)offset_bytes, SEEK_HOLE);
        if (edge > 0)
            end = (uint64_t)edge;
    } else if (errno != EINVAL) { /* what knows no holes, such as a block device, is all data */
        return fail_errno(file->name, offset_bytes, error);
    }
    *length_bytes = end - offset_bytes;
    return VDISK_OK;
}

static enum vdisk_status file_posix_get_range(struct vdisk_file *file, uint64_t offset_bytes,
                                              enum vdisk_file_range *range, uint64_t *length_bytes,
                                              struct vdisk_error *error)
{
    struct file_posix *posix = posix_of(file);
    const uint64_t end = posix->data_end_bytes;
    enum vdisk_status status;

    if (offset_bytes >= posix->data_start_bytes && offset_bytes < end) {
        *range = VDISK_FILE_DATA;
        *length_bytes = end - offset_bytes;
        return VDISK_OK;
    }
    status = find_range(file, offset_bytes, range, length_bytes, error);
    if (status == VDISK_OK && *range == VDISK_FILE_DATA) {
        posix->data_start_bytes = offset_bytes;
        posix->data_end_bytes = offset_bytes + *length_bytes;
    }
    return status;
}

static enum vdisk_status file_posix_get_allocated(struct vdisk_file *file,
                                                  uint64_t *allocated_bytes,
                                                  struct vdisk_error *error)
{
    struct stat status;

    if (fstat(posix_of(file)->descriptor, &status) != 0)
        return fail_errno(file->name, VDISK_NO_OFFSET, error);
    *allocated_bytes = (uint64_t)status.st_blocks * 512;
    return VDISK_OK;
}

static void file_posix_close(struct vdisk_file *file)
{
    struct file_posix *posix = posix_of(file);

    vdisk_file_deinit(file);
    close(posix->descriptor);
    free(posix->path);
    free(posix);
}

static const struct vdisk_file_ops file_posix_ops = {
    .read = file_posix_read,
    .write = file_posix_write,
    .flush = file_posix_flush,
    .get_size = file_posix_get_size,
    .set_size = file_posix_set_size,
    .punch = file_posix_punch,
    .get_range = file_posix_get_range,
    .get_allocated = file_posix_get_allocated,
    .close = file_posix_close,
};

static const int open_flags[] = {
    [VDISK_OPEN_READ] = O_RDONLY,
    [VDISK_OPEN_WRITE] = O_RDWR,
    [VDISK_OPEN_CREATE] = O_RDWR | O_CREAT | O_EXCL,
    [VDISK_OPEN_BESIDE] = O_RDONLY,
};

static enum vdisk_status check_kind(int descriptor, const char *path, struct vdisk_error *error)
{
    struct stat status;

    if (fstat(descriptor, &status) != 0)
        return fail_errno(path, VDISK_NO_OFFSET, error);
    if (!S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode))
        return vdisk_fail(error, VDISK_INVALID, path, NULL, VDISK_NO_OFFSET,
                          "not a regular file or block device");
    return VDISK_OK;
}

static enum vdisk_status lock_descriptor(int descriptor, enum vdisk_open_mode mode,
                                         const char *path, struct vdisk_error *error)
{
    const int operation = vdisk_open_mode_writes(mode) ? LOCK_EX : LOCK_SH;

    if (mode == VDISK_OPEN_BESIDE)
        return VDISK_OK;
    if (flock(descriptor, operation | LOCK_NB) == 0 || errno == EOPNOTSUPP || errno == ENOLCK)
        return VDISK_OK;
    return fail_errno(path, VDISK_NO_OFFSET, error);
}

static enum vdisk_status wrap_descriptor(int descriptor, const char *path, bool read_only,
                                         struct vdisk_file **file, struct vdisk_error *error)
{
    struct file_posix *posix = calloc(1, sizeof *posix);
    enum vdisk_status status;

    if (posix != NULL)
        posix->path = strdup(path);
    if (posix == NULL || posix->path == NULL) {
        free(posix);
        return vdisk_fail(error, VDISK_NO_MEMORY, path, NULL, VDISK_NO_OFFSET, NULL);
    }
    posix->descriptor = descriptor;
    status = vdisk_file_init(&posix->file, &file_posix_ops, posix->path, 1, read_only, error);
    if (status != VDISK_OK) {
        free(posix->path);
        free(posix);
        return status;
    }
    posix->file.punch_bytes = read_only ? 0 : find_punch_bytes(descriptor);
    *file = &posix->file;
    return VDISK_OK;
}

enum vdisk_status vdisk_file_posix_open(const char *path, enum vdisk_open_mode mode,
                                        bool follow_links, struct vdisk_file **file,
                                        struct vdisk_error *error)
{
    /* Without O_NONBLOCK, opening a FIFO would wait for a writer. */
    const int flags = O_CLOEXEC | O_NONBLOCK | (follow_links ? 0 : O_NOFOLLOW);
    const int descriptor = open(path, open_flags[mode] | flags, 0666);
    enum vdisk_status status;

    if (descriptor < 0 && errno == ELOOP && !follow_links)
        return vdisk_fail(error, VDISK_ACCESS, path, NULL, VDISK_NO_OFFSET,
                          "a link that an image names is not followed");
    if (descriptor < 0)
        return fail_errno(path, VDISK_NO_OFFSET, error);
    status = check_kind(descriptor, path, error);
    if (status == VDISK_OK)
        status = lock_descriptor(descriptor, mode, path, error);
    if (status == VDISK_OK)
        status = wrap_descriptor(descriptor, path, !vdisk_open_mode_writes(mode), file, error);
    if (status != VDISK_OK)
        close(descriptor);
    return status;
}

bool vdisk_file_posix_is_device(struct vdisk_file *file)
{
    struct stat status;

    return fstat(posix_of(file)->descriptor, &status) != 0 || !S_ISREG(status.st_mode);
}

enum vdisk_status vdisk_host_open(const char *path, enum vdisk_open_mode mode,
                                  struct vdisk_file **file, struct vdisk_error *error)
{
    return vdisk_file_posix_open(path, mode, true, file, error);
}

enum vdisk_status vdisk_host_remove(const char *path, struct vdisk_error *error)
{
    if (unlink(path) != 0)
        return fail_errno(path, VDISK_NO_OFFSET, error);
    return VDISK_OK;
}

bool vdisk_host_exists(const char *path)
{
    struct stat status;

    return lstat(path, &status) == 0;
}

enum vdisk_status vdisk_host_make_folder(const char *path, struct vdisk_error *error)
{
    if (mkdir(path, 0700) != 0)
        return fail_errno(path, VDISK_NO_OFFSET, error);
    return VDISK_OK;
}

enum vdisk_status vdisk_host_remove_folder(const char *path, struct vdisk_error *error)
{
    if (rmdir(path) != 0)
        return fail_errno(path, VDISK_NO_OFFSET, error);
    return VDISK_OK;
}

enum vdisk_status vdisk_host_full_path(const char *path, char **full_path,
                                       struct vdisk_error *error)
{
    *full_path = realpath(path, NULL); /* from malloc, as what vdisk_alloc gives */
    if (*full_path == NULL)
        return fail_errno(path, VDISK_NO_OFFSET, error);
    return VDISK_OK;
}

enum vdisk_status vdisk_host_rename(const char *from, const char *to, struct vdisk_error *error)
{
    if (rename(from, to) != 0)
        return fail_errno(to, VDISK_NO_OFFSET, error);
    return VDISK_OK;
}

bool vdisk_host_same(struct vdisk_file *a, struct vdisk_file *b)
{
    struct stat first, second;

    return fstat(posix_of(a)->descriptor, &first) == 0 &&
           fstat(posix_of(b)->descriptor, &second) == 0 && first.st_dev == second.st_dev &&
           first.st_ino == second.st_ino;
}
