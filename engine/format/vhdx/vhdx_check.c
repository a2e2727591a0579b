/*
 * Examining an image: both copies of headers and region tables, every entry of the BAT, and the
 * space between the blocks. Who owns a MiB is kept in a map of a bit a MiB; a file larger than the
 * map is examined in several passes.
 */
#include "engine/format/vhdx/vhdx_state.h"

#define MAP_BYTES ((uint32_t)VHDX_MIB)
#define MAP_MB    ((uint64_t)MAP_BYTES * 8)

struct audit {
    struct vdisk_image *image;
    struct vhdx_state *state;
    struct vdisk_check *check;
    unsigned char *map;
    uint64_t first_mb; /* of the map */
    uint64_t end_mb;   /* of the file */
};

static uint64_t entry_position(const struct audit *audit, uint64_t index)
{
    return audit->state->areas[audit->state->bat_area].offset_bytes + index * VHDX_BAT_ENTRY_BYTES;
}

static void report_entry(struct audit *audit, enum vdisk_finding_kind kind, uint64_t index,
                         const char *reason)
{
    vdisk_check_report(audit->check, kind, false, "VHDX BAT", entry_position(audit, index), reason);
}

/* A structure that is not valid was read all the same; other failures end the check. */
static enum vdisk_status read_or_judge(enum vdisk_status status, const struct vdisk_error *failure,
                                       bool *valid, struct vdisk_error *error)
{
    *valid = status == VDISK_OK;
    if (status == VDISK_OK || status == VDISK_CORRUPT || status == VDISK_UNSUPPORTED)
        return VDISK_OK;
    if (error != NULL)
        *error = *failure;
    return status;
}

/* A copy that is not valid is what a power cut may leave: the other one counts. */
static enum vdisk_status check_header(struct audit *audit, uint32_t slot, unsigned char *sector,
                                      struct vdisk_error *error)
{
    struct vhdx_header header;
    struct vdisk_error failure;
    bool valid;
    enum vdisk_status status = read_or_judge(
        vhdx_header_read(audit->image, slot, sector, &header, &failure), &failure, &valid, error);

    if (status != VDISK_OK || valid)
        return status;
    if (audit->check->repair)
        status = vhdx_header_update(audit->image, error);
    if (status == VDISK_OK)
        vdisk_check_report(audit->check, VDISK_FINDING_NOTE, audit->check->repair,
                           failure.structure, failure.offset_bytes, failure.reason);
    return status;
}

static enum vdisk_status check_headers(struct audit *audit, struct vdisk_error *error)
{
    unsigned char *sector = vdisk_alloc(VHDX_HEADER_BYTES);
    enum vdisk_status status = VDISK_OK;

    if (sector == NULL)
        return vdisk_image_fail(audit->image, error, VDISK_NO_MEMORY, NULL, VDISK_NO_OFFSET, NULL);
    for (uint32_t slot = 0; slot < VHDX_HEADER_COUNT && status == VDISK_OK; slot++)
        status = check_header(audit, slot, sector, error);
    vdisk_free(sector);
    return status;
}

/* The first valid table counts: the other one is to be the same. */
static enum vdisk_status compare_tables(struct audit *audit, unsigned char *tables,
                                        struct vdisk_error *error)
{
    struct vdisk_error failure = {.reason = "the copies of the region table differ"};
    bool valid[VHDX_REGION_TABLE_COUNT];
    uint32_t wrong;

    for (uint32_t copy = 0; copy < VHDX_REGION_TABLE_COUNT; copy++) {
        struct vdisk_error reading;
        enum vdisk_status status = read_or_judge(
            vhdx_region_read(audit->image, copy, tables + copy * VHDX_REGION_TABLE_BYTES, &reading),
            &reading, &valid[copy], error);

        if (status != VDISK_OK)
            return status;
        if (!valid[copy])
            failure = reading;
    }
    if (valid[0] && valid[1] &&
        memcmp(tables, tables + VHDX_REGION_TABLE_BYTES, VHDX_REGION_TABLE_BYTES) == 0)
        return VDISK_OK;
    wrong = valid[0] ? 1 : 0;
    if (audit->check->repair) {
        enum vdisk_status status = vdisk_file_write(
            audit->image->file, VHDX_REGION_TABLE_OFFSET(wrong),
            tables + (1 - wrong) * VHDX_REGION_TABLE_BYTES, VHDX_REGION_TABLE_BYTES, error);

        if (status != VDISK_OK)
            return status;
    }
    vdisk_check_report(audit->check, VDISK_FINDING_NOTE, audit->check->repair,
                       wrong == 0 ? "VHDX region table 1" : "VHDX region table 2",
                       VHDX_REGION_TABLE_OFFSET(wrong), failure.reason);
    return VDISK_OK;
}

