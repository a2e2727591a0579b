/* The commands `read` and `write`: a disk's bytes to stdout and from stdin, at any offset. */
#include "command.h"
#include "copy.h"
#include "image_file.h"
#include "output.h"
#include "size.h"
#include "terminal.h"

#include <string.h>

#define PIECE_BYTES ((uint64_t)1 << 20)

/* The whole sectors around a piece, in memory. */
struct window {
    struct vdisk_disk *disk;
    unsigned char *buffer; /* PIECE_BYTES and a sector on each side */
    uint32_t sector_bytes;
};

static enum vdisk_exit window_init(struct window *window, struct vdisk_image *image)
{
    window->disk = vdisk_image_disk(image);
    window->sector_bytes = window->disk->logical_sector_bytes;
    window->buffer = vdisk_alloc((size_t)PIECE_BYTES + 2 * (size_t)window->sector_bytes);
    if (window->buffer != NULL)
        return VDISK_EXIT_OK;
    vdisk_output_message("out of memory");
    return VDISK_EXIT_INTERNAL;
}

static uint64_t sector_start(const struct window *window, uint64_t offset_bytes)
{
    return offset_bytes - offset_bytes % window->sector_bytes;
}

/* Reads the sectors that hold a range; it begins at window->buffer + the offset in its sector. */
static enum vdisk_status window_load(struct window *window, uint64_t offset_bytes,
                                     uint64_t length_bytes, uint64_t *loaded_bytes,
                                     struct vdisk_error *error)
{
    uint64_t start = sector_start(window, offset_bytes);
    uint64_t end = sector_start(window, offset_bytes + length_bytes + window->sector_bytes - 1);
    *loaded_bytes = end - start;
    return vdisk_disk_read(window->disk, start, window->buffer, (size_t)*loaded_bytes, error);
}

static enum vdisk_exit read_range(struct window *window, const char *path, uint64_t offset,
                                  uint64_t length)
{
    while (length > 0) {
        uint64_t piece = length < PIECE_BYTES ? length : PIECE_BYTES;
        uint64_t loaded;
        struct vdisk_error error;
        if (window_load(window, offset, piece, &loaded, &error) != VDISK_OK)
            return vdisk_output_failure("cannot read", path, &error);
        if (!vdisk_output_bytes(window->buffer + offset % window->sector_bytes, (size_t)piece))
            return VDISK_EXIT_IO; /* said when the program ends */
        offset += piece;
        length -= piece;
    }
    return VDISK_EXIT_OK;
}

/* Reads an option's number into *value, which keeps its value when the option is not given. */
static bool read_number(const struct vdisk_arguments *arguments, enum vdisk_option option,
                        const char *what, uint64_t *value)
{
    const char *text = arguments->options[option];
    return text == NULL || vdisk_offset_parse(text, what, value);
}

static enum vdisk_exit read_disk(struct vdisk_image *image, const char *path, uint64_t offset,
                                 uint64_t length)
{
    uint64_t size = vdisk_image_disk(image)->size_bytes;
    if (offset > size || (length != UINT64_MAX && length > size - offset)) {
        vdisk_output_message("cannot read %s: the disk ends at byte %" PRIu64, path, size);
        return VDISK_EXIT_USAGE;
    }
    struct window window;
    enum vdisk_exit code = window_init(&window, image);
    if (code == VDISK_EXIT_OK)
        code = read_range(&window, path, offset, length == UINT64_MAX ? size - offset : length);
    vdisk_free(window.buffer);
    return code;
}

enum vdisk_exit vdisk_command_read(const struct vdisk_arguments *arguments)
{
    const struct vdisk_image_source source = {
        .path = arguments->operands[0],
        .format = arguments->options[VDISK_OPTION_FORMAT],
        .snapshot = arguments->options[VDISK_OPTION_SNAPSHOT],
    };
    uint64_t offset = 0, length = UINT64_MAX;
    struct vdisk_image *image;
    if (!read_number(arguments, VDISK_OPTION_OFFSET, "the offset", &offset) ||
        !read_number(arguments, VDISK_OPTION_LENGTH, "the length", &length))
        return VDISK_EXIT_USAGE;
    enum vdisk_exit code = vdisk_image_file_open(&source, &image);
    if (code != VDISK_EXIT_OK)
        return code;
    code = read_disk(image, source.path, offset, length);
    return vdisk_exit_first(code, vdisk_image_file_close(image, source.path));
}

