/* Ranges that are to read as zeros. Under the allocation lock. */
#include "engine/format/qcow2/qcow2.h"

/* The L2 entry of a cluster that reads as zeros and, where that is possible, occupies nothing. */
static bool zero_entry(struct vdisk_image *image, const struct qcow2_entry *old,
                       uint64_t guest_offset, struct qcow2_entry *entry)
{
    struct qcow2 *q = qcow2_of(image);

    entry->descriptor = 0;
    entry->bitmap = 0;
    if (q->external && (old->descriptor & (QCOW2_OFFSET_MASK | QCOW2_COPIED)) != 0)
        entry->descriptor = guest_offset | QCOW2_COPIED; /* it keeps its place */
    else if (!image->has_parent)
        return true;
    if (q->extended)
        entry->bitmap = QCOW2_ALL_ZERO;
    else if (q->version >= 3)
        entry->descriptor |= QCOW2_ZERO;
    else
        return false;
    return true;
}

static enum vdisk_status zero_cluster(struct vdisk_image *image, uint64_t l2_offset,
                                      uint64_t offset_bytes, struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    struct qcow2_entry old, entry;
    enum vdisk_status status = qcow2_load_entry(image, l2_offset, offset_bytes, &old, error);

    if (status != VDISK_OK)
        return status;
    if (!zero_entry(image, &old, offset_bytes, &entry)) {
        size_t done;

        return qcow2_write_part(image, offset_bytes, NULL, q->cluster_bytes, &done, error);
    }
    if (q->raw_external)
        status = vdisk_file_zero(
            q->data_file, offset_bytes,
            vdisk_min_u64(q->cluster_bytes, image->disk.size_bytes - offset_bytes), error);
    if (status != VDISK_OK || (old.descriptor == entry.descriptor && old.bitmap == entry.bitmap))
        return status;
    status = qcow2_store_l2(image, l2_offset, qcow2_l2_index(q, offset_bytes), &entry, error);
    if (status != VDISK_OK)
        return status;
    return qcow2_drop_entry(image, &old, error);
}

/* With extended L2: subclusters become zero without being written. */
static enum vdisk_status zero_subclusters(struct vdisk_image *image, uint64_t offset_bytes,
                                          uint32_t count, struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    const uint32_t first = (uint32_t)(offset_bytes & (q->cluster_bytes - 1)) >> q->subcluster_bits;
    const uint64_t mask = ((UINT64_C(1) << count) - 1) << first;
    struct qcow2_entry entry;
    uint64_t l2_offset;
    size_t done;
    enum vdisk_status status = qcow2_own_l2(image, offset_bytes, &l2_offset, error);

    if (status == VDISK_OK)
        status = qcow2_load_entry(image, l2_offset, offset_bytes, &entry, error);
    if (status != VDISK_OK)
        return status;
    if ((entry.descriptor & QCOW2_COMPRESSED) != 0) {
        status = qcow2_write_part(image, offset_bytes, NULL, (size_t)count << q->subcluster_bits,
                                  &done, error);
        return status;
    }
    if (q->raw_external)
        status = vdisk_file_zero(q->data_file, offset_bytes, (uint64_t)count << q->subcluster_bits,
                                 error);
    entry.bitmap = (entry.bitmap & ~mask) | mask << 32;
    if (status == VDISK_OK)
        status = qcow2_store_l2(image, l2_offset, qcow2_l2_index(q, offset_bytes), &entry, error);
    return status;
}

/* Less than a cluster. What reads as zeros stays as it is. */
static enum vdisk_status zero_part(struct vdisk_image *image, uint64_t offset_bytes,
                                   uint64_t length_bytes, uint64_t *done_bytes,
                                   struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    const uint64_t subcluster = UINT64_C(1) << q->subcluster_bits;
    struct vdisk_extent extent = {0};
    size_t done;
    enum vdisk_status status = qcow2_map(image, offset_bytes, length_bytes, &extent, error);

    if (status != VDISK_OK)
        return status;
    *done_bytes = length_bytes = extent.length_bytes;
    if (extent.kind == VDISK_EXTENT_ZERO ||
        (extent.kind == VDISK_EXTENT_UNALLOCATED && !image->has_parent && !q->raw_external))
        return VDISK_OK;
    if (q->extended && length_bytes >= subcluster && vdisk_is_aligned(offset_bytes, subcluster)) {
        *done_bytes = vdisk_align_down(length_bytes, subcluster);
        return zero_subclusters(image, offset_bytes, (uint32_t)(*done_bytes / subcluster), error);
    }
    if (q->extended) {
        const uint64_t next = vdisk_align_down(offset_bytes, subcluster) + subcluster;

        length_bytes = vdisk_min_u64(length_bytes, next - offset_bytes);
    }
    status = qcow2_write_part(image, offset_bytes, NULL, (size_t)length_bytes, &done, error);
    *done_bytes = done;
    return status;
}

/* Whole clusters of one L2 table; `count` at most. */
static enum vdisk_status zero_clusters(struct vdisk_image *image, uint64_t offset_bytes,
                                       uint64_t count, uint64_t *done, struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    uint64_t l2_offset;
    enum vdisk_status status = qcow2_own_l2(image, offset_bytes, &l2_offset, error);

    for (*done = 0; *done < count && status == VDISK_OK; ++*done)
        status = zero_cluster(image, l2_offset, offset_bytes + (*done << q->cluster_bits), error);
    return status;
}

enum vdisk_status qcow2_zero(struct vdisk_image *image, uint64_t offset_bytes,
                             uint64_t length_bytes, uint64_t *done_bytes, struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    const uint32_t span_bits = q->cluster_bits + q->l2_bits;
    const uint32_t in_cluster = (uint32_t)offset_bytes & (q->cluster_bytes - 1);
    const bool to_end = offset_bytes + length_bytes == image->disk.size_bytes;
    const uint64_t left =
        (UINT64_C(1) << span_bits) - (offset_bytes & ((UINT64_C(1) << span_bits) - 1));
    uint64_t l1_entry, count, done;
    enum vdisk_status status = qcow2_make_room(image, error);

    if (status == VDISK_OK)
        status = qcow2_load_l1(image, qcow2_layout(q), offset_bytes >> span_bits, &l1_entry, error);
    if (status != VDISK_OK)
        return status;
    *done_bytes = vdisk_min_u64(length_bytes, left);
    if ((l1_entry & QCOW2_OFFSET_MASK) == 0 && !image->has_parent && !q->raw_external)
        return VDISK_OK;
    count = *done_bytes >> q->cluster_bits;
    if (to_end && length_bytes <= left) /* what lies beyond the disk's end belongs to nobody */
        count = qcow2_clusters(q, *done_bytes);
    if (in_cluster != 0 || count == 0)
        return zero_part(image, offset_bytes,
                         vdisk_min_u64(*done_bytes, q->cluster_bytes - in_cluster), done_bytes,
                         error);
    count = vdisk_min_u64(count, QCOW2_PENDING_MAX / 4);
    status = zero_clusters(image, offset_bytes, count, &done, error);
    *done_bytes = vdisk_min_u64(*done_bytes, done << q->cluster_bits);
    return status;
}
