/* From the guest's offsets to the file's. Runs in many threads at once, without a lock. */
#include "engine/format/qcow2/qcow2.h"
#include "engine/base/endian.h"

#define END_UNIT_BITS                                                                              \
    21 /* the end of the file is tracked in 2 MiB units, which fit an atomic_uint */

void qcow2_publish(struct vdisk_image *image, const struct qcow2_layout *layout)
{
    struct qcow2 *q = qcow2_of(image);
    struct qcow2_layout *next = qcow2_layout(q) == &q->layouts[0] ? &q->layouts[1] : &q->layouts[0];

    *next = *layout;
    atomic_store_explicit(&q->layout, next, memory_order_release);
    vdisk_gate_drain(&image->gate); /* nobody looks at the other one any more */
}

void qcow2_note_end(struct qcow2 *q, uint64_t end_bytes)
{
    const uint64_t units = vdisk_div_up(end_bytes, UINT64_C(1) << END_UNIT_BITS);
    const unsigned narrow = (unsigned)vdisk_min_u64(units, UINT32_MAX);

    if (narrow > atomic_load_explicit(&q->end_units, memory_order_relaxed))
        atomic_store_explicit(&q->end_units, narrow, memory_order_release);
}

bool qcow2_overlaps_tables(const struct qcow2 *q, const struct qcow2_layout *layout,
                           uint64_t offset_bytes, uint64_t length_bytes)
{
    return vdisk_ranges_overlap(offset_bytes, length_bytes, 0, q->cluster_bytes) ||
           vdisk_ranges_overlap(offset_bytes, length_bytes, layout->l1_offset,
                                (uint64_t)layout->l1_entries * 8) ||
           vdisk_ranges_overlap(offset_bytes, length_bytes, layout->table_offset,
                                (uint64_t)layout->table_clusters << q->cluster_bits) ||
           vdisk_ranges_overlap(offset_bytes, length_bytes, layout->snapshots_offset,
                                layout->snapshots_bytes);
}

/* Does a host offset lie within the file that holds the data? */
static bool starts_inside(struct qcow2 *q, uint64_t offset_bytes)
{
    if (!atomic_load_explicit(&q->filled, memory_order_acquire))
        return offset_bytes < q->data_bytes;
    return offset_bytes >> END_UNIT_BITS <
           atomic_load_explicit(&q->end_units, memory_order_acquire);
}

const char *qcow2_l1_fault(struct qcow2 *q, const struct qcow2_layout *layout, uint64_t entry)
{
    const uint64_t offset = entry & QCOW2_OFFSET_MASK;

    if ((entry & QCOW2_L1_RESERVED) != 0)
        return "the entry has reserved bits set";
    if (!vdisk_is_aligned(offset, q->cluster_bytes))
        return "the L2 table is not at a cluster's start";
    if (offset != 0 && !q->external && !starts_inside(q, offset))
        return "the L2 table lies beyond the end of the file";
    if (offset != 0 && qcow2_overlaps_tables(q, layout, offset, q->cluster_bytes))
        return "the L2 table lies in the header or another table";
    return NULL;
}

static const char *compressed_fault(struct qcow2 *q, const struct qcow2_layout *layout,
                                    uint64_t descriptor)
{
    const struct qcow2_stream stream = qcow2_stream_of(q, descriptor);

    if (q->external)
        return "a compressed cluster in an image with a data file";
    if (stream.offset_bytes >= QCOW2_HOST_BYTES_MAX || !starts_inside(q, stream.offset_bytes))
        return "the compressed data lies beyond the end of the file";
    if (qcow2_overlaps_tables(q, layout, stream.offset_bytes, stream.length_bytes))
        return "the compressed data lies in the header or a table";
    return NULL;
}

static const char *bitmap_fault(const struct qcow2_entry *entry, uint64_t host_offset,
                                bool external)
{
    if ((entry->descriptor & QCOW2_ZERO) != 0)
        return "the entry has reserved bits set";
    if ((entry->bitmap >> 32 & entry->bitmap) != 0)
        return "a subcluster is both allocated and zero";
    if (host_offset == 0 && !external && (uint32_t)entry->bitmap != 0)
        return "a subcluster is allocated in no cluster";
    return NULL;
}

