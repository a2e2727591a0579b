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
    operation->failed = false;
    operation->event = operation->answer = UINT32_MAX;
    return operation;
}

static bool covers(const struct model_operation *operation, uint64_t sector)
{
    return (operation->kind == MODEL_WRITE || operation->kind == MODEL_ZERO) &&
           sector >= operation->first_sector &&
           sector - operation->first_sector < operation->sector_count;
}

bool disk_model_accepts(const struct disk_model *model, uint32_t durable, uint32_t issued,
                        uint64_t sector, uint32_t stamp)
{
    for (uint32_t index = issued; index-- > 0;) {
        const struct model_operation *operation = &model->operations[index];

        if (!covers(operation, sector))
            continue;
        if (operation->stamp == stamp)
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

        if (operation->kind != MODEL_RESIZE)
            continue;
        if (operation->sector_count == sector_count)
            return true;
        if (index < durable && !operation->failed)
            return false;
    }
    return model->base_sectors == sector_count;
}

uint64_t disk_model_sectors(const struct disk_model *model)
{
    uint64_t sectors = model->base_sectors;

    for (uint32_t index = 0; index < model->operation_count; index++) {
        if (model->operations[index].kind == MODEL_RESIZE && !model->operations[index].failed)
            sectors = model->operations[index].sector_count;
    }
    return sectors;
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
                   operation->kind == MODEL_ZERO ? "zero" : "write", operation->stamp,
                   (unsigned long long)operation->first_sector,
                   (unsigned long long)operation->sector_count, index < durable ? ", flushed" : "",
                   operation->failed ? ", failed" : "");
    }
}

static bool verify_piece(const struct disk_model *model, const unsigned char *bytes,
                         uint64_t first_sector, uint64_t sector_count, uint32_t durable,
                         uint32_t issued, uint32_t *found)
{
    for (uint64_t i = 0; i < sector_count; i++) {
        const uint64_t sector = first_sector + i;
        const uint32_t stamp = sector_pattern_read(bytes + i * VDISK_SECTOR_BYTES, sector);

        if (found != NULL)
            found[sector] = stamp;
        if (stamp == PATTERN_GARBAGE ||
            !disk_model_accepts(model, durable, issued, sector, stamp)) {
            complain(model, durable, issued, sector, stamp);
            return false;
        }
    }
    return true;
}

bool disk_model_verify(const struct disk_model *model, struct vdisk_disk *disk, uint32_t durable,
                       uint32_t issued, uint32_t *found)
{
    static unsigned char bytes[READ_SECTORS * VDISK_SECTOR_BYTES];
    const uint64_t sectors = disk->size_bytes / VDISK_SECTOR_BYTES;

    if (!disk_model_accepts_size(model, durable, issued, sectors)) {
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
        if (!verify_piece(model, bytes, sector, count, durable, issued, found))
            return false;
    }
    return true;
}
