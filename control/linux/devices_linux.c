/* The commands that need the driver. */
#include "command.h"
#include "open_volume.h"
#include "output.h"

static enum vdisk_exit needs_windows(const char *command)
{
    vdisk_output_message("'%s' needs Windows or Wine: use " VDISK_PROGRAM_NAME ".exe", command);
    return VDISK_EXIT_UNAVAILABLE;
}

enum vdisk_exit vdisk_command_open(const struct vdisk_arguments *arguments)
{
    (void)arguments;
    return needs_windows("open");
}

enum vdisk_exit vdisk_command_close(const struct vdisk_arguments *arguments)
{
    (void)arguments;
    return needs_windows("close");
}

enum vdisk_exit vdisk_command_list(const struct vdisk_arguments *arguments)
{
    (void)arguments;
    return needs_windows("list");
}

enum vdisk_exit vdisk_command_stats(const struct vdisk_arguments *arguments)
{
    (void)arguments;
    return needs_windows("stats");
}

enum vdisk_exit vdisk_command_set(const struct vdisk_arguments *arguments)
{
    (void)arguments;
    return needs_windows("set");
}

enum vdisk_exit vdisk_command_flush(const struct vdisk_arguments *arguments)
{
    (void)arguments;
    return needs_windows("flush");
}

enum vdisk_exit vdisk_command_reconnect(const struct vdisk_arguments *arguments)
{
    (void)arguments;
    return needs_windows("reconnect");
}

enum vdisk_exit vdisk_command_install(const struct vdisk_arguments *arguments)
{
    (void)arguments;
    return needs_windows("install");
}

enum vdisk_exit vdisk_command_uninstall(const struct vdisk_arguments *arguments)
{
    (void)arguments;
    return needs_windows("uninstall");
}

/* Nothing is open here. */
bool vdisk_open_volume_resize(const struct vdisk_arguments *arguments, uint32_t partition,
                              enum vdisk_exit *code)
{
    (void)arguments;
    (void)partition;
    (void)code;
    return false;
}
