#include "tests/image/guest_snapshot.h"
#include "engine/base/checked.h"

#include <stdio.h>
#include <stdlib.h>

#define SNAPSHOTS_AT_ONCE 3u

bool guest_has_snapshots(const struct image_variant *variant)
{
    return (vdisk_format_capabilities(variant->format) & VDISK_CAN_SNAPSHOT) != 0 &&
           variant->data_file == NULL;
}

/* One that may be there; false when there is none. */
static bool choose_snapshot(struct guest *guest, uint32_t *snapshot, uint32_t *count)
{
    const struct disk_model *model = guest->model;
    uint32_t there[MODEL_SNAPSHOTS_MAX];

    *count = 0;
    for (uint32_t i = 0; i < model->snapshot_count; i++) {
        bool must, may;

        disk_model_expects(model, model->operation_count, model->operation_count, i, &must, &may);
        if (may)
            there[(*count)++] = i;
    }
    if (*count != 0)
        *snapshot = there[test_random_below(&guest->random, *count)];
    return *count != 0;
}

static enum vdisk_status change(struct guest *guest, enum model_kind kind, uint32_t snapshot,
                                struct vdisk_error *error)
{
    const char *name = guest->model->snapshots[snapshot].name;
    struct model_operation *operation = guest_issue(guest, kind, 0, 0);
    enum vdisk_status status;

    operation->snapshot = snapshot;
    if (kind == MODEL_MAKE_SNAPSHOT)
        status = vdisk_image_create_snapshot(guest->image, name, error);
    else if (kind == MODEL_DELETE_SNAPSHOT)
        status = vdisk_image_delete_snapshot(guest->image, name, error);
    else
        status = vdisk_image_apply_snapshot(guest->image, name, error);
    return guest_answer(guest, operation, status);
}

enum vdisk_status guest_snapshot(struct guest *guest, struct vdisk_error *error)
{
    struct disk_model *model = guest->model;
    const uint64_t choice = test_random_below(&guest->random, 100);
    uint32_t snapshot = 0, count;
    char name[MODEL_NAME_BYTES];

    if (choose_snapshot(guest, &snapshot, &count) && (choice < 60 || count >= SNAPSHOTS_AT_ONCE))
        return change(guest, choice < 30 ? MODEL_APPLY_SNAPSHOT : MODEL_DELETE_SNAPSHOT, snapshot,
                      error);
    snprintf(name, sizeof name, "s%x", model->first_stamp + model->operation_count);
    if (disk_model_add_snapshot(model, name, NULL, 0) == NULL)
        return VDISK_OK;
    return change(guest, MODEL_MAKE_SNAPSHOT, model->snapshot_count - 1, error);
}

static bool is_there(struct file_set *set, const struct image_variant *variant, const char *name)
{
    struct vdisk_snapshot snapshot;
    struct vdisk_image *image;
    bool found = false;

    if (image_fixture_open(set, variant, FIXTURE_READ, &image, NULL) != VDISK_OK)
        return false;
    for (uint32_t i = 0; !found && vdisk_image_get_snapshot(image, i, &snapshot, NULL) == VDISK_OK;
         i++)
        found = strcmp(snapshot.name, name) == 0;
    vdisk_image_close(image, NULL);
    return found;
}

static bool holds(struct file_set *set, const struct image_variant *variant,
                  const struct disk_model *model, uint32_t snapshot, struct disk_model *next)
{
    const char *name = model->snapshots[snapshot].name;
    uint32_t *found = calloc((size_t)model->capacity, sizeof *found);
    struct vdisk_image *image;
    struct vdisk_error error;
    enum vdisk_status status = image_fixture_open_snapshot(set, variant, name, &image, &error);
    bool good = status == VDISK_OK;

    if (!good)
        image_fixture_complain(name, status, &error);
    if (good) {
        struct vdisk_disk *disk = vdisk_image_disk(image);

        good = disk_model_verify_snapshot(model, snapshot, disk, found);
        if (good && next != NULL)
            disk_model_add_snapshot(next, name, found, disk->size_bytes / VDISK_SECTOR_BYTES);
        vdisk_image_close(image, NULL);
    }
    free(found);
    return good;
}

bool guest_snapshots_hold(struct file_set *set, const struct image_variant *variant,
                          const struct disk_model *model, uint32_t durable, uint32_t issued,
                          struct disk_model *next)
{
    bool good = true;

    for (uint32_t i = 0; i < model->snapshot_count && good; i++) {
        const bool there = is_there(set, variant, model->snapshots[i].name);
        bool must, may;

        disk_model_expects(model, durable, issued, i, &must, &may);
        good = there ? may : !must;
        if (!good)
            printf("the snapshot %s %s\n", model->snapshots[i].name,
                   there ? "is there" : "is missing");
        if (good && there)
            good = holds(set, variant, model, i, next);
    }
    return good;
}

static bool is_version_2(const struct image_variant *variant)
{
    return variant->subformat != NULL && strcmp(variant->subformat, "v2") == 0;
}

static bool is_marked_dirty(struct file_set *set, const struct image_variant *variant)
{
    struct vdisk_image_info *info = calloc(1, sizeof *info);
    struct vdisk_image *image;
    bool dirty = false;

    if (image_fixture_open(set, variant, FIXTURE_READ, &image, NULL) == VDISK_OK) {
        dirty = vdisk_image_get_info(image, info, NULL) == VDISK_OK && info->dirty;
        vdisk_image_close(image, NULL);
    }
    free(info);
    return dirty;
}

/* A session that writes something. */
static bool use_once(struct file_set *set, const struct image_variant *variant)
{
    struct vdisk_image *image;
    struct vdisk_error error;
    enum vdisk_status status = image_fixture_open(set, variant, FIXTURE_WRITE, &image, &error);
    enum vdisk_status closed;

    if (status == VDISK_OK) {
        status = vdisk_disk_zero(vdisk_image_disk(image), 0, VDISK_SECTOR_BYTES, &error);
        closed = vdisk_image_close(image, status == VDISK_OK ? &error : NULL);
        status = status == VDISK_OK ? closed : status;
    }
    if (status != VDISK_OK)
        image_fixture_complain("using a dirty image", status, &error);
    return status == VDISK_OK;
}

bool guest_image_needs_repair(struct file_set *set, const struct image_variant *variant,
                              const struct disk_model *model)
{
    return model->had_snapshots && (is_version_2(variant) || is_marked_dirty(set, variant));
}

bool guest_image_is_sound(struct file_set *set, const struct image_variant *variant,
                          const struct disk_model *model)
{
    struct file_set *copy;
    bool good;

    if (!guest_image_needs_repair(set, variant, model))
        return image_fixture_check(set, variant, true);
    copy = file_set_clone(set);
    good = is_version_2(variant) ? image_fixture_repair(copy, variant) : use_once(copy, variant);
    good = good && image_fixture_check(copy, variant, true);
    file_set_destroy(copy);
    return good;
}
