/*
 * Compressed clusters: a stream of deflate (no header, window of 4 KiB) or one frame of zstd at
 * any byte of the file, followed by whatever comes next in its last sector.
 */
#include "engine/format/qcow2/qcow2.h"

struct qcow2_stream qcow2_stream_of(const struct qcow2 *q, uint64_t descriptor)
{
    const uint32_t offset_bits = 62 - (q->cluster_bits - 8);
    const uint64_t sectors = (descriptor & ~(QCOW2_COPIED | QCOW2_COMPRESSED)) >> offset_bits;
    struct qcow2_stream stream;

    stream.offset_bytes = descriptor & ((UINT64_C(1) << offset_bits) - 1);
    stream.length_bytes = (uint32_t)((sectors + 1) * QCOW2_SECTOR_BYTES -
                                     (stream.offset_bytes & (QCOW2_SECTOR_BYTES - 1)));
    return stream;
}

enum vdisk_codec qcow2_codec(const struct qcow2 *q)
{
    return q->compression_type == 1 ? VDISK_CODEC_ZSTD : VDISK_CODEC_DEFLATE;
}

/*
 * What a stream may occupy: less than its cluster, else it would not have been compressed. Its
 * last sector may be cut short by the end of the file.
 */
static enum vdisk_status stream_length(struct vdisk_image *image, struct qcow2_stream *stream,
                                       struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    uint64_t size;
    enum vdisk_status status = vdisk_file_get_size(image->file, &size, error);

    if (status != VDISK_OK)
        return status;
    if (stream->offset_bytes >= size)
        return vdisk_image_fail(image, error, VDISK_CORRUPT, "QCOW2 compressed cluster",
                                stream->offset_bytes, "it lies beyond the end of the file");
    stream->length_bytes =
        (uint32_t)vdisk_min_u64(vdisk_min_u64(stream->length_bytes, size - stream->offset_bytes),
                                (uint64_t)q->cluster_bytes + 2 * QCOW2_SECTOR_BYTES);
    return VDISK_OK;
}

static enum vdisk_status decompress(struct vdisk_image *image, const struct qcow2_stream *stream,
                                    unsigned char *input, unsigned char *output,
                                    struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    const char *reason = NULL;
    size_t produced;
    enum vdisk_status status =
        vdisk_file_read(image->file, stream->offset_bytes, input, stream->length_bytes, error);

    if (status != VDISK_OK)
        return status;
    status = vdisk_codec_decompress(qcow2_codec(q), input, stream->length_bytes, output,
                                    q->cluster_bytes, &produced, &reason);
    if (status != VDISK_OK)
        return vdisk_image_fail(image, error, status, "QCOW2 compressed cluster",
                                stream->offset_bytes, reason);
    if (produced != q->cluster_bytes)
        return vdisk_image_fail(image, error, VDISK_CORRUPT, "QCOW2 compressed cluster",
                                stream->offset_bytes, "it holds less than a cluster");
    return VDISK_OK;
}

/* With the slot's lock held: brings the cluster that `descriptor` refers to into the slot. */
static enum vdisk_status inflate_into(struct vdisk_image *image, struct qcow2_inflated *slot,
                                      uint64_t descriptor, struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    struct qcow2_stream stream = qcow2_stream_of(q, descriptor);
    unsigned char *input;
    enum vdisk_status status = stream_length(image, &stream, error);

    if (status != VDISK_OK)
        return status;
    slot->descriptor = 0;
    if (slot->data == NULL)
        slot->data = vdisk_alloc(q->cluster_bytes);
    input = vdisk_alloc(stream.length_bytes);
    if (slot->data == NULL || input == NULL)
        status = vdisk_image_fail(image, error, VDISK_NO_MEMORY, NULL, VDISK_NO_OFFSET, NULL);
    else
        status = decompress(image, &stream, input, slot->data, error);
    vdisk_free(input);
    if (status == VDISK_OK)
        slot->descriptor = descriptor;
    return status;
}

static enum vdisk_status read_inflated(struct vdisk_image *image, uint64_t descriptor,
                                       uint32_t in_cluster, void *buffer, size_t length_bytes,
                                       struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    struct qcow2_inflated *slot =
        &q->inflated[(descriptor ^ descriptor >> 16) % QCOW2_INFLATED_MAX];
    enum vdisk_status status = VDISK_OK;

    vdisk_mutex_lock(&slot->lock);
    if (slot->descriptor != descriptor)
        status = inflate_into(image, slot, descriptor, error);
    if (status == VDISK_OK)
        memcpy(buffer, slot->data + in_cluster, length_bytes);
    vdisk_mutex_unlock(&slot->lock);
    return status;
}

/*
 * The cluster may have been written anew since it was mapped. So it is looked up again, and read
 * from wherever it is now.
 */
