/* What makes changes durable, in the order that qcow2.h explains. Under the allocation lock. */
#include "engine/format/qcow2/qcow2.h"
#include "engine/base/endian.h"

enum vdisk_status qcow2_store(struct vdisk_image *image, struct vdisk_page_cache *cache,
                              uint64_t offset_bytes, const void *data, uint32_t length_bytes,
                              struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    const uint64_t page = vdisk_align_down(offset_bytes, q->page_bytes);
    const uint32_t at = (uint32_t)(offset_bytes - page);
    enum vdisk_status status = vdisk_page_cache_store(cache, page, at, data, length_bytes, error);

    if (status != VDISK_NO_SPACE || q->committing)
        return status;
    status = qcow2_commit(image, error);
    if (status != VDISK_OK)
        return status;
    return vdisk_page_cache_store(cache, page, at, data, length_bytes, error);
}

/* The last look before metadata reaches the file: it must not land on another structure. */
static enum vdisk_status write_page(struct vdisk_image *image, uint64_t offset_bytes,
                                    const void *page, uint32_t page_bytes, const char *structure,
                                    bool overlaps, struct vdisk_error *error)
{
    if (overlaps)
        return vdisk_image_fail(image, error, VDISK_CORRUPT, structure, offset_bytes,
                                "a page would be written over the header or another table");
    return vdisk_file_write(image->file, offset_bytes, page, page_bytes, error);
}

static enum vdisk_status write_refcounts(void *context, uint64_t offset_bytes, const void *page,
                                         uint32_t page_bytes, struct vdisk_error *error)
{
    struct vdisk_image *image = context;
    struct qcow2 *q = qcow2_of(image);
    struct qcow2_layout others = *qcow2_layout(q);

    others.table_clusters = 0; /* the table's own pages are among these */
    return write_page(image, offset_bytes, page, page_bytes, "QCOW2 refcount block",
                      qcow2_overlaps_tables(q, &others, offset_bytes, page_bytes), error);
}

static enum vdisk_status write_mapping(void *context, uint64_t offset_bytes, const void *page,
                                       uint32_t page_bytes, struct vdisk_error *error)
{
    struct vdisk_image *image = context;
    struct qcow2 *q = qcow2_of(image);
    struct qcow2_layout others = *qcow2_layout(q);

    others.l1_entries = 0;
    return write_page(image, offset_bytes, page, page_bytes, "QCOW2 L2 table",
                      qcow2_overlaps_tables(q, &others, offset_bytes, page_bytes), error);
}

static enum vdisk_status mark_clean(void *context, uint64_t offset_bytes, const void *page,
                                    uint32_t page_bytes, struct vdisk_error *error)
{
    (void)context;
    (void)offset_bytes;
    (void)page;
    (void)page_bytes;
    (void)error;
    return VDISK_OK;
}

/* After a failed flush nobody knows what is on the disk: nothing more may be built upon it. */
enum vdisk_status qcow2_flush_file(struct vdisk_image *image, struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    enum vdisk_status status;

    if (q->failed)
        return vdisk_image_fail(image, error, VDISK_IO, NULL, VDISK_NO_OFFSET,
                                "an earlier flush failed; the image must be opened again");
    status = vdisk_file_flush(image->file, error);
    q->failed = status != VDISK_OK;
    return status;
}

static enum vdisk_status flush_data_file(struct vdisk_image *image, struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    enum vdisk_status status;

    if (!q->external)
        return VDISK_OK;
    status = vdisk_file_flush(q->data_file, error);
    if (status != VDISK_OK)
        q->failed = true;
    return status;
}

/* Pages count as clean only once they are durable: a write or flush that fails is repeated. */
static enum vdisk_status write_through(struct vdisk_image *image, struct vdisk_page_cache *cache,
                                       vdisk_page_sink *sink, struct vdisk_error *error)
{
    enum vdisk_status status = vdisk_page_cache_visit_dirty(cache, sink, image, error);

    if (status == VDISK_OK)
        status = qcow2_flush_file(image, error);
    if (status == VDISK_OK)
        status = vdisk_page_cache_write_back(cache, mark_clean, NULL, error);
    return status;
}

/* Gives the space of free clusters back to the host, where it can take it. */
static void punch_clusters(struct vdisk_image *image, uint64_t first, uint64_t end)
{
    struct qcow2 *q = qcow2_of(image);

    if (first < end) /* a failure costs space and nothing else */
        (void)vdisk_file_punch(image->file, first << q->cluster_bits,
                               (end - first) << q->cluster_bits, NULL);
}

/* Lowers a run from its end, so that what is left of it is a run. */
static enum vdisk_status lower_run(struct vdisk_image *image, struct qcow2_pending *run,
                                   struct vdisk_error *error)
{
    uint64_t free_end = run->first_cluster + run->cluster_count;
    enum vdisk_status status = VDISK_OK;

