/*
 * Eight threads on one disk in memory, alone or over another. In a crowd each owns every eighth
 * granule of 4 KiB, so that they share all chunks, and one chunk that it discards; everybody reads
 * everything. In a race all write to a new chunk at once, and to a new disk. In a fight all read,
 * write and discard the same chunks.
 */
#include "tests/support/cmocka_all.h"
#include "tests/support/random.h"

#include "virtualdisk/layer.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

/*
 * Whoever reads what is being written gets either; ThreadSanitizer cannot know that nobody minds.
 * That such a read never meets freed memory is for AddressSanitizer to see.
 */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define READ_FOREIGN false
#endif
#endif
#ifndef READ_FOREIGN
#define READ_FOREIGN true
#endif

#define THREADS       8u
#define GRANULE_BYTES 4096u
#define CHUNK_BYTES   65536u
#define SHARED_CHUNKS 16u
#define DISK_BYTES    (CHUNK_BYTES * (SHARED_CHUNKS + THREADS))
#define OPERATIONS    3000u
#define BELOW_BYTE    0xBE /* what the disk below is full of */

struct stack {
    struct vdisk_disk *below; /* or NULL */
    struct vdisk_disk *disk;
};

struct member {
    struct vdisk_disk *disk;
    uint32_t number;
    unsigned char
        own[SHARED_CHUNKS * CHUNK_BYTES / GRANULE_BYTES / THREADS]; /* last byte written */
    unsigned char chunk;                                            /* in the own chunk */
    bool failed;
};

static uint64_t granule_offset(const struct member *member, uint32_t index)
{
    return ((uint64_t)index * THREADS + member->number) * GRANULE_BYTES;
}

static bool holds(struct vdisk_disk *disk, uint64_t offset_bytes, unsigned char byte)
{
    unsigned char buffer[GRANULE_BYTES];

    if (vdisk_disk_read(disk, offset_bytes, buffer, sizeof buffer, NULL) != VDISK_OK)
        return false;
    for (uint32_t i = 0; i < sizeof buffer; i++) {
        if (buffer[i] != byte)
            return false;
    }
    return true;
}

static bool put(struct vdisk_disk *disk, uint64_t offset_bytes, unsigned char byte)
{
    unsigned char buffer[GRANULE_BYTES];

    memset(buffer, byte, sizeof buffer);
    return vdisk_disk_write(disk, offset_bytes, buffer, sizeof buffer, NULL) == VDISK_OK;
}

static bool use_own_chunk(struct member *member, struct test_random *random)
{
    const uint64_t offset = (SHARED_CHUNKS + member->number) * (uint64_t)CHUNK_BYTES;

    if (!holds(member->disk, offset, member->chunk))
        return false;
    if (test_random_chance(random, 50)) {
        member->chunk = 0;
        return vdisk_disk_discard(member->disk, offset, CHUNK_BYTES, NULL) == VDISK_OK;
    }
    member->chunk = (unsigned char)(1 + test_random_below(random, 255));
    return put(member->disk, offset, member->chunk);
}

static bool do_one(struct member *member, struct test_random *random)
{
    const uint32_t index = (uint32_t)test_random_below(random, sizeof member->own);
    const uint64_t offset = granule_offset(member, index);
    unsigned char elsewhere[GRANULE_BYTES];

    switch (test_random_below(random, 4)) {
    case 0:
        return use_own_chunk(member, random);
    case 1:
        return holds(member->disk, offset, member->own[index]);
    case 2: /* somebody else's, changing as it is read */
        return !READ_FOREIGN ||
               vdisk_disk_read(member->disk,
                               test_random_below(random, DISK_BYTES / GRANULE_BYTES) *
                                   GRANULE_BYTES,
                               elsewhere, sizeof elsewhere, NULL) == VDISK_OK;
    default:
        member->own[index] = (unsigned char)test_random_next(random);
        return put(member->disk, offset, member->own[index]);
    }
}

static void *run(void *context)
{
    struct member *member = context;
    struct test_random random;

    test_random_seed(&random, member->number + 1);
    for (uint32_t i = 0; i < OPERATIONS && !member->failed; i++)
        member->failed = !do_one(member, &random);
    return NULL;
}

static struct vdisk_disk *open_memory(struct vdisk_disk *next)
{
    const struct vdisk_memory_options options = {.next = next,
                                                 .size_bytes = next == NULL ? DISK_BYTES : 0,
                                                 .logical_sector_bytes = next == NULL ? 4096 : 0,
                                                 .limit_bytes = UINT64_MAX};
    struct vdisk_disk *disk;

    assert_int_equal(vdisk_memory_open(&options, &disk, NULL), VDISK_OK);
    return disk;
}

static void open_stack(struct stack *stack, bool overlay)
{
    stack->below = overlay ? open_memory(NULL) : NULL;
    for (uint64_t offset = 0; overlay && offset < DISK_BYTES; offset += GRANULE_BYTES)
        assert_true(put(stack->below, offset, BELOW_BYTE));
    stack->disk = open_memory(stack->below);
}

