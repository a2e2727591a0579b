/* VHDX: what is refused and why, what is repaired, where blocks go, how often a file is flushed. */
#include "tests/support/cmocka_all.h"

#include "engine/base/crc32c.h"
#include "engine/base/endian.h"
#include "engine/format/format.h"
#include "engine/format/vhdx/vhdx_layout.h"
#include "host/fault/file_fault.h"
#include "host/memory/file_memory.h"

#include <stdio.h>
#include <stdlib.h>

#define MIB VHDX_MIB
#define GIB (1024 * MIB)

/* Where `create` puts things. */
#define HEADER(slot)    VHDX_HEADER_OFFSET(slot)
#define TABLE(copy)     VHDX_REGION_TABLE_OFFSET(copy)
#define REGION(index)   (16 + 32 * (uint64_t)(index)) /* in a table: 0 is the BAT */
#define METADATA        (2 * MIB)
#define ITEM(index)     (METADATA + 32 + 32 * (uint64_t)(index))
#define PARAMETERS      (METADATA + 65536)
#define DISK_SIZE       (PARAMETERS + 8)
#define LOGICAL_SECTOR  (PARAMETERS + 32)
#define PHYSICAL_SECTOR (PARAMETERS + 40)
#define BAT             (3 * MIB)
#define FIRST_BLOCK     (4 * MIB)

static struct vdisk_fault_plan plan;

static struct vdisk_memory_store *make_with(const struct vdisk_create_options *options)
{
    struct vdisk_memory_store *store = vdisk_memory_store_create();
    struct vdisk_file *file;
    struct vdisk_error error;

    assert_int_equal(vdisk_file_memory_open(store, "test.vhdx", 1, false, &file, &error), VDISK_OK);
    assert_int_equal(vdisk_image_create(file, options, &error), VDISK_OK);
    vdisk_file_close(file);
    return store;
}

static struct vdisk_memory_store *make(uint64_t size_bytes, uint32_t block_bytes, bool fixed)
{
    const struct vdisk_create_options options = {
        .format = "vhdx", .size_bytes = size_bytes, .block_bytes = block_bytes, .fixed = fixed};

    return make_with(&options);
}

static enum vdisk_status open_store(struct vdisk_memory_store *store, bool for_check,
                                    struct vdisk_image **image, struct vdisk_error *error)
{
    const struct vdisk_open_options options = {.format = "vhdx", .for_check = for_check};
    struct vdisk_file *below, *file;

    memset(&plan, 0, sizeof plan);
    assert_int_equal(vdisk_file_memory_open(store, "test.vhdx", 1, false, &below, error), VDISK_OK);
    assert_int_equal(vdisk_file_fault_open(below, &plan, &file, error), VDISK_OK);
    return vdisk_image_open(file, &options, image, error);
}

static struct vdisk_image *open_good(struct vdisk_memory_store *store)
{
    struct vdisk_image *image;
    struct vdisk_error error;

    if (open_store(store, false, &image, &error) != VDISK_OK)
        fail_msg("%s: %s", error.structure, error.reason);
    return image;
}

static void close_good(struct vdisk_image *image)
{
    assert_int_equal(vdisk_image_close(image, NULL), VDISK_OK);
}

static void access_store(struct vdisk_memory_store *store, uint64_t offset, void *bytes,
                         size_t length, bool write)
{
    struct vdisk_file *file;

    assert_int_equal(vdisk_file_memory_open(store, "test.vhdx", 1, false, &file, NULL), VDISK_OK);
    if (write)
        assert_int_equal(vdisk_file_write(file, offset, bytes, length, NULL), VDISK_OK);
    else
        assert_int_equal(vdisk_file_read(file, offset, bytes, length, NULL), VDISK_OK);
    vdisk_file_close(file);
}

/* Puts the right checksum into a structure whose checksum field is at byte 4. */
static void seal(struct vdisk_memory_store *store, uint64_t offset, size_t length)
{
    unsigned char *bytes = malloc(length);

    access_store(store, offset, bytes, length, false);
    vdisk_store_le32(bytes + 4, 0);
    vdisk_store_le32(bytes + 4, vdisk_crc32c(0, bytes, length));
    access_store(store, offset, bytes, length, true);
    free(bytes);
}