static enum vdisk_status check_tables(struct audit *audit, struct vdisk_error *error)
{
    unsigned char *tables = vdisk_alloc((size_t)VHDX_REGION_TABLE_BYTES * VHDX_REGION_TABLE_COUNT);
    enum vdisk_status status;

    if (tables == NULL)
        return vdisk_image_fail(audit->image, error, VDISK_NO_MEMORY, NULL, VDISK_NO_OFFSET, NULL);
    status = compare_tables(audit, tables, error);
    vdisk_free(tables);
    return status;
}

/* An unclean session is no damage; a repair finishes it. */
static enum vdisk_status check_log(struct audit *audit, struct vdisk_error *error)
{
    struct vhdx_state *state = audit->state;
    enum vdisk_status status = VDISK_OK;

    if (!state->was_dirty || state->journal != NULL)
        return VDISK_OK;
    if (audit->check->repair) {
        vdisk_guid_make(state->header.file_write_guid, VDISK_GUID_LE);
        status = vhdx_header_update(audit->image, error);
        if (status == VDISK_OK)
            status = vhdx_write_recover(audit->image, error);
        if (status != VDISK_OK)
            return status;
        state->was_dirty = false;
    }
    vdisk_check_report(audit->check, VDISK_FINDING_NOTE, audit->check->repair, "VHDX log",
                       state->header.log_offset_bytes,
                       "the image was not closed; its log is replayed when it is opened");
    return VDISK_OK;
}

/* Marks [mb, mb + count) as far as the map reaches; true when something was marked before. */
static bool mark(struct audit *audit, uint64_t mb, uint64_t count)
{
    const uint64_t end = vdisk_min_u64(mb + count, audit->first_mb + MAP_MB);
    bool collision = false;

    for (mb = vdisk_max_u64(mb, audit->first_mb); mb < end; mb++) {
        const uint64_t bit = mb - audit->first_mb;
        const unsigned char mask = (unsigned char)(1u << bit % 8);

        collision = collision || (audit->map[bit / 8] & mask) != 0;
        audit->map[bit / 8] |= mask;
    }
    return collision;
}

/* An entry that points somewhere; `visible_bytes` of it must be in the file. */
static void check_place(struct audit *audit, uint64_t index, uint64_t entry, uint64_t length_bytes,
                        uint64_t visible_bytes)
{
    const uint64_t mb = entry >> VHDX_BAT_MB_SHIFT;
    const bool first_pass = audit->first_mb == 0;

    if (mb >= VHDX_FILE_BYTES_MAX / VHDX_MIB ||
        !vdisk_range_within(mb * VHDX_MIB, visible_bytes, audit->end_mb * VHDX_MIB)) {
        if (first_pass)
            report_entry(audit, VDISK_FINDING_CORRUPTION, index,
                         "an entry points beyond the end of the file");
    } else if (vhdx_region_overlaps(audit->state, mb * VHDX_MIB, length_bytes)) {
        if (first_pass)
            report_entry(audit, VDISK_FINDING_CORRUPTION, index,
                         "an entry points into the image's own structures");
    } else if (mark(audit, mb, length_bytes / VHDX_MIB)) {
        report_entry(audit, VDISK_FINDING_CORRUPTION, index, "two entries point to the same space");
    }
}

static enum vdisk_status check_bitmap_entry(struct audit *audit, uint64_t block,
                                            struct vdisk_error *error)
{
    const uint64_t index = vhdx_bat_bitmap_index(audit->state, block);
    uint64_t entry;
    enum vdisk_status status = vhdx_bat_load(audit->state, index, &entry, error);

    if (status != VDISK_OK)
        return status;
    if ((entry & VHDX_BAT_STATE_MASK) == VHDX_BITMAP_PRESENT)
        check_place(audit, index, entry, VHDX_BITMAP_BLOCK_BYTES, VHDX_BITMAP_BLOCK_BYTES);
    else if ((entry & VHDX_BAT_STATE_MASK) != VHDX_BLOCK_NOT_PRESENT && audit->first_mb == 0)
        report_entry(audit, VDISK_FINDING_CORRUPTION, index,
                     "the entry of a sector bitmap has a state that does not exist");
    return VDISK_OK;
}

