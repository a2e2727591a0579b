/* WDFDEVICE_INIT: what a driver says of a device before it exists. */
#include "fx.h"

struct WDFDEVICE_INIT *FxDeviceInitAllocate(FX_DRIVER *Driver, DEVICE_OBJECT *PhysicalDevice)
{
    struct WDFDEVICE_INIT *Init = FxAllocate(sizeof(*Init));

    if (Init == NULL) {
        return NULL;
    }
    InterlockedIncrement(&Driver->DeviceInits);
    Init->Driver = Driver;
    Init->PhysicalDevice = PhysicalDevice;
    Init->Settings.Control = PhysicalDevice == NULL;
    Init->Settings.DeviceType = FILE_DEVICE_UNKNOWN;
    Init->Settings.Characteristics = FILE_DEVICE_SECURE_OPEN;
    Init->Settings.IoType = WdfDeviceIoBuffered;
    Init->Settings.PowerPageable = TRUE;
    return Init;
}

VOID FxSettingsFree(FX_DEVICE_SETTINGS *Settings)
{
    ULONG i;

    FxUnicodeFree(&Settings->Name);
    FxUnicodeFree(&Settings->Sddl);
    for (i = 0; i <= IRP_MJ_MAXIMUM_FUNCTION; i++) {
        FxFree(Settings->Preprocess[i].Minors);
        Settings->Preprocess[i].Minors = NULL;
    }
}

VOID FxDeviceInitFree(struct WDFDEVICE_INIT *Init)
{
    InterlockedDecrement(&Init->Driver->DeviceInits);
    FxSettingsFree(&Init->Settings);
    FxFree(Init);
}

static FX_DEVICE_SETTINGS *SettingsOf(PWDF_DRIVER_GLOBALS Globals, PWDFDEVICE_INIT Init,
                                      const char *Function)
{
    FX_DRIVER *Driver = FxDriver(Globals);

    FxRequirePassive(Driver, Function);
    if (Init == NULL || !MmIsAddressValid(Init) || Init->Driver != Driver) {
        FxStop(Driver, "bad WDFDEVICE_INIT: %p is passed to Wdf%s", Init, Function);
    }
    if (Init->Created != NULL) {
        FxStop(Driver,
               "use after creation: the WDFDEVICE_INIT of a device that exists is passed "
               "to Wdf%s",
               Function);
    }
    return &Init->Settings;
}

#define SETTINGS SettingsOf(Globals, Init, __func__)

static VOID NTAPI DeviceInitFree(PWDF_DRIVER_GLOBALS Globals, PWDFDEVICE_INIT Init)
{
    (void)SETTINGS;
    if (Init->FromAddDevice) {
        FxStop(FxDriver(Globals), "not the driver's to free: the WDFDEVICE_INIT of "
                                  "EvtDriverDeviceAdd");
    }
    FxDeviceInitFree(Init);
}

static VOID NTAPI DeviceInitSetPnpPowerEventCallbacks(PWDF_DRIVER_GLOBALS Globals,
                                                      PWDFDEVICE_INIT Init,
                                                      PWDF_PNPPOWER_EVENT_CALLBACKS Callbacks)
{
    FX_DEVICE_SETTINGS *Settings = SETTINGS;

    if (Callbacks->Size != sizeof(*Callbacks)) {
        FxStop(FxDriver(Globals), "bad structure: WDF_PNPPOWER_EVENT_CALLBACKS has size %lu",
               Callbacks->Size);
    }
    Settings->Pnp = *Callbacks;
}

static VOID NTAPI DeviceInitSetPowerPolicyOwnership(PWDF_DRIVER_GLOBALS Globals,
                                                    PWDFDEVICE_INIT Init, BOOLEAN IsOwner)
{
    (void)SETTINGS;
    (void)IsOwner;
}

static VOID NTAPI DeviceInitSetIoType(PWDF_DRIVER_GLOBALS Globals, PWDFDEVICE_INIT Init,
                                      WDF_DEVICE_IO_TYPE IoType)
{
    SETTINGS->IoType = IoType;
}

static VOID NTAPI DeviceInitSetIoTypeEx(PWDF_DRIVER_GLOBALS Globals, PWDFDEVICE_INIT Init,
                                        PWDF_IO_TYPE_CONFIG Config)
{
    SETTINGS->IoType = Config->ReadWriteIoType;
}

static VOID NTAPI DeviceInitSetExclusive(PWDF_DRIVER_GLOBALS Globals, PWDFDEVICE_INIT Init,
                                         BOOLEAN IsExclusive)
{
    SETTINGS->Exclusive = IsExclusive;
}