static void seal_all(struct vdisk_memory_store *store)
{
    for (uint32_t copy = 0; copy < 2; copy++) {
        seal(store, HEADER(copy), VHDX_HEADER_BYTES);
        seal(store, TABLE(copy), VHDX_REGION_TABLE_BYTES);
    }
}

static void poke(struct vdisk_memory_store *store, uint64_t offset, uint64_t value, size_t length)
{
    unsigned char bytes[8];

    vdisk_store_le64(bytes, value);
    access_store(store, offset, bytes, length, true);
}

static uint64_t peek(struct vdisk_memory_store *store, uint64_t offset)
{
    unsigned char bytes[8];

    access_store(store, offset, bytes, sizeof bytes, false);
    return vdisk_load_le64(bytes);
}

/* One change to an image that must be refused; in `both` structures when second is not 0. */
struct refusal {
    const char *what;
    uint64_t offset, second;
    uint64_t value;
    uint32_t length;
    enum vdisk_status status;
    const char *structure;
    const char *reason;
    uint64_t error_offset;
};

#define BOTH_HEADERS(field) HEADER(0) + (field), HEADER(1) + (field)
#define BOTH_TABLES(field)  TABLE(0) + (field), TABLE(1) + (field)

static const struct refusal refusals[] = {
    {"signature", 0, 0, 0, 8, VDISK_WRONG_FORMAT, "VHDX file type identifier", "signature", 0},
    {"headers", BOTH_HEADERS(0), 0, 4, VDISK_CORRUPT, "VHDX header 2", "signature", HEADER(1)},
    {"version", BOTH_HEADERS(66), 2, 2, VDISK_UNSUPPORTED, "VHDX header 1", "version of the format",
     HEADER(0)},
    {"log length", BOTH_HEADERS(68), 4096, 4, VDISK_CORRUPT, "VHDX header 2", "whole MiB",
     HEADER(1)},
    {"log offset", BOTH_HEADERS(72), 0, 8, VDISK_CORRUPT, "VHDX header 2", "whole MiB", HEADER(1)},
    {"log end", BOTH_HEADERS(72), UINT64_C(1) << 62, 8, VDISK_CORRUPT, "VHDX header 2", "whole MiB",
     HEADER(1)},
    {"log in use", BOTH_HEADERS(48), 1, 8, VDISK_CORRUPT, "VHDX log", "no valid sequence", MIB},
    {"tables", BOTH_TABLES(0), 0, 4, VDISK_CORRUPT, "VHDX region table 2", "signature", TABLE(1)},
    {"table count", BOTH_TABLES(8), 2048, 4, VDISK_CORRUPT, "VHDX region table 2", "more entries",
     TABLE(1) + 8},
    {"no BAT", BOTH_TABLES(8), 0, 4, VDISK_CORRUPT, "VHDX region table 1", "not listed",
     TABLE(0) + 16},
    {"region in the headers", BOTH_TABLES(REGION(0) + 16), 0, 8, VDISK_CORRUPT,
     "VHDX region table 1", "whole MiB", TABLE(0) + REGION(0)},
    {"region not at a MiB", BOTH_TABLES(REGION(0) + 16), BAT + 4096, 8, VDISK_CORRUPT,
     "VHDX region table 1", "whole MiB", TABLE(0) + REGION(0)},
    {"region far away", BOTH_TABLES(REGION(0) + 16), ~(MIB - 1), 8, VDISK_CORRUPT,
     "VHDX region table 1", "whole MiB", TABLE(0) + REGION(0)},
    {"region beyond the end", BOTH_TABLES(REGION(0) + 16), 100 * MIB, 8, VDISK_CORRUPT,
     "VHDX region table 1", "beyond the end", TABLE(0) + 16},
    {"empty region", BOTH_TABLES(REGION(0) + 24), 0, 4, VDISK_CORRUPT, "VHDX region table 1",
     "whole MiB", TABLE(0) + REGION(0)},
    {"region over another", BOTH_TABLES(REGION(1) + 16), BAT, 8, VDISK_CORRUPT,
     "VHDX region table 1", "overlaps", TABLE(0) + REGION(1)},
    {"region over the log", BOTH_TABLES(REGION(1) + 16), MIB, 8, VDISK_CORRUPT,
     "VHDX region table 1", "overlaps", TABLE(0) + REGION(1)},
    {"unknown region", BOTH_TABLES(REGION(0)), 7, 8, VDISK_UNSUPPORTED, "VHDX region table 1",
     "region that is not known", TABLE(0) + REGION(0)},
    {"metadata signature", METADATA, 0, 0, 8, VDISK_CORRUPT, "VHDX metadata table", "signature",
     METADATA},
    {"metadata count", METADATA + 10, 0, 2048, 2, VDISK_CORRUPT, "VHDX metadata table",
     "more entries", METADATA + 10},
    {"unknown item", ITEM(2), 0, 9, 8, VDISK_UNSUPPORTED, "VHDX metadata table", "item that is not",
     ITEM(2)},
    {"item in the table", ITEM(0) + 16, 0, 64, 4, VDISK_CORRUPT, "VHDX metadata table",
     "outside the metadata", ITEM(0)},
    {"item beyond the region", ITEM(0) + 16, 0, MIB - 4, 4, VDISK_CORRUPT, "VHDX metadata table",
     "outside the metadata", ITEM(0)},
    {"item too long", ITEM(0) + 20, 0, UINT32_MAX, 4, VDISK_CORRUPT, "VHDX metadata table",
     "outside the metadata", ITEM(0)},
    {"item too short", ITEM(1) + 20, 0, 4, 4, VDISK_CORRUPT, "VHDX virtual disk size", "too short",
     DISK_SIZE},
    {"item missing", METADATA + 10, 0, 4, 2, VDISK_CORRUPT, "VHDX metadata table", "missing",
     METADATA},
    {"block size 0", PARAMETERS, 0, 0, 4, VDISK_CORRUPT, "VHDX file parameters", "power of two",
     PARAMETERS},
    {"block size odd", PARAMETERS, 0, 3 * MIB, 4, VDISK_CORRUPT, "VHDX file parameters",
     "power of two", PARAMETERS},
    {"block size small", PARAMETERS, 0, MIB / 2, 4, VDISK_CORRUPT, "VHDX file parameters",
     "power of two", PARAMETERS},
    {"block size large", PARAMETERS, 0, 512 * MIB, 4, VDISK_CORRUPT, "VHDX file parameters",
     "power of two", PARAMETERS},
    {"logical sector", LOGICAL_SECTOR, 0, 0, 4, VDISK_CORRUPT, "VHDX logical sector size",
     "neither 512", LOGICAL_SECTOR},
    {"physical sector", PHYSICAL_SECTOR, 0, 2048, 4, VDISK_CORRUPT, "VHDX physical sector size",
     "neither 512", PHYSICAL_SECTOR},
    {"size 0", DISK_SIZE, 0, 0, 8, VDISK_CORRUPT, "VHDX virtual disk size", "whole sectors",
     DISK_SIZE},
    {"size odd", DISK_SIZE, 0, MIB + 1, 8, VDISK_CORRUPT, "VHDX virtual disk size", "whole sectors",
     DISK_SIZE},
    {"size over 64 TiB", DISK_SIZE, 0, VHDX_DISK_BYTES_MAX + 512, 8, VDISK_CORRUPT,
     "VHDX virtual disk size", "whole sectors", DISK_SIZE},
    {"size over the BAT", DISK_SIZE, 0, 200 * GIB, 8, VDISK_CORRUPT, "VHDX BAT", "too small", BAT},
    {"no locator", PARAMETERS + 4, 0, VHDX_PARAMETER_HAS_PARENT, 4, VDISK_CORRUPT,
     "VHDX metadata table", "no parent locator", METADATA},
};

