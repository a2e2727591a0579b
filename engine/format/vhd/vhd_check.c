#include "engine/format/vhd/vhd_state.h"

#define BUCKETS (256u << 10) /* looked at in one pass over the table: 1 MiB */

struct vhd_audit {
    struct vdisk_image *image;
    struct vhd_state *state;
    const struct vhd_layout *layout;
    struct vdisk_check *check;
    uint64_t allocated_count; /* blocks that are where they may be */
    uint64_t end_bytes;       /* of the last block or area */
    bool unrepaired;          /* entries point where no block can be */

    /* Blocks by where they begin, in units of a block: 1 + distance from there; 0: none. */
    uint32_t *buckets;
    uint64_t first_bucket;
    uint32_t bucket_count;
    uint32_t before; /* the last bucket of the pass before */
};

static void report(struct vhd_audit *audit, enum vdisk_finding_kind kind, bool repaired,
                   const char *structure, uint64_t offset_bytes, const char *reason)
{
    vdisk_check_report(audit->check, kind, repaired, structure, offset_bytes, reason);
}

static enum vdisk_status store_unallocated(struct vhd_audit *audit, uint64_t entry_offset,
                                           struct vdisk_error *error)
{
    struct vdisk_page_cache *table = audit->layout->table;
    const uint64_t page = vdisk_align_down(entry_offset, VHD_PAGE_BYTES);
    const uint32_t entry = VHD_UNALLOCATED;
    enum vdisk_status status = vdisk_page_cache_store(table, page, (uint32_t)(entry_offset - page),
                                                      &entry, VHD_ENTRY_BYTES, error);

    if (status != VDISK_NO_SPACE)
        return status;
    status = vdisk_page_cache_write_back(table, NULL, NULL, error);
    if (status == VDISK_OK)
        status = vdisk_page_cache_store(table, page, (uint32_t)(entry_offset - page), &entry,
                                        VHD_ENTRY_BYTES, error);
    return status;
}

/* A block of which the file has nothing at all is lost: its entry only keeps it from use. */
static enum vdisk_status judge_beyond(struct vhd_audit *audit, uint64_t entry_offset,
                                      uint64_t block_offset, struct vdisk_error *error)
{
    const bool repair = audit->check->repair && block_offset >= vhd_limit(audit->state);
    enum vdisk_status status = VDISK_OK;

    if (repair)
        status = store_unallocated(audit, entry_offset, error);
    if (status != VDISK_OK)
        return status;
    audit->unrepaired = audit->unrepaired || !repair;
    report(audit, VDISK_FINDING_CORRUPTION, repair, "VHD block table", entry_offset,
           "an entry points beyond the end of the file");
    return VDISK_OK;
}

/* False for what is no block. */
static bool is_sound(const struct vhd_audit *audit, uint32_t block, uint32_t raw_entry)
{
    const uint64_t offset = (uint64_t)raw_entry * VDISK_SECTOR_BYTES;
    const uint64_t used =
        audit->state->bitmap_bytes + vhd_block_used_bytes(audit->state, audit->layout, block);

    return raw_entry != VHD_UNALLOCATED &&
           vdisk_range_within(offset, used, vhd_limit(audit->state)) &&
           !vhd_layout_has_area(audit->layout, offset, used);
}

static enum vdisk_status judge_entry(void *context, uint32_t block, uint32_t raw_entry,
                                     struct vdisk_error *error)
{
    struct vhd_audit *audit = context;
    const uint64_t entry_offset = audit->layout->table_offset + (uint64_t)block * VHD_ENTRY_BYTES;
    const uint64_t offset = (uint64_t)raw_entry * VDISK_SECTOR_BYTES;
    const uint64_t used =
        audit->state->bitmap_bytes + vhd_block_used_bytes(audit->state, audit->layout, block);

    if (raw_entry == VHD_UNALLOCATED)
        return VDISK_OK;
    if (!vdisk_range_within(offset, used, vhd_limit(audit->state)))
        return judge_beyond(audit, entry_offset, offset, error);
    if (vhd_layout_has_area(audit->layout, offset, used)) {
        audit->unrepaired = true;
        report(audit, VDISK_FINDING_CORRUPTION, false, "VHD block table", entry_offset,
               "an entry points into the image's own structures");
        return VDISK_OK;
    }
    audit->allocated_count++;
    audit->end_bytes = vdisk_max_u64(audit->end_bytes, offset + vhd_pitch(audit->state));
    return VDISK_OK;
}

