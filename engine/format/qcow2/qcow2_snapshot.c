/* The table of internal snapshots: read. */
#include "engine/format/qcow2/qcow2.h"
#include "engine/base/endian.h"

#define STRUCTURE   "QCOW2 snapshot table"
#define ENTRY_BYTES 40u

static enum vdisk_status entry_fail(struct vdisk_image *image, struct vdisk_error *error,
                                    uint64_t offset_bytes, const char *reason)
{
    return vdisk_image_fail(image, error, VDISK_CORRUPT, STRUCTURE, offset_bytes, reason);
}

static enum vdisk_status check_entry(struct vdisk_image *image, struct qcow2_snapshot *snapshot,
                                     uint64_t offset_bytes, uint64_t file_bytes,
                                     struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);

    if (snapshot->entry_offset + snapshot->entry_bytes > QCOW2_SNAPSHOT_TABLE_BYTES_MAX ||
        !vdisk_range_within(snapshot->id_offset,
                            (uint64_t)snapshot->id_bytes + snapshot->name_bytes,
                            file_bytes)) /* the last entry's padding may be missing */
        return entry_fail(image, error, offset_bytes, "an entry lies beyond the end of the file");
    if ((uint64_t)snapshot->l1_entries * 8 > QCOW2_L1_BYTES_MAX ||
        !vdisk_is_aligned(snapshot->l1_offset, q->cluster_bytes) ||
        !vdisk_range_within(snapshot->l1_offset, (uint64_t)snapshot->l1_entries * 8, file_bytes))
        return entry_fail(image, error, offset_bytes,
                          "a snapshot's L1 table is not a place in the file");
    if (snapshot->disk_bytes > INT64_MAX ||
        vdisk_div_up(snapshot->disk_bytes, UINT64_C(1) << (q->cluster_bits + q->l2_bits)) >
            snapshot->l1_entries)
        return entry_fail(image, error, offset_bytes,
                          "a snapshot's L1 table is too short for its disk");
    return VDISK_OK;
}

/* The disk's size is recorded in the extra data; without it, it is what it is now. */
static enum vdisk_status read_disk_size(struct vdisk_image *image, struct qcow2_snapshot *snapshot,
                                        uint64_t extra_offset, uint32_t extra_bytes,
                                        struct vdisk_error *error)
{
    unsigned char word[8];
    enum vdisk_status status;

    snapshot->disk_bytes = vdisk_load_be64(qcow2_of(image)->header + QCOW2_AT_SIZE);
    if (extra_bytes < 16)
        return VDISK_OK;
    status = vdisk_file_read(image->file, extra_offset + 8, word, sizeof word, error);
    if (status == VDISK_OK)
        snapshot->disk_bytes = vdisk_load_be64(word);
    return status;
}

enum vdisk_status qcow2_snapshot_next(struct vdisk_image *image, struct qcow2_snapshot *snapshot,
                                      struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    const uint64_t at = snapshot->entry_offset + snapshot->entry_bytes;
    const uint64_t offset = qcow2_layout(q)->snapshots_offset + at;
    unsigned char entry[ENTRY_BYTES];
    uint32_t extra;
    uint64_t file_bytes;
    enum vdisk_status status = vdisk_file_get_size(image->file, &file_bytes, error);

    if (status != VDISK_OK)
        return status;
    if (!vdisk_range_within(offset, sizeof entry, file_bytes))
        return entry_fail(image, error, offset, "an entry lies beyond the end of the file");
    status = vdisk_file_read(image->file, offset, entry, sizeof entry, error);
    if (status != VDISK_OK)
        return status;
    snapshot->l1_offset = vdisk_load_be64(entry);
    snapshot->l1_entries = vdisk_load_be32(entry + 8);
    snapshot->id_bytes = vdisk_load_be16(entry + 12);
    snapshot->name_bytes = vdisk_load_be16(entry + 14);
    snapshot->created_seconds = vdisk_load_be32(entry + 16);
    extra = vdisk_load_be32(entry + 36);
    snapshot->entry_offset = at;
    snapshot->entry_bytes =
        (ENTRY_BYTES + (uint64_t)extra + snapshot->id_bytes + snapshot->name_bytes + 7) &
        ~UINT64_C(7);
    snapshot->id_offset = offset + ENTRY_BYTES + extra;
    if (!vdisk_range_within(offset, snapshot->id_offset - offset, file_bytes))
        return entry_fail(image, error, offset, "an entry lies beyond the end of the file");
    status = read_disk_size(image, snapshot, offset + ENTRY_BYTES, extra, error);
    if (status == VDISK_OK)
        status = check_entry(image, snapshot, offset, file_bytes, error);
    return status;
}