static void test_refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        const struct refusal *refusal = &refusals[i];
        struct vdisk_memory_store *store = make(8 * MIB, MIB, false);
        struct vdisk_check check = {.repair = false};
        struct vdisk_image *image;
        struct vdisk_error error;
        enum vdisk_status status;

        poke(store, refusal->offset, refusal->value, refusal->length);
        if (refusal->second != 0)
            poke(store, refusal->second, refusal->value, refusal->length);
        seal_all(store);
        status = open_store(store, false, &image, &error);
        if (status != refusal->status || strcmp(error.structure, refusal->structure) != 0 ||
            strstr(error.reason, refusal->reason) == NULL ||
            error.offset_bytes != refusal->error_offset)
            fail_msg("%s: %s, %s at %llu: %s", refusal->what, vdisk_status_name(status),
                     error.structure, (unsigned long long)error.offset_bytes, error.reason);
        if (status != VDISK_WRONG_FORMAT) { /* check speaks where open refuses */
            assert_int_equal(open_store(store, true, &image, &error), VDISK_OK);
            assert_int_equal(vdisk_image_check(image, &check, &error), VDISK_OK);
            assert_int_equal(check.corruption_count, 1);
            close_good(image);
        }
        vdisk_memory_store_destroy(store);
    }
}

