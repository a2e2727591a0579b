/*
 * Power cuts: a session is recorded, and at any moment of it the power goes. Of what was not
 * flushed any part may have reached the disk, sector by sector. Then the image must open without
 * repair, hold for every sector what was flushed last or came later, be free of corruption, and
 * serve a further session, in which the power goes a second time.
 *
 * A failure names the case: --variant V --seed S --id <trace>.<cut>.
 */
#include "engine/base/checked.h"
#include "host/powercut/file_powercut.h"
#include "tests/image/guest_snapshot.h"
#include "tests/image/run_options.h"
#include "tests/image/survivors.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define CUTS_PER_TRACE 50u
#define OPERATIONS_MIN 12u
#define OPERATIONS_MAX 50u
#define SECOND_STAMPS  0x01000000u /* stamps of the session after a cut */

/* ---- a recorded session ---- */

struct recording {
    const struct image_variant *variant;
    struct file_set *start; /* the files as they were when it began */
    struct disk_model *model;
    struct vdisk_powercut_trace *trace;
};

static uint32_t recorded_events(const void *trace)
{
    return vdisk_powercut_trace_count(trace);
}

static enum vdisk_status wrap_recorder(void *trace, uint32_t index, struct vdisk_file *below,
                                       struct vdisk_file **file, struct vdisk_error *error)
{
    return vdisk_file_powercut_open(below, trace, index, file, error);
}

static bool complain(const char *what, enum vdisk_status status, const struct vdisk_error *error)
{
    image_fixture_complain(what, status, error);
    return false;
}

static enum vdisk_status reopen(struct file_set *set, struct guest *guest,
                                struct vdisk_error *error)
{
    enum vdisk_status status = guest_close(guest, error);

    if (status != VDISK_OK)
        return status;
    return image_fixture_open(set, guest->variant, FIXTURE_WRITE, &guest->image, error);
}

static enum vdisk_status record_step(struct file_set *set, struct guest *guest,
                                     struct vdisk_error *error)
{
    const uint64_t choice = test_random_below(&guest->random, 100);

    if (choice < 8 && guest_has_snapshots(guest->variant))
        return guest_snapshot(guest, error);
    if (choice < 64)
        return guest_write(guest, error);
    if (choice < 74)
        return guest_zero(guest, error);
    if (choice < 80)
        return guest_discard(guest, error);
    if (choice < 94)
        return guest_flush(guest, error);
    if (choice < 97)
        return guest_grow(guest, error);
    return reopen(set, guest, error);
}

/* Works on `set`, which is a copy of recording->start, and writes down what happens. */
static bool record_session(struct recording *recording, struct file_set *set, uint64_t seed,
                           uint32_t operations)
{
    struct guest guest = {
        .variant = recording->variant,
        .model = recording->model,
        .now = recorded_events,
        .clock = recording->trace,
    };
    struct vdisk_error error;
    enum vdisk_status status;

    set->wrap = wrap_recorder;
    set->wrap_context = recording->trace;
    status = image_fixture_open(set, guest.variant, FIXTURE_WRITE, &guest.image, &error);
    if (status != VDISK_OK)
        return complain("opening to write", status, &error);
    guest.buffer = malloc((size_t)GUEST_SECTORS_MAX * VDISK_SECTOR_BYTES);
    test_random_seed(&guest.random, seed);
    for (uint32_t i = 0; i < operations && status == VDISK_OK; i++)
        status = record_step(set, &guest, &error);
    if (status == VDISK_OK)
        status = guest_close(&guest, &error);
    else if (guest.image != NULL)
        vdisk_image_close(guest.image, NULL);
    free(guest.buffer);
    set->wrap = NULL;
    return status == VDISK_OK || complain("the session", status, &error);
}

static void recording_free(struct recording *recording)
{
    vdisk_powercut_trace_destroy(recording->trace);
    if (recording->model != NULL)
        disk_model_destroy(recording->model);
    file_set_destroy(recording->start);
}

/* ---- what QEMU says ---- */

#define QEMU_EVERY 20u /* cuts; it takes longer than all the rest */

/*
 * It knows no differencing VHDX or VDI, no VHDX with sectors of 4096, no VDI with blocks of another
 * size than the default, and no check of VHD.
 */
static bool qemu_understands(const struct image_variant *variant)
{
    if (strcmp(variant->format, "qcow2") == 0 || strcmp(variant->format, "vmdk") == 0)
        return true;
    if (strcmp(variant->format, "vdi") == 0 && variant->block_bytes != 0)
        return false;
    return (strcmp(variant->format, "vhdx") == 0 || strcmp(variant->format, "vdi") == 0) &&
           variant->parent == NULL && variant->sector_bytes != 4096;
}

