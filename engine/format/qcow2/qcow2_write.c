/* Writes to what cannot be overwritten where it is. Under the allocation lock. */
#include "engine/format/qcow2/qcow2.h"

/* Nobody else refers to the entry's cluster, and it is not compressed: it may be written. */
static bool owns_cluster(const struct qcow2 *q, const struct qcow2_entry *entry)
{
    return (entry->descriptor & QCOW2_COMPRESSED) == 0 && (entry->descriptor & QCOW2_COPIED) != 0 &&
           (q->external || (entry->descriptor & QCOW2_OFFSET_MASK) != 0);
}

/* The caller's bytes over the guest's, in one piece of a cluster. */
struct overlay {
    uint64_t offset_bytes;       /* the guest's */
    const unsigned char *buffer; /* NULL: zeros */
    size_t length_bytes;
};

static enum vdisk_status compose(struct vdisk_image *image, uint64_t offset_bytes, uint32_t length,
                                 const struct overlay *overlay, struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    const uint64_t from = vdisk_max_u64(offset_bytes, overlay->offset_bytes);
    const uint64_t to =
        vdisk_min_u64(offset_bytes + length, overlay->offset_bytes + overlay->length_bytes);
    enum vdisk_status status = VDISK_OK;

    if (from > offset_bytes || to < offset_bytes + length)
        status = qcow2_read_guest(image, offset_bytes, q->piece, length, error);
    if (status != VDISK_OK || from >= to)
        return status;
    if (overlay->buffer == NULL)
        memset(q->piece + (from - offset_bytes), 0, (size_t)(to - from));
    else
        memcpy(q->piece + (from - offset_bytes), overlay->buffer + (from - overlay->offset_bytes),
               (size_t)(to - from));
    return VDISK_OK;
}

/* Writes a guest range to its new place: what the guest reads now, and the overlay. */
static enum vdisk_status write_composed(struct vdisk_image *image, uint64_t offset_bytes,
                                        uint32_t length_bytes, uint64_t host_offset,
                                        const struct overlay *overlay, struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    enum vdisk_status status = VDISK_OK;

    for (uint32_t done = 0; done < length_bytes && status == VDISK_OK;) {
        const uint32_t piece = (uint32_t)vdisk_min_u64(length_bytes - done, QCOW2_PIECE_BYTES);

        status = compose(image, offset_bytes + done, piece, overlay, error);
        if (status == VDISK_OK)
            status = vdisk_file_write(q->data_file, host_offset + done, q->piece, piece, error);
        done += piece;
    }
    return status;
}

/* A place for a guest cluster: its own one in a data file, else a new host cluster. */
static enum vdisk_status place_cluster(struct vdisk_image *image, uint64_t offset_bytes,
                                       uint64_t *host_offset, struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    uint64_t cluster, count;
    enum vdisk_status status;

    *host_offset = vdisk_align_down(offset_bytes, q->cluster_bytes);
    if (q->external)
        return VDISK_OK;
    status = qcow2_allocate(image, 1, &cluster, &count, error);
    *host_offset = cluster << q->cluster_bits;
    return status;
}

static void give_back(struct vdisk_image *image, uint64_t host_offset, uint64_t count)
{
    struct qcow2 *q = qcow2_of(image);

    if (!q->external)
        qcow2_unallocate(image, host_offset >> q->cluster_bits, count);
}

/* Moves a whole cluster to a new place, changed by the overlay. */
static enum vdisk_status write_moved(struct vdisk_image *image, uint64_t l2_offset,
                                     const struct qcow2_entry *old, const struct overlay *overlay,
                                     struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    const uint64_t start = vdisk_align_down(overlay->offset_bytes, q->cluster_bytes);
    struct qcow2_entry entry = {.bitmap = QCOW2_ALL_ALLOCATED};
    uint64_t host;
    enum vdisk_status status = place_cluster(image, start, &host, error);

    if (status != VDISK_OK)
        return status;
    entry.descriptor = host | QCOW2_COPIED;
    status = write_composed(image, start, q->cluster_bytes, host, overlay, error);
    if (status == VDISK_OK)
        status = qcow2_store_l2(image, l2_offset, qcow2_l2_index(q, start), &entry, error);
    if (status != VDISK_OK) {
        give_back(image, host, 1);
        return status;
    }
    return qcow2_drop_entry(image, old, error);
}

/* Into the cluster that the entry owns (which reads as zeros so far). */
static enum vdisk_status write_owned_zero(struct vdisk_image *image, uint64_t l2_offset,
                                          const struct qcow2_entry *old,
                                          const struct overlay *overlay, struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    const uint64_t start = vdisk_align_down(overlay->offset_bytes, q->cluster_bytes);
    const struct qcow2_entry entry = {.descriptor = old->descriptor & ~QCOW2_ZERO};
    enum vdisk_status status =
        write_composed(image, start, q->cluster_bytes,
                       q->external ? start : old->descriptor & QCOW2_OFFSET_MASK, overlay, error);

    if (status != VDISK_OK)
        return status;
    return qcow2_store_l2(image, l2_offset, qcow2_l2_index(q, start), &entry, error);
}

