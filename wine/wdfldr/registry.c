/* WDFKEY. */
#include "fx.h"

#define VALUE_BYTES_MAX (1024 * 1024)

VOID FxKeyDestroy(FX_OBJECT *Object);

typedef struct _FX_KEY {
    FX_OBJECT Object;
    HANDLE Handle;
} FX_KEY;

#define ENTER(Handle)                                                                              \
    FX_KEY *Key = FX_KEY_OF(Handle);                                                               \
    FxRequirePassive(FxDriver(Globals), __func__)

VOID FxKeyDestroy(FX_OBJECT *Object)
{
    FX_KEY *Key = (FX_KEY *)Object;

    if (Key->Handle != NULL) {
        ZwClose(Key->Handle);
    }
}

NTSTATUS FxKeyCreate(FX_DRIVER *Driver, HANDLE Handle, const WDF_OBJECT_ATTRIBUTES *Attributes,
                     WDFKEY *Result)
{
    FX_KEY *Key;
    NTSTATUS Status = FxAttributesCheck(Attributes, TRUE);

    if (NT_SUCCESS(Status)) {
        Status = FxObjectCreate(Driver, FxTypeKey, sizeof(*Key), Attributes,
                                &Driver->Object->Object, &Key);
    }
    if (!NT_SUCCESS(Status)) {
        ZwClose(Handle);
        return Status;
    }
    Key->Handle = Handle;
    *Result = FxHandle(Key);
    return STATUS_SUCCESS;
}

NTSTATUS FxRegistryRead(HANDLE Key, PCUNICODE_STRING ValueName,
                        KEY_VALUE_PARTIAL_INFORMATION **Information)
{
    KEY_VALUE_PARTIAL_INFORMATION *Value;
    ULONG Length = 256;
    NTSTATUS Status;

    for (;;) {
        Value = FxAllocate(Length);
        if (Value == NULL) {
            return STATUS_INSUFFICIENT_RESOURCES;
        }
        Status = ZwQueryValueKey(Key, (PUNICODE_STRING)ValueName, KeyValuePartialInformation, Value,
                                 Length, &Length);
        if (NT_SUCCESS(Status)) {
            *Information = Value;
            return Status;
        }
        FxFree(Value);
        if ((Status != STATUS_BUFFER_OVERFLOW && Status != STATUS_BUFFER_TOO_SMALL) ||
            Length > VALUE_BYTES_MAX) {
            return Status;
        }
    }
}

static VOID NameAttributes(FX_KEY *Parent, PCUNICODE_STRING Name, OBJECT_ATTRIBUTES *Attributes)
{
    InitializeObjectAttributes(Attributes, (PUNICODE_STRING)Name,
                               OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE,
                               Parent == NULL ? NULL : Parent->Handle, NULL);
}

static NTSTATUS NTAPI RegistryOpenKey(PWDF_DRIVER_GLOBALS Globals, WDFKEY Parent,
                                      PCUNICODE_STRING Name, ACCESS_MASK Access,
                                      PWDF_OBJECT_ATTRIBUTES Attributes, WDFKEY *Result)
{
    OBJECT_ATTRIBUTES ObjectAttributes;
    HANDLE Handle;
    NTSTATUS Status;

    FxRequirePassive(FxDriver(Globals), __func__);
    *Result = NULL;
    NameAttributes(Parent == NULL ? NULL : FX_KEY_OF(Parent), Name, &ObjectAttributes);
    Status = ZwOpenKey(&Handle, Access, &ObjectAttributes);
    return NT_SUCCESS(Status) ? FxKeyCreate(FxDriver(Globals), Handle, Attributes, Result) : Status;
}

