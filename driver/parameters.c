#include "driver/parameters.h"
#include "virtualdisk/driver_abi.h"
#include "virtualdisk/platform.h"

/* One parameter: where it is, and of which type it has to be there. */
typedef struct _VD_SOURCE {
    DEVPROPID PropertyId;
    DEVPROPTYPE PropertyType;
    PCWSTR ValueName;
    ULONG ValueType;
} VD_SOURCE;

#define SOURCE(Name, PropertyType, ValueType)                                                      \
    {                                                                                              \
        VIRTUALDISK_PID_##Name, DEVPROP_TYPE_##PropertyType, VIRTUALDISK_VALUE_##Name, ValueType   \
    }

static const VD_SOURCE PathSource = SOURCE(FILE_PATH, STRING, REG_SZ);
static const VD_SOURCE FlagsSource = SOURCE(FLAGS, UINT32, REG_DWORD);
static const VD_SOURCE FormatSource = SOURCE(FORMAT, STRING, REG_SZ);
static const VD_SOURCE FilesSource = SOURCE(FILES, STRING_LIST, REG_MULTI_SZ);
static const VD_SOURCE WindowSource = SOURCE(WINDOW, BINARY, REG_BINARY);
static const VD_SOURCE OverlaySource = SOURCE(OVERLAY, STRING, REG_SZ);
static const VD_SOURCE OverlayFormatSource = SOURCE(OVERLAY_FORMAT, STRING, REG_SZ);
static const VD_SOURCE MemorySource = SOURCE(MEMORY, UINT64, REG_QWORD);
static const VD_SOURCE SectorSource = SOURCE(SECTOR_SIZE, UINT32, REG_DWORD);
static const VD_SOURCE LetterSource = SOURCE(LETTER, STRING, REG_SZ);
static const VD_SOURCE AccessSource = SOURCE(ACCESS, STRING, REG_SZ);

/* Whose parameters: those of a device, or of one that is about to be made. */
typedef struct _VD_OWNER {
    WDFDEVICE Device;
    PWDFDEVICE_INIT Init; /* where there is no device yet */
} VD_OWNER;

/* Fails with a status that kernels without device properties choose as they like. */
static NTSTATUS QueryProperty(const VD_OWNER *Owner, const VD_SOURCE *Source, WDFMEMORY *Memory)
{
    const DEVPROPKEY Key = {VIRTUALDISK_PROPERTY_GUID, Source->PropertyId};
    WDF_DEVICE_PROPERTY_DATA Property;
    DEVPROPTYPE Type;
    NTSTATUS Status;

    WDF_DEVICE_PROPERTY_DATA_INIT(&Property, &Key);
    Status = Owner->Init != NULL
                 ? WdfFdoInitAllocAndQueryPropertyEx(Owner->Init, &Property, PagedPool,
                                                     WDF_NO_OBJECT_ATTRIBUTES, Memory, &Type)
                 : WdfDeviceAllocAndQueryPropertyEx(Owner->Device, &Property, PagedPool,
                                                    WDF_NO_OBJECT_ATTRIBUTES, Memory, &Type);
    if (NT_SUCCESS(Status) && Type != Source->PropertyType) {
        WdfObjectDelete(*Memory);
        Status = STATUS_OBJECT_TYPE_MISMATCH;
    }
    return Status;
}

static NTSTATUS OpenKey(const VD_OWNER *Owner, WDFKEY *Key)
{
    return Owner->Init != NULL ? WdfFdoInitOpenRegistryKey(Owner->Init, PLUGPLAY_REGKEY_DEVICE,
                                                           KEY_READ, WDF_NO_OBJECT_ATTRIBUTES, Key)
                               : WdfDeviceOpenRegistryKey(Owner->Device, PLUGPLAY_REGKEY_DEVICE,
                                                          KEY_READ, WDF_NO_OBJECT_ATTRIBUTES, Key);
}

static NTSTATUS QueryValue(const VD_OWNER *Owner, const VD_SOURCE *Source, WDFMEMORY *Memory)
{
    UNICODE_STRING Name;
    ULONG Type;
    WDFKEY Key;
    NTSTATUS Status = OpenKey(Owner, &Key);

    /* Some devices have no such key. What is not said there leaves the strictest choice. */
    if (!NT_SUCCESS(Status))
        return STATUS_OBJECT_NAME_NOT_FOUND;
    RtlInitUnicodeString(&Name, Source->ValueName);
    Status = WdfRegistryQueryMemory(Key, &Name, PagedPool, WDF_NO_OBJECT_ATTRIBUTES, Memory, &Type);
    WdfRegistryClose(Key);
    if (NT_SUCCESS(Status) && Type != Source->ValueType) {
        WdfObjectDelete(*Memory);
        Status = STATUS_OBJECT_TYPE_MISMATCH;
    }
    return Status;
}

