#include "tests/image/command_trial.h"
#include "control/exit_code.h"
#include "engine/base/checked.h"
#include "host/powercut/file_powercut.h"
#include "tests/image/guest_snapshot.h"
#include "tests/image/sector_pattern.h"
#include "tests/image/survivors.h"

#include <stdio.h>
#include <stdlib.h>

#define IMAGE        "disk.img"
#define PARENT       "parent.img"
#define OTHER        "other.img"
#define READ_SECTORS 256u
#define GUEST_STEPS  16u

static bool complain(const char *what, enum vdisk_status status, const struct vdisk_error *error)
{
    image_fixture_complain(what, status, error);
    return false;
}

/* ---- what images hold ---- */

static void content_free(struct disk_content *content)
{
    free(content->stamps);
    memset(content, 0, sizeof *content);
}

static enum vdisk_status open_named(struct file_set *set, const char *name, bool for_check,
                                    struct vdisk_image **image, struct vdisk_error *error)
{
    const struct vdisk_open_options options = {
        .finder = &set->finder, .read_only = true, .for_check = for_check};
    struct vdisk_file *file;
    enum vdisk_status status = file_set_open(set, name, true, false, &file, error);

    return status == VDISK_OK ? vdisk_image_open(file, &options, image, error) : status;
}

static enum vdisk_status read_disk(struct vdisk_disk *disk, struct disk_content *content,
                                   struct vdisk_error *error)
{
    static unsigned char bytes[READ_SECTORS * VDISK_SECTOR_BYTES];
    enum vdisk_status status = VDISK_OK;

    content->sectors = disk->size_bytes / VDISK_SECTOR_BYTES;
    content->stamps = calloc((size_t)content->sectors, sizeof *content->stamps);
    for (uint64_t at = 0; at < content->sectors && status == VDISK_OK; at += READ_SECTORS) {
        const uint64_t count = vdisk_min_u64(READ_SECTORS, content->sectors - at);

        status = vdisk_disk_read(disk, at * VDISK_SECTOR_BYTES, bytes,
                                 (size_t)count * VDISK_SECTOR_BYTES, error);
        for (uint64_t i = 0; i < count && status == VDISK_OK; i++)
            content->stamps[at + i] = sector_pattern_read(bytes + i * VDISK_SECTOR_BYTES, at + i);
    }
    return status;
}

static enum vdisk_status read_image(struct file_set *set, const char *name,
                                    struct disk_content *content, struct vdisk_error *error)
{
    struct vdisk_image *image;
    enum vdisk_status status = open_named(set, name, false, &image, error);

    if (status != VDISK_OK)
        return status;
    status = read_disk(vdisk_image_disk(image), content, error);
    vdisk_image_close(image, NULL);
    if (status != VDISK_OK)
        content_free(content);
    return status;
}

static uint32_t stamp_at(const struct disk_content *content, uint64_t sector)
{
    return sector < content->sectors ? content->stamps[sector] : 0;
}

/* Does every sector hold what one of the two has there? `or_else` may be NULL. */
static bool shows(struct file_set *set, const char *name, const struct disk_content *expected,
                  const struct disk_content *or_else)
{
    struct disk_content found = {0};
    struct vdisk_error error;
    const enum vdisk_status status = read_image(set, name, &found, &error);
    bool good = status == VDISK_OK;

    if (!good)
        return complain(name, status, &error);
    if (found.sectors != expected->sectors &&
        (or_else == NULL || found.sectors != or_else->sectors)) {
        printf("%s has %llu sectors\n", name, (unsigned long long)found.sectors);
        good = false;
    }
    for (uint64_t sector = 0; sector < found.sectors && good; sector++) {
        const uint32_t stamp = found.stamps[sector];

        good = stamp == stamp_at(expected, sector) ||
               (or_else != NULL && stamp == stamp_at(or_else, sector));
        if (!good)
            printf("%s: sector %llu holds %x instead of %x\n", name, (unsigned long long)sector,
                   stamp, stamp_at(expected, sector));
    }
    content_free(&found);
    return good;
}

static bool is_sound(struct file_set *set, const char *name)
{
    struct vdisk_check check = {0};
    struct vdisk_image *image;
    struct vdisk_error error;
    enum vdisk_status status = open_named(set, name, true, &image, &error);

    if (status != VDISK_OK)
        return complain(name, status, &error);
    status = vdisk_image_check(image, &check, &error);
    vdisk_image_close(image, NULL);
    if (status != VDISK_OK && status != VDISK_UNSUPPORTED)
        return complain(name, status, &error);
    if (check.corruption_count != 0)
        printf("%s has %llu corruptions\n", name, (unsigned long long)check.corruption_count);
    return check.corruption_count == 0;
}

