/* Every entry of an L1 table and of the L2 tables under it. */
#include "engine/format/qcow2/qcow2.h"
#include "engine/base/endian.h"

static enum vdisk_status walk_table(struct vdisk_image *image, struct qcow2_visit *visit,
                                    uint64_t guest_offset, qcow2_visitor *visitor, void *context,
                                    struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    const uint64_t table = visit->entry.descriptor & QCOW2_OFFSET_MASK;
    enum vdisk_status status = VDISK_OK;

    visit->in_l1 = false;
    for (uint32_t i = 0; i < 1u << q->l2_bits && status == VDISK_OK; i++) {
        status = qcow2_load_l2(image, table, i, &visit->entry, error);
        if (status != VDISK_OK || (visit->entry.descriptor == 0 && visit->entry.bitmap == 0))
            continue;
        visit->index = i;
        visit->table_offset = table;
        visit->place_bytes = table + (uint64_t)i * q->entry_bytes;
        visit->fault = qcow2_l2_fault(q, qcow2_layout(q), &visit->entry,
                                      guest_offset + ((uint64_t)i << q->cluster_bits));
        status = visitor(image, visit, context, error);
    }
    return status;
}

enum vdisk_status qcow2_walk(struct vdisk_image *image, uint64_t l1_offset, uint32_t l1_entries,
                             qcow2_visitor *visitor, void *context, struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    enum vdisk_status status = VDISK_OK;

    for (uint32_t i = 0; i < l1_entries && status == VDISK_OK; i++) {
        struct qcow2_visit visit = {.in_l1 = true, .index = i, .table_offset = l1_offset};

        visit.place_bytes = l1_offset + (uint64_t)i * 8;
        status = qcow2_load_word(image, visit.place_bytes, &visit.entry.descriptor, error);
        if (status != VDISK_OK || visit.entry.descriptor == 0)
            continue;
        visit.fault = qcow2_l1_fault(q, qcow2_layout(q), visit.entry.descriptor);
        status = visitor(image, &visit, context, error);
        if (status == VDISK_OK && visit.fault == NULL &&
            (visit.entry.descriptor & QCOW2_OFFSET_MASK) != 0)
            status = walk_table(image, &visit, (uint64_t)i << (q->cluster_bits + q->l2_bits),
                                visitor, context, error);
    }
    return status;
}

bool qcow2_visit_clusters(const struct qcow2 *q, const struct qcow2_visit *visit, uint64_t *first,
                          uint64_t *count)
{
    const uint64_t offset = visit->entry.descriptor & QCOW2_OFFSET_MASK;
    struct qcow2_stream stream;

    if (!visit->in_l1 && (visit->entry.descriptor & QCOW2_COMPRESSED) != 0) {
        stream = qcow2_stream_of(q, visit->entry.descriptor);
        *first = stream.offset_bytes >> q->cluster_bits;
        *count = ((stream.offset_bytes + stream.length_bytes - 1) >> q->cluster_bits) - *first + 1;
        return true;
    }
    *first = offset >> q->cluster_bits;
    *count = 1;
    return offset != 0 && (visit->in_l1 || !q->external);
}

static enum vdisk_status refuse_fault(struct vdisk_image *image, const struct qcow2_visit *visit,
                                      void *context, struct vdisk_error *error)
{
    (void)context;
    if (visit->fault == NULL)
        return VDISK_OK;
    return vdisk_image_fail(image, error, VDISK_CORRUPT,
                            visit->in_l1 ? "QCOW2 L1 table" : "QCOW2 L2 table", visit->place_bytes,
                            visit->fault);
}

enum vdisk_status qcow2_walk_intact(struct vdisk_image *image, uint64_t l1_offset,
                                    uint32_t l1_entries, struct vdisk_error *error)
{
    return qcow2_walk(image, l1_offset, l1_entries, refuse_fault, NULL, error);
}

static enum vdisk_status add_references(struct vdisk_image *image, const struct qcow2_visit *visit,
                                        void *context, struct vdisk_error *error)
{
    const int *addend = context;
    uint64_t first, count;

    if (visit->fault != NULL || !qcow2_visit_clusters(qcow2_of(image), visit, &first, &count))
        return VDISK_OK;
    return qcow2_refcount_add(image, first, count, *addend, error);
}

enum vdisk_status qcow2_walk_add(struct vdisk_image *image, uint64_t l1_offset, uint32_t l1_entries,
                                 int addend, struct vdisk_error *error)
{
    return qcow2_walk(image, l1_offset, l1_entries, add_references, &addend, error);
}

enum vdisk_status qcow2_copied_is_right(struct vdisk_image *image, const struct qcow2_visit *visit,
                                        bool *right, struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    const bool copied = (visit->entry.descriptor & QCOW2_COPIED) != 0;
    uint64_t first, clusters, count;
    enum vdisk_status status;

    *right = true;
    if (visit->fault != NULL || (!visit->in_l1 && q->external))
        return VDISK_OK;
    if (!visit->in_l1 && (visit->entry.descriptor & QCOW2_COMPRESSED) != 0) {
        *right = !copied;
        return VDISK_OK;
    }
    if (!qcow2_visit_clusters(q, visit, &first, &clusters)) {
        *right = !copied;
        return VDISK_OK;
    }
    status = qcow2_refcount_get(image, first, &count, error);
    *right = copied == (count == 1);
    return status;
}

static enum vdisk_status correct_copied(struct vdisk_image *image, const struct qcow2_visit *visit,
                                        void *context, struct vdisk_error *error)
{
    struct qcow2_entry entry = visit->entry;
    bool right;
    enum vdisk_status status = qcow2_copied_is_right(image, visit, &right, error);

    (void)context;
    if (status != VDISK_OK || right)
        return status;
    entry.descriptor ^= QCOW2_COPIED;
    if (visit->in_l1)
        return qcow2_store_l1(image, visit->index, entry.descriptor, error);
    return qcow2_store_l2(image, visit->table_offset, visit->index, &entry, error);
}

enum vdisk_status qcow2_walk_correct(struct vdisk_image *image, struct vdisk_error *error)
{
    const struct qcow2_layout *layout = qcow2_layout(qcow2_of(image));

    return qcow2_walk(image, layout->l1_offset, layout->l1_entries, correct_copied, NULL, error);
}
