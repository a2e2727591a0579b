#include "engine/base/gate.h"

void vdisk_gate_init(struct vdisk_gate *gate)
{
    atomic_init(&gate->epoch, 0);
    for (uint32_t lane = 0; lane < VDISK_GATE_LANES; lane++) {
        atomic_init(&gate->lanes[lane].inside[0], 0);
        atomic_init(&gate->lanes[lane].inside[1], 0);
    }
}

/* Threads are told apart by their stacks, so that they rarely share a cache line. */
static uint32_t gate_lane(void)
{
    unsigned char here;
    uintptr_t address = (uintptr_t)&here;

    return (uint32_t)((address >> 13) ^ (address >> 17) ^ (address >> 23)) % VDISK_GATE_LANES;
}

uint32_t vdisk_gate_enter(struct vdisk_gate *gate)
{
    const uint32_t lane = gate_lane();

    for (;;) {
        const uint32_t side = atomic_load(&gate->epoch) & 1;

        atomic_fetch_add(&gate->lanes[lane].inside[side], 1);
        /* A drain that flipped in between may have missed us: then count on the other side. */
        if ((atomic_load(&gate->epoch) & 1) == side)
            return lane * 2 + side;
        atomic_fetch_sub(&gate->lanes[lane].inside[side], 1);
    }
}

void vdisk_gate_leave(struct vdisk_gate *gate, uint32_t ticket)
{
    atomic_fetch_sub(&gate->lanes[ticket / 2].inside[ticket % 2], 1);
}

void vdisk_gate_drain(struct vdisk_gate *gate)
{
    const uint32_t side = atomic_fetch_add(&gate->epoch, 1) & 1;

    for (uint32_t lane = 0; lane < VDISK_GATE_LANES; lane++) {
        while (atomic_load(&gate->lanes[lane].inside[side]) != 0)
            vdisk_pause();
    }
}
