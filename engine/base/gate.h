/*
 * A gate counts the requests that are on their way, so that space which they may still be looking
 * at is not given to someone else. Passing costs two atomic additions and never waits; draining
 * waits until everyone who had entered before the call has left.
 */
#ifndef VIRTUALDISK_ENGINE_GATE_H
#define VIRTUALDISK_ENGINE_GATE_H

#include "virtualdisk/platform.h"

#include <stdatomic.h>

#define VDISK_GATE_LANES 4

struct vdisk_gate {
    atomic_uint epoch; /* its lowest bit selects the counter that newcomers use */
    struct {
        _Alignas(64) atomic_uint inside[2];
    } lanes[VDISK_GATE_LANES];
};

void vdisk_gate_init(struct vdisk_gate *gate);

/* Returns a ticket for vdisk_gate_leave. */
uint32_t vdisk_gate_enter(struct vdisk_gate *gate);
void vdisk_gate_leave(struct vdisk_gate *gate, uint32_t ticket);

/* One caller at a time, who must not be inside. */
void vdisk_gate_drain(struct vdisk_gate *gate);

#endif