static NTSTATUS NTAPI RegistryCreateKey(PWDF_DRIVER_GLOBALS Globals, WDFKEY Parent,
                                        PCUNICODE_STRING Name, ACCESS_MASK Access, ULONG Options,
                                        PULONG Disposition, PWDF_OBJECT_ATTRIBUTES Attributes,
                                        WDFKEY *Result)
{
    OBJECT_ATTRIBUTES ObjectAttributes;
    HANDLE Handle;
    NTSTATUS Status;

    FxRequirePassive(FxDriver(Globals), __func__);
    *Result = NULL;
    NameAttributes(Parent == NULL ? NULL : FX_KEY_OF(Parent), Name, &ObjectAttributes);
    Status = ZwCreateKey(&Handle, Access, &ObjectAttributes, 0, NULL, Options, Disposition);
    return NT_SUCCESS(Status) ? FxKeyCreate(FxDriver(Globals), Handle, Attributes, Result) : Status;
}

static VOID NTAPI RegistryClose(PWDF_DRIVER_GLOBALS Globals, WDFKEY Handle)
{
    ENTER(Handle);
    FxObjectDelete(Key);
}

static HANDLE NTAPI RegistryWdmGetHandle(PWDF_DRIVER_GLOBALS Globals, WDFKEY Handle)
{
    ENTER(Handle);
    return Key->Handle;
}

static NTSTATUS NTAPI RegistryRemoveKey(PWDF_DRIVER_GLOBALS Globals, WDFKEY Handle)
{
    NTSTATUS Status;
    ENTER(Handle);

    Status = ZwDeleteKey(Key->Handle);
    if (NT_SUCCESS(Status)) {
        FxObjectDelete(Key);
    }
    return Status;
}

static NTSTATUS NTAPI RegistryRemoveValue(PWDF_DRIVER_GLOBALS Globals, WDFKEY Handle,
                                          PCUNICODE_STRING Name)
{
    ENTER(Handle);
    return ZwDeleteValueKey(Key->Handle, (PUNICODE_STRING)Name);
}

/* ---- reading ---- */

static NTSTATUS NTAPI RegistryQueryValue(PWDF_DRIVER_GLOBALS Globals, WDFKEY Handle,
                                         PCUNICODE_STRING Name, ULONG Length, PVOID Buffer,
                                         PULONG LengthQueried, PULONG Type)
{
    KEY_VALUE_PARTIAL_INFORMATION *Value;
    NTSTATUS Status;
    ENTER(Handle);

    Status = FxRegistryRead(Key->Handle, Name, &Value);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    if (LengthQueried != NULL) {
        *LengthQueried = Value->DataLength;
    }
    if (Type != NULL) {
        *Type = Value->Type;
    }
    if (Buffer == NULL || Length < Value->DataLength) {
        Status = STATUS_BUFFER_OVERFLOW;
    } else {
        RtlCopyMemory(Buffer, Value->Data, Value->DataLength);
    }
    FxFree(Value);
    return Status;
}

static NTSTATUS NTAPI RegistryQueryMemory(PWDF_DRIVER_GLOBALS Globals, WDFKEY Handle,
                                          PCUNICODE_STRING Name, POOL_TYPE PoolType,
                                          PWDF_OBJECT_ATTRIBUTES Attributes, WDFMEMORY *Result,
                                          PULONG Type)
{
    FX_DRIVER *Driver = FxDriver(Globals);
    KEY_VALUE_PARTIAL_INFORMATION *Value;
    FX_MEMORY *Memory;
    NTSTATUS Status;
    ENTER(Handle);

    (void)PoolType;
    *Result = NULL;
    Status = FxRegistryRead(Key->Handle, Name, &Value);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    Status = FxMemoryCreate(Driver, Attributes, &Driver->Object->Object, NULL, Value->DataLength,
                            &Memory);
    if (NT_SUCCESS(Status)) {
        RtlCopyMemory(Memory->Buffer, Value->Data, Value->DataLength);
        *Result = FxHandle(Memory);
        if (Type != NULL) {
            *Type = Value->Type;
        }
    }
    FxFree(Value);
    return Status;
}