static void report_shared(struct vhd_audit *audit, uint64_t offset_bytes)
{
    report(audit, VDISK_FINDING_CORRUPTION, false, "VHD block", offset_bytes,
           "two blocks of the disk share this space");
}

/* Two blocks that begin within the same unit overlap. */
static enum vdisk_status sort_entry(void *context, uint32_t block, uint32_t raw_entry,
                                    struct vdisk_error *error)
{
    struct vhd_audit *audit = context;
    const uint64_t offset = (uint64_t)raw_entry * VDISK_SECTOR_BYTES;
    const uint64_t bucket = offset / vhd_pitch(audit->state);

    (void)error;
    if (bucket < audit->first_bucket || bucket - audit->first_bucket >= audit->bucket_count ||
        !is_sound(audit, block, raw_entry))
        return VDISK_OK;
    if (audit->buckets[bucket - audit->first_bucket] != 0)
        report_shared(audit, offset);
    else
        audit->buckets[bucket - audit->first_bucket] =
            (uint32_t)(offset % vhd_pitch(audit->state)) + 1;
    return VDISK_OK;
}

/* A block that begins further into its unit than the next one does reaches into that. */
static void compare_neighbours(struct vhd_audit *audit)
{
    for (uint32_t index = 0; index < audit->bucket_count; index++) {
        const uint32_t distance = audit->buckets[index];

        if (distance != 0 && audit->before > distance)
            report_shared(audit,
                          (audit->first_bucket + index) * vhd_pitch(audit->state) + (distance - 1));
        audit->before = distance;
    }
}

static enum vdisk_status find_shared(struct vhd_audit *audit, struct vdisk_error *error)
{
    const uint64_t total = vhd_limit(audit->state) / vhd_pitch(audit->state) + 1;
    enum vdisk_status status = VDISK_OK;

    audit->bucket_count = (uint32_t)vdisk_min_u64(total, BUCKETS);
    audit->buckets = vdisk_alloc_array(audit->bucket_count, sizeof *audit->buckets);
    if (audit->buckets == NULL)
        return vdisk_image_fail(audit->image, error, VDISK_NO_MEMORY, NULL, VDISK_NO_OFFSET, NULL);
    for (; audit->first_bucket < total && status == VDISK_OK;
         audit->first_bucket += audit->bucket_count) {
        memset(audit->buckets, 0, audit->bucket_count * sizeof *audit->buckets);
        status = vhd_layout_visit(audit->image, audit->layout, sort_entry, audit, error);
        if (status == VDISK_OK)
            compare_neighbours(audit);
    }
    vdisk_free(audit->buckets);
    return status;
}

static void check_locators(struct vhd_audit *audit)
{
    const struct vhd_state *state = audit->state;

    for (uint32_t index = 0; index < VHD_LOCATORS; index++) {
        const struct vhd_locator *locator = &state->header.locators[index];

        if (state->type == VHD_DIFFERENCING && locator->code != 0 &&
            !vdisk_range_within(locator->offset_bytes, locator->length_bytes, vhd_limit(state)))
            report(audit, VDISK_FINDING_CORRUPTION, false, "VHD parent locator",
                   locator->offset_bytes, "it reaches beyond the end of the file");
    }
}

/* Between blocks: of blocks that were freed. New ones go there; compacting gives it back. */
static void check_gaps(struct vhd_audit *audit)
{
    const uint64_t pitch = vhd_pitch(audit->state);
    uint64_t used = audit->allocated_count * (pitch + VHD_ALIGN_BYTES) + VHD_ALIGN_BYTES;

    for (uint32_t index = 0; index < audit->layout->area_count; index++)
        used += audit->layout->areas[index].length_bytes;
    if (audit->end_bytes >= used + pitch)
        report(audit, VDISK_FINDING_NOTE, false, "VHD file", VDISK_NO_OFFSET,
               "space between the blocks is free");
}

/* Writes both footers, the second one behind the last block. */
static enum vdisk_status repair_footers(struct vhd_audit *audit, uint64_t end_bytes,
                                        struct vdisk_error *error)
{
    struct vhd_state *state = audit->state;
    struct vhd_change *change;
    enum vdisk_status status;

