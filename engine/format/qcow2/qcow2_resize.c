/* Another size of the disk. */
#include "engine/format/qcow2/qcow2.h"
#include "engine/base/endian.h"

static enum vdisk_status set_size(struct vdisk_image *image, uint64_t size_bytes,
                                  struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    const uint64_t old = image->disk.size_bytes;
    enum vdisk_status status;

    vdisk_store_be64(q->header + QCOW2_AT_SIZE, size_bytes);
    status = qcow2_header_switch(image, error);
    if (status != VDISK_OK) {
        vdisk_store_be64(q->header + QCOW2_AT_SIZE, old);
        return status;
    }
    image->disk.size_bytes = size_bytes;
    return VDISK_OK;
}

static enum vdisk_status copy_l1(struct vdisk_image *image, const struct qcow2_layout *from,
                                 uint64_t to, struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    const uint32_t per_page = q->page_bytes / 8;
    enum vdisk_status status = VDISK_OK;

    for (uint32_t i = 0; i < from->l1_entries && status == VDISK_OK; i += per_page) {
        memset(q->page, 0, q->page_bytes);
        for (uint32_t k = 0; k < per_page && i + k < from->l1_entries && status == VDISK_OK; k++) {
            uint64_t entry = 0;

            status = qcow2_load_word(image, from->l1_offset + ((uint64_t)i + k) * 8, &entry, error);
            vdisk_store_be64(q->page + (size_t)k * 8, entry);
        }
        if (status == VDISK_OK)
            status =
                vdisk_file_write(image->file, to + (uint64_t)i * 8, q->page, q->page_bytes, error);
    }
    return status;
}

/* A larger L1 table, elsewhere. Nothing is waiting to be written. */
static enum vdisk_status move_l1(struct vdisk_image *image, uint64_t entries,
                                 struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    const struct qcow2_layout old = *qcow2_layout(q);
    const uint64_t clusters = qcow2_clusters(q, entries * 8);
    struct qcow2_layout layout;
    uint64_t first;
    enum vdisk_status status;

    if (entries * 8 > QCOW2_L1_BYTES_MAX)
        return vdisk_image_fail(image, error, VDISK_INVALID, "QCOW2 L1 table", VDISK_NO_OFFSET,
                                "clusters of this size cannot hold a disk that large");
    status = qcow2_allocate_table(image, clusters, &first, error);
    if (status != VDISK_OK)
        return status;
    vdisk_page_cache_forget(q->mapping, first << q->cluster_bits, clusters << q->cluster_bits);
    status =
        vdisk_file_zero(image->file, first << q->cluster_bits, clusters << q->cluster_bits, error);
    if (status == VDISK_OK)
        status = copy_l1(image, &old, first << q->cluster_bits, error);
    if (status == VDISK_OK)
        status = qcow2_commit(image, error);
    if (status != VDISK_OK) {
        qcow2_unallocate(image, first, clusters);
        return status;
    }
    vdisk_store_be32(q->header + QCOW2_AT_L1_ENTRIES, (uint32_t)entries);
    vdisk_store_be64(q->header + QCOW2_AT_L1_OFFSET, first << q->cluster_bits);
    status = qcow2_header_switch(image, error);
    if (status != VDISK_OK)
        return status;
    layout = *qcow2_layout(q);
    layout.l1_offset = first << q->cluster_bits;
    layout.l1_entries = (uint32_t)entries;
    qcow2_publish(image, &layout);
    return qcow2_refcount_add(image, old.l1_offset >> q->cluster_bits,
                              qcow2_clusters(q, (uint64_t)old.l1_entries * 8), -1, error);
}

