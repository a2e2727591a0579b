/*
 * Snapshots made, deleted and applied. A new table is written elsewhere and the header is switched
 * to it; what the new state refers to is counted before, what the old one referred to is released
 * after. In between the image is marked dirty, so that a writer after a power cut counts again.
 */
#include "engine/format/qcow2/qcow2.h"
#include "engine/base/endian.h"

#define STRUCTURE   "QCOW2 snapshot table"
#define ENTRY_BYTES 40u
#define EXTRA_BYTES 16u
#define COPY_BYTES  512u

/* A change of the table: the entries but one, or the entries and one more. */
struct table_change {
    uint64_t new_offset;
    uint64_t new_bytes;
    uint64_t clusters;
    uint32_t new_count;
};

/*
 * A change that failed half-way: the references are counted again, as they are now. Where that is
 * impossible the image stays dirty, and the next session does it.
 */
static enum vdisk_status settle(struct vdisk_image *image, enum vdisk_status status)
{
    if (status != VDISK_OK &&
        (qcow2_commit(image, NULL) != VDISK_OK || qcow2_rebuild(image, NULL) != VDISK_OK))
        qcow2_of(image)->failed = true;
    return status;
}

static enum vdisk_status copy_bytes(struct vdisk_image *image, uint64_t from, uint64_t to,
                                    uint64_t length_bytes, struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    enum vdisk_status status = VDISK_OK;

    for (uint64_t done = 0; done < length_bytes && status == VDISK_OK; done += COPY_BYTES) {
        const size_t piece = (size_t)vdisk_min_u64(COPY_BYTES, length_bytes - done);

        status = vdisk_file_read(image->file, from + done, q->page, piece, error);
        if (status == VDISK_OK)
            status = vdisk_file_write(image->file, to + done, q->page, piece, error);
    }
    return status;
}

static enum vdisk_status allocate_table(struct vdisk_image *image, struct table_change *change,
                                        struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    uint64_t first;
    enum vdisk_status status;

    if (change->new_bytes > QCOW2_SNAPSHOT_TABLE_BYTES_MAX ||
        change->new_count > QCOW2_SNAPSHOTS_MAX)
        return vdisk_image_fail(image, error, VDISK_NO_SPACE, STRUCTURE, VDISK_NO_OFFSET,
                                "the image has as many snapshots as it can hold");
    change->clusters = qcow2_clusters(q, change->new_bytes);
    if (change->clusters == 0)
        return VDISK_OK;
    status = qcow2_allocate_table(image, change->clusters, &first, error);
    change->new_offset = first << q->cluster_bits;
    return status;
}

/* Everything that was prepared is durable before the header is; then the old table is free. */
static enum vdisk_status switch_table(struct vdisk_image *image, const struct table_change *change,
                                      struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    struct qcow2_layout layout = *qcow2_layout(q);
    const uint64_t old_offset = layout.snapshots_offset;
    const uint64_t old_clusters = qcow2_clusters(q, layout.snapshots_bytes);
    enum vdisk_status status = qcow2_commit(image, error); /* the new table is counted as in use */

    if (status != VDISK_OK)
        return status;
    vdisk_store_be32(q->header + QCOW2_AT_SNAPSHOT_COUNT, change->new_count);
    vdisk_store_be64(q->header + QCOW2_AT_SNAPSHOT_OFFSET, change->new_offset);
    status = qcow2_header_switch(image, error);
    if (status != VDISK_OK)
        return status;
    layout.snapshots_offset = change->new_offset;
    layout.snapshots_bytes = change->new_bytes;
    q->snapshot_count = change->new_count;
    qcow2_publish(image, &layout);
    return qcow2_refcount_add(image, old_offset >> q->cluster_bits, old_clusters, -1, error);
}

/* Marks the image, changes it, and takes the mark away when all is right again. */
static enum vdisk_status begin_change(struct vdisk_image *image, struct vdisk_error *error)
{
    enum vdisk_status status;

    if (qcow2_of(image)->external)
        return vdisk_image_fail(image, error, VDISK_UNSUPPORTED, NULL, VDISK_NO_OFFSET,
                                "an image with a data file cannot have snapshots");
    status = qcow2_commit(image, error);
    if (status == VDISK_OK)
        status = qcow2_header_mark(image, QCOW2_DIRTY, true, error);
    return status;
}