static void close_stack(struct stack *stack)
{
    vdisk_disk_close(stack->disk, NULL);
    for (uint64_t offset = 0; stack->below != NULL && offset < DISK_BYTES; offset += GRANULE_BYTES)
        assert_true(holds(stack->below, offset, BELOW_BYTE));
    vdisk_disk_close(stack->below, NULL);
}

static void run_crowd(bool overlay)
{
    struct member *members = calloc(THREADS, sizeof *members);
    pthread_t threads[THREADS];
    struct stack stack;

    assert_non_null(members);
    open_stack(&stack, overlay);
    for (uint32_t i = 0; i < THREADS; i++) {
        members[i].disk = stack.disk;
        members[i].number = i;
        members[i].chunk = overlay ? BELOW_BYTE : 0;
        memset(members[i].own, members[i].chunk, sizeof members[i].own);
        assert_int_equal(pthread_create(&threads[i], NULL, run, &members[i]), 0);
    }
    for (uint32_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (uint32_t i = 0; i < THREADS; i++) {
        assert_false(members[i].failed);
        for (uint32_t index = 0; index < sizeof members[i].own; index++)
            assert_true(
                holds(stack.disk, granule_offset(&members[i], index), members[i].own[index]));
    }
    close_stack(&stack);
    free(members);
}

static void test_crowd(void **state)
{
    (void)state;
    run_crowd(false);
    run_crowd(true);
}

/* All threads come to each chunk together, and find it absent: nobody's data may be lost. */
#define ROUNDS 10u

struct runner {
    struct vdisk_disk *disk;
    pthread_barrier_t *start;
    uint32_t number;
    bool failed;
};

static uint64_t race_offset(uint32_t chunk, uint32_t number)
{
    return chunk * (uint64_t)CHUNK_BYTES + number * GRANULE_BYTES;
}

static void *race(void *context)
{
    struct runner *runner = context;

    for (uint32_t chunk = 0; chunk < DISK_BYTES / CHUNK_BYTES; chunk++) {
        pthread_barrier_wait(runner->start);
        if (!put(runner->disk, race_offset(chunk, runner->number), (unsigned char)(chunk + 1)))
            runner->failed = true;
    }
    return NULL;
}

static void run_race(bool overlay)
{
    struct runner runners[THREADS];
    pthread_t threads[THREADS];
    pthread_barrier_t start;
    struct stack stack;

    open_stack(&stack, overlay);
    assert_int_equal(pthread_barrier_init(&start, NULL, THREADS), 0);
    for (uint32_t i = 0; i < THREADS; i++) {
        runners[i] = (struct runner){.disk = stack.disk, .start = &start, .number = i};
        assert_int_equal(pthread_create(&threads[i], NULL, race, &runners[i]), 0);
    }
    for (uint32_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_false(runners[i].failed);
    }
    for (uint32_t chunk = 0; chunk < DISK_BYTES / CHUNK_BYTES; chunk++) {
        for (uint32_t i = 0; i < THREADS; i++)
            assert_true(holds(stack.disk, race_offset(chunk, i), (unsigned char)(chunk + 1)));
        assert_true(holds(stack.disk, race_offset(chunk, THREADS), overlay ? BELOW_BYTE : 0));
    }
    assert_int_equal(vdisk_memory_used(stack.disk), DISK_BYTES + 4096);
    pthread_barrier_destroy(&start);
    close_stack(&stack);
}

static void test_race(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < ROUNDS; i++) {
        run_race(false);
        run_race(true);
    }
}

/*
 * The first write to a disk makes the pages through which all chunks are found, while others look.
 * Of each disk that happens once: so there are many, all zeros by a discard over what lies below.
 */
#define NEW_DISKS 500u
#define WATCHERS  3u

struct watcher {
    struct vdisk_disk *disk;
    atomic_bool *over;
    bool failed;
};

static void *watch(void *context)
{
    struct watcher *watcher = context;
    unsigned char buffer[512];

    while (!atomic_load(watcher->over)) {
        if (vdisk_disk_read(watcher->disk, 0, buffer, sizeof buffer, NULL) != VDISK_OK ||
            !vdisk_is_zero(buffer, sizeof buffer))
            watcher->failed = true;
    }
    return NULL;
}

static void write_first(struct vdisk_disk *below)
{
    struct vdisk_disk *disk = open_memory(below);
    struct watcher watchers[WATCHERS];
    pthread_t threads[WATCHERS];
    atomic_bool over;

    atomic_init(&over, false);
    assert_int_equal(vdisk_disk_discard(disk, 0, DISK_BYTES, NULL), VDISK_OK);
    for (uint32_t i = 0; i < WATCHERS; i++) {
        watchers[i] = (struct watcher){.disk = disk, .over = &over};
        assert_int_equal(pthread_create(&threads[i], NULL, watch, &watchers[i]), 0);
    }
    assert_true(put(disk, DISK_BYTES - GRANULE_BYTES, 1));
    atomic_store(&over, true);
    for (uint32_t i = 0; i < WATCHERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_false(watchers[i].failed);
    }
    vdisk_disk_close(disk, NULL);
}

