/*
 * The log replayed in memory: a file over the image's file. Changes are few (a log is small), so
 * they are kept in the order of the log and looked through from the newest.
 */
#include "engine/format/vhdx/vhdx_state.h"

#define PAGE_BYTES   VHDX_LOG_SECTOR_BYTES
#define CHANGES_MAX  8192u
#define CHANGES_STEP 64u

struct change {
    uint64_t offset_bytes;
    uint64_t length_bytes;
    unsigned char *page; /* NULL: zeros */
};

struct vhdx_overlay {
    struct vdisk_file file; /* first */

    /* immutable after the log was read */
    struct vdisk_file *below;
    struct change *changes;
    uint32_t change_count;
    uint32_t change_limit;
    uint64_t size_bytes;  /* at least; the file below may be shorter */
    uint64_t start_bytes; /* no change lies outside [start, end) */
    uint64_t end_bytes;

    atomic_bool applied; /* the file below has it all */
};

static struct vhdx_overlay *overlay_of(struct vdisk_file *file)
{
    return (struct vhdx_overlay *)file;
}

static const struct change *find_change(const struct vhdx_overlay *overlay, uint64_t offset_bytes)
{
    for (uint32_t index = overlay->change_count; index-- > 0;) {
        const struct change *change = &overlay->changes[index];

        if (offset_bytes >= change->offset_bytes &&
            offset_bytes - change->offset_bytes < change->length_bytes)
            return change;
    }
    return NULL;
}

static void patch_buffer(const struct vhdx_overlay *overlay, uint64_t offset_bytes,
                         unsigned char *buffer, size_t length_bytes)
{
    while (length_bytes != 0) {
        const size_t within = (size_t)(offset_bytes % PAGE_BYTES);
        const size_t piece = vdisk_min_size(length_bytes, PAGE_BYTES - within);
        const struct change *change = find_change(overlay, offset_bytes - within);

        if (change != NULL && change->page != NULL)
            memcpy(buffer, change->page + within, piece);
        else if (change != NULL)
            memset(buffer, 0, piece);
        offset_bytes += piece;
        buffer += piece;
        length_bytes -= piece;
    }
}

/* The file below may end before the overlay does; zeros there. */
static enum vdisk_status read_below(struct vhdx_overlay *overlay, uint64_t offset_bytes,
                                    unsigned char *buffer, size_t length_bytes,
                                    struct vdisk_error *error)
{
    uint64_t below_bytes;
    size_t present = 0;
    enum vdisk_status status = vdisk_file_get_size(overlay->below, &below_bytes, error);

    if (status != VDISK_OK)
        return status;
    if (below_bytes >= overlay->size_bytes)
        return vdisk_file_read(overlay->below, offset_bytes, buffer, length_bytes, error);
    if (!vdisk_range_within(offset_bytes, length_bytes, overlay->size_bytes))
        return vdisk_fail(error, VDISK_OUT_OF_RANGE, overlay->file.name, NULL, offset_bytes,
                          "the file ends before the data does");
    if (offset_bytes < below_bytes)
        present = (size_t)vdisk_min_u64(length_bytes, below_bytes - offset_bytes);
    memset(buffer + present, 0, length_bytes - present);
    return vdisk_file_read(overlay->below, offset_bytes, buffer, present, error);
}

static enum vdisk_status overlay_read(struct vdisk_file *file, uint64_t offset_bytes, void *buffer,
                                      size_t length_bytes, struct vdisk_error *error)
{
    struct vhdx_overlay *overlay = overlay_of(file);
    enum vdisk_status status;

    if (atomic_load_explicit(&overlay->applied, memory_order_acquire))
        return vdisk_file_read(overlay->below, offset_bytes, buffer, length_bytes, error);
    status = read_below(overlay, offset_bytes, buffer, length_bytes, error);
    if (status == VDISK_OK && overlay->change_count != 0 &&
        vdisk_ranges_overlap(offset_bytes, length_bytes, overlay->start_bytes,
                             overlay->end_bytes - overlay->start_bytes))
        patch_buffer(overlay, offset_bytes, buffer, length_bytes);
    return status;
}