enum vdisk_status qcow2_read_compressed(struct vdisk_image *image, uint64_t offset_bytes,
                                        void *buffer, size_t length_bytes,
                                        struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    unsigned char *next = buffer;

    while (length_bytes != 0) {
        const uint32_t in_cluster = (uint32_t)offset_bytes & (q->cluster_bytes - 1);
        const size_t piece = vdisk_min_size(length_bytes, q->cluster_bytes - in_cluster);
        struct qcow2_entry entry;
        enum vdisk_status status = qcow2_find_entry(image, offset_bytes, &entry, error);

        if (status == VDISK_OK && (entry.descriptor & QCOW2_COMPRESSED) != 0)
            status = read_inflated(image, entry.descriptor, in_cluster, next, piece, error);
        else if (status == VDISK_OK)
            status = qcow2_read_guest(image, offset_bytes, next, piece, error);
        if (status != VDISK_OK)
            return status;
        next += piece;
        offset_bytes += piece;
        length_bytes -= piece;
    }
    return VDISK_OK;
}

/* May the cluster that is being filled take another stream? */
static enum vdisk_status can_append(struct vdisk_image *image, bool *possible,
                                    struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    uint64_t count;
    enum vdisk_status status;

    *possible = false;
    if (q->pack_offset == 0)
        return VDISK_OK;
    status = qcow2_refcount_get(image, q->pack_offset >> q->cluster_bits, &count, error);
    *possible = status == VDISK_OK && count != 0 && count < qcow2_refcount_max(q);
    return status;
}

/*
 * A place for a stream, with its references counted: behind the last one, into the following
 * cluster where that happens to be free, or at the start of a new cluster.
 */
static enum vdisk_status place_stream(struct vdisk_image *image, size_t length_bytes,
                                      uint64_t *offset_bytes, struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    const uint64_t room = q->cluster_bytes - (q->pack_offset & (q->cluster_bytes - 1));
    uint64_t cluster, count;
    bool append;
    enum vdisk_status status = can_append(image, &append, error);

    *offset_bytes = q->pack_offset;
    if (status == VDISK_OK && append && length_bytes <= room)
        return qcow2_refcount_add(image, q->pack_offset >> q->cluster_bits, 1, 1, error);
    if (status == VDISK_OK)
        status = qcow2_allocate(image, 1, &cluster, &count, error);
    if (status != VDISK_OK)
        return status;
    /* The allocation may have committed, and that may have freed the cluster before. */
    status = can_append(image, &append, error);
    if (status != VDISK_OK)
        return status;
    if (append && cluster == (q->pack_offset >> q->cluster_bits) + 1)
        return qcow2_refcount_add(image, cluster - 1, 1, 1, error);
    *offset_bytes = cluster << q->cluster_bits;
    return VDISK_OK;
}

static enum vdisk_status write_stream(struct vdisk_image *image, const void *stream,
                                      size_t length_bytes, uint64_t *descriptor,
                                      struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    const uint32_t offset_bits = 62 - (q->cluster_bits - 8);
    uint64_t offset, sectors;
    enum vdisk_status status = place_stream(image, length_bytes, &offset, error);

    if (status != VDISK_OK)
        return status;
    sectors = (offset + length_bytes - 1) / QCOW2_SECTOR_BYTES - offset / QCOW2_SECTOR_BYTES;
    if (offset >> offset_bits != 0)
        status = vdisk_image_fail(image, error, VDISK_NO_SPACE, "QCOW2 compressed cluster", offset,
                                  "compressed data cannot lie so far back in the file");
    else
        status = vdisk_file_write(image->file, offset, stream, length_bytes, error);
    if (status != VDISK_OK) { /* a failure may leave anything there: nothing follows it */
        q->pack_offset = 0;
        qcow2_unallocate(image, offset >> q->cluster_bits,
                         ((offset + length_bytes - 1) >> q->cluster_bits) -
                             (offset >> q->cluster_bits) + 1);
        return status;
    }
    q->pack_offset = offset + length_bytes;
    if (vdisk_is_aligned(q->pack_offset, q->cluster_bytes))
        q->pack_offset = 0;
    *descriptor = QCOW2_COMPRESSED | sectors << offset_bits | offset;
    return VDISK_OK;
}

enum vdisk_status qcow2_write_compressed(struct vdisk_image *image, const void *cluster,
                                         uint64_t *descriptor, struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    const char *reason = NULL;
    size_t produced;
    enum vdisk_status status;

    *descriptor = 0;
    if (q->packed == NULL)
        q->packed = vdisk_alloc(q->cluster_bytes);
    if (q->packed == NULL)
        return vdisk_image_fail(image, error, VDISK_NO_MEMORY, NULL, VDISK_NO_OFFSET, NULL);
    status = vdisk_codec_compress(qcow2_codec(q), cluster, q->cluster_bytes, q->packed,
                                  q->cluster_bytes - QCOW2_SECTOR_BYTES / 2, &produced, &reason);
    if (status == VDISK_NO_SPACE)
        return VDISK_OK;
    if (status != VDISK_OK)
        return vdisk_image_fail(image, error, status, "QCOW2 compressed cluster", VDISK_NO_OFFSET,
                                reason);
    return write_stream(image, q->packed, produced, descriptor, error);
}

void qcow2_forget_inflated(struct qcow2 *q)
{
    for (uint32_t i = 0; i < QCOW2_INFLATED_MAX; i++) {
        vdisk_mutex_lock(&q->inflated[i].lock);
        q->inflated[i].descriptor = 0;
        vdisk_mutex_unlock(&q->inflated[i].lock);
    }
}