static VOID NTAPI DeviceInitSetPowerNotPageable(PWDF_DRIVER_GLOBALS Globals, PWDFDEVICE_INIT Init)
{
    SETTINGS->PowerPageable = FALSE;
}

static VOID NTAPI DeviceInitSetPowerPageable(PWDF_DRIVER_GLOBALS Globals, PWDFDEVICE_INIT Init)
{
    SETTINGS->PowerPageable = TRUE;
}

static VOID NTAPI DeviceInitSetPowerInrush(PWDF_DRIVER_GLOBALS Globals, PWDFDEVICE_INIT Init)
{
    SETTINGS->PowerPageable = FALSE;
}

static VOID NTAPI DeviceInitSetDeviceType(PWDF_DRIVER_GLOBALS Globals, PWDFDEVICE_INIT Init,
                                          DEVICE_TYPE DeviceType)
{
    SETTINGS->DeviceType = DeviceType;
}

static NTSTATUS NTAPI DeviceInitAssignName(PWDF_DRIVER_GLOBALS Globals, PWDFDEVICE_INIT Init,
                                           PCUNICODE_STRING Name)
{
    FX_DEVICE_SETTINGS *Settings = SETTINGS;

    FxUnicodeFree(&Settings->Name);
    return FxUnicodeDuplicate(Name, &Settings->Name);
}

static NTSTATUS NTAPI DeviceInitAssignSDDLString(PWDF_DRIVER_GLOBALS Globals, PWDFDEVICE_INIT Init,
                                                 PCUNICODE_STRING Sddl)
{
    FX_DEVICE_SETTINGS *Settings = SETTINGS;

    if (Sddl != NULL && !FxSddlIsValid(Sddl)) {
        FxLog(FxDriver(Globals), "bad SDDL string \"%.*ls\"", (int)(Sddl->Length / sizeof(WCHAR)),
              Sddl->Buffer);
        return STATUS_INVALID_PARAMETER;
    }
    FxUnicodeFree(&Settings->Sddl);
    return FxUnicodeDuplicate(Sddl, &Settings->Sddl);
}

static VOID NTAPI DeviceInitSetDeviceClass(PWDF_DRIVER_GLOBALS Globals, PWDFDEVICE_INIT Init,
                                           CONST GUID *Class)
{
    (void)SETTINGS;
    (void)Class;
}

static VOID NTAPI DeviceInitSetCharacteristics(PWDF_DRIVER_GLOBALS Globals, PWDFDEVICE_INIT Init,
                                               ULONG Characteristics, BOOLEAN OrInValues)
{
    FX_DEVICE_SETTINGS *Settings = SETTINGS;

    if (!OrInValues) {
        Settings->Characteristics = 0;
    }
    Settings->Characteristics |= Characteristics | FILE_DEVICE_SECURE_OPEN;
}

static VOID NTAPI DeviceInitSetFileObjectConfig(PWDF_DRIVER_GLOBALS Globals, PWDFDEVICE_INIT Init,
                                                PWDF_FILEOBJECT_CONFIG Config,
                                                PWDF_OBJECT_ATTRIBUTES Attributes)
{
    FX_DEVICE_SETTINGS *Settings = SETTINGS;

    if (Config->Size != sizeof(*Config)) {
        FxStop(FxDriver(Globals), "bad structure: WDF_FILEOBJECT_CONFIG has size %lu",
               Config->Size);
    }
    Settings->File = *Config;
    Settings->HasFileConfig = TRUE;
    WDF_OBJECT_ATTRIBUTES_INIT(&Settings->FileAttributes);
    if (Attributes != NULL) {
        Settings->FileAttributes = *Attributes;
    }
}

static VOID NTAPI DeviceInitSetRequestAttributes(PWDF_DRIVER_GLOBALS Globals, PWDFDEVICE_INIT Init,
                                                 PWDF_OBJECT_ATTRIBUTES Attributes)
{
    FX_DEVICE_SETTINGS *Settings = SETTINGS;

    if (!NT_SUCCESS(FxAttributesCheck(Attributes, FALSE))) {
        FxStop(FxDriver(Globals), "bad structure: the request attributes");
    }
    Settings->RequestAttributes = *Attributes;
    Settings->HasRequestAttributes = TRUE;
}

