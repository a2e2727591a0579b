/*
 * QCOW2, versions 2 and 3 ("Qcow2 Image File Format", docs/interop/qcow2.txt of QEMU). All numbers
 * are big-endian; everything but compressed data is placed in whole clusters of 512 B .. 2 MiB.
 *
 *   cluster 0      header (72 bytes in version 2, 104 and more in version 3)
 *                  header extensions {type, length, data padded to 8} ... end
 *                  name of the backing file
 *   anywhere       L1 table         8 bytes an entry -> L2 tables            (section Cluster
 * mapping) L2 tables        one cluster each, 8 bytes an entry (16 with extended L2) refcount table
 * 8 bytes an entry -> refcount blocks      (Host cluster management) refcount blocks  one cluster
 * each, 1..64 bits a host cluster snapshot table   -> an L1 table for each snapshot (Snapshots)
 *                  bitmaps          directory -> tables -> clusters          (Bitmaps)
 *                  data clusters; compressed data at any byte
 *
 *   L1 entry       63 COPIED | 62..56 0 | 55..9 L2 table | 8..0 0
 *   L2 entry       63 COPIED | 62 = 0 | 61..56 0 | 55..9 cluster | 8..1 0 | 0 reads as zeros (v3)
 *   compressed     62 = 1 | 61..x sectors beyond the first | x-1..0 byte offset; x = 70 -
 * cluster_bits extended L2    the entry, then 63..32 subcluster is zero | 31..0 subcluster is
 * allocated
 *
 * Order of writes. Metadata changes stay in two page caches until a commit (a guest's flush, or a
 * cache that is full):
 *
 *   A  guest data, the contents of new L2 tables and of new refcount blocks: written when they are
 *      made. Refcounts that were raised or lowered, entries of the refcount table: written at the
 *      start of the commit.
 *   F  flush
 *   B  L2 entries and L1 entries
 *   F  flush
 *   C  references that B took away: their refcounts are lowered in memory, to be written in the
 *      next commit's A. Clusters that fall to zero may be given out again from here on.
 *
 * Why a power cut at any point is harmless: all that B makes reachable was made durable, and
 * counted, by A. A cut within A leaves raised refcounts without references (leaks). Within B every
 * entry is 8 (or 16) aligned bytes in one sector: it is the old or the new one, and both are
 * counted, because lowering waits for C. A new L2 table is zeros (or a copy of the shared table
 * that it replaces) before an L1 entry can point to it; entries of it are then no different from
 * others. A new refcount block must be durable before the refcount table names it, and named before
 * what it counts is referenced; so blocks are made ahead of need, by a commit (contents in A, table
 * entry in the A of the next one), and only where they run out between commits does making more
 * cost a flush of its own. A table that moves (refcount table, L1, snapshots) is written elsewhere,
 * flushed, and the header is switched to it by the write of one sector, which is flushed before the
 * old place is freed. Operations on snapshots change refcounts and COPIED flags of everything at
 * once: they run under the dirty bit (version 3), which makes the next writer count again; in
 * version 2 their order alone leaves at worst leaks and clusters that are copied without need.
 */
#ifndef VIRTUALDISK_ENGINE_QCOW2_H
#define VIRTUALDISK_ENGINE_QCOW2_H

#include "engine/format/format.h"
#include "virtualdisk/codec.h"

#define QCOW2_MAGIC        0x514649fbu
#define QCOW2_SECTOR_BYTES 512u

#define QCOW2_V2_HEADER_BYTES 72u
#define QCOW2_V3_HEADER_BYTES 104u
#define QCOW2_HEADER_BYTES    112u /* as written by us: with the compression type and its padding */

