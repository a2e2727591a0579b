/*
 * Device properties and device keys. Wine 8 has no IoGetDevicePropertyData: the runtime reads and
 * writes what SetupDiGet/SetDeviceProperty keep in
 *   Enum\<instance id>\Properties\{category}\<id as four hex digits>
 * as the key's default value, whose registry type is 0xFFFF0000 | DEVPROPTYPE.
 */
#include "fx.h"

#define ENUM_PATH        L"\\Registry\\Machine\\System\\CurrentControlSet\\Enum\\"
#define PATH_CHARS       600
#define GUID_CHARS       38
#define PROPERTY_TYPE(t) (0xFFFF0000 | (t))

static NTSTATUS QueryId(DEVICE_OBJECT *PhysicalDevice, BUS_QUERY_ID_TYPE Type, PWCHAR *Id)
{
    IRP *Irp = IoAllocateIrp(PhysicalDevice->StackSize, FALSE);
    IO_STACK_LOCATION *Stack;
    NTSTATUS Status;

    if (Irp == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Irp->IoStatus.Status = STATUS_NOT_SUPPORTED;
    Stack = IoGetNextIrpStackLocation(Irp);
    Stack->MajorFunction = IRP_MJ_PNP;
    Stack->MinorFunction = IRP_MN_QUERY_ID;
    Stack->Parameters.QueryId.IdType = Type;
    Status = FxSendAndWait(PhysicalDevice, Irp);
    *Id = (PWCHAR)Irp->IoStatus.Information;
    IoFreeIrp(Irp);
    return NT_SUCCESS(Status) && *Id == NULL ? STATUS_NOT_FOUND : Status;
}

NTSTATUS FxDeviceInstanceId(DEVICE_OBJECT *PhysicalDevice, UNICODE_STRING *Id)
{
    static const UNICODE_STRING Separator = FX_UNICODE(L"\\");
    PWCHAR Device = NULL;
    PWCHAR Instance = NULL;
    NTSTATUS Status = QueryId(PhysicalDevice, BusQueryDeviceID, &Device);

    Id->Length = 0;
    Id->MaximumLength = PATH_CHARS * sizeof(WCHAR);
    Id->Buffer = FxAllocate(Id->MaximumLength);
    if (Id->Buffer == NULL) {
        Status = STATUS_INSUFFICIENT_RESOURCES;
    }
    if (NT_SUCCESS(Status)) {
        Status = QueryId(PhysicalDevice, BusQueryInstanceID, &Instance);
    }
    if (NT_SUCCESS(Status)) {
        RtlAppendUnicodeToString(Id, Device);
        RtlAppendUnicodeStringToString(Id, &Separator);
        Status = RtlAppendUnicodeToString(Id, Instance);
    }
    if (Device != NULL) {
        ExFreePool(Device);
    }
    if (Instance != NULL) {
        ExFreePool(Instance);
    }
    if (!NT_SUCCESS(Status)) {
        FxUnicodeFree(Id);
    }
    return Status;
}

NTSTATUS FxDeviceOpenEnumKey(DEVICE_OBJECT *PhysicalDevice, PCWSTR Suffix, ACCESS_MASK Access,
                             BOOLEAN Create, HANDLE *Key)
{
    UNICODE_STRING Path = {.MaximumLength = PATH_CHARS * sizeof(WCHAR)};
    OBJECT_ATTRIBUTES Attributes;
    UNICODE_STRING Id;
    NTSTATUS Status = FxDeviceInstanceId(PhysicalDevice, &Id);

    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    Path.Buffer = FxAllocate(Path.MaximumLength);
    if (Path.Buffer == NULL) {
        FxUnicodeFree(&Id);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    RtlAppendUnicodeToString(&Path, ENUM_PATH);
    RtlAppendUnicodeStringToString(&Path, &Id);
    Status = RtlAppendUnicodeToString(&Path, Suffix);
    InitializeObjectAttributes(&Attributes, &Path, OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE, NULL,
                               NULL);
    if (NT_SUCCESS(Status)) {
        Status = Create
                     ? ZwCreateKey(Key, Access, &Attributes, 0, NULL, REG_OPTION_NON_VOLATILE, NULL)
                     : ZwOpenKey(Key, Access, &Attributes);
    }
    FxUnicodeFree(&Id);
    FxFree(Path.Buffer);
    return Status;
}

NTSTATUS FxDeviceOpenKey(FX_DRIVER *Driver, DEVICE_OBJECT *PhysicalDevice, ULONG Type,
                         ACCESS_MASK Access, const WDF_OBJECT_ATTRIBUTES *Attributes, WDFKEY *Key)
{
    HANDLE Handle;
    NTSTATUS Status;

    *Key = NULL;
    if (PhysicalDevice == NULL) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    if (Type == PLUGPLAY_REGKEY_DEVICE) {
        Status = FxDeviceOpenEnumKey(PhysicalDevice, L"\\Device Parameters", Access, TRUE, &Handle);
    } else {
        Status = IoOpenDeviceRegistryKey(PhysicalDevice, Type, Access, &Handle);
    }
    return NT_SUCCESS(Status) ? FxKeyCreate(Driver, Handle, Attributes, Key) : Status;
}

/* "\Properties\{guid}\0002" */
static VOID PropertyPath(const DEVPROPKEY *Property, PWCHAR Path)
{
    static const WCHAR Prefix[] = L"\\Properties\\";
    static const char Digits[] = "0123456789ABCDEF";
    UNICODE_STRING Guid;
    ULONG Length = RTL_NUMBER_OF(Prefix) - 1;
    LONG Shift;

    RtlCopyMemory(Path, Prefix, sizeof(Prefix));
    if (NT_SUCCESS(RtlStringFromGUID(&Property->fmtid, &Guid))) {
        RtlCopyMemory(Path + Length, Guid.Buffer, Guid.Length);
        Length += Guid.Length / sizeof(WCHAR);
        RtlFreeUnicodeString(&Guid);
    }
    Path[Length++] = L'\\';
    for (Shift = 12; Shift >= 0; Shift -= 4) {
        Path[Length++] = (WCHAR)Digits[(Property->pid >> Shift) & 0xF];
    }
    Path[Length] = L'\0';
}

static NTSTATUS OpenProperty(DEVICE_OBJECT *PhysicalDevice,
                             const WDF_DEVICE_PROPERTY_DATA *Property, ACCESS_MASK Access,
                             BOOLEAN Create, HANDLE *Key)
{
    WCHAR Path[GUID_CHARS + 24];

    if (Property->Size != sizeof(*Property)) {
        return STATUS_INFO_LENGTH_MISMATCH;
    }
    if (PhysicalDevice == NULL) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    PropertyPath(Property->PropertyKey, Path);
    return FxDeviceOpenEnumKey(PhysicalDevice, Path, Access, Create, Key);
}

static NTSTATUS ReadProperty(DEVICE_OBJECT *PhysicalDevice,
                             const WDF_DEVICE_PROPERTY_DATA *Property,
                             KEY_VALUE_PARTIAL_INFORMATION **Value)
{
    UNICODE_STRING Default = {0};
    HANDLE Key;
    NTSTATUS Status = OpenProperty(PhysicalDevice, Property, KEY_READ, FALSE, &Key);

    if (NT_SUCCESS(Status)) {
        Status = FxRegistryRead(Key, &Default, Value);
        ZwClose(Key);
    }
    return Status == STATUS_OBJECT_PATH_NOT_FOUND ? STATUS_OBJECT_NAME_NOT_FOUND : Status;
}

NTSTATUS FxPropertyQuery(DEVICE_OBJECT *PhysicalDevice, const WDF_DEVICE_PROPERTY_DATA *Property,
                         ULONG Length, PVOID Buffer, PULONG Required, PDEVPROPTYPE Type)
{
    KEY_VALUE_PARTIAL_INFORMATION *Value;
    NTSTATUS Status = ReadProperty(PhysicalDevice, Property, &Value);

    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    *Required = Value->DataLength;
    *Type = Value->Type & 0xFFFF;
    if (Buffer == NULL || Length < Value->DataLength) {
        Status = STATUS_BUFFER_TOO_SMALL;
    } else {
        RtlCopyMemory(Buffer, Value->Data, Value->DataLength);
    }
    FxFree(Value);
    return Status;
}

static NTSTATUS AllocAndQueryEx(FX_DRIVER *Driver, DEVICE_OBJECT *PhysicalDevice,
                                const WDF_DEVICE_PROPERTY_DATA *Property,
                                const WDF_OBJECT_ATTRIBUTES *Attributes, WDFMEMORY *Result,
                                PDEVPROPTYPE Type)
{
    KEY_VALUE_PARTIAL_INFORMATION *Value;
    FX_MEMORY *Memory;
    NTSTATUS Status = ReadProperty(PhysicalDevice, Property, &Value);

    *Result = NULL;
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    Status = FxMemoryCreate(Driver, Attributes, &Driver->Object->Object, NULL, Value->DataLength,
                            &Memory);
    if (NT_SUCCESS(Status)) {
        RtlCopyMemory(Memory->Buffer, Value->Data, Value->DataLength);
        *Type = Value->Type & 0xFFFF;
        *Result = FxHandle(Memory);
    }
    FxFree(Value);
    return Status;
}

static NTSTATUS AllocAndQuery(FX_DRIVER *Driver, DEVICE_OBJECT *PhysicalDevice,
                              DEVICE_REGISTRY_PROPERTY Property,
                              const WDF_OBJECT_ATTRIBUTES *Attributes, WDFMEMORY *Result)
{
    ULONG Length = 512;
    FX_MEMORY *Memory;
    NTSTATUS Status;

    *Result = NULL;
    for (;;) {
        ULONG Required = 0;
        Status = FxMemoryCreate(Driver, Attributes, &Driver->Object->Object, NULL, Length, &Memory);
        if (!NT_SUCCESS(Status)) {
            return Status;
        }
        Status = IoGetDeviceProperty(PhysicalDevice, Property, Length, Memory->Buffer, &Required);
        if (NT_SUCCESS(Status)) {
            Memory->Size = Required;
            *Result = FxHandle(Memory);
            return Status;
        }
        FxObjectDelete(Memory);
        if (Required <= Length) {
            return Status;
        }
        Length = Required;
    }
}

/* ---- the entries ---- */

static NTSTATUS NTAPI DeviceQueryProperty(PWDF_DRIVER_GLOBALS Globals, WDFDEVICE Handle,
                                          DEVICE_REGISTRY_PROPERTY Property, ULONG Length,
                                          PVOID Buffer, PULONG Required)
{
    FX_DEVICE *Device = FX_DEVICE_OF(Handle);

    FxRequirePassive(FxDriver(Globals), __func__);
    return IoGetDeviceProperty(Device->Physical, Property, Length, Buffer, Required);
}

static NTSTATUS NTAPI DeviceAllocAndQueryProperty(PWDF_DRIVER_GLOBALS Globals, WDFDEVICE Handle,
                                                  DEVICE_REGISTRY_PROPERTY Property,
                                                  POOL_TYPE PoolType,
                                                  PWDF_OBJECT_ATTRIBUTES Attributes,
                                                  WDFMEMORY *Memory)
{
    FX_DEVICE *Device = FX_DEVICE_OF(Handle);

    (void)PoolType;
    FxRequirePassive(FxDriver(Globals), __func__);
    return AllocAndQuery(FxDriver(Globals), Device->Physical, Property, Attributes, Memory);
}

static NTSTATUS NTAPI DeviceQueryPropertyEx(PWDF_DRIVER_GLOBALS Globals, WDFDEVICE Handle,
                                            PWDF_DEVICE_PROPERTY_DATA Property, ULONG Length,
                                            PVOID Buffer, PULONG Required, PDEVPROPTYPE Type)
{
    FX_DEVICE *Device = FX_DEVICE_OF(Handle);

    FxRequirePassive(FxDriver(Globals), __func__);
    return FxPropertyQuery(Device->Physical, Property, Length, Buffer, Required, Type);
}

static NTSTATUS NTAPI DeviceAllocAndQueryPropertyEx(PWDF_DRIVER_GLOBALS Globals, WDFDEVICE Handle,
                                                    PWDF_DEVICE_PROPERTY_DATA Property,
                                                    POOL_TYPE PoolType,
                                                    PWDF_OBJECT_ATTRIBUTES Attributes,
                                                    WDFMEMORY *Memory, PDEVPROPTYPE Type)
{
    FX_DEVICE *Device = FX_DEVICE_OF(Handle);

    (void)PoolType;
    FxRequirePassive(FxDriver(Globals), __func__);
    return AllocAndQueryEx(FxDriver(Globals), Device->Physical, Property, Attributes, Memory, Type);
}

static NTSTATUS NTAPI DeviceAssignProperty(PWDF_DRIVER_GLOBALS Globals, WDFDEVICE Handle,
                                           PWDF_DEVICE_PROPERTY_DATA Property, DEVPROPTYPE Type,
                                           ULONG Size, PVOID Data)
{
    FX_DEVICE *Device = FX_DEVICE_OF(Handle);
    UNICODE_STRING Default = {0};
    HANDLE Key;
    NTSTATUS Status;

    FxRequirePassive(FxDriver(Globals), __func__);
    Status = OpenProperty(Device->Physical, Property, KEY_ALL_ACCESS, TRUE, &Key);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    if (Data == NULL) {
        Status = ZwDeleteKey(Key);
    } else {
        Status = ZwSetValueKey(Key, &Default, 0, PROPERTY_TYPE(Type), Data, Size);
    }
    ZwClose(Key);
    return Status;
}

static NTSTATUS NTAPI FdoInitAllocAndQueryProperty(
    PWDF_DRIVER_GLOBALS Globals, PWDFDEVICE_INIT Init, DEVICE_REGISTRY_PROPERTY Property,
    POOL_TYPE PoolType, PWDF_OBJECT_ATTRIBUTES Attributes, WDFMEMORY *Memory)
{
    (void)PoolType;
    FxRequirePassive(FxDriver(Globals), __func__);
    return AllocAndQuery(FxDriver(Globals), Init->PhysicalDevice, Property, Attributes, Memory);
}

static NTSTATUS NTAPI FdoInitAllocAndQueryPropertyEx(
    PWDF_DRIVER_GLOBALS Globals, PWDFDEVICE_INIT Init, PWDF_DEVICE_PROPERTY_DATA Property,
    POOL_TYPE PoolType, PWDF_OBJECT_ATTRIBUTES Attributes, WDFMEMORY *Memory, PDEVPROPTYPE Type)
{
    (void)PoolType;
    FxRequirePassive(FxDriver(Globals), __func__);
    return AllocAndQueryEx(FxDriver(Globals), Init->PhysicalDevice, Property, Attributes, Memory,
                           Type);
}

const FX_ENTRY FxPropertyEntries[] = {
    FX_ENTRY_OF(WdfDeviceQueryProperty, DeviceQueryProperty),
    FX_ENTRY_OF(WdfDeviceAllocAndQueryProperty, DeviceAllocAndQueryProperty),
    FX_ENTRY_OF(WdfDeviceQueryPropertyEx, DeviceQueryPropertyEx),
    FX_ENTRY_OF(WdfDeviceAllocAndQueryPropertyEx, DeviceAllocAndQueryPropertyEx),
    FX_ENTRY_OF(WdfDeviceAssignProperty, DeviceAssignProperty),
    FX_ENTRY_OF(WdfFdoInitAllocAndQueryProperty, FdoInitAllocAndQueryProperty),
    FX_ENTRY_OF(WdfFdoInitAllocAndQueryPropertyEx, FdoInitAllocAndQueryPropertyEx),
    FX_ENTRIES_END,
};