/* The characters of a REG_SZ or REG_EXPAND_SZ value up to its NUL, in Value's own memory. */
static NTSTATUS AsString(KEY_VALUE_PARTIAL_INFORMATION *Value, UNICODE_STRING *String)
{
    ULONG Chars = 0;

    if (Value->Type != REG_SZ && Value->Type != REG_EXPAND_SZ) {
        return STATUS_OBJECT_TYPE_MISMATCH;
    }
    String->Buffer = (PWCHAR)Value->Data;
    while (Chars < Value->DataLength / sizeof(WCHAR) && String->Buffer[Chars] != L'\0') {
        Chars++;
    }
    if (Chars * sizeof(WCHAR) > 0xFFFE) {
        return STATUS_INVALID_PARAMETER;
    }
    String->Length = (USHORT)(Chars * sizeof(WCHAR));
    String->MaximumLength = String->Length;
    return STATUS_SUCCESS;
}

static NTSTATUS NTAPI RegistryQueryString(PWDF_DRIVER_GLOBALS Globals, WDFKEY Handle,
                                          PCUNICODE_STRING Name, WDFSTRING String)
{
    FX_STRING *Target = FX_STRING_OF(String);
    KEY_VALUE_PARTIAL_INFORMATION *Value;
    UNICODE_STRING Text;
    NTSTATUS Status;
    ENTER(Handle);

    Status = FxRegistryRead(Key->Handle, Name, &Value);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    Status = AsString(Value, &Text);
    if (NT_SUCCESS(Status)) {
        Status = FxStringAssign(Target, &Text);
    }
    FxFree(Value);
    return Status;
}

static NTSTATUS NTAPI RegistryQueryUnicodeString(PWDF_DRIVER_GLOBALS Globals, WDFKEY Handle,
                                                 PCUNICODE_STRING Name, PUSHORT ByteLength,
                                                 PUNICODE_STRING Result)
{
    KEY_VALUE_PARTIAL_INFORMATION *Value;
    UNICODE_STRING Text;
    NTSTATUS Status;
    ENTER(Handle);

    Status = FxRegistryRead(Key->Handle, Name, &Value);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    Status = AsString(Value, &Text);
    if (NT_SUCCESS(Status) && ByteLength != NULL) {
        *ByteLength = Text.Length;
    }
    if (NT_SUCCESS(Status) && Result != NULL) {
        if (Result->MaximumLength < Text.Length) {
            Status = STATUS_BUFFER_OVERFLOW;
        } else {
            RtlCopyUnicodeString(Result, &Text);
        }
    }
    FxFree(Value);
    return Status;
}

static NTSTATUS AddString(PWDF_DRIVER_GLOBALS Globals, PCUNICODE_STRING Text,
                          PWDF_OBJECT_ATTRIBUTES Attributes, WDFCOLLECTION Collection)
{
    const WDFFUNC *Functions = FxTable();
    WDFSTRING String;
    NTSTATUS Status;

    Status = ((PFN_WdfStringCreate)Functions[WdfStringCreateTableIndex])(Globals, Text, Attributes,
                                                                         &String);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    Status =
        ((PFN_WdfCollectionAdd)Functions[WdfCollectionAddTableIndex])(Globals, Collection, String);
    /* The collection's reference keeps a string that has no parent of the caller's choice. */
    if (!NT_SUCCESS(Status)) {
        FxObjectDelete(FX_STRING_OF(String));
    }
    return Status;
}