/* Offsets of header fields. */
#define QCOW2_AT_VERSION          4
#define QCOW2_AT_BACKING_OFFSET   8
#define QCOW2_AT_BACKING_LENGTH   16
#define QCOW2_AT_CLUSTER_BITS     20
#define QCOW2_AT_SIZE             24
#define QCOW2_AT_CRYPT            32
#define QCOW2_AT_L1_ENTRIES       36
#define QCOW2_AT_L1_OFFSET        40
#define QCOW2_AT_TABLE_OFFSET     48
#define QCOW2_AT_TABLE_CLUSTERS   56
#define QCOW2_AT_SNAPSHOT_COUNT   60
#define QCOW2_AT_SNAPSHOT_OFFSET  64
#define QCOW2_AT_INCOMPATIBLE     72
#define QCOW2_AT_AUTOCLEAR        88
#define QCOW2_AT_REFCOUNT_ORDER   96
#define QCOW2_AT_HEADER_LENGTH    100
#define QCOW2_AT_COMPRESSION_TYPE 104

/* Incompatible features. */
#define QCOW2_DIRTY              (UINT64_C(1) << 0)
#define QCOW2_CORRUPT            (UINT64_C(1) << 1)
#define QCOW2_DATA_FILE          (UINT64_C(1) << 2)
#define QCOW2_COMPRESSION        (UINT64_C(1) << 3)
#define QCOW2_EXTENDED_L2        (UINT64_C(1) << 4)
#define QCOW2_KNOWN_INCOMPATIBLE UINT64_C(0x1f)

/* Autoclear features. */
#define QCOW2_RAW_EXTERNAL (UINT64_C(1) << 1)

/* Types of header extensions. */
#define QCOW2_EXT_END            0u
#define QCOW2_EXT_BACKING_FORMAT 0xe2792acau
#define QCOW2_EXT_FEATURE_NAMES  0x6803f857u
#define QCOW2_EXT_BITMAPS        0x23852875u
#define QCOW2_EXT_DATA_FILE      0x44415441u

/* Entries of the L1 and L2 tables. */
#define QCOW2_COPIED        (UINT64_C(1) << 63)
#define QCOW2_COMPRESSED    (UINT64_C(1) << 62)
#define QCOW2_ZERO          UINT64_C(1)
#define QCOW2_OFFSET_MASK   UINT64_C(0x00fffffffffffe00)
#define QCOW2_L1_RESERVED   UINT64_C(0x7f000000000001ff)
#define QCOW2_L2_RESERVED   UINT64_C(0x3f000000000001fe)
#define QCOW2_ALL_ALLOCATED UINT64_C(0x00000000ffffffff)
#define QCOW2_ALL_ZERO      UINT64_C(0xffffffff00000000)

/* Limits: the spec's, and QEMU's where the spec has none. */
#define QCOW2_CLUSTER_BITS_MIN          9u
#define QCOW2_CLUSTER_BITS_MAX          21u
#define QCOW2_EXTENDED_CLUSTER_BITS_MIN 14u
#define QCOW2_L1_BYTES_MAX              (UINT64_C(32) << 20)
#define QCOW2_TABLE_BYTES_MAX           (UINT64_C(8) << 20)
#define QCOW2_NAME_BYTES_MAX            1023u
#define QCOW2_FORMAT_NAME_BYTES         32u
#define QCOW2_SNAPSHOTS_MAX             65536u
#define QCOW2_SNAPSHOT_TABLE_BYTES_MAX  (UINT64_C(64) << 20)
#define QCOW2_HOST_BYTES_MAX            (UINT64_C(1) << 56)

#define QCOW2_CACHE_BYTES  (UINT32_C(4) << 20) /* of each of the two page caches */
#define QCOW2_PIECE_BYTES  (UINT32_C(1) << 20) /* largest copy at once */
#define QCOW2_PENDING_MAX  1024u
#define QCOW2_INFLATED_MAX 4u
#define QCOW2_COVER_BYTES  (UINT64_C(64) << 20) /* refcount blocks are made for this much */

/*
 * Where the tables are. Readers use it without a lock: it is replaced as a whole (qcow2_publish).
 */
struct qcow2_layout {
    uint64_t l1_offset;
    uint64_t table_offset; /* the refcount table's */
    uint64_t snapshots_offset;
    uint64_t snapshots_bytes;
    uint32_t l1_entries;
    uint32_t table_clusters;
};

