#include "engine/base/page_cache.h"
#include "engine/base/checked.h"

#include <stdatomic.h>

#define WAYS         8u
#define NO_PAGE      UINT64_MAX
#define PAGES_MIN    16u
#define PAGES_MAX    65536u
#define WORD_BYTES   4u
#define PAGE_MINIMUM 512u

/*
 * A slot is a sequence lock: `sequence` is odd while its key or words change. A reader copies what
 * it wants and looks whether the sequence stayed; nobody waits for a reader. Key and words are
 * stored with release and loaded with acquire: who sees a new one also sees the odd sequence.
 */
struct page_slot {
    atomic_uint sequence;
    atomic_uint key_low; /* page offset; all ones: empty */
    atomic_uint key_high;
    atomic_uint used; /* since the last look for a victim */
    bool dirty;       /* protected by lock */
    _Atomic uint32_t *words;
};

struct vdisk_page_cache {
    struct vdisk_file *file; /* immutable after create */
    const char *structure;
    uint32_t page_bytes;
    uint32_t set_count;
    uint32_t slot_count;

    struct page_slot *slots; /* keys and words change under lock, inside the sequence */

    struct vdisk_mutex lock;
    unsigned char *scratch; /* protected by lock: one page on its way from or to the file */
    uint32_t *order;        /* protected by lock: dirty slots in the order of their offsets */
    uint32_t dirty_count;   /* protected by lock */
    uint64_t file_bytes;    /* protected by lock: the largest size that the file was seen to have */
};

static uint64_t slot_key(struct page_slot *slot)
{
    const uint64_t low = atomic_load_explicit(&slot->key_low, memory_order_acquire);

    return low | (uint64_t)atomic_load_explicit(&slot->key_high, memory_order_acquire) << 32;
}

static void slot_begin_change(struct page_slot *slot)
{
    atomic_fetch_add_explicit(&slot->sequence, 1, memory_order_acq_rel);
}

static void slot_end_change(struct page_slot *slot)
{
    atomic_fetch_add_explicit(&slot->sequence, 1, memory_order_release);
}

static void slot_set_key(struct page_slot *slot, uint64_t key)
{
    atomic_store_explicit(&slot->key_low, (uint32_t)key, memory_order_release);
    atomic_store_explicit(&slot->key_high, (uint32_t)(key >> 32), memory_order_release);
}

static void slot_copy_out(struct page_slot *slot, uint32_t byte_in_page, unsigned char *data,
                          uint32_t length_bytes)
{
    for (uint32_t done = 0; done < length_bytes; done += WORD_BYTES) {
        const uint32_t word = atomic_load_explicit(&slot->words[(byte_in_page + done) / WORD_BYTES],
                                                   memory_order_acquire);

        memcpy(data + done, &word, WORD_BYTES);
    }
}

static void slot_copy_in(struct page_slot *slot, uint32_t byte_in_page, const unsigned char *data,
                         uint32_t length_bytes)
{
    for (uint32_t done = 0; done < length_bytes; done += WORD_BYTES) {
        uint32_t word;

        memcpy(&word, data + done, WORD_BYTES);
        atomic_store_explicit(&slot->words[(byte_in_page + done) / WORD_BYTES], word,
                              memory_order_release);
    }
}

static struct page_slot *cache_set(struct vdisk_page_cache *cache, uint64_t page_offset_bytes)
{
    const uint64_t page = page_offset_bytes / PAGE_MINIMUM;
    const uint64_t mixed = (page * UINT64_C(0x9e3779b97f4a7c15)) >> 32;

    /* A share of 2^32: no division. */
    return &cache->slots[(mixed * cache->set_count >> 32) * WAYS];
}

