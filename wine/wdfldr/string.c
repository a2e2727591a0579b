/* WDFSTRING, and counted strings that the runtime keeps. */
#include "fx.h"

#define UNICODE_BYTES_MAX 0xFFFC

NTSTATUS FxUnicodeDuplicate(PCUNICODE_STRING Value, UNICODE_STRING *Copy)
{
    RtlZeroMemory(Copy, sizeof(*Copy));
    if (Value == NULL) {
        return STATUS_SUCCESS;
    }
    if (Value->Length > UNICODE_BYTES_MAX) {
        return STATUS_INVALID_PARAMETER;
    }
    Copy->Buffer = FxAllocate(Value->Length + sizeof(WCHAR));
    if (Copy->Buffer == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    RtlCopyMemory(Copy->Buffer, Value->Buffer, Value->Length);
    Copy->Length = Value->Length;
    Copy->MaximumLength = (USHORT)(Value->Length + sizeof(WCHAR));
    return STATUS_SUCCESS;
}

VOID FxUnicodeFree(UNICODE_STRING *String)
{
    FxFree(String->Buffer);
    RtlZeroMemory(String, sizeof(*String));
}

NTSTATUS FxStringAssign(FX_STRING *String, PCUNICODE_STRING Value)
{
    UNICODE_STRING Copy;
    NTSTATUS Status = FxUnicodeDuplicate(Value, &Copy);

    if (NT_SUCCESS(Status)) {
        FxUnicodeFree(&String->Value);
        String->Value = Copy;
    }
    return Status;
}

static NTSTATUS NTAPI StringCreate(PWDF_DRIVER_GLOBALS Globals, PCUNICODE_STRING Value,
                                   PWDF_OBJECT_ATTRIBUTES Attributes, WDFSTRING *Handle)
{
    FX_DRIVER *Driver = FxDriver(Globals);
    FX_STRING *String;
    NTSTATUS Status = FxAttributesCheck(Attributes, TRUE);

    FxRequirePassive(Driver, __func__);
    *Handle = NULL;
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    Status = FxObjectCreate(Driver, FxTypeString, sizeof(*String), Attributes,
                            &Driver->Object->Object, &String);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    Status = FxStringAssign(String, Value);
    if (!NT_SUCCESS(Status)) {
        FxObjectDelete(String);
        return Status;
    }
    *Handle = FxHandle(String);
    return STATUS_SUCCESS;
}

static VOID NTAPI StringGetUnicodeString(PWDF_DRIVER_GLOBALS Globals, WDFSTRING Handle,
                                         PUNICODE_STRING Value)
{
    FX_STRING *String = FX_STRING_OF(Handle);

    FxRequirePassive(FxDriver(Globals), __func__);
    *Value = String->Value;
}

const FX_ENTRY FxStringEntries[] = {
    FX_ENTRY_OF(WdfStringCreate, StringCreate),
    FX_ENTRY_OF(WdfStringGetUnicodeString, StringGetUnicodeString),
    FX_ENTRIES_END,
};
