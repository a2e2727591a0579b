#include "host/memory/file_memory.h"
#include "engine/base/checked.h"

#include <stdlib.h>

#define PIECE_BYTES   ((uint64_t)65536)
#define LIMIT_DEFAULT ((uint64_t)1 << 42)

struct vdisk_memory_store {
    struct vdisk_mutex lock; /* protects all below */
    uint64_t limit_bytes;
    uint64_t space_bytes;
    uint64_t stored_bytes; /* in pieces that exist */
    uint64_t size_bytes;
    bool without_holes;
    uint64_t piece_count; /* length of pieces */
    unsigned char **pieces;
};

struct file_memory {
    struct vdisk_file file; /* first */
    struct vdisk_memory_store *store;
};

static struct vdisk_memory_store *store_of(struct vdisk_file *file)
{
    return ((struct file_memory *)file)->store;
}

struct vdisk_memory_store *vdisk_memory_store_create(void)
{
    struct vdisk_memory_store *store = vdisk_alloc(sizeof *store);

    if (store == NULL)
        return NULL;
    store->limit_bytes = LIMIT_DEFAULT;
    store->space_bytes = UINT64_MAX;
    vdisk_mutex_init(&store->lock);
    return store;
}

void vdisk_memory_store_set_limit(struct vdisk_memory_store *store, uint64_t limit_bytes)
{
    vdisk_mutex_lock(&store->lock);
    store->limit_bytes = limit_bytes;
    vdisk_mutex_unlock(&store->lock);
}

void vdisk_memory_store_destroy(struct vdisk_memory_store *store)
{
    if (store == NULL)
        return;
    for (uint64_t index = 0; index < store->piece_count; index++)
        free(store->pieces[index]);
    free(store->pieces);
    vdisk_mutex_deinit(&store->lock);
    vdisk_free(store);
}

uint64_t vdisk_memory_store_size(struct vdisk_memory_store *store)
{
    uint64_t size;

    vdisk_mutex_lock(&store->lock);
    size = store->size_bytes;
    vdisk_mutex_unlock(&store->lock);
    return size;
}

void vdisk_memory_store_set_space(struct vdisk_memory_store *store, uint64_t space_bytes)
{
    vdisk_mutex_lock(&store->lock);
    store->space_bytes = space_bytes;
    vdisk_mutex_unlock(&store->lock);
}

uint64_t vdisk_memory_store_stored(struct vdisk_memory_store *store)
{
    uint64_t stored;

    vdisk_mutex_lock(&store->lock);
    stored = store->stored_bytes;
    vdisk_mutex_unlock(&store->lock);
    return stored;
}

void vdisk_memory_store_forbid_holes(struct vdisk_memory_store *store)
{
    vdisk_mutex_lock(&store->lock);
    store->without_holes = true;
    vdisk_mutex_unlock(&store->lock);
}

/* A piece of zeros; NULL when there is no space. */
static unsigned char *store_add_piece(struct vdisk_memory_store *store)
{
    unsigned char *piece = NULL;

    if (store->stored_bytes < store->space_bytes)
        piece = calloc(1, PIECE_BYTES);
    if (piece != NULL)
        store->stored_bytes += PIECE_BYTES;
    return piece;
}

static bool store_reserve(struct vdisk_memory_store *store, uint64_t size_bytes)
{
    const uint64_t count = vdisk_div_up(size_bytes, PIECE_BYTES);
    unsigned char **pieces;

    if (size_bytes > store->limit_bytes)
        return false;
    if (count <= store->piece_count)
        return true;
    pieces = realloc(store->pieces, (size_t)(count + count / 2) * sizeof *pieces);
    if (pieces == NULL)
        return false;
    for (uint64_t index = store->piece_count; index < count + count / 2; index++)
        pieces[index] = NULL;
    store->pieces = pieces;
    store->piece_count = count + count / 2;
    return true;
}

struct vdisk_memory_store *vdisk_memory_store_clone(struct vdisk_memory_store *store)
{
    struct vdisk_memory_store *copy = vdisk_memory_store_create();