static enum vdisk_status end_change(struct vdisk_image *image, struct vdisk_error *error)
{
    enum vdisk_status status = qcow2_walk_correct(image, error);

    if (status == VDISK_OK)
        status = qcow2_commit(image, error);
    if (status == VDISK_OK)
        status = qcow2_header_mark(image, QCOW2_DIRTY, false, error);
    return status;
}

/* A copy of an L1 table; its entries no longer own what they refer to. */
static enum vdisk_status copy_l1(struct vdisk_image *image, uint64_t from, uint32_t entries,
                                 uint64_t *to, struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    const uint64_t clusters = qcow2_clusters(q, (uint64_t)entries * 8);
    const uint32_t per_page = q->page_bytes / 8;
    uint64_t first;
    enum vdisk_status status = qcow2_allocate_table(image, clusters, &first, error);

    if (status != VDISK_OK)
        return status;
    *to = first << q->cluster_bits;
    vdisk_page_cache_forget(q->mapping, *to, clusters << q->cluster_bits);
    for (uint32_t i = 0; i < entries && status == VDISK_OK; i += per_page) {
        memset(q->page, 0, q->page_bytes);
        for (uint32_t k = 0; k < per_page && i + k < entries && status == VDISK_OK; k++) {
            uint64_t entry;

            status = qcow2_load_word(image, from + ((uint64_t)i + k) * 8, &entry, error);
            if (status == VDISK_OK)
                vdisk_store_be64(q->page + (size_t)k * 8, entry & ~QCOW2_COPIED);
        }
        if (status == VDISK_OK)
            status =
                vdisk_file_write(image->file, *to + (uint64_t)i * 8, q->page, q->page_bytes, error);
    }
    return status;
}

static uint64_t text_to_number(const unsigned char *text, uint32_t length)
{
    uint64_t number = 0;

    for (uint32_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9')
            return 0;
        number = number * 10 + (uint64_t)(text[i] - '0');
    }
    return number;
}

/* One more than the largest id that is a number. */
static enum vdisk_status new_id(struct vdisk_image *image, uint64_t *id, struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    struct qcow2_snapshot snapshot = {0};
    enum vdisk_status status = VDISK_OK;

    *id = 1;
    for (uint32_t i = 0; i < q->snapshot_count && status == VDISK_OK; i++) {
        unsigned char text[16];

        status = qcow2_snapshot_next(image, &snapshot, error);
        if (status != VDISK_OK || snapshot.id_bytes > sizeof text)
            continue;
        status = vdisk_file_read(image->file, snapshot.id_offset, text, snapshot.id_bytes, error);
        if (status == VDISK_OK)
            *id = vdisk_max_u64(*id, text_to_number(text, snapshot.id_bytes) + 1);
    }
    return status;
}