/* Data that is already the image's own: overwritten in place. */
static enum vdisk_status write_in_place(struct vdisk_image *image, uint64_t host_offset,
                                        const struct overlay *overlay, struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);

    if (overlay->buffer == NULL)
        return vdisk_file_zero(q->data_file, host_offset, overlay->length_bytes, error);
    return vdisk_file_write(q->data_file, host_offset, overlay->buffer, overlay->length_bytes,
                            error);
}

/* How many subclusters from `first` on, up to `last`, are alike (allocated or not). */
static uint32_t alike(uint64_t bitmap, uint32_t first, uint32_t last)
{
    uint32_t count = 1;

    while (first + count <= last && (bitmap >> (first + count) & 1) == (bitmap >> first & 1))
        count++;
    return count;
}

/*
 * Extended L2, in a cluster that the image owns or that is not there yet: only the subclusters
 * that are touched are written. Allocated ones are overwritten by others without the lock, so
 * they are never read and written back.
 */
static enum vdisk_status write_subclusters(struct vdisk_image *image, uint64_t l2_offset,
                                           const struct qcow2_entry *old, struct overlay *overlay,
                                           struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    const uint64_t start = vdisk_align_down(overlay->offset_bytes, q->cluster_bytes);
    const uint32_t in_cluster = (uint32_t)(overlay->offset_bytes - start);
    const uint32_t first = in_cluster >> q->subcluster_bits;
    const uint32_t last = (uint32_t)(in_cluster + overlay->length_bytes - 1) >> q->subcluster_bits;
    const uint32_t count = alike(old->bitmap, first, last);
    const uint64_t mask = ((UINT64_C(1) << count) - 1) << first;
    uint64_t host = q->external ? start : old->descriptor & QCOW2_OFFSET_MASK;
    struct qcow2_entry entry;
    enum vdisk_status status = VDISK_OK;

    overlay->length_bytes = vdisk_min_size(
        overlay->length_bytes, ((size_t)(first + count) << q->subcluster_bits) - in_cluster);
    if ((old->bitmap >> first & 1) != 0)
        return write_in_place(image, host + in_cluster, overlay, error);
    if (!owns_cluster(q, old))
        status = place_cluster(image, start, &host, error);
    if (status != VDISK_OK)
        return status;
    entry.descriptor = host | QCOW2_COPIED;
    entry.bitmap = (old->bitmap | mask) & ~(mask << 32);
    status = write_composed(image, start + ((uint64_t)first << q->subcluster_bits),
                            count << q->subcluster_bits,
                            host + ((uint64_t)first << q->subcluster_bits), overlay, error);
    if (status == VDISK_OK)
        status = qcow2_store_l2(image, l2_offset, qcow2_l2_index(q, start), &entry, error);
    if (status != VDISK_OK && !owns_cluster(q, old))
        give_back(image, host, 1);
    return status;
}

enum vdisk_status qcow2_write_part(struct vdisk_image *image, uint64_t offset_bytes,
                                   const unsigned char *buffer, size_t length_bytes,
                                   size_t *done_bytes, struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    struct overlay overlay = {offset_bytes, buffer, length_bytes};
    const uint32_t in_cluster = (uint32_t)offset_bytes & (q->cluster_bytes - 1);
    struct qcow2_entry old;
    uint64_t l2_offset, host;
    enum vdisk_status status = qcow2_own_l2(image, offset_bytes, &l2_offset, error);

    if (status == VDISK_OK)
        status = qcow2_load_entry(image, l2_offset, offset_bytes, &old, error);
    if (status != VDISK_OK)
        return status;
    host = old.descriptor & QCOW2_OFFSET_MASK;
    if (q->extended && (old.descriptor & QCOW2_COMPRESSED) == 0 &&
        (owns_cluster(q, &old) || host == 0))
        status = write_subclusters(image, l2_offset, &old, &overlay, error);
    else if (!owns_cluster(q, &old))
        status = write_moved(image, l2_offset, &old, &overlay, error);
    else if ((old.descriptor & QCOW2_ZERO) != 0)
        status = write_owned_zero(image, l2_offset, &old, &overlay, error);
    else
        status = write_in_place(image, host + in_cluster, &overlay, error);
    *done_bytes = overlay.length_bytes;
    return status;
}

