/* The generic half of an image: requests, locks, chains. What a format maps is moved here. */
#include "engine/discard.h"
#include "engine/probe.h"

static struct vdisk_image *image_of(struct vdisk_disk *disk)
{
    return (struct vdisk_image *)disk;
}

enum vdisk_status vdisk_image_fail(struct vdisk_image *image, struct vdisk_error *error,
                                   enum vdisk_status status, const char *structure,
                                   uint64_t offset_bytes, const char *reason)
{
    return vdisk_fail(error, status, image->file->name, structure, offset_bytes, reason);
}

static uint32_t enter(struct vdisk_image *image)
{
    return image->in_place ? 0 : vdisk_gate_enter(&image->gate);
}

static void leave(struct vdisk_image *image, uint32_t ticket)
{
    if (!image->in_place)
        vdisk_gate_leave(&image->gate, ticket);
}

/* One image's answer, checked: a format that answered wrongly must not make us write elsewhere. */
enum vdisk_status vdisk_image_map_own(struct vdisk_image *image, uint64_t offset_bytes,
                                      uint64_t length_bytes, struct vdisk_extent *extent,
                                      struct vdisk_error *error)
{
    enum vdisk_status status;

    memset(extent, 0, sizeof *extent);
    status = image->format->map(image, offset_bytes, length_bytes, extent, error);
    if (status == VDISK_OK && (extent->length_bytes == 0 || extent->length_bytes > length_bytes))
        return vdisk_image_fail(image, error, VDISK_CORRUPT, "mapping", offset_bytes,
                                "the extent has an impossible length");
    return status;
}

/*
 * Where the bytes come from, down the chain. `*owner` is the image that holds them; for what
 * nobody holds it is the last one, and the extent is UNALLOCATED or ZERO.
 */
static enum vdisk_status locate(struct vdisk_image *image, uint64_t offset_bytes,
                                uint64_t length_bytes, struct vdisk_extent *extent,
                                struct vdisk_image **owner, struct vdisk_error *error)
{
    for (uint32_t depth = 0;; depth++) {
        enum vdisk_status status;

        *owner = image;
        if (offset_bytes >= image->disk.size_bytes) { /* a parent may be smaller than its child */
            memset(extent, 0, sizeof *extent);
            extent->kind = VDISK_EXTENT_UNALLOCATED;
            extent->length_bytes = length_bytes;
            extent->depth = depth;
            return VDISK_OK;
        }
        length_bytes = vdisk_min_u64(length_bytes, image->disk.size_bytes - offset_bytes);
        status = vdisk_image_map_own(image, offset_bytes, length_bytes, extent, error);
        if (status != VDISK_OK)
            return status;
        extent->depth = depth;
        if (extent->kind != VDISK_EXTENT_UNALLOCATED || !image->has_parent)
            return VDISK_OK;
        if (image->parent == NULL)
            return vdisk_image_fail(image, error, VDISK_PARENT_MISSING, NULL, offset_bytes,
                                    "the data is in the parent, which was not opened");
        length_bytes = extent->length_bytes;
        image = image->parent;
    }
}

/* Joins what follows a data extent as long as the file goes on: one request instead of many. */
static enum vdisk_status locate_run(struct vdisk_image *image, uint64_t offset_bytes,
                                    uint64_t length_bytes, struct vdisk_extent *run,
                                    struct vdisk_image **owner, struct vdisk_error *error)
{
    enum vdisk_status status = locate(image, offset_bytes, length_bytes, run, owner, error);

    if (status != VDISK_OK || run->kind != VDISK_EXTENT_DATA)
        return status;
    while (run->length_bytes < length_bytes) {
        struct vdisk_extent next;
        struct vdisk_image *next_owner;

        status = locate(image, offset_bytes + run->length_bytes, length_bytes - run->length_bytes,
                        &next, &next_owner, error);
        if (status != VDISK_OK)
            return status;
        if (next.kind != VDISK_EXTENT_DATA || next.file != run->file ||
            next.file_offset_bytes != run->file_offset_bytes + run->length_bytes)
            break;
        run->length_bytes += next.length_bytes;
    }
    return VDISK_OK;
}