const char *qcow2_l2_fault(struct qcow2 *q, const struct qcow2_layout *layout,
                           const struct qcow2_entry *entry, uint64_t guest_offset_bytes)
{
    const uint64_t offset = entry->descriptor & QCOW2_OFFSET_MASK;

    if ((entry->descriptor & QCOW2_COMPRESSED) != 0)
        return compressed_fault(q, layout, entry->descriptor);
    if ((entry->descriptor & QCOW2_L2_RESERVED) != 0 ||
        (q->version < 3 && (entry->descriptor & QCOW2_ZERO) != 0))
        return "the entry has reserved bits set";
    if (q->extended) {
        const char *fault = bitmap_fault(entry, offset, q->external);

        if (fault != NULL)
            return fault;
    }
    if (q->external)
        return offset != 0 && offset != vdisk_align_down(guest_offset_bytes, q->cluster_bytes)
                   ? "the cluster is not at the guest's offset of the data file"
                   : NULL;
    if (offset == 0)
        return NULL;
    if (!vdisk_is_aligned(offset, q->cluster_bytes))
        return "the data is not at a cluster's start";
    if (!starts_inside(q, offset))
        return "the data lies beyond the end of the file";
    if (qcow2_overlaps_tables(q, layout, offset, q->cluster_bytes))
        return "the data lies in the header or a table";
    return NULL;
}

static enum vdisk_status load(struct vdisk_image *image, uint64_t offset_bytes, void *words,
                              uint32_t length_bytes, struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    const uint64_t page = vdisk_align_down(offset_bytes, q->page_bytes);

    return vdisk_page_cache_load(q->mapping, page, (uint32_t)(offset_bytes - page), words,
                                 length_bytes, error);
}

enum vdisk_status qcow2_load_word(struct vdisk_image *image, uint64_t offset_bytes, uint64_t *word,
                                  struct vdisk_error *error)
{
    unsigned char bytes[8];
    enum vdisk_status status = load(image, offset_bytes, bytes, sizeof bytes, error);

    if (status == VDISK_OK)
        *word = vdisk_load_be64(bytes);
    return status;
}

enum vdisk_status qcow2_load_l1(struct vdisk_image *image, const struct qcow2_layout *layout,
                                uint64_t index, uint64_t *entry, struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    const uint64_t offset = layout->l1_offset + index * 8;
    const char *fault;
    enum vdisk_status status;

    if (index >= layout->l1_entries)
        return vdisk_image_fail(image, error, VDISK_CORRUPT, "QCOW2 L1 table", layout->l1_offset,
                                "the table is too short for the disk");
    status = qcow2_load_word(image, offset, entry, error);
    if (status != VDISK_OK)
        return status;
    fault = qcow2_l1_fault(q, layout, *entry);
    if (fault != NULL)
        return vdisk_image_fail(image, error, VDISK_CORRUPT, "QCOW2 L1 table", offset, fault);
    return VDISK_OK;
}

enum vdisk_status qcow2_load_l2(struct vdisk_image *image, uint64_t l2_offset, uint32_t index,
                                struct qcow2_entry *entry, struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    unsigned char words[16];
    enum vdisk_status status =
        load(image, l2_offset + (uint64_t)index * q->entry_bytes, words, q->entry_bytes, error);

    if (status != VDISK_OK)
        return status;
    entry->descriptor = vdisk_load_be64(words);
    entry->bitmap = q->extended ? vdisk_load_be64(words + 8) : 0;
    return VDISK_OK;
}

/* What one L2 entry says about the guest bytes from some offset in its cluster on. */
static void entry_extent(struct qcow2 *q, const struct qcow2_entry *entry, uint32_t in_cluster,
                         struct vdisk_extent *extent)
{
    const uint64_t offset = entry->descriptor & QCOW2_OFFSET_MASK;