static enum vdisk_status check_partial(struct audit *audit, uint64_t block, uint64_t index,
                                       struct vdisk_error *error)
{
    uint64_t bitmap;
    enum vdisk_status status;

    if (audit->first_mb != 0)
        return VDISK_OK;
    if (!audit->state->metadata.has_parent) {
        report_entry(audit, VDISK_FINDING_CORRUPTION, index,
                     "a block is partial, but there is no parent");
        return VDISK_OK;
    }
    status =
        vhdx_bat_load(audit->state, vhdx_bat_bitmap_index(audit->state, block), &bitmap, error);
    if (status == VDISK_OK && (bitmap & VHDX_BAT_STATE_MASK) != VHDX_BITMAP_PRESENT)
        report_entry(audit, VDISK_FINDING_CORRUPTION, index,
                     "a block needs its sector bitmap, which is missing");
    return status;
}

static enum vdisk_status check_block(struct audit *audit, uint64_t block, struct vdisk_error *error)
{
    const uint32_t block_bytes = audit->state->metadata.block_bytes;
    const uint64_t index = vhdx_bat_payload_index(audit->state, block);
    uint64_t entry;
    enum vdisk_status status = vhdx_bat_load(audit->state, index, &entry, error);

    if (status != VDISK_OK)
        return status;
    if ((entry & VHDX_BAT_RESERVED_MASK) != 0 && audit->first_mb == 0)
        report_entry(audit, VDISK_FINDING_NOTE, index, "reserved bits of an entry are set");
    switch (entry & VHDX_BAT_STATE_MASK) {
    case VHDX_BLOCK_NOT_PRESENT:
    case VHDX_BLOCK_ZERO:
        return VDISK_OK;
    case VHDX_BLOCK_UNDEFINED: /* may still own the space that they had */
    case VHDX_BLOCK_UNMAPPED:
    case VHDX_BLOCK_UNMAPPED_OLD:
        mark(audit, entry >> VHDX_BAT_MB_SHIFT, block_bytes / VHDX_MIB);
        return VDISK_OK;
    case VHDX_BLOCK_PARTIAL:
        status = check_partial(audit, block, index, error);
        break;
    case VHDX_BLOCK_FULL:
        break;
    default:
        if (audit->first_mb == 0)
            report_entry(audit, VDISK_FINDING_CORRUPTION, index,
                         "an entry has a state that does not exist");
        return VDISK_OK;
    }
    check_place(audit, index, entry, block_bytes,
                vdisk_min_u64(block_bytes, audit->image->disk.size_bytes - block * block_bytes));
    return status;
}

static enum vdisk_status check_entries(struct audit *audit, struct vdisk_error *error)
{
    const struct vhdx_state *state = audit->state;
    const uint64_t blocks = vhdx_block_count(state);
    enum vdisk_status status = VDISK_OK;

    for (uint64_t block = 0; block < blocks && status == VDISK_OK; block++) {
        status = check_block(audit, block, error);
        if (status == VDISK_OK && state->metadata.has_parent && block % state->chunk_blocks == 0)
            status = check_bitmap_entry(audit, block, error);
    }
    return status;
}

/* Space of the file that nothing owns is a leak, unless it is a hole: that costs nothing. */
static enum vdisk_status is_stored(struct audit *audit, uint64_t mb, uint64_t count, bool *stored,
                                   struct vdisk_error *error)
{
    uint64_t offset = mb * VHDX_MIB, size, end;
    enum vdisk_status status = vdisk_file_get_size(audit->image->file, &size, error);

    end = vdisk_min_u64((mb + count) * VHDX_MIB, size);
    *stored = false;
    while (status == VDISK_OK && offset < end && !*stored) {
        enum vdisk_file_range range;
        uint64_t length;

        status = vdisk_file_get_range(audit->image->file, offset, &range, &length, error);
        if (status == VDISK_OK) {
            *stored = range == VDISK_FILE_DATA;
            offset += length;
        }
    }
    return status;
}

/* At the end of the file the space goes for good; elsewhere it becomes a hole where it can. */
static enum vdisk_status give_back(struct audit *audit, uint64_t mb, uint64_t count, bool *repaired,
                                   struct vdisk_error *error)
{
    struct vhdx_state *state = audit->state;
    bool stored;
    enum vdisk_status status;

