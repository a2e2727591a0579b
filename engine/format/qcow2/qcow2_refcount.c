/* Reference counts: one entry of 1 to 64 bits for each cluster of the file. */
#include "engine/format/qcow2/qcow2.h"
#include "engine/base/endian.h"

#define WORD_BITS 5 /* counts are read and changed in words of 32 bits, or in one of 64 */

uint64_t qcow2_refcount_max(const struct qcow2 *q)
{
    return q->refcount_order == 6 ? INT64_MAX : (UINT64_C(1) << (1u << q->refcount_order)) - 1;
}

uint64_t qcow2_refcount_peek(const struct qcow2 *q, const unsigned char *block, uint32_t index)
{
    const uint32_t bits = 1u << q->refcount_order;

    switch (q->refcount_order) {
    case 3:
        return block[index];
    case 4:
        return vdisk_load_be16(block + (size_t)index * 2);
    case 5:
        return vdisk_load_be32(block + (size_t)index * 4);
    case 6:
        return vdisk_load_be64(block + (size_t)index * 8);
    default: /* packed, the first in the lowest bits */
        return block[index * bits / 8] >> (index * bits % 8) & ((1u << bits) - 1);
    }
}

void qcow2_refcount_poke(const struct qcow2 *q, unsigned char *block, uint32_t index,
                         uint64_t count)
{
    const uint32_t bits = 1u << q->refcount_order;
    const uint32_t shift = index * bits % 8;

    switch (q->refcount_order) {
    case 3:
        block[index] = (unsigned char)count;
        break;
    case 4:
        vdisk_store_be16(block + (size_t)index * 2, (uint16_t)count);
        break;
    case 5:
        vdisk_store_be32(block + (size_t)index * 4, (uint32_t)count);
        break;
    case 6:
        vdisk_store_be64(block + (size_t)index * 8, count);
        break;
    default:
        block[index * bits / 8] =
            (unsigned char)((block[index * bits / 8] & ~(((1u << bits) - 1) << shift)) |
                            count << shift);
    }
}

enum vdisk_status qcow2_table_load(struct vdisk_image *image, uint64_t index,
                                   uint64_t *block_offset, struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    const struct qcow2_layout *layout = qcow2_layout(q);
    const uint64_t offset = layout->table_offset + index * 8;
    const uint64_t page = vdisk_align_down(offset, q->page_bytes);
    unsigned char word[8];
    enum vdisk_status status;

    *block_offset = 0;
    if (index >= (uint64_t)layout->table_clusters << (q->cluster_bits - 3))
        return VDISK_OK;
    status = vdisk_page_cache_load(q->refcounts, page, (uint32_t)(offset - page), word, 8, error);
    if (status != VDISK_OK)
        return status;
    *block_offset = vdisk_load_be64(word);
    if (!vdisk_is_aligned(*block_offset, q->cluster_bytes) || *block_offset > INT64_MAX)
        return vdisk_image_fail(image, error, VDISK_CORRUPT, "QCOW2 refcount table", offset,
                                "the refcount block is not at a cluster's start");
    if (*block_offset != 0 && qcow2_overlaps_tables(q, layout, *block_offset, q->cluster_bytes))
        return vdisk_image_fail(image, error, VDISK_CORRUPT, "QCOW2 refcount table", offset,
                                "the refcount block lies in the header or another table");
    return VDISK_OK;
}

/* Where the word lies that holds a cluster's count, and the count's place in it. */
struct count_place {
    uint64_t offset_bytes; /* of the word; 0: no block */
    uint32_t word_bytes;
    uint32_t index; /* within the word */
};

static enum vdisk_status find_count(struct vdisk_image *image, uint64_t cluster,
                                    struct count_place *place, struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    const uint32_t index = (uint32_t)(cluster & ((UINT64_C(1) << q->block_bits) - 1));
    const uint32_t word_bits = q->refcount_order > WORD_BITS ? q->refcount_order : WORD_BITS;
    const uint32_t per_word_bits = word_bits - q->refcount_order;
    uint64_t block;
    enum vdisk_status status = qcow2_table_load(image, cluster >> q->block_bits, &block, error);

    if (status != VDISK_OK)
        return status;
    place->word_bytes = (1u << word_bits) / 8;
    place->index = index & ((1u << per_word_bits) - 1);
    place->offset_bytes =
        block == 0 ? 0 : block + (uint64_t)(index >> per_word_bits) * place->word_bytes;
    return VDISK_OK;
}

static enum vdisk_status load_word(struct vdisk_image *image, const struct count_place *place,
                                   unsigned char *word, struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    const uint64_t page = vdisk_align_down(place->offset_bytes, q->page_bytes);

    return vdisk_page_cache_load(q->refcounts, page, (uint32_t)(place->offset_bytes - page), word,
                                 place->word_bytes, error);
}

enum vdisk_status qcow2_refcount_get(struct vdisk_image *image, uint64_t cluster, uint64_t *count,
                                     struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    struct count_place place;
    unsigned char word[8];
    enum vdisk_status status = find_count(image, cluster, &place, error);

    *count = 0;
    if (status != VDISK_OK || place.offset_bytes == 0)
        return status;
    status = load_word(image, &place, word, error);
    if (status == VDISK_OK)
        *count = qcow2_refcount_peek(q, word, place.index);
    return status;
}

enum vdisk_status qcow2_refcount_set(struct vdisk_image *image, uint64_t cluster, uint64_t count,
                                     struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    struct count_place place;
    unsigned char word[8];
    enum vdisk_status status = find_count(image, cluster, &place, error);

    if (status != VDISK_OK)
        return status;
    if (place.offset_bytes == 0)
        return vdisk_image_fail(image, error, VDISK_CORRUPT, "QCOW2 refcount table",
                                cluster << q->cluster_bits,
                                "no refcount block describes a cluster that is in use");
    status = load_word(image, &place, word, error);
    if (status != VDISK_OK)
        return status;
    qcow2_refcount_poke(q, word, place.index, count);
    return qcow2_store(image, q->refcounts, place.offset_bytes, word, place.word_bytes, error);
}

static enum vdisk_status add_one(struct vdisk_image *image, uint64_t cluster, int addend,
                                 struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    uint64_t count;
    enum vdisk_status status = qcow2_refcount_get(image, cluster, &count, error);

    if (status != VDISK_OK)
        return status;
    if (addend < 0 && count == 0)
        return vdisk_image_fail(image, error, VDISK_CORRUPT, "QCOW2 refcount block",
                                cluster << q->cluster_bits,
                                "a cluster that is in use is counted as free");
    if (addend > 0 && count >= qcow2_refcount_max(q))
        return vdisk_image_fail(image, error, VDISK_UNSUPPORTED, "QCOW2 refcount block",
                                cluster << q->cluster_bits,
                                "the image's refcounts have too few bits for another reference");
    count = addend < 0 ? count - 1 : count + 1;
    if (count == 0 && cluster < q->search_cluster)
        q->search_cluster = cluster;
    if (count == 0 && q->pack_offset >> q->cluster_bits == cluster)
        q->pack_offset = 0;
    return qcow2_refcount_set(image, cluster, count, error);
}

enum vdisk_status qcow2_refcount_add(struct vdisk_image *image, uint64_t cluster, uint64_t count,
                                     int addend, struct vdisk_error *error)
{
    enum vdisk_status status = VDISK_OK;

    for (uint64_t i = 0; i < count && status == VDISK_OK; i++)
        status = add_one(image, cluster + i, addend, error);
    return status;
}
