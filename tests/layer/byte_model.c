#include "tests/layer/byte_model.h"
#include "engine/base/checked.h"
#include "tests/support/cmocka_all.h"

#include <stdlib.h>

void byte_model_init(struct byte_model *model, uint64_t size_bytes)
{
    *model = (struct byte_model){.size_bytes = size_bytes, .unit_bytes = 65536, .cut_off = true};
    model->bytes = calloc(1, (size_t)size_bytes);
    model->scratch = malloc((size_t)size_bytes);
    assert_true(model->bytes != NULL && model->scratch != NULL);
}

void byte_model_deinit(struct byte_model *model)
{
    free(model->scratch);
    free(model->bytes);
}

void byte_model_fill(struct byte_model *model, struct vdisk_disk *disk, struct test_random *random,
                     uint64_t offset_bytes, uint64_t length_bytes)
{
    test_random_fill(random, model->bytes + offset_bytes, (size_t)length_bytes);
    assert_int_equal(vdisk_disk_write(disk, offset_bytes, model->bytes + offset_bytes,
                                      (size_t)length_bytes, NULL),
                     VDISK_OK);
}

/* What a discard leaves of the range. */
static void discard_bytes(const struct byte_model *model, unsigned char *bytes,
                          uint64_t offset_bytes, uint64_t length_bytes)
{
    const uint64_t begin = offset_bytes + model->shift_bytes;
    const uint64_t from = vdisk_div_up(begin, model->unit_bytes) * model->unit_bytes;
    uint64_t to = begin + length_bytes;

    if (offset_bytes + length_bytes != model->size_bytes || !model->cut_off)
        to -= to % model->unit_bytes;
    if (from < to)
        memset(bytes + (from - begin), 0, (size_t)(to - from));
}

/* Reads what a failed operation has left. */
static void accept_either(struct byte_model *model, struct vdisk_disk *disk, uint64_t offset_bytes,
                          size_t length_bytes)
{
    unsigned char *before = model->bytes + offset_bytes;
    unsigned char *found = malloc(length_bytes);

    assert_non_null(found);
    assert_int_equal(vdisk_disk_read(disk, offset_bytes, found, length_bytes, NULL), VDISK_OK);
    for (size_t at = 0; at < length_bytes; at += VDISK_SECTOR_BYTES)
        assert_true(memcmp(found + at, before + at, VDISK_SECTOR_BYTES) == 0 ||
                    memcmp(found + at, model->scratch + at, VDISK_SECTOR_BYTES) == 0);
    memcpy(before, found, length_bytes);
    free(found);
}

static void choose_range(const struct byte_model *model, struct test_random *random,
                         uint64_t *offset_bytes, size_t *length_bytes)
{
    const uint64_t sectors = model->size_bytes / VDISK_SECTOR_BYTES;
    const uint64_t first = test_random_below(random, sectors);
    const uint64_t rest = sectors - first;
    const uint64_t most = test_random_chance(random, 20) ? rest : vdisk_min_u64(rest, 100);
    /* To the very end now and then. */
    const uint64_t count =
        test_random_chance(random, 5) ? rest : 1 + test_random_below(random, most);

    *offset_bytes = first * VDISK_SECTOR_BYTES;
    *length_bytes = (size_t)(count * VDISK_SECTOR_BYTES);
}

enum vdisk_status byte_model_change(struct byte_model *model, struct vdisk_disk *disk,
                                    struct test_random *random)
{
    unsigned char *wanted = model->scratch;
    enum vdisk_status status;
    uint64_t offset;
    size_t length;

    choose_range(model, random, &offset, &length);
    memcpy(wanted, model->bytes + offset, length);
    switch (test_random_below(random, 6)) {
    case 0:
        discard_bytes(model, wanted, offset, length);
        status = vdisk_disk_discard(disk, offset, length, NULL);
        break;
    case 1:
        memset(wanted, 0, length);
        status = vdisk_disk_zero(disk, offset, length, NULL);
        break;
    case 2:
        memset(wanted, 0, length);
        status = vdisk_disk_write(disk, offset, wanted, length, NULL);
        break;
    default:
        test_random_fill(random, wanted, length);
        status = vdisk_disk_write(disk, offset, wanted, length, NULL);
        break;
    }
    if (status == VDISK_OK)
        memcpy(model->bytes + offset, wanted, length);
    else
        accept_either(model, disk, offset, length);
    return status;
}

void byte_model_check(const struct byte_model *model, struct vdisk_disk *disk)
{
    unsigned char *found = malloc((size_t)model->size_bytes);

    assert_non_null(found);
    assert_int_equal(vdisk_disk_read(disk, 0, found, (size_t)model->size_bytes, NULL), VDISK_OK);
    assert_memory_equal(found, model->bytes, (size_t)model->size_bytes);
    free(found);
}
