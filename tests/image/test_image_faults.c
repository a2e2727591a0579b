/*
 * Failures: a session is repeated as often as it makes calls to its files, and each time another
 * call fails, alone or with all that follow; the same with allocations. The failure must be
 * reported, what was flushed must be there, what was acknowledged must be read back, and the image
 * must open again and be free of corruption.
 *
 * A failure names the case: --variant V --seed S --id <kind>.<number of the call>.
 */
#include "host/fault/file_fault.h"
#include "tests/image/guest_snapshot.h"
#include "tests/image/run_options.h"

#include <stdio.h>
#include <stdlib.h>

#define SESSION_OPERATIONS 24u

enum fault_kind {
    FAULT_IO,       /* one call fails with an I/O error */
    FAULT_NO_SPACE, /* one call fails for want of space, one sector written */
    FAULT_FULL,     /* the call and all that follow */
    FAULT_MEMORY,   /* one allocation fails */
    FAULT_KIND_COUNT
};

/* ---- allocations: the linker sends the engine's through here ---- */

void *__real_vdisk_alloc(size_t size_bytes);
void *__wrap_vdisk_alloc(size_t size_bytes);
void *__real_vdisk_alloc_array(size_t count, size_t element_bytes);
void *__wrap_vdisk_alloc_array(size_t count, size_t element_bytes);

static uint32_t allocations;
static uint32_t failing_allocation; /* 0: none */

void *__wrap_vdisk_alloc(size_t size_bytes)
{
    return ++allocations == failing_allocation ? NULL : __real_vdisk_alloc(size_bytes);
}

void *__wrap_vdisk_alloc_array(size_t count, size_t element_bytes)
{
    return ++allocations == failing_allocation ? NULL
                                               : __real_vdisk_alloc_array(count, element_bytes);
}

/* ---- one session ---- */

struct session {
    const struct image_variant *variant;
    uint64_t seed;
    struct file_set *set;
    struct vdisk_fault_plan plan;
    struct guest guest;
    bool reported; /* some call has returned an error */
};

static bool complain(const char *what, enum vdisk_status status, const struct vdisk_error *error)
{
    image_fixture_complain(what, status, error);
    return false;
}

static enum vdisk_status wrap_fault(void *plan, uint32_t index, struct vdisk_file *below,
                                    struct vdisk_file **file, struct vdisk_error *error)
{
    const enum vdisk_status status = vdisk_file_fault_open(below, plan, file, error);

    (void)index;
    if (status != VDISK_OK)
        vdisk_file_close(below);
    return status;
}

static void arm(struct session *session, enum fault_kind kind, uint32_t number)
{
    struct vdisk_fault_plan *plan = &session->plan;

    memset(plan, 0, sizeof *plan);
    plan->calls = VDISK_FAULT_READ | VDISK_FAULT_WRITE | VDISK_FAULT_FLUSH | VDISK_FAULT_SET_SIZE |
                  VDISK_FAULT_PUNCH;
    plan->status = kind == FAULT_IO ? VDISK_IO : VDISK_NO_SPACE;
    plan->fail_to = kind == FAULT_FULL ? UINT32_MAX : number;
    plan->short_bytes = kind == FAULT_NO_SPACE ? VDISK_SECTOR_BYTES : 0;
    plan->fail_from = kind == FAULT_MEMORY ? 0 : number;
    allocations = 0;
    failing_allocation = kind == FAULT_MEMORY ? number : 0;
}

static void disarm(struct session *session)
{
    session->plan.fail_from = 0;
    failing_allocation = 0;
}

static void note(struct session *session, enum vdisk_status status)
{
    session->reported = session->reported || status != VDISK_OK;
}

static enum vdisk_status step(struct guest *guest, uint32_t number)
{
    const uint64_t choice = test_random_below(&guest->random, 100);

    if (number % 8 == 7)
        return guest_flush(guest, NULL);
    if (choice < 12 && guest_has_snapshots(guest->variant))
        return guest_snapshot(guest, NULL);
    if (choice < 75)
        return guest_write(guest, NULL);
    if (choice < 87)
        return guest_zero(guest, NULL);
    if (choice < 95)
        return guest_discard(guest, NULL);
    return guest_grow(guest, NULL);
}

/* Has the failure happened, so that the rest of the session can be judged without more of them? */
static bool is_over(const struct session *session, enum fault_kind kind)
{
    if (kind == FAULT_MEMORY)
        return failing_allocation != 0 && allocations >= failing_allocation;
    return kind != FAULT_FULL && atomic_load(&session->plan.failed) != 0;
}

static bool is_readable(struct session *session)
{
    const struct disk_model *model = session->guest.model;

    disarm(session);
    return disk_model_verify(model, vdisk_image_disk(session->guest.image), model->operation_count,
                             model->operation_count, NULL);
}

