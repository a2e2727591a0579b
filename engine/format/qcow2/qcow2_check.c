/* Examines an image: entries, refcounts, overlaps, COPIED flags. */
#include "engine/format/qcow2/qcow2.h"

struct examination {
    struct vdisk_check *check;
    bool rebuild; /* something was found that counting again repairs */
};

static void found(struct examination *examination, enum vdisk_finding_kind kind,
                  const char *structure, uint64_t offset_bytes, const char *reason)
{
    examination->rebuild = true;
    vdisk_check_report(examination->check, kind, examination->check->repair, structure,
                       offset_bytes, reason);
}

/* Metadata belongs to one owner; L2 tables, data and packed clusters may be shared by their kind.
 */
static const char *overlap_reason(uint32_t census)
{
    const uint32_t kinds = census & ~QCOW2_CENSUS_COUNT;

    if ((kinds & QCOW2_CENSUS_TABLE) != 0 && (census & QCOW2_CENSUS_COUNT) > 1)
        return "the header or a table is also used for something else";
    if ((kinds & QCOW2_CENSUS_L2) != 0 && kinds != QCOW2_CENSUS_L2)
        return "an L2 table is also used for data";
    if ((kinds & QCOW2_CENSUS_PACKED) != 0 && kinds != QCOW2_CENSUS_PACKED)
        return "compressed data lies in a cluster that is used otherwise";
    return NULL;
}

static enum vdisk_status compare_cluster(struct vdisk_image *image, struct examination *examination,
                                         uint64_t cluster, uint32_t census,
                                         struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    const uint64_t offset = cluster << q->cluster_bits;
    const uint32_t expected = census & QCOW2_CENSUS_COUNT;
    const char *overlap = overlap_reason(census);
    uint64_t count = 0;
    enum vdisk_status status = qcow2_refcount_get(image, cluster, &count, error);

    if (status != VDISK_OK && status != VDISK_CORRUPT)
        return status;
    if (overlap != NULL)
        vdisk_check_report(examination->check, VDISK_FINDING_CORRUPTION, false, "QCOW2 cluster",
                           offset, overlap);
    if (count < expected)
        found(examination, VDISK_FINDING_CORRUPTION, "QCOW2 refcount", offset,
              count == 0 ? "the cluster is in use and counted as free"
                         : "the cluster has more references than are counted");
    else if (count > expected)
        found(examination, VDISK_FINDING_LEAK, "QCOW2 refcount", offset,
              "the cluster has fewer references than are counted");
    return VDISK_OK;
}

static enum vdisk_status compare_window(struct vdisk_image *image, struct qcow2_census *census,
                                        struct examination *examination, struct vdisk_error *error)
{
    const uint64_t count =
        vdisk_min_u64(QCOW2_CENSUS_CLUSTERS, census->file_clusters - census->first_cluster);
    enum vdisk_status status = VDISK_OK;

    for (uint64_t i = 0; i < count && status == VDISK_OK; i++)
        status = compare_cluster(image, examination, census->first_cluster + i, census->counts[i],
                                 error);
    return status;
}

static enum vdisk_status examine_copied(struct vdisk_image *image, const struct qcow2_visit *visit,
                                        void *context, struct vdisk_error *error)
{
    bool right;
    enum vdisk_status status = qcow2_copied_is_right(image, visit, &right, error);

    if (status == VDISK_CORRUPT)
        return VDISK_OK; /* the refcount's own fault was told */
    if (status == VDISK_OK && !right)
        found(context, VDISK_FINDING_CORRUPTION, visit->in_l1 ? "QCOW2 L1 entry" : "QCOW2 L2 entry",
              visit->place_bytes, "the COPIED flag contradicts the refcount");
    return status;
}

static enum vdisk_status examine(struct vdisk_image *image, struct qcow2_census *census,
                                 struct examination *examination, struct vdisk_error *error)
{
    const struct qcow2_layout *layout = qcow2_layout(qcow2_of(image));
    enum vdisk_status status = VDISK_OK;

    census->check = examination->check;
    for (uint64_t first = 0; first < census->file_clusters && status == VDISK_OK;
         first += QCOW2_CENSUS_CLUSTERS) {
        status = qcow2_census_count(image, census, first, error);
        if (status == VDISK_OK)
            status = compare_window(image, census, examination, error);
    }
    if (status == VDISK_OK)
        status = qcow2_walk(image, layout->l1_offset, layout->l1_entries, examine_copied,
                            examination, error);
    return status;
}

static void report_marks(struct vdisk_image *image, struct examination *examination)
{
    struct qcow2 *q = qcow2_of(image);
    const uint64_t features = qcow2_header_features(q, QCOW2_AT_INCOMPATIBLE);
    struct vdisk_check *check = examination->check;

    if (qcow2_layout(q)->table_clusters == 0)
        found(examination, VDISK_FINDING_CORRUPTION, "QCOW2 refcount table", QCOW2_AT_TABLE_OFFSET,
              "the header does not point to it");
    if ((features & QCOW2_DIRTY) != 0) {
        examination->rebuild = true;
        vdisk_check_report(check, VDISK_FINDING_NOTE, check->repair, "QCOW2 header",
                           QCOW2_AT_INCOMPATIBLE, "the image was not closed cleanly");
    }
    if ((features & QCOW2_CORRUPT) != 0)
        vdisk_check_report(check, VDISK_FINDING_NOTE, check->repair, "QCOW2 header",
                           QCOW2_AT_INCOMPATIBLE, "the image is marked as corrupt");
}

enum vdisk_status qcow2_check(struct vdisk_image *image, struct vdisk_check *check,
                              struct vdisk_error *error)
{
    struct examination examination = {.check = check};
    struct qcow2_census census;
    enum vdisk_status status = qcow2_commit(image, error);

    if (status == VDISK_OK)
        status = qcow2_census_create(image, &census, error);
    if (status != VDISK_OK)
        return status;
    report_marks(image, &examination);
    status = examine(image, &census, &examination, error);
    qcow2_census_destroy(&census);
    if (status == VDISK_OK && check->repair && examination.rebuild)
        status = qcow2_rebuild(image, error);
    if (status == VDISK_OK && check->repair && check->corruption_count == 0)
        status = qcow2_header_mark(image, QCOW2_CORRUPT, false, error);
    return status;
}
