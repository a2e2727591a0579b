/*
 * More refcount blocks, a larger refcount table. A commit makes blocks ahead of need, in ordinary
 * free clusters. Where the clusters that have a block have run out, new blocks lie at the start of
 * what they describe, and count themselves:
 *
 *   first cluster without a block ->  block 0 | block 1 | ... | (new refcount table) | free ...
 */
#include "engine/format/qcow2/qcow2.h"
#include "engine/base/endian.h"

struct growth {
    uint64_t first_block; /* index in the refcount table */
    uint64_t block_count;
    uint64_t table_clusters; /* a new table behind the blocks; 0: none */
};

static uint64_t first_cluster(const struct qcow2 *q, const struct growth *growth)
{
    return growth->first_block << q->block_bits;
}

static uint64_t table_entries(const struct qcow2 *q, uint64_t table_clusters)
{
    return table_clusters << (q->cluster_bits - 3);
}

/* A page of counts: 1 for each cluster that the growth itself uses. q->page is filled. */
static void fill_page(struct qcow2 *q, uint64_t first_count, uint64_t used)
{
    const uint32_t per_page = (q->page_bytes * 8) >> q->refcount_order;

    memset(q->page, 0, q->page_bytes);
    for (uint32_t i = 0; i < per_page && first_count + i < used; i++)
        qcow2_refcount_poke(q, q->page, i, 1);
}

/* Writes the blocks' first contents; not flushed. */
static enum vdisk_status write_blocks(struct vdisk_image *image, const struct growth *growth,
                                      struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    const uint64_t offset = first_cluster(q, growth) << q->cluster_bits;
    const uint64_t length = (growth->block_count + growth->table_clusters) << q->cluster_bits;
    const uint64_t used = growth->block_count + growth->table_clusters;
    const uint32_t per_page = (q->page_bytes * 8) >> q->refcount_order;
    enum vdisk_status status;

    if (length > QCOW2_HOST_BYTES_MAX || offset > QCOW2_HOST_BYTES_MAX - length)
        return vdisk_image_fail(image, error, VDISK_NO_SPACE, "QCOW2 refcount table", offset,
                                "the file has reached the format's largest size");
    if (qcow2_overlaps_tables(q, qcow2_layout(q), offset, length))
        return vdisk_image_fail(image, error, VDISK_CORRUPT, "QCOW2 refcount table", offset,
                                "no refcount block describes a table that is in use");
    vdisk_page_cache_forget(q->refcounts, offset, length);
    vdisk_page_cache_forget(q->mapping, offset, length);
    status = vdisk_file_zero(image->file, offset, length, error);
    for (uint64_t i = 0; i * per_page < used && status == VDISK_OK; i++) {
        fill_page(q, i * per_page, used);
        status = vdisk_file_write(image->file, offset + i * q->page_bytes, q->page, q->page_bytes,
                                  error);
    }
    if (status == VDISK_OK && !q->external)
        qcow2_note_end(q, offset + length);
    return status;
}

/* How many blocks to make at `first`, where the table has no entry: no more than fit there. */
static enum vdisk_status plan_blocks(struct vdisk_image *image, uint64_t first, uint64_t entries,
                                     struct growth *growth, struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    const uint64_t per_block = UINT64_C(1) << q->block_bits;
    const uint64_t wanted = vdisk_max_u64(
        1, vdisk_min_u64(per_block / 2, QCOW2_COVER_BYTES >> (q->cluster_bits + q->block_bits)));

    memset(growth, 0, sizeof *growth);
    growth->first_block = first;
    while (growth->block_count < wanted && first + growth->block_count < entries) {
        uint64_t block;
        enum vdisk_status status =
            qcow2_table_load(image, first + growth->block_count, &block, error);

        if (status != VDISK_OK)
            return status;
        if (block != 0)
            break;
        growth->block_count++;
    }
    return VDISK_OK;
}