    if (copy == NULL || !store_reserve(copy, store->size_bytes)) {
        vdisk_memory_store_destroy(copy);
        return NULL;
    }
    vdisk_mutex_lock(&store->lock);
    copy->size_bytes = store->size_bytes;
    copy->limit_bytes = store->limit_bytes;
    copy->space_bytes = store->space_bytes;
    copy->stored_bytes = store->stored_bytes;
    copy->without_holes = store->without_holes;
    for (uint64_t index = 0; index < vdisk_div_up(store->size_bytes, PIECE_BYTES); index++) {
        if (store->pieces[index] == NULL)
            continue;
        copy->pieces[index] = malloc(PIECE_BYTES);
        if (copy->pieces[index] == NULL)
            abort(); /* a test host: out of memory is the end of the test */
        memcpy(copy->pieces[index], store->pieces[index], PIECE_BYTES);
    }
    vdisk_mutex_unlock(&store->lock);
    return copy;
}

static void check_alignment(struct vdisk_file *file, uint64_t offset_bytes, const void *buffer,
                            size_t length_bytes)
{
    if (!vdisk_is_aligned(offset_bytes | length_bytes | (uintptr_t)buffer, file->alignment_bytes))
        abort();
}

static enum vdisk_status file_memory_read(struct vdisk_file *file, uint64_t offset_bytes,
                                          void *buffer, size_t length_bytes,
                                          struct vdisk_error *error)
{
    struct vdisk_memory_store *store = store_of(file);
    unsigned char *bytes = buffer;
    enum vdisk_status status = VDISK_OK;
    uint64_t end;

    check_alignment(file, offset_bytes, buffer, length_bytes);
    vdisk_mutex_lock(&store->lock);
    if (!vdisk_align_up(store->size_bytes, file->alignment_bytes, &end) ||
        !vdisk_range_within(offset_bytes, length_bytes, end))
        status = vdisk_fail(error, VDISK_OUT_OF_RANGE, file->name, NULL, offset_bytes,
                            "the file ends before the data does");
    while (length_bytes != 0 && status == VDISK_OK) {
        const uint64_t within = offset_bytes % PIECE_BYTES;
        const size_t piece = (size_t)vdisk_min_u64(length_bytes, PIECE_BYTES - within);
        const unsigned char *source = store->pieces[offset_bytes / PIECE_BYTES];

        if (source != NULL)
            memcpy(bytes, source + within, piece);
        else
            memset(bytes, 0, piece);
        bytes += piece;
        offset_bytes += piece;
        length_bytes -= piece;
    }
    vdisk_mutex_unlock(&store->lock);
    return status;
}

static enum vdisk_status store_write(struct vdisk_memory_store *store, uint64_t offset_bytes,
                                     const unsigned char *bytes, size_t length_bytes)
{
    if (!store_reserve(store, offset_bytes + length_bytes))
        return VDISK_NO_SPACE;
    store->size_bytes = vdisk_max_u64(store->size_bytes, offset_bytes + length_bytes);
    while (length_bytes != 0) {
        const uint64_t within = offset_bytes % PIECE_BYTES;
        const size_t piece = (size_t)vdisk_min_u64(length_bytes, PIECE_BYTES - within);
        unsigned char **target = &store->pieces[offset_bytes / PIECE_BYTES];

        if (*target == NULL)
            *target = store_add_piece(store);
        if (*target == NULL)
            return VDISK_NO_SPACE;
        memcpy(*target + within, bytes, piece);
        bytes += piece;
        offset_bytes += piece;
        length_bytes -= piece;
    }
    return VDISK_OK;
}

static enum vdisk_status file_memory_write(struct vdisk_file *file, uint64_t offset_bytes,
                                           const void *buffer, size_t length_bytes,
                                           struct vdisk_error *error)
{
    struct vdisk_memory_store *store = store_of(file);
    enum vdisk_status status;

    check_alignment(file, offset_bytes, buffer, length_bytes);
    vdisk_mutex_lock(&store->lock);
    status = store_write(store, offset_bytes, buffer, length_bytes);
    vdisk_mutex_unlock(&store->lock);
    return status == VDISK_OK ? VDISK_OK
                              : vdisk_fail(error, status, file->name, NULL, offset_bytes, NULL);
}

static enum vdisk_status file_memory_flush(struct vdisk_file *file, struct vdisk_error *error)
{
    (void)file;
    (void)error;
    return VDISK_OK;
}

static enum vdisk_status file_memory_get_size(struct vdisk_file *file, uint64_t *size_bytes,
                                              struct vdisk_error *error)
{
    (void)error;
    *size_bytes = vdisk_memory_store_size(store_of(file));
    return VDISK_OK;
}