    while (run->cluster_count != 0 && status == VDISK_OK) {
        const uint64_t cluster = run->first_cluster + run->cluster_count - 1;
        uint64_t count = 1;

        status = qcow2_refcount_add(image, cluster, 1, -1, error);
        if (status != VDISK_OK && status != VDISK_CORRUPT)
            break;
        run->cluster_count--;
        if (status == VDISK_OK)
            status = qcow2_refcount_get(image, cluster, &count, error);
        if (count != 0) {
            punch_clusters(image, cluster + 1, free_end);
            free_end = cluster;
        }
    }
    punch_clusters(image, run->first_cluster + run->cluster_count, free_end);
    return status;
}

/* Step C. What does not fit into the cache now stays for the next commit. */
static enum vdisk_status lower_pending(struct vdisk_image *image, struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    enum vdisk_status status = VDISK_OK;

    if (q->pending_count == 0)
        return VDISK_OK;
    vdisk_gate_drain(&image->gate);
    qcow2_forget_inflated(q);
    while (q->pending_count != 0 && status == VDISK_OK) {
        struct qcow2_pending *last = &q->pending[q->pending_count - 1];

        status = lower_run(image, last, error);
        if (last->cluster_count == 0)
            q->pending_count--;
    }
    return status == VDISK_NO_SPACE ? VDISK_OK : status;
}

static enum vdisk_status commit(struct vdisk_image *image, struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    enum vdisk_status status = VDISK_OK;

    if (vdisk_page_cache_dirty_count(q->refcounts) != 0)
        status = qcow2_prepare_blocks(image, error);
    if (status == VDISK_OK)
        status = flush_data_file(image, error);
    if (status == VDISK_OK)
        status = write_through(image, q->refcounts, write_refcounts, error);
    if (status != VDISK_OK)
        return status;
    if (vdisk_page_cache_dirty_count(q->mapping) != 0)
        status = write_through(image, q->mapping, write_mapping, error);
    if (status == VDISK_OK && q->spare_count != 0)
        status = qcow2_link_blocks(image, error);
    if (status == VDISK_OK)
        status = lower_pending(image, error);
    return status;
}

enum vdisk_status qcow2_commit(struct vdisk_image *image, struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    enum vdisk_status status;

    q->committing = true;
    status = commit(image, error);
    q->committing = false;
    return status;
}

enum vdisk_status qcow2_drop(struct vdisk_image *image, uint64_t first, uint64_t count,
                             struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    struct qcow2_pending *last = q->pending_count == 0 ? NULL : &q->pending[q->pending_count - 1];

    if (last != NULL && last->first_cluster + last->cluster_count == first) {
        last->cluster_count += count;
        return VDISK_OK;
    }
    if (q->pending_count == QCOW2_PENDING_MAX) {
        enum vdisk_status status = qcow2_commit(image, error);

        if (status != VDISK_OK)
            return status;
    }
    if (q->pending_count == QCOW2_PENDING_MAX)
        return VDISK_OK; /* leaked: there is no room to remember it */
    q->pending[q->pending_count].first_cluster = first;
    q->pending[q->pending_count].cluster_count = count;
    q->pending_count++;
    return VDISK_OK;
}

enum vdisk_status qcow2_drop_entry(struct vdisk_image *image, const struct qcow2_entry *entry,
                                   struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    const uint64_t offset = entry->descriptor & QCOW2_OFFSET_MASK;
    uint64_t first, last;

    if ((entry->descriptor & QCOW2_COMPRESSED) != 0) {
        const struct qcow2_stream stream = qcow2_stream_of(q, entry->descriptor);

        first = stream.offset_bytes >> q->cluster_bits;
        last = (stream.offset_bytes + stream.length_bytes - 1) >> q->cluster_bits;
        return qcow2_drop(image, first, last - first + 1, error);
    }
    if (offset == 0 || q->external)
        return VDISK_OK;
    return qcow2_drop(image, offset >> q->cluster_bits, 1, error);
}

enum vdisk_status qcow2_make_room(struct vdisk_image *image, struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);

    if (q->failed)
        return qcow2_flush_file(image, error);
    if (q->pending_count > QCOW2_PENDING_MAX / 2 ||
        vdisk_page_cache_dirty_count(q->mapping) > vdisk_page_cache_limit(q->mapping) / 2 ||
        vdisk_page_cache_dirty_count(q->refcounts) > vdisk_page_cache_limit(q->refcounts) / 2)
        return qcow2_commit(image, error);
    return VDISK_OK;
}

enum vdisk_status qcow2_fill_file(struct vdisk_image *image, uint64_t *file_bytes,
                                  struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    uint64_t size;
    enum vdisk_status status = vdisk_file_get_size(image->file, &size, error);

    if (status != VDISK_OK)
        return status;
    *file_bytes = qcow2_clusters(q, size) << q->cluster_bits;
    return *file_bytes == size ? VDISK_OK : vdisk_file_set_size(image->file, *file_bytes, error);
}

enum vdisk_status qcow2_end_write(struct vdisk_image *image, struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    uint64_t size;
    enum vdisk_status status = qcow2_fill_file(image, &size, error);

    if (status != VDISK_OK || vdisk_page_cache_dirty_count(q->refcounts) == 0)
        return status;
    q->committing = true; /* what was lowered by the last commit; nothing new may be begun */
    status = write_through(image, q->refcounts, write_refcounts, error);
    q->committing = false;
    return status;
}
