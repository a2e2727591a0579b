/*
 * A disk in memory: chunks, found through a tree of pages whose depth follows from the disk's size.
 * An entry is absent (0), known to be zeros (ZERO), or a pointer to a page or, in the lowest level,
 * to a chunk. A ZERO above the lowest level speaks for all below it, so that a discard of a large
 * range needs no pages.
 *
 * Requests pass a gate and take no lock where the chunk is there. Chunks and pages are added, and
 * chunks taken away, under the lock; a chunk is freed when everybody who may have looked it up is
 * gone. Pages stay until the end.
 */
#include "virtualdisk/layer.h"
#include "engine/base/checked.h"
#include "engine/base/gate.h"

#include <stdatomic.h>

#define CHUNK_BYTES  65536u
#define PAGE_BYTES   4096u
#define PAGE_ENTRIES (PAGE_BYTES / sizeof(uintptr_t))
#define ENTRY_BITS   (sizeof(uintptr_t) == 8 ? 9u : 10u) /* PAGE_ENTRIES is 2 to the */
#define LEVELS_MAX   8u
#define BATCH_CHUNKS 64u

#define ABSENT ((uintptr_t)0)
#define ZERO   ((uintptr_t)1)

typedef _Atomic uintptr_t memory_entry;

struct memory {
    struct vdisk_disk disk; /* first: the memory is a disk */

    struct vdisk_disk *next; /* changes only while no request is under way */

    /* immutable after open */
    uint64_t limit_bytes;
    uint64_t chunk_count;
    uint32_t level_count;

    struct vdisk_gate gate;
    memory_entry root;
    atomic_size_t used_bytes; /* of chunks and pages */

    struct vdisk_mutex lock;
    unsigned char *batch[BATCH_CHUNKS]; /* protected by lock: chunks to be freed */
    uint32_t batch_count;
};

static struct memory *memory_of(struct vdisk_disk *disk)
{
    return (struct memory *)disk;
}

static bool is_pointer(uintptr_t entry)
{
    return entry != ABSENT && entry != ZERO;
}

/* How many chunks one entry of a level stands for; level 0 is the lowest. */
static uint64_t level_span(uint32_t level)
{
    return UINT64_C(1) << (ENTRY_BITS * level);
}

/*
 * The entry that speaks for a chunk, as far down as there are pages; `*level` is where it was
 * found, and `*value` what it held then: without the lock it may hold a page by now.
 */
static memory_entry *find_entry(struct memory *memory, uint64_t chunk, uint32_t *level,
                                uintptr_t *value)
{
    memory_entry *entry = &memory->root;

    *value = atomic_load_explicit(entry, memory_order_acquire);
    for (*level = memory->level_count; *level != 0 && is_pointer(*value); --*level) {
        entry = (memory_entry *)*value +
                (size_t)((chunk >> (ENTRY_BITS * (*level - 1))) % PAGE_ENTRIES);
        *value = atomic_load_explicit(entry, memory_order_acquire);
    }
    return entry;
}

/*
 * The chunk, ABSENT or ZERO; *run_chunks: from here on as many have the same entry. None lies
 * beyond the disk's end, so that a run is less than 2^64 bytes.
 */
static uintptr_t find_chunk(struct memory *memory, uint64_t chunk, uint64_t *run_chunks)
{
    uint32_t level;
    uintptr_t value;

    (void)find_entry(memory, chunk, &level, &value);
    const uint64_t span = level_span(level);

    *run_chunks = vdisk_min_u64(span - (chunk & (span - 1)), memory->chunk_count - chunk);
    return value;
}

/* Takes what the limit has room for. Under the lock. */
static void *take(struct memory *memory, size_t bytes)
{
    void *taken = vdisk_alloc_bulk(bytes);

    if (taken != NULL)
        atomic_fetch_add_explicit(&memory->used_bytes, bytes, memory_order_relaxed);
    return taken;
}

static enum vdisk_status fail_no_memory(uint64_t offset_bytes, struct vdisk_error *error)
{
    return vdisk_fail(error, VDISK_NO_MEMORY, NULL, "memory disk", offset_bytes, NULL);
}

