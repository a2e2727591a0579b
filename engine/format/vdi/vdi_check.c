#include "engine/format/vdi/vdi_state.h"

#define WINDOW_SLOTS (8u << 20) /* looked at in one pass over the map: a bit each, 1 MiB */

struct vdi_audit {
    struct vdisk_image *image;
    const struct vdi_state *state;
    const struct vdi_layout *layout;
    struct vdisk_check *check;
    uint32_t allocated_count; /* entries that are slots of the file */
    uint32_t next_slot;       /* behind the last one in use */
    uint32_t used_count;      /* different slots */
    bool unrepaired;          /* entries point where no block can be */

    unsigned char *taken;
    uint32_t first_slot;
};

static void report(struct vdi_audit *audit, enum vdisk_finding_kind kind, bool repaired,
                   const char *structure, uint64_t offset_bytes, const char *reason)
{
    vdisk_check_report(audit->check, kind, repaired, structure, offset_bytes, reason);
}

static uint64_t entry_offset(const struct vdi_audit *audit, uint32_t block)
{
    return audit->layout->table_offset + (uint64_t)block * VDI_ENTRY_BYTES;
}

/* A block of which the file has nothing at all is lost: its entry only keeps it from use. */
static enum vdisk_status judge_beyond(struct vdi_audit *audit, uint32_t block, uint32_t raw_slot,
                                      struct vdisk_error *error)
{
    const bool repair = audit->check->repair && raw_slot > atomic_load(&audit->state->slot_limit);
    enum vdisk_status status = VDISK_OK;

    if (repair)
        status = vdi_entry_store(audit->image, audit->layout, block, VDI_ABSENT, error);
    if (status != VDISK_OK)
        return status;
    audit->unrepaired = audit->unrepaired || !repair;
    report(audit, VDISK_FINDING_CORRUPTION, repair, "VDI block map", entry_offset(audit, block),
           "an entry points beyond the blocks of the file");
    return VDISK_OK;
}

static enum vdisk_status judge_entry(void *context, uint32_t block, uint32_t raw_slot,
                                     struct vdisk_error *error)
{
    struct vdi_audit *audit = context;

    if (raw_slot == VDI_ABSENT || raw_slot == VDI_ZERO)
        return VDISK_OK;
    if (!vdi_slot_is_valid(audit->state, audit->layout, block, raw_slot))
        return judge_beyond(audit, block, raw_slot, error);
    if (raw_slot >= audit->layout->block_count)
        report(audit, VDISK_FINDING_NOTE, false, "VDI block map", entry_offset(audit, block),
               "an entry is not below the number of blocks, which other programs refuse");
    audit->allocated_count++;
    if (raw_slot >= audit->next_slot)
        audit->next_slot = raw_slot + 1;
    return VDISK_OK;
}

static enum vdisk_status note_slot(void *context, uint32_t block, uint32_t raw_slot,
                                   struct vdisk_error *error)
{
    struct vdi_audit *audit = context;
    const uint32_t distance = raw_slot - audit->first_slot;
    const unsigned char bit = (unsigned char)(1u << distance % 8);

    (void)error;
    if (raw_slot < audit->first_slot || distance >= WINDOW_SLOTS ||
        !vdi_slot_is_valid(audit->state, audit->layout, block, raw_slot))
        return VDISK_OK;
    if ((audit->taken[distance / 8] & bit) != 0)
        report(audit, VDISK_FINDING_CORRUPTION, false, "VDI block map", entry_offset(audit, block),
               "two blocks of the disk share one of the file");
    else
        audit->used_count++;
    audit->taken[distance / 8] |= bit;
    return VDISK_OK;
}

static enum vdisk_status find_shared(struct vdi_audit *audit, struct vdisk_error *error)
{
    enum vdisk_status status = VDISK_OK;

    audit->taken = vdisk_alloc(WINDOW_SLOTS / 8);
    if (audit->taken == NULL)
        return vdisk_image_fail(audit->image, error, VDISK_NO_MEMORY, NULL, VDISK_NO_OFFSET, NULL);
    while (audit->first_slot < audit->next_slot && status == VDISK_OK) {
        memset(audit->taken, 0, WINDOW_SLOTS / 8);
        status = vdi_layout_visit(audit->image, audit->layout, note_slot, audit, error);
        audit->first_slot += WINDOW_SLOTS;
    }
    vdisk_free(audit->taken);
    return status;
}

static enum vdisk_status check_count(struct vdi_audit *audit, struct vdisk_error *error)
{
    struct vdi_state *state = audit->image->state;
    enum vdisk_status status = VDISK_OK;

    if (state->header.allocated_count == audit->allocated_count && !state->header_pending)
        return VDISK_OK;
    state->header.allocated_count = audit->allocated_count;
    state->header_pending = true;
    if (audit->check->repair)
        status = vdi_write_header(audit->image, error);
    if (status == VDISK_OK)
        report(audit, VDISK_FINDING_NOTE, audit->check->repair, "VDI header", 0,
               "the number of allocated blocks is not what the map says");
    return status;
}

static enum vdisk_status check_leaks(struct vdi_audit *audit, struct vdisk_error *error)
{
    struct vdi_state *state = audit->image->state;
    const uint32_t limit = atomic_load(&state->slot_limit);
    const bool repair = audit->check->repair && !audit->unrepaired;
    enum vdisk_status status = VDISK_OK;

    if (audit->next_slot > audit->used_count)
        report(audit, VDISK_FINDING_LEAK, false, "VDI file", VDISK_NO_OFFSET,
               "blocks between others belong to nothing; they will be used again");
    if (limit <= audit->next_slot)
        return VDISK_OK;
    if (repair)
        status = vdisk_file_set_size(
            audit->image->file, vdi_slot_offset(state, audit->layout, audit->next_slot), error);
    if (status != VDISK_OK)
        return status;
    if (repair)
        atomic_store(&state->slot_limit, audit->next_slot);
    report(audit, VDISK_FINDING_LEAK, repair, "VDI file",
           vdi_slot_offset(state, audit->layout, audit->next_slot),
           "space behind the last block belongs to none");
    return VDISK_OK;
}

static enum vdisk_status examine(struct vdi_audit *audit, struct vdisk_error *error)
{
    enum vdisk_status status =
        vdi_layout_visit(audit->image, audit->layout, judge_entry, audit, error);

    if (status == VDISK_OK)
        status = find_shared(audit, error);
    if (status == VDISK_OK)
        status = check_count(audit, error);
    if (status == VDISK_OK)
        status = check_leaks(audit, error);
    if (status == VDISK_OK && audit->check->repair)
        status = vdi_flush(audit->image, error);
    return status;
}

enum vdisk_status vdi_check(struct vdisk_image *image, struct vdisk_check *check,
                            struct vdisk_error *error)
{
    struct vdi_audit *audit = vdisk_alloc(sizeof *audit);
    enum vdisk_status status = VDISK_OK;

    if (audit == NULL)
        return vdisk_image_fail(image, error, VDISK_NO_MEMORY, NULL, VDISK_NO_OFFSET, NULL);
    audit->image = image;
    audit->state = image->state;
    audit->layout = vdi_layout(image->state);
    audit->check = check;
    if (atomic_load(&image->writing))
        status = vdi_flush(image, error);
    if (status == VDISK_OK)
        status = examine(audit, error);
    vdisk_free(audit);
    return status;
}