    if (state->tail_fault != NULL)
        state->end_bytes = end_bytes;
    status = vhd_change_begin(audit->image, &change, error);
    if (status != VDISK_OK)
        return status;
    change->end_bytes = end_bytes;
    status = vhd_change_footer(audit->image, change, error);
    if (status == VDISK_OK) {
        vdisk_page_cache_forget(state->bitmaps, end_bytes, UINT64_MAX - end_bytes);
        vhd_set_limit(state, end_bytes);
        state->head_fault = NULL;
        state->tail_fault = NULL;
    }
    return vhd_change_end(audit->image, change, status);
}

static enum vdisk_status check_ends(struct vhd_audit *audit, struct vdisk_error *error)
{
    struct vhd_state *state = audit->state;
    const char *head_fault = state->head_fault;
    const char *tail_fault = state->tail_fault;
    const uint64_t tail_offset = state->tail_offset;
    const uint64_t limit = vhd_limit(state);
    const bool leak =
        limit > audit->end_bytes && limit - audit->end_bytes >= vhd_pitch(audit->state);
    const bool cut = leak || tail_fault != NULL;
    /* Cutting the file must not take what a wrong entry may still mean. */
    const bool repair =
        audit->check->repair && (head_fault != NULL || cut) && !(cut && audit->unrepaired);
    enum vdisk_status status = VDISK_OK;

    if (repair)
        status = repair_footers(audit, cut ? audit->end_bytes : state->end_bytes, error);
    if (status != VDISK_OK)
        return status;
    if (head_fault != NULL)
        report(audit, VDISK_FINDING_CORRUPTION, repair, "VHD footer copy", 0, head_fault);
    if (tail_fault != NULL)
        report(audit, state->tail_differs ? VDISK_FINDING_CORRUPTION : VDISK_FINDING_NOTE, repair,
               "VHD footer", tail_offset, tail_fault);
    if (leak)
        report(audit, VDISK_FINDING_LEAK, repair, "VHD file", audit->end_bytes,
               "space behind the last block belongs to none");
    return VDISK_OK;
}

static enum vdisk_status check_dynamic(struct vhd_audit *audit, struct vdisk_error *error)
{
    enum vdisk_status status;

    audit->layout = vhd_layout(audit->state);
    if (audit->state->header_fault != NULL || audit->layout == NULL) {
        report(audit, VDISK_FINDING_CORRUPTION, false, "VHD dynamic header",
               audit->state->footer.data_offset, audit->state->header_fault);
        return VDISK_OK;
    }
    audit->end_bytes =
        vdisk_div_up(audit->layout->clear_offset, VDISK_SECTOR_BYTES) * VDISK_SECTOR_BYTES;
    check_locators(audit);
    status = vhd_layout_visit(audit->image, audit->layout, judge_entry, audit, error);
    if (status == VDISK_OK)
        status = find_shared(audit, error);
    if (status == VDISK_OK && audit->check->repair)
        status = vhd_flush(audit->image, error);
    if (status != VDISK_OK)
        return status;
    check_gaps(audit);
    return check_ends(audit, error);
}

static enum vdisk_status check_fixed(struct vdisk_image *image, struct vdisk_check *check,
                                     struct vdisk_error *error)
{
    const struct vhd_state *state = image->state;
    const char *tail_fault = state->tail_fault;
    enum vdisk_status status = VDISK_OK;

    if (tail_fault == NULL)
        return VDISK_OK;
    if (check->repair)
        status = vhd_begin_write(image, error);
    if (status == VDISK_OK)
        vdisk_check_report(check, VDISK_FINDING_NOTE, check->repair, "VHD footer",
                           state->tail_offset, tail_fault);
    return status;
}

enum vdisk_status vhd_check(struct vdisk_image *image, struct vdisk_check *check,
                            struct vdisk_error *error)
{
    struct vhd_audit *audit;
    struct vhd_state *state = image->state;
    enum vdisk_status status = VDISK_OK;

    if (state->type == VHD_FIXED)
        return check_fixed(image, check, error);
    if (atomic_load(&image->writing))
        status = vhd_flush(image, error);
    if (status != VDISK_OK)
        return status;
    audit = vdisk_alloc(sizeof *audit);
    if (audit == NULL)
        return vdisk_image_fail(image, error, VDISK_NO_MEMORY, NULL, VDISK_NO_OFFSET, NULL);
    audit->image = image;
    audit->state = state;
    audit->check = check;
    status = check_dynamic(audit, error);
    vdisk_free(audit);
    return status;
}