static enum vdisk_status check_limit(struct memory *memory, uint64_t wanted_bytes,
                                     uint64_t offset_bytes, struct vdisk_error *error)
{
    const uint64_t used = atomic_load_explicit(&memory->used_bytes, memory_order_relaxed);

    if (vdisk_range_within(used, wanted_bytes, memory->limit_bytes))
        return VDISK_OK;
    return vdisk_fail(error, VDISK_NO_SPACE, NULL, "memory disk", offset_bytes,
                      "what may be kept in memory is full");
}

/* The lowest entry of a chunk, with pages down to it and room for `more_bytes`. Under the lock. */
static enum vdisk_status make_entry(struct memory *memory, uint64_t chunk, size_t more_bytes,
                                    memory_entry **entry, struct vdisk_error *error)
{
    uint32_t level;
    uintptr_t above;
    enum vdisk_status status;

    *entry = find_entry(memory, chunk, &level, &above);
    status = check_limit(memory, level * PAGE_BYTES + more_bytes, chunk * CHUNK_BYTES, error);
    while (status == VDISK_OK && level != 0) {
        memory_entry *page = take(memory, PAGE_BYTES);

        if (page == NULL)
            return fail_no_memory(chunk * CHUNK_BYTES, error);
        for (size_t i = 0; i < PAGE_ENTRIES; i++)
            atomic_init(&page[i], above); /* what was said for all is said for each */
        atomic_store_explicit(*entry, (uintptr_t)page, memory_order_release);
        *entry = find_entry(memory, chunk, &level, &above);
    }
    return status;
}

static size_t chunk_bytes_at(const struct memory *memory, uint64_t chunk)
{
    return (size_t)vdisk_min_u64(CHUNK_BYTES, memory->disk.size_bytes - chunk * CHUNK_BYTES);
}

/* A new chunk with what lies below it; not yet seen by anyone. Under the lock. */
static enum vdisk_status fill_chunk(struct memory *memory, uint64_t chunk, bool from_next,
                                    unsigned char **filled, struct vdisk_error *error)
{
    enum vdisk_status status = VDISK_OK;

    *filled = take(memory, CHUNK_BYTES);
    if (*filled == NULL)
        return fail_no_memory(chunk * CHUNK_BYTES, error);
    if (from_next)
        status = vdisk_disk_read(memory->next, chunk * CHUNK_BYTES, *filled,
                                 chunk_bytes_at(memory, chunk), error);
    if (status == VDISK_OK)
        return VDISK_OK;
    vdisk_free_bulk(*filled);
    atomic_fetch_sub_explicit(&memory->used_bytes, CHUNK_BYTES, memory_order_relaxed);
    return status;
}

static enum vdisk_status read_piece(struct memory *memory, uint64_t offset_bytes,
                                    unsigned char *buffer, size_t *length_bytes,
                                    struct vdisk_error *error)
{
    const size_t within = (size_t)(offset_bytes % CHUNK_BYTES);
    uint64_t run;
    const uintptr_t chunk = find_chunk(memory, offset_bytes / CHUNK_BYTES, &run);

    *length_bytes = (size_t)vdisk_min_u64(*length_bytes, run * CHUNK_BYTES - within);
    if (is_pointer(chunk))
        memcpy(buffer, (const unsigned char *)chunk + within, *length_bytes);
    else if (chunk == ZERO || memory->next == NULL)
        memset(buffer, 0, *length_bytes);
    else
        return vdisk_disk_read(memory->next, offset_bytes, buffer, *length_bytes, error);
    return VDISK_OK;
}

