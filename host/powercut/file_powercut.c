#include "host/powercut/file_powercut.h"
#include "engine/base/checked.h"

#include <stdlib.h>

#define PIECE_BYTES 512u

struct event {
    enum vdisk_powercut_kind kind;
    uint32_t file_number;
    uint64_t offset_bytes; /* SET_SIZE: the new size */
    uint64_t length_bytes;
    uint64_t file_bytes; /* the size of the file before */
    unsigned char *data; /* WRITE */
};

struct vdisk_powercut_trace {
    uint32_t count;
    uint32_t capacity;
    struct event *events;
};

struct file_powercut {
    struct vdisk_file file; /* first */
    struct vdisk_file *below;
    struct vdisk_powercut_trace *trace;
    uint32_t file_number;
};

struct vdisk_powercut_trace *vdisk_powercut_trace_create(void)
{
    return calloc(1, sizeof(struct vdisk_powercut_trace));
}

void vdisk_powercut_trace_destroy(struct vdisk_powercut_trace *trace)
{
    if (trace == NULL)
        return;
    for (uint32_t index = 0; index < trace->count; index++)
        free(trace->events[index].data);
    free(trace->events);
    free(trace);
}

uint32_t vdisk_powercut_trace_count(const struct vdisk_powercut_trace *trace)
{
    return trace->count;
}

static struct file_powercut *powercut_of(struct vdisk_file *file)
{
    return (struct file_powercut *)file;
}

/* A test host: out of memory is the end of the test. */
static void record(struct vdisk_file *file, enum vdisk_powercut_kind kind, uint64_t offset_bytes,
                   uint64_t length_bytes, const void *data)
{
    struct vdisk_powercut_trace *trace = powercut_of(file)->trace;
    struct event *event;

    if (trace->count == trace->capacity) {
        trace->capacity = trace->capacity * 2 + 64;
        trace->events = realloc(trace->events, trace->capacity * sizeof *trace->events);
        if (trace->events == NULL)
            abort();
    }
    event = &trace->events[trace->count++];
    *event = (struct event){
        .kind = kind,
        .file_number = powercut_of(file)->file_number,
        .offset_bytes = offset_bytes,
        .length_bytes = length_bytes,
    };
    if (vdisk_file_get_size(powercut_of(file)->below, &event->file_bytes, NULL) != VDISK_OK)
        abort();
    if (data == NULL)
        return;
    event->data = malloc((size_t)length_bytes);
    if (event->data == NULL)
        abort();
    memcpy(event->data, data, (size_t)length_bytes);
}

static enum vdisk_status file_powercut_read(struct vdisk_file *file, uint64_t offset_bytes,
                                            void *buffer, size_t length_bytes,
                                            struct vdisk_error *error)
{
    return vdisk_file_read(powercut_of(file)->below, offset_bytes, buffer, length_bytes, error);
}

static enum vdisk_status file_powercut_write(struct vdisk_file *file, uint64_t offset_bytes,
                                             const void *buffer, size_t length_bytes,
                                             struct vdisk_error *error)
{
    record(file, VDISK_POWERCUT_WRITE, offset_bytes, length_bytes, buffer);
    return vdisk_file_write(powercut_of(file)->below, offset_bytes, buffer, length_bytes, error);
}

static enum vdisk_status file_powercut_flush(struct vdisk_file *file, struct vdisk_error *error)
{
    record(file, VDISK_POWERCUT_FLUSH, 0, 0, NULL);
    return vdisk_file_flush(powercut_of(file)->below, error);
}

static enum vdisk_status file_powercut_get_size(struct vdisk_file *file, uint64_t *size_bytes,
                                                struct vdisk_error *error)
{
    return vdisk_file_get_size(powercut_of(file)->below, size_bytes, error);
}

static enum vdisk_status file_powercut_set_size(struct vdisk_file *file, uint64_t size_bytes,
                                                struct vdisk_error *error)
{
    record(file, VDISK_POWERCUT_SET_SIZE, size_bytes, 0, NULL);
    return vdisk_file_set_size(powercut_of(file)->below, size_bytes, error);
}

static enum vdisk_status file_powercut_punch(struct vdisk_file *file, uint64_t offset_bytes,
                                             uint64_t length_bytes, struct vdisk_error *error)
{
    record(file, VDISK_POWERCUT_PUNCH, offset_bytes, length_bytes, NULL);
    return vdisk_file_punch(powercut_of(file)->below, offset_bytes, length_bytes, error);
}

static enum vdisk_status file_powercut_get_range(struct vdisk_file *file, uint64_t offset_bytes,
                                                 enum vdisk_file_range *range,
                                                 uint64_t *length_bytes, struct vdisk_error *error)
{
    return vdisk_file_get_range(powercut_of(file)->below, offset_bytes, range, length_bytes, error);
}

static void file_powercut_close(struct vdisk_file *file)
{
    vdisk_file_close(powercut_of(file)->below);
    vdisk_file_deinit(file);
    vdisk_free(file);
}

static const struct vdisk_file_ops file_powercut_ops = {
    .read = file_powercut_read,
    .write = file_powercut_write,
    .flush = file_powercut_flush,
    .get_size = file_powercut_get_size,
    .set_size = file_powercut_set_size,
    .punch = file_powercut_punch,
    .get_range = file_powercut_get_range,
    .close = file_powercut_close,
};