static NTSTATUS NTAPI RegistryQueryMultiString(PWDF_DRIVER_GLOBALS Globals, WDFKEY Handle,
                                               PCUNICODE_STRING Name,
                                               PWDF_OBJECT_ATTRIBUTES Attributes,
                                               WDFCOLLECTION Collection)
{
    KEY_VALUE_PARTIAL_INFORMATION *Value;
    NTSTATUS Status;
    ULONG Next = 0;
    ULONG Count;
    ENTER(Handle);

    Status = FxRegistryRead(Key->Handle, Name, &Value);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    Count = Value->DataLength / sizeof(WCHAR);
    if (Value->Type != REG_MULTI_SZ) {
        Status = STATUS_OBJECT_TYPE_MISMATCH;
    }
    while (NT_SUCCESS(Status) && Next < Count && ((PWCHAR)Value->Data)[Next] != L'\0') {
        UNICODE_STRING Text = {.Buffer = (PWCHAR)Value->Data + Next};
        while (Next < Count && ((PWCHAR)Value->Data)[Next] != L'\0') {
            Next++;
            Text.Length += sizeof(WCHAR);
        }
        Next++;
        Text.MaximumLength = Text.Length;
        Status = AddString(Globals, &Text, Attributes, Collection);
    }
    FxFree(Value);
    return Status;
}

static NTSTATUS NTAPI RegistryQueryULong(PWDF_DRIVER_GLOBALS Globals, WDFKEY Handle,
                                         PCUNICODE_STRING Name, PULONG Result)
{
    KEY_VALUE_PARTIAL_INFORMATION *Value;
    NTSTATUS Status;
    ENTER(Handle);

    Status = FxRegistryRead(Key->Handle, Name, &Value);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    if (Value->Type != REG_DWORD || Value->DataLength != sizeof(ULONG)) {
        Status = STATUS_OBJECT_TYPE_MISMATCH;
    } else {
        RtlCopyMemory(Result, Value->Data, sizeof(ULONG));
    }
    FxFree(Value);
    return Status;
}

/* ---- writing ---- */

static NTSTATUS NTAPI RegistryAssignValue(PWDF_DRIVER_GLOBALS Globals, WDFKEY Handle,
                                          PCUNICODE_STRING Name, ULONG Type, ULONG Length,
                                          PVOID Value)
{
    ENTER(Handle);
    return ZwSetValueKey(Key->Handle, (PUNICODE_STRING)Name, 0, Type, Value, Length);
}

static NTSTATUS NTAPI RegistryAssignMemory(PWDF_DRIVER_GLOBALS Globals, WDFKEY Handle,
                                           PCUNICODE_STRING Name, ULONG Type, WDFMEMORY Memory,
                                           PWDFMEMORY_OFFSET Offsets)
{
    FX_MEMORY *Source = FX_MEMORY_OF(Memory);
    SIZE_T Offset = Offsets == NULL ? 0 : Offsets->BufferOffset;
    SIZE_T Length = Offsets == NULL ? Source->Size : Offsets->BufferLength;
    ENTER(Handle);

    if (Offset > Source->Size || Length > Source->Size - Offset || Length > VALUE_BYTES_MAX) {
        return STATUS_INVALID_PARAMETER;
    }
    return ZwSetValueKey(Key->Handle, (PUNICODE_STRING)Name, 0, Type,
                         (UCHAR *)Source->Buffer + Offset, (ULONG)Length);
}

static NTSTATUS SetString(FX_KEY *Key, PCUNICODE_STRING Name, PCUNICODE_STRING Text)
{
    UNICODE_STRING Terminated;
    NTSTATUS Status = FxUnicodeDuplicate(Text, &Terminated);

    if (NT_SUCCESS(Status)) {
        Status = ZwSetValueKey(Key->Handle, (PUNICODE_STRING)Name, 0, REG_SZ, Terminated.Buffer,
                               Terminated.Length + sizeof(WCHAR));
        FxUnicodeFree(&Terminated);
    }
    return Status;
}

static NTSTATUS NTAPI RegistryAssignUnicodeString(PWDF_DRIVER_GLOBALS Globals, WDFKEY Handle,
                                                  PCUNICODE_STRING Name, PCUNICODE_STRING Value)
{
    ENTER(Handle);
    return SetString(Key, Name, Value);
}