/* Zeros what is mapped; `all` zeros what shows a parent, too. */
static enum vdisk_status zero_range(struct vdisk_image *image, uint64_t offset_bytes, uint64_t end,
                                    bool all, struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    const uint64_t span = UINT64_C(1) << (q->cluster_bits + q->l2_bits);
    enum vdisk_status status = VDISK_OK;

    while (offset_bytes < end && status == VDISK_OK) {
        const uint64_t left = vdisk_min_u64(end - offset_bytes, span - (offset_bytes & (span - 1)));
        uint64_t done = left, l1_entry;

        status = qcow2_load_l1(image, qcow2_layout(q), offset_bytes / span, &l1_entry, error);
        if (status == VDISK_OK && (all || l1_entry != 0))
            status = qcow2_zero(image, offset_bytes, left, &done, error);
        offset_bytes += done;
    }
    return status;
}

/*
 * What lay beyond the old end, in tables that had room for it or in a parent that is larger, must
 * not come to light. The disk has its new size already, in memory only.
 */
static enum vdisk_status clear_new_range(struct vdisk_image *image, uint64_t old_bytes,
                                         struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    const uint64_t new_bytes = image->disk.size_bytes;
    uint64_t below = old_bytes; /* the end of what the parent might show */
    enum vdisk_status status;

    if (image->has_parent)
        below = image->parent == NULL ? new_bytes
                                      : vdisk_max_u64(old_bytes, image->parent->disk.size_bytes);
    below = vdisk_min_u64(below, new_bytes);
    status = zero_range(image, old_bytes, below, true, error);
    if (status == VDISK_OK)
        status = zero_range(image, below, new_bytes, false, error);
    if (status == VDISK_OK && q->external)
        status = vdisk_file_set_size(q->data_file, vdisk_max_u64(q->data_bytes, new_bytes), error);
    if (status == VDISK_OK)
        status = qcow2_commit(image, error);
    return status;
}

static enum vdisk_status grow(struct vdisk_image *image, uint64_t size_bytes,
                              struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    const uint64_t old = image->disk.size_bytes;
    const uint64_t entries =
        vdisk_div_up(size_bytes, UINT64_C(1) << (q->cluster_bits + q->l2_bits));
    enum vdisk_status status = qcow2_commit(image, error);

    if (status == VDISK_OK && entries > qcow2_layout(q)->l1_entries)
        status = move_l1(image, entries, error);
    if (status != VDISK_OK)
        return status;
    if (q->external)
        qcow2_note_end(q, size_bytes);
    image->disk.size_bytes = size_bytes;
    status = clear_new_range(image, old, error);
    image->disk.size_bytes = old;
    if (status == VDISK_OK)
        status = set_size(image, size_bytes, error);
    return status;
}

/* The size first: a cut then leaves clusters beyond the end, which is harmless. */
static enum vdisk_status shrink(struct vdisk_image *image, uint64_t size_bytes,
                                struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    const uint64_t old = image->disk.size_bytes;
    const uint64_t from = qcow2_clusters(q, size_bytes) << q->cluster_bits;
    enum vdisk_status status = qcow2_commit(image, error);

    if (status == VDISK_OK)
        status = set_size(image, size_bytes, error);
    if (status != VDISK_OK)
        return status;
    vdisk_gate_drain(&image->gate);
    image->disk.size_bytes = old; /* so that the last cluster counts as a whole one */
    status = zero_range(image, from, old, false, error);
    image->disk.size_bytes = size_bytes;
    if (status == VDISK_OK)
        status = qcow2_commit(image, error);
    return status;
}

enum vdisk_status qcow2_resize(struct vdisk_image *image, uint64_t size_bytes,
                               struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);

    if (q->version < 3 && q->snapshot_count != 0)
        return vdisk_image_fail(image, error, VDISK_UNSUPPORTED, NULL, VDISK_NO_OFFSET,
                                "version 2 cannot record the size that its snapshots have");
    if (size_bytes == image->disk.size_bytes)
        return VDISK_OK;
    return size_bytes > image->disk.size_bytes ? grow(image, size_bytes, error)
                                               : shrink(image, size_bytes, error);
}