/* Without a lock: true when the page was there for the whole copy. */
static bool try_load(struct vdisk_page_cache *cache, uint64_t page_offset_bytes,
                     uint32_t byte_in_page, void *data, uint32_t length_bytes)
{
    struct page_slot *set = cache_set(cache, page_offset_bytes);

    for (uint32_t way = 0; way < WAYS; way++) {
        struct page_slot *slot = &set[way];
        const uint32_t before = atomic_load_explicit(&slot->sequence, memory_order_acquire);

        if ((before & 1) != 0 || slot_key(slot) != page_offset_bytes)
            continue;
        slot_copy_out(slot, byte_in_page, data, length_bytes);
        if (atomic_load_explicit(&slot->sequence, memory_order_acquire) != before)
            return false;
        if (atomic_load_explicit(&slot->used, memory_order_relaxed) == 0)
            atomic_store_explicit(&slot->used, 1, memory_order_relaxed);
        return true;
    }
    return false;
}

static enum vdisk_status cache_fail(struct vdisk_page_cache *cache, struct vdisk_error *error,
                                    enum vdisk_status status, uint64_t offset_bytes,
                                    const char *reason)
{
    return vdisk_fail(error, status, cache->file->name, cache->structure, offset_bytes, reason);
}

static enum vdisk_status check_access(struct vdisk_page_cache *cache, uint64_t page_offset_bytes,
                                      uint32_t byte_in_page, uint32_t length_bytes,
                                      struct vdisk_error *error)
{
    if (!vdisk_is_aligned(byte_in_page | length_bytes, WORD_BYTES) ||
        !vdisk_range_within(byte_in_page, length_bytes, cache->page_bytes))
        return cache_fail(cache, error, VDISK_INVALID, page_offset_bytes,
                          "not a range of whole words within a page");
    return VDISK_OK;
}

static struct page_slot *find_slot(struct vdisk_page_cache *cache, uint64_t page_offset_bytes)
{
    struct page_slot *set = cache_set(cache, page_offset_bytes);

    for (uint32_t way = 0; way < WAYS; way++) {
        if (slot_key(&set[way]) == page_offset_bytes)
            return &set[way];
    }
    return NULL;
}

/*
 * Second chance among the clean slots of a set; NULL when all are dirty. Where there is no memory,
 * among those that have some.
 */
static struct page_slot *find_victim(struct vdisk_page_cache *cache, uint64_t page_offset_bytes,
                                     bool has_memory)
{
    struct page_slot *set = cache_set(cache, page_offset_bytes);

    for (uint32_t round = 0; round < 2; round++) {
        for (uint32_t way = 0; way < WAYS; way++) {
            struct page_slot *slot = &set[way];

            if (!slot->dirty && (has_memory || slot->words != NULL) &&
                (slot_key(slot) == NO_PAGE ||
                 atomic_exchange_explicit(&slot->used, 0, memory_order_relaxed) == 0))
                return slot;
        }
    }
    return NULL;
}

/*
 * With the lock held: puts the page that lies in `scratch` into a slot. The slot's memory is kept
 * until the cache goes, because readers look at it without a lock.
 */
static enum vdisk_status install_scratch(struct vdisk_page_cache *cache, uint64_t page_offset_bytes,
                                         struct page_slot **installed, struct vdisk_error *error)
{
    struct page_slot *slot = find_victim(cache, page_offset_bytes, true);

    if (slot == NULL)
        return cache_fail(cache, error, VDISK_NO_SPACE, page_offset_bytes,
                          "too many changes wait to be written");
    if (slot->words == NULL) {
        slot->words = vdisk_alloc(cache->page_bytes);
        if (slot->words == NULL)
            slot = find_victim(cache, page_offset_bytes, false);
        if (slot == NULL)
            return cache_fail(cache, error, VDISK_NO_MEMORY, page_offset_bytes, NULL);
    }
    slot_begin_change(slot);
    slot_set_key(slot, page_offset_bytes);
    slot_copy_in(slot, 0, cache->scratch, cache->page_bytes);
    slot_end_change(slot);
    *installed = slot;
    return VDISK_OK;
}

