/*
 * The tests of the KMDF runtime: loads the test driver, one case after the other, and compares what
 * the driver answers, or what the runtime writes into its log when it stops the driver.
 *
 * wdfldr_tests <path of wdfldr_test.sys> behave|misbehave
 */
#include <stdio.h>
#include <string.h>
#include <wchar.h>
#include <windows.h>
#include <winioctl.h>

#include "wdfldr_test.h"

#define LOG_PATH     L"C:\\windows\\wdfldr.log"
#define LOG_BYTES    65536
#define TEXT_BYTES   1024
#define WAIT_MS      30000
#define LOST_TIMEOUT 300 /* milliseconds of patience with requests that are never completed */

static unsigned failures;
static wchar_t driver_path[MAX_PATH];

static void fail(const char *name, const char *what, const char *found)
{
    printf("FAILED %s: %s: \"%s\"\n", name, what, found);
    fflush(stdout);
    failures++;
}

/* ---- the log ---- */

static long log_length(void)
{
    WIN32_FILE_ATTRIBUTE_DATA data;
    return GetFileAttributesExW(LOG_PATH, GetFileExInfoStandard, &data) ? (long)data.nFileSizeLow
                                                                        : 0;
}

static void log_since(long start, char *text)
{
    FILE *file = _wfopen(LOG_PATH, L"rb");
    text[0] = '\0';
    if (file == NULL)
        return;
    fseek(file, start, SEEK_SET);
    text[fread(text, 1, LOG_BYTES - 1, file)] = '\0';
    fclose(file);
}

/* ---- the service ---- */

static SC_HANDLE manager;
static SC_HANDLE service;

static DWORD service_state(void)
{
    SERVICE_STATUS status = {0};
    return QueryServiceStatus(service, &status) ? status.dwCurrentState : 0;
}

static BOOL wait_stopped(void)
{
    for (unsigned waited = 0; waited < WAIT_MS; waited += 20) {
        if (service_state() == SERVICE_STOPPED)
            return TRUE;
        Sleep(20);
    }
    return FALSE;
}

static void set_patience(void)
{
    DWORD value = LOST_TIMEOUT;
    RegSetKeyValueW(HKEY_LOCAL_MACHINE,
                    L"SYSTEM\\CurrentControlSet\\Services\\" WDFLDR_TEST_SERVICE,
                    L"WdfldrLostRequestTimeout", REG_DWORD, &value, sizeof(value));
}

static BOOL service_open(void)
{
    manager = OpenSCManagerW(NULL, NULL, SC_MANAGER_ALL_ACCESS);
    service = OpenServiceW(manager, WDFLDR_TEST_SERVICE, SERVICE_ALL_ACCESS);
    if (service == NULL) {
        service = CreateServiceW(manager, WDFLDR_TEST_SERVICE, WDFLDR_TEST_SERVICE,
                                 SERVICE_ALL_ACCESS, SERVICE_KERNEL_DRIVER, SERVICE_DEMAND_START,
                                 SERVICE_ERROR_NORMAL, driver_path, NULL, NULL, NULL, NULL, NULL);
    }
    if (service == NULL) {
        printf("no service: error %lu\n", GetLastError());
        return FALSE;
    }
    set_patience();
    return TRUE;
}

static HANDLE device_open(void)
{
    return CreateFileW(WDFLDR_TEST_PATH, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING,
                       FILE_FLAG_OVERLAPPED, NULL);
}

static BOOL driver_answers(void)
{
    HANDLE device = device_open();
    if (device != INVALID_HANDLE_VALUE)
        CloseHandle(device);
    return device != INVALID_HANDLE_VALUE;
}

/* The line in the log comes a moment before the end. */
static BOOL wait_gone(void)
{
    for (unsigned waited = 0; waited < WAIT_MS; waited += 20) {
        if (!driver_answers())
            return TRUE;
        Sleep(20);
    }
    return FALSE;
}

static HANDLE driver_start(void)
{
    /* The manager may still be burying a host process that was stopped. */
    for (unsigned waited = 0; waited < WAIT_MS; waited += 100) {
        HANDLE device;
        StartServiceW(service, 0, NULL);
        device = device_open();
        if (device != INVALID_HANDLE_VALUE)
            return device;
        Sleep(100);
    }
    return INVALID_HANDLE_VALUE;
}