static bool qemu_is_content(struct file_set *set, const struct image_variant *variant)
{
    char folder[] = "/tmp/virtualdisk-XXXXXX";
    char command[256];
    int status;
    bool saved;

    if (mkdtemp(folder) == NULL)
        return false;
    saved = file_set_save(set, folder);
    /* The header of a VDI counts its blocks, in another sector than the map: it is but a hint. */
    /* QEMU looks at a VHDX whose log is in use only when it may replay it. */
    /* It looks for a data file in the current folder. */
    snprintf(command, sizeof command,
             "cd %s; timeout 20 qemu-img check %s -q -f %s disk.img >qemu.log 2>&1; code=$?; "
             "[ $code != 2 ] || grep -qv 'allocated blocks mismatch' qemu.log || exit 0; "
             "exit $code",
             folder, strcmp(variant->format, "vhdx") == 0 ? "-r all" : "", variant->format);
    status = system(command);
    status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    /* 0 clean, 3 leaks, 63 no check for this kind, 127 not installed */
    if (!saved || (status != 0 && status != 3 && status != 63 && status != 127)) {
        printf("qemu-img check ends with %d; the image and its words are in %s\n", status, folder);
        return false;
    }
    snprintf(command, sizeof command, "%s/qemu.log", folder);
    unlink(command);
    file_set_remove(set, folder);
    return true;
}

/* ---- a cut ---- */

/* The files as they are when the power comes back. NULL, with a complaint, when replay fails. */
static struct file_set *cut_power(const struct recording *recording, uint32_t event_count,
                                  struct survivors *survivors)
{
    struct file_set *set = file_set_clone(recording->start);
    struct vdisk_file *files[FILE_SET_MAX] = {NULL};
    struct vdisk_error error;
    enum vdisk_status status = VDISK_OK;

    set->alignment_bytes = 1;
    for (uint32_t i = 0; i < set->count && status == VDISK_OK; i++)
        status = file_set_open(set, set->files[i].name, false, false, &files[i], &error);
    if (status == VDISK_OK)
        status = vdisk_powercut_replay(recording->trace, event_count, survivors_keep, survivors,
                                       files, &error);
    for (uint32_t i = 0; i < set->count; i++)
        vdisk_file_close(files[i]);
    set->alignment_bytes = recording->start->alignment_bytes;
    if (status == VDISK_OK)
        return set;
    complain("making up the disk", status, &error);
    file_set_destroy(set);
    return NULL;
}

/* How many operations had been issued at an event, and how many of them a flush had covered. */
static void count_operations(const struct disk_model *model, uint32_t event_count,
                             uint32_t *durable, uint32_t *issued)
{
    *durable = *issued = 0;
    for (uint32_t i = 0; i < model->operation_count; i++) {
        const struct model_operation *operation = &model->operations[i];

        if (operation->event > event_count)
            break;
        *issued = i + 1;
        if (disk_model_flushes(operation) && operation->answer <= event_count)
            *durable = i + 1;
    }
}

static bool opens_and_holds(struct file_set *set, const struct image_variant *variant,
                            enum fixture_mode mode, const struct disk_model *model,
                            uint32_t durable, uint32_t issued, uint32_t *found, uint64_t *sectors)
{
    struct vdisk_image *image;
    struct vdisk_error error;
    enum vdisk_status status = image_fixture_open(set, variant, mode, &image, &error);
    bool holds;

    if (status != VDISK_OK)
        return complain("opening after the cut", status, &error);
    *sectors = vdisk_image_disk(image)->size_bytes / VDISK_SECTOR_BYTES;
    holds = disk_model_verify(model, vdisk_image_disk(image), durable, issued, found);
    status = vdisk_image_close(image, &error);
    return holds && (status == VDISK_OK || complain("closing after the cut", status, &error));
}

/* What was found after a cut is what must be there from now on. */
static struct disk_model *model_of_found(const struct disk_model *model, const uint32_t *found,
                                         uint64_t sectors)
{
    struct disk_model *next =
        disk_model_create(sectors, model->capacity, model->first_stamp + SECOND_STAMPS);

    memcpy(next->base, found, (size_t)sectors * sizeof *found);
    next->had_snapshots = model->had_snapshots;
    return next;
}

static bool survives(const struct recording *recording, uint32_t event_count,
                     struct test_random *random, bool again);

