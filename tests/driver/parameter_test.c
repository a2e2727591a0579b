/*
 * Parameters that are wrong or missing, as someone may write them into a device's key: the device
 * does not start, and says with which status and which words.
 */
#include "tests/driver/harness.h"

#include <initguid.h>
#include <devpropdef.h>
#include <newdev.h>
#include <setupapi.h>

#include <stdio.h>
#include <string.h>

#include "virtualdisk/driver_abi.h"

#define DISK_BYTES  (1u * 1024 * 1024)
#define NOT_STARTED 0xffffffffu /* in place of a status */

#define STATUS_OBJECT_TYPE_MISMATCH_       0xc0000024u
#define STATUS_OBJECT_NAME_NOT_FOUND_      0xc0000034u
#define STATUS_OBJECT_PATH_NOT_FOUND_      0xc000003au
#define STATUS_END_OF_FILE_                0xc0000011u
#define STATUS_NAME_TOO_LONG_              0xc0000106u
#define STATUS_DEVICE_CONFIGURATION_ERROR_ 0xc0000182u
#define STATUS_PLUGPLAY_NO_DEVICE_         0xc000025eu
#define STATUS_INVALID_PARAMETER_          0xc000000du
#define STATUS_NOT_SUPPORTED_              0xc00000bbu

/* {71a27cdd-812a-11d0-bec7-08002be2092f}: the device class Volume. */
static const GUID volume_class = {
    0x71a27cdd, 0x812a, 0x11d0, {0xbe, 0xc7, 0x08, 0x00, 0x2b, 0xe2, 0x09, 0x2f}};

static const wchar_t ids[] = L"Root\\VirtualDisk\0Root\\VirtualDisk_Parameters\0";

struct device {
    HDEVINFO set;
    SP_DEVINFO_DATA info;
    HKEY key;
    DWORD status;
    char message[1024];
};

static void put(const struct device *device, const wchar_t *name, DWORD type, const void *data,
                DWORD bytes)
{
    CHECK_EQUAL(RegSetValueExW(device->key, name, 0, type, data, bytes), 0);
}

static void put_text(const struct device *device, const wchar_t *name, const wchar_t *text)
{
    put(device, name, REG_SZ, text, (DWORD)((wcslen(text) + 1) * sizeof *text));
}

static void put_number(const struct device *device, const wchar_t *name, uint32_t number)
{
    put(device, name, REG_DWORD, &number, sizeof number);
}

static const wchar_t *image_path(void)
{
    static wchar_t path[PATH_CHARS];

    _snwprintf(path, PATH_CHARS - 1, L"\\??\\%ls", test_path(L"parameters.img"));
    return path;
}

/* A device with the parameters of a raw image, which is there. */
static struct device make_device(void)
{
    struct device device = {.info = {.cbSize = sizeof device.info}};

    device.set = SetupDiCreateDeviceInfoList(&volume_class, NULL);
    CHECK(device.set != INVALID_HANDLE_VALUE);
    CHECK(SetupDiCreateDeviceInfoW(device.set, L"ROOT\\VirtualDisk\\PARAMETERS", &volume_class,
                                   L"VirtualDisk test", NULL, 0, &device.info));
    CHECK(SetupDiSetDeviceRegistryPropertyW(device.set, &device.info, SPDRP_HARDWAREID,
                                            (const BYTE *)ids, sizeof ids));
    CHECK(SetupDiCallClassInstaller(DIF_REGISTERDEVICE, device.set, &device.info));
    device.key = SetupDiCreateDevRegKeyW(device.set, &device.info, DICS_FLAG_GLOBAL, 0, DIREG_DEV,
                                         NULL, NULL);
    CHECK(device.key != INVALID_HANDLE_VALUE);
    put_text(&device, VIRTUALDISK_VALUE_FILE_PATH, image_path());
    put_text(&device, VIRTUALDISK_VALUE_FORMAT, L"raw");
    put_number(&device, VIRTUALDISK_VALUE_FLAGS, VIRTUALDISK_FLAG_NO_LETTER);
    return device;
}