    extent->length_bytes = q->cluster_bytes - in_cluster;
    extent->kind = VDISK_EXTENT_DATA;
    if ((entry->descriptor & QCOW2_COMPRESSED) != 0)
        extent->kind = VDISK_EXTENT_COMPRESSED;
    else if ((entry->descriptor & QCOW2_ZERO) != 0)
        extent->kind = VDISK_EXTENT_ZERO;
    else if (offset == 0 && !(q->external && (entry->descriptor & QCOW2_COPIED) != 0))
        extent->kind = VDISK_EXTENT_UNALLOCATED;
    extent->file_offset_bytes = offset + in_cluster;
}

static enum vdisk_extent_kind subcluster_kind(uint64_t bitmap, uint32_t index)
{
    if ((bitmap >> index & 1) != 0)
        return VDISK_EXTENT_DATA;
    return (bitmap >> (index + 32) & 1) != 0 ? VDISK_EXTENT_ZERO : VDISK_EXTENT_UNALLOCATED;
}

/* With extended L2: as far as the subclusters are of one kind. */
static void bitmap_extent(struct qcow2 *q, const struct qcow2_entry *entry, uint32_t in_cluster,
                          struct vdisk_extent *extent)
{
    uint32_t index = in_cluster >> q->subcluster_bits;

    extent->kind = subcluster_kind(entry->bitmap, index);
    while (index < 32 && subcluster_kind(entry->bitmap, index) == extent->kind)
        index++;
    extent->length_bytes = ((uint64_t)index << q->subcluster_bits) - in_cluster;
    extent->file_offset_bytes = (entry->descriptor & QCOW2_OFFSET_MASK) + in_cluster;
}

/* Until the first write, the last cluster may be cut short by the end of the file: zeros. */
static void clip_to_file(struct qcow2 *q, struct vdisk_extent *extent)
{
    const uint64_t end = vdisk_align_down(q->data_bytes, VDISK_SECTOR_BYTES);

    if (extent->kind != VDISK_EXTENT_DATA ||
        atomic_load_explicit(&q->filled, memory_order_acquire) ||
        vdisk_range_within(extent->file_offset_bytes, extent->length_bytes, end))
        return;
    if (extent->file_offset_bytes >= end)
        extent->kind = VDISK_EXTENT_ZERO;
    else
        extent->length_bytes = end - extent->file_offset_bytes;
}

enum vdisk_status qcow2_load_entry(struct vdisk_image *image, uint64_t l2_offset,
                                   uint64_t offset_bytes, struct qcow2_entry *entry,
                                   struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    const uint32_t index = qcow2_l2_index(q, offset_bytes);
    const char *fault;
    enum vdisk_status status = qcow2_load_l2(image, l2_offset, index, entry, error);

    if (status != VDISK_OK)
        return status;
    fault = qcow2_l2_fault(q, qcow2_layout(q), entry, offset_bytes);
    if (fault != NULL)
        return vdisk_image_fail(image, error, VDISK_CORRUPT, "QCOW2 L2 table",
                                l2_offset + (uint64_t)index * q->entry_bytes, fault);
    return VDISK_OK;
}

enum vdisk_status qcow2_find_entry(struct vdisk_image *image, uint64_t offset_bytes,
                                   struct qcow2_entry *entry, struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    uint64_t l1_entry;
    enum vdisk_status status = qcow2_load_l1(
        image, qcow2_layout(q), offset_bytes >> (q->cluster_bits + q->l2_bits), &l1_entry, error);

    memset(entry, 0, sizeof *entry);
    if (status != VDISK_OK || (l1_entry & QCOW2_OFFSET_MASK) == 0)
        return status;
    return qcow2_load_entry(image, l1_entry & QCOW2_OFFSET_MASK, offset_bytes, entry, error);
}

/* The piece of the disk at offset_bytes that one entry describes. */
static enum vdisk_status map_entry(struct vdisk_image *image, uint64_t l1_entry,
                                   uint64_t offset_bytes, struct vdisk_extent *extent,
                                   struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    const uint32_t in_cluster = (uint32_t)offset_bytes & (q->cluster_bytes - 1);
    struct qcow2_entry entry;
    enum vdisk_status status =
        qcow2_load_entry(image, l1_entry & QCOW2_OFFSET_MASK, offset_bytes, &entry, error);

    if (status != VDISK_OK)
        return status;
    if (q->extended && (entry.descriptor & QCOW2_COMPRESSED) == 0)
        bitmap_extent(q, &entry, in_cluster, extent);
    else
        entry_extent(q, &entry, in_cluster, extent);
    clip_to_file(q, extent);
    extent->file = q->data_file;
    extent->shared = (l1_entry & entry.descriptor & QCOW2_COPIED) == 0;
    return VDISK_OK;
}

