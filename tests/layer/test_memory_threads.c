/*
 * Eight threads on one disk in memory: each owns every eighth granule of 4 KiB, so that they share
 * all chunks, and one chunk that it discards; everybody reads everything.
 */
#include "tests/support/cmocka_all.h"
#include "tests/support/random.h"

#include "virtualdisk/layer.h"

#include <pthread.h>
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

static void test_crowd(void **state)
{
    const struct vdisk_memory_options options = {
        .size_bytes = DISK_BYTES, .logical_sector_bytes = 4096, .limit_bytes = UINT64_MAX};
    struct member *members = calloc(THREADS, sizeof *members);
    pthread_t threads[THREADS];
    struct vdisk_disk *disk;

    (void)state;
    assert_non_null(members);
    assert_int_equal(vdisk_memory_open(&options, &disk, NULL), VDISK_OK);
    for (uint32_t i = 0; i < THREADS; i++) {
        members[i].disk = disk;
        members[i].number = i;
        assert_int_equal(pthread_create(&threads[i], NULL, run, &members[i]), 0);
    }
    for (uint32_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (uint32_t i = 0; i < THREADS; i++) {
        assert_false(members[i].failed);
        for (uint32_t index = 0; index < sizeof members[i].own; index++)
            assert_true(holds(disk, granule_offset(&members[i], index), members[i].own[index]));
    }
    vdisk_disk_close(disk, NULL);
    free(members);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_crowd)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
