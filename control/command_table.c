/* The one table of commands and options. */
#include "command.h"

#include <string.h>

#define BIT(option) (1u << VDISK_OPTION_##option)

const struct vdisk_option_description vdisk_options[VDISK_OPTION_COUNT] = {
    [VDISK_OPTION_HELP] = {"help", NULL, "show this text"},
    [VDISK_OPTION_JSON] = {"json", NULL, "print the result as JSON"},
    [VDISK_OPTION_LETTER] = {"letter", "V:", "use this drive letter"},
    [VDISK_OPTION_READ_ONLY] = {"read-only", NULL, "refuse writes to the volume"},
    [VDISK_OPTION_ALL] = {"all", NULL, "close every open image"},
};

static const struct vdisk_command commands[] = {
    {
        .name = "open",
        .usage = "<file> [<size in MB, default 100>] [--letter V:] [--read-only] [--json]",
        .summary = "make a volume of an image; a file that does not exist is created",
        .details =
            "A new file is a raw image of the given size: a number of megabytes, or a number\n"
            "with the unit K, M, G or T. The command returns when the volume can be used.\n"
            "Opening an image that is open already says so and succeeds.\n",
        .options = BIT(LETTER) | BIT(READ_ONLY) | BIT(JSON),
        .operands_min = 1,
        .operands_max = 2,
        .run = vdisk_command_open,
    },
    {
        .name = "close",
        .usage = "<file | V: | --all> [--json]",
        .summary = "remove the volume of an image, named by its file or letter",
        .details = "Everything is written to the image first. A volume on which files are open is\n"
                   "not closed. The file itself may be gone.\n",
        .options = BIT(ALL) | BIT(JSON),
        .operands_min = 0,
        .operands_max = 1,
        .run = vdisk_command_close,
    },
    {
        .name = "list",
        .usage = "[--json]",
        .summary = "show the open images",
        .options = BIT(JSON),
        .run = vdisk_command_list,
    },
    {
        .name = "install",
        .usage = "",
        .summary = "install the driver package that lies beside this program",
        .details = "`open` does it on first use. After an update of the files it is needed once.\n",
        .run = vdisk_command_install,
    },
    {
        .name = "uninstall",
        .usage = "",
        .summary = "close every image and remove the driver",
        .run = vdisk_command_uninstall,
    },
    {
        .name = "help",
        .usage = "[<command> | exit-codes]",
        .summary = "explain a command",
        .operands_max = 1,
        .run = vdisk_command_help,
    },
    {
        .name = "version",
        .usage = "",
        .summary = "show the version",
        .run = vdisk_command_version,
    },
};

const struct vdisk_command *vdisk_command_at(size_t index)
{
    return index < sizeof(commands) / sizeof(commands[0]) ? &commands[index] : NULL;
}

const struct vdisk_command *vdisk_command_find(const char *name)
{
    for (size_t i = 0; vdisk_command_at(i) != NULL; i++) {
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    }
    return NULL;
}