    if (mb + count == audit->end_mb && state->journal == NULL && state->space == NULL) {
        *repaired = true;
        atomic_store(&state->file_end_mb, (uint32_t)mb);
        return vdisk_file_set_size(audit->image->file, mb * VHDX_MIB, error);
    }
    status = vdisk_file_zero(audit->image->file, mb * VHDX_MIB, count * VHDX_MIB, error);
    if (status == VDISK_OK)
        status = is_stored(audit, mb, count, &stored, error);
    *repaired = status == VDISK_OK && !stored;
    return status;
}

/* Between blocks it is free for new ones, and no leak: that a host without holes keeps it is usual.
 */
static enum vdisk_status judge_leak(struct audit *audit, uint64_t mb, uint64_t count,
                                    struct vdisk_error *error)
{
    const bool at_end = mb + count == audit->end_mb;
    bool stored, repaired = false;
    enum vdisk_status status = is_stored(audit, mb, count, &stored, error);

    if (status != VDISK_OK || !stored)
        return status;
    if (audit->check->repair && audit->check->corruption_count == 0)
        status = give_back(audit, mb, count, &repaired, error);
    if (status == VDISK_OK)
        vdisk_check_report(audit->check, at_end ? VDISK_FINDING_LEAK : VDISK_FINDING_NOTE, repaired,
                           "VHDX file", mb * VHDX_MIB,
                           at_end ? "space behind the last block belongs to none"
                                  : "space between the blocks is free");
    return status;
}

static enum vdisk_status find_leaks(struct audit *audit, struct vdisk_error *error)
{
    const uint64_t end = vdisk_min_u64(audit->end_mb - audit->first_mb, MAP_MB);
    uint64_t start = 0;
    enum vdisk_status status = VDISK_OK;

    for (uint64_t bit = 0; bit < end && status == VDISK_OK; bit++) {
        if ((audit->map[bit / 8] >> (bit % 8) & 1) == 0)
            continue;
        if (bit != start)
            status = judge_leak(audit, audit->first_mb + start, bit - start, error);
        start = bit + 1;
    }
    if (status == VDISK_OK && end > start)
        status = judge_leak(audit, audit->first_mb + start, end - start, error);
    return status;
}

static enum vdisk_status check_space(struct audit *audit, struct vdisk_error *error)
{
    const struct vhdx_state *state = audit->state;
    enum vdisk_status status = VDISK_OK;

    audit->end_mb = atomic_load(&state->file_end_mb);
    for (audit->first_mb = 0; audit->first_mb < audit->end_mb && status == VDISK_OK;
         audit->first_mb += MAP_MB) {
        memset(audit->map, 0, MAP_BYTES);
        mark(audit, 0, VHDX_HEADERS_END / VHDX_MIB);
        for (uint32_t index = 0; index < state->area_count; index++)
            mark(audit, state->areas[index].offset_bytes / VHDX_MIB,
                 state->areas[index].length_bytes / VHDX_MIB);
        status = check_entries(audit, error);
        if (status == VDISK_OK)
            status = find_leaks(audit, error);
    }
    return status;
}

/* What was not there is reported; what is beyond it cannot be looked at. */
static enum vdisk_status report_open_failure(struct audit *audit)
{
    const struct vdisk_error *failure = &audit->state->open_failure;

    vdisk_check_report(audit->check, VDISK_FINDING_CORRUPTION, false, failure->structure,
                       failure->offset_bytes, failure->reason);
    return VDISK_OK;
}

enum vdisk_status vhdx_check(struct vdisk_image *image, struct vdisk_check *check,
                             struct vdisk_error *error)
{
    struct audit audit = {.image = image, .state = vhdx_state_of(image), .check = check};
    enum vdisk_status status;

    if (audit.state->open_failure.status != VDISK_OK)
        return report_open_failure(&audit);
    audit.map = vdisk_alloc(MAP_BYTES);
    if (audit.map == NULL)
        return vdisk_image_fail(image, error, VDISK_NO_MEMORY, NULL, VDISK_NO_OFFSET, NULL);
    status = check_headers(&audit, error);
    if (status == VDISK_OK)
        status = check_tables(&audit, error);
    if (status == VDISK_OK)
        status = check_log(&audit, error);
    if (status == VDISK_OK)
        status = check_space(&audit, error);
    if (status == VDISK_OK && check->repair)
        status = vdisk_file_flush(image->file, error);
    vdisk_free(audit.map);
    return status;
}