static enum vdisk_status read_extent(struct vdisk_image *owner, const struct vdisk_extent *extent,
                                     uint64_t offset_bytes, void *buffer, size_t length_bytes,
                                     struct vdisk_error *error)
{
    switch (extent->kind) {
    case VDISK_EXTENT_DATA:
        return vdisk_file_read(extent->file, extent->file_offset_bytes, buffer, length_bytes,
                               error);
    case VDISK_EXTENT_COMPRESSED:
        return owner->format->read_compressed(owner, offset_bytes, buffer, length_bytes, error);
    case VDISK_EXTENT_ZERO:
    case VDISK_EXTENT_UNALLOCATED:
        break;
    }
    memset(buffer, 0, length_bytes);
    return VDISK_OK;
}

static enum vdisk_status read_chain(struct vdisk_image *image, uint64_t offset_bytes,
                                    unsigned char *buffer, size_t length_bytes,
                                    struct vdisk_error *error)
{
    while (length_bytes != 0) {
        struct vdisk_extent extent;
        struct vdisk_image *owner;
        size_t piece;
        enum vdisk_status status =
            locate_run(image, offset_bytes, length_bytes, &extent, &owner, error);

        if (status != VDISK_OK)
            return status;
        piece = (size_t)extent.length_bytes;
        status = read_extent(owner, &extent, offset_bytes, buffer, piece, error);
        if (status != VDISK_OK)
            return status;
        buffer += piece;
        offset_bytes += piece;
        length_bytes -= piece;
    }
    return VDISK_OK;
}

static enum vdisk_status image_read(struct vdisk_disk *disk, uint64_t offset_bytes, void *buffer,
                                    size_t length_bytes, struct vdisk_error *error)
{
    struct vdisk_image *image = image_of(disk);
    const uint32_t ticket = enter(image);
    enum vdisk_status status = read_chain(image, offset_bytes, buffer, length_bytes, error);

    leave(image, ticket);
    return status;
}

enum vdisk_status vdisk_image_read_below(struct vdisk_image *image, uint64_t offset_bytes,
                                         void *buffer, size_t length_bytes,
                                         struct vdisk_error *error)
{
    if (!image->has_parent) {
        memset(buffer, 0, length_bytes);
        return VDISK_OK;
    }
    if (image->parent == NULL)
        return vdisk_image_fail(image, error, VDISK_PARENT_MISSING, NULL, offset_bytes,
                                "the data is in the parent, which was not opened");
    return read_chain(image->parent, offset_bytes, buffer, length_bytes, error);
}

enum vdisk_status vdisk_image_is_zero_below(struct vdisk_image *image, uint64_t offset_bytes,
                                            uint64_t *length_bytes, bool *zero,
                                            struct vdisk_error *error)
{
    struct vdisk_extent extent;
    uint64_t parent_bytes;
    enum vdisk_status status;

    *zero = !image->has_parent;
    if (image->parent == NULL)
        return VDISK_OK;
    parent_bytes = image->parent->disk.size_bytes;
    *zero = offset_bytes >= parent_bytes;
    if (*zero)
        return VDISK_OK;
    status =
        vdisk_disk_map(&image->parent->disk, offset_bytes,
                       vdisk_min_u64(*length_bytes, parent_bytes - offset_bytes), &extent, error);
    if (status != VDISK_OK)
        return status;
    *length_bytes = extent.length_bytes;
    *zero = extent.kind == VDISK_EXTENT_ZERO || extent.kind == VDISK_EXTENT_UNALLOCATED;
    return VDISK_OK;
}

enum vdisk_status vdisk_image_hide_parent(struct vdisk_image *image, uint64_t offset_bytes,
                                          struct vdisk_error *error)
{
    uint64_t end;
    enum vdisk_status status = VDISK_OK;

    if (image->parent == NULL)
        return VDISK_OK;
    end = vdisk_min_u64(image->disk.size_bytes, image->parent->disk.size_bytes);
    while (offset_bytes < end && status == VDISK_OK) {
        uint64_t done = 0;

        status = image->format->zero(image, offset_bytes, end - offset_bytes, &done, error);
        offset_bytes += done;
    }
    return status == VDISK_OK ? image->format->flush(image, error) : status;
}

