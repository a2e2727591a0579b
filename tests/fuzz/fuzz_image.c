#include "tests/fuzz/fuzz_image.h"
#include "engine/base/checked.h"
#include "tests/support/random.h"
#include "virtualdisk/image.h"

#include <stdio.h>
#include <stdlib.h>

#define READS        10u
#define WRITES       10u
#define READ_BYTES   16384u
#define WRITE_BYTES  8192u
#define ZERO_BYTES   (1u << 18)
#define EXTENT_BYTES ((uint64_t)4 << 20)
#define FILES_MAX    4u

/* An input violates a property: the fuzzer, or CTest, sees an abort and this line. */
#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition);         \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* The image's other files: extents of zeros, and once the image as its own parent. */
struct fuzz_files {
    struct vdisk_file_finder finder; /* first */
    struct vdisk_memory_store *image;
    bool has_parent;
    uint32_t count;
    struct vdisk_memory_store *extents[FILES_MAX];
};

static enum vdisk_status find_file(struct vdisk_file_finder *finder,
                                   const struct vdisk_file_request *request,
                                   struct vdisk_file **file, struct vdisk_error *error)
{
    struct fuzz_files *files = (struct fuzz_files *)finder;
    struct vdisk_memory_store *store;

    MUST(request->name != NULL && request->name[0] != '\0');
    if (request->role == VDISK_ROLE_PARENT) {
        if (files->has_parent)
            return vdisk_fail(error, VDISK_NOT_FOUND, request->name, NULL, VDISK_NO_OFFSET, NULL);
        files->has_parent = true;
        return vdisk_file_memory_open(files->image, "parent", 1, true, file, error);
    }
    if (files->count == FILES_MAX)
        return vdisk_fail(error, VDISK_NOT_FOUND, request->name, NULL, VDISK_NO_OFFSET, NULL);
    store = vdisk_memory_store_create();
    MUST(store != NULL);
    vdisk_memory_store_set_limit(store, EXTENT_BYTES * 2);
    files->extents[files->count++] = store;
    MUST(vdisk_file_memory_open(store, "extent", 1, false, file, error) == VDISK_OK);
    MUST(vdisk_file_set_size(*file, EXTENT_BYTES, error) == VDISK_OK);
    if (!request->read_only)
        return VDISK_OK;
    vdisk_file_close(*file);
    MUST(vdisk_file_memory_open(store, "extent", 1, true, file, error) == VDISK_OK);
    return VDISK_OK;
}

static void files_free(struct fuzz_files *files)
{
    for (uint32_t i = 0; i < files->count; i++)
        vdisk_memory_store_destroy(files->extents[i]);
}

/* An error that was reported says what it is. */
static enum vdisk_status judged(enum vdisk_status status, const struct vdisk_error *error)
{
    MUST((unsigned)status < VDISK_STATUS_COUNT);
    MUST(status == VDISK_OK || error->status == status);
    MUST(status == VDISK_OK || memchr(error->file, '\0', sizeof error->file) != NULL);
    return status;
}

static enum vdisk_status open_image(struct fuzz_files *files,
                                    const struct vdisk_open_options *options, bool read_only,
                                    struct vdisk_image **image)
{
    struct vdisk_open_options complete = *options;
    struct vdisk_file *file;
    struct vdisk_error error;
    enum vdisk_status status;

    memset(&error, 0xaa, sizeof error);
    complete.finder = &files->finder;
    files->has_parent = false;
    if (vdisk_file_memory_open(files->image, "image", 1, read_only, &file, NULL) != VDISK_OK)
        abort();
    status = judged(vdisk_image_open(file, &complete, image, &error), &error);
    MUST(status == VDISK_OK || error.file[0] != '\0');
    return status;
}

/* A place and a length inside the disk, in whole sectors; often at its ends. */
static uint64_t choose_place(struct test_random *random, const struct vdisk_disk *disk,
                             uint64_t longest, uint64_t *length_bytes)
{
    const uint64_t unit = disk->logical_sector_bytes;
    const uint64_t units = disk->size_bytes / unit;
    const uint64_t length = vdisk_min_u64(1 + test_random_below(random, longest / unit), units);
    const uint64_t choice = test_random_below(random, 4);
    uint64_t first = test_random_below(random, units - length + 1);

    if (choice == 0)
        first = 0;
    else if (choice == 1)
        first = units - length;
    *length_bytes = length * unit;
    return first * unit;
}

static void map_place(struct vdisk_disk *disk, uint64_t offset_bytes)
{
    struct vdisk_extent extent;
    struct vdisk_error error;
    uint64_t size;

    memset(&error, 0xaa, sizeof error);
    if (judged(vdisk_disk_map(disk, offset_bytes, disk->size_bytes - offset_bytes, &extent, &error),
               &error) != VDISK_OK)
        return;
    MUST(extent.length_bytes != 0 && extent.length_bytes <= disk->size_bytes - offset_bytes);
    MUST(extent.length_bytes % VDISK_SECTOR_BYTES == 0);
    if (extent.kind != VDISK_EXTENT_DATA)
        return;
    MUST(extent.file != NULL && vdisk_file_get_size(extent.file, &size, NULL) == VDISK_OK);
    MUST(vdisk_range_within(extent.file_offset_bytes, extent.length_bytes, size));
}

/* The same bytes twice, or the same failure. */
static void read_place(struct vdisk_disk *disk, uint64_t offset_bytes, size_t length_bytes)
{
    static unsigned char first[READ_BYTES], second[READ_BYTES];
    struct vdisk_error error;
    enum vdisk_status status;

    memset(&error, 0xaa, sizeof error);
    status = judged(vdisk_disk_read(disk, offset_bytes, first, length_bytes, &error), &error);
    MUST(vdisk_disk_read(disk, offset_bytes, second, length_bytes, NULL) == status);
    MUST(status != VDISK_OK || memcmp(first, second, length_bytes) == 0);
}

