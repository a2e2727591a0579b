#include "command.h"
#include "output.h"

#include <getopt.h>
#include <stdlib.h>

/* What getopt_long returns for the option with index 0; above every character. */
#define OPTION_VALUE_BASE 0x100

static void list_options(const struct vdisk_command *command,
                         struct option list[VDISK_OPTION_COUNT + 1])
{
    size_t count = 0;
    for (int i = 0; i < VDISK_OPTION_COUNT; i++) {
        if (i != VDISK_OPTION_HELP && (command->options & VDISK_OPTION_BIT(i)) == 0)
            continue;
        int has_argument = vdisk_options[i].argument == NULL ? no_argument : required_argument;
        list[count++] =
            (struct option){vdisk_options[i].name, has_argument, NULL, OPTION_VALUE_BASE + i};
    }
    list[count] = (struct option){0};
}

static void hint(const struct vdisk_command *command)
{
    vdisk_output_message("try '" VDISK_PROGRAM_NAME " help %s'", command->name);
}

/* Says what was wrong with the option before the cursor of getopt_long. */
static void complain(int result, const char *word)
{
    int index = optopt - OPTION_VALUE_BASE;
    bool known = index >= 0 && index < VDISK_OPTION_COUNT;
    if (result == ':' && known)
        vdisk_output_message("option '--%s' needs an argument: %s", vdisk_options[index].name,
                             vdisk_options[index].argument);
    else if (known)
        vdisk_output_message("option '--%s' takes no argument", vdisk_options[index].name);
    else if (optopt >= '0' && optopt <= '9')
        vdisk_output_message("a size may not be negative");
    else if (optopt != 0)
        vdisk_output_message("unknown option '-%c'", optopt);
    else
        vdisk_output_message("unknown option '%s'", word);
}

static bool check_operands(const struct vdisk_command *command, char **operands, int count)
{
    if (count < command->operands_min)
        vdisk_output_message("'%s' needs more: %s", command->name, command->usage);
    else if (count > command->operands_max)
        vdisk_output_message("'%s' does not understand '%s'", command->name,
                             operands[command->operands_max]);
    else
        return true;
    hint(command);
    return false;
}

bool vdisk_arguments_parse(const struct vdisk_command *command, int argc, char **argv,
                           struct vdisk_arguments *arguments)
{
    struct option list[VDISK_OPTION_COUNT + 1];
    list_options(command, list);
    *arguments = (struct vdisk_arguments){0};
    opterr = 0;
    int result;
    while ((result = getopt_long(argc, argv, ":h", list, NULL)) != -1) {
        if (result == 'h')
            result = OPTION_VALUE_BASE + VDISK_OPTION_HELP;
        if (result < OPTION_VALUE_BASE) {
            complain(result, argv[optind - 1]);
            hint(command);
            return false;
        }
        arguments->options[result - OPTION_VALUE_BASE] = optarg == NULL ? "" : optarg;
    }
    arguments->operands = argv + optind;
    arguments->operand_count = argc - optind;
    return vdisk_arguments_has(arguments, VDISK_OPTION_HELP) ||
           check_operands(command, arguments->operands, arguments->operand_count);
}

bool vdisk_arguments_partition(const struct vdisk_arguments *arguments, uint32_t *number)
{
    const char *text = arguments->options[VDISK_OPTION_PARTITION];
    *number = 0;
    if (text == NULL)
        return true;
    char *end;
    unsigned long parsed = strtoul(text, &end, 10);
    if (*end != '\0' || parsed == 0 || parsed > UINT16_MAX) {
        vdisk_output_message("'%s' is not the number of a partition", text);
        return false;
    }
    *number = (uint32_t)parsed;
    return true;
}
