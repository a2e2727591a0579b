/* Who uses which space of an extent's file. */
#include "engine/base/endian.h"
#include "engine/format/vmdk/vmdk_check.h"
#include "engine/format/vmdk/vmdk_inflate.h"
#include "engine/format/vmdk/vmdk_table.h"
#include "virtualdisk/codec.h"

#define BITMAP_BYTES (UINT32_C(1) << 20)
#define BITMAP_BITS  ((uint64_t)BITMAP_BYTES * 8)
#define NO_RUN       UINT64_MAX

struct usage {
    struct vmdk_extent *extent;
    struct vdisk_check *check;
    bool *sound;
    unsigned char *bitmap;
    uint32_t unit_shift;     /* of bytes: everything begins at a multiple of a unit */
    uint64_t first_unit;     /* of the pass */
    uint64_t unit_count;     /* of the pass */
    uint64_t alignment;      /* while units are looked for: all offsets, or-ed together */
    uint64_t run_start_unit; /* of the unused units before the next one; NO_RUN: none */
    uint64_t used_end_bytes; /* of what lies last */
};

typedef enum vdisk_status usage_visitor(struct usage *usage, uint64_t offset_bytes,
                                        uint64_t length_bytes, const char *structure,
                                        struct vdisk_error *error);

/* What a grain occupies: compressed ones say so themselves, and may be wrong, which is told. */
static enum vdisk_status grain_space(struct vmdk_extent *extent, uint64_t sector,
                                     uint64_t *length_bytes, struct vdisk_error *error)
{
    const bool markers = (extent->header.flags & VMDK_FLAG_MARKERS) != 0;
    const uint32_t marker_bytes = markers ? VMDK_MARKER_BYTES : 4;
    unsigned char marker[VMDK_MARKER_BYTES];
    uint32_t data_bytes;
    enum vdisk_status status;

    *length_bytes = vmdk_grain_bytes(extent);
    if (!vmdk_is_compressed(extent))
        return VDISK_OK;
    status =
        vdisk_file_read(extent->file, sector * VDISK_SECTOR_BYTES, marker, marker_bytes, error);
    if (status != VDISK_OK)
        return status;
    data_bytes = vdisk_load_le32(marker + marker_bytes - 4);
    if (data_bytes > vdisk_codec_bound((size_t)vmdk_grain_bytes(extent)))
        data_bytes = 0;
    *length_bytes = vdisk_align_down((uint64_t)data_bytes + marker_bytes + VDISK_SECTOR_BYTES - 1,
                                     VDISK_SECTOR_BYTES);
    return VDISK_OK;
}

/* The tables of both copies that lie among the grains. */
static enum vdisk_status visit_tables(struct usage *usage, usage_visitor *visit,
                                      struct vdisk_error *error)
{
    struct vmdk_extent *extent = usage->extent;
    const uint64_t size = (uint64_t)extent->entry_bytes << extent->table_shift;
    const uint32_t copies = extent->twin_directory_bytes != 0 ? 2 : 1;
    enum vdisk_status status = VDISK_OK;

    if (extent->index != NULL)
        return VDISK_OK;
    for (uint64_t i = 0; i < extent->directory_entries * copies && status == VDISK_OK; i++) {
        const enum vmdk_copy copy = i % copies == 0 ? VMDK_COPY_FIRST : VMDK_COPY_TWIN;
        uint64_t table;

        status = vmdk_table_find(extent, copy, i / copies << extent->table_shift, &table, error);
        if (status == VDISK_CORRUPT) { /* told already */
            status = VDISK_OK;
            continue;
        }
        if (status == VDISK_OK && table != 0 && table >= extent->data_start_bytes)
            status = visit(usage, table, size, "VMDK grain table", error);
    }
    return status;
}