/* Writes come after vhdx_overlay_apply only. */
static enum vdisk_status overlay_write(struct vdisk_file *file, uint64_t offset_bytes,
                                       const void *buffer, size_t length_bytes,
                                       struct vdisk_error *error)
{
    return vdisk_file_write(overlay_of(file)->below, offset_bytes, buffer, length_bytes, error);
}

static enum vdisk_status overlay_flush(struct vdisk_file *file, struct vdisk_error *error)
{
    return vdisk_file_flush(overlay_of(file)->below, error);
}

static enum vdisk_status overlay_get_size(struct vdisk_file *file, uint64_t *size_bytes,
                                          struct vdisk_error *error)
{
    struct vhdx_overlay *overlay = overlay_of(file);
    enum vdisk_status status = vdisk_file_get_size(overlay->below, size_bytes, error);

    if (status == VDISK_OK && !atomic_load_explicit(&overlay->applied, memory_order_acquire))
        *size_bytes = vdisk_max_u64(*size_bytes, overlay->size_bytes);
    return status;
}

static enum vdisk_status overlay_resize(struct vdisk_file *file, uint64_t size_bytes,
                                        struct vdisk_error *error)
{
    return vdisk_file_set_size(overlay_of(file)->below, size_bytes, error);
}

static enum vdisk_status overlay_punch(struct vdisk_file *file, uint64_t offset_bytes,
                                       uint64_t length_bytes, struct vdisk_error *error)
{
    return vdisk_file_punch(overlay_of(file)->below, offset_bytes, length_bytes, error);
}

static enum vdisk_status overlay_get_range(struct vdisk_file *file, uint64_t offset_bytes,
                                           enum vdisk_file_range *range, uint64_t *length_bytes,
                                           struct vdisk_error *error)
{
    struct vhdx_overlay *overlay = overlay_of(file);

    if (atomic_load_explicit(&overlay->applied, memory_order_acquire))
        return vdisk_file_get_range(overlay->below, offset_bytes, range, length_bytes, error);
    *range = VDISK_FILE_DATA;
    *length_bytes = PAGE_BYTES - offset_bytes % PAGE_BYTES;
    return VDISK_OK;
}

static enum vdisk_status overlay_get_allocated(struct vdisk_file *file, uint64_t *allocated_bytes,
                                               struct vdisk_error *error)
{
    return vdisk_file_get_allocated(overlay_of(file)->below, allocated_bytes, error);
}

/* The image that made the overlay destroys it. */
static void overlay_close(struct vdisk_file *file)
{
    (void)file;
}

static const struct vdisk_file_ops overlay_ops = {
    .read = overlay_read,
    .write = overlay_write,
    .flush = overlay_flush,
    .get_size = overlay_get_size,
    .set_size = overlay_resize,
    .punch = overlay_punch,
    .get_range = overlay_get_range,
    .get_allocated = overlay_get_allocated,
    .close = overlay_close,
};

enum vdisk_status vhdx_overlay_create(struct vdisk_file *below, struct vhdx_overlay **created,
                                      struct vdisk_error *error)
{
    struct vhdx_overlay *overlay = vdisk_alloc(sizeof *overlay);
    enum vdisk_status status;

    if (overlay == NULL)
        return vdisk_fail(error, VDISK_NO_MEMORY, below->name, "VHDX log", VDISK_NO_OFFSET, NULL);
    status = vdisk_file_init(&overlay->file, &overlay_ops, below->name, 1, below->read_only, error);
    if (status != VDISK_OK) {
        vdisk_free(overlay);
        return status;
    }
    overlay->file.punch_bytes = below->punch_bytes;
    overlay->below = below;
    overlay->start_bytes = UINT64_MAX;
    atomic_init(&overlay->applied, false);
    *created = overlay;
    return VDISK_OK;
}