/*
 * Copies a parameter's bytes into memory of our own (vdisk_free), with two zero bytes behind them.
 * A parameter that is nowhere: success and no bytes.
 */
static NTSTATUS ReadParameter(const VD_OWNER *Owner, const VD_SOURCE *Source, PVOID *Bytes,
                              size_t *Length)
{
    WDFMEMORY Memory;
    NTSTATUS Status;
    PVOID Value;

    *Bytes = NULL;
    *Length = 0;
    Status = QueryProperty(Owner, Source, &Memory);
    if (!NT_SUCCESS(Status) && Status != STATUS_OBJECT_TYPE_MISMATCH)
        Status = QueryValue(Owner, Source, &Memory);
    if (Status == STATUS_OBJECT_NAME_NOT_FOUND || Status == STATUS_RESOURCE_DATA_NOT_FOUND)
        return STATUS_SUCCESS;
    if (!NT_SUCCESS(Status))
        return Status;

    Value = WdfMemoryGetBuffer(Memory, Length);
    *Bytes = vdisk_alloc(*Length + sizeof(WCHAR));
    if (*Bytes != NULL)
        RtlCopyMemory(*Bytes, Value, *Length);
    WdfObjectDelete(Memory);
    return *Bytes != NULL ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
}

/* The text ends with its first NUL, or, without one, with the value. */
static NTSTATUS MeasureString(PCWSTR Buffer, size_t Length, USHORT *StringLength)
{
    size_t Count = 0;

    if (Length % sizeof(WCHAR) != 0)
        return STATUS_INVALID_PARAMETER;
    while (Count < Length / sizeof(WCHAR) && Buffer[Count] != UNICODE_NULL)
        Count++;
    if (Count > VIRTUALDISK_PATH_CHARS)
        return STATUS_NAME_TOO_LONG;
    *StringLength = (USHORT)(Count * sizeof(WCHAR));
    return STATUS_SUCCESS;
}

static NTSTATUS ReadString(const VD_OWNER *Owner, const VD_SOURCE *Source, UNICODE_STRING *String)
{
    PWSTR Buffer;
    size_t Length;
    NTSTATUS Status = ReadParameter(Owner, Source, (PVOID *)&Buffer, &Length);

    RtlZeroMemory(String, sizeof(*String));
    if (!NT_SUCCESS(Status) || Buffer == NULL)
        return Status;
    Status = MeasureString(Buffer, Length, &String->Length);
    if (!NT_SUCCESS(Status)) {
        vdisk_free(Buffer);
        return Status;
    }
    String->Buffer = Buffer;
    String->MaximumLength = String->Length;
    return STATUS_SUCCESS;
}

static NTSTATUS ReadStringList(const VD_OWNER *Owner, const VD_SOURCE *Source, UNICODE_STRING *List)
{
    PVOID Buffer;
    size_t Length;
    NTSTATUS Status = ReadParameter(Owner, Source, &Buffer, &Length);

    RtlZeroMemory(List, sizeof(*List));
    if (!NT_SUCCESS(Status) || Buffer == NULL)
        return Status;
    if (Length > UNICODE_STRING_MAX_BYTES) {
        vdisk_free(Buffer);
        return STATUS_NAME_TOO_LONG;
    }
    List->Buffer = Buffer;
    List->Length = List->MaximumLength = (USHORT)(Length & ~(size_t)1);
    return STATUS_SUCCESS;
}

