/* The header's fields: read, checked, switched to new tables. */
#include "engine/format/qcow2/qcow2.h"
#include "engine/base/endian.h"

#define STRUCTURE "QCOW2 header"

static enum vdisk_status header_fail(struct vdisk_image *image, struct vdisk_error *error,
                                     enum vdisk_status status, uint32_t at, const char *reason)
{
    return vdisk_image_fail(image, error, status, STRUCTURE, at, reason);
}

uint64_t qcow2_header_features(const struct qcow2 *q, uint32_t at)
{
    return q->version < 3 ? 0 : vdisk_load_be64(q->header + at);
}

enum vdisk_status qcow2_header_switch(struct vdisk_image *image, struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    enum vdisk_status status = qcow2_flush_file(image, error);

    if (status != VDISK_OK)
        return status;
    status = vdisk_file_write(image->file, 0, q->header, sizeof q->header, error);
    if (status == VDISK_OK)
        status = qcow2_flush_file(image, error);
    else
        q->failed = true; /* which header the file has is unknown */
    return status;
}

enum vdisk_status qcow2_header_mark(struct vdisk_image *image, uint64_t feature, bool set,
                                    struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    const uint64_t old = qcow2_header_features(q, QCOW2_AT_INCOMPATIBLE);
    const uint64_t features = set ? old | feature : old & ~feature;
    enum vdisk_status status;

    if (q->version < 3 || features == old)
        return VDISK_OK;
    vdisk_store_be64(q->header + QCOW2_AT_INCOMPATIBLE, features);
    status = qcow2_header_switch(image, error);
    if (status != VDISK_OK)
        vdisk_store_be64(q->header + QCOW2_AT_INCOMPATIBLE, old);
    return status;
}

static enum vdisk_status read_header(struct vdisk_image *image, uint64_t *file_bytes,
                                     struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    enum vdisk_status status = vdisk_file_get_size(image->file, file_bytes, error);

    if (status != VDISK_OK)
        return status;
    if (*file_bytes < QCOW2_V2_HEADER_BYTES)
        return header_fail(image, error, VDISK_WRONG_FORMAT, 0, "the file is too short for it");
    status = vdisk_file_read(image->file, 0, q->header,
                             (size_t)vdisk_min_u64(*file_bytes, sizeof q->header), error);
    if (status != VDISK_OK)
        return status;
    if (vdisk_load_be32(q->header) != QCOW2_MAGIC)
        return header_fail(image, error, VDISK_WRONG_FORMAT, 0, "the magic is missing");
    q->version = vdisk_load_be32(q->header + QCOW2_AT_VERSION);
    if (q->version != 2 && q->version != 3)
        return header_fail(image, error, VDISK_UNSUPPORTED, QCOW2_AT_VERSION,
                           "only versions 2 and 3 are known");
    return VDISK_OK;
}

/* The sizes that everything else is computed from. */
static enum vdisk_status read_geometry(struct vdisk_image *image, struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    const uint64_t features = qcow2_header_features(q, QCOW2_AT_INCOMPATIBLE);

    q->cluster_bits = vdisk_load_be32(q->header + QCOW2_AT_CLUSTER_BITS);
    q->extended = (features & QCOW2_EXTENDED_L2) != 0;
    q->external = (features & QCOW2_DATA_FILE) != 0;
    if (q->cluster_bits > QCOW2_CLUSTER_BITS_MAX ||
        q->cluster_bits < (q->extended ? QCOW2_EXTENDED_CLUSTER_BITS_MIN : QCOW2_CLUSTER_BITS_MIN))
        return header_fail(image, error, VDISK_CORRUPT, QCOW2_AT_CLUSTER_BITS,
                           "the size of clusters is out of range");
    q->refcount_order = q->version < 3 ? 4 : vdisk_load_be32(q->header + QCOW2_AT_REFCOUNT_ORDER);
    if (q->refcount_order > 6)
        return header_fail(image, error, VDISK_CORRUPT, QCOW2_AT_REFCOUNT_ORDER,
                           "refcounts of more than 64 bits");
    q->cluster_bytes = 1u << q->cluster_bits;
    q->page_bytes = q->cluster_bytes < VDISK_PAGE_BYTES ? q->cluster_bytes : VDISK_PAGE_BYTES;
    q->entry_bytes = q->extended ? 16 : 8;
    q->l2_bits = q->cluster_bits - (q->extended ? 4 : 3);
    q->subcluster_bits = q->extended ? q->cluster_bits - 5 : q->cluster_bits;
    q->block_bits = q->cluster_bits + 3 - q->refcount_order;
    return VDISK_OK;
}

