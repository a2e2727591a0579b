#include "backend.h"

#include "error_win32.h"
#include "output.h"
#include "system_library.h"
#include "terminal.h"
#include "wide_win32.h"
#include "virtualdisk/platform.h"

typedef CONFIGRET WINAPI query_remove_function(DEVINST node, PNP_VETO_TYPE *veto, WCHAR *veto_name,
                                               ULONG veto_name_chars, ULONG flags);

enum vdisk_exit vdisk_backend_query_remove(DEVINST node, bool silent)
{
    HMODULE library = vdisk_system_library(L"cfgmgr32.dll");
    query_remove_function *query_remove = library == NULL
                                              ? NULL
                                              : (query_remove_function *)(void *)GetProcAddress(
                                                    library, "CM_Query_And_Remove_SubTreeW");
    if (query_remove == NULL)
        return VDISK_EXIT_OK;
    PNP_VETO_TYPE veto = PNP_VetoTypeUnknown;
    WCHAR veto_name[MAX_PATH] = L"";
    CONFIGRET result =
        query_remove(node, &veto, veto_name, MAX_PATH, CM_REMOVE_UI_NOT_OK | CM_REMOVE_NO_RESTART);
    if (result != CR_REMOVE_VETOED)
        return VDISK_EXIT_OK;
    if (silent)
        return VDISK_EXIT_BUSY;
    char *name = vdisk_utf8_from_wide(veto_name);
    vdisk_output_message("the volume is in use%s%s", veto_name[0] == L'\0' ? "" : " by ",
                         name == NULL ? "" : name);
    vdisk_free(name);
    return VDISK_EXIT_BUSY;
}

enum vdisk_exit vdisk_backend_fail(const char *what)
{
    DWORD code = GetLastError();
    if (code == ERROR_ACCESS_DENIED) {
        vdisk_output_message("%s: this needs an administrator", what);
        return VDISK_EXIT_ACCESS;
    }
    char *words = vdisk_terminal_error_text(code);
    vdisk_output_message("%s: %s", what, words == NULL ? "failed" : words);
    vdisk_free(words);
    enum vdisk_status status = vdisk_status_from_win32(code);
    return status == VDISK_BUSY ? VDISK_EXIT_BUSY : VDISK_EXIT_FAILED;
}
