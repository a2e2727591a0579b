/* Device interfaces: registered when made, enabled while the device is started. */
#include "fx.h"

static BOOLEAN SameReference(PCUNICODE_STRING One, PCUNICODE_STRING Other)
{
    static const UNICODE_STRING Empty = {0};

    return RtlEqualUnicodeString(One == NULL ? &Empty : One, Other == NULL ? &Empty : Other, TRUE);
}

static FX_INTERFACE *Find(FX_DEVICE *Device, const GUID *Class, PCUNICODE_STRING Reference)
{
    FX_INTERFACE *Found = NULL;
    LIST_ENTRY *Entry;

    FxLockAcquire(&Device->ListLock);
    for (Entry = Device->Interfaces.Flink; Entry != &Device->Interfaces; Entry = Entry->Flink) {
        FX_INTERFACE *Interface = CONTAINING_RECORD(Entry, FX_INTERFACE, Link);
        if (RtlEqualMemory(&Interface->Class, Class, sizeof(*Class)) &&
            SameReference(&Interface->Reference, Reference)) {
            Found = Interface;
            break;
        }
    }
    FxLockRelease(&Device->ListLock);
    return Found;
}

/*
 * Whoever removes a device may delete the interface's key before the driver hears of it. Then Wine
 * cannot disable the interface, and takes it for enabled, with its link to the old device, when the
 * next device of that id comes: only now can it be disabled.
 */
static VOID SetState(UNICODE_STRING *SymbolicLink, BOOLEAN Enable)
{
    NTSTATUS Status = IoSetDeviceInterfaceState(SymbolicLink, Enable);

    if (Enable && Status != STATUS_SUCCESS) {
        IoSetDeviceInterfaceState(SymbolicLink, FALSE);
        IoSetDeviceInterfaceState(SymbolicLink, TRUE);
    }
}

static VOID SetEnabled(FX_INTERFACE *Interface, BOOLEAN Enable)
{
    if (Interface->Enabled != Enable && Interface->SymbolicLink.Buffer != NULL) {
        SetState(&Interface->SymbolicLink, Enable);
        Interface->Enabled = Enable;
    }
}

VOID FxInterfaceEnableAll(FX_DEVICE *Device, BOOLEAN Enable)
{
    LIST_ENTRY *Entry;

    for (Entry = Device->Interfaces.Flink; Entry != &Device->Interfaces; Entry = Entry->Flink) {
        FX_INTERFACE *Interface = CONTAINING_RECORD(Entry, FX_INTERFACE, Link);
        SetEnabled(Interface, Enable && Interface->Wanted);
    }
}

VOID FxInterfaceFreeAll(FX_DEVICE *Device)
{
    while (!IsListEmpty(&Device->Interfaces)) {
        FX_INTERFACE *Interface =
            CONTAINING_RECORD(RemoveHeadList(&Device->Interfaces), FX_INTERFACE, Link);
        if (Interface->SymbolicLink.Buffer != NULL) {
            RtlFreeUnicodeString(&Interface->SymbolicLink);
        }
        FxUnicodeFree(&Interface->Reference);
        FxFree(Interface);
    }
}

static NTSTATUS NTAPI DeviceCreateDeviceInterface(PWDF_DRIVER_GLOBALS Globals, WDFDEVICE Handle,
                                                  CONST GUID *Class, PCUNICODE_STRING Reference)
{
    FX_DEVICE *Device = FX_DEVICE_OF(Handle);
    FX_INTERFACE *Interface;
    NTSTATUS Status;

    FxRequirePassive(FxDriver(Globals), __func__);
    if (Device->Physical == NULL) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    Interface = FxAllocate(sizeof(*Interface));
    if (Interface == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Interface->Class = *Class;
    Interface->Wanted = TRUE;
    Status = FxUnicodeDuplicate(Reference, &Interface->Reference);
    if (NT_SUCCESS(Status)) {
        Status = IoRegisterDeviceInterface(
            Device->Physical, Class,
            Interface->Reference.Buffer == NULL ? NULL : &Interface->Reference,
            &Interface->SymbolicLink);
    }
    if (!NT_SUCCESS(Status)) {
        FxUnicodeFree(&Interface->Reference);
        FxFree(Interface);
        return Status;
    }
    FxLockAcquire(&Device->ListLock);
    InsertTailList(&Device->Interfaces, &Interface->Link);
    FxLockRelease(&Device->ListLock);
    SetEnabled(Interface, Device->PnpState == FxPnpStarted);
    return STATUS_SUCCESS;
}

static VOID NTAPI DeviceSetDeviceInterfaceState(PWDF_DRIVER_GLOBALS Globals, WDFDEVICE Handle,
                                                CONST GUID *Class, PCUNICODE_STRING Reference,
                                                BOOLEAN Enable)
{
    FX_DEVICE *Device = FX_DEVICE_OF(Handle);
    FX_INTERFACE *Interface = Find(Device, Class, Reference);

    FxRequirePassive(FxDriver(Globals), __func__);
    if (Interface != NULL) {
        Interface->Wanted = Enable;
        SetEnabled(Interface, Enable && Device->PnpState == FxPnpStarted);
    }
}

static NTSTATUS NTAPI DeviceRetrieveDeviceInterfaceString(PWDF_DRIVER_GLOBALS Globals,
                                                          WDFDEVICE Handle, CONST GUID *Class,
                                                          PCUNICODE_STRING Reference,
                                                          WDFSTRING String)
{
    FX_DEVICE *Device = FX_DEVICE_OF(Handle);
    FX_INTERFACE *Interface = Find(Device, Class, Reference);

    FxRequirePassive(FxDriver(Globals), __func__);
    if (Interface == NULL) {
        return STATUS_OBJECT_NAME_NOT_FOUND;
    }
    return FxStringAssign(FX_STRING_OF(String), &Interface->SymbolicLink);
}

const FX_ENTRY FxInterfaceEntries[] = {
    FX_ENTRY_OF(WdfDeviceCreateDeviceInterface, DeviceCreateDeviceInterface),
    FX_ENTRY_OF(WdfDeviceSetDeviceInterfaceState, DeviceSetDeviceInterfaceState),
    FX_ENTRY_OF(WdfDeviceRetrieveDeviceInterfaceString, DeviceRetrieveDeviceInterfaceString),
    FX_ENTRIES_END,
};
