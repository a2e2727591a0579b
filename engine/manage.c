/* What is done to whole images: create, info, check, resize, parents, snapshots. */
#include "engine/format/format.h"
#include "engine/probe.h"
#include "virtualdisk/partition.h"

enum vdisk_status vdisk_image_may_be_parent(const struct vdisk_image *parent,
                                            struct vdisk_error *error)
{
    if (!parent->disk.optical)
        return VDISK_OK;
    return vdisk_fail(error, VDISK_UNSUPPORTED, parent->file->name, NULL, VDISK_NO_OFFSET,
                      "a CD is never written to, so it needs no differencing image");
}

static enum vdisk_status check_create(const struct vdisk_format *format, struct vdisk_file *file,
                                      const struct vdisk_create_options *options,
                                      struct vdisk_error *error)
{
    if ((format->capabilities & VDISK_CAN_CREATE) == 0)
        return vdisk_fail(error, VDISK_UNSUPPORTED, file->name, NULL, VDISK_NO_OFFSET,
                          "images of this format can be read, not made");
    if (options->fixed && (format->capabilities & VDISK_CAN_CREATE_FIXED) == 0)
        return vdisk_fail(error, VDISK_UNSUPPORTED, file->name, NULL, VDISK_NO_OFFSET,
                          "this format has no fully allocated kind");
    if (options->parent != NULL && (format->capabilities & VDISK_CAN_HAVE_PARENT) == 0)
        return vdisk_fail(error, VDISK_UNSUPPORTED, file->name, NULL, VDISK_NO_OFFSET,
                          "this format has no differencing kind");
    if (options->compress && (format->capabilities & VDISK_CAN_COMPRESS) == 0)
        return vdisk_fail(error, VDISK_UNSUPPORTED, file->name, NULL, VDISK_NO_OFFSET,
                          "this format cannot be compressed");
    if (options->block_bytes != 0 && (format->capabilities & VDISK_CAN_CHOOSE_BLOCKS) == 0)
        return vdisk_fail(error, VDISK_UNSUPPORTED, file->name, NULL, VDISK_NO_OFFSET,
                          "this format has no blocks");
    if (options->subformat != NULL && (format->capabilities & VDISK_CAN_CHOOSE_KIND) == 0)
        return vdisk_fail(error, VDISK_UNSUPPORTED, file->name, NULL, VDISK_NO_OFFSET,
                          "this format has one kind only");
    if (options->size_bytes == 0 || options->size_bytes > INT64_MAX ||
        !vdisk_is_aligned(options->size_bytes, VDISK_SECTOR_BYTES))
        return vdisk_fail(error, VDISK_INVALID, file->name, NULL, VDISK_NO_OFFSET,
                          "the disk's size must be a multiple of 512 bytes and not 0");
    return options->parent == NULL ? VDISK_OK : vdisk_image_may_be_parent(options->parent, error);
}

enum vdisk_status vdisk_create_kind(struct vdisk_file *file,
                                    const struct vdisk_create_options *options,
                                    enum vdisk_kind *kind, struct vdisk_error *error)
{
    static const char *const names[] = {[VDISK_DYNAMIC] = "dynamic",
                                        [VDISK_FIXED] = "fixed",
                                        [VDISK_DIFFERENCING] = "differencing"};

    *kind = options->fixed            ? VDISK_FIXED
            : options->parent != NULL ? VDISK_DIFFERENCING
                                      : VDISK_DYNAMIC;
    for (uint32_t i = 0; options->subformat != NULL; i++) {
        if (i == sizeof names / sizeof names[0])
            return vdisk_fail(error, VDISK_INVALID, file->name, NULL, VDISK_NO_OFFSET,
                              "the kinds of this format are fixed, dynamic and differencing");
        *kind = (enum vdisk_kind)i;
        if (strcmp(options->subformat, names[i]) == 0)
            break;
    }
    if (options->fixed && *kind != VDISK_FIXED)
        return vdisk_fail(error, VDISK_INVALID, file->name, NULL, VDISK_NO_OFFSET,
                          "a fixed image is neither dynamic nor differencing");
    if ((*kind == VDISK_DIFFERENCING) != (options->parent != NULL))
        return vdisk_fail(error, VDISK_INVALID, file->name, NULL, VDISK_NO_OFFSET,
                          "a differencing image, and only that, has a parent");
    return VDISK_OK;
}

