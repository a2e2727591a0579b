/*
 * A file of the host, opened unbuffered on an asynchronous handle, so that requests of several
 * threads really run in parallel and the image is not cached twice.
 *
 * Each operation waits on an event of its own. Events are kept in slots: the first few are made
 * when the file is opened, so that the I/O path also works when nothing can be allocated.
 */
#include "host/ntkernel/ntkernel.h"
#include "host/ntkernel/flush_ntkernel.h"
#include "engine/base/checked.h"
#include "engine/base/utf16.h"

#define EVENT_SLOTS   16
#define EVENTS_MADE   8 /* when the file is opened */
#define PIECE_BYTES   ((size_t)1024 * 1024)
#define HOLE_BYTES    65536u /* NTFS makes holes of 16 clusters, and zeros of what is less */
#define SHARE_ACCESS  FILE_SHARE_READ
#define READ_ACCESS   (FILE_READ_DATA | FILE_READ_ATTRIBUTES | SYNCHRONIZE)
#define WRITE_ACCESS  FILE_WRITE_DATA
#define CREATE_OPTION (FILE_NON_DIRECTORY_FILE | FILE_NO_INTERMEDIATE_BUFFERING)

struct ntkernel_file {
    struct vdisk_file file; /* first */
    HANDLE handle;
    char *name;
    PVOID events[EVENT_SLOTS]; /* handles that nobody uses, or NULL; taken by exchange */
};

static struct ntkernel_file *ntkernel_of(struct vdisk_file *file)
{
    return (struct ntkernel_file *)file;
}

char *vdisk_utf8_from_unicode(const UNICODE_STRING *name)
{
    static const char not_unicode[] = "?";
    const size_t unit_count = name->Length / sizeof(WCHAR);
    const size_t text_bytes = unit_count * 3 + sizeof(not_unicode); /* the most that can be */
    char *text = vdisk_alloc(text_bytes);

    if (text != NULL &&
        !vdisk_utf16_to_utf8(name->Buffer, unit_count, VDISK_UTF16_LE, text, text_bytes))
        memcpy(text, not_unicode, sizeof(not_unicode));
    return text;
}

