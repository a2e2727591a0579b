/*
 * Commands that change images by themselves (commit, rebase, compact, check --repair): the power
 * goes at any moment, or any call to a file fails. Then the image must show what it showed, its
 * parent nothing but its own or the image's content, and the same command must do its work.
 *
 * A failure names the case: --variant V --seed S --id <command>.<kind>.<number>; the kinds are
 * 0 for cuts, 1 for one failing call, 2 for a call and all that follow.
 */
#include "host/fault/file_fault.h"
#include "host/powercut/file_powercut.h"
#include "tests/image/command_trial.h"
#include "tests/image/run_options.h"
#include "tests/image/survivors.h"

#include <stdio.h>
#include <stdlib.h>

#define LITTLE 4u /* to do for a variant */

enum trial_kind { TRIAL_CUT, TRIAL_FAULT, TRIAL_FULL, TRIAL_KIND_COUNT };

static bool judge(const struct command_trial *trial, struct file_set *set, bool done)
{
    set->wrap = NULL;
    return trial->command->judge(trial, set, done);
}

/* What was left half done is done by the same command. */
static bool finishes(const struct command_trial *trial, struct file_set *set)
{
    struct memory_host host = {.set = set, .loud = trial->loud};
    const int code = memory_host_run(&host, trial->command->words);

    if (!command_trial_is_done(code))
        printf("  the command again: code %d\n", code);
    return command_trial_is_done(code) && judge(trial, set, true);
}

/* ---- power cuts ---- */

struct recording {
    struct vdisk_powercut_trace *trace;
    struct memory_host host;
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

static bool record(const struct command_trial *trial, struct recording *recording)
{
    struct file_set *set = file_set_clone(trial->start);
    int code;

    recording->trace = vdisk_powercut_trace_create();
    recording->host = (struct memory_host){
        .set = set, .loud = trial->loud, .now = recorded_events, .clock = recording->trace};
    set->wrap = wrap_recorder;
    set->wrap_context = recording->trace;
    code = memory_host_run(&recording->host, trial->command->words);
    if (!command_trial_is_done(code))
        printf("  the command: code %d\n", code);
    return command_trial_is_done(code) && judge(trial, set, true);
}

static void recording_free(struct recording *recording)
{
    vdisk_powercut_trace_destroy(recording->trace);
    file_set_destroy(recording->host.set);
}

/* The files as they are when the power comes back; those that the command has made are there. */
static struct file_set *cut_power(const struct command_trial *trial,
                                  const struct recording *recording, uint32_t events,
                                  struct survivors *survivors)
{
    const struct file_set *after = recording->host.set;
    struct file_set *set = file_set_clone(trial->start);
    struct vdisk_file *files[FILE_SET_MAX] = {NULL};
    bool good = true;

    while (good && set->count < after->count) {
        struct vdisk_file *made;
        char name[FILE_SET_NAME_BYTES];

        snprintf(name, sizeof name, "made %u", (unsigned)set->count);
        good = file_set_open(set, name, false, true, &made, NULL) == VDISK_OK;
        vdisk_file_close(made);
    }
    for (uint32_t i = 0; i < set->count && good; i++)
        good = vdisk_file_memory_open(set->files[i].store, "cut", 1, false, &files[i], NULL) ==
               VDISK_OK;
    good = good && vdisk_powercut_replay(recording->trace, events, survivors_keep, survivors, files,
                                         NULL) == VDISK_OK;
    for (uint32_t i = 0; i < set->count; i++)
        vdisk_file_close(files[i]);
    if (!good)
        abort();
    for (uint32_t i = 0; i < recording->host.rename_count; i++) {
        const struct memory_host_rename *change = &recording->host.renames[i];

        if (change->event <= events)
            memory_host_replace(set, change->from, change->to);
    }
    return set;
}

static bool survives_cut(const struct command_trial *trial, const struct recording *recording,
                         uint64_t seed)
{
    struct test_random random;
    struct survivors survivors;
    struct file_set *set;
    uint32_t events;
    bool good;

    test_random_seed(&random, seed);
    events = (uint32_t)test_random_below(&random, vdisk_powercut_trace_count(recording->trace) + 1);
    survivors = survivors_choose(&random, events);
    set = cut_power(trial, recording, events, &survivors);
    good = judge(trial, set, false) && finishes(trial, set);
    if (!good)
        printf("  cut after event %u of %u, survival %d\n", events,
               vdisk_powercut_trace_count(recording->trace), (int)survivors.kind);
    file_set_destroy(set);
    return good;
}

/* ---- failing files ---- */

static enum vdisk_status wrap_fault(void *plan, uint32_t index, struct vdisk_file *below,
                                    struct vdisk_file **file, struct vdisk_error *error)
{
    const enum vdisk_status status = vdisk_file_fault_open(below, plan, file, error);

