/*
 * The few things that differ between terminals: how Unicode reaches the screen, and what an error
 * number means. linux/terminal_linux.c and windows/terminal_windows.c implement it.
 */
#ifndef VIRTUALDISK_CONTROL_TERMINAL_H
#define VIRTUALDISK_CONTROL_TERMINAL_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Takes bytes as they are on stdin and stdout: no translation of line ends. */
void vdisk_terminal_init(void);

/* Writes UTF-8; false when it could not be written. */
bool vdisk_terminal_write(FILE *stream, const char *text);

/* Is the stream a terminal, where a person reads? */
bool vdisk_terminal_is(FILE *stream);

/* The host's words for one of its error numbers; free with vdisk_free; NULL: no memory. */
char *vdisk_terminal_error_text(uint32_t native_code);

/* A clock that only runs forward. */
uint64_t vdisk_terminal_milliseconds(void);

/* From the first call on, Ctrl-C makes vdisk_terminal_interrupted true instead of ending us. */
void vdisk_terminal_catch_interrupt(void);
bool vdisk_terminal_interrupted(void);

#endif