static NTSTATUS event_create(HANDLE *event)
{
    OBJECT_ATTRIBUTES attributes;

    InitializeObjectAttributes(&attributes, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
    return ZwCreateEvent(event, EVENT_ALL_ACCESS, &attributes, SynchronizationEvent, FALSE);
}

static NTSTATUS event_take(struct ntkernel_file *self, HANDLE *event)
{
    for (ULONG i = 0; i < EVENT_SLOTS; i++) {
        *event = InterlockedExchangePointer(&self->events[i], NULL);
        if (*event != NULL)
            return STATUS_SUCCESS;
    }
    return event_create(event);
}

static void event_give_back(struct ntkernel_file *self, HANDLE event)
{
    for (ULONG i = 0; i < EVENT_SLOTS; i++) {
        if (InterlockedCompareExchangePointer(&self->events[i], event, NULL) == NULL)
            return;
    }
    ZwClose(event);
}

static void events_close(struct ntkernel_file *self)
{
    for (ULONG i = 0; i < EVENT_SLOTS; i++) {
        if (self->events[i] != NULL)
            ZwClose(self->events[i]);
    }
}

/*
 * The outcome of an operation that was started with `event` and `result`, whose Status the caller
 * had set to STATUS_PENDING. An event may still be signalled from an operation that was never
 * waited for, so it is the result that says when the operation is over.
 */
static NTSTATUS operation_wait(NTSTATUS status, HANDLE event, volatile IO_STATUS_BLOCK *result)
{
    if (status != STATUS_PENDING)
        return status;
    while (result->Status == STATUS_PENDING)
        ZwWaitForSingleObject(event, FALSE, NULL);
    return result->Status;
}

static enum vdisk_status fail(struct ntkernel_file *self, NTSTATUS native, uint64_t offset_bytes,
                              const char *reason, struct vdisk_error *error)
{
    return vdisk_fail_native(error, vdisk_status_from_ntstatus(native), (uint32_t)native,
                             self->name, offset_bytes, reason);
}

static enum vdisk_status read_piece(struct ntkernel_file *self, HANDLE event, uint64_t offset_bytes,
                                    unsigned char *buffer, size_t length_bytes,
                                    struct vdisk_error *error)
{
    IO_STATUS_BLOCK result = {.Status = STATUS_PENDING};
    LARGE_INTEGER offset = {.QuadPart = (LONGLONG)offset_bytes};
    NTSTATUS status = ZwReadFile(self->handle, event, NULL, NULL, &result, buffer,
                                 (ULONG)length_bytes, &offset, NULL);

    status = operation_wait(status, event, &result);
    if (!NT_SUCCESS(status))
        return fail(self, status, offset_bytes, "reading failed", error);
    if (result.Information == length_bytes)
        return VDISK_OK;
    /* The file may end inside the last host sector. */
    if (result.Information > length_bytes ||
        length_bytes - result.Information >= self->file.alignment_bytes)
        return fail(self, STATUS_END_OF_FILE, offset_bytes, "the file ends here", error);
    memset(buffer + result.Information, 0, length_bytes - result.Information);
    return VDISK_OK;
}

static enum vdisk_status write_piece(struct ntkernel_file *self, HANDLE event,
                                     uint64_t offset_bytes, const unsigned char *buffer,
                                     size_t length_bytes, struct vdisk_error *error)
{
    IO_STATUS_BLOCK result = {.Status = STATUS_PENDING};
    LARGE_INTEGER offset = {.QuadPart = (LONGLONG)offset_bytes};
    NTSTATUS status = ZwWriteFile(self->handle, event, NULL, NULL, &result, (PVOID)buffer,
                                  (ULONG)length_bytes, &offset, NULL);

    status = operation_wait(status, event, &result);
    if (NT_SUCCESS(status) && result.Information != length_bytes)
        status = STATUS_DISK_FULL;
    if (!NT_SUCCESS(status))
        return fail(self, status, offset_bytes, "writing failed", error);
    return VDISK_OK;
}

static enum vdisk_status ntkernel_read(struct vdisk_file *file, uint64_t offset_bytes, void *buffer,
                                       size_t length_bytes, struct vdisk_error *error)
{
    struct ntkernel_file *self = ntkernel_of(file);
    enum vdisk_status status = VDISK_OK;
    HANDLE event;
    NTSTATUS native = event_take(self, &event);

    if (!NT_SUCCESS(native))
        return fail(self, native, offset_bytes, "no event to wait on", error);
    for (size_t done = 0; done < length_bytes && status == VDISK_OK; done += PIECE_BYTES)
        status = read_piece(self, event, offset_bytes + done, (unsigned char *)buffer + done,
                            vdisk_min_size(length_bytes - done, PIECE_BYTES), error);
    event_give_back(self, event);
    return status;
}

static enum vdisk_status ntkernel_write(struct vdisk_file *file, uint64_t offset_bytes,
                                        const void *buffer, size_t length_bytes,
                                        struct vdisk_error *error)
{
    struct ntkernel_file *self = ntkernel_of(file);
    enum vdisk_status status = VDISK_OK;
    HANDLE event;
    NTSTATUS native = event_take(self, &event);

    if (!NT_SUCCESS(native))
        return fail(self, native, offset_bytes, "no event to wait on", error);
    for (size_t done = 0; done < length_bytes && status == VDISK_OK; done += PIECE_BYTES)
        status = write_piece(self, event, offset_bytes + done, (const unsigned char *)buffer + done,
                             vdisk_min_size(length_bytes - done, PIECE_BYTES), error);
    event_give_back(self, event);
    return status;
}

static enum vdisk_status ntkernel_flush(struct vdisk_file *file, struct vdisk_error *error)
{
    struct ntkernel_file *self = ntkernel_of(file);
    NTSTATUS status = vdisk_flush_ntkernel(self->handle);

    return NT_SUCCESS(status) ? VDISK_OK
                              : fail(self, status, VDISK_NO_OFFSET, "flushing failed", error);
}

static enum vdisk_status ntkernel_get_size(struct vdisk_file *file, uint64_t *size_bytes,
                                           struct vdisk_error *error)
{
    struct ntkernel_file *self = ntkernel_of(file);
    FILE_STANDARD_INFORMATION information;
    IO_STATUS_BLOCK result;
    NTSTATUS status = ZwQueryInformationFile(self->handle, &result, &information,
                                             sizeof(information), FileStandardInformation);

    if (!NT_SUCCESS(status))
        return fail(self, status, VDISK_NO_OFFSET, "the size cannot be read", error);
    *size_bytes = (uint64_t)information.EndOfFile.QuadPart;
    return VDISK_OK;
}

static enum vdisk_status ntkernel_set_size(struct vdisk_file *file, uint64_t size_bytes,
                                           struct vdisk_error *error)
{
    struct ntkernel_file *self = ntkernel_of(file);
    FILE_END_OF_FILE_INFORMATION information = {.EndOfFile.QuadPart = (LONGLONG)size_bytes};
    IO_STATUS_BLOCK result;
    NTSTATUS status = ZwSetInformationFile(self->handle, &result, &information, sizeof(information),
                                           FileEndOfFileInformation);

    return NT_SUCCESS(status) ? VDISK_OK
                              : fail(self, status, size_bytes, "the size cannot be set", error);
}

static NTSTATUS control(struct ntkernel_file *self, ULONG code, void *input, ULONG input_bytes)
{
    IO_STATUS_BLOCK result = {.Status = STATUS_PENDING};
    HANDLE event;
    NTSTATUS status = event_take(self, &event);

    if (!NT_SUCCESS(status))
        return status;
    status = ZwFsControlFile(self->handle, event, NULL, NULL, &result, code, input, input_bytes,
                             NULL, 0);
    status = operation_wait(status, event, &result);
    event_give_back(self, event);
    return status;
}

static enum vdisk_status ntkernel_punch(struct vdisk_file *file, uint64_t offset_bytes,
                                        uint64_t length_bytes, struct vdisk_error *error)
{
    struct ntkernel_file *self = ntkernel_of(file);
    FILE_ZERO_DATA_INFORMATION range = {.FileOffset.QuadPart = (LONGLONG)offset_bytes,
                                        .BeyondFinalZero.QuadPart =
                                            (LONGLONG)(offset_bytes + length_bytes)};
    NTSTATUS status = control(self, FSCTL_SET_ZERO_DATA, &range, sizeof(range));

    return NT_SUCCESS(status) ? VDISK_OK
                              : fail(self, status, offset_bytes, "no hole can be made", error);
}

/* In a file that is not marked sparse Windows would write the zeros. */
static enum vdisk_status ntkernel_allow_holes(struct vdisk_file *file, struct vdisk_error *error)
{
    struct ntkernel_file *self = ntkernel_of(file);
    NTSTATUS status = control(self, FSCTL_SET_SPARSE, NULL, 0);

    return NT_SUCCESS(status)
               ? VDISK_OK
               : fail(self, status, VDISK_NO_OFFSET, "the file cannot be marked sparse", error);
}

static void ntkernel_close(struct vdisk_file *file)
{
    struct ntkernel_file *self = ntkernel_of(file);

    vdisk_file_deinit(&self->file);
    events_close(self);
    ZwClose(self->handle);
    vdisk_free(self->name);
    vdisk_free(self);
}

static const struct vdisk_file_ops ntkernel_ops = {
    .read = ntkernel_read,
    .write = ntkernel_write,
    .flush = ntkernel_flush,
    .get_size = ntkernel_get_size,
    .set_size = ntkernel_set_size,
    .punch = ntkernel_punch,
    .allow_holes = ntkernel_allow_holes,
    .close = ntkernel_close,
};

static NTSTATUS open_handle(const UNICODE_STRING *path, ACCESS_MASK access, HANDLE *handle)
{
    OBJECT_ATTRIBUTES attributes;
    IO_STATUS_BLOCK result;

    InitializeObjectAttributes(&attributes, (PUNICODE_STRING)path,
                               OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE, NULL, NULL);
    return ZwCreateFile(handle, access, &attributes, &result, NULL, FILE_ATTRIBUTE_NORMAL,
                        SHARE_ACCESS, FILE_OPEN, CREATE_OPTION, NULL, 0);
}

static bool has_attribute(HANDLE handle, ULONG attribute)
{
    FILE_BASIC_INFORMATION information;
    IO_STATUS_BLOCK result;
    NTSTATUS status = ZwQueryInformationFile(handle, &result, &information, sizeof(information),
                                             FileBasicInformation);

    return NT_SUCCESS(status) && (information.FileAttributes & attribute) != 0;
}

/* Some file systems let a read-only file be opened for writing by those who may do anything. */
static bool is_marked_read_only(HANDLE handle)
{
    return has_attribute(handle, FILE_ATTRIBUTE_READONLY);
}

/* What the file system can do, and whether the file is marked for it. */
static void find_holes(struct ntkernel_file *self)
{
    union {
        FILE_FS_ATTRIBUTE_INFORMATION information;
        unsigned char bytes[128]; /* with the name, of which nobody needs the rest */
    } attributes;
    IO_STATUS_BLOCK result;
    NTSTATUS status = ZwQueryVolumeInformationFile(self->handle, &result, &attributes,
                                                   sizeof(attributes), FileFsAttributeInformation);

    self->file.punch_bytes = 0;
    if (!NT_SUCCESS(status) && status != STATUS_BUFFER_OVERFLOW)
        return;
    if ((attributes.information.FileSystemAttributes & FILE_SUPPORTS_SPARSE_FILES) != 0)
        self->file.punch_bytes = HOLE_BYTES;
    atomic_store(&self->file.holes_allowed,
                 has_attribute(self->handle, FILE_ATTRIBUTE_SPARSE_FILE));
}

static NTSTATUS open_readable_or_writable(const UNICODE_STRING *path, bool *read_only,
                                          HANDLE *handle)
{
    NTSTATUS status = STATUS_ACCESS_DENIED;

    if (!*read_only)
        status = open_handle(path, READ_ACCESS | WRITE_ACCESS, handle);
    if (NT_SUCCESS(status)) {
        if (!is_marked_read_only(*handle))
            return status;
        ZwClose(*handle);
    } else if (status != STATUS_ACCESS_DENIED && status != STATUS_MEDIA_WRITE_PROTECTED) {
        return status;
    }
    *read_only = true;
    return open_handle(path, READ_ACCESS, handle);
}

/* The unit in which an unbuffered file must be read and written. */
static NTSTATUS query_sector_bytes(HANDLE handle, uint32_t *sector_bytes)
{
    FILE_FS_SIZE_INFORMATION information;
    IO_STATUS_BLOCK result;
    NTSTATUS status = ZwQueryVolumeInformationFile(handle, &result, &information,
                                                   sizeof(information), FileFsSizeInformation);

    if (NT_SUCCESS(status))
        *sector_bytes = information.BytesPerSector;
    return status;
}

/*
 * Disks want less of memory than of offsets: a caller's buffer need not be copied. Windows always
 * tells how much; where nobody does, it is the usual four bytes.
 */
static void set_buffer_alignment(struct ntkernel_file *self)
{
    FILE_ALIGNMENT_INFORMATION information;
    IO_STATUS_BLOCK result;
    NTSTATUS status = ZwQueryInformationFile(self->handle, &result, &information,
                                             sizeof(information), FileAlignmentInformation);
    const uint32_t alignment_bytes =
        (NT_SUCCESS(status) ? information.AlignmentRequirement : FILE_LONG_ALIGNMENT) + 1;

    if (vdisk_is_power_of_two(alignment_bytes) && alignment_bytes < self->file.alignment_bytes)
        self->file.buffer_alignment_bytes = alignment_bytes;
}

static NTSTATUS make_events(struct ntkernel_file *self)
{
    NTSTATUS status = STATUS_SUCCESS;

    for (ULONG i = 0; i < EVENTS_MADE && NT_SUCCESS(status); i++)
        status = event_create(&self->events[i]);
    return status;
}

/* On failure whatever was acquired is given back, the handle included. */
static enum vdisk_status finish_open(struct ntkernel_file *self, bool read_only,
                                     struct vdisk_error *error)
{
    uint32_t sector_bytes = 0;
    enum vdisk_status status;
    NTSTATUS native = query_sector_bytes(self->handle, &sector_bytes);

    if (NT_SUCCESS(native))
        native = make_events(self);
    status = NT_SUCCESS(native)
                 ? vdisk_file_init(&self->file, &ntkernel_ops, self->name, sector_bytes, read_only,
                                   error)
                 : fail(self, native, VDISK_NO_OFFSET, "the file cannot be examined", error);
    if (status != VDISK_OK) {
        events_close(self);
        ZwClose(self->handle);
        return status;
    }
    set_buffer_alignment(self);
    find_holes(self);
    return VDISK_OK;
}

enum vdisk_status vdisk_file_ntkernel_open(const UNICODE_STRING *path, bool read_only,
                                           struct vdisk_file **file, struct vdisk_error *error)
{
    struct ntkernel_file *self = vdisk_alloc(sizeof(*self));
    enum vdisk_status status = VDISK_NO_MEMORY;
    NTSTATUS native;

    if (self == NULL)
        return vdisk_fail(error, VDISK_NO_MEMORY, NULL, NULL, VDISK_NO_OFFSET, NULL);
    self->name = vdisk_utf8_from_unicode(path);
    if (self->name == NULL) {
        vdisk_fail(error, VDISK_NO_MEMORY, NULL, NULL, VDISK_NO_OFFSET, NULL);
        goto failed;
    }
    native = open_readable_or_writable(path, &read_only, &self->handle);
    status = NT_SUCCESS(native) ? finish_open(self, read_only, error)
                                : fail(self, native, VDISK_NO_OFFSET, NULL, error);
    if (status != VDISK_OK)
        goto failed;
    *file = &self->file;
    return VDISK_OK;

failed:
    vdisk_free(self->name);
    vdisk_free(self);
    return status;
}
