#include "engine/format/vmdk/vmdk_check.h"
#include "engine/format/vmdk/vmdk_inflate.h"
#include "engine/format/vmdk/vmdk_table.h"
#include "engine/format/vmdk/vmdk_twin.h"
#include "engine/format/vmdk/vmdk_write.h"

static const char table_structure[] = "VMDK grain table";

struct audit {
    struct vdisk_image *image;
    struct vmdk_extent *extent;
    struct vdisk_check *check;
    bool sound;                   /* nothing is left that might be wrong */
    struct vdisk_error complaint; /* of a lookup; here because kernel stacks are small */
};

static void report_corruption(struct audit *audit, bool repaired, const char *structure,
                              uint64_t offset_bytes, const char *reason)
{
    audit->sound = audit->sound && repaired;
    vdisk_check_report(audit->check, VDISK_FINDING_CORRUPTION, repaired, structure, offset_bytes,
                       reason);
}

/* Copies that differ: a power cut leaves that, and the next writer puts it right. */
static void report_difference(struct audit *audit, bool repaired, const char *structure,
                              uint64_t offset_bytes, const char *reason)
{
    if (audit->extent->unclean)
        vdisk_check_report(audit->check, VDISK_FINDING_NOTE, repaired, structure, offset_bytes,
                           reason);
    else
        report_corruption(audit, repaired, structure, offset_bytes, reason);
}

/* What a lookup complained about becomes a finding; other failures end the check. */
static enum vdisk_status take_complaint(struct audit *audit, enum vdisk_status status,
                                        struct vdisk_error *error)
{
    const struct vdisk_error *complaint = &audit->complaint;

    if (status != VDISK_CORRUPT) {
        if (status != VDISK_OK && error != NULL)
            *error = *complaint;
        return status;
    }
    report_corruption(audit, false, complaint->structure, complaint->offset_bytes,
                      complaint->reason);
    return VDISK_OK;
}

static uint64_t entry_place(struct audit *audit, uint64_t grain)
{
    struct vmdk_extent *extent = audit->extent;
    uint64_t table = 0;

    if (extent->index != NULL ||
        vmdk_table_find(extent, VMDK_COPY_FIRST, grain, &table, NULL) != VDISK_OK)
        return VDISK_NO_OFFSET;
    return table + (grain & ((UINT64_C(1) << extent->table_shift) - 1)) * extent->entry_bytes;
}

/* Both directories: every table lies where one can. */
static enum vdisk_status check_directories(struct audit *audit, struct vdisk_error *error)
{
    struct vmdk_extent *extent = audit->extent;
    enum vdisk_status status = VDISK_OK;

    for (uint64_t i = 0; i < extent->directory_entries && status == VDISK_OK; i++) {
        const uint64_t grain = i << extent->table_shift;
        uint64_t table, twin = 0;

        status = vmdk_table_find(extent, VMDK_COPY_FIRST, grain, &table, &audit->complaint);
        status = take_complaint(audit, status, error);
        if (status != VDISK_OK || extent->twin_directory_bytes == 0)
            continue;
        status = vmdk_table_find(extent, VMDK_COPY_TWIN, grain, &twin, &audit->complaint);
        status = take_complaint(audit, status, error);
        if (status == VDISK_OK && (table == 0) != (twin == 0))
            report_difference(audit, false, "VMDK grain directory",
                              extent->twin_directory_bytes + i * extent->entry_bytes,
                              "only one of the two copies has a table here");
    }
    return status;
}

/* Where a copy has no table at all, to fill it or to empty the other would be a guess. */
static bool both_tables(struct vmdk_extent *extent, uint64_t grain)
{
    uint64_t first, twin;

    return vmdk_table_find(extent, VMDK_COPY_FIRST, grain, &first, NULL) == VDISK_OK &&
           vmdk_table_find(extent, VMDK_COPY_TWIN, grain, &twin, NULL) == VDISK_OK && first != 0 &&
           twin != 0;
}

static enum vdisk_status check_difference(struct audit *audit, uint64_t grain, uint64_t first,
                                          uint64_t twin, struct vdisk_error *error)
{
    const uint64_t right = vmdk_twin_choose(audit->extent, grain, first, twin);
    const bool known = right <= VMDK_ENTRY_ZERO || vmdk_grain_fits(audit->extent, grain, right);
    const bool repair = audit->check->repair && known && both_tables(audit->extent, grain);
    enum vdisk_status status = VDISK_OK;

    if (repair)
        status = vmdk_entry_replace(audit->extent, grain, (uint32_t)right, error);
    if (status != VDISK_OK)
        return status;
    if (known) /* what cannot be is told when the entries are looked at */
        report_difference(audit, repair, table_structure, entry_place(audit, grain),
                          "the two copies of the table differ");
    return VDISK_OK;
}

static enum vdisk_status check_twins(struct audit *audit, struct vdisk_error *error)
{
    uint64_t grain = 0, first = 0, twin = 0;
    enum vdisk_status status = VDISK_OK;

    if (audit->extent->twin_directory_bytes == 0)
        return VDISK_OK;
    for (; status == VDISK_OK; grain++) {
        status = vmdk_twin_difference(audit->extent, &grain, &first, &twin, &audit->complaint);
        if (status == VDISK_NOT_FOUND)
            return VDISK_OK;
        if (status == VDISK_CORRUPT) { /* the tables are told elsewhere: on to the next one */
            grain |= (UINT64_C(1) << audit->extent->table_shift) - 1;
            status = VDISK_OK;
            continue;
        }
        if (status != VDISK_OK)
            return take_complaint(audit, status, error);
        status = check_difference(audit, grain, first, twin, error);
    }
    return status;
}