/* An L2 entry as it is stored; `bitmap` only with extended L2. */
struct qcow2_entry {
    uint64_t descriptor;
    uint64_t bitmap;
};

/* References that a commit will have removed for good. */
struct qcow2_pending {
    uint64_t first_cluster;
    uint64_t cluster_count;
};

/* A cluster that was decompressed. */
struct qcow2_inflated {
    struct vdisk_mutex lock;
    uint64_t descriptor; /* protected by lock; 0: nothing */
    unsigned char *data; /* protected by lock; one cluster, or NULL */
};

struct qcow2_bitmaps {
    uint64_t directory_offset;
    uint64_t directory_bytes; /* 0: the image has none */
    uint32_t count;
};

struct qcow2 {
    /* immutable after open */
    uint32_t version;
    uint32_t cluster_bits;
    uint32_t cluster_bytes;
    uint32_t page_bytes;
    uint32_t entry_bytes;     /* of an L2 entry: 8 or 16 */
    uint32_t l2_bits;         /* log2 of the entries of an L2 table */
    uint32_t subcluster_bits; /* equal to cluster_bits without extended L2 */
    uint32_t refcount_order;
    uint32_t block_bits; /* log2 of the entries of a refcount block */
    uint32_t header_bytes;
    uint32_t compression_type; /* 0 zlib, 1 zstd */
    bool extended;
    bool external;                /* guest data is in data_file, at the guest's offset */
    bool raw_external;            /* data_file must read as the raw disk */
    bool compress;                /* whole clusters are written compressed */
    struct vdisk_file *data_file; /* image->file unless external */
    uint64_t data_bytes;          /* of data_file at open */
    struct qcow2_bitmaps bitmaps;
    char parent_format[QCOW2_FORMAT_NAME_BYTES];

    struct vdisk_page_cache *mapping;   /* L1 and L2 tables */
    struct vdisk_page_cache *refcounts; /* refcount table and blocks */

    _Atomic(struct qcow2_layout *) layout; /* one of layouts */
    atomic_bool filled;                    /* the files were extended to whole clusters */
    atomic_uint end_units; /* 2 MiB units of data_file that are, or are being, used */
    struct qcow2_inflated inflated[QCOW2_INFLATED_MAX];

    /* protected by the allocation lock */
    struct qcow2_layout layouts[2];
    unsigned char header[QCOW2_SECTOR_BYTES]; /* the file's first sector */
    uint64_t search_cluster;                  /* every cluster before it is in use */
    uint64_t pack_offset; /* where the next compressed cluster may begin; 0: nowhere */
    uint32_t snapshot_count;
    uint32_t pending_count;
    uint64_t spare_first; /* refcount blocks that were made but are not in the table yet */
    uint64_t spare_cluster;
    uint64_t spare_count;
    bool failed;     /* a flush failed: what reached the disk is unknown */
    bool committing; /* within a commit: no other one, and nothing grows */
    bool allocating; /* free clusters were found and are not taken yet: nobody else may look */
    struct qcow2_pending *pending;
    unsigned char *piece;  /* min(cluster, QCOW2_PIECE_BYTES): what is being copied */
    unsigned char *page;   /* VDISK_PAGE_BYTES: what is being searched */
    unsigned char *packed; /* one cluster, or NULL: what was compressed */
};

static inline struct qcow2 *qcow2_of(struct vdisk_image *image)
{
    return image->state;
}

static inline struct qcow2_layout *qcow2_layout(struct qcow2 *q)
{
    return atomic_load_explicit(&q->layout, memory_order_acquire);
}

static inline uint32_t qcow2_l2_index(const struct qcow2 *q, uint64_t offset_bytes)
{
    return (uint32_t)(offset_bytes >> q->cluster_bits) & ((1u << q->l2_bits) - 1);
}

static inline uint64_t qcow2_clusters(const struct qcow2 *q, uint64_t length_bytes)
{
    return vdisk_div_up(length_bytes, q->cluster_bytes);
}

/* qcow2_header.c: the header, its extensions, the names in it. */
enum vdisk_status qcow2_header_open(struct vdisk_image *image,
                                    const struct vdisk_open_options *options,
                                    struct vdisk_error *error);