static enum vdisk_status read_compression(struct vdisk_image *image, struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    const bool other = (qcow2_header_features(q, QCOW2_AT_INCOMPATIBLE) & QCOW2_COMPRESSION) != 0;

    q->compression_type =
        q->header_bytes > QCOW2_AT_COMPRESSION_TYPE ? q->header[QCOW2_AT_COMPRESSION_TYPE] : 0;
    if (other != (q->compression_type != 0))
        return header_fail(image, error, VDISK_CORRUPT, QCOW2_AT_COMPRESSION_TYPE,
                           "the type of compression contradicts the features");
    if (q->compression_type > 1)
        return header_fail(image, error, VDISK_UNSUPPORTED, QCOW2_AT_COMPRESSION_TYPE,
                           "only zlib and zstd are known");
    return VDISK_OK;
}

static enum vdisk_status read_lengths(struct vdisk_image *image, struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);

    q->header_bytes = QCOW2_V2_HEADER_BYTES;
    if (q->version >= 3)
        q->header_bytes = vdisk_load_be32(q->header + QCOW2_AT_HEADER_LENGTH);
    if (q->version >= 3 &&
        (q->header_bytes < QCOW2_V3_HEADER_BYTES || q->header_bytes > q->cluster_bytes ||
         !vdisk_is_aligned(q->header_bytes, 8)))
        return header_fail(image, error, VDISK_CORRUPT, QCOW2_AT_HEADER_LENGTH,
                           "the header's length is impossible");
    if (vdisk_load_be32(q->header + QCOW2_AT_CRYPT) != 0)
        return header_fail(image, error, VDISK_UNSUPPORTED, QCOW2_AT_CRYPT,
                           "the image is encrypted");
    return VDISK_OK;
}

/* A table in whole clusters, inside the file. */
static bool table_is_sane(const struct qcow2 *q, uint64_t offset_bytes, uint64_t length_bytes,
                          uint64_t file_bytes)
{
    return vdisk_is_aligned(offset_bytes, q->cluster_bytes) && offset_bytes >= q->cluster_bytes &&
           vdisk_range_within(offset_bytes, length_bytes, file_bytes);
}

static enum vdisk_status read_l1(struct vdisk_image *image, struct qcow2_layout *layout,
                                 uint64_t file_bytes, struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    const uint64_t needed =
        vdisk_div_up(image->disk.size_bytes, UINT64_C(1) << (q->cluster_bits + q->l2_bits));

    layout->l1_entries = vdisk_load_be32(q->header + QCOW2_AT_L1_ENTRIES);
    layout->l1_offset = vdisk_load_be64(q->header + QCOW2_AT_L1_OFFSET);
    if ((uint64_t)layout->l1_entries * 8 > QCOW2_L1_BYTES_MAX)
        return header_fail(image, error, VDISK_UNSUPPORTED, QCOW2_AT_L1_ENTRIES,
                           "the L1 table is larger than 32 MiB");
    if (needed > layout->l1_entries)
        return header_fail(image, error, VDISK_CORRUPT, QCOW2_AT_L1_ENTRIES,
                           "the L1 table is too short for the disk");
    if (!table_is_sane(q, layout->l1_offset, (uint64_t)layout->l1_entries * 8, file_bytes))
        return header_fail(image, error, VDISK_CORRUPT, QCOW2_AT_L1_OFFSET,
                           "the L1 table is not a place in the file");
    return VDISK_OK;
}

static enum vdisk_status read_table(struct vdisk_image *image, struct qcow2_layout *layout,
                                    uint64_t file_bytes, struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    uint64_t length;

    layout->table_offset = vdisk_load_be64(q->header + QCOW2_AT_TABLE_OFFSET);
    layout->table_clusters = vdisk_load_be32(q->header + QCOW2_AT_TABLE_CLUSTERS);
    length = (uint64_t)layout->table_clusters << q->cluster_bits;
    if (layout->table_clusters == 0 || length > QCOW2_TABLE_BYTES_MAX)
        return header_fail(image, error, VDISK_CORRUPT, QCOW2_AT_TABLE_CLUSTERS,
                           "the refcount table is empty or larger than 8 MiB");
    if (!table_is_sane(q, layout->table_offset, length, file_bytes))
        return header_fail(image, error, VDISK_CORRUPT, QCOW2_AT_TABLE_OFFSET,
                           "the refcount table is not a place in the file");
    if (vdisk_ranges_overlap(layout->table_offset, length, layout->l1_offset,
                             (uint64_t)layout->l1_entries * 8))
        return header_fail(image, error, VDISK_CORRUPT, QCOW2_AT_TABLE_OFFSET,
                           "the refcount table overlaps the L1 table");
    return VDISK_OK;
}

