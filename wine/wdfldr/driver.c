/* WDFDRIVER: creation, AddDevice, unloading. */
#include "fx.h"

static NTSTATUS NTAPI AddDevice(DRIVER_OBJECT *WdmDriver, DEVICE_OBJECT *PhysicalDevice)
{
    FX_DRIVER *Driver = FxDriverFromWdm(WdmDriver);
    struct WDFDEVICE_INIT *Init;
    WDFDEVICE Created;
    NTSTATUS Status;

    if (Driver == NULL) {
        return STATUS_NO_SUCH_DEVICE;
    }
    Init = FxDeviceInitAllocate(Driver, PhysicalDevice);
    if (Init == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Init->FromAddDevice = TRUE;
    FX_CALLBACK(Driver, "EvtDriverDeviceAdd",
                Status = Driver->Config.EvtDriverDeviceAdd(FxHandle(Driver->Object), Init));
    Created = Init->Created;
    if (NT_SUCCESS(Status) && Created == NULL && !Init->Settings.Filter) {
        FxLog(Driver, "EvtDriverDeviceAdd succeeded and made no device");
        Status = STATUS_UNSUCCESSFUL;
    }
    if (!NT_SUCCESS(Status) && Created != NULL) {
        FX_DEVICE *Device = FxFromHandle(&Driver->Public, Created, FxTypeDevice, "DeviceCreate");
        FxDeviceDeleteWdm(Device);
    }
    FxDeviceInitFree(Init);
    /* Wine takes anything but STATUS_SUCCESS for a failure. */
    return NT_SUCCESS(Status) ? STATUS_SUCCESS : Status;
}

static VOID NTAPI DriverUnload(DRIVER_OBJECT *WdmDriver)
{
    FX_DRIVER *Driver = FxDriverFromWdm(WdmDriver);

    if (Driver != NULL && Driver->Config.EvtDriverUnload != NULL) {
        FX_CALLBACK(Driver, "EvtDriverUnload",
                    Driver->Config.EvtDriverUnload(FxHandle(Driver->Object)));
    }
}

static FX_DEVICE *TakeDevice(FX_DRIVER *Driver)
{
    FX_DEVICE *Device = NULL;

    FxLockAcquire(&Driver->DeviceLock);
    if (!IsListEmpty(&Driver->Devices)) {
        Device = CONTAINING_RECORD(Driver->Devices.Flink, FX_DEVICE, Link);
    }
    FxLockRelease(&Driver->DeviceLock);
    return Device;
}

static VOID ReportLeaks(FX_DRIVER *Driver)
{
    FX_OBJECT *Object;

    if (Driver->DeviceInits != 0) {
        FxStop(Driver, "leak at unload: %ld WDFDEVICE_INIT neither used nor freed",
               Driver->DeviceInits);
    }
    if (!IsListEmpty(&Driver->LiveObjects)) {
        Object = CONTAINING_RECORD(Driver->LiveObjects.Flink, FX_OBJECT, Live);
        FxStop(Driver, "leak at unload: %s %p still has %ld reference(s)",
               FxTypeInfo[Object->Type].Name, FxHandle(Object), Object->References);
    }
}

/* How many objects hang on the driver object: what was made without a parent and not deleted. */
static ULONG CountChildren(FX_OBJECT *Object)
{
    ULONG Count = 0;
    LIST_ENTRY *Entry;

    for (Entry = Object->Children.Flink; Entry != &Object->Children; Entry = Entry->Flink) {
        Count++;
    }
    return Count;
}

VOID FxDriverFinish(FX_DRIVER *Driver)
{
    FX_DEVICE *Device;
    ULONG Left;

    while ((Device = TakeDevice(Driver)) != NULL) {
        /* Wine ends a session without removing the devices first. */
        if (!Device->Settings.Control) {
            FxLog(Driver, "a device is still there at unload: it is removed now");
            FxPnpTearDown(Device);
        }
        FxDeviceDeleteWdm(Device);
    }
    if (Driver->Object != NULL) {
        Left = CountChildren(&Driver->Object->Object);
        FxObjectDelete(Driver->Object);
        Driver->Object = NULL;
        ReportLeaks(Driver);
        FxLog(Driver, "unloaded: %lu objects made, %lu left to the driver object, none leaked",
              Driver->ObjectsCreated, Left);
    }
}

/* Tests shorten the patience of removal: a ULONG in the service's key, in milliseconds. */
static VOID ReadTimeout(FX_DRIVER *Driver)
{
    UNICODE_STRING Name = FX_UNICODE(L"WdfldrLostRequestTimeout");
    KEY_VALUE_PARTIAL_INFORMATION *Value;
    OBJECT_ATTRIBUTES Attributes;
    HANDLE Key;

    InitializeObjectAttributes(&Attributes, &Driver->RegistryPath,
                               OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE, NULL, NULL);
    if (!NT_SUCCESS(ZwOpenKey(&Key, KEY_READ, &Attributes))) {
        return;
    }
    if (NT_SUCCESS(FxRegistryRead(Key, &Name, &Value))) {
        if (Value->Type == REG_DWORD && Value->DataLength == sizeof(ULONG)) {
            RtlCopyMemory(&Driver->LostRequestTimeout, Value->Data, sizeof(ULONG));
        }
        FxFree(Value);
    }
    ZwClose(Key);
}

static NTSTATUS CheckConfig(const WDF_DRIVER_CONFIG *Config)
{
    if (Config->Size != sizeof(*Config)) {
        return STATUS_INFO_LENGTH_MISMATCH;
    }
    if ((Config->DriverInitFlags & WdfDriverInitNoDispatchOverride) != 0) {
        return STATUS_NOT_SUPPORTED;
    }
    if ((Config->DriverInitFlags & WdfDriverInitNonPnpDriver) != 0 &&
        Config->EvtDriverDeviceAdd != NULL) {
        return STATUS_INVALID_PARAMETER;
    }
    return STATUS_SUCCESS;
}

static NTSTATUS NTAPI DriverCreate(PWDF_DRIVER_GLOBALS Globals, PDRIVER_OBJECT WdmDriver,
                                   PCUNICODE_STRING RegistryPath, PWDF_OBJECT_ATTRIBUTES Attributes,
                                   PWDF_DRIVER_CONFIG Config, WDFDRIVER *Handle)
{
    FX_DRIVER *Driver = FxDriver(Globals);
    NTSTATUS Status = CheckConfig(Config);
    ULONG i;

    if (NT_SUCCESS(Status)) {
        Status = FxAttributesCheck(Attributes, FALSE);
    }
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    if (Driver->Object != NULL) {
        return STATUS_DRIVER_INTERNAL_ERROR;
    }
    Status = FxUnicodeDuplicate(RegistryPath, &Driver->RegistryPath);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    Status = FxObjectCreate(Driver, FxTypeDriver, sizeof(FX_DRIVER_OBJECT), Attributes, NULL,
                            &Driver->Object);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    Driver->Object->Object.DriverMayDelete = FALSE;
    Driver->Config = *Config;
    ReadTimeout(Driver);
    for (i = 0; i <= IRP_MJ_MAXIMUM_FUNCTION; i++) {
        WdmDriver->MajorFunction[i] = FxDispatch;
    }
    if (Config->EvtDriverDeviceAdd != NULL) {
        WdmDriver->DriverExtension->AddDevice = AddDevice;
    }
    WdmDriver->DriverUnload = DriverUnload;
    Globals->Driver = FxHandle(Driver->Object);
    Globals->DisplaceDriverUnload = TRUE;
    if (Config->DriverPoolTag != 0) {
        Globals->DriverTag = Config->DriverPoolTag;
    }
    if (Handle != NULL) {
        *Handle = Globals->Driver;
    }
    return STATUS_SUCCESS;
}

static PWSTR NTAPI DriverGetRegistryPath(PWDF_DRIVER_GLOBALS Globals, WDFDRIVER Handle)
{
    FX_DRIVER_OF(Handle);
    return FxDriver(Globals)->RegistryPath.Buffer;
}

static PDRIVER_OBJECT NTAPI DriverWdmGetDriverObject(PWDF_DRIVER_GLOBALS Globals, WDFDRIVER Handle)
{
    FX_DRIVER_OF(Handle);
    return FxDriver(Globals)->WdmDriver;
}

static WDFDRIVER NTAPI WdmDriverGetWdfDriverHandle(PWDF_DRIVER_GLOBALS Globals,
                                                   PDRIVER_OBJECT WdmDriver)
{
    FX_DRIVER *Driver = FxDriverFromWdm(WdmDriver);

    (void)Globals;
    return Driver == NULL ? NULL : FxHandle(Driver->Object);
}

static NTSTATUS NTAPI DriverOpenParametersRegistryKey(PWDF_DRIVER_GLOBALS Globals, WDFDRIVER Handle,
                                                      ACCESS_MASK Access,
                                                      PWDF_OBJECT_ATTRIBUTES Attributes,
                                                      WDFKEY *Key)
{
    UNICODE_STRING Parameters = FX_UNICODE(L"Parameters");
    FX_DRIVER *Driver = FxDriver(Globals);
    OBJECT_ATTRIBUTES ObjectAttributes;
    HANDLE Service;
    HANDLE Opened;
    NTSTATUS Status;

    FX_DRIVER_OF(Handle);
    FxRequirePassive(Driver, __func__);
    InitializeObjectAttributes(&ObjectAttributes, &Driver->RegistryPath,
                               OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE, NULL, NULL);
    Status = ZwOpenKey(&Service, KEY_CREATE_SUB_KEY, &ObjectAttributes);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    InitializeObjectAttributes(&ObjectAttributes, &Parameters,
                               OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE, Service, NULL);
    Status =
        ZwCreateKey(&Opened, Access, &ObjectAttributes, 0, NULL, REG_OPTION_NON_VOLATILE, NULL);
    ZwClose(Service);
    return NT_SUCCESS(Status) ? FxKeyCreate(Driver, Opened, Attributes, Key) : Status;
}

static NTSTATUS NTAPI DriverRetrieveVersionString(PWDF_DRIVER_GLOBALS Globals, WDFDRIVER Handle,
                                                  WDFSTRING String)
{
    UNICODE_STRING Version = FX_UNICODE(L"Kernel Mode Driver Framework version 1.15");

    FX_DRIVER_OF(Handle);
    return FxStringAssign(FX_STRING_OF(String), &Version);
}

static BOOLEAN NTAPI DriverIsVersionAvailable(PWDF_DRIVER_GLOBALS Globals, WDFDRIVER Handle,
                                              PWDF_DRIVER_VERSION_AVAILABLE_PARAMS Wanted)
{
    FX_DRIVER_OF(Handle);
    return Wanted->MajorVersion == 1 && Wanted->MinorVersion <= 15;
}

const FX_ENTRY FxDriverEntries[] = {
    FX_ENTRY_OF(WdfDriverCreate, DriverCreate),
    FX_ENTRY_OF(WdfDriverGetRegistryPath, DriverGetRegistryPath),
    FX_ENTRY_OF(WdfDriverWdmGetDriverObject, DriverWdmGetDriverObject),
    FX_ENTRY_OF(WdfWdmDriverGetWdfDriverHandle, WdmDriverGetWdfDriverHandle),
    FX_ENTRY_OF(WdfDriverOpenParametersRegistryKey, DriverOpenParametersRegistryKey),
    FX_ENTRY_OF(WdfDriverRetrieveVersionString, DriverRetrieveVersionString),
    FX_ENTRY_OF(WdfDriverIsVersionAvailable, DriverIsVersionAvailable),
    FX_ENTRIES_END,
};