/* Writes q->header, between two flushes. */
enum vdisk_status qcow2_header_switch(struct vdisk_image *image, struct vdisk_error *error);
/* Sets or clears an incompatible feature, flushed. Nothing happens in version 2. */
enum vdisk_status qcow2_header_mark(struct vdisk_image *image, uint64_t feature, bool set,
                                    struct vdisk_error *error);
uint64_t qcow2_header_features(const struct qcow2 *q, uint32_t at);

/* qcow2_extension.c: header extensions, and the files that the header names. */
struct qcow2_extension {
    uint64_t data_offset;
    uint32_t type;
    uint32_t length_bytes;
};
/* Starts with *extension zeroed: the next one each time, at last one of type END. */
enum vdisk_status qcow2_extension_next(struct vdisk_image *image, struct qcow2_extension *extension,
                                       struct vdisk_error *error);
enum vdisk_status qcow2_extensions_open(struct vdisk_image *image,
                                        const struct vdisk_open_options *options,
                                        struct vdisk_error *error);
bool qcow2_name_is_plain(const char *name);
const char *qcow2_format_to_qemu(const char *name);

/* qcow2_backing.c: the names that a header gives. */
struct qcow2_backing {
    const char *name;   /* NULL: none */
    const char *format; /* NULL: none */
};
/* Extensions and names from `at` on, in a header of at most a page; false: they do not fit. */
bool qcow2_write_names(unsigned char *header, uint32_t at, uint32_t cluster_bytes,
                       const struct qcow2_backing *backing);
enum vdisk_status qcow2_set_parent(struct vdisk_image *image, struct vdisk_image *parent,
                                   const char *parent_name, const char *parent_absolute_name,
                                   struct vdisk_error *error);

/* qcow2_map.c: from the guest's offsets to the file's. */
void qcow2_publish(struct vdisk_image *image, const struct qcow2_layout *layout);
void qcow2_note_end(struct qcow2 *q, uint64_t end_bytes);
/* Does a range touch the header or one of the tables that `layout` names? */
bool qcow2_overlaps_tables(const struct qcow2 *q, const struct qcow2_layout *layout,
                           uint64_t offset_bytes, uint64_t length_bytes);
/* What is wrong with an L1 entry (static text), or NULL. */
const char *qcow2_l1_fault(struct qcow2 *q, const struct qcow2_layout *layout, uint64_t entry);
/* What is wrong with an L2 entry for the cluster at guest_offset_bytes, or NULL. */
const char *qcow2_l2_fault(struct qcow2 *q, const struct qcow2_layout *layout,
                           const struct qcow2_entry *entry, uint64_t guest_offset_bytes);
/* An entry of any L1 table, as it is; then one of the active L1 table, checked. */
enum vdisk_status qcow2_load_word(struct vdisk_image *image, uint64_t offset_bytes, uint64_t *word,
                                  struct vdisk_error *error);
enum vdisk_status qcow2_load_l1(struct vdisk_image *image, const struct qcow2_layout *layout,
                                uint64_t index, uint64_t *entry, struct vdisk_error *error);
enum vdisk_status qcow2_load_l2(struct vdisk_image *image, uint64_t l2_offset, uint32_t index,
                                struct qcow2_entry *entry, struct vdisk_error *error);
/* The checked L2 entry of a guest offset in a table. */
enum vdisk_status qcow2_load_entry(struct vdisk_image *image, uint64_t l2_offset,
                                   uint64_t offset_bytes, struct qcow2_entry *entry,
                                   struct vdisk_error *error);
/* The same, looked up from the top; all zeros where there is no table. */
enum vdisk_status qcow2_find_entry(struct vdisk_image *image, uint64_t offset_bytes,
                                   struct qcow2_entry *entry, struct vdisk_error *error);
enum vdisk_status qcow2_map(struct vdisk_image *image, uint64_t offset_bytes, uint64_t length_bytes,
                            struct vdisk_extent *extent, struct vdisk_error *error);
