/*
 * Counts all references again. The counts go into new blocks and a new table at the end of the
 * file, and the header is switched to them: until then the image is as it was.
 *
 *   ... old clusters | block 0 | block 1 | ... | refcount table
 */
#include "engine/format/qcow2/qcow2.h"
#include "engine/base/endian.h"

struct region {
    uint64_t first_cluster;
    uint64_t block_count; /* for every cluster up to the region's end */
    uint64_t table_clusters;
};

static uint64_t region_end(const struct region *region)
{
    return region->first_cluster + region->block_count + region->table_clusters;
}

static enum vdisk_status plan_region(struct vdisk_image *image, uint64_t file_clusters,
                                     struct region *region, struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    uint64_t needed = 1;

    region->first_cluster = file_clusters;
    do {
        region->block_count = needed;
        /* Half as many entries again, for what is to come. */
        region->table_clusters = vdisk_div_up((needed + needed / 2) * 8, q->cluster_bytes);
        needed = vdisk_div_up(region_end(region), UINT64_C(1) << q->block_bits);
        if (region->table_clusters << q->cluster_bits > QCOW2_TABLE_BYTES_MAX)
            return vdisk_image_fail(image, error, VDISK_UNSUPPORTED, "QCOW2 refcount table",
                                    VDISK_NO_OFFSET,
                                    "the file is too large for its refcounts to be rebuilt");
    } while (needed > region->block_count);
    return VDISK_OK;
}

/* One page of counts from the census; nothing is written where all are zero. */
static enum vdisk_status write_page(struct vdisk_image *image, const struct region *region,
                                    const uint32_t *counts, uint64_t first_cluster,
                                    struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    const uint32_t per_page = (q->page_bytes * 8) >> q->refcount_order;
    const uint64_t offset =
        (region->first_cluster << q->cluster_bits) + first_cluster / per_page * q->page_bytes;
    bool empty = true;

    memset(q->page, 0, q->page_bytes);
    for (uint32_t i = 0; i < per_page; i++) {
        const uint32_t count = counts[i] & QCOW2_CENSUS_COUNT;

        if (count == 0)
            continue;
        if (count > qcow2_refcount_max(q))
            return vdisk_image_fail(image, error, VDISK_UNSUPPORTED, "QCOW2 refcount",
                                    (first_cluster + i) << q->cluster_bits,
                                    "a cluster has more references than can be counted");
        qcow2_refcount_poke(q, q->page, i, count);
        empty = false;
    }
    return empty ? VDISK_OK : vdisk_file_write(image->file, offset, q->page, q->page_bytes, error);
}

static enum vdisk_status write_blocks(struct vdisk_image *image, struct qcow2_census *census,
                                      const struct region *region, struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    const uint32_t per_page = (q->page_bytes * 8) >> q->refcount_order;
    enum vdisk_status status = VDISK_OK;

    for (uint64_t first = 0; first < region_end(region) && status == VDISK_OK;
         first += QCOW2_CENSUS_CLUSTERS) {
        status = qcow2_census_count(image, census, first, error);
        qcow2_census_mark(census, region->first_cluster,
                          region->block_count + region->table_clusters, QCOW2_CENSUS_TABLE);
        for (uint32_t i = 0;
             i < QCOW2_CENSUS_CLUSTERS && first + i < region_end(region) && status == VDISK_OK;
             i += per_page)
            status = write_page(image, region, census->counts + i, first + i, error);
    }
    return status;
}

static enum vdisk_status write_table(struct vdisk_image *image, const struct region *region,
                                     struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    const uint32_t per_page = q->page_bytes / 8;
    const uint64_t offset = (region->first_cluster + region->block_count) << q->cluster_bits;
    enum vdisk_status status = VDISK_OK;

    for (uint64_t i = 0; i < region->block_count && status == VDISK_OK; i += per_page) {
        memset(q->page, 0, q->page_bytes);
        for (uint64_t k = 0; k < per_page && i + k < region->block_count; k++)
            vdisk_store_be64(q->page + k * 8, (region->first_cluster + i + k) << q->cluster_bits);
        status = vdisk_file_write(image->file, offset + i * 8, q->page, q->page_bytes, error);
    }
    return status;
}

/* The header names the new table; the dirty bit stays until the COPIED flags are right, too. */
static enum vdisk_status switch_table(struct vdisk_image *image, const struct region *region,
                                      struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    struct qcow2_layout layout = *qcow2_layout(q);
    enum vdisk_status status;

    layout.table_offset = (region->first_cluster + region->block_count) << q->cluster_bits;
    layout.table_clusters = (uint32_t)region->table_clusters;
    vdisk_store_be64(q->header + QCOW2_AT_TABLE_OFFSET, layout.table_offset);
    vdisk_store_be32(q->header + QCOW2_AT_TABLE_CLUSTERS, layout.table_clusters);
    if (q->version >= 3)
        vdisk_store_be64(q->header + QCOW2_AT_INCOMPATIBLE,
                         qcow2_header_features(q, QCOW2_AT_INCOMPATIBLE) | QCOW2_DIRTY);
    status = qcow2_header_switch(image, error);
    if (status != VDISK_OK)
        return status;
    vdisk_page_cache_forget(q->refcounts, 0, UINT64_MAX);
    qcow2_publish(image, &layout);
    q->search_cluster = 0;
    q->pack_offset = 0;
    q->spare_count = 0; /* nothing refers to them: they were counted as free */
    return VDISK_OK;
}

static enum vdisk_status rebuild(struct vdisk_image *image, struct qcow2_census *census,
                                 struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    struct region region;
    enum vdisk_status status = plan_region(image, census->file_clusters, &region, error);

    census->without_refcounts = true;
    if (status == VDISK_OK)
        status =
            vdisk_file_zero(image->file, region.first_cluster << q->cluster_bits,
                            (region.block_count + region.table_clusters) << q->cluster_bits, error);
    if (status == VDISK_OK)
        status = write_blocks(image, census, &region, error);
    if (status == VDISK_OK)
        status = write_table(image, &region, error);
    if (status == VDISK_OK)
        status = switch_table(image, &region, error);
    if (status != VDISK_OK)
        return status;
    if (!q->external)
        qcow2_note_end(q, region_end(&region) << q->cluster_bits);
    status = qcow2_walk_correct(image, error);
    if (status == VDISK_OK)
        status = qcow2_commit(image, error);
    if (status == VDISK_OK)
        status = qcow2_header_mark(image, QCOW2_DIRTY, false, error);
    return status;
}

enum vdisk_status qcow2_rebuild(struct vdisk_image *image, struct vdisk_error *error)
{
    struct qcow2_census census;
    enum vdisk_status status = qcow2_fill_files(image, error);

    if (status == VDISK_OK)
        status = qcow2_census_create(image, &census, error);
    if (status != VDISK_OK)
        return status;
    status = rebuild(image, &census, error);
    qcow2_census_destroy(&census);
    return status;
}
