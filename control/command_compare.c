#include "command.h"
#include "copy.h"
#include "image_file.h"
#include "output.h"
#include "progress.h"

#include <string.h>

#define COMPARE_BYTES ((size_t)2 << 20)

enum comparison { COMPARE_SAME, COMPARE_DIFFERENT, COMPARE_FAILED };

/* Two disks, and a buffer for a piece of each. */
struct pair {
    struct vdisk_disk *disks[2];
    unsigned char *buffers[2];
    struct vdisk_progress *progress;
    uint64_t mismatch_bytes; /* where they differ */
};

/* How many bytes from here on are known to be zeros in the disk; it has none beyond its end. */
static enum vdisk_status known_zeros(struct vdisk_disk *disk, uint64_t offset_bytes,
                                     uint64_t *length_bytes, struct vdisk_error *error)
{
    struct vdisk_stretch stretch;
    *length_bytes = UINT64_MAX;
    if (offset_bytes >= disk->size_bytes)
        return VDISK_OK;
    enum vdisk_status status = vdisk_stretch_at(disk, offset_bytes, &stretch, error);
    if (status == VDISK_OK)
        *length_bytes = stretch.zero ? stretch.length_bytes : 0;
    return status;
}

/* Bytes that need no reading, for they are zeros in both. */
static enum vdisk_status common_zeros(const struct pair *pair, uint64_t offset_bytes,
                                      uint64_t *length_bytes, struct vdisk_error *error)
{
    uint64_t lengths[2];
    for (int i = 0; i < 2; i++) {
        enum vdisk_status status = known_zeros(pair->disks[i], offset_bytes, &lengths[i], error);
        if (status != VDISK_OK)
            return status;
    }
    *length_bytes = lengths[0] < lengths[1] ? lengths[0] : lengths[1];
    return VDISK_OK;
}

static size_t first_difference(const unsigned char *a, const unsigned char *b, size_t length)
{
    size_t at = 0;
    while (at < length && a[at] == b[at])
        at++;
    return at;
}

static enum comparison compare_piece(struct pair *pair, uint64_t offset_bytes, size_t length,
                                     struct vdisk_error *error)
{
    for (int i = 0; i < 2; i++) {
        if (vdisk_read_beyond(pair->disks[i], offset_bytes, pair->buffers[i], length, error) !=
            VDISK_OK)
            return COMPARE_FAILED;
    }
    if (memcmp(pair->buffers[0], pair->buffers[1], length) == 0)
        return COMPARE_SAME;
    pair->mismatch_bytes =
        offset_bytes + first_difference(pair->buffers[0], pair->buffers[1], length);
    return COMPARE_DIFFERENT;
}

static enum comparison compare_disks(struct pair *pair, uint64_t size_bytes,
                                     struct vdisk_error *error)
{
    enum comparison result = COMPARE_SAME;
    for (uint64_t offset = 0; result == COMPARE_SAME && offset < size_bytes;) {
        uint64_t length;
        if (common_zeros(pair, offset, &length, error) != VDISK_OK)
            return COMPARE_FAILED;
        if (length == 0) {
            length = size_bytes - offset < COMPARE_BYTES ? size_bytes - offset : COMPARE_BYTES;
            result = compare_piece(pair, offset, (size_t)length, error);
        }
        if (length > size_bytes - offset)
            length = size_bytes - offset;
        if (!vdisk_progress_step(pair->progress, length)) {
            vdisk_fail(error, VDISK_CANCELLED, NULL, NULL, VDISK_NO_OFFSET, "interrupted");
            return COMPARE_FAILED;
        }
        offset += length;
    }
    return result;
}

static enum vdisk_exit compare_images(struct pair *pair, const char *const paths[2])
{
    struct vdisk_error error;
    uint64_t sizes[2] = {pair->disks[0]->size_bytes, pair->disks[1]->size_bytes};
    uint64_t longer = sizes[0] > sizes[1] ? sizes[0] : sizes[1];
    vdisk_progress_start(pair->progress, longer);
    enum comparison result = compare_disks(pair, longer, &error);
    vdisk_progress_end(pair->progress);
    if (result == COMPARE_FAILED) {
        enum vdisk_exit code = vdisk_output_failure("cannot compare", paths[0], &error);
        return code == VDISK_EXIT_INTERRUPTED ? code : VDISK_EXIT_CORRUPT;
    }
    if (result == COMPARE_DIFFERENT) {
        vdisk_output_text("The contents differ at byte %" PRIu64 ".\n", pair->mismatch_bytes);
        return VDISK_EXIT_FAILED;
    }
    if (sizes[0] != sizes[1])
        vdisk_output_message("the sizes differ; the rest of the longer disk is zeros");
    vdisk_output_text("The contents are the same.\n");
    return VDISK_EXIT_OK;
}

static enum vdisk_exit compare_open(struct vdisk_image *const images[2], const char *const paths[2],
                                    struct vdisk_progress *progress)
{
    struct pair pair = {.progress = progress};
    bool memory = true;
    for (int i = 0; i < 2; i++) {
        pair.disks[i] = vdisk_image_disk(images[i]);
        pair.buffers[i] = vdisk_alloc(COMPARE_BYTES);
        memory = memory && pair.buffers[i] != NULL;
    }
    enum vdisk_exit code = VDISK_EXIT_CORRUPT;
    if (memory)
        code = compare_images(&pair, paths);
    else
        vdisk_output_message("out of memory");
    vdisk_free(pair.buffers[0]);
    vdisk_free(pair.buffers[1]);
    return code;
}

enum vdisk_exit vdisk_command_compare(const struct vdisk_arguments *arguments)
{
    const char *const paths[2] = {arguments->operands[0], arguments->operands[1]};
    const enum vdisk_option formats[2] = {VDISK_OPTION_FROM, VDISK_OPTION_TO};
    struct vdisk_image *images[2] = {NULL, NULL};
    struct vdisk_progress progress;
    if (!vdisk_progress_init(&progress, arguments))
        return VDISK_EXIT_USAGE;
    enum vdisk_exit code = VDISK_EXIT_OK;
    for (int i = 0; code == VDISK_EXIT_OK && i < 2; i++) {
        const struct vdisk_image_source source = {.path = paths[i],
                                                  .format = arguments->options[formats[i]]};
        if (vdisk_image_file_open(&source, &images[i]) != VDISK_EXIT_OK)
            code = VDISK_EXIT_CORRUPT; /* as qemu-img: 1 says that the contents differ */
    }
    if (code == VDISK_EXIT_OK)
        code = compare_open(images, paths, &progress);
    vdisk_image_close(images[0], NULL);
    vdisk_image_close(images[1], NULL);
    return code;
}
