/* Finds the command, runs it, and makes sure that its output arrived. */
#include "command.h"
#include "output.h"

#include <string.h>

static enum vdisk_exit run(int argc, char **argv)
{
    const char *name = argc < 2 ? "" : argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        name = "help";
    if (strcmp(name, "--version") == 0)
        name = "version";
    const struct vdisk_command *command = vdisk_command_find(name);
    if (command == NULL) {
        if (argc < 2)
            vdisk_output_message("a command is needed; try '" VDISK_PROGRAM_NAME " help'");
        else
            vdisk_output_message("there is no command '%s'; try '" VDISK_PROGRAM_NAME " help'",
                                 name);
        return VDISK_EXIT_USAGE;
    }
    struct vdisk_arguments arguments;
    if (!vdisk_arguments_parse(command, argc - 1, argv + 1, &arguments))
        return VDISK_EXIT_USAGE;
    if (!vdisk_arguments_has(&arguments, VDISK_OPTION_HELP))
        return command->run(&arguments);
    vdisk_help_command(command);
    return VDISK_EXIT_OK;
}

int vdisk_control_main(int argc, char **argv)
{
    vdisk_output_init();
    enum vdisk_exit code = run(argc, argv);
    if (!vdisk_output_finish()) {
        vdisk_output_message("the output could not be written");
        return code == VDISK_EXIT_OK ? VDISK_EXIT_IO : code;
    }
    return code;
}