/* The session's first write: the format bumps identities before any byte changes. */
static enum vdisk_status begin_write(struct vdisk_image *image, struct vdisk_error *error)
{
    enum vdisk_status status = VDISK_OK;

    if (atomic_load_explicit(&image->writing, memory_order_acquire))
        return VDISK_OK;
    vdisk_mutex_lock(&image->allocation_lock);
    if (!atomic_load_explicit(&image->writing, memory_order_relaxed)) {
        if (image->format->begin_write != NULL)
            status = image->format->begin_write(image, error);
        if (status == VDISK_OK)
            atomic_store_explicit(&image->writing, true, memory_order_release);
    }
    vdisk_mutex_unlock(&image->allocation_lock);
    return status;
}

/* Writes what is mapped, joined into one request; *done_bytes is 0 when nothing is mapped here. */
static enum vdisk_status write_mapped(struct vdisk_image *image, uint64_t offset_bytes,
                                      const void *buffer, size_t length_bytes, size_t *done_bytes,
                                      struct vdisk_error *error)
{
    struct vdisk_file *file = NULL;
    uint64_t file_offset_bytes = 0;
    enum vdisk_status status;

    *done_bytes = 0;
    while (*done_bytes < length_bytes) {
        struct vdisk_extent extent;

        status = vdisk_image_map_own(image, offset_bytes + *done_bytes, length_bytes - *done_bytes,
                                     &extent, error);
        if (status != VDISK_OK)
            return status;
        if (extent.kind != VDISK_EXTENT_DATA || extent.shared)
            break;
        if (file == NULL) {
            file = extent.file;
            file_offset_bytes = extent.file_offset_bytes;
        } else if (file != extent.file ||
                   extent.file_offset_bytes != file_offset_bytes + *done_bytes) {
            break;
        }
        *done_bytes += (size_t)extent.length_bytes;
    }
    if (*done_bytes == 0)
        return VDISK_OK;
    return vdisk_file_write(file, file_offset_bytes, buffer, *done_bytes, error);
}

/* Under the lock, where someone else may have mapped the range meanwhile. */
static enum vdisk_status write_unmapped(struct vdisk_image *image, uint64_t offset_bytes,
                                        const void *buffer, size_t length_bytes, size_t *done_bytes,
                                        struct vdisk_error *error)
{
    enum vdisk_status status;

    vdisk_mutex_lock(&image->allocation_lock);
    status = write_mapped(image, offset_bytes, buffer, length_bytes, done_bytes, error);
    if (status == VDISK_OK && *done_bytes == 0)
        status =
            image->format->write_new(image, offset_bytes, buffer, length_bytes, done_bytes, error);
    vdisk_mutex_unlock(&image->allocation_lock);
    if (status == VDISK_OK && (*done_bytes == 0 || *done_bytes > length_bytes))
        return vdisk_image_fail(image, error, VDISK_CORRUPT, "mapping", offset_bytes,
                                "the write made no progress");
    return status;
}

/*
 * The gate is left before the lock is waited for: whoever holds the lock may be draining it.
 */
static enum vdisk_status write_some(struct vdisk_image *image, uint64_t offset_bytes,
                                    const void *buffer, size_t length_bytes, size_t *done_bytes,
                                    struct vdisk_error *error)
{
    const uint32_t ticket = enter(image);
    enum vdisk_status status =
        write_mapped(image, offset_bytes, buffer, length_bytes, done_bytes, error);

    leave(image, ticket);
    if (status != VDISK_OK || *done_bytes != 0)
        return status;
    return write_unmapped(image, offset_bytes, buffer, length_bytes, done_bytes, error);
}

static enum vdisk_status write_data(struct vdisk_image *image, uint64_t offset_bytes,
                                    const unsigned char *buffer, size_t length_bytes,
                                    struct vdisk_error *error)
{
    enum vdisk_status status = VDISK_OK;

    while (length_bytes != 0 && status == VDISK_OK) {
        size_t done = 0;

        status = write_some(image, offset_bytes, buffer, length_bytes, &done, error);
        buffer += done;
        offset_bytes += done;
        length_bytes -= done;
    }
    return status;
}