/* ---- where a command starts from ---- */

static enum vdisk_status random_step(struct guest *guest, bool snapshots, struct vdisk_error *error)
{
    const uint64_t choice = test_random_below(&guest->random, 100);

    if (choice < 10 && snapshots && guest_has_snapshots(guest->variant))
        return guest_snapshot(guest, error);
    if (choice < 70)
        return guest_write(guest, error);
    if (choice < 82)
        return guest_zero(guest, error);
    return choice < 92 ? guest_discard(guest, error) : guest_flush(guest, error);
}

/* A session of a guest. */
static bool use(struct file_set *set, const struct image_variant *variant, struct disk_model *model,
                uint64_t seed, bool snapshots)
{
    struct guest guest = {.variant = variant, .model = model};
    struct vdisk_error error;
    enum vdisk_status status =
        image_fixture_open(set, variant, FIXTURE_WRITE, &guest.image, &error);

    if (status != VDISK_OK)
        return complain("opening to write", status, &error);
    guest.buffer = malloc((size_t)GUEST_SECTORS_MAX * VDISK_SECTOR_BYTES);
    test_random_seed(&guest.random, seed);
    for (uint32_t i = 0; i < GUEST_STEPS && status == VDISK_OK; i++)
        status = random_step(&guest, snapshots, &error);
    if (status == VDISK_OK)
        status = guest_close(&guest, &error);
    else
        vdisk_image_close(guest.image, NULL);
    free(guest.buffer);
    return status == VDISK_OK || complain("the guest", status, &error);
}

static bool make_used(const struct image_variant *variant, uint64_t seed, struct file_set **set)
{
    struct disk_model *model = image_fixture_create(variant, seed, set);
    bool good;

    if (model == NULL)
        return false;
    good = use(*set, variant, model, seed, false);
    disk_model_destroy(model);
    return good;
}

static bool note_content(struct command_trial *trial, const char *name,
                         struct disk_content *content)
{
    struct vdisk_error error;
    const enum vdisk_status status = read_image(trial->start, name, content, &error);

    return status == VDISK_OK || complain("reading the start", status, &error);
}

static bool prepare_used(struct command_trial *trial, uint64_t seed)
{
    return make_used(trial->variant, seed, &trial->start) &&
           note_content(trial, IMAGE, &trial->image) &&
           (trial->variant->parent == NULL || note_content(trial, PARENT, &trial->parent));
}

/* The parent will show what the image does, and what it has beyond the image's end. */
static bool prepare_commit(struct command_trial *trial, uint64_t seed)
{
    if (!prepare_used(trial, seed))
        return false;
    trial->other.sectors = vdisk_max_u64(trial->image.sectors, trial->parent.sectors);
    trial->other.stamps = calloc((size_t)trial->other.sectors, sizeof *trial->other.stamps);
    for (uint64_t sector = 0; sector < trial->other.sectors; sector++)
        trial->other.stamps[sector] = sector < trial->image.sectors ? trial->image.stamps[sector]
                                                                    : trial->parent.stamps[sector];
    return true;
}

/* Puts another image of the parent's kind beside it. */
static bool prepare_other(struct command_trial *trial, uint64_t seed)
{
    const struct image_variant *variant = image_variant_find(trial->variant->parent);
    struct file_set *others = NULL;
    struct vdisk_file *file;
    bool good = prepare_used(trial, seed) && variant->parent == NULL &&
                make_used(variant, seed + 1, &others) &&
                file_set_open(trial->start, OTHER, false, true, &file, NULL) == VDISK_OK;

    if (good) {
        const uint32_t index = trial->start->count - 1;

        vdisk_file_close(file);
        vdisk_memory_store_destroy(trial->start->files[index].store);
        trial->start->files[index].store = vdisk_memory_store_clone(file_set_store(others, IMAGE));
        good = note_content(trial, OTHER, &trial->other);
    }
    file_set_destroy(others);
    return good;
}

static enum vdisk_status wrap_recorder(void *trace, uint32_t index, struct vdisk_file *below,
                                       struct vdisk_file **file, struct vdisk_error *error)
{
    return vdisk_file_powercut_open(below, trace, index, file, error);
}