/* Inflating a compressed grain checks its marker, its size and its checksum. */
static enum vdisk_status check_grain(struct audit *audit, uint64_t grain, uint64_t sector,
                                     struct vdisk_error *error)
{
    struct vmdk_extent *extent = audit->extent;
    unsigned char byte;
    enum vdisk_status status;

    if (!vmdk_grain_fits(extent, grain, sector)) {
        report_corruption(audit, false, table_structure, entry_place(audit, grain),
                          "a grain lies outside of the file or in metadata");
        return VDISK_OK;
    }
    if (!vmdk_is_compressed(extent))
        return VDISK_OK;
    status = vmdk_inflate_read(vmdk_state(audit->image)->inflated, extent, grain, sector, 0, &byte,
                               sizeof byte, &audit->complaint);
    return take_complaint(audit, status, error);
}

static enum vdisk_status check_entries(struct audit *audit, struct vdisk_error *error)
{
    struct vmdk_extent *extent = audit->extent;
    const uint64_t end = vdisk_div_up(extent->length_bytes, vmdk_grain_bytes(extent));
    enum vdisk_status status = VDISK_OK;
    uint32_t count, wanted = VMDK_BATCH;

    for (uint64_t grain = 0; grain < end && status == VDISK_OK; grain += count) {
        uint64_t entries[VMDK_BATCH];

        grain = vmdk_table_skip(extent, grain, end);
        if (grain == end)
            break;
        count = (uint32_t)vdisk_min_u64(end - grain, wanted);
        status = vmdk_table_load(extent, VMDK_COPY_FIRST, grain, entries, &count, error);
        if (status == VDISK_CORRUPT && count > 1) { /* which of them? */
            wanted = 1;
            count = 0;
            status = VDISK_OK;
            continue;
        }
        wanted = (grain + count) % VMDK_BATCH == 0 ? VMDK_BATCH : wanted;
        if (status == VDISK_CORRUPT) {
            status = VDISK_OK;
            if (entry_place(audit, grain) != VDISK_NO_OFFSET)
                report_corruption(audit, false, table_structure, entry_place(audit, grain),
                                  "an entry is of no known kind");
            continue;
        }
        for (uint32_t i = 0; i < count && status == VDISK_OK; i++) {
            if (entries[i] > VMDK_ENTRY_ZERO)
                status = check_grain(audit, grain + i, entries[i], error);
        }
    }
    return status;
}

static enum vdisk_status finish(struct audit *audit, struct vdisk_error *error)
{
    struct vmdk_extent *extent = audit->extent;
    const unsigned char clean = 0;
    const bool repair = extent->unclean && audit->check->repair && audit->sound &&
                        extent->kind == VMDK_EXTENT_HOSTED;
    enum vdisk_status status = VDISK_OK;

    if (audit->check->repair)
        status = vmdk_extent_flush(extent, error);
    if (status == VDISK_OK && repair)
        status = vdisk_file_write(extent->file, VMDK_UNCLEAN_OFFSET, &clean, sizeof clean, error);
    if (status == VDISK_OK && repair)
        status = vdisk_file_flush(extent->file, error);
    if (status == VDISK_OK && extent->unclean)
        vdisk_check_report(audit->check, VDISK_FINDING_NOTE, repair, "VMDK header",
                           VMDK_UNCLEAN_OFFSET, "the extent was not closed by its last writer");
    return status;
}

static enum vdisk_status check_sparse(struct audit *audit, struct vdisk_error *error)
{
    enum vdisk_status status = VDISK_OK;

    if (audit->extent->index != NULL)
        vdisk_check_report(audit->check, VDISK_FINDING_NOTE, false, "VMDK footer", VDISK_NO_OFFSET,
                           "the stream has no usable tables; its grains were searched for");
    else
        status = check_directories(audit, error);
    if (status == VDISK_OK)
        status = check_twins(audit, error);
    if (status == VDISK_OK)
        status = check_entries(audit, error);
    if (status == VDISK_OK)
        status = vmdk_usage_check(audit->extent, audit->check, &audit->sound, error);
    return status == VDISK_OK ? finish(audit, error) : status;
}

static enum vdisk_status check_extent(struct audit *audit, struct vdisk_error *error)
{
    if (vmdk_is_sparse(audit->extent) && audit->extent->file != NULL)
        return check_sparse(audit, error);
    if (audit->extent->file == NULL && audit->extent->kind != VMDK_EXTENT_ZERO)
        report_corruption(audit, false, "VMDK extent", VDISK_NO_OFFSET,
                          "the file of an extent is missing");
    return VDISK_OK;
}

enum vdisk_status vmdk_check(struct vdisk_image *image, struct vdisk_check *check,
                             struct vdisk_error *error)
{
    struct vmdk_state *state = vmdk_state(image);
    struct audit *audit = vdisk_alloc(sizeof *audit);
    enum vdisk_status status = VDISK_OK;

    if (audit == NULL)
        return vdisk_image_fail(image, error, VDISK_NO_MEMORY, NULL, VDISK_NO_OFFSET, NULL);
    audit->image = image;
    audit->check = check;
    for (uint32_t i = 0; i < state->extent_count && status == VDISK_OK; i++) {
        audit->extent = &state->extents[i];
        audit->sound = true;
        status = check_extent(audit, error);
    }
    vdisk_free(audit);
    return status;
}