static void driver_stop(void)
{
    SERVICE_STATUS status;
    ControlService(service, SERVICE_CONTROL_STOP, &status);
    wait_stopped();
}

/* The end of a driver that breaks a rule when it is unloaded: its service never gets to say so. */
static void driver_stop_and_break(long log_start)
{
    static char text[LOG_BYTES];
    SERVICE_STATUS status;
    ControlService(service, SERVICE_CONTROL_STOP, &status);
    for (unsigned waited = 0; waited < WAIT_MS; waited += 20) {
        log_since(log_start, text);
        if (strstr(text, "STOP") != NULL)
            return;
        Sleep(20);
    }
}

/* ---- requests ---- */

static BOOL begin(HANDLE device, ULONG test, char *text, OVERLAPPED *overlapped)
{
    memset(overlapped, 0, sizeof(*overlapped));
    overlapped->hEvent = CreateEventW(NULL, TRUE, FALSE, NULL);
    return DeviceIoControl(device, WDFLDR_TEST_CODE(test), NULL, 0, text,
                           text == NULL ? 0 : TEXT_BYTES - 1, NULL, overlapped) ||
           GetLastError() == ERROR_IO_PENDING;
}

/* Returns the error; ERROR_TIMEOUT: not completed within the time. */
static DWORD end(HANDLE device, OVERLAPPED *overlapped, DWORD wait_ms, DWORD *length)
{
    DWORD ignored;
    DWORD error = ERROR_SUCCESS;
    if (WaitForSingleObject(overlapped->hEvent, wait_ms) != WAIT_OBJECT_0)
        return ERROR_TIMEOUT;
    if (!GetOverlappedResult(device, overlapped, length == NULL ? &ignored : length, FALSE))
        error = GetLastError();
    CloseHandle(overlapped->hEvent);
    return error;
}

static void ask(HANDLE device, ULONG test, char *text)
{
    OVERLAPPED overlapped;
    DWORD length = 0;
    memset(text, 0, TEXT_BYTES);
    if (!begin(device, test, text, &overlapped) ||
        end(device, &overlapped, WAIT_MS, &length) != ERROR_SUCCESS)
        strcpy(text, "no answer");
    else
        text[length] = '\0';
}

/* ---- drivers that misbehave ---- */

struct misbehaviour {
    const char *name;
    ULONG test;
    BOOL at_unload; /* the rule is broken when the driver is unloaded */
    const char *line;
};

static const struct misbehaviour misbehaviours[] = {
    {"double_completion", MISBEHAVE_DOUBLE_COMPLETION, FALSE, "double completion: WDFREQUEST"},
    {"not_owned", MISBEHAVE_NOT_OWNED, FALSE, "not the driver's request: WDFREQUEST"},
    {"use_after_delete", MISBEHAVE_USE_AFTER_DELETE, FALSE, "use after delete: WDFMEMORY"},
    {"leak", MISBEHAVE_LEAK, TRUE, "leak at unload: WDFMEMORY"},
    {"wrong_irql", MISBEHAVE_WRONG_IRQL, FALSE, "wrong IRQL: WdfStringCreate needs PASSIVE_LEVEL"},
    {"return_raised", MISBEHAVE_RETURN_RAISED, FALSE,
     "wrong IRQL: EvtIoDeviceControl returned with a spin lock held"},
    {"lose_request", MISBEHAVE_LOSE_REQUEST, TRUE, "request lost: 1 request(s) with the driver"},
    {"information", MISBEHAVE_INFORMATION, FALSE, "information too long: a device control"},
    {"still_cancelable", MISBEHAVE_STILL_CANCELABLE, FALSE, "still cancelable: WDFREQUEST"},
    {"wrong_object", MISBEHAVE_WRONG_OBJECT, FALSE, "wrong object: WDFMEMORY"},
    {"bad_handle", MISBEHAVE_BAD_HANDLE, FALSE, "bad handle: 0000000000001234 is passed to"},
    {"status_pending", MISBEHAVE_STATUS_PENDING, FALSE, "bad status: a device control"},
    {"lock_twice", MISBEHAVE_LOCK_TWICE, FALSE, "deadlock: WDFSPINLOCK"},
    {"wait_lock_twice", MISBEHAVE_WAIT_LOCK_TWICE, FALSE, "deadlock: WDFWAITLOCK"},
    {"release_spin", MISBEHAVE_RELEASE_SPIN, FALSE, "lock not held: WDFSPINLOCK"},
    {"release_wait", MISBEHAVE_RELEASE_WAIT, FALSE, "lock not held: WDFWAITLOCK"},
    {"wait_for_itself", MISBEHAVE_WAIT_FOR_ITSELF, FALSE,
     "deadlock: WdfIoQueueDrainSynchronously in a callback of the queue"},
    {"use_after_completion", MISBEHAVE_USE_AFTER_COMPLETION, FALSE,
     "use after completion: WDFREQUEST"},
    {"dereference", MISBEHAVE_DEREFERENCE, FALSE, "reference count: WDFMEMORY"},
    {"bug_check", MISBEHAVE_BUG_CHECK, FALSE, "bug check by the driver: 0xdead"},
};

