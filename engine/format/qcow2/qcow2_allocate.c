/*
 * Host clusters for data and tables. What the refcounts call free is free; the length of the file
 * says nothing. All under the allocation lock.
 */
#include "engine/format/qcow2/qcow2.h"
#include "engine/base/endian.h"

/*
 * Loads the counts from `cluster` on into q->page; *length counts are there, all of one page of
 * one block. Makes the block when there is none.
 */
static enum vdisk_status load_counts(struct vdisk_image *image, uint64_t cluster,
                                     uint32_t *first_index, uint32_t *length,
                                     struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    const uint32_t per_page = (q->page_bytes * 8) >> q->refcount_order;
    const uint64_t in_block = cluster & ((UINT64_C(1) << q->block_bits) - 1);
    uint64_t block;
    enum vdisk_status status = qcow2_table_load(image, cluster >> q->block_bits, &block, error);

    if (status == VDISK_OK && block == 0 && q->committing)
        return vdisk_image_fail(image, error, VDISK_NO_SPACE, "QCOW2 refcount table",
                                VDISK_NO_OFFSET, "nothing may grow within a commit");
    if (status == VDISK_OK && block == 0) {
        status = qcow2_grow_refcounts(image, cluster >> q->block_bits, error);
        if (status == VDISK_OK)
            status = qcow2_table_load(image, cluster >> q->block_bits, &block, error);
    }
    if (status != VDISK_OK)
        return status;
    *first_index = (uint32_t)in_block & (per_page - 1);
    *length = per_page - *first_index;
    return vdisk_page_cache_load(q->refcounts, block + ((in_block / per_page) * q->page_bytes), 0,
                                 q->page, q->page_bytes, error);
}

/* The first free cluster from `from` on, and how many (up to `wanted`) are free in a row. */
static enum vdisk_status find_free(struct vdisk_image *image, uint64_t from, uint64_t wanted,
                                   uint64_t *first, uint64_t *count, struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    const uint64_t limit = QCOW2_HOST_BYTES_MAX >> q->cluster_bits;
    uint64_t cluster = from;

    *count = 0;
    while (cluster < limit) {
        uint32_t index = 0, length = 0;
        enum vdisk_status status = load_counts(image, cluster, &index, &length, error);

        if (status != VDISK_OK)
            return status;
        for (uint32_t i = 0; i < length; i++, cluster++) {
            const bool is_free = qcow2_refcount_peek(q, q->page, index + i) == 0;

            if (is_free && *count == 0)
                *first = cluster;
            if (is_free)
                ++*count;
            if (*count == wanted || (!is_free && *count != 0))
                return VDISK_OK;
        }
    }
    return vdisk_image_fail(image, error, VDISK_NO_SPACE, "QCOW2 refcount table", VDISK_NO_OFFSET,
                            "the file has reached the format's largest size");
}

/* A free cluster must not touch what we know to be in use: then the refcounts are wrong. */
static enum vdisk_status take(struct vdisk_image *image, uint64_t first, uint64_t count,
                              struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    enum vdisk_status status = VDISK_OK;

    if (qcow2_overlaps_tables(q, qcow2_layout(q), first << q->cluster_bits,
                              count << q->cluster_bits))
        return vdisk_image_fail(image, error, VDISK_CORRUPT, "QCOW2 refcount block",
                                first << q->cluster_bits,
                                "the header or a table is counted as free");
    for (uint64_t i = 0; i < count && status == VDISK_OK; i++) {
        status = qcow2_refcount_set(image, first + i, 1, error);
        if (status != VDISK_OK)
            qcow2_unallocate(image, first, i);
    }
    if (status == VDISK_OK && !q->external)
        qcow2_note_end(q, (first + count) << q->cluster_bits);
    return status;
}

