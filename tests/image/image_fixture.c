#include "tests/image/image_fixture.h"
#include "engine/base/endian.h"
#include "engine/format/qcow2/qcow2.h"
#include "tests/image/sector_pattern.h"

#include <stdio.h>
#include <stdlib.h>

#define CHAIN_MAX     4u
#define PARENT_WRITES 24u
#define PARENT_STAMP  0x40000000u
#define STAMP_STEP    0x01000000u

/* The files of a chain, the image itself first. */
static const char *const file_names[CHAIN_MAX] = {"disk.img", "parent.img", "grandparent.img",
                                                  "ancestor.img"};

void image_fixture_complain(const char *what, enum vdisk_status status,
                            const struct vdisk_error *error)
{
    printf("%s: %s: %s, %s, offset %lld: %s\n", what, vdisk_status_name(status), error->file,
           error->structure != NULL ? error->structure : "-", (long long)error->offset_bytes,
           error->reason != NULL ? error->reason : "-");
}

static enum vdisk_status open_level(struct file_set *set, const struct image_variant *variant,
                                    uint32_t level, enum fixture_mode mode, const char *snapshot,
                                    struct vdisk_image **image, struct vdisk_error *error)
{
    const bool read_only = mode == FIXTURE_READ || mode == FIXTURE_CHECK;
    const struct vdisk_open_options options = {
        .format = variant->format,
        .snapshot = snapshot,
        .finder = &set->finder,
        .read_only = read_only,
        .for_check = mode == FIXTURE_CHECK || mode == FIXTURE_REPAIR,
        .detect_zeroes = variant->detect_zeroes,
    };
    struct vdisk_file *file;
    enum vdisk_status status =
        file_set_open(set, file_names[level], read_only, false, &file, error);

    if (status != VDISK_OK)
        return status;
    return vdisk_image_open(file, &options, image, error);
}

enum vdisk_status image_fixture_open(struct file_set *set, const struct image_variant *variant,
                                     enum fixture_mode mode, struct vdisk_image **image,
                                     struct vdisk_error *error)
{
    return open_level(set, variant, 0, mode, NULL, image, error);
}

enum vdisk_status image_fixture_open_snapshot(struct file_set *set,
                                              const struct image_variant *variant, const char *name,
                                              struct vdisk_image **image, struct vdisk_error *error)
{
    return open_level(set, variant, 0, FIXTURE_READ, name, image, error);
}

/*
 * What the engine does not make: a QCOW2 whose data lies in another file. Where its header ends
 * (for it names no parent) comes the extension with the file's name.
 */
static enum vdisk_status put_data_file(struct file_set *set, struct vdisk_file *image,
                                       const struct image_variant *variant,
                                       struct vdisk_error *error)
{
    unsigned char header[VDISK_SECTOR_BYTES], *extension = header + QCOW2_HEADER_BYTES;
    const size_t length = strlen(variant->data_file);
    struct vdisk_file *data;
    enum vdisk_status status = file_set_open(set, variant->data_file, false, true, &data, error);

    if (status != VDISK_OK)
        return status;
    status = vdisk_file_set_size(data, variant->size_bytes, error);
    vdisk_file_close(data);
    if (status == VDISK_OK)
        status = vdisk_file_read(image, 0, header, sizeof header, error);
    if (status != VDISK_OK)
        return status;
    vdisk_store_be64(header + QCOW2_AT_INCOMPATIBLE, QCOW2_DATA_FILE);
    vdisk_store_be64(header + QCOW2_AT_AUTOCLEAR, QCOW2_RAW_EXTERNAL);
    memset(extension, 0, sizeof header - QCOW2_HEADER_BYTES);
    vdisk_store_be32(extension, QCOW2_EXT_DATA_FILE);
    vdisk_store_be32(extension + 4, (uint32_t)length);
    memcpy(extension + 8, variant->data_file, length);
    return vdisk_file_write(image, 0, header, sizeof header, error);
}

