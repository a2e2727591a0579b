/*
 * New images:
 *
 *   header | refcount table | refcount blocks | L1 table
 *
 * Version 3, unless the subformat says otherwise.
 */
#include "engine/format/qcow2/qcow2.h"
#include "engine/base/endian.h"

#define DEFAULT_CLUSTER_BITS 16
#define REFCOUNT_ORDER       4

static const struct subformat {
    const char *name;
    uint32_t version;
    uint64_t features; /* incompatible ones */
} subformats[] = {
    {"v3", 3, 0},
    {"v2", 2, 0},
    {"extended-l2", 3, QCOW2_EXTENDED_L2},
    {"zstd", 3, QCOW2_COMPRESSION},
};

/* Where everything goes, in clusters. */
struct plan {
    const struct subformat *subformat;
    uint32_t cluster_bits;
    uint64_t table_clusters;
    uint64_t block_clusters;
    uint64_t l1_clusters;
    uint64_t l1_entries;
};

static uint64_t entries_per_block(const struct plan *plan)
{
    return UINT64_C(1) << (plan->cluster_bits + 3 - REFCOUNT_ORDER);
}

static uint64_t plan_clusters(const struct plan *plan)
{
    return 1 + plan->table_clusters + plan->block_clusters + plan->l1_clusters;
}

/* Blocks for what is there from the start, and for the first data. */
static void plan_blocks(struct plan *plan, uint64_t disk_bytes)
{
    const uint64_t data = vdisk_min_u64(disk_bytes, QCOW2_COVER_BYTES) >> plan->cluster_bits;

    do {
        plan->block_clusters++;
    } while (plan->block_clusters * entries_per_block(plan) < plan_clusters(plan) + data);
}

static const struct subformat *find_subformat(const char *name)
{
    if (name == NULL)
        return &subformats[0];
    for (size_t i = 0; i < sizeof subformats / sizeof subformats[0]; i++) {
        if (strcmp(subformats[i].name, name) == 0)
            return &subformats[i];
    }
    return NULL;
}

static const char *options_fault(const struct vdisk_create_options *options, uint32_t cluster,
                                 const struct subformat *subformat)
{
    uint32_t minimum;

    if (subformat == NULL)
        return "the kinds are v3, v2, extended-l2 and zstd";
    minimum = (subformat->features & QCOW2_EXTENDED_L2) != 0 ? QCOW2_EXTENDED_CLUSTER_BITS_MIN
                                                             : QCOW2_CLUSTER_BITS_MIN;
    if (!vdisk_is_power_of_two(cluster) || cluster < 1u << minimum ||
        cluster > 1u << QCOW2_CLUSTER_BITS_MAX)
        return "clusters must have 512 bytes (16 KiB with extended L2) to 2 MiB, a power of two";
    if (options->logical_sector_bytes != VDISK_SECTOR_BYTES)
        return "QCOW2 knows only sectors of 512 bytes";
    return NULL;
}

static enum vdisk_status make_plan(const struct vdisk_file *file,
                                   const struct vdisk_create_options *options, struct plan *plan,
                                   struct vdisk_error *error)
{
    const uint32_t cluster =
        options->block_bytes == 0 ? 1u << DEFAULT_CLUSTER_BITS : options->block_bytes;
    const struct subformat *subformat = find_subformat(options->subformat);
    const char *fault = options_fault(options, cluster, subformat);
    uint32_t l2_bits;
    uint64_t blocks;

    if (fault != NULL)
        return vdisk_fail(error, VDISK_INVALID, file->name, NULL, VDISK_NO_OFFSET, fault);
    memset(plan, 0, sizeof *plan);
    plan->subformat = subformat;
    while (1u << plan->cluster_bits < cluster)
        plan->cluster_bits++;
    l2_bits = plan->cluster_bits - ((subformat->features & QCOW2_EXTENDED_L2) != 0 ? 4 : 3);
    plan->l1_entries =
        vdisk_div_up(options->size_bytes, UINT64_C(1) << (plan->cluster_bits + l2_bits));
    if (plan->l1_entries * 8 > QCOW2_L1_BYTES_MAX)
        return vdisk_fail(error, VDISK_INVALID, file->name, NULL, VDISK_NO_OFFSET,
                          "clusters of this size cannot hold a disk that large");
    plan->l1_clusters = vdisk_div_up(plan->l1_entries * 8, cluster);
    /* Room in the table for the whole disk, its L2 tables (an eighth at most) and more. */
    blocks = vdisk_div_up((options->size_bytes >> plan->cluster_bits) / 4 * 5 + 1024,
                          entries_per_block(plan));
    plan->table_clusters = vdisk_div_up(vdisk_min_u64(blocks * 8, QCOW2_TABLE_BYTES_MAX), cluster);
    plan_blocks(plan, options->size_bytes);
    return VDISK_OK;
}