enum vdisk_status vdisk_image_create(struct vdisk_file *file,
                                     const struct vdisk_create_options *options,
                                     struct vdisk_error *error)
{
    struct vdisk_create_options complete = *options;
    const struct vdisk_format *format;
    enum vdisk_status status = vdisk_probe_choose(file, options->format, &format, error);

    if (status != VDISK_OK)
        return status;
    if (complete.size_bytes == 0 && complete.parent != NULL)
        complete.size_bytes = complete.parent->disk.size_bytes;
    if (complete.logical_sector_bytes == 0)
        complete.logical_sector_bytes = VDISK_SECTOR_BYTES;
    status = check_create(format, file, &complete, error);
    if (status != VDISK_OK)
        return status;
    if (!format->dense && !complete.fixed) /* where there are no holes, zeros are stored */
        (void)vdisk_file_allow_holes(file, NULL);
    return format->create(file, &complete, error);
}

enum vdisk_status vdisk_image_get_info(struct vdisk_image *image, struct vdisk_image_info *info,
                                       struct vdisk_error *error)
{
    memset(info, 0, sizeof *info);
    info->format = image->format->name;
    info->virtual_size_bytes = image->disk.size_bytes;
    info->block_bytes = image->block_bytes;
    info->logical_sector_bytes = image->disk.logical_sector_bytes;
    info->physical_sector_bytes = image->disk.physical_sector_bytes;
    info->read_only = image->disk.read_only;
    info->has_parent = image->has_parent;
    if (image->parent_name_count != 0)
        memcpy(info->parent_name, image->parent_names[0].name,
               strlen(image->parent_names[0].name) + 1);
    if (image->parent_format != NULL && strlen(image->parent_format) < VDISK_SUBFORMAT_BYTES)
        memcpy(info->parent_format, image->parent_format, strlen(image->parent_format) + 1);
    if (image->format->get_info != NULL)
        image->format->get_info(image, info);
    if (info->allocated_bytes != 0) /* a format of several files has added them up */
        return VDISK_OK;
    return vdisk_file_get_allocated(image->file, &info->allocated_bytes, error);
}

void vdisk_image_get_identity(struct vdisk_image *image, struct vdisk_image_identity *identity)
{
    memset(identity, 0, sizeof *identity);
    identity->written = atomic_load(&image->writing);
    if (image->format->get_identity != NULL)
        image->format->get_identity(image, identity);
}

static enum vdisk_status unsupported(struct vdisk_image *image, struct vdisk_error *error,
                                     const char *reason)
{
    return vdisk_image_fail(image, error, VDISK_UNSUPPORTED, NULL, VDISK_NO_OFFSET, reason);
}

/* Runs before anything that changes metadata: the image must be writable and marked as in use. */
static enum vdisk_status lock_for_change(struct vdisk_image *image, struct vdisk_error *error)
{
    enum vdisk_status status = VDISK_OK;

    if (image->disk.read_only)
        return vdisk_image_fail(image, error, VDISK_READ_ONLY, NULL, VDISK_NO_OFFSET,
                                "the image is read-only");
    vdisk_mutex_lock(&image->allocation_lock);
    if (!atomic_load(&image->writing) && image->format->begin_write != NULL)
        status = image->format->begin_write(image, error);
    if (status == VDISK_OK)
        atomic_store(&image->writing, true);
    else
        vdisk_mutex_unlock(&image->allocation_lock);
    return status;
}

enum vdisk_status vdisk_image_resize(struct vdisk_image *image, uint64_t size_bytes,
                                     struct vdisk_error *error)
{
    enum vdisk_status status;

    if (image->format->resize == NULL)
        return unsupported(image, error, "this format cannot be resized");
    if (size_bytes == 0 || size_bytes > INT64_MAX ||
        !vdisk_is_aligned(size_bytes, image->disk.logical_sector_bytes))
        return vdisk_image_fail(image, error, VDISK_INVALID, NULL, VDISK_NO_OFFSET,
                                "the new size is not a number of whole sectors");
    status = lock_for_change(image, error);
    if (status != VDISK_OK)
        return status;
    if (image->guard_magic && size_bytes < image->disk.size_bytes)
        status = vdisk_probe_guard_size(image, size_bytes, error);
    if (status == VDISK_OK)
        status = image->format->resize(image, size_bytes, error);
    vdisk_mutex_unlock(&image->allocation_lock);
    return status;
}