static enum vdisk_status visit_grains(struct usage *usage, usage_visitor *visit,
                                      struct vdisk_error *error)
{
    struct vmdk_extent *extent = usage->extent;
    const uint64_t end = vdisk_div_up(extent->length_bytes, vmdk_grain_bytes(extent));
    enum vdisk_status status = VDISK_OK;
    uint32_t count;

    for (uint64_t grain = 0; grain < end && status == VDISK_OK; grain += count) {
        uint64_t entries[VMDK_BATCH];

        grain = vmdk_table_skip(extent, grain, end);
        if (grain == end)
            break;
        count = (uint32_t)vdisk_min_u64(end - grain, VMDK_BATCH);
        status = vmdk_table_load(extent, VMDK_COPY_FIRST, grain, entries, &count, error);
        if (status == VDISK_CORRUPT) { /* told already */
            status = VDISK_OK;
            continue;
        }
        for (uint32_t i = 0; i < count && status == VDISK_OK; i++) {
            uint64_t length;

            if (entries[i] <= VMDK_ENTRY_ZERO || !vmdk_grain_fits(extent, grain + i, entries[i]))
                continue;
            status = grain_space(extent, entries[i], &length, error);
            if (status == VDISK_OK)
                status = visit(usage, entries[i] * VDISK_SECTOR_BYTES, length, "VMDK grain", error);
        }
    }
    return status;
}

/* Everything behind the place where data may begin. */
static enum vdisk_status visit_all(struct usage *usage, usage_visitor *visit,
                                   struct vdisk_error *error)
{
    const struct vmdk_extent *extent = usage->extent;
    enum vdisk_status status = VDISK_OK;

    for (uint32_t i = 0; i < VMDK_RESERVED_MAX && status == VDISK_OK; i++) {
        const struct vmdk_range *range = &extent->reserved[i];

        if (range->offset_bytes >= extent->data_start_bytes && range->length_bytes != 0)
            status = visit(
                usage, range->offset_bytes,
                vdisk_align_down(range->length_bytes + VDISK_SECTOR_BYTES - 1, VDISK_SECTOR_BYTES),
                "VMDK grain directory", error);
    }
    if (status == VDISK_OK)
        status = visit_tables(usage, visit, error);
    return status == VDISK_OK ? visit_grains(usage, visit, error) : status;
}

static enum vdisk_status note_alignment(struct usage *usage, uint64_t offset_bytes,
                                        uint64_t length_bytes, const char *structure,
                                        struct vdisk_error *error)
{
    (void)structure;
    (void)error;
    usage->alignment |= offset_bytes | length_bytes;
    usage->used_end_bytes = vdisk_max_u64(usage->used_end_bytes, offset_bytes + length_bytes);
    return VDISK_OK;
}

static enum vdisk_status mark(struct usage *usage, uint64_t offset_bytes, uint64_t length_bytes,
                              const char *structure, struct vdisk_error *error)
{
    const uint64_t first = vdisk_max_u64(offset_bytes >> usage->unit_shift, usage->first_unit);
    const uint64_t end = vdisk_min_u64((offset_bytes + length_bytes) >> usage->unit_shift,
                                       usage->first_unit + usage->unit_count);
    bool shared = false;

    (void)error;
    for (uint64_t unit = first; unit < end; unit++) {
        unsigned char *byte = &usage->bitmap[(unit - usage->first_unit) / 8];
        const unsigned char bit = (unsigned char)(1u << (unit - usage->first_unit) % 8);

        shared |= (*byte & bit) != 0;
        *byte |= bit;
    }
    if (!shared)
        return VDISK_OK;
    *usage->sound = false;
    vdisk_check_report(usage->check, VDISK_FINDING_CORRUPTION, false, structure, offset_bytes,
                       "its space is used by something else, too");
    return VDISK_OK;
}