static enum vdisk_status memory_read(struct vdisk_disk *disk, uint64_t offset_bytes, void *data,
                                     size_t length_bytes, struct vdisk_error *error)
{
    struct memory *memory = memory_of(disk);
    const uint32_t ticket = vdisk_gate_enter(&memory->gate);
    enum vdisk_status status = VDISK_OK;
    unsigned char *buffer = data;

    while (length_bytes != 0 && status == VDISK_OK) {
        size_t piece = length_bytes;

        status = read_piece(memory, offset_bytes, buffer, &piece, error);
        buffer += piece;
        offset_bytes += piece;
        length_bytes -= piece;
    }
    vdisk_gate_leave(&memory->gate, ticket);
    return status;
}

/* Under the lock, where chunks stay. */
static enum vdisk_status write_locked(struct memory *memory, uint64_t offset_bytes,
                                      const unsigned char *buffer, size_t length_bytes,
                                      struct vdisk_error *error)
{
    const uint64_t chunk = offset_bytes / CHUNK_BYTES;
    const size_t within = (size_t)(offset_bytes % CHUNK_BYTES);
    uint64_t run;
    uintptr_t entry = find_chunk(memory, chunk, &run);
    const bool from_next = entry == ABSENT && memory->next != NULL;
    enum vdisk_status status;
    unsigned char *filled;
    memory_entry *place;

    if (is_pointer(entry)) {
        memcpy((unsigned char *)entry + within, buffer, length_bytes);
        return VDISK_OK;
    }
    if (!from_next && vdisk_is_zero(buffer, length_bytes))
        return VDISK_OK;
    status = make_entry(memory, chunk, CHUNK_BYTES, &place, error);
    if (status == VDISK_OK)
        status =
            fill_chunk(memory, chunk, from_next && length_bytes < chunk_bytes_at(memory, chunk),
                       &filled, error);
    if (status != VDISK_OK)
        return status;
    memcpy(filled + within, buffer, length_bytes);
    atomic_store_explicit(place, (uintptr_t)filled, memory_order_release);
    return VDISK_OK;
}

/* Within one chunk. The gate is left before the lock is waited for: its holder may be draining. */
static enum vdisk_status write_piece(struct memory *memory, uint64_t offset_bytes,
                                     const unsigned char *buffer, size_t length_bytes,
                                     struct vdisk_error *error)
{
    const uint32_t ticket = vdisk_gate_enter(&memory->gate);
    uint64_t run;
    const uintptr_t chunk = find_chunk(memory, offset_bytes / CHUNK_BYTES, &run);
    enum vdisk_status status;

    if (is_pointer(chunk))
        memcpy((unsigned char *)chunk + offset_bytes % CHUNK_BYTES, buffer, length_bytes);
    vdisk_gate_leave(&memory->gate, ticket);
    if (is_pointer(chunk))
        return VDISK_OK;
    vdisk_mutex_lock(&memory->lock);
    status = write_locked(memory, offset_bytes, buffer, length_bytes, error);
    vdisk_mutex_unlock(&memory->lock);
    return status;
}

static enum vdisk_status memory_write(struct vdisk_disk *disk, uint64_t offset_bytes,
                                      const void *data, size_t length_bytes,
                                      struct vdisk_error *error)
{
    const unsigned char *buffer = data;
    enum vdisk_status status = VDISK_OK;

    while (length_bytes != 0 && status == VDISK_OK) {
        const size_t piece =
            vdisk_min_size(length_bytes, CHUNK_BYTES - (size_t)(offset_bytes % CHUNK_BYTES));

        status = write_piece(memory_of(disk), offset_bytes, buffer, piece, error);
        buffer += piece;
        offset_bytes += piece;
        length_bytes -= piece;
    }
    return status;
}

static enum vdisk_status memory_flush(struct vdisk_disk *disk, struct vdisk_error *error)
{
    (void)disk;
    (void)error;
    return VDISK_OK;
}

/* Frees the chunks that nobody can find any more. Under the lock. */
static void free_batch(struct memory *memory)
{
    if (memory->batch_count == 0)
        return;
    vdisk_gate_drain(&memory->gate);
    for (uint32_t i = 0; i < memory->batch_count; i++)
        vdisk_free_bulk(memory->batch[i]);
    atomic_fetch_sub_explicit(&memory->used_bytes, (size_t)memory->batch_count * CHUNK_BYTES,
                              memory_order_relaxed);
    memory->batch_count = 0;
}

