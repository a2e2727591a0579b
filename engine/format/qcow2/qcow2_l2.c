/* L2 tables that are about to change: made where there is none, copied where it is shared. */
#include "engine/format/qcow2/qcow2.h"
#include "engine/base/endian.h"

enum vdisk_status qcow2_store_l1(struct vdisk_image *image, uint64_t index, uint64_t entry,
                                 struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    unsigned char word[8];

    vdisk_store_be64(word, entry);
    return qcow2_store(image, q->mapping, qcow2_layout(q)->l1_offset + index * 8, word, sizeof word,
                       error);
}

enum vdisk_status qcow2_store_l2(struct vdisk_image *image, uint64_t l2_offset, uint32_t index,
                                 const struct qcow2_entry *entry, struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    unsigned char words[16];

    vdisk_store_be64(words, entry->descriptor);
    vdisk_store_be64(words + 8, entry->bitmap);
    return qcow2_store(image, q->mapping, l2_offset + (uint64_t)index * q->entry_bytes, words,
                       q->entry_bytes, error);
}

/*
 * What a shared table maps is shared, too, whatever its flags say: nothing of it may be written in
 * place. But a table may only seem to be shared, by a reference that a power cut has left over:
 * then the flags are right, and stay.
 */
static enum vdisk_status correct_flags(struct vdisk_image *image, unsigned char *page,
                                       struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    enum vdisk_status status = VDISK_OK;

    for (uint32_t at = 0; at < q->page_bytes && status == VDISK_OK; at += q->entry_bytes) {
        const uint64_t descriptor = vdisk_load_be64(page + at);
        uint64_t count = 0;

        if ((descriptor & QCOW2_COPIED) == 0)
            continue;
        if ((descriptor & QCOW2_COMPRESSED) == 0)
            status = qcow2_refcount_get(image, (descriptor & QCOW2_OFFSET_MASK) >> q->cluster_bits,
                                        &count, error);
        if (count != 1)
            vdisk_store_be64(page + at, descriptor & ~QCOW2_COPIED);
    }
    return status;
}

static enum vdisk_status write_copy(struct vdisk_image *image, uint64_t from, uint64_t to,
                                    struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    enum vdisk_status status = VDISK_OK;

    for (uint32_t done = 0; done < q->cluster_bytes && status == VDISK_OK; done += q->page_bytes) {
        status = vdisk_page_cache_load(q->mapping, from + done, 0, q->page, q->page_bytes, error);
        if (status == VDISK_OK && !q->external) /* there the flag says that data is there */
            status = correct_flags(image, q->page, error);
        if (status == VDISK_OK)
            status = vdisk_file_write(image->file, to + done, q->page, q->page_bytes, error);
    }
    return status;
}

/* The new table's first contents must be durable before L1 points to it: they are written now. */
static enum vdisk_status make_table(struct vdisk_image *image, uint64_t index, uint64_t old_offset,
                                    uint64_t *l2_offset, struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    uint64_t cluster;
    enum vdisk_status status = qcow2_allocate_table(image, 1, &cluster, error);

    if (status != VDISK_OK)
        return status;
    *l2_offset = cluster << q->cluster_bits;
    vdisk_page_cache_forget(q->mapping, *l2_offset, q->cluster_bytes);
    if (old_offset != 0)
        status = write_copy(image, old_offset, *l2_offset, error);
    else
        status = vdisk_file_zero(image->file, *l2_offset, q->cluster_bytes, error);
    if (status == VDISK_OK)
        status = qcow2_store_l1(image, index, *l2_offset | QCOW2_COPIED, error);
    if (status != VDISK_OK) {
        qcow2_unallocate(image, cluster, 1);
        return status;
    }
    if (old_offset != 0)
        status = qcow2_drop(image, old_offset >> q->cluster_bits, 1, error);
    return status;
}

enum vdisk_status qcow2_own_l2(struct vdisk_image *image, uint64_t offset_bytes,
                               uint64_t *l2_offset, struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    const uint64_t index = offset_bytes >> (q->cluster_bits + q->l2_bits);
    uint64_t entry;
    enum vdisk_status status = qcow2_load_l1(image, qcow2_layout(q), index, &entry, error);

    if (status != VDISK_OK)
        return status;
    *l2_offset = entry & QCOW2_OFFSET_MASK;
    if (*l2_offset != 0 && (entry & QCOW2_COPIED) != 0)
        return VDISK_OK;
    return make_table(image, index, *l2_offset, l2_offset, error);
}