/* The INF that lies beside the control utility. */
static void find_inf(wchar_t inf[PATH_CHARS * 3])
{
    wchar_t command[PATH_CHARS * 3];

    control_command(command, L"");
    wcscpy(inf, command + 1); /* the quotation mark */
    wcscpy(wcsrchr(inf, L'\\') + 1, L"VirtualDisk.inf");
}

/* Installs the driver, which starts the device, and reads what the driver has left. */
static void start_device(struct device *device)
{
    static wchar_t inf[PATH_CHARS * 3], message[1024];
    DWORD bytes = sizeof device->status, type;
    BOOL restart;

    find_inf(inf);
    UpdateDriverForPlugAndPlayDevicesW(NULL, L"Root\\VirtualDisk_Parameters", inf, 0, &restart);
    if (RegQueryValueExW(device->key, VIRTUALDISK_VALUE_START_STATUS, NULL, &type,
                         (BYTE *)&device->status, &bytes) != 0)
        device->status = NOT_STARTED;
    bytes = sizeof message - sizeof message[0];
    memset(message, 0, sizeof message);
    RegQueryValueExW(device->key, VIRTUALDISK_VALUE_START_MESSAGE, NULL, &type, (BYTE *)message,
                     &bytes);
    snprintf(device->message, sizeof device->message, "%ls", message);
}

static void remove_device(struct device *device)
{
    RegCloseKey(device->key);
    SetupDiDeleteDevRegKey(device->set, &device->info, DICS_FLAG_GLOBAL, 0, DIREG_DEV);
    CHECK(SetupDiCallClassInstaller(DIF_REMOVE, device->set, &device->info));
    SetupDiDestroyDeviceInfoList(device->set);
}

/* Starts the device, removes it, and then says whether it had the status and words expected. */
static void expect(struct device *device, DWORD status, const char *words)
{
    start_device(device);
    remove_device(device);
    if (device->status != status || strstr(device->message, words) == NULL)
        test_fail(__FILE__, __LINE__, "status 0x%lx \"%s\" and not 0x%lx \"%s\"", device->status,
                  device->message, status, words);
    CHECK((device->status == 0) == (device->message[0] == 0) || status == NOT_STARTED);
}

/* A value of a type and length of its own in place of the right one. */
static void expect_value(const wchar_t *name, DWORD type, const void *data, DWORD bytes,
                         DWORD status, const char *words)
{
    struct device device = make_device();

    put(&device, name, type, data, bytes);
    expect(&device, status, words);
}

static void expect_text(const wchar_t *name, const wchar_t *text, DWORD status, const char *words)
{
    expect_value(name, REG_SZ, text, (DWORD)((wcslen(text) + 1) * sizeof *text), status, words);
}

static void expect_number(const wchar_t *name, uint32_t number, DWORD status, const char *words)
{
    expect_value(name, REG_DWORD, &number, sizeof number, status, words);
}

static void test_path_parameter(void)
{
    static wchar_t long_path[VIRTUALDISK_PATH_CHARS + 2];
    const wchar_t *path = image_path();
    const DWORD bytes = (DWORD)(wcslen(path) * sizeof *path);
    struct device device;

    make_file(test_path(L"parameters.img"), DISK_BYTES);
    device = make_device();
    expect(&device, 0, "");
    device = make_device();
    CHECK_EQUAL(RegDeleteValueW(device.key, VIRTUALDISK_VALUE_FILE_PATH), 0);
    expect(&device, STATUS_DEVICE_CONFIGURATION_ERROR_, "FilePath: the device was not told");
    expect_text(VIRTUALDISK_VALUE_FILE_PATH, L"", STATUS_DEVICE_CONFIGURATION_ERROR_, "FilePath");
    expect_number(VIRTUALDISK_VALUE_FILE_PATH, 7, STATUS_OBJECT_TYPE_MISMATCH_, "FilePath");
    expect_value(VIRTUALDISK_VALUE_FILE_PATH, REG_SZ, path, bytes, 0, ""); /* without a NUL */
    expect_value(VIRTUALDISK_VALUE_FILE_PATH, REG_SZ, path, bytes - 1, STATUS_INVALID_PARAMETER_,
                 "FilePath: the value makes no sense");
    for (unsigned i = 0; i < VIRTUALDISK_PATH_CHARS + 1; i++)
        long_path[i] = L'a';
    expect_text(VIRTUALDISK_VALUE_FILE_PATH, long_path, STATUS_NAME_TOO_LONG_, "FilePath");
    expect_value(VIRTUALDISK_VALUE_FILE_PATH, REG_SZ, long_path,
                 (VIRTUALDISK_PATH_CHARS + 1) * sizeof *long_path, STATUS_NAME_TOO_LONG_,
                 "FilePath");
    expect_text(VIRTUALDISK_VALUE_FILE_PATH, L"\\??\\Z:\\nowhere\\no.img",
                STATUS_OBJECT_PATH_NOT_FOUND_, "no.img");
    DeleteFileW(test_path(L"parameters.img"));
    device = make_device();
    expect(&device, STATUS_OBJECT_NAME_NOT_FOUND_, "parameters.img");
}

