/*
 * Commands and options. command_table.c is the one list of both; parsing, help and dispatch are
 * made from it.
 */
#ifndef VIRTUALDISK_CONTROL_COMMAND_H
#define VIRTUALDISK_CONTROL_COMMAND_H

#include "exit_code.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum vdisk_option {
    VDISK_OPTION_HELP,
    VDISK_OPTION_JSON,
    VDISK_OPTION_LETTER,
    VDISK_OPTION_READ_ONLY,
    VDISK_OPTION_ALL,
    VDISK_OPTION_FORMAT,
    VDISK_OPTION_FROM,
    VDISK_OPTION_TO,
    VDISK_OPTION_FIXED,
    VDISK_OPTION_SUBFORMAT,
    VDISK_OPTION_PARENT,
    VDISK_OPTION_BLOCK_SIZE,
    VDISK_OPTION_SECTOR_SIZE,
    VDISK_OPTION_COMPRESS,
    VDISK_OPTION_SNAPSHOT,
    VDISK_OPTION_CHAIN,
    VDISK_OPTION_REPAIR,
    VDISK_OPTION_OFFSET,
    VDISK_OPTION_LENGTH,
    VDISK_OPTION_SHRINK,
    VDISK_OPTION_UNSAFE,
    VDISK_OPTION_PROGRESS,
    VDISK_OPTION_FS,
    VDISK_OPTION_LABEL,
    VDISK_OPTION_DETECT_ZEROES,
    VDISK_OPTION_WAIT,
    VDISK_OPTION_FORCE,
    VDISK_OPTION_DISCARD,
    VDISK_OPTION_COMMIT,
    VDISK_OPTION_WATCH,
    VDISK_OPTION_READ_WRITE,
    VDISK_OPTION_PARTITION,
    VDISK_OPTION_WHOLE,
    VDISK_OPTION_OVERLAY,
    VDISK_OPTION_RAM,
    VDISK_OPTION_MOUNT,
    VDISK_OPTION_NO_LETTER,
    VDISK_OPTION_FORMAT_AS,
    VDISK_OPTION_PERSISTENT,
    VDISK_OPTION_ACCESS,
    VDISK_OPTION_SAFE,
    VDISK_OPTION_COUNT
};

#define VDISK_OPTION_BIT(option) (UINT64_C(1) << (option))
_Static_assert(VDISK_OPTION_COUNT <= 64, "options fit into the bits of a command");

struct vdisk_option_description {
    const char *name;
    const char *argument; /* NULL: the option takes none */
    const char *text;
};

/* One command line, parsed. */
struct vdisk_arguments {
    const char *options[VDISK_OPTION_COUNT]; /* NULL: not given; "" when it takes no argument */
    char **operands;                         /* the words that are no options */
    int operand_count;
};

struct vdisk_command {
    const char *name;
    const char *usage; /* operands and options, as `help` shows them */
    const char *summary;
    const char *details; /* or NULL */
    uint64_t options;    /* VDISK_OPTION_BIT of each */
    int operands_min;
    int operands_max;
    enum vdisk_exit (*run)(const struct vdisk_arguments *arguments);
};

extern const struct vdisk_option_description vdisk_options[VDISK_OPTION_COUNT];

/* The index-th command, or NULL past the last. */
const struct vdisk_command *vdisk_command_at(size_t index);
const struct vdisk_command *vdisk_command_find(const char *name);

/* argv[0] is the command's name. On failure a message was written. */
bool vdisk_arguments_parse(const struct vdisk_command *command, int argc, char **argv,
                           struct vdisk_arguments *arguments);

static inline bool vdisk_arguments_has(const struct vdisk_arguments *arguments,
                                       enum vdisk_option option)
{
    return arguments->options[option] != NULL;
}

/* --partition: its number, 0 when it is not given. False: a message was written. */
bool vdisk_arguments_partition(const struct vdisk_arguments *arguments, uint32_t *number);

/* What `help <command>` says. */
void vdisk_help_command(const struct vdisk_command *command);

/* argc and argv as main has them, in UTF-8. */
int vdisk_control_main(int argc, char **argv);

enum vdisk_exit vdisk_command_open(const struct vdisk_arguments *arguments);
enum vdisk_exit vdisk_command_close(const struct vdisk_arguments *arguments);
enum vdisk_exit vdisk_command_list(const struct vdisk_arguments *arguments);
enum vdisk_exit vdisk_command_stats(const struct vdisk_arguments *arguments);
enum vdisk_exit vdisk_command_set(const struct vdisk_arguments *arguments);
enum vdisk_exit vdisk_command_flush(const struct vdisk_arguments *arguments);
enum vdisk_exit vdisk_command_reconnect(const struct vdisk_arguments *arguments);
enum vdisk_exit vdisk_command_install(const struct vdisk_arguments *arguments);
enum vdisk_exit vdisk_command_uninstall(const struct vdisk_arguments *arguments);
enum vdisk_exit vdisk_command_create(const struct vdisk_arguments *arguments);
enum vdisk_exit vdisk_command_info(const struct vdisk_arguments *arguments);
enum vdisk_exit vdisk_command_check(const struct vdisk_arguments *arguments);
enum vdisk_exit vdisk_command_map(const struct vdisk_arguments *arguments);
enum vdisk_exit vdisk_command_convert(const struct vdisk_arguments *arguments);
enum vdisk_exit vdisk_command_compare(const struct vdisk_arguments *arguments);
enum vdisk_exit vdisk_command_resize(const struct vdisk_arguments *arguments);
enum vdisk_exit vdisk_command_compact(const struct vdisk_arguments *arguments);
enum vdisk_exit vdisk_command_commit(const struct vdisk_arguments *arguments);
enum vdisk_exit vdisk_command_rebase(const struct vdisk_arguments *arguments);
enum vdisk_exit vdisk_command_read(const struct vdisk_arguments *arguments);
enum vdisk_exit vdisk_command_write(const struct vdisk_arguments *arguments);
enum vdisk_exit vdisk_command_snapshot(const struct vdisk_arguments *arguments);
enum vdisk_exit vdisk_command_help(const struct vdisk_arguments *arguments);
enum vdisk_exit vdisk_command_version(const struct vdisk_arguments *arguments);

#endif