/* Makes chunks zeros, as many as one entry speaks for; *done_chunks at least 1. Under the lock. */
static enum vdisk_status clear_some(struct memory *memory, uint64_t chunk, uint64_t count,
                                    uint64_t *done_chunks, struct vdisk_error *error)
{
    const uintptr_t cleared = memory->next == NULL ? ABSENT : ZERO;
    uint32_t level;
    uintptr_t old;
    memory_entry *entry = find_entry(memory, chunk, &level, &old);
    const uint64_t span = level_span(level);
    const uint64_t within = chunk & (span - 1);
    /* The disk may end before the range of the entry does. */
    const bool whole = within == 0 && (count >= span || chunk + count == memory->chunk_count);

    *done_chunks = vdisk_min_u64(count, span - within);
    if (old == cleared || old == ZERO)
        return VDISK_OK;
    if (!whole) {
        const enum vdisk_status status = make_entry(memory, chunk, 0, &entry, error);

        if (status != VDISK_OK)
            return status;
        old = atomic_load_explicit(entry, memory_order_relaxed);
        *done_chunks = 1;
    }
    atomic_store_explicit(entry, cleared, memory_order_release);
    if (is_pointer(old))
        memory->batch[memory->batch_count++] = (unsigned char *)old;
    if (memory->batch_count == BATCH_CHUNKS)
        free_batch(memory);
    return VDISK_OK;
}

/* The range consists of whole chunks, the last one of the disk counting as one. */
static enum vdisk_status memory_discard(struct vdisk_disk *disk, uint64_t offset_bytes,
                                        uint64_t length_bytes, struct vdisk_error *error)
{
    struct memory *memory = memory_of(disk);
    uint64_t chunk = offset_bytes / CHUNK_BYTES;
    uint64_t count = vdisk_div_up(length_bytes, CHUNK_BYTES);
    enum vdisk_status status = VDISK_OK;

    vdisk_mutex_lock(&memory->lock);
    while (count != 0 && status == VDISK_OK) {
        uint64_t done;

        status = clear_some(memory, chunk, count, &done, error);
        chunk += done;
        count -= done;
    }
    free_batch(memory);
    vdisk_mutex_unlock(&memory->lock);
    return status;
}

/* Whole chunks are given back; what they are cut off from at both ends is overwritten. */
static enum vdisk_status memory_zero(struct vdisk_disk *disk, uint64_t offset_bytes,
                                     uint64_t length_bytes, struct vdisk_error *error)
{
    const uint64_t end = offset_bytes + length_bytes;
    const uint64_t to = end == disk->size_bytes ? end : vdisk_align_down(end, CHUNK_BYTES);
    const uint64_t from = vdisk_min_u64(vdisk_div_up(offset_bytes, CHUNK_BYTES) * CHUNK_BYTES, end);
    enum vdisk_status status;

    if (from >= to)
        return vdisk_disk_write_zeros(disk, offset_bytes, length_bytes, error);
    status = vdisk_disk_write_zeros(disk, offset_bytes, from - offset_bytes, error);
    if (status == VDISK_OK)
        status = memory_discard(disk, from, to - from, error);
    if (status == VDISK_OK)
        status = vdisk_disk_write_zeros(disk, to, end - to, error);
    return status;
}

static enum vdisk_status memory_map(struct vdisk_disk *disk, uint64_t offset_bytes,
                                    uint64_t length_bytes, struct vdisk_extent *extent,
                                    struct vdisk_error *error)
{
    struct memory *memory = memory_of(disk);
    const uint32_t ticket = vdisk_gate_enter(&memory->gate);
    uint64_t run;
    const uintptr_t chunk = find_chunk(memory, offset_bytes / CHUNK_BYTES, &run);