/* The guest's bytes, from this image or from below. */
enum vdisk_status qcow2_read_guest(struct vdisk_image *image, uint64_t offset_bytes,
                                   unsigned char *buffer, size_t length_bytes,
                                   struct vdisk_error *error);

/* qcow2_compressed.c: compressed clusters. */
struct qcow2_stream {
    uint64_t offset_bytes;
    uint32_t length_bytes; /* upper bound: to the end of the last sector */
};
enum vdisk_codec qcow2_codec(const struct qcow2 *q);
struct qcow2_stream qcow2_stream_of(const struct qcow2 *q, uint64_t descriptor);
enum vdisk_status qcow2_read_compressed(struct vdisk_image *image, uint64_t offset_bytes,
                                        void *buffer, size_t length_bytes,
                                        struct vdisk_error *error);
/*
 * Writes one cluster compressed; *descriptor is its L2 entry, or 0 when it would not be smaller.
 */
enum vdisk_status qcow2_write_compressed(struct vdisk_image *image, const void *cluster,
                                         uint64_t *descriptor, struct vdisk_error *error);
void qcow2_forget_inflated(struct qcow2 *q);

/* qcow2_refcount.c: reference counts. */
uint64_t qcow2_refcount_max(const struct qcow2 *q);
enum vdisk_status qcow2_table_load(struct vdisk_image *image, uint64_t index,
                                   uint64_t *block_offset, struct vdisk_error *error);
/* Clusters that no block describes count 0. */
enum vdisk_status qcow2_refcount_get(struct vdisk_image *image, uint64_t cluster, uint64_t *count,
                                     struct vdisk_error *error);
/* The cluster must have a block. */
enum vdisk_status qcow2_refcount_set(struct vdisk_image *image, uint64_t cluster, uint64_t count,
                                     struct vdisk_error *error);
/* Raises or lowers (addend 1 or -1) the counts of a run. */
enum vdisk_status qcow2_refcount_add(struct vdisk_image *image, uint64_t cluster, uint64_t count,
                                     int addend, struct vdisk_error *error);
/* An entry of a refcount block's bytes. */
uint64_t qcow2_refcount_peek(const struct qcow2 *q, const unsigned char *block, uint32_t index);
void qcow2_refcount_poke(const struct qcow2 *q, unsigned char *block, uint32_t index,
                         uint64_t count);

/* qcow2_allocate.c: host clusters. */
/* At least one and at most `wanted` clusters in a row; their counts are 1. */
enum vdisk_status qcow2_allocate(struct vdisk_image *image, uint64_t wanted, uint64_t *first,
                                 uint64_t *count, struct vdisk_error *error);
/* Exactly `count` clusters in a row. */
enum vdisk_status qcow2_allocate_table(struct vdisk_image *image, uint64_t count, uint64_t *first,
                                       struct vdisk_error *error);
/* Takes back what nothing has referred to yet. */
void qcow2_unallocate(struct vdisk_image *image, uint64_t first, uint64_t count);
/* Before the first write: no live table may look free. */
enum vdisk_status qcow2_verify_tables(struct vdisk_image *image, struct vdisk_error *error);

/* qcow2_grow.c: more refcount blocks, a larger refcount table. */
enum vdisk_status qcow2_grow_refcounts(struct vdisk_image *image, uint64_t block_index,
                                       struct vdisk_error *error);
/* Makes blocks ahead of need, without a flush: the first half before, the second after one. */
enum vdisk_status qcow2_prepare_blocks(struct vdisk_image *image, struct vdisk_error *error);
enum vdisk_status qcow2_link_blocks(struct vdisk_image *image, struct vdisk_error *error);

/* qcow2_commit.c: what makes changes durable. */
enum vdisk_status qcow2_store(struct vdisk_image *image, struct vdisk_page_cache *cache,
                              uint64_t offset_bytes, const void *data, uint32_t length_bytes,
                              struct vdisk_error *error);
