#include "driver/parameters.h"
#include "virtualdisk/driver_abi.h"
#include "virtualdisk/platform.h"

#define DEFAULT_FORMAT "raw"

/* One parameter: where it is, and of which type it has to be there. */
typedef struct _VD_SOURCE {
    DEVPROPID PropertyId;
    DEVPROPTYPE PropertyType;
    PCWSTR ValueName;
    ULONG ValueType;
} VD_SOURCE;

static const VD_SOURCE PathSource = {VIRTUALDISK_PID_FILE_PATH, DEVPROP_TYPE_STRING,
                                     VIRTUALDISK_VALUE_FILE_PATH, REG_SZ};
static const VD_SOURCE FlagsSource = {VIRTUALDISK_PID_FLAGS, DEVPROP_TYPE_UINT32,
                                      VIRTUALDISK_VALUE_FLAGS, REG_DWORD};
static const VD_SOURCE FormatSource = {VIRTUALDISK_PID_FORMAT, DEVPROP_TYPE_STRING,
                                       VIRTUALDISK_VALUE_FORMAT, REG_SZ};
static const VD_SOURCE FilesSource = {VIRTUALDISK_PID_FILES, DEVPROP_TYPE_STRING_LIST,
                                      VIRTUALDISK_VALUE_FILES, REG_MULTI_SZ};

/* Fails with a status that kernels without device properties choose as they like. */
static NTSTATUS QueryProperty(WDFDEVICE Device, const VD_SOURCE *Source,
                              PWDF_OBJECT_ATTRIBUTES Attributes, WDFMEMORY *Memory)
{
    const DEVPROPKEY Key = {VIRTUALDISK_PROPERTY_GUID, Source->PropertyId};
    WDF_DEVICE_PROPERTY_DATA Property;
    DEVPROPTYPE Type;
    NTSTATUS Status;

    WDF_DEVICE_PROPERTY_DATA_INIT(&Property, &Key);
    Status =
        WdfDeviceAllocAndQueryPropertyEx(Device, &Property, PagedPool, Attributes, Memory, &Type);
    if (NT_SUCCESS(Status) && Type != Source->PropertyType) {
        WdfObjectDelete(*Memory);
        Status = STATUS_OBJECT_TYPE_MISMATCH;
    }
    return Status;
}