static bool work(struct session *session, enum fault_kind kind)
{
    struct guest *guest = &session->guest;
    struct vdisk_error error;
    enum vdisk_status status =
        image_fixture_open(session->set, session->variant, FIXTURE_WRITE, &guest->image, &error);
    bool good = true;

    note(session, status);
    if (status != VDISK_OK)
        return true; /* nothing was written; what is there is judged later */
    for (uint32_t i = 0; i < SESSION_OPERATIONS; i++)
        note(session, step(guest, i));
    if (is_over(session, kind))
        good = is_readable(session);
    note(session, guest_close(guest, &error));
    return good;
}

static uint32_t durable_operations(const struct disk_model *model)
{
    uint32_t durable = 0;

    for (uint32_t i = 0; i < model->operation_count; i++) {
        if (disk_model_flushes(&model->operations[i]) && !model->operations[i].failed)
            durable = i + 1;
    }
    return durable;
}

static bool is_intact(struct session *session)
{
    const struct disk_model *model = session->guest.model;
    struct vdisk_image *image;
    struct vdisk_error error;
    enum vdisk_status status =
        image_fixture_open(session->set, session->variant, FIXTURE_READ, &image, &error);
    bool good;

    if (status != VDISK_OK)
        return complain("opening afterwards", status, &error);
    good = disk_model_verify(model, vdisk_image_disk(image), durable_operations(model),
                             model->operation_count, NULL);
    vdisk_image_close(image, NULL);
    return good &&
           guest_snapshots_hold(session->set, session->variant, model, durable_operations(model),
                                model->operation_count, NULL) &&
           guest_image_is_sound(session->set, session->variant, model);
}

/* QCOW2 punches only what is free already: that it keeps the space is no failure. */
static bool is_reported(const struct session *session)
{
    const bool punches_matter = strcmp(session->variant->format, "qcow2") != 0;
    uint32_t failed = atomic_load(&session->plan.failed);

    if (!punches_matter)
        failed &= ~(uint32_t)VDISK_FAULT_PUNCH;
    if (failed == 0 || session->reported)
        return true;
    printf("a call failed (kinds %x), and nobody said so\n", failed);
    return false;
}

/* Each session starts from the same files and does the same, up to the failure. */
static bool run_session(const struct image_variant *variant, const struct file_set *start,
                        const struct disk_model *base, uint64_t seed, enum fault_kind kind,
                        uint32_t number, uint32_t counted[FAULT_KIND_COUNT])
{
    struct session session = {.variant = variant, .seed = seed, .set = file_set_clone(start)};
    struct guest *guest = &session.guest;
    bool good;

    guest->variant = variant;
    guest->model = disk_model_create(base->base_sectors, base->capacity, base->first_stamp);
    memcpy(guest->model->base, base->base, (size_t)base->capacity * sizeof *base->base);
    guest->buffer = malloc((size_t)GUEST_SECTORS_MAX * VDISK_SECTOR_BYTES);
    test_random_seed(&guest->random, seed);
    session.set->wrap = wrap_fault;
    session.set->wrap_context = &session.plan;
    arm(&session, kind, number);
    good = work(&session, kind);
    if (counted != NULL) {
        counted[FAULT_MEMORY] = allocations;
        for (uint32_t i = 0; i < FAULT_MEMORY; i++)
            counted[i] = atomic_load(&session.plan.counted);
    }
    disarm(&session);
    session.set->wrap = NULL;
    good = good && is_reported(&session) && is_intact(&session);
    free(guest->buffer);
    disk_model_destroy(guest->model);
    file_set_destroy(session.set);
    return good;
}

static bool run_kind(const struct image_variant *variant, const struct file_set *start,
                     const struct disk_model *base, uint64_t seed, enum fault_kind kind,
                     uint32_t calls, uint32_t sessions)
{
    const uint32_t stride = calls / sessions + 1; /* all calls, where they are not too many */

    for (uint32_t number = 1 + (uint32_t)(seed % stride); number <= calls; number += stride) {
        if (!run_session(variant, start, base, seed, kind, number, NULL)) {
            printf("again: --variant %s --seed %llu --id %d.%u\n", variant->name,
                   (unsigned long long)seed, (int)kind, number);
            return false;
        }
    }
    return true;
}

static bool run(const struct image_variant *variant, const struct run_options *options,
                uint32_t share)
{
    uint32_t counted[FAULT_KIND_COUNT] = {0};
    struct file_set *start;
    struct disk_model *base = image_fixture_create(variant, options->seed, &start);
    unsigned kind = 0, number = 0;
    bool good;

    if (base == NULL)
        return false;
    if (options->id != NULL) {
        good = sscanf(options->id, "%u.%u", &kind, &number) == 2 && kind < FAULT_KIND_COUNT &&
               run_session(variant, start, base, options->seed, kind, number, NULL);
    } else {
        good = run_session(variant, start, base, options->seed, FAULT_IO, 0, counted);
        for (; kind < FAULT_KIND_COUNT && good; kind++)
            good = run_kind(variant, start, base, options->seed, kind, counted[kind],
                            share / FAULT_KIND_COUNT + 1);
    }
    disk_model_destroy(base);
    file_set_destroy(start);
    return good;
}

int main(int argc, char **argv)
{
    return run_options_main(argc, argv, "failing calls", 2400, run);
}