enum vdisk_status qcow2_snapshot_measure(struct vdisk_image *image, struct qcow2_layout *layout,
                                         struct vdisk_error *error)
{
    struct qcow2_snapshot snapshot = {0};
    enum vdisk_status status = VDISK_OK;

    for (uint32_t i = 0; i < qcow2_of(image)->snapshot_count && status == VDISK_OK; i++)
        status = qcow2_snapshot_next(image, &snapshot, error);
    layout->snapshots_bytes = snapshot.entry_offset + snapshot.entry_bytes;
    return status;
}

/* Is the text at an offset of the file this string? */
static enum vdisk_status text_equals(struct vdisk_image *image, uint64_t offset_bytes,
                                     uint32_t length_bytes, const char *text, bool *equal,
                                     struct vdisk_error *error)
{
    enum vdisk_status status = VDISK_OK;

    *equal = strlen(text) == length_bytes;
    for (uint32_t done = 0; done < length_bytes && *equal && status == VDISK_OK; done += 64) {
        unsigned char piece[64];
        const uint32_t length = (uint32_t)vdisk_min_u64(sizeof piece, length_bytes - done);

        status = vdisk_file_read(image->file, offset_bytes + done, piece, length, error);
        *equal = status == VDISK_OK && memcmp(piece, text + done, length) == 0;
    }
    return status;
}

/* By id or by name; an id wins over another snapshot's name. */
static enum vdisk_status find_by(struct vdisk_image *image, const char *text, bool by_id,
                                 struct qcow2_snapshot *snapshot, uint32_t *index, bool *found,
                                 struct vdisk_error *error)
{
    enum vdisk_status status = VDISK_OK;

    memset(snapshot, 0, sizeof *snapshot);
    *found = false;
    for (*index = 0; *index < qcow2_of(image)->snapshot_count; ++*index) {
        status = qcow2_snapshot_next(image, snapshot, error);
        if (status == VDISK_OK && by_id)
            status =
                text_equals(image, snapshot->id_offset, snapshot->id_bytes, text, found, error);
        else if (status == VDISK_OK)
            status = text_equals(image, snapshot->id_offset + snapshot->id_bytes,
                                 snapshot->name_bytes, text, found, error);
        if (status != VDISK_OK || *found)
            return status;
    }
    return status;
}

enum vdisk_status qcow2_snapshot_find(struct vdisk_image *image, const char *name,
                                      struct qcow2_snapshot *snapshot, uint32_t *index,
                                      struct vdisk_error *error)
{
    bool found;
    enum vdisk_status status = find_by(image, name, true, snapshot, index, &found, error);

    if (status == VDISK_OK && !found)
        status = find_by(image, name, false, snapshot, index, &found, error);
    if (status == VDISK_OK && !found)
        return vdisk_image_fail(image, error, VDISK_NOT_FOUND, STRUCTURE, VDISK_NO_OFFSET,
                                "no snapshot has this id or name");
    return status;
}

/* As much of a text as fits, with a NUL. */
static enum vdisk_status read_text(struct vdisk_image *image, uint64_t offset_bytes,
                                   uint32_t length_bytes, char *text, size_t text_bytes,
                                   struct vdisk_error *error)
{
    const size_t length = vdisk_min_size(length_bytes, text_bytes - 1);

    text[length] = '\0';
    return vdisk_file_read(image->file, offset_bytes, text, length, error);
}

static enum vdisk_status snapshot_get(struct vdisk_image *image, uint32_t index,
                                      struct vdisk_snapshot *answer, struct vdisk_error *error)
{
    struct qcow2_snapshot snapshot = {0};
    enum vdisk_status status = VDISK_OK;

    if (index >= qcow2_of(image)->snapshot_count)
        return vdisk_image_fail(image, error, VDISK_NOT_FOUND, STRUCTURE, VDISK_NO_OFFSET, NULL);
    for (uint32_t i = 0; i <= index && status == VDISK_OK; i++)
        status = qcow2_snapshot_next(image, &snapshot, error);
    if (status == VDISK_OK)
        status = read_text(image, snapshot.id_offset, snapshot.id_bytes, answer->id,
                           sizeof answer->id, error);
    if (status == VDISK_OK)
        status = read_text(image, snapshot.id_offset + snapshot.id_bytes, snapshot.name_bytes,
                           answer->name, sizeof answer->name, error);
    answer->size_bytes = snapshot.disk_bytes;
    answer->created_seconds = snapshot.created_seconds;
    return status;
}

const struct vdisk_snapshot_ops qcow2_snapshot_ops = {
    .get = snapshot_get,
    .create = qcow2_snapshot_create,
    .remove = qcow2_snapshot_remove,
    .apply = qcow2_snapshot_apply,
};
