#include "command.h"
#include "output.h"

enum vdisk_exit vdisk_command_version(const struct vdisk_arguments *arguments)
{
    (void)arguments;
    vdisk_output_text(VDISK_PROGRAM_NAME " " VIRTUALDISK_VERSION "\n");
    return VDISK_EXIT_OK;
}
