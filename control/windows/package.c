#include "package.h"

#include "backend.h"
#include "output.h"
#include "wide_win32.h"
#include "virtualdisk/platform.h"

#include <stdio.h>

#define INF_NAME      L"VirtualDisk.inf"
#define INF_PROVIDER  L"VirtualDisk"
#define PATH_ROOM     32768
#define INF_LINE_ROOM 256

wchar_t *vdisk_package_inf_path(void)
{
    wchar_t *path = vdisk_alloc_array(PATH_ROOM, sizeof(*path));
    if (path == NULL)
        return NULL;
    DWORD length = GetModuleFileNameW(NULL, path, PATH_ROOM - 32);
    wchar_t *name = length == 0 ? NULL : wcsrchr(path, L'\\');
    if (name != NULL) {
        wcscpy(name + 1, INF_NAME);
        if (GetFileAttributesW(path) != INVALID_FILE_ATTRIBUTES)
            return path;
        char *text = vdisk_utf8_from_wide(path);
        vdisk_output_message("the driver package is missing: %s", text == NULL ? "" : text);
        vdisk_free(text);
    }
    vdisk_free(path);
    return NULL;
}

enum vdisk_exit vdisk_package_install(void)
{
    wchar_t *inf = vdisk_package_inf_path();
    if (inf == NULL)
        return VDISK_EXIT_UNAVAILABLE;
    enum vdisk_exit code = VDISK_EXIT_OK;
    if (!SetupCopyOEMInfW(inf, NULL, SPOST_PATH, 0, NULL, 0, NULL, NULL)) {
        code = vdisk_backend_fail("the driver package could not be installed");
        if (code == VDISK_EXIT_FAILED)
            code = VDISK_EXIT_UNAVAILABLE;
    }
    vdisk_free(inf);
    return code;
}

enum vdisk_exit vdisk_package_ensure_installed(void)
{
    HKEY service;
    if (RegOpenKeyExW(HKEY_LOCAL_MACHINE,
                      L"SYSTEM\\CurrentControlSet\\Services\\" VIRTUALDISK_SERVICE_NAME, 0,
                      KEY_QUERY_VALUE, &service) == ERROR_SUCCESS) {
        RegCloseKey(service);
        return VDISK_EXIT_OK;
    }
    return vdisk_package_install();
}

/* Is this file of the system's INF folder a copy of ours? */
static bool is_our_inf(const wchar_t *name)
{
    HINF inf = SetupOpenInfFileW(name, NULL, INF_STYLE_WIN4, NULL);
    if (inf == INVALID_HANDLE_VALUE)
        return false;
    INFCONTEXT line;
    wchar_t value[INF_LINE_ROOM] = L"";
    bool ours = SetupFindFirstLineW(inf, L"Version", L"Provider", &line) &&
                SetupGetStringFieldW(&line, 1, value, INF_LINE_ROOM, NULL) &&
                wcscmp(value, INF_PROVIDER) == 0;
    SetupCloseInfFile(inf);
    return ours;
}

static enum vdisk_exit remove_infs(void)
{
    wchar_t pattern[MAX_PATH + 16];
    UINT length = GetWindowsDirectoryW(pattern, MAX_PATH);
    if (length == 0 || length >= MAX_PATH)
        return vdisk_backend_fail("the Windows folder");
    wcscpy(pattern + length, L"\\inf\\oem*.inf");
    WIN32_FIND_DATAW found;
    HANDLE search = FindFirstFileW(pattern, &found);
    if (search == INVALID_HANDLE_VALUE)
        return VDISK_EXIT_OK;
    enum vdisk_exit code = VDISK_EXIT_OK;
    do {
        if (is_our_inf(found.cFileName) &&
            !SetupUninstallOEMInfW(found.cFileName, SUOI_FORCEDELETE, NULL))
            code = vdisk_backend_fail("the driver package could not be removed");
    } while (FindNextFileW(search, &found));
    FindClose(search);
    return code;
}

static enum vdisk_exit remove_service(void)
{
    SC_HANDLE manager = OpenSCManagerW(NULL, NULL, SC_MANAGER_CONNECT);
    if (manager == NULL)
        return vdisk_backend_fail("the list of services");
    enum vdisk_exit code = VDISK_EXIT_OK;
    SC_HANDLE service = OpenServiceW(manager, VIRTUALDISK_SERVICE_NAME, SERVICE_STOP | DELETE);
    if (service != NULL) {
        SERVICE_STATUS status;
        ControlService(service, SERVICE_CONTROL_STOP, &status); /* it may have stopped long ago */
        if (!DeleteService(service) && GetLastError() != ERROR_SERVICE_MARKED_FOR_DELETE)
            code = vdisk_backend_fail("the driver's service could not be removed");
        CloseServiceHandle(service);
    } else if (GetLastError() != ERROR_SERVICE_DOES_NOT_EXIST) {
        code = vdisk_backend_fail("the driver's service could not be opened");
    }
    CloseServiceHandle(manager);
    return code;
}

static enum vdisk_exit remove_driver_file(void)
{
    wchar_t path[MAX_PATH + 32];
    UINT length = GetSystemDirectoryW(path, MAX_PATH);
    if (length == 0 || length >= MAX_PATH)
        return vdisk_backend_fail("the system folder");
    wcscpy(path + length, L"\\drivers\\VirtualDisk.sys");
    if (DeleteFileW(path) || GetLastError() == ERROR_FILE_NOT_FOUND)
        return VDISK_EXIT_OK;
    return vdisk_backend_fail("the driver's file could not be removed");
}

enum vdisk_exit vdisk_package_uninstall(void)
{
    enum vdisk_exit code = remove_infs();
    if (code == VDISK_EXIT_OK)
        code = remove_service();
    return code == VDISK_EXIT_OK ? remove_driver_file() : code;
}
