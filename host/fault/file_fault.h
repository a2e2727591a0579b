/*
 * A file that fails on demand, for tests. It passes every call to the file under it, except for
 * the calls that its plan makes fail.
 */
#ifndef VIRTUALDISK_HOST_FILE_FAULT_H
#define VIRTUALDISK_HOST_FILE_FAULT_H

#include "virtualdisk/file.h"

#include <stdatomic.h>

enum vdisk_fault_call {
    VDISK_FAULT_READ = 1 << 0,
    VDISK_FAULT_WRITE = 1 << 1,
    VDISK_FAULT_FLUSH = 1 << 2,
    VDISK_FAULT_SET_SIZE = 1 << 3,
    VDISK_FAULT_PUNCH = 1 << 4
};

/* Belongs to the test, outlives the file. Change it while no call is under way. */
struct vdisk_fault_plan {
    uint32_t calls;           /* which calls count (enum vdisk_fault_call) */
    uint32_t fail_from;       /* the first counted call to fail, from 1; 0: none */
    uint32_t fail_to;         /* the last counted call to fail; UINT32_MAX: all after the first */
    enum vdisk_status status; /* what they fail with */
    size_t short_bytes;       /* a failing write first writes this much of its data */
    atomic_uint counted;      /* out: counted calls so far */
    atomic_uint failed;       /* out: kinds of calls that were made to fail */
    atomic_uint flush_count;  /* out: all flushes */
};

/* `below` belongs to the new file. */
enum vdisk_status vdisk_file_fault_open(struct vdisk_file *below, struct vdisk_fault_plan *plan,
                                        struct vdisk_file **file, struct vdisk_error *error);

#endif
