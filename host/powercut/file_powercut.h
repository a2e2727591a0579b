/*
 * A recording file, for tests of power cuts. It passes every call to the file under it and notes
 * each change and each flush, of several files in one order. Afterwards the state of the disk at
 * any moment can be made up: what was flushed is there, and of what was not, any part.
 */
#ifndef VIRTUALDISK_HOST_FILE_POWERCUT_H
#define VIRTUALDISK_HOST_FILE_POWERCUT_H

#include "virtualdisk/file.h"

/* What was recorded. Used by one thread at a time. */
struct vdisk_powercut_trace;

/* NULL when there is no memory. */
struct vdisk_powercut_trace *vdisk_powercut_trace_create(void);

/* NULL is allowed. */
void vdisk_powercut_trace_destroy(struct vdisk_powercut_trace *trace);

/* How many events were recorded: changes and flushes. */
uint32_t vdisk_powercut_trace_count(const struct vdisk_powercut_trace *trace);

/* `below` belongs to the new file. `file_number` tells the files of a trace apart. */
enum vdisk_status vdisk_file_powercut_open(struct vdisk_file *below,
                                           struct vdisk_powercut_trace *trace, uint32_t file_number,
                                           struct vdisk_file **file, struct vdisk_error *error);

enum vdisk_powercut_kind {
    VDISK_POWERCUT_WRITE, /* in pieces: the 512-byte sectors of the file that it touches */
    VDISK_POWERCUT_SET_SIZE,
    VDISK_POWERCUT_PUNCH,
    VDISK_POWERCUT_FLUSH
};

/*
 * Has this piece of a change that was not flushed reached the disk? Of a write that extends the
 * file it is asked twice: as SET_SIZE, whether the file has grown so far, and as WRITE. A file
 * system changes the size in the order of the calls: so should the answers. What lies beyond the
 * size is lost.
 */
typedef bool vdisk_powercut_keep(void *context, enum vdisk_powercut_kind kind, uint32_t event,
                                 uint64_t piece, uint64_t piece_count);

/*
 * Makes up the disk when the power went after the first event_count events. files[n] is the file
 * with number n, holding what it held when the recording began; NULL for one that never changed.
 */
enum vdisk_status vdisk_powercut_replay(const struct vdisk_powercut_trace *trace,
                                        uint32_t event_count, vdisk_powercut_keep *keep,
                                        void *context, struct vdisk_file *const *files,
                                        struct vdisk_error *error);

#endif
