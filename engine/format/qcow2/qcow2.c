/* The format's table, and a session's beginning. */
#include "engine/format/qcow2/qcow2.h"
#include "engine/base/endian.h"

static bool qcow2_probe(const struct vdisk_probe *probe)
{
    if (probe->head_bytes < QCOW2_V2_HEADER_BYTES || vdisk_load_be32(probe->head) != QCOW2_MAGIC)
        return false;
    return vdisk_load_be32(probe->head + QCOW2_AT_VERSION) >= 2; /* 1 is another format */
}

static bool allocate_parts(struct qcow2 *q)
{
    q->pending = vdisk_alloc_array(QCOW2_PENDING_MAX, sizeof *q->pending);
    q->page = vdisk_alloc(VDISK_PAGE_BYTES);
    q->piece = vdisk_alloc(vdisk_min_size(q->cluster_bytes, QCOW2_PIECE_BYTES));
    return q->pending != NULL && q->page != NULL && q->piece != NULL;
}

static struct qcow2 *allocate_state(void)
{
    struct qcow2 *q = vdisk_alloc(sizeof *q);

    if (q == NULL)
        return NULL;
    atomic_init(&q->layout, &q->layouts[0]);
    atomic_init(&q->filled, false);
    atomic_init(&q->end_units, 0);
    for (uint32_t i = 0; i < QCOW2_INFLATED_MAX; i++)
        vdisk_mutex_init(&q->inflated[i].lock);
    return q;
}

static enum vdisk_status view_snapshot(struct vdisk_image *image, const char *name,
                                       struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    struct qcow2_layout layout = *qcow2_layout(q);
    struct qcow2_snapshot snapshot;
    uint32_t index;
    enum vdisk_status status = qcow2_snapshot_find(image, name, &snapshot, &index, error);

    if (status != VDISK_OK)
        return status;
    layout.l1_offset = snapshot.l1_offset;
    layout.l1_entries = snapshot.l1_entries;
    qcow2_publish(image, &layout);
    image->disk.size_bytes = snapshot.disk_bytes;
    image->disk.read_only = true;
    return VDISK_OK;
}

static enum vdisk_status choose_compression(struct vdisk_image *image, struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    const char *reason = NULL;
    const enum vdisk_status status = vdisk_codec_require(qcow2_codec(q), VDISK_COMPRESS, &reason);

    if (q->external)
        return vdisk_image_fail(image, error, VDISK_UNSUPPORTED, NULL, VDISK_NO_OFFSET,
                                "an image with a data file cannot be compressed");
    if (status != VDISK_OK)
        return vdisk_image_fail(image, error, status, NULL, VDISK_NO_OFFSET, reason);
    q->compress = true;
    return VDISK_OK;
}

static enum vdisk_status qcow2_open(struct vdisk_image *image,
                                    const struct vdisk_open_options *options,
                                    struct vdisk_error *error)
{
    struct qcow2 *q = allocate_state();
    enum vdisk_status status;

    if (q == NULL)
        return vdisk_image_fail(image, error, VDISK_NO_MEMORY, NULL, VDISK_NO_OFFSET, NULL);
    image->state = q;
    status = qcow2_header_open(image, options, error);
    if (status != VDISK_OK)
        return status;
    if (!allocate_parts(q))
        return vdisk_image_fail(image, error, VDISK_NO_MEMORY, NULL, VDISK_NO_OFFSET, NULL);
    image->block_bytes = q->cluster_bytes;
    image->marks_zeros = q->version >= 3;
    image->frees_blocks = !q->external && (image->marks_zeros || !image->has_parent);
    if (q->external)
        image->disk.discard_bytes = vdisk_image_punch_unit(q->data_file, true);
    qcow2_note_end(q, q->data_bytes);
    if (options->compress)
        status = choose_compression(image, error);
    if (status == VDISK_OK && options->snapshot != NULL)
        status = view_snapshot(image, options->snapshot, error);
    return status;
}

static void qcow2_close(struct vdisk_image *image)
{
    struct qcow2 *q = qcow2_of(image);

    if (q == NULL)
        return;
    for (uint32_t i = 0; i < QCOW2_INFLATED_MAX; i++) {
        vdisk_free(q->inflated[i].data);
        vdisk_mutex_deinit(&q->inflated[i].lock);
    }
    vdisk_page_cache_destroy(q->mapping);
    vdisk_page_cache_destroy(q->refcounts);
    if (q->data_file != image->file)
        vdisk_file_close(q->data_file);
    vdisk_free(q->pending);
    vdisk_free(q->page);
    vdisk_free(q->piece);
    vdisk_free(q->packed);
    vdisk_free(q);
}