/*
 * The last page of a table may reach beyond the end of the file: zeros there. But what was there
 * once and is not any more must not be taken for zeros.
 */
static enum vdisk_status read_page(struct vdisk_page_cache *cache, uint64_t page_offset_bytes,
                                   struct vdisk_error *error)
{
    uint64_t size, present;
    enum vdisk_status status = vdisk_file_get_size(cache->file, &size, error);

    if (status != VDISK_OK)
        return status;
    if (page_offset_bytes >= size)
        return cache_fail(cache, error, VDISK_CORRUPT, page_offset_bytes,
                          "lies beyond the end of the file");
    cache->file_bytes = vdisk_max_u64(cache->file_bytes, size);
    if (size < vdisk_min_u64(cache->file_bytes, page_offset_bytes + cache->page_bytes))
        return cache_fail(cache, error, VDISK_CORRUPT, page_offset_bytes,
                          "lies where the file was cut off while it was open");
    present = vdisk_min_u64(cache->page_bytes, size - page_offset_bytes);
    memset(cache->scratch + present, 0, cache->page_bytes - (size_t)present);
    status =
        vdisk_file_read(cache->file, page_offset_bytes, cache->scratch, (size_t)present, error);
    if (status != VDISK_OK && error != NULL)
        error->structure = cache->structure;
    return status;
}

/* With the lock held: the page's slot, read from the file when it is not there. */
static enum vdisk_status fetch_slot(struct vdisk_page_cache *cache, uint64_t page_offset_bytes,
                                    struct page_slot **slot, struct vdisk_error *error)
{
    enum vdisk_status status;

    *slot = find_slot(cache, page_offset_bytes);
    if (*slot != NULL)
        return VDISK_OK;
    status = read_page(cache, page_offset_bytes, error);
    if (status != VDISK_OK)
        return status;
    return install_scratch(cache, page_offset_bytes, slot, error);
}

/* With the lock held. A page for which the cache has no room is read all the same. */
static enum vdisk_status load_slow(struct vdisk_page_cache *cache, uint64_t page_offset_bytes,
                                   uint32_t byte_in_page, void *data, uint32_t length_bytes,
                                   struct vdisk_error *error)
{
    struct page_slot *slot = find_slot(cache, page_offset_bytes);
    enum vdisk_status status;

    if (slot == NULL) {
        status = read_page(cache, page_offset_bytes, error);
        if (status != VDISK_OK)
            return status;
        if (install_scratch(cache, page_offset_bytes, &slot, NULL) != VDISK_OK) {
            memcpy(data, cache->scratch + byte_in_page, length_bytes);
            return VDISK_OK;
        }
    }
    slot_copy_out(slot, byte_in_page, data, length_bytes);
    atomic_store_explicit(&slot->used, 1, memory_order_relaxed);
    return VDISK_OK;
}

enum vdisk_status vdisk_page_cache_load(struct vdisk_page_cache *cache, uint64_t page_offset_bytes,
                                        uint32_t byte_in_page, void *data, uint32_t length_bytes,
                                        struct vdisk_error *error)
{
    enum vdisk_status status =
        check_access(cache, page_offset_bytes, byte_in_page, length_bytes, error);

    if (status != VDISK_OK || try_load(cache, page_offset_bytes, byte_in_page, data, length_bytes))
        return status;
    vdisk_mutex_lock(&cache->lock);
    status = load_slow(cache, page_offset_bytes, byte_in_page, data, length_bytes, error);
    vdisk_mutex_unlock(&cache->lock);
    return status;
}

static void mark_dirty(struct vdisk_page_cache *cache, struct page_slot *slot)
{
    if (!slot->dirty)
        cache->dirty_count++;
    slot->dirty = true;
}