static enum vdisk_status create_level(struct file_set *set, const struct image_variant *variant,
                                      uint32_t level, struct vdisk_image *parent,
                                      struct vdisk_error *error)
{
    const struct vdisk_create_options options = {
        .format = variant->format,
        .subformat = variant->subformat,
        .size_bytes = variant->size_bytes,
        .fixed = variant->fixed,
        .block_bytes = variant->block_bytes,
        .logical_sector_bytes = variant->sector_bytes,
        .parent = parent,
        .parent_name = parent != NULL ? file_names[level + 1] : NULL,
        .finder = &set->finder,
    };
    struct vdisk_file *file;
    enum vdisk_status status = file_set_open(set, file_names[level], false, true, &file, error);

    if (status != VDISK_OK)
        return status;
    status = vdisk_image_create(file, &options, error);
    if (status == VDISK_OK && variant->data_file != NULL)
        status = put_data_file(set, file, variant, error);
    vdisk_file_close(file);
    return status;
}

static uint64_t capacity_of(const struct image_variant *variant)
{
    return variant->size_bytes / VDISK_SECTOR_BYTES + FIXTURE_GROWTH_SECTORS;
}

/* Gives an image something to inherit. */
static enum vdisk_status fill_level(struct file_set *set, const struct image_variant *variant,
                                    uint32_t level, struct disk_model *model, uint64_t seed,
                                    struct vdisk_error *error)
{
    struct guest guest = {.variant = variant, .model = model};
    enum vdisk_status status =
        open_level(set, variant, level, FIXTURE_WRITE, NULL, &guest.image, error);

    if (status != VDISK_OK)
        return status;
    guest.buffer = malloc((size_t)GUEST_SECTORS_MAX * VDISK_SECTOR_BYTES);
    test_random_seed(&guest.random, seed);
    for (uint32_t i = 0; i < PARENT_WRITES && status == VDISK_OK; i++)
        status = guest_write(&guest, error);
    free(guest.buffer);
    if (status == VDISK_OK)
        return guest_close(&guest, error);
    vdisk_image_close(guest.image, NULL);
    return status;
}

/* What a child shows at first: everything of its parent, as far as the parent reaches. */
static struct disk_model *model_of_child(const struct image_variant *variant, uint32_t level,
                                         struct disk_model *parent)
{
    struct disk_model *model =
        disk_model_create(variant->size_bytes / VDISK_SECTOR_BYTES, capacity_of(variant),
                          level == 0 ? 1 : PARENT_STAMP + level * STAMP_STEP);
    const uint64_t shared =
        parent == NULL ? 0 : vdisk_min_u64(model->base_sectors, parent->base_sectors);

    for (uint64_t sector = 0; sector < shared; sector++) {
        model->base[sector] = parent->base[sector];
        for (uint32_t i = 0; i < parent->operation_count; i++) {
            const struct model_operation *operation = &parent->operations[i];

            if (operation->kind == MODEL_WRITE && sector >= operation->first_sector &&
                sector - operation->first_sector < operation->sector_count)
                model->base[sector] = operation->stamp;
        }
    }
    return model;
}

static enum vdisk_status make_level(struct file_set *set, const struct image_variant *const *chain,
                                    uint32_t level, bool is_last, struct vdisk_error *error)
{
    struct vdisk_image *parent = NULL;
    enum vdisk_status status = VDISK_OK;

    if (!is_last)
        status = open_level(set, chain[level + 1], level + 1, FIXTURE_READ, NULL, &parent, error);
    if (status == VDISK_OK)
        status = create_level(set, chain[level], level, parent, error);
    vdisk_image_close(parent, NULL);
    return status;
}

static uint32_t chain_of(const struct image_variant *variant, const struct image_variant **chain)
{
    uint32_t count = 0;

    while (variant != NULL && count < CHAIN_MAX) {
        chain[count++] = variant;
        variant = variant->parent != NULL ? image_variant_find(variant->parent) : NULL;
    }
    return count;
}