static NTSTATUS NTAPI DeviceInitAssignWdmIrpPreprocessCallback(
    PWDF_DRIVER_GLOBALS Globals, PWDFDEVICE_INIT Init, PFN_WDFDEVICE_WDM_IRP_PREPROCESS Callback,
    UCHAR MajorFunction, PUCHAR MinorFunctions, ULONG NumMinorFunctions)
{
    FX_DEVICE_SETTINGS *Settings = SETTINGS;
    FX_PREPROCESS *Entry;

    if (MajorFunction > IRP_MJ_MAXIMUM_FUNCTION || Callback == NULL) {
        return STATUS_INVALID_PARAMETER;
    }
    Entry = &Settings->Preprocess[MajorFunction];
    if (Entry->Callback != NULL) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    if (NumMinorFunctions > 0) {
        Entry->Minors = FxAllocate(NumMinorFunctions);
        if (Entry->Minors == NULL) {
            return STATUS_INSUFFICIENT_RESOURCES;
        }
        RtlCopyMemory(Entry->Minors, MinorFunctions, NumMinorFunctions);
        Entry->MinorCount = NumMinorFunctions;
    }
    Entry->Callback = Callback;
    Settings->HasPreprocess = TRUE;
    return STATUS_SUCCESS;
}

static VOID NTAPI DeviceInitSetIoInCallerContextCallback(PWDF_DRIVER_GLOBALS Globals,
                                                         PWDFDEVICE_INIT Init,
                                                         PFN_WDF_IO_IN_CALLER_CONTEXT Callback)
{
    SETTINGS->InCallerContext = Callback;
}

static VOID NTAPI DeviceInitSetRemoveLockOptions(PWDF_DRIVER_GLOBALS Globals, PWDFDEVICE_INIT Init,
                                                 PWDF_REMOVE_LOCK_OPTIONS Options)
{
    (void)SETTINGS;
    (void)Options;
}

static VOID NTAPI DeviceInitSetReleaseHardwareOrderOnFailure(
    PWDF_DRIVER_GLOBALS Globals, PWDFDEVICE_INIT Init, WDF_RELEASE_HARDWARE_ORDER_ON_FAILURE Order)
{
    (void)SETTINGS;
    (void)Order;
}

static PWDFDEVICE_INIT NTAPI ControlDeviceInitAllocate(PWDF_DRIVER_GLOBALS Globals,
                                                       WDFDRIVER Handle, CONST UNICODE_STRING *Sddl)
{
    FX_DRIVER *Driver = FxDriver(Globals);
    struct WDFDEVICE_INIT *Init;

    FX_DRIVER_OF(Handle);
    FxRequirePassive(Driver, __func__);
    Init = FxDeviceInitAllocate(Driver, NULL);
    if (Init != NULL && !NT_SUCCESS(DeviceInitAssignSDDLString(Globals, Init, Sddl))) {
        FxDeviceInitFree(Init);
        Init = NULL;
    }
    return Init;
}

static VOID NTAPI ControlDeviceInitSetShutdownNotification(
    PWDF_DRIVER_GLOBALS Globals, PWDFDEVICE_INIT Init,
    PFN_WDF_DEVICE_SHUTDOWN_NOTIFICATION Notification, UCHAR Flags)
{
    FX_DEVICE_SETTINGS *Settings = SETTINGS;

    Settings->Shutdown = Notification;
    Settings->ShutdownFlags = Flags;
}

static DEVICE_OBJECT *PhysicalOf(PWDF_DRIVER_GLOBALS Globals, PWDFDEVICE_INIT Init,
                                 const char *Function)
{
    (void)SettingsOf(Globals, Init, Function);
    if (Init->PhysicalDevice == NULL) {
        FxStop(FxDriver(Globals), "wrong object: Wdf%s is for FDOs", Function);
    }
    return Init->PhysicalDevice;
}

static PDEVICE_OBJECT NTAPI FdoInitWdmGetPhysicalDevice(PWDF_DRIVER_GLOBALS Globals,
                                                        PWDFDEVICE_INIT Init)
{
    return PhysicalOf(Globals, Init, __func__);
}

static VOID NTAPI FdoInitSetFilter(PWDF_DRIVER_GLOBALS Globals, PWDFDEVICE_INIT Init)
{
    SETTINGS->Filter = TRUE;
}

static VOID NTAPI FdoInitSetEventCallbacks(PWDF_DRIVER_GLOBALS Globals, PWDFDEVICE_INIT Init,
                                           PWDF_FDO_EVENT_CALLBACKS Callbacks)
{
    /* They are about hardware resources, of which Wine's root devices have none. */
    (void)SETTINGS;
    (void)Callbacks;
}

static NTSTATUS NTAPI FdoInitOpenRegistryKey(PWDF_DRIVER_GLOBALS Globals, PWDFDEVICE_INIT Init,
                                             ULONG Type, ACCESS_MASK Access,
                                             PWDF_OBJECT_ATTRIBUTES Attributes, WDFKEY *Key)
{
    return FxDeviceOpenKey(FxDriver(Globals), PhysicalOf(Globals, Init, __func__), Type, Access,
                           Attributes, Key);
}

