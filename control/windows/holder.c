#include "holder.h"

#include "object_name.h"
#include "output.h"
#include "wide_win32.h"
#include "virtualdisk/platform.h"

#include <tlhelp32.h>
#include <winternl.h>

#define LIST_BYTES_MIN (64u << 10)
#define LIST_BYTES_MAX (64u << 20)

#define STATUS_LENGTH_MISMATCH ((NTSTATUS)0xc0000004)

/* Windows' names and layouts, which not every SDK has. */
#define FILE_PROCESS_IDS_USING_FILE 47 /* since Windows Vista */
#define SYSTEM_EXTENDED_HANDLES     64

struct process_list {
    ULONG count;
    ULONG_PTR ids[];
};

struct handle_entry {
    void *object;
    ULONG_PTR process_id;
    ULONG_PTR value;
    ULONG access;
    USHORT trace_index;
    USHORT type_index;
    ULONG attributes;
    ULONG reserved;
};

struct handle_list {
    ULONG_PTR count;
    ULONG_PTR reserved;
    struct handle_entry entries[];
};

static bool append(struct vdisk_holders *holders, DWORD process_id)
{
    if (process_id == GetCurrentProcessId())
        return true;
    for (size_t i = 0; i < holders->count; i++) {
        if (holders->items[i].process_id == process_id)
            return true;
    }
    struct vdisk_holder *grown = vdisk_alloc_array(holders->count + 1, sizeof(*grown));
    if (grown == NULL)
        return false;
    if (holders->count > 0)
        memcpy(grown, holders->items, holders->count * sizeof(*grown));
    vdisk_free(holders->items);
    holders->items = grown;
    grown[holders->count++].process_id = process_id;
    return true;
}

typedef NTSTATUS list_query(HANDLE volume, void *list, ULONG bytes);

static NTSTATUS query_processes(HANDLE volume, void *list, ULONG bytes)
{
    IO_STATUS_BLOCK result;
    return NtQueryInformationFile(volume, &result, list, bytes,
                                  (FILE_INFORMATION_CLASS)FILE_PROCESS_IDS_USING_FILE);
}

static NTSTATUS query_handles(HANDLE volume, void *list, ULONG bytes)
{
    (void)volume;
    return NtQuerySystemInformation((SYSTEM_INFORMATION_CLASS)SYSTEM_EXTENDED_HANDLES, list, bytes,
                                    NULL);
}

/* A list of a length that is not known before; NULL: the system does not tell. */
static void *get_list(list_query *query, HANDLE volume)
{
    for (ULONG bytes = LIST_BYTES_MIN; bytes <= LIST_BYTES_MAX; bytes *= 4) {
        void *list = vdisk_alloc(bytes);
        if (list == NULL)
            return NULL;
        NTSTATUS status = query(volume, list, bytes);
        if (status >= 0)
            return list;
        vdisk_free(list);
        if (status != STATUS_LENGTH_MISMATCH)
            return NULL;
    }
    return NULL;
}

static void find_by_volume(HANDLE volume, struct vdisk_holders *holders)
{
    struct process_list *list = get_list(query_processes, volume);
    for (ULONG i = 0; list != NULL && i < list->count; i++)
        append(holders, (DWORD)list->ids[i]);
    vdisk_free(list);
}

/* What the list calls a file: our own handle of the volume is one. */
static bool find_file_type(const struct handle_list *list, HANDLE volume, USHORT *type_index)
{
    for (ULONG_PTR i = 0; i < list->count; i++) {
        const struct handle_entry *entry = &list->entries[i];
        if (entry->process_id == GetCurrentProcessId() && entry->value == (ULONG_PTR)volume) {
            *type_index = entry->type_index;
            return true;
        }
    }
    return false;
}

/* The handle in the other process as one of ours; NULL: gone, or not for us. */
static HANDLE borrow(const struct handle_entry *entry)
{
    HANDLE process = OpenProcess(PROCESS_DUP_HANDLE, FALSE, (DWORD)entry->process_id);
    HANDLE object = NULL;
    if (process == NULL)
        return NULL;
    if (!DuplicateHandle(process, (HANDLE)entry->value, GetCurrentProcess(), &object, 0, FALSE,
                         DUPLICATE_SAME_ACCESS))
        object = NULL;
    CloseHandle(process);
    return object;
}

