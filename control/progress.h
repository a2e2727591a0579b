/*
 * How far a long command has come: a line that changes on a terminal, JSON lines for programs, or
 * nothing. Also where Ctrl-C is noticed.
 */
#ifndef VIRTUALDISK_CONTROL_PROGRESS_H
#define VIRTUALDISK_CONTROL_PROGRESS_H

#include "command.h"

#include <stdint.h>

enum vdisk_progress_kind { VDISK_PROGRESS_NONE, VDISK_PROGRESS_TERMINAL, VDISK_PROGRESS_JSON };

struct vdisk_progress {
    enum vdisk_progress_kind kind;
    uint64_t total_bytes;
    uint64_t done_bytes;
    uint64_t started_milli;
    uint64_t shown_milli;
};

/* Reads --progress. False, said, when it names no kind. */
bool vdisk_progress_init(struct vdisk_progress *progress, const struct vdisk_arguments *arguments);

/* From here on, Ctrl-C ends the work in an orderly way. */
void vdisk_progress_start(struct vdisk_progress *progress, uint64_t total_bytes);

/* So much more is done. False when the user wants to stop. */
bool vdisk_progress_step(struct vdisk_progress *progress, uint64_t bytes);

/* Takes the line away again. */
void vdisk_progress_end(struct vdisk_progress *progress);

#endif