static void test_numbers(void)
{
    const uint32_t flags = 0;
    const uint64_t memory = 1u << 20;

    make_file(test_path(L"parameters.img"), DISK_BYTES);
    expect_number(VIRTUALDISK_VALUE_FLAGS, VIRTUALDISK_FLAGS_KNOWN + 1, STATUS_INVALID_PARAMETER_,
                  "Flags: the value makes no sense");
    expect_value(VIRTUALDISK_VALUE_FLAGS, REG_DWORD, &flags, 2, STATUS_INVALID_PARAMETER_, "Flags");
    expect_value(VIRTUALDISK_VALUE_FLAGS, REG_BINARY, &flags, 4, STATUS_OBJECT_TYPE_MISMATCH_,
                 "Flags");
    expect_number(VIRTUALDISK_VALUE_FLAGS, VIRTUALDISK_FLAG_VOLATILE, STATUS_PLUGPLAY_NO_DEVICE_,
                  "the system was restarted");
    expect_value(VIRTUALDISK_VALUE_MEMORY, REG_DWORD, &memory, 4, STATUS_OBJECT_TYPE_MISMATCH_,
                 "Memory");
    expect_value(VIRTUALDISK_VALUE_MEMORY, REG_QWORD, &memory, 7, STATUS_INVALID_PARAMETER_,
                 "Memory");
    expect_value(VIRTUALDISK_VALUE_SECTOR_SIZE, REG_DWORD, &memory, 1, STATUS_INVALID_PARAMETER_,
                 "SectorSize");
    expect_number(VIRTUALDISK_VALUE_SECTOR_SIZE, 1000, STATUS_NOT_SUPPORTED_, "sectors must have");
}

static void test_names(void)
{
    make_file(test_path(L"parameters.img"), DISK_BYTES);
    expect_text(VIRTUALDISK_VALUE_FORMAT, L"nonsense", STATUS_NOT_SUPPORTED_,
                "no format has the name");
    expect_text(VIRTUALDISK_VALUE_FORMAT, L"a name that is too long", STATUS_INVALID_PARAMETER_,
                "Format");
    expect_text(VIRTUALDISK_VALUE_FORMAT, L"r\u00e4w", STATUS_INVALID_PARAMETER_, "Format");
    expect_text(VIRTUALDISK_VALUE_OVERLAY_FORMAT, L"a name that is too long",
                STATUS_INVALID_PARAMETER_, "OverlayFormat");
    expect_text(VIRTUALDISK_VALUE_OVERLAY, L"\\??\\Z:\\nowhere\\no.qcow2",
                STATUS_OBJECT_PATH_NOT_FOUND_, "no.qcow2");
    expect_number(VIRTUALDISK_VALUE_OVERLAY, 1, STATUS_OBJECT_TYPE_MISMATCH_, "Overlay");
    expect_text(VIRTUALDISK_VALUE_FILES, L"no list", STATUS_OBJECT_TYPE_MISMATCH_, "Files");
    expect_text(VIRTUALDISK_VALUE_LETTER, L"VV", STATUS_INVALID_PARAMETER_, "Letter");
    expect_text(VIRTUALDISK_VALUE_LETTER, L"1:", STATUS_INVALID_PARAMETER_, "Letter");
    expect_text(VIRTUALDISK_VALUE_LETTER, L"", STATUS_INVALID_PARAMETER_, "Letter");
}