/* An image as a power cut leaves it. */
static bool prepare_cut(struct command_trial *trial, uint64_t seed)
{
    struct vdisk_powercut_trace *trace = vdisk_powercut_trace_create();
    struct disk_model *model = image_fixture_create(trial->variant, seed, &trial->start);
    struct file_set *set = model == NULL ? NULL : file_set_clone(trial->start);
    struct vdisk_file *files[FILE_SET_MAX] = {NULL};
    struct survivors survivors;
    struct test_random random;
    uint32_t events;
    bool good = set != NULL;

    test_random_seed(&random, seed);
    if (good) {
        set->wrap = wrap_recorder;
        set->wrap_context = trace;
        good = use(set, trial->variant, model, seed, true);
        disk_model_destroy(model);
    }
    events = vdisk_powercut_trace_count(trace) / 4 * 3;
    survivors = survivors_choose(&random, events);
    for (uint32_t i = 0; good && i < trial->start->count; i++)
        good = vdisk_file_memory_open(trial->start->files[i].store, "cut", 1, false, &files[i],
                                      NULL) == VDISK_OK;
    good = good && vdisk_powercut_replay(trace, events, survivors_keep, &survivors, files, NULL) ==
                       VDISK_OK;
    for (uint32_t i = 0; i < FILE_SET_MAX; i++)
        vdisk_file_close(files[i]);
    file_set_destroy(set);
    vdisk_powercut_trace_destroy(trace);
    return good && note_content(trial, IMAGE, &trial->image);
}

/* ---- the commands ---- */

static bool has_parent(const struct image_variant *variant)
{
    return variant->parent != NULL;
}

static bool can_change_parent(const struct image_variant *variant)
{
    return has_parent(variant) && image_variant_find(variant->parent)->parent == NULL;
}

/* Not: images of several files. */
static bool is_one_file(const struct image_variant *variant)
{
    return variant->data_file == NULL &&
           (variant->subformat == NULL || strcmp(variant->format, "vmdk") != 0);
}

static bool can_check(const struct image_variant *variant)
{
    return (vdisk_format_capabilities(variant->format) & VDISK_CAN_CHECK) != 0;
}

/*
 * Where formats know their parents by an identity that changes when these are written, a commit
 * that was cut short leaves a child that must be told of its parent again.
 */
static bool link_again(struct file_set *set)
{
    static const char *const words[] = {"rebase", IMAGE, "--unsafe", "--parent", PARENT, NULL};
    struct memory_host host = {.set = set};
    struct vdisk_image *image;
    struct vdisk_error error;
    const enum vdisk_status status = open_named(set, IMAGE, false, &image, &error);
    int code;

    if (status == VDISK_OK)
        vdisk_image_close(image, NULL);
    if (status != VDISK_PARENT_CHANGED)
        return true; /* another failure is told by who reads the image */
    code = memory_host_run(&host, words);
    if (code != VDISK_EXIT_OK)
        printf("rebase --unsafe: code %d\n", code);
    return code == VDISK_EXIT_OK;
}

static bool judge_commit(const struct command_trial *trial, struct file_set *set, bool done)
{
    return link_again(set) && shows(set, IMAGE, &trial->image, NULL) &&
           shows(set, PARENT, &trial->other, done ? NULL : &trial->parent) &&
           is_sound(set, IMAGE) && is_sound(set, PARENT);
}

static bool judge_rebase(const struct command_trial *trial, struct file_set *set, bool done)
{
    (void)done;
    return shows(set, IMAGE, &trial->image, NULL) && shows(set, PARENT, &trial->parent, NULL) &&
           shows(set, OTHER, &trial->other, NULL) && is_sound(set, IMAGE);
}

static bool judge_compact(const struct command_trial *trial, struct file_set *set, bool done)
{
    if (done && memory_host_has_rest(set)) {
        printf("a file is left behind\n");
        return false;
    }
    return shows(set, IMAGE, &trial->image, NULL) && is_sound(set, IMAGE);
}

static bool judge_repair(const struct command_trial *trial, struct file_set *set, bool done)
{
    return shows(set, IMAGE, &trial->image, NULL) && (!done || is_sound(set, IMAGE));
}

const struct command_case command_cases[] = {
    {"commit", {"commit", IMAGE}, has_parent, prepare_commit, judge_commit},
    {"rebase",
     {"rebase", IMAGE, "--parent", OTHER},
     can_change_parent,
     prepare_other,
     judge_rebase},
    {"compact", {"compact", IMAGE}, is_one_file, prepare_used, judge_compact},
    {"repair", {"check", "--repair", IMAGE}, can_check, prepare_cut, judge_repair},
    {.name = NULL},
};

bool command_trial_is_done(int code)
{
    return code == VDISK_EXIT_OK || code == VDISK_EXIT_LEAKS;
}

bool command_trial_begin(struct command_trial *trial, const struct command_case *command,
                         const struct image_variant *variant, uint64_t seed)
{
    memset(trial, 0, sizeof *trial);
    trial->command = command;
    trial->variant = variant;
    return command->prepare(trial, seed);
}

void command_trial_end(struct command_trial *trial)
{
    content_free(&trial->other);
    content_free(&trial->parent);
    content_free(&trial->image);
    file_set_destroy(trial->start);
}