static bool is_on_volume(const wchar_t *name, const wchar_t *kernel_name)
{
    size_t length = wcslen(kernel_name);
    return _wcsnicmp(name, kernel_name, length) == 0 &&
           (name[length] == L'\0' || name[length] == L'\\');
}

/* Looks at the name of every file that is open anywhere. */
static void find_by_name(HANDLE volume, const wchar_t *kernel_name, struct vdisk_holders *holders)
{
    struct handle_list *list = get_list(query_handles, volume);
    struct vdisk_object_namer *namer = vdisk_object_namer_make();
    USHORT type_index = 0;
    bool usable = list != NULL && namer != NULL && find_file_type(list, volume, &type_index);
    for (ULONG_PTR i = 0; usable && i < list->count; i++) {
        const struct handle_entry *entry = &list->entries[i];
        if (entry->type_index != type_index || entry->process_id == GetCurrentProcessId())
            continue;
        HANDLE object = borrow(entry);
        const wchar_t *name = object == NULL ? L"" : vdisk_object_namer_ask(namer, object);
        if (name == NULL)
            usable = false;
        else if (is_on_volume(name, kernel_name))
            append(holders, (DWORD)entry->process_id);
    }
    vdisk_object_namer_free(namer);
    vdisk_free(list);
}

static void name_holder(const PROCESSENTRY32W *process, struct vdisk_holders *holders)
{
    for (size_t i = 0; i < holders->count; i++) {
        struct vdisk_holder *holder = &holders->items[i];
        if (holder->process_id == process->th32ProcessID && holder->name == NULL)
            holder->name = vdisk_utf8_from_wide(process->szExeFile);
    }
}

static void name_holders(struct vdisk_holders *holders)
{
    HANDLE snapshot = holders->count == 0 ? INVALID_HANDLE_VALUE
                                          : CreateToolhelp32Snapshot(TH32CS_SNAPPROCESS, 0);
    if (snapshot == INVALID_HANDLE_VALUE)
        return;
    PROCESSENTRY32W process = {.dwSize = sizeof(process)};
    for (BOOL more = Process32FirstW(snapshot, &process); more;
         more = Process32NextW(snapshot, &process))
        name_holder(&process, holders);
    CloseHandle(snapshot);
}

void vdisk_holders_find(HANDLE volume, const wchar_t *kernel_name, struct vdisk_holders *holders)
{
    *holders = (struct vdisk_holders){0};
    find_by_volume(volume, holders);
    if (holders->count == 0)
        find_by_name(volume, kernel_name, holders);
    name_holders(holders);
}

void vdisk_holders_free(struct vdisk_holders *holders)
{
    for (size_t i = 0; i < holders->count; i++)
        vdisk_free(holders->items[i].name);
    vdisk_free(holders->items);
    *holders = (struct vdisk_holders){0};
}

char *vdisk_holders_text(const struct vdisk_holders *holders)
{
    char *text = NULL;
    for (size_t i = 0; i < holders->count; i++) {
        const struct vdisk_holder *holder = &holders->items[i];
        char *longer = vdisk_text_format(
            "%s%s%s (process %lu)", text == NULL ? "" : text, i == 0 ? "" : ", ",
            holder->name == NULL ? "a program" : holder->name, holder->process_id);
        vdisk_free(text);
        text = longer;
    }
    return text;
}

void vdisk_holders_print_json(const struct vdisk_holders *holders, struct vdisk_json *json,
                              const char *name)
{
    vdisk_json_begin_array(json, name);
    for (size_t i = 0; i < holders->count; i++) {
        vdisk_json_begin_object(json, NULL);
        vdisk_json_number(json, "id", holders->items[i].process_id);
        vdisk_json_string(json, "name", holders->items[i].name);
        vdisk_json_end_object(json);
    }
    vdisk_json_end_array(json);
}