/* Room for twice the entries; the blocks in front of the new table must count all of it. */
static enum vdisk_status plan_table(struct vdisk_image *image, uint64_t first,
                                    struct growth *growth, struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    const uint64_t limit = QCOW2_TABLE_BYTES_MAX >> q->cluster_bits;
    const uint64_t old_clusters = qcow2_layout(q)->table_clusters;
    enum vdisk_status status = plan_blocks(image, first, UINT64_MAX, growth, error);

    if (status != VDISK_OK)
        return status;
    do {
        const uint64_t entries = first + growth->block_count;

        growth->table_clusters =
            vdisk_max_u64(old_clusters * 2, vdisk_div_up(entries * 8, q->cluster_bytes) + 1);
        if (growth->table_clusters > limit)
            growth->table_clusters = limit;
        if (entries > table_entries(q, growth->table_clusters))
            return vdisk_image_fail(image, error, VDISK_NO_SPACE, "QCOW2 refcount table",
                                    VDISK_NO_OFFSET, "the table has reached its largest size");
        if (growth->block_count + growth->table_clusters <= growth->block_count << q->block_bits)
            return VDISK_OK;
        growth->block_count++;
    } while (true);
}

/* Enters blocks that are neighbours into the table, in memory; they must be durable. */
static enum vdisk_status link_blocks(struct vdisk_image *image, uint64_t index, uint64_t cluster,
                                     uint64_t count, struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    enum vdisk_status status = VDISK_OK;

    for (uint64_t i = 0; i < count && status == VDISK_OK; i++) {
        unsigned char word[8];

        vdisk_store_be64(word, (cluster + i) << q->cluster_bits);
        status = qcow2_store(image, q->refcounts, qcow2_layout(q)->table_offset + (index + i) * 8,
                             word, sizeof word, error);
    }
    return status;
}

/* The new table's pages: the old entries, then the new blocks'. */
static enum vdisk_status write_table(struct vdisk_image *image, const struct growth *growth,
                                     uint64_t table_offset, struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    const uint64_t blocks_at = first_cluster(q, growth);
    const uint64_t end = growth->first_block + growth->block_count;
    const uint32_t per_page = q->page_bytes / 8;
    enum vdisk_status status = VDISK_OK;

    for (uint64_t index = 0; index < end && status == VDISK_OK; index += per_page) {
        for (uint32_t i = 0; i < per_page && status == VDISK_OK; i++) {
            uint64_t block = 0;

            if (index + i < growth->first_block)
                status = qcow2_table_load(image, index + i, &block, error);
            else if (index + i < end)
                block = (blocks_at + (index + i - growth->first_block)) << q->cluster_bits;
            vdisk_store_be64(q->page + (size_t)i * 8, block);
        }
        if (status == VDISK_OK)
            status = vdisk_file_write(image->file, table_offset + index * 8, q->page, q->page_bytes,
                                      error);
    }
    return status;
}

static enum vdisk_status move_table(struct vdisk_image *image, const struct growth *growth,
                                    struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    struct qcow2_layout layout = *qcow2_layout(q);
    const uint64_t old_offset = layout.table_offset;
    const uint64_t old_clusters = layout.table_clusters;
    enum vdisk_status status;

    layout.table_offset = (first_cluster(q, growth) + growth->block_count) << q->cluster_bits;
    layout.table_clusters = (uint32_t)growth->table_clusters;
    status = write_table(image, growth, layout.table_offset, error);
    if (status != VDISK_OK)
        return status;
    vdisk_store_be64(q->header + QCOW2_AT_TABLE_OFFSET, layout.table_offset);
    vdisk_store_be32(q->header + QCOW2_AT_TABLE_CLUSTERS, layout.table_clusters);
    status = qcow2_header_switch(image, error);
    if (status != VDISK_OK) {
        vdisk_store_be64(q->header + QCOW2_AT_TABLE_OFFSET, old_offset);
        vdisk_store_be32(q->header + QCOW2_AT_TABLE_CLUSTERS, (uint32_t)old_clusters);
        return status;
    }
    qcow2_publish(image, &layout);
    vdisk_page_cache_forget(q->refcounts, old_offset, old_clusters << q->cluster_bits);
    return qcow2_refcount_add(image, old_offset >> q->cluster_bits, old_clusters, -1, error);
}