    (void)index;
    if (status != VDISK_OK)
        vdisk_file_close(below);
    return status;
}

/* `number` 0: none fails. `calls` gets how many there were. */
static bool survives_fault(const struct command_trial *trial, enum trial_kind kind, uint32_t number,
                           uint32_t *calls)
{
    struct vdisk_fault_plan plan = {.calls = VDISK_FAULT_READ | VDISK_FAULT_WRITE |
                                             VDISK_FAULT_FLUSH | VDISK_FAULT_SET_SIZE,
                                    .fail_from = number,
                                    .fail_to = kind == TRIAL_FULL ? UINT32_MAX : number,
                                    .status = kind == TRIAL_FULL ? VDISK_NO_SPACE : VDISK_IO,
                                    .short_bytes = kind == TRIAL_FULL ? VDISK_SECTOR_BYTES : 0};
    struct file_set *set = file_set_clone(trial->start);
    struct memory_host host = {.set = set, .loud = trial->loud};
    bool done, good = true;

    set->wrap = wrap_fault;
    set->wrap_context = &plan;
    done = command_trial_is_done(memory_host_run(&host, trial->command->words));
    if (calls != NULL)
        *calls = atomic_load(&plan.counted);
    if (done != (atomic_load(&plan.failed) == 0)) {
        printf("  a call failed (kinds %x), and the command %s\n", atomic_load(&plan.failed),
               done ? "says that it is done" : "fails without");
        good = false;
    }
    if (memory_host_has_rest(set)) {
        printf("  a file is left behind\n");
        good = false;
    }
    good = good && judge(trial, set, done) && finishes(trial, set);
    file_set_destroy(set);
    return good;
}

/* ---- many of them ---- */

static bool run_case(const struct command_trial *trial, const struct recording *recording,
                     const struct run_options *options, enum trial_kind kind, uint32_t number)
{
    const unsigned command = (unsigned)(trial->command - command_cases);
    const bool good = kind == TRIAL_CUT
                          ? survives_cut(trial, recording, test_random_mix(options->seed, number))
                          : survives_fault(trial, kind, number, NULL);

    if (!good)
        printf("%s; again: --variant %s --seed %llu --id %u.%d.%u\n", trial->command->name,
               trial->variant->name, (unsigned long long)options->seed, command, (int)kind, number);
    return good;
}

static bool run_command(const struct command_case *command, const struct image_variant *variant,
                        const struct run_options *options, uint32_t share)
{
    struct command_trial trial;
    struct recording recording = {0};
    uint32_t calls = 0, stride;
    unsigned wanted = 0, kind = 0, number = 0;
    bool good = command_trial_begin(&trial, command, variant, options->seed);

    trial.loud = options->id != NULL;
    good = good && record(&trial, &recording) && survives_fault(&trial, TRIAL_FAULT, 0, &calls);

    if (!good)
        printf("%s: cannot begin\n", command->name);
    if (good && options->id != NULL) {
        good = sscanf(options->id, "%u.%u.%u", &wanted, &kind, &number) == 3 &&
               run_case(&trial, &recording, options, (enum trial_kind)kind, number);
    } else {
        for (number = 1; number <= share && good; number++)
            good = run_case(&trial, &recording, options, TRIAL_CUT, number);
        stride = calls * 2 / share + 1;
        for (number = 1 + (uint32_t)(options->seed % stride); number <= calls && good;
             number += stride)
            good = run_case(&trial, &recording, options, TRIAL_FAULT, number) &&
                   run_case(&trial, &recording, options, TRIAL_FULL, number);
    }
    recording_free(&recording);
    command_trial_end(&trial);
    return good;
}

/* Is it this command's turn? Where little is to be done, a variant has one of its commands. */
static bool is_wanted(const struct command_case *command, const struct image_variant *variant,
                      const struct run_options *options, uint32_t share)
{
    const unsigned number = (unsigned)(command - command_cases);
    unsigned wanted = number, fitting = 0, before = 0;

    if (options->id != NULL)
        return sscanf(options->id, "%u.", &wanted) == 1 && wanted == number;
    for (const struct command_case *other = command_cases; other->name != NULL; other++) {
        fitting += other->fits(variant);
        before += other < command && other->fits(variant);
    }
    return command->fits(variant) &&
           (share >= LITTLE || (unsigned)(variant - image_variants) % fitting == before);
}

static bool run(const struct image_variant *variant, const struct run_options *options,
                uint32_t share)
{
    bool good = true;

    for (const struct command_case *command = command_cases; command->name != NULL; command++) {
        if (is_wanted(command, variant, options, share))
            good = run_command(command, variant, options, share / 4 + 1) && good;
    }
    return good;
}

int main(int argc, char **argv)
{
    return run_options_main(argc, argv, "commands cut short", 100, run);
}