static void read_image(struct vdisk_image *image, struct test_random *random)
{
    static struct vdisk_image_info info;
    struct vdisk_disk *disk = vdisk_image_disk(image);

    vdisk_image_get_info(image, &info, NULL);
    MUST(disk->size_bytes != 0 && disk->size_bytes % VDISK_SECTOR_BYTES == 0);
    for (uint32_t i = 0; i < READS; i++) {
        uint64_t length;
        const uint64_t offset = choose_place(random, disk, READ_BYTES, &length);

        map_place(disk, offset);
        read_place(disk, offset, (size_t)length);
    }
}

/* What was written and acknowledged is read at once. */
static void write_place(struct vdisk_disk *disk, struct test_random *random)
{
    static unsigned char written[WRITE_BYTES], found[WRITE_BYTES];
    struct vdisk_error error;
    uint64_t length;
    const uint64_t offset = choose_place(random, disk, WRITE_BYTES, &length);

    memset(&error, 0xaa, sizeof error);
    memset(written, (int)(1 + test_random_below(random, 255)), (size_t)length);
    if (judged(vdisk_disk_write(disk, offset, written, (size_t)length, &error), &error) != VDISK_OK)
        return;
    MUST(vdisk_disk_read(disk, offset, found, (size_t)length, NULL) == VDISK_OK);
    MUST(memcmp(written, found, (size_t)length) == 0);
}

static void zero_place(struct vdisk_disk *disk, struct test_random *random)
{
    static unsigned char found[WRITE_BYTES];
    struct vdisk_error error;
    uint64_t length;
    const uint64_t offset = choose_place(random, disk, ZERO_BYTES, &length);

    memset(&error, 0xaa, sizeof error);
    if (judged(vdisk_disk_zero(disk, offset, length, &error), &error) != VDISK_OK)
        return;
    length = vdisk_min_u64(length, sizeof found);
    MUST(vdisk_disk_read(disk, offset, found, (size_t)length, NULL) == VDISK_OK);
    for (size_t i = 0; i < length; i++)
        MUST(found[i] == 0);
}

/* One whole unit at least; its beginning is looked at. */
static void discard_place(struct vdisk_disk *disk, struct test_random *random)
{
    static unsigned char found[WRITE_BYTES];
    struct vdisk_error error;
    uint64_t length;
    uint64_t offset = choose_place(random, disk, ZERO_BYTES, &length);

    if (disk->discard_bytes == 0)
        return;
    memset(&error, 0xaa, sizeof error);
    offset = vdisk_align_down(offset, disk->discard_bytes);
    length = vdisk_min_u64(vdisk_max_u64(length, disk->discard_bytes), disk->size_bytes - offset);
    if (judged(vdisk_disk_discard(disk, offset, length, &error), &error) != VDISK_OK)
        return;
    length = vdisk_min_u64(vdisk_min_u64(length, disk->discard_bytes), sizeof found);
    MUST(vdisk_disk_read(disk, offset, found, (size_t)length, NULL) == VDISK_OK);
    for (size_t i = 0; i < length; i++)
        MUST(found[i] == 0);
}

static void write_image(struct vdisk_image *image, struct test_random *random)
{
    struct vdisk_disk *disk = vdisk_image_disk(image);
    struct vdisk_error error;

    for (uint32_t i = 0; i < WRITES; i++) {
        const uint64_t choice = test_random_below(random, 10);

        memset(&error, 0xaa, sizeof error);
        if (choice < 7)
            write_place(disk, random);
        else if (choice < 8)
            zero_place(disk, random);
        else if (choice < 9)
            discard_place(disk, random);
        else
            judged(vdisk_disk_flush(disk, &error), &error);
    }
}

static void check_image(struct fuzz_files *files, const char *format, bool repair)
{
    const struct vdisk_open_options options = {.format = format, .for_check = true};
    struct vdisk_check check = {.repair = repair};
    struct vdisk_image *image;
    struct vdisk_error error;

    if (open_image(files, &options, !repair, &image) != VDISK_OK)
        return;
    memset(&error, 0xaa, sizeof error);
    judged(vdisk_image_check(image, &check, &error), &error);
    vdisk_image_close(image, NULL);
}

static void repair_checksums(struct vdisk_memory_store *store)
{
    struct vdisk_file *file;

    if (vdisk_file_memory_open(store, "repaired", 1, false, &file, NULL) != VDISK_OK)
        abort();
    fuzz_checksum_repair(file);
    vdisk_file_close(file);
}

void fuzz_image_run(const char *format, const unsigned char *data, size_t length_bytes)
{
    const struct vdisk_open_options options = {.format = format};
    struct fuzz_files files = {.finder = {.open = find_file},
                               .image = fuzz_image_unpack(data, length_bytes)};
    struct vdisk_image *image;
    struct test_random random;
    bool write;

    if (files.image == NULL)
        return;
    write = (data[0] & FUZZ_FLAG_WRITE) != 0;
    test_random_seed(&random, data[1]);
    if ((data[0] & FUZZ_FLAG_CHECKSUM) != 0)
        repair_checksums(files.image);
    if (open_image(&files, &options, !write, &image) == VDISK_OK) {
        read_image(image, &random);
        if (write)
            write_image(image, &random);
        vdisk_image_close(image, NULL);
    }
    check_image(&files, format, write && data[1] % 2 != 0);
    vdisk_memory_store_destroy(files.image);
    files_free(&files);
}
