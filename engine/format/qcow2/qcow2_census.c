/*
 * A census counts who refers to the clusters of one window of the file, by walking everything
 * that can refer to a cluster. A large file is counted in several passes, so that the memory that
 * it takes does not depend on the image.
 */
#include "engine/format/qcow2/qcow2.h"
#include "engine/base/endian.h"

enum vdisk_status qcow2_census_create(struct vdisk_image *image, struct qcow2_census *census,
                                      struct vdisk_error *error)
{
    uint64_t size;
    enum vdisk_status status = vdisk_file_get_size(image->file, &size, error);

    if (status != VDISK_OK)
        return status;
    memset(census, 0, sizeof *census);
    census->file_clusters = qcow2_clusters(qcow2_of(image), size);
    census->counts = vdisk_alloc_array(QCOW2_CENSUS_CLUSTERS, sizeof *census->counts);
    if (census->counts == NULL)
        return vdisk_image_fail(image, error, VDISK_NO_MEMORY, NULL, VDISK_NO_OFFSET, NULL);
    return VDISK_OK;
}

void qcow2_census_destroy(struct qcow2_census *census)
{
    vdisk_free(census->counts);
}

void qcow2_census_mark(struct qcow2_census *census, uint64_t first, uint64_t count, uint32_t kind)
{
    const uint64_t window_end = census->first_cluster + QCOW2_CENSUS_CLUSTERS;
    const uint64_t from = vdisk_max_u64(first, census->first_cluster);
    const uint64_t to = vdisk_min_u64(first + count, window_end);

    for (uint64_t cluster = from; cluster < to; cluster++) {
        uint32_t *entry = &census->counts[cluster - census->first_cluster];

        *entry |= kind;
        if ((*entry & QCOW2_CENSUS_COUNT) != QCOW2_CENSUS_COUNT)
            ++*entry;
    }
}

static void census_report(struct qcow2_census *census, const char *structure, uint64_t offset_bytes,
                          const char *reason)
{
    if (census->check != NULL)
        vdisk_check_report(census->check, VDISK_FINDING_CORRUPTION, false, structure, offset_bytes,
                           reason);
}

/* A table that occupies whole clusters of its own. */
static void mark_table(struct vdisk_image *image, struct qcow2_census *census,
                       uint64_t offset_bytes, uint64_t length_bytes, const char *structure)
{
    struct qcow2 *q = qcow2_of(image);

    if (length_bytes == 0)
        return;
    if (!vdisk_is_aligned(offset_bytes, q->cluster_bytes) ||
        !vdisk_range_within(offset_bytes, length_bytes, census->file_clusters << q->cluster_bits)) {
        census_report(census, structure, offset_bytes, "it is not a place in the file");
        return;
    }
    qcow2_census_mark(census, offset_bytes >> q->cluster_bits, qcow2_clusters(q, length_bytes),
                      QCOW2_CENSUS_TABLE);
}

static enum vdisk_status visit_entry(struct vdisk_image *image, const struct qcow2_visit *visit,
                                     void *context, struct vdisk_error *error)
{
    struct qcow2_census *census = context;
    const char *structure = visit->in_l1 ? "QCOW2 L1 entry" : "QCOW2 L2 entry";
    uint32_t kind = QCOW2_CENSUS_DATA;
    uint64_t first, count;

    (void)error;
    if (visit->fault != NULL) {
        census_report(census, structure, visit->place_bytes, visit->fault);
        return VDISK_OK;
    }
    if (!qcow2_visit_clusters(qcow2_of(image), visit, &first, &count))
        return VDISK_OK;
    if (visit->in_l1)
        kind = QCOW2_CENSUS_L2;
    else if ((visit->entry.descriptor & QCOW2_COMPRESSED) != 0)
        kind = QCOW2_CENSUS_PACKED;
    qcow2_census_mark(census, first, count, kind);
    return VDISK_OK;
}

static enum vdisk_status mark_blocks(struct vdisk_image *image, struct qcow2_census *census,
                                     struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    const struct qcow2_layout *layout = qcow2_layout(q);
    const uint64_t entries = (uint64_t)layout->table_clusters << (q->cluster_bits - 3);
    enum vdisk_status status = VDISK_OK;

    for (uint64_t i = 0; i < entries && status == VDISK_OK; i++) {
        uint64_t block;

        status = qcow2_table_load(image, i, &block, error);
        if (status == VDISK_OK && block != 0)
            mark_table(image, census, block, q->cluster_bytes, "QCOW2 refcount block");
        else if (status == VDISK_CORRUPT) {
            census_report(census, "QCOW2 refcount table", layout->table_offset + i * 8,
                          "the entry does not point to a refcount block");
            status = VDISK_OK;
        }
    }
    return status;
}