/* A session on what the cut has left, recorded in its turn, and a cut of that. */
static bool works_on(struct file_set *set, const struct image_variant *variant,
                     struct disk_model *model, struct test_random *random)
{
    struct recording next = {.variant = variant,
                             .start = file_set_clone(set),
                             .model = model,
                             .trace = vdisk_powercut_trace_create()};
    const uint32_t operations = (uint32_t)test_random_below(random, 8);
    bool good = record_session(&next, set, test_random_next(random), operations);
    const uint32_t all = model->operation_count;
    uint64_t sectors;

    good = good && opens_and_holds(set, variant, FIXTURE_READ, model, all, all, NULL, &sectors) &&
           guest_snapshots_hold(set, variant, model, all, all, NULL) &&
           guest_image_is_sound(set, variant, model);
    if (good && qemu_understands(variant) && !guest_image_needs_repair(set, variant, model) &&
        test_random_below(random, QEMU_EVERY) == 0)
        good = qemu_is_content(set, variant);
    if (good) {
        const uint32_t events = vdisk_powercut_trace_count(next.trace);
        const uint32_t event = (uint32_t)test_random_below(random, events + 1);

        good = survives(&next, event, random, false);
        if (!good)
            printf("  in the second cut, after %u of %u events\n", event, events);
    }
    recording_free(&next);
    return good;
}

static bool survives(const struct recording *recording, uint32_t event_count,
                     struct test_random *random, bool again)
{
    struct survivors survivors = survivors_choose(random, event_count);
    struct file_set *set = cut_power(recording, event_count, &survivors);
    uint32_t *found = calloc((size_t)recording->model->capacity, sizeof *found);
    struct disk_model *next;
    uint32_t durable, issued;
    uint64_t sectors;
    bool good;

    if (set == NULL || found == NULL)
        abort();
    count_operations(recording->model, event_count, &durable, &issued);
    good = opens_and_holds(set, recording->variant, FIXTURE_READ, recording->model, durable, issued,
                           found, &sectors) &&
           guest_image_is_sound(set, recording->variant, recording->model);
    next = model_of_found(recording->model, found, good ? sectors : 0);
    good = good &&
           guest_snapshots_hold(set, recording->variant, recording->model, durable, issued, next);
    if (good && again)
        good = works_on(set, recording->variant, next, random);
    else
        disk_model_destroy(next);
    if (!good)
        printf("  cut after event %u, survival %d (event %u, sizes before %u), %u operations "
               "durable, %u issued\n",
               event_count, (int)survivors.kind, survivors.event, survivors.sizes, durable, issued);
    free(found);
    file_set_destroy(set);
    return good;
}

/* ---- many of them ---- */

static bool run_trace(const struct image_variant *variant, uint64_t seed, uint32_t trace,
                      uint32_t first_cut, uint32_t cut_count)
{
    struct recording recording = {.variant = variant, .trace = vdisk_powercut_trace_create()};
    struct file_set *worked;
    struct test_random random;
    uint32_t events, operations;
    bool good;

    test_random_seed(&random, test_random_mix(seed, trace));
    recording.model = image_fixture_create(variant, test_random_next(&random), &recording.start);
    if (recording.model == NULL)
        return false;
    operations =
        OPERATIONS_MIN + (uint32_t)test_random_below(&random, OPERATIONS_MAX - OPERATIONS_MIN);
    worked = file_set_clone(recording.start);
    good = record_session(&recording, worked, test_random_next(&random), operations);
    events = vdisk_powercut_trace_count(recording.trace);
    for (uint32_t cut = first_cut; good && cut < first_cut + cut_count; cut++) {
        test_random_seed(&random, test_random_mix(test_random_mix(seed, trace), cut + 1));
        good =
            survives(&recording, (uint32_t)test_random_below(&random, events + 1), &random, true);
        if (!good)
            printf("again: --variant %s --seed %llu --id %u.%u\n", variant->name,
                   (unsigned long long)seed, trace, cut);
    }
    file_set_destroy(worked);
    recording_free(&recording);
    return good;
}

static bool run(const struct image_variant *variant, const struct run_options *options,
                uint32_t share)
{
    unsigned trace = 0, cut = 0;

    if (options->id != NULL) {
        if (sscanf(options->id, "%u.%u", &trace, &cut) != 2)
            return false;
        return run_trace(variant, options->seed, trace, cut, 1);
    }
    for (; trace * CUTS_PER_TRACE < share; trace++) {
        if (!run_trace(variant, options->seed, trace, 0, CUTS_PER_TRACE))
            return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    return run_options_main(argc, argv, "power cuts", 1000, run);
}
