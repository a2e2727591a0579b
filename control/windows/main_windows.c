#include "command.h"
#include "wide_win32.h"
#include "virtualdisk/platform.h"

int wmain(int argc, wchar_t **wide_argv);

int wmain(int argc, wchar_t **wide_argv)
{
    char **argv = vdisk_alloc_array((size_t)argc + 1, sizeof(*argv));
    if (argv == NULL)
        return VDISK_EXIT_INTERNAL;
    int code = VDISK_EXIT_OK;
    for (int i = 0; i < argc; i++) {
        argv[i] = vdisk_utf8_from_wide(wide_argv[i]);
        if (argv[i] == NULL)
            code = VDISK_EXIT_INTERNAL;
    }
    /* Parsing moves the pointers, never the strings: all of them are freed below. */
    if (code == VDISK_EXIT_OK)
        code = vdisk_control_main(argc, argv);
    for (int i = 0; i < argc; i++)
        vdisk_free(argv[i]);
    vdisk_free(argv);
    return code;
}
