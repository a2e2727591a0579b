/* The gate: what was retired before a drain is never seen by anyone after it. */
#include "tests/support/cmocka_all.h"

#include "engine/base/gate.h"

#include <pthread.h>

#define VISITORS 4u
#define ROUNDS   50u

static struct vdisk_gate gate;
static atomic_uint shown; /* the round that newcomers see */
static atomic_uint oldest_in_use[VISITORS];
static atomic_bool done;

/* Looks up the round inside the gate and stays a while, as a reader with a looked-up block does. */
static void *visit(void *argument)
{
    atomic_uint *mine = &oldest_in_use[(uintptr_t)argument];

    while (!atomic_load(&done)) {
        const uint32_t ticket = vdisk_gate_enter(&gate);

        atomic_store(mine, atomic_load(&shown));
        for (volatile unsigned spin = 0; spin < 100; spin++)
            continue;
        atomic_store(mine, UINT32_MAX);
        vdisk_gate_leave(&gate, ticket);
    }
    return NULL;
}

static void test_nobody_is_left_behind_a_drain(void **state)
{
    pthread_t threads[VISITORS];

    (void)state;
    vdisk_gate_init(&gate);
    for (uintptr_t i = 0; i < VISITORS; i++) {
        atomic_init(&oldest_in_use[i], UINT32_MAX);
        pthread_create(&threads[i], NULL, visit, (void *)i);
    }
    for (uint32_t round = 1; round <= ROUNDS; round++) {
        atomic_store(&shown, round);
        vdisk_gate_drain(&gate);
        for (uint32_t i = 0; i < VISITORS; i++)
            assert_true(atomic_load(&oldest_in_use[i]) >= round);
    }
    atomic_store(&done, true);
    for (uint32_t i = 0; i < VISITORS; i++)
        pthread_join(threads[i], NULL);
    vdisk_gate_drain(&gate);
}

static void test_an_empty_gate_drains_at_once(void **state)
{
    (void)state;
    vdisk_gate_init(&gate);
    for (unsigned round = 0; round < 1000; round++) {
        vdisk_gate_drain(&gate);
        vdisk_gate_leave(&gate, vdisk_gate_enter(&gate));
    }
    vdisk_gate_drain(&gate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_empty_gate_drains_at_once),
        cmocka_unit_test(test_nobody_is_left_behind_a_drain),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