static NTSTATUS NTAPI FdoInitQueryProperty(PWDF_DRIVER_GLOBALS Globals, PWDFDEVICE_INIT Init,
                                           DEVICE_REGISTRY_PROPERTY Property, ULONG Length,
                                           PVOID Buffer, PULONG Required)
{
    return IoGetDeviceProperty(PhysicalOf(Globals, Init, __func__), Property, Length, Buffer,
                               Required);
}

static NTSTATUS NTAPI FdoInitQueryPropertyEx(PWDF_DRIVER_GLOBALS Globals, PWDFDEVICE_INIT Init,
                                             PWDF_DEVICE_PROPERTY_DATA Property, ULONG Length,
                                             PVOID Buffer, PULONG Required, PDEVPROPTYPE Type)
{
    return FxPropertyQuery(PhysicalOf(Globals, Init, __func__), Property, Length, Buffer, Required,
                           Type);
}

const FX_ENTRY FxDeviceInitEntries[] = {
    FX_ENTRY_OF(WdfDeviceInitFree, DeviceInitFree),
    FX_ENTRY_OF(WdfDeviceInitSetPnpPowerEventCallbacks, DeviceInitSetPnpPowerEventCallbacks),
    FX_ENTRY_OF(WdfDeviceInitSetPowerPolicyOwnership, DeviceInitSetPowerPolicyOwnership),
    FX_ENTRY_OF(WdfDeviceInitSetIoType, DeviceInitSetIoType),
    FX_ENTRY_OF(WdfDeviceInitSetIoTypeEx, DeviceInitSetIoTypeEx),
    FX_ENTRY_OF(WdfDeviceInitSetExclusive, DeviceInitSetExclusive),
    FX_ENTRY_OF(WdfDeviceInitSetPowerNotPageable, DeviceInitSetPowerNotPageable),
    FX_ENTRY_OF(WdfDeviceInitSetPowerPageable, DeviceInitSetPowerPageable),
    FX_ENTRY_OF(WdfDeviceInitSetPowerInrush, DeviceInitSetPowerInrush),
    FX_ENTRY_OF(WdfDeviceInitSetDeviceType, DeviceInitSetDeviceType),
    FX_ENTRY_OF(WdfDeviceInitAssignName, DeviceInitAssignName),
    FX_ENTRY_OF(WdfDeviceInitAssignSDDLString, DeviceInitAssignSDDLString),
    FX_ENTRY_OF(WdfDeviceInitSetDeviceClass, DeviceInitSetDeviceClass),
    FX_ENTRY_OF(WdfDeviceInitSetCharacteristics, DeviceInitSetCharacteristics),
    FX_ENTRY_OF(WdfDeviceInitSetFileObjectConfig, DeviceInitSetFileObjectConfig),
    FX_ENTRY_OF(WdfDeviceInitSetRequestAttributes, DeviceInitSetRequestAttributes),
    FX_ENTRY_OF(WdfDeviceInitAssignWdmIrpPreprocessCallback,
                DeviceInitAssignWdmIrpPreprocessCallback),
    FX_ENTRY_OF(WdfDeviceInitSetIoInCallerContextCallback, DeviceInitSetIoInCallerContextCallback),
    FX_ENTRY_OF(WdfDeviceInitSetRemoveLockOptions, DeviceInitSetRemoveLockOptions),
    FX_ENTRY_OF(WdfDeviceInitSetReleaseHardwareOrderOnFailure,
                DeviceInitSetReleaseHardwareOrderOnFailure),
    FX_ENTRY_OF(WdfControlDeviceInitAllocate, ControlDeviceInitAllocate),
    FX_ENTRY_OF(WdfControlDeviceInitSetShutdownNotification,
                ControlDeviceInitSetShutdownNotification),
    FX_ENTRY_OF(WdfFdoInitWdmGetPhysicalDevice, FdoInitWdmGetPhysicalDevice),
    FX_ENTRY_OF(WdfFdoInitSetFilter, FdoInitSetFilter),
    FX_ENTRY_OF(WdfFdoInitSetEventCallbacks, FdoInitSetEventCallbacks),
    FX_ENTRY_OF(WdfFdoInitOpenRegistryKey, FdoInitOpenRegistryKey),
    FX_ENTRY_OF(WdfFdoInitQueryProperty, FdoInitQueryProperty),
    FX_ENTRY_OF(WdfFdoInitQueryPropertyEx, FdoInitQueryPropertyEx),
    FX_ENTRIES_END,
};
