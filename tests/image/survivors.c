#include "tests/image/survivors.h"
#include "engine/base/checked.h"

#define SMALL_PIECES 8u /* what is written in up to 4 KiB is probably metadata */

static uint64_t dice(const struct survivors *survivors, uint32_t event, uint64_t piece)
{
    return test_random_mix(survivors->seed, test_random_mix(event, piece));
}

bool survivors_keep(void *context, enum vdisk_powercut_kind kind, uint32_t event, uint64_t piece,
                    uint64_t piece_count)
{
    const struct survivors *survivors = context;

    if (kind == VDISK_POWERCUT_SET_SIZE && survivors->kind > SURVIVES_ALL)
        return event < survivors->sizes ||
               (event == survivors->sizes && piece < dice(survivors, event, 0) % (piece_count + 1));
    switch (survivors->kind) {
    case SURVIVES_NOTHING:
        return false;
    case SURVIVES_EVENTS:
        return dice(survivors, event, 0) % 2 == 0;
    case SURVIVES_SECTORS:
        return dice(survivors, event, piece) % 2 == 0;
    case SURVIVES_ONE:
        return event == survivors->event;
    case SURVIVES_BUT_ONE:
        return event != survivors->event;
    case SURVIVES_PREFIX:
        return event < survivors->event ||
               (event == survivors->event && piece < dice(survivors, event, 0) % piece_count);
    case SURVIVES_SUFFIX:
        return event > survivors->event ||
               (event == survivors->event && piece >= dice(survivors, event, 0) % piece_count);
    case SURVIVES_SMALL:
        return piece_count <= SMALL_PIECES;
    case SURVIVES_LARGE:
        return piece_count > SMALL_PIECES;
    case SURVIVES_TORN:
        return piece <= dice(survivors, event, 0) % piece_count;
    case SURVIVES_ALL:
    case SURVIVAL_COUNT:
        break;
    }
    return true;
}

struct survivors survivors_choose(struct test_random *random, uint32_t event_count)
{
    const uint32_t recent = (uint32_t)vdisk_min_u64(event_count, 12);
    struct survivors survivors;

    survivors.kind = (enum survival)test_random_below(random, SURVIVAL_COUNT);
    survivors.seed = test_random_next(random);
    survivors.event = event_count - (uint32_t)test_random_below(random, recent + 1);
    survivors.sizes = event_count - (uint32_t)test_random_below(random, recent + 1);
    return survivors;
}