static void test_create_refuses(void **state)
{
    static const struct {
        uint64_t size;
        uint32_t block, sector;
    } wrong[] = {
        {64 * 1024 * GIB + 512, 0, 512}, {MIB, 3 * MIB, 512}, {MIB, MIB / 2, 512},
        {MIB, 512 * MIB, 512},           {MIB, 0, 1024},      {MIB + 512, 0, 4096},
    };

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        const struct vdisk_create_options options = {.format = "vhdx",
                                                     .size_bytes = wrong[i].size,
                                                     .block_bytes = wrong[i].block,
                                                     .logical_sector_bytes = wrong[i].sector};
        struct vdisk_memory_store *store = vdisk_memory_store_create();
        struct vdisk_file *file;

        assert_int_equal(vdisk_file_memory_open(store, "new", 1, false, &file, NULL), VDISK_OK);
        assert_int_equal(vdisk_image_create(file, &options, NULL), VDISK_INVALID);
        assert_int_equal(vdisk_memory_store_size(store), 0);
        vdisk_file_close(file);
        vdisk_memory_store_destroy(store);
    }
}

static uint64_t check_count(struct vdisk_memory_store *store, bool repair, uint64_t *leaks,
                            uint64_t *repaired)
{
    struct vdisk_check check = {.repair = repair};
    struct vdisk_image *image;
    struct vdisk_error error;

    assert_int_equal(open_store(store, true, &image, &error), VDISK_OK);
    assert_int_equal(vdisk_image_check(image, &check, &error), VDISK_OK);
    close_good(image);
    if (leaks != NULL)
        *leaks = check.leak_count;
    if (repaired != NULL)
        *repaired = check.repaired_count;
    return check.corruption_count;
}

static void write_at(struct vdisk_image *image, uint64_t offset, unsigned char value)
{
    unsigned char sector[4096];
    struct vdisk_error error;

    memset(sector, value, sizeof sector);
    if (vdisk_disk_write(vdisk_image_disk(image), offset, sector, sizeof sector, &error) !=
        VDISK_OK)
        fail_msg("write: %s: %s", error.structure, error.reason);
}

static unsigned char read_at(struct vdisk_image *image, uint64_t offset)
{
    unsigned char sector[512];
    struct vdisk_error error;

    if (vdisk_disk_read(vdisk_image_disk(image), offset, sector, sizeof sector, &error) != VDISK_OK)
        fail_msg("read: %s: %s", error.structure, error.reason);
    for (size_t i = 1; i < sizeof sector; i++)
        assert_int_equal(sector[i], sector[0]);
    return sector[0];
}