static enum vdisk_status write_detecting(struct vdisk_image *image, uint64_t offset_bytes,
                                         const unsigned char *buffer, size_t length_bytes,
                                         struct vdisk_error *error)
{
    enum vdisk_status status = VDISK_OK;

    while (length_bytes != 0 && status == VDISK_OK) {
        size_t done = 0;
        bool is_data = false;

        status =
            vdisk_discard_zeros(image, offset_bytes, buffer, length_bytes, &done, &is_data, error);
        if (status == VDISK_OK && is_data)
            status = write_data(image, offset_bytes, buffer, done, error);
        buffer += done;
        offset_bytes += done;
        length_bytes -= done;
    }
    return status;
}

static enum vdisk_status image_write(struct vdisk_disk *disk, uint64_t offset_bytes,
                                     const void *data, size_t length_bytes,
                                     struct vdisk_error *error)
{
    struct vdisk_image *image = image_of(disk);
    const unsigned char *buffer = data;
    enum vdisk_status status = VDISK_OK;

    if (image->guard_magic)
        status = vdisk_probe_guard(image, offset_bytes, buffer, length_bytes, error);
    if (status == VDISK_OK)
        status = begin_write(image, error);
    if (status != VDISK_OK)
        return status;
    if (image->detect_zeroes)
        return write_detecting(image, offset_bytes, buffer, length_bytes, error);
    return write_data(image, offset_bytes, buffer, length_bytes, error);
}

static enum vdisk_status image_flush(struct vdisk_disk *disk, struct vdisk_error *error)
{
    struct vdisk_image *image = image_of(disk);
    enum vdisk_status status;

    if (image->in_place)
        return image->format->flush(image, error);
    vdisk_mutex_lock(&image->allocation_lock);
    status = image->format->flush(image, error);
    vdisk_mutex_unlock(&image->allocation_lock);
    return status;
}

static enum vdisk_status zero_by_format(struct vdisk_image *image, uint64_t offset_bytes,
                                        uint64_t length_bytes, struct vdisk_error *error)
{
    enum vdisk_status status = VDISK_OK;

    vdisk_mutex_lock(&image->allocation_lock);
    while (length_bytes != 0 && status == VDISK_OK) {
        uint64_t done = 0;

        status = image->format->zero(image, offset_bytes, length_bytes, &done, error);
        if (status == VDISK_OK && (done == 0 || done > length_bytes))
            status = vdisk_image_fail(image, error, VDISK_CORRUPT, "mapping", offset_bytes,
                                      "zeroing made no progress");
        offset_bytes += done;
        length_bytes -= done;
    }
    vdisk_mutex_unlock(&image->allocation_lock);
    return status;
}

static enum vdisk_status image_zero(struct vdisk_disk *disk, uint64_t offset_bytes,
                                    uint64_t length_bytes, struct vdisk_error *error)
{
    struct vdisk_image *image = image_of(disk);
    enum vdisk_status status = begin_write(image, error);

    if (status != VDISK_OK)
        return status;
    if (image->format->zero == NULL)
        return vdisk_disk_write_zeros(disk, offset_bytes, length_bytes, error);
    return zero_by_format(image, offset_bytes, length_bytes, error);
}

static enum vdisk_status image_discard(struct vdisk_disk *disk, uint64_t offset_bytes,
                                       uint64_t length_bytes, struct vdisk_error *error)
{
    struct vdisk_image *image = image_of(disk);
    enum vdisk_status status = begin_write(image, error);

    return status == VDISK_OK ? vdisk_discard(image, offset_bytes, length_bytes, error) : status;
}

/* Data that lies in a hole of the file is known to be zeros. */
static enum vdisk_status refine_by_holes(struct vdisk_extent *extent, struct vdisk_error *error)
{
    enum vdisk_file_range range;
    uint64_t length;
    enum vdisk_status status =
        vdisk_file_get_range(extent->file, extent->file_offset_bytes, &range, &length, error);

    if (status != VDISK_OK)
        return status;
    length = vdisk_align_down(length, VDISK_SECTOR_BYTES);
    if (length == 0) /* a hole that begins or ends within a sector: call the sector data */
        length = VDISK_SECTOR_BYTES;
    else if (range == VDISK_FILE_HOLE)
        extent->kind = VDISK_EXTENT_ZERO;
    extent->length_bytes = vdisk_min_u64(extent->length_bytes, length);
    return VDISK_OK;
}