/* Sectors that are changed in part keep the rest. */
static enum vdisk_status write_piece(struct window *window, uint64_t offset,
                                     const unsigned char *bytes, uint64_t length,
                                     struct vdisk_error *error)
{
    uint64_t loaded;
    if (length > window->disk->size_bytes - offset)
        return vdisk_fail(error, VDISK_OUT_OF_RANGE, NULL, NULL, VDISK_NO_OFFSET,
                          "the data reaches beyond the end of the disk");
    enum vdisk_status status = window_load(window, offset, length, &loaded, error);
    if (status != VDISK_OK)
        return status;
    memcpy(window->buffer + offset % window->sector_bytes, bytes, (size_t)length);
    return vdisk_disk_write(window->disk, sector_start(window, offset), window->buffer,
                            (size_t)loaded, error);
}

static enum vdisk_exit write_input(struct window *window, unsigned char *input, const char *path,
                                   uint64_t offset)
{
    struct vdisk_error error;
    enum vdisk_status status = VDISK_OK;
    vdisk_terminal_catch_interrupt();
    while (status == VDISK_OK && !vdisk_terminal_interrupted()) {
        int64_t length = vdisk_input_bytes(input, PIECE_BYTES);
        if (length < 0) {
            vdisk_output_message("stdin could not be read");
            return VDISK_EXIT_IO;
        }
        if (length == 0)
            break;
        status = write_piece(window, offset, input, (uint64_t)length, &error);
        offset += (uint64_t)length;
    }
    if (status == VDISK_OK)
        status = vdisk_disk_flush(window->disk, &error);
    if (status != VDISK_OK)
        return vdisk_output_failure("cannot write", path, &error);
    return vdisk_terminal_interrupted() ? VDISK_EXIT_INTERRUPTED : VDISK_EXIT_OK;
}

static enum vdisk_exit write_disk(struct vdisk_image *image, const char *path, uint64_t offset)
{
    struct window window;
    if (offset > vdisk_image_disk(image)->size_bytes) {
        vdisk_output_message("cannot write %s: the disk ends at byte %" PRIu64, path,
                             vdisk_image_disk(image)->size_bytes);
        return VDISK_EXIT_USAGE;
    }
    enum vdisk_exit code = window_init(&window, image);
    unsigned char *input = vdisk_alloc(PIECE_BYTES);
    if (code == VDISK_EXIT_OK && input == NULL) {
        vdisk_output_message("out of memory");
        code = VDISK_EXIT_INTERNAL;
    }
    if (code == VDISK_EXIT_OK)
        code = write_input(&window, input, path, offset);
    vdisk_free(input);
    vdisk_free(window.buffer);
    return code;
}

enum vdisk_exit vdisk_command_write(const struct vdisk_arguments *arguments)
{
    const struct vdisk_image_source source = {
        .path = arguments->operands[0],
        .format = arguments->options[VDISK_OPTION_FORMAT],
        .write = true,
        .detect_zeroes = vdisk_arguments_has(arguments, VDISK_OPTION_DETECT_ZEROES),
    };
    uint64_t offset = 0;
    struct vdisk_image *image;
    if (!vdisk_arguments_has(arguments, VDISK_OPTION_OFFSET)) {
        vdisk_output_message("'write' needs --offset N");
        return VDISK_EXIT_USAGE;
    }
    if (!read_number(arguments, VDISK_OPTION_OFFSET, "the offset", &offset))
        return VDISK_EXIT_USAGE;
    enum vdisk_exit code = vdisk_image_file_open(&source, &image);
    if (code != VDISK_EXIT_OK)
        return code;
    code = write_disk(image, source.path, offset);
    return vdisk_exit_first(code, vdisk_image_file_close(image, source.path));
}
