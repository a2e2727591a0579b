/*
 * What the user sees: results on stdout, messages on stderr, both UTF-8 (on a Windows console as
 * Unicode). Integers are printed with the PRI macros, as Windows' printf wants.
 */
#ifndef VIRTUALDISK_CONTROL_OUTPUT_H
#define VIRTUALDISK_CONTROL_OUTPUT_H

#include "exit_code.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>

#define VDISK_PROGRAM_NAME "VirtualDiskControl"

/* Once, before anything is written. */
void vdisk_output_init(void);

/* Writes what is still buffered; false when any of the output was lost (a full disk, ...). */
bool vdisk_output_finish(void);

__attribute__((format(printf, 1, 2))) void vdisk_output_text(const char *format, ...);

/* Raw bytes to stdout: the contents of a disk. */
bool vdisk_output_bytes(const void *bytes, size_t length_bytes);

/* Raw bytes from stdin; the count that was read, less than asked only at the end; -1: failed. */
int64_t vdisk_input_bytes(void *bytes, size_t length_bytes);

/* One line on stderr, with the program's name in front. */
__attribute__((format(printf, 1, 2))) void vdisk_output_message(const char *format, ...);

/* Bytes to stderr as they are, for progress. */
void vdisk_output_progress(const char *text);
bool vdisk_output_progress_is_terminal(void);

/*
 * Says on stderr that `action` ("cannot open") failed on `object` (a path), and why. Returns the
 * exit code that belongs to the failure.
 */
enum vdisk_exit vdisk_output_failure(const char *action, const char *object,
                                     const struct vdisk_error *error);

/* A string in memory of its own; free with vdisk_free. NULL when there is no memory. */
__attribute__((format(printf, 1, 2))) char *vdisk_text_format(const char *format, ...);

#endif