static NTSTATUS QueryValue(WDFDEVICE Device, const VD_SOURCE *Source,
                           PWDF_OBJECT_ATTRIBUTES Attributes, WDFMEMORY *Memory)
{
    UNICODE_STRING Name;
    ULONG Type;
    WDFKEY Key;
    NTSTATUS Status;

    Status = WdfDeviceOpenRegistryKey(Device, PLUGPLAY_REGKEY_DEVICE, KEY_READ,
                                      WDF_NO_OBJECT_ATTRIBUTES, &Key);
    if (!NT_SUCCESS(Status))
        return Status;
    RtlInitUnicodeString(&Name, Source->ValueName);
    Status = WdfRegistryQueryMemory(Key, &Name, PagedPool, Attributes, Memory, &Type);
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
static NTSTATUS ReadParameter(WDFDEVICE Device, const VD_SOURCE *Source, PVOID *Bytes,
                              size_t *Length)
{
    WDF_OBJECT_ATTRIBUTES Attributes;
    WDFMEMORY Memory;
    NTSTATUS Status;
    PVOID Value;

    *Bytes = NULL;
    *Length = 0;
    WDF_OBJECT_ATTRIBUTES_INIT(&Attributes);
    Attributes.ParentObject = Device;
    Status = QueryProperty(Device, Source, &Attributes, &Memory);
    if (!NT_SUCCESS(Status) && Status != STATUS_OBJECT_TYPE_MISMATCH)
        Status = QueryValue(Device, Source, &Attributes, &Memory);
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

static NTSTATUS ReadString(WDFDEVICE Device, const VD_SOURCE *Source, UNICODE_STRING *String)
{
    PWSTR Buffer;
    size_t Length;
    NTSTATUS Status = ReadParameter(Device, Source, (PVOID *)&Buffer, &Length);

    RtlZeroMemory(String, sizeof(*String));
    if (!NT_SUCCESS(Status) || Buffer == NULL)
        return Status;
    if (Length > VIRTUALDISK_PATH_CHARS * sizeof(WCHAR) + sizeof(WCHAR)) {
        vdisk_free(Buffer);
        return STATUS_NAME_TOO_LONG;
    }
    String->Buffer = Buffer;
    while (String->Length < (Length & ~(size_t)1) &&
           Buffer[String->Length / sizeof(WCHAR)] != UNICODE_NULL)
        String->Length += sizeof(WCHAR);
    String->MaximumLength = String->Length;
    return STATUS_SUCCESS;
}

static NTSTATUS ReadStringList(WDFDEVICE Device, const VD_SOURCE *Source, UNICODE_STRING *List)
{
    PVOID Buffer;
    size_t Length;
    NTSTATUS Status = ReadParameter(Device, Source, &Buffer, &Length);

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

static NTSTATUS ReadFlags(WDFDEVICE Device, ULONG *Flags)
{
    PVOID Bytes;
    size_t Length;
    NTSTATUS Status = ReadParameter(Device, &FlagsSource, &Bytes, &Length);

    *Flags = 0;
    if (!NT_SUCCESS(Status) || Bytes == NULL)
        return Status;
    if (Length == sizeof(*Flags))
        RtlCopyMemory(Flags, Bytes, sizeof(*Flags));
    vdisk_free(Bytes);
    if (Length != sizeof(*Flags) || (*Flags & ~VIRTUALDISK_FLAGS_KNOWN) != 0)
        return STATUS_INVALID_PARAMETER;
    return STATUS_SUCCESS;
}

/* Names of formats are short and ASCII. */
static NTSTATUS ReadFormat(WDFDEVICE Device, CHAR Format[VD_FORMAT_BYTES])
{
    UNICODE_STRING Name;
    NTSTATUS Status = ReadString(Device, &FormatSource, &Name);
    const USHORT Count = Name.Length / sizeof(WCHAR);

    RtlZeroMemory(Format, VD_FORMAT_BYTES);
    if (!NT_SUCCESS(Status))
        return Status;
    if (Count == 0)
        RtlCopyMemory(Format, DEFAULT_FORMAT, sizeof(DEFAULT_FORMAT));
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

static NTSTATUS Fail(struct vdisk_error *Error, NTSTATUS Status, const char *Parameter,
                     const char *Reason)
{
    vdisk_fail_native(Error, VDISK_INVALID, (uint32_t)Status, NULL, VDISK_NO_OFFSET, Reason);
    Error->structure = Parameter;
    return Status;
}

NTSTATUS VdParametersRead(WDFDEVICE Device, VD_PARAMETERS *Parameters, struct vdisk_error *Error)
{
    const char *Parameter = "parameter FilePath";
    NTSTATUS Status;

    RtlZeroMemory(Parameters, sizeof(*Parameters));
    Status = ReadString(Device, &PathSource, &Parameters->Path);
    if (NT_SUCCESS(Status) && Parameters->Path.Length == 0) {
        VdParametersFree(Parameters);
        return Fail(Error, STATUS_DEVICE_CONFIGURATION_ERROR, Parameter,
                    "the device was not told which image to open");
    }
    if (NT_SUCCESS(Status)) {
        Parameter = "parameter Flags";
        Status = ReadFlags(Device, &Parameters->Flags);
    }
    if (NT_SUCCESS(Status)) {
        Parameter = "parameter Format";
        Status = ReadFormat(Device, Parameters->Format);
    }
    if (NT_SUCCESS(Status)) {
        Parameter = "parameter Files";
        Status = ReadStringList(Device, &FilesSource, &Parameters->Files);
    }
    if (!NT_SUCCESS(Status)) {
        VdParametersFree(Parameters);
        return Fail(Error, Status, Parameter, "the value makes no sense");
    }
    return STATUS_SUCCESS;
}

VOID VdParametersFree(VD_PARAMETERS *Parameters)
{
    vdisk_free(Parameters->Path.Buffer);
    vdisk_free(Parameters->Files.Buffer);
    RtlZeroMemory(Parameters, sizeof(*Parameters));
}