enum vdisk_status vdisk_file_powercut_open(struct vdisk_file *below,
                                           struct vdisk_powercut_trace *trace, uint32_t file_number,
                                           struct vdisk_file **file, struct vdisk_error *error)
{
    struct file_powercut *powercut = vdisk_alloc(sizeof *powercut);
    enum vdisk_status status;

    if (powercut == NULL)
        return vdisk_fail(error, VDISK_NO_MEMORY, below->name, NULL, VDISK_NO_OFFSET, NULL);
    powercut->below = below;
    powercut->trace = trace;
    powercut->file_number = file_number;
    status = vdisk_file_init(&powercut->file, &file_powercut_ops, below->name,
                             below->alignment_bytes, below->read_only, error);
    if (status != VDISK_OK) {
        vdisk_free(powercut);
        return status;
    }
    powercut->file.punch_bytes = below->punch_bytes;
    *file = &powercut->file;
    return VDISK_OK;
}

/* What the replay asks about one change, and where it puts it. */
struct replay {
    vdisk_powercut_keep *keep; /* NULL: all of it */
    void *context;
    struct vdisk_file *file;
    struct vdisk_error *error;
};

static bool is_kept(const struct replay *replay, const struct event *event, uint32_t number,
                    uint64_t piece, uint64_t piece_count)
{
    return replay->keep == NULL ||
           replay->keep(replay->context, event->kind, number, piece, piece_count);
}

/* One 512-byte sector of the file, or the part of it that was written. */
static enum vdisk_status replay_piece(const struct replay *replay, const struct event *event,
                                      uint32_t number, uint64_t piece, uint64_t piece_count)
{
    const uint64_t start = (event->offset_bytes / PIECE_BYTES + piece) * PIECE_BYTES;
    const uint64_t from = vdisk_max_u64(start, event->offset_bytes);
    const uint64_t to =
        vdisk_min_u64(start + PIECE_BYTES, event->offset_bytes + event->length_bytes);
    uint64_t size;
    enum vdisk_status status = vdisk_file_get_size(replay->file, &size, replay->error);

    if (status == VDISK_OK && to > size && to > event->file_bytes &&
        replay->keep(replay->context, VDISK_POWERCUT_SET_SIZE, number, piece, piece_count)) {
        status = vdisk_file_set_size(replay->file, to, replay->error);
        size = to;
    }
    if (status != VDISK_OK || from >= size ||
        !replay->keep(replay->context, VDISK_POWERCUT_WRITE, number, piece, piece_count))
        return status;
    return vdisk_file_write(replay->file, from, event->data + (from - event->offset_bytes),
                            (size_t)(vdisk_min_u64(to, size) - from), replay->error);
}

static enum vdisk_status replay_write(const struct replay *replay, const struct event *event,
                                      uint32_t number)
{
    const uint64_t first = event->offset_bytes / PIECE_BYTES;
    const uint64_t end = event->offset_bytes + event->length_bytes;
    const uint64_t count = vdisk_div_up(end, PIECE_BYTES) - first;
    enum vdisk_status status = VDISK_OK;

    if (replay->keep == NULL)
        return vdisk_file_write(replay->file, event->offset_bytes, event->data,
                                (size_t)event->length_bytes, replay->error);
    for (uint64_t piece = 0; piece < count && status == VDISK_OK; piece++)
        status = replay_piece(replay, event, number, piece, count);
    return status;
}

static enum vdisk_status replay_event(const struct replay *replay, const struct event *event,
                                      uint32_t number)
{
    switch (event->kind) {
    case VDISK_POWERCUT_WRITE:
        return replay_write(replay, event, number);
    case VDISK_POWERCUT_SET_SIZE:
        if (!is_kept(replay, event, number, 0, 1))
            return VDISK_OK;
        return vdisk_file_set_size(replay->file, event->offset_bytes, replay->error);
    case VDISK_POWERCUT_PUNCH:
        if (!is_kept(replay, event, number, 0, 1))
            return VDISK_OK;
        return vdisk_file_punch(replay->file, event->offset_bytes, event->length_bytes,
                                replay->error);
    case VDISK_POWERCUT_FLUSH:
        break;
    }
    return VDISK_OK;
}

static bool is_flushed(const struct vdisk_powercut_trace *trace, uint32_t number,
                       uint32_t event_count)
{
    for (uint32_t later = number + 1; later < event_count; later++) {
        if (trace->events[later].kind == VDISK_POWERCUT_FLUSH &&
            trace->events[later].file_number == trace->events[number].file_number)
            return true;
    }
    return false;
}

enum vdisk_status vdisk_powercut_replay(const struct vdisk_powercut_trace *trace,
                                        uint32_t event_count, vdisk_powercut_keep *keep,
                                        void *context, struct vdisk_file *const *files,
                                        struct vdisk_error *error)
{
    for (uint32_t number = 0; number < event_count && number < trace->count; number++) {
        const struct event *event = &trace->events[number];
        const struct replay replay = {
            .keep = is_flushed(trace, number, event_count) ? NULL : keep,
            .context = context,
            .file = files[event->file_number],
            .error = error,
        };
        const enum vdisk_status status = replay_event(&replay, event, number);

        if (status != VDISK_OK)
            return status;
    }
    return VDISK_OK;
}