enum vdisk_status qcow2_commit(struct vdisk_image *image, struct vdisk_error *error);
/* The references to a run of clusters were removed (in memory): lower their counts in time. */
enum vdisk_status qcow2_drop(struct vdisk_image *image, uint64_t first, uint64_t count,
                             struct vdisk_error *error);
/* What an L2 entry referred to. */
enum vdisk_status qcow2_drop_entry(struct vdisk_image *image, const struct qcow2_entry *entry,
                                   struct vdisk_error *error);
/* Commits when caches or lists are near their limits. */
enum vdisk_status qcow2_make_room(struct vdisk_image *image, struct vdisk_error *error);
enum vdisk_status qcow2_flush_file(struct vdisk_image *image, struct vdisk_error *error);
/* Extends the image's file (and then the data file, too) to whole clusters. */
enum vdisk_status qcow2_fill_file(struct vdisk_image *image, uint64_t *file_bytes,
                                  struct vdisk_error *error);
enum vdisk_status qcow2_fill_files(struct vdisk_image *image, struct vdisk_error *error);
enum vdisk_status qcow2_end_write(struct vdisk_image *image, struct vdisk_error *error);

/* qcow2_l2.c: L2 tables that are about to change. */
/* The L2 table for a guest offset, made or copied when it must be. */
enum vdisk_status qcow2_own_l2(struct vdisk_image *image, uint64_t offset_bytes,
                               uint64_t *l2_offset, struct vdisk_error *error);
enum vdisk_status qcow2_store_l1(struct vdisk_image *image, uint64_t index, uint64_t entry,
                                 struct vdisk_error *error);
enum vdisk_status qcow2_store_l2(struct vdisk_image *image, uint64_t l2_offset, uint32_t index,
                                 const struct qcow2_entry *entry, struct vdisk_error *error);

/* qcow2_write.c, qcow2_zero.c */
enum vdisk_status qcow2_write_new(struct vdisk_image *image, uint64_t offset_bytes,
                                  const void *buffer, size_t length_bytes, size_t *done_bytes,
                                  struct vdisk_error *error);
/* As write_new, for a range within one cluster; a NULL buffer writes zeros. */
enum vdisk_status qcow2_write_part(struct vdisk_image *image, uint64_t offset_bytes,
                                   const unsigned char *buffer, size_t length_bytes,
                                   size_t *done_bytes, struct vdisk_error *error);
enum vdisk_status qcow2_zero(struct vdisk_image *image, uint64_t offset_bytes,
                             uint64_t length_bytes, uint64_t *done_bytes,
                             struct vdisk_error *error);

/* qcow2_create.c, qcow2_resize.c */
enum vdisk_status qcow2_create(struct vdisk_file *file, const struct vdisk_create_options *options,
                               struct vdisk_error *error);
enum vdisk_status qcow2_resize(struct vdisk_image *image, uint64_t size_bytes,
                               struct vdisk_error *error);

/* qcow2_snapshot.c: the table of snapshots. */
struct qcow2_snapshot {
    uint64_t entry_offset; /* within the table */
    uint64_t entry_bytes;
    uint64_t l1_offset;
    uint64_t disk_bytes;
    uint32_t l1_entries;
    uint32_t created_seconds;
    uint16_t id_bytes;
    uint16_t name_bytes;
    uint64_t id_offset; /* in the file; the name follows */
};
/* Starts with *snapshot zeroed: the next entry each time; the caller counts. */
enum vdisk_status qcow2_snapshot_next(struct vdisk_image *image, struct qcow2_snapshot *snapshot,
                                      struct vdisk_error *error);
enum vdisk_status qcow2_snapshot_find(struct vdisk_image *image, const char *name,
                                      struct qcow2_snapshot *snapshot, uint32_t *index,
                                      struct vdisk_error *error);
/* Measures the table at open: sets layout->snapshots_bytes. */
enum vdisk_status qcow2_snapshot_measure(struct vdisk_image *image, struct qcow2_layout *layout,
                                         struct vdisk_error *error);
extern const struct vdisk_snapshot_ops qcow2_snapshot_ops;