enum vdisk_status qcow2_allocate(struct vdisk_image *image, uint64_t wanted, uint64_t *first,
                                 uint64_t *count, struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    enum vdisk_status status;

    q->allocating = true;
    status = find_free(image, q->search_cluster, wanted, first, count, error);
    if (status == VDISK_OK) {
        q->search_cluster = *first + *count; /* a commit within `take` may free something lower */
        status = take(image, *first, *count, error);
    }
    q->allocating = false;
    return status;
}

static enum vdisk_status find_table(struct vdisk_image *image, uint64_t count, uint64_t *first,
                                    struct vdisk_error *error)
{
    uint64_t from = qcow2_of(image)->search_cluster;

    for (;;) {
        uint64_t found;
        enum vdisk_status status = find_free(image, from, count, first, &found, error);

        if (status != VDISK_OK || found == count)
            return status;
        from = *first + found;
    }
}

enum vdisk_status qcow2_allocate_table(struct vdisk_image *image, uint64_t count, uint64_t *first,
                                       struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    enum vdisk_status status;

    q->allocating = true;
    status = find_table(image, count, first, error);
    if (status == VDISK_OK)
        status = take(image, *first, count, error);
    q->allocating = false;
    return status;
}

void qcow2_unallocate(struct vdisk_image *image, uint64_t first, uint64_t count)
{
    /* What cannot be given back is lost until the next check: a leak, nothing worse. */
    (void)qcow2_refcount_add(image, first, count, -1, NULL);
}

static enum vdisk_status expect_counted(struct vdisk_image *image, uint64_t offset_bytes,
                                        uint64_t length_bytes, const char *structure,
                                        struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    const uint64_t first = offset_bytes >> q->cluster_bits;

    for (uint64_t i = 0; i < qcow2_clusters(q, length_bytes); i++) {
        uint64_t count;
        enum vdisk_status status = qcow2_refcount_get(image, first + i, &count, error);

        if (status != VDISK_OK)
            return status;
        if (count == 0)
            return vdisk_image_fail(image, error, VDISK_CORRUPT, structure,
                                    (first + i) << q->cluster_bits,
                                    "it is counted as free; the image must be repaired before "
                                    "it can be written");
    }
    return VDISK_OK;
}

static enum vdisk_status verify_blocks(struct vdisk_image *image, struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    const uint64_t entries = (uint64_t)qcow2_layout(q)->table_clusters << (q->cluster_bits - 3);
    enum vdisk_status status = VDISK_OK;

    for (uint64_t i = 0; i < entries && status == VDISK_OK; i++) {
        uint64_t block;

        status = qcow2_table_load(image, i, &block, error);
        if (status == VDISK_OK && block != 0)
            status = expect_counted(image, block, q->cluster_bytes, "QCOW2 refcount block", error);
    }
    return status;
}

enum vdisk_status qcow2_verify_tables(struct vdisk_image *image, struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    const struct qcow2_layout *layout = qcow2_layout(q);
    enum vdisk_status status = expect_counted(image, 0, q->cluster_bytes, "QCOW2 header", error);

    if (status == VDISK_OK)
        status = expect_counted(image, layout->l1_offset, (uint64_t)layout->l1_entries * 8,
                                "QCOW2 L1 table", error);
    if (status == VDISK_OK)
        status = expect_counted(image, layout->table_offset,
                                (uint64_t)layout->table_clusters << q->cluster_bits,
                                "QCOW2 refcount table", error);
    if (status == VDISK_OK)
        status = expect_counted(image, layout->snapshots_offset, layout->snapshots_bytes,
                                "QCOW2 snapshot table", error);
    if (status == VDISK_OK)
        status = verify_blocks(image, error);
    for (uint32_t i = 0; i < layout->l1_entries && status == VDISK_OK; i++) {
        uint64_t entry;

        status = qcow2_load_l1(image, layout, i, &entry, error);
        if (status == VDISK_OK && (entry & QCOW2_OFFSET_MASK) != 0)
            status = expect_counted(image, entry & QCOW2_OFFSET_MASK, q->cluster_bytes,
                                    "QCOW2 L2 table", error);
    }
    return status;
}