enum vdisk_status vdisk_page_cache_store(struct vdisk_page_cache *cache, uint64_t page_offset_bytes,
                                         uint32_t byte_in_page, const void *data,
                                         uint32_t length_bytes, struct vdisk_error *error)
{
    struct page_slot *slot;
    enum vdisk_status status =
        check_access(cache, page_offset_bytes, byte_in_page, length_bytes, error);

    if (status != VDISK_OK)
        return status;
    vdisk_mutex_lock(&cache->lock);
    status = fetch_slot(cache, page_offset_bytes, &slot, error);
    if (status == VDISK_OK) {
        slot_begin_change(slot);
        slot_copy_in(slot, byte_in_page, data, length_bytes);
        slot_end_change(slot);
        mark_dirty(cache, slot);
    }
    vdisk_mutex_unlock(&cache->lock);
    return status;
}

enum vdisk_status vdisk_page_cache_store_zero(struct vdisk_page_cache *cache,
                                              uint64_t page_offset_bytes, struct vdisk_error *error)
{
    struct page_slot *slot;
    enum vdisk_status status = VDISK_OK;

    vdisk_mutex_lock(&cache->lock);
    memset(cache->scratch, 0, cache->page_bytes);
    slot = find_slot(cache, page_offset_bytes);
    if (slot != NULL) {
        slot_begin_change(slot);
        slot_copy_in(slot, 0, cache->scratch, cache->page_bytes);
        slot_end_change(slot);
    } else {
        status = install_scratch(cache, page_offset_bytes, &slot, error);
    }
    if (status == VDISK_OK)
        mark_dirty(cache, slot);
    vdisk_mutex_unlock(&cache->lock);
    return status;
}

uint32_t vdisk_page_cache_dirty_count(struct vdisk_page_cache *cache)
{
    uint32_t count;

    vdisk_mutex_lock(&cache->lock);
    count = cache->dirty_count;
    vdisk_mutex_unlock(&cache->lock);
    return count;
}

uint32_t vdisk_page_cache_limit(struct vdisk_page_cache *cache)
{
    return cache->slot_count;
}

/* With the lock held: fills `order`; a shell sort, because the keys are in no order at all. */
static void sort_dirty(struct vdisk_page_cache *cache)
{
    uint32_t count = 0;

    for (uint32_t index = 0; index < cache->slot_count; index++) {
        if (cache->slots[index].dirty)
            cache->order[count++] = index;
    }
    for (uint32_t gap = count / 2; gap > 0; gap /= 2) {
        for (uint32_t i = gap; i < count; i++) {
            const uint32_t index = cache->order[i];
            const uint64_t key = slot_key(&cache->slots[index]);
            uint32_t j = i;

            for (; j >= gap && slot_key(&cache->slots[cache->order[j - gap]]) > key; j -= gap)
                cache->order[j] = cache->order[j - gap];
            cache->order[j] = index;
        }
    }
}

static enum vdisk_status write_to_file(void *context, uint64_t page_offset_bytes, const void *page,
                                       uint32_t page_bytes, struct vdisk_error *error)
{
    return vdisk_file_write(context, page_offset_bytes, page, page_bytes, error);
}

static enum vdisk_status for_each_dirty(struct vdisk_page_cache *cache, vdisk_page_sink *sink,
                                        void *context, bool clean, struct vdisk_error *error)
{
    enum vdisk_status status = VDISK_OK;
    uint32_t count;

    vdisk_mutex_lock(&cache->lock);
    count = cache->dirty_count;
    sort_dirty(cache);
    for (uint32_t i = 0; i < count && status == VDISK_OK; i++) {
        struct page_slot *slot = &cache->slots[cache->order[i]];

        slot_copy_out(slot, 0, cache->scratch, cache->page_bytes);
        status = sink(context, slot_key(slot), cache->scratch, cache->page_bytes, error);
        if (status == VDISK_OK && clean) {
            slot->dirty = false;
            cache->dirty_count--;
        }
    }
    vdisk_mutex_unlock(&cache->lock);
    return status;
}