enum vdisk_status qcow2_grow_refcounts(struct vdisk_image *image, uint64_t block_index,
                                       struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    const uint64_t entries = table_entries(q, qcow2_layout(q)->table_clusters);
    struct growth growth;
    enum vdisk_status status = block_index < entries
                                   ? plan_blocks(image, block_index, entries, &growth, error)
                                   : plan_table(image, block_index, &growth, error);

    if (status == VDISK_OK)
        status = write_blocks(image, &growth, error);
    if (status != VDISK_OK)
        return status;
    if (growth.table_clusters != 0)
        return move_table(image, &growth, error);
    status = qcow2_flush_file(image, error);
    if (status == VDISK_OK)
        status = link_blocks(image, growth.first_block, first_cluster(q, &growth),
                             growth.block_count, error);
    return status;
}

/*
 * Is a block missing among those that the next allocations will ask for? A disk that is covered
 * needs none.
 */
static enum vdisk_status find_missing(struct vdisk_image *image, uint64_t *index, bool *missing,
                                      struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    const uint64_t ahead = vdisk_max_u64((UINT64_C(1) << q->block_bits) / 8,
                                         (QCOW2_COVER_BYTES / 2) >> q->cluster_bits);
    const uint64_t disk = qcow2_clusters(q, image->disk.size_bytes);
    const uint64_t most = vdisk_min_u64(q->search_cluster + ahead, disk + disk / 8 + 64);

    *missing = false;
    for (*index = q->search_cluster >> q->block_bits; *index <= most >> q->block_bits; ++*index) {
        uint64_t block;
        enum vdisk_status status = qcow2_table_load(image, *index, &block, error);

        if (status != VDISK_OK)
            return status;
        if (block == 0) {
            *missing = true;
            return VDISK_OK;
        }
    }
    return VDISK_OK;
}

static enum vdisk_status make_spares(struct vdisk_image *image, uint64_t index, uint64_t count,
                                     struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    uint64_t cluster;
    enum vdisk_status status = qcow2_allocate_table(image, count, &cluster, error);

    if (status == VDISK_NO_SPACE) /* not here, not now: it will be made when it must */
        return VDISK_OK;
    if (status != VDISK_OK)
        return status;
    vdisk_page_cache_forget(q->refcounts, cluster << q->cluster_bits, count << q->cluster_bits);
    status =
        vdisk_file_zero(image->file, cluster << q->cluster_bits, count << q->cluster_bits, error);
    if (status != VDISK_OK) {
        qcow2_unallocate(image, cluster, count);
        return status;
    }
    q->spare_first = index;
    q->spare_cluster = cluster;
    q->spare_count = count;
    return VDISK_OK;
}

enum vdisk_status qcow2_prepare_blocks(struct vdisk_image *image, struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    const uint64_t entries = table_entries(q, qcow2_layout(q)->table_clusters);
    struct growth growth;
    uint64_t index;
    bool missing;
    enum vdisk_status status;

    /* There are some from a commit that failed; or clusters are just being chosen. */
    if (q->spare_count != 0 || q->allocating)
        return VDISK_OK;
    status = find_missing(image, &index, &missing, error);
    if (status != VDISK_OK || !missing || index >= entries)
        return status;
    status = plan_blocks(image, index, entries, &growth, error);
    if (status == VDISK_OK)
        status = make_spares(image, index, growth.block_count, error);
    return status;
}

enum vdisk_status qcow2_link_blocks(struct vdisk_image *image, struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    const uint64_t count = q->spare_count;

    q->spare_count = 0;
    return link_blocks(image, q->spare_first, q->spare_cluster, count, error);
}