static void check_stop_line(const struct misbehaviour *rule, long log_start)
{
    static char text[LOG_BYTES];
    const char *prefix = "wdfldr: STOP WdfldrTest: ";
    const char *stop;

    log_since(log_start, text);
    stop = strstr(text, prefix);
    if (stop == NULL || strncmp(stop + strlen(prefix), rule->line, strlen(rule->line)) != 0)
        fail(rule->name, "the log does not say what stopped the driver", text);
    else if (strstr(stop + strlen(prefix), "STOP") != NULL)
        fail(rule->name, "more than one line says why", text);
    else
        printf("passed %s\n", rule->name);
}

static void misbehave(const struct misbehaviour *rule)
{
    char text[TEXT_BYTES] = "";
    long log_start = log_length();
    HANDLE device = driver_start();
    OVERLAPPED overlapped;

    if (device == INVALID_HANDLE_VALUE) {
        fail(rule->name, "the driver does not start", "");
        return;
    }
    if (begin(device, rule->test, text, &overlapped) && !rule->at_unload)
        end(device, &overlapped, WAIT_MS, NULL);
    if (rule->at_unload)
        driver_stop_and_break(log_start);
    CloseHandle(device);
    if (!wait_gone())
        fail(rule->name, "the driver still runs", "");
    check_stop_line(rule, log_start);
}

/* ---- drivers that behave ---- */

static const struct {
    const char *name;
    ULONG test;
    const char *answer;
} behaviours[] = {
    {"not_implemented", BEHAVE_NOT_IMPLEMENTED, "0xc0000002"},
    {"parents", BEHAVE_PARENTS, "cG cC cO cP dG dC dP | dO "},
    {"objects", BEHAVE_OBJECTS, "one two 1 0x00000000 0x40000000 1 1 0xc0000023 0x00000000 "},
    {"queue_states", BEHAVE_QUEUE_STATES, "0f 0d 0xc0200203 0f 0x8000001a 0e 0e "},
    {"timer", BEHAVE_TIMER, "0 1 1 0 1"},
    {"pnp_order", BEHAVE_PNP_ORDER,
     "prepare entry5 init | suspend exit4 entry4 restart | "
     "query-stop suspend exit5 release prepare entry5 restart | "
     "query-remove refused surprise suspend exit5 release | flush cleanup device-cleanup "},
    {"registry", BEHAVE_REGISTRY,
     "0x00000000 0x00000000 42 0xc0000034 0x00000000 0xc0000024 7 18 one two 0x00000000 "
     "0x00000000 0x00000000"},
    {"sddl", BEHAVE_SDDL, "111000000"},
};

static void check(const char *name, HANDLE device, ULONG test, const char *expected)
{
    char text[TEXT_BYTES];
    ask(device, test, text);
    if (strcmp(text, expected) != 0)
        fail(name, expected, text);
}

