#include "tests/image/disk_model.h"
#include "engine/base/checked.h"
#include "tests/image/sector_pattern.h"

#include <stdio.h>
#include <stdlib.h>

#define READ_SECTORS 256u

struct disk_model *disk_model_create(uint64_t base_sectors, uint64_t capacity, uint32_t first_stamp)
{
    struct disk_model *model = calloc(1, sizeof *model);

    if (model == NULL)
        abort();
    model->base = calloc((size_t)capacity, sizeof *model->base);
    if (model->base == NULL)
        abort();
    model->base_sectors = base_sectors;
    model->capacity = capacity;
    model->first_stamp = first_stamp;
    return model;
}

void disk_model_destroy(struct disk_model *model)
{
    for (uint32_t index = 0; index < model->snapshot_count; index++)
        free(model->snapshots[index].base);
    free(model->base);
    free(model);
}

struct model_operation *disk_model_issue(struct disk_model *model, enum model_kind kind,
                                         uint64_t first_sector, uint64_t sector_count)
{
    const uint32_t index = model->operation_count++;
    struct model_operation *operation;

    if (index == MODEL_OPERATIONS_MAX)
        abort();
    operation = &model->operations[index];
    operation->kind = kind;
    operation->first_sector = first_sector;
    operation->sector_count = sector_count;
    operation->stamp = kind == MODEL_WRITE ? model->first_stamp + index : 0;
    operation->snapshot = 0;
    operation->failed = false;
    operation->event = operation->answer = UINT32_MAX;
    return operation;
}

bool disk_model_flushes(const struct model_operation *operation)
{
    return operation->kind == MODEL_FLUSH || operation->kind == MODEL_MAKE_SNAPSHOT ||
           operation->kind == MODEL_DELETE_SNAPSHOT || operation->kind == MODEL_APPLY_SNAPSHOT;
}

struct model_snapshot *disk_model_add_snapshot(struct disk_model *model, const char *name,
                                               const uint32_t *base, uint64_t base_sectors)
{
    struct model_snapshot *snapshot = &model->snapshots[model->snapshot_count];

    if (model->snapshot_count == MODEL_SNAPSHOTS_MAX)
        return NULL;
    memset(snapshot, 0, sizeof *snapshot);
    snprintf(snapshot->name, sizeof snapshot->name, "%s", name);
    snapshot->made = base == NULL ? model->operation_count : UINT32_MAX;
    snapshot->base_sectors = base_sectors;
    if (base != NULL) {
        snapshot->base = calloc((size_t)model->capacity, sizeof *base);
        if (snapshot->base == NULL)
            abort();
        memcpy(snapshot->base, base, (size_t)base_sectors * sizeof *base);
    }
    model->had_snapshots = true;
    model->snapshot_count++;
    return snapshot;
}

/* A snapshot sees only what came before it: this cannot lead in a circle. */
static bool snapshot_accepts(const struct disk_model *model, uint32_t index, uint64_t sector,
                             uint32_t stamp)
{
    const struct model_snapshot *snapshot = &model->snapshots[index];

    if (snapshot->base != NULL)
        return snapshot->base[sector] == stamp;
    return disk_model_accepts(model, snapshot->made, snapshot->made, sector, stamp);
}

static bool snapshot_accepts_size(const struct disk_model *model, uint32_t index,
                                  uint64_t sector_count)
{
    const struct model_snapshot *snapshot = &model->snapshots[index];

    if (snapshot->base != NULL)
        return snapshot->base_sectors == sector_count;
    return disk_model_accepts_size(model, snapshot->made, snapshot->made, sector_count);
}

static bool covers(const struct model_operation *operation, uint64_t sector)
{
    return operation->kind == MODEL_APPLY_SNAPSHOT ||
           ((operation->kind == MODEL_WRITE || operation->kind == MODEL_ZERO) &&
            sector >= operation->first_sector &&
            sector - operation->first_sector < operation->sector_count);
}

bool disk_model_accepts(const struct disk_model *model, uint32_t durable, uint32_t issued,
                        uint64_t sector, uint32_t stamp)
{
    for (uint32_t index = issued; index-- > 0;) {
        const struct model_operation *operation = &model->operations[index];

        if (!covers(operation, sector))
            continue;
        if (operation->kind == MODEL_APPLY_SNAPSHOT
                ? snapshot_accepts(model, operation->snapshot, sector, stamp)
                : operation->stamp == stamp)
            return true;
        if (index < durable && !operation->failed)
            return false;
    }
    return model->base[sector] == stamp;
}

bool disk_model_accepts_size(const struct disk_model *model, uint32_t durable, uint32_t issued,
                             uint64_t sector_count)
{
    for (uint32_t index = issued; index-- > 0;) {
        const struct model_operation *operation = &model->operations[index];

        if (operation->kind != MODEL_RESIZE && operation->kind != MODEL_APPLY_SNAPSHOT)
            continue;
        if (operation->kind == MODEL_APPLY_SNAPSHOT
                ? snapshot_accepts_size(model, operation->snapshot, sector_count)
                : operation->sector_count == sector_count)
            return true;
        if (index < durable && !operation->failed)
            return false;
    }
    return model->base_sectors == sector_count;
}