static enum vdisk_status image_map(struct vdisk_disk *disk, uint64_t offset_bytes,
                                   uint64_t length_bytes, struct vdisk_extent *extent,
                                   struct vdisk_error *error)
{
    struct vdisk_image *image = image_of(disk);
    struct vdisk_image *owner;
    const uint32_t ticket = enter(image);
    enum vdisk_status status = locate_run(image, offset_bytes, length_bytes, extent, &owner, error);

    if (status == VDISK_OK && extent->kind == VDISK_EXTENT_DATA)
        status = refine_by_holes(extent, error);
    leave(image, ticket);
    return status;
}

static enum vdisk_status finish_writing(struct vdisk_image *image, struct vdisk_error *error)
{
    enum vdisk_status status;

    if (!atomic_load(&image->writing))
        return VDISK_OK;
    vdisk_mutex_lock(&image->allocation_lock);
    status = image->format->flush(image, error);
    if (status == VDISK_OK && image->format->end_write != NULL)
        status = image->format->end_write(image, error);
    vdisk_mutex_unlock(&image->allocation_lock);
    return status;
}

static void image_free(struct vdisk_image *image)
{
    image->format->close(image);
    for (uint32_t index = 0; index < image->parent_name_count; index++)
        vdisk_free(image->parent_names[index].name);
    vdisk_mutex_deinit(&image->allocation_lock);
    vdisk_file_close(image->file);
    vdisk_free(image);
}

static enum vdisk_status image_close(struct vdisk_disk *disk, struct vdisk_error *error)
{
    struct vdisk_image *image = image_of(disk);
    const enum vdisk_status status = finish_writing(image, error);

    while (image != NULL) { /* parents were opened read-only: nothing to finish */
        struct vdisk_image *parent = image->parent;

        image_free(image);
        image = parent;
    }
    return status;
}

static const struct vdisk_disk_ops image_ops = {
    .read = image_read,
    .write = image_write,
    .flush = image_flush,
    .zero = image_zero,
    .discard = image_discard,
    .map = image_map,
    .close = image_close,
};

static struct vdisk_image *image_allocate(struct vdisk_file *file,
                                          const struct vdisk_format *format,
                                          const struct vdisk_open_options *options)
{
    struct vdisk_image *image = vdisk_alloc(sizeof *image);

    if (image == NULL)
        return NULL;
    image->disk.ops = &image_ops;
    image->disk.logical_sector_bytes = VDISK_SECTOR_BYTES;
    image->disk.physical_sector_bytes = VDISK_SECTOR_BYTES;
    image->disk.read_only = options->read_only || options->for_check || file->read_only;
    image->format = format;
    image->file = file;
    image->finder = options->finder;
    vdisk_gate_init(&image->gate);
    vdisk_mutex_init(&image->allocation_lock);
    return image;
}

static enum vdisk_status check_geometry(struct vdisk_image *image, struct vdisk_error *error)
{
    const struct vdisk_disk *disk = &image->disk;
    const uint32_t sector = disk->logical_sector_bytes;

    if (sector != 512 && sector != 4096 && !(disk->optical && sector == 2048))
        return vdisk_image_fail(image, error, VDISK_UNSUPPORTED, NULL, VDISK_NO_OFFSET,
                                "sectors must have 512 or 4096 bytes");
    if (disk->size_bytes == 0 || disk->size_bytes > INT64_MAX ||
        !vdisk_is_aligned(disk->size_bytes, sector))
        return vdisk_image_fail(image, error, VDISK_CORRUPT, NULL, VDISK_NO_OFFSET,
                                "the disk's size is not a number of whole sectors");
    return VDISK_OK;
}

/* Opens one file as an image, without its parent. The file is closed when this fails. */
static enum vdisk_status open_one(struct vdisk_file *file, const struct vdisk_open_options *options,
                                  struct vdisk_image **opened, struct vdisk_error *error)
{
    const struct vdisk_format *format = NULL;
    struct vdisk_image *image;
    enum vdisk_status status = vdisk_probe_choose(file, options->format, &format, error);