static void store_clear(struct vdisk_memory_store *store, uint64_t offset_bytes, uint64_t end_bytes)
{
    while (offset_bytes < end_bytes) {
        const uint64_t within = offset_bytes % PIECE_BYTES;
        const uint64_t piece = vdisk_min_u64(end_bytes - offset_bytes, PIECE_BYTES - within);
        unsigned char **target = &store->pieces[offset_bytes / PIECE_BYTES];

        if (piece == PIECE_BYTES && *target != NULL) {
            free(*target);
            store->stored_bytes -= PIECE_BYTES;
            *target = NULL;
        } else if (*target != NULL) {
            memset(*target + within, 0, (size_t)piece);
        }
        offset_bytes += piece;
    }
}

static enum vdisk_status file_memory_set_size(struct vdisk_file *file, uint64_t size_bytes,
                                              struct vdisk_error *error)
{
    struct vdisk_memory_store *store = store_of(file);
    bool fits;

    vdisk_mutex_lock(&store->lock);
    fits = store_reserve(store, size_bytes);
    if (fits) {
        if (size_bytes < store->size_bytes)
            store_clear(store, size_bytes, store->size_bytes);
        store->size_bytes = size_bytes;
    }
    vdisk_mutex_unlock(&store->lock);
    return fits ? VDISK_OK : vdisk_fail(error, VDISK_NO_SPACE, file->name, NULL, size_bytes, NULL);
}

static enum vdisk_status file_memory_punch(struct vdisk_file *file, uint64_t offset_bytes,
                                           uint64_t length_bytes, struct vdisk_error *error)
{
    struct vdisk_memory_store *store = store_of(file);

    (void)error;
    vdisk_mutex_lock(&store->lock);
    if (offset_bytes < store->size_bytes)
        store_clear(store, offset_bytes,
                    offset_bytes + vdisk_min_u64(length_bytes, store->size_bytes - offset_bytes));
    vdisk_mutex_unlock(&store->lock);
    return VDISK_OK;
}

static enum vdisk_status file_memory_get_range(struct vdisk_file *file, uint64_t offset_bytes,
                                               enum vdisk_file_range *range, uint64_t *length_bytes,
                                               struct vdisk_error *error)
{
    struct vdisk_memory_store *store = store_of(file);
    enum vdisk_status status = VDISK_OK;

    vdisk_mutex_lock(&store->lock);
    if (offset_bytes >= store->size_bytes) {
        status = vdisk_fail(error, VDISK_OUT_OF_RANGE, file->name, NULL, offset_bytes, NULL);
    } else {
        *range =
            store->pieces[offset_bytes / PIECE_BYTES] != NULL ? VDISK_FILE_DATA : VDISK_FILE_HOLE;
        *length_bytes = vdisk_min_u64(PIECE_BYTES - offset_bytes % PIECE_BYTES,
                                      store->size_bytes - offset_bytes);
    }
    vdisk_mutex_unlock(&store->lock);
    return status;
}

static void file_memory_close(struct vdisk_file *file)
{
    vdisk_file_deinit(file);
    vdisk_free(file);
}

static const struct vdisk_file_ops file_memory_ops = {
    .read = file_memory_read,
    .write = file_memory_write,
    .flush = file_memory_flush,
    .get_size = file_memory_get_size,
    .set_size = file_memory_set_size,
    .punch = file_memory_punch,
    .get_range = file_memory_get_range,
    .close = file_memory_close,
};

enum vdisk_status vdisk_file_memory_open(struct vdisk_memory_store *store, const char *name,
                                         uint32_t alignment_bytes, bool read_only,
                                         struct vdisk_file **file, struct vdisk_error *error)
{
    struct file_memory *memory = vdisk_alloc(sizeof *memory);
    enum vdisk_status status;

    if (memory == NULL)
        return vdisk_fail(error, VDISK_NO_MEMORY, name, NULL, VDISK_NO_OFFSET, NULL);
    memory->store = store;
    status =
        vdisk_file_init(&memory->file, &file_memory_ops, name, alignment_bytes, read_only, error);
    if (status != VDISK_OK) {
        vdisk_free(memory);
        return status;
    }
    if (store->without_holes)
        memory->file.punch_bytes = 0;
    *file = &memory->file;
    return VDISK_OK;
}