static void test_first_page(void **state)
{
    struct vdisk_disk *below = open_memory(NULL);

    (void)state;
    for (uint32_t i = 0; i < NEW_DISKS; i++)
        write_first(below);
    vdisk_disk_close(below, NULL);
}

/*
 * Chunks that are read and written while others discard them; only writers and readers are kept
 * apart. So there is no race but what the disk itself would have, and ThreadSanitizer sees that.
 */
#define FOUGHT_CHUNKS     4u
#define FOUGHT_OPERATIONS 1500u

struct fight {
    struct vdisk_disk *disk;
    struct {
        pthread_rwlock_t lock; /* writers against readers; discards take none */
        unsigned char written;
    } chunks[FOUGHT_CHUNKS];
};

struct fighter {
    struct fight *fight;
    uint32_t number;
    bool failed;
    unsigned char buffer[CHUNK_BYTES];
};

/* All of it is what was written, or zeros when somebody discards it. */
static bool reads_whole(struct fighter *fighter, uint32_t chunk)
{
    const unsigned char *buffer = fighter->buffer;

    return vdisk_disk_read(fighter->fight->disk, chunk * (uint64_t)CHUNK_BYTES, fighter->buffer,
                           CHUNK_BYTES, NULL) == VDISK_OK &&
           (buffer[0] == 0 || buffer[0] == fighter->fight->chunks[chunk].written) &&
           memcmp(buffer, buffer + 1, CHUNK_BYTES - 1) == 0;
}

static bool writes_whole(struct fighter *fighter, uint32_t chunk, unsigned char byte)
{
    memset(fighter->buffer, byte, CHUNK_BYTES);
    fighter->fight->chunks[chunk].written = byte;
    return vdisk_disk_write(fighter->fight->disk, chunk * (uint64_t)CHUNK_BYTES, fighter->buffer,
                            CHUNK_BYTES, NULL) == VDISK_OK;
}

static bool fight_once(struct fighter *fighter, struct test_random *random)
{
    const uint32_t chunk = (uint32_t)test_random_below(random, FOUGHT_CHUNKS);
    pthread_rwlock_t *lock = &fighter->fight->chunks[chunk].lock;
    const uint64_t what = test_random_below(random, 8);
    bool well;

    if (what == 0)
        return vdisk_disk_discard(fighter->fight->disk, chunk * (uint64_t)CHUNK_BYTES, CHUNK_BYTES,
                                  NULL) == VDISK_OK;
    if (what <= 2) {
        pthread_rwlock_wrlock(lock);
        well = writes_whole(fighter, chunk, (unsigned char)(1 + test_random_below(random, 255)));
    } else {
        pthread_rwlock_rdlock(lock);
        well = reads_whole(fighter, chunk);
    }
    pthread_rwlock_unlock(lock);
    return well;
}

static void *fight(void *context)
{
    struct fighter *fighter = context;
    struct test_random random;

    test_random_seed(&random, fighter->number + 100);
    for (uint32_t i = 0; i < FOUGHT_OPERATIONS && !fighter->failed; i++)
        fighter->failed = !fight_once(fighter, &random);
    return NULL;
}

static void run_fight(bool overlay)
{
    struct fighter *fighters = calloc(THREADS, sizeof *fighters);
    struct fight shared = {0};
    pthread_t threads[THREADS];
    struct stack stack;

    assert_non_null(fighters);
    open_stack(&stack, overlay);
    shared.disk = stack.disk;
    for (uint32_t i = 0; i < FOUGHT_CHUNKS; i++) {
        assert_int_equal(pthread_rwlock_init(&shared.chunks[i].lock, NULL), 0);
        shared.chunks[i].written = overlay ? BELOW_BYTE : 0;
    }
    for (uint32_t i = 0; i < THREADS; i++) {
        fighters[i].fight = &shared;
        fighters[i].number = i;
        assert_int_equal(pthread_create(&threads[i], NULL, fight, &fighters[i]), 0);
    }
    for (uint32_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (uint32_t i = 0; i < THREADS; i++)
        assert_false(fighters[i].failed);
    assert_int_equal(vdisk_disk_discard(stack.disk, 0, DISK_BYTES, NULL), VDISK_OK);
    assert_int_equal(vdisk_memory_used(stack.disk), 4096); /* a page, and no lost chunk */
    for (uint32_t i = 0; i < FOUGHT_CHUNKS; i++)
        pthread_rwlock_destroy(&shared.chunks[i].lock);
    close_stack(&stack);
    free(fighters);
}

static void test_fight(void **state)
{
    (void)state;
    run_fight(false);
    run_fight(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crowd),
        cmocka_unit_test(test_race),
        cmocka_unit_test(test_first_page),
        cmocka_unit_test(test_fight),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