/* qcow2_snapshot_change.c */
enum vdisk_status qcow2_snapshot_create(struct vdisk_image *image, const char *name,
                                        struct vdisk_error *error);
enum vdisk_status qcow2_snapshot_remove(struct vdisk_image *image, const char *name,
                                        struct vdisk_error *error);
enum vdisk_status qcow2_snapshot_apply(struct vdisk_image *image, const char *name,
                                       struct vdisk_error *error);

/* qcow2_walk.c: the entries of an L1 table and of the L2 tables under it. */
struct qcow2_visit {
    bool in_l1;     /* an L1 entry; else an L2 entry */
    uint32_t index; /* in its table */
    uint64_t table_offset;
    uint64_t place_bytes; /* of the entry in the file */
    struct qcow2_entry entry;
    const char *fault; /* what is wrong with it, or NULL */
};
typedef enum vdisk_status qcow2_visitor(struct vdisk_image *image, const struct qcow2_visit *visit,
                                        void *context, struct vdisk_error *error);
/* Empty entries are left out; what lies under an L1 entry with a fault, too. */
enum vdisk_status qcow2_walk(struct vdisk_image *image, uint64_t l1_offset, uint32_t l1_entries,
                             qcow2_visitor *visitor, void *context, struct vdisk_error *error);
/* The clusters that an intact entry refers to; false: none that are counted. */
bool qcow2_visit_clusters(const struct qcow2 *q, const struct qcow2_visit *visit, uint64_t *first,
                          uint64_t *count);
/* Fails on the first entry with a fault. */
enum vdisk_status qcow2_walk_intact(struct vdisk_image *image, uint64_t l1_offset,
                                    uint32_t l1_entries, struct vdisk_error *error);
/* Raises or lowers the counts of everything that is referred to. */
enum vdisk_status qcow2_walk_add(struct vdisk_image *image, uint64_t l1_offset, uint32_t l1_entries,
                                 int addend, struct vdisk_error *error);
/* COPIED says, in the active tables, that the count is exactly one. */
enum vdisk_status qcow2_copied_is_right(struct vdisk_image *image, const struct qcow2_visit *visit,
                                        bool *right, struct vdisk_error *error);
enum vdisk_status qcow2_walk_correct(struct vdisk_image *image, struct vdisk_error *error);

/* qcow2_census.c: who refers to which cluster. */
#define QCOW2_CENSUS_CLUSTERS (UINT32_C(1) << 18) /* of one window */
#define QCOW2_CENSUS_TABLE    UINT32_C(0x80000000)
#define QCOW2_CENSUS_L2       UINT32_C(0x40000000)
#define QCOW2_CENSUS_DATA     UINT32_C(0x20000000)
#define QCOW2_CENSUS_PACKED   UINT32_C(0x10000000)
#define QCOW2_CENSUS_COUNT    UINT32_C(0x0fffffff)

struct qcow2_census {
    uint64_t file_clusters;
    uint64_t first_cluster; /* of the window */
    uint32_t *counts;       /* for each cluster of the window: kinds of users, and their number */
    bool without_refcounts; /* the refcount table and its blocks do not count */
    struct vdisk_check *check; /* where faulty entries are reported, once; or NULL */
};
enum vdisk_status qcow2_census_create(struct vdisk_image *image, struct qcow2_census *census,
                                      struct vdisk_error *error);
void qcow2_census_destroy(struct qcow2_census *census);
void qcow2_census_mark(struct qcow2_census *census, uint64_t first, uint64_t count, uint32_t kind);
enum vdisk_status qcow2_census_count(struct vdisk_image *image, struct qcow2_census *census,
                                     uint64_t first_cluster, struct vdisk_error *error);

/* qcow2_check.c, qcow2_rebuild.c */
enum vdisk_status qcow2_check(struct vdisk_image *image, struct vdisk_check *check,
                              struct vdisk_error *error);
/* Counts again, into new blocks and a new table; makes the COPIED flags right. */
enum vdisk_status qcow2_rebuild(struct vdisk_image *image, struct vdisk_error *error);

extern const struct vdisk_format vdisk_format_qcow2;

#endif