void vhdx_overlay_destroy(struct vhdx_overlay *overlay)
{
    if (overlay == NULL)
        return;
    for (uint32_t index = 0; index < overlay->change_count; index++)
        vdisk_free(overlay->changes[index].page);
    vdisk_free(overlay->changes);
    vdisk_file_deinit(&overlay->file);
    vdisk_free(overlay);
}

struct vdisk_file *vhdx_overlay_file(struct vhdx_overlay *overlay)
{
    return &overlay->file;
}

static bool reserve_change(struct vhdx_overlay *overlay)
{
    struct change *changes;
    const uint32_t limit = overlay->change_limit * 2 + CHANGES_STEP;

    if (overlay->change_count < overlay->change_limit)
        return true;
    changes = vdisk_alloc_array(limit, sizeof *changes);
    if (changes == NULL)
        return false;
    if (overlay->change_count != 0)
        memcpy(changes, overlay->changes, overlay->change_count * sizeof *changes);
    vdisk_free(overlay->changes);
    overlay->changes = changes;
    overlay->change_limit = limit;
    return true;
}

enum vdisk_status vhdx_overlay_add(struct vhdx_overlay *overlay, uint64_t offset_bytes,
                                   uint64_t length_bytes, const unsigned char *page,
                                   struct vdisk_error *error)
{
    struct change *change;

    if (overlay->change_count == CHANGES_MAX)
        return vdisk_fail(error, VDISK_UNSUPPORTED, overlay->file.name, "VHDX log", offset_bytes,
                          "the log holds more changes than can be replayed");
    if (!reserve_change(overlay))
        return vdisk_fail(error, VDISK_NO_MEMORY, overlay->file.name, "VHDX log", offset_bytes,
                          NULL);
    change = &overlay->changes[overlay->change_count];
    change->offset_bytes = offset_bytes;
    change->length_bytes = length_bytes;
    if (page != NULL) {
        change->page = vdisk_alloc(PAGE_BYTES);
        if (change->page == NULL)
            return vdisk_fail(error, VDISK_NO_MEMORY, overlay->file.name, "VHDX log", offset_bytes,
                              NULL);
        memcpy(change->page, page, PAGE_BYTES);
    }
    overlay->change_count++;
    overlay->start_bytes = vdisk_min_u64(overlay->start_bytes, offset_bytes);
    overlay->end_bytes = vdisk_max_u64(overlay->end_bytes, offset_bytes + length_bytes);
    return VDISK_OK;
}

void vhdx_overlay_set_size(struct vhdx_overlay *overlay, uint64_t size_bytes)
{
    overlay->size_bytes = size_bytes;
}

static enum vdisk_status apply_changes(struct vhdx_overlay *overlay, struct vdisk_error *error)
{
    enum vdisk_status status = VDISK_OK;

    for (uint32_t index = 0; index < overlay->change_count && status == VDISK_OK; index++) {
        const struct change *change = &overlay->changes[index];

        if (change->page != NULL)
            status = vdisk_file_write(overlay->below, change->offset_bytes, change->page,
                                      PAGE_BYTES, error);
        else
            status =
                vdisk_file_zero(overlay->below, change->offset_bytes, change->length_bytes, error);
    }
    return status;
}

enum vdisk_status vhdx_overlay_apply(struct vhdx_overlay *overlay, struct vdisk_error *error)
{
    uint64_t below_bytes;
    enum vdisk_status status = vdisk_file_get_size(overlay->below, &below_bytes, error);

    if (status == VDISK_OK && below_bytes < overlay->size_bytes)
        status = vdisk_file_set_size(overlay->below, overlay->size_bytes, error);
    if (status == VDISK_OK)
        status = apply_changes(overlay, error);
    if (status == VDISK_OK)
        status = vdisk_file_flush(overlay->below, error);
    if (status == VDISK_OK)
        atomic_store_explicit(&overlay->applied, true, memory_order_release);
    return status;
}