/* Entries that lead where no block can be: an error on use, a finding of check. */
static void test_hostile_entries(void **state)
{
    static const struct {
        uint64_t entry;
        const char *reason;
    } hostile[] = {
        {6, "own structures"},
        {MIB | 6, "own structures"},
        {METADATA | 6, "own structures"},
        {BAT | 6, "own structures"},
        {100 * MIB | 6, "beyond the end"},
        {~(MIB - 1) | 6, "beyond the end"},
        {4, "state that does not exist"},
        {(FIRST_BLOCK + MIB) | 7, "no parent"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof hostile / sizeof hostile[0]; i++) {
        struct vdisk_memory_store *store = make(8 * MIB, MIB, false);
        struct vdisk_image *image = open_good(store);
        unsigned char sector[512] = {0};
        struct vdisk_error error;

        write_at(image, 0, 1);
        write_at(image, MIB, 1);
        close_good(image);
        poke(store, BAT + 8, hostile[i].entry, 8);
        image = open_good(store);
        assert_int_equal(vdisk_disk_read(vdisk_image_disk(image), MIB, sector, 512, &error),
                         VDISK_CORRUPT);
        assert_string_equal(error.structure, "VHDX BAT");
        assert_int_equal(error.offset_bytes, BAT + 8);
        assert_non_null(strstr(error.reason, hostile[i].reason));
        assert_int_equal(vdisk_disk_write(vdisk_image_disk(image), MIB, sector, 512, &error),
                         VDISK_CORRUPT);
        assert_int_equal(read_at(image, 0), 1);
        vdisk_image_close(image, NULL);
        assert_int_equal(check_count(store, false, NULL, NULL), 1);
        vdisk_memory_store_destroy(store);
    }
}

static void test_shared_blocks(void **state)
{
    struct vdisk_memory_store *store = make(8 * MIB, MIB, false);
    struct vdisk_image *image = open_good(store);
    unsigned char sector[512] = {0};
    struct vdisk_error error;

    (void)state;
    write_at(image, 0, 1);
    close_good(image);
    poke(store, BAT + 8, FIRST_BLOCK | 6, 8);
    assert_int_equal(check_count(store, false, NULL, NULL), 1);
    image = open_good(store); /* readable, but nothing is allocated in it */
    assert_int_equal(read_at(image, MIB), 1);
    assert_int_equal(vdisk_disk_write(vdisk_image_disk(image), 2 * MIB, sector, 512, &error),
                     VDISK_CORRUPT);
    vdisk_image_close(image, NULL);
    vdisk_memory_store_destroy(store);
}

static void test_stale_blocks_are_zeros(void **state)
{
    static const uint64_t states[] = {VHDX_BLOCK_UNDEFINED, VHDX_BLOCK_ZERO, VHDX_BLOCK_UNMAPPED,
                                      VHDX_BLOCK_UNMAPPED_OLD};

    (void)state;
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        struct vdisk_memory_store *store = make(8 * MIB, MIB, false);
        struct vdisk_image *image = open_good(store);

        write_at(image, 0, 1);
        close_good(image);
        poke(store, BAT, FIRST_BLOCK | states[i], 8);
        image = open_good(store);
        assert_int_equal(read_at(image, 0), 0);
        write_at(image, 8192, 2);
        assert_int_equal(read_at(image, 0), 0);
        assert_int_equal(read_at(image, 8192), 2);
        close_good(image);
        vdisk_memory_store_destroy(store);
    }
}

/* One copy of the headers and of the region tables is enough, and repair restores the other. */
static void test_torn_copies(void **state)
{
    const uint64_t offsets[] = {HEADER(0) + 100, HEADER(1) + 100, TABLE(0) + 60000,
                                TABLE(1) + 60000};

    (void)state;
    for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++) {
        struct vdisk_memory_store *store = make(8 * MIB, MIB, false);
        struct vdisk_image *image = open_good(store);
        uint64_t repaired;

        write_at(image, MIB, 5);
        close_good(image);
        poke(store, offsets[i], 0x7e, 1);
        image = open_good(store);
        assert_int_equal(read_at(image, MIB), 5);
        close_good(image);
        assert_int_equal(check_count(store, true, NULL, &repaired), 0);
        assert_int_equal(repaired, 1);
        assert_int_equal(check_count(store, true, NULL, &repaired), 0);
        assert_int_equal(repaired, 0);
        vdisk_memory_store_destroy(store);
    }
}

static void test_equal_headers(void **state)
{
    struct vdisk_memory_store *store = make(8 * MIB, MIB, false);
    unsigned char header[VHDX_HEADER_BYTES];
    struct vdisk_image *image;
    struct vdisk_error error;

    (void)state;
    access_store(store, HEADER(1), header, sizeof header, false);
    access_store(store, HEADER(0), header, sizeof header, true);
    image = open_good(store);
    write_at(image, 0, 1);
    close_good(image);
    access_store(store, HEADER(1), header, sizeof header, false);
    access_store(store, HEADER(0), header, sizeof header, true);
    poke(store, HEADER(0) + 16, 1, 8);
    seal_all(store);
    assert_int_equal(open_store(store, false, &image, &error), VDISK_CORRUPT);
    assert_non_null(strstr(error.reason, "same sequence number"));
    vdisk_memory_store_destroy(store);
}