/* How many entries from an offset on need new clusters, at most `limit`. */
static enum vdisk_status count_unowned(struct vdisk_image *image, uint64_t l2_offset,
                                       uint64_t offset_bytes, uint64_t limit, uint64_t *count,
                                       struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    const uint64_t in_table = (UINT64_C(1) << q->l2_bits) - qcow2_l2_index(q, offset_bytes);

    limit = vdisk_min_u64(limit, in_table);
    for (*count = 0; *count < limit; ++*count) {
        struct qcow2_entry entry;
        enum vdisk_status status = qcow2_load_entry(
            image, l2_offset, offset_bytes + (*count << q->cluster_bits), &entry, error);

        if (status != VDISK_OK)
            return status == VDISK_CORRUPT && *count != 0 ? VDISK_OK : status;
        if (owns_cluster(q, &entry))
            break;
    }
    return VDISK_OK;
}

/* Enters clusters that were written into the table, and drops what was there before. */
static enum vdisk_status enter_clusters(struct vdisk_image *image, uint64_t l2_offset,
                                        uint64_t offset_bytes, uint64_t host_offset, uint64_t count,
                                        struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    enum vdisk_status status = VDISK_OK;

    for (uint64_t i = 0; i < count && status == VDISK_OK; i++) {
        const uint32_t index = qcow2_l2_index(q, offset_bytes) + (uint32_t)i;
        const struct qcow2_entry entry = {(host_offset + (i << q->cluster_bits)) | QCOW2_COPIED,
                                          QCOW2_ALL_ALLOCATED};
        struct qcow2_entry old;

        status = qcow2_load_l2(image, l2_offset, index, &old, error);
        if (status == VDISK_OK)
            status = qcow2_store_l2(image, l2_offset, index, &entry, error);
        if (status != VDISK_OK)
            give_back(image, host_offset + (i << q->cluster_bits), count - i);
        else
            status = qcow2_drop_entry(image, &old, error);
    }
    return status;
}

/* Whole clusters, straight from the caller's buffer. */
static enum vdisk_status write_clusters(struct vdisk_image *image, uint64_t l2_offset,
                                        uint64_t offset_bytes, const void *buffer, uint64_t count,
                                        size_t *done_bytes, struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    uint64_t host = offset_bytes, first;
    enum vdisk_status status = VDISK_OK;

    if (!q->external) {
        status = qcow2_allocate(image, count, &first, &count, error);
        if (status != VDISK_OK)
            return status;
        host = first << q->cluster_bits;
    }
    *done_bytes = (size_t)(count << q->cluster_bits);
    status = vdisk_file_write(q->data_file, host, buffer, *done_bytes, error);
    if (status != VDISK_OK) {
        give_back(image, host, count);
        return status;
    }
    return enter_clusters(image, l2_offset, offset_bytes, host, count, error);
}

/* One cluster; *done_bytes stays 0 when it does not get smaller. */
static enum vdisk_status write_packed(struct vdisk_image *image, uint64_t l2_offset,
                                      uint64_t offset_bytes, const void *buffer, size_t *done_bytes,
                                      struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    const uint32_t index = qcow2_l2_index(q, offset_bytes);
    struct qcow2_entry old, entry = {0};
    enum vdisk_status status = qcow2_load_l2(image, l2_offset, index, &old, error);

    if (status == VDISK_OK)
        status = qcow2_write_compressed(image, buffer, &entry.descriptor, error);
    if (status != VDISK_OK || entry.descriptor == 0)
        return status;
    status = qcow2_store_l2(image, l2_offset, index, &entry, error);
    if (status != VDISK_OK)
        return status;
    *done_bytes = q->cluster_bytes;
    return qcow2_drop_entry(image, &old, error);
}

enum vdisk_status qcow2_write_new(struct vdisk_image *image, uint64_t offset_bytes,
                                  const void *buffer, size_t length_bytes, size_t *done_bytes,
                                  struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    const uint32_t in_cluster = (uint32_t)offset_bytes & (q->cluster_bytes - 1);
    uint64_t l2_offset, count = 0;
    enum vdisk_status status = qcow2_make_room(image, error);

    *done_bytes = 0;
    if (status == VDISK_OK && in_cluster == 0 && length_bytes >= q->cluster_bytes) {
        status = qcow2_own_l2(image, offset_bytes, &l2_offset, error);
        if (status == VDISK_OK)
            status = count_unowned(image, l2_offset, offset_bytes, length_bytes >> q->cluster_bits,
                                   &count, error);
        if (status == VDISK_OK && count != 0 && q->compress)
            status = write_packed(image, l2_offset, offset_bytes, buffer, done_bytes, error);
        if (status == VDISK_OK && count != 0 && *done_bytes == 0)
            status = write_clusters(image, l2_offset, offset_bytes, buffer, q->compress ? 1 : count,
                                    done_bytes, error);
    }
    if (status != VDISK_OK || *done_bytes != 0)
        return status;
    return qcow2_write_part(image, offset_bytes, buffer,
                            vdisk_min_size(length_bytes, q->cluster_bytes - in_cluster), done_bytes,
                            error);
}