static void end_run(struct usage *usage, uint64_t end_unit)
{
    const uint64_t length = (end_unit - usage->run_start_unit) << usage->unit_shift;

    /* Less than a grain is what alignment left between a table and a grain. */
    if (usage->run_start_unit != NO_RUN && length >= vmdk_grain_bytes(usage->extent))
        vdisk_check_report(usage->check, VDISK_FINDING_LEAK, false, "VMDK extent",
                           usage->run_start_unit << usage->unit_shift,
                           "this space belongs to nothing");
    usage->run_start_unit = NO_RUN;
}

static void find_leaks(struct usage *usage)
{
    for (uint64_t i = 0; i < usage->unit_count; i++) {
        const uint64_t unit = usage->first_unit + i;
        const bool used = (usage->bitmap[i / 8] >> i % 8 & 1) != 0;

        if (used)
            end_run(usage, unit);
        else if (usage->run_start_unit == NO_RUN)
            usage->run_start_unit = unit;
    }
}

/* A tail that nothing uses can be cut off; what is left in the middle stays. */
static enum vdisk_status judge_tail(struct usage *usage, struct vdisk_error *error)
{
    struct vmdk_extent *extent = usage->extent;
    const uint64_t used = usage->used_end_bytes;
    enum vdisk_status status = VDISK_OK;

    if (extent->file_bytes < used || extent->file_bytes - used < vmdk_grain_bytes(extent))
        return VDISK_OK;
    if (usage->check->repair && *usage->sound) {
        status = vdisk_file_set_size(extent->file, used, error);
        if (status != VDISK_OK)
            return status;
        extent->file_bytes = used;
        extent->end_bytes = used;
        atomic_store(&extent->end_sectors, (uint32_t)(used / VDISK_SECTOR_BYTES));
    }
    vdisk_check_report(usage->check, VDISK_FINDING_LEAK, usage->check->repair && *usage->sound,
                       "VMDK extent", used, "this space at the end of the file belongs to nothing");
    return VDISK_OK;
}

static enum vdisk_status pass_over(struct usage *usage, bool leaks, struct vdisk_error *error)
{
    const uint64_t end =
        vdisk_min_u64(usage->used_end_bytes, usage->extent->file_bytes) >> usage->unit_shift;
    enum vdisk_status status = VDISK_OK;

    usage->run_start_unit = NO_RUN;
    usage->first_unit = usage->extent->data_start_bytes >> usage->unit_shift;
    for (; usage->first_unit < end && status == VDISK_OK; usage->first_unit += usage->unit_count) {
        usage->unit_count = vdisk_min_u64(end - usage->first_unit, BITMAP_BITS);
        memset(usage->bitmap, 0, BITMAP_BYTES);
        status = visit_all(usage, mark, error);
        if (status == VDISK_OK && leaks)
            find_leaks(usage);
    }
    return status;
}

enum vdisk_status vmdk_usage_check(struct vmdk_extent *extent, struct vdisk_check *check,
                                   bool *sound, struct vdisk_error *error)
{
    struct usage usage = {.extent = extent, .check = check, .sound = sound};
    /* Streams have markers between their parts, other hosts' extents lists of free space. */
    const bool leaks = extent->kind == VMDK_EXTENT_HOSTED && !vmdk_is_compressed(extent);
    enum vdisk_status status;

    usage.alignment = extent->data_start_bytes;
    usage.used_end_bytes = extent->data_start_bytes;
    status = visit_all(&usage, note_alignment, error);
    if (status != VDISK_OK)
        return status;
    usage.unit_shift = 9;
    while (usage.unit_shift < extent->grain_shift && (usage.alignment >> usage.unit_shift & 1) == 0)
        usage.unit_shift++;
    usage.bitmap = vdisk_alloc(BITMAP_BYTES);
    if (usage.bitmap == NULL)
        return vmdk_extent_fail(extent, error, VDISK_NO_MEMORY, NULL, VDISK_NO_OFFSET, NULL);
    status = pass_over(&usage, leaks, error);
    vdisk_free(usage.bitmap);
    return status == VDISK_OK && leaks ? judge_tail(&usage, error) : status;
}