/* A region that is not known but not needed either keeps its bytes. */
static void test_optional_region(void **state)
{
    struct vdisk_memory_store *store = make(8 * MIB, MIB, false);
    struct vdisk_image *image;

    (void)state;
    for (uint32_t copy = 0; copy < 2; copy++) {
        poke(store, TABLE(copy) + 8, 3, 4);
        poke(store, TABLE(copy) + REGION(2), 0x1234, 8);
        poke(store, TABLE(copy) + REGION(2) + 16, FIRST_BLOCK, 8);
        poke(store, TABLE(copy) + REGION(2) + 24, MIB, 4);
    }
    poke(store, FIRST_BLOCK, 0x5a5a, 8);
    poke(store, FIRST_BLOCK + MIB - 8, 0x5a5a, 8);
    seal_all(store);
    image = open_good(store);
    for (uint64_t block = 0; block < 8; block++)
        write_at(image, block * MIB, 1);
    close_good(image);
    assert_int_equal(peek(store, FIRST_BLOCK), 0x5a5a);
    assert_int_equal(peek(store, FIRST_BLOCK + MIB - 8), 0x5a5a);
    assert_int_equal(check_count(store, false, NULL, NULL), 0);
    vdisk_memory_store_destroy(store);
}

/* However many blocks: two flushes of the file for one of the guest. */
static void test_flush_count(void **state)
{
    struct vdisk_memory_store *store = make(200 * MIB, MIB, false);
    struct vdisk_image *image = open_good(store);
    uint32_t before;

    (void)state;
    write_at(image, 0, 1);
    assert_int_equal(vdisk_disk_flush(vdisk_image_disk(image), NULL), VDISK_OK);
    before = atomic_load(&plan.flush_count);
    for (uint64_t block = 1; block < 200; block++)
        write_at(image, block * MIB, 1);
    assert_int_equal(atomic_load(&plan.flush_count), before);
    assert_int_equal(vdisk_disk_flush(vdisk_image_disk(image), NULL), VDISK_OK);
    assert_int_equal(atomic_load(&plan.flush_count), before + 2);
    write_at(image, 0, 2); /* no metadata changes: one is enough */
    assert_int_equal(vdisk_disk_flush(vdisk_image_disk(image), NULL), VDISK_OK);
    assert_int_equal(atomic_load(&plan.flush_count), before + 3);
    close_good(image);
    vdisk_memory_store_destroy(store);
}

/* More pages change than one entry of the log holds. */
static void test_many_pages(void **state)
{
    struct vdisk_memory_store *store = make(128 * GIB, MIB, false);
    struct vdisk_image *image = open_good(store);

    (void)state;
    for (uint64_t step = 0; step < 256; step++)
        write_at(image, step * 512 * MIB, (unsigned char)(step + 1));
    close_good(image);
    assert_int_equal(check_count(store, false, NULL, NULL), 0);
    image = open_good(store);
    for (uint64_t step = 0; step < 256; step++)
        assert_int_equal(read_at(image, step * 512 * MIB), (unsigned char)(step + 1));
    close_good(image);
    vdisk_memory_store_destroy(store);
}

static void test_space_is_used_again(void **state)
{
    struct vdisk_memory_store *store = make(64 * MIB, MIB, false);
    struct vdisk_image *image = open_good(store);
    struct vdisk_disk *disk = vdisk_image_disk(image);
    uint64_t size;

    (void)state;
    for (uint64_t block = 0; block < 8; block++)
        write_at(image, block * MIB, 1);
    assert_int_equal(vdisk_disk_flush(disk, NULL), VDISK_OK);
    size = vdisk_memory_store_size(store);
    for (uint64_t round = 0; round < 6; round++) {
        assert_int_equal(vdisk_disk_zero(disk, round * 8 * MIB, 8 * MIB, NULL), VDISK_OK);
        assert_int_equal(vdisk_disk_flush(disk, NULL), VDISK_OK);
        for (uint64_t block = 0; block < 8; block++)
            write_at(image, (round + 1) * 8 * MIB + block * MIB + 8192, 2);
        assert_int_equal(read_at(image, (round + 1) * 8 * MIB), 0);
        assert_int_equal(vdisk_disk_flush(disk, NULL), VDISK_OK);
    }
    assert_int_equal(vdisk_memory_store_size(store), size);
    assert_int_equal(vdisk_disk_zero(disk, 0, 64 * MIB, NULL), VDISK_OK);
    close_good(image);
    assert_int_equal(vdisk_memory_store_size(store), FIRST_BLOCK);
    vdisk_memory_store_destroy(store);
}