static enum vdisk_status mark_snapshots(struct vdisk_image *image, struct qcow2_census *census,
                                        struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    const struct qcow2_layout *layout = qcow2_layout(q);
    struct qcow2_snapshot snapshot = {0};
    enum vdisk_status status = VDISK_OK;

    mark_table(image, census, layout->snapshots_offset, layout->snapshots_bytes,
               "QCOW2 snapshot table");
    for (uint32_t i = 0; i < q->snapshot_count && status == VDISK_OK; i++) {
        status = qcow2_snapshot_next(image, &snapshot, error);
        if (status != VDISK_OK)
            break;
        mark_table(image, census, snapshot.l1_offset, (uint64_t)snapshot.l1_entries * 8,
                   "QCOW2 snapshot's L1 table");
        status =
            qcow2_walk(image, snapshot.l1_offset, snapshot.l1_entries, visit_entry, census, error);
    }
    return status;
}

static enum vdisk_status mark_bitmap_table(struct vdisk_image *image, struct qcow2_census *census,
                                           uint64_t table_offset, uint32_t entries,
                                           struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    enum vdisk_status status = VDISK_OK;

    if (!vdisk_range_within(table_offset, (uint64_t)entries * 8,
                            census->file_clusters << q->cluster_bits))
        return VDISK_OK; /* reported by mark_table */
    for (uint32_t i = 0; i < entries && status == VDISK_OK; i++) {
        unsigned char word[8];

        status =
            vdisk_file_read(image->file, table_offset + (uint64_t)i * 8, word, sizeof word, error);
        if (status == VDISK_OK && (vdisk_load_be64(word) & QCOW2_OFFSET_MASK) != 0)
            mark_table(image, census, vdisk_load_be64(word) & QCOW2_OFFSET_MASK, q->cluster_bytes,
                       "QCOW2 bitmap");
    }
    return status;
}

/* Dirty bitmaps of other programs: they are kept, so their clusters are in use. */
static enum vdisk_status mark_bitmaps(struct vdisk_image *image, struct qcow2_census *census,
                                      struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    const struct qcow2_bitmaps *bitmaps = &q->bitmaps;
    enum vdisk_status status = VDISK_OK;
    uint64_t at = 0;

    mark_table(image, census, bitmaps->directory_offset, bitmaps->directory_bytes,
               "QCOW2 bitmap directory");
    if (!vdisk_range_within(bitmaps->directory_offset, bitmaps->directory_bytes,
                            census->file_clusters << q->cluster_bits))
        return VDISK_OK;
    for (uint32_t i = 0; i < bitmaps->count && status == VDISK_OK; i++) {
        unsigned char entry[24];

        if (!vdisk_range_within(at, sizeof entry, bitmaps->directory_bytes))
            break;
        status = vdisk_file_read(image->file, bitmaps->directory_offset + at, entry, sizeof entry,
                                 error);
        if (status != VDISK_OK)
            break;
        mark_table(image, census, vdisk_load_be64(entry), (uint64_t)vdisk_load_be32(entry + 8) * 8,
                   "QCOW2 bitmap table");
        status = mark_bitmap_table(image, census, vdisk_load_be64(entry),
                                   vdisk_load_be32(entry + 8), error);
        at += (sizeof entry + (uint64_t)vdisk_load_be16(entry + 18) + vdisk_load_be32(entry + 20) +
               7) &
              ~UINT64_C(7);
    }
    return status;
}

enum vdisk_status qcow2_census_count(struct vdisk_image *image, struct qcow2_census *census,
                                     uint64_t first_cluster, struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    const struct qcow2_layout *layout = qcow2_layout(q);
    enum vdisk_status status = VDISK_OK;

    census->first_cluster = first_cluster;
    memset(census->counts, 0, QCOW2_CENSUS_CLUSTERS * sizeof *census->counts);
    mark_table(image, census, 0, q->cluster_bytes, "QCOW2 header");
    mark_table(image, census, layout->l1_offset, (uint64_t)layout->l1_entries * 8,
               "QCOW2 L1 table");
    if (!census->without_refcounts) {
        mark_table(image, census, layout->table_offset,
                   (uint64_t)layout->table_clusters << q->cluster_bits, "QCOW2 refcount table");
        status = mark_blocks(image, census, error);
    }
    if (status == VDISK_OK)
        status =
            qcow2_walk(image, layout->l1_offset, layout->l1_entries, visit_entry, census, error);
    if (status == VDISK_OK)
        status = mark_snapshots(image, census, error);
    if (status == VDISK_OK)
        status = mark_bitmaps(image, census, error);
    census->check = NULL; /* what is wrong with an entry is told once */
    return status;
}