void disk_model_expects(const struct disk_model *model, uint32_t durable, uint32_t issued,
                        uint32_t snapshot, bool *must, bool *may)
{
    *must = *may = model->snapshots[snapshot].base != NULL;
    for (uint32_t index = 0; index < issued; index++) {
        const struct model_operation *operation = &model->operations[index];
        const bool made = operation->kind == MODEL_MAKE_SNAPSHOT;

        if ((!made && operation->kind != MODEL_DELETE_SNAPSHOT) || operation->snapshot != snapshot)
            continue;
        if (index < durable && !operation->failed)
            *must = *may = made;
        else if (made)
            *may = true;
        else
            *must = false;
    }
}

static void complain(const struct disk_model *model, uint32_t durable, uint32_t issued,
                     uint64_t sector, uint32_t stamp)
{
    if (stamp == PATTERN_GARBAGE)
        printf("sector %llu holds what was never written there\n", (unsigned long long)sector);
    else
        printf("sector %llu holds the value %x\n", (unsigned long long)sector, stamp);
    printf("  before: %x\n", model->base[sector]);
    for (uint32_t index = 0; index < issued; index++) {
        const struct model_operation *operation = &model->operations[index];

        if (covers(operation, sector))
            printf("  operation %u: %s %x at sector %llu + %llu%s%s\n", index,
                   operation->kind == MODEL_ZERO    ? "zero"
                   : operation->kind == MODEL_WRITE ? "write"
                                                    : "apply snapshot",
                   operation->stamp, (unsigned long long)operation->first_sector,
                   (unsigned long long)operation->sector_count, index < durable ? ", flushed" : "",
                   operation->failed ? ", failed" : "");
    }
}

/* What a disk is compared with. */
struct judgement {
    const struct disk_model *model;
    bool is_snapshot;
    uint32_t snapshot;
    uint32_t durable;
    uint32_t issued;
    uint32_t *found;
};

static bool accepts(const struct judgement *judgement, uint64_t sector, uint32_t stamp)
{
    if (judgement->is_snapshot)
        return snapshot_accepts(judgement->model, judgement->snapshot, sector, stamp);
    return disk_model_accepts(judgement->model, judgement->durable, judgement->issued, sector,
                              stamp);
}

static bool accepts_size(const struct judgement *judgement, uint64_t sectors)
{
    if (judgement->is_snapshot)
        return snapshot_accepts_size(judgement->model, judgement->snapshot, sectors);
    return disk_model_accepts_size(judgement->model, judgement->durable, judgement->issued,
                                   sectors);
}

static bool verify_piece(const struct judgement *judgement, const unsigned char *bytes,
                         uint64_t first_sector, uint64_t sector_count)
{
    for (uint64_t i = 0; i < sector_count; i++) {
        const uint64_t sector = first_sector + i;
        const uint32_t stamp = sector_pattern_read(bytes + i * VDISK_SECTOR_BYTES, sector);

        if (judgement->found != NULL)
            judgement->found[sector] = stamp;
        if (stamp == PATTERN_GARBAGE || !accepts(judgement, sector, stamp)) {
            if (judgement->is_snapshot)
                printf("in the snapshot %s:\n",
                       judgement->model->snapshots[judgement->snapshot].name);
            complain(judgement->model, judgement->durable, judgement->issued, sector, stamp);
            return false;
        }
    }
    return true;
}

static bool verify(const struct judgement *judgement, struct vdisk_disk *disk)
{
    static unsigned char bytes[READ_SECTORS * VDISK_SECTOR_BYTES];
    const uint64_t sectors = disk->size_bytes / VDISK_SECTOR_BYTES;

    if (!accepts_size(judgement, sectors)) {
        printf("the disk has %llu sectors\n", (unsigned long long)sectors);
        return false;
    }
    for (uint64_t sector = 0; sector < sectors; sector += READ_SECTORS) {
        const uint64_t count = vdisk_min_u64(READ_SECTORS, sectors - sector);
        struct vdisk_error error;
        const enum vdisk_status status = vdisk_disk_read(
            disk, sector * VDISK_SECTOR_BYTES, bytes, (size_t)count * VDISK_SECTOR_BYTES, &error);

        if (status != VDISK_OK) {
            printf("reading sector %llu: %s (%s)\n", (unsigned long long)sector,
                   vdisk_status_name(status), error.reason != NULL ? error.reason : "");
            return false;
        }
        if (!verify_piece(judgement, bytes, sector, count))
            return false;
    }
    return true;
}

bool disk_model_verify(const struct disk_model *model, struct vdisk_disk *disk, uint32_t durable,
                       uint32_t issued, uint32_t *found)
{
    const struct judgement judgement = {
        .model = model, .durable = durable, .issued = issued, .found = found};

    return verify(&judgement, disk);
}

bool disk_model_verify_bytes(const struct disk_model *model, const void *bytes,
                             uint64_t first_sector, uint64_t sector_count, uint32_t durable,
                             uint32_t issued)
{
    const struct judgement judgement = {.model = model, .durable = durable, .issued = issued};

    return verify_piece(&judgement, bytes, first_sector, sector_count);
}

bool disk_model_verify_snapshot(const struct disk_model *model, uint32_t snapshot,
                                struct vdisk_disk *disk, uint32_t *found)
{
    const uint32_t made =
        model->snapshots[snapshot].base == NULL ? model->snapshots[snapshot].made : 0;
    const struct judgement judgement = {.model = model,
                                        .is_snapshot = true,
                                        .snapshot = snapshot,
                                        .durable = made,
                                        .issued = made,
                                        .found = found};

    return verify(&judgement, disk);
}