static void fill_fields(const struct plan *plan, const struct vdisk_create_options *options,
                        unsigned char *header)
{
    const uint64_t l1_cluster = 1 + plan->table_clusters + plan->block_clusters;

    vdisk_store_be32(header, QCOW2_MAGIC);
    vdisk_store_be32(header + QCOW2_AT_VERSION, plan->subformat->version);
    vdisk_store_be32(header + QCOW2_AT_CLUSTER_BITS, plan->cluster_bits);
    vdisk_store_be64(header + QCOW2_AT_SIZE, options->size_bytes);
    vdisk_store_be32(header + QCOW2_AT_L1_ENTRIES, (uint32_t)plan->l1_entries);
    vdisk_store_be64(header + QCOW2_AT_L1_OFFSET, l1_cluster << plan->cluster_bits);
    vdisk_store_be64(header + QCOW2_AT_TABLE_OFFSET, UINT64_C(1) << plan->cluster_bits);
    vdisk_store_be32(header + QCOW2_AT_TABLE_CLUSTERS, (uint32_t)plan->table_clusters);
    if (plan->subformat->version < 3)
        return;
    vdisk_store_be64(header + QCOW2_AT_INCOMPATIBLE, plan->subformat->features);
    vdisk_store_be32(header + QCOW2_AT_REFCOUNT_ORDER, REFCOUNT_ORDER);
    vdisk_store_be32(header + QCOW2_AT_HEADER_LENGTH, QCOW2_HEADER_BYTES);
    header[QCOW2_AT_COMPRESSION_TYPE] = (plan->subformat->features & QCOW2_COMPRESSION) != 0;
}

static enum vdisk_status fill_parent(const struct vdisk_file *file,
                                     const struct vdisk_create_options *options,
                                     const struct plan *plan, unsigned char *header,
                                     struct vdisk_error *error)
{
    const struct qcow2_backing backing = {
        .name = options->parent_name,
        .format = options->parent == NULL ? NULL : options->parent->format->name};

    if (options->parent != NULL && (backing.name == NULL || !qcow2_name_is_plain(backing.name)))
        return vdisk_fail(error, VDISK_INVALID, file->name, "QCOW2 backing file", VDISK_NO_OFFSET,
                          "the parent must be named relative to the image, without ':'");
    if (!qcow2_write_names(
            header, plan->subformat->version < 3 ? QCOW2_V2_HEADER_BYTES : QCOW2_HEADER_BYTES,
            UINT32_C(1) << plan->cluster_bits, &backing))
        return vdisk_fail(error, VDISK_INVALID, file->name, "QCOW2 backing file", VDISK_NO_OFFSET,
                          "the parent's name is too long");
    return VDISK_OK;
}

static enum vdisk_status write_table(struct vdisk_file *file, const struct plan *plan,
                                     unsigned char *page, struct vdisk_error *error)
{
    const uint64_t first_block = 1 + plan->table_clusters;
    enum vdisk_status status = VDISK_OK;

    for (uint64_t index = 0; index < plan->block_clusters && status == VDISK_OK; index += 64) {
        memset(page, 0, 512);
        for (uint64_t i = 0; i < 64 && index + i < plan->block_clusters; i++)
            vdisk_store_be64(page + i * 8, (first_block + index + i) << plan->cluster_bits);
        status = vdisk_file_write(file, (UINT64_C(1) << plan->cluster_bits) + index * 8, page, 512,
                                  error);
    }
    return status;
}

/* The blocks are neighbours: their entries run through. */
static enum vdisk_status write_counts(struct vdisk_file *file, const struct plan *plan,
                                      unsigned char *page, struct vdisk_error *error)
{
    const uint64_t offset = (1 + plan->table_clusters) << plan->cluster_bits;
    const uint64_t used = plan_clusters(plan);
    enum vdisk_status status = VDISK_OK;

    for (uint64_t index = 0; index < used && status == VDISK_OK; index += 256) {
        memset(page, 0, 512);
        for (uint64_t i = 0; i < 256 && index + i < used; i++)
            vdisk_store_be16(page + i * 2, 1);
        status = vdisk_file_write(file, offset + index * 2, page, 512, error);
    }
    return status;
}

static enum vdisk_status write_image(struct vdisk_file *file,
                                     const struct vdisk_create_options *options,
                                     const struct plan *plan, unsigned char *page,
                                     struct vdisk_error *error)
{
    const uint32_t header_bytes =
        (uint32_t)vdisk_min_u64(UINT64_C(1) << plan->cluster_bits, VDISK_PAGE_BYTES);
    enum vdisk_status status =
        vdisk_file_set_size(file, plan_clusters(plan) << plan->cluster_bits, error);

    if (status == VDISK_OK)
        status = write_table(file, plan, page, error);
    if (status == VDISK_OK)
        status = write_counts(file, plan, page, error);
    if (status == VDISK_OK)
        status = vdisk_file_flush(file, error);
    if (status != VDISK_OK)
        return status;
    memset(page, 0, VDISK_PAGE_BYTES);
    fill_fields(plan, options, page);
    status = fill_parent(file, options, plan, page, error);
    if (status == VDISK_OK)
        status = vdisk_file_write(file, 0, page, header_bytes, error);
    if (status == VDISK_OK)
        status = vdisk_file_flush(file, error);
    return status;
}

enum vdisk_status qcow2_create(struct vdisk_file *file, const struct vdisk_create_options *options,
                               struct vdisk_error *error)
{
    unsigned char *page;
    struct plan plan;
    enum vdisk_status status = make_plan(file, options, &plan, error);

    if (status != VDISK_OK)
        return status;
    page = vdisk_alloc(VDISK_PAGE_BYTES);
    if (page == NULL)
        return vdisk_fail(error, VDISK_NO_MEMORY, file->name, NULL, VDISK_NO_OFFSET, NULL);
    status = write_image(file, options, &plan, page, error);
    vdisk_free(page);
    return status;
}