    if (status != VDISK_OK) {
        vdisk_file_close(file);
        return status;
    }
    if (options->snapshot != NULL && format->snapshots == NULL) {
        status = vdisk_fail(error, VDISK_UNSUPPORTED, file->name, NULL, VDISK_NO_OFFSET,
                            "this format has no snapshots");
        vdisk_file_close(file);
        return status;
    }
    image = image_allocate(file, format, options);
    if (image == NULL) {
        status = vdisk_fail(error, VDISK_NO_MEMORY, file->name, NULL, VDISK_NO_OFFSET, NULL);
        vdisk_file_close(file);
        return status;
    }
    image->guard_magic = (options->guard_magic || options->format == NULL) && format->probe == NULL;
    status = format->open(image, options, error);
    if (status == VDISK_OK && (format->capabilities & VDISK_CAN_WRITE) == 0)
        image->disk.read_only = true;
    if (status == VDISK_OK && !options->for_check)
        status = check_geometry(image, error);
    if (status != VDISK_OK) {
        image_free(image);
        return status;
    }
    vdisk_discard_settle(image);
    image->detect_zeroes =
        options->detect_zeroes && !image->in_place && image->block_bytes != 0 && !options->compress;
    *opened = image;
    return VDISK_OK;
}

static bool is_same_file(struct vdisk_image *image, struct vdisk_file *file)
{
    struct vdisk_file_finder *finder = image->finder;

    return finder->same != NULL && finder->same(finder, image->file, file);
}

static enum vdisk_status check_cycle(struct vdisk_image *top, const struct vdisk_image *child,
                                     struct vdisk_file *file, struct vdisk_error *error)
{
    uint32_t depth = 0;

    for (struct vdisk_image *image = top; image != NULL; image = image->parent) {
        if (is_same_file(image, file))
            return vdisk_fail(error, VDISK_CORRUPT, child->file->name, "parent", VDISK_NO_OFFSET,
                              image == child
                                  ? "the image names itself as its parent"
                                  : "the chain of parents leads back to one of its images");
        depth++;
    }
    if (depth >= VDISK_CHAIN_MAX)
        return vdisk_fail(error, VDISK_UNSUPPORTED, child->file->name, "parent", VDISK_NO_OFFSET,
                          "the chain has more than 64 images");
    return VDISK_OK;
}

static enum vdisk_status try_parent(struct vdisk_image *top, struct vdisk_image *child,
                                    const struct vdisk_parent_name *name,
                                    struct vdisk_image **parent, struct vdisk_error *error)
{
    const struct vdisk_file_request request = {
        .role = VDISK_ROLE_PARENT,
        .kind = name->kind,
        .name = name->name,
        .referrer = child->file->name,
        .read_only = true,
    };
    const struct vdisk_open_options options = {
        .format = child->parent_format, .finder = child->finder, .read_only = true};
    struct vdisk_file *file;
    enum vdisk_status status = child->finder->open(child->finder, &request, &file, error);

    if (status != VDISK_OK)
        return status;
    status = check_cycle(top, child, file, error);
    if (status != VDISK_OK) {
        vdisk_file_close(file);
        return status;
    }
    status = open_one(file, &options, parent, error);
    if (status != VDISK_OK)
        return status;
    if (child->format->check_parent != NULL)
        status = child->format->check_parent(child, *parent, error);
    if (status != VDISK_OK)
        image_free(*parent);
    return status;
}

/* Does the failure speak of the file, so that another name may do? Or of the machine? */
static bool is_another_file(enum vdisk_status status)
{
    return status == VDISK_NOT_FOUND || status == VDISK_ACCESS || status == VDISK_INVALID ||
           status == VDISK_WRONG_FORMAT || status == VDISK_CORRUPT || status == VDISK_UNSUPPORTED ||
           status == VDISK_PARENT_CHANGED;
}

/* Tries the names in their order; what is said in the end is the most telling failure. */
static enum vdisk_status open_parent(struct vdisk_image *top, struct vdisk_image *child,
                                     struct vdisk_error *error)
{
    enum vdisk_status worst = VDISK_PARENT_MISSING;