struct disk_model *image_fixture_create(const struct image_variant *variant, uint64_t seed,
                                        struct file_set **created)
{
    const struct image_variant *chain[CHAIN_MAX];
    const uint32_t levels = chain_of(variant, chain);
    struct disk_model *model = NULL;
    enum vdisk_status status = VDISK_OK;
    struct vdisk_error error;
    struct file_set *set =
        file_set_create(variant->host_sector_bytes != 0 ? variant->host_sector_bytes : 1);

    set->without_holes = variant->without_holes;
    for (uint32_t level = levels; level-- > 0 && status == VDISK_OK;) {
        struct disk_model *parent = model;

        status = make_level(set, chain, level, level + 1 == levels, &error);
        model = model_of_child(chain[level], level, parent);
        if (status == VDISK_OK && level > 0)
            status =
                fill_level(set, chain[level], level, model, test_random_mix(seed, level), &error);
        if (parent != NULL)
            disk_model_destroy(parent);
    }
    if (status == VDISK_OK) {
        *created = set;
        return model;
    }
    image_fixture_complain("making the image", status, &error);
    disk_model_destroy(model);
    file_set_destroy(set);
    return NULL;
}

static void print_finding(struct vdisk_check *check, const struct vdisk_finding *finding)
{
    static const char *const kinds[] = {"corruption", "leak", "note"};

    (void)check;
    if (finding->kind != VDISK_FINDING_NOTE && !finding->repaired)
        printf("  %s: %s, offset %lld: %s\n", kinds[finding->kind], finding->structure,
               (long long)finding->offset_bytes, finding->reason);
}

bool image_fixture_check(struct file_set *set, const struct image_variant *variant,
                         bool leaks_allowed)
{
    struct vdisk_check check = {.report = leaks_allowed ? NULL : print_finding};
    struct vdisk_image *image;
    struct vdisk_error error;
    enum vdisk_status status;

    if ((vdisk_format_capabilities(variant->format) & VDISK_CAN_CHECK) == 0)
        return true;
    status = image_fixture_open(set, variant, FIXTURE_CHECK, &image, &error);
    if (status == VDISK_OK) {
        status = vdisk_image_check(image, &check, &error);
        if (status == VDISK_OK && check.corruption_count != 0 && leaks_allowed) {
            check.report = print_finding;
            status = vdisk_image_check(image, &check, &error);
        }
        vdisk_image_close(image, NULL);
    }
    if (status != VDISK_OK) {
        image_fixture_complain("checking", status, &error);
        return false;
    }
    if (check.corruption_count == 0 && (leaks_allowed || check.leak_count == 0))
        return true;
    printf("check found %llu corruptions and %llu leaks\n",
           (unsigned long long)check.corruption_count, (unsigned long long)check.leak_count);
    return false;
}

bool image_fixture_repair(struct file_set *set, const struct image_variant *variant)
{
    struct vdisk_check check = {.repair = true, .report = print_finding};
    struct vdisk_image *image;
    struct vdisk_error error;
    enum vdisk_status status = image_fixture_open(set, variant, FIXTURE_REPAIR, &image, &error);
    enum vdisk_status closed;

    if (status == VDISK_OK) {
        status = vdisk_image_check(image, &check, &error);
        closed = vdisk_image_close(image, status == VDISK_OK ? &error : NULL);
        status = status == VDISK_OK ? closed : status;
    }
    if (status != VDISK_OK)
        image_fixture_complain("repairing", status, &error);
    return status == VDISK_OK && check.corruption_count == 0;
}

struct model_operation *guest_issue(struct guest *guest, enum model_kind kind,
                                    uint64_t first_sector, uint64_t sector_count)
{
    struct model_operation *operation =
        disk_model_issue(guest->model, kind, first_sector, sector_count);

    if (guest->now != NULL)
        operation->event = guest->now(guest->clock);
    return operation;
}

enum vdisk_status guest_answer(struct guest *guest, struct model_operation *operation,
                               enum vdisk_status status)
{
    operation->failed = status != VDISK_OK;
    if (guest->now != NULL)
        operation->answer = guest->now(guest->clock);
    return status;
}