    vdisk_gate_leave(&memory->gate, ticket);
    memset(extent, 0, sizeof *extent);
    extent->length_bytes =
        vdisk_min_u64(length_bytes, run * CHUNK_BYTES - offset_bytes % CHUNK_BYTES);
    if (is_pointer(chunk))
        extent->kind = VDISK_EXTENT_DATA;
    else if (chunk == ZERO)
        extent->kind = VDISK_EXTENT_ZERO;
    else if (memory->next == NULL)
        extent->kind = VDISK_EXTENT_UNALLOCATED;
    else
        return vdisk_disk_map(memory->next, offset_bytes, extent->length_bytes, extent, error);
    return VDISK_OK;
}

/* From the highest level down, with a place in each: no recursion. */
static void free_tree(struct memory *memory)
{
    memory_entry *pages[LEVELS_MAX + 1];
    size_t places[LEVELS_MAX + 1];
    uint32_t depth = 0;

    pages[0] = &memory->root;
    places[0] = 0;
    for (;;) {
        const size_t entries = depth == 0 ? 1 : PAGE_ENTRIES;

        if (places[depth] == entries) {
            if (depth == 0)
                return;
            vdisk_free_bulk(pages[depth--]);
            continue;
        }
        const uintptr_t entry = atomic_load(&pages[depth][places[depth]++]);
        if (!is_pointer(entry))
            continue;
        if (depth == memory->level_count) {
            vdisk_free_bulk((void *)entry);
            continue;
        }
        pages[++depth] = (memory_entry *)entry;
        places[depth] = 0;
    }
}

static enum vdisk_status memory_close(struct vdisk_disk *disk, struct vdisk_error *error)
{
    struct memory *memory = memory_of(disk);

    (void)error;
    free_tree(memory);
    vdisk_mutex_deinit(&memory->lock);
    vdisk_free(memory);
    return VDISK_OK;
}

static const struct vdisk_disk_ops memory_ops = {
    .read = memory_read,
    .write = memory_write,
    .flush = memory_flush,
    .zero = memory_zero,
    .discard = memory_discard,
    .map = memory_map,
    .close = memory_close,
};

static enum vdisk_status check_options(const struct vdisk_memory_options *options,
                                       struct vdisk_error *error)
{
    const uint32_t sector = options->logical_sector_bytes;

    if (options->next != NULL)
        return VDISK_OK;
    if (sector != 512 && sector != 2048 && sector != 4096)
        return vdisk_fail(error, VDISK_INVALID, NULL, "memory disk", VDISK_NO_OFFSET,
                          "sectors must have 512, 2048 or 4096 bytes");
    if (options->size_bytes == 0 || options->size_bytes > INT64_MAX ||
        !vdisk_is_aligned(options->size_bytes, sector))
        return vdisk_fail(error, VDISK_INVALID, NULL, "memory disk", VDISK_NO_OFFSET,
                          "the size is not a number of whole sectors");
    return VDISK_OK;
}

static void describe(struct memory *memory, const struct vdisk_memory_options *options)
{
    struct vdisk_disk *disk = &memory->disk;

    if (options->next != NULL) {
        *disk = *options->next;
    } else {
        disk->size_bytes = options->size_bytes;
        disk->logical_sector_bytes = options->logical_sector_bytes;
        disk->physical_sector_bytes = options->logical_sector_bytes;
    }
    disk->ops = &memory_ops;
    disk->discard_bytes = CHUNK_BYTES;
    disk->read_only = disk->optical;
    memory->next = options->next;
    memory->limit_bytes = options->limit_bytes;
    memory->chunk_count = vdisk_div_up(disk->size_bytes, CHUNK_BYTES);
    while (level_span(memory->level_count) < memory->chunk_count)
        memory->level_count++;
}

enum vdisk_status vdisk_memory_open(const struct vdisk_memory_options *options,
                                    struct vdisk_disk **disk, struct vdisk_error *error)
{
    enum vdisk_status status = check_options(options, error);
    struct memory *memory;