/* What an unclean session left behind is found and given back. */
static void test_leak_is_repaired(void **state)
{
    struct vdisk_memory_store *store = make(8 * MIB, MIB, false);
    struct vdisk_image *image = open_good(store);
    uint64_t leaks, repaired;

    (void)state;
    write_at(image, 0, 1);
    close_good(image);
    poke(store, FIRST_BLOCK + 3 * MIB - 8, 1, 8);
    assert_int_equal(check_count(store, false, &leaks, NULL), 0);
    assert_int_equal(leaks, 1);
    assert_int_equal(check_count(store, true, &leaks, &repaired), 0);
    assert_int_equal(repaired, 1);
    assert_int_equal(vdisk_memory_store_size(store), FIRST_BLOCK + MIB);
    assert_int_equal(check_count(store, false, &leaks, NULL), 0);
    assert_int_equal(leaks, 0);
    vdisk_memory_store_destroy(store);
}

/* Growing beyond what the BAT can hold moves it; shrinking gives blocks back. */
static void test_resize_moves_the_bat(void **state)
{
    struct vdisk_memory_store *store = make(100 * GIB, MIB, false);
    struct vdisk_image *image = open_good(store);
    struct vdisk_error error;

    (void)state;
    write_at(image, 0, 1);
    write_at(image, 99 * GIB, 2);
    assert_int_equal(vdisk_image_resize(image, 300 * GIB, &error), VDISK_OK);
    write_at(image, 299 * GIB, 3);
    assert_int_equal(read_at(image, 99 * GIB), 2);
    close_good(image);
    assert_int_not_equal(peek(store, TABLE(0) + REGION(0) + 16), BAT);
    assert_int_equal(check_count(store, false, NULL, NULL), 0);
    image = open_good(store);
    assert_int_equal(vdisk_image_disk(image)->size_bytes, 300 * GIB);
    assert_int_equal(read_at(image, 0), 1);
    assert_int_equal(read_at(image, 299 * GIB), 3);
    assert_int_equal(vdisk_image_resize(image, 512, &error), VDISK_OK);
    assert_int_equal(vdisk_image_resize(image, 100 * GIB, &error), VDISK_OK);
    assert_int_equal(read_at(image, 0), 1);
    assert_int_equal(read_at(image, 512), 0);
    assert_int_equal(read_at(image, 99 * GIB), 0);
    close_good(image);
    assert_int_equal(check_count(store, false, NULL, NULL), 0);
    vdisk_memory_store_destroy(store);
}

/* From the number-th call on, nothing reaches the file any more. */
static void fail_from(uint32_t number)
{
    memset(&plan, 0, sizeof plan);
    plan.calls = VDISK_FAULT_WRITE | VDISK_FAULT_FLUSH | VDISK_FAULT_SET_SIZE | VDISK_FAULT_PUNCH;
    plan.status = VDISK_IO;
    plan.fail_from = number;
    plan.fail_to = UINT32_MAX;
}

/* The move of a BAT, cut off at every step: the disk has one of its sizes, and all its data. */
static void test_resize_cut_off(void **state)
{
    enum vdisk_status status = VDISK_IO;

    (void)state;
    for (uint32_t number = 1; status != VDISK_OK; number++) {
        struct vdisk_memory_store *store = make(100 * GIB, MIB, false);
        struct vdisk_image *image = open_good(store);
        uint64_t size;

        write_at(image, 0, 1);
        write_at(image, 99 * GIB, 2);
        assert_int_equal(vdisk_disk_flush(vdisk_image_disk(image), NULL), VDISK_OK);
        fail_from(number);
        status = vdisk_image_resize(image, 300 * GIB, NULL);
        assert_int_not_equal(vdisk_image_close(image, NULL), VDISK_OK);
        assert_int_equal(check_count(store, false, NULL, NULL), 0);
        image = open_good(store);
        size = vdisk_image_disk(image)->size_bytes;
        assert_true(size == 300 * GIB || (size == 100 * GIB && status != VDISK_OK));
        assert_int_equal(read_at(image, 0), 1);
        assert_int_equal(read_at(image, 99 * GIB), 2);
        write_at(image, 98 * GIB, 3);
        close_good(image);
        assert_int_equal(check_count(store, false, NULL, NULL), 0);
        vdisk_memory_store_destroy(store);
    }
}

