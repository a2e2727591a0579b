#include "command.h"
#include "output.h"
#include "virtualdisk/image.h"

#include <string.h>

static void print_overview(void)
{
    vdisk_output_text("Makes volumes of disk-image files.\n\n"
                      "Usage: " VDISK_PROGRAM_NAME " <command> ...\n\n");
    const struct vdisk_command *command;
    for (size_t i = 0; (command = vdisk_command_at(i)) != NULL; i++)
        vdisk_output_text("  %-10s %s\n", command->name, command->summary);
    vdisk_output_text("\nTry '" VDISK_PROGRAM_NAME " help <command>' or '" VDISK_PROGRAM_NAME
                      " help formats'.\n");
}

static void print_exit_codes(void)
{
    vdisk_output_text("Exit codes:\n");
    for (const struct vdisk_exit_description *exit = vdisk_exit_descriptions; exit->text != NULL;
         exit++)
        vdisk_output_text("  %3d  %s\n", (int)exit->code, exit->text);
}

/* "read, write, create": what can be done with a format. */
static void print_abilities(uint32_t capabilities)
{
    static const struct {
        uint32_t capability;
        const char *name;
    } abilities[] = {
        {VDISK_CAN_WRITE, "write"},         {VDISK_CAN_CREATE, "create"},
        {VDISK_CAN_HAVE_PARENT, "parents"}, {VDISK_CAN_COMPRESS, "compress"},
        {VDISK_CAN_SNAPSHOT, "snapshots"},
    };
    vdisk_output_text("read");
    for (size_t i = 0; i < sizeof(abilities) / sizeof(abilities[0]); i++) {
        if ((capabilities & abilities[i].capability) != 0)
            vdisk_output_text(", %s", abilities[i].name);
    }
    vdisk_output_text("\n");
}

static void print_formats(void)
{
    const char *name, *description;
    vdisk_output_text("Formats:\n");
    for (uint32_t i = 0; (name = vdisk_format_name(i, &description)) != NULL; i++) {
        vdisk_output_text("  %-6s %s\n         ", name, description);
        print_abilities(vdisk_format_capabilities(name));
    }
}

static void print_options(const struct vdisk_command *command)
{
    if (command->options != 0)
        vdisk_output_text("\nOptions:\n");
    for (int i = 0; i < VDISK_OPTION_COUNT; i++) {
        if ((command->options & VDISK_OPTION_BIT(i)) == 0)
            continue;
        const struct vdisk_option_description *option = &vdisk_options[i];
        const char *argument = option->argument == NULL ? "" : option->argument;
        int width = 22 - (int)strlen(option->name);
        vdisk_output_text("  --%s %-*s %s\n", option->name, width, argument, option->text);
    }
}

void vdisk_help_command(const struct vdisk_command *command)
{
    vdisk_output_text("Usage: " VDISK_PROGRAM_NAME " %s%s%s\n\n%s\n", command->name,
                      command->usage[0] == '\0' ? "" : " ", command->usage, command->summary);
    if (command->details != NULL)
        vdisk_output_text("\n%s", command->details);
    print_options(command);
    vdisk_output_text("\nExit codes: see '" VDISK_PROGRAM_NAME " help exit-codes'.\n");
}

enum vdisk_exit vdisk_command_help(const struct vdisk_arguments *arguments)
{
    if (arguments->operand_count == 0) {
        print_overview();
        return VDISK_EXIT_OK;
    }
    const char *topic = arguments->operands[0];
    if (strcmp(topic, "exit-codes") == 0) {
        print_exit_codes();
        return VDISK_EXIT_OK;
    }
    if (strcmp(topic, "formats") == 0) {
        print_formats();
        return VDISK_EXIT_OK;
    }
    const struct vdisk_command *command = vdisk_command_find(topic);
    if (command == NULL) {
        vdisk_output_message("there is no command '%s'", topic);
        return VDISK_EXIT_USAGE;
    }
    vdisk_help_command(command);
    return VDISK_EXIT_OK;
}