/* Mostly small, sometimes over block boundaries, in whole logical sectors. */
static void choose_range(struct guest *guest, uint64_t *first_sector, uint64_t *sector_count)
{
    static const uint64_t longest[] = {1, 16, 16, 128, GUEST_SECTORS_MAX};
    const struct vdisk_disk *disk = vdisk_image_disk(guest->image);
    const uint64_t unit = disk->logical_sector_bytes / VDISK_SECTOR_BYTES;
    const uint64_t units = disk->size_bytes / VDISK_SECTOR_BYTES / unit;
    const uint64_t block = vdisk_max_u64(guest->variant->block_bytes / VDISK_SECTOR_BYTES, 128);
    uint64_t length =
        test_random_below(&guest->random, longest[test_random_below(&guest->random, 5)]);
    uint64_t first = test_random_below(&guest->random, units);

    length = length / unit + 1;
    if (test_random_chance(&guest->random, 25) && units * unit > block) { /* around a boundary */
        first = (test_random_below(&guest->random, units * unit / block) + 1) * block / unit;
        first -= vdisk_min_u64(first, test_random_below(&guest->random, length + 1));
    }
    if (test_random_chance(&guest->random, 10)) /* up to the end of the disk */
        first = units - vdisk_min_u64(units, length);
    if (test_random_chance(&guest->random, 8) && block <= GUEST_SECTORS_MAX) { /* one block */
        first = vdisk_align_down(first * unit, block) / unit;
        length = block / unit;
    }
    first = vdisk_min_u64(first, units - 1);
    length = vdisk_min_u64(length, vdisk_min_u64(units - first, GUEST_SECTORS_MAX / unit));
    *first_sector = first * unit;
    *sector_count = length * unit;
}

/* A write that begins or ends with zeros, or has nothing else. */
static enum vdisk_status write_with_zeros(struct guest *guest, struct vdisk_error *error)
{
    uint64_t first, count, zeros;
    struct model_operation *cleared, *written;
    bool zeros_first;
    enum vdisk_status status;

    choose_range(guest, &first, &count);
    zeros = test_random_chance(&guest->random, 50) ? count
                                                   : test_random_below(&guest->random, count + 1);
    zeros_first = test_random_chance(&guest->random, 50);
    cleared = guest_issue(guest, MODEL_ZERO, zeros_first ? first : first + count - zeros, zeros);
    written = guest_issue(guest, MODEL_WRITE, zeros_first ? first + zeros : first, count - zeros);
    memset(guest->buffer, 0, (size_t)count * VDISK_SECTOR_BYTES);
    sector_pattern_fill(guest->buffer +
                            (size_t)(written->first_sector - first) * VDISK_SECTOR_BYTES,
                        written->first_sector, written->sector_count, written->stamp);
    status = vdisk_disk_write(vdisk_image_disk(guest->image), first * VDISK_SECTOR_BYTES,
                              guest->buffer, (size_t)count * VDISK_SECTOR_BYTES, error);
    guest_answer(guest, cleared, status);
    return guest_answer(guest, written, status);
}

enum vdisk_status guest_write(struct guest *guest, struct vdisk_error *error)
{
    uint64_t first, count;
    struct model_operation *operation;

    if (guest->variant->detect_zeroes && test_random_chance(&guest->random, 40))
        return write_with_zeros(guest, error);
    choose_range(guest, &first, &count);
    operation = guest_issue(guest, MODEL_WRITE, first, count);
    sector_pattern_fill(guest->buffer, first, count, operation->stamp);
    return guest_answer(guest, operation,
                        vdisk_disk_write(vdisk_image_disk(guest->image), first * VDISK_SECTOR_BYTES,
                                         guest->buffer, (size_t)count * VDISK_SECTOR_BYTES, error));
}

enum vdisk_status guest_zero(struct guest *guest, struct vdisk_error *error)
{
    uint64_t first, count;
    struct model_operation *operation;