static uint32_t number_to_text(uint64_t number, unsigned char *text)
{
    unsigned char reversed[20];
    uint32_t length = 0;

    do {
        reversed[length++] = (unsigned char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    for (uint32_t i = 0; i < length; i++)
        text[i] = reversed[length - 1 - i];
    return length;
}

/* The new snapshot's entry, in q->page. */
static uint32_t make_entry(struct vdisk_image *image, const char *name, uint64_t id,
                           uint64_t l1_offset)
{
    struct qcow2 *q = qcow2_of(image);
    const uint32_t name_bytes = (uint32_t)strlen(name);
    unsigned char *entry = q->page;
    uint32_t id_bytes;

    memset(entry, 0, COPY_BYTES);
    id_bytes = number_to_text(id, entry + ENTRY_BYTES + EXTRA_BYTES);
    vdisk_store_be64(entry, l1_offset);
    vdisk_store_be32(entry + 8, qcow2_layout(q)->l1_entries);
    vdisk_store_be16(entry + 12, (uint16_t)id_bytes);
    vdisk_store_be16(entry + 14, (uint16_t)name_bytes);
    vdisk_store_be32(entry + 16, (uint32_t)vdisk_time());
    vdisk_store_be32(entry + 36, EXTRA_BYTES);
    vdisk_store_be64(entry + ENTRY_BYTES + 8, image->disk.size_bytes);
    memcpy(entry + ENTRY_BYTES + EXTRA_BYTES + id_bytes, name, name_bytes);
    return (ENTRY_BYTES + EXTRA_BYTES + id_bytes + name_bytes + 7) & ~7u;
}

static enum vdisk_status append_entry(struct vdisk_image *image, const char *name, uint64_t id,
                                      uint64_t l1_offset, struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    const struct qcow2_layout *layout = qcow2_layout(q);
    const uint32_t entry_bytes = make_entry(image, name, id, l1_offset);
    struct table_change change = {.new_bytes = layout->snapshots_bytes + entry_bytes,
                                  .new_count = q->snapshot_count + 1};
    enum vdisk_status status = allocate_table(image, &change, error);

    if (status == VDISK_OK)
        status = copy_bytes(image, layout->snapshots_offset, change.new_offset,
                            layout->snapshots_bytes, error);
    if (status != VDISK_OK)
        return status;
    (void)make_entry(image, name, id, l1_offset); /* the page was used for the copy */
    status = vdisk_file_write(image->file, change.new_offset + layout->snapshots_bytes, q->page,
                              entry_bytes, error);
    if (status == VDISK_OK)
        status = switch_table(image, &change, error);
    return status;
}

/*
 * The flags must say "shared", durably, before the snapshot exists; and whoever still writes in
 * place must be done.
 */
static enum vdisk_status share_everything(struct vdisk_image *image, struct vdisk_error *error)
{
    const struct qcow2_layout *layout = qcow2_layout(qcow2_of(image));
    enum vdisk_status status =
        qcow2_walk_add(image, layout->l1_offset, layout->l1_entries, 1, error);

    if (status == VDISK_OK)
        status = qcow2_walk_correct(image, error);
    if (status == VDISK_OK)
        vdisk_gate_drain(&image->gate);
    if (status == VDISK_OK)
        status = qcow2_commit(image, error);
    return status;
}

static enum vdisk_status check_new_name(struct vdisk_image *image, const char *name,
                                        struct vdisk_error *error)
{
    struct qcow2_snapshot snapshot;
    uint32_t index;
    enum vdisk_status status;

    if (name[0] == '\0' || strlen(name) >= sizeof((struct vdisk_snapshot *)0)->name)
        return vdisk_image_fail(image, error, VDISK_INVALID, NULL, VDISK_NO_OFFSET,
                                "a snapshot's name has 1 to 255 bytes");
    status = qcow2_snapshot_find(image, name, &snapshot, &index, error);
    if (status == VDISK_OK)
        return vdisk_image_fail(image, error, VDISK_EXISTS, NULL, VDISK_NO_OFFSET,
                                "there is a snapshot of this name or id");
    return status == VDISK_NOT_FOUND ? VDISK_OK : status;
}

enum vdisk_status qcow2_snapshot_create(struct vdisk_image *image, const char *name,
                                        struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    const struct qcow2_layout *layout = qcow2_layout(q);
    uint64_t id, l1_offset;
    enum vdisk_status status = check_new_name(image, name, error);

    if (status == VDISK_OK)
        status = qcow2_walk_intact(image, layout->l1_offset, layout->l1_entries, error);
    if (status == VDISK_OK)
        status = new_id(image, &id, error);
    if (status == VDISK_OK)
        status = begin_change(image, error);
    if (status != VDISK_OK)
        return status;
    status = share_everything(image, error);
    if (status == VDISK_OK)
        status = copy_l1(image, qcow2_layout(q)->l1_offset, qcow2_layout(q)->l1_entries, &l1_offset,
                         error);
    if (status == VDISK_OK)
        status = append_entry(image, name, id, l1_offset, error);
    if (status == VDISK_OK)
        status = end_change(image, error);
    return settle(image, status);
}

static enum vdisk_status remove_entry(struct vdisk_image *image,
                                      const struct qcow2_snapshot *snapshot,
                                      struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    const struct qcow2_layout *layout = qcow2_layout(q);
    const uint64_t after = snapshot->entry_offset + snapshot->entry_bytes;
    struct table_change change = {.new_bytes = layout->snapshots_bytes - snapshot->entry_bytes,
                                  .new_count = q->snapshot_count - 1};
    enum vdisk_status status = allocate_table(image, &change, error);

    if (status == VDISK_OK)
        status = copy_bytes(image, layout->snapshots_offset, change.new_offset,
                            snapshot->entry_offset, error);
    if (status == VDISK_OK)
        status = copy_bytes(image, layout->snapshots_offset + after,
                            change.new_offset + snapshot->entry_offset,
                            layout->snapshots_bytes - after, error);
    if (status == VDISK_OK)
        status = switch_table(image, &change, error);
    return status;
}

/* Nothing refers to an L1 table any more: lowers what it refers to, and frees it. */
static enum vdisk_status release_l1(struct vdisk_image *image, uint64_t l1_offset,
                                    uint32_t l1_entries, struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    enum vdisk_status status = qcow2_walk_add(image, l1_offset, l1_entries, -1, error);

    if (status == VDISK_OK)
        status = qcow2_refcount_add(image, l1_offset >> q->cluster_bits,
                                    qcow2_clusters(q, (uint64_t)l1_entries * 8), -1, error);
    return status;
}

enum vdisk_status qcow2_snapshot_remove(struct vdisk_image *image, const char *name,
                                        struct vdisk_error *error)
{
    struct qcow2_snapshot snapshot;
    uint32_t index;
    enum vdisk_status status = qcow2_snapshot_find(image, name, &snapshot, &index, error);

    if (status == VDISK_OK)
        status = qcow2_walk_intact(image, snapshot.l1_offset, snapshot.l1_entries, error);
    if (status == VDISK_OK)
        status = begin_change(image, error);
    if (status != VDISK_OK)
        return status;
    status = remove_entry(image, &snapshot, error);
    if (status == VDISK_OK)
        status = release_l1(image, snapshot.l1_offset, snapshot.l1_entries, error);
    if (status == VDISK_OK)
        status = end_change(image, error);
    return settle(image, status);
}

/* The header names the copy of the snapshot's L1 table, and the snapshot's size. */
static enum vdisk_status switch_l1(struct vdisk_image *image, const struct qcow2_snapshot *snapshot,
                                   uint64_t l1_offset, struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    struct qcow2_layout layout = *qcow2_layout(q);
    enum vdisk_status status;

    vdisk_store_be64(q->header + QCOW2_AT_SIZE, snapshot->disk_bytes);
    vdisk_store_be32(q->header + QCOW2_AT_L1_ENTRIES, snapshot->l1_entries);
    vdisk_store_be64(q->header + QCOW2_AT_L1_OFFSET, l1_offset);
    status = qcow2_header_switch(image, error);
    if (status != VDISK_OK)
        return status;
    layout.l1_offset = l1_offset;
    layout.l1_entries = snapshot->l1_entries;
    qcow2_publish(image, &layout);
    image->disk.size_bytes = snapshot->disk_bytes;
    return VDISK_OK;
}

enum vdisk_status qcow2_snapshot_apply(struct vdisk_image *image, const char *name,
                                       struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    const struct qcow2_layout old = *qcow2_layout(q);
    struct qcow2_snapshot snapshot;
    uint64_t l1_offset;
    uint32_t index;
    enum vdisk_status status = qcow2_snapshot_find(image, name, &snapshot, &index, error);

    if (status == VDISK_OK)
        status = qcow2_walk_intact(image, snapshot.l1_offset, snapshot.l1_entries, error);
    if (status == VDISK_OK)
        status = qcow2_walk_intact(image, old.l1_offset, old.l1_entries, error);
    if (status == VDISK_OK)
        status = begin_change(image, error);
    if (status != VDISK_OK)
        return status;
    status = copy_l1(image, snapshot.l1_offset, snapshot.l1_entries, &l1_offset, error);
    if (status == VDISK_OK)
        status = qcow2_walk_add(image, snapshot.l1_offset, snapshot.l1_entries, 1, error);
    if (status == VDISK_OK)
        status = qcow2_commit(image, error);
    if (status == VDISK_OK)
        status = switch_l1(image, &snapshot, l1_offset, error);
    if (status == VDISK_OK)
        status = release_l1(image, old.l1_offset, old.l1_entries, error);
    if (status == VDISK_OK)
        status = end_change(image, error);
    return settle(image, status);
}
