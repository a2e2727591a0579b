/* The one grammar of sizes on the command line: a decimal number, and K, M, G or T. */
#ifndef VIRTUALDISK_CONTROL_SIZE_H
#define VIRTUALDISK_CONTROL_SIZE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Reads a size of at least 1 and at most 2^63 - 1 bytes; the units are powers of 1024, and a
 * number without one counts default_unit_bytes. On failure a message was written, with `what` in it
 * ("the size").
 */
bool vdisk_size_parse(const char *text, const char *what, uint64_t default_unit_bytes,
                      uint64_t *size_bytes);

/* As vdisk_size_parse in bytes; 0 is allowed. */
bool vdisk_offset_parse(const char *text, const char *what, uint64_t *offset_bytes);

/* "2G", or "+2G": so much more than old_bytes. */
bool vdisk_size_parse_change(const char *text, uint64_t old_bytes, uint64_t *new_bytes);

/* A number of seconds up to maximum_seconds, as milliseconds. Messages begin with `what`. */
bool vdisk_seconds_parse(const char *text, const char *what, uint32_t maximum_seconds,
                         uint64_t *milliseconds);

#define VDISK_SIZE_TEXT_BYTES 32

/* "100 MiB", "1.5 GiB", "512 bytes". */
const char *vdisk_size_text(uint64_t size_bytes, char text[VDISK_SIZE_TEXT_BYTES]);

#endif