static void expect_window(const struct virtualdisk_window *window, DWORD bytes, DWORD status,
                          const char *words)
{
    expect_value(VIRTUALDISK_VALUE_WINDOW, REG_BINARY, window, bytes, status, words);
}

static void test_window(void)
{
    const struct virtualdisk_window good = {.version = VIRTUALDISK_ABI_VERSION,
                                            .style = VIRTUALDISK_STYLE_MBR,
                                            .offset_bytes = 65536,
                                            .size_bytes = 65536,
                                            .number = 1,
                                            .mbr_type = 7};
    struct virtualdisk_window window = good;

    make_file(test_path(L"parameters.img"), DISK_BYTES);
    expect_value(VIRTUALDISK_VALUE_WINDOW, REG_BINARY, &good, sizeof good, 0, "");
    expect_window(&good, sizeof good - 1, STATUS_INVALID_PARAMETER_, "Window");
    window.version++;
    expect_window(&window, sizeof window, STATUS_INVALID_PARAMETER_, "Window");
    window = good;
    window.style = VIRTUALDISK_STYLE_GPT + 1;
    expect_window(&window, sizeof window, STATUS_INVALID_PARAMETER_, "Window");
    window = good;
    window.offset_bytes++;
    expect_window(&window, sizeof window, STATUS_INVALID_PARAMETER_, "window");
    window = good;
    window.size_bytes = DISK_BYTES;
    expect_window(&window, sizeof window, STATUS_END_OF_FILE_, "beyond the end of the disk");
    window = good;
    window.offset_bytes = UINT64_MAX - 511;
    expect_window(&window, sizeof window, STATUS_END_OF_FILE_, "beyond the end of the disk");
    window = good;
    window.size_bytes = 0;
    expect_window(&window, sizeof window, STATUS_INVALID_PARAMETER_, "window");
}

/* Not in every setupapi.h. */
WINSETUPAPI BOOL WINAPI SetupDiSetDevicePropertyW(HDEVINFO, PSP_DEVINFO_DATA, const DEVPROPKEY *,
                                                  DEVPROPTYPE, const BYTE *, DWORD, DWORD);

/* A property goes first, also where it makes no sense. */
static void test_property(void)
{
    static const DEVPROPKEY key = {VIRTUALDISK_PROPERTY_GUID, VIRTUALDISK_PID_FILE_PATH};
    const uint32_t number = 7;
    struct device device;

    make_file(test_path(L"parameters.img"), DISK_BYTES);
    device = make_device();
    CHECK(SetupDiSetDevicePropertyW(device.set, &device.info, &key, DEVPROP_TYPE_UINT32,
                                    (const BYTE *)&number, sizeof number, 0));
    expect(&device, STATUS_OBJECT_TYPE_MISMATCH_, "FilePath");
}

/* A descriptor that makes no sense: no device at all, rather than one that is open to everyone. */
static void test_access(void)
{
    make_file(test_path(L"parameters.img"), DISK_BYTES);
    expect_text(VIRTUALDISK_VALUE_ACCESS, L"everyone may", NOT_STARTED, "");
    expect_number(VIRTUALDISK_VALUE_ACCESS, 1, NOT_STARTED, "");
    expect_text(VIRTUALDISK_VALUE_ACCESS, L"D:P(A;;GA;;;SY)", 0, "");
}

const struct test_case parameter_cases[] = {
    {"parameter_path", test_path_parameter},
    {"parameter_numbers", test_numbers},
    {"parameter_names", test_names},
    {"parameter_window", test_window},
    {"parameter_property", test_property},
    {"parameter_access", test_access},
    {NULL, NULL},
};