enum vdisk_status vdisk_image_grow_partition(struct vdisk_image *image,
                                             const struct vdisk_partition *partition,
                                             uint64_t size_bytes, struct vdisk_error *error)
{
    struct vdisk_disk *disk = &image->disk;
    uint64_t disk_bytes;
    enum vdisk_status status =
        vdisk_partition_plan(disk, partition, size_bytes, &disk_bytes, error);

    if (status == VDISK_OK && disk_bytes > disk->size_bytes)
        status = vdisk_image_resize(image, disk_bytes, error);
    return status == VDISK_OK ? vdisk_partition_grow(disk, partition, size_bytes, error) : status;
}

enum vdisk_status vdisk_image_set_parent(struct vdisk_image *image, struct vdisk_image *parent,
                                         const char *parent_name, const char *parent_absolute_name,
                                         struct vdisk_error *error)
{
    enum vdisk_status status;

    if (image->format->set_parent == NULL || !image->has_parent)
        return unsupported(image, error, "the image is not a differencing image");
    status = vdisk_image_may_be_parent(parent, error);
    if (status == VDISK_OK)
        status = lock_for_change(image, error);
    if (status != VDISK_OK)
        return status;
    status = image->format->set_parent(image, parent, parent_name, parent_absolute_name, error);
    vdisk_mutex_unlock(&image->allocation_lock);
    return status;
}

void vdisk_check_report(struct vdisk_check *check, enum vdisk_finding_kind kind, bool repaired,
                        const char *structure, uint64_t offset_bytes, const char *reason)
{
    const struct vdisk_finding finding = {kind, repaired, structure, offset_bytes, reason};

    if (repaired)
        check->repaired_count++;
    else if (kind == VDISK_FINDING_CORRUPTION)
        check->corruption_count++;
    else if (kind == VDISK_FINDING_LEAK)
        check->leak_count++;
    if (check->report != NULL)
        check->report(check, &finding);
}

enum vdisk_status vdisk_image_check(struct vdisk_image *image, struct vdisk_check *check,
                                    struct vdisk_error *error)
{
    enum vdisk_status status;

    check->corruption_count = 0;
    check->leak_count = 0;
    check->repaired_count = 0;
    if (image->format->check == NULL)
        return unsupported(image, error, "this format has nothing to check");
    if (check->repair && image->file->read_only)
        return vdisk_image_fail(image, error, VDISK_READ_ONLY, NULL, VDISK_NO_OFFSET,
                                "a read-only file cannot be repaired");
    vdisk_mutex_lock(&image->allocation_lock);
    status = image->format->check(image, check, error);
    vdisk_mutex_unlock(&image->allocation_lock);
    return status;
}

enum vdisk_status vdisk_image_get_snapshot(struct vdisk_image *image, uint32_t index,
                                           struct vdisk_snapshot *snapshot,
                                           struct vdisk_error *error)
{
    if (image->format->snapshots == NULL)
        return unsupported(image, error, "this format has no internal snapshots");
    return image->format->snapshots->get(image, index, snapshot, error);
}

typedef enum vdisk_status snapshot_action(struct vdisk_image *image, const char *name,
                                          struct vdisk_error *error);

static enum vdisk_status change_snapshots(struct vdisk_image *image, snapshot_action *action,
                                          const char *name, struct vdisk_error *error)
{
    enum vdisk_status status = lock_for_change(image, error);

    if (status != VDISK_OK)
        return status;
    status = action(image, name, error);
    vdisk_mutex_unlock(&image->allocation_lock);
    return status;
}

enum vdisk_status vdisk_image_create_snapshot(struct vdisk_image *image, const char *name,
                                              struct vdisk_error *error)
{
    if (image->format->snapshots == NULL)
        return unsupported(image, error, "this format has no internal snapshots");
    return change_snapshots(image, image->format->snapshots->create, name, error);
}

enum vdisk_status vdisk_image_delete_snapshot(struct vdisk_image *image, const char *name,
                                              struct vdisk_error *error)
{
    if (image->format->snapshots == NULL)
        return unsupported(image, error, "this format has no internal snapshots");
    return change_snapshots(image, image->format->snapshots->remove, name, error);
}

enum vdisk_status vdisk_image_apply_snapshot(struct vdisk_image *image, const char *name,
                                             struct vdisk_error *error)
{
    if (image->format->snapshots == NULL)
        return unsupported(image, error, "this format has no internal snapshots");
    return change_snapshots(image, image->format->snapshots->apply, name, error);
}