static NTSTATUS NTAPI RegistryAssignString(PWDF_DRIVER_GLOBALS Globals, WDFKEY Handle,
                                           PCUNICODE_STRING Name, WDFSTRING String)
{
    ENTER(Handle);
    return SetString(Key, Name, &((FX_STRING *)FX_STRING_OF(String))->Value);
}

static NTSTATUS NTAPI RegistryAssignMultiString(PWDF_DRIVER_GLOBALS Globals, WDFKEY Handle,
                                                PCUNICODE_STRING Name, WDFCOLLECTION Strings)
{
    const WDFFUNC *Functions = FxTable();
    PFN_WdfCollectionGetItem GetItem =
        (PFN_WdfCollectionGetItem)Functions[WdfCollectionGetItemTableIndex];
    ULONG Bytes = sizeof(WCHAR);
    UCHAR *Value;
    UCHAR *Next;
    WDFOBJECT Item;
    NTSTATUS Status;
    ULONG i;
    ENTER(Handle);

    for (i = 0; (Item = GetItem(Globals, Strings, i)) != NULL; i++) {
        Bytes += ((FX_STRING *)FX_STRING_OF(Item))->Value.Length + sizeof(WCHAR);
    }
    Value = FxAllocate(Bytes);
    if (Value == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Next = Value;
    for (i = 0; (Item = GetItem(Globals, Strings, i)) != NULL; i++) {
        FX_STRING *String = FX_STRING_OF(Item);
        RtlCopyMemory(Next, String->Value.Buffer, String->Value.Length);
        Next += String->Value.Length + sizeof(WCHAR);
    }
    Status = ZwSetValueKey(Key->Handle, (PUNICODE_STRING)Name, 0, REG_MULTI_SZ, Value, Bytes);
    FxFree(Value);
    return Status;
}

static NTSTATUS NTAPI RegistryAssignULong(PWDF_DRIVER_GLOBALS Globals, WDFKEY Handle,
                                          PCUNICODE_STRING Name, ULONG Value)
{
    ENTER(Handle);
    return ZwSetValueKey(Key->Handle, (PUNICODE_STRING)Name, 0, REG_DWORD, &Value, sizeof(Value));
}

const FX_ENTRY FxRegistryEntries[] = {
    FX_ENTRY_OF(WdfRegistryOpenKey, RegistryOpenKey),
    FX_ENTRY_OF(WdfRegistryCreateKey, RegistryCreateKey),
    FX_ENTRY_OF(WdfRegistryClose, RegistryClose),
    FX_ENTRY_OF(WdfRegistryWdmGetHandle, RegistryWdmGetHandle),
    FX_ENTRY_OF(WdfRegistryRemoveKey, RegistryRemoveKey),
    FX_ENTRY_OF(WdfRegistryRemoveValue, RegistryRemoveValue),
    FX_ENTRY_OF(WdfRegistryQueryValue, RegistryQueryValue),
    FX_ENTRY_OF(WdfRegistryQueryMemory, RegistryQueryMemory),
    FX_ENTRY_OF(WdfRegistryQueryMultiString, RegistryQueryMultiString),
    FX_ENTRY_OF(WdfRegistryQueryUnicodeString, RegistryQueryUnicodeString),
    FX_ENTRY_OF(WdfRegistryQueryString, RegistryQueryString),
    FX_ENTRY_OF(WdfRegistryQueryULong, RegistryQueryULong),
    FX_ENTRY_OF(WdfRegistryAssignValue, RegistryAssignValue),
    FX_ENTRY_OF(WdfRegistryAssignMemory, RegistryAssignMemory),
    FX_ENTRY_OF(WdfRegistryAssignMultiString, RegistryAssignMultiString),
    FX_ENTRY_OF(WdfRegistryAssignUnicodeString, RegistryAssignUnicodeString),
    FX_ENTRY_OF(WdfRegistryAssignString, RegistryAssignString),
    FX_ENTRY_OF(WdfRegistryAssignULong, RegistryAssignULong),
    FX_ENTRIES_END,
};