static bool continues(const struct vdisk_extent *run, const struct vdisk_extent *next)
{
    if (run->kind != next->kind)
        return false;
    if (run->kind != VDISK_EXTENT_DATA)
        return true;
    return run->shared == next->shared &&
           run->file_offset_bytes + run->length_bytes == next->file_offset_bytes;
}

/* Joins what one L2 table says. */
static enum vdisk_status map_table(struct vdisk_image *image, uint64_t l1_entry,
                                   uint64_t offset_bytes, uint64_t length_bytes,
                                   struct vdisk_extent *run, struct vdisk_error *error)
{
    enum vdisk_status status = map_entry(image, l1_entry, offset_bytes, run, error);

    while (status == VDISK_OK && run->length_bytes < length_bytes) {
        struct vdisk_extent next = {0};

        status = map_entry(image, l1_entry, offset_bytes + run->length_bytes, &next, error);
        if (status == VDISK_CORRUPT)
            status = VDISK_OK; /* the next call will say so */
        else if (status != VDISK_OK)
            break;
        if (next.length_bytes == 0 || !continues(run, &next))
            break;
        run->length_bytes += next.length_bytes;
    }
    if (run->length_bytes > length_bytes)
        run->length_bytes = length_bytes;
    return status;
}

enum vdisk_status qcow2_map(struct vdisk_image *image, uint64_t offset_bytes, uint64_t length_bytes,
                            struct vdisk_extent *extent, struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    const struct qcow2_layout *layout = qcow2_layout(q);
    const uint32_t span_bits = q->cluster_bits + q->l2_bits;
    const uint64_t left =
        (UINT64_C(1) << span_bits) - (offset_bytes & ((UINT64_C(1) << span_bits) - 1));
    uint64_t l1_entry;
    enum vdisk_status status =
        qcow2_load_l1(image, layout, offset_bytes >> span_bits, &l1_entry, error);

    if (status != VDISK_OK)
        return status;
    length_bytes = vdisk_min_u64(length_bytes, left);
    if ((l1_entry & QCOW2_OFFSET_MASK) != 0)
        return map_table(image, l1_entry, offset_bytes, length_bytes, extent, error);
    extent->kind = VDISK_EXTENT_UNALLOCATED;
    extent->length_bytes = length_bytes;
    return VDISK_OK;
}

static enum vdisk_status read_extent(struct vdisk_image *image, const struct vdisk_extent *extent,
                                     uint64_t offset_bytes, unsigned char *buffer,
                                     struct vdisk_error *error)
{
    const size_t length = (size_t)extent->length_bytes;

    switch (extent->kind) {
    case VDISK_EXTENT_DATA:
        return vdisk_file_read(extent->file, extent->file_offset_bytes, buffer, length, error);
    case VDISK_EXTENT_COMPRESSED:
        return qcow2_read_compressed(image, offset_bytes, buffer, length, error);
    case VDISK_EXTENT_UNALLOCATED:
        return vdisk_image_read_below(image, offset_bytes, buffer, length, error);
    case VDISK_EXTENT_ZERO:
        break;
    }
    memset(buffer, 0, length);
    return VDISK_OK;
}

enum vdisk_status qcow2_read_guest(struct vdisk_image *image, uint64_t offset_bytes,
                                   unsigned char *buffer, size_t length_bytes,
                                   struct vdisk_error *error)
{
    while (length_bytes != 0) {
        struct vdisk_extent extent = {0};
        enum vdisk_status status = qcow2_map(image, offset_bytes, length_bytes, &extent, error);

        if (status == VDISK_OK)
            status = read_extent(image, &extent, offset_bytes, buffer, error);
        if (status != VDISK_OK)
            return status;
        buffer += extent.length_bytes;
        offset_bytes += extent.length_bytes;
        length_bytes -= (size_t)extent.length_bytes;
    }
    return VDISK_OK;
}
