#include "output.h"

#include "terminal.h"
#include "virtualdisk/platform.h"

#include <stdarg.h>
#include <stdio.h>

static bool output_lost;

static char *text_format(const char *format, va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (length < 0)
        return NULL;
    char *text = vdisk_alloc((size_t)length + 1);
    if (text != NULL)
        vsnprintf(text, (size_t)length + 1, format, arguments);
    return text;
}

char *vdisk_text_format(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *text = text_format(format, arguments);
    va_end(arguments);
    return text;
}

void vdisk_output_init(void)
{
    vdisk_terminal_init();
}

bool vdisk_output_finish(void)
{
    if (fflush(stdout) != 0 || ferror(stdout))
        output_lost = true;
    return !output_lost;
}

static void output_write(FILE *stream, const char *text)
{
    if (!vdisk_terminal_write(stream, text))
        output_lost = true;
}

void vdisk_output_text(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *text = text_format(format, arguments);
    va_end(arguments);
    if (text == NULL)
        output_lost = true;
    else
        output_write(stdout, text);
    vdisk_free(text);
}

bool vdisk_output_bytes(const void *bytes, size_t length_bytes)
{
    if (fwrite(bytes, 1, length_bytes, stdout) == length_bytes)
        return true;
    output_lost = true;
    return false;
}

int64_t vdisk_input_bytes(void *bytes, size_t length_bytes)
{
    size_t count = fread(bytes, 1, length_bytes, stdin);
    return ferror(stdin) ? -1 : (int64_t)count;
}

void vdisk_output_message(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *text = text_format(format, arguments);
    va_end(arguments);
    char *line = text == NULL ? NULL : vdisk_text_format(VDISK_PROGRAM_NAME ": %s\n", text);
    vdisk_terminal_write(stderr, line == NULL ? "out of memory\n" : line);
    vdisk_free(line);
    vdisk_free(text);
}

void vdisk_output_progress(const char *text)
{
    vdisk_terminal_write(stderr, text);
    fflush(stderr);
}

bool vdisk_output_progress_is_terminal(void)
{
    return vdisk_terminal_is(stderr);
}

/* ": VHDX region table 2 at offset 262144 of parent.vhdx", as far as it is known. */
static char *failure_place(const char *object, const struct vdisk_error *error)
{
    bool same_file = error->file[0] == '\0' || strstr(object, error->file) != NULL;
    const char *structure = error->structure == NULL ? "" : error->structure;
    const char *of = same_file ? "" : structure[0] == '\0' ? "" : " of ";
    const char *file = same_file ? "" : error->file;
    if (structure[0] == '\0' && same_file)
        return vdisk_text_format("%s", "");
    if (error->offset_bytes == VDISK_NO_OFFSET || structure[0] == '\0')
        return vdisk_text_format(": %s%s%s", structure, of, file);
    return vdisk_text_format(": %s at offset %" PRIu64 "%s%s", structure, error->offset_bytes, of,
                             file);
}

enum vdisk_exit vdisk_output_failure(const char *action, const char *object,
                                     const struct vdisk_error *error)
{
    const char *status_text = vdisk_status_text(error->status);
    char *place = failure_place(object, error);
    char *native = error->status == VDISK_IO && error->native_code != 0
                       ? vdisk_terminal_error_text(error->native_code)
                       : NULL;
    vdisk_output_message("%s %s%s: %s%s%s%s", action, object, place == NULL ? "" : place,
                         error->reason == NULL ? status_text : error->reason,
                         native == NULL ? "" : " (", native == NULL ? "" : native,
                         native == NULL ? "" : ")");
    vdisk_free(native);
    vdisk_free(place);
    return vdisk_exit_from_status(error->status);
}