    if (status != VDISK_OK)
        return status;
    memory = vdisk_alloc(sizeof *memory);
    if (memory == NULL)
        return vdisk_fail(error, VDISK_NO_MEMORY, NULL, NULL, VDISK_NO_OFFSET, NULL);
    describe(memory, options);
    vdisk_gate_init(&memory->gate);
    vdisk_mutex_init(&memory->lock);
    *disk = &memory->disk;
    return VDISK_OK;
}

uint64_t vdisk_memory_used(struct vdisk_disk *disk)
{
    return atomic_load_explicit(&memory_of(disk)->used_bytes, memory_order_relaxed);
}

/* What one entry says of *run_chunks; nothing where next says it. */
static enum vdisk_status commit_some(struct memory *memory, uint64_t chunk, uint64_t *run_chunks,
                                     struct vdisk_disk *target, struct vdisk_error *error)
{
    const uintptr_t entry = find_chunk(memory, chunk, run_chunks);
    const uint64_t offset = chunk * CHUNK_BYTES;
    const uint64_t length =
        vdisk_min_u64(*run_chunks * CHUNK_BYTES, memory->disk.size_bytes - offset);

    if (is_pointer(entry))
        return vdisk_disk_write(target, offset, (const void *)entry, (size_t)length, error);
    return entry == ZERO ? vdisk_disk_zero(target, offset, length, error) : VDISK_OK;
}

enum vdisk_status vdisk_memory_commit(struct vdisk_disk *disk, struct vdisk_disk *target,
                                      struct vdisk_error *error)
{
    struct memory *memory = memory_of(disk);
    enum vdisk_status status = VDISK_OK;
    uint64_t chunk = 0;

    while (chunk < memory->chunk_count && status == VDISK_OK) {
        uint64_t run;

        status = commit_some(memory, chunk, &run, target, error);
        chunk += run;
    }
    return status == VDISK_OK ? vdisk_disk_flush(target, error) : status;
}

void vdisk_memory_set_next(struct vdisk_disk *disk, struct vdisk_disk *next)
{
    memory_of(disk)->next = next;
}

static enum vdisk_status load_extent(struct vdisk_disk *disk, struct vdisk_disk *source,
                                     uint64_t offset_bytes, uint64_t length_bytes, void *buffer,
                                     struct vdisk_error *error)
{
    enum vdisk_status status = VDISK_OK;

    while (length_bytes != 0 && status == VDISK_OK) {
        const size_t piece =
            (size_t)vdisk_min_u64(length_bytes, CHUNK_BYTES - offset_bytes % CHUNK_BYTES);

        status = vdisk_disk_read(source, offset_bytes, buffer, piece, error);
        if (status == VDISK_OK)
            status = vdisk_disk_write(disk, offset_bytes, buffer, piece, error);
        offset_bytes += piece;
        length_bytes -= piece;
    }
    return status;
}

enum vdisk_status vdisk_memory_load(struct vdisk_disk *disk, struct vdisk_disk *source,
                                    struct vdisk_error *error)
{
    enum vdisk_status status = VDISK_OK;
    uint64_t offset = 0;
    void *buffer;

    if (source->size_bytes != disk->size_bytes)
        return vdisk_fail(error, VDISK_INVALID, NULL, "memory disk", VDISK_NO_OFFSET,
                          "it has not the size of the disk that it is to hold");
    buffer = vdisk_alloc_bulk(CHUNK_BYTES);
    if (buffer == NULL)
        return vdisk_fail(error, VDISK_NO_MEMORY, NULL, NULL, VDISK_NO_OFFSET, NULL);
    while (offset < source->size_bytes && status == VDISK_OK) {
        struct vdisk_extent extent;

        status = vdisk_disk_map(source, offset, source->size_bytes - offset, &extent, error);
        if (status != VDISK_OK)
            break;
        if (extent.kind == VDISK_EXTENT_DATA || extent.kind == VDISK_EXTENT_COMPRESSED)
            status = load_extent(disk, source, offset, extent.length_bytes, buffer, error);
        offset += extent.length_bytes;
    }
    vdisk_free_bulk(buffer);
    if (status == VDISK_OK)
        disk->optical = disk->read_only = source->optical;
    return status;
}