    choose_range(guest, &first, &count);
    operation = guest_issue(guest, MODEL_ZERO, first, count);
    return guest_answer(guest, operation,
                        vdisk_disk_zero(vdisk_image_disk(guest->image), first * VDISK_SECTOR_BYTES,
                                        count * VDISK_SECTOR_BYTES, error));
}

/* What a discard of the range must change: whole units only, the last one of the disk included. */
static void round_inwards(const struct vdisk_disk *disk, uint64_t *first, uint64_t *count)
{
    const uint64_t unit = disk->discard_bytes / VDISK_SECTOR_BYTES;
    const uint64_t start = vdisk_div_up(*first, unit) * unit;
    uint64_t end = *first + *count;

    if (end != disk->size_bytes / VDISK_SECTOR_BYTES)
        end = vdisk_align_down(end, unit);
    *count = end > start ? end - start : 0;
    *first = start;
}

enum vdisk_status guest_discard(struct guest *guest, struct vdisk_error *error)
{
    struct vdisk_disk *disk = vdisk_image_disk(guest->image);
    uint64_t first, count, offset, length;
    struct model_operation *operation;
    struct vdisk_error refusal;

    choose_range(guest, &first, &count);
    if (test_random_chance(&guest->random, 50)) /* much of the disk */
        count += vdisk_align_down(
            test_random_below(&guest->random, disk->size_bytes / VDISK_SECTOR_BYTES),
            disk->logical_sector_bytes / VDISK_SECTOR_BYTES);
    count = vdisk_min_u64(count, disk->size_bytes / VDISK_SECTOR_BYTES - first);
    offset = first * VDISK_SECTOR_BYTES;
    length = count * VDISK_SECTOR_BYTES;
    if (disk->discard_bytes == 0)
        return vdisk_disk_discard(disk, offset, length, &refusal) == VDISK_UNSUPPORTED
                   ? VDISK_OK
                   : vdisk_fail(error, VDISK_INVALID, NULL, NULL, offset,
                                "a discard that is not possible was not refused");
    round_inwards(disk, &first, &count);
    operation = guest_issue(guest, MODEL_ZERO, first, count);
    return guest_answer(guest, operation, vdisk_disk_discard(disk, offset, length, error));
}

enum vdisk_status guest_flush(struct guest *guest, struct vdisk_error *error)
{
    struct model_operation *operation = guest_issue(guest, MODEL_FLUSH, 0, 0);

    return guest_answer(guest, operation, vdisk_disk_flush(vdisk_image_disk(guest->image), error));
}

enum vdisk_status guest_grow(struct guest *guest, struct vdisk_error *error)
{
    const struct image_variant *variant = guest->variant;
    const struct vdisk_disk *disk = vdisk_image_disk(guest->image);
    const uint64_t unit = disk->logical_sector_bytes / VDISK_SECTOR_BYTES;
    const uint64_t more = (test_random_below(&guest->random, 2048 / unit) + 1) * unit;
    const uint64_t sectors = disk->size_bytes / VDISK_SECTOR_BYTES;
    struct model_operation *operation;
    enum vdisk_status status;

    if ((vdisk_format_capabilities(variant->format) & VDISK_CAN_RESIZE) == 0 ||
        variant->fixed_size || sectors + more > guest->model->capacity)
        return VDISK_OK;
    operation = guest_issue(guest, MODEL_RESIZE, 0, sectors + more);
    status = guest_answer(
        guest, operation,
        vdisk_image_resize(guest->image, (sectors + more) * VDISK_SECTOR_BYTES, error));
    /* Version 2 of QCOW2 cannot say which size its snapshots have. */
    return status == VDISK_UNSUPPORTED && guest->model->snapshot_count != 0 ? VDISK_OK : status;
}

enum vdisk_status guest_close(struct guest *guest, struct vdisk_error *error)
{
    struct model_operation *operation = guest_issue(guest, MODEL_FLUSH, 0, 0);
    struct vdisk_image *image = guest->image;

    guest->image = NULL;
    return guest_answer(guest, operation, vdisk_image_close(image, error));
}