/* A parameter of a fixed size; one that is absent leaves *Value as it is. */
static NTSTATUS ReadFixed(const VD_OWNER *Owner, const VD_SOURCE *Source, PVOID Value, size_t Size)
{
    PVOID Bytes;
    size_t Length;
    NTSTATUS Status = ReadParameter(Owner, Source, &Bytes, &Length);

    if (!NT_SUCCESS(Status) || Bytes == NULL)
        return Status;
    if (Length == Size)
        RtlCopyMemory(Value, Bytes, Size);
    vdisk_free(Bytes);
    return Length == Size ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

static NTSTATUS ReadFlags(const VD_OWNER *Owner, VD_PARAMETERS *Parameters)
{
    NTSTATUS Status = ReadFixed(Owner, &FlagsSource, &Parameters->Flags, sizeof(Parameters->Flags));

    if (NT_SUCCESS(Status) && (Parameters->Flags & ~VIRTUALDISK_FLAGS_KNOWN) != 0)
        Status = STATUS_INVALID_PARAMETER;
    return Status;
}

/* Plug and Play has brought back what was to be gone after a restart. */
static NTSTATUS RefuseReturned(const VD_OWNER *Owner, VD_PARAMETERS *Parameters)
{
    UNICODE_STRING Name;
    WDFKEY Key, Mark;
    NTSTATUS Status;

    if ((Parameters->Flags & VIRTUALDISK_FLAG_VOLATILE) == 0)
        return STATUS_SUCCESS;
    Status = OpenKey(Owner, &Key);
    if (NT_SUCCESS(Status)) {
        RtlInitUnicodeString(&Name, VIRTUALDISK_KEY_VOLATILE);
        Status = WdfRegistryOpenKey(Key, &Name, KEY_READ, WDF_NO_OBJECT_ATTRIBUTES, &Mark);
        if (NT_SUCCESS(Status))
            WdfRegistryClose(Mark);
        WdfRegistryClose(Key);
    }
    return Status == STATUS_OBJECT_NAME_NOT_FOUND ? VD_STATUS_RETURNED : Status;
}

static NTSTATUS ReadWindow(const VD_OWNER *Owner, VD_PARAMETERS *Parameters)
{
    struct virtualdisk_window *Window = &Parameters->Window;
    NTSTATUS Status;

    Window->version = VIRTUALDISK_ABI_VERSION;
    Status = ReadFixed(Owner, &WindowSource, Window, sizeof(*Window));
    if (NT_SUCCESS(Status) &&
        (Window->version != VIRTUALDISK_ABI_VERSION || Window->style > VIRTUALDISK_STYLE_GPT))
        Status = STATUS_INVALID_PARAMETER;
    return Status;
}

/* Names of formats are short and ASCII. */
static NTSTATUS ReadFormat(const VD_OWNER *Owner, const VD_SOURCE *Source,
                           CHAR Format[VD_FORMAT_BYTES])
{
    UNICODE_STRING Name;
    NTSTATUS Status = ReadString(Owner, Source, &Name);
    const USHORT Count = Name.Length / sizeof(WCHAR);

    RtlZeroMemory(Format, VD_FORMAT_BYTES);
    if (!NT_SUCCESS(Status))
        return Status;
    if (Count >= VD_FORMAT_BYTES)
        Status = STATUS_INVALID_PARAMETER;
    for (USHORT i = 0; i < Count && NT_SUCCESS(Status); i++) {
        if (Name.Buffer[i] > 0x7e)
            Status = STATUS_INVALID_PARAMETER;
        Format[i] = (CHAR)Name.Buffer[i];
    }
    vdisk_free(Name.Buffer);
    return Status;
}

/* "V:" */
static NTSTATUS ReadLetter(const VD_OWNER *Owner, VD_PARAMETERS *Parameters)
{
    UNICODE_STRING Name;
    WCHAR Letter = 0;
    NTSTATUS Status = ReadString(Owner, &LetterSource, &Name);

    if (!NT_SUCCESS(Status) || Name.Buffer == NULL)
        return Status;
    if (Name.Length == 2 * sizeof(WCHAR) && Name.Buffer[1] == L':')
        Letter = RtlUpcaseUnicodeChar(Name.Buffer[0]);
    vdisk_free(Name.Buffer);
    if (Letter < L'A' || Letter > L'Z')
        return STATUS_INVALID_PARAMETER;
    Parameters->Letter = Letter;
    return STATUS_SUCCESS;
}

static NTSTATUS ReadPath(const VD_OWNER *Owner, VD_PARAMETERS *Parameters)
{
    const NTSTATUS Status = ReadString(Owner, &PathSource, &Parameters->Path);

    return NT_SUCCESS(Status) && Parameters->Path.Length == 0 ? STATUS_DEVICE_CONFIGURATION_ERROR
                                                              : Status;
}

static NTSTATUS ReadImageFormat(const VD_OWNER *Owner, VD_PARAMETERS *Parameters)
{
    return ReadFormat(Owner, &FormatSource, Parameters->Format);
}

static NTSTATUS ReadFiles(const VD_OWNER *Owner, VD_PARAMETERS *Parameters)
{
    return ReadStringList(Owner, &FilesSource, &Parameters->Files);
}

static NTSTATUS ReadOverlay(const VD_OWNER *Owner, VD_PARAMETERS *Parameters)
{
    return ReadString(Owner, &OverlaySource, &Parameters->Overlay);
}

static NTSTATUS ReadOverlayFormat(const VD_OWNER *Owner, VD_PARAMETERS *Parameters)
{
    return ReadFormat(Owner, &OverlayFormatSource, Parameters->OverlayFormat);
}

static NTSTATUS ReadMemory(const VD_OWNER *Owner, VD_PARAMETERS *Parameters)
{
    return ReadFixed(Owner, &MemorySource, &Parameters->MemoryBytes,
                     sizeof(Parameters->MemoryBytes));
}

static NTSTATUS ReadSectorSize(const VD_OWNER *Owner, VD_PARAMETERS *Parameters)
{
    return ReadFixed(Owner, &SectorSource, &Parameters->SectorBytes,
                     sizeof(Parameters->SectorBytes));
}

static const struct {
    const char *Name;
    NTSTATUS (*Read)(const VD_OWNER *Owner, VD_PARAMETERS *Parameters);
} Readers[] = {
    {"parameter FilePath", ReadPath},
    {"parameter Flags", ReadFlags},
    {NULL, RefuseReturned},
    {"parameter Format", ReadImageFormat},
    {"parameter Files", ReadFiles},
    {"parameter Window", ReadWindow},
    {"parameter Overlay", ReadOverlay},
    {"parameter OverlayFormat", ReadOverlayFormat},
    {"parameter Memory", ReadMemory},
    {"parameter SectorSize", ReadSectorSize},
    {"parameter Letter", ReadLetter},
};

static NTSTATUS Fail(struct vdisk_error *Error, NTSTATUS Status, const char *Parameter)
{
    const char *Reason = "the value makes no sense";

    if (Status == STATUS_DEVICE_CONFIGURATION_ERROR)
        Reason = "the device was not told which image to open";
    if (Status == STATUS_INSUFFICIENT_RESOURCES)
        Reason = "there is no memory";
    if (Status == VD_STATUS_RETURNED)
        Reason = "the system was restarted since the image was opened";
    vdisk_fail_native(Error, VDISK_INVALID, (uint32_t)Status, NULL, VDISK_NO_OFFSET, Reason);
    Error->structure = Parameter;
    return Status;
}

NTSTATUS VdParametersRead(WDFDEVICE Device, VD_PARAMETERS **Parameters, struct vdisk_error *Error)
{
    const VD_OWNER Owner = {.Device = Device};
    VD_PARAMETERS *Read = vdisk_alloc(sizeof(*Read));
    NTSTATUS Status = STATUS_SUCCESS;

    PAGED_CODE();
    if (Read == NULL)
        return Fail(Error, STATUS_INSUFFICIENT_RESOURCES, NULL);
    Read->References = 1;
    for (ULONG i = 0; i < RTL_NUMBER_OF(Readers) && NT_SUCCESS(Status); i++) {
        Status = Readers[i].Read(&Owner, Read);
        if (!NT_SUCCESS(Status))
            Fail(Error, Status, Readers[i].Name);
    }
    if (NT_SUCCESS(Status))
        *Parameters = Read;
    else
        VdParametersRelease(Read);
    return Status;
}

NTSTATUS VdParametersReadAccess(PWDFDEVICE_INIT DeviceInit, UNICODE_STRING *Access)
{
    const VD_OWNER Owner = {.Init = DeviceInit};

    PAGED_CODE();
    return ReadString(&Owner, &AccessSource, Access);
}

VOID VdParametersReference(VD_PARAMETERS *Parameters)
{
    InterlockedIncrement(&Parameters->References);
}

VOID VdParametersRelease(VD_PARAMETERS *Parameters)
{
    if (Parameters == NULL || InterlockedDecrement(&Parameters->References) != 0)
        return;
    vdisk_free(Parameters->Path.Buffer);
    vdisk_free(Parameters->Files.Buffer);
    vdisk_free(Parameters->Overlay.Buffer);
    vdisk_free(Parameters);
}
