/* Which part of what was not flushed is on the disk after a power cut. */
#ifndef VIRTUALDISK_TESTS_SURVIVORS_H
#define VIRTUALDISK_TESTS_SURVIVORS_H

#include "host/powercut/file_powercut.h"
#include "tests/support/random.h"

enum survival {
    SURVIVES_NOTHING,
    SURVIVES_ALL,
    SURVIVES_EVENTS,  /* whole changes, one in two */
    SURVIVES_SECTORS, /* one sector in two */
    SURVIVES_ONE,     /* one change only */
    SURVIVES_BUT_ONE,
    SURVIVES_PREFIX, /* in order, the last change torn */
    SURVIVES_SUFFIX,
    SURVIVES_SMALL, /* metadata without its data */
    SURVIVES_LARGE,
    SURVIVES_TORN, /* the beginning of each change */
    SURVIVAL_COUNT
};

struct survivors {
    enum survival kind;
    uint64_t seed;
    uint32_t event; /* the one of SURVIVES_ONE and so on */
    uint32_t sizes; /* changes of size are kept in order: before this event, and part of it */
};

/* For a cut after event_count events. */
struct survivors survivors_choose(struct test_random *random, uint32_t event_count);

/* A vdisk_powercut_keep; `context` is the struct survivors. */
bool survivors_keep(void *context, enum vdisk_powercut_kind kind, uint32_t event, uint64_t piece,
                    uint64_t piece_count);

#endif