static void cancel_waiting(HANDLE device)
{
    OVERLAPPED first, second;
    begin(device, QUEUE_PEND, NULL, &first);
    begin(device, QUEUE_PEND, NULL, &second);
    check("cancel_waiting", device, QUEUE_COUNTS, "manual 2/0 sequential 0/0 cancels 0");
    CancelIoEx(device, &second);
    if (end(device, &second, WAIT_MS, NULL) != ERROR_OPERATION_ABORTED)
        fail("cancel_waiting", "the cancelled request did not end as such", "");
    check("cancel_waiting", device, QUEUE_COUNTS, "manual 1/0 sequential 0/0 cancels 0");
    check("cancel_waiting", device, QUEUE_COMPLETE_ONE, "");
    if (end(device, &first, WAIT_MS, NULL) != ERROR_SUCCESS)
        fail("cancel_waiting", "the other request did not succeed", "");
}

static void cancel_owned(HANDLE device)
{
    OVERLAPPED overlapped;
    begin(device, QUEUE_PEND_OWNED, NULL, &overlapped);
    CancelIoEx(device, &overlapped);
    if (end(device, &overlapped, WAIT_MS, NULL) != ERROR_OPERATION_ABORTED)
        fail("cancel_owned", "the cancelled request did not end as such", "");
    check("cancel_owned", device, QUEUE_COUNTS, "manual 0/0 sequential 0/0 cancels 1");
}

static void sequential(HANDLE device)
{
    OVERLAPPED first, second;
    begin(device, QUEUE_SEQUENTIAL, NULL, &first);
    begin(device, QUEUE_SEQUENTIAL, NULL, &second);
    check("sequential", device, QUEUE_COUNTS, "manual 0/0 sequential 1/1 cancels 1");
    check("sequential", device, QUEUE_COMPLETE_ONE, "");
    if (end(device, &first, WAIT_MS, NULL) != ERROR_SUCCESS)
        fail("sequential", "the first request did not succeed", "");
    check("sequential", device, QUEUE_COUNTS, "manual 0/0 sequential 0/1 cancels 1");
    check("sequential", device, QUEUE_COMPLETE_ONE, "");
    if (end(device, &second, WAIT_MS, NULL) != ERROR_SUCCESS)
        fail("sequential", "the second request did not succeed", "");
}

static void close_with_requests(HANDLE device)
{
    HANDLE other;
    OVERLAPPED overlapped;
    other = device_open();
    begin(other, QUEUE_PEND, NULL, &overlapped);
    check("close_with_requests", device, QUEUE_COUNTS, "manual 1/0 sequential 0/0 cancels 1");
    CloseHandle(other);
    check("close_with_requests", device, QUEUE_COUNTS, "manual 0/0 sequential 0/0 cancels 1");
}

static void behave(void)
{
    static char text[LOG_BYTES];
    long log_start = log_length();
    HANDLE device = driver_start();

    if (device == INVALID_HANDLE_VALUE) {
        fail("behave", "the driver does not start", "");
        return;
    }
    for (size_t i = 0; i < sizeof(behaviours) / sizeof(behaviours[0]); i++)
        check(behaviours[i].name, device, behaviours[i].test, behaviours[i].answer);
    cancel_waiting(device);
    cancel_owned(device);
    sequential(device);
    close_with_requests(device);
    CloseHandle(device);
    driver_stop();
    log_since(log_start, text);
    if (strstr(text, "WdfDmaEnablerCreate is not implemented") == NULL)
        fail("not_implemented", "the log does not name the function", text);
    if (strstr(text, "WdfldrTest: unloaded: ") == NULL || strstr(text, "STOP") != NULL)
        fail("unload", "the driver was not unloaded cleanly", text);
}

int wmain(int argc, wchar_t **argv);

int wmain(int argc, wchar_t **argv)
{
    if (argc != 3) {
        puts("usage: wdfldr_tests <path of wdfldr_test.sys> behave|misbehave");
        return 2;
    }
    GetFullPathNameW(argv[1], MAX_PATH, driver_path, NULL);
    if (!service_open())
        return 2;
    if (wcscmp(argv[2], L"behave") == 0) {
        behave();
    } else {
        for (size_t i = 0; i < sizeof(misbehaviours) / sizeof(misbehaviours[0]); i++)
            misbehave(&misbehaviours[i]);
    }
    DeleteService(service);
    CloseServiceHandle(service);
    CloseServiceHandle(manager);
    printf("%u failed\n", failures);
    return failures == 0 ? 0 : 1;
}