/* So that from now on every cluster that begins within a file is whole. */
enum vdisk_status qcow2_fill_files(struct vdisk_image *image, struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    uint64_t size;
    enum vdisk_status status = qcow2_fill_file(image, &size, error);

    if (status == VDISK_OK && q->external && q->data_bytes < image->disk.size_bytes)
        status = vdisk_file_set_size(q->data_file, image->disk.size_bytes, error);
    if (status != VDISK_OK)
        return status;
    qcow2_note_end(q, q->external ? image->disk.size_bytes : size);
    atomic_store_explicit(&q->filled, true, memory_order_release);
    return VDISK_OK;
}

/* What other programs keep consistent is no longer: bitmaps, and whatever we do not know. */
static enum vdisk_status clear_autoclear(struct vdisk_image *image, struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    const uint64_t old = qcow2_header_features(q, QCOW2_AT_AUTOCLEAR);
    const uint64_t kept = q->raw_external ? QCOW2_RAW_EXTERNAL : 0;
    enum vdisk_status status;

    if ((old & ~kept) == 0)
        return VDISK_OK;
    vdisk_store_be64(q->header + QCOW2_AT_AUTOCLEAR, old & kept);
    status = qcow2_header_switch(image, error);
    if (status != VDISK_OK)
        vdisk_store_be64(q->header + QCOW2_AT_AUTOCLEAR, old);
    return status;
}

static enum vdisk_status qcow2_begin_write(struct vdisk_image *image, struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    enum vdisk_status status = qcow2_fill_files(image, error);

    if (status == VDISK_OK && (qcow2_header_features(q, QCOW2_AT_INCOMPATIBLE) & QCOW2_DIRTY) != 0)
        status = qcow2_rebuild(image, error);
    if (status == VDISK_OK)
        status = qcow2_verify_tables(image, error);
    if (status == VDISK_OK)
        status = clear_autoclear(image, error);
    return status;
}

static void qcow2_get_info(struct vdisk_image *image, struct vdisk_image_info *info)
{
    struct qcow2 *q = qcow2_of(image);
    const uint64_t features = qcow2_header_features(q, QCOW2_AT_INCOMPATIBLE);
    const char *subformat = q->version < 3 ? "v2" : "v3";
    uint64_t own = 0, data = 0;

    if (q->extended)
        subformat = "extended-l2";
    else if (q->compression_type == 1)
        subformat = "zstd";
    memcpy(info->subformat, subformat, strlen(subformat) + 1);
    info->dirty = (features & QCOW2_DIRTY) != 0;
    info->corrupt = (features & QCOW2_CORRUPT) != 0;
    if (q->external && vdisk_file_get_allocated(image->file, &own, NULL) == VDISK_OK &&
        vdisk_file_get_allocated(q->data_file, &data, NULL) == VDISK_OK)
        info->allocated_bytes = own + data;
}

const struct vdisk_format vdisk_format_qcow2 = {
    .name = "qcow2",
    .description = "QEMU's disk image, versions 2 and 3",
    .capabilities = VDISK_CAN_WRITE | VDISK_CAN_CREATE | VDISK_CAN_CHOOSE_BLOCKS |
                    VDISK_CAN_CHOOSE_KIND | VDISK_CAN_HAVE_PARENT | VDISK_CAN_RESIZE |
                    VDISK_CAN_CHECK | VDISK_CAN_SNAPSHOT | VDISK_CAN_COMPRESS,
    .probe = qcow2_probe,
    .open = qcow2_open,
    .close = qcow2_close,
    .map = qcow2_map,
    .read_compressed = qcow2_read_compressed,
    .begin_write = qcow2_begin_write,
    .write_new = qcow2_write_new,
    .zero = qcow2_zero,
    .flush = qcow2_commit,
    .end_write = qcow2_end_write,
    .create = qcow2_create,
    .resize = qcow2_resize,
    .set_parent = qcow2_set_parent,
    .get_info = qcow2_get_info,
    .check = qcow2_check,
    .snapshots = &qcow2_snapshot_ops,
};