enum vdisk_status vdisk_page_cache_write_back(struct vdisk_page_cache *cache, vdisk_page_sink *sink,
                                              void *context, struct vdisk_error *error)
{
    if (sink == NULL) {
        sink = write_to_file;
        context = cache->file;
    }
    return for_each_dirty(cache, sink, context, true, error);
}

enum vdisk_status vdisk_page_cache_visit_dirty(struct vdisk_page_cache *cache,
                                               vdisk_page_sink *sink, void *context,
                                               struct vdisk_error *error)
{
    return for_each_dirty(cache, sink, context, false, error);
}

void vdisk_page_cache_forget(struct vdisk_page_cache *cache, uint64_t offset_bytes,
                             uint64_t length_bytes)
{
    vdisk_mutex_lock(&cache->lock);
    for (uint32_t index = 0; index < cache->slot_count; index++) {
        struct page_slot *slot = &cache->slots[index];
        const uint64_t key = slot_key(slot);

        if (key == NO_PAGE ||
            !vdisk_ranges_overlap(key, cache->page_bytes, offset_bytes, length_bytes))
            continue;
        slot_begin_change(slot);
        slot_set_key(slot, NO_PAGE);
        slot_end_change(slot);
        if (slot->dirty)
            cache->dirty_count--;
        slot->dirty = false;
    }
    vdisk_mutex_unlock(&cache->lock);
}

static bool allocate_parts(struct vdisk_page_cache *cache)
{
    cache->slots = vdisk_alloc_array(cache->slot_count, sizeof *cache->slots);
    cache->order = vdisk_alloc_array(cache->slot_count, sizeof *cache->order);
    cache->scratch = vdisk_alloc(VDISK_PAGE_BYTES);
    if (cache->slots == NULL || cache->order == NULL || cache->scratch == NULL)
        return false;
    for (uint32_t index = 0; index < cache->slot_count; index++)
        slot_set_key(&cache->slots[index], NO_PAGE);
    return true;
}

enum vdisk_status vdisk_page_cache_create(struct vdisk_file *file, const char *structure,
                                          uint32_t page_bytes, uint32_t page_limit,
                                          struct vdisk_page_cache **created,
                                          struct vdisk_error *error)
{
    struct vdisk_page_cache *cache;
    enum vdisk_status status;

    if (!vdisk_is_power_of_two(page_bytes) || page_bytes < PAGE_MINIMUM ||
        page_bytes > VDISK_PAGE_BYTES || page_limit < PAGES_MIN || page_limit > PAGES_MAX)
        return vdisk_fail(error, VDISK_INVALID, file->name, structure, VDISK_NO_OFFSET,
                          "the metadata cache cannot have this size");
    cache = vdisk_alloc(sizeof *cache);
    if (cache == NULL)
        return vdisk_fail(error, VDISK_NO_MEMORY, file->name, structure, VDISK_NO_OFFSET, NULL);
    cache->file = file;
    cache->structure = structure;
    cache->page_bytes = page_bytes;
    cache->set_count = page_limit / WAYS;
    cache->slot_count = cache->set_count * WAYS;
    vdisk_mutex_init(&cache->lock);
    if (allocate_parts(cache))
        status = vdisk_file_get_size(file, &cache->file_bytes, error);
    else
        status = vdisk_fail(error, VDISK_NO_MEMORY, file->name, structure, VDISK_NO_OFFSET, NULL);
    if (status == VDISK_OK)
        *created = cache;
    else
        vdisk_page_cache_destroy(cache);
    return status;
}

void vdisk_page_cache_destroy(struct vdisk_page_cache *cache)
{
    if (cache == NULL)
        return;
    for (uint32_t index = 0; cache->slots != NULL && index < cache->slot_count; index++)
        vdisk_free((void *)cache->slots[index].words);
    vdisk_free(cache->slots);
    vdisk_free(cache->order);
    vdisk_free(cache->scratch);
    vdisk_mutex_deinit(&cache->lock);
    vdisk_free(cache);
}