static enum vdisk_status read_snapshots(struct vdisk_image *image, struct qcow2_layout *layout,
                                        uint64_t file_bytes, struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);

    q->snapshot_count = vdisk_load_be32(q->header + QCOW2_AT_SNAPSHOT_COUNT);
    layout->snapshots_offset = vdisk_load_be64(q->header + QCOW2_AT_SNAPSHOT_OFFSET);
    if (q->snapshot_count == 0) {
        layout->snapshots_offset = 0;
        return VDISK_OK;
    }
    if (q->snapshot_count > QCOW2_SNAPSHOTS_MAX)
        return header_fail(image, error, VDISK_CORRUPT, QCOW2_AT_SNAPSHOT_COUNT,
                           "more snapshots than the format allows");
    if (!table_is_sane(q, layout->snapshots_offset, 0, file_bytes))
        return header_fail(image, error, VDISK_CORRUPT, QCOW2_AT_SNAPSHOT_OFFSET,
                           "the snapshot table is not a place in the file");
    return VDISK_OK;
}

static enum vdisk_status create_caches(struct vdisk_image *image, struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    enum vdisk_status status =
        vdisk_page_cache_create(image->file, "QCOW2 L1 or L2 table", q->page_bytes,
                                QCOW2_CACHE_BYTES / q->page_bytes, &q->mapping, error);

    if (status == VDISK_OK)
        status =
            vdisk_page_cache_create(image->file, "QCOW2 refcount table or block", q->page_bytes,
                                    QCOW2_CACHE_BYTES / 4 / q->page_bytes, &q->refcounts, error);
    return status;
}

/* A check can still tell what is wrong with the L2 tables when the refcount table is lost. */
static enum vdisk_status read_tables(struct vdisk_image *image, bool for_check, uint64_t file_bytes,
                                     struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    struct qcow2_layout *layout = &q->layouts[0];
    enum vdisk_status status = read_l1(image, layout, file_bytes, error);

    if (status != VDISK_OK)
        return status;
    status = read_table(image, layout, file_bytes, error);
    if (status != VDISK_OK && for_check)
        layout->table_clusters = 0;
    else if (status != VDISK_OK)
        return status;
    status = read_snapshots(image, layout, file_bytes, error);
    if (status == VDISK_OK)
        status = qcow2_snapshot_measure(image, layout, error);
    return status;
}

enum vdisk_status qcow2_header_open(struct vdisk_image *image,
                                    const struct vdisk_open_options *options,
                                    struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    uint64_t file_bytes, features;
    enum vdisk_status status = read_header(image, &file_bytes, error);

    if (status != VDISK_OK)
        return status;
    image->disk.size_bytes = vdisk_load_be64(q->header + QCOW2_AT_SIZE);
    if (image->disk.size_bytes > INT64_MAX)
        return header_fail(image, error, VDISK_CORRUPT, QCOW2_AT_SIZE, "the disk is too large");
    status = read_geometry(image, error);
    if (status == VDISK_OK)
        status = read_lengths(image, error);
    if (status == VDISK_OK)
        status = qcow2_extensions_open(image, options, error);
    if (status == VDISK_OK)
        status = read_compression(image, error);
    if (status == VDISK_OK)
        status = create_caches(image, error);
    if (status == VDISK_OK)
        status = read_tables(image, options->for_check, file_bytes, error);
    if (status != VDISK_OK)
        return status;
    features = qcow2_header_features(q, QCOW2_AT_INCOMPATIBLE);
    if ((features & QCOW2_CORRUPT) != 0)
        image->disk.read_only = true;
    q->raw_external =
        q->external && (qcow2_header_features(q, QCOW2_AT_AUTOCLEAR) & QCOW2_RAW_EXTERNAL) != 0;
    return VDISK_OK;
}