    if (child->finder == NULL)
        return vdisk_image_fail(child, error, VDISK_PARENT_MISSING, "parent", VDISK_NO_OFFSET,
                                "the image needs its parent, and no other file may be opened");
    vdisk_image_fail(child, error, VDISK_PARENT_MISSING, "parent", VDISK_NO_OFFSET,
                     "no file is found under the names that the image gives for its parent");
    for (uint32_t index = 0; index < child->parent_name_count; index++) {
        struct vdisk_image *parent = NULL;
        struct vdisk_error attempt;
        enum vdisk_status status =
            try_parent(top, child, &child->parent_names[index], &parent, &attempt);

        if (status == VDISK_OK) {
            child->parent = parent;
            return VDISK_OK;
        }
        if (status != VDISK_NOT_FOUND) {
            worst = status;
            if (error != NULL)
                *error = attempt;
        }
        if (!is_another_file(status))
            break;
    }
    return worst;
}

static enum vdisk_status open_chain(struct vdisk_image *top, struct vdisk_error *error)
{
    for (struct vdisk_image *image = top; image->has_parent; image = image->parent) {
        enum vdisk_status status = open_parent(top, image, error);

        if (status != VDISK_OK)
            return status;
    }
    return VDISK_OK;
}

enum vdisk_status vdisk_image_open(struct vdisk_file *file,
                                   const struct vdisk_open_options *options,
                                   struct vdisk_image **image, struct vdisk_error *error)
{
    struct vdisk_image *top;
    enum vdisk_status status = open_one(file, options, &top, error);

    if (status != VDISK_OK)
        return status;
    if (!options->without_parent && !options->for_check)
        status = open_chain(top, error);
    if (status != VDISK_OK) {
        image_close(&top->disk, NULL);
        return status;
    }
    *image = top;
    return VDISK_OK;
}

struct vdisk_disk *vdisk_image_disk(struct vdisk_image *image)
{
    return &image->disk;
}

enum vdisk_status vdisk_image_close(struct vdisk_image *image, struct vdisk_error *error)
{
    return image == NULL ? VDISK_OK : image_close(&image->disk, error);
}

struct vdisk_image *vdisk_image_parent(struct vdisk_image *image)
{
    return image->parent;
}

const char *vdisk_image_file_name(struct vdisk_image *image)
{
    return image->file->name;
}

enum vdisk_status vdisk_image_find_file(struct vdisk_image *image,
                                        const struct vdisk_file_request *request,
                                        const char *structure, struct vdisk_file **file,
                                        struct vdisk_error *error)
{
    struct vdisk_file_finder *finder = image->finder;
    enum vdisk_status status;

    *file = NULL;
    if (finder == NULL)
        return vdisk_image_fail(image, error, VDISK_ACCESS, structure, VDISK_NO_OFFSET,
                                "it names a further file, and none may be opened");
    status = finder->open(finder, request, file, error);
    if (status != VDISK_OK) {
        *file = NULL;
        return status;
    }
    if (!is_same_file(image, *file))
        return VDISK_OK;
    vdisk_file_close(*file);
    *file = NULL;
    return vdisk_image_fail(image, error, VDISK_CORRUPT, structure, VDISK_NO_OFFSET,
                            "the image names itself as one of its files");
}

enum vdisk_status vdisk_image_add_parent_name(struct vdisk_image *image, enum vdisk_name_kind kind,
                                              const char *name, struct vdisk_error *error)
{
    const size_t length = strlen(name);
    char *copy;

    if (length == 0 || length >= VDISK_NAME_BYTES || image->parent_name_count == VDISK_PARENT_NAMES)
        return vdisk_image_fail(image, error, VDISK_CORRUPT, "parent", VDISK_NO_OFFSET,
                                "the parent's name is empty, too long, or one too many");
    copy = vdisk_alloc(length + 1);
    if (copy == NULL)
        return vdisk_image_fail(image, error, VDISK_NO_MEMORY, NULL, VDISK_NO_OFFSET, NULL);
    memcpy(copy, name, length);
    image->parent_names[image->parent_name_count].kind = kind;
    image->parent_names[image->parent_name_count].name = copy;
    image->parent_name_count++;
    return VDISK_OK;
}