/* A session that was cut off after its flush: readable as it is, finished by a repair. */
static void test_unclean_session_is_repaired(void **state)
{
    struct vdisk_memory_store *store = make(8 * MIB, MIB, false);
    struct vdisk_image *image = open_good(store);
    uint64_t repaired;

    (void)state;
    write_at(image, 0, 1);
    write_at(image, 3 * MIB, 2);
    assert_int_equal(vdisk_disk_flush(vdisk_image_disk(image), NULL), VDISK_OK);
    fail_from(1);
    vdisk_image_close(image, NULL);
    poke(store, BAT, 0, 8); /* as if the page had not been written in place */
    poke(store, BAT + 24, 0, 8);
    image = open_good(store);
    assert_int_equal(read_at(image, 3 * MIB), 2);
    close_good(image);
    assert_int_equal(peek(store, BAT), 0); /* reading changes nothing */
    assert_int_equal(check_count(store, true, NULL, &repaired), 0);
    assert_int_equal(repaired, 1);
    assert_int_not_equal(peek(store, BAT), 0);
    assert_int_equal(peek(store, HEADER(0) + 48) | peek(store, HEADER(1) + 48), 0);
    image = open_good(store);
    assert_int_equal(read_at(image, 0), 1);
    assert_int_equal(read_at(image, 3 * MIB), 2);
    close_good(image);
    vdisk_memory_store_destroy(store);
}

static void test_fixed_grows(void **state)
{
    struct vdisk_memory_store *store = make(3 * MIB, MIB, true);
    struct vdisk_image *image = open_good(store);
    struct vdisk_error error;

    (void)state;
    write_at(image, 2 * MIB, 1);
    assert_int_equal(vdisk_image_resize(image, 9 * MIB, &error), VDISK_OK);
    write_at(image, 8 * MIB, 2);
    assert_int_equal(read_at(image, 2 * MIB), 1);
    close_good(image);
    image = open_good(store);
    assert_true(image->in_place);
    assert_int_equal(read_at(image, 8 * MIB), 2);
    assert_int_equal(read_at(image, 7 * MIB), 0);
    close_good(image);
    assert_int_equal(check_count(store, false, NULL, NULL), 0);
    vdisk_memory_store_destroy(store);
}

static void test_largest_disks(void **state)
{
    static const uint32_t blocks[] = {(uint32_t)MIB, (uint32_t)(256 * MIB)};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const uint64_t end = VHDX_DISK_BYTES_MAX - 4096;
        struct vdisk_memory_store *store = make(VHDX_DISK_BYTES_MAX, blocks[i], false);
        struct vdisk_image *image = open_good(store);

        write_at(image, end, 7);
        write_at(image, 0, 8);
        close_good(image);
        image = open_good(store);
        assert_int_equal(read_at(image, end), 7);
        assert_int_equal(read_at(image, 0), 8);
        close_good(image);
        vdisk_memory_store_destroy(store);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_create_refuses),
        cmocka_unit_test(test_hostile_entries),
        cmocka_unit_test(test_shared_blocks),
        cmocka_unit_test(test_stale_blocks_are_zeros),
        cmocka_unit_test(test_torn_copies),
        cmocka_unit_test(test_equal_headers),
        cmocka_unit_test(test_optional_region),
        cmocka_unit_test(test_flush_count),
        cmocka_unit_test(test_many_pages),
        cmocka_unit_test(test_space_is_used_again),
        cmocka_unit_test(test_leak_is_repaired),
        cmocka_unit_test(test_resize_moves_the_bat),
        cmocka_unit_test(test_resize_cut_off),
        cmocka_unit_test(test_unclean_session_is_repaired),
        cmocka_unit_test(test_fixed_grows),
        cmocka_unit_test(test_largest_disks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
